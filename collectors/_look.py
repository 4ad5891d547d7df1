"""Small helpers for collectors that look before they ask."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from diagbundle.collect.api import Host, SourceError, number

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
    try:
        return host.stat(path)
    except SourceError:
        return None


def is_set(host: Host, path: str) -> bool:
    """Whether a path leads to a directory that holds something."""
    return bool(host.listdir(path))


def signed(text: str) -> int | None:
    """A number that may be below zero, or None where the text is none."""
    found = number(text.removeprefix("-"))
    return -found if found is not None and text.startswith("-") else found
