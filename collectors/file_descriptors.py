"""Descriptors: how many each process has open against its limit, of what kinds, and which deleted files they keep on disk.

Links in /proc/PID/fd are read, not followed. Only deleted files of local file systems are looked at through them, because
they have no other name; asking about a file of a dead server would never end. `fdinfo` is read of those alone: that of
inotify and epoll has a line for every watch.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from diagbundle.collect.api import File, Host, Row, Source, Stage, Table, collector, number

from ._look import signed

MANY = 1000
"""Descriptors from which on a process's most frequent targets are named: a leak shows as one of them."""
MAX_DELETED = 10_000
"""Deleted files of one process to look at."""
MAX_HOLDERS = 50
MAX_LOCKS = 1000
_LOCK = re.compile(
    r"(?P<number>\d+):\s+(?P<waits>->\s+)?(?P<kind>\w+) +\S+ +(?P<mode>\w+) +(?P<pid>-?\d+) (?P<inode>[0-9a-f]+:[0-9a-f]+:\d+) ", re.ASCII
)
"""`3: -> POSIX  ADVISORY  WRITE 4711 fe:01:131 0 EOF`: the process waits for lock 3. Without a process: -1, or 0."""
LOCAL = {
    "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "jfs", "reiserfs", "vfat", "tmpfs", "devtmpfs", "ramfs", "hugetlbfs",
    "overlay", "zfs",
}  # fmt: skip
"""File systems whose inodes tell their size from memory."""
IN_MEMORY = ("/memfd:", "/SYSV", "/dev/zero ", "/anon_hugepage ")
"""Heads of names that the kernel gives to files without a file system of ours: shared memory."""
DELETED = " (deleted)"
SYSTEM = [
    "/proc/sys/fs/file-nr", "/proc/sys/fs/file-max", "/proc/sys/fs/nr_open", "/proc/sys/fs/inode-nr", "/proc/sys/fs/dentry-state",
    "/proc/sys/fs/aio-nr", "/proc/sys/fs/aio-max-nr", "/proc/sys/fs/epoll/max_user_watches", "/proc/sys/fs/inotify/*",
]  # fmt: skip


Mounts = dict[str, tuple[str, str, str]]
"""Device, type and mount point by the number of the mount."""
NOWHERE = ("", "", "")
NOT_ASKED = {"not_asked": "only local file systems are asked for a size: others may never answer"}


@dataclass
class Holder:
    """What one process has open."""

    pid: int
    start: int | None
    comm: str
    uid: str
    soft: str
    hard: str
    count: int | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    targets: Counter[str] = field(default_factory=Counter)
    deleted: list[tuple[str, str]] = field(default_factory=list)
    """Number of the descriptor and its target."""


def kind_of(target: str) -> str:
    """What a descriptor is, from the text of its link in /proc/PID/fd."""
    if target.startswith("/"):
        if target.startswith("/memfd:"):
            return "memfd"
        return "deleted" if target.endswith(DELETED) else "device" if target.startswith("/dev/") else "file"
    head = target.partition(":")[0]
    if head == "anon_inode":
        return target
    return "unread" if not target else head if head in ("socket", "pipe") else "namespace"


def _holder(host: Host, pid: int) -> Holder | None:
    """A process without its descriptors; None if it is gone."""
    head, _, tail = host.text(f"/proc/{pid}/stat").rpartition(")")
    fields = tail.split()
    if len(fields) < 20:
        return None
    uid = re.search(r"^Uid:\t(\d+)", host.text(f"/proc/{pid}/status"), re.MULTILINE)
    limit = re.search(r"^Max open files +(\S+) +(\S+)", host.text(f"/proc/{pid}/limits"), re.MULTILINE)
    soft, hard = limit.groups() if limit else ("", "")
    return Holder(pid, number(fields[19]), head.partition("(")[2], uid[1] if uid else "", soft, hard)


def _open_files(host: Host, holder: Holder) -> None:
    """Fill in what the process has open. Other than a listing that is empty, one that is denied leaves `count` at None."""
    directory = f"{host.root.rstrip('/')}/proc/{holder.pid}/fd"
    try:
        names = os.listdir(directory)
    except OSError:
        return
    holder.count = len(names)
    for name in names:
        try:
            target = os.readlink(f"{directory}/{name}")
        except OSError:  # closed meanwhile
            target = ""
        kind = kind_of(target)
        holder.kinds[kind] += 1
        if kind in ("deleted", "memfd") and len(holder.deleted) < MAX_DELETED:
            holder.deleted.append((name, target))
        if len(names) >= MANY:
            holder.targets[target if target.startswith("/") else kind] += 1


def _scan(host: Host) -> list[Holder]:
    """All processes, those nearest to their limit first."""
    holders = [holder for pid in host.pids() if (holder := _holder(host, pid))]
    for holder in holders:
        _open_files(host, holder)
    return sorted(holders, key=_fullness, reverse=True)


def _fullness(holder: Holder) -> float:
    limit = number(holder.soft)
    return (holder.count or 0) / limit if limit else 0.0


def descriptors(holders: Iterable[Holder]) -> Iterator[Row]:
    """A row for each process. `open` is null where we may not look: denied is not zero."""
    for holder in holders:
        row: dict[str, Any] = {name: getattr(holder, name) for name in ("pid", "start", "comm", "uid", "soft", "hard")}
        row |= {"open": holder.count, "full": round(_fullness(holder), 4), "kinds": dict(holder.kinds.most_common())}
        yield row | ({"targets": dict(holder.targets.most_common(10))} if holder.targets else {})


def inotify(host: Host, holders: Iterable[Holder]) -> Iterator[Row]:
    """Instances per user against the limit. One that was inherited by a fork is counted in both processes: `at_most`."""
    counts: Counter[str] = Counter()
    for holder in holders:
        counts[holder.uid] += holder.kinds["anon_inode:inotify"] + holder.kinds["anon_inode:[inotify]"]
    limits = {name: host.text(f"/proc/sys/fs/inotify/{name}").strip() for name in ("max_user_instances", "max_user_watches")}
    for uid, count in counts.most_common():
        if count:
            yield {"uid": uid, "instances_at_most": count, **limits}


def _mounts(host: Host, pid: int) -> Mounts:
    """Mounts that a process sees."""
    found = {}
    for line in host.lines(f"/proc/{pid}/mountinfo"):
        here, _, there = line.partition(" - ")
        words = here.split(" ")
        if len(words) > 5 and there:
            found[words[0]] = (words[2], there.split(" ")[0], words[4])
    return found


def _mount_above(path: str, mounts: Mounts) -> tuple[str, str, str]:
    """The mount with the longest mount point above a path: for kernels whose `fdinfo` names no mount."""
    above = [mount for mount in mounts.values() if path.startswith(mount[2].rstrip("/") + "/")]
    return max(above, key=lambda mount: len(mount[2]), default=NOWHERE)


def _pools_answer(host: Host) -> bool:
    """Whether no ZFS pool is suspended: in such a one every question hangs."""
    return all(host.text(path).strip() in ("ONLINE", "DEGRADED") for path in host.glob("/proc/spl/kstat/zfs/*/state"))


def deleted_files(host: Host, holders: Iterable[Holder]) -> Iterator[Row]:
    """Files without a name that are still open, the largest first; `bytes` is what they take on disk (or in memory)."""
    seen: dict[str, Mounts] = {}
    local = LOCAL if _pools_answer(host) else LOCAL - {"zfs"}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for holder in holders:
        namespace = host.readlink(f"/proc/{holder.pid}/ns/mnt") if holder.deleted else ""
        if holder.deleted and not seen.get(namespace):
            seen[namespace] = _mounts(host, holder.pid)
        for descriptor, target in holder.deleted:
            about = _about(host, holder.pid, descriptor, target, seen[namespace])
            about |= _size(host, holder.pid, descriptor) if target.startswith(IN_MEMORY) or about["type"] in local else NOT_ASKED
            key = (about["device"], about["inode"]) if about["inode"] else (about["device"], target)
            row = found.setdefault(key, about | {"count": 0, "holders": []})
            row["count"] += 1
            if len(row["holders"]) < MAX_HOLDERS:
                row["holders"].append({"pid": holder.pid, "start": holder.start, "comm": holder.comm, "fd": descriptor})
    yield from sorted(found.values(), key=lambda row: row.get("bytes", 0), reverse=True)


def _about(host: Host, pid: int, descriptor: str, target: str, mounts: Mounts) -> dict[str, Any]:
    """What is known of a deleted file without asking its file system. `position` is where the holder reads or writes."""
    info = dict(re.findall(r"^(pos|mnt_id|ino):\t(\d+)$", host.text(f"/proc/{pid}/fdinfo/{descriptor}"), re.MULTILINE))
    device, kind, mount = mounts.get(info["mnt_id"], NOWHERE) if "mnt_id" in info else _mount_above(target, mounts)
    return {
        "path": target.removesuffix(DELETED), "type": kind or None, "mount": mount or None, "device": device or None,
        "inode": number(info.get("ino", "0")), "position": number(info.get("pos", "0")),
    }  # fmt: skip


def _size(host: Host, pid: int, descriptor: str) -> dict[str, Any]:
    """Size of what a descriptor leads to; {} if it was closed. `links` above 0: it still has another name."""
    try:
        status = os.stat(f"{host.root.rstrip('/')}/proc/{pid}/fd/{descriptor}")
    except OSError:
        return {}
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    return {"device": device, "inode": status.st_ino, "size": status.st_size, "bytes": status.st_blocks * 512, "links": status.st_nlink}


def locks(host: Host, holders: Iterable[Holder]) -> Iterator[Row]:
    """A row for each lock that a process waits for, or of the first of the others: who holds it, of which file, who waits."""
    comms = {holder.pid: holder.comm for holder in holders}
    held: dict[str, Row] = {}
    for line in host.lines("/proc/locks"):
        found = _LOCK.match(line)
        if not found or (not found["waits"] and len(held) >= MAX_LOCKS):
            continue
        pid = signed(found["pid"]) or 0
        if found["waits"] and (row := held.get(found["number"])):
            row["waiting"].append({"pid": pid, "comm": comms.get(pid)})
        elif not found["waits"]:
            row = {"kind": found["kind"], "mode": found["mode"], "pid": pid, "comm": comms.get(pid), "inode": found["inode"], "waiting": []}
            held[found["number"]] = row
    for row in sorted(held.values(), key=lambda row: -len(row["waiting"])):
        yield {**row, "path": _locked(host, row["pid"], row["inode"])}


def _locked(host: Host, pid: int, inode: str) -> str | None:
    """The file of a lock: that descriptor of its holder's whose `fdinfo` tells of it. Those of a fork stay with the parent's number."""
    names = host.listdir(f"/proc/{pid}/fd")
    for name in names if len(names) <= MANY else ():
        target = host.readlink(f"/proc/{pid}/fd/{name}")
        if target.startswith("/") and f" {inode} " in host.text(f"/proc/{pid}/fdinfo/{name}"):
            return target
    return None


def readings(_host: Host) -> Iterator[Source]:
    """Counters and limits of the whole system; those of each process are in the table `process_counters`."""
    yield from map(File, SYSTEM)


@collector(
    title="Open files: the system's and each process's against their limits; deleted ones; locks", stage=Stage.VOLATILE, samples=readings
)
def file_descriptors(host: Host) -> Iterator[Source]:
    """Four tables from one walk through /proc/PID/fd."""
    scan = cache(partial(_scan, host))
    yield Table("descriptors", lambda _host: descriptors(scan()))
    yield Table("inotify", lambda host: inotify(host, scan()))
    yield Table("deleted_files", lambda host: deleted_files(host, scan()))
    yield Table("locks", lambda host: locks(host, scan()))
    yield File("/proc/locks")
    yield File("/proc/sys/user/max_inotify_*")
