"""The words of redaction: a span is a secret in a text, a pattern is how secrets of one kind are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from diagbundle.redact.lazy import regex

LINE = 16 << 10
"""Bytes around an anchor that a pattern looks at, at most: on a line without an end, the time stays linear."""
MARK = b"REDACTED_"
"""What all markers begin with."""
MARKER = regex(MARK + rb"[a-z0-9_]+_[0-9a-f]{8}")
"""What stands in the place of a secret: its kind and a tag; equal secrets of a run have equal tags. Letters, digits and `_` only,
so that JSON, XML, URLs, CSV and shell words stay what they are. Redacting again changes nothing."""


IDENTIFIERS = frozenset({"ipv4", "ipv6", "mac", "host", "domain", "user", "name"})
"""Kinds that are no secrets: `--pseudonyms` gives them stand-ins."""


class Span(NamedTuple):
    """One secret: `data[start:end]`."""

    start: int
    end: int
    kind: str
    wrap: bytes = b""
    """Stands before and behind the marker: the quotes that a number in JSON has not."""
    put: bytes | None = None
    """Takes the place of these bytes instead of a marker: an encoded text that was decoded, redacted and encoded again."""


@dataclass(frozen=True)
class Literal:
    """Bytes that stand in or near every secret of a pattern; the scanner finds all literals of all patterns in one pass."""

    text: bytes
    fold: bool = False
    """Whether the case of ASCII letters does not matter; `text` is in lower case then."""
    key: bool = False
    """It is a part of a name: it counts only where a separator or a value's beginning follows the name (`scan.KEY` says exactly what)."""
    run: int = 0
    """It counts only where so many bytes of `[A-Za-z0-9_.~%+/=-]` follow."""
    next: bytes = b""
    """It counts only where one of these bytes follows it directly; empty: anything may."""
    edge: bool = False
    """It counts only where a word begins: no letter or digit stands before it, or an escape ends there (`scan.EDGE` says exactly what)."""
    shape: str = ""
    """Instead of a text: a `card` (13 to 19 digits, grouped or not, that pass Luhn), an `iban` (two capitals, two digits, 11 or more
    capitals and digits, grouped or not), a `mail` (the byte before an `@` that a letter or digit follows) or a `login` (`://`, escaped or
    not, that an `@` follows within 512 bytes and before a blank, a quote, `<` or `>`)."""
    plain: bool = True
    """Of a `key`: whether it counts also where it is the whole name and its value is plain, as most are: see `scan.PLAIN`."""


Find = Callable[[bytes, int], Iterable[Span]]
"""(text, where the anchor begins) -> the secrets there. Looks at no more than LINE bytes around the anchor where it says no other limit,
and gives the same spans whatever else the text holds further away."""


@dataclass(frozen=True)
class Pattern:
    """How secrets of one kind are found."""

    name: str
    """The kind, `[a-z0-9_]+`: it stands in the marker and in the manifest."""
    title: str
    """One sentence for people."""
    anchors: tuple[Literal, ...]
    find: Find
    inside: bool = False
    """Whether its anchors count also inside of a secret that another pattern has found: its own secret may go on after that one's end."""


def line_at(data: bytes, at: int) -> tuple[int, int]:
    """The line that `at` lies in, without its end; of a long one the part around `at`."""
    start = data.rfind(b"\n", max(0, at - LINE), at) + 1 or max(0, at - LINE)
    end = data.find(b"\n", at, at + LINE)
    return start, end if end >= 0 else min(len(data), at + LINE)


_FROM, _UNTIL = itemgetter(0), itemgetter(1)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Sorted, and disjoint: those that overlap become one."""
    whole: list[Span] = []
    end = 0
    for span in sorted(sorted(spans, key=_UNTIL, reverse=True), key=_FROM):  # of two that begin at the same place, the longer one first
        if span.start < end:
            whole[-1] = _one(whole[-1], span)
            end = whole[-1].end
        elif span.end > span.start:
            whole.append(span)
            end = span.end
    return whole


def _one(first: Span, second: Span) -> Span:
    """Both in one: the longer one says what it is, and a secret is never called an identifier."""
    if second.end <= first.end and (first.kind not in IDENTIFIERS or second.kind in IDENTIFIERS):
        return first
    kinds = sorted((first, second), key=lambda span: (span.kind in IDENTIFIERS, span.start - span.end))
    return Span(first.start, max(first.end, second.end), kinds[0].kind)
