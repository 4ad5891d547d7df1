"""Cited lines with the lines around them, read once for all that cite."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from diagbundle.analyse.evidence.entry import Entry, Evidence
from diagbundle.analyse.log.files import KMSG, form_of
from diagbundle.analyse.verdict import LONGEST, Origin
from diagbundle.errors import BundleError

AROUND = 3
"""Lines shown before and behind a cited one."""
MOST = 12
"""Lines that are cited of one verdict."""
_LINE = 8192
"""Bytes of a line that are read."""


class Line(NamedTuple):
    """A line of a file; `number` is 0 where none can be told."""

    number: int
    text: str
    meant: bool = True


Excerpt = tuple[str, list[Line]]
"""A path, and lines of it."""


class Excerpts:
    """Reads the lines around those that will be cited."""

    def __init__(self, evidence: Evidence, origins: Iterable[Origin]) -> None:
        wanted: dict[str, set[int]] = {}
        for origin in origins:
            if origin.line:
                around = range(max(1, origin.line - AROUND), origin.line + AROUND + 1)
                wanted.setdefault(origin.path, set()).update(around)
        self._texts: dict[tuple[str, int], str] = {}
        for entry in evidence.entries:
            if entry.path in wanted and entry.there and form_of(entry) != "export":  # a record of the journal has no neighbours
                self._read(evidence, entry, wanted.pop(entry.path))

    def _read(self, evidence: Evidence, entry: Entry, wanted: set[int]) -> None:
        try:
            for number, line in _lines(evidence.blocks(entry), sorted(wanted)):
                self._texts[entry.path, number] = _readable(line.decode("utf-8", "replace").rstrip("\r"), entry.path)
        except BundleError:
            return  # the analysis has said so

    def of(self, origins: Sequence[Origin]) -> list[Excerpt]:
        """The excerpts of one verdict, by file."""
        return [(path, self._one(path, list(those))) for path, those in groupby(origins[:MOST], key=lambda origin: origin.path)]

    def _one(self, path: str, those: Sequence[Origin]) -> list[Line]:
        """Lines in order; a gap between two stretches is a line with three dots."""
        lines: dict[int, Line] = {}
        whole = [Line(0, origin.text or "(the whole)") for origin in those if not origin.line]
        for origin in those:
            if origin.line:
                for number in range(origin.line - AROUND, origin.line + AROUND + 1):
                    if (text := self._texts.get((path, number))) is not None:
                        lines.setdefault(number, Line(number, text, meant=False))
                lines[origin.line] = Line(origin.line, self._texts.get((path, origin.line), origin.text))
        found: list[Line] = []
        for number in sorted(lines):
            if found and number != found[-1].number + 1:
                found.append(Line(0, "…", meant=False))
            found.append(lines[number])
        return whole + found


def _lines(pieces: Iterator[bytes], wanted: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Some lines by their numbers, which come in order. Stretches without any are only counted."""
    number, rest, left = 1, b"", list(reversed(wanted))
    for piece in pieces:
        ends = piece.count(b"\n")
        if number + ends < left[-1]:
            number, rest = number + ends, b""
            continue
        *whole, tail = piece.split(b"\n")
        for line in whole:
            if number == left[-1]:
                yield number, (rest + line)[:_LINE]
                left.pop()
                if not left:
                    return
            number, rest = number + 1, b""
        rest = (rest + tail)[:_LINE]
    if rest and number == left[-1]:
        yield number, rest


def _readable(text: str, path: str) -> str:
    """A line as people read it: a row of a table, which is JSON, as words; of the kernel's ring as `dmesg` shows it."""
    if not text.startswith("{"):
        return text if len(text) <= LONGEST else text[:LONGEST] + " …"
    if path == KMSG:
        try:
            row = json.loads(text)
            return f"[{int(row['usec']) / 1e6:12.6f}] {row['text']}"[:LONGEST]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            pass
    return re.sub(r'[{}\[\]"]', "", text)[:LONGEST]
