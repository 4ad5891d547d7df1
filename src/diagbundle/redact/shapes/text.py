"""What all shapes share: where a quoted text ends, what is no secret, and how a value looks that a machine has made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import NO, meaning
from diagbundle.redact.named.plausible import NEVER, scheme_end
from diagbundle.redact.span import Literal, Span

_UUID = regex(rb"\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?")
_MIXED = regex(rb"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[^\s\"']{8,}", re.DOTALL)
_PLAIN = regex(
    rb"v?[0-9]+(?:[.:_/T-][0-9]+)+[A-Za-z0-9]{0,4}|[0-9]+[A-Za-z]{1,3}|0x[0-9A-Fa-f]{1,16}|[A-Z][0-9]{1,7}|[A-Za-z]+[-_]?[0-9]{1,3}"
)
"""Versions, times, sizes, addresses, order numbers, `server12`: letters and digits, and still no secret."""


SHORT, LONG, TOKEN = 4, 8, 16
"""Bytes of the shortest secret behind a name that is sure; of one behind a name that is not; of a token that no name announces."""
_LONG = 256
"""Bytes of what may be a mask or a reference, at most."""


def kept(value: bytes) -> bool:
    """Whether this is no secret whatever its name says: nothing, a flag, a reference, a place holder, what somebody masked."""
    return not value or b"REDACTED_" in value or (len(value) < _LONG and NEVER.fullmatch(value) is not None)


def mixed(value: bytes) -> bool:
    """Whether it looks made by a machine or chosen as a pass word: letters and digits, and not a version, a time, a UUID."""
    return _MIXED.fullmatch(value) is not None and not _UUID.fullmatch(value) and not _PLAIN.fullmatch(value)


def is_uuid(value: bytes) -> bool:
    """Whether it is a UUID."""
    return _UUID.fullmatch(value) is not None


def hidden(data: bytes, start: int, end: int, kind: str) -> Iterator[Span]:
    """The span, if what it holds is to be hidden."""
    value = data[start:end]
    if value and not kept(value):
        yield Span(start + scheme_end(value), end, kind)


def closing(data: bytes, at: int, quote: bytes, end: int) -> int:
    """Where the text ends that `quote` has opened before `at`, or -1.

    A quote after o backslashes, as in JSON within JSON, is closed by the first one whose backslashes number o modulo 2(o+1).
    """
    slashes, mark = len(quote) - 1, quote[-1:]
    while (place := data.find(mark, at, end)) >= 0:
        before = data[at:place]
        if (len(before) - len(before.rstrip(b"\\"))) % (2 * slashes + 2) == slashes:
            return place - slashes
        at = place + 1
    return -1


def doubled(data: bytes, at: int, end: int, mark: bytes = b"'") -> int:
    """Where an SQL string ends: at a quote that is not doubled and not behind a backslash; where it was cut off, at `end`."""
    while (place := data.find(mark, at, end)) >= 0:
        before = data[at:place]
        odd = (len(before) - len(before.rstrip(b"\\"))) % 2
        if not odd and data[place + 1 : place + 2] != mark:
            return place
        at = place + (1 if odd else 2)
    return end


def within(data: bytes, at: int, far: int) -> int:
    """The end of the line that `at` lies in, no further than `far` bytes."""
    end = data.find(b"\n", at, at + far)
    if end < 0:
        return min(len(data), at + far)
    return end - 1 if end > at and data[end - 1 : end] == b"\r" else end


def line_start(data: bytes, at: int, far: int) -> int:
    """Where the line begins that `at` lies in, no further back than `far` bytes; a line that a backslash ends goes on in the next one."""
    low, start = max(0, at - far), at
    while (newline := data.rfind(b"\n", low, start)) >= 0:
        if not data[max(0, newline - 2) : newline].rstrip(b"\r").endswith(b"\\"):
            return newline + 1
        start = newline
    return low


def folded(*texts: str) -> tuple[Literal, ...]:
    """Literals in which the case of letters does not matter."""
    return tuple(Literal(text.encode(), fold=True) for text in texts)


def exact(*texts: str) -> tuple[Literal, ...]:
    """Literals as they stand."""
    return tuple(Literal(text.encode()) for text in texts)


def secret_name(name: bytes) -> bool:
    """Whether a name may be one of a secret."""
    return meaning(name).strength != NO
