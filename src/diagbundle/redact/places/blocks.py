"""Private keys that take many lines: PEM, PuTTY, OpenVPN, PGP, in whatever carries them.

A key stands alone, is indented, has a prefix before every line (syslog, containers, `>` of mail), is one string with escaped
newlines, or was cut. Where it stands alone it is one span with its fences; with prefixes there is one span for each line. What encloses
nothing (the words in a message, a fence in a manual) stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from diagbundle.redact.lazy import regex
from diagbundle.redact.places.judge import FAR, each_line
from diagbundle.redact.span import Literal, Pattern, Span

KIND = "private_key"
_LABEL = rb"(?:[A-Za-z0-9. -]{0,40}PRIVATE KEY(?: BLOCK)?|OpenVPN [A-Za-z0-9 -]{1,40}|SSL SESSION PARAMETERS)"
_BEGIN = regex(rb"-{4,5} ?BEGIN " + _LABEL + rb" ?-{4,5}")
_END = regex(rb"-{4,5} ?END " + _LABEL + rb" ?-{4,5}")
_FENCE = regex(rb"-{4,5} ?(?:BEGIN|END) ")
_ESCAPE = rb"(?:\\+[nrt]|\\+u000[adAD]|%0[AaDd]|%2[BbFf]|%3[Dd]|&#(?:10|13|x[aAdD]);)"
_INLINE = regex(rb"(?:" + _ESCAPE + rb"|[A-Za-z0-9+/=_ \t|,:*-](?!-{4}))+")
"""What a key in one line is made of. It ends in front of dashes: there stands the next fence."""
_PIECE = regex(rb"[A-Za-z0-9+/]+={0,2}|=[A-Za-z0-9+/]{4}")
_TAIL = regex(rb"[A-Za-z0-9+/=]+\Z")
_HEADER = regex(rb"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|Subject|x-[\w-]+|Private-MAC|Key-Derivation|Argon2-[\w-]+): ?")
_DIGITS = regex(rb"[0-9]+")
_MIXED = regex(rb"(?=.*[a-z])(?=.*[A-Z])|[0-9a-fA-F]{32}\Z")
_LAST = regex(rb"=|.*=\Z|(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])")
"""A short line that is a key's last one where no fence follows, and no word."""
_LONG = 32
"""Characters of base64 that are no word."""
_WIDE = 512
"""A line with more in front of a piece of a key is none of the key's."""
_GAP = 6
"""Lines of others that may stand between the lines of one key."""


class _Lines:
    """Recognises the lines of one key by what stands before and behind them."""

    def __init__(self, prefix: bytes, suffix: bytes) -> None:
        self.prefix, self.bare = prefix, not prefix.strip() and not suffix.strip()
        self.known = {_alike(prefix)}
        self.quote = suffix[: suffix.find(b'"') + 1] if b'"' in suffix else b""

    def piece(self, data: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the key's part of a line is, if there is one."""
        if self.quote and (stop := data.find(self.quote, start + len(self.prefix) // 2, end)) >= 0:
            end = stop
        line = data[start : min(end, start + 2 * _WIDE)].rstrip(b" \t\r\\")
        size = len(self.prefix)
        if _alike(line[:size]) == _alike(self.prefix) and _PIECE.fullmatch(line, size):
            return start + size, start + len(line)
        tail = _TAIL.search(line, max(0, len(line) - _WIDE))
        if not tail or tail.start() > _WIDE:
            return None
        if _alike(line[: tail.start()]) in self.known or (self.bare and not line[: tail.start()].strip()) or self._long(tail[0]):
            self.known.add(_alike(line[: tail.start()]))
            return start + tail.start(), start + len(line)
        return None

    @staticmethod
    def _long(piece: bytes) -> bool:
        return len(piece) >= _LONG and _MIXED.match(piece) is not None


def _alike(prefix: bytes) -> bytes:
    """The same for the prefixes of neighbouring lines: times and process ids are digits."""
    return _DIGITS.sub(b"0", prefix).strip()


class _Body(NamedTuple):
    """The lines of a key below its first fence."""

    pieces: list[tuple[int, int]]
    stop: int
    """Where its last fence begins, or 0."""
    alone: bool
    """Whether there is nothing else between them."""


def _body(data: bytes, behind: int, end: int, lines: _Lines, fences: re.Pattern[bytes]) -> _Body:
    """The lines of a key in `data[behind:end]`, up to the next fence or to where it is lost."""
    pieces: list[tuple[int, int]] = []
    alone, gap, last = lines.bare, 0, 0
    for begin, until in each_line(data, behind, end):
        closing = fences.search(data, begin, min(until, begin + 2 * _WIDE))
        if closing:
            return _Body(pieces, closing.start(), alone)
        piece = lines.piece(data, begin, until)
        if piece and _plausible(data, piece, last):
            pieces.append(piece)
            gap, last = 0, piece[1] - piece[0]
        elif data[begin:until].strip() and not _HEADER.search(data, begin, min(until, begin + _WIDE)):
            alone, gap = False, gap + 1
            if gap > _GAP:
                break
    if len(pieces) > 1 and pieces[-1][1] - pieces[-1][0] < _LONG and not _LAST.match(data, *pieces[-1]):
        pieces.pop()
    return _Body(pieces, 0, alone)


def _plausible(data: bytes, piece: tuple[int, int], last: int) -> bool:
    """A short line is a key's only behind a long one: a cut key is followed by words."""
    size = piece[1] - piece[0]
    return size >= _LONG or last >= _LONG or data[piece[0] : piece[0] + 1] == b"="


def _line_start(data: bytes, at: int) -> int:
    return data.rfind(b"\n", max(0, at - FAR // 2), at) + 1 or max(0, at - FAR // 2)


def _line_end(data: bytes, at: int) -> int:
    end = data.find(b"\n", at, at + FAR)
    return end if end >= 0 else min(len(data), at + FAR)


def _pem(data: bytes, at: int) -> Iterator[Span]:
    """A fence of a private key."""
    start = max(data.rfind(b"-BEGIN ", max(0, at - 60), at), data.rfind(b"- BEGIN ", max(0, at - 60), at))
    begin = _BEGIN.match(data, max(0, start - 4)) or _BEGIN.match(data, max(0, start - 3)) if start >= 0 else None
    if begin:
        yield from _from_begin(data, begin.start(), begin.end())
        return
    start = max(data.rfind(b"-END ", max(0, at - 60), at), data.rfind(b"- END ", max(0, at - 60), at))
    end = _END.match(data, max(0, start - 4)) or _END.match(data, max(0, start - 3)) if start >= 0 else None
    if end:
        yield from _before_end(data, end.start(), end.end())


def _from_begin(data: bytes, start: int, fence: int) -> Iterator[Span]:
    line_end = _line_end(data, fence)
    inline = _INLINE.match(data, fence, min(line_end, start + FAR))
    stop = inline.end() if inline else fence
    if stop - fence >= _LONG // 2:
        closing = _FENCE.search(data, stop, min(line_end, stop + 16))
        end = _END.match(data, closing.start(), line_end) if closing else None
        yield Span(start, end.end() if end else stop, KIND)
        if stop < line_end:
            return
    prefix = data[_line_start(data, start) : start]
    lines = _Lines(prefix[-_WIDE:], data[fence : min(line_end, fence + _WIDE)])
    body = _body(data, line_end + 1, min(len(data), start + FAR), lines, _FENCE)
    yield from _as_spans(data, start, fence, body)


def _as_spans(data: bytes, start: int, fence: int, body: _Body) -> Iterator[Span]:
    """One span where nothing but the key is there, else one for each line."""
    end = _END.match(data, body.stop) if body.stop else None
    if body.pieces and body.alone:
        yield Span(start, end.end() if end else body.pieces[-1][1], KIND)
    elif body.pieces:
        yield Span(start, fence, KIND)
        yield from (Span(begin, until, KIND) for begin, until in body.pieces)
        if end:
            yield Span(end.start(), end.end(), KIND)


def _before_end(data: bytes, start: int, fence: int) -> Iterator[Span]:
    """The lines above an end whose beginning was lost."""
    line = _line_start(data, start)
    lines = _Lines(data[line:start][-_WIDE:], data[fence : _line_end(data, fence)][:_WIDE])
    found: list[tuple[int, int]] = []
    until = line - 1
    while until > max(0, start - FAR):
        begin = data.rfind(b"\n", max(0, until - 4 * _WIDE), until) + 1
        piece = lines.piece(data, begin, until) if begin or until < 4 * _WIDE else None
        if not piece or (found and piece[1] - piece[0] < _LONG):
            break
        found.append(piece)
        until = begin - 1
    if any(end - begin >= _LONG for begin, end in found):
        yield from (Span(begin, end, KIND) for begin, end in reversed(found))
        yield Span(start, fence, KIND)
    elif line == start or data[line:start].strip():
        yield from _inline_before(data, line, start, fence)


_REVERSED = regex(rb"(?:[nrt]\\+|[adAD]000u\\+|[AaDd]0%|[A-Za-z0-9+/=])+")


def _inline_before(data: bytes, line: int, start: int, fence: int) -> Iterator[Span]:
    """A key in one line whose beginning was cut off."""
    tail = _REVERSED.match(data[max(line, start - FAR // 2) : start][::-1])
    if tail and tail.end() >= _LONG:
        yield Span(start - tail.end(), fence, KIND)


_PRIVATE = regex(rb"Private-(?:Lines: ?[0-9]{1,4}|(?:MAC|Hash): ?([0-9a-fA-F]{16,}))")
_PUBLIC = regex(rb"Private-|PuTTY-User")
_INLINE_LINES = regex(rb"((?:" + _ESCAPE + rb")*)((?:" + _ESCAPE + rb"|[A-Za-z0-9+/=])+)")


def _putty(data: bytes, at: int) -> Iterator[Span]:
    """The private lines, and the check sum over them; the public lines stay."""
    head = _PRIVATE.match(data, at)
    if not head:
        return
    line_end = _line_end(data, head.end())
    if head[1]:
        yield Span(head.start(1), head.end(1), KIND)
    elif (inline := _INLINE_LINES.match(data, head.end(), line_end)) and len(inline[2]) >= _LONG // 2:
        stop = data.find(b"Private-", inline.start(2), inline.end() + 8)
        yield Span(inline.start(2), stop if stop >= 0 else inline.end(), KIND)
    else:
        prefix = data[_line_start(data, at) : at]
        lines = _Lines(prefix[-_WIDE:], data[head.end() : line_end])
        body = _body(data, line_end + 1, min(len(data), at + FAR), lines, _PUBLIC)
        yield from (Span(begin, until, KIND) for begin, until in body.pieces)


_IN_URL = regex(
    rb"(?:-|%2[Dd]){5}BEGIN(?:(?:%20|\+)[A-Z0-9]{1,16}){0,4}(?:%20|\+)PRIVATE(?:%20|\+)KEY(?:(?:%20|\+)BLOCK)?(?:-|%2[Dd]){5}"
    rb"[A-Za-z0-9+/=%._~:-]*"
)


def _in_url(data: bytes, at: int) -> Iterator[Span]:
    """A key that was sent as a parameter, with its fences."""
    begin = data.rfind(b"BEGIN", max(0, at - 100), at)
    fences = (begin - 5, begin - 15) if begin >= 0 else ()
    key = next((found for start in fences if start >= 0 and (found := _IN_URL.match(data, start, at + FAR))), None)
    if key and key.end() > at:
        yield Span(*key.span(), KIND)


PATTERNS: tuple[Pattern, ...] = (
    Pattern(KIND, "Private keys in a URL or a form", (Literal(b"PRIVATE%20KEY"), Literal(b"PRIVATE+KEY")), _in_url),
    Pattern(
        KIND,
        "Private keys in PEM, OpenSSH, PGP and OpenVPN form",
        (Literal(b"PRIVATE KEY"), Literal(b"OpenVPN "), Literal(b"SSL SESSION PARAMETERS")),
        _pem,
        inside=True,
    ),
    Pattern(
        "putty_key",
        "Private keys of PuTTY",
        (Literal(b"Private-Lines:"), Literal(b"Private-MAC:"), Literal(b"Private-Hash:")),
        _putty,
        inside=True,
    ),
)
