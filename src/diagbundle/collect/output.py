"""Where the bundle goes: a file that is `.part` until it is sealed, or a pipe."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from diagbundle.bundle import hashing
from diagbundle.bundle.format import ENCRYPTED_SUFFIX, MAX_COMPONENT, PARTIAL_SUFFIX, SIDECAR, SUFFIX, UNFINISHED_SUFFIX, sums_line
from diagbundle.bundle.reader import Bundle
from diagbundle.collect.budget import reserve, room
from diagbundle.collect.identity import ask_or_do
from diagbundle.errors import BundleError, OutputError
from diagbundle.newfile import rename

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_NEEDED = 2 << 20
"""Free bytes below which beginning is pointless."""
_READ = 1 << 20
_SYNC_EVERY = 64 << 20
"""Bytes after which the disk is given time to take them: a slow one would fall minutes behind, and fill the host's memory."""
ANSWER_WITHIN = 10.0
"""Seconds in which a folder must answer."""
_PIECE = 4096
"""Bytes that a pipe takes at once without making us wait, where it says that it is ready (PIPE_BUF)."""
_HELD = 8 << 20
"""Bytes that are kept where the bundle is cut back."""
_PATIENCE = 2.0
"""Seconds for which whoever asks us to end waits for the reading back: a bundle of usual size is read in less."""
STALLED = 300.0
"""Seconds without a byte after which nobody is reading the pipe any more."""


def bundle_name(host: str, case: str, when: float) -> str:
    """`diagbundle-<host>-[<case>-]<UTC>`; whatever may not stand in a name is left out."""
    words = ["diagbundle", _safe(host) or "host", _safe(case), time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(when))]
    return "-".join(word for word in words if word)[: MAX_COMPONENT - 24]


def _safe(text: str) -> str:
    return _UNSAFE.sub("-", text).strip("-.")[:64].rstrip("-.")


def prefix_of(path: str) -> str:
    """The top directory in a bundle of this path: its name, as far as a top directory may be called so."""
    name = os.path.basename(path).removesuffix(ENCRYPTED_SUFFIX).removesuffix(SUFFIX)
    return _UNSAFE.sub("-", name).strip("-.")[: MAX_COMPONENT - 24] or "bundle"


def choose_folder(candidates: tuple[str, ...], others: tuple[str, ...] = ()) -> str:
    """The first folder that can be written and has room. Raises `OutputError`, naming each and why not, and another that would do."""
    faults = []
    for folder in candidates:
        if not (fault := _tried(folder)):
            return folder
        faults.append(f"{folder} ({fault})")
    good = next((folder for folder in others if not _tried(folder)), "FOLDER")
    raise OutputError(
        f"no folder to write the bundle to: {', '.join(faults)}",
        f"name another one with --output {good}, or write to a pipe with --output -",
    )


def _tried(folder: str) -> str:
    """Why a bundle cannot be written there, or ''; asked in a child, for it may not answer at all."""
    fault = ask_or_do(partial(folder_fault, folder), ANSWER_WITHIN)
    return f"it did not answer within {ANSWER_WITHIN:g} s" if fault is None else str(fault)


def folder_fault(folder: str) -> str:
    """Why a bundle cannot be written there, or ''."""
    if not os.path.isdir(folder):
        return "it does not exist" if not os.path.lexists(folder) else "it is not a folder"
    try:
        os.path.abspath(folder)  # of a current folder that somebody has removed there is no path
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return "it is mounted read-only"
        if not os.access(folder, os.W_OK | os.X_OK):
            return "it may not be written"
        free, total = room(folder)
        with contextlib.suppress(OSError):  # a frozen disk answers until one writes; not every file system knows files without names
            os.close(nameless_file(folder))
    except OSError as error:
        return error.strerror or str(error)
    if free - reserve(total) < _NEEDED:
        return f"only {free:,} bytes are free"
    return ""


def not_taken(path: str) -> str:
    """The path, if nothing stands there that would have to be overwritten. Raises `OutputError`."""
    if taken := _taken(path):
        raise OutputError(f"the file is there already, and is not overwritten: {taken}", "name another one with --output FILE")
    return path


def free_place(folder: str, stem: str, suffix: str = SUFFIX) -> str:
    """A bundle of this name in this folder, or of the same with a number: several may begin within one second."""
    stems = (stem, *(f"{stem}-{number}" for number in range(2, 100)))
    paths = [os.path.join(folder, name) + suffix for name in stems]
    return next((path for path in paths if not _taken(path) and not os.path.lexists(_unfinished(path))), paths[0])


def _taken(path: str) -> str:
    """What stands where a bundle of this path, whole or partial, or its checksum would lie; or ''."""
    finals = (path, _partial(path))
    return next((taken for taken in (*finals, *(final + SIDECAR for final in finals)) if os.path.lexists(taken)), "")


def _unfinished(path: str) -> str:
    return _with(path, UNFINISHED_SUFFIX)


def _partial(path: str) -> str:
    return _with(path, PARTIAL_SUFFIX)


def _with(path: str, suffix: str) -> str:
    """The path of a bundle with another suffix; one that is encrypted says so at its end."""
    bare = path.removesuffix(ENCRYPTED_SUFFIX)
    return bare.removesuffix(SUFFIX) + suffix + ENCRYPTED_SUFFIX * (bare != path)


def nameless_file(folder: str) -> int:
    """A file without a name in a folder, which goes with its descriptor. Raises OSError, also where the file system knows none."""
    return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)


@dataclass
class Sealed:
    """What came out."""

    path: str
    """The file, or '-'."""
    size: int
    sha256: str
    fault: str = ""
    """Why its checksum does not stand beside it."""
    read_back: bool = True
    """Whether it was read again from the disk, and was the same."""


class _Output:
    """What both kinds ask of whoever makes them write."""

    def __init__(self) -> None:
        self.alive: Callable[[], None] = lambda: None
        """Called while much is written or read."""
        self.hurried: Callable[[], str] = lambda: ""
        """Why it has to end soon, or ''."""

    def content(self, size: float) -> float:
        """Bytes of a bundle that fit into so many of the output."""
        return size


class FileOutput(_Output):
    """A file beside which nothing is written until it is sealed. Raises `OutputError` before anything is collected."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self._end = self._unsynced = 0
        self._kept, self._allocated = 0, 0.0
        """Bytes behind the end that are kept, and up to where the file system has given us room."""
        self.folder = os.path.dirname(os.path.abspath(path))
        self.part = _unfinished(path)
        not_taken(path)
        try:
            self._file = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            os.fchmod(self._file, 0o600)
        except FileExistsError:
            hint = "another collection writes it, or was killed: see `diagbundle salvage`, remove it, or name another with --output FILE"
            raise OutputError(f"an unfinished bundle is there already: {self.part}", hint) from None
        except OSError as error:
            raise OutputError(f"the bundle cannot be written: {self.part}: {error.strerror}", "name another place with --output") from None

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written."""
        return not self._end

    def write(self, data: bytes | memoryview) -> None:
        """All of it, or OSError, after which the file ends where it did before."""
        if self._kept:
            self._allocate(self._end + len(data) + self._kept)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                self.cut(self._end)
            raise
        self._end += len(data)
        self._unsynced += len(data)
        if self._unsynced >= _SYNC_EVERY:
            self._unsynced = 0
            os.fdatasync(self._file)
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)  # the host's own files are what its cache is for

    def keep(self, size: int) -> None:
        """From now on so many bytes behind the end are ours already: then there is room for the end, whoever fills the disk."""
        self._kept = size
        with contextlib.suppress(OSError):
            self._allocate(self._end + size)

    @property
    def kept(self) -> int:
        """Bytes behind the end that are ours already."""
        return max(0, int(self._allocated - self._end)) if math.isfinite(self._allocated) else 0

    def reserve(self, size: int) -> None:
        """Room for so many more bytes, besides what is kept. Raises OSError where there is none, and has written nothing."""
        until = self._end + size + self._kept
        self._allocate(until)
        if math.isinf(self._allocated) and (start := os.fstat(self._file).st_size) < until:  # what has been written once has room
            for at in range(start, until, _READ):
                os.pwrite(self._file, bytes(min(_READ, until - at)), at)

    def _allocate(self, until: int) -> None:
        """Room up to this byte. Raises OSError where there is none."""
        if until <= self._allocated:
            return
        try:
            start = int(max(self._allocated, self._end))
            os.posix_fallocate(self._file, start, until - start)
            self._allocated = until
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            self._allocated = math.inf  # a file system that cannot do it

    def cut(self, size: int) -> None:
        """Back to this length. Some of the room behind it stays ours: on a full disk others would have it before we had looked."""
        held = min(os.fstat(self._file).st_size, size + _HELD)
        os.ftruncate(self._file, held)
        for start in range(size, held, _READ):  # nobody is to find there what has been cut off
            os.pwrite(self._file, bytes(min(_READ, held - start)), start)
        os.lseek(self._file, size, os.SEEK_SET)
        self._end, self._allocated = size, max(size, held)
        self.keep(self._kept)

    def seal(self, sha256: str, *, complete: bool, check: bool = True) -> Sealed:
        """Sync, read back, rename, write the sidecar. Raises `OutputError` if what is on disk is not what was written."""
        try:
            os.ftruncate(self._file, size := self._end)
            os.fsync(self._file)
            read_back = check and self._read_back(sha256)
            final = self.path if complete else _partial(self.path)
            rename(self.part, final)
            os.close(self._file)
        except OSError as error:
            raise OutputError(
                f"the bundle could not be finished: {self.part}: {error.strerror}", "`diagbundle salvage` gets out of it what is whole"
            ) from None
        return Sealed(final, size, sha256, self._sidecar(final, sha256), read_back)

    def discard(self) -> None:
        """Remove what was begun."""
        with contextlib.suppress(OSError):
            os.unlink(self.part)
            os.close(self._file)

    def _read_back(self, sha256: str) -> bool:
        """From the disk, where the system lets go of its copy; then opened as the desk will open it. Whether there was time for that."""
        started = time.monotonic()
        with contextlib.suppress(OSError):
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
        digest = hashing.sha256()
        os.lseek(self._file, 0, os.SEEK_SET)
        while chunk := os.read(self._file, _READ):
            digest.update(chunk)
            self.alive()
            if self.hurried() and time.monotonic() - started > _PATIENCE:
                return False
        fault = "its checksum differs" if digest.hexdigest() != sha256 else self._unreadable()
        if fault:
            raise OutputError(
                f"the bundle was written, but reads differently: {self.part}: {fault}",
                "the disk may be failing: write to another one with --output",
            )
        return True

    def _unreadable(self) -> str:
        """Why the desk cannot open it, or ''. What is encrypted cannot be opened here."""
        if self.path.endswith(ENCRYPTED_SUFFIX):
            return ""
        try:
            with Bundle.open(self.part):
                return ""  # its head was read
        except BundleError as error:
            return str(error)

    def _sidecar(self, final: str, sha256: str) -> str:
        """The checksum in a file of its own. Returns why not, or '': without it the bundle is as good."""
        path = final + SIDECAR
        try:
            side = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.write(side, sums_line(os.path.basename(final), sha256))
                os.fsync(side)
            except OSError:
                os.unlink(path)
                raise
            finally:
                os.close(side)
        except OSError as error:
            return error.strerror or str(error)
        return ""


class PipeOutput(_Output):
    """A descriptor that bytes go into and never come back from."""

    path = "-"
    folder = ""
    kept = 0
    cut = None

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._size = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written."""
        return not self._size

    def write(self, data: bytes | memoryview) -> None:
        """All of it, or `OutputError`: what a reader has of a part of it cannot be taken back."""
        view = memoryview(data)
        try:
            while view:
                self._wait()
                with contextlib.suppress(BlockingIOError):
                    view = view[os.write(self._descriptor, view[:_PIECE]) :]
        except BrokenPipeError:
            raise OutputError("whoever was reading the bundle has gone", "nothing usable was written") from None
        except OSError as error:
            raise OutputError(f"the bundle could not be written to the pipe: {error.strerror}", "nothing usable was written") from None
        self._size += len(data)

    def _wait(self) -> None:
        """Until the reader takes more."""
        deadline = time.monotonic() + STALLED
        while not select.select([], [self._descriptor], [], 1.0)[1]:
            self.alive()
            if time.monotonic() > deadline:
                raise OutputError(f"whoever reads the bundle has taken nothing for {STALLED:g} s", "nothing usable was written")

    def keep(self, _size: int) -> None:
        """A pipe has no room that could be kept."""

    def reserve(self, _size: int) -> None:
        """Nor reserved."""

    def seal(self, sha256: str, *, complete: bool, check: bool = True) -> Sealed:  # noqa: ARG002  # the same call as a file's
        """Nothing is left to do."""
        return Sealed("-", self._size, sha256)

    def discard(self) -> None:
        """Nothing can be taken back."""
