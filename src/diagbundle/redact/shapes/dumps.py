"""Secrets in what languages and their tools print of values: names and values joined by lengths, tuples, boxes, bodies of forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import NO, STRONG, Meaning, meaning
from diagbundle.redact.named.plausible import is_secret, random_like, told
from diagbundle.redact.named.values import inside
from diagbundle.redact.shapes.text import closing, folded, hidden, within
from diagbundle.redact.span import Literal, Pattern, Span

_KIND = "dumped"
_FAR = 4096
_BACK = 160


def _judged(data: bytes, name: bytes, start: int, end: int) -> Iterable[Span]:
    """The value behind a name, in quotes or as long as was told."""
    means = meaning(name)
    if means.strength == NO or not is_secret(data[start:end], means, direct=True, quoted=True, spaced=False):
        return ()
    return hidden(data, start, end, _KIND)


_BEFORE_LENGTH = regex(rb"s:\d{1,4}:(\\*)\"(?:(?:\x00|\\0|\\u0000)[\w\\*]{1,80}?(?:\x00|\\0|\\u0000))?([\w.@$-]{1,80})\1\Z")
_LENGTH = regex(rb"\";s:(\d{1,7}):(\\*\")")


def _serialized(data: bytes, at: int) -> Iterable[Span]:
    """PHP's `s:8:"password";s:16:"P";`: the length says where it ends, unless the text was escaped since."""
    length = _LENGTH.match(data, at, at + 32)
    name = _BEFORE_LENGTH.search(data[max(0, at - _BACK) : at]) if length else None
    if not length or not name:
        return ()
    start, size = length.end(), int(length[1])
    end = start + size
    if not data.startswith(length[2], end):
        end = closing(data, start, length[2], start + _FAR)
    return _judged(data, name[2], start, end) if end >= 0 else ()


_BEFORE_TYPE = regex(rb"\[\\*[\"']?([\w.$@-]{1,80})\\*[\"']?(?::[^\]\n]{1,80})?\]\s{0,4}=>(?:\s|\\n){0,80}\Z")
_TYPE = regex(rb"string\((\d{1,7})\) (\\*\")")


def _var_dump(data: bytes, at: int) -> Iterable[Span]:
    """PHP's `["passwd"]=>` and `string(14) "P"`."""
    typed = _TYPE.match(data, at, at + 32)
    name = _BEFORE_TYPE.search(data[max(0, at - _BACK) : at]) if typed else None
    if not typed or not name:
        return ()
    end = typed.end() + int(typed[1])
    if not data.startswith(typed[2], end):
        end = closing(data, typed.end(), typed[2], typed.end() + _FAR)
    return _judged(data, name[1], typed.end(), end) if end >= 0 else ()


_FIRST = regex(rb"\{\s{0,8}:?(?P<q>\\*[\"'])?(?P<name>[\w.@-]{1,80})\Z")
_SECOND = regex(rb"(?P<q>\\*[\"']|)\s{0,2},\s{0,16}(?:<<)?(?P<open>\\*[\"'])")
_REST = regex(rb"[\w.@-]{0,40}")


def _tuple(data: bytes, at: int) -> Iterable[Span]:
    """`{db_password, "P"}`, `{password,<<"P">>}`, `{:token, "P"}`, `{"password", "P"}`."""
    rest = _REST.match(data, at)
    end = rest.end() if rest else at
    second = _SECOND.match(data, end, end + 32)
    first = _FIRST.search(data[max(0, at - _BACK) : end]) if second else None
    if not first or not second or (first["q"] or b"") != second["q"]:
        return ()
    stop = closing(data, second.end(), second["open"], within(data, second.end(), _FAR))
    return _judged(data, first["name"], second.end(), stop) if stop >= 0 else ()


_PART = regex(rb"form-data; name=\\*\"?([\w.\[\]-]{1,80})\\*\"?(?P<end>\r?\n|(?:\\r)?\\n)(?:Content-[^\r\n\\]{1,200}(?P=end)){0,4}(?P=end)")


def _part(data: bytes, at: int) -> Iterable[Span]:
    """A field of a form that was sent in parts: its value stands below a blank line, up to the next part."""
    part = _PART.match(data, at, at + 1024)
    if not part:
        return ()
    end = data.find(part["end"] + b"--", part.end(), part.end() + _FAR)
    return _judged(data, part[1].strip(b"[]"), part.end(), end) if end >= 0 else ()


_BOXED = regex(rb"\xe2\x94\x94 b?([\"'])")
_LINES = 24
_BOX = " │└├─|\t"


def _boxed(data: bytes, at: int) -> Iterator[Span]:
    """The values that a traceback hangs below the names of a line: the column says whose this is."""
    opened = _BOXED.match(data, at)
    end = closing(data, opened.end(), opened[1], within(data, opened.end(), _FAR)) if opened else -1
    line = data.rfind(b"\n", max(0, at - 512), at) + 1
    if not opened or end < 0 or not line:
        return
    column, until = len(data[line:at].decode("utf-8", "replace")), line - 1
    for _ in range(_LINES):
        begin = data.rfind(b"\n", max(0, until - 1024), until) + 1
        text = data[begin:until].decode("utf-8", "replace")
        if len(text) > column and text[column] not in _BOX:
            name = re.compile(r"\w*").match(text, column)
            yield from _judged(data, name[0].encode() if name else b"", opened.end(), end)
            return
        until = begin - 1
        if until <= 0:
            return


_SECRET = regex(rb"(?i)pass(?:word|wd|phrase|code)|secret|token|api.?key")
_QUOTED = regex(rb"(?:[\"'`]|(?<![\w>])<)([^\s\"'`<>]{6,256})(?:[\"'`]|>)")
_COMPARED = Meaning(STRONG, "password")


def _compared(data: bytes, at: int) -> Iterator[Span]:
    """`password mismatch: expected 'P' but got 'Q'`."""
    line = max(data.rfind(b"\n", max(0, at - 200), at) + 1, at - 200)
    if not _SECRET.search(data, line, at):
        return
    for value in _QUOTED.finditer(data, at, within(data, at, 512)):
        if told(value[1]) and random_like(value[1], _COMPARED):
            yield from hidden(data, value.start(1), value.end(1), _KIND)


_TITLES = (b"password ", b"passwd ", b"secret ", b"token ", b"pass ", b"_key ", b"access key ", b"api key ", b"secret key ")
_LEADER = regex(rb"[\w-]{0,20}\.{3,100} ?:? ?([^\s.][^\s]{3,256})(?=[ \t]*\r?(?:\n|\Z))")


def _led(data: bytes, at: int) -> Iterable[Span]:
    """`password.............. P`: dots lead from a name to its value."""
    led = _LEADER.match(data, at, at + 400)
    if led and (inside(data, at, b'"') or inside(data, at, b"'")):
        return ()
    return _judged(data, data[at : data.index(b".", at)], led.start(1), led.end(1)) if led else ()


_ROW = regex(
    rb"[ \t]*<B>[ \t]*([\w .-]{1,64}?)[ \t]*<B>[ \t]*([^\s|]{3,512})[ \t]*<B>[ \t]*\r?(?:\n|\Z)".replace(b"<B>", rb"(?:\||\xe2\x94\x82)")
)


_RULE = regex(rb"[ \t]*(?:[|+]|\xe2\x94\x9c|\xe2\x95[\x9e\xa0])[ ]?(?:[-=:]{2}|\xe2\x94\x80|\xe2\x95\x90)")


def _row(data: bytes, at: int) -> Iterable[Span]:
    """`| password | P |`, a table of two columns, one of them the names."""
    line = data.rfind(b"\n", max(0, at - 80), at) + 1 or max(0, at - 80)
    row = _ROW.match(data, line, at + 1024)
    if row and _RULE.match(data, row.end(), row.end() + 32):  # the row above it has the titles
        return ()
    return _judged(data, row[1].replace(b" ", b"_"), row.start(2), row.end(2)) if row and row.start(1) <= at < row.end(1) else ()


_NAMES = ("password", "passwd", "passphrase", "secret", "token", "_pass", "_pwd", "cookie", "_key", "apikey")

PATTERNS: tuple[Pattern, ...] = (
    Pattern(_KIND, "A value behind its name as PHP stores them", (Literal(b'";s:', next=b"0123456789"),), _serialized),
    Pattern(_KIND, "A value behind its name as PHP prints them", (Literal(b"string(", next=b"0123456789"),), _var_dump),
    Pattern(
        _KIND,
        "The second of two in braces, of which the first is a name",
        tuple(
            Literal(name.encode() + shut + b"," + blank, fold=True, next=b"\"'<\\")
            for name in _NAMES
            for shut in (b"", b'"', b'\\"')
            for blank in (b"", b" ")
        ),
        _tuple,
    ),
    Pattern(_KIND, "A value behind a leader of dots", folded("password...", "passphrase...", "secret...", "token...", "key..."), _led),
    Pattern(_KIND, "A value beside its name in a table", tuple(Literal(word, fold=True, next=b" |") for word in _TITLES), _row),
    Pattern(_KIND, "A field of a form that was sent in parts", folded("form-data; name="), _part),
    Pattern(_KIND, "A value that a traceback shows below its name", (Literal(b"\xe2\x94\x94 ", next=b"\"'b"),), _boxed),
    Pattern(_KIND, "A secret that is not the one that was expected", (Literal(b"xpected", next=b" :="),), _compared),
)
