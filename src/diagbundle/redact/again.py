"""What was judged before: logs of mail name the same few addresses in most of their lines."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import TypeVar

from diagbundle.redact.span import Find, Span

MOST = 4096
"""Words that are remembered."""
_BEFORE, _NAME, _DOMAIN = 4, 64, 128
"""Bytes: of the name of a field, of what stands before an `@`, and behind it."""
_OF_MESSAGE = (b"id", b"to", b"es")
"""How the names of fields end that hold ids of messages, and some others: what stands there looks like an address."""

_Value = TypeVar("_Value")


def kept(known: MutableMapping[bytes, _Value], key: bytes, value: _Value) -> _Value:
    """The value, remembered."""
    if len(known) >= MOST:
        known.clear()
    known[key] = value
    return value


def remembered(find: Find) -> Find:
    """The same spans, for a pattern that judges what is written `name=<...>` by itself."""
    known: dict[bytes, list[tuple[int, int, str]]] = {}

    def again(data: bytes, at: int) -> Iterable[Span]:
        begin, end = data.rfind(b"=<", max(_BEFORE, at - _NAME), at), data.find(b">", at, at + _DOMAIN)
        if begin < 0 or end < 0:
            return find(data, at)
        field = data[begin - _BEFORE : end + 2]
        spans = known.get(field)
        if spans is None:
            if field[:_BEFORE].lower().endswith(_OF_MESSAGE) and field[1:_BEFORE] != b" to":
                return find(data, at)
            spans = kept(known, field, [(span.start - at, span.end - at, span.kind) for span in find(data, at)])
        return [Span(start + at, end + at, kind) for start, end, kind in spans]

    return again
