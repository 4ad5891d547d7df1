"""Arrays, volumes, paths and pools that are not whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, Undecided, latest, pairs, rule
from diagbundle.analyse.facts.disks import Array, DeviceErrors, HardRaid, MissingDevice, Path, Pool, Volume
from diagbundle.analyse.facts.filesystems import Mount
from diagbundle.analyse.facts.unanswered import Unanswered


def must_answer(mounts: Sequence[Mount], unanswered: Sequence[Unanswered], *commands: str) -> None:
    """Raise `Undecided` where a command that would tell was asked and gave no answer."""
    for each in unanswered:
        if each.source.split(" ")[0] in commands and each.outcome in ("timeout", "denied", "failed"):
            raise Undecided(f"`{each.source.split(' ')[0]}` gave no answer: {each.reason or each.outcome}")
    if not mounts:
        raise Undecided("nothing that tells of it was collected")


@rule("DSK004", "software arrays (md)", Array, absent="there is no software RAID")
def arrays(found: Sequence[Array]) -> Iterator[Finding]:
    """An array that misses members has less or no protection left: the next disk that fails may take all data.

    Critical where members are missing and none is being rebuilt; warning while a rebuild runs, where the array is not active, or
    where only a spare has failed. Differences that the last check found are a note from level 5 on (with RAID 1 and 10 of swap they are
    normal). A check or a first synchronisation is no fault.
    What to do: `mdadm -D /dev/mdX`; replace the disk, then `mdadm /dev/mdX --remove failed --add NEW`.
    """
    for each in latest(found):
        lacks = (each.wanted or 0) - (each.working if each.working is not None else each.wanted or 0)
        if each.level in ("raid0", "linear") and not each.failed and each.active:
            continue
        if lacks > 0 or each.failed or not each.active:
            rebuilds = each.progress.startswith(("recovery", "reshape"))
            what = (
                f"{each.working} of {each.wanted} members work"
                if lacks > 0
                else "it is not active"
                if not each.active
                else "a spare member has failed"
            )
            lost = f", failed: {', '.join(each.failed)}" if each.failed else ""
            severity = Severity.CRITICAL if lacks > 0 and not rebuilds else Severity.WARNING
            state = "is being rebuilt" if rebuilds else "is degraded" if each.active else "does not run"
            yield Finding(
                severity,
                f"the array {each.name}{f' ({each.level})' if each.level else ''} {state}: {what}{lost}",
                (each.origin,),
                f"`mdadm -D /dev/{each.name}` names the missing disk; replace it and add it again"
                if not rebuilds
                else "Wait for the rebuild; look at the disk that was lost",
                each.progress,
                subject=each.name,
            )
        elif each.mismatches >= 128 and not any(one.name == each.name and one.level in ("raid1", "raid10") for one in found):
            yield Finding(
                Severity.NOTE,
                f"the last check of the array {each.name} found {each.mismatches:,} sectors that differ",
                (each.origin,),
                "Check again (`echo check > /sys/block/mdX/md/sync_action`); where it grows look at the disks",
                subject=each.name,
            )


@rule("DSK005", "volumes of LVM and pools of thin volumes", About, uses=(Volume, MissingDevice, Mount, Unanswered))
def volumes(
    _: Sequence[About], found: Sequence[Volume], missing: Sequence[MissingDevice], mounts: Sequence[Mount], unanswered: Sequence[Unanswered]
) -> Iterator[Finding]:
    """A thin pool that runs full stops all volumes in it: file systems on it give errors though `df` says that there is room.

    Critical from 98 % of data or metadata, when the pool has stopped, or when a snapshot was dropped for want of room; warning
    from 90 %. A missing device of a volume group is critical: what lies on it cannot be had.
    What to do: `lvextend` the pool (metadata: `lvextend --poolmetadatasize +1G`), remove snapshots, `fstrim`; bring the missing
    device back, or `vgreduce --removemissing` where it is lost for good.
    """
    if not found and not missing:
        must_answer(mounts, unanswered, "lvs", "pvs", "dmsetup")
    done = set[str]()
    for each in sorted(latest(found), key=lambda one: "/" not in one.name):
        is_pool = each.attributes[:1] in ("t", "T") or each.attributes == "thin-pool" or each.metadata is not None
        is_snapshot = each.attributes[:1] in ("s", "S") or each.attributes == "snapshot"
        short = each.name.replace("/", "-").removesuffix("-tpool")
        share = max(each.data or 0.0, each.metadata or 0.0) if is_pool else (each.data or 0.0)
        stopped = each.state or ("Invalid" if each.attributes[:1] == "S" or each.attributes[4:5] == "I" else "")
        if not (is_pool or is_snapshot) or short in done or (share < 90 and not stopped):
            continue
        done.add(short)
        full = "metadata" if is_pool and (each.metadata or 0) >= (each.data or 0) else "data"
        what = f"the thin pool {each.name}" if is_pool else f"the snapshot {each.name}"
        state = ", ".join(filter(None, (f"{full} {share:.1f} % in use" if share else "", f"state {stopped}" if stopped else "")))
        is_worst = share >= 98 or (stopped and is_pool)
        severity = Severity.CRITICAL if is_worst and is_pool else Severity.WARNING
        how = "was dropped for want of room" if is_snapshot and stopped else "is full" if share >= 98 or stopped else "is nearly full"
        yield Finding(
            severity,
            f"{what} {how}: {state}",
            (each.origin,),
            "Enlarge it with `lvextend`, remove snapshots, or `fstrim` what was deleted",
            subject=each.name,
        )
    named = {each.what for each in missing if not each.group.startswith("a ")}
    missing = [each for each in latest(missing) if not each.group.startswith("a ") or each.what not in named]
    for group in dict.fromkeys(each.group for each in missing):
        those = [each for each in missing if each.group == group]
        yield Finding(
            Severity.CRITICAL,
            f"{group} misses {those[0].what}" if group.startswith("a ") else f"the volume group {group} misses {those[0].what}",
            (those[0].origin,),
            "See whether the disk is there (`lsblk`, the kernel's log); `pvs` and `vgs` name what is missing",
            subject=group,
        )


@rule("DSK006", "paths of multipath", About, uses=(Path, Mount, Unanswered))
def paths(_: Sequence[About], found: Sequence[Path], mounts: Sequence[Mount], unanswered: Sequence[Unanswered]) -> Iterator[Finding]:
    """A disk of a SAN is reached by several paths; as long as one is up it works.

    Critical where all paths of a disk are down, warning where some are: the next failure takes the disk away, and there is less
    throughput. A disk that has one path only is a note: multipath protects nothing there.
    What to do: switch, cable, port of the storage and HBA of the path (its host:channel:target:lun is told); `multipath -ll` again.
    """
    if not found:
        must_answer(mounts, unanswered, "multipath")
    maps: dict[str, list[Path]] = {}
    for each in latest(found):
        maps.setdefault(each.map, []).append(each)
    for name, ways in maps.items():
        down = [each for each in ways if not each.is_up]
        if down:
            yield Finding(
                Severity.CRITICAL if len(down) == len(ways) else Severity.WARNING,
                f"{len(down)} of {len(ways)} paths to {name} are down: {', '.join(each.device for each in down[:6])}",
                tuple(each.origin for each in down[:4]),
                "Look at the switch, cable, HBA and port of the storage of these paths",
                f"state: {down[0].state}",
                name,
            )


@rule("DSK007", "ZFS pools", About, uses=(Pool, Mount, Unanswered))
def pools(_: Sequence[About], found: Sequence[Pool], mounts: Sequence[Mount], unanswered: Sequence[Unanswered]) -> Iterator[Finding]:
    """A pool that is not ONLINE lost devices or data; one that is nearly full becomes slow.

    Critical: SUSPENDED, FAULTED, UNAVAIL, or data that could not be repaired. Warning: DEGRADED, devices that count errors, or
    90 % of the pool in use.
    What to do: `zpool status -v` names devices and files; replace (`zpool replace`), then `zpool scrub` and `zpool clear`.
    """
    if not found:
        must_answer(mounts, unanswered, "zpool")
    done = set[str]()
    for each in sorted(latest(found), key=lambda one: "zpool_status" not in one.origin.path):
        bad = each.state not in ("ONLINE", "")
        lost = bool(each.errors) and "No known data errors" not in each.errors
        if (each.name in done and each.used is None) or not (bad or lost or each.devices or (each.used or 0) >= 90):
            continue
        if bad or lost or each.devices:
            if each.name in done:
                continue
            done.add(each.name)
            worst = each.state in ("SUSPENDED", "FAULTED", "UNAVAIL", "REMOVED") or lost
            parts = [f"{name} {state}{f' ({count} errors)' if count else ''}" for name, state, count in each.devices[:4]]
            what = f"is {each.state}" if bad else "has damaged data" if lost else "has devices with errors"
            yield Finding(
                Severity.CRITICAL if worst else Severity.WARNING,
                f"the ZFS pool {each.name} {what}{': ' + ', '.join(parts) if parts else ''}",
                (each.origin,),
                f"`zpool status -v {each.name}` names what to replace; then scrub",
                each.errors,
                each.name,
            )
        else:
            yield Finding(
                Severity.WARNING,
                f"the ZFS pool {each.name} is nearly full: {each.used} % in use",
                (each.origin,),
                "Free room or add disks: a full pool is slow and cannot even delete",
                subject=each.name,
            )


@rule("DSK008", "errors of devices that btrfs counts", About, uses=(DeviceErrors, Mount))
def btrfs(_: Sequence[About], found: Sequence[DeviceErrors], mounts: Sequence[Mount]) -> Iterator[Finding]:
    """Btrfs counts errors of each device: writes, reads, flushes, checksums that do not match (corruption), wrong generations.

    The counts stay until `btrfs device stats -z`: so a count alone is a note. Critical where it grew between the two readings.
    What to do: `btrfs scrub start MOUNT` finds and, with two copies, repairs; look at the disk; then reset the counts.
    """
    if not found:
        must_answer(mounts, (), "btrfs")
    growing = {
        last.device: (first, last) for first, last in pairs(found, lambda each: (each.where, each.device)) if last.total > first.total
    }
    for each in latest(found):
        if each.device in growing:
            first, last = growing[each.device]
            yield Finding(
                Severity.CRITICAL,
                f"btrfs meets errors on {each.device}: {last.total - first.total:,} more between the two readings, {last.total:,} in all",
                (first.origin, last.origin),
                "Save the data, look at the disk, then `btrfs scrub start`",
                _kinds(last),
                each.device,
            )
        elif each.total and not each.device.startswith("device "):
            yield Finding(
                Severity.NOTE,
                f"btrfs has counted {each.total:,} errors on {each.device} since the counts were reset",
                (each.origin,),
                "`btrfs scrub start` tells whether data is damaged now; `btrfs device stats -z` resets the counts",
                _kinds(each),
                each.device,
            )


def _kinds(each: DeviceErrors) -> str:
    named = {
        "write": each.writes,
        "read": each.reads,
        "flush": each.flushes,
        "corruption": each.corruptions,
        "generation": each.generations,
    }
    return ", ".join(f"{name} {count:,}" for name, count in named.items() if count)


@rule("DSK016", "RAID controllers and replicated disks", HardRaid, absent="there is no RAID controller that was asked, and no DRBD")
def controllers(found: Sequence[HardRaid]) -> Iterator[Finding]:
    """What the tools of RAID controllers (storcli, perccli, ssacli, arcconf) and DRBD say of volumes and disks.

    Critical where a volume is degraded or offline, warning where only a disk is bad (a spare, or one that has been replaced
    already) or a replica is not connected or not up to date.
    What to do: replace the disk that the tool names; of DRBD see the other host and the network to it (`drbdadm status`).
    """
    bad = [each for each in latest(found) if not each.is_whole]
    for kind, severity in (("volume", Severity.CRITICAL), ("logical", Severity.CRITICAL), ("replica", Severity.WARNING)):
        for each in bad:
            if each.kind == kind:
                disks = [one for one in bad if one.kind in ("disk", "physical")] if kind != "replica" else []
                lost = f"; {', '.join(f'{one.name} {one.state}' for one in disks[:4])}" if disks else ""
                yield Finding(
                    severity,
                    f"{each.name} is not whole: {each.state}{lost}",
                    (each.origin, *(one.origin for one in disks[:4])),
                    "Replace the disk that the controller's tool names, before a second one fails"
                    if kind != "replica"
                    else "See the other host and the network to it (`drbdadm status`)",
                    subject=each.name,
                )
    alone = [each for each in bad if each.kind in ("disk", "physical")]
    if alone and not any(each.kind in ("volume", "logical") for each in bad):
        yield Finding(
            Severity.WARNING,
            f"the RAID controller has bad disks: {', '.join(f'{each.name} {each.state}' for each in alone[:4])}",
            tuple(each.origin for each in alone[:4]),
            "Replace them",
            subject=alone[0].name,
        )
