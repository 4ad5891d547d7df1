"""What is still allowed: time, bytes, room on the target; and the reason when it is not."""

from __future__ import annotations

import math
import os
import resource
import time
from dataclasses import dataclass, field

RESERVE_SHARE = 0.05
RESERVE_MOST = 512 << 20
"""Free space that is left on the target: a twentieth of the file system, at most 512 MiB."""
MEMORY_RESERVE = 48 << 20
"""Bytes of memory that the host must have to spare."""


@dataclass
class Budget:
    """Limits of one run. `folder` is where the bundle is written, '' for a pipe."""

    seconds: float
    bytes: int = 0
    """Of the bundle, compressed; 0 for no limit."""
    folder: str = ""
    started: float = field(default_factory=time.monotonic)

    def why_stop(self) -> str:
        """Why nothing more may be collected, or ''."""
        if self.left() <= 0:
            return f"the run's time of {self.seconds:g} s was over"
        return self._memory()

    def left(self) -> float:
        """Seconds that are left."""
        return self.started + self.seconds - time.monotonic()

    def most(self, written: int, held: int) -> tuple[float, str]:
        """Bytes that the bundle may have in the end, and what limits it. So many are written, and so many more held for it already."""
        limits = [(math.inf, "")]
        if self.bytes:
            limits.append((self.bytes, f"the bundle's limit of {self.bytes:,} bytes was reached"))
        if (longest := resource.getrlimit(resource.RLIMIT_FSIZE)[0]) != resource.RLIM_INFINITY:
            limits.append((longest, f"no file may be longer than {longest:,} bytes here (ulimit -f)"))
        if self.folder:
            free, total = room(self.folder)
            keep = reserve(total)
            text = f"{self.folder} is full: {free:,} bytes are free, of which {min(free, keep):,} are left to the host"
            limits.append((written + free + held - keep, text))
        return min(limits)

    def _memory(self) -> str:
        available = memory_available()
        if available is not None and available < MEMORY_RESERVE:
            return f"only {available:,} bytes of memory are left to the host"
        return ""


def reserve(total: int) -> int:
    """Bytes that must stay free on a file system of this size."""
    return min(RESERVE_MOST, int(total * RESERVE_SHARE))


def room(folder: str) -> tuple[int, int]:
    """Free and total bytes of the file system of a folder."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


def memory_available() -> int | None:
    """Bytes that the kernel thinks can be had without swapping; None where it does not say."""
    try:
        with open("/proc/meminfo", "rb") as meminfo:
            for line in meminfo:
                if line.startswith(b"MemAvailable:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return None


def processors(root: str = "/") -> float:
    """Processors that the quotas of our control group and those above it leave us: 0.05 is 5 % of one; inf where there is none."""
    quota = math.inf
    try:
        with open(f"{root}proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return quota
    for _, controllers, path in (group for group in groups if len(group) == 3):  # noqa: PLR2004  # number, controllers, path: cgroups(7)
        if controllers and "cpu" not in controllers.split(","):
            continue
        here = f"{root}sys/fs/cgroup/{'cpu' if controllers else ''}{path}".rstrip("/")
        while len(here) > len(f"{root}sys/fs/cgroup"):
            quota = min(quota, _quota(here))
            here = here.rpartition("/")[0]
    return quota


def _quota(group: str) -> float:
    """Quota by period, of version 2 or 1; no quota is `max` or -1."""
    try:
        words = _words(f"{group}/cpu.max") or _words(f"{group}/cpu.cfs_quota_us") + _words(f"{group}/cpu.cfs_period_us")
        quota, period = map(int, words)
    except ValueError:
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().split()
    except OSError:
        return []
