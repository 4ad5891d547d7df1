"""Unpacks a bundle of a stranger: below one new directory, by directory descriptors, never through a link or over a file."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import MAX_DEPTH, name_fault
from diagbundle.bundle.headers import Header
from diagbundle.bundle.manifest import Row
from diagbundle.bundle.reader import Bundle, Progress, no_progress
from diagbundle.bundle.salvage import MAX_LISTED, Salvaged, salvage
from diagbundle.errors import BundleError, IntegrityError, OutputError, UsageError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NAME = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
"""Errors that one name earned; all others stop the unpacking."""
_PLAIN = re.compile(r"[A-Za-z0-9_][\w.+@, -]*")

Matcher = Callable[[str], bool]


def matcher(patterns: Sequence[str]) -> Matcher:
    """Whether a path matches one of the patterns (`*` matches `/` too), or lies below a directory that does. Without patterns: any."""
    if not patterns:
        return lambda _path: True
    plain = [pattern.strip("/") for pattern in patterns]
    wanted = re.compile("|".join(fnmatch.translate(pattern) for each in plain for pattern in (each, each + "/*")))
    return lambda path: wanted.match(path) is not None


@dataclass
class Unpacked:
    """What was written, and which members were not, and why."""

    directory: str = ""
    files: int = 0
    bytes: int = 0
    broken: int = 0
    reasons: list[str] = field(default_factory=list)

    def lose(self, why: str) -> None:
        """Note a member that is not there."""
        self.broken += 1
        if len(self.reasons) < MAX_LISTED:
            self.reasons.append(why)


class Target:
    """A new or empty directory. Without a path it is ./PREFIX, made when the first member comes. A `Sink` for salvage."""

    def __init__(self, path: str = "", wanted: Matcher | None = None) -> None:
        self.done = Unpacked(path)
        self.wanted = wanted or matcher(())
        self._root = -1
        self._made = False
        self._parent: tuple[list[bytes], int] = ([], -1)
        self._file = -1
        self._at: tuple[int, bytes] = (-1, b"")
        self._left = 0
        self._mtime = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file >= 0:
            self.drop()
        if error and self._made and not self.done.files:
            self._remove_empty()
        for fd in {self._parent[1], self._root} - {-1}:
            os.close(fd)

    def begin(self, header: Header, most: int = 0) -> bool:
        """Create the file of a member; False where it is not wanted or its name cannot be had. `most` may come, whatever it says."""
        prefix, _, path = header.name.partition(b"/")
        if not self.wanted(path.decode("utf-8", "surrogateescape")):
            return False
        if fault := name_fault(path):  # not every caller has the name from a tar header: a row of a manifest may say anything
            self.done.lose(f"{shown(path)}: its name is not allowed, for {fault}")
            return False
        self.open(prefix.decode("utf-8", "surrogateescape"))
        if header.size > self._capacity():  # a lie, most likely: others may be whole
            self.done.lose(f"{shown(path)}: {header.size:,} bytes, more than the file system can hold")
            return False
        self.room(header.size)  # folders, and files of a byte, cost more than the stream says
        parts = path.split(b"/")
        try:
            parent = self._directory(parts[:-1])
            self._file = os.open(parts[-1], _FILE, 0o600, dir_fd=parent)
        except OSError as error:
            self._failed(path, error)
            return False
        self._at, self._left, self._mtime = (parent, parts[-1]), most or header.size, header.mtime
        return True

    def data(self, piece: bytes) -> None:
        """Append to the file; never more than the member's header declares."""
        self._left -= len(piece)
        if self._left < 0:
            raise IntegrityError("more data than its header declares")
        view = memoryview(piece)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise self._stop(error) from None
        self.done.bytes += len(piece)

    def finish(self) -> None:
        """Close the file of a whole member."""
        with suppress(OSError, OverflowError):  # a file system that keeps no such times still keeps the content
            os.fchmod(self._file, 0o600)
            os.utime(self._file, (self._mtime, self._mtime))
        fd, self._file = self._file, -1
        try:
            os.close(fd)
        except OSError as error:
            raise self._stop(error) from None
        self.done.files += 1

    def drop(self) -> None:
        """Delete the file of a broken member."""
        fd, self._file = self._file, -1
        self.done.bytes -= os.fstat(fd).st_size
        os.close(fd)
        os.unlink(self._at[1], dir_fd=self._at[0])

    def open(self, prefix: str) -> None:
        """Make the directory, unless that was done before."""
        if self._root >= 0:
            return
        if not self.done.directory and not _PLAIN.fullmatch(prefix):
            raise UsageError(
                f"the bundle wants to be unpacked into a directory with an odd name: {shown(prefix)}", "name one with -o DIRECTORY"
            )
        path = self.done.directory or prefix
        try:
            self._root, self._made = _new_directory(path)
        except (OSError, ValueError) as error:
            raise OutputError(f"the directory cannot be made: {shown(path)}: {getattr(error, 'strerror', error)}") from None
        self.done.directory = path

    def _capacity(self) -> int:
        disk = os.fstatvfs(self._root)
        return disk.f_blocks * disk.f_frsize

    def room(self, size: int) -> None:
        """Refuse to begin what cannot end."""
        disk = os.fstatvfs(self._root)
        free = max(0, disk.f_bavail - disk.f_blocks // 100) * disk.f_frsize  # the last hundredth is left to others
        if size > free or (disk.f_files and disk.f_favail < MAX_DEPTH):
            have = f"{free:,} are free" if size > free else f"only {disk.f_favail:,} more files may be made there"
            raise OutputError(f"not enough room in {shown(self.done.directory)}: {size:,} bytes are needed, {have}", self._there())

    def _directory(self, parts: list[bytes]) -> int:
        """A descriptor of a directory below the root, made where missing; the last one is kept, for members come in groups."""
        if self._parent[1] >= 0 and self._parent[0] == parts:
            return self._parent[1]
        fd = os.open(".", _DIRECTORY, dir_fd=self._root)
        try:
            for part in parts:
                fd = _step(fd, part)
        except OSError:
            os.close(fd)
            raise
        if self._parent[1] >= 0:
            os.close(self._parent[1])
        self._parent = (list(parts), fd)
        return fd

    def _failed(self, path: bytes, error: OSError) -> None:
        if error.errno not in _NAME:
            raise self._stop(error) from None
        self.done.lose(f"{shown(path)}: its name is taken or cannot be had here: {error.strerror}")

    def _stop(self, error: OSError) -> OutputError:
        return OutputError(f"writing to {shown(self.done.directory)} failed: {error.strerror}", self._there())

    def _there(self) -> str:
        """What stays there when it ends now."""
        return f"whole files that stayed there: {self.done.files:,}" if self.done.files else "nothing of it stayed there"

    def _remove_empty(self) -> None:
        """Folders that were made for files that did not come, and the directory itself."""
        with suppress(OSError):
            for _, names, _, fd in os.fwalk(".", topdown=False, dir_fd=self._root):
                for name in names:
                    os.rmdir(name, dir_fd=fd)
            os.rmdir(self.done.directory)


def _step(fd: int, part: bytes) -> int:
    """From a directory into one of its directories."""
    with suppress(FileExistsError):
        os.mkdir(part, 0o700, dir_fd=fd)
    below = os.open(part, _DIRECTORY, dir_fd=fd)
    os.close(fd)
    return below


def _new_directory(path: str) -> tuple[int, bool]:
    """A descriptor of an empty directory, and whether it was made here."""
    made = False
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
        made = True
    fd = os.open(path.rstrip("/") or "/", _DIRECTORY)  # a slash at the end would follow a link
    if fault := _fault(fd, made=made):
        os.close(fd)
        raise UsageError(f"the directory {fault}: {shown(path)}", "name a new one with -o DIRECTORY")
    return fd, made


def _fault(fd: int, *, made: bool) -> str:
    """Why nothing is unpacked there, or ''. One that was there before may have been laid there by somebody else."""
    info = os.fstat(fd)
    if not made and info.st_uid != os.geteuid():
        return "belongs to another user"
    if not made and info.st_mode & stat.S_IWOTH:
        return "can be written to by everybody"
    return "is not empty" if os.listdir(fd) else ""


def unpack(bundle: Bundle, target: str = "", only: Sequence[str] = (), progress: Progress = no_progress) -> Unpacked:
    """Write the members that match into a new or empty directory. Broken ones are deleted and reported, whole ones stay."""
    with Target(target, matcher(only)) as place:
        place.open(bundle.prefix)
        if not only:
            place.room(bundle.frames.plain[-1])
        end = 0
        try:
            for row in _members(bundle):
                if row["header"] < end:
                    raise IntegrityError(f"{bundle.name} is damaged: members overlap at byte {row['header']:,} of the tar stream")
                end = row["offset"] + row["size"]
                _unpack_one(bundle, row, place)
                progress(end, bundle.frames.plain[-1])
        except BundleError as error:  # the manifest itself is readable no further
            place.done.lose(str(error))
        return place.done


def _members(bundle: Bundle) -> Iterator[Row]:
    yield from (row for row in bundle.rows() if "header" in row)
    yield from bundle.own_rows()


def _unpack_one(bundle: Bundle, row: Row, place: Target) -> None:
    """One member, whole or not at all."""
    if not place.wanted(row["path"]):
        return
    try:
        if place.begin(bundle.header(row)):
            _write(bundle.content(row), place)
    except BundleError as error:
        place.done.lose(str(error))


def _write(pieces: Iterable[bytes], place: Target) -> None:
    try:
        for piece in pieces:
            place.data(piece)
    except BundleError:
        place.drop()
        raise
    place.finish()


def unpack_damaged(path: str, target: str = "", only: Sequence[str] = (), progress: Progress = no_progress) -> tuple[Unpacked, Salvaged]:
    """The same for a file that has lost its end or its index."""
    with Target(target, matcher(only)) as place:
        found = salvage(path, place, progress)
        return place.done, found
