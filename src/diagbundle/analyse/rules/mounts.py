"""Mounts: read-only ones, missing ones, dead ones, frozen ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from diagbundle.analyse.api import About, Finding, Origin, Severity, Undecided, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.disks import DiskCounters, DiskTrouble, RemoteTrouble
from diagbundle.analyse.facts.filesystems import (
    IMAGES,
    UNFILLED,
    BlockId,
    Filesystem,
    FstabEntry,
    Mount,
    Names,
    Places,
    RemoteOps,
    each_once,
)
from diagbundle.analyse.facts.troubles import since_mounted
from diagbundle.analyse.facts.unanswered import Unanswered

_BRIEF = 60.0
"""Seconds that a server may be away, as on a busy network."""
_DAY = 86_400
_BY_THE_SYSTEM = frozenset(
    [
        "proc",
        "sysfs",
        "devpts",
        "devtmpfs",
        "tmpfs",
        "securityfs",
        "cgroup",
        "cgroup2",
        "debugfs",
        "swap",
        "none",
        "ignore",
        "usbfs",
        "efivarfs",
        "configfs",
        "binfmt_misc",
    ]
)


@rule("FSY006", "file systems that became read-only", Mount, About, uses=(FstabEntry, DiskTrouble, DiskCounters, Names))
def readonly(
    mounts: Sequence[Mount],
    about: Sequence[About],
    fstab: Sequence[FstabEntry],
    said: Sequence[DiskTrouble],
    counters: Sequence[DiskCounters],
    names: Sequence[Names],
) -> Iterator[Finding]:
    """A file system takes no writes though it should: programs on it fail with "Read-only file system".

    The kernel makes a file system read-only (or shuts it down) when it finds damage or the disk fails. Found where it is mounted
    `ro` while /etc/fstab says otherwise, where the kernel said that it did this since the mount (some kernels go on showing it as
    `rw`), and where it shows `emergency_ro` or `shutdown` among the options. Bind
    mounts that are read-only, images and what /etc/fstab itself mounts `ro` are no fault.
    What to do: read the first error of the kernel before that; save what can be read; look at the disk (`smartctl -a`); then
    unmount and check (`fsck -f`, `xfs_repair`). Mounting it writable again without a check makes damage worse.
    """
    where = Places.of_facts(mounts, counters, names)
    entries = {each.point: each for each in fstab}
    told: dict[str, list[DiskTrouble]] = {}
    for each in said:
        told.setdefault(where.names.get(each.device, each.device), []).append(each)
    seen = set[str]()
    for mount in where.mounts:
        device = where.device_of(mount)
        mine = [*told.get(device, []), *(told.get(where.names.get(device, "-"), []))]
        reason = _why(mount, entries.get(mount.point), mine)
        if reason and device not in seen:
            seen.add(device)
            yield _readonly(mount, device, reason, entries.get(mount.point), sorted(mine, key=lambda each: each.time), about[0].now)


def _why(mount: Mount, entry: FstabEntry | None, said: Sequence[DiskTrouble]) -> str:
    if mount.type in IMAGES | UNFILLED | {"overlay", "tmpfs", "autofs"}:
        return ""
    every = mount.options | mount.super_options
    turned = [each for each in since_mounted(said) if each.kind == "readonly"]
    if "shutdown" in every or any(each.filesystem == "XFS" for each in turned):
        return "was shut down"
    if "emergency_ro" in every or turned:  # some kernels go on showing such a mount as `rw`
        return "was made read-only after an error"
    wants = entry is not None and entry.type in (mount.type, "auto") and "ro" not in entry.options
    return "is mounted read-only though /etc/fstab says otherwise" if mount.is_readonly and wants else ""


def _readonly(mount: Mount, device: str, reason: str, entry: FstabEntry | None, said: Sequence[DiskTrouble], now: float) -> Finding:
    since = [each for each in since_mounted(said) if not now or now - each.time < 90 * _DAY]
    cause = [each for each in since if each.kind == "fs"][:1] + [each for each in since if each.kind == "readonly"][-1:]
    times = [each.time for each in cause if each.time]
    return Finding(
        Severity.CRITICAL,
        f"{mount.point} ({mount.type} on {device}) {reason}: nothing can be written to it",
        (mount.origin, *([entry.origin] if entry else []), *(each.origin for each in cause)),
        f"Save what can be read, look at the disk ({mount.source}), unmount it and check it "
        f"({'xfs_repair' if mount.type == 'xfs' else 'fsck -f'}) before it is written to again",
        f"The kernel said: {cause[0].text}" if cause else "Why is not told: no log of the kernel reaches back to it.",
        mount.point,
        since=times[0] if times else 0.0,
    )


@rule("FSY007", "what /etc/fstab wants mounted", FstabEntry, Mount, uses=(BlockId,), absent="there is no /etc/fstab")
def fstab(entries: Sequence[FstabEntry], mounts: Sequence[Mount], blocks: Sequence[BlockId]) -> Iterator[Finding]:
    """A file system that /etc/fstab names is not mounted: programs then write into the empty directory below, or miss their data.

    Warning where an entry without `noauto` and `nofail` is not mounted anywhere; a note where it says `nofail`, and where a mount
    lacks an option that guards it (noexec, nosuid, nodev, ro). In a container, whose root is not what /etc/fstab names, it is not
    judged.
    What to do: `mount POINT` and read what it says; `systemctl status` of its unit and `blkid` tell whether the device is there.
    """
    every = each_once(mounts)
    points = {each.point.rstrip("/") or "/" for each in latest(mounts)}
    sources = {each.source for each in every}
    ids = {name: each.device for each in blocks for name in each.names}
    wanted = [
        each
        for each in entries
        if each.point.startswith("/") and each.type not in _BY_THE_SYSTEM and not {"noauto", "x-systemd.automount"} & each.options
    ]
    there = [each for each in wanted if each.point in points]
    root = next((each for each in every if each.point == "/"), None)
    is_foreign = root is not None and root.type == "overlay" and any(each.point == "/" for each in wanted)
    if is_foreign or (len(wanted) > 1 and not there):
        raise Undecided("the root is not what /etc/fstab names: this may be a container or a live system")
    for entry in wanted:
        device = ids.get(entry.spec.replace('"', ""), entry.spec)
        if entry.point not in points and device not in sources and not _is_bind(entry):
            yield _missing(entry)
    for mount in every:
        entry_here = next((each for each in entries if each.point == mount.point and each.type in (mount.type, "auto")), None)
        if entry_here is not None:
            yield from _differs(entry_here, mount)


def _is_bind(entry: FstabEntry) -> bool:
    return bool({"bind", "rbind"} & entry.options) and "nofail" in entry.options


def _missing(entry: FstabEntry) -> Finding:
    is_optional = "nofail" in entry.options
    return Finding(
        Severity.NOTE if is_optional else Severity.WARNING,
        f"{entry.point} is not mounted though /etc/fstab names it ({entry.spec}, {entry.type})",
        (entry.origin,),
        f"Run `mount {entry.point}` and read what it says; see whether the device {entry.spec} is there",
        "It is marked nofail: the system starts without it." if is_optional else "",
        entry.point,
    )


def _differs(entry: FstabEntry, mount: Mount) -> Iterator[Finding]:
    lost = sorted(
        each for each in ("noexec", "nosuid", "nodev", "ro") if each in entry.options and each not in mount.options | mount.super_options
    )
    if lost:
        yield Finding(
            Severity.NOTE,
            f"{mount.point} is mounted without {', '.join(lost)}, which /etc/fstab asks for",
            (mount.origin, entry.origin),
            f"If this was not meant, `mount -o remount {mount.point}` applies what /etc/fstab says",
            subject=mount.point,
        )


_DEAD = {
    5: "input/output errors",
    107: "its FUSE program has died",
    116: "the file handle is stale: the server has another file system there now",
    112: "its server is down",
    117: "it is damaged",
    110: "its server does not answer",
}


@rule("FSY008", "mounts that do not answer", Mount, uses=(Filesystem, Unanswered, RemoteOps, RemoteTrouble))
def dead(
    mounts: Sequence[Mount],
    filesystems: Sequence[Filesystem],
    unanswered: Sequence[Unanswered],
    ops: Sequence[RemoteOps],
    said: Sequence[RemoteTrouble],
) -> Iterator[Finding]:
    """A mount whose file system gives errors, or no answer at all: every program that touches it fails or hangs (state D).

    Found where asking for its room gave an error (input/output error, stale handle, dead FUSE program) or no answer within 5 s,
    and where an NFS mount sent requests between the two readings and got no answer to any of them.
    What to do: see whether the server can be reached (port 2049, 445), then the server itself. `umount -f` or `umount -l` lets
    go of a mount whose server will not come back; programs that wait in it go on only then.
    """
    known = {each.point: each for each in each_once(mounts)}
    done = set[str]()
    for each in latest(filesystems):
        if each.error and each.errno in _DEAD and each.mount not in done:
            done.add(each.mount)
            yield _dead(each.mount, f"cannot be asked: {_DEAD[each.errno]} ({each.error})", (each.origin,), known, said)
    for lost in unanswered:
        point = _point_of(lost, known)
        if lost.outcome == "timeout" and point and point not in done:
            done.add(point)
            yield _dead(point, "does not answer", (lost.origin,), known, said)
    for first, last in pairs(ops, "point"):
        sent, answered = last.sent - first.sent, last.answered - first.answered
        if (
            sent > 0
            and answered == 0
            and last.timeouts >= first.timeouts
            and seconds_between(first, last) >= 3
            and last.point not in done
            and (sent > 2 or last.timeouts > first.timeouts)
        ):
            yield _dead(
                last.point,
                f"gets no answer: {sent} requests in {seconds_between(first, last):.0f} s, none answered",
                (first.origin, last.origin),
                known,
                said,
            )


def _point_of(lost: Unanswered, known: Iterable[str]) -> str:
    """Which mount a table `filesystem_mnt_archive` was about."""
    if not lost.source.startswith("filesystem_"):
        return ""
    name = lost.source.removeprefix("filesystem_")
    return next((point for point in known if point.strip("/").replace("/", "_") == name), "/" + name.replace("_", "/"))


def _dead(point: str, what: str, origins: tuple[Origin, ...], known: Mapping[str, Mount], said: Sequence[RemoteTrouble]) -> Finding:
    mount = known.get(point)
    server = mount.source.partition(":")[0] if mount and ":" in mount.source else ""
    words = sorted((each for each in said if each.kind == "silent" and server and each.server == server), key=lambda each: each.time)
    about = f" ({mount.type}, {mount.source})" if mount else ""
    return Finding(
        Severity.CRITICAL,
        f"{point}{about} {what}",
        (*origins, *([mount.origin] if mount else []), *(each.origin for each in words[:1])),
        f"See whether {server or 'what serves it'} can be reached; `umount -l {point}` lets go of it",
        "Every program that touches it fails or hangs.",
        point,
        since=words[0].time if words else 0.0,
    )


@rule("FSY009", "servers of network file systems and disks", RemoteTrouble, About, uses=(Mount, Unanswered))
def silent(
    said: Sequence[RemoteTrouble], about: Sequence[About], mounts: Sequence[Mount], unanswered: Sequence[Unanswered]
) -> Iterator[Finding]:
    """The kernel said that a server of files or blocks (NFS, SMB, Ceph, iSCSI, Fibre Channel) did not answer.

    Critical where that was within the last hour and no word came since that it is back; warning where it happened within the last
    day (the server was away for that time, and programs waited); else a note, as where it was back within a minute.
    A mount that hangs now is told by FSY008.
    What to do: see the network to the server and the server's own log of that time.
    """
    now = about[0].now
    for server in sorted({(each.protocol, each.server) for each in said}):
        words = sorted((each for each in said if (each.protocol, each.server) == server), key=lambda each: each.time)
        lost = [each for each in words if each.kind == "silent"]
        back = words[-1] if words[-1].kind == "back" else None
        if not lost:
            continue
        age = now - lost[-1].time if now and lost[-1].time else 0.0
        was_brief = back and back.time - lost[0].time <= _BRIEF
        severity = Severity.NOTE if age > _DAY or was_brief else Severity.WARNING if back or age > 3600 else Severity.CRITICAL
        if server[1].startswith("osd") and not back and len([each for each in lost if now - each.time < 3600]) < 3:
            severity = Severity.NOTE  # one storage daemon of many, whose connection is made anew in silence
        points = [each.point for each in each_once(mounts) if each.source.startswith((f"{server[1]}:", f"//{server[1]}/"))]
        if any(_point_of(each, points) in points for each in unanswered if each.outcome == "timeout"):
            continue  # FSY008 tells of the mount that hangs, and cites these words
        times = f"{len(lost)} time{'s' if len(lost) > 1 else ''}"
        how = "answers again" if back else "no word since that it is back"
        yield Finding(
            severity,
            f"{server[0]} {'server ' if server[0] in ('NFS', 'SMB') else ''}{server[1]} did not answer ({times}; {how})",
            (lost[0].origin, *((lost[-1].origin,) if len(lost) > 1 else ()), *((back.origin,) if back else ())),
            "See the network to it, and the server itself, at that time",
            f"Mounted from it: {', '.join(points)}" if points else "",
            points[0] if points else server[1],
            since=lost[0].time,
            latest=lost[-1].time,
        )


@rule("FSY011", "devices and file systems that are held (suspended)", Names, absent="there is no device mapper")
def suspended(names: Sequence[Names]) -> Iterator[Finding]:
    """A device of the device mapper (LVM, multipath, encryption) is suspended: everything that reads or writes it waits in state D.

    Suspended for a moment is normal (snapshots do it); found where it is so now, which after a failed `lvcreate`, `lvconvert` or
    a snapshot of a hypervisor may last for ever.
    What to do: see whether an LVM command is still at work; if not, `dmsetup resume NAME` lets it go on.
    """
    known = {each.kernel: each.name for each in names if each.name}
    for each in latest(names):
        if each.is_suspended:
            name = known.get(each.kernel, each.kernel)
            yield Finding(
                Severity.WARNING,
                f"the device {name} ({each.kernel}) is suspended: all that uses it waits",
                (each.origin,),
                f"If no LVM command or snapshot is at work, `dmsetup resume {name}` lets it go on",
                subject=name,
            )
