"""How `grep` shows what it finds: as grep does; on a terminal in colour, and with what could do harm there made visible."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import name_bytes
from diagbundle.bundle.gather import Binary, Done, Event, Hit, Lost
from diagbundle.bundle.pattern import Pattern
from diagbundle.cli.talk import say

WIDEST = 4000
"""Bytes of a line that are shown on a terminal."""
AHEAD = 400
"""Of these, at most so many before what matches."""
_PATH, _NUMBER, _BETWEEN, _MATCH, _PLAIN = "\x1b[35m", "\x1b[32m", "\x1b[36m", "\x1b[1;31m", "\x1b[m"


class Printer:
    """Writes events to standard output. `damaged` says whether something could not be searched."""

    def __init__(self, pattern: Pattern, flags: Mapping[str, Any], *, several: bool) -> None:
        """`several`: the name of the bundle stands before that of the file."""
        self.damaged = False
        self._pattern, self._flags, self._several = pattern, flags, several
        self._terminal = sys.stdout.isatty()
        self._colours = self._terminal and not os.environ.get("NO_COLOR")
        self._parted = any(flags[key] for key in ("after", "before", "around"))
        self._plain = not (self._terminal or self._parted or flags["quiet"] or flags["only"]) and flags["form"] != "json"
        """Whether lines are written as they are, each by itself."""
        self._start = ("", -1, b"")
        """Bundle, text, and what stands before each of its lines then."""
        self._last: tuple[str, int, int | None] | None = None
        """Bundle, text and number of the line that was shown last."""
        self._out = sys.stdout.buffer
        sys.stdout.flush()

    def tell(self, bundle: str, names: Sequence[str], event: Event) -> bool:
        """Show one event. Whether it is one for which grep ends with 0."""
        if isinstance(event, Hit):
            if self._plain:
                self._as_it_is(bundle, names, event)
            else:
                self._hit(bundle, names[event.text], event)
            return event.matches
        if isinstance(event, Done):
            return self._done(bundle, names[event.text], event)
        if isinstance(event, Lost):
            self.damaged = True
            say(f"diagbundle: not all of it could be searched: {shown(names[event.text])}: {event.why}")
            return False
        if not self._flags["quiet"]:
            say(f"diagbundle: lines match in a binary file: {shown(names[event.text])}")
            say("hint: -a shows them")
        return isinstance(event, Binary)

    def _done(self, bundle: str, name: str, event: Done) -> bool:
        flags, found = self._flags, event.matched > 0
        if flags["names"] or flags["others"]:
            listed = found != flags["others"]
            if listed and not flags["quiet"]:
                self._write(self._path(bundle, name) + "\n")
            return found
        if flags["count"] and not flags["quiet"]:
            self._write((self._path(bundle, name) + self._between(":") if flags["named"] else "") + f"{event.matched}\n")
        return bool(flags["count"]) and found

    def _as_it_is(self, bundle: str, names: Sequence[str], hit: Hit) -> None:
        """The same as `_hit` and `_line`, of a million lines in a third of the time."""
        if self._start[0] != bundle or self._start[1] != hit.text:
            path = name_bytes(self._where(bundle, names[hit.text])) + b":" if self._flags["named"] else b""
            self._start = (bundle, hit.text, path)
        if self._flags["numbered"]:
            self._out.write(b"%b%b:%b\n" % (self._start[2], b"?" if hit.number is None else b"%d" % hit.number, hit.line))
        else:
            self._out.write(b"%b%b\n" % (self._start[2], hit.line))

    def _hit(self, bundle: str, name: str, hit: Hit) -> None:
        if self._flags["quiet"]:
            return
        if self._flags["form"] == "json":
            self._json(bundle, name, hit)
            return
        near = self._last and self._last[:2] == (bundle, hit.text) and self._last[2] is not None and self._last[2] + 1 == hit.number
        if self._parted and self._last and not near:
            self._write(self._between("--") + "\n")
        self._last = (bundle, hit.text, hit.number)
        mark = ":" if hit.matches else "-"
        start = (self._path(bundle, name) + self._between(mark)) * self._flags["named"]
        number = "?" if hit.number is None else str(hit.number)
        start += (self._in(_NUMBER, number) + self._between(mark)) * self._flags["numbered"]
        spans = list(self._pattern.spans(hit.line)) if self._flags["only"] or (self._terminal and hit.matches) else []
        if self._flags["only"]:
            for begin, end in spans if not self._pattern.invert else ():
                self._line(start, hit.line[begin:end], [(0, end - begin)])
        else:
            self._line(start, hit.line, spans if not self._pattern.invert else [])

    def _line(self, start: str, line: bytes, spans: Sequence[tuple[int, int]]) -> None:
        """A line as it is, or on a terminal made harmless, with what matches in colour."""
        if not self._terminal:
            self._out.write(name_bytes(start) + line + b"\n")
            return
        first = max(0, spans[0][0] - AHEAD) if spans and len(line) > WIDEST else 0
        last = first + WIDEST
        parts, at = ["... "] * (first > 0), first
        for begin, end in spans:
            if begin < last:
                parts += [_safe(line[at:begin]), self._in(_MATCH, _safe(line[begin : min(end, last)]))]
                at = min(end, last)
        parts += [_safe(line[at:last]), " ..." * (len(line) > last)]
        self._write(start + "".join(parts) + "\n")

    def _json(self, bundle: str, name: str, hit: Hit) -> None:
        spans = list(self._pattern.spans(hit.line)) if hit.matches and not self._pattern.invert else []
        value: dict[str, Any] = {"bundle": bundle} if self._several else {}
        value |= {"path": name, "line": hit.number, "offset": hit.at, "text": hit.line.decode("utf-8", "surrogateescape")}
        self._write(json.dumps(value | {"matches": spans if hit.matches else None}) + "\n")

    def _where(self, bundle: str, name: str) -> str:
        where = f"{bundle}:{name}" if self._several else name
        return shown(where) if self._terminal else where.replace("\n", "\\n")

    def _path(self, bundle: str, name: str) -> str:
        return self._in(_PATH, self._where(bundle, name))

    def _between(self, mark: str) -> str:
        return self._in(_BETWEEN, mark)

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colours else text

    def _write(self, text: str) -> None:
        self._out.write(name_bytes(text))


def _safe(text: bytes) -> str:
    return shown(text, keep="\t")
