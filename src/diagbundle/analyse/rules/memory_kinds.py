"""Memory that is there but cannot be used: huge pages, the kernel's own, promises, swap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.system import Memory, Process, ProcessCounter, Setting, running, size

HUGE, LITTLE, TENTH = 0.5, 0.05, 0.1
GIB = 1 << 20
"""In KiB."""


@rule("MEM007", "memory set aside for huge pages", Memory)
def huge_pages(memory: Sequence[Memory]) -> Iterator[Finding]:
    """Memory was set aside for huge pages that nobody uses, and everything else has too little.

    Judged by /proc/meminfo: a warning if more than half of the memory is set aside (HugePages_Total), at least half of that is neither
    used nor reserved, and less than 5 % of the memory can still be had; and if none at all is used or reserved of what is 1 GiB and a
    tenth of the memory or more: then the database or hypervisor that they are meant for does not take them. Lower vm.nr_hugepages (and
    the hugepages= of the kernel's command line) to what the database asks for.
    """
    for now in latest(memory):
        total, page = now["MemTotal"], now["Hugepagesize"]
        held, idle = now["HugePages_Total"] * page, (now["HugePages_Free"] - now["HugePages_Rsvd"]) * page
        tight = held > HUGE * total and idle > HUGE * held and now.available < LITTLE * total
        unused = idle == held and held >= max(GIB, TENTH * total)
        if total and (tight or unused):
            yield Finding(
                Severity.WARNING,
                f"{size(idle)} of {size(total)} ({idle / total:.0%}) are set aside for huge pages that nobody uses, and "
                f"{size(now.available)} are left",
                (now.origin,),
                "Lower vm.nr_hugepages to what is needed, and write it into /etc/sysctl.d; or let the database use them (huge_pages=on, "
                "large-pages, use_large_pages)",
                detail=f"HugePages_Total {now['HugePages_Total']:,}, HugePages_Free {now['HugePages_Free']:,} of {page} KiB",
                subject="huge pages",
            )


KERNEL_SHARE, KERNEL_LEAST = 0.25, 1 << 20


@rule("MEM009", "memory held by the kernel itself", Memory)
def kernel_memory(memory: Sequence[Memory]) -> Iterator[Finding]:
    """The kernel itself holds a large part of the memory and cannot give it back: most often a leak in a driver or module.

    Judged by SUnreclaim of /proc/meminfo: a warning above a quarter of the memory and 1 GiB (a judgement; a few percent are usual).
    `slabtop -o -s c` names the largest caches; many `kmalloc-*` point to a module, `dentry` and `inode` are no leak but are given
    back. Start the host anew to win time, and ask the vendor of the module or kernel with these figures.
    """
    for now in latest(memory):
        held = now["SUnreclaim"]
        if held > KERNEL_LEAST and held > KERNEL_SHARE * now["MemTotal"]:
            yield Finding(
                Severity.WARNING,
                f"the kernel itself holds {size(held)} of {size(now['MemTotal'])} and cannot give them back",
                (now.origin,),
                "See `slabtop -o -s c` for the largest caches; a restart wins time, an update of the kernel or driver may cure it",
                subject="kernel memory",
            )


SWAP_LEFT, ROOM = 0.05, 0.15


@rule("MEM010", "swap space that is left", Memory, uses=(Process,))
def swap_full(memory: Sequence[Memory], processes: Sequence[Process]) -> Iterator[Finding]:
    """Swap is full, so that the next shortage of memory ends with a kill.

    Judged by /proc/meminfo: less than 5 % of the swap space is free. A warning if also less than 15 % of the memory can be had;
    otherwise a note, as what lies in swap may be at rest there. Find who lies in swap (VmSwap in /proc/PID/status, or `smem`), and
    give the host more memory or more swap.
    """
    for now in latest(memory):
        total, free = now["SwapTotal"], now["SwapFree"]
        if total and free < SWAP_LEFT * total:
            short = now.available < ROOM * now["MemTotal"]
            most = sorted((each for each in running(processes) if each.swap), key=lambda each: -each.swap)[:3]
            yield Finding(
                Severity.WARNING if short else Severity.NOTE,
                f"swap is full: {size(free)} of {size(total)} free, and of {size(now['MemTotal'])} of memory {size(now.available)}",
                (now.origin,),
                "Find who lies in swap, and give the host more memory or swap",
                detail="most in swap: " + ", ".join(f"{each.label} {size(each.swap)}" for each in most) if most else "",
                subject="swap",
            )


PROMISED, NEVER = 0.97, "2"


@rule("MEM012", "memory that may still be promised to programs", Memory, Setting)
def commit_limit(memory: Sequence[Memory], settings: Sequence[Setting]) -> Iterator[Finding]:
    """The kernel was told to promise no more memory than there is, and all of it is promised: programs get "Cannot allocate memory"
    although plenty is free.

    Judged where vm.overcommit_memory is 2: a warning from 97 % of CommitLimit on. Raise vm.overcommit_ratio (or
    vm.overcommit_kbytes), add swap, or set vm.overcommit_memory to 0, which is what the kernel does by itself.
    """
    strict = next((each for each in settings if each.key == "vm.overcommit_memory" and each.value == NEVER), None)
    for now in latest(memory):
        if strict and now["CommitLimit"] and now["Committed_AS"] >= PROMISED * now["CommitLimit"]:
            yield Finding(
                Severity.WARNING,
                f"{size(now['Committed_AS'])} of {size(now['CommitLimit'])} are promised, and no more is: vm.overcommit_memory is 2",
                (now.origin, strict.origin),
                "Raise vm.overcommit_ratio, add swap, or set vm.overcommit_memory to 0",
                detail=f"{size(now.available)} of {size(now['MemTotal'])} are in fact available",
                subject="memory",
            )


FAST, GREW, SOON, YOUNG, TICKS = 5 << 10, 0.2, 900.0, 60.0, 100.0


@rule("MEM008", "processes that grow", ProcessCounter, Memory, About, uses=(Process,))
def growing(
    counters: Sequence[ProcessCounter], memory: Sequence[Memory], about: Sequence[About], processes: Sequence[Process]
) -> Iterator[Finding]:
    """A process took so much memory between the two readings that the host has none left soon, if it goes on like that.

    Judged by its resident memory and by MemAvailable at both readings: it grew by 5 MiB a second and by a fifth, the memory that can be
    had fell by at least half of that, and at this pace nothing is left within 15 minutes: a warning. Of a process that was started less
    than a minute before it is a note, as starting takes memory. A large query or a cache that is being filled looks the same: look again
    a minute later (`ps -o rss,etime,args -p PID`). Limit it (MemoryMax= of its unit) or restart it before the kernel has to kill.
    """
    labels = {(each.pid, each.start): each for each in running(processes)}
    before = next((each for each in memory if each.is_start), None)
    for now in latest(memory):
        for first, last in pairs(counters, lambda each: (each.pid, each.start)):
            seconds, grew = seconds_between(first, last), last.rss - first.rss
            if not seconds or not first.rss or grew < max(FAST * seconds, GREW * first.rss) or grew * SOON < now.available * seconds:
                continue
            if before is not None and before.available - now.available < grew / 2:
                continue
            who = labels.get((last.pid, last.start))
            age = about[0].uptime - last.start / TICKS if about[0].uptime else 0.0
            left = now.available / grew * seconds
            yield Finding(
                Severity.NOTE if 0 < age < YOUNG else Severity.WARNING,
                f"{who.label if who else f'{last.name} (pid {last.pid})'} grows: {size(first.rss)} to {size(last.rss)} in {seconds:.0f} s; "
                f"at this pace the host is out of memory in {f'{left / 60:.0f} minutes' if left >= 120 else f'{left:.0f} s'}",
                (first.origin, last.origin, now.origin),
                "Look again in a minute whether it goes on; limit it (MemoryMax= of its unit) or restart it before the kernel has to kill",
                detail=f"{size(now.available)} can be had" + (f"; it was started {age:.0f} s before" if 0 < age < YOUNG else ""),
                subject=who.title if who else last.name,
            )
