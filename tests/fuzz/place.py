"""Where a run works: one folder in memory, gone at its end, and small helpers of all targets."""

import os
import tempfile
from contextlib import contextmanager
from functools import cache

from .hosts import Tree

_MEMORY = "/dev/shm"
_kept = []


@cache
def folder():
    """The folder of this process; in memory where there is such a place."""
    made = tempfile.TemporaryDirectory(prefix="diagbundle-fuzz-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None)
    _kept.append(made)
    return os.path.realpath(made.name)


@cache
def tree():
    """The folder that becomes each host."""
    root = os.path.join(folder(), "host")
    os.mkdir(root)
    return Tree(root)


def file_of(data, name="db1.tar.zst"):
    """A file that holds these bytes."""
    path = os.path.join(folder(), name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def text_of(data):
    """Bytes as text, as arguments and names come."""
    return data.decode("utf-8", "surrogateescape")


@contextmanager
def patched(owner, name, value):
    """An attribute is another one for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
