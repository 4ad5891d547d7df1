"""Secrets in texts that are encoded: arguments of the kernel's audit records in hex, keys typed at a terminal, base64 of configuration."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator

from diagbundle.redact.again import kept
from diagbundle.redact.lazy import regex
from diagbundle.redact.places.judge import FAR, stays
from diagbundle.redact.span import LINE, Find, Literal, Pattern, Span, line_at

Nested = Callable[[bytes], bytes]
"""Redacts a text that was encoded in another one."""

_TELLING = (b"pass", b"pwd", b"secret", b"token", b"key", b"auth", b"cred", b"psk", b"cookie", b"bearer", b"://", b":", b"@")
_FLAGS = regex(rb"[\0 ]-[pPuUakwWcAX]|[A-Za-z0-9_+-]{20}")
"""What a command has in it that may hold a secret; all others are not looked into."""
_FIELD = regex(rb"(?:proctitle|cmd|name|exe|cwd)=([0-9A-F]{8,})(?![0-9A-Za-z])")
_ARGUMENT = regex(rb"(?<![\w-])a[0-9]{1,4}(?:\[[0-9]{1,4}\])?=(?:([0-9A-F]{2,})(?![0-9A-Za-z])|\"([^\"\n]*)\")")
_TYPED = regex(rb"(?<![\w-])data=(?:([0-9A-F]{2,}(?![0-9A-Za-z]))|(\"[^\n]*))")
_HEAD = 512
"""Bytes of a record before its data, at most."""
_NO_BLANK = b"\x1f"
"""Stands for a blank within an argument while arguments are looked at as one command."""


def _may_hold(command: bytes) -> bool:
    lower = command.lower()
    return any(word in lower for word in _TELLING) or _FLAGS.search(command) is not None


def _command(arguments: list[bytes], nested: Nested) -> list[bytes]:
    """The arguments of a command without their secrets: each for itself, and all as the command that they are."""
    hidden = [nested(each) if _may_hold(each) else each for each in arguments]
    line = b" ".join(each.replace(b" ", _NO_BLANK) for each in hidden)
    words = nested(line).split(b" ")
    return [each.replace(_NO_BLANK, b" ") for each in words] if len(words) == len(hidden) else hidden


def _rewritten(text: bytes, nested: Nested) -> bytes | None:
    """The same in hex without secrets; None where there is none."""
    try:
        decoded = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None
    if not _may_hold(decoded):
        return None
    arguments = decoded.split(b"\0")
    hidden = _command(arguments, nested)
    return None if hidden == arguments else b"\0".join(hidden).hex().upper().encode()


def _hex(nested: Nested) -> Find:
    """A field of a record whose value has blanks, zeroes or quotes in it, and is in hex for that."""
    remembered: dict[bytes, bytes | None] = {}

    def find(data: bytes, at: int) -> Iterable[Span]:
        field = _FIELD.match(data, at, at + LINE)
        if not field:
            return ()
        text = field[1]
        if text not in remembered:
            kept(remembered, text, _rewritten(text, nested))
        put = remembered[text]
        return () if put is None else (Span(field.start(1), field.end(1), "audit_hex", put=put),)

    return find


def _arguments(nested: Nested) -> Find:
    """The arguments of an EXECVE record, in quotes or in hex."""

    def find(data: bytes, at: int) -> Iterator[Span]:
        end = line_at(data, at)[1]
        again = data.find(b"argc=", at + 1, end)
        if data.startswith(b"type=", at) and again >= 0:
            return
        fields = list(_ARGUMENT.finditer(data, at, again if again >= 0 else min(end, _next_record(data, at, end))))
        arguments = [bytes.fromhex(field[1].decode()) if field[1] and not len(field[1]) % 2 else field[2] or b"" for field in fields]
        if not any(map(_may_hold, arguments)) and not _FLAGS.search(b" " + b" ".join(arguments)):
            return
        for field, before, after in zip(fields, arguments, _command(arguments, nested), strict=True):
            if before != after:
                group = 1 if field[1] else 2
                put = after.hex().upper().encode() if group == 1 else after
                yield Span(field.start(group), field.end(group), "audit_argument", put=put)

    return find


def _next_record(data: bytes, at: int, end: int) -> int:
    again = data.find(b"type=", at + 1, end)
    return again if again >= 0 else end


def _typed(data: bytes, at: int) -> Iterator[Span]:
    """What was typed at a terminal: pass words too, so all of it."""
    end = line_at(data, at)[1]
    start = data.find(b"data=", at, min(end, at + _HEAD))
    field = _TYPED.match(data, start, end) if start >= 0 else None
    if field:
        group = 1 if field[1] else 2
        begin, until = field.span(group)
        inner = data[begin:until].strip(b'"')
        if not stays(inner):
            begin = data.index(inner, begin)
            yield Span(begin, begin + len(inner), "typed_keys")


_STEMS = (b"password", b"PASSWORD", b"Password", b"passwd", b"secret", b"SECRET", b"PRIVATE KEY", b'"auth"', b"TOKEN=", b'token"')
_SAID = regex(rb"(?i)(?:passw(?:or)?d|secret|token)[\w.-]{0,16}+[\"']?\s{0,4}[:=]\s{0,4}[^\s:=]|PRIVATE KEY-----|\"auth\"\s{0,4}:")
_RUN = regex(rb"[A-Za-z0-9+/_-]{1,256}={0,2}")
_NOT_RUN = regex(rb"[^A-Za-z0-9+/_-]")
_ALIKE = bytes(byte < 128 and (chr(byte).isalnum() or byte in b"+/_-") for byte in range(256))  # noqa: PLR2004 - ASCII ends there
_BACK, _ON = 64, 160
"""Characters around a stem that are decoded to see what it belongs to."""
_FOLDED = 60
"""A line of base64 that goes on in the next one has so many characters at least."""


def _aligned(stem: bytes) -> Iterator[tuple[bytes, int]]:
    """How a stem looks in base64, by where it begins in a group of three bytes; and how many characters of the group come before."""
    for before, skip in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(b"\0" * before + stem)
        whole = (before + len(stem)) * 8 // 6
        yield text[skip:whole], skip


_SKIP = {text: skip for stem in _STEMS for text, skip in _aligned(stem)}
_ANCHORS = tuple(Literal(text, run=len(text) + 4) for text in _SKIP)
_BY_TEXT = regex(b"|".join(re.escape(text) for text in sorted(_SKIP, key=len, reverse=True)))


def _base64(data: bytes, at: int) -> Iterator[Span]:
    """A run of base64 whose text holds a secret: all of it, with the lines it is folded into."""
    anchor = _BY_TEXT.match(data, at)
    if not anchor:
        return
    group = at - _SKIP[anchor[0]]
    low = max(0, group - _BACK)
    lead = _NOT_RUN.search(data[low:at][::-1])
    start = at - lead.start() if lead else low
    start += (group - start) % 4
    text = _RUN.match(data, start, at + _ON)
    if text and _SAID.search(_decoded(text[0])):
        yield from _run(data, at)


def _decoded(text: bytes) -> bytes:
    text = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    return base64.b64decode(text[: len(text) // 4 * 4] + _rest(text[len(text) // 4 * 4 :]))


def _rest(text: bytes) -> bytes:
    return text + b"=" * (4 - len(text)) if len(text) > 1 else b""


_BASE64_LINE = regex(rb"[ \t]{0,40}[A-Za-z0-9+/_-]+={0,2}\r?\Z")


def _run(data: bytes, at: int) -> Iterator[Span]:
    start, end = _run_around(data, at)
    if not (data[start - 1 : start] in (b"\n", b" ", b"\t", b"") or data[end : end + 1] in (b"\n", b"\r", b"")) or end - start < _FOLDED:
        yield Span(start, end, "encoded_secret")
        return
    first, last = start, end
    line = data.rfind(b"\n", max(0, start - 64), start)
    while line > 0 and start - line <= LINE and start - first < FAR // 2:
        above = data.rfind(b"\n", max(0, line - 256), line)
        text = data[above + 1 : line]
        if len(text.strip()) < _FOLDED or not _BASE64_LINE.match(text):
            break
        first, line = above + 1 + len(text) - len(text.lstrip()), above
    below = end
    while (end - start >= _FOLDED or last > end) and last - end < FAR // 2:
        below = last + (2 if data[last : last + 2] == b"\r\n" else 1)
        stop = data.find(b"\n", below, below + 256)
        text = data[below : stop if stop >= 0 else below + 256]
        if data[below - 1 : below] != b"\n" or not text.strip() or not _BASE64_LINE.match(text):
            break
        last = below + len(text.rstrip())
        if len(text.strip()) < _FOLDED:
            break
    yield Span(first, last, "encoded_secret")


def _run_around(data: bytes, at: int) -> tuple[int, int]:
    """The run that `at` lies in. All of its characters are made alike first: that is many times faster than to look for any other one."""
    low = max(0, at - LINE)
    start = low + data[low:at].translate(_ALIKE).rfind(b"\0") + 1
    length = data[at : at + LINE].translate(_ALIKE).find(b"\0")
    end = at + length if length >= 0 else min(len(data), at + LINE)
    padding = data[end : end + 2]
    return start, end + len(padding) - len(padding.lstrip(b"="))


def patterns(nested: Nested) -> tuple[Pattern, ...]:
    """The patterns of this file; `nested` redacts what they have decoded."""
    fields = (b"proctitle=", b"cmd=", b"name=2F", b"exe=2F", b"cwd=2F")
    typed = (b"type=TTY", b"type=USER_TTY", b"type=1319", b"type=1124")
    return (
        Pattern(
            "audit_hex", "Command lines and names of audit records in hex", tuple(Literal(each, run=8) for each in fields), _hex(nested)
        ),
        Pattern(
            "audit_argument",
            "Arguments of audit records, in which a word may tell what the next one is",
            (Literal(b"argc="), Literal(b"type=EXECVE"), Literal(b"type=1309")),
            _arguments(nested),
        ),
        Pattern("typed_keys", "Keys typed at a terminal, recorded by audit", tuple(Literal(each) for each in typed), _typed),
        Pattern("encoded_secret", "Configuration with secrets in base64", _ANCHORS, _base64),
    )
