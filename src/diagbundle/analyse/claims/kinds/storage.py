"""Disks, mounts and files."""

from __future__ import annotations

import os.path
import re

from diagbundle.analyse.claims.claim import Answer, compared, confirmed, contradicted, kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.claims.values import amount, in_words, is_near
from diagbundle.analyse.facts.filesystems import IMAGES, UNFILLED, Filesystem, Mount

_FULL = 0.99
"""Share of a file system's room, or of its inodes, from which it counts as full."""
_PATH = re.compile(r"(?<!\S)/\S*")


@kind(
    "disk",
    "room on disks, and their sizes",
    "disk=not full",
    "disks, disk space, disk usage, storage, filesystem, file system, disk size, free space",
)
def disk(value: str, desk: Desk) -> Answer:
    """`full`, `not full`, `/var not full`, `/data 20 GB free`, `2 TB` (the size of a disk or of a file system)."""
    path = _PATH.search(value)
    rooms = [
        each
        for each in desk.facts(Filesystem)
        if each.bytes
        and each.type not in IMAGES | UNFILLED | {"devtmpfs"}
        and "ro" not in each.options
        and (each.type != "overlay" or each.mount == "/")
    ]
    if path:
        rooms = [each for each in desk.facts(Filesystem) if each.mount == (path[0].rstrip(",;/") or "/")]
    sizes = amount(value[path.end() :] if path else value)
    if sizes is not None and "full" not in value:
        return _size(value, sizes, rooms, desk)
    if not rooms:
        return unknown(desk.why("how full the file systems are", "diagbundle/tables/filesystems", "sos_commands/filesys/df*", "df"))
    full = [each for each in rooms if each.share >= _FULL or (each.inodes and each.inode_share >= _FULL)]
    says_room = (
        re.search(r"(?i)\bnot full\b|\bfree\b|\benough\b|\bplenty\b|\bok\b|\bfine\b|\bspace left\b|\bspace\b", value) is not None
        and "no space" not in value.lower()
    )
    if full:
        worst = max(full, key=lambda each: max(each.share, each.inode_share))
        what = "out of inodes" if worst.share < _FULL else "full"
        return compared(
            not says_room,
            f"{worst.mount} is {what}: {in_words(max(0, worst.bytes_available or 0))} and {worst.inodes_free or 0:,} inodes are free",
            [each.origin for each in full],
        )
    fullest = max(rooms, key=lambda each: each.share)
    sentence = (
        f"no file system that was asked is full; the fullest is {fullest.mount}, {fullest.share:.0%} in use"
        if not path
        else f"{fullest.mount} is {fullest.share:.0%} in use"
    )
    return compared(says_room, sentence, [fullest.origin])


def _size(value: str, said: float, rooms: list[Filesystem], desk: Desk) -> Answer:
    if re.search(r"(?i)\bfree\b|\bavailable\b|\bleft\b", value):
        return _free(said, rooms)
    disks = desk.find_all(r"^\s*\d+\s+\d+\s+(\d+)\s+([a-z]+|nvme\d+n\d+|mmcblk\d+)\s*$", "proc/partitions")
    sizes = [(int(found[1]) * 1024, f"disk {found[2]}", line.origin) for found, line in disks]
    sizes += [(each.bytes or 0, each.mount, each.origin) for each in rooms]
    if not sizes:
        return unknown(desk.why("the sizes of disks", "proc/partitions", "diagbundle/tables/filesystems"))
    for size, name, origin in sizes:
        if is_near(said, size, below=0.08, above=0.08):
            return confirmed(f"{name} has {in_words(size)}", [origin])
    names = ", ".join(f"{name} {in_words(size)}" for size, name, _ in sizes[:6])
    return contradicted(f"no disk and no file system has {value}; there are {names}", [origin for _, _, origin in sizes])


def _free(said: float, rooms: list[Filesystem]) -> Answer:
    near = [each for each in rooms if is_near(said, each.bytes_available or 0, below=0.15, above=0.15)]
    if near:
        return confirmed(f"{in_words(near[0].bytes_available or 0)} are free on {near[0].mount}", [near[0].origin])
    if len(rooms) == 1:
        return contradicted(f"{in_words(rooms[0].bytes_available or 0)} are free on {rooms[0].mount}", [rooms[0].origin])
    return unknown(f"no file system has {in_words(said)} free", [each.origin for each in rooms])


@kind("mount", "a mounted file system", "mount=/data nfs", "mounted, mount point, mountpoint, mounts")
def mount(value: str, desk: Desk) -> Answer:
    """`/data`, `/data not mounted`, `/data nfs`, `/data read-only`."""
    path = _PATH.search(value)
    mounts = desk.facts(Mount)
    if not path or not mounts:
        return unknown(desk.why("what is mounted", "proc/self/mountinfo", "proc/mounts", "mount") if path else f"{value!r} names no path")
    point = path[0].rstrip(",;/") or "/"
    rest = (value[: path.start()] + value[path.end() :]).lower()
    there = [each for each in mounts if each.point == point]
    if re.search(r"\b(?:not|un|isn't|never)\s?-?mounted\b|\bno\b|\bmissing\b", rest):
        return compared(not there, f"{point} is {'' if there else 'not '}mounted", [each.origin for each in there or mounts[:1]])
    if not there:
        return contradicted(f"nothing is mounted at {point}", [mounts[0].origin])
    last = there[-1]
    says = f"{point} is mounted from {last.source}, {last.type}, {'read-only' if last.is_readonly else 'read-write'}"
    if re.search(r"\bread[- ]?only\b|\bro\b", rest):
        return compared(last.is_readonly, says, [last.origin])
    if re.search(r"\bread[- ]?write\b|\brw\b|\bwritable\b", rest):
        return compared(not last.is_readonly, says, [last.origin])
    types = re.findall(r"\b(ext[234]|xfs|btrfs|nfs4?|cifs|smb3|tmpfs|zfs|vfat|overlay|ceph|glusterfs|gfs2|ocfs2)\b", rest)
    return compared(not types or any(last.type.startswith(each) for each in types), says, [last.origin])


@kind("file", "a file, its mode and owner", "file=/etc/app.conf exists", "permissions")
def file(value: str, desk: Desk) -> Answer:
    """`/etc/app.conf`, `/etc/app.conf missing`, `/etc/app.conf 0640`, `/etc/app.conf root`: as far as the bundle tells of it."""
    path = _PATH.search(value)
    if not path:
        return unknown(f"{value!r} names no path")
    name = path[0].rstrip(",;:").rstrip("/") or "/"
    rest = (value[: path.start()] + value[path.end() :]).strip().lower()
    mode = re.search(r"\b0?([0-7]{3,4})\b", rest)
    for row in desk.rows("diagbundle/tables/changed_files", "diagbundle/tables/log_files", "diagbundle/tables/boot_files"):
        if row["path"] == name and row.text("mode"):
            own = row.text("mode").lstrip("0")
            if mode:
                return compared(
                    own == mode[1].lstrip("0"),
                    f"{name} has mode {row.text('mode')}, owner {row.text('uid')}, group {row.text('gid')}",
                    [row.origin],
                )
            return compared(not _is_missing(rest), f"{name} exists, mode {row.text('mode')}", [row.origin])
    if mode:
        return unknown(f"the mode of {name} is not known")
    return _exists(name, rest, desk)


def _is_missing(rest: str) -> bool:
    return re.search(r"\bmissing\b|\bnot\b|\babsent\b|\bgone\b|\bdeleted\b|\bno\b|n't\b", rest) is not None


def _exists(name: str, rest: str, desk: Desk) -> Answer:
    entry = desk.index.by_path.get(os.path.normpath(name).lstrip("/"))
    if entry is not None and entry.there:
        return compared(not _is_missing(rest), f"{name} exists", [desk.origin(entry, f"{entry.size:,} bytes")])
    if entry is not None and entry.outcome == "absent":
        return compared(_is_missing(rest), f"{name} does not exist", [desk.origin(entry, "absent")])
    if entry is not None and entry.outcome in ("denied", "skipped", "partial"):
        return compared(not _is_missing(rest), f"{name} exists; it was not read: {entry.reason}", [desk.origin(entry, entry.reason)])
    if below := desk.entries(name.lstrip("/") + "/**"):
        there = [each for each in below if each.there]
        if there:
            return compared(not _is_missing(rest), f"{name} is a directory with files in it", [desk.origin(there[0], "")])
    return unknown(f"{name} was not asked for")
