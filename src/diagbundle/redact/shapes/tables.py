"""Tables that are drawn with bars: the cells below a title that tells, and the rows of a record, `name | value`, one below the other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import STRONG, Meaning, meaning
from diagbundle.redact.named.plausible import is_secret, random_like, told
from diagbundle.redact.shapes.text import hidden, within
from diagbundle.redact.span import Literal, Pattern, Span

_KIND = "table_cell"
_WIDE = 1024
"""Bytes of a line of titles, at most."""
_LONG = 2048
"""Bytes of a row, at most."""
_ROWS = 12 << 10
"""Bytes of rows that belong to one line of titles, at most."""
_BAR = regex(rb"\||\xe2\x94\x82|\xe2\x94\x83|\xe2\x95\x91")
_RULE = regex(rb"(?:[-+|= \t]|\xe2[\x94\x95][\x80-\xbf])+\r?")
_TITLE = regex(rb"[A-Za-z_][\w ./()-]{0,48}")
_SIGNS = ("-+-", "-|-", "=+=", "=|=", "─┼─", "═╪═", "━╇━", "═╬═", "─╫─")
_SIGN = regex(b"|".join(re.escape(sign.encode()) for sign in _SIGNS))
"""Where columns part in a rule."""
Cell = tuple[int, int]
"""Where the text of a cell stands, without the blanks around it."""


def _cells(data: bytes, start: int, end: int) -> list[Cell]:
    """The cells of a line."""
    cells: list[Cell] = []
    bars = [*(bar.span() for bar in _BAR.finditer(data, start, end)), (end, end)]
    for bar, after in bars:
        text = data[start:bar]
        begin = start + len(text) - len(text.lstrip())
        cells.append((begin, max(begin, start + len(text.rstrip()))))
        start = after
    return cells


def _judged(data: bytes, means: Meaning, cell: Cell) -> Iterator[Span]:
    """The text of a cell: behind a name that is no pass word's, often the name of an object stands."""
    value = data[slice(*cell)]
    is_one = means.kind == "password" or told(value) or random_like(value, means._replace(hexes=True))
    if is_one and is_secret(value, means, direct=b" " not in value, quoted=True, spaced=False):
        yield from hidden(data, *cell, _KIND)


def _titles(data: bytes, rule: int) -> list[Cell]:
    """The titles above a line that is a rule; none where rows stand there."""
    begin = data.rfind(b"\n", max(0, rule - 1 - _WIDE), rule - 1) + 1
    if rule < 2 or (not begin and rule > _WIDE) or not _BAR.search(data, begin, rule - 1):  # noqa: PLR2004 - a byte and a line's end
        return []
    above = data.rfind(b"\n", max(0, begin - 1 - _WIDE), begin - 1) + 1 if begin > 1 else 0
    if begin > 1 and _BAR.search(data, above, begin - 1):  # a row
        return []
    if _RULE.fullmatch(data, above, max(above, begin - 1)) and above > 1:
        row = data.rfind(b"\n", max(0, above - 1 - _WIDE), above - 1) + 1
        if _BAR.search(data, row, above - 1):
            return []
    titles = _cells(data, begin, rule - 1)
    return titles if all(start == end or _TITLE.fullmatch(data, start, end) for start, end in titles) else []


def _below(data: bytes, at: int) -> Iterator[Span]:
    """The cells below a title that tells, from the rule below the titles on."""
    begin = data.rfind(b"\n", max(0, at - _WIDE), at) + 1
    first = _SIGN.search(data, begin, at + 16)
    end = within(data, at, _WIDE)
    if not begin or not first or first.start() < at or not _RULE.fullmatch(data, begin, end):
        return
    titles = _titles(data, begin)
    wanted = [(place, means) for place, cell in enumerate(titles) if (means := meaning(data[slice(*cell)].replace(b" ", b"_"))).strength]
    start = data.find(b"\n", end, end + 2) + 1 if wanted else 0
    limit, is_row = start + _ROWS, True
    while 0 < start < min(limit, len(data)):
        end = within(data, start, _LONG)
        cells = _cells(data, start, end)
        was_row, is_row = is_row, len(cells) == len(titles)
        if is_row:
            for place, means in wanted:
                yield from _judged(data, means, cells[place])
        elif not was_row or not _RULE.fullmatch(data, start, end):
            return
        start = data.find(b"\n", end, end + 2) + 1


_COPY = regex(rb"COPY [^\s(]{1,200} \(([^()\n]{1,2000})\) FROM stdin[^\n]{0,200}\n", re.IGNORECASE)


def _copied(data: bytes, at: int) -> Iterator[Span]:
    """The rows that pg_dump writes: `COPY users (login, password) FROM stdin;`, and below it columns with tabs between."""
    copy = _COPY.match(data, at, at + _LONG)
    names = [name.strip(b' "') for name in copy[1].split(b",")] if copy else []
    wanted = [(place, means) for place, name in enumerate(names) if (means := meaning(name)).strength == STRONG]
    start = copy.end() if copy and wanted else len(data)
    limit = start + _ROWS
    while start < min(limit, len(data)) and not data.startswith(b"\\.", start):
        end = within(data, start, _LONG)
        cells = data[start:end].split(b"\t")
        for place, means in wanted if len(cells) == len(names) else ():
            begin = start + sum(len(cell) + 1 for cell in cells[:place])
            if cells[place] != b"\\N":
                yield from _judged(data, means, (begin, begin + len(cells[place])))
        start = (data.find(b"\n", end, end + 2) + 1) or len(data)


_FIELD = regex(rb"[ ]?([A-Za-z_][\w ./-]{0,62}?)[ ]{0,62}(?:\||\xe2\x94\x82)[ ]([^\r\n]{1,2048}?)[ \t]*\r?(?:\n|\Z)")


def _record(data: bytes, at: int) -> Iterator[Span]:
    """What psql prints below `-[ RECORD 1 ]---`: a name and its value a line."""
    if at and data[at - 1 : at] != b"\n":
        return
    start, limit = data.find(b"\n", at, at + _LONG) + 1, at + _ROWS
    while 0 < start < limit and (field := _FIELD.match(data, start)):
        means = meaning(field[1].replace(b" ", b"_"))
        if means.strength == STRONG:
            yield from _judged(data, means, field.span(2))
        start = field.end()


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        _KIND,
        "The cells below a title that tells, in a table that is drawn",
        tuple(Literal(sign.encode()) for sign in _SIGNS),
        _below,
    ),
    Pattern(_KIND, "The rows of a dump of PostgreSQL", (Literal(b"COPY ", next=b'abcdefghijklmnopqrstuvwxyz"'),), _copied),
    Pattern(_KIND, "A record that is printed as a list", (Literal(b"-[ RECORD "),), _record),
)
