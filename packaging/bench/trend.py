"""Whether a row of figures grows: a line through its last nine tenths, its rise, and whether the scatter explains it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

WARM_UP = 0.1  # of the figures, which are not looked at
SURE = 3.0  # standard errors that a slope must be away from none
HALF = 0.5  # of a thing: less is none
ALLOWED = {"processes": HALF, "files": HALF, "elsewhere": HALF, "kernel": HALF, "descriptors": HALF, "threads": HALF, "children": HALF}
"""How much a count may rise from the first to the last run."""
SHARE = {"peak MiB": 0.05, "RSS MiB": 0.1, "thousand objects": 0.01}
"""The same for sizes, as a part of their median; memory that is freed in pieces does not go back at once.

What is in neither is shown, not judged: a busy host makes runs longer and bundles larger.
"""
EMPTY = {"processes", "files", "children"}
"""Counts that must be 0 at the end of every run: they are of things that are ours alone."""


@dataclass(frozen=True)
class Trend:
    """A line through figures."""

    slope: float
    error: float
    """Standard error of the slope."""
    runs: int

    @property
    def rise(self) -> float:
        """From the first to the last run."""
        return self.slope * (self.runs - 1)

    @property
    def sure(self) -> bool:
        """Whether the scatter does not explain it."""
        return self.slope > SURE * self.error


def trend(values: Sequence[float]) -> Trend:
    """The line through the last nine tenths; level where there are too few for one."""
    kept = values[math.ceil(len(values) * WARM_UP) :]
    if len(kept) < 3:  # noqa: PLR2004  # two points lie on a line, whatever they are
        return Trend(0.0, 0.0, len(kept))
    places = range(len(kept))
    slope, start = statistics.linear_regression(places, kept)
    spread = sum((value - start - slope * place) ** 2 for place, value in zip(places, kept, strict=True))
    middle = statistics.fmean(places)
    error = math.sqrt(spread / (len(kept) - 2) / sum((place - middle) ** 2 for place in places))
    return Trend(slope, error, len(kept))


def grows(name: str, values: Sequence[float], allowed: dict[str, float]) -> bool:
    """Whether this figure is judged, and found to grow."""
    if name in EMPTY and any(values):
        return True
    allowance = SHARE[name] * statistics.median(values) if name in SHARE else allowed.get(name, math.inf)
    line = trend(values)
    return line.sure and line.rise > allowance


def table(rows: Sequence[dict[str, float]], allowed: dict[str, float]) -> tuple[list[str], list[str]]:
    """A line for each figure, and the names of those that grow."""
    lines, grown = ["| | first | median | last | most | rise | |", "| --- | ---: | ---: | ---: | ---: | ---: | --- |"], []
    for name in rows[0]:
        values = [row[name] for row in rows]
        judged = name in SHARE or name in allowed
        grown += [name] * grows(name, values, allowed)
        shown = [values[0], statistics.median(values), values[-1], max(values), trend(values).rise]
        word = "grows" if name in grown else "level" if judged else ""
        lines.append(f"| {name} | " + " | ".join(f"{value:.4g}" for value in shown) + f" | {word} |")
    return lines, grown
