"""Memory and processors: /proc, control groups of both versions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Event, log_parser, parser
from diagbundle.analyse.facts.system import (
    UNLIMITED,
    CgroupCpu,
    CgroupQuota,
    CgroupValue,
    Counters,
    CpuTimes,
    FileCache,
    Memory,
    OomLine,
    Pressure,
    SwapArea,
    TaskCount,
)  # fmt: skip

GROUPS = "sys/fs/cgroup/"
_CONTROLLERS = ("cpu,cpuacct/", "cpuacct,cpu/", "cpuacct/", "cpu/", "memory/", "pids/", "unified/")
"""Where the hierarchies of version 1 are mounted."""
LARGEST = 1 << 62
"""Numbers above it are the kernel's way to say: no limit."""


def number(word: str) -> int:
    """A count of the kernel; 0 where it is none."""
    return int(word[:20]) if word.isascii() and word.isdecimal() else 0


def _named(doc: Document) -> dict[str, int]:
    """Files of lines `name value`, with or without a colon."""
    return {words[0].rstrip(":"): number(words[1]) for _, words in doc.words() if len(words) > 1 and words[1].isdecimal()}


@parser(Memory, "proc/meminfo")
def meminfo(doc: Document) -> Iterator[Memory]:
    """KiB by name."""
    if values := _named(doc):
        head = next((line for line in doc.lines if line.startswith("MemAvailable")), doc.lines[0])
        yield Memory(values, origin=head.origin)


@parser(FileCache, "proc/spl/kstat/zfs/arcstats")
def file_cache(doc: Document) -> Iterator[FileCache]:
    """`name type value`, in bytes."""
    values = {words[0]: number(words[2]) >> 10 for _, words in doc.words() if len(words) == 3}
    if "size" in values:
        yield FileCache(values["size"], values.get("c_min", 0), origin=doc.origin(0, "the cache of ZFS"))


@parser(SwapArea, "proc/swaps")
def swap_areas(doc: Document) -> Iterator[SwapArea]:
    """`file type size used priority`, in KiB."""
    for line, words in doc.words():
        if len(words) >= 5 and words[2].isdecimal() and words[3].isdecimal():
            yield SwapArea(words[0], number(words[2]), number(words[3]), origin=line.origin)


@parser(Counters, "proc/vmstat")
def vmstat(doc: Document) -> Iterator[Counters]:
    """Counters of the memory management since boot."""
    lines = {line.split(" ", 1)[0]: line.origin for line in doc.lines if " " in line}
    if values := _named(doc):
        yield Counters(values, lines, origin=doc.origin(1, "counters since boot"))


@parser(TaskCount, "proc/loadavg")
def loadavg(doc: Document) -> Iterator[TaskCount]:
    """Load, and how many tasks there are."""
    for line in doc.lines[:1]:
        found = re.match(r"(\d+\.\d+) (\d+\.\d+) (\d+\.\d+) (\d+)/(\d+)", line)
        if found:
            one, five, fifteen = (float(word) for word in found.groups()[:3])
            yield TaskCount(one, five, fifteen, int(found[4][:9]), int(found[5][:9]), origin=line.origin)


@parser(TaskCount, "sos_commands/*/uptime", "uptime")
def uptime(doc: Document) -> Iterator[TaskCount]:
    """` 10:00:00 up 42 days, …  load average: 0.10, 0.12, 0.10`; a comma stands for the point in some languages."""
    for line in doc.lines[:3]:
        found = re.search(r"load averages?: (\d+[.,]\d+),? (\d+[.,]\d+),? (\d+[.,]\d+)", line)
        if found:
            one, five, fifteen = (float(word.replace(",", ".")) for word in found.groups())
            yield TaskCount(one, five, fifteen, origin=line.origin)
            return


@parser(CpuTimes, "proc/stat")
def cpu_times(doc: Document) -> Iterator[CpuTimes]:
    """Ticks of each processor."""
    for line, words in doc.words():
        if words[0].startswith("cpu") and len(words) > len(("user", "nice", "system", "idle")):
            ticks = [number(word) for word in words[1:9]]
            yield CpuTimes(words[0], *(ticks + [0] * (8 - len(ticks))), origin=line.origin)


_PRESSURE = re.compile(r"(some|full) avg10=(\d+\.\d+) avg60=(\d+\.\d+) avg300=\d+\.\d+ total=(\d{1,19})")


@parser(Pressure, "proc/pressure/*", GROUPS + "**/*.pressure", GROUPS + "*.pressure")
def pressure(doc: Document) -> Iterator[Pressure]:
    """How long tasks waited for a resource; the root's control group is the host, and read as that."""
    group, name = group_of(doc.path)
    if not group and doc.path.startswith(GROUPS):
        return
    for line in doc.lines:
        if found := _PRESSURE.match(line):
            yield Pressure(
                name.removesuffix(".pressure"), found[1], int(found[4]), float(found[2]), float(found[3]), group, origin=line.origin
            )


def group_of(path: str) -> tuple[str, str]:
    """The control group that a file tells of, and the file's name; '' is the root of a hierarchy, or no group."""
    folder, _, name = path.rpartition("/")
    if not path.startswith(GROUPS):
        return "", name
    inner = folder.removeprefix(GROUPS.rstrip("/")).lstrip("/") + "/"
    for controller in _CONTROLLERS:
        if inner.startswith(controller):
            inner = inner.removeprefix(controller)
            break
    return ("/" + inner.rstrip("/")) if inner.strip("/") else "", name


@parser(CgroupCpu, GROUPS + "**/cpu.stat")
def cgroup_cpu(doc: Document) -> Iterator[CgroupCpu]:
    """Periods, and those in which the quota was used up; groups without a quota have none."""
    values = _named(doc)
    if not values.get("nr_periods"):
        return
    seconds = values["throttled_usec"] / 1e6 if "throttled_usec" in values else values.get("throttled_time", 0) / 1e9
    line = next(line for line in doc.lines if line.startswith(("nr_throttled", "nr_periods")))
    line = next((line for line in doc.lines if line.startswith("nr_throttled")), line)
    yield CgroupCpu(group_of(doc.path)[0], values["nr_periods"], values.get("nr_throttled", 0), seconds, origin=line.origin)


@parser(CgroupQuota, GROUPS + "**/cpu.max", GROUPS + "**/cpu.cfs_quota_us")
def cgroup_quota(doc: Document) -> Iterator[CgroupQuota]:
    """Version 2 says `quota period` in microseconds, or `max`; version 1 the quota alone, -1 for none."""
    for line, words in doc.words():
        if words[0].isdecimal():
            period = number(words[1]) / 1000 if len(words) > 1 else 0.0
            yield CgroupQuota(group_of(doc.path)[0], number(words[0]) / 1000, period, origin=line.origin)


_VALUES = ("memory.max", "memory.high", "memory.current", "memory.swap.current", "pids.max", "pids.current")
_VERSION_1 = {"memory.limit_in_bytes": "memory.max", "memory.usage_in_bytes": "memory.current", "memory.failcnt": "memory.failcnt"}


@parser(CgroupValue, *(f"{GROUPS}**/{name}" for name in (*_VALUES, *_VERSION_1)))
def cgroup_values(doc: Document) -> Iterator[CgroupValue]:
    """Files that hold one number, or `max`; the same under the names of both versions."""
    group, name = group_of(doc.path)
    for line, words in doc.words():
        value = float(number(words[0])) if words[0].isdecimal() else UNLIMITED
        yield CgroupValue(group, _VERSION_1.get(name, name), UNLIMITED if value > LARGEST else value, origin=line.origin)
        return


@parser(CgroupValue, *(f"{GROUPS}**/{name}" for name in ("memory.events", "pids.events", "memory.oom_control")))
def cgroup_events(doc: Document) -> Iterator[CgroupValue]:
    """Counters by name: `memory.events:oom_kill`."""
    group, name = group_of(doc.path)
    for line, words in doc.words():
        if len(words) > 1 and words[1].isdecimal():
            yield CgroupValue(group, f"{name.replace('oom_control', 'events')}:{words[0]}", number(words[1]), origin=line.origin)


_KILLED = re.compile(r"Kill(?:ed)? process (?P<pid>\d+)(?:, UID \d+,)? \((?P<name>.*?)\)(?=,| score| total-vm|$)")
_RSS = re.compile(r"anon-rss:(\d+)kB(?:, file-rss:(\d+)kB)?(?:, shmem-rss:(\d+)kB)?")
_CONSTRAINT = re.compile(
    r"oom-kill:constraint=(\w+).*?(?:oom_memcg=(?P<group>\S*?),task_memcg=(?P<task_group>\S*?),)?task=(?P<task>.*),pid=(?P<pid>\d+),uid=(\d+)"
)
_TASK = re.compile(r"Task in (\S+) killed as a result of limit of (\S+)")
_USAGE = re.compile(r"memory: usage (\d+)kB, limit (\d+)kB, failcnt (\d+)")
_INVOKED = re.compile(r"^(.{1,60}?) invoked oom-killer: .*?order=(-?\d+)")


@log_parser(
    OomLine,
    "Kill process",
    "Killed process",
    "oom-kill:",
    "killed as a result of limit",
    "invoked oom-killer",
    "memory: usage",
    kernel=True,
)
def oom(event: Event) -> Iterator[OomLine]:
    """The lines of one kill, as kernels from 2.6.32 on write them."""
    if event.acknowledged:
        return
    text, origin, time = event.text, event.origin, event.time
    if found := _CONSTRAINT.search(text):
        yield OomLine(
            "constraint", time, int(found["pid"][:9]), found["task"], found[1], found["group"] or "", found["task_group"] or "",
            is_group=found[1] == "CONSTRAINT_MEMCG", origin=origin,
        )  # fmt: skip
    elif found := _TASK.search(text):
        yield OomLine("task", time, group=found[2], task_group=found[1], is_group=True, origin=origin)
    elif found := _USAGE.search(text):
        yield OomLine("usage", time, limit=number(found[2]), is_group=True, origin=origin)
    elif found := _INVOKED.search(text):
        yield OomLine("invoked", time, victim=found[1], constraint="sysrq" if found[2] == "-1" else "", origin=origin)
    elif found := _KILLED.search(text):
        held = _RSS.search(text)
        rss = sum(number(part or "0") for part in held.groups()) if held else 0
        yield OomLine(
            "killed", time, int(found["pid"][:9]), found["name"], rss=rss, is_group="cgroup out of memory" in text.lower(), origin=origin
        )
