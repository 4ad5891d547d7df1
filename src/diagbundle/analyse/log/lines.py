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
_SAYS = re.compile(
    r"\s*(?P<host>[A-Za-z0-9_.:-]*[A-Za-z0-9_.-]) "
    r"(?:(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local\d)\.(?P<level>[a-z]+) )?"
    r"(?P<name>[A-Za-z0-9_/(%][\w./@()+%\\-]*?)(?:\[(?P<pid>\d+)\])?: ?"
)
"""Host, what busybox says of facility and severity, program and process."""
_SYSLOG5 = re.compile(r"\s*(?P<host>\S+) (?P<name>\S+) (?P<pid>\S+) \S+ (?:-|\[.*?\](?!\[)) ?")
_PRIORITY = re.compile(r"<(\d{1,3})>(\d )?")
_KLOG = re.compile(r"[IWEF]\d{4} \d\d:")
_CLASSES = {"I": 6, "W": 4, "E": 3, "F": 2}
_NUMBERS = ((60, 2), (50, 3), (40, 4), (30, 6), (0, 7))
"""Levels of bunyan and pino, and what they are in syslog."""
_SINCE_BOOT = re.compile(r"(?:<\d+>)?\[ *(\d{1,9}\.\d{3,9})\](?:\[ *[TC]\d+\])? ?")
_AUDIT = re.compile(r"(?:node=\S+ )?type=\S+ msg=audit\((\d{9,11}(?:\.\d{1,9})?):\d+\)")
_CRI = re.compile(r"\s*(stdout|stderr) [FP] ?")
_KERNEL_FILE = re.compile(r"dmesg|kern(?:\.log)?|pstore|console|vmcore|boot\.log|/kernel")
_CONTAINER = re.compile(r"/containers/([^/]{6,12})|/pods/([^/]+/[^/]+)/|(?:docker|podman|nerdctl|crictl)_.*logs_(?:--[\w-]+_)*([\w.-]+)")


_ANYBODY = (
    "error",
    "access",
    "ssl_access",
    "ssl_error",
    "other_vhosts_access",
    "error_log",
    "access_log",
    "ssl_error_log",
    "ssl_access_log",
    "current",
    "output",
    "log",
    "main",
    "server",
)
"""Names of logs that say nothing: the folder's is asked."""
_NOWHERE = Origin("")
_TEXTS = ("log", "message", "msg", "MESSAGE", "text", "error", "err", "event")
_REASONS = ("error", "err", "exception", "exc_info", "cause", "reason", "details", "attr", "Exception", "@x")
"""Fields in which loggers (zap, logrus, pino, Serilog, structlog, MongoDB) say why; some hold an object."""
_LONGEST_REASON = 1000
_STAMPS = ("time", "timestamp", "@timestamp", "ts", "datetime", "t", "date")
_LEVELS = ("level", "severity", "levelname", "log.level", "lvl", "s")


class Reader:
    """Reads the lines of one log."""

    def __init__(self, path: str, clock: Clock, acknowledged: float = 0.0) -> None:
        self.path, self._clock = path, clock
        self._acknowledged = acknowledged
        """Seconds since boot up to which the kernel's log was cleared."""
        self._is_kernel = _KERNEL_FILE.search(path) is not None
        self._is_server = "/Xorg." in path
        """Its lines look as the kernel's do."""
        self._name = _name_of(path)

    def event(self, line: str, origin: Origin) -> Event:
        """The event of a line."""
        if line.startswith("{") and (event := self._json(line, origin)):
            return event
        if "msg=audit(" in line and (audit := _AUDIT.match(line)):
            return Event(line, origin, float(audit[1]), CERTAIN, "audit")
        if boot := _SINCE_BOOT.match(line):
            time, certainty = self._clock.since_boot(float(boot[1]))
            who = self._name if self._is_server else "kernel"
            return Event(line[boot.end() :], origin, time, certainty or UNKNOWN, who, acknowledged=float(boot[1]) < self._acknowledged)
        return self._plain(line, origin)

    def _plain(self, line: str, origin: Origin) -> Event:
        """The event of a line that begins with a date, or has none."""
        if self._clock.is_asked and (asked := self._clock.asked(line))[0]:
            return Event(line, origin, *asked, self._name)
        time, certainty, end = self._clock.read(line[:LONGEST], origin.line)
        if not time and "/" in line and (asked := self._clock.asked(line))[0]:
            return Event(line, origin, *asked, self._name)
        rest = line[end:]
        if self._is_kernel and line.startswith("["):
            return Event(rest.lstrip(), origin, time, certainty or UNKNOWN, "kernel")
        if line.startswith("<") and (head := _PRIORITY.match(line)):
            return self._prioritised(rest, origin, (time, certainty or UNKNOWN), head)
        if "A" <= line[:1] <= "Z" and _KLOG.match(line):
            return Event(rest.strip(), origin, time, certainty or UNKNOWN, self._name, _CLASSES[line[0]])
        is_syslog = not line[:1].isdigit() or line[10:11] == "T"
        return self._said(rest, origin, (time, certainty or UNKNOWN), is_syslog=is_syslog)

    def _prioritised(self, rest: str, origin: Origin, when: tuple[float, str], head: re.Match[str]) -> Event:
        """A line that begins with syslog's priority, as `<34>` or, in its newer form, `<34>1 `."""
        priority = int(head[1]) & 7
        says = _SYSLOG5.match(rest) if head[2] else None
        if says:
            pid = int(says["pid"]) if says["pid"].isdecimal() and len(says["pid"]) < _DIGITS else 0
            return Event(rest[says.end() :].lstrip("\ufeff"), origin, *when, says["name"], priority, pid, says["host"])
        event = self._said(rest, origin, when, is_syslog=True)
        return Event(event.text, origin, event.time, event.certainty, event.facility, priority, event.pid, event.host)

    @property
    def newest(self) -> float:
        """When the log was last written, as far as that is known."""
        return self._clock.newest

    def when(self, line: str) -> float:
        """The time of a line alone; 0 where it has none."""
        if line.startswith("{") or "msg=audit(" in line:
            return self.event(line, _NOWHERE).time
        boot = _SINCE_BOOT.match(line)
        if boot:
            return self._clock.since_boot(float(boot[1]))[0]
        return self._clock.read(line[:LONGEST])[0] or self._clock.asked(line)[0]

    def _said(self, rest: str, origin: Origin, when: tuple[float, str], *, is_syslog: bool) -> Event:
        if cri := _CRI.match(rest):
            text = rest[cri.end() :]
            return Event(text, origin, *when, self._name)
        says = _SAYS.match(rest) if when[0] and is_syslog else None
        if not says or says["host"].lower() in LEVELS:
            return Event(rest.strip(), origin, *when, self._name)
        text = rest[says.end() :]
        if says["name"] == "kernel" and (boot := _SINCE_BOOT.match(text)):
            text = text[boot.end() :]
        name = says["name"].rpartition("/")[2] or says["name"]
        pid = int(says["pid"]) if says["pid"] and len(says["pid"]) < _DIGITS else 0
        return Event(text, origin, *when, name, LEVELS.get(says["level"]) if says["level"] else None, pid, says["host"])

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
        text = next((str(row[key]) for key in _TEXTS if row.get(key)), line) + _reason(row)
        stamp = next((row[key] for key in _STAMPS if row.get(key)), "")
        if isinstance(stamp, dict):  # MongoDB: {"t": {"$date": "…"}}
            stamp = next(iter(stamp.values()), "")
        time, certainty, _ = self._clock.read(str(stamp)[:LONGEST], origin.line)
        return Event(text.rstrip("\n"), origin, time, certainty or UNKNOWN, self._name, _rank(row))

    def _kmsg(self, row: dict[str, object], origin: Origin) -> Event | None:
        usec, prio = row.get("usec"), row.get("prio")
        if not isinstance(usec, int) or not isinstance(prio, int):
            return None
        seconds = usec / 1e6
        time, certainty = self._clock.since_boot(seconds)
        facility = "kernel" if prio >> 3 == 0 else "user"
        text = str(row.get("text") or "")
        cited = Origin(origin.path, origin.line, f"[{seconds:12.6f}] {text}"[:400], origin.at)
        return Event(text, cited, time, certainty or UNKNOWN, facility, prio & 7, acknowledged=seconds < self._acknowledged)


def _reason(row: dict[str, object]) -> str:
    """Why, where a line of JSON says that beside its message: `{"msg": "query failed", "error": "connection refused"}`; else ''."""
    said = next((key for key in _TEXTS if row.get(key)), "")
    reasons = [str(row[key]) for key in _REASONS if key != said and row.get(key)]
    return "".join(f": {reason[:_LONGEST_REASON]}" for reason in reasons) if said else ""


def _rank(row: dict[str, object]) -> int | None:
    """The severity that a line of JSON says, as a word or as bunyan's number."""
    said = next((row[key] for key in _LEVELS if row.get(key)), None)
    if isinstance(said, int | float):
        return int(said) if said < len(_NUMBERS) + 3 else next(rank for least, rank in _NUMBERS if said >= least)
    word = str(said or "")
    return LEVELS.get(word.lower(), _CLASSES.get(word))


def _name_of(path: str) -> str:
    """Who writes this file, as far as its name tells."""
    if container := _CONTAINER.search(path):
        return str(next(filter(None, container.groups())))
    folder, _, name = path.rpartition("/")
    stem = re.split(r"[.-](?:log|err|out|\d)", name, maxsplit=1)[0] or name
    above = folder.rpartition("/")[2]
    return above if stem in _ANYBODY and above not in {"log", "logs", ""} else stem


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
