"""The lines of one log in which words were found: cut out as bytes while the log goes by, and read only when it has ended."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

Find = Callable[[bytes], Iterable[tuple[int, int]]]
Finder = Callable[[Sequence[bytes]], Find]
"""From words (in lower case) to a function that gives each place where one stands in a text, in any case, with its index."""

LONGEST_LINE = 16 << 10
"""Bytes of a line that are looked at, on either side of what was found."""
MOST = 2_000
"""Lines that are kept of one log for one listener: the first, and the last ones. What is said a million times is known by then."""
_HEAD = 64
_NEAR = 256 << 10
"""Bytes at the end of what was read before, and at the beginning of a log, that are looked through for a time."""
_DATED = re.compile(rb"[^\n]{0,40}?\d[:.]\d\d|\{|type=|[IWEF]\d{4} ")
_DATED_LINE = re.compile(rb"(?m)^[^\n]{0,40}?(?:\d\d:\d\d|\d{4}\.\d{3})")
_PART = 4 << 20
"""Bytes without an end of a line that are taken for a line."""


class Raw(NamedTuple):
    """A line, or a record of the journal, as it stands in the log."""

    number: int
    data: bytes
    before: bytes
    """The beginning of the nearest line before it that has a time, where it has none itself; at the beginning of a log of the next one."""


@dataclass
class Kept:
    """What is kept for one listener."""

    first: Raw | None = None
    last: deque[Raw] = field(default_factory=lambda: deque(maxlen=MOST))
    count: int = 0

    def add(self, raw: Raw) -> None:
        """Keep a line; of many the ones in the middle go."""
        if self.first is None:
            self.first = raw
        elif (self.last and self.last[-1] is raw) or self.first is raw:
            return
        else:
            self.last.append(raw)
        self.count += 1

    @property
    def left_out(self) -> int:
        """Lines that went."""
        return self.count - len(self.last) - (self.first is not None)

    def __iter__(self) -> Iterator[Raw]:
        """All that are kept, in their order."""
        if self.first is not None:
            yield self.first
        yield from self.last


class Dated:
    """Finds, for lines without a time, the nearest one before them that has one. Asked in their order, it looks at each byte once."""

    def __init__(self, block: bytes, before: bytes) -> None:
        self._block, self._before = block, before
        self._known: bytes | None = None
        self._asked = 0

    def before(self, start: int) -> bytes:
        """The beginning of that line; at the beginning of a log that of the next one that has a time; b"" where there is none."""
        if self._known is None:
            first = _last_dated(self._before, 0, len(self._before)) if self._before else _first_dated(self._block)
            self._known = first
        self._known = _last_dated(self._block, self._asked, start) or self._known
        self._asked = start
        return self._known


L = TypeVar("L")


@dataclass
class Sieve(Generic[L]):
    """Goes through one log, and keeps for each listener the lines that hold one of its words."""

    find: Find
    whose: Sequence[Sequence[L]]
    """Listeners of each word, by its index."""
    end: bytes = b"\n"
    """What ends a line, or a record."""
    kept: dict[int, tuple[L, Kept]] = field(default_factory=dict)

    def take(self, pieces: Iterable[bytes], wants: Callable[[L, bytes], bool]) -> None:
        """The whole log. `wants` says whether a listener wants a line at all."""
        before = b""
        for block, first in self._blocks(pieces):
            dated = Dated(block, before)
            for start, stop, number, found in self._lines(block, first):
                data = block[start:stop]
                raw = Raw(number, data, b"" if _DATED.match(data) else dated.before(start))
                for index in found:
                    for listener in self.whose[index]:
                        if wants(listener, data):
                            self.kept.setdefault(id(listener), (listener, Kept()))[1].add(raw)
            before = block[-_NEAR:]

    def _blocks(self, pieces: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """Whole lines, many at a time, with the number of the first."""
        rest, number = b"", 1
        for piece in pieces:
            block = rest + piece
            cut = block.rfind(self.end) + len(self.end)
            if cut < len(self.end):
                if len(block) < _PART:
                    rest = block
                    continue
                cut = len(block)
            rest, block = block[cut:], block[:cut]
            yield block, number
            number += block.count(b"\n")
        if rest:
            yield rest, number

    def _lines(self, block: bytes, first: int) -> Iterator[tuple[int, int, int, set[int]]]:
        """Where lines begin and end in which something was found, their numbers, and what was found."""
        start, stop, found, number, counted = -1, -1, set[int](), first, 0
        for at, index in self.find(block):
            if at < stop:
                found.add(index)
                continue
            if found:
                yield start, stop, number, found
            start = block.rfind(self.end, max(0, at - LONGEST_LINE), at)
            start = start + len(self.end) if start >= 0 else max(0, at - LONGEST_LINE)
            stop = block.find(self.end, at, at + LONGEST_LINE)
            stop = stop if stop >= 0 else min(len(block), at + LONGEST_LINE)
            number += block.count(b"\n", counted, start)
            counted, found = start, {index}
        if found:
            yield start, stop, number, found


def _first_dated(block: bytes) -> bytes:
    first = _DATED_LINE.search(block, 0, _NEAR)
    return block[first.start() : first.start() + _HEAD].partition(b"\n")[0] if first else b""


def _last_dated(block: bytes, start: int, end: int) -> bytes:
    """The beginning of the last line in a stretch that has a time."""
    last = next(iter(deque(_DATED_LINE.finditer(block, start, end), 1)), None)
    return block[last.start() : last.start() + _HEAD].partition(b"\n")[0] if last else b""
