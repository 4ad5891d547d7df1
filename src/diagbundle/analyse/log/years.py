"""Where, in a log whose lines do not say their year, one year ends and the next begins."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

_DATE = re.compile(rb"(?m)^(?:<\d{1,3}>)?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([ 0-3]?\d) \d\d:\d\d:\d\d")
_MONTHS = {
    name: number
    for number, name in enumerate((b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1)
}
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


def years_of(pieces: Iterable[bytes]) -> Years:
    """Looks through a whole log. A month that comes after a later one is the next year's; a day or two of disorder is none."""
    turns: list[tuple[int, int]] = []
    number, rest, month, year, last = 1, b"", 0, 0, (1, 1)
    for piece in pieces:
        block = rest + piece
        cut = block.rfind(b"\n") + 1
        block, rest = (block[:cut], block[cut:]) if cut else (b"", block[-4096:])
        counted = 0
        for found in _DATE.finditer(block):
            before, last = last, (new := _MONTHS[found[1]], int(found[2]))
            if new == month:
                continue
            number += block.count(b"\n", counted, found.start())
            counted = found.start()
            step = _step(before, last) if month else 0
            if step:
                year += step
                turns.append((number, year))
            month = new
        number += block.count(b"\n", counted)
    if found_last := _DATE.match(rest):
        before, last = last, (_MONTHS[found_last[1]], int(found_last[2]))
        if month and (step := _step(before, last)):
            turns.append((number, year + step))
    return Years(tuple(line for line, _ in turns), tuple(step for _, step in turns), last)


def _step(before: tuple[int, int], date: tuple[int, int]) -> int:
    """By how many years a line lies after the one before it. At New Year some of the old year's may come late."""
    if date[0] < before[0] - 1:
        return 1
    return -1 if date >= _EVE and before <= _NEW_YEAR else 0
