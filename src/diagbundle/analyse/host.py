"""What must be known before anything else: when the host was asked, when it was started, in which zone it lives."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from diagbundle.analyse.evidence.document import take
from diagbundle.analyse.evidence.entry import START, Entry, Evidence, Index
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.log.times import Clock, zone_named
from diagbundle.analyse.verdict import LATEST, Origin
from diagbundle.bundle.format import MANIFEST
from diagbundle.errors import BundleError

_ZONES = {
    "CET": "Europe/Paris", "CEST": "Europe/Paris", "EET": "Europe/Helsinki", "EEST": "Europe/Helsinki", "WET": "Europe/Lisbon",
    "WEST": "Europe/Lisbon", "BST": "Europe/London", "MSK": "Europe/Moscow", "EST": "America/New_York", "EDT": "America/New_York",
    "CST": "America/Chicago", "CDT": "America/Chicago", "MST": "America/Denver", "MDT": "America/Denver", "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles", "JST": "Asia/Tokyo", "KST": "Asia/Seoul", "SGT": "Asia/Singapore", "HKT": "Asia/Hong_Kong",
    "IST": "Asia/Kolkata", "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney", "NZST": "Pacific/Auckland", "NZDT": "Pacific/Auckland",
    "UTC": "UTC", "GMT": "UTC",
}  # fmt: skip
_ROTATED = re.compile(r"[-.]((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|1\d|2[0-8])(?:\.log)?\Z")
"""The day on which logrotate put a file away, as its name says it."""
_SMALL, _DAY = 1 << 20, 86400.0
_DATES = ("sos_commands/date/date_--utc", "sos_commands/date/date", "date")
_STAMPS = ("%a %b %d %H:%M:%S %Z %Y", "%a %d %b %Y %I:%M:%S %p %Z", "%a %b %d %I:%M:%S %p %Z %Y", "%a %d %b %Y %H:%M:%S %Z")


def about_of(evidence: Evidence, index: Index) -> About:
    """From the manifest where there is one, else from what other tools leave."""
    head, files = evidence.head, _Files(evidence, index)
    zone = _zone(head.zone, files)
    now = (
        head.finished
        or head.created
        or _date(files, zone)
        or max((entry.mtime for entry in evidence.entries if entry.path.startswith("sos_commands/")), default=0.0)
    )
    booted = _number(r"(?m)^btime (\d+)", files.text("proc/stat"))
    if not booted and now:
        uptime = _number(r"\A(\d+\.\d+)", files.text("proc/uptime"))
        booted = now - uptime if uptime else _booted(files.text("sos_commands/kernel/dmesg")) or _up(files, now)
    now, booted = (time if 0 <= time < LATEST else 0.0 for time in (now, booted))
    release = re.search(r"(?m)^PRETTY_NAME=[\"']?([^\"'\n]*)", files.text("etc/os-release") or files.text("usr/lib/os-release"))
    _, node, release_of_kernel, *_ = *files.text("sos_commands/kernel/uname_-a").split(), "", "", ""
    name = head.name or files.text("sos_commands/host/hostname").strip() or node or files.text("etc/hostname").strip()
    starts = [entry.started for entry in evidence.entries if entry.path.startswith(START + "proc/stat")]
    ends = [entry.started for entry in evidence.entries if entry.path == "proc/stat"]
    return About(
        origin=Origin(MANIFEST, 1, f"collected {datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC" if now else ""),
        now=now, booted=booted, name=name, names=_names(name, files),
        os=head.os or (release[1] if release else files.text("etc/redhat-release").strip()),
        kernel=head.kernel or files.text("proc/sys/kernel/osrelease").strip() or release_of_kernel, zone=zone,
        incomplete="" if head.complete else head.reason or "it is partial",
        seconds=max(0.0, ends[0] - starts[0]) if starts and ends and starts[0] and ends[0] else 0.0,
    )  # fmt: skip


def clock_of(about: About, entry: Entry) -> Clock:
    """What dates the lines of a piece of evidence: the host's zone, when it was last written, when the host was started."""
    newest = entry.mtime or entry.started or about.now
    if rotated := _ROTATED.search(entry.path):
        year, month, day = (int(part) for part in rotated.groups())
        newest = min(newest, datetime(year, month, day, tzinfo=UTC).timestamp() + 2 * _DAY)
    if about.now and newest > about.now + _DAY:
        newest = about.now  # whoever unpacked it did not keep the times
    return Clock(zone=zone_named(about.zone) or UTC, newest=newest, booted=about.booted)


class _Files:
    """Small files by path; '' for those that are not there."""

    def __init__(self, evidence: Evidence, index: Index) -> None:
        self._evidence, self._index = evidence, index

    def text(self, path: str) -> str:
        entry = self._index.by_path.get(path)
        if entry is None or not entry.there:
            return ""
        try:
            return take(self._evidence.blocks(entry), _SMALL)[0].decode("utf-8", "replace")
        except BundleError:
            return ""


def _booted(dmesg: str) -> float:
    """When the host was started, by a line of the kernel that tells both: seconds since then, and audit's time of day."""
    both = re.search(r"(?m)^\[ *(\d+\.\d+)\].* (?:audit\(|setting system clock to \S+ UTC \()(\d{9,10}(?:\.\d{3})?)[:)]", dmesg)
    return float(both[2]) - float(both[1]) if both else 0.0


def _up(files: _Files, now: float) -> float:
    """When the host was started, as `uptime` tells it, to the minute."""
    text = files.text("uptime") or files.text("sos_commands/host/uptime")
    said = re.search(r"up +(?:(\d+) days?, +)?(?:(\d+):(\d\d)|(\d+) min)", text)
    if not said:
        return 0.0
    days, hours, minutes, alone = (int(part or 0) for part in said.groups())
    return now - (days * 1440 + hours * 60 + minutes + alone) * 60


def _names(name: str, files: _Files) -> tuple[str, ...]:
    """All names by which the host calls itself."""
    said = [name, "localhost", files.text("etc/hostname"), files.text("proc/sys/kernel/hostname"), files.text("sos_commands/host/hostname")]
    said += files.text("sos_commands/kernel/uname_-a").split()[1:2]
    for line in files.text("etc/hosts").splitlines():
        if line.startswith(("127.", "::1")):
            said += line.partition("#")[0].split()[1:]
    full = [each.strip().lower() for each in said if each.strip()]
    return tuple(dict.fromkeys(part for each in full for part in (each, each.partition(".")[0])))


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def _zone(name: str, files: _Files) -> str:
    """The name of the host's zone; '' where it is not known. An abbreviation of `date` stands for the zone of most people who use it."""
    listed = re.search(r"Time zone: (\S+)", files.text("sos_commands/systemd/timedatectl") or files.text("sos_commands/date/timedatectl"))
    clock = re.search(r"(?m)^ZONE=[\"']?([\w/+-]+)", files.text("etc/sysconfig/clock"))
    linked = re.search(
        r"zoneinfo/([\w/+-]+)",
        files.text("sos_commands/date/ls_-lanL_.etc.localtime") or files.text("sos_commands/date/ls_-l_.etc.localtime"),
    )
    names = [name, *(found[1] for found in (listed, linked, clock) if found), files.text("etc/timezone").strip()]
    names += [_zone_of(files.text(path)) for path in _DATES[1:]]
    return next((each for each in names if zone_named(each)), "")


def _zone_of(date: str) -> str:
    """The zone that an answer of `date` names, or ''."""
    said = re.search(r" ([A-Z]{3,4}|[+-]\d\d)\b(?= \d{4}|$)", date.strip())
    if not said:
        return ""
    return f"Etc/GMT{-int(said[1]):+d}" if said[1][0] in "+-" else _ZONES.get(said[1], "")


def _date(files: _Files, zone: str) -> float:
    for path in _DATES:
        text = files.text(path).strip()
        for stamp in _STAMPS:
            try:
                found = datetime.strptime(  # noqa: DTZ007  # the zone is set below
                    re.sub(r"\b(?!UTC|GMT|AM|PM|[A-Z][a-z])([A-Z]{3,5}|[+-]\d\d)\b", "UTC", text), stamp
                )
            except ValueError:
                continue
            return found.replace(tzinfo=UTC if "UTC" in text or "GMT" in text else zone_named(zone) or UTC).timestamp()
    return 0.0
