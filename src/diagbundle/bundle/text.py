"""Line feeds and words in megabytes of text: in C where it is built, else as fast as Python can."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["feeds", "lines", "lines_with"]

_STEP = 256 << 10
"""Bytes that are copied and counted at once: they stay in the processor's cache."""
_AT_ONCE = 4096
"""Lines of which a list is made."""


def feeds_in_python(data: bytes | bytearray | memoryview, /) -> int:
    """How many line feeds there are in bytes."""
    return sum(bytes(data[at : at + _STEP]).count(b"\n") for at in range(0, len(data), _STEP))


def lines_in_python(block: bytes, word: bytes, begin: int, end: int, fold: bool, most: int, /) -> list[tuple[int, int]]:  # noqa: FBT001, PLR0913, PLR0917  # as in C
    """The first lines between two bytes of a block in which a word stands, so many at most: begin and end of each, without the line feed.

    At the first byte a line begins. With `fold` the word's small ASCII letters stand for capital ones, too.
    """
    found = list[tuple[int, int]]()
    if not word or not 0 <= begin < end:
        return found
    end = min(end, len(block))
    text, base = (block[begin:end].lower(), begin) if fold else (block, 0)
    while len(found) < most and (at := text.find(word, begin - base, end - base)) >= 0:
        start, stop = block.rfind(b"\n", begin, at + base) + 1, block.find(b"\n", at + base, end)
        found.append((start or begin, stop if stop >= 0 else end))
        begin = found[-1][1] + 1
        if begin >= end:
            break
    return found


try:
    from diagbundle.bundle._text import feeds, lines
except ImportError:  # there was no compiler when it was installed
    feeds, lines = feeds_in_python, lines_in_python


def lines_with(block: bytes, word: bytes, begin: int, end: int, *, fold: bool) -> Iterator[tuple[int, int]]:
    """All lines in which a word stands. See `lines_in_python`."""
    while found := lines(block, word, begin, end, fold, _AT_ONCE):
        yield from found
        begin = found[-1][1] + 1
