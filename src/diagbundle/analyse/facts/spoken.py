"""Times and counts in words for people, and how often something happened within a while."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from diagbundle.analyse.verdict import LATEST

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def clock(time: float) -> str:
    """A moment, with its zone."""
    return f"{datetime.fromtimestamp(time, UTC):%b %d %H:%M:%S} UTC" if 0 < time < 1 << 36 else "a time that no line tells"


def stamp(time: float) -> str:
    """The same with its year: `2026-11-22 14:10:44 UTC`; '' where it is not known, or none that can be."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC" if 0 < time < LATEST else ""


def span(seconds: float) -> str:
    """A length of time: `9 s`, `14 min`, `3 h`, `12 days`."""
    for least, unit, name in ((2 * DAY, DAY, "days"), (2 * HOUR, HOUR, "h"), (2 * MINUTE, MINUTE, "min")):
        if seconds >= least:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def ended(sentence: str) -> str:
    """A sentence with its full stop, where it has no mark at its end."""
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def often(count: int) -> str:
    """`once`, or `14 times`."""
    return "once" if count == 1 else f"{count:,} times"


def between(times: Iterable[float]) -> str:
    """From the first to the last, or the one moment; '' where no time is known (0)."""
    known = [time for time in times if time]
    if not known:
        return ""
    first, last = clock(min(known)), clock(max(known))
    return first if first == last else f"{first} to {last}"


def fullest(times: Iterable[float], within: float) -> int:
    """Most of them in any window of that length; those that are not known (0) all count."""
    every = list(times)
    known = sorted(time for time in every if time)
    most = start = 0
    for end, time in enumerate(known):
        while time - known[start] > within:
            start += 1
        most = max(most, end - start + 1)
    return most + len(every) - len(known)
