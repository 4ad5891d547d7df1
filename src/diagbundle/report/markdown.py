"""Markdown that may be pasted anywhere: what comes from a bundle stays text, whatever is written in it.

A backslash does not keep every tracker from making a mention of `@name` or a link of `www.example`, but none looks for either in code.
So every word that is not plainly a word or a number is set as code, and lines of evidence stand in blocks of code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import groupby

from diagbundle.bundle.escape import shown
from diagbundle.report.blocks import Block, Command, Heading, Items, Lines, Said, pieces

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,3})?|\d{1,6}(?:\.\d{1,3})?|\d{1,2}(?::\d\d){1,2}|\d{4}-\d\d-\d\d"
_LETTERS = r"[^\W\d_]+(?:[-'’/][^\W\d_]+)*"  # noqa: RUF001  # apostrophes and dashes as people write them
_BEFORE, _BEHIND = r"[(\"'„“]{0,2}", r"[%,;:.?!)\"'“”]{0,3}"
_PLAIN = re.compile(rf"{_BEFORE}(?:{_LETTERS}|{_NUMBER}|[–—·…-]){_BEHIND}|[(\"'„“]|[,;:.?)\"'“”]{{1,2}}")  # noqa: RUF001
"""What no Markdown makes anything of, and nobody a link, a mention, a picture or the number of a ticket."""
_PARTS = re.compile(rf"({_BEFORE})(.+?)({_BEHIND})")
_BEGINS_LIST = re.compile(r"\d+[.)]|-")


def markdown(blocks: Iterable[Block]) -> str:
    """A whole text, which ends with a newline."""
    return "\n\n".join("\n".join(_told(block)) for block in blocks) + "\n"


def _told(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, said):
            yield f"{'#' * level} {text(said)}"
        case Said(said, label):
            yield _labelled(label, said)
        case Items(every):
            yield from (f"- {_labelled(label, said)}" for label, said in every)
        case Lines(lines):
            yield from fenced(lines)
        case Command(line):
            yield from fenced((line,), "sh")


def _labelled(label: str, said: str) -> str:
    return f"**{label}:** {text(said)}" if label else text(said)


def fenced(lines: Iterable[str], language: str = "text") -> Iterator[str]:
    """A block of code; its fence is longer than every row of backticks in it."""
    told = [shown(line) for line in lines]
    fence = "`" * max(3, 1 + _longest_row(told))
    yield f"{fence}{language}"
    yield from told
    yield fence


def text(said: str) -> str:
    """A sentence in one line: its words with control characters made visible, and code instead of what stands in backticks."""
    made = "".join(f"{before}{part if how is _How.PLAIN else _code(part)}" for before, part, how in _merged(_parts(said)))
    first = made.partition(" ")[0]
    return _code(first) + made[len(first) :] if _BEGINS_LIST.fullmatch(first) else made


class _How(Enum):
    """What becomes of a part of a sentence."""

    PLAIN = 0
    ODD = 1  # code, because it could be something else
    QUOTED = 2  # code, because it stands in backticks


Part = tuple[str, str, _How]
"""The space before it or '', text, and what becomes of it."""


def _parts(said: str) -> Iterator[Part]:
    space = ""
    for piece, is_code in pieces(said):
        if is_code:
            yield space, piece, _How.QUOTED
            space = ""
            continue
        for gap, word in re.findall(r"( ?)([^ ]*)", piece):
            space = space or gap
            for part, is_odd in _split(word):
                yield space, part, _How.ODD if is_odd else _How.PLAIN
                space = ""


def _split(word: str) -> Iterator[tuple[str, bool]]:
    """A word as it is; or an odd one without the marks around it, which are none of its own."""
    if _PLAIN.fullmatch(word):
        yield from [(word, False)] if word else []
    elif found := _PARTS.fullmatch(word):
        before, odd, behind = found.groups()
        while behind.startswith(")") and odd.count("(") > odd.count(")"):  # `pipe()`
            odd, behind = f"{odd})", behind[1:]
        yield from ((part, part is odd) for part in (before, odd, behind) if part)


def _merged(parts: Iterable[Part]) -> Iterator[Part]:
    """Code that would touch code, and odd words beside each other, become one piece."""
    held: Part | None = None
    for before, part, how in parts:
        if held and _How.PLAIN not in (held[2], how) and (not before or held[2] is how is _How.ODD):
            held = (held[0], f"{held[1]}{before}{part}", held[2])
            continue
        if held:
            yield held
        held = (before, part, how)
    if held:
        yield held


def _code(part: str) -> str:
    ticks = "`" * (1 + _longest_row([part]))
    pad = " " if part.startswith("`") or part.endswith("`") else ""
    return f"{ticks}{pad}{part}{pad}{ticks}"


def _longest_row(texts: Iterable[str]) -> int:
    """Of backticks."""
    return max((len(list(row)) for each in texts for mark, row in groupby(each) if mark == "`"), default=0)
