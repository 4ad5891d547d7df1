"""The time at the beginning of a line, in any of the usual forms, as seconds since 1970, and how sure it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from diagbundle.analyse.log.event import BOOT, CERTAIN, YEAR, ZONE
from diagbundle.analyse.log.years import Years

MONTHS = {
    name: number for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}
_DAY = 86400.0
_MINUTES = 1440
_AGAIN = 1800.0
"""Seconds by which a line may seem to lie before the last one, before an hour is taken for the second of its name."""
_NAMES = r"(?:CES?T|EES?T|WES?T|BST|IST|MS[KD]|[ECMPA][SD]T|AK[SD]T|HST|JST|KST|SGT|HKT|A[CEW][SD]T|NZ[SD]T|SAST|BRT|ART)\b"
"""Names of zones: they mean what the host's zone means; two lands may share one."""
_YEAR, _MONTH, _DAYS, _NAMED = r"(?P<Y>(?:19|20)\d\d)", r"(?P<m>[01]\d)", r"(?P<d>[0-3]\d)", r"(?P<b>[A-Z][a-z]{2})"
_CLOCK = r"(?P<H>[0-2]?\d):(?P<M>[0-5]\d):(?P<S>[0-6]\d)(?:[.,:](?P<f>\d{1,9}))?"
_COMPACT = r"(?P<H>[0-2]\d):?(?P<M>[0-5]\d):?(?P<S>[0-6]\d)(?:[.,](?P<f>\d{1,9}))?"
_OFFSET = rf"(?: ?(?P<z>Z\b|[+-]\d\d:?\d\d\b|UTC\b|GMT\b)|(?P<y>[+-]\d\d)(?![\d:-])| {_NAMES})?"
_HALF = r"(?: (?P<p>[AP]M)\b)?"
_WEEKDAY = r"(?:[A-Z][a-z]{2},? )?"
_FORMS = (
    # 2026-03-05T10:12:01.123456+00:00, 2026-03-05 10:12:01,123, 2026/03/05 10:12:01, Thu 2026-03-05 10:12:01 CET
    rf"{_WEEKDAY}{_YEAR}[-/.]{_MONTH}[-/.]{_DAYS}[T_ :]+{_CLOCK}{_OFFSET}",
    # Thu Mar  5 10:12:01 2026, Thu Mar 05 10:12:01.123456 CET 2026
    (
        rf"(?:[A-Z][a-z]{{2}},? ){_NAMED} +(?P<d>\d{{1,2}}) {_CLOCK}{_HALF}"
        rf"(?: (?P<z>UTC|GMT)| [A-Z]{{3,5}}| [+-]\d\d)? {_YEAR}(?: (?P<y>[+-]\d{{4}})\b)?"
    ),
    # Mar  5 10:12:01, Mar  5 2026 10:12:01, Mar  5 10:12:01 2026
    rf"{_WEEKDAY}{_NAMED} +(?P<d>\d{{1,2}}) (?:{_YEAR} )?{_CLOCK}(?: (?P<Z>(?:19|20)\d\d)\b)?{_OFFSET}",
    # 05/Mar/2026:10:12:01 +0000, 05-Mar-2026 10:12:01, Thu 05 Mar 2026 10:12:01 AM CET
    rf"{_WEEKDAY}(?P<d>\d{{1,2}})[/ -]{_NAMED}[/ -]{_YEAR}[: T]+{_CLOCK}{_HALF}{_OFFSET}",
    # I0305 10:12:01.123456 (klog)
    rf"[IWEF]{_MONTH}{_DAYS} {_CLOCK}",
    # 20260305T101201Z, 20260305 10:12:01
    rf"{_YEAR}{_MONTH}{_DAYS}[T -]?{_COMPACT}{_OFFSET}",
    # Mar 05, 2026 10:12:01 AM
    rf"{_WEEKDAY}{_NAMED} +(?P<d>\d{{1,2}}), {_YEAR},? {_CLOCK}{_HALF}{_OFFSET}",
    # 05.03.2026 10:12:01
    rf"{_DAYS}\.{_MONTH}\.{_YEAR}[ -]{_CLOCK}{_OFFSET}",
    # 260305 10:12:01 (MySQL before 5.7)
    rf"(?P<C>[0-9]{{2}}){_MONTH}{_DAYS} +{_CLOCK}",
    # 1772705521.123, 1772705521123
    r"(?P<e>1\d{9}(?:\.\d{1,9})?|1\d{12}|1\d{15}|1\d{18})(?=[\s:|,\])\"}]|\Z)",
)
_COMPILED = tuple(re.compile(form) for form in _FORMS)
_OF_DIGITS, _OF_LETTERS = (tuple(_COMPILED[at] for at in those) for those in ((0, 3, 5, 7, 8, 9), (0, 1, 2, 3, 4, 6)))
"""Those that may begin with a digit, and with a letter."""
_LETTERS = re.compile(r"[A-Z][a-z]{2},? +[A-Z\d]|[IWEF]\d{4} ")
"""How a time begins that begins with a letter."""
_LEAD = re.compile(
    r"(?:\x1b\[[\d;]*m)*[\s\[(<\"']{0,4}(?:<?\d{1,3}>(?:\d )?)?(?:\d{1,7}:[XCSM] )?(?:(?:time|ts|t|timestamp|date|when)[=:] ?[\"']?)?[\[(]?"
)
"""What may stand before a time: brackets, a syslog priority, redis' role, the name of the field."""
_ACCESS = re.compile(r"\[(\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")
LONGEST = 96
"""Characters at the beginning of a line in which its time stands."""
_FAR = 600
"""Characters in which the time of a web server's line stands, behind who asked."""


@dataclass
class Clock:
    """Dates the lines of one file: the host's zone, and the newest time that the file can hold."""

    zone: tzinfo = UTC
    newest: float = 0.0
    """When the file was last written, seconds since 1970: a date without a year is the last one before this."""
    booted: float = 0.0
    years: Callable[[], Years] | None = None
    """Where in the file the years change; asked only if its lines do not say their year."""
    is_asked: bool = field(default=False, init=False)
    """Whether the last line that was looked at so was a web server's: the next is likely one, too."""
    _form: re.Pattern[str] | None = field(default=None, init=False)
    _known: Years | None = field(default=None, init=False)
    _last: float = field(default=0.0, init=False)
    _again: float = field(default=-1.0, init=False)
    """The hour that has come for the second time."""

    def read(self, line: str, number: int = 0) -> tuple[float, str, int]:
        """Time, certainty, and where the time ends; (0, '', 0) where none stands there. `number` is the line's."""
        lead = _LEAD.match(line)
        start = lead.end() if lead else 0
        if self._form and (found := self._form.match(line, start)) and (time := self._time(found.groupdict(), number)):
            return self._read(line, found, time)
        first = line[start : start + 1]
        for form in _OF_DIGITS if "0" <= first <= "9" else _OF_LETTERS if _LETTERS.match(line, start) else ():
            if (found := form.match(line, start)) and (time := self._time(found.groupdict(), number)):
                self._form = form
                return self._read(line, found, time)
        return 0.0, "", 0

    @staticmethod
    def _read(line: str, found: re.Match[str], time: tuple[float, str]) -> tuple[float, str, int]:
        end = found.end()
        return time[0], time[1], end + 1 if line[end : end + 1] in ("]", ")", '"', "'") else end

    def asked(self, line: str) -> tuple[float, str]:
        """Time and certainty of a web server's line, which begins with who asked."""
        found = _ACCESS.search(line, 0, _FAR)
        self.is_asked = found is not None
        return self.read(found[1])[:2] if found else (0.0, "")

    def _time(self, parts: dict[str, str | None], number: int) -> tuple[float, str] | None:
        if epoch := parts.get("e"):
            whole = float(epoch)
            return (whole if "." in epoch else whole / 10.0 ** (len(epoch) - 10)), CERTAIN
        month = int(parts["m"] or 0) if parts.get("m") else MONTHS.get((parts.get("b") or "").lower(), 0)
        day, hour = int(parts["d"] or 0), int(parts["H"] or 0)
        if half := parts.get("p"):
            hour = hour % 12 + 12 * (half == "PM")
        rest = int(parts["M"] or 0) * 60 + int(parts["S"] or 0) + (float(f"0.{parts['f']}") if parts.get("f") else 0.0)
        offset, year = parts.get("z") or parts.get("y"), parts.get("Y") or parts.get("Z")
        zone = _offset(offset) if offset else self.zone
        if year is None and (short := parts.get("C")):
            year = f"20{short}"
        if year:
            begun = _hour(int(year), month, day, hour, zone)
            return None if begun is None else (self._which(begun, rest), CERTAIN if offset else ZONE)
        return self._without_year((month, day, hour), rest, zone, number)

    def _which(self, begun: tuple[float, float], rest: float) -> float:
        """Of an hour that comes twice, when the zone goes back to winter time, the one that follows what was read last."""
        time = begun[0] + rest
        if begun[0] != begun[1] and (begun[0] == self._again or time < self._last - _AGAIN < begun[1] + rest):
            self._again, time = begun[0], begun[1] + rest
        self._last = time
        return time

    def _without_year(self, date: tuple[int, int, int], rest: float, zone: tzinfo, number: int) -> tuple[float, str] | None:
        latest = datetime.fromtimestamp(self.newest, UTC).year if self.newest else datetime.now(UTC).year
        if self._known is None and self.years and number:
            self._known = self.years()
        back = self._known.back(number) if self._known else 0
        if back and self._known:
            end = self._last_year(latest, zone, self._known.last)
            begun = _hour(end - back, *date, zone)
            return None if begun is None else (self._which(begun, rest), YEAR)
        for year in range(latest + 1, latest - 5, -1):
            begun = _hour(year, *date, zone)
            if begun is not None and (not self.newest or begun[0] + rest <= self.newest + _DAY):
                return self._which(begun, rest), YEAR
        return None

    def _last_year(self, latest: int, zone: tzinfo, last: tuple[int, int]) -> int:
        """The year of the last line of the file."""
        begun = _hour(latest, *last, 0, zone)
        return latest if begun is None or not self.newest or begun[0] <= self.newest + _DAY else latest - 1

    def since_boot(self, seconds: float) -> tuple[float, str]:
        """The time of a line that only counts seconds since the host was started."""
        return (self.booted + seconds, BOOT) if self.booted else (0.0, "")


@lru_cache(4096)
def _hour(year: int, month: int, day: int, hour: int, zone: tzinfo) -> tuple[float, float] | None:
    """When an hour began; where a zone has it twice, the first and the second. None where there is no such hour."""
    try:
        begun = datetime(year, month, day, hour, tzinfo=zone)
        return begun.timestamp(), begun.replace(fold=1).timestamp() if zone is not UTC else begun.timestamp()
    except (ValueError, OverflowError):
        return None


@lru_cache(256)
def _offset(text: str) -> tzinfo:
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes)) if minutes < _MINUTES else UTC


def zone_named(name: str) -> tzinfo | None:
    """The zone of this name, or None where it is unknown here."""
    try:
        return ZoneInfo(name) if name and ".." not in name and not name.startswith("/") else None
    except (ValueError, OSError, LookupError):
        return None
