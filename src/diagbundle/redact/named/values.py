"""Where a value in quotes begins and ends: quotes of any depth, doubled, fenced, written as escapes, joined as a shell does."""

from __future__ import annotations

import re
from typing import NamedTuple

from diagbundle.redact.lazy import regex
from diagbundle.redact.span import LINE

BLOCK = 32 << 10
"""Bytes of a value of several lines, at most."""
BEFORE = 1024
"""Bytes before a name that tell in what kind of text it stands."""
BACKSLASH, CARRIAGE_RETURN = b"\\\r"


class Value(NamedTuple):
    """Where a value stands."""

    start: int
    end: int
    after: int
    """Where the text goes on: behind the closing quote."""
    quoted: bool = False


OPEN = regex(
    rb"(?:[bBrRuUfEN@$]{1,2}(?=\\{0,31}[\"']))?(?:(?P<run>\\{0,31})(?P<quote>[\"'`])|"
    rb"(?P<written>&quot;|&\#34;|&\#x22;|&\#39;|&apos;|\\{1,15}u002[27]|\\{1,15}x2[27]|%(?:25)*2[27]))"
)
CLOSED = regex(rb"[\s\x00,;:)\]}>&|#/.\\+*=-]")
JOINS = b"'\"\\ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789$!@%^*_~+-"
APOSTROPHE = regex(rb"'(?:\\*\"'\\*\"|\\+')'")
"""How a shell's word in apostrophes holds one."""
OUTSIDE = b"'\"'\"'"
"""The same where nothing else can be meant, whatever stands before."""
JOINED = regex(rb"(?:'[^'\n]*+'|\"(?:[^\"\\\n]|\\.)*+\"|\\['\"\\ $]|[^\s\"'`\\,;&|<>()\[\]{}:\x00]++)++")
"""What a shell joins to a quoted word: more quoted and bare pieces."""
LEAD = regex(
    rb"(?:\xef\xbb\xbf|Step \d{1,3}/\d{1,3} : |#\d{1,3} \[[^\]\n]{1,24}\] )?"
    rb"[ \t]*(?:[#;*+>-]{1,3}[ \t]*|//[ \t]*|--[ \t]+|REM[ \t]+)?(?:(?:export|set|setenv|declare|local|readonly|typeset|"
    rb"env|ENV|ARG|SetEnv|let|const|var|val|final|public|private|protected|static|string|String|char|my|our|-[xgri]{1,4}|def)[ \t]+){0,4}"
    rb"[\"'`]?[$@%:*]?"
)
"""What may stand before the name where a line holds nothing but a name and its value."""


REFERENCE = regex(
    rb"(?:\$?\{\{[^\r\n]{0,200}?\}\}|[$#%]\{[^{}\r\n]{1,200}\}|\$\{[^{}\r\n]{1,80}[$#]\{[^{}\r\n]{1,80}\}\}|\(\([\w./-]{1,80}\)\)|"
    rb"\$\((?!echo |printf )(?:[^()\r\n]|\([^()\r\n]{0,80}\)){1,200}\)|"
    rb"\$\w{1,40}(?:(?:->|::)\w{1,40}|(?:->)?(?:\[[\"']?\w{1,40}[\"']?\]|\{[\"']?\w{1,40}[\"']?\}))+|<%[^\r\n]{0,200}?%>)(?=[\s\"'`,;)}\]\\&/?#|<]|\Z)"
)
"""What stands in the place of a value until a shell, a template or a pipeline puts it there; with blanks in it, or without."""


def depth(run: int) -> int:
    """The backslashes of a run that belong to the quote behind it: 2**n - 1 at depth n; the others belong to the text."""
    return (run ^ (run + 1)) >> 1


def line_end(data: bytes, at: int, room: int = LINE) -> int:
    """The end of the line, without a carriage return; of a long one the end of the room."""
    end = data.find(b"\n", at, at + room)
    end = end if end >= 0 else min(len(data), at + room)
    return end - 1 if end > at and data[end - 1] == CARRIAGE_RETURN else end


def quoted(data: bytes, name: int, opened: re.Match[bytes], room: int) -> Value | None:
    """The value in the quotes that `opened` matched; `name` is where its name begins."""
    start, quote = opened.end(), opened["quote"]
    if opened["written"]:
        end = data.find(opened["written"], start, start + room)
        line = line_end(data, start, room)
        end = end if 0 <= end <= line else _cut(data, start, name, line)
        return Value(start, end, min(len(data), end + len(opened["written"])), quoted=True)
    if not opened["run"] and data.startswith(quote, start):
        return _doubled(data, start, quote, room)
    return _between(data, name, opened, room)


def _doubled(data: bytes, start: int, quote: bytes, room: int) -> Value | None:
    """Two quotes: of three, of a doubled one, or nothing between them."""
    if data.startswith(quote, start + 1):
        return _fenced(data, start + 2, quote * 3, room)
    return None if start + 1 >= len(data) or CLOSED.match(data, start + 1) else _fenced(data, start + 1, quote * 2, room)


def _between(data: bytes, name: int, opened: re.Match[bytes], room: int) -> Value:
    """Between a quote and the one that closes it, on its line or where a line ends behind it."""
    start, quote, own = opened.end(), opened["quote"], depth(len(opened["run"]))
    line = line_end(data, start, room)
    end = close_of(data, start, quote, own, line)
    if end >= 0:
        return _with_joined(data, name, Value(start, end, end + own + 1, quoted=True), quote, line)
    end = _over_lines(data, start, quote, own, name)
    end = end if end >= 0 else _cut(data, start, name, line)
    return Value(start, end, min(end + 1, len(data)), quoted=True)


def _fenced(data: bytes, start: int, fence: bytes, room: int) -> Value | None:
    """In three quotes, over lines, or in doubled ones, on its line."""
    limit = start + BLOCK if len(fence) == 3 else line_end(data, start, room)  # noqa: PLR2004 - a fence of three
    end = data.find(fence, start, limit)
    while end >= 0 and data[end : end + 2 * len(fence)] == fence * 2:
        end = data.find(fence, end + 2 * len(fence), limit)
    end = end if end >= 0 else line_end(data, start, room)
    return Value(start, end, end + len(fence), quoted=True)


def close_of(data: bytes, start: int, quote: bytes, own: int, limit: int) -> int:
    """Where the string ends that `quote` with `own` backslashes opened; -1 where it does not."""
    at, doubtful = start, -1
    while (found := data.find(quote, at, limit)) >= 0:
        run = run_before(data, start, found)
        after = data[found + 1 : found + 2]
        at = found + 1
        if quote == b"'" and (run <= own or data.startswith(OUTSIDE, found)) and (skipped := APOSTROPHE.match(data, found, limit)):
            at = skipped.end()
            continue
        if depth(run) > own:
            if quote == b"'" and run % 2 and own == 0 and doubtful < 0 and (not after or CLOSED.match(after)):
                doubtful = found
            continue
        if after == quote and own == 0 and run % 2 == 0 and found > start:
            at = found + 2
            continue
        if doubtful >= 0 and after.isalnum():
            return doubtful
        return found - depth(run)
    return doubtful


def run_before(data: bytes, start: int, at: int) -> int:
    """How many backslashes stand before a place."""
    if at <= start or data[at - 1] != BACKSLASH:
        return 0
    low = at
    while low > start and data[low - 1] == BACKSLASH:
        low -= 1
    return at - low


def _over_lines(data: bytes, start: int, quote: bytes, own: int, name: int) -> int:
    """The end of a string over several lines: only where its line holds nothing else, and where a line ends behind it."""
    if own or not begins_line(data, name):
        return -1
    end = close_of(data, start, quote, own, start + BLOCK // 4)
    return end if end >= 0 and data[end + 1 : end + 2] in (b"", b"\n", b"\r", b";", b",") else -1


def _cut(data: bytes, start: int, name: int, line: int) -> int:
    """The end of a string that nobody closed: the quote around it, or the end of the line."""
    for quote in (b'"', b"'"):
        end = data.find(quote, start, line)
        if end > start and inside(data, name, quote):
            return end - depth(run_before(data, start, end))
    return line


def inside(data: bytes, name: int, quote: bytes) -> bool:
    """Whether a quote is open before the name, on its line."""
    low = max(0, name - BEFORE, data.rfind(b"\n", max(0, name - BEFORE), name))
    return data.count(quote, low, name) % 2 == 1


def _with_joined(data: bytes, name: int, value: Value, quote: bytes, line: int) -> Value:
    """What a shell joins to the quoted word is a part of it."""
    after = value.after
    if after >= line or quote == b"`" or data[value.end] == BACKSLASH or data[after] not in JOINS:
        return value
    other = b"'" if quote == b'"' else b'"'
    if data[after : after + 1] == other and inside(data, name, other):
        return value
    joined = JOINED.match(data, after, min(line, after + BEFORE // 2))
    return Value(value.start, joined.end(), joined.end(), quoted=True) if joined else value


def begins_line(data: bytes, name: int) -> bool:
    """Whether nothing but a keyword or a comment sign stands before a name on its line."""
    low = data.rfind(b"\n", max(0, name - 64), name) + 1
    if not low and name > 64:  # noqa: PLR2004 - the keywords are short
        return False
    return low == name or LEAD.fullmatch(data, low, name) is not None
