"""Read patterns that are data: ours, in `patterns/`, and those of vendors and customers. What a file says that is not known, is refused.

The keys of a `[[pattern]]` are told in docs/REDACTION.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from diagbundle.errors import UsageError
from diagbundle.redact import scan
from diagbundle.redact.again import remembered
from diagbundle.redact.checks import CHECKS
from diagbundle.redact.lazy import regex
from diagbundle.redact.span import LINE, Find, Literal, Pattern, Span, joined
from diagbundle.resources import tables

EDGE = f"(?:{scan.EDGE.pattern.decode()})"
"""No letter or digit before it; but those of an escape do not count: a newline in JSON, in syslog, in a URL, a colour of a terminal."""
_NO_ESCAPE = r"(?<!\\(?=[nrtbfv0ux]))(?<!%(?=[0-9A-Fa-f]{2}))"
"""An escape is no part of a secret that may begin with any letter."""
NEAR = 4 << 10
"""Bytes before and behind an anchor in which a pattern with `lines` looks."""
MAX_BACK = 1024
MIN_ANCHOR = 3
"""Bytes of an anchor at least; a shorter one would be found everywhere."""
SHAPES = ("card", "iban", "mail")

_GOES_ON = regex(rb"[A-Za-z0-9+/=_.~%-]*")
_IN_JSON = regex(rb"(\\{0,7}\")\s{0,4}:\s{0,4}\Z")

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Declared(Pattern):
    """A pattern from a file, with the cases that its author gave for it."""

    hits: tuple[str, ...] = ()
    """Texts in which a secret is found; where `⟦` and `⟧` stand around secrets, exactly those."""
    misses: tuple[str, ...] = ()
    """Texts in which none is."""


class _Rule:
    """How a pattern finds its secrets. The regular expression is compiled when it is needed first: most never are."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name: str = table["name"]
        self.back: int = table.get("back", 0)
        self.lines: int = table.get("lines", 0)
        self.check = CHECKS[table["check"]] if "check" in table else None
        self.is_number = table.get("check") == "card"

    @cached_property
    def regex(self) -> re.Pattern[bytes]:
        """The expression, with its edge, and after the bytes that may stand between its begin and the anchor."""
        edge = EDGE if self.table.get("edge") else ""
        core = f"{edge}{_NO_ESCAPE if edge and self.back else ''}(?:{self.table['regex']})"
        before = f"(?s:.{{0,{self.back}}}?)" if self.back else ""
        return re.compile(f"{before}(?P<whole_>{core})".encode(), re.IGNORECASE if self.table.get("fold") else 0)

    @cached_property
    def _again(self) -> re.Pattern[bytes]:
        """The anchors: each looks from itself to the next, and only the first looks back, or they would look at the same text often."""
        literals = [_literal(anchor, self.table) for anchor in self.table["anchors"]]
        choices = b"|".join(re.escape(each.text) + rb"[A-Za-z0-9_.~%%+/=-]{%d}" % each.run for each in literals)
        return re.compile(choices, re.IGNORECASE if self.table.get("fold") else 0)

    @cached_property
    def group(self) -> str:
        """The name of the group that is hidden."""
        return "secret" if "secret" in self.regex.groupindex else "whole_"

    def find(self) -> Find:
        """The way to look at an anchor."""
        if self.table.get("check") == "mail":
            return remembered(self._here)
        return self._near if self.lines else self._around if self.back else self._here

    def _here(self, data: bytes, at: int) -> Iterable[Span]:
        match = self.regex.match(data, at, at + LINE)
        return self._span(data, match, at + LINE) if match else ()

    def _around(self, data: bytes, at: int) -> Iterable[Span]:
        start = max(0, at - self.back)
        match = self.regex.match(data, start, at + LINE)
        while match and match.end() <= at:
            match = self.regex.match(data, max(match.end(), start + 1), at + LINE)
        return self._span(data, match, at + LINE) if match and match.start("whole_") <= at else ()

    def _near(self, data: bytes, at: int) -> Iterable[Span]:
        start, end = _lines_around(data, at, self.lines)
        start = at if self._again.search(data, start, at) else start
        after = self._again.search(data, at + 1, end)
        end = after.start() if after else end
        for match in self.regex.finditer(data, start, end):
            yield from self._span(data, match, end)

    def _span(self, data: bytes, match: re.Match[bytes], limit: int) -> Iterable[Span]:
        start, end = match.span(self.group)
        if start < 0:
            start, end = match.span("whole_")
        if end == limit < len(data):
            on = _GOES_ON.match(data, end)
            end = on.end() if on else end
        if self.check:
            start, end = self.check(data, start, end) or (0, 0)
        if end <= start:
            return ()
        return (Span(start, end, self.name, self._wrap(data, start) if self.is_number else b""),)

    @staticmethod
    def _wrap(data: bytes, start: int) -> bytes:
        """The quotes that a number in JSON needs when it becomes a word: those of its key."""
        key = _IN_JSON.search(data, max(0, start - 16), start)
        return key[1] if key else b""


def load(text: str, origin: str) -> list[Pattern]:
    """The patterns that a TOML file declares; `origin` is its name. Raises `UsageError`."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{origin} is not TOML: {error}") from None
    _known(tables, {"pattern": _are_tables}, origin)
    if not tables.get("pattern"):
        raise UsageError(f"{origin} declares no pattern", hint="it needs a [[pattern]]")
    found = [_sound(table, f"{origin}: [[pattern]] {number}") for number, table in enumerate(tables["pattern"], 1)]
    names = [pattern.name for pattern in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{origin}: a pattern stands twice: '{name}'")
    return found


def built_in() -> list[Pattern]:
    """Our own patterns. They are not looked at closely here: this is done once, by a test, and not whenever the program starts."""
    found: list[Pattern] = []
    for _, table in tables("diagbundle.redact", "patterns"):
        found += map(_pattern, table["pattern"])
    return found


def check(pattern: Pattern) -> list[str]:
    """What a pattern does otherwise than its author's cases say, a sentence each."""
    from diagbundle.redact.finder import Finder  # noqa: PLC0415 - only the check of a file needs these here

    finder, faults = Finder([pattern]), []
    for case in getattr(pattern, "hits", ()):
        data, wanted = _marked(case)
        found = [(span.start, span.end) for span in joined(finder.spans(data))]
        if not found:
            faults.append(f"'{pattern.name}' finds nothing in: {case}")
        elif wanted and wanted != found:
            hidden = " ".join(data[start:end].decode(errors="replace") for start, end in found)
            faults.append(f"'{pattern.name}' hides '{hidden}' in: {case}")
    misses = getattr(pattern, "misses", ())
    return faults + [f"'{pattern.name}' finds a secret in: {case}" for case in misses if finder.spans(case.encode())]


def _lines_around(data: bytes, at: int, lines: int) -> tuple[int, int]:
    """So many lines before the one that `at` lies in, and as many after it."""
    start = end = at
    for _ in range(lines + 1):
        start = data.rfind(b"\n", max(0, at - NEAR), max(0, start))
        if start < 0:
            break
    for _ in range(lines + 1):
        end = data.find(b"\n", end + 1, at + NEAR)
        if end < 0:
            break
    return (start if start >= 0 else max(0, at - NEAR)), (end if end >= 0 else at + NEAR)


def _marked(case: str) -> tuple[bytes, list[tuple[int, int]]]:
    """A text without its marks, and what stood between them."""
    data, wanted = b"", []
    for number, part in enumerate(re.split("[⟦⟧]", case)):
        if number % 2:
            wanted.append((len(data), len(data) + len(part.encode())))
        data += part.encode()
    return data, wanted


# -- from a table to a pattern


def _pattern(table: Table) -> Pattern:
    """The pattern of a sound table."""
    return Declared(
        name=table["name"],
        title=table["title"],
        anchors=tuple(_literal(anchor, table) for anchor in table["anchors"]),
        find=_Rule(table).find(),
        inside="shape"
        not in str(table["anchors"]),  # what a key names may end before a token does, but a password may look like an address
        hits=tuple(table.get("hits", ())),
        misses=tuple(table.get("misses", ())),
    )


def _literal(anchor: str | Table, table: Table) -> Literal:
    own: Table = {"text": anchor} if isinstance(anchor, str) else anchor
    fold = own.get("fold", table.get("fold", False))
    text = own.get("text", "")
    run = own.get("run", table.get("run", 0))
    shape = own.get("shape", "")
    edge = bool(table.get("edge")) and not (shape or table.get("back") or table.get("lines"))  # the expression begins with the anchor, then
    return Literal((text.lower() if fold else text).encode(), fold, own.get("key", False), run, edge=edge, shape=shape)


def _sound(table: Table, place: str) -> Pattern:
    """The pattern of a table that nobody has looked at yet. Raises `UsageError`."""
    _known(table, _PATTERN, place)
    for key in ("name", "title", "anchors", "regex"):
        if key not in table:
            raise UsageError(f"{place}: '{key}' is missing")
    for anchor in table["anchors"]:
        _sound_anchor(anchor, table, f"{place}: 'anchors'")
    try:
        empty = _Rule({**table, "edge": False, "back": 0}).regex.match(b"")
        _ = _Rule(table).regex
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{place}: 'regex' is not a regular expression: {error}", hint=_OF_REGEX) from None
    if empty:
        raise UsageError(f"{place}: 'regex' must not match nothing: {table['regex']}")
    return _pattern(table)


def _sound_anchor(anchor: str | Table, table: Table, place: str) -> None:
    own: Table = {"text": anchor} if isinstance(anchor, str) else anchor
    _known(own, _ANCHOR, place)
    if ("text" in own) == ("shape" in own):
        raise UsageError(f"{place} have a 'text' or a 'shape' each")
    text = own.get("text", "").encode()
    if "shape" not in own and len(text) < (1 if own.get("run", table.get("run", 0)) else MIN_ANCHOR):
        raise UsageError(
            f"{place} must have {MIN_ANCHOR} bytes or more: {own.get('text')!r}",
            hint="a shorter one may stand where 'run' says how many letters, digits and _ . ~ % + / = - must follow it",
        )


def _known(table: Table, known: Mapping[str, Callable[[Any], str]], place: str) -> None:
    """Refuse keys that are not known and values of a wrong kind."""
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"{place}: unknown key: '{key}'", hint=_nearest(key, known) or f"known are: {', '.join(sorted(known))}")
        if fault := known[key](value):
            hint = _nearest(value, CHECKS) if key == "check" else ""
            raise UsageError(f"{place}: '{key}' must be {fault}: {str(value)[:80]!r}", hint=hint)


def _nearest(word: Any, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - costs 10 ms, and only a mistake needs it

    close = get_close_matches(str(word)[:100], sorted(known), n=1)
    return f"did you mean '{close[0]}'?" if close else ""


# -- checks: each says what a value must be, or ''


def _is_name(value: Any) -> str:
    return "" if isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,63}", value) else "small letters, digits and _"


def _is_line(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() and value.isprintable() else "one line of text"


def _is_text(value: Any) -> str:
    return "" if isinstance(value, str) and value else "a text"


def _is_flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _are_tables(value: Any) -> str:
    sound = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return "" if sound else "a table with two brackets, as in [[pattern]]"


def _are_anchors(value: Any) -> str:
    sound = isinstance(value, list) and value and all(isinstance(item, str | dict) for item in value)
    return "" if sound else 'a list of texts that stand in every secret, as in ["acme_"]'


def _are_texts(value: Any) -> str:
    return "" if isinstance(value, list) and all(isinstance(item, str) for item in value) else "a list of texts"


def _one_of(words: Iterable[str]) -> Callable[[Any], str]:
    return lambda value: "" if isinstance(value, str) and value in words else "one of " + ", ".join(words)


def _up_to(most: int) -> Callable[[Any], str]:
    return lambda value: "" if type(value) is int and 0 < value <= most else f"a number from 1 to {most}"


_OF_REGEX = "it is one of Python's; instead of (?i) there is 'fold = true'"
_ANCHOR: Mapping[str, Callable[[Any], str]] = {
    "text": _is_text, "fold": _is_flag, "key": _is_flag, "run": _up_to(255), "shape": _one_of(SHAPES),
}  # fmt: skip
_PATTERN: Mapping[str, Callable[[Any], str]] = {
    "name": _is_name, "title": _is_line, "anchors": _are_anchors, "regex": _is_text, "back": _up_to(MAX_BACK), "lines": _up_to(20),
    "run": _up_to(255), "fold": _is_flag, "edge": _is_flag, "check": _one_of(CHECKS), "hits": _are_texts, "misses": _are_texts,
}  # fmt: skip
