"""Processors: quotas, what the hypervisor takes, load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import Finding, Severity, Undecided, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.system import CgroupCpu, CgroupQuota, CpuTimes, Process, ProcessCounter, TaskCount, group_title, running

THROTTLED, STOPPED, LEAST_PERIODS, NAMED, MOST = 0.25, 0.1, 10, 3, 10


@rule(
    "CPU001",
    "containers and units held back by their CPU quota",
    CgroupCpu,
    uses=(CgroupQuota, Process),
    absent="there are no control groups",
)
def throttled(groups: Sequence[CgroupCpu], quotas: Sequence[CgroupQuota], processes: Sequence[Process]) -> Iterator[Finding]:
    """A container, pod or unit wants more of the processors than its quota allows, and is stopped for the rest of each period.

    Judged by two readings of cpu.stat: a warning if it was stopped in at least a quarter of the periods between them (as
    kubernetes-mixin's CPUThrottlingHigh does), in ten at least, and stood still for a tenth of the time. Answers come late, health
    checks fail, although the host's processors are idle. Raise the quota (cpus= of the container, resources.limits.cpu of the pod,
    CPUQuota= of the unit), or give the program fewer threads: one with many threads uses up its quota in a few milliseconds of each
    period.
    """
    limits = {each.group: each for each in latest(quotas)}
    told = sorted(pairs(groups, "group"), key=lambda pair: pair[0].seconds - pair[1].seconds)
    for first, last in told[:MOST]:
        periods, stopped = last.periods - first.periods, last.throttled - first.throttled
        seconds = seconds_between(first, last)
        if periods < LEAST_PERIODS or stopped < THROTTLED * periods or last.seconds - first.seconds < STOPPED * seconds:
            continue
        inside = [each for each in running(processes) if last.group != "/" and each.in_group(last.group)]
        names = ", ".join(each.label for each in inside[:NAMED])
        yield Finding(
            Severity.WARNING,
            f"{group_title(last.group)} is throttled: stopped by its CPU quota in {stopped} of {periods} periods"
            + (f" within {seconds:.0f} s" if seconds else "")
            + _quota(limits.get(last.group)),
            (first.origin, last.origin),
            "Raise the CPU quota of this control group (container, pod or unit), or give it less to do",
            detail=f"control group {last.group}, stopped for {last.seconds - first.seconds:.1f} s" + (f"; in it: {names}" if names else ""),
            subject=group_title(last.group),
        )


def _quota(quota: CgroupQuota | None) -> str:
    if quota is None:
        return ""
    return f" (quota {quota.quota:g} ms of {quota.period:g} ms)" if quota.period else f" (quota {quota.quota:g} ms in each period)"


STEAL, STEAL_NOTE = 0.20, 0.10


def _shares(times: Sequence[CpuTimes], field: str) -> Iterator[tuple[CpuTimes, CpuTimes, float]]:
    """For each processor, the share of the time between the readings that one kind of work took."""
    for first, last in pairs(times, "cpu"):
        total = last.total - first.total
        if total > 0:
            yield first, last, max(0, getattr(last, field) - getattr(first, field)) / total


@rule("CPU002", "time taken by the hypervisor (steal)", CpuTimes)
def steal(times: Sequence[CpuTimes]) -> Iterator[Finding]:
    """This virtual machine wanted to run, but its hypervisor gave the processor to others.

    Judged by two readings of /proc/stat: a warning if 20 % of the time was taken, a note from 10 % on (common advice is to look from
    5 to 10 % on; what counts is whether it lasts). Nothing on this host can help: ask whoever runs the hypervisor for a less crowded
    machine, or, on burstable cloud instances, see whether the CPU credits are used up.
    """
    for first, last, share in _shares([each for each in times if each.cpu == "cpu"], "steal"):
        if share >= STEAL_NOTE:
            yield Finding(
                Severity.WARNING if share >= STEAL else Severity.NOTE,
                f"the hypervisor took {share:.0%} of the processor time of this machine (steal)",
                (first.origin, last.origin),
                "Ask whoever runs the hypervisor for a less crowded machine; on burstable cloud instances look at the CPU credits",
                subject="processors",
            )


BUSY, CALM = 0.8, 0.3


@rule("CPU003", "one processor busy with interrupts alone", CpuTimes)
def one_cpu_interrupts(times: Sequence[CpuTimes]) -> Iterator[Finding]:
    """One processor does nothing but handle interrupts (softirq), most often of a network interface, while the others have time.

    Judged by two readings of /proc/stat: a warning if one processor spent 80 % of the time so, and the others less than 30 % each on
    average. Packets are lost then although the host looks idle. Spread the load: more receive queues (`ethtool -l`), irqbalance, or
    RPS (/sys/class/net/*/queues/rx-*/rps_cpus).
    """
    shares = [(first, last, share) for first, last, share in _shares([each for each in times if each.cpu != "cpu"], "softirq")]
    for first, last, share in shares:
        others = [other for _, each, other in shares if each is not last]
        if share >= BUSY and others and sum(others) / len(others) < CALM:
            yield Finding(
                Severity.WARNING,
                f"{last.cpu} spends {share:.0%} of its time on interrupts (softirq), the other processors have time",
                (first.origin, last.origin),
                "Spread the work: more receive queues (ethtool -l), irqbalance, or RPS for the busy interface",
                subject=last.cpu,
            )


LOAD, SATURATED, WAITING, FOREIGN = 2.0, 0.95, 0.5, 0.2
TICKS = 100.0


@rule("CPU004", "load", TaskCount, CpuTimes, uses=(Process, ProcessCounter))
def load(
    counts: Sequence[TaskCount], times: Sequence[CpuTimes], processes: Sequence[Process], counters: Sequence[ProcessCounter]
) -> Iterator[Finding]:
    """Far more tasks want to run, or wait for a disk, than there are processors.

    Judged by /proc/loadavg: a warning if the load of the last 1 and 5 minutes is more than two for each processor (as the node
    mixin's NodeSystemSaturation), and either the processors were at least 95 % busy between two readings, or at least half of the
    load are tasks in uninterruptible sleep (state D), which wait for a disk or a file server and need no processor at all. Work that
    was started with `nice` does not count as busy: it yields. In the first case see who uses the processors; in the second look at
    disks and network file systems. Where the processes that were seen use less than a fifth of the processors, as in a container, the
    load is that of the machine around it, and a note.
    """
    cpus = len({each.cpu for each in latest(times) if each.cpu != "cpu"})
    for now in latest(counts)[:1]:
        least = min(now.load1, now.load5)
        if not cpus or least <= LOAD * cpus:
            continue
        asleep = [each for each in latest(processes) if each.state == "D"]
        waiting = [each for each in asleep if each.is_whole] or asleep
        together = [each for each in times if each.cpu == "cpu"]
        idle = [share for name in ("idle", "iowait", "nice") for _, _, share in _shares(together, name)]
        said = f"load is {now.load1:g} (5 minutes: {now.load5:g}) with {cpus} processors"
        if len(waiting) >= WAITING * least:
            names = ", ".join(sorted({each.title for each in waiting})[:NAMED])
            yield Finding(
                Severity.WARNING,
                f"{said}: {len(waiting)} tasks wait in uninterruptible sleep (state D)",
                (now.origin, *(each.origin for each in waiting[:NAMED])),
                "Look at the disks and network file systems that these tasks wait for",
                detail=f"waiting: {names}",
                subject="load",
                symptom=True,
                part_of=("PRC005",),
            )
        elif idle and sum(idle) <= 1 - SATURATED:
            seen = _seen(counters)
            foreign = bool(seen) and seen < FOREIGN * cpus
            yield Finding(
                Severity.NOTE if foreign else Severity.WARNING,
                f"{said}, and these are {1 - sum(idle):.0%} busy",
                (now.origin,),
                "See who uses the processors (top), and give the host more or less to do",
                detail=f"the processes seen here use {seen:.1f} processors: the rest is the work of others on this machine"
                if foreign
                else _busiest(counters),
                subject="load",
            )
    if not cpus:
        raise Undecided("/proc/stat names no processors")


GREEDY = 0.5
REAL_TIME = {1: "FIFO", 2: "RR", 6: "deadline"}


@rule("CPU005", "processes of real-time priority", Process, ProcessCounter)
def real_time(processes: Sequence[Process], counters: Sequence[ProcessCounter]) -> Iterator[Finding]:
    """A program runs in real time (SCHED_FIFO, SCHED_RR) and takes a processor for itself: all else there waits, the kernel's threads too.

    Judged by two readings: a warning if it used half of a processor and more between them. Programs for which real time is meant
    (cluster engines, time, audio) use it for moments. `chrt -p PID` shows it, `chrt -o -p 0 PID` takes it away until the next start;
    then look who gave it: CPUSchedulingPolicy= of its unit, `chrt` in its script, the program itself.
    """
    used = {last.pid: (first, last) for first, last in pairs(counters, lambda each: (each.pid, each.start))}
    for each in running(processes):
        first, last = used.get(each.pid, (None, None))
        if each.policy not in REAL_TIME or each.is_kernel or first is None or last is None or last.start != each.start:
            continue
        seconds = seconds_between(first, last)
        share = (last.ticks - first.ticks) / TICKS / seconds if seconds else 0.0
        if share >= GREEDY:
            yield Finding(
                Severity.WARNING,
                f"{each.label} runs with real-time priority ({REAL_TIME[each.policy]} {each.priority}) and uses {share:.0%} of a "
                "processor: everything else there waits",
                (each.origin, first.origin, last.origin),
                f"If that is not meant, `chrt -o -p 0 {each.pid}`, and look who gave it: CPUSchedulingPolicy= of its unit, or its script",
                detail=each.command[:200],
                subject=each.title,
            )


def _seen(counters: Sequence[ProcessCounter]) -> float:
    """How many processors all processes together used that were seen at both readings."""
    both = list(pairs(counters, lambda each: (each.pid, each.start)))
    seconds = seconds_between(*both[0]) if both else 0.0
    return sum(last.ticks - first.ticks for first, last in both) / TICKS / seconds if seconds else 0.0


def _busiest(counters: Sequence[ProcessCounter]) -> str:
    used = sorted(
        (
            (last.ticks - first.ticks, last, seconds_between(first, last))
            for first, last in pairs(counters, lambda each: (each.pid, each.start))
        ),
        key=lambda each: -each[0],
    )
    return "busiest: " + ", ".join(
        f"{last.name} (pid {last.pid}) {ticks / TICKS / seconds:.0%} of a processor"
        for ticks, last, seconds in used[:NAMED]
        if seconds and ticks
    )
