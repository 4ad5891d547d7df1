"""From a line of any kind of log to an event."""

from __future__ import annotations

import json
import re

from diagbundle.analyse.log.event import CERTAIN, UNKNOWN, Event
from diagbundle.analyse.log.level import LEVELS
from diagbundle.analyse.log.times import LONGEST, Clock
from diagbundle.analyse.verdict import Origin

_DIGITS = 18
"""Of a time in microseconds, at most: more is none."""
_SAYS = re.compile(r"\s*(?P<host>[A-Za-z0-9_.:-]+) (?P<name>[A-Za-z_/(][\w./@()+-]*?)(?:\[(?P<pid>\d+)\])?: ?")
_SINCE_BOOT = re.compile(r"(?:<\d+>)?\[ *(\d{1,9}\.\d{3,9})\](?:\[ *[TC]\d+\])? ?")
_AUDIT = re.compile(r"(?:node=\S+ )?type=\S+ msg=audit\((\d{9,11}\.\d{3}):\d+\)")
_CRI = re.compile(r"\s*(stdout|stderr) [FP] ?")
_KERNEL_FILE = re.compile(r"dmesg|kern(?:\.log)?|pstore|console|vmcore|boot\.log|/kernel")
_CONTAINER = re.compile(r"/containers/([^/]{6,12})|/pods/([^/]+/[^/]+)/|(?:docker|podman|nerdctl|crictl)_.*logs_(?:--[\w-]+_)*([\w.-]+)")


_NOWHERE = Origin("")


class Reader:
    """Reads the lines of one log."""

    def __init__(self, path: str, clock: Clock, acknowledged: float = 0.0) -> None:
        self.path, self._clock = path, clock
        self._acknowledged = acknowledged
        """Seconds since boot up to which the kernel's log was cleared."""
        self._is_kernel = _KERNEL_FILE.search(path) is not None
        self._name = _name_of(path)

    def event(self, line: str, origin: Origin) -> Event:
        """The event of a line."""
        if line.startswith("{") and (event := self._json(line, origin)):
            return event
        if "msg=audit(" in line and (audit := _AUDIT.match(line)):
            return Event(line, origin, float(audit[1]), CERTAIN, "audit")
        if boot := _SINCE_BOOT.match(line):
            time, certainty = self._clock.since_boot(float(boot[1]))
            return Event(line[boot.end() :], origin, time, certainty or UNKNOWN, "kernel", None, 0, float(boot[1]) < self._acknowledged)
        time, certainty, end = self._clock.read(line[:LONGEST])
        rest = line[end:]
        if self._is_kernel and line.startswith("["):
            return Event(rest.lstrip(), origin, time, certainty or UNKNOWN, "kernel")
        return self._said(rest, origin, time, certainty or UNKNOWN)

    def when(self, line: str) -> float:
        """The time of a line alone; 0 where it has none."""
        if line.startswith("{") or "msg=audit(" in line:
            return self.event(line, _NOWHERE).time
        boot = _SINCE_BOOT.match(line)
        return self._clock.since_boot(float(boot[1]))[0] if boot else self._clock.read(line[:LONGEST])[0]

    def _said(self, rest: str, origin: Origin, time: float, certainty: str) -> Event:
        if cri := _CRI.match(rest):
            text = rest[cri.end() :]
            return Event(text, origin, time, certainty, self._name)
        says = _SAYS.match(rest) if time else None
        if not says or says["host"].lower() in LEVELS:
            return Event(rest.strip(), origin, time, certainty, self._name)
        text = rest[says.end() :]
        if says["name"] == "kernel" and (boot := _SINCE_BOOT.match(text)):
            text = text[boot.end() :]
        name = says["name"].rpartition("/")[2] or says["name"]
        return Event(text, origin, time, certainty, name, None, int(says["pid"] or 0))

    def _json(self, line: str, origin: Origin) -> Event | None:
        """A row of the kernel's ring, a container's log, or a log whose lines are JSON."""
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict):
            return None
        if self.path == "diagbundle/tables/kmsg":
            return self._kmsg(row, origin)
        text = next((str(row[key]) for key in ("log", "message", "msg", "MESSAGE", "text", "error", "err") if row.get(key)), line)
        stamp = next((str(row[key]) for key in ("time", "timestamp", "@timestamp", "ts", "datetime") if row.get(key)), "")
        time, certainty, _ = self._clock.read(stamp + " ")
        word = str(row.get("level") or row.get("severity") or row.get("levelname") or "").lower()
        return Event(text.rstrip("\n"), origin, time, certainty or UNKNOWN, self._name, LEVELS.get(word))

    def _kmsg(self, row: dict[str, object], origin: Origin) -> Event | None:
        usec, prio = row.get("usec"), row.get("prio")
        if not isinstance(usec, int) or not isinstance(prio, int):
            return None
        seconds = usec / 1e6
        time, certainty = self._clock.since_boot(seconds)
        facility = "kernel" if prio >> 3 == 0 else "user"
        text = str(row.get("text") or "")
        cited = Origin(origin.path, origin.line, f"[{seconds:12.6f}] {text}"[:400], origin.at)
        return Event(text, cited, time, certainty or UNKNOWN, facility, prio & 7, 0, seconds < self._acknowledged)


def _name_of(path: str) -> str:
    """Who writes this file, as far as its name tells."""
    if container := _CONTAINER.search(path):
        return str(next(filter(None, container.groups())))
    name = path.rpartition("/")[2]
    return re.split(r"[.-](?:log|err|out|\d)", name, maxsplit=1)[0] or name


def of_journal(record: dict[str, str], origin: Origin) -> Event:
    """The event of a record of the journal."""
    usec = record.get("_SOURCE_REALTIME_TIMESTAMP") or record.get("__REALTIME_TIMESTAMP") or "0"
    kernel = record.get("_TRANSPORT") == "kernel"
    name = "kernel" if kernel else record.get("SYSLOG_IDENTIFIER") or record.get("_SYSTEMD_UNIT") or record.get("_COMM") or ""
    text, prio, pid = record.get("MESSAGE", ""), record.get("PRIORITY", ""), record.get("_PID", "")
    cited = Origin(origin.path, origin.line, f"{name}: {text}"[:400], origin.at)
    time = int(usec) / 1e6 if usec.isdecimal() and len(usec) < _DIGITS else 0.0
    return Event(
        text, cited, time, CERTAIN if time else UNKNOWN, name, int(prio) if prio.isdecimal() else None, int(pid) if pid.isdecimal() else 0
    )
