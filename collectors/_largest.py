"""What fills the local file systems: their largest directories and files, as far as the time allows."""

from __future__ import annotations

import heapq
import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from diagbundle.collect.api import Host

from ._mounts import Mount, hidden, mounts, space, split

UNFILLED = """
autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts efivarfs fusectl hugetlbfs mqueue nsfs overlay proc pstore rpc_pipefs
securityfs selinuxfs sysfs tracefs iso9660 squashfs erofs cramfs romfs
"""
"""File systems that nobody fills up, or whose files lie in another one."""
WALK_SECONDS = 20.0
"""For all file systems together."""
CALM_SECONDS = 2.0
"""For one that is far from full: what is large there matters less than leaving the server alone."""
FULL = 0.85
"""Share in use (bytes or inodes) from which a file system gets all the time there is."""
WALK_DEPTH = 6
MAX_DIRECTORIES = 200_000
"""Directories held in memory by the walk: about 60 MiB."""
TOP = 30


Pending = tuple[str, str, tuple[str, ...]]
"""A directory to be listed: its real path, its path on the host, and the directories whose sums it belongs to."""


@dataclass
class Walk:
    """The largest directories and files of one file system, as far as the time allowed."""

    top: str
    foreign: frozenset[str]
    """Mount points below: never entered, not even looked at."""
    deadline: float
    sums: dict[str, list[int]] = field(default_factory=dict)
    """Directory to apparent bytes, allocated bytes and entries of all below it."""
    files: list[tuple[int, int, float, int, str]] = field(default_factory=list)
    linked: set[int] = field(default_factory=set)
    entries: int = 0
    unvisited: int = 0
    errors: int = 0

    def run(self, real: str) -> None:
        """Breadth first, so that a cut leaves the upper levels whole."""
        device = os.lstat(real).st_dev
        pending: deque[Pending] = deque([(real, self.top, (self.top,))])
        self.sums[self.top] = [0, 0, 0]
        while pending:
            if time.monotonic() > self.deadline:
                self.unvisited += len(pending)
                return
            where, name, ancestors = pending.popleft()
            try:
                if os.lstat(where).st_dev != device:
                    continue
                self._directory(where, name, ancestors, pending)
            except OSError:
                self.errors += 1

    def _directory(self, where: str, name: str, ancestors: tuple[str, ...], pending: deque[Pending]) -> None:
        with os.scandir(where) as found:
            for entry in found:
                path = f"{name.rstrip('/')}/{entry.name}"
                if path in self.foreign:
                    continue
                try:
                    self._entry(entry, path, ancestors, pending)
                except FileNotFoundError:
                    continue
                except OSError:
                    self.errors += 1
                if self.entries % 1000 == 0 and time.monotonic() > self.deadline:
                    self.unvisited += 1
                    return

    def _entry(self, entry: os.DirEntry[str], path: str, ancestors: tuple[str, ...], pending: deque[Pending]) -> None:
        self.entries += 1
        status = entry.stat(follow_symlinks=False)
        apparent, allocated = status.st_size, status.st_blocks * 512
        if entry.is_dir(follow_symlinks=False):
            if entry.name == "merged" and "/overlay2/" in path:
                return
            apparent = 0
            if len(ancestors) <= WALK_DEPTH and len(self.sums) < MAX_DIRECTORIES:
                ancestors = (*ancestors, path)
                self.sums[path] = [0, 0, 0]
            if len(pending) < MAX_DIRECTORIES:
                pending.append((entry.path, path, ancestors))
            else:
                self.errors += 1
        elif status.st_nlink > 1 and status.st_ino in self.linked:
            apparent = allocated = 0
        else:
            if status.st_nlink > 1 and len(self.linked) < 500_000:
                self.linked.add(status.st_ino)
            self._file(allocated, apparent, status, path)
        for ancestor in ancestors:
            total = self.sums[ancestor]
            total[0] += apparent
            total[1] += allocated
            total[2] += 1

    def _file(self, allocated: int, apparent: int, status: os.stat_result, path: str) -> None:
        candidate = (allocated, apparent, status.st_mtime, status.st_uid, path)
        if len(self.files) < TOP:
            heapq.heappush(self.files, candidate)
        elif candidate > self.files[0]:
            heapq.heapreplace(self.files, candidate)

    def rows(self) -> Iterator[dict[str, object]]:
        """One row for the file system, then its largest directories (by bytes, by entries) and files."""
        apparent, allocated, entries = self.sums.get(self.top, [0, 0, 0])
        yield {
            "kind": "filesystem", "path": self.top, "apparent": apparent, "allocated": allocated, "entries": entries,
            "complete": not self.unvisited and not self.errors, "unvisited": self.unvisited, "errors": self.errors,
        }  # fmt: skip
        largest = set(heapq.nlargest(TOP, self.sums, key=lambda path: self.sums[path][1]))
        most = set(heapq.nlargest(TOP // 2, self.sums, key=lambda path: self.sums[path][2]))
        for path in sorted(largest | most, key=lambda path: -self.sums[path][1]):
            apparent, allocated, entries = self.sums[path]
            yield {"kind": "directory", "path": path, "apparent": apparent, "allocated": allocated, "entries": entries}
        for allocated, apparent, changed, owner, path in sorted(self.files, reverse=True):
            yield {"kind": "file", "path": path, "apparent": apparent, "allocated": allocated, "mtime": changed, "uid": owner}


def largest(host: Host) -> Iterator[dict[str, object]]:
    """The largest directories and files of each local file system; what one leaves of the time goes to the next."""
    every = mounts(host, autofs=True)
    points = frozenset(mount.point for mount in every)
    chosen = sorted(_to_walk(every), key=partial(_used, host))
    end = time.monotonic() + WALK_SECONDS
    for index, mount in enumerate(chosen):
        started = time.monotonic()
        share = max(0.0, end - started) / (len(chosen) - index)
        patience = share if _fullness(host, mount) >= FULL else min(share, CALM_SECONDS)
        walk = Walk(mount.point, points - {mount.point}, started + patience)
        if not host.exists(mount.point):
            continue
        try:
            walk.run(host.path(mount.point))
        except OSError as error:
            yield {"kind": "filesystem", "path": mount.point, "complete": False, "error": error.strerror}
            continue
        yield from ({**row, "seconds": round(time.monotonic() - started, 2)} if row["kind"] == "filesystem" else row for row in walk.rows())


def _to_walk(every: list[Mount]) -> list[Mount]:
    """One mount of each local file system that can fill up: the one that shows most of it."""
    covered = hidden(every)
    best: dict[str, Mount] = {}
    for mount in split(every)[0]:
        # a container's root is an overlay and the only thing to be walked
        fills = mount.type not in UNFILLED.split() or (mount.point == "/" and mount.type == "overlay")
        known = best.get(mount.device)
        if (
            fills
            and mount.number not in covered
            and (known is None or (len(mount.root), len(mount.point)) < (len(known.root), len(known.point)))
        ):
            best[mount.device] = mount
    return list(best.values())


def _used(host: Host, mount: Mount) -> int:
    """Inodes in use, or a guess from the bytes where the file system counts none (btrfs)."""
    size, free, inodes, left = _numbers(host, mount)
    return inodes - left if inodes else (size - free) >> 16


def _fullness(host: Host, mount: Mount) -> float:
    """Share of bytes or of inodes in use, whichever is larger."""
    size, free, inodes, left = _numbers(host, mount)
    return max(1 - free / size if size else 0.0, 1 - left / inodes if inodes else 0.0)


def _numbers(host: Host, mount: Mount) -> tuple[int, int, int, int]:
    """Bytes, free bytes, inodes and free inodes; 0 for what is not known."""
    row = space(host, mount)
    size, free, inodes, left = (int(str(row.get(name) or 0)) for name in ("bytes", "bytes_free", "inodes", "inodes_free"))
    return size, free, inodes, left
