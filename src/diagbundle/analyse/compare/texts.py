"""Text files of two sides, held against each other line by line; the time for it is bounded, whatever the files hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from diagbundle.analyse.compare.difference import Changed, Difference
from diagbundle.analyse.compare.identity import Mask, untagged
from diagbundle.analyse.compare.side import MAX_TEXT
from diagbundle.analyse.verdict import LONGEST, Origin

MAX_LINES = 1000
"""Lines between the first and the last difference that are put in order; of more only the first ones are told."""
TOLD = 400
"""Lines of one file that are told at most."""
_IDLE = re.compile(r"\s*(?:[#;].*|//.*)?")
"""A line that says nothing to a program: empty, or a comment."""
_BINARY = 8192
Numbered = list[tuple[int, str]]


@dataclass
class Effort:
    """How much may be spent on putting lines in order, for all files together; what goes beyond is told as taken out and put in."""

    left: int = 20_000_000
    """Pairs of lines."""

    def allows(self, pairs: int) -> bool:
        """Whether so many may still be compared."""
        self.left -= pairs
        return self.left >= 0


def different(path: str, a: bytes, b: bytes, masks: tuple[Mask, Mask], effort: Effort) -> Difference | str | None:
    """What differs between two files; None if nothing does, or why that is not told: `secrets`, `comments`, `identity`."""
    if a == b:
        return None
    sides = (Origin(path), Origin(path))
    if b"\0" in a[:_BINARY] or b"\0" in b[:_BINARY]:
        return Difference("file", path, "~", *sides, note=f"it is no text; {len(a):,} and {len(b):,} bytes")
    if untagged(_text(a)) == untagged(_text(b)):
        return "secrets"
    ours, theirs = _lines(a), _lines(b)
    plain_a, plain_b = [_plain(line) for _, line in ours], [_plain(line) for _, line in theirs]
    if plain_a == plain_b:
        return "comments"
    both = {*plain_a} & {*plain_b}
    masked_a, masked_b = (
        [line if line in both else mask(line) for line in lines] for lines, mask in zip((plain_a, plain_b), masks, strict=True)
    )
    if masked_a == masked_b:
        return "identity"
    changed = _changed((ours, theirs), masked_a, masked_b, effort)
    first_a, first_b = (next((each.line for each in changed if each.side == side), 0) for side in "AB")
    cut = len(a) > MAX_TEXT or len(b) > MAX_TEXT
    return Difference(
        "file", path, "~", Origin(path, first_a), Origin(path, first_b), lines=tuple(changed[:TOLD]), left_out=max(0, len(changed) - TOLD),
        note=f"compared are its first {MAX_TEXT:,} bytes" if cut else "",
    )  # fmt: skip


def content(side: str, data: bytes) -> tuple[Changed, ...]:
    """The lines of a file that only one side has."""
    if b"\0" in data[:_BINARY]:
        return ()
    return tuple(Changed(side, number, line[:LONGEST]) for number, line in _lines(data)[:TOLD])


def _lines(data: bytes) -> Numbered:
    """Number and text of each line that says something."""
    return [(number, line.rstrip()) for number, line in enumerate(_text(data).split("\n"), 1) if not _IDLE.fullmatch(line)]


def _plain(line: str) -> str:
    """With single blanks, but for those at the beginning, which mean something in many languages."""
    words = line.lstrip()
    return line[: len(line) - len(words)] + " ".join(words.split())


def _text(data: bytes) -> str:
    return data[:MAX_TEXT].decode("utf-8", "replace")


def _changed(sides: tuple[Numbered, Numbered], a: list[str], b: list[str], effort: Effort) -> list[Changed]:
    """The lines that are on one side only, in the order of the files."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    here, there = a[start : len(a) - end], b[start : len(b) - end]
    if max(len(here), len(there)) > MAX_LINES or not effort.allows(len(here) * len(there)):
        steps = [("replace", 0, len(here), 0, len(there))]
    else:
        steps = [step for step in SequenceMatcher(None, here, there).get_opcodes() if step[0] != "equal"]
    found: list[Changed] = []
    for _, from_a, to_a, from_b, to_b in steps:
        found += [Changed("A", number, line[:LONGEST]) for number, line in sides[0][start + from_a : start + to_a]]
        found += [Changed("B", number, line[:LONGEST]) for number, line in sides[1][start + from_b : start + to_b]]
    return found
