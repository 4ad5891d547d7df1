"""The guides for the three people as man pages: docs/admin.md becomes diagbundle-admin(7), and so on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from roff import bold, escaped, example, reference, short, title

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs")
GUIDES = {"diagbundle-admin": "admin.md", "diagbundle-support": "support.md", "diagbundle-engineer": "engineer.md"}
"""Each page, and the document that it is made of."""
FONTS = {"strong_open": "\\fB", "em_open": "\\fI", "strong_close": "\\fR", "em_close": "\\fR", "softbreak": " ", "hardbreak": "\n.br\n"}


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of each guide."""
    for name, document in GUIDES.items():
        with open(os.path.join(DOCS, document), encoding="utf-8") as file:
            yield name, page(name, file.read())


def page(name: str, text: str) -> str:
    """A document of Markdown as a page. Its first heading becomes NAME."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    heading = tokens[1].content
    lines = [title(name, 7), ".ad l", ".SH NAME", f"{escaped(name)} \\- {escaped(heading[:1].lower() + heading[1:])}", ".SH DESCRIPTION"]
    lines += _blocks(tokens[3:])
    lines += [".SH SEE ALSO", ",\n".join(map(reference, ["diagbundle(1)", *(f"{other}(7)" for other in GUIDES if other != name)]))]
    return "".join(f"{part}\n" for line in lines for part in short(line))


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    """The lines of a sequence of blocks."""
    row: list[str] = []
    items = 0  # lists that are open, one in another
    begins = True  # a heading, or the mark of a list, stands before: no paragraph begins
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            yield f"{'.SH' if token.tag == 'h2' else '.SS'} {_inline(tokens[at + 1])}"
            begins = True
        elif token.type == "list_item_open":
            yield f".IP {token.info + '.' if token.info else chr(92) + '(bu'} 3"
            items, begins = items + 1, True
        elif token.type == "list_item_close":
            items, begins = items - 1, False
        elif token.type in ("fence", "code_block"):
            yield from ([] if begins else [_paragraph(items)]) + example(token.content)
            begins = False
        elif token.type in ("td_open", "th_open"):
            row.append(_inline(tokens[at + 1]))
        elif token.type == "tr_close":
            yield from (".TP", row[0], " ".join(row[1:])) if all(row) else ()
            row, begins = [], False
        elif token.type == "inline" and tokens[at - 1].type == "paragraph_open":
            yield from ([] if begins else [_paragraph(items)]) + [_inline(token)]
            begins = False


def _paragraph(items: int) -> str:
    """What begins a further paragraph, in an item of a list or outside."""
    return ".IP" if items else ".PP"


def _inline(token: Token) -> str:
    """The text of one block; a link is its words."""
    put = {"code_inline": bold, "text": escaped}
    pieces = [put[part.type](part.content) if part.type in put else FONTS.get(part.type, "") for part in token.children or ()]
    return re.sub(r"\s+", " ", "".join(pieces)).strip()
