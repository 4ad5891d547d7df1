"""File systems that found themselves damaged, and those that are frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from diagbundle.analyse.api import About, Finding, Severity, Undecided, latest, rule
from diagbundle.analyse.facts.disks import DiskCounters, DiskTrouble
from diagbundle.analyse.facts.filesystems import ErrorCount, Mount, Names, Places
from diagbundle.analyse.facts.system import Process
from diagbundle.analyse.facts.troubles import by_age, since_mounted, whole

_DAY = 86_400


@rule("FSY010", "errors that file systems found in themselves", About, uses=(Mount, DiskTrouble, ErrorCount, DiskCounters, Names))
def damaged(
    about: Sequence[About],
    mounts: Sequence[Mount],
    said: Sequence[DiskTrouble],
    noted: Sequence[ErrorCount],
    counters: Sequence[DiskCounters],
    names: Sequence[Names],
) -> Iterator[Finding]:
    """A file system met something that cannot be (damaged metadata, a checksum that does not match) or could not write its journal.

    Told by the kernel (EXT4-fs error, XFS corruption, BTRFS csum failed, F2FS, …) and, of ext4, by the count of errors that the
    file system keeps in its own superblock with the time of the first and of the last. Critical within the last day, warning
    within a week, older ones are a note: the count stays until somebody checks the file system. Where the disk below gives
    input/output errors at the same time those are the cause. One that was made read-only is told by FSY006.
    What to do: save the data, look at the disk, unmount and check: `fsck -f`, `xfs_repair`, `btrfs scrub`.
    """
    if not (mounts or said or noted):
        raise Undecided("neither a log of the kernel nor what the file systems count was collected")
    where, now = Places.of_facts(mounts, counters, names), about[0].now
    words: dict[str, list[DiskTrouble]] = {}
    for each in said:
        words.setdefault(each.device, []).append(each)
    counts = _together(latest(noted))
    for device in sorted({*(name for name in words if name), *counts}):
        here = since_mounted(words.get(device, []))
        broken, count = [each for each in here if each.kind == "fs"], counts.get(device)
        points = where.of(device)
        if any(each.kind == "readonly" for each in here) and points:
            continue
        if broken or (count and count.count):
            failing = [each for name, those in words.items() if whole(name) == whole(device) for each in those if each.kind == "io"]
            yield _damaged(
                device,
                points,
                broken,
                count,
                now,
                is_disk=bool(failing) and bool(broken) and abs(failing[-1].time - broken[-1].time) < _DAY,
            )


def _together(noted: Sequence[ErrorCount]) -> dict[str, ErrorCount]:
    """One for each device, from the files that tell a part each."""
    found: dict[str, ErrorCount] = {}
    for each in noted:
        before = found.get(each.device, each)
        origin = each.origin if each.count else before.origin
        found[each.device] = replace(
            before,
            count=before.count or each.count,
            first=before.first or each.first,
            last=before.last or each.last,
            where=before.where or each.where,
            origin=origin,
        )
    return found


def _damaged(
    device: str, points: Sequence[str], broken: Sequence[DiskTrouble], count: ErrorCount | None, now: float, *, is_disk: bool
) -> Finding:
    broken = sorted(broken, key=lambda each: each.time)
    last = max((broken[-1].time if broken else 0.0), count.last if count else 0.0)
    first = (count.first if count and count.first else 0.0) or (broken[0].time if broken else last)
    where = count.origin if count else broken[0].origin
    severity = by_age([*broken, DiskTrouble("fs", device, "", last, origin=where)], now) if last else Severity.NOTE
    if not broken and severity is Severity.CRITICAL:
        severity = Severity.WARNING
    kind = next((each.filesystem.lower() for each in broken if each.filesystem), "ext4" if count else "a file system")
    number = max(count.count if count else 0, len(broken))
    ago = f", last at {datetime.fromtimestamp(last, UTC):%Y-%m-%d %H:%M} UTC" if last else ""
    cited = [each.origin for each in (broken if len(broken) < 4 else [broken[0], *broken[-2:]])]
    return Finding(
        severity,
        f"{kind} on {device}{f' ({points[0]})' if points else ''} has found {number:,} error{'s' if number != 1 else ''} in itself{ago}",
        (*([count.origin] if count and count.count else []), *cited),
        "Save what is on it, look at the disk below, then unmount it and check it (fsck -f, xfs_repair, btrfs scrub)",
        f"The kernel said: {broken[-1].text}"
        if broken
        else f"Noted in its superblock, last in {count.where or 'an unknown place'}; the count stays until it is checked."
        if count
        else "",
        points[0] if points else device,
        since=first,
        latest=last,
        symptom=is_disk,
    )


_FROZEN = ("sb_start_write", "mnt_want_write", "sb_start_pagefault", "__sb_start_write", "freeze_super", "vfs_write_frozen")


@rule("FSY012", "frozen file systems", Process)
def frozen(processes: Sequence[Process]) -> Iterator[Finding]:
    """A frozen file system takes no writes: whoever writes waits in state D until it is thawed.

    `fsfreeze`, `xfs_freeze`, snapshots of LVM, and agents of hypervisors and backups (qemu-guest-agent, VMware) freeze file
    systems for a moment. Found where processes wait in the kernel for a permission to write that only a freeze takes away;
    a backup that died half way leaves it so for ever.
    What to do: see whether a backup or snapshot is at work; `fsfreeze -u MOUNT` thaws, of all file systems SysRq `j`
    (`echo j > /proc/sysrq-trigger`).
    """
    if not any(each.stack or each.wchan for each in processes):
        if any(each.state == "D" for each in processes):
            raise Undecided("it is not known where in the kernel the processes in state D wait")
        return
    waiting = [each for each in latest(processes) if each.state == "D" and _waits_for_thaw(each)]
    if waiting:
        who = {each.pid: each for each in waiting}
        some = [*who.values()]
        yield Finding(
            Severity.WARNING,
            f"a file system is frozen: {some[0].label}{f' and {len(some) - 1} more' if len(some) > 1 else ''} "
            f"cannot write and wait{'s' if len(some) == 1 else ''} in state D",
            tuple(each.origin for each in some[:3]),
            "See whether a backup or a snapshot is at work; if not, `fsfreeze -u` on the mount that they write to lets them go on",
            f"Where they wait: {' < '.join(some[0].stack[:4]) or some[0].wchan}",
            subject=some[0].label,
        )


def _waits_for_thaw(each: Process) -> bool:
    top = each.stack[:4]
    waits = any(
        name in frame
        for frame in top[:2]
        for name in ("percpu_rwsem_wait", "percpu_down_read", "rwsem_down_read", "__sb_start_write", "schedule")
    )
    return waits and any(name in frame for frame in top for name in _FROZEN)
