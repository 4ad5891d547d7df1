"""File systems that are full, and what fills them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Origin, Severity, Undecided, latest, rule
from diagbundle.analyse.facts.filesystems import BtrfsRoom, DeletedFile, Filesystem, Large, Mount, NoRoom, size
from diagbundle.analyse.facts.rooms import Room, deleted_in, fills, is_below, rooms, unlinked

GB = 1 << 30
_DAY = 86_400
_TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/")  # noqa: S108  # names, not files of ours


def how_full(fs: Filesystem) -> Severity | None:
    """How bad it is: shares alone mean little on large disks, so that what is left counts, too."""
    left, share = fs.bytes_available or 0, fs.share
    if not fs.bytes or fs.bytes_available is None:
        return None
    is_elsewhere = fs.source.startswith("//") or ":/" in fs.source
    if left <= 0 or (share >= 0.99 and left < 2 * GB and not is_elsewhere):
        return Severity.CRITICAL
    if (share >= 0.95 and left < 10 * GB) or (share >= 0.98 and left < 100 * GB):
        return Severity.WARNING
    return Severity.NOTE if (share >= 0.90 and left < 10 * GB) or share >= 0.95 else None


@rule("FSY001", "full file systems", Filesystem, About, uses=(Mount, DeletedFile, Large, NoRoom))
def full(
    filesystems: Sequence[Filesystem],
    about: Sequence[About],
    mounts: Sequence[Mount],
    deleted: Sequence[DeletedFile],
    large: Sequence[Large],
    said: Sequence[NoRoom],
) -> Iterator[Finding]:
    """A file system without room: programs that write to it fail, lose data or stop.

    Critical where nothing is left for anybody but root, or less than 1 % and 2 GB (of a share of another host only the former), or
    where a program found no room within the last hour, which a nearly full one may mean: many write in pieces of 16 MB and more.
    Warning from 95 % in use with less than 10 GB left, or from 98 % with less than 100 GB; 90 % is worth a note. (Prometheus' node
    mixin warns below 5 % and 3 % free; on large disks a share alone says little, so the bytes count, too.) Images that are made
    full, overlays over another file system and read-only ones are not judged; mounts of one and the same file system are told once.
    What fills it is named: the largest files or directories, and deleted files that a process still holds open.
    What to do: free room where the largest things are, restart who holds deleted files, or enlarge the file system.
    """
    every = rooms(latest(filesystems), latest(mounts))
    points = {point for room in every for point in room.mounts}
    bad = [(room, found) for room in every if (found := how_full(room.main))]
    quiet = [each for each in bad if each[0].main.type == "tmpfs"]
    if len(quiet) > 3:
        bad = [each for each in bad if each not in quiet]
        yield _many(quiet)
    recent = [each for each in said if not each.time or about[0].now - each.time < 7 * _DAY]
    files = unlinked(deleted)
    for room, severity in bad:
        words = [each for each in recent if room.holds(each.path, points) or (not each.path and len(bad) == 1)]
        is_met = severity is Severity.WARNING and any(each.time and about[0].now - each.time < 3600 for each in words)
        yield _full(room, Severity.CRITICAL if is_met else severity, deleted_in(room, files, points), fills(room, large, points), words)


def _full(room: Room, severity: Severity, deleted: list[DeletedFile], largest: list[Large], said: list[NoRoom]) -> Finding:
    fs = room.main
    left = max(0, fs.bytes_available or 0)
    is_full = left <= 0.002 * (fs.bytes or 0)
    what = "is full" if is_full else f"is nearly full ({min(fs.share, 0.999):.1%})"
    title = f"{room.name} {what}: {size(left)} of {size(fs.bytes or 0)} free"
    gone = sum(each.bytes for each in deleted)
    shown = deleted[:2] if gone >= 0.05 * max(1, fs.bytes or 0) else []
    if shown:
        title += f"; {size(gone)} of it are deleted files that {shown[0].held_by} still holds open"
    detail = _detail(fs, left, shown, largest)
    times = sorted(each.time for each in said if each.time)
    cited = sorted(said, key=lambda each: each.time)[-1:]
    return Finding(
        severity,
        title,
        (fs.origin, *(each.origin for each in shown), *(each.origin for each in largest), *(each.origin for each in cited)),
        _advice(fs, shown, largest),
        detail,
        fs.mount,
        since=times[0] if times else 0.0,
    )


def _detail(fs: Filesystem, left: int, deleted: list[DeletedFile], largest: list[Large]) -> str:
    parts = [f"{fs.source} ({fs.type})" if fs.type else fs.source]
    if fs.bytes_free and fs.bytes_free - left > 0.03 * (fs.bytes or 1):
        parts.append(f"{size(fs.bytes_free - left)} more only root may use")
    parts += [f"{each.path} (deleted, {size(each.bytes)}) is held open by {each.held_by}" for each in deleted]
    if largest:
        parts.append("largest: " + ", ".join(f"{each.path} {size(each.bytes)}" for each in largest))
    return "; ".join(filter(None, parts))


_OWNERS = (
    (
        "/var/lib/docker",
        (
            "`docker system df` tells images, containers and volumes; `docker system "
            "prune` removes what nobody uses; limit the size of container logs (max-size)"
        ),
    ),
    ("/var/lib/containers", "`podman system df` tells what takes the room; `podman system prune` removes what nobody uses"),
    ("/var/lib/containerd", "`crictl rmi --prune` removes images that nobody uses"),
    ("/var/lib/kubelet", "remove unused images and look at emptyDir volumes; the kubelet evicts pods while this lasts"),
    ("/boot", "remove old kernels with the package manager (`apt autoremove`, `dnf remove --oldinstallonly`), never by hand"),
    (
        "/dev/shm",  # noqa: S108  # its name, not a file of ours
        (
            "it is memory: see which program leaves segments there, remove those "
            "that nobody uses, or mount it larger (`mount -o remount,size=…`)"
        ),
    ),
    ("/var/log", "see why rotation does not keep up, shorten the largest log, and `journalctl --vacuum-size=500M` for the journal"),
)


_KEPT = (
    (
        re.compile(r"/pg_(?:wal|xlog)$"),
        (
            "PostgreSQL keeps its WAL: see `select slot_name, active from pg_replication_slots` (drop a slot that nobody uses), whether "
            "archive_command fails, and wal_keep_size; never delete files of pg_wal by hand."
        ),
    ),
    (
        re.compile(r"(?:-bin|binlog)\.\d{6}$"),
        "MySQL keeps its binary logs: `purge binary logs before …` once all replicas have read them, and set binlog_expire_logs_seconds.",
    ),
)
"""What a database keeps for others, and how it lets go."""


def _advice(fs: Filesystem, deleted: list[DeletedFile], largest: list[Large]) -> str:
    if deleted:
        return f"Restart {deleted[0].held_by}, or make it open its files anew: the room comes back when the deleted file is closed"
    if words := next((words for form, words in _KEPT if any(form.search(each.path) for each in largest)), ""):
        return words
    known = next(
        (words for point, words in _OWNERS if is_below(fs.mount, point) or any(is_below(each.path, point) for each in largest)), ""
    )
    if known:
        return f"Free room: {known}"
    if fs.type == "tmpfs":
        return "This is memory: remove what is not needed there, or mount it larger (`mount -o remount,size=…`)"
    return (
        f"Free room (`du -xh {fs.mount} | sort -h | tail` names the largest "
        f"directories), or enlarge it; then restart what failed for want of room"
    )


def _many(bad: list[tuple[Room, Severity]]) -> Finding:
    worst = min((severity for _, severity in bad), key=lambda each: each.rank)
    names = ", ".join(room.main.mount for room, _ in bad[:5])
    return Finding(
        worst,
        f"{len(bad)} file systems in memory (tmpfs) are full or nearly so: {names}{' …' if len(bad) > 5 else ''}",
        tuple(room.main.origin for room, _ in bad[:5]),
        "See what fills them; they take memory",
        subject=bad[0][0].main.mount,
    )


@rule("FSY002", "inodes of file systems", Filesystem, uses=(Mount, Large))
def inodes(filesystems: Sequence[Filesystem], mounts: Sequence[Mount], large: Sequence[Large]) -> Iterator[Finding]:
    """Every file takes an inode. Where none is left no file can be made ("No space left on device"), though bytes are free.

    Critical where none is left, warning from 97 % in use (Prometheus' node mixin: below 3 % free), a note from 93 %.
    On file systems that make inodes as they are needed (xfs, zfs) the count follows the bytes: if those are used up, only
    that is told.
    What to do: find the directory with very many small files (the finding names it: sessions, mail queues, caches) and
    remove what is not needed. The number of inodes of ext4 is fixed when it is made; only a new file system has more.
    """
    every = rooms(latest(filesystems), latest(mounts))
    points = {point for room in every for point in room.mounts}
    for room in every:
        fs, share = room.main, room.main.inode_share
        if not fs.inodes or share < 0.93 or (fs.type not in ("ext2", "ext3", "ext4", "tmpfs", "") and fs.share >= 0.90):
            continue
        left = fs.inodes_free or 0
        severity = (
            Severity.CRITICAL if left == 0 or (share >= 0.999 and left < 100) else Severity.WARNING if share >= 0.97 else Severity.NOTE
        )
        most = fills(room, large, points, by_entries=True)
        room_left = f", while {size(fs.bytes_available)} are free" if fs.bytes and fs.bytes_available is not None else ""
        what = "has no inode left" if left == 0 else f"has few inodes left ({share:.1%} in use)"
        yield Finding(
            severity,
            f"{room.name} {what}: {left:,} of {fs.inodes:,} free{room_left}",
            (fs.origin, *(each.origin for each in most)),
            "Remove files that are not needed from the directory that has most of them; no new file can be made meanwhile",
            "most names: " + ", ".join(f"{each.path} {each.entries:,}" for each in most) if most else "",
            fs.mount,
        )


@rule("FSY003", "deleted files that are still open", DeletedFile, uses=(Filesystem, Mount))
def deleted_open(deleted: Sequence[DeletedFile], filesystems: Sequence[Filesystem], mounts: Sequence[Mount]) -> Iterator[Finding]:
    """A file that was deleted while a process has it open keeps its room until the process closes it: `du` does not see it, `df` does.

    Warning where such files take a fifth of their file system (and 50 MB), or 5 % of one that is 90 % full; a note from 1 GB.
    Files below /tmp are often deleted on purpose and are only a note. Where the file system is full the finding of that says
    who holds them. Files in memory (memfd, shared memory) are not counted.
    What to do: restart the process or make it open its files anew (many programs do on SIGHUP); for logs mend the rotation
    (postrotate, or copytruncate). In an emergency `: > /proc/PID/fd/N` empties the file at once.
    """
    every = rooms(latest(filesystems), latest(mounts))
    points = {point for room in every for point in room.mounts}
    files = unlinked(deleted)
    for room in every:
        here = [each for each in deleted_in(room, files, points) if each.type != "tmpfs"]
        if here and how_full(room.main) not in (Severity.CRITICAL, Severity.WARNING):
            yield from _held(room, here)
    if not every:
        total = sum(each.bytes for each in files)
        if total >= GB:
            yield _held_by(Severity.NOTE, "the file systems", sorted(files, key=lambda each: -each.bytes), ())


def _held(room: Room, here: list[DeletedFile]) -> Iterator[Finding]:
    kept = [each for each in here if not each.path.startswith(_TEMPORARY)]
    whole, weight = room.main.bytes or 1, sum(each.bytes for each in kept)
    if weight >= 50 << 20 and (weight >= 0.2 * whole or (weight >= 0.05 * whole and room.main.share >= 0.90)):
        yield _held_by(Severity.WARNING, room.name, kept, (room.main.origin,), whole)
    elif sum(each.bytes for each in here) >= GB:
        yield _held_by(Severity.NOTE, room.name, here, (room.main.origin,), whole)


def _held_by(severity: Severity, where: str, here: list[DeletedFile], more: tuple[Origin, ...], whole: int = 0) -> Finding:
    total = sum(each.bytes for each in here)
    files = "a deleted file" if len(here) == 1 else f"{len(here)} deleted files"
    of = f" of {size(whole)}" if whole else ""
    return Finding(
        severity,
        f"{files} still open on {where} {'take' if len(here) > 1 else 'takes'} "
        f"{size(total)}{of}: {here[0].path}, held by {here[0].held_by}",
        (*(each.origin for each in here[:3]), *more),
        f"Restart {here[0].held_by}, or make it open its files anew: the room comes back when they are closed",
        "; ".join(f"{each.path} {size(each.bytes)}, held by {each.held_by}" for each in here[:5]),
        here[0].mount or where,
    )


@rule("FSY004", "room that btrfs can still hand out", About, uses=(Mount, BtrfsRoom))
def btrfs(_: Sequence[About], mounts: Sequence[Mount], found: Sequence[BtrfsRoom]) -> Iterator[Finding]:
    """Btrfs hands its devices out in pieces, for data or for metadata.

    With no piece left and the metadata full it is full, though `df` says that room is free.

    Warning where less than 512 MB are not handed out and 85 % of the metadata are in use; critical from 95 %.
    What to do: `btrfs balance start -dusage=10 MOUNT` gives nearly empty pieces back (more with -dusage=50), deleting old
    snapshots frees room, and a further device can be added for the time of the work.
    """
    if not found and (not mounts or any(each.type == "btrfs" for each in mounts)):
        raise Undecided("`btrfs filesystem usage` was not had")
    for each in latest(found):
        share = each.metadata_used / each.metadata_size if each.metadata_size else 0.0
        if each.unallocated is None or each.unallocated >= 512 << 20 or each.size < 4 * GB or share < 0.85:
            continue
        yield Finding(
            Severity.CRITICAL if share >= 0.95 else Severity.WARNING,
            f"btrfs on {each.mount} is full though df may say otherwise: {size(each.unallocated)} "
            f"of {size(each.size)} not handed out, metadata {share:.0%} full",
            (each.origin,),
            f"Run `btrfs balance start -dusage=10 {each.mount}` and delete old snapshots",
            subject=each.mount,
        )


@rule("FSY005", "programs that found no room", NoRoom, About, uses=(Filesystem, Mount))
def no_room(
    said: Sequence[NoRoom], about: Sequence[About], filesystems: Sequence[Filesystem], mounts: Sequence[Mount]
) -> Iterator[Finding]:
    """A program said that it could not write ("No space left on device", "Disk quota exceeded"), and no file system is full now.

    Warning where it was within the last day, else a note. Room may have been freed since, a quota may be used up (of a user,
    a project, a container, a thin pool), or the inodes. The same words about watches and semaphores are limits, no disks.
    What to do: see which file the line names, then the quota of its owner (`quota`, `xfs_quota -x -c report`), and whether
    something fills the disk from time to time (backups, dumps, temporary files).
    """
    now = about[0].now
    full_now = [
        room
        for room in rooms(latest(filesystems), latest(mounts))
        if room.main.inode_share >= 0.97 or how_full(room.main) in (Severity.CRITICAL, Severity.WARNING)
    ]
    told = sorted((each for each in said if each.is_quota or not full_now), key=lambda each: each.time)
    for is_quota in (False, True):
        some = [each for each in told if each.is_quota is is_quota]
        if not some:
            continue
        last = some[-1]
        recent = not last.time or not now or now - last.time < _DAY
        what = "a quota is used up" if is_quota else "there was no room"
        yield Finding(
            Severity.WARNING if recent else Severity.NOTE,
            f"{last.who or 'a program'} could not write{f' {last.path}' if last.path else ''}: "
            f"{what} ({len(some):,} message{'s' if len(some) > 1 else ''})",
            tuple(each.origin for each in ([some[0]] if len(some) > 1 else []) + some[-2:]),
            "See whose quota it is and what fills it"
            if is_quota
            else "See what filled the disk then and was removed since, and whether a quota or the inodes were used up",
            subject=last.path or last.who,
            since=some[0].time,
            latest=last.time,
            symptom=True,
        )
