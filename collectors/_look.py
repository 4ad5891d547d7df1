"""Small helpers for collectors that look before they ask."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from diagbundle.collect.api import Host

_BRACES = re.compile(r"\{([^{}]*)\}")


def spelled(text: str) -> Iterator[str]:
    """Words of a text, with `{a,b}` spelled out as a shell does."""
    for word in text.split():
        if braces := _BRACES.search(word):
            yield from spelled(" ".join(word[: braces.start()] + one + word[braces.end() :] for one in braces[1].split(",")))
        else:
            yield word


def globbed(host: Host, text: str) -> Iterator[str]:
    """What is there of the paths and patterns of a text."""
    for pattern in spelled(text):
        yield from host.glob(pattern)


def status(host: Host, path: str) -> os.stat_result | None:
    """`lstat` of what a path leads to, or None where there is nothing to be seen."""
    if not host.exists(path):
        return None
    try:
        return os.lstat(host.path(path))
    except OSError:
        return None


def is_set(host: Host, path: str) -> bool:
    """Whether a path leads to a directory that holds something."""
    return bool(host.listdir(path))
