"""The host that is looked at: a root directory and a way to run commands.

Every path is a path of the host (`/etc/hosts`), whatever directory the root is. Links are followed by our own hands:
inside the root only, and never out of a directory that others than root can write to.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from diagbundle import trust
from diagbundle.errors import SourceAbsent, SourceDenied, SourceError, SourceSkipped, from_os_error
from diagbundle.model import Answer, Command, Outcome

MAGIC = "*?["
"""Characters that make a path a pattern."""
MAX_LINKS = 40
MAX_DEPTH = 200
REMEMBERED = 50_000
"""Directories of which it is remembered where they are."""
COMMS_KEPT = 5.0
"""Seconds for which the names of all processes are remembered: there may be 50,000, and collectors ask for dozens of names."""
MAX_TEXT = 16 << 20
"""Bytes that `read` returns at most: collectors look at answers, they do not keep them."""
_KERNEL = re.compile(r"^/(proc|sys)/(?!(.*/)?(\.\.?|(?<=/)(root|cwd|exe|fd|map_files))(/|$))(?!/|.*//)")
"""Paths that only the kernel can name: nobody can plant a link there, and none leads out again."""
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Opening(NamedTuple):
    """An opened file: its descriptor, where it really lies on this machine, and what it is."""

    descriptor: int
    real: str
    status: os.stat_result


def absent_runner(command: Command) -> Answer:
    """A host on which no command can be run."""
    return Answer(command.argv, Outcome.ABSENT, reason="commands cannot be run on this host")


def no_step(_directory: str) -> AbstractContextManager[object]:
    """Told of every directory before it is looked at for the first time, or listed; may refuse by raising a `SourceError`."""
    return nullcontext()


def no_fault(_directory: str, _error: SourceError) -> None:
    """Told of every directory that a pattern leads into and that cannot be listed."""


@dataclass
class Host:
    """A root and a runner. `step` is told of each directory before it is listed, so that a hang has a name."""

    root: str = "/"
    runner: Callable[[Command], Answer] = absent_runner
    live: bool = False
    """Whether this is the running system: the engine then runs commands itself, in the child that asks."""
    step: Callable[[str], AbstractContextManager[object]] = no_step
    unlisted: Callable[[str, SourceError], None] = no_fault
    _answers: dict[tuple[str, ...], Answer] = field(default_factory=dict, repr=False)
    _directories: dict[str, tuple[str, bool]] = field(default_factory=dict, repr=False)
    _last: tuple[str, int] = field(default=("", -1), repr=False)
    """The last directory that others can write to, and its descriptor."""
    _comms: tuple[float, set[str]] = field(default=(-1e9, set()), repr=False)
    """When the names of all processes were read, and what they were."""

    # -- paths

    def path(self, path: str) -> str:
        """The real path on this machine, links resolved below the root. Raises `SourceError`."""
        return self._resolve(path)[0]

    def exists(self, path: str) -> bool:
        """Whether there is something at the path, links followed."""
        try:
            return os.path.lexists(self._resolve(path)[0])
        except SourceError:
            return False

    def stat(self, path: str) -> os.stat_result:
        """`lstat` of what the path leads to. Raises `SourceError`."""
        return _status(self._resolve(path)[0])

    def lstat(self, path: str) -> os.stat_result:
        """What stands at the path itself: a link as a link. Raises `SourceError`."""
        return _status(self._itself(path))

    def readlink(self, path: str) -> str:
        """The text of a symbolic link, or '' where there is none."""
        try:
            return os.readlink(self._itself(path))
        except (OSError, SourceError):
            return ""

    def listdir(self, path: str) -> list[str]:
        """Names in a directory, sorted; empty where it cannot be listed."""
        try:
            real = self._directory(path)[0]
            with self.step(path):
                return sorted(os.listdir(real))
        except (OSError, SourceError) as error:
            return self._unlisted(path, error)

    def glob(self, pattern: str) -> Iterator[str]:
        """Paths that match, sorted within each directory. `**` descends without following links."""
        head, _, last = pattern.rpartition("/")
        if not has_magic(pattern):
            if self._lexists(pattern):
                yield pattern
        elif last == "**":
            for directory in self._directories_of(head):
                yield from self.walk(directory)
        else:
            for directory in self._directories_of(head):
                for name in self._matching(directory, last):
                    yield _join(directory, name)

    def walk(self, top: str) -> Iterator[str]:
        """Every path below a directory that is not itself a directory; links are not followed."""
        pending = [top]
        while pending:
            here = pending.pop()
            try:
                real = self._directory(here)[0]
                with self.step(here), os.scandir(real) as entries:
                    found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
            except (OSError, SourceError) as error:
                found = self._unlisted(here, error)
            pending.extend(_join(here, name) for name, is_directory in reversed(found) if is_directory)
            yield from (_join(here, name) for name, is_directory in found if not is_directory)

    # -- contents

    def open(self, path: str) -> int:
        """A descriptor of a regular file (or /dev/kmsg), opened without waiting. Raises `SourceError`."""
        return self.opening(path).descriptor

    def opening(self, path: str) -> Opening:
        """The same, with where the file really lies on this machine and what it is. Raises `SourceError`."""
        try:
            descriptor, real = self._open(path)
            status = os.fstat(descriptor)
        except OSError as error:
            raise from_os_error(error) from None
        if stat.S_ISREG(status.st_mode) or path == "/dev/kmsg":
            return Opening(descriptor, real, status)
        os.close(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise SourceSkipped("a directory")
        raise SourceSkipped(f"not a regular file: {file_type(status.st_mode)}")

    def _open(self, path: str) -> tuple[int, str]:
        """Most paths are no links: those are opened before anything else is asked."""
        _speakable(path)
        if self.root == "/" and _KERNEL.match(path):  # the kernel's own links may be followed: /proc/mounts is one
            return os.open(path, _FLAGS), path
        parent, _, name = path.rpartition("/")
        real, trusted = self._directory(parent)
        here = f"{real.rstrip('/')}/{name}"
        try:
            if name not in ("", ".."):
                return (os.open(here, _FLAGS | os.O_NOFOLLOW) if trusted else self._open_untrusted(here)), here
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        here, trusted = self._resolve(path)
        return (os.open(here, _FLAGS | os.O_NOFOLLOW) if trusted else self._open_untrusted(here)), here

    def read(self, path: str, limit: int = MAX_TEXT) -> bytes:
        """The first `limit` bytes of a file. Raises `SourceError`."""
        descriptor = self.open(path)
        try:
            pieces = []
            while limit > 0 and (piece := os.read(descriptor, min(limit, 1 << 20))):
                pieces.append(piece)
                limit -= len(piece)
            return b"".join(pieces)
        except OSError as error:
            raise from_os_error(error) from None
        finally:
            os.close(descriptor)

    def text(self, path: str) -> str:
        """A file as text, '' where it cannot be had; the reason is in the evidence if the file is asked for too."""
        try:
            return self.read(path).decode("utf-8", "surrogateescape")
        except SourceError:
            return ""

    def lines(self, what: str | Command) -> list[str]:
        """Lines of a file or of a command's output, stripped, without empty ones."""
        text = self.text(what) if isinstance(what, str) else self.output(what)
        return [line for line in map(str.strip, text.splitlines()) if line]

    # -- commands

    def run(self, command: Command) -> Answer:
        """The command's answer; it is run once, and yielding the same command keeps that very answer."""
        if command.argv not in self._answers:
            self._answers[command.argv] = self.runner(command)
        return self._answers[command.argv]

    def output(self, command: Command) -> str:
        """Standard output of a command as text, '' where it could not be run."""
        return self.run(command).stdout.decode("utf-8", "surrogateescape")

    def answered(self, command: Command) -> Answer | None:
        """The answer that a collector has already had, if any."""
        return self._answers.get(command.argv)

    # -- processes

    def pids(self) -> list[int]:
        """Numbers of all visible processes, ascending."""
        return sorted(int(name) for name in self.listdir("/proc") if name.isdecimal())

    def running(self, *names: str) -> bool:
        """Whether a process of one of these names (as in `/proc/PID/comm`, at most 15 bytes) is alive."""
        if time.monotonic() > self._comms[0] + COMMS_KEPT:
            self._comms = (time.monotonic(), {self.text(f"/proc/{pid}/comm").rstrip("\n") for pid in self.pids()})
        return not self._comms[1].isdisjoint(name[:15] for name in names)

    # -- resolving

    def _open_untrusted(self, real: str) -> int:
        """Open below a directory that others can write to. The directory's descriptor is kept for the next file in it."""
        parent, name = os.path.split(real)
        if self._last[0] != parent:
            if self._last[1] >= 0:
                os.close(self._last[1])
                self._last = ("", -1)
            self._last = (parent, trust.descend(self.root, parent))
        descriptor = os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=self._last[1])
        if (status := os.fstat(descriptor)).st_nlink > 1:
            try:
                trust.refuse_planted(status, self._last[1], parent)
            except (SourceDenied, OSError):
                os.close(descriptor)
                raise
        return descriptor

    def _lexists(self, path: str) -> bool:
        try:
            return os.path.lexists(self._itself(path))
        except SourceError:
            return False

    def _itself(self, path: str) -> str:
        """Where the path's last component lies on this machine, not followed. Raises `SourceError`."""
        parent, name = os.path.split(_speakable(path).rstrip("/"))
        return os.path.join(self._directory(parent or "/")[0], name)

    def _resolve(self, path: str) -> tuple[str, bool]:
        """Real path of what `path` leads to, and whether nobody but root could have changed the way there."""
        _speakable(path)
        if ".." in path:
            path = _normal(path)
        if self.root == "/" and _KERNEL.match(path):
            return path, True
        for _ in range(MAX_LINKS):
            parent, name = os.path.split(path.rstrip("/") or "/")
            real, trusted = self._directory(parent)
            here = os.path.join(real, name) if name else real
            try:
                link = os.readlink(here)
            except OSError:
                return here, trusted
            if not trusted:
                raise SourceDenied("a link in a directory that others can write to is not followed")
            path = os.path.join(self._inside(real), link)
            path = _normal(path)
        raise SourceAbsent("too many levels of links")

    def _directory(self, path: str) -> tuple[str, bool]:
        """Real path of a directory and whether the way there can be trusted; remembered."""
        if path in self._directories:
            return self._directories[path]
        _speakable(path)
        if ".." in path:
            path = _normal(path)
        if path in ("", "/"):
            found = (self.root, True)
        elif self.root == "/" and _KERNEL.match(path + "/"):
            found = (path, True)
        else:
            with self.step(path):
                real, trusted = self._resolve(path)
                status = _status(real)
            found = (real, trusted and trust.only_root_writes(status, real))
        if len(self._directories) > REMEMBERED:
            self._directories.clear()
        self._directories[path] = found
        return found

    def _inside(self, real: str) -> str:
        """The host's path of a real path below the root."""
        return "/" + os.path.relpath(real, self.root) if self.root != "/" else real

    def _directories_of(self, pattern: str) -> Iterator[str]:
        if not has_magic(pattern):
            yield pattern or "/"
            return
        head, _, last = pattern.rpartition("/")
        for directory in self._directories_of(head):
            if last == "**":
                yield directory
                yield from self._below(directory)
            else:
                yield from (_join(directory, name) for name in self._matching(directory, last))

    def _below(self, directory: str) -> Iterator[str]:
        try:
            real = self._directory(directory)[0]
            with self.step(directory), os.scandir(real) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except (OSError, SourceError) as error:
            names = self._unlisted(directory, error)
        for name in names:
            yield _join(directory, name)
            yield from self._below(_join(directory, name))

    def _unlisted(self, directory: str, error: OSError | SourceError) -> list[Any]:
        self.unlisted(directory, from_os_error(error) if isinstance(error, OSError) else error)
        return []

    def _matching(self, directory: str, pattern: str) -> list[str]:
        if not has_magic(pattern):
            return [pattern] if self._lexists(_join(directory, pattern)) else []
        names = fnmatch.filter(self.listdir(directory), pattern)
        return names if pattern.startswith(".") else [name for name in names if not name.startswith(".") or pattern == "*"]


def _status(real: str) -> os.stat_result:
    """`lstat` of a real path. Raises `SourceError`."""
    try:
        return os.lstat(real)
    except OSError as error:
        raise from_os_error(error) from None


def file_type(mode: int) -> str:
    """What kind of thing a mode says it is, in words."""
    kinds = {
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
        stat.S_IFLNK: "a link",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")


def has_magic(path: str) -> bool:
    """Whether a path is a pattern."""
    return any(character in path for character in MAGIC)


def _speakable(path: str) -> str:
    """The path, if the kernel can be asked about it. Raises `SourceAbsent`."""
    if path.count("/") > MAX_DEPTH:
        raise SourceSkipped(f"it lies deeper than {MAX_DEPTH} folders")
    if "\0" not in path and (path.isascii() or _is_encodable(path)):
        return path
    raise SourceAbsent("no file can have this name")


def _is_encodable(path: str) -> bool:
    """Whether it stands for bytes at all: half a character, from somebody's JSON, does not."""
    try:
        return bool(os.fsencode(path))
    except UnicodeEncodeError:
        return False


def _join(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"


def _normal(path: str) -> str:
    """Without `.` and `..`, which at the root stay there."""
    return os.path.normpath("/" + path.lstrip("/"))
