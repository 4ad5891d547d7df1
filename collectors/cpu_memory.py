"""CPU and memory: load, pressure, what is used and by which control group, NUMA, clocks and heat."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Source, Stage, collector, number

COUNTERS = [
    "/proc/stat", "/proc/vmstat", "/proc/loadavg", "/proc/uptime", "/proc/schedstat", "/proc/meminfo", "/proc/interrupts",
    "/proc/softirqs", "/proc/pressure/*", "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/devices/system/clocksource/clocksource0/available_clocksource",
]  # fmt: skip
MEMORY = [
    "/proc/zoneinfo", "/proc/buddyinfo", "/proc/swaps", "/proc/slabinfo", "/proc/cpuinfo", "/proc/vmallocinfo",
    "/sys/kernel/mm/transparent_hugepage/**", "/sys/kernel/mm/hugepages/*/*_hugepages*", "/sys/kernel/mm/ksm/*",
    "/sys/kernel/mm/lru_gen/*", "/sys/module/zswap/parameters/*", "/sys/block/zram*/mm_stat", "/sys/block/zram*/comp_algorithm",
    "/proc/sysvipc/*", "/sys/devices/system/node/node*/meminfo", "/sys/devices/system/node/node*/numastat",
    "/sys/devices/system/node/node*/cpulist", "/sys/devices/system/node/node*/distance", "/sys/devices/system/node/node*/vmstat",
    "/sys/devices/system/node/*online", "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/offline",
    "/sys/devices/system/cpu/present", "/sys/devices/system/cpu/isolated", "/sys/devices/system/cpu/nohz_full",
    "/sys/devices/system/memory/auto_online_blocks", "/sys/devices/system/memory/block_size_bytes",
]  # fmt: skip
PER_CPU = ("cpufreq/scaling_governor", "cpufreq/scaling_cur_freq", "cpufreq/scaling_max_freq", "thermal_throttle/*_count")
"""Not `cpuinfo_cur_freq`: it interrupts the CPU that it asks about."""
MAX_CPUS = 64
V2 = [
    "cpu.stat", "cpu.max", "cpu.pressure", "memory.max", "memory.high", "memory.current", "memory.swap.current", "memory.events",
    "memory.pressure", "pids.max", "pids.current", "pids.events", "io.stat", "io.pressure", "cgroup.events",
]  # fmt: skip
"""Not `memory.stat`: it makes the kernel add up every CPU's share, dear with thousands of groups."""
V1 = {
    "cpu": ["cpu.stat", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares"],
    "cpuacct": ["cpuacct.usage"],
    "memory": ["memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.failcnt", "memory.oom_control"],
    "pids": ["pids.max", "pids.current", "pids.events"],
    "cpuset": ["cpuset.cpus", "cpuset.mems"],
}
GROUPS = "/sys/fs/cgroup"
DEPTH = 6
MAX_GROUPS = 3000
LARGE = 256 << 20
"""kB of memory above which pagetypeinfo holds the lock of a zone for too long."""


def groups(host: Host, top: str) -> Iterator[str]:
    """Control groups below a hierarchy's root, breadth first, at most `DEPTH` deep and `MAX_GROUPS` many."""
    level, count = [top], 0
    for _ in range(DEPTH + 1):
        for group in level:
            count += 1
            if count > MAX_GROUPS:
                return
            yield group
        level = [path.rpartition("/")[0] for group in level for path in host.glob(f"{group}/*/cgroup.procs")]


def _in_groups(host: Host, top: str, names: list[str]) -> Iterator[Source]:
    for group in groups(host, top):
        there = set(host.listdir(group))
        yield from (File(f"{group}/{name}") for name in names if name in there)


def readings(host: Host) -> Iterator[Source]:
    """Counters, asked at both ends of the run; of control groups, those that exist at that moment."""
    yield from map(File, COUNTERS)
    for cpu in range(MAX_CPUS):
        if host.exists(f"/sys/devices/system/cpu/cpu{cpu}"):
            yield from (File(f"/sys/devices/system/cpu/cpu{cpu}/{name}") for name in PER_CPU)
    if host.exists(f"{GROUPS}/cgroup.controllers"):
        yield from _in_groups(host, GROUPS, V2)
        return
    yield from _in_groups(host, f"{GROUPS}/unified", V2)
    for controller, names in V1.items():
        yield from _in_groups(host, f"{GROUPS}/{controller}", names)


def _kilobytes(host: Host) -> int:
    """Memory of the host, kB; 0 where it is not told."""
    total = host.text("/proc/meminfo").partition("MemTotal:")[2].split()
    return number("".join(total[:1])) or 0


@collector(title="CPU and memory: load, pressure, use, control groups, NUMA", stage=Stage.VOLATILE, samples=readings)
def cpu_memory(host: Host) -> Iterator[Source]:
    """What does not change, or only slowly; counters are samples."""
    yield from map(File, MEMORY)
    large = "more than 256 GiB of memory: reading it holds the lock of a zone"
    yield File("/proc/pagetypeinfo", skip=large if _kilobytes(host) > LARGE else "")
    yield File("/proc/cgroups")
    yield Command(("free",), folder="memory", also=("free",))
    yield Command(("free", "-m"), folder="memory")
    yield Command(("swapon", "--summary", "--verbose"), folder="memory")
    yield Command(("lscpu",), folder="processor")
    yield Command(("lscpu", "-ae"), folder="processor")
    yield Command(("numactl", "--hardware"), folder="numa")
    yield Command(("numastat", "-m"), folder="numa")
