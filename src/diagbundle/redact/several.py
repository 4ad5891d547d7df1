"""Values behind a name that are several, or stand on the lines below: lists, objects, blocks of YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagbundle.redact.names import ABOUT, STRONG, WEAK, Meaning, words
from diagbundle.redact.plausible import DEFAULT, is_secret, random_like
from diagbundle.redact.span import LINE, Span
from diagbundle.redact.values import BACKSLASH, BLOCK, OPEN, Value, begins_line, line_end, quoted

ROOM_OF_ONE = 4096
BLOCK_SIGN = re.compile(rb"(?:!!?\w+[ \t]+)?[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]*)?\r?\n")
ITEM = re.compile(rb"(?P<indent>[ \t]*)-[ \t]+(?=\S)")
MAPPING = re.compile(rb"[\"']?[\w.$/-]{1,80}[\"']?[ \t]*:(?:\s|\Z)")
PAIR = re.compile(rb"(?:[\s,]|\\+[nrt])*(?P<close>\\{0,31}[\"'])?(?P<name>[\w.@$/-]{1,64})(?(close)(?P=close))\s*(?:=>|[:=])[ \t]*")
BARE_ITEM = re.compile(rb"[^\s,\]}\"'\[{]+")
SCHEME = re.compile(rb"(?:Bearer|Basic|Token|token|bearer) (?=\S{8,}\Z)")
USER = re.compile(rb"[A-Za-z][\w.@-]{0,40}:(?=[^/:\s])")
"""In credentials, the name before the secret."""
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\s,}\]]|\\+[nrt]|\Z)")
COOKIE = re.compile(rb"[A-Za-z_][\w.-]{0,40}=(?=[^=\s])")
PLAIN_MEMBERS = frozenset(("value", "data", "plain", "current", "new", "old", "default", "text", "raw", "cleartext"))


def judged(  # noqa: PLR0913 - what stands around a value
    data: bytes, value: Value, means: Meaning, *, direct: bool = False, spaced: bool = False, close: bytes = b""
) -> Iterable[Span]:
    """The span of a value, if it is a secret. `close` is the quote of the name in JSON: a number gets it, too."""
    start, end = value.start, value.end
    if end <= start:
        return ()
    text, is_quoted = data[start:end], value.quoted
    if text[:1] in b"$<{" and (default := DEFAULT.fullmatch(text)):
        group = default.lastgroup or 0
        start, end = start + default.start(group), start + default.end(group)
        text, is_quoted = data[start:end], True
    if is_quoted and (scheme := SCHEME.match(text)):
        start += scheme.end()
        text = data[start:end]
    if means.kind == "credential" and (user := USER.match(text)):
        start += user.end()
        text = data[start:end]
    if not is_secret(text, means, direct=direct, quoted=is_quoted, spaced=spaced):
        return ()
    wrap = close if close and not value.quoted and NUMBER.match(data, start) else b""
    return (Span(start, end, means.kind, wrap),)


def elements(data: bytes, start: int, name: int, means: Meaning, close: bytes) -> Iterator[Span]:
    """The elements of a list, over lines if need be; `start` is behind its bracket."""
    at, limit = start, min(len(data), start + BLOCK)
    while at < limit:
        if data[at] in b" \t\r\n,":
            at += 1
        elif data[at] == BACKSLASH and data[at + 1 : at + 2] in (b"n", b"t", b"r"):
            at += 2
        else:
            value = _one(data, at, name, limit)
            if value is None:
                return
            if means.strength == WEAK and (cookie := COOKIE.match(data, value.start, value.end)):
                value = value._replace(start=cookie.end())  # `Cookie:[sid=P]`
            yield from judged(data, value, means, close=close)
            at = value.after


def _one(data: bytes, at: int, name: int, limit: int) -> Value | None:
    """The element or member at a place, in quotes or not."""
    opened = OPEN.match(data, at, limit)
    if opened:
        return quoted(data, name, opened, ROOM_OF_ONE) or Value(opened.end(), opened.end(), opened.end() + 1)
    item = BARE_ITEM.match(data, at, limit)
    return Value(at, item.end(), item.end()) if item else None


def members(data: bytes, start: int, name: int, means: Meaning) -> Iterator[Span]:
    """The values of an object behind a telling name, but for those whose own names say that they are something else."""
    at, limit = start, min(len(data), start + BLOCK)
    while pair := PAIR.match(data, at, limit):
        value = _one(data, pair.end(), name, limit)
        if value is None:
            return
        own = words(pair["name"])
        if ABOUT.isdisjoint(own) and (means.many or own[-1:] == ["value"] or _shows(data, value, means, own)):
            yield from judged(data, value, means, close=pair["close"] or b"")
        at = value.after


def _shows(data: bytes, value: Value, means: Meaning, own: list[str]) -> bool:
    return not PLAIN_MEMBERS.isdisjoint(own) or random_like(data[value.start : value.end], means._replace(hexes=True))


def below(data: bytes, name: int, start: int, means: Meaning) -> Iterator[Span]:
    """The lines below a name in YAML: a block, a list, or a value that begins on the next line."""
    if not begins_line(data, name):
        return
    low = data.rfind(b"\n", max(0, name - 64), name) + 1
    own = len(data[low:name]) - len(data[low:name].lstrip(b" "))
    if sign := BLOCK_SIGN.match(data, start):
        yield from judged(data, _stripped(data, sign.end(), _indented(data, sign.end(), own)), means, direct=True)
        return
    at = first = data.find(b"\n", start, start + 2) + 1
    while 0 < at < min(len(data), start + BLOCK) and (item := ITEM.match(data, at)) and len(item["indent"]) >= own:
        end = line_end(data, at)
        if MAPPING.match(data, item.end(), end):
            return
        yield from _rest(data, item.end(), end, means)
        at = data.find(b"\n", end) + 1
    if at and at == first and means.strength == STRONG and data.startswith(b" " * (own + 1), at):
        value = _stripped(data, at, line_end(data, at))
        if data[value.start : value.start + 1] not in (b"-", b"{", b"[", b"#") and not PAIR.match(data, value.start, value.end):
            yield from _rest(data, value.start, value.end, means)


def _stripped(data: bytes, start: int, end: int) -> Value:
    text = data[start:end]
    first = start + len(text) - len(text.lstrip())
    return Value(first, first + len(text.strip()), end, quoted=True)


def _rest(data: bytes, start: int, end: int, means: Meaning) -> Iterable[Span]:
    """The rest of a line, in quotes or not."""
    if opened := OPEN.match(data, start, end):
        value = quoted(data, start, opened, LINE)
        return judged(data, value, means) if value else ()
    comment = data.find(b" #", start, end)
    return judged(data, Value(start, comment if comment >= 0 else end, end), means)


def _indented(data: bytes, at: int, own: int) -> int:
    """The end of the lines that are indented deeper than their name, or empty."""
    end, limit = at, min(len(data), at + BLOCK)
    while at < limit:
        stop = data.find(b"\n", at, limit)
        stop = stop if stop >= 0 else limit
        line = data[at:stop]
        if line.strip():
            if not line.startswith((b" " * (own + 1), b"\t")):
                break
            end = stop
        at = stop + 1
    return end
