"""What two readings of counters, and what is full: numbers of the host as rows for tables and shares for bars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.fact import F, latest, pairs, seconds_between
from diagbundle.analyse.facts.disks import DiskCounters
from diagbundle.analyse.facts.filesystems import Filesystem, Mount
from diagbundle.analyse.facts.filesystems import size as bytes_size
from diagbundle.analyse.facts.network import NicCounter, grown
from diagbundle.analyse.facts.rooms import rooms
from diagbundle.analyse.facts.system import Counters, CpuTimes, Memory, Pressure, SwapArea, size

SECTOR = 512
MOST = 64
"""Rows of a table, at most."""
FULL, NEARLY = 0.95, 0.85
_CPU_KINDS = (
    ("user", ("user", "nice")), ("system", ("system",)), ("interrupts", ("irq", "softirq")), ("waiting for disks", ("iowait",)),
    ("taken by the hypervisor", ("steal",)),
)  # fmt: skip
_FAULTS = {
    "pgfault": "page faults", "pgmajfault": "page faults that read a disk", "pswpin": "pages swapped in", "pswpout": "pages swapped out",
    "allocstall": "allocations that had to wait", "pgscan_direct": "pages looked through by waiting tasks",
    "oom_kill": "processes killed for want of memory",
}  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """A bar of shares of one whole."""

    name: str
    parts: tuple[tuple[str, float], ...]
    """What, and its share, 0 to 1; the rest of the bar is empty."""
    note: str = ""

    @property
    def laid(self) -> list[tuple[int, str, float, float]]:
        """Number, name, where it begins and how long it is, of a bar 100 long; a share that is none counts as nothing."""
        found, start = [], 0.0
        for number, (name, share) in enumerate(self.parts, 1):
            length = min(100 - start, 100 * share) if math.isfinite(share) and share > 0 else 0.0
            found.append((number, name, round(start, 2), round(length, 2)))
            start += length
        return found


@dataclass(frozen=True)
class Table:
    """A table; `numbers` are the columns that hold numbers."""

    caption: str
    heads: tuple[str, ...]
    rows: list[tuple[object, ...]]
    numbers: tuple[int, ...] = ()
    left_out: int = 0


def of(analysis: Analysis, kind: type[F]) -> list[F]:
    """The facts of one type."""
    return [each for each in analysis.facts.get(kind, ()) if isinstance(each, kind)]


def processors(analysis: Analysis) -> list[Bar]:
    """How each processor, and all together, spent the time between the readings."""
    found = []
    for first, last in pairs(of(analysis, CpuTimes), "cpu"):
        total = last.total - first.total
        if total > 0:
            parts = tuple(
                (name, sum(max(0, getattr(last, field) - getattr(first, field)) for field in fields) / total) for name, fields in _CPU_KINDS
            )
            found.append(Bar("all processors" if last.cpu == "cpu" else last.cpu, parts, _percent(sum(share for _, share in parts))))
    return found


def memory(analysis: Analysis) -> list[Bar]:
    """What memory is used for, and swap."""
    known = next(iter(latest(of(analysis, Memory))), None)
    found = []
    if known and (total := known["MemTotal"]) > 0:
        cache = max(0, known["Cached"] + known["Buffers"] - known["Shmem"])
        kernel = known["Slab"] + known["KernelStack"] + known["PageTables"]
        huge = known["HugePages_Total"] * known["Hugepagesize"]
        programs = max(0, total - known["MemFree"] - cache - kernel - huge - known["Shmem"])
        parts = {
            "programs": programs,
            "shared memory and tmpfs": known["Shmem"],
            "kernel": kernel,
            "huge pages": huge,
            "cache of files": cache,
        }
        note = f"{size(known.available)} of {size(total)} available"
        found.append(Bar("memory", tuple((name, min(1.0, max(0, value) / total)) for name, value in parts.items()), note))
    areas = latest(of(analysis, SwapArea))
    if whole := sum(area.size for area in areas):
        used = sum(area.used for area in areas)
        found.append(Bar("swap", (("used", used / whole),), f"{size(used)} of {size(whole)} used"))
    return found


def fill(analysis: Analysis) -> list[tuple[str, str, Bar, Bar | None]]:
    """File systems, the fullest first: where, of what type, how full of bytes and of inodes."""
    found = rooms(latest(of(analysis, Filesystem)), latest(of(analysis, Mount)))
    found.sort(key=lambda room: -max(room.main.share, room.main.inode_share))
    return [
        (room.name, room.main.type + (", read-only" if room.main.is_readonly else ""), _filled(room.main), _inodes(room.main))
        for room in found[:MOST]
    ]


def _filled(main: Filesystem) -> Bar:
    room = main.bytes_used + max(0, main.bytes_available or 0)
    return Bar(_stage(main.share), (("used", main.share),), f"{_percent(main.share)} of {bytes_size(max(0, room))}")


def _inodes(main: Filesystem) -> Bar | None:
    return Bar(_stage(main.inode_share), (("used", main.inode_share),), _percent(main.inode_share)) if main.inodes else None


def _stage(share: float) -> str:
    return "full" if share >= FULL else "nearly" if share >= NEARLY else "roomy"


def disks(analysis: Analysis) -> Table:
    """What each disk did between the readings."""
    rows: list[tuple[object, ...]] = []
    for first, last in pairs(of(analysis, DiskCounters), "name"):
        seconds = seconds_between(first, last)
        reads, writes = last.reads - first.reads, last.writes - first.writes
        if seconds <= 0 or reads < 0 or writes < 0 or last.done == 0:
            continue
        moved = tuple(bytes_size(max(0, value) * SECTOR / seconds) + "/s" for value in _moved(first, last))
        waited = (_each(last.read_ms - first.read_ms, reads), _each(last.write_ms - first.write_ms, writes))
        busy = min(1.0, max(0, last.busy_ms - first.busy_ms) / 1000 / seconds)
        rows.append((last.name, rate(reads / seconds), rate(writes / seconds), *moved, *waited, last.in_flight, _percent(busy)))
    rows.sort(key=lambda row: -float(str(row[-1]).rstrip("%")))
    heads = ("disk", "reads/s", "writes/s", "read", "written", "ms per read", "ms per write", "in flight", "busy")
    return _table("What each disk did between the two readings", heads, rows, range(1, 9))


def _moved(first: DiskCounters, last: DiskCounters) -> tuple[int, int]:
    return last.read_sectors - first.read_sectors, last.write_sectors - first.write_sectors


def networks(analysis: Analysis) -> Table:
    """What went through each interface between the readings, and what was lost since boot."""
    rows: list[tuple[object, ...]] = []
    for (netns, nic), of_nic in grown(of(analysis, NicCounter)).items():
        first, last = next(iter(of_nic.values()))
        seconds = seconds_between(first, last)
        if seconds <= 0:
            continue
        through = [_more(of_nic, name) / seconds for name in ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets")]
        lost = [_lost(of_nic, names) for names in (("rx_errors", "rx_dropped"), ("tx_errors", "tx_dropped"))]
        name = f"{nic} (namespace {netns})" if netns else nic
        speeds = [bytes_size(value) + "/s" for value in through[:2]]
        rows.append((name, *speeds, *map(rate, through[2:]), *lost[0], *lost[1]))
    heads = ("interface", "received", "sent", "packets in/s", "packets out/s", "errors in", "dropped in", "errors out", "dropped out")
    return _table("Traffic between the two readings; errors and drops: more within it (since boot)", heads, rows, range(1, 9))


def _more(of_nic: dict[str, tuple[NicCounter, NicCounter]], name: str) -> int:
    first, last = of_nic.get(name, (None, None))
    return max(0, last.value - first.value) if first and last else 0


def _lost(of_nic: dict[str, tuple[NicCounter, NicCounter]], names: Iterable[str]) -> list[str]:
    return [f"{_more(of_nic, name):,} ({of_nic[name][1].value:,})" if name in of_nic else "" for name in names]


def faults(analysis: Analysis) -> Table:
    """Page faults and their like per second."""
    rows: list[tuple[object, ...]] = []
    for first, last in pairs(of(analysis, Counters), lambda each: each.origin.path.rpartition("/")[2]):
        seconds = seconds_between(first, last)
        for name, said in _FAULTS.items():
            if seconds > 0 and name in last.values:
                rows.append((said, rate(max(0, last[name] - first[name]) / seconds), f"{last[name]:,}"))
    return _table("Memory at work, between the two readings", ("what", "per second", "since boot"), rows, (1, 2))


def pressure(analysis: Analysis) -> Table:
    """How long tasks had to wait for a resource."""
    whole = [each for each in of(analysis, Pressure) if not each.group]
    rows: list[tuple[object, ...]] = []
    for first, last in pairs(whole, lambda each: (each.resource, each.kind)):
        seconds = seconds_between(first, last)
        share = min(1.0, max(0, last.total - first.total) / 1e6 / seconds) if seconds > 0 else 0.0
        who = "at least one task" if last.kind == "some" else "all tasks at once"
        rows.append(
            ({"io": "disks", "cpu": "processors"}.get(last.resource, last.resource), who, _percent(share), f"{last.average60:.1f} %")
        )
    heads = ("waiting for", "who waited", "of the time between the readings", "of the last 60 s")
    return _table("Pressure: how much of the time tasks waited", heads, rows, (2, 3))


def _table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[object, ...]], numbers: Iterable[int]) -> Table:
    return Table(caption, heads, list(rows[:MOST]), tuple(numbers), max(0, len(rows) - MOST))


def _each(milliseconds: int, count: int) -> str:
    return f"{max(0, milliseconds) / count:.1f}" if count > 0 else ""


def rate(value: float) -> str:
    """A number per second."""
    return f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.1f}"  # noqa: PLR2004  # tenths of small numbers only


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if math.isfinite(share) else ""
