"""Clocks, and those who keep them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from diagbundle.analyse.api import Document, Event, log_parser, parser
from diagbundle.analyse.facts.clock import (
    ClockReading,
    ClockSource,
    ClockSources,
    ClockStep,
    Rtc,
    Surroundings,
    TimeControl,
    TimeDaemon,
    TimeSource,
)

_UNSYNCHRONISED = 16
"""Stratum of those that do not know the time."""
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 31556952.0}
_LENGTH = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(ns|us|µs|ms|min|s|m|h|d|y)")
_CHRONY = {"*": "selected", "+": "good", "-": "other", "x": "false", "~": "other", "?": "unusable"}
_NTPQ = {"*": "selected", "o": "selected", "+": "good", "-": "other", "x": "false", "#": "good", ".": "other", " ": "unusable"}
_SAMPLE = re.compile(r"([+-]?\d+(?:\.\d+)?(?:ns|us|ms|s))\[")


def length_of(text: str) -> float | None:
    """`-13us`, `1.2ms`, `5min 2.1s` in seconds; None where it is none."""
    parts = _LENGTH.findall(text)
    if not parts:
        return None
    sign = -1.0 if text.strip().startswith("-") else 1.0
    return sign * sum(abs(float(number)) * _UNITS[unit] for number, unit in parts)


def number_of(text: str) -> float | None:
    """A number, or None."""
    found = re.search(r"[+-]?\d{1,18}(?:\.\d{1,18})?(?:e[+-]?\d{1,2})?", text)
    return float(found[0]) if found else None


@parser(ClockReading, "diagbundle/tables/clocks")
def clocks(doc: Document) -> Iterator[ClockReading]:
    """Our own readings, in nanoseconds."""
    for row in doc.rows:
        wall, monotonic, boottime = (row.number(name) / 1e9 for name in ("wall", "monotonic", "boottime"))
        if wall and monotonic:
            yield ClockReading(wall=wall, monotonic=monotonic, boottime=boottime, origin=row.origin)


@parser(TimeDaemon, "sos_commands/chrony/chronyc*tracking", "sos_commands/ntp/chronyc*tracking", "sos_commands/chrony/chronyc*activity")
def tracking(doc: Document) -> Iterator[TimeDaemon]:
    """`chronyc tracking`, in English as it always is; where chronyd does not run, any of its answers says that alone."""
    lines = {line.partition(":")[0].strip(): line for line in doc.lines if ":" in line}
    values = {key: line.partition(":")[2].strip() for key, line in lines.items()}
    if "Leap status" not in values and "System time" not in values:
        if re.search(r"\b506\b|Cannot talk", doc.text + doc.stderr):
            yield TimeDaemon(by="chronyd", running=False, origin=doc.origin(1, doc.text))
        return
    found = re.match(r"(\d+(?:\.\d+)?) seconds (slow|fast)", values.get("System time", ""))
    offset = float(found[1]) * (1 if found[2] == "fast" else -1) if found else None
    stratum = number_of(values.get("Stratum", "")) or 0
    leap = values.get("Leap status", "")
    yield TimeDaemon(
        by="chronyd",
        synchronised="not" not in leap.lower() if leap else None,
        offset=offset,
        stratum=int(stratum),
        source=values.get("Reference ID", ""),
        origin=lines["System time" if "System time" in lines else "Leap status"].origin,
    )


@parser(TimeSource, "sos_commands/chrony/chronyc*_sources", "sos_commands/chrony/chronyc*_sources_-v", "sos_commands/ntp/chronyc*_sources")
def sources(doc: Document) -> Iterator[TimeSource]:
    """`chronyc sources`: two signs, name, stratum, poll, reach in octal, age, sample."""
    for line in doc.lines:
        words = line[2:].split()
        if not re.match(r"[\^=#][*+\-x~?] ", line) or not words[3:] or not re.fullmatch(r"[0-7]{1,3}", words[3]):
            continue
        sample = _SAMPLE.search(re.sub(r"\s+\[", "[", line))
        yield TimeSource(
            by="chronyd",
            name=words[0],
            state=_CHRONY.get(line[1], "other"),
            reach=int(words[3], 8),
            origin=line.origin,
            stratum=int(words[1]) if words[1].isdecimal() else 0,
            offset=length_of(sample[1]) if sample else None,
        )


@parser(TimeSource, "sos_commands/ntp/ntpq_-p*", "sos_commands/ntp/ntpq_-n_-p*")
def peers(doc: Document) -> Iterator[TimeSource]:
    """`ntpq -pn`: tally, remote, refid, stratum, type, when, poll, reach in octal, delay, offset and jitter in milliseconds."""
    for line in doc.lines:
        words = line[1:].split()
        if not words[9:] or not words[2].isdecimal() or not re.fullmatch(r"[0-7]{1,3}", words[6]) or words[1] == ".POOL.":
            continue
        ahead = number_of(words[8]) if int(words[6], 8) else None
        yield TimeSource(
            by="ntpd",
            name=words[0],
            state=_NTPQ.get(line[0], "other"),
            reach=int(words[6], 8),
            stratum=int(words[2]),
            offset=-ahead / 1000 if ahead is not None else None,
            origin=line.origin,
        )


@parser(TimeDaemon, "sos_commands/ntp/ntpq*rv", "sos_commands/ntp/ntpq*sysinfo")
def variables(doc: Document) -> Iterator[TimeDaemon]:
    """System variables of ntpd; its offset in milliseconds says how far the servers are ahead of us."""
    found: dict[str, str] = dict(re.findall(r"\b(leap|stratum|offset|refid)=([^,\s]+)", doc.text[:20000]))
    if "stratum" not in found:
        if "onnection refused" in doc.text + doc.stderr:
            yield TimeDaemon(by="ntpd", running=False, origin=doc.origin(1, doc.text))
        return
    stratum, offset = int(number_of(found["stratum"]) or 0), number_of(found.get("offset", ""))
    line = next((line for line in doc.lines if "offset=" in line), doc.lines[0])
    yield TimeDaemon(
        by="ntpd",
        synchronised=not (stratum >= _UNSYNCHRONISED or found.get("leap", "").startswith(("11", "3"))),
        stratum=stratum,
        offset=-offset / 1000 if offset is not None else None,
        source=found.get("refid", ""),
        origin=line.origin,
    )


@parser(TimeDaemon, "sos_commands/systemd/timedatectl_timesync-status")
def timesyncd(doc: Document) -> Iterator[TimeDaemon]:
    """`timedatectl timesync-status`."""
    lines = {line.partition(":")[0].strip(): line for line in doc.lines if ":" in line}
    if "Server" not in lines:
        return
    ahead = length_of(lines["Offset"].partition(":")[2]) if "Offset" in lines else None
    packets = number_of(lines.get("Packet count", doc.lines[0]).partition(":")[2]) if "Packet count" in lines else None
    yield TimeDaemon(
        by="systemd-timesyncd",
        synchronised=bool(packets) if packets is not None else None,
        offset=-ahead if ahead is not None else None,
        source=lines["Server"].partition(":")[2].strip(),
        origin=lines.get("Offset", lines["Server"]).origin,
    )


@parser(TimeControl, "sos_commands/*/timedatectl", "sos_commands/*/timedatectl_status", "timedatectl")
def timedatectl(doc: Document) -> Iterator[TimeControl]:
    """`timedatectl`, of systemd before and since 239."""
    values: dict[str, str] = dict(re.findall(r"^\s*([A-Za-z ]+): +(.*)$", doc.text, re.MULTILINE))
    told = values.get("System clock synchronized", values.get("NTP synchronized", ""))
    service = values.get(
        "NTP service",
        values.get("systemd-timesyncd.service active", {"yes": "active", "no": "inactive"}.get(values.get("NTP enabled", ""), "")),
    )
    if told or service:
        line = next((line for line in doc.lines if "ynchronized" in line), doc.lines[0])
        yield TimeControl(
            synchronised={"yes": True, "no": False}.get(told.strip()),
            service=service.strip(),
            local_rtc=values.get("RTC in local TZ", "").strip() == "yes",
            origin=line.origin,
        )


@parser(Rtc, "sos_commands/*/timedatectl", "sos_commands/*/timedatectl_status", "timedatectl")
def rtc_beside(doc: Document) -> Iterator[Rtc]:
    """`RTC time` and `Universal time` of `timedatectl`."""
    told: dict[str, float] = {}
    for line in doc.lines:
        found = re.match(r"\s*(RTC|Universal) time: \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", line)
        with suppress(ValueError):
            if found:
                told[found[1]] = datetime.strptime(found[2], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
        if found and len(told) == 2:
            yield Rtc(epoch=told["RTC"], wall=told["Universal"], origin=line.origin)
            return


@parser(Rtc, "sys/class/rtc/rtc0/since_epoch")
def rtc(doc: Document) -> Iterator[Rtc]:
    """Seconds since 1970."""
    if re.fullmatch(r"\d{1,12}", doc.text.strip()):
        yield Rtc(epoch=float(doc.text.strip()), origin=doc.origin(1, doc.text))


@parser(ClockSource, "sys/devices/system/clocksource/clocksource0/current_clocksource")
def clock_source(doc: Document) -> Iterator[ClockSource]:
    """One word."""
    if doc.text.split():
        yield ClockSource(current=doc.text.split()[0][:40], origin=doc.origin(1, doc.text))


@parser(ClockSources, "sys/devices/system/clocksource/clocksource0/available_clocksource")
def clock_sources(doc: Document) -> Iterator[ClockSources]:
    """Words."""
    yield ClockSources(available=tuple(doc.text.split()[:20]), origin=doc.origin(1, doc.text))


_START = re.compile(r"\b(?:chronyd version \S+ starting|ntpd (?:4|ntpsec)\S*.{0,80}: Starting)|^Linux version \d", re.IGNORECASE)
_STEP = re.compile(
    r"(?:System clock was stepped by|time stepped by|step time server \S+ offset) [+-]?(\d{1,12}(?:\.\d+)?)(?![\d.]|.{0,8}; panic)"
    r"|(?:Forward|Backward) time jump detected|clock step detected|time jumped (?:forward|backward)s?",
    re.IGNORECASE,
)


@log_parser(
    ClockStep,
    "clock was stepped",
    "Linux version ",
    "time stepped by",
    "step time server",
    "time jump detected",
    "clock step detected",
    "time jumped",
    "chronyd version",
    "ntpd 4",
    "ntpd ntpsec",
)
def steps(event: Event) -> Iterator[ClockStep]:
    """Lines of chronyd, ntpd, ntpdate, and of programs that noticed; chronyd's "wrong by" alone is no step, but the beginning of a slew."""
    if _START.search(event.text):
        yield ClockStep(by_start=True, time=event.time, who=event.facility, origin=event.origin)
    elif found := _STEP.search(event.text):
        yield ClockStep(seconds=float(found[1] or 0), time=event.time, who=event.facility, origin=event.origin)


@parser(Surroundings, "sos_commands/host/systemd-detect-virt_-c")
def surroundings(doc: Document) -> Iterator[Surroundings]:
    """One word; `none` where it is no container."""
    word = (doc.text.split() or ["none"])[0]
    yield Surroundings(container="" if word == "none" else word[:40], origin=doc.origin(1, doc.text))
