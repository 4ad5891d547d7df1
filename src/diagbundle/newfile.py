"""Files that have their name only when they are whole, and take no other file's."""

from __future__ import annotations

import contextlib
import os
from types import TracebackType
from typing import Self

from diagbundle import paths
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import UNFINISHED_SUFFIX
from diagbundle.errors import OutputError

_SYNC_EVERY = 64 << 20


class NewFile:
    """A file that is called `PATH.part` until `keep`; without that it goes away at the end of the `with`. Raises `OutputError`."""

    def __init__(self, path: str) -> None:
        self.path, self.unfinished = path, path + UNFINISHED_SUFFIX
        self._unsynced = 0
        refuse_taken(path)
        try:
            self.fd = os.open(self.unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise OutputError(
                f"an unfinished file is there already: {shown(self.unfinished)}", "remove it, or name another place"
            ) from None
        except OSError as error:
            raise self._fault(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; what was not kept goes away."""
        os.close(self.fd)
        with contextlib.suppress(FileNotFoundError):  # it has its name
            os.unlink(self.unfinished)

    def write(self, data: bytes | memoryview) -> None:
        """All of it."""
        view = memoryview(data)
        self._unsynced += len(view)
        try:
            while view:
                view = view[os.write(self.fd, view) :]
            if self._unsynced >= _SYNC_EVERY:  # a slow stick would fall minutes behind, and fill the memory
                self._unsynced = 0
                os.fdatasync(self.fd)
        except OSError as error:
            raise self._fault(error) from None

    def sync(self) -> None:
        """To the disk, and out of memory, so that what is read then is what the disk holds."""
        try:
            os.fsync(self.fd)
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as error:
            raise self._fault(error) from None

    def keep(self) -> None:
        """It is whole: from now on it has its name."""
        self.sync()
        try:
            rename(self.unfinished, self.path)
        except OSError as error:
            raise OutputError(f"the file cannot be given its name: {shown(self.path)}: {error.strerror}") from None

    def _fault(self, error: OSError) -> OutputError:
        return OutputError(f"the file cannot be written: {shown(self.path)}: {error.strerror}", "name another place")


def write_new(path: str, data: bytes) -> None:
    """A small file of this content. Raises `OutputError`."""
    with NewFile(path) as file:
        file.write(data)
        file.keep()


def refuse_taken(path: str) -> None:
    """Raises `OutputError` if there is something of this name."""
    if os.path.isdir(path):
        raise OutputError(f"this is a folder, and a file is to be written: {shown(path)}", "name a file in it")
    if os.path.lexists(path):
        raise OutputError(f"the file is there already, and is not overwritten: {shown(path)}", "name another place, or move it away")


def need_room(path: str, size: int) -> None:
    """Raises `OutputError` if so many bytes have no room where this file is to lie."""
    disk = os.statvfs(os.path.dirname(path) or ".")
    free = disk.f_bavail * disk.f_frsize
    if free < size:
        raise OutputError(f"only {free:,} bytes are free, and {size:,} are needed: {shown(path)}", "free some room, or name another place")


def rename(before: str, after: str) -> None:
    """Without overwriting, and so that the new name outlasts a crash. Raises OSError."""
    paths.rename(before, after)
    with contextlib.suppress(OSError):  # not every file system syncs folders
        folder = os.open(os.path.dirname(after) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
