"""Secrets of Kubernetes: Secret objects in YAML and JSON, registry credentials, client keys."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.places.judge import FAR, all_spans, each_line, spans, stays
from diagbundle.redact.places.objects import objects_before, objects_behind, strings
from diagbundle.redact.span import Literal, Pattern, Span

KIND = "kubernetes_secret"
_KIND = regex(rb"kind(\\*)([\"']?)\s{0,4}:\s{0,4}\\*[\"']?Secret(List)?(?![A-Za-z])")
_KINDS = tuple(
    b"kind" + opened + b":" + blank + opened + b"Secret"
    for opened in (b'"', b'\\"', b'\\\\\\"')
    for blank in (b"", b" ")
)  # fmt: skip
_DATA = regex(rb"[\"'](?:data|stringData)\\*[\"']\s{0,8}:\s{0,16}\Z")
_PAIR = regex(rb"[\w.\"'-]+ {0,4}: {0,4}(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^,}\s\"'][^,}\n]*))")
_MEMBER = regex(rb" *(?:\"[^\"\n]{1,253}\"|'[^'\n]{1,253}'|[^\s:#\"'][^:\n]{0,252}):(?=\s|\Z)[ \t]*(?:![!\w]*[ \t]*)?")
_BLOCK = regex(rb"[|>][-+0-9]{0,2}[ \t\r]*(?:#.*)?\Z")
_QUOTED = {b'"': re.compile(rb'"(?:[^"\\]|\\.)*', re.DOTALL), b"'": re.compile(rb"'(?:[^']|'')*")}
_COMMENT = regex(rb"\s#")


def _secret(data: bytes, at: int) -> Iterator[Span]:
    """The values of the Secret whose `kind` this is."""
    kind = _KIND.match(data, at)
    if not kind:
        return
    if kind[2]:
        yield from _in_json(data, at, kind) if data[at - 1 : at] in (b'"', b"'") else ()
    else:
        yield from _in_yaml(data, at, every=kind[3] is not None)


def _in_json(data: bytes, at: int, kind: re.Match[bytes]) -> Iterator[Span]:
    """Before it and behind it: members come in any order. Another Secret ends the search, so that many of them take no longer."""
    start = at - FAR if at > FAR else 0
    end = min(len(data), at + FAR)
    start = max(start, data.rfind(kind[0], start, at))
    again = data.find(kind[0], kind.end(), end)
    end = again if again >= 0 else end
    for objects in (objects_before(data, start, at), objects_behind(data, kind.end(), end)):
        for opened, closed in objects:
            if kind[3] or _DATA.search(data[max(0, opened - 48) : opened]):
                yield from _of_object(data, opened, closed, every=kind[3] is not None)


def _of_object(data: bytes, opened: int, closed: int, *, every: bool) -> Iterator[Span]:
    """The values of a `data` object; of a list (`every`), those of all `data` objects in it."""
    if not every:
        yield from strings(data, opened, closed, KIND)
        return
    for inner in re.compile(rb"[\"'](?:data|stringData)\\*[\"']\s{0,8}:\s{0,16}\{").finditer(data, opened, closed):
        end = data.find(b"}", inner.end(), closed)
        yield from strings(data, inner.end(), end if end >= 0 else closed, KIND)


def _column(data: bytes, start: int, end: int) -> int:
    """How far a line is indented; -1 for a blank one."""
    line = data[start : min(end, start + 256)]
    text = line.lstrip(b" ")
    return len(line) - len(text) if text.strip() else -1


def _in_yaml(data: bytes, at: int, *, every: bool) -> Iterator[Span]:
    line = data.rfind(b"\n", max(0, at - 256), at) + 1
    lead, own = data[line:at], at - line
    if lead.strip(b" -\"'"):
        return
    first = line if b"-" in lead else _first_line(data, line, own)
    lines = list(_siblings(data, first, line, own))
    for number, (start, end) in enumerate(lines):
        text = data[start + own : end] if not every else data[start:end].lstrip(b" -")
        if text.startswith((b"data:", b"stringData:")):
            column = end - start - len(text)
            yield from _mapping(data, lines[number:], column, text)


def _first_line(data: bytes, line: int, own: int) -> int:
    """Where the object begins that has its `kind` in this line: above it, everything is indented as far, but for its first dash."""
    first, low = line, max(0, line - FAR)
    while first > low:
        start = data.rfind(b"\n", low, first - 1) + 1
        column, text = _column(data, start, first), data[start:first]
        if column < 0:
            first = start
            continue
        dashed = text.lstrip(b" -")
        if text.startswith((b"---", b"...")) or (column == own and dashed.startswith(b"kind:")):
            break
        if column < own:
            return start if len(text) - len(dashed) == own and text.lstrip(b" ").startswith(b"- ") else first
        first = start
        if start <= low:
            break
    return first


def _siblings(data: bytes, first: int, line: int, own: int) -> Iterator[tuple[int, int]]:
    """The lines of an object, from its first one."""
    for start, end in each_line(data, first, min(len(data), line + FAR)):
        column = _column(data, start, end)
        text = data[start:end]
        if start != first and (0 <= column < own or text.startswith((b"---", b"..."))):
            return
        if start > line and column == own and text[own:].startswith(b"kind:"):
            return
        yield start, end


def _mapping(data: bytes, lines: list[tuple[int, int]], own: int, text: bytes) -> Iterator[Span]:
    """The values of `data:` in the first of these lines."""
    start, end = lines[0]
    if b"{" in text:
        yield from all_spans(_PAIR, data, KIND, data.index(b"{", start, end), end)
        return
    child, begun = -1, -1
    for number, (start, end) in enumerate(lines[1:], 1):
        column = _column(data, start, end)
        if 0 <= column <= own:
            lines = lines[:number]
            break
        child = column if child < 0 else child
        if column == child:
            if begun > 0:
                yield from _scalar(data, lines[begun:number])
            begun = number
    if begun > 0:
        yield from _scalar(data, lines[begun:])


def _scalar(data: bytes, lines: list[tuple[int, int]]) -> Iterator[Span]:
    """The value of the member that these lines hold: plain, quoted, folded or a block."""
    start, end = lines[0]
    member = _MEMBER.match(data, start, end)
    if not member:
        return
    begin, first = member.end(), data[member.end() : end].rstrip()
    last = next((until for since, until in reversed(lines) if data[since:until].strip()), end)
    if _BLOCK.match(first) or not first:
        follows = [since for since, until in lines[1:] if data[since:until].strip()]
        if not follows:
            return
        begin = follows[0] + _column(data, follows[0], last)
    elif first[:1] not in b"\"'" and (comment := _COMMENT.search(data, begin, end)):
        last = comment.start()
    value = data[begin:last].rstrip()
    if value[:1] in (b'"', b"'"):
        begin, value = begin + 1, value[1 : _end_of_quoted(value)]
    if not stays(value) and value != b"{}":
        yield Span(begin, begin + len(value), KIND)


def _end_of_quoted(value: bytes) -> int:
    match = _QUOTED[value[:1]].match(value)
    return match.end() if match else len(value)


_AUTH = regex(rb"auth(\\*)\"\s{0,8}:\s{0,8}\\*\"([A-Za-z0-9+/_-]{4,}={0,2})\\*\"")


def _auth(data: bytes, at: int) -> Iterator[Span]:
    """Base64 of `user:password`."""
    auth = _AUTH.match(data, at)
    if auth:
        try:
            pair = base64.b64decode(auth[2] + b"==", validate=False)
        except (ValueError, binascii.Error):
            return
        if b":" in pair:
            yield Span(auth.start(2), auth.end(2), "registry_auth")


_NAMED = regex(
    rb"(?:\.docker(?:configjson|cfg)|client-key-data|identitytoken|registrytoken)\\*[\"']?\s{0,8}[:=]\s{0,8}\\*[\"']?"
    rb"([A-Za-z0-9+/][A-Za-z0-9+/=._-]{11,}(?:\r?\n {2,40}[A-Za-z0-9+/=]{8,}(?=\r?\n|\Z)){0,400})"
)


def _named(data: bytes, at: int) -> Iterator[Span]:
    yield from spans(_NAMED.match(data, at), KIND)


_BYTES = regex(rb":\[\]byte\{([0-9a-fx, ]{2,})\}|:\[([0-9 ]{2,})\]")


def _go(data: bytes, at: int) -> Iterator[Span]:
    """A Secret that a program has printed: its bytes are numbers."""
    end = data.find(b"},}", at, at + FAR // 2)
    yield from all_spans(_BYTES, data, KIND, at, end if end >= 0 else min(len(data), at + FAR // 2))


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        KIND,
        "Values of Kubernetes Secrets",
        (
            Literal(b"kind: Secret"),
            Literal(b'kind: "Secret'),
            Literal(b"kind: 'Secret"),
            Literal(b'kind" : "Secret'),
            *(Literal(name) for name in _KINDS),
        ),
        _secret,
    ),
    Pattern(
        "registry_auth",
        "Credentials of container registries",
        tuple(Literal(text, next=b": \t\n") for text in (b'auth"', b'auth\\"', b'auth\\\\\\"')),
        _auth,
    ),
    Pattern(
        "kubernetes_key",
        "Registry credentials and client keys in base64",
        (
            Literal(b".dockerconfigjson"),
            Literal(b".dockercfg"),
            Literal(b"client-key-data"),
            Literal(b"identitytoken"),
            Literal(b"registrytoken"),
        ),
        _named,
    ),
    Pattern(
        "kubernetes_bytes",
        "Values of Kubernetes Secrets, printed as numbers",
        (Literal(b"map[string][]byte{"), Literal(b"map[string][]uint8{")),
        _go,
    ),
)
