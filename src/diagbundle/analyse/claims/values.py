"""Amounts, numbers, versions and times as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_AMOUNT = re.compile(
    r"(?<![\w.])(\d{1,12}(?:[.,]\d{1,3})?)\s*(?:([kmgtp])(?:i?(?:b(?:yte)?s?)?|igs?|ega|era)|(bytes?))?(?![a-z0-9])", re.IGNORECASE
)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2629800, "y": 31557600}
_SPAN = re.compile(
    r"(?i)\b(\d{1,6}|an?|one|two|three|four|five|six|seven|eight|nine|ten)\s*(s(?:ec\w*)?|min\w*|m|h(?:r|our)?s?"
    r"|d(?:ays?)?|w(?:eeks?)?|mo(?:nths?)?|y(?:(?:ea)?rs?)?)\b"
)
_DAY = re.compile(
    r"(?i)\b(?:(\d{4})-(\d\d)-(\d\d)|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? (\d{1,2})(?:st|nd"
    r"|rd|th)?(?:,? (\d{4}))?|(\d{1,2})\.(\d{1,2})\.(\d{4})?)"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def amount(text: str, unit: str = "") -> float | None:
    """Bytes of `64 GB`, `1.5TiB`; a number without a unit counts in the one given. None where there is none."""
    found = _AMOUNT.search(text)
    if not found or not (found[2] or found[3] or unit):
        return None
    return float(found[1].replace(",", ".")) * _UNITS[("" if found[3] else found[2] or unit).lower()]


def in_words(count: float) -> str:
    """Bytes in words: `62.5 GiB`."""
    for name, unit in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= unit:
            return f"{count / unit:.1f} {name}".replace(".0 ", " ")
    return f"{count:,.0f} bytes"


def is_near(said: float, real: float, *, below: float, above: float) -> bool:
    """Whether an amount is meant: units of 1000 and of 1024 are confused every day, and something is always taken away beforehand."""
    return any(real * (1 - below) <= each <= real * (1 + above) for each in (said, said * 1000**3 / 1024**3, said * 1000**4 / 1024**4))


def whole_number(text: str) -> int | None:
    """The first whole number."""
    found = re.search(r"(?<![\w.])\d{1,6}(?![\w.]\d)", text)
    return int(found[0]) if found else None


def span(text: str) -> tuple[float, float] | None:
    """Seconds of `3 days` or `2 days 4 hours`, and of its smallest unit; None where there is none."""
    found = [(_count(match[1]), _unit(match[2])) for match in _SPAN.finditer(text)][:4]
    return (sum(count * unit for count, unit in found), min(unit for _, unit in found)) if found else None


def _count(word: str) -> int:
    return int(word) if word.isdecimal() else _NUMBERS.get(word.lower(), 1)


def _unit(word: str) -> int:
    word = word.lower()
    if word.startswith("mo"):
        return _SECONDS["mo"]
    return _SECONDS["min" if word[0] == "m" else word[0]]


def when(text: str, now: float, zone: tzinfo) -> tuple[float, float] | None:
    """The span of time that is meant by `yesterday`, `3 days ago`, `Nov 20`, told by somebody at `now`."""
    here = datetime.fromtimestamp(now, zone)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    word = text.lower()
    for name, first, last in (
        ("today", 0, 1),
        ("this morning", 0, 1),
        ("last night", -1, 1),
        ("yesterday", -1, 0),
        ("this week", -7, 1),
        ("last week", -14, 0),
    ):
        if name in word:
            return (midnight + timedelta(days=first)).timestamp(), (midnight + timedelta(days=last)).timestamp()
    if day := _DAY.search(text):
        return _date(day, here)
    if found := span(text):
        seconds, unit = found
        slack = max(unit / 2, 3600.0) if unit < _SECONDS["d"] else max(unit, 86400.0)
        return now - seconds - slack, min(now, now - seconds + slack)
    return None


def _date(found: re.Match[str], here: datetime) -> tuple[float, float] | None:
    if found[1]:
        year, month, day = int(found[1]), int(found[2]), int(found[3])
    elif found[4]:
        year, month, day = int(found[6] or here.year), _MONTHS.index(found[4].lower()) + 1, int(found[5])
    else:
        year, month, day = int(found[9] or here.year), int(found[8]), int(found[7])
    try:
        start = datetime(year, month, day, tzinfo=here.tzinfo)
        if start > here and not (found[1] or found[6] or found[9]):
            start = start.replace(year=year - 1)
    except (ValueError, OverflowError):
        return None
    return start.timestamp(), (start + timedelta(days=1)).timestamp()


def moment(time: float) -> str:
    """`2026-11-21 22:51 UTC`."""
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "an unknown time"


def is_version(said: str, version: str) -> bool:
    """Whether a version is meant: 1.18 is 1.18.0-6ubuntu14 and 1:1.18.0, not 1.180."""
    said, version = said.strip().lstrip("vV"), version.strip()
    candidates = {version, version.partition(":")[2] or version}
    return bool(said) and any(re.match(rf"{re.escape(said)}(?![0-9])", each) is not None for each in candidates)
