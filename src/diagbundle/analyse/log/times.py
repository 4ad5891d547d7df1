"""The time at the beginning of a line, in any of the usual forms, as seconds since 1970, and how sure it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from diagbundle.analyse.log.event import BOOT, CERTAIN, YEAR, ZONE

MONTHS = {
    name: number for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}
_DAY = 86400.0
_MINUTES = 1440
_CLOCK = r"(?P<H>[0-2]\d):(?P<M>[0-5]\d):(?P<S>[0-6]\d)(?:[.,](?P<f>\d{1,9}))?"
_COMPACT = r"(?P<H>[0-2]\d):?(?P<M>[0-5]\d):?(?P<S>[0-6]\d)(?:[.,](?P<f>\d{1,9}))?"
_OFFSET = r"(?: ?(?P<z>Z\b|[+-]\d{2}:?\d{2}\b|UTC\b|GMT\b))?"
_FORMS = (
    # 2026-03-05T10:12:01.123456+00:00, 2026-03-05 10:12:01,123, 2026/03/05 10:12:01
    rf"(?P<Y>(?:19|20)\d\d)[-/.](?P<m>[01]\d)[-/.](?P<d>[0-3]\d)[T_ ]+{_CLOCK}{_OFFSET}",
    # Mar  5 10:12:01
    rf"(?P<b>[A-Z][a-z]{{2}}) +(?P<d>\d{{1,2}}) {_CLOCK}(?: (?P<Y>(?:19|20)\d\d)\b)?{_OFFSET}",
    # 05/Mar/2026:10:12:01 +0000, 05-Mar-2026 10:12:01
    rf"(?P<d>\d{{1,2}})[/ -](?P<b>[A-Z][a-z]{{2}})[/ -](?P<Y>(?:19|20)\d\d)[: ]{_CLOCK}{_OFFSET}",
    # Thu Mar  5 10:12:01 2026, Thu Mar 05 10:12:01.123456 2026
    rf"(?:[A-Z][a-z]{{2}},? )(?P<b>[A-Z][a-z]{{2}}) +(?P<d>\d{{1,2}}) {_CLOCK}(?: [A-Z]{{3,4}})? (?P<Y>(?:19|20)\d\d)",
    # I0305 10:12:01.123456 (klog)
    rf"[IWEF](?P<m>[01]\d)(?P<d>[0-3]\d) {_CLOCK}",
    # 20260305T101201Z, 20260305 10:12:01
    rf"(?P<Y>(?:19|20)\d\d)(?P<m>[01]\d)(?P<d>[0-3]\d)[T -]?{_COMPACT}{_OFFSET}",
    # 1772705521.123
    r"(?P<e>1[0-9]{9}(?:\.\d{1,9})?)(?=[\s:|,\]])",
)
_COMPILED = tuple(re.compile(form) for form in _FORMS)
_LEAD = re.compile(r"[\s\[(<\"']{0,4}(?:<\d{1,3}>\d? ?)?[\[(]?")
LONGEST = 64
"""Characters at the beginning of a line in which its time stands."""


@dataclass
class Clock:
    """Dates the lines of one file: the host's zone, and the newest time that the file can hold."""

    zone: tzinfo = UTC
    newest: float = 0.0
    """When the file was last written, seconds since 1970: a date without a year is the last one before this."""
    booted: float = 0.0
    _form: re.Pattern[str] | None = field(default=None, init=False)

    def read(self, line: str) -> tuple[float, str, int]:
        """Time, certainty, and where the time ends; (0, '', 0) where none stands there."""
        lead = _LEAD.match(line)
        start = lead.end() if lead else 0
        for form in (self._form, *_COMPILED) if self._form else _COMPILED:
            found = form.match(line, start) if form else None
            if found and (time := self._time(found)):
                self._form = form
                end = found.end()
                return time[0], time[1], end + 1 if line[end : end + 1] in ("]", ")", '"', "'") else end
        return 0.0, "", 0

    def _time(self, found: re.Match[str]) -> tuple[float, str] | None:
        parts = found.groupdict()
        if parts.get("e"):
            return float(parts["e"]), CERTAIN
        month = int(parts["m"]) if parts.get("m") else MONTHS.get((parts.get("b") or "").lower(), 0)
        day = int(parts["d"])
        clock = int(parts["H"]) * 3600 + int(parts["M"]) * 60 + int(parts["S"]) + float("0." + (parts.get("f") or "0"))
        offset, year = parts.get("z"), parts.get("Y")
        zone = _offset(offset) if offset else self.zone
        if year:
            midnight = _midnight(int(year), month, day, zone)
            return None if midnight is None else (midnight + clock, CERTAIN if offset else ZONE)
        return self._without_year(month, day, clock, zone)

    def _without_year(self, month: int, day: int, clock: float, zone: tzinfo) -> tuple[float, str] | None:
        latest = datetime.fromtimestamp(self.newest, UTC).year if self.newest else datetime.now(UTC).year
        for year in (latest + 1, latest, latest - 1, latest - 4):
            midnight = _midnight(year, month, day, zone)
            if midnight is not None and (not self.newest or midnight + clock <= self.newest + _DAY):
                return midnight + clock, YEAR
        return None

    def since_boot(self, seconds: float) -> tuple[float, str]:
        """The time of a line that only counts seconds since the host was started."""
        return (self.booted + seconds, BOOT) if self.booted else (0.0, "")


@lru_cache(4096)
def _midnight(year: int, month: int, day: int, zone: tzinfo) -> float | None:
    """Where the zone changes its offset within a day, the hours before that are an hour wrong: cheaper than to ask for each line."""
    try:
        return datetime(year, month, day, 12, tzinfo=zone).timestamp() - 43200
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> tzinfo:
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes)) if minutes < _MINUTES else UTC


def zone_named(name: str) -> tzinfo | None:
    """The zone of this name, or None where it is unknown here."""
    try:
        return ZoneInfo(name) if name and ".." not in name and not name.startswith("/") else None
    except (ValueError, OSError, LookupError):
        return None
