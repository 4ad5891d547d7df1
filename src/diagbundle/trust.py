"""Who could have put this here? Directories that others can write to, and what may have been planted in them."""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import PurePosixPath

from diagbundle.errors import SourceDenied, UsageError
from diagbundle.paths import unread

MOST_NAMES = 20_000
"""Entries of a directory that are looked at."""

MAX_SIZE = 256 << 10
"""Bytes of a file that tells us what to do."""


def trusted_contents(path: str, what: str) -> bytes:
    """The bytes of a file that nobody but root (or we ourselves) can have written. Raises `UsageError`.

    Folder and file are judged by the descriptors that are read from: nobody can exchange them between.
    """
    path = os.path.abspath(path)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    above = _opened(os.path.dirname(path), what, flags | os.O_DIRECTORY)
    try:
        descriptor = _opened(path, what, flags, above)
    finally:
        os.close(above)
    try:
        return contents(descriptor, path, what)
    finally:
        os.close(descriptor)


def contents(descriptor: int, path: str, what: str) -> bytes:
    """The bytes of an open file, which must be a regular file of bounded size. Raises `UsageError`."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise UsageError(f"{what} must be a regular file: {path}")
    with open(descriptor, "rb", closefd=False) as file:
        data = file.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise UsageError(f"{what} may be {MAX_SIZE >> 10} KiB at most: {path}")
    return data


def _opened(path: str, what: str, flags: int, above: int | None = None) -> int:
    try:
        descriptor = os.open(path if above is None else os.path.basename(path), flags, dir_fd=above)
    except OSError as error:
        if os.path.islink(path):
            raise UsageError(f"{what} cannot be read: {path}: it is a link, which is not followed") from None
        raise unread(path, error, "folder" if above is None else "file", f"name {what}") from None
    status = os.fstat(descriptor)
    if status.st_uid in (0, os.geteuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return descriptor
    os.close(descriptor)
    raise UsageError(
        f"others than root can write to it: {path} (owner {status.st_uid}, mode {stat.S_IMODE(status.st_mode):04o})",
        hint=f"chown root {path} && chmod go-w {path}",
    )


def only_root_writes(status: os.stat_result, real: str) -> bool:
    """Whether a directory is ours alone. The group's bit stands for the mask, too, where a list says who else may write."""
    ours = status.st_uid in (0, os.geteuid())
    group = status.st_mode & stat.S_IWGRP and (status.st_gid != 0 or _has_list(real))
    return ours and not status.st_mode & stat.S_IWOTH and not group


def _has_list(real: str) -> bool:
    try:
        return bool(os.getxattr(real, "system.posix_acl_access", follow_symlinks=False))
    except OSError:  # it has none, or its file system knows none
        return False


def descend(root: str, real: str) -> int:
    """A descriptor of a directory, reached one component at a time, following no link: others may change things meanwhile."""
    here = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for component in PurePosixPath(os.path.relpath(real, root)).parts:
        try:
            below = os.open(component, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here


def refuse_planted(status: os.stat_result, directory: int, real: str) -> None:
    """Raises `SourceDenied` for a second name of somebody else's file, made by whoever may write to this directory.

    One whose names all lie in this very directory is nobody's trick: it has no name where the writers may not look.
    """
    folder = os.fstat(directory)
    anybody = status.st_uid in (0, os.geteuid()) and not only_root_writes(folder, real)
    foreign = stat.S_ISREG(status.st_mode) and (status.st_uid != folder.st_uid or anybody)
    if foreign and _names_in(directory, status) < status.st_nlink:
        raise SourceDenied("a second name of another's file, in a directory that others can write to, is not read")


def _names_in(directory: int, status: os.stat_result) -> int:
    """How many names of a file lie in a directory."""
    listing = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        with os.scandir(listing) as entries:
            found = (
                entry.stat(follow_symlinks=False) for entry in islice(entries, MOST_NAMES)
            )  # an overlay lists other inodes than it has
            return sum(1 for one in found if (one.st_dev, one.st_ino) == (status.st_dev, status.st_ino))
    finally:
        os.close(listing)
