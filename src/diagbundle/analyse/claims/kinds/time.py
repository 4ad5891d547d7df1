"""Time: the zone, whether the clock is disciplined, how long the host has been up, when it was started."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from diagbundle.analyse.claims.claim import Answer, compared, confirmed, contradicted, kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.claims.values import moment, span, when
from diagbundle.analyse.facts.clock import TimeControl, TimeDaemon
from diagbundle.analyse.log.times import zone_named
from diagbundle.analyse.verdict import Origin

_ABBREVIATIONS = {
    "utc": 0.0, "gmt": 0.0, "z": 0.0, "cet": 1.0, "cest": 2.0, "bst": 1.0, "eet": 2.0, "eest": 3.0, "est": -5.0, "edt": -4.0, "cst": -6.0,
    "cdt": -5.0, "mst": -7.0, "mdt": -6.0, "pst": -8.0, "pdt": -7.0, "ist": 5.5, "jst": 9.0, "sgt": 8.0, "msk": 3.0,
}  # fmt: skip
_HOUR = 3600.0


@kind("timezone", "time zone", "timezone=Europe/Berlin", "time zone, tz")
def timezone(value: str, desk: Desk) -> Answer:
    """Compared by name, else by the offset that both have at the time of collection: Etc/UTC and GMT are one."""
    found = (
        desk.find(r"Time zone:\s+(\S+)", "sos_commands/systemd/timedatectl", "sos_commands/date/timedatectl", "sos_commands/*/timedatectl*")
        or desk.find(r'"(?:timezone|zone)": "([\w/+-]+)"', "diagbundle/tables/timezone")
        or desk.find(r"^([A-Z][\w+-]*(?:/[\w+-]+)*)\s*$", "etc/timezone")
        or desk.find(r"^\s*(?:ZONE|TIMEZONE)=\"?([\w/+-]+)", "etc/sysconfig/clock")
    )
    zone = found[0][1] if found else desk.about.zone
    if not zone:
        return unknown(desk.why("the time zone", "diagbundle/tables/timezone", "sos_commands/systemd/timedatectl"))
    origins = [found[1].origin if found else desk.about.origin]
    said = value.strip().strip("()")
    own, claimed = _offset(zone, desk), _offset(said, desk)
    is_so = said.lower() == zone.lower() or said.lower() == zone.rpartition("/")[2].lower() or (own is not None and own == claimed)
    return (
        compared(is_so, f"the time zone is {zone}", origins)
        if is_so or claimed is not None
        else unknown(f"{said!r} is no time zone that is known here; the host's is {zone}", origins)
    )


def _offset(name: str, desk: Desk) -> float | None:
    """Hours ahead of UTC when the host was asked."""
    if name.lower() in _ABBREVIATIONS:
        return _ABBREVIATIONS[name.lower()]
    if found := re.fullmatch(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d\d))?", name, re.IGNORECASE):
        return (1 if found[1] == "+" else -1) * (int(found[2]) + int(found[3] or 0) / 60)
    zone = zone_named(name)
    away = datetime.fromtimestamp(desk.about.now or 0, zone).utcoffset() if zone else None
    return None if away is None else away.total_seconds() / _HOUR


@kind(
    "synchronised",
    "whether the clock is synchronised",
    "synchronised=yes",
    "synchronized, time sync, time synchronised, time synchronized, ntp, ntp sync, clock sync, chrony",
)
def synchronised(value: str, desk: Desk) -> Answer:
    """Compared with what the time daemon and the kernel say."""
    says_no = re.search(r"(?i)\b(?:no|not|off|none|out of sync|unsynchroni[sz]ed|false|disabled|inactive|n't)\b", value) is not None
    told: list[tuple[bool, str, Origin]] = [
        (each.synchronised, f"{each.by or 'the time daemon'} says", each.origin)
        for each in desk.facts(TimeDaemon)
        if each.synchronised is not None
    ]
    told += [(each.synchronised, "the kernel says", each.origin) for each in desk.facts(TimeControl) if each.synchronised is not None]
    if not told:
        return unknown(
            desk.why("whether the clock is synchronised", "sos_commands/chrony/*", "sos_commands/ntp/*", "sos_commands/systemd/timedatectl")
        )
    is_so = any(each[0] for each in told)
    who = next(each[1] for each in told if each[0] is is_so)
    return compared(is_so is not says_no, f"{who} that the clock is {'' if is_so else 'not '}synchronised", [each[2] for each in told])


@kind("uptime", "how long the host has been up", "uptime=41 days", "up since, system uptime")
def uptime(value: str, desk: Desk) -> Answer:
    """`41 days`, `more than 3 weeks`; what is meant roughly is compared roughly."""
    said = span(value)
    up, origins = desk.about.uptime, _booted(desk)
    if not up:
        return unknown(desk.why("how long the host has been up", "proc/uptime", "proc/stat"))
    sentence = f"it has been up for {_long(up)}, since {moment(desk.about.booted)}"
    if said is None:
        return reboot(value, desk)
    seconds, unit = said
    if re.search(r"(?i)\b(?:more than|over|at least|>)", value):
        return compared(up >= seconds, sentence, origins)
    if re.search(r"(?i)\b(?:less than|under|at most|<)", value):
        return compared(up <= seconds, sentence, origins)
    return compared(abs(up - seconds) <= max(unit, seconds * 0.1), sentence, origins)


@kind("reboot", "when the host was started", "reboot=yesterday", "rebooted, last reboot, last boot, boot time, reboots")
def reboot(value: str, desk: Desk) -> Answer:
    """`yesterday`, `2026-11-20`, `3 days ago`, `never`; counted from when the host was asked."""
    now, booted, origins = desk.about.now, desk.about.booted, _booted(desk)
    if not booted or not now:
        return unknown(desk.why("when the host was started", "proc/stat", "proc/uptime"))
    sentence = f"it was last started {moment(booted)}, {_long(now - booted)} before it was asked"
    word = value.strip().lower()
    is_not = re.match(r"(?:not since|no reboot|never|none|not|no)\b", word)
    meant = when(word, now, zone_named(desk.about.zone) or UTC)
    if meant is None:
        return unknown(f"{value!r} is no time; {sentence}", origins) if not is_not else unknown(sentence, origins)
    if is_not:
        return compared(booted < meant[1] if "since" in word else not meant[0] <= booted <= meant[1], sentence, origins)
    if meant[0] <= booted <= meant[1]:
        return confirmed(sentence, origins)
    starts = [(row.number("time"), row.origin) for row in desk.rows("diagbundle/tables/wtmp") if row.text("type") == "boot"]
    earlier = [origin for time, origin in starts if meant[0] <= time <= meant[1]]
    return (
        confirmed(f"it was started then, and again later: {sentence}", [*earlier, *origins]) if earlier else contradicted(sentence, origins)
    )


def _booted(desk: Desk) -> list[Origin]:
    found = (
        desk.find(r"^btime \d+", "proc/stat")
        or desk.find(r"^\d+\.\d+ ", "proc/uptime")
        or desk.find(r"\bup\b", "sos_commands/host/uptime", "uptime")
    )
    return [found[1].origin] if found else [desk.about.origin]


def _long(seconds: float) -> str:
    for name, unit in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * unit or (seconds >= unit and name == "minute"):
            return f"{seconds / unit:.0f} {name}{'' if round(seconds / unit) == 1 else 's'}"
    return f"{seconds:.0f} seconds"
