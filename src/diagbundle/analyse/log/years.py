"""Where, in a log whose lines do not say their year, one year ends and the next begins."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_DATE = re.compile(rb"(?m)^(?:<\d{1,3}>)?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([ 0-3]?\d) \d\d:\d\d:\d\d")
_MONTHS = {
    name: number
    for number, name in enumerate((b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1)
}
_STRIDE = 64 << 10
_EVE, _NEW_YEAR = (12, 30), (1, 2)
"""Between these dates, in disorder, a line is late, and not of the next December."""


@dataclass(frozen=True)
class Years:
    """The lines at which the year changes."""

    lines: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()
    """How many years lie between the beginning of the file and what follows each of those lines."""
    last: tuple[int, int] = (1, 1)
    """Month and day of the last line."""

    def back(self, number: int) -> int:
        """How many years before the end of the file a line was written."""
        if not self.lines:
            return 0
        at = bisect_right(self.lines, number)
        return max(0, self.steps[-1] - (self.steps[at - 1] if at else 0))


def years_of(pieces: Iterable[bytes], *, every: bool = True) -> Years:
    """Looks through a whole log. A month that comes after a later one is the next year's; a day or two of disorder is none.

    Where not `every` line is asked, only those at steps of 64 KiB are, and all between two that differ: enough for a log that is large.
    """
    turns: list[tuple[int, int]] = []
    number, rest, year = 1, b"", 0
    before = last = (0, 1)
    for piece in pieces:
        block = rest + piece
        cut = block.rfind(b"\n") + 1
        block, rest = (block[:cut], block[cut:]) if cut else (b"", block[-4096:])
        counted = 0
        for at, date in _dates(block, every=every):
            before, last = last, date
            if date[0] == before[0]:
                continue
            number += block.count(b"\n", counted, at)
            counted = at
            if before[0] and (step := _step(before, last)):
                year += step
                turns.append((number, year))
        number += block.count(b"\n", counted)
    for _, date in _dates(rest, every=True):
        before, last = last, date
        if before[0] and (step := _step(before, last)):
            turns.append((number, year + step))
    return Years(tuple(line for line, _ in turns), tuple(step for _, step in turns), last if last[0] else (1, 1))


def _dates(block: bytes, *, every: bool) -> Iterator[tuple[int, tuple[int, int]]]:
    """Where lines with a date begin, and the dates; only those at steps, and around a change of the month, if not `every` one is asked."""
    if every:
        yield from ((found.start(), _date(found)) for found in _DATE.finditer(block))
        return
    known = _DATE.search(block)
    while known:
        yield known.start(), _date(known)
        found = _DATE.search(block, known.start() + _STRIDE) or _last(block, known.end())
        if found and found[1] != known[1]:
            yield from ((each.start(), _date(each)) for each in _DATE.finditer(block, known.end(), found.end()))
        known = found


def _last(block: bytes, start: int) -> re.Match[bytes] | None:
    """The last date in the rest of a block."""
    return next(iter(deque(_DATE.finditer(block, start), 1)), None)


def _date(found: re.Match[bytes]) -> tuple[int, int]:
    return _MONTHS[found[1]], int(found[2])


def _step(before: tuple[int, int], date: tuple[int, int]) -> int:
    """By how many years a line lies after the one before it. At New Year some of the old year's may come late."""
    if date[0] < before[0] - 1:
        return 1
    return -1 if date >= _EVE and before <= _NEW_YEAR else 0
