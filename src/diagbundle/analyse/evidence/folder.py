"""A folder as evidence: an unpacked bundle, another tool's unpacked report, or a tree made by hand."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from diagbundle.analyse.evidence.entry import Entry, Head, entries_of
from diagbundle.analyse.evidence.head import head_of, limited
from diagbundle.bundle.format import MANIFEST, MAX_MANIFEST, name_bytes, name_fault
from diagbundle.bundle.manifest import parse_object
from diagbundle.errors import FormatError

_PIECE = 4 << 20
MAX_FILES = 2_000_000
"""Files of a folder that are looked at."""


class FolderEvidence:
    """A folder: an unpacked bundle, an unpacked report of another tool, or a tree made by hand. No link leads out of it."""

    def __init__(self, root: str, name: str = "", links: Mapping[str, str] | None = None) -> None:
        self.name = name or os.path.basename(os.path.normpath(root))
        self._root = os.path.realpath(root)
        self.damaged: dict[str, str] = {}
        self._links = dict(links or {})
        """Links of an archive, which were not written to the disk: path -> what it points to."""
        self._lying = lying = {entry.path: entry for entry in self._walk()}
        manifest = self._manifest(lying)
        if manifest is None:
            self.head, self.entries = Head(), [*lying.values()]
            return
        self.head = head_of(manifest[0])
        rows = entries_of(row for row in manifest[1:])
        known = {entry.path for entry in rows}
        self.entries = [entry if not entry.there or self._is_there(entry, lying) else _lost(entry) for entry in rows]
        self.entries += [entry for path, entry in lying.items() if path not in known and not _is_part(path)]

    def _is_there(self, entry: Entry, lying: Mapping[str, Entry]) -> bool:
        return entry.key in lying or entry.path in lying or not entry.size

    def _manifest(self, lying: Mapping[str, Entry]) -> list[dict[str, Any]] | None:
        if MANIFEST not in lying:
            return None
        if lying[MANIFEST].size > MAX_MANIFEST:
            raise FormatError(f"the manifest has {lying[MANIFEST].size:,} bytes; allowed are {MAX_MANIFEST:,}: {self.name}")
        text = b"".join(self.blocks(lying[MANIFEST]))
        return [parse_object(line) for line in text.splitlines() if line.strip()] or None

    def _walk(self) -> Iterator[Entry]:
        count = 0
        for folder, folders, files in os.walk(self._root):
            below = os.path.relpath(folder, self._root)
            folders[:] = [name for name in folders if not os.path.islink(os.path.join(folder, name))]
            for name in files:
                count += 1
                if count > MAX_FILES:
                    raise FormatError(f"more than {MAX_FILES:,} files: {self.name}")
                path = name if below == "." else f"{below}/{name}"
                if entry := self._entry(path):
                    yield entry
        for path in self._links:
            if entry := self._entry(path):
                yield entry

    def _entry(self, path: str) -> Entry | None:
        real = self._inside(path)
        if real is None or name_fault(name_bytes(path)):
            return None
        try:
            found = os.lstat(real)
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return Entry(path=path, there=True, source=path, mtime=found.st_mtime, size=found.st_size, key=os.path.relpath(real, self._root))

    def _inside(self, path: str) -> str | None:
        """The file that a path of the tree means; links are followed below the root only."""
        for _ in range(16):
            if path not in self._links:
                break
            target = self._links[path]
            path = os.path.normpath(target.lstrip("/") if target.startswith("/") else os.path.join(os.path.dirname(path), target))
        full = os.path.join(self._root, path)
        real = os.path.realpath(full)
        if os.path.islink(full) and not real.startswith(self._root + "/"):
            real = os.path.realpath(os.path.join(self._root, os.readlink(full).lstrip("/")))  # an absolute link means the host's root
        return real if real.startswith(self._root + "/") else None

    def blocks(self, entry: Entry) -> Iterator[bytes]:
        """See `Evidence`."""
        for number, path in enumerate((entry.key or entry.path, *entry.parts)):
            if not entry.size and path not in self._lying:
                continue  # an empty answer has no place of its own
            real = self._inside(path)
            if real is None:
                raise FormatError(f"{entry.path} leads out of the folder")
            try:
                fd = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                raise FormatError(f"{entry.path} cannot be read: {error.strerror}") from None
            with open(fd, "rb", buffering=0) as file:
                yield from limited(iter(lambda: file.read(_PIECE), b""), None if number else entry.short)


def _lost(entry: Entry) -> Entry:
    return replace(entry, there=False, outcome="absent", reason="the folder does not hold it")


def _is_part(path: str) -> bool:
    return re.search(r"\.part\d{4,}\Z", path) is not None
