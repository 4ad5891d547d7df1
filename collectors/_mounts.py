"""What is mounted, which of it may never answer, and how much room it has."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from diagbundle.collect.api import Host, number

NETWORK = """
9p acfs afs auristorfs beegfs ceph cifs coda davfs fhgfs gfs gfs2 glusterfs gpfs ibrix lustre ncpfs nfs nfs4 ocfs2 orangefs panfs pvfs2
smb2 smb3 smbfs vboxsf virtiofs vmhgfs
"""
"""File systems whose answers come from elsewhere, and may never come."""
_ESCAPE = re.compile(r"\\([0-7]{3})")
_FLAGS = {1: "ro", 2: "nosuid", 4: "nodev", 8: "noexec", 16: "sync", 64: "mand", 1024: "noatime", 2048: "nodiratime", 4096: "relatime"}
"""Bits of `f_flag`, as statvfs(3) names them."""


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo, names decoded."""

    number: int
    parent: int
    device: str
    root: str
    point: str
    options: str
    type: str
    source: str
    super_options: str

    @property
    def is_remote(self) -> bool:
        """Whether its answers depend on a server or on a process (FUSE)."""
        return is_elsewhere(self) or self.type in ("fuse", "fuseblk") or self.type.startswith("fuse.")


def is_elsewhere(mount: Mount) -> bool:
    """Whether its files lie on another machine: what `df -l` leaves out."""
    return mount.type in NETWORK.split() or ":/" in mount.source or mount.source.startswith("//")


def mounts(host: Host, *, autofs: bool = False) -> list[Mount]:
    """Every mount; without autofs, where a mere look mounts something."""
    # below another root, `self` would be this process in its own mount namespace
    text = (host.root != "/" and host.text("/proc/1/mountinfo")) or host.text("/proc/self/mountinfo")
    return [mount for mount in map(_mount, text.split("\n")) if mount and (autofs or mount.type != "autofs")]


def automounts(host: Host) -> list[str]:
    """Directories on which the automounter waits for somebody to look."""
    every = mounts(host, autofs=True)
    used = {mount.point for mount in every if mount.type != "autofs"}
    return [mount.point for mount in every if mount.type == "autofs" and mount.point not in used]


def _mount(line: str) -> Mount | None:
    left, separator, right = line.partition(" - ")
    first, last = left.split(" "), right.split(" ")
    if not separator or len(first) < 6 or len(last) < 2:
        return None
    itself, parent, options = number(first[0]), number(first[1]), last[2] if len(last) > 2 else ""
    if itself is None or parent is None:
        return None
    return Mount(itself, parent, first[2], _decoded(first[3]), _decoded(first[4]), first[5], last[0], _decoded(last[1]), options)


def _decoded(text: str) -> str:
    """Blanks, tabs, newlines and backslashes stand as octal numbers in mountinfo."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8) & 0xFF), text)


def split(every: list[Mount]) -> tuple[list[Mount], list[Mount]]:
    """Mounts that answer at once, and those that may not: remote ones and what is mounted below them."""
    tops = tuple(mount.point.rstrip("/") + "/" for mount in every if mount.is_remote and mount.point != "/")
    remote = {mount.number: mount for mount in every if mount.is_remote or mount.point.startswith(tops)}
    return [mount for mount in every if mount.number not in remote], list(remote.values())


def hidden(every: list[Mount]) -> set[int]:
    """Numbers of mounts that another mount on the same directory covers."""
    points = {mount.number: mount.point for mount in every}
    return {mount.parent for mount in every if points.get(mount.parent) == mount.point}


def space(host: Host, mount: Mount, *, covered: bool = False) -> dict[str, object]:
    """Bytes, inodes and flags of one mount, from statvfs(3)."""
    row: dict[str, object] = {
        "mount": mount.point, "source": mount.source, "type": mount.type, "device": mount.device, "root": mount.root,
        "options": mount.options, "super_options": mount.super_options,
    }  # fmt: skip
    if covered:
        return {**row, "covered": True}
    if not host.exists(mount.point):
        return {**row, "error": "cannot be reached"}
    try:
        found = os.statvfs(host.path(mount.point))
    except OSError as error:
        return {**row, "error": error.strerror, "errno": error.errno}
    size = found.f_frsize or found.f_bsize
    return {
        **row, "block_size": size, "bytes": found.f_blocks * size, "bytes_free": found.f_bfree * size,
        "bytes_available": found.f_bavail * size,
        "inodes": found.f_files, "inodes_free": found.f_ffree, "inodes_available": found.f_favail,
        "flags": [name for bit, name in _FLAGS.items() if found.f_flag & bit], "name_max": found.f_namemax,
    }  # fmt: skip
