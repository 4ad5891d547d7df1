"""Files of the kernel, whose end only reading tells."""

import os

import pytest

from diagbundle.errors import SourceFailed
from diagbundle.sources import read


def reading(monkeypatch, answers, limit=100):
    """What comes of a file of the kernel that answers so."""
    monkeypatch.setattr(read, "KERNEL_LIMIT", limit)
    monkeypatch.setattr(os, "read", lambda _descriptor, most: answers.pop(0)[:most] if answers else b"")
    return b"".join(read.Opened(-1, is_link=False, mtime=0, inode=None, size=None).chunks())


def test_a_list_that_grows_after_its_end_is_whole(monkeypatch):
    assert reading(monkeypatch, [b"one\n", b"two\n", b"", b"a third one, opened meanwhile\n"]) == b"one\ntwo\n"


def test_what_is_as_long_as_the_limit_is_whole(monkeypatch):
    assert reading(monkeypatch, [b"x" * 100]) == b"x" * 100


def test_what_goes_on_after_the_limit_is_not(monkeypatch):
    with pytest.raises(SourceFailed, match="goes on after 100 bytes"):
        reading(monkeypatch, [b"x" * 60, b"x" * 60, b"more"])
