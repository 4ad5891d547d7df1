"""Disks, arrays and volumes, and what the kernel said of them."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class DiskCounters(Fact):
    """One line of /proc/diskstats: counts and times in milliseconds since boot."""

    name: str
    number: str
    """Major and minor: `8:0`."""
    reads: int = 0
    read_ms: int = 0
    read_sectors: int = 0
    writes: int = 0
    write_ms: int = 0
    write_sectors: int = 0
    in_flight: int = 0
    busy_ms: int = 0
    """Time in which anything was asked of it."""
    others: int = 0
    """Discards and flushes."""

    @property
    def done(self) -> int:
        """Requests that came to an end."""
        return self.reads + self.writes + self.others


@dataclass(frozen=True)
class DiskTrouble(Fact):
    """What the kernel said of a disk, a path to it or a file system on it."""

    kind: str
    """`io` (a request failed), `fs` (a file system found itself broken), `readonly`, `reset` (no answer in time, or a reset), `gone`;
    `mounted` and `unmounted`, which tell what came before from what counts now."""
    device: str
    """`sda1`, `nvme0`, `0:0:1:0`, `ata3`; '' where it is not told."""
    text: str
    time: float = 0.0
    filesystem: str = ""
    """Of `fs` and `readonly`: its type."""
    parent: str = ""
    """Where the kernel names a port and a disk at once: the disk."""


@dataclass(frozen=True)
class RemoteTrouble(Fact):
    """What was said of a server of files or blocks."""

    kind: str
    """`silent` or `back`."""
    server: str
    text: str
    time: float = 0.0
    protocol: str = ""


@dataclass(frozen=True)
class DiskState(Fact):
    """What the kernel thinks of a disk, a path, a session: `running`, `offline`, `LOGGED_IN`."""

    name: str
    state: str
    kind: str = "disk"


@dataclass(frozen=True)
class Smart(Fact):
    """What a disk says of its own health."""

    device: str
    passed: bool | None = None
    model: str = ""
    warning: int = 0
    """Of NVMe: the bits of `critical_warning`."""
    wear: int | None = None
    """Share of its life in per cent that is used up, as NVMe counts."""
    spare: int | None = None
    spare_least: int | None = None
    media_errors: int = 0
    pending: int = 0
    """Sectors that could not be read."""
    reallocated: int = 0
    uncorrectable: int = 0
    failing: tuple[str, ...] = ()
    """Attributes that are below their threshold now."""


@dataclass(frozen=True)
class Array(Fact):
    """A software array."""

    name: str
    level: str = ""
    active: bool = True
    wanted: int | None = None
    working: int | None = None
    failed: tuple[str, ...] = ()
    progress: str = ""
    """`recovery = 12.6%`, or ''."""
    mismatches: int = 0


@dataclass(frozen=True)
class Volume(Fact):
    """A logical volume or a pool of them, in per cent; None where it has no such thing."""

    name: str
    attributes: str = ""
    data: float | None = None
    metadata: float | None = None
    state: str = ""


@dataclass(frozen=True)
class MissingDevice(Fact):
    """A device that something was built of and that is not there."""

    group: str
    what: str


@dataclass(frozen=True)
class Path(Fact):
    """One way to a disk behind multipath."""

    map: str
    device: str
    is_up: bool = True
    state: str = ""


@dataclass(frozen=True)
class Pool(Fact):
    """A ZFS pool."""

    name: str
    state: str = ""
    errors: str = ""
    devices: tuple[tuple[str, str, int], ...] = ()
    """Devices that are not ONLINE or have errors: name, state, errors."""
    used: int | None = None
    """Per cent."""


@dataclass(frozen=True)
class DeviceErrors(Fact):
    """Errors of one device that the file system on it (btrfs) counts itself; they stay until somebody resets them."""

    where: str
    """Mount point or UUID."""
    device: str
    writes: int = 0
    reads: int = 0
    flushes: int = 0
    corruptions: int = 0
    generations: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.writes + self.reads + self.flushes + self.corruptions + self.generations


@dataclass(frozen=True)
class ErrorCounter(Fact):
    """A counter of errors that should stand still: of a SCSI disk, of a member of an array."""

    name: str
    what: str
    count: int = 0


@dataclass(frozen=True)
class HardRaid(Fact):
    """A volume or a disk of a hardware RAID controller, or a replicated device (DRBD), in the words of its tool."""

    name: str
    state: str
    kind: str = "volume"
    is_whole: bool = True
