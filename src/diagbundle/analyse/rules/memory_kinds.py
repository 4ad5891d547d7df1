"""Memory that is there but cannot be used: huge pages, the kernel's own, promises, swap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import Finding, Severity, latest, rule
from diagbundle.analyse.facts.system import Memory, Process, Setting, running, size

HUGE, LITTLE = 0.5, 0.05


@rule("MEM007", "memory set aside for huge pages", Memory)
def huge_pages(memory: Sequence[Memory]) -> Iterator[Finding]:
    """Memory was set aside for huge pages that nobody uses, and everything else has too little.

    Judged by /proc/meminfo: a warning if more than half of the memory is set aside (HugePages_Total), at least half of that is
    neither used nor reserved, and less than 5 % of the memory can still be had. Lower vm.nr_hugepages (and the hugepages= of the
    kernel's command line) to what the database asks for.
    """
    for now in latest(memory):
        total, page = now["MemTotal"], now["Hugepagesize"]
        held, idle = now["HugePages_Total"] * page, (now["HugePages_Free"] - now["HugePages_Rsvd"]) * page
        if total and held > HUGE * total and idle > HUGE * held and now.available < LITTLE * total:
            yield Finding(
                Severity.WARNING,
                f"{size(idle)} of {size(total)} are set aside for huge pages that nobody uses, and {size(now.available)} are left",
                (now.origin,),
                "lower vm.nr_hugepages to what is needed (a database says how much), and write it into /etc/sysctl.d",
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
                "see `slabtop -o -s c` for the largest caches; a restart wins time, an update of the kernel or driver may cure it",
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
                "find who lies in swap, and give the host more memory or swap",
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
                "raise vm.overcommit_ratio, add swap, or set vm.overcommit_memory to 0",
                detail=f"{size(now.available)} of {size(now['MemTotal'])} are in fact available",
                subject="memory",
            )
