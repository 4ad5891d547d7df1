"""Cuts a file into parts, for ways that take no large files: docs/FORMAT.md, section 6, and ADR 27."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from types import TracebackType
from typing import Self

from diagbundle.bundle import hashing
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import MAX_COMPONENT, UNFINISHED_SUFFIX, sums_line
from diagbundle.bundle.frames import is_encrypted, open_frames
from diagbundle.bundle.part import LIST, Listed, part_names
from diagbundle.errors import DiagbundleError, OutputError, UsageError
from diagbundle.newfile import NewFile, need_room, refuse_taken, rename, write_new
from diagbundle.transport.alive import STEP, Alive, nobody

LEAST = 10 << 20
"""Bytes that a part may have at least: a frame of a bundle goes into it, always."""
_SPARE = 1 << 20
"""Bytes of room that names and the list of parts may take."""


def check_size(most: int) -> int:
    """The size of parts that was asked for, if it can be. Raises `UsageError`."""
    if most < LEAST:
        raise UsageError(f"parts of {most:,} bytes are too small: a piece of a bundle may need {LEAST:,}", "--max-part 10M is the smallest")
    return most


def ends_of_parts(fd: int, most: int) -> list[int]:
    """Where each part of an open file is to end. A bundle is cut between frames, an encrypted one anywhere. Raises `BundleError`."""
    size = os.fstat(fd).st_size
    if is_encrypted(os.pread(fd, 64, 0)):
        return ends_anywhere(size, most)
    return grouped([*open_frames(fd).packed[1:], size], most)


def ends_anywhere(size: int, most: int) -> list[int]:
    """The same where it does not matter."""
    return [*range(most, size, most), size]


def grouped(ends: Iterable[int], most: int) -> list[int]:
    """The ends of parts, as few as can be, out of the ends of pieces that stay whole. Raises `UsageError` for a piece that is too large."""
    found: list[int] = []
    start = last = 0
    for end in ends:
        if end - start > most and last > start:
            found.append(last)
            start = last
        if end - start > most:
            raise UsageError(
                f"parts of {most:,} bytes are too small: this file has a piece of {end - start:,}", "ask for larger ones with --max-part"
            )
        last = end
    return [*found, last]


class Parts:
    """Takes the bytes of a file and writes them as its parts, each read back, and their list. Without `finish` nothing of it stays."""

    def __init__(self, target: str, ends: list[int], alive: Alive = nobody) -> None:
        self.names = _free_names(target, len(ends))
        self._target, self._alive = target, alive
        self._sizes = [end - start for start, end in pairwise([0, *ends])]
        self._listed: list[Listed] = []
        self._file: NewFile | None = None
        self._sha = hashing.sha256()
        self._left = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file:
            self._file.close()
        for name in self.names[: len(self._listed)] if kind else ():
            with contextlib.suppress(OSError):
                os.unlink(name)

    def write(self, data: bytes | memoryview) -> None:
        """The next bytes. Raises `OutputError`."""
        view = memoryview(data)
        while view:
            if not self._file:
                self._file = NewFile(self.names[len(self._listed)])
                self._sha, self._left = hashing.sha256(), self._sizes[len(self._listed)]
            piece = view[: self._left]
            self._file.write(piece)
            self._sha.update(piece)
            self._left -= len(piece)
            view = view[len(piece) :]
            if not self._left:
                self._end(self._file)

    def _end(self, file: NewFile) -> None:
        self._listed.append(Listed(os.path.basename(file.path), _kept(file, self._sha.hexdigest(), self._alive)))
        file.close()
        self._file = None

    def finish(self) -> list[str]:
        """All has come. Returns the parts."""
        if len(self._listed) != len(self.names):
            raise OutputError("the file has become shorter meanwhile")
        _write_list(self._target, self._listed)
        return self.names


def split(path: str, target: str, ends: list[int], alive: Alive = nobody) -> list[str]:
    """Copy a file into parts of a file `target`, and write their list. If that fails nothing of it stays. Returns the parts."""
    fd = _opened(path, os.O_RDONLY)
    try:
        with Parts(target, ends, alive) as parts:
            for piece in _pieces(fd, 0, ends[-1], alive):
                parts.write(piece)
            return parts.finish()
    finally:
        os.close(fd)


def cut_in_place(path: str, ends: list[int], alive: Alive = nobody) -> list[str]:
    """Turn a file into parts where room for one part is free; returns them. Raises `OutputError` that says in what state all is left.

    From the end on: a part is copied, synced and read back, only then the file is cut shorter. What is left is the first part.
    """
    names = _free_names(path, len(ends))
    refuse_taken(path + UNFINISHED_SUFFIX)
    refuse_taken(_rest(names, len(names)))
    fd = _opened(path, os.O_RDWR)
    left = len(names)
    try:
        stretches = list(pairwise([0, *ends]))
        need_room(path, max((end - start for start, end in stretches[1:]), default=0) + _SPARE)
        sums = [_sum(fd, start, end, alive) for start, end in stretches]
        _write_list(path, [Listed(os.path.basename(name), sha) for name, sha in zip(names, sums, strict=True)])
        rename(path, path + UNFINISHED_SUFFIX)
        for name, sha, (start, end) in reversed([*zip(names, sums, stretches, strict=True)][1:]):
            _copy(fd, start, end, name, alive, sha)
            os.ftruncate(fd, start)
            os.fsync(fd)
            left -= 1
        rename(path + UNFINISHED_SUFFIX, names[0])
    except (DiagbundleError, OSError) as error:
        raise _given_up(path, names, left, str(error) if isinstance(error, DiagbundleError) else error.strerror or str(error)) from None
    finally:
        os.close(fd)
    return names


def _given_up(path: str, names: list[str], left: int, why: str) -> OutputError:
    """What remains of the file gets a name by which `cat` still gives the whole; its own, where nothing was cut off."""
    whole = left == len(names)
    unfinished, rest = path + UNFINISHED_SUFFIX, path if whole else _rest(names, left)
    with contextlib.suppress(OSError):
        if os.path.lexists(unfinished):
            rename(unfinished, rest)
    if os.path.lexists(unfinished):
        rest = unfinished
    elif whole:
        with contextlib.suppress(OSError):
            os.unlink(path + LIST)
        return OutputError(f"it was not cut into parts, and is as it was: {shown(path)}: {why}", "free some room, then `diagbundle seal`")
    folder = shown(os.path.dirname(os.path.abspath(path)))
    return OutputError(
        f"it could not be cut into parts to the end: {why}; all of it is there: {shown(rest)} is followed by {len(names) - left:,} parts",
        f"where there is more room, `diagbundle join {folder}` puts it together again",
    )


def _rest(names: list[str], left: int) -> str:
    """What the first parts are called that are still one file: it sorts before the others."""
    return names[0] if left == 1 else f"{names[0]}-{names[left - 1].rpartition('.')[2]}"


def _free_names(path: str, count: int) -> list[str]:
    """Paths of the parts, if nothing stands there. Raises `OutputError`."""
    names = part_names(path, count)
    if len(os.fsencode(os.path.basename(names[-1]))) + len(UNFINISHED_SUFFIX) > MAX_COMPONENT:
        raise OutputError(f"the names of its parts would be too long: {shown(names[-1])}", "give the file a shorter name")
    for name in (*names, path + LIST):
        refuse_taken(name)
    return names


def _copy(fd: int, start: int, end: int, path: str, alive: Alive, sha256: str) -> None:  # noqa: PLR0913, PLR0917
    """A stretch with this checksum into a file of its own. Raises `OutputError`."""
    with NewFile(path) as file:
        for piece in _pieces(fd, start, end, alive):
            file.write(piece)
        _kept(file, sha256, alive)


def _kept(file: NewFile, sha256: str, alive: Alive) -> str:
    """Give a part its name if it reads as it was written; its checksum. Raises `OutputError`."""
    file.sync()
    if _sum(file.fd, 0, os.fstat(file.fd).st_size, alive) != sha256:
        raise OutputError(f"a part was written, but reads differently: {shown(file.path)}", "the disk may be failing: write to another one")
    file.keep()
    return sha256


def _sum(fd: int, start: int, end: int, alive: Alive) -> str:
    sha = hashing.sha256()
    for piece in _pieces(fd, start, end, alive):
        sha.update(piece)
    return sha.hexdigest()


def _pieces(fd: int, start: int, end: int, alive: Alive) -> Iterator[bytes]:
    while start < end:
        alive()
        piece = os.pread(fd, min(STEP, end - start), start)
        if not piece:
            raise OutputError("the file has become shorter meanwhile")
        yield piece
        start += len(piece)


def _write_list(path: str, listed: list[Listed]) -> None:
    write_new(path + LIST, b"".join(sums_line(one.name, one.sha256) for one in listed))


def _opened(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise OutputError(f"the file cannot be opened: {shown(path)}: {error.strerror}") from None
