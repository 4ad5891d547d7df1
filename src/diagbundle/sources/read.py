"""One file of the host as a stream of bytes. May block: runs in a child only."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from diagbundle.errors import SourceAbsent, SourceDenied, SourceError, SourceFailed, SourceSkipped, from_os_error
from diagbundle.host import Host, Opening
from diagbundle.model import Outcome
from diagbundle.sources.never import why_never, why_not_content

CHUNK = 1 << 20
KERNEL_LIMIT = 64 << 20
"""Bytes of one file of /proc or /sys, whose end only reading tells."""
SPARSE = 16 << 20
MAX_EXTENTS = 10_000
KERNEL = ("/proc/", "/sys/", "/dev/")
READABLE = 0o444
WRITE_ONLY = "its mode says that it is not to be read"
"""Root could open it all the same; what the kernel does then is anybody's guess."""


@dataclass
class Opened:
    """An opened file. `size` is None where only reading tells it; `extents` only for a sparse file."""

    descriptor: int
    is_link: bool
    """Whether the way to it led over a link."""
    mtime: float
    inode: tuple[int, int] | None
    size: int | None
    extents: list[tuple[int, int]] = field(default_factory=list)
    whole: int = 0
    had: int = 0
    """Bytes that were read so far."""

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.descriptor)

    def small(self) -> bytes:
        """All of a file that is known to be below 1 MiB. Raises `SourceError`, `SourceSkipped` for a private key."""
        left = self.size or 0
        try:
            data = os.read(self.descriptor, left)
            while len(data) < left and (more := os.read(self.descriptor, left - len(data))):
                data += more
        except OSError as error:
            raise from_os_error(error) from None
        self.had = len(data)
        if reason := why_not_content(data):
            raise SourceSkipped(reason)
        return data

    def chunks(self) -> Iterator[bytes]:
        """The bytes: as many as there were at opening, or fewer if it shrank. Raises `SourceError`."""
        try:
            if self.whole:
                for position, length in self.extents:
                    os.lseek(self.descriptor, position, os.SEEK_SET)
                    yield from self._read(length)
            elif self.size is not None:
                yield from self._read(self.size)
            else:
                left = KERNEL_LIMIT
                for chunk in self._read(left):
                    left -= len(chunk)
                    yield chunk
                if not left and os.read(self.descriptor, 1):  # a list of sockets may well grow after its end
                    raise SourceFailed(f"it goes on after {KERNEL_LIMIT:,} bytes")
        except OSError as error:
            if error.errno == errno.EAGAIN:  # nothing more to read without waiting
                return
            raise _meant(error, kernel=self.size is None) from None

    def _read(self, left: int) -> Iterator[bytes]:
        while left > 0 and (chunk := os.read(self.descriptor, min(left, CHUNK))):
            left -= len(chunk)
            if not self.had and (self.size or 0) < CHUNK and (reason := why_not_content(chunk)):
                raise SourceSkipped(reason)
            self.had += len(chunk)
            yield chunk


def open_file(host: Host, path: str) -> Opened:
    """Open a regular file that may be read. Raises `SourceError`, `SourceSkipped` for what is never read."""
    if reason := why_never(path):
        raise SourceSkipped(reason)
    opening = _opening(host, path)
    try:
        return _examined(host, path, opening)
    except OSError as error:
        os.close(opening.descriptor)
        raise from_os_error(error) from None
    except SourceError:
        os.close(opening.descriptor)
        raise


def _opening(host: Host, path: str) -> Opening:
    try:
        return host.opening(path)
    except SourceDenied:
        if path.startswith(KERNEL) and not host.stat(path).st_mode & READABLE:
            raise SourceSkipped(WRITE_ONLY) from None
        raise


def _meant(error: OSError, *, kernel: bool) -> SourceError:
    """A file of the kernel that answers with an error has no answer: the speed of an interface that is down."""
    meant = from_os_error(error)
    if kernel and meant.outcome is Outcome.FAILED:
        return SourceAbsent(f"the kernel has no answer: {error.strerror}")
    return meant


def _examined(host: Host, path: str, opening: Opening) -> Opened:
    descriptor, real, status = opening
    shown = real if host.root == "/" else real.removeprefix(host.root.rstrip("/"))
    for name in {shown, _kernels_name(host, path, descriptor)} - {path, ""}:
        if reason := why_never(name):
            raise SourceSkipped(reason)
    if shown.startswith(KERNEL):
        if not status.st_mode & READABLE:
            raise SourceSkipped(WRITE_ONLY)
        return Opened(descriptor, real != path, 0, None, None)
    size = status.st_size
    inode = (status.st_dev, status.st_ino) if status.st_nlink > 1 else None
    opened = Opened(descriptor, shown != path, status.st_mtime, inode, size)
    if size >= SPARSE and status.st_blocks * 512 < size // 4:
        opened.extents, opened.whole = _extents(descriptor, size), size
        opened.size = sum(length for _, length in opened.extents)
    return opened


def _kernels_name(host: Host, path: str, descriptor: int) -> str:
    """Where a file of /sys really lies: most paths there lead over links of the kernel's own, which are followed without a look."""
    if host.root != "/" or not path.startswith("/sys/"):
        return ""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # no /proc
        return ""


def _extents(descriptor: int, size: int) -> list[tuple[int, int]]:
    """Where the data of a sparse file lies."""
    found: list[tuple[int, int]] = []
    position = 0
    while position < size and len(found) < MAX_EXTENTS:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                break
            raise
        position = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        found.append((start, position - start))
    return found
