"""Boots with and without a shutdown before them, crash dumps, kernels, and steps of the clock between two readings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from diagbundle.analyse.api import Document, Event, Origin, log_parser, parser
from diagbundle.analyse.facts.change import CLOCK, CRASH, KERNEL, REBOOT, Change, Clocks

HOST, THE_CLOCK = "the host", "the clock"
_LAST = re.compile(
    r"(?:s(?:oft)?-)?(reboot|shutdown)\s+system (?:boot|down)\s+(\S+)\s+([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d(?::\d\d \d{4})?)"
)
_BOOT = re.compile(r"\s*-?\d+ [0-9a-f]{32} [A-Z][a-z]{2} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)( UTC| GMT)?")


@dataclass(frozen=True)
class _Mark:
    """A boot or a shutdown."""

    time: float
    kernel: str
    origin: Origin
    is_boot: bool


@parser(Change, "diagbundle/tables/wtmp*")
def wtmp(doc: Document) -> Iterator[Change]:
    """Each boot, and whether a shutdown was recorded before it. The first record of a file tells nothing of what was before."""
    marks, seen = [], False
    for row in doc.rows:
        kind, user, time = row.text("type"), row.text("user"), row.number("time")
        if kind == "boot" and time:
            marks.append(_Mark(time, row.text("host"), row.origin, is_boot=True))
        elif user == "shutdown" and time:
            marks.append(_Mark(time, "", row.origin, is_boot=False))
        elif not marks and kind in {"user", "dead"}:
            seen = True
    yield from _boots(marks, is_up=seen, certainty="certain")


@parser(Change, "last", "sos_commands/login/last*", "sos_commands/last/last*")
def last(doc: Document) -> Iterator[Change]:
    """What `last` or `wtmpdb last` says of boots. Without -F it says no year: the last before it was asked.

    Only with -x, or of old versions, it names shutdowns; where it names none, it cannot tell whether there was one before a boot.
    """
    marks = []
    for line in reversed(doc.lines):
        found = _LAST.match(line)
        time, certainty, _ = doc.clock.read(found[3] if found[3].count(":") > 1 else f"{found[3]}:00") if found else (0.0, "", 0)
        if found and time:
            kernel = found[2] if re.match(r"\d+\.\d+\.\d+(?![.\d])", found[2]) else ""  # with -i an address may stand there
            marks.append((_Mark(time, kernel, line.origin, is_boot=found[1] == "reboot"), certainty))
    # wtmpdb tells a shutdown with the boot that it ended, that is, in another order than `last`
    ordered = sorted((mark for mark, _ in marks), key=lambda mark: (mark.time, mark.is_boot))
    knows = any(not mark.is_boot for mark in ordered)
    yield from _boots(ordered, is_up=False, certainty=marks[0][1] if marks else "", knows=knows)


def _boots(marks: Iterable[_Mark], *, is_up: bool, certainty: str, knows: bool = True) -> Iterator[Change]:
    """A boot after a boot, without a shutdown between them, is the trace of a crash, a reset or a loss of power."""
    kernel = ""
    for mark in marks:
        if mark.is_boot:
            action = "started without having been shut down before" if is_up else "rebooted"
            yield Change(mark.time, CRASH if is_up else REBOOT, HOST, action, kernel, mark.kernel, certainty=certainty, origin=mark.origin)
            kernel = mark.kernel or kernel
        is_up = mark.is_boot and knows


@parser(Change, "sos_commands/logs/journalctl_--no-pager_--list-boots", "sos_commands/logs/journalctl_--list-boots")
def boots(doc: Document) -> Iterator[Change]:
    """Boots of which the journal still holds anything."""
    for line in doc.lines:
        found = _BOOT.match(line)
        time, certainty, _ = doc.clock.read(found[1] + (found[2] or "")) if found else (0.0, "", 0)
        if time:
            yield Change(time, REBOOT, HOST, "rebooted", certainty=certainty, origin=line.origin)


@parser(Change, "var/crash/*/vmcore-dmesg*.txt", "var/crash/*/dmesg*", "var/lib/systemd/pstore/**", "sys/fs/pstore/dmesg-*")
def dumps(doc: Document) -> Iterator[Change]:
    """What the kernel left when it died."""
    if doc.entry.mtime:
        yield Change(
            doc.entry.mtime, CRASH, HOST, "stopped by its kernel", "", f"which left {doc.path}", origin=doc.origin(0, "the file's date")
        )


@parser(Change, "diagbundle/tables/kernels")
def kernels(doc: Document) -> Iterator[Change]:
    """Kernels that are installed, and since when."""
    for row in doc.rows:
        if row.number("mtime") and row.text("kernel"):
            yield Change(row.number("mtime"), KERNEL, f"kernel {row.text('kernel')}", "installed", "", "", origin=row.origin)


@parser(Clocks, "diagbundle/tables/clocks")
def clocks(doc: Document) -> Iterator[Clocks]:
    """All clocks of the host, at both ends of the collection."""
    for row in doc.rows:
        if row.number("wall") and row.number("boottime"):
            yield Clocks(row.number("wall") / 1e9, row.number("boottime") / 1e9, origin=row.origin)


_LEAST = 1.0
"""Seconds; a smaller step is how a clock is kept right."""
_STEPS = (
    (re.compile(r"System clock was stepped by (-?[\d.]+) seconds"), "by {0} s"),
    (re.compile(r"(Forward|Backward) time jump detected"), "({0} jump)"),
    (re.compile(r"time reset ([+-]?[\d.]+) s"), "by {0} s"),
    (re.compile(r"step time server \S+ offset ([+-]?[\d.]+)"), "by {0} s"),
    (re.compile(r"\A(?:.*: )?Time has been changed"), ""),
    (re.compile(r"Time jumped backwards"), "backwards"),
    (re.compile(r"Clock change detected\. Flushing caches"), ""),
    (re.compile(r"clock_step|CLOCK: time stepped by ([+-]?[\d.]+)"), "by {0} s"),
)


@log_parser(
    Change, "clock was stepped by", "time jump detected", "time reset ", "step time server", "time has been changed", "jumped backwards",
    "clock change detected", "time stepped by",
)  # fmt: skip
def clock_steps(event: Event) -> Iterator[Change]:
    """What chronyd, ntpd, systemd and others say when the clock was set."""
    for pattern, new in _STEPS:
        if event.time and (found := pattern.search(event.text)):
            words = [word.lower() for word in found.groups("")]
            if words and _is_small(words[0]):
                return
            yield Change(
                event.time,
                CLOCK,
                THE_CLOCK,
                "stepped",
                "",
                new.format(*words) if words else new,
                event.facility,
                event.certainty,
                origin=event.origin,
            )
            return


def _is_small(step: str) -> bool:
    try:
        return abs(float(step)) < _LEAST
    except ValueError:
        return False
