"""Disks that fail, do not answer, or are slow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, Undecided, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.disks import DiskCounters, DiskState, DiskTrouble, ErrorCounter, Path, Smart
from diagbundle.analyse.facts.filesystems import Mount, Names, Places
from diagbundle.analyse.facts.spoken import clock, often
from diagbundle.analyse.facts.system import Process
from diagbundle.analyse.facts.troubles import by_age, devices_of, since_mounted, whole
from diagbundle.analyse.facts.unanswered import Unanswered

_DAY = 86_400
_WHOLE_BUS = re.compile(r"(?i)(?:host|bus|controller|adapter) reset|SCSI hang|FW in FAULT|lockup detected")
"""The last step of the kernel before it gives up: all disks behind it stand still."""
_COMES_AND_GOES = re.compile(r"(?:loop|nbd|zram|ram|fd|sr)\d")
"""Devices whose errors while they are taken off are no fault."""


@rule("DSK001", "input/output errors of disks", DiskTrouble, About, uses=(Mount, DiskCounters, Names, Path))
def io_errors(
    said: Sequence[DiskTrouble],
    about: Sequence[About],
    mounts: Sequence[Mount],
    counters: Sequence[DiskCounters],
    names: Sequence[Names],
    paths: Sequence[Path],
) -> Iterator[Finding]:
    """The kernel could not read or write blocks of a disk: data is lost or cannot be had, and programs get "Input/output error".

    Critical within the last day, warning within the last week, older ones are a note. Empty drives, floppies, requests that a
    disk need not know (discard) and loop or network block devices that are not mounted are left out; so are errors from before
    a device was mounted last. A single path of multipath is only a note: the others carry on.
    What to do: save the data, look at the disk itself (`smartctl -a`, the RAID controller's tool, of a virtual machine the
    storage of its host), and replace it where errors grow.
    """
    where = Places.of_facts(mounts, counters, names)
    known = {each.name for each in counters}
    ways = {each.device for each in paths}
    for device, words in devices_of(said, ("io",)).items():
        points = where.of(device)
        if _COMES_AND_GOES.match(device) and not points:
            continue
        here = since_mounted(words) if _COMES_AND_GOES.match(device) else words
        told = [each for each in here if each.kind == "io"]
        if not told:
            continue
        severity = by_age(told, about[0].now, few=len(told) < 2)
        if device in ways or (known and device not in known and not points):
            severity = Severity.NOTE
        yield _told(
            severity,
            f"the disk {device}{_at(points)} gives input/output errors",
            told,
            points[0] if points else device,
            (
                f"Save what is on {device}, then look at the disk itself (`smartctl -a "
                f"/dev/{device}`, the controller, of a virtual machine the storage of its host)."
            ),
        )


@rule("DSK002", "disks and controllers that do not answer in time", DiskTrouble, About, uses=(Mount, DiskCounters, Names))
def resets(
    said: Sequence[DiskTrouble], about: Sequence[About], mounts: Sequence[Mount], counters: Sequence[DiskCounters], names: Sequence[Names]
) -> Iterator[Finding]:
    """The kernel waited for a disk in vain, reset it, its link or its controller, or gave it up.

    Given up (offline, disabled, removed): critical within the last day. Resets and timeouts: warning from the second within a
    day (of a whole bus or controller from the first), one alone and older ones are a note. While it lasts everything that uses the
    disk waits, often 30 s and more.
    What to do: cables, backplane, power and firmware of the disk and its controller; of a virtual machine the load and the paths
    of the storage of its host; of a SAN the switch.
    """
    where = Places.of_facts(mounts, counters, names)
    for device, words in _by_controller(devices_of(said, ("gone", "reset"))).items():
        gone = [each for each in words if each.kind == "gone"]
        told = [*{each.origin: each for each in words if each.kind in ("reset", "gone")}.values()]
        recent = [each for each in told if not each.time or not about[0].now or about[0].now - each.time < _DAY]
        is_all = any(_WHOLE_BUS.search(each.text) for each in recent)
        severity = by_age(gone, about[0].now) if gone else Severity.WARNING if len(recent) > 1 or is_all else Severity.NOTE
        points = where.of(device) or [point for name in sorted({whole(each.device) for each in words}) for point in where.of(name)]
        what = "was given up by the kernel" if gone else "does not answer in time and is reset"
        yield _told(
            severity,
            f"{device}{_at(points)} {what}",
            told,
            points[0] if points else device,
            "Look at cables, power and firmware of the disk and its controller, or at the storage of the virtual machine's host.",
        )


def _by_controller(found: dict[str, list[DiskTrouble]]) -> dict[str, list[DiskTrouble]]:
    """What was said of a disk of NVMe with what was said of its controller, where both were named."""
    together: dict[str, list[DiskTrouble]] = {}
    for device, words in found.items():
        controller = re.sub(r"(nvme\d+)n\d+", r"\1", device)
        together.setdefault(controller if controller in found else device, []).extend(words)
    return together


def _at(points: Sequence[str]) -> str:
    return f" ({', '.join(points[:3])}{' …' if len(points) > 3 else ''})" if points else ""


def _told(severity: Severity, what: str, said: Sequence[DiskTrouble], subject: str, advice: str) -> Finding:
    said = sorted(said, key=lambda each: each.time)
    times = [each.time for each in said if each.time]
    cited = said if len(said) < 4 else [said[0], *said[-2:]]
    last = f", last at {clock(times[-1])}" if times else ""
    return Finding(
        severity,
        f"{what}: {often(len(said))}{last}",
        tuple(each.origin for each in cited),
        advice,
        f"The kernel said: {said[-1].text}",
        subject,
        since=times[0] if times else 0.0,
        latest=times[-1] if times else 0.0,
    )


_BITS = {
    1: "its spare blocks run out",
    2: "it is too hot or too cold",
    4: "it is no longer reliable",
    8: "it takes no more writes",
    16: "its memory backup has failed",
    32: "its persistent memory is read-only",
}


@rule("DSK003", "what disks say of their own health (SMART)", About, uses=(DiskCounters, Smart, Unanswered))
def health(
    _: Sequence[About], counters: Sequence[DiskCounters], found: Sequence[Smart], unanswered: Sequence[Unanswered]
) -> Iterator[Finding]:
    """Disks and SSDs watch themselves. Where one says that it fails, it does.

    Critical: it has not passed its own assessment, an attribute is below its threshold now, or an NVMe drive warns (its
    critical_warning is not 0; heat alone is a warning). Warning: its life is used up (100 % of what it was made for), spare
    blocks are below their threshold, or 100 and more sectors cannot be read. Fewer sectors (attributes 5, 197, 198) are a note:
    watch whether they grow.
    What to do: copy the data, replace the disk. In an array replace it before a second one fails.
    """
    disks = sorted({each.name for each in counters if re.fullmatch(r"(?:sd|hd)[a-z]+|nvme\d+n\d+", each.name)})
    if not found and (disks or not counters):
        why = next(
            (each.reason or each.outcome for each in unanswered if each.source.startswith(("smartctl", "nvme"))),
            "smartctl is not installed, or the disks tell nothing",
        )
        raise Undecided(f"of {', '.join(disks[:4]) or 'the disks'} nothing could be had: {why}")
    done = set[str]()
    for each in sorted(latest(found), key=lambda one: "smartctl_-j" not in one.origin.path):
        severity, what = _ill(each)
        name = each.device.removeprefix("/dev/")
        if severity and name not in done:
            done.add(name)
            yield Finding(
                severity,
                f"the disk {name}{f' ({each.model})' if each.model else ''} {what}",
                (each.origin,),
                "Copy what is on it and replace it"
                if severity is not Severity.NOTE
                else "Watch whether this number grows; if it does, replace the disk",
                subject=name,
            )


def _ill(each: Smart) -> tuple[Severity | None, str]:  # noqa: PLR0911  # one answer for each thing that a disk says
    bits = [words for bit, words in _BITS.items() if each.warning & bit]
    if each.passed is False and not bits:
        return Severity.CRITICAL, f"says that it fails{f': {chr(44).join(each.failing)}' if each.failing else ''}"
    if bits:
        return Severity.WARNING if each.warning == 2 else Severity.CRITICAL, f"warns: {', '.join(bits)}"
    if each.failing:
        return Severity.CRITICAL, f"has attributes below their threshold: {', '.join(each.failing)}"
    if each.wear is not None and each.wear >= 100:
        return Severity.WARNING, f"has used up its life: {each.wear} % of what it was made for"
    if each.spare is not None and each.spare_least is not None and each.spare < each.spare_least:
        return Severity.WARNING, f"has few spare blocks left: {each.spare} %, its threshold is {each.spare_least} %"
    bad = max(each.pending, each.uncorrectable)
    if bad or each.reallocated or each.media_errors:
        counts = {"sectors that cannot be read": bad, "reallocated sectors": each.reallocated, "media errors": each.media_errors}
        words = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        return Severity.WARNING if bad >= 100 else Severity.NOTE, f"has {words}"
    return None, ""


_WELL = {
    "disk": {"running", "live", "", "quiesce", "created"},
    "NVMe controller": {"live", "new", ""},
    "iSCSI session": {"LOGGED_IN", ""},
}


@rule("DSK009", "states of disks, controllers and sessions", DiskState, uses=(Path,), absent="no disk tells its state")
def states(found: Sequence[DiskState], paths: Sequence[Path]) -> Iterator[Finding]:
    """What the kernel thinks of a disk (`running`), an NVMe controller (`live`) and an iSCSI session (`LOGGED_IN`).

    Anything else means that it cannot be used now: `offline` and `blocked` disks, controllers that reset, connect or are dead,
    sessions that have failed. Critical: what lies on it cannot be read or written. A path of multipath is told by DSK006.
    What to do: find out why in the kernel's log; a disk that is well again takes `echo running > /sys/block/NAME/device/state`.
    """
    ways = {each.device for each in paths}
    for each in latest(found):
        if each.kind == "disk" and (each.name in ways or each.name.startswith("nvme")):
            continue
        if each.state not in _WELL[each.kind]:
            yield Finding(
                Severity.CRITICAL,
                f"the {each.kind} {each.name} is {each.state.lower()}: it cannot be used",
                (each.origin,),
                f"See why in the kernel's log (search for {each.name}), and whether its cable, path or server is well",
                subject=each.name,
            )


@rule("DSK010", "disks that are slow or stuck", DiskCounters, uses=(Mount, Names, Process))
def slow(
    counters: Sequence[DiskCounters], mounts: Sequence[Mount], names: Sequence[Names], processes: Sequence[Process]
) -> Iterator[Finding]:
    """How long requests took between the two readings, and whether any came to an end.

    Critical: requests are waiting and not one came to an end, while a process waits for a disk (state D). Warning: a request
    took more than 500 ms on average (10 or more requests); from 100 ms (50 or more) a note: a disk that spins and is busy does
    that. Partitions are not judged besides their disk.
    What to do: `iostat -x 1` and `pidstat -d 1` name who keeps it busy; then the disk, its controller, or the storage of the
    virtual machine's host, and whether a backup or a rebuild of an array runs.
    """
    where = Places.of_facts(mounts, counters, names)
    waits = [each for each in processes if each.state == "D" and not each.is_start]
    known = {each.name for each in counters}
    for first, last in pairs(counters, "name"):
        seconds, done = seconds_between(first, last), last.done - first.done
        if seconds < 3 or done < 0 or _whole(last.name, known) != last.name or last.name.startswith(("zram", "ram")):
            continue
        points, origins = where.of(last.name), (first.origin, last.origin)
        subject = points[0] if points else last.name
        if done == 0 and first.in_flight and last.in_flight and waits:
            yield Finding(
                Severity.CRITICAL,
                f"the disk {last.name}{_at(points)} is stuck: {last.in_flight} requests wait and none came to an end in {seconds:.0f} s",
                (*origins, waits[0].origin),
                "See the kernel's log for this disk, and its controller, path or server",
                f"{waits[0].label} and {len(waits) - 1} more wait in state D.",
                subject,
            )
            continue
        took = (last.read_ms + last.write_ms - first.read_ms - first.write_ms) / done if done else 0.0
        busy = (last.busy_ms - first.busy_ms) / 10 / seconds
        severity = Severity.WARNING if took >= 500 and done >= 10 else Severity.NOTE if took >= 100 and done >= 50 else None
        if severity:
            yield Finding(
                severity,
                f"the disk {last.name}{_at(points)} is slow: {took:,.0f} ms for a request, "
                f"{done:,} in {seconds:.0f} s, busy {min(100, busy):.0f} % of the time",
                origins,
                "See who keeps it busy (`iostat -x 1`, `pidstat -d 1`), then the disk or the storage below it",
                subject=subject,
            )


def _whole(name: str, known: set[str]) -> str:
    base = re.sub(r"(?<=\d)p\d+\Z|(?<=[a-z])\d+\Z", "", name)
    return base if base in known else name


@rule("DSK011", "timeouts that disks count", ErrorCounter, absent="no disk counts timeouts")
def counted(found: Sequence[ErrorCounter]) -> Iterator[Finding]:
    """SCSI and SATA disks count requests that ran into a timeout. Between the two readings the count should stand still.

    Warning where it grew; the count since boot accuses nobody, and CD drives without a disc do that. (Failed requests are counted, too,
    but many of those are questions that a disk does not know.)
    What to do: see the kernel's log for the disk; then cable, controller and storage.
    """
    for first, last in pairs(found, lambda each: (each.name, each.what)):
        if last.what == "timeouts" and last.count > first.count and not last.name.startswith("sr"):
            yield Finding(
                Severity.WARNING,
                f"requests to the disk {last.name} time out: {last.count - first.count} in {seconds_between(first, last):.0f} s",
                (first.origin, last.origin),
                "See the kernel's log for this disk; then cable, controller and storage",
                subject=last.name,
            )
