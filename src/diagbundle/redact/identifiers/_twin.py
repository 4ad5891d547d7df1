"""The rewriter in Python: what `_rewrite.c` does, byte for byte, where there is no compiler."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from diagbundle.redact.identifiers._grammar import (
    COLON,
    DOT,
    HYPHEN,
    NEWLINE,
    RUN,
    WORD,
    Found,
    Nothing,
    Region,
    Tables,
    adjusted,
    coloned,
    dashed,
    dotted,
)
from diagbundle.redact.identifiers._words import syslog, word
from diagbundle.redact.lazy import regex

BACK = 512
"""How far before its part of the text a block looks for what began there."""
AHEAD = 128
"""How far behind its part it looks for what began in it."""
_LOWER = bytes(range(65)) + bytes(range(97, 123)) + bytes(range(91, 256))
_DOT = regex(rb"\.(?<=[0-9A-Za-z_-].)(?:(?=[A-Za-z_-])|(?=[0-9])(?:(?<![0-9].)|(?=.{1,4}\.)))", re.DOTALL)
_COLON = regex(rb":(?:(?=:)|(?<=[0-9A-Fa-f]:)(?=[0-9A-Fa-f]{1,4}:))")
_DASH = regex(rb"-(?=[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-)(?<=[0-9A-Fa-f]{2}-)")
_LINE = regex(rb"^(?=[<A-Z0-9])", re.MULTILINE)
_ESCAPED = regex(rb"(?<=[\\%])[0-9A-Za-z]")


class Twin:
    """Same answers as the class in C."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        one, two = (b"".join(re.escape(byte) for byte in sorted({head[at : at + 1] for head in tables.heads})) for at in (0, 1))
        # a class of bytes comes first: so much faster is it found than a choice of words
        self._words = re.compile(b"[%s](?<![0-9a-z_\\x80-\\xff].)[%s]" % (one, two), re.DOTALL)

    def rewrite(self, data: bytes, start: int, end: int, spans: Sequence[tuple[int, int, bytes]]) -> tuple[bytes, dict[str, int]]:
        """`data[start:end]` without secrets and identifiers, and how many identifiers of each kind were replaced."""
        part = _Part(self._tables, start)
        _check(len(data), start, end, spans)
        lo = sync(data, start)
        for first, last, new in spans:
            if first >= end or last <= lo:
                continue
            if first > lo:
                self._region(Region(data, lo, first, first, self._tables), part)
            if first >= start:
                part.out.append(new)
            part.at, lo = max(part.at, last), last
        if lo < end:
            self._region(Region(data, lo, len(data), end, self._tables), part)
        return b"".join(part.out), part.counts

    def _region(self, region: Region, part: _Part) -> None:
        """The text from where the part has come to, to the region's end."""
        for place in self._events(region):
            if place < region.done:
                continue
            for start, stop, kind in found(region, place):
                if start >= max(region.done, region.end):
                    region.done = stop  # the next part's
                elif start >= region.done:
                    part.replace(region, start, stop, kind)
        part.out.append(region.data[part.at : region.end])
        part.at = max(part.at, region.end)

    def _events(self, region: Region) -> list[int]:
        """Places where something may begin, in order."""
        data, lo, hi = region.data, region.lo, region.hi
        limit = min(hi, region.end + AHEAD)
        found = {lo}
        for pattern in (_DOT, _COLON, _DASH, _LINE):
            found.update(match.start() for match in pattern.finditer(data, lo, min(hi, limit + 8)))
        small = data[lo : min(hi, limit + 8)].translate(_LOWER)
        starts = [match.start() for match in self._words.finditer(small)]
        found.update(lo + start for start in starts if small[start : start + 3] in self._tables.heads)
        found.update(adjusted(data, lo, hi, match.start()) for match in _ESCAPED.finditer(data, lo, limit))
        return sorted(place for place in found if place < limit)


class _Part:
    """What a part of the text becomes."""

    def __init__(self, tables: Tables, start: int) -> None:
        self.tables, self.start, self.at = tables, start, start
        self.out: list[bytes] = []
        self.counts: dict[str, int] = {}

    def replace(self, region: Region, start: int, stop: int, kind: str) -> None:
        """An identifier; what begins before the part belongs to the one before, also the rest of it that lies here."""
        text = region.data[start:stop]
        new = self.tables.resolved(kind, text)
        region.done = stop
        if start >= self.start:
            self.out += (region.data[self.at : start], new)
            if new != text:
                self.counts[kind] = self.counts.get(kind, 0) + 1
        self.at = max(self.at, stop)


def found(region: Region, place: int) -> Sequence[Found]:
    """What is found at a place; a word may begin where a line does, so both are asked."""
    byte = region.data[place]
    if byte == DOT:
        return dotted(region, place)
    if byte == COLON:
        return coloned(region, place)
    if byte == HYPHEN:
        return dashed(region, place)
    if place == 0 or region.data[place - 1] == NEWLINE:
        host = syslog(region, place)
        if host:
            return host
    return word(region, place) if byte in WORD else Nothing


def _check(length: int, start: int, end: int, spans: Sequence[tuple[int, int, bytes]]) -> None:
    if not 0 <= start <= end <= length:
        raise ValueError("the part lies outside of the text")
    edges = [0, *(edge for span in spans for edge in span[:2]), length]
    if any(one > two for one, two in pairwise(edges)):
        raise ValueError("spans must be sorted and disjoint")


def sync(data: bytes, start: int) -> int:
    """Where to begin, so that what began before `start` is seen: at a line's beginning or behind what no identifier holds."""
    if start == 0 or data[start - 1] == NEWLINE:
        return start
    at = max(0, start - BACK)
    line = data.rfind(b"\n", at, start) + 1
    if line or at == 0:
        return line
    while at < start and data[at] in RUN:
        at += 1
    return at
