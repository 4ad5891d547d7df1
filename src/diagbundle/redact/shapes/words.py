"""Words of a command line: bare, in quotes, parted by NUL, or elements of a list."""

from __future__ import annotations

from typing import NamedTuple

from diagbundle.redact.lazy import regex
from diagbundle.redact.shapes.text import closing, within

_WORD_LIMIT = 1024
_BARE = regex(
    rb"(?:[^\s\"'\\|;&<>()`\x00]|\\[^\s\"'\\]|\\[ ](?=[^\s-])|[|;&<>(](?![|;&<>\s]|[a-z/._-]*(?:\s|\Z|\"|'))|\)(?![\s\"';,)]|\Z))+"
)
_OPEN = regex(rb"\$?(\\*[\"'])")
_HOLDER = regex(rb"<[A-Za-z][\w ./:|-]{0,60}>(?=[\s\"'\]]|\Z)")
"""What a usage says in the place of a value: `sshpass -p <password>`."""


class Word(NamedTuple):
    """One word of a command line, without its quotes."""

    start: int
    end: int
    after: int
    """Behind its closing quote."""


def word_at(data: bytes, at: int, *, lead: bytes = b" ") -> Word | None:
    """The word that begins at `at`: quoted, bare, up to a NUL, or the rest of a list's element that `lead` has opened."""
    line = at + _WORD_LIMIT
    if lead == b"\0":
        end = data.find(b"\0", at, line)
        end = end if end >= 0 else within(data, at, _WORD_LIMIT)
        return Word(at, end, end)
    if lead[-1:] in (b'"', b"'"):
        end = closing(data, at, lead, line)
        return Word(at, end, end + len(lead)) if end >= 0 else None
    if holder := _HOLDER.match(data, at, line):
        return Word(at, holder.end(), holder.end())
    opened = _OPEN.match(data, at, line)
    if opened:
        return _quoted(data, opened.end(), opened[1], line)
    bare = _BARE.match(data, at, line)
    return Word(bare.start(), bare.end(), bare.end()) if bare else None


def _quoted(data: bytes, start: int, quote: bytes, line: int) -> Word | None:
    r"""A word of one or more quoted pieces: `'a'\''b'`, `'''a'`."""
    end = data.find(quote, start, line) if quote == b"'" else closing(data, start, quote, line)
    while end >= 0 and quote == b"'" and (glue := _GLUE.match(data, end, line)) and (more := data.find(quote, glue.end(), line)) >= 0:
        start, end = (glue.end() if end == start else start), more
    if end < 0:
        end = within(data, start, _WORD_LIMIT)
        bare = _TO_BLANK.match(data, start, end)
        return Word(start, bare.end(), bare.end()) if bare else None
    after = end + len(quote)
    return Word(start, end, after + 2 if data[after : after + 2] == b"''" and quote == b"'" else after)


_GLUE = regex(rb"'(?:\\''|\"'\"'|'(?!'|[\s,;|)]|\Z))")
_TO_BLANK = regex(rb"[^\s]+")
