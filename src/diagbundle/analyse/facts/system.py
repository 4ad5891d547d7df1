"""Processes, memory, processors, limits and settings of the kernel: one type for one thing, whoever told of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from diagbundle.analyse.fact import Fact

UNLIMITED = math.inf
KERNEL_NOFILE = 1024
"""Soft limit of open files that every process has where nobody set one."""
_CONTAINER = re.compile(r"(?:^|[-/:])([0-9a-f]{64})(?=[./]|$)")


@dataclass(frozen=True)
class Process(Fact):
    """A process, or with `tid` one of its threads that is in uninterruptible sleep."""

    pid: int
    name: str = ""
    """As the kernel calls it: at most 15 characters."""
    command: str = ""
    """Its command line; '' for threads of the kernel and where it was not told."""
    state: str = ""
    """R, S, D (uninterruptible), Z (zombie), T (stopped), I (idle)."""
    tid: int = 0
    ppid: int = 0
    uid: int = -1
    """Real user id; -1 where it is unknown."""
    user: str = ""
    """Its name, where that was told instead of a number."""
    threads: int = 1
    start: int = 0
    """Ticks after boot; with the pid it names a process."""
    rss: int = 0
    """KiB of memory that are resident."""
    swap: int = 0
    """KiB of memory that are swapped out."""
    tty: int = 0
    is_kernel: bool = False
    """A thread of the kernel."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Path of its control group by controller; '' is the hierarchy of version 2."""
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Soft and hard limit by the kernel's name: `Max open files`."""
    container: str = ""
    wchan: str = ""
    """Where in the kernel it waits."""
    stack: tuple[str, ...] = ()
    """Functions of the kernel, the innermost first."""
    cwd: str = ""
    executable: str = ""
    context: str = ""
    """Its security context."""
    policy: int = 0  # 1 FIFO, 2 RR, 6 deadline are in real time
    priority: int = 0
    is_whole: bool = False
    """Whether the row is ours; `ps` tells less."""

    @property
    def label(self) -> str:
        """`name (pid 17)`, with the name that people know it by."""
        return f"{self.title} (pid {self.pid})"

    @property
    def title(self) -> str:
        """The name that it gives itself, and the kernel's behind it where that is another: `worker/python3`."""
        first = self.command.split(" ", 1)[0].rpartition("/")[2].rstrip(":")
        if not first or first.startswith(self.name[:15]) or self.name.startswith(first):
            return self.name or first or "?"
        return f"{first} ({self.name})" if self.name else first

    def in_group(self, path: str) -> bool:
        """Whether it is in a control group, or in one below it."""
        return any(own == path or own.startswith(path.rstrip("/") + "/") for own in self.groups.values())


def running(processes: Iterable[Process]) -> list[Process]:
    """Each process once, without threads: by our own table where there is one, else by `ps`."""
    known = [each for each in processes if not each.tid and not each.is_start]
    best = [each for each in known if each.is_whole] or known
    return list({each.pid: each for each in best}.values())


@dataclass(frozen=True)
class ProcessCounter(Fact):
    """A process at one of the two readings."""

    pid: int
    start: int = 0
    name: str = ""
    state: str = ""
    ticks: int = 0
    """Time on a processor, user and system, in ticks."""
    threads: int = 0
    majflt: int = 0
    descriptors: int = -1
    """Open ones; -1 where it was not told."""
    runs: int = -1
    """How often it was given a processor; -1 where the kernel does not count that."""
    rss: int = 0
    """KiB of memory that are resident."""


@dataclass(frozen=True)
class Descriptors(Fact):
    """What a process has open against its limit."""

    pid: int
    name: str = ""
    uid: int = -1
    open: int = -1
    """-1 where we may not look."""
    soft: float = UNLIMITED
    hard: float = UNLIMITED
    kinds: Mapping[str, int] = field(default_factory=dict)
    """How many of `socket`, `file`, `pipe`, `anon_inode:…`, the most frequent first."""
    targets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Inotify(Fact):
    """Instances of inotify that a user's processes hold."""

    uid: int
    instances: int
    """At most so many: one that was inherited is counted twice."""
    limit: int = 0
    watches_limit: int = 0


@dataclass(frozen=True)
class FileTable(Fact):
    """/proc/sys/fs/file-nr: open files of the whole system."""

    allocated: int
    unused: int
    limit: int


@dataclass(frozen=True)
class TaskCount(Fact):
    """/proc/loadavg: load, and tasks of the whole system."""

    load1: float
    load5: float
    load15: float
    runnable: int = 0
    tasks: int = 0


@dataclass(frozen=True)
class Memory(Fact):
    """/proc/meminfo, KiB by name (`HugePages_*` are counts)."""

    values: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)

    @property
    def available(self) -> int:
        """KiB that can be had without swapping; before Linux 3.14 an estimate of the same kind."""
        if "MemAvailable" in self.values:
            return self["MemAvailable"]
        return self["MemFree"] + self["Buffers"] + max(0, self["Cached"] - self["Shmem"]) + self["SReclaimable"]


@dataclass(frozen=True)
class FileCache(Fact):
    """The cache of ZFS, which the kernel does not count as available although it is given back."""

    size: int
    """KiB."""
    least: int = 0
    """KiB that it keeps."""


@dataclass(frozen=True)
class SwapArea(Fact):
    """A line of /proc/swaps."""

    path: str
    size: int
    """KiB."""
    used: int = 0

    @property
    def is_memory(self) -> bool:
        """Whether it lies in memory (zram), where swapping costs no disk."""
        return "zram" in self.path


@dataclass(frozen=True)
class Counters(Fact):
    """A file of counters since boot: /proc/vmstat."""

    values: Mapping[str, int]
    origins: Mapping[str, object] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)


@dataclass(frozen=True)
class Pressure(Fact):
    """How long tasks waited for a resource."""

    resource: str
    """`cpu`, `memory`, `io`."""
    kind: str
    """`some`: at least one task waited; `full`: all did."""
    total: int
    """Microseconds since boot."""
    average10: float = 0.0
    """Share of the last 10 s, percent."""
    average60: float = 0.0
    group: str = ""
    """Of a control group; '' is the whole host."""


@dataclass(frozen=True)
class CpuTimes(Fact):
    """A line of /proc/stat: ticks since boot of one processor, or of all (`cpu`)."""

    cpu: str
    user: int = 0
    nice: int = 0
    system: int = 0
    idle: int = 0
    iowait: int = 0
    irq: int = 0
    softirq: int = 0
    steal: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.user + self.nice + self.system + self.idle + self.iowait + self.irq + self.softirq + self.steal


@dataclass(frozen=True)
class CgroupCpu(Fact):
    """cpu.stat of a control group."""

    group: str
    """Path below the hierarchy's root, with a leading slash."""
    periods: int = 0
    throttled: int = 0
    """Periods in which it was stopped because its quota was used up."""
    seconds: float = 0.0
    """Time that its tasks were stopped, since it was made."""


@dataclass(frozen=True)
class CgroupQuota(Fact):
    """How much of a processor a control group may use."""

    group: str
    quota: float = UNLIMITED
    """Milliseconds in each period."""
    period: float = 0.0


@dataclass(frozen=True)
class CgroupValue(Fact):
    """A number that a control group's file holds: `memory.max`, `pids.current`, `memory.events:oom_kill`."""

    group: str
    name: str
    value: float


@dataclass(frozen=True)
class OomLine(Fact):
    """One line of the several with which the kernel tells of a kill for want of memory."""

    kind: str
    """`killed`, `constraint`, `task`, `invoked`, `usage`."""
    time: float = 0.0
    pid: int = 0
    victim: str = ""
    constraint: str = ""
    group: str = ""
    """The control group whose limit was hit."""
    task_group: str = ""
    rss: int = 0
    """KiB that the victim had resident."""
    limit: int = 0
    """KiB of the control group's limit."""
    is_group: bool = False
    """Whether the line says that a control group's limit was hit."""


@dataclass(frozen=True)
class Setting(Fact):
    """A setting of the kernel as it is now."""

    key: str
    """`net.core.somaxconn`."""
    value: str
    """Words with single blanks between them."""


@dataclass(frozen=True)
class SettingLine(Fact):
    """A line of a file that is to set one."""

    key: str
    """May hold `*`."""
    value: str
    file: str
    """With a leading slash."""
    mtime: float = 0.0
    """When the file was last written; 0 where it is unknown."""
    position: int = 0
    """Line in the file."""
    profile: str = ""
    """Of a profile of tuned: its name."""


@dataclass(frozen=True)
class TunedProfile(Fact):
    """A profile of tuned, and those that it takes in; '' takes in what is active."""

    name: str
    includes: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnitLimit(Fact):
    """How many open files a unit's configuration gives to its main process."""

    unit: str
    pid: int
    files: float
    """The hard limit."""


@dataclass(frozen=True)
class LimitLine(Fact):
    """A line of limits.conf."""

    domain: str
    """A user, `@group`, `*`, `%group`, `uid:uid`."""
    kind: str
    """`soft`, `hard` or `-` for both."""
    item: str
    value: float
    file: str = ""


@dataclass(frozen=True)
class User(Fact):
    """A line of /etc/passwd or /etc/group."""

    name: str
    number: int
    is_group: bool = False
    members: tuple[str, ...] = ()
    group: int = -1
    """Of a user: the number of the first group."""


def user_named(users: Iterable[User], number: int) -> str:
    """`anna (1000)`, or `user 1000` where the name is unknown."""
    name = next((each.name for each in users if not each.is_group and each.number == number), "")
    return f"{name} ({number})" if name else f"user {number}"


@dataclass(frozen=True)
class SharedMemory(Fact):
    """How many objects of System V IPC there are: `sem`, `shm` or `msg`."""

    kind: str
    count: int


def group_title(group: str) -> str:
    """What people call a control group: its container, its unit, or its path."""
    if container := _CONTAINER.search(group):
        return f"container {container[1][:12]}"
    name = group.rstrip("/").rpartition("/")[2]
    return name if name.endswith((".service", ".slice", ".scope")) and name != "" else group or "/"


WHOLE = 100
"""From here on tenths are left out."""


def size(kib: float) -> str:
    """KiB in words: `1.5 GiB`."""
    for unit, factor in (("TiB", 1 << 30), ("GiB", 1 << 20), ("MiB", 1 << 10)):
        if abs(kib) >= factor:
            value = kib / factor
            return f"{value:,.0f} {unit}" if value >= WHOLE else f"{value:.1f} {unit}"
    return f"{kib:,.0f} KiB"
