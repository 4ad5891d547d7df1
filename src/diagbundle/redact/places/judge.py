"""What the places have in common: which values stay, what a value looks like, and how lines are walked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagbundle.redact.named.plausible import NEVER, scheme_end
from diagbundle.redact.span import MARKER, Span

FAR = 32 << 10
"""Bytes around an anchor that patterns of many lines look at, at most."""

WORD = rb"(?:\"([^\"\n]{1,1024})\"|'([^'\n]{1,1024})'|((?![{$<][{(%])[^\s\"'][^\s]{0,1023}))"
"""A pattern of a word, in quotes or not; no reference."""
_SHORT = 512
"""Bytes of a mask, a reference or a flag, at most."""
_CLASSES = (rb"[a-z]", rb"[A-Z]", rb"[0-9]", rb"[^\w.+/\\~@$:-]")
_CLASS = tuple(re.compile(each) for each in _CLASSES)


def stays(value: bytes) -> bool:
    """Whether a value is none: empty, masked, a reference, a flag, or a marker already."""
    return not value or (len(value) <= _SHORT and NEVER.fullmatch(value) is not None) or MARKER.search(value) is not None


def classes(value: bytes) -> int:
    """How many of lower case, upper case, digits and unusual punctuation a word has: names and commands have two at most."""
    return sum(1 for each in _CLASS if each.search(value))


def spans(match: re.Match[bytes] | None, kind: str) -> Iterator[Span]:
    """All groups of a match are secrets, but for the values that stay."""
    if match is not None:
        for group in range(1, match.re.groups + 1):
            value = match[group]
            if value is not None and not stays(value):
                yield Span(match.start(group) + scheme_end(value), match.end(group), kind)


def each_line(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The lines of `data[start:end]`, without their ends."""
    while start < end:
        stop = data.find(b"\n", start, end)
        stop = end if stop < 0 else stop
        yield start, stop
        start = stop + 1


def all_spans(pattern: re.Pattern[bytes], data: bytes, kind: str, start: int = 0, end: int | None = None) -> Iterable[Span]:
    """The groups of all matches in a part of a text."""
    for match in pattern.finditer(data, start, len(data) if end is None else end):
        yield from spans(match, kind)
