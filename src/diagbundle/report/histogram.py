"""Lines of logs over time, by severity: the columns of a plot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from diagbundle.analyse.log.tally import ERROR, MINUTE, OTHER, WARNING, Counted

STACK = (ERROR, WARNING, OTHER)
"""From the bottom up: what matters stands on the ground, where heights can be compared."""
COLUMNS = 72
HEIGHT = 100.0
DAY = 86400
RARE = 0.002
"""Share of all lines that may lie before the beginning of the plot: one line of a wrong clock makes no century."""
_STEPS = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY)
_TICKS = 6


@dataclass(frozen=True)
class Histogram:
    """Columns of one width, each with its lines by severity."""

    start: int
    step: int
    """Seconds of a column."""
    columns: list[dict[str, float]]
    before: float = 0.0
    """Lines before the first column."""

    def top(self, only: Sequence[str] = STACK) -> float:
        """Lines of the highest column."""
        return max((sum(column.get(each, 0.0) for each in only) for column in self.columns), default=0.0)

    def total(self, severity: str) -> float:
        """All lines of a severity."""
        return sum(column.get(severity, 0.0) for column in self.columns)

    def paths(self, only: Sequence[str] = STACK) -> list[tuple[str, str]]:
        """Severity and outline of its part of all columns, in a box as wide as there are columns and `HEIGHT` high."""
        top = self.top(only) or 1.0
        floors = [0.0] * len(self.columns)
        found = []
        for severity in only:
            pieces = []
            for number, column in enumerate(self.columns):
                height = HEIGHT * column.get(severity, 0.0) / top
                if height:
                    drawn = max(height, 1.5 if severity == ERROR else 0.4)  # one error among a million lines is to be seen
                    pieces.append(f"M{number}.08 {HEIGHT - floors[number]:.2f}v-{drawn:.2f}h.84v{drawn:.2f}z")
                    floors[number] += height
            found.append((severity, "".join(pieces)))
        return found

    def marks(self, times: Iterable[float]) -> str:
        """Lines at moments, in the same box."""
        places = sorted(
            {round((time - self.start) / self.step, 2) for time in times if 0 <= time - self.start < self.step * len(self.columns)}
        )
        return "".join(f"M{place:g} 0V{HEIGHT:g}" for place in places)

    @property
    def ticks(self) -> list[str]:
        """Moments evenly from the beginning to the end."""
        end = self.start + self.step * len(self.columns)
        form = "%Y-%m-%d" if self.step >= DAY else "%b %d %H:%M"
        return [f"{datetime.fromtimestamp(self.start + (end - self.start) * each / _TICKS, UTC):{form}}" for each in range(_TICKS + 1)]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The numbers of all columns in which anything was said."""
        form = "%Y-%m-%d" if self.step >= DAY else "%Y-%m-%d %H:%M"
        return [
            (f"{datetime.fromtimestamp(self.start + number * self.step, UTC):{form}}", *(f"{column.get(each, 0.0):,.0f}" for each in STACK))
            for number, column in enumerate(self.columns)
            if any(column.values())
        ]

    @property
    def width(self) -> str:
        """How long a column is, in words."""
        for seconds, name in ((DAY, "day"), (3600, "hour"), (MINUTE, "minute")):
            if self.step >= seconds:
                count = self.step // seconds
                return f"{count} {name}s" if count > 1 else f"one {name}"
        return f"{self.step} s"


def minutes(logs: Iterable[Counted]) -> dict[tuple[int, str], float]:
    """Lines of all logs by minute and severity."""
    found: dict[tuple[int, str], float] = {}
    for log in logs:
        for key, lines in log.at.items():
            found[key] = found.get(key, 0.0) + lines
    return found


def whole(at: dict[tuple[int, str], float]) -> Histogram | None:
    """All of it, but for a few lines that lie long before the rest; None where nothing has a time."""
    if not at:
        return None
    total, passed, first = sum(at.values()), 0.0, 0
    for (minute, _), lines in sorted(at.items()):
        first = minute
        passed += lines
        if passed > RARE * total:
            break
    return between(at, first * MINUTE, (max(minute for minute, _ in at) + 1) * MINUTE)


def between(at: dict[tuple[int, str], float], start: float, end: float) -> Histogram:
    """The lines of a stretch of time."""
    length = max(MINUTE, end - start)
    step = next((each for each in _STEPS if length / each <= COLUMNS), int(length // COLUMNS) + 1)
    begin = int(start // step * step)
    columns: list[dict[str, float]] = [{} for _ in range(int((end - 1 - begin) // step) + 1)]
    before = 0.0
    for (minute, severity), lines in at.items():
        number = (minute * MINUTE - begin) // step
        if number < 0:
            before += lines
        elif number < len(columns):
            columns[number][severity] = columns[number].get(severity, 0.0) + lines
    return Histogram(begin, step, columns, before)
