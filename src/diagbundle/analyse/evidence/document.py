"""One readable piece of evidence, as a parser gets it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from diagbundle.analyse.evidence.entry import START, Entry
from diagbundle.analyse.log.times import Clock
from diagbundle.analyse.verdict import LONGEST, Origin
from diagbundle.errors import FormatError

MAX_TEXT = 64 << 20
"""Bytes of a piece that a parser is given; the rest of a longer one is left out, and the piece says `is_cut`."""
MAX_ROW = 1 << 20
"""Characters of one row of a table that are read."""


class Line(str):
    """A line that knows where it stands; `origin` cites it."""

    document: Document
    number: int

    __slots__ = ("document", "number")

    @property
    def origin(self) -> Origin:
        """Where it stands."""
        return self.document.origin(self.number, self)


class Row(dict[str, Any]):
    """A row of a table, which knows where it stands; what is missing is None."""

    __slots__ = ("line",)
    line: Line

    def __missing__(self, key: str) -> None:
        return None

    @property
    def origin(self) -> Origin:
        """Where it stands."""
        return self.line.origin

    def text(self, key: str) -> str:
        """A value as text, '' where there is none."""
        value = self[key]
        return "" if value is None else str(value)

    def number(self, key: str) -> float:
        """A value as a number, 0 where it is none."""
        value = self[key]
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                return 0.0
        return float(value) if isinstance(value, int | float) and abs(value) < 1 << 70 else 0.0

    def whole(self, key: str) -> int:
        """A value as a whole number, 0 where it is none."""
        return int(self.number(key))


class Document:
    """A piece of evidence that was had: its text, and the circumstances."""

    def __init__(self, entry: Entry, data: bytes, *, is_cut: bool = False, clock: Clock | None = None) -> None:
        self.entry = entry
        self.clock = clock or Clock(newest=entry.mtime or entry.started)
        self.data = data
        self.is_cut = is_cut

    @property
    def path(self) -> str:
        """Where it lies; of a first reading the path that both readings have in common."""
        return self.entry.path.removeprefix(START)

    @property
    def is_start(self) -> bool:
        """Whether this is the first of two readings."""
        return self.entry.path.startswith(START)

    @property
    def exit(self) -> int | None:
        """Of a command: its exit status."""
        return self.entry.exit

    @property
    def stderr(self) -> str:
        """Of a command: what it said on standard error."""
        return self.entry.stderr

    @cached_property
    def text(self) -> str:
        """All of it; bytes that are no UTF-8 are shown as U+FFFD."""
        return self.data.decode("utf-8", "replace").replace("\r\n", "\n")

    @cached_property
    def lines(self) -> list[Line]:
        """Its lines, without their ends."""
        return [self._line(number, text) for number, text in enumerate(self.text.split("\n"), 1)] if self.text else []

    def _line(self, number: int, text: str) -> Line:
        line = Line(text)
        line.document, line.number = self, number
        return line

    def origin(self, number: int = 0, text: str = "") -> Origin:
        """A line of it, or the piece as a whole."""
        return Origin(self.entry.path, number, text[:LONGEST].strip(), self.entry.started)

    @property
    def rows(self) -> Iterator[Row]:
        """Its lines as JSON objects. Raises `FormatError` where one is none."""
        for line in self.lines:
            if not line.strip():
                continue
            value = loads(line[:MAX_ROW])
            if not isinstance(value, dict):
                raise FormatError(f"{self.entry.path}:{line.number} is no JSON object")
            row = Row(value)
            row.line = line
            yield row

    def json(self) -> Any:
        """The whole as one JSON value. Raises `FormatError` where it is none."""
        return loads(self.text)

    def words(self) -> Iterator[tuple[Line, list[str]]]:
        """Each line with its words; empty lines and comments (`#`) are left out."""
        for line in self.lines:
            words = line.partition("#")[0].split()
            if words:
                yield line, words


def loads(text: str) -> Any:
    """JSON of a stranger. Raises `FormatError`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"it is no JSON: {error}") from None


def take(pieces: Iterable[bytes], limit: int = MAX_TEXT) -> tuple[bytes, bool]:
    """The first bytes, and whether there are more."""
    held, length = [], 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length > limit:
            return b"".join(held)[:limit], True
    return b"".join(held), False
