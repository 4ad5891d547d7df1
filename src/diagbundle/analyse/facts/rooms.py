"""Which file systems can be full at all, each once, and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace

from diagbundle.analyse.facts.filesystems import IMAGES, UNFILLED, DeletedFile, Filesystem, Large, Mount

IN_MEMORY = ("/memfd:", "/SYSV", "/dev/zero", "/anon_hugepage", "/[aio]", "/i915", "/drm", "/dmabuf:")
"""Heads of names that the kernel gives to shared memory."""


@dataclass(frozen=True)
class Room:
    """One file system, with all the mounts that show it."""

    main: Filesystem
    mounts: tuple[str, ...]

    @property
    def name(self) -> str:
        """`/var`, or `/var (and 2 more mounts of it)`."""
        more = len(self.mounts) - 1
        return self.main.mount if not more else f"{self.main.mount} (and {more} more mount{'s' if more > 1 else ''} of it)"

    def holds(self, path: str, others: Container[str]) -> bool:
        """Whether a path lies on it: no other mount is nearer. Upwards from the path, since there may be 100,000 mounts."""
        here = path.rstrip("/") or path[:1]
        while here.startswith("/"):
            if here in self.mounts:
                return True
            if here in others or here == "/":
                return False
            here = here.rpartition("/")[0] or "/"
        return False


def is_below(path: str, point: str) -> bool:
    """Whether a path lies at or below a directory."""
    return path == point or path.startswith(point.rstrip("/") + "/")


def rooms(filesystems: Sequence[Filesystem], mounts: Sequence[Mount]) -> list[Room]:
    """Those that can be filled. Images, overlays over another file system, and the kernel's own are left out."""
    known = {mount.point: mount for mount in mounts}
    merged = _merged(filesystems, known)
    fillable = [each for each in merged if _can_be_filled(each)]
    solid = {each.bytes for each in fillable if each.type != "overlay"}
    groups: dict[str, list[Filesystem]] = {}
    for each in fillable:
        if each.type == "overlay":
            if each.bytes in solid:
                continue
            groups.setdefault(f"overlay of {each.bytes}", []).append(each)
        else:
            groups.setdefault(each.holds, []).append(each)
    found = []
    for group in groups.values():
        points = sorted({each.mount for each in group}, key=lambda point: (len(point), point))
        found.append(Room(next(each for each in group if each.mount == points[0]), tuple(points)))
    return found


def _merged(filesystems: Sequence[Filesystem], mounts: dict[str, Mount]) -> list[Filesystem]:
    """One for each mount point: our own table tells most; what `df` tells of bytes and of inodes are put together."""
    own = [each for each in filesystems if "/tables/filesystem" in each.origin.path]
    if own:
        return [each for each in own if not each.is_covered and not each.error]
    found: dict[str, Filesystem] = {}
    for each in filesystems:
        before, mount = found.get(each.mount), mounts.get(each.mount)
        kind = each.type or (mount.type if mount else "")
        new = replace(each, type=kind, is_readonly=mount is not None and "ro" in mount.options, device=mount.device if mount else "")
        if before is not None and before.bytes is not None and each.bytes is None:
            new = replace(before, inodes=each.inodes, inodes_free=each.inodes_free)
        elif before is not None and each.bytes is not None:
            new = replace(new, inodes=before.inodes, inodes_free=before.inodes_free)
        found[each.mount] = new
    return [*found.values()]


def _can_be_filled(each: Filesystem) -> bool:
    if each.type in IMAGES | UNFILLED or each.is_readonly or not (each.bytes or each.inodes):
        return False
    is_image = (
        not each.type and each.source.startswith("/dev/loop") and each.mount.startswith(("/snap/", "/var/lib/snapd/", "/mnt/", "/media/"))
    )
    return not is_image and not each.mount.startswith(("/snap/", "/run/credentials/", "/var/lib/snapd/snap/"))


def unlinked(files: Sequence[DeletedFile]) -> list[DeletedFile]:
    """Deleted files on disk, each once: from our own table where there is one, else from `lsof`."""
    own = [each for each in files if each.origin.path.endswith("deleted_files")] or list(files)
    return [each for each in own if each.bytes and not each.path.startswith(IN_MEMORY) and each.type != "hugetlbfs"]


def deleted_in(room: Room, files: Iterable[DeletedFile], others: Container[str]) -> list[DeletedFile]:
    """Deleted files that take room there, the largest first."""
    here = [
        each
        for each in files
        if (
            each.device == room.main.device
            if each.device and room.main.device
            else each.mount in room.mounts or room.holds(each.path, others)
        )
    ]
    return sorted(here, key=lambda each: -each.bytes)


def fills(room: Room, large: Iterable[Large], others: Container[str], *, by_entries: bool = False) -> list[Large]:
    """The files (or directories) that make up most of it; at most three."""
    here = [each for each in large if each.kind != "filesystem" and room.holds(each.path, others)]
    if by_entries:
        folders = [each for each in here if each.kind == "directory" and each.path not in room.mounts]
        return _deepest(sorted(folders, key=lambda each: -each.entries), lambda each: each.entries)
    used = max(1, room.main.bytes_used)
    files = sorted((each for each in here if each.kind == "file" and each.bytes * 10 >= used), key=lambda each: -each.bytes)
    if files:
        return files[:3]
    folders = [each for each in here if each.kind == "directory" and each.path not in room.mounts and each.bytes * 10 >= used]
    return _deepest(sorted(folders, key=lambda each: -each.bytes), lambda each: each.bytes)


def _deepest(folders: Sequence[Large], weight: Callable[[Large], int]) -> list[Large]:
    """Without a directory of whose content another one of the list holds nearly all."""
    kept = [
        each
        for each in folders[:12]
        if not any(
            is_below(other.path, each.path) and other.path != each.path and weight(other) * 10 >= weight(each) * 8 for other in folders[:12]
        )
    ]
    return kept[:3]
