"""Goes through all logs once, and gives each listener the events in which its words stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from diagbundle.analyse.evidence import Entry, Evidence, Index
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.host import clock_of
from diagbundle.analyse.log.event import NEAR, Event
from diagbundle.analyse.log.files import form_of, logs_of
from diagbundle.analyse.log.lines import Reader, of_journal
from diagbundle.analyse.registry import LogParser
from diagbundle.analyse.verdict import LONGEST, Origin
from diagbundle.errors import BundleError

Find = Callable[[bytes], Iterable[tuple[int, int]]]
Finder = Callable[[Sequence[bytes]], Find]
"""From words (in lower case) to a function that gives each place where one stands in a text, in any case, with its index."""

LONGEST_LINE = 16 << 10
"""Bytes of a line that are looked at, on either side of what was found."""
MOST = 20_000
"""Events of one log that one listener is given; a log that says one thing a million times says nothing more by that."""
_BEFORE = 40
"""Lines that are looked back at for a time, where a line has none of its own."""
_FIELD = re.compile(rb"(?m)^([A-Z_][A-Z0-9_]*)=(.*)$")
SAME = 3.0
"""Seconds by which the time of one message may differ between two logs."""


@dataclass
class Heard:
    """What all listeners made of it."""

    facts: list[tuple[LogParser, Fact]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    """Paths of all logs that were read."""
    kernel: list[str] = field(default_factory=list)
    """Those of them in which the kernel speaks."""
    unread: dict[str, str] = field(default_factory=dict)
    """Logs that could not be read to their end, and why; and parsers that failed."""


@dataclass
class Ears:
    """Listens to all logs of a bundle."""

    evidence: Evidence
    index: Index
    about: About
    finder: Finder
    _seen: dict[tuple[int, int], str] = field(default_factory=dict, init=False)
    """What was said (its hash) and when, in steps of `SAME`: the log that told of it first."""

    def hear(self, listeners: Sequence[LogParser]) -> Heard:
        """Every listener hears the events that hold one of its words, each once, whichever logs tell of it."""
        heard = Heard()
        words = sorted({word.lower().encode() for each in listeners for word in each.contains})
        whose = [[each for each in listeners if word in {w.lower().encode() for w in each.contains}] for word in words]
        find = self.finder(words)
        for entry in logs_of(self.evidence.entries):
            heard.logs.append(entry.path)
            try:
                for event, those in self._events(entry, find, whose):
                    if event.is_kernel and entry.path not in heard.kernel:
                        heard.kernel.append(entry.path)
                    if not self._is_told_elsewhere(event):
                        _tell(event, those, heard)
            except BundleError as error:
                heard.unread[entry.path] = str(error)
        heard.kernel += [path for path in heard.logs if path not in heard.kernel and _KERNEL.search(path)]
        return heard

    def _is_told_elsewhere(self, event: Event) -> bool:
        """Whether another log has told of this before: the kernel's words lie in up to five."""
        if not event.time:
            return False
        said, when = hash((event.facility if event.is_kernel else "", event.text)), int(event.time / SAME)
        told = any(self._seen.get((said, near), event.origin.path) != event.origin.path for near in (when - 1, when, when + 1))
        self._seen.setdefault((said, when), event.origin.path)
        return told

    def _events(self, entry: Entry, find: Find, whose: Sequence[Sequence[LogParser]]) -> Iterator[tuple[Event, Iterable[LogParser]]]:
        form = form_of(entry)
        reader = self.reader(entry)
        told: dict[int, int] = {}
        for block, first in _blocks(self.evidence.blocks(entry), b"\n\n" if form == "export" else b"\n"):
            for start, end, number, found in _lines(block, first, find, b"\n\n" if form == "export" else b"\n"):
                those = {id(each): each for index in found for each in whose[index] if told.get(id(each), 0) < MOST}
                if not those:
                    continue
                for each in those:
                    told[each] = told.get(each, 0) + 1
                event = _record(block, start, end, number, entry) if form == "export" else _line(block, start, end, number, entry, reader)
                yield event, [each for each in those.values() if event.is_kernel or not each.kernel]

    def reader(self, entry: Entry) -> Reader:
        """What reads the lines of a log: with the host's zone, and when the file was last written."""
        return Reader(entry.path, clock_of(self.about, entry), self.cleared())

    def cleared(self) -> float:
        """Seconds since boot of the first line that `dmesg` shows: what the ring holds from before that, somebody has cleared."""
        dmesg = self.index.by_path.get("sos_commands/kernel/dmesg")
        if dmesg is None or not dmesg.there or dmesg.exit != 0 or not dmesg.started:
            return 0.0
        head = b"".join(_first(self.evidence.blocks(dmesg)))[:200]
        first = re.match(rb"\[ *(\d+\.\d+)\]", head)
        return float(first[1]) if first else (float("inf") if not head.strip() else 0.0)


_KERNEL = re.compile(r"kmsg|dmesg|kern\.log|/messages|/syslog|journalctl")


def _first(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield next(pieces, b"")


def _tell(event: Event, those: Iterable[LogParser], heard: Heard) -> None:
    for each in those:
        if each.name in heard.unread:
            continue
        try:
            heard.facts += [(each, fact) for fact in each.hear(event)]
        except Exception as error:  # noqa: BLE001  # a parser of logs that fails costs only itself
            heard.unread[each.name] = f"the parser failed at {event.origin}: {type(error).__name__}: {error}"


def _blocks(pieces: Iterable[bytes], end: bytes) -> Iterator[tuple[bytes, int]]:
    """Whole lines (or records), many at a time, with the number of the first line."""
    rest, number = b"", 1
    for piece in pieces:
        block = rest + piece
        cut = block.rfind(end)
        if cut < 0 and len(block) < 4 * LONGEST_LINE * 64:
            rest = block
            continue
        cut = cut + len(end) if cut >= 0 else len(block)
        rest = block[cut:]
        block = block[:cut]
        yield block, number
        number += block.count(b"\n")
    if rest:
        yield rest, number


def _lines(block: bytes, first: int, find: Find, end: bytes) -> Iterator[tuple[int, int, int, set[int]]]:
    """Where lines begin and end in which something was found, their numbers, and what was found."""
    start, stop, found, number, counted = -1, -1, set[int](), first, 0
    for at, index in find(block):
        if at < stop:
            found.add(index)
            continue
        if found:
            yield start, stop, number, found
        start = block.rfind(end, max(0, at - LONGEST_LINE), at)
        start = start + len(end) if start >= 0 else max(0, at - LONGEST_LINE)
        stop = block.find(end, at, at + LONGEST_LINE)
        stop = stop if stop >= 0 else min(len(block), at + LONGEST_LINE)
        number += block.count(b"\n", counted, start)
        counted, found = start, {index}
    if found:
        yield start, stop, number, found


def _line(block: bytes, start: int, end: int, number: int, entry: Entry, reader: Reader) -> Event:  # noqa: PLR0913, PLR0917  # one line, and where it stands
    text = block[start:end].decode("utf-8", "replace").rstrip("\r")
    event = reader.event(text, Origin(entry.path, number, text[:LONGEST].strip(), entry.started))
    if event.time:
        return event
    time = _time_before(block, start, reader)
    return Event(
        event.text, event.origin, time, NEAR if time else event.certainty, event.facility, event.priority, event.pid, event.acknowledged
    )


def _time_before(block: bytes, start: int, reader: Reader) -> float:
    """The time of the nearest line before one that has none: of a trace of many lines only the first is dated."""
    for _ in range(_BEFORE):
        if start <= 0:
            return 0.0
        begin = block.rfind(b"\n", max(0, start - 1 - LONGEST_LINE), start - 1) + 1
        if time := reader.when(block[begin : min(start - 1, begin + 200)].decode("utf-8", "replace")):
            return time
        start = begin
    return 0.0


def _record(block: bytes, start: int, end: int, number: int, entry: Entry) -> Event:
    """A record of the journal's export; the line that is cited is that of its message."""
    fields = {name.decode(): value.decode("utf-8", "replace") for name, value in _FIELD.findall(block, start, end)}
    message = block.find(b"\nMESSAGE=", start, end)
    line = number + (block.count(b"\n", start, message) + 1 if message >= 0 else 0)
    return of_journal(fields, Origin(entry.path, line, "", entry.started))
