"""Objects and strings of JSON, also within strings of JSON: found from a place in their midst, in text that may begin and end anywhere."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.places.judge import stays
from diagbundle.redact.span import Span

_BRACE = regex(rb"[{}]")
_OPENING = regex(rb":\s{0,16}(\\*)\"")
_STEPS = 2000
"""Braces that are counted at most: an object with more is none of those looked for."""


def closing(data: bytes, start: int, end: int, depth: int) -> int:
    """Where the string ends whose opening quote had `depth` backslashes: at a quote with as many, but for those that escape themselves."""
    at = data.find(b'"', start, end)
    while at >= 0:
        first = at
        while first > start and data[first - 1] == ord("\\"):
            first -= 1
        if (at - first) % (2 * depth + 2) == depth:
            return at - depth
        at = data.find(b'"', at + 1, end)
    return end


def strings(data: bytes, start: int, end: int, kind: str) -> Iterator[Span]:
    """The values of an object's members that are strings."""
    at = start
    while opening := _OPENING.search(data, at, end):
        at = closing(data, opening.end(), end, len(opening[1]))
        if not stays(data[opening.end() : at]):
            yield Span(opening.end(), at, kind)
        at += len(opening[1]) + 1


def objects_behind(data: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """The objects within the one that `at` stands in, behind it: where each brace opens and closes. The last one is `(n, n)`, the end."""
    level, opened, steps = 0, at, 0
    for steps, brace in enumerate(_BRACE.finditer(data, at, end)):
        if brace[0] == b"{":
            opened = opened if level else brace.start()
            level += 1
        else:
            level -= 1
            if level < 0:
                yield brace.start(), brace.start()
                return
            if not level:
                yield opened, brace.start()
        if steps > _STEPS:
            break
    if level > 0:
        yield opened, end
    yield end, end


def objects_before(data: bytes, start: int, at: int) -> Iterator[tuple[int, int]]:
    """The same in front of it, the nearest first. The last one is `(n, n)`, the beginning."""
    level, closed = 0, at
    for brace in reversed([each.start() for each in _BRACE.finditer(data, start, at)][-_STEPS:]):
        if data[brace : brace + 1] == b"}":
            closed = closed if level else brace
            level += 1
        else:
            level -= 1
            if level < 0:
                yield brace, brace
                return
            if not level:
                yield brace, closed
    yield start, start
