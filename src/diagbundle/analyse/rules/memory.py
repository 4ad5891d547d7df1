"""Memory: kills, shortage, swapping, pressure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from diagbundle.analyse.api import About, Finding, Origin, Severity, Undecided, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.spoken import between, often
from diagbundle.analyse.facts.system import (
    CgroupValue,
    Counters,
    FileCache,
    Memory,
    OomLine,
    Pressure,
    Process,
    SwapArea,
    group_title,
    running,
    size,
)  # fmt: skip

DAY = 86400.0
TOGETHER = 3.0
"""Seconds within which the lines of one kill stand."""
RECENT = 50
"""Kills among which the one is sought that a line belongs to."""
BY_HAND = "sysrq"
PAGE = 4
"""KiB, of nearly every machine."""


@dataclass
class Kill:
    """One kill, put together from its lines."""

    pid: int
    victim: str = ""
    group: str = ""
    task_group: str = ""
    time: float = 0.0
    rss: int = 0
    limit: int = 0
    is_group: bool = False
    by_hand: bool = False
    """Whether somebody asked the kernel for it."""
    origins: list[Origin] = field(default_factory=list)


def kills(lines: Iterable[OomLine]) -> list[Kill]:
    """The lines of each kill, of which some name the victim, some the control group and some its limit."""
    found: list[Kill] = []
    held = sorted(lines, key=lambda line: (line.time, line.origin.path, line.origin.line))
    for line in held:
        if not line.pid:
            continue
        kill = next((each for each in found[-RECENT:] if each.pid == line.pid and abs(each.time - line.time) <= TOGETHER), None)
        if kill is None:
            kill = Kill(line.pid, time=line.time)
            found.append(kill)
        kill.victim, kill.rss = line.victim or kill.victim, max(kill.rss, line.rss)
        kill.group, kill.task_group = line.group or kill.group, line.task_group or kill.task_group
        kill.is_group |= line.is_group
        kill.origins.insert(0 if line.kind == "killed" else len(kill.origins), line.origin)
    times = [kill.time for kill in found]
    for line in held:
        if line.kind in {"task", "usage"} or line.constraint == BY_HAND:
            start, end = bisect_left(times, line.time - TOGETHER), bisect_right(times, line.time + TOGETHER)
            _tell_group(line, found[start:end][:RECENT])
    return found


def _tell_group(line: OomLine, near: list[Kill]) -> None:
    """Lines without a victim belong to the kill that is nearest in time."""
    if near:
        kill = min(near, key=lambda kill: abs(kill.time - line.time))
        kill.by_hand |= line.constraint == BY_HAND
        kill.group, kill.task_group = kill.group or line.group, kill.task_group or line.task_group
        kill.limit = kill.limit or line.limit
        kill.is_group |= line.kind == "task"


def _severity(many: Sequence[Kill], now: float, worst: Severity) -> Severity:
    last = max(kill.time for kill in many)
    if not last or not now:
        return Severity.WARNING
    age = now - last
    return Severity.NOTE if age > 7 * DAY else worst if age <= DAY else Severity.WARNING


@rule("MEM001", "processes killed because the host ran out of memory", OomLine, About, uses=(Memory,))
def host_out_of_memory(lines: Sequence[OomLine], about: Sequence[About], memory: Sequence[Memory]) -> Iterator[Finding]:
    """The host ran out of memory, and the kernel killed a process to go on (the OOM killer).

    Judged by the kernel's own words, `Out of memory: Killed process`; one finding for each program that was killed. Within the last day
    it is critical, within the last week a warning, and older a note. The victim need not be the guilty: the kernel takes whoever holds
    most. A kill that somebody asked for (SysRq f; `order=-1` in the line above it) is no lack of memory, and a note. Look at the table
    of processes that it prints above the line for who held the memory then. Give the host more memory or swap, limit the one that grows
    (MemoryMax= of its unit), or lower what databases and Java may take; then restart what was killed.
    """
    groups: dict[str, list[Kill]] = {}
    every = [kill for kill in kills(lines) if not kill.is_group]
    yield from _by_hand([kill for kill in every if kill.by_hand])
    for kill in every:
        if not kill.by_hand:
            groups.setdefault(kill.victim or f"process {kill.pid}", []).append(kill)
    total = latest(memory)[0]["MemTotal"] if latest(memory) else 0
    for victim, many in groups.items():
        rss = max(kill.rss for kill in many)
        held = f", which held {size(rss)}" + (f" of the host's {size(total)}" if total else "") if rss else ""
        last = many[-1]
        yield Finding(
            _severity(many, about[0].now, Severity.CRITICAL),
            f"the host ran out of memory: the kernel killed {victim} (pid {last.pid}) {often(len(many))}{held}",
            tuple(last.origins[:3]),
            f"Find who uses the memory (ps aux --sort=-rss | head), give the host more or limit it; then see that {victim} runs again",
            detail=between(kill.time for kill in many),
            subject=victim,
            since=many[0].time,
            latest=last.time,
        )


def _by_hand(many: Sequence[Kill]) -> Iterator[Finding]:
    if many:
        names = ", ".join(dict.fromkeys(f"{kill.victim} (pid {kill.pid})" for kill in many[:3]))
        yield Finding(
            Severity.NOTE,
            f"somebody had the kernel kill {names}: SysRq f, {often(len(many))}; memory was not short",
            tuple(many[-1].origins[:3]),
            "Ask who did it (the console, `echo f > /proc/sysrq-trigger`), and see that what was killed runs again",
            detail=between(kill.time for kill in many),
            subject=many[-1].victim,
            since=many[0].time,
            latest=many[-1].time,
        )


@rule("MEM002", "processes killed at the memory limit of a container or unit", OomLine, About)
def group_out_of_memory(lines: Sequence[OomLine], about: Sequence[About]) -> Iterator[Finding]:
    """A container, pod or unit used as much memory as it may, and the kernel killed a process in it. The host itself had enough.

    Judged by the kernel's words, `Memory cgroup out of memory` or `CONSTRAINT_MEMCG`; one finding for each control group and victim.
    A container that ends with status 137 was most often killed so. A warning within the last week, older ones are notes. Raise the
    limit (memory= of the container, resources.limits.memory of the pod, MemoryMax= of the unit), or find why the program needs more
    than it was given: a leak, a larger load, or a Java heap that leaves no room beside it.
    """
    groups: dict[tuple[str, str], list[Kill]] = {}
    for kill in kills(lines):
        if kill.is_group:
            groups.setdefault((kill.group or kill.task_group, kill.victim), []).append(kill)
    for (group, victim), many in groups.items():
        last = many[-1]
        limit, rss = max(kill.limit for kill in many), max(kill.rss for kill in many)
        names = [f"limit {size(limit)}"] * bool(limit) + [f"it held {size(rss)}"] * bool(rss)
        where = f"{group_title(last.task_group or group)}" if group else "a control group"
        yield Finding(
            _severity(many, about[0].now, Severity.WARNING),
            f"{where} ran out of the memory that it may use: the kernel killed {victim} (pid {last.pid}) {often(len(many))}"
            + (f" ({', '.join(names)})" if names else ""),
            tuple(last.origins[:3]),
            "Raise the memory limit of this control group (container, pod or unit), or find out why the program needs more than before",
            detail="; ".join(filter(None, (f"memory cgroup {group}" if group else "", between(kill.time for kill in many)))),
            subject=group_title(last.task_group or group),
            since=many[0].time,
            latest=last.time,
        )


@rule(
    "MEM003", "kills and full memory of containers and units while the host was watched", CgroupValue, absent="there are no control groups"
)
def group_events(values: Sequence[CgroupValue]) -> Iterator[Finding]:
    """A control group reached its memory limit while the host was watched.

    Judged by two readings of memory.events (memory.oom_control and memory.failcnt of version 1): `oom_kill` that grew is critical.
    More than ten hits of the limit in that time with at least 98 % of it in use are a note: caches count too and are given up first,
    so that a program which reads many files is well at its limit. Whether it suffers, pressure and swapping tell. Raise the limit of
    the container or unit, or find why its program needs more.
    """
    now = {(each.group, each.name): each for each in latest(values)}
    for first, last in pairs(values, lambda each: (each.group, each.name)):
        grown = last.value - first.value
        used, limit = (now.get((last.group, name)) for name in ("memory.current", "memory.max"))
        full = used is not None and limit is not None and used.value >= FULL * limit.value
        what = f"{group_title(last.group)} (limit {size(limit.value / 1024) if limit is not None and full else 'unknown'})"
        if last.name == "memory.events:oom_kill" and grown > 0 and not _below(last, values):
            yield Finding(
                Severity.CRITICAL,
                f"{grown:.0f} processes of {group_title(last.group)} were killed for want of memory while the host was watched",
                (first.origin, last.origin),
                "Raise the memory limit of this control group, or find out why the program needs more than before",
                detail=f"memory cgroup {last.group}",
                subject=group_title(last.group),
            )
        elif last.name in {"memory.events:max", "memory.failcnt"} and grown > HITS and full and not _below(last, values):
            yield Finding(
                Severity.NOTE,
                f"{what} hit its memory limit {grown:,.0f} times while the host was watched",
                (first.origin, last.origin),
                "Raise the memory limit of this control group, or find out why the program needs more than before",
                detail=f"memory cgroup {last.group}",
                subject=group_title(last.group),
            )


FULL = 0.98
HITS = 10


def _below(value: CgroupValue, values: Sequence[CgroupValue]) -> bool:
    """Whether a control group below it grew too: what is counted there is counted above again."""
    return any(
        last.value > first.value
        for first, last in pairs(values, lambda each: (each.group, each.name))
        if last.name == value.name and last.group.startswith(value.group + "/")
    )


def _largest(processes: Sequence[Process], count: int = 3) -> str:
    most = sorted((each for each in running(processes) if each.rss), key=lambda each: -each.rss)[:count]
    return ", ".join(f"{each.label} {size(each.rss)}" for each in most)


LOW, VERY_LOW, GONE = 0.10, 0.03, 0.02
LITTLE = 1 << 20
"""KiB: below this a tenth of the memory is little."""


@rule("MEM004", "memory that is available", Memory, uses=(Process, FileCache))
def low_memory(memory: Sequence[Memory], processes: Sequence[Process], caches: Sequence[FileCache]) -> Iterator[Finding]:
    """The host has hardly any memory left for programs; caches that can be given up are counted as available.

    Judged by MemAvailable of /proc/meminfo: a warning below 10 % of the memory if that is also below 1 GiB, or below 3 % of any
    memory; critical below 2 % and 2 GiB. Huge pages are not counted at all, the cache of ZFS as available. (The alerts of Prometheus'
    node mixin warn at 90 % in use; on large hosts that is still a lot.) Look who holds it, in this order: the processes named here,
    shared memory and huge pages (Shmem, HugePages_Total), the kernel's own (SUnreclaim). Stop or limit the one that grows, or give
    the host more memory.
    """
    for now in latest(memory):
        total, left = now["MemTotal"] - now["HugePages_Total"] * now["Hugepagesize"], now.available
        left += sum(max(0, cache.size - cache.least) for cache in latest(caches))
        if total <= 0:
            raise Undecided("/proc/meminfo says no MemTotal")
        share = left / total
        if share >= VERY_LOW and (share >= LOW or left >= LITTLE):
            continue
        yield Finding(
            Severity.CRITICAL if share < GONE and left < 2 * LITTLE else Severity.WARNING,
            f"memory is nearly used up: {size(left)} of {size(total)} ({share:.0%}) can still be had",
            (now.origin,),
            "Stop or limit the largest user of memory, or give the host more; see `ps aux --sort=-rss | head`",
            detail=_detail(now, processes),
            subject="memory",
        )


def _detail(now: Memory, processes: Sequence[Process]) -> str:
    """Who holds the memory."""
    parts = [f"largest: {_largest(processes)}"] if processes else []
    huge = now["HugePages_Total"] * now["Hugepagesize"]
    for name, amount in (("shared memory and tmpfs", now["Shmem"]), ("huge pages", huge), ("the kernel's own", now["SUnreclaim"])):
        if amount > now["MemTotal"] * LOW:
            parts.append(f"{name} {size(amount)}")
    if now["SwapTotal"]:
        parts.append(f"swap {size(now['SwapTotal'] - now['SwapFree'])} of {size(now['SwapTotal'])} in use")
    return "; ".join(parts)


PAGES_IN, PAGES_OUT = 100.0, 1000.0
"""Pages each second; 100 are 400 KiB."""


@rule("MEM005", "swapping", Counters, uses=(Memory, Process, SwapArea))
def swapping(
    counters: Sequence[Counters], memory: Sequence[Memory], processes: Sequence[Process], areas: Sequence[SwapArea]
) -> Iterator[Finding]:
    """The host moves memory to the disk and back all the time, so that programs wait for the disk where they expect memory.

    Judged by two readings of /proc/vmstat: a warning if at least 100 pages (400 KiB) came back from swap each second, or 1,000 went
    out; 2,500 of both are critical. Ten times as much where all swap lies in memory (zram), and never critical. Swap that is in use
    but at rest is no fault: the kernel put away what nobody needs. Find what needs more memory than there is (the processes with most
    in swap are named), or which container or unit is held below its need by its memory limit; give it more, or less to do.
    """
    for first, last in pairs(counters, lambda _: ""):
        seconds = seconds_between(first, last)
        if not seconds:
            raise Undecided("the time between the two readings of /proc/vmstat is unknown")
        came, went = ((last[name] - first[name]) / seconds for name in ("pswpin", "pswpout"))
        cheap = bool(areas) and all(area.is_memory for area in areas)
        factor = 10 if cheap else 1
        if came < 0 or went < 0 or (came < PAGES_IN * factor and went < PAGES_OUT * factor):
            continue
        now = latest(memory)[0] if latest(memory) else None
        used = f"; swap {size(now['SwapTotal'] - now['SwapFree'])} of {size(now['SwapTotal'])} in use" if now and now["SwapTotal"] else ""
        yield Finding(
            Severity.CRITICAL if came > STORM and went > STORM and not cheap else Severity.WARNING,
            f"the host is swapping: {size(came * PAGE)} came from swap and {size(went * PAGE)} went out each second, over {seconds:.0f} s",
            (*_cited(first), *_cited(last)),
            "Find what needs more memory than it has (the host, or a container or unit at its limit), and give it more",
            detail=_swapped(processes) + used,
            subject="swap",
        )
        return
    if not any(True for _ in pairs(counters, lambda _: "")):
        raise Undecided("/proc/vmstat was read only once")


STORM = 2500.0


def _cited(counters: Counters) -> list[Origin]:
    return [each for name in ("pswpin", "pswpout") if isinstance(each := counters.origins.get(name), Origin)] or [counters.origin]


def _swapped(processes: Sequence[Process]) -> str:
    most = sorted((each for each in running(processes) if each.swap), key=lambda each: -each.swap)[:3]
    return "most in swap: " + ", ".join(f"{each.label} {size(each.swap)}" for each in most) if most else ""


SOME_HIGH, FULL_HIGH, FULL_BAD = 0.25, 0.05, 0.20
MICROSECONDS = 1e6


@rule("MEM006", "tasks waiting for memory (pressure)", Pressure, absent="this kernel does not measure pressure (PSI)")
def memory_pressure(pressures: Sequence[Pressure]) -> Iterator[Finding]:
    """Tasks stand still because memory must first be freed or brought back from the disk.

    Judged by two readings of /proc/pressure/memory, as `total` of both is exact: a warning if all tasks stood still for more than 5 %
    of the time between, or some for more than 25 %; critical above 20 % for all. Of control groups (containers, units), the innermost
    is named, from 10 % (all) on. Find what grows, or which limit is too tight; see also what is said of swap and of memory limits.
    """
    shares = list(_shares(pressures, "memory"))
    for group in sorted({each.group for each, _, _ in shares}):
        here = {last.kind: (last, share, first) for last, share, first in shares if last.group == group}
        (_, full, _), (_, some, _) = (here.get(kind, (None, 0.0, None)) for kind in ("full", "some"))
        least = FULL_HIGH if not group else 2 * FULL_HIGH
        if full < least and (group or some < SOME_HIGH):
            continue
        if any(other.group.startswith(group + "/") and share >= least for other, share, _ in shares if other.kind == "full" and group):
            continue
        yield _pressed(group, full, some, [origin for last, _, first in here.values() for origin in (first.origin, last.origin)])


def _shares(pressures: Sequence[Pressure], resource: str) -> Iterator[tuple[Pressure, float, Pressure]]:
    for first, last in pairs([each for each in pressures if each.resource == resource], lambda each: (each.group, each.kind)):
        seconds = seconds_between(first, last)
        if seconds and last.total >= first.total:
            yield last, (last.total - first.total) / MICROSECONDS / seconds, first


def _pressed(group: str, full: float, some: float, origins: Sequence[Origin]) -> Finding:
    who = group_title(group) if group else "the host"
    return Finding(
        Severity.CRITICAL if full >= FULL_BAD and not group else Severity.WARNING,
        f"{who} is under memory pressure: {max(some, full):.0%} of the time some task waited for memory, {full:.0%} of the time all did",
        tuple(origins),
        "Find what needs more memory than it has, and give it more or less to do; `ps aux --sort=-rss | head` shows the largest",
        detail=f"control group {group}" if group else "",
        subject=group_title(group) if group else "memory",
    )
