"""A folder of files, redacted into another one, in which every file lies under its own name."""

from __future__ import annotations

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from diagbundle.errors import OutputError, SourceError, SourceSkipped, UsageError, from_os_error
from diagbundle.paths import rename
from diagbundle.redact.redactor import Redactor

CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Redacted:
    """What has come of it."""

    files: int = 0
    bytes: int = 0
    """Of the texts that were written."""
    counts: Counter[str] = field(default_factory=Counter)
    """Secrets and identifiers, by kind."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Files that are not there because they cannot be redacted, and why."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Files that could not be read, or not to their end, and why."""
    suspects: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Lines that somebody should look at."""


def redact_descriptor(redactor: Redactor, source: int, target: int, name: str, done: Redacted) -> str:
    """What can be read from one descriptor, redacted into the other one. Returns the name of the text: a compressed file is opened.

    Raises `SourceError`: nothing was written then, or what was is no secret.
    """
    stream = redactor.file(name)
    try:
        for piece in stream(_chunks(source)):
            _write(target, piece)
            done.bytes += len(piece)
    finally:
        done.counts.update(stream.counts)
        done.suspects += [(stream.name, suspect) for suspect in stream.suspects]
    if stream.fault:
        done.faults.append((name, stream.fault))
    done.files += 1
    return stream.name


def redact_tree(redactor: Redactor, source: str, target: str) -> Redacted:
    """Every file below `source` into the new or empty folder `target`. Links are not followed. Raises `UsageError`, `OutputError`."""
    if os.path.realpath(target).startswith(os.path.realpath(source).rstrip("/") + "/"):
        raise UsageError(f"the redacted files cannot lie within the folder they come from: {target}")
    done, made = Redacted(), _make(target)
    try:
        for path in _files(source, done):
            try:
                _one(redactor, source, path, target, done)
            except SourceSkipped as error:
                done.left_out.append((path, str(error)))
            except SourceError as error:
                done.faults.append((path, str(error)))
    except BaseException:
        if made:
            _remove_empty(target)
        raise
    return done


def _one(redactor: Redactor, source: str, path: str, target: str, done: Redacted) -> None:
    """One file. It gets its name only when it is whole, or as far as it could be read."""
    opened = _opened(os.path.join(source, path))
    try:
        place = os.path.join(target, redactor.text(path))
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        part = f"{place}.part"
        into = os.open(part, _WRITE, 0o600)
        try:
            name = redact_descriptor(redactor, opened, into, path, done)
        except BaseException:
            os.unlink(part)
            raise
        finally:
            os.close(into)
        _give_name(part, os.path.join(target, redactor.text(name)))
    except OSError as error:
        there = f"whole files that stayed there: {done.files:,}" if done.files else "nothing of it stayed there"
        raise OutputError(f"the redacted file could not be written: {target}/{path}: {error.strerror}", there) from None
    finally:
        os.close(opened)


def _give_name(part: str, place: str) -> None:
    """A name that no other file has: `x.log` and `x.log.gz` are both texts."""
    for number in count(1):
        with contextlib.suppress(FileExistsError):
            rename(part, place if number == 1 else f"{place}.{number}")
            return


def _opened(path: str) -> int:
    """A regular file. Raises `SourceError`."""
    if os.path.islink(path):
        raise SourceSkipped("a link, not followed")
    try:
        descriptor = os.open(path, _READ)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise SourceSkipped("not a regular file")
    except OSError as error:
        raise from_os_error(error) from None
    return descriptor


def _files(top: str, done: Redacted) -> Iterator[str]:
    """Paths below a folder, relative to it, in order."""

    def unlisted(error: OSError) -> None:
        done.faults.append((os.path.relpath(error.filename, top), f"this folder cannot be listed: {error.strerror}"))

    for here, folders, names in os.walk(top, onerror=unlisted):
        folders.sort()
        for name in sorted(names):
            yield os.path.relpath(os.path.join(here, name), top)
        for name in [name for name in folders if os.path.islink(os.path.join(here, name))]:
            done.left_out.append((os.path.relpath(os.path.join(here, name), top), "a link, not followed"))


def _chunks(descriptor: int) -> Iterator[bytes]:
    try:
        while chunk := os.read(descriptor, CHUNK):
            yield chunk
    except OSError as error:
        raise from_os_error(error) from None


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


def _make(folder: str) -> bool:
    """A new folder, or an empty one that is ours. Whether it was made here."""
    made = not os.path.lexists(folder)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.listdir(folder):
            raise UsageError(f"the folder is not empty: {folder}", "name a new one: nothing is overwritten")
    except OSError as error:
        raise OutputError(f"the folder cannot be made: {folder}: {error.strerror}") from None
    return made


def _remove_empty(folder: str) -> None:
    """A folder and those below it, as far as nothing lies in them."""
    for here, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(here)
