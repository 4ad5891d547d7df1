"""Who could have put this here? Directories that others can write to, and what may have been planted in them."""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import PurePosixPath

from diagbundle.errors import SourceDenied

MOST_NAMES = 20_000
"""Entries of a directory that are looked at."""


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
