"""Logs that are not rotated, grow too fast, or are lost."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, Undecided, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.filesystems import Filesystem, Mount, size
from diagbundle.analyse.facts.logkeeping import CoreFile, HostStart, JournalTrouble, LogFile, Rotated, RotationError, RotationRule
from diagbundle.analyse.facts.rooms import rooms

GB = 1 << 30
_DAY = 86_400


@rule("LOG001", "errors of logrotate", RotationError, About, uses=(LogFile,))
def rotation(said: Sequence[RotationError], about: Sequence[About], logs: Sequence[LogFile]) -> Iterator[Finding]:
    """Logrotate refuses or fails to rotate a log: it grows until the disk is full.

    Warning where logrotate says so on a trial run at the time of collection, or has said so within the last eight days (it runs
    daily or weekly); older words are a note. The most frequent reasons: the directory of the log is writable for a group or for
    all ("insecure permissions": set its mode to 755 or add a line `su USER GROUP` to the rule), a rule file with a wrong owner or
    mode, an error in a rule (all that comes behind it in this file is then left out), a full disk.
    A trial run without root proves nothing and is not judged.
    What to do: `logrotate --debug /etc/logrotate.conf` tells every reason without changing anything.
    """
    now = about[0].now
    if any(each.is_dry and "error switching euid" in each.text for each in said):
        said = [each for each in said if not each.is_dry]
        if not said:
            raise Undecided("logrotate's trial run was not made as root")
    for path, words in _by_path(said).items():
        dry = [each for each in words if each.is_dry]
        last = max((each.time for each in words), default=0.0)
        is_now = bool(dry) or not last or not now or now - last < 8 * _DAY
        chosen = (dry or words[-1:])[0]
        more = len({each.path for each in (dry or words)}) - 1
        own = next((each for each in latest(logs) if path and fnmatch.fnmatchcase(each.path, path)), None)
        grown = f" ({size(own.bytes)})" if own and own.bytes > 1 << 20 else ""
        cited = [each.origin for each in (words if len(words) < 3 else [words[0], words[-1]])]
        yield Finding(
            Severity.WARNING if is_now else Severity.NOTE,
            f"logrotate does not rotate {path or 'all logs'}{grown}{f' and {more} more' if more > 0 else ''}: {chosen.text[:160]}",
            (*cited, *([own.origin] if own and grown else [])),
            _advice(chosen.text),
            subject=path or "logrotate",
            latest=last,
        )


def _by_path(said: Sequence[RotationError]) -> dict[str, list[RotationError]]:
    """One for each log; where a directory is the reason its logs are one."""
    found: dict[str, list[RotationError]] = {}
    for each in said:
        folder = each.path.rpartition("/")[0]
        key = next((known for known in found if known and folder and known.rpartition("/")[0] == folder), each.path)
        found.setdefault(key, []).append(each)
    # what names no log ("found error in file x, skipping") is told only where nothing else is
    return found if len(found) == 1 else {path: words for path, words in found.items() if path} or found


def _advice(text: str) -> str:
    if "insecure permissions" in text:
        return (
            "Take the write permission for group and others from the log's directory "
            "(`chmod 755`), or add `su USER GROUP` to its rule in /etc/logrotate.d"
        )
    if "writable by group or others" in text or "bad file mode" in text or "not owned by root" in text:
        return "The rule's own file must belong to root and be writable for root alone: `chown root: FILE; chmod 644 FILE`"
    return "`logrotate --debug /etc/logrotate.conf` tells the reason without changing anything; mend the rule it names"


@rule("LOG002", "when logs were rotated last", Rotated, About, uses=(LogFile,), absent="logrotate keeps no notes on this host")
def stale(rotated: Sequence[Rotated], about: Sequence[About], logs: Sequence[LogFile]) -> Iterator[Finding]:
    """Logrotate notes when it looked at each log last. Where its newest note is old it does not run any more.

    Warning where the newest note is more than 9 days older than the collection, the host has been up for that time and logs
    exist that were written since; a note where the host was off meanwhile.
    What to do: `systemctl status logrotate.timer` (or cron: /etc/cron.daily/logrotate, and whether crond runs), then
    `logrotate --debug /etc/logrotate.conf`.
    """
    newest = max(latest(rotated), key=lambda each: each.time, default=None)
    now, up = about[0].now, about[0].uptime
    if newest is None or not now or now - newest.time < 9 * _DAY:
        return
    written = [each for each in latest(logs) if each.changed > newest.time + 2 * _DAY]
    severity = Severity.WARNING if written and up > 3 * _DAY else Severity.NOTE
    yield Finding(
        severity,
        f"logrotate has not run for {(now - newest.time) / _DAY:.0f} days",
        (newest.origin, *(each.origin for each in written[:2])),
        "See `systemctl status logrotate.timer`, or cron and /etc/cron.daily/logrotate",
        f"The newest of its notes is about {newest.path}.",
        "logrotate",
    )


_KEPT_BY_OTHERS = ("/lastlog", "/wtmp", "/btmp", "/faillog", "/tallylog", ".journal", "/journal/")


@rule("LOG003", "very large logs", LogFile, uses=(RotationRule, Filesystem, Mount))
def large(
    logs: Sequence[LogFile], rules: Sequence[RotationRule], filesystems: Sequence[Filesystem], mounts: Sequence[Mount]
) -> Iterator[Finding]:
    """A single log of more than 1 GB is hard to read and a sign that its rotation is missing or does not keep up.

    A note from 1 GB on; warning where it takes a quarter of its file system or where it has more than 10 GB and its file system
    is 80 % full. Sparse files (lastlog) count with what they take on disk; the journal and wtmp have keepers of their own.
    What to do: give it a rule in /etc/logrotate.d with `size`, or see why its rule does not work (LOG001).
    """
    every = rooms(latest(filesystems), latest(mounts))
    points = {point for room in every for point in room.mounts}
    big = sorted(
        (each for each in latest(logs) if each.allocated >= GB and not any(word in each.path for word in _KEPT_BY_OTHERS)),
        key=lambda each: -each.allocated,
    )
    for each in big[:5]:
        room = next((one for one in every if one.holds(each.path, points)), None)
        share = each.allocated / room.main.bytes if room and room.main.bytes else 0.0
        heavy = share >= 0.25 or (each.allocated >= 10 * GB and room is not None and room.main.share >= 0.8)
        rotated = next((one for one in rules if fnmatch.fnmatchcase(each.path, one.pattern)), None)
        how = "a rule of logrotate is for it" if rotated else "no rule of logrotate is for it"
        yield Finding(
            Severity.WARNING if heavy else Severity.NOTE,
            f"the log {each.path} has {size(each.allocated)}: {how}{f', {share:.0%} of {room.main.mount}' if room and heavy else ''}",
            (each.origin, *([rotated.origin] if rotated else [])),
            "See why its rotation does not keep up" if rotated else "Give it a rule in /etc/logrotate.d with a limit of its size",
            subject=each.path,
        )


@rule("LOG004", "logs that grow fast", LogFile, uses=(Filesystem, Mount))
def growing(logs: Sequence[LogFile], filesystems: Sequence[Filesystem], mounts: Sequence[Mount]) -> Iterator[Finding]:
    """A log that grows by megabytes a second says one thing over and over, and fills its disk soon.

    Judged by its size at the two readings. Critical where its file system is full within an hour at this rate, warning where
    within a day or from 1 MB a second, a note from 200 KB a second.
    What to do: read its last lines: what is said again and again is the fault; then rotate it, or turn the level of the log down.
    """
    every = rooms(latest(filesystems), latest(mounts))
    points = {point for room in every for point in room.mounts}
    for first, last in pairs(logs, "path"):
        seconds = seconds_between(first, last)
        rate = (last.bytes - first.bytes) / seconds if seconds >= 3 and first.inode == last.inode else 0.0
        if rate < 200_000 or "/journal/" in last.path:
            continue
        room = next((one for one in every if one.holds(last.path, points)), None)
        left = (room.main.bytes_available or 0) / rate if room and room.main.bytes_available is not None else float("inf")
        severity = Severity.CRITICAL if left < 3600 else Severity.WARNING if left < _DAY or rate >= 1e6 else Severity.NOTE
        until = f"; {room.main.mount} is full in {_time(left)}" if room and left < 7 * _DAY else ""
        yield Finding(
            severity,
            f"the log {last.path} grows by {size(rate)} a second ({size(last.bytes)} now){until}",
            (first.origin, last.origin),
            "Read its last lines: what is said again and again is the fault",
            subject=last.path,
        )


@rule("LOG008", "programs that go on writing into a rotated log", LogFile)
def left_behind(logs: Sequence[LogFile]) -> Iterator[Finding]:
    """After a rotation a program must open its log anew; if it was not told to, it goes on writing into the old file (`….log.1`).

    Warning where such a file grew between the two readings while the log itself did not. What is said then is not where everybody
    looks for it, and is compressed or deleted with the next rotation.
    What to do: a `postrotate` that tells the program (mostly SIGHUP or `systemctl reload`), or `copytruncate`.
    """
    grown = {last.path: (first, last) for first, last in pairs(logs, "path") if first.inode == last.inode and last.bytes > first.bytes}
    known = {each.path: each for each in latest(logs)}
    for path, (first, last) in grown.items():
        log = path.removesuffix(".1")
        if path.endswith(".1") and log in known and log not in grown and known[log].inode != last.inode:
            yield Finding(
                Severity.WARNING,
                f"a program still writes into the rotated log {path}: "
                f"{size(last.bytes - first.bytes)} in {seconds_between(first, last):.0f} s",
                (first.origin, last.origin, known[log].origin),
                "Tell it to open its log anew (mostly SIGHUP or a reload), and add that as `postrotate` to its rule of logrotate",
                subject=log,
            )


def _time(seconds: float) -> str:
    return (
        f"{seconds / 60:.0f} minutes"
        if seconds < 7200
        else f"{seconds / 3600:.0f} hours"
        if seconds < 2 * _DAY
        else f"{seconds / _DAY:.0f} days"
    )


_STARTING = 300
"""Seconds after the start of the host in which journald finds what a crash left behind."""


@rule("LOG006", "the journal's files", JournalTrouble, About, uses=(HostStart,))
def journal(said: Sequence[JournalTrouble], about: Sequence[About], starts: Sequence[HostStart]) -> Iterator[Finding]:
    """The journal: journald found one of its files damaged and put it aside (its name then ends in ~), or cannot write: messages are lost.

    Warning where it did so while the host ran, within the last week, or where `journalctl` cannot read a file now. Within five
    minutes after the start of the host (or of systemd, in a container) it only tells that it was not shut down before (power,
    reset, crash), and has mended itself: a note.
    What to do: `journalctl --verify` names the files; look at the disk and whether it was full.
    """
    now = about[0].now
    booted = [each for each in (about[0].booted, *(one.time for one in starts)) if each]
    crash = [
        each
        for each in said
        if each.is_unclean and (not booted or not each.time or any(-60 <= each.time - start <= _STARTING for start in booted))
    ]
    bad = [each for each in said if each not in crash]
    for told, severity, what in (
        (bad, Severity.WARNING, "the journal has a damaged file"),
        (crash, Severity.NOTE, "a file of the journal was not closed when the host last went down"),
    ):
        words = sorted(told, key=lambda each: each.time)
        if not words:
            continue
        last = words[-1]
        is_old = bool(now and last.time and now - last.time > 7 * _DAY)
        files = len({each.path for each in words})
        yield Finding(
            Severity.NOTE if is_old else severity,
            f"{what}: {last.path or last.text[:120]}{f' and {files - 1} more' if files > 1 else ''}",
            tuple(each.origin for each in ([words[0]] if len(words) > 1 else []) + [last]),
            "`journalctl --verify` names the files; look at the disk below and whether it was full"
            if told is not crash
            else "See why the host went down",
            last.text,
            "journal",
            since=words[0].time,
            latest=last.time,
        )


@rule("LOG007", "memory of crashed processes (core dumps) on disk", CoreFile, uses=(Filesystem, Mount))
def cores(found: Sequence[CoreFile], filesystems: Sequence[Filesystem], mounts: Sequence[Mount]) -> Iterator[Finding]:
    """A core dump is as large as the memory of the process that crashed; a program that crashes again and again fills the disk.

    A note from 1 GB in all; warning where they take a tenth of a file system that is 90 % full.
    What to do: find out why the program crashes (`coredumpctl list`), keep the newest and remove the others; limit them in
    /etc/systemd/coredump.conf (MaxUse=).
    """
    every = rooms(latest(filesystems), latest(mounts))
    points = {point for room in every for point in room.mounts}
    total = sum(each.bytes for each in found)
    if total < GB:
        return
    largest = sorted(found, key=lambda each: -each.bytes)
    room = next((one for one in every if one.holds(largest[0].path, points)), None)
    heavy = room is not None and room.main.share >= 0.9 and total >= 0.1 * (room.main.bytes or 1)
    yield Finding(
        Severity.WARNING if heavy else Severity.NOTE,
        f"{len(found)} core dumps take {size(total)}, the largest is {largest[0].path} ({size(largest[0].bytes)})",
        tuple(each.origin for each in largest[:3]),
        "See why the program crashes (`coredumpctl list`); keep the newest, remove the others",
        subject=largest[0].path.rpartition("/")[0],
    )
