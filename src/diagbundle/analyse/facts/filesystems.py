"""File systems: their room, where they are mounted, what is in them, and what went wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from diagbundle.analyse.fact import Fact, latest
from diagbundle.analyse.facts.disks import DiskCounters

IMAGES = frozenset(["squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs"])
"""File systems that are made full and never written to."""
UNFILLED = frozenset(
    [
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "efivarfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "sysfs",
        "tracefs",
        "fuse.lxcfs",
        "fuse.gvfsd-fuse",
        "fuse.portal",
        "fuse.snapfuse",
        "fuse.squashfuse",
        "fuse.vmware-vmblock",
        "ramfs",
    ]
)
"""File systems of the kernel's own, which nobody fills."""


@dataclass(frozen=True)
class Filesystem(Fact):
    """How much room a mounted file system has; what is not known is None."""

    mount: str
    source: str = ""
    type: str = ""
    device: str = ""
    """Major and minor number: `253:0`."""
    options: frozenset[str] = frozenset()
    """Options of the mount and of the file system as a whole."""
    is_readonly: bool = False
    """Whether the file system as a whole is: a bind mount that is read-only does not count."""
    bytes: int | None = None
    bytes_free: int | None = None
    bytes_available: int | None = None
    """What is left for everybody but root: reserved blocks are taken off."""
    inodes: int | None = None
    inodes_free: int | None = None
    is_covered: bool = False
    """Whether another mount lies on the same directory."""
    error: str = ""
    """Why it could not be asked: `Input/output error`."""
    errno: int = 0

    @property
    def holds(self) -> str:
        """What mounts of one and the same room have in common."""
        if self.type == "zfs":
            return f"zfs {self.source.partition('/')[0]}"
        if self.type == "btrfs" and self.source:
            return f"btrfs {self.source}"
        return self.device or (self.source if "/" in self.source else self.mount)

    @property
    def bytes_used(self) -> int:
        """Bytes in use."""
        return (self.bytes or 0) - (self.bytes_free or 0)

    @property
    def share(self) -> float:
        """Share of the room in use as `df` counts it: reserved blocks are nobody's room."""
        room = self.bytes_used + max(0, self.bytes_available or 0)
        return self.bytes_used / room if room > 0 else 0.0

    @property
    def inode_share(self) -> float:
        """Share of the inodes in use."""
        return 1 - (self.inodes_free or 0) / self.inodes if self.inodes else 0.0


@dataclass(frozen=True)
class Mount(Fact):
    """One line of the kernel's list of mounts."""

    point: str
    source: str = ""
    type: str = ""
    options: frozenset[str] = frozenset()
    """Of this mount."""
    super_options: frozenset[str] = frozenset()
    """Of the file system as a whole; empty where they are not told apart."""
    device: str = ""
    """Major and minor number; '' where it is not told."""

    @property
    def is_readonly(self) -> bool:
        """Whether the file system as a whole takes no writes."""
        every = self.super_options or self.options
        return "ro" in every or "emergency_ro" in self.options | self.super_options or "shutdown" in self.options | self.super_options


@dataclass(frozen=True)
class FstabEntry(Fact):
    """One line of /etc/fstab."""

    spec: str
    point: str
    type: str
    options: frozenset[str] = frozenset()


@dataclass(frozen=True)
class BlockId(Fact):
    """A block device with its names: `UUID=…`, `LABEL=…`."""

    device: str
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DeletedFile(Fact):
    """A file without a name that is still open, and so still takes room."""

    path: str
    bytes: int = 0
    """Room on disk."""
    mount: str = ""
    type: str = ""
    device: str = ""
    inode: int = 0
    holders: tuple[tuple[int, str], ...] = ()
    """Process id and name."""

    @property
    def held_by(self) -> str:
        """`postgres (pid 911) and 3 more`."""
        if not self.holders:
            return "a process"
        (pid, name), more = self.holders[0], len(self.holders) - 1
        return f"{name} (pid {pid})" + (f" and {more} more" if more else "")


@dataclass(frozen=True)
class Large(Fact):
    """One of the largest directories or files of a file system."""

    kind: str
    """`filesystem`, `directory` or `file`."""
    path: str
    bytes: int = 0
    """Room on disk."""
    entries: int = 0
    """Of a directory: how many names are below it."""
    is_complete: bool = True
    changed: float = 0.0


@dataclass(frozen=True)
class ErrorCount(Fact):
    """Errors that an ext4 file system notes in its own superblock; they stay until it is checked."""

    device: str
    """`sda1`, `dm-0`."""
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    where: str = ""
    """The function of the kernel that met the last one."""


@dataclass(frozen=True)
class BtrfsRoom(Fact):
    """How a btrfs file system has shared out its devices: what is not allocated can become anything."""

    mount: str
    size: int = 0
    unallocated: int | None = None
    metadata_size: int = 0
    metadata_used: int = 0


@dataclass(frozen=True)
class NoRoom(Fact):
    """A program's word that it could not write for want of room."""

    text: str
    time: float = 0.0
    who: str = ""
    path: str = ""
    """The file it was about, as far as it is named."""
    is_quota: bool = False


@dataclass(frozen=True)
class NoWrite(Fact):
    """A program's word that it could not write because the file system is read-only."""

    time: float = 0.0
    who: str = ""
    path: str = ""
    """The file it was about, as far as it is named."""


@dataclass(frozen=True)
class RemoteOps(Fact):
    """How one network mount answers: requests since it was mounted."""

    point: str
    source: str = ""
    type: str = ""
    sent: int = 0
    answered: int = 0
    timeouts: int = 0
    """Requests that were sent again because no answer came in time (major timeouts)."""


@dataclass(frozen=True)
class Names(Fact):
    """A device mapper's or array's two names: `dm-0` is `vg-root`."""

    kernel: str
    name: str
    is_suspended: bool | None = None


@dataclass(frozen=True)
class Backing(Fact):
    """The file behind a loop device."""

    device: str
    path: str


def each_once(mounts: Iterable[Mount]) -> list[Mount]:
    """Every mount once, from the list that says most; of several on one directory the last, which covers the others."""
    now = latest(mounts)
    full = [each for each in now if each.device] or [each for each in now if each.origin.path.endswith("proc/mounts")] or now
    return [*{each.point: each for each in full}.values()]


@dataclass
class Places:
    """Where devices are mounted, whatever name they go by."""

    mounts: Iterable[Mount]
    numbers: Mapping[str, str] = field(default_factory=dict)
    """`253:0` -> `dm-0`."""
    names: Mapping[str, str] = field(default_factory=dict)
    """`dm-0` -> `vg-root`."""

    @classmethod
    def of_facts(cls, mounts: Iterable[Mount], counters: Iterable[DiskCounters], names: Iterable[Names]) -> Places:
        """From what was read: counters tell the numbers of devices."""
        known = {each.kernel: each.name for each in names if each.name}
        return cls(each_once(mounts), {each.number: each.name for each in counters}, known)

    def of(self, device: str) -> list[str]:
        """Mount points of a device, or of its partitions; the shortest first."""
        kernel = {name: each for each, name in self.names.items()}
        wanted = kernel.get(device, device)
        own = re.compile(rf"{re.escape(wanted)}(?:p?\d+)?") if not wanted.startswith(("loop", "dm-")) else re.compile(re.escape(wanted))
        found = {mount.point for mount in self.mounts if own.fullmatch(self.device_of(mount))}
        return sorted(found, key=lambda point: (len(point), point))

    def device_of(self, mount: Mount) -> str:
        """The kernel's name of what is mounted."""
        if mount.device in self.numbers:
            return self.numbers[mount.device]
        name = mount.source.removeprefix("/dev/").removeprefix("mapper/")
        return next((each for each, known in self.names.items() if known == name), name)


def size(count: float) -> str:
    """Bytes for people: `0 bytes`, `512 KB`, `1.5 GB`."""
    if count < 1000:
        return f"{int(count)} bytes"
    for unit in ("KB", "MB", "GB", "TB", "PB"):
        count /= 1024
        if count < 1000 or unit == "PB":
            break
    return f"{count:.1f} {unit}" if count < 9.95 and round(count, 1) != int(count) else f"{count:,.0f} {unit}"
