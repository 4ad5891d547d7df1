"""Small files of the kind found in /etc, /proc and /sys: settings, states of processes, single counters."""
# ruff: noqa: PLR2004, S311, SIM905 - probabilities are numbers where they are used, nothing here is secret, and words read better as text

import os
import random
from collections.abc import Iterator

SETTINGS = """
    enable timeout path port user group log level max min size retry backlog cache mode interval address threads buffer limit owner
""".split()
PROGRAMS = """
    nginx postgres java sshd cron dockerd containerd kubelet node python3 haproxy rsyslogd chronyd systemd-udevd kworker/u8:2
""".split()
COUNTERS = """
    rx_bytes tx_bytes rx_packets tx_packets rx_errors tx_errors rx_dropped tx_dropped multicast collisions rx_crc_errors rx_fifo_errors
    rx_frame_errors rx_length_errors rx_missed_errors rx_over_errors tx_aborted_errors tx_carrier_errors tx_fifo_errors tx_window_errors
""".split()
STATUS = """Name:\t{name}
Umask:\t0022
State:\tS (sleeping)
Tgid:\t{pid}
Ngid:\t0
Pid:\t{pid}
PPid:\t{parent}
TracerPid:\t0
Uid:\t{uid}\t{uid}\t{uid}\t{uid}
Gid:\t{uid}\t{uid}\t{uid}\t{uid}
FDSize:\t{fds}
VmPeak:\t{peak:8} kB
VmSize:\t{size:8} kB
VmHWM:\t{rss:8} kB
VmRSS:\t{rss:8} kB
RssAnon:\t{anon:8} kB
VmSwap:\t       0 kB
Threads:\t{threads}
SigQ:\t0/63432
SigPnd:\t0000000000000000
SigBlk:\t0000000000000000
SigIgn:\t0000000000001000
SigCgt:\t00000001{signals:08x}
CapEff:\t000001ffffffffff
Seccomp:\t0
Cpus_allowed:\tff
Cpus_allowed_list:\t0-7
voluntary_ctxt_switches:\t{switches}
nonvoluntary_ctxt_switches:\t{forced}
"""
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max file size             unlimited            unlimited            bytes
Max stack size            8388608              unlimited            bytes
Max core file size        0                    unlimited            bytes
Max processes             63432                63432                processes
Max open files            {fds:<20} 524288               files
Max locked memory         8388608              8388608              bytes
Max msgqueue size         819200               819200               bytes
"""


def setting(r: random.Random) -> str:
    """A line of a configuration file, often a comment."""
    if r.random() < 0.5:
        return f"# {' '.join(r.choices(SETTINGS, k=r.randrange(4, 12)))}."
    name = "_".join(r.sample(SETTINGS, r.randrange(1, 4)))
    value = r.choice(("yes", "no", f"/var/lib/{name}", str(r.randrange(65_536)), f"10.0.{r.randrange(9)}.{r.randrange(250)}"))
    return f"{name} = {value}"


def etc(r: random.Random) -> Iterator[tuple[str, str]]:
    """Configuration files of a hundred bytes to some kilobytes."""
    for number in range(10**9):
        folder, name = r.choice(SETTINGS), "-".join(r.sample(SETTINGS, 2))
        yield f"etc/{folder}.d/{number:04}-{name}.conf", "\n".join(setting(r) for _ in range(int(4 + 120 * r.random() ** 3))) + "\n"


def proc(r: random.Random) -> Iterator[tuple[str, str]]:
    """Four files of each of many processes."""
    for number in range(10**9):
        pid, name = number * 7 + 1, r.choice(PROGRAMS)
        rss = int(900_000 * r.random() ** 4) + 1200
        facts = {
            "name": name,
            "pid": pid,
            "parent": max(1, pid - r.randrange(90)),
            "uid": r.choice((0, 0, 33, 999, 1000)),
            "fds": r.choice((64, 128, 256, 1024)),
            "peak": rss * 3,
            "size": rss * 2,
            "rss": rss,
            "anon": rss * 2 // 3,
            "threads": r.randrange(1, 60),
            "signals": r.getrandbits(32),
            "switches": r.randrange(10**6),
            "forced": r.randrange(10**4),
        }
        yield f"proc/{pid}/status", STATUS.format(**facts)
        yield f"proc/{pid}/limits", LIMITS.format(**facts)
        yield f"proc/{pid}/cmdline", f"/usr/sbin/{name}\0--config\0/etc/{name}/{name}.conf\0"
        yield f"proc/{pid}/cgroup", f"0::/system.slice/{name}.service\n"


def sysfs(r: random.Random) -> Iterator[tuple[str, str]]:
    """One number a file: counters of interfaces."""
    for number in range(10**9):
        for counter in COUNTERS:
            yield f"sys/class/net/veth{number:05x}/statistics/{counter}", f"{0 if 'err' in counter else int(10**10 * r.random() ** 4)}\n"


def write(top: str, count: int, seed: str) -> int:
    """Writes `count` small files below `top`, of the three kinds in turn; gives their bytes."""
    r, written = random.Random(f"small {seed}"), 0
    kinds = (etc(r), proc(r), sysfs(r))
    for number in range(count):
        name, text = next(kinds[number % len(kinds)])
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii", newline="") as out:
            written += out.write(text)
    return written
