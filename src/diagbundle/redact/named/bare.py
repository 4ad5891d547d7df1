"""Where a bare value ends: that depends on the text it stands in, a line of configuration, a URL, a dump of an object, a sentence."""

from __future__ import annotations

import re
from typing import NamedTuple

from diagbundle.redact.ahead import Ahead
from diagbundle.redact.lazy import regex
from diagbundle.redact.named.values import BEFORE, BLOCK, REFERENCE, begins_line, close_of, depth, inside, line_end, run_before
from diagbundle.redact.span import LINE

PERCENT, SEMICOLON, COMMA, NUL, NEWLINE = b"%;,\0\n"
REFERRING = (b"$", b"{", b"#", b"%", b"(", b"<")
BLANKS = b" \t\r\n\x00\x0b\x0c"
RUN = regex(rb"[^\s\x00\"'`\\,;&<>()\[\]{}|]*+")
TO_BLANK = regex(rb"[^\s\x00]*+")
CODED_RUN = regex(rb"[^\s\x00\"'`\\,;&<>()\[\]{}|%]*+")
CODED_END = regex(rb"(?:26|20|22|27|3B|0A|0D|7D|5D|2C|3C|3E|00)", re.IGNORECASE)
END = regex(
    rb"[,;&|)\]}>\"'`]+(?:[\s\x00\\]|\Z)|[,;&|][ \t]?[\"'(\[{]*[\w.$@%-]{1,64}[\"'\]]{0,2}[ \t]?(?:[=:]|%3D)|"
    rb"&(?:amp|#38|lt|gt|quot|apos|#34|#39);|<|[\"'`][,;:)\]}&|>/]|/>|[)\]}][,;.:)\]}\"'](?:\s|\Z|[\]}),;\"'])|\|\||&&|;;"
)
"""A delimiter that ends a bare value, for what follows looks as if the text went on; otherwise it is a part of the value."""
BACKSLASHES = regex(rb"\\+")
CONTROL = regex(
    rb"[nrt](?![a-z]{0,3}[0-9])|[nrt](?=[A-Za-z_.-]{1,40}[=:])|u00(?:26|3[ce]|2[27]|00|20|0[ad])|x(?:2[267]|00|20|0[ad]|3[ce])",
    re.IGNORECASE,
)
NEXT = Ahead(
    rb"[ \t]+(?:[#;](?=\s|\w|[#;=!-])|//[ \t]|\\?\Z|[\w.$@-]{1,64}(?:[ \t]?=(?!=)[ \t]?(?=\S)|:[ \t](?=\S)))|"
    rb"[ \t]*[;&,|][ \t]?(?:[\w.$ -]{1,40}=|[\"']?[\w.$-]{1,40}[\"']?:[ \t])|[,;][ \t]*\Z"
)
"""In a value that runs to the end of its line: a comment, the next pair, a comma at the end."""
NEXT_SPACED = Ahead(
    rb"[ \t]+\([A-Za-z\x80-\xff][^()\"']{2,80}\)[.,;]?[ \t]*\Z|"
    rb"[ \t]+(?:[#;](?=\s|\w|[#;=!-])|//[ \t]|\\?\Z|[\w.$@-]{1,64}(?:[ \t]?=(?!=)[ \t]?(?=\S)|:[ \t](?=\S)))|"
    rb"[ \t]*[;,][ \t]+(?:[\w.$ -]{1,40}=|[\"']?[\w.$-]{1,40}[\"']?:[ \t])|[,;][ \t]*\Z"
)
"""The same where blanks stand around the separator: there, pairs are not chained without a blank."""
NEXT_IN_BRACKETS = Ahead(
    NEXT.written + rb"|[ \t]+[\w.$@-]{1,64}:(?=\S)|,[ \t]?[A-Za-z_][\w.-]{0,40}:|,?[ \t][\w.]{1,64} -> |[)}\]]+(?:[\s,;.:)}\]\"']|\Z)"
)
COMMAND = Ahead(
    rb"[ \t](?:-{1,2}[A-Za-z]|[|<>]|\|\||&&|(?:sudo|psql|pg_\w+|mysql\w*|"
    rb"mariadb\w*|redis-cli|ssh\w*|scp|rsync|curl|wget|docker|podman|kubectl|helm|"
    rb"terraform|ansible[\w-]*|aws|restic|borg|vault|npm|yarn|python3?|java|node|go|make|exec|nohup|bash|sh|php|ruby|git|cargo|openssl|gpg|"
    rb"\.{0,2}/[\w./-]+)(?:[ \t]|\Z))|;[ \t]"
)
QUERY = regex(rb"[^&\s\"'<>#\\\x00`|{}]*+")
BRACKETS = (b"()", b"{}", b"[]")
LISTED = regex(rb",[a-z_]{1,16}(?=[,\s]|\Z)")
"""The next option without a value in a list of them: `user=a,pass=P,ro`."""
CONNECTED = regex(rb";[ \t]*(?:[\w .-]{1,40}=|[\"')}\]]|\Z|\s)")
BEHIND_BLANK = regex(rb"\s+(?:\S{1,64}=|-|\S+:\s|\Z)")


class Place(NamedTuple):
    """Where a value begins, and what is known of it."""

    data: bytes
    start: int
    name: int
    """Where its name begins."""
    room: int
    """How many bytes are looked at."""
    tight: bool = True
    """No blank stands around the separator."""
    coded: bytes = b""
    """`%` or `%25` where the separator was URL-encoded once or twice."""

    @property
    def line(self) -> int:
        """The end of the line."""
        return line_end(self.data, self.start, self.room)

    @property
    def limit(self) -> int:
        """The end of the room."""
        return min(len(self.data), self.start + self.room)


def bare(place: Place) -> int:
    """The end of a value without quotes."""
    data, start, name = place.data, place.start, place.name
    before = data[name - 1] if name else NEWLINE
    if place.coded:
        return _coded(place)
    if data[start : start + 1] in REFERRING and (reference := REFERENCE.match(data, start, place.line)):
        return reference.end()
    if before == NUL:
        end = data.find(b"\0", start, start + place.room)
        return end if end >= 0 else place.limit
    if before in b"?&" or data[max(0, name - 5) : name] == b"&amp;":
        return _in_query(place)
    if data[name : name + 1] != b"-" and place.room == LINE:  # flags, and values without blanks, end at a blank
        end = _with_blanks(place, before)
        if end >= 0:
            return end
    return word(place)


def _with_blanks(place: Place, before: int) -> int:
    """The end of a value in a place where it may hold blanks; -1 where it may not."""
    data, start, name = place.data, place.start, place.name
    if before in b"\"'":
        own = depth(run_before(data, max(0, name - 32), name - 1))
        limit = close_of(data, start, data[name - 1 : name], own, place.line)
        if limit >= 0:
            return _field(place, limit)
    if before in b"\n \t#;/$-'\":*`" and begins_line(data, name):
        return _field(place, place.line)
    if before == SEMICOLON:
        return _in_connection(place)
    if before in b"({[ ," and _in_brackets(data, name):
        match = NEXT_IN_BRACKETS.search(data, start, _unquoted(place))
        if match and match.start() > start and b'"' not in data[start : match.start()]:
            end = _without_command(place, match.start())
            return start + len(data[start:end].rstrip(b" \t"))
    return -1


def _unquoted(place: Place) -> int:
    """The end of the line, or of the text in apostrophes that the name stands in: `f('user=u password=P', 'x')`."""
    end = place.data.find(b"'", place.start, place.line)
    return end if end >= 0 and inside(place.data, place.name, b"'") else place.line


def _coded(place: Place) -> int:
    data, at, limit = place.data, place.start, place.limit
    while True:
        at = _run(CODED_RUN, data, at, limit)
        if at >= limit or data[at] != PERCENT:
            return at
        if data.startswith(place.coded, at) and CODED_END.match(data, at + len(place.coded)):
            return at
        at += 1


def _run(what: re.Pattern[bytes], data: bytes, at: int, limit: int) -> int:
    match = what.match(data, at, limit)
    return match.end() if match else at


def _in_query(place: Place) -> int:
    data, start = place.data, place.start
    end = _run(QUERY, data, start, place.limit)
    while end > start + 1 and data[end - 1] in b"),.;]:" and (end >= len(data) or data[end] in b" \t\r\n\"'"):
        end -= 1
    return end


def _field(place: Place, limit: int) -> int:
    """A value that may hold blanks: to the limit, a comment or the next pair."""
    data, start = place.data, place.start
    nul = data.find(b"\0", start, limit)
    limit = nul if nul >= 0 else limit
    match = (NEXT if place.tight else NEXT_SPACED).search(data, start, limit)
    end = _without_command(place, match.start() if match else limit)
    while end == limit < len(data) and end < start + BLOCK and run_before(data, start, end) % 2:
        newline = data.find(b"\n", end, end + 2)
        if newline < 0:  # a NUL, a quote or the last carriage return
            break
        limit = end = line_end(data, newline + 1)
    while end > start and data[end - 1] in b" \t":
        end -= 1
    return end


def _without_command(place: Place, end: int) -> int:
    """`PGPASSWORD=P psql -h db1`: what stands behind the value is a command."""
    data, start = place.data, place.start
    blank = data.find(b" ", start, end)
    if not place.tight or blank < 0 or not (command := COMMAND.search(data, start, place.line)):
        return end
    return min(command.start(), blank)


def _in_connection(place: Place) -> int:
    """In `Server=h;Password=a b;Database=x` the value ends at the semicolon, or at the quote around it all."""
    data, start, name = place.data, place.start, place.name
    line = limit = place.line
    for quote in (b'"', b"'"):
        end = data.find(quote, start, limit)
        if end >= 0 and inside(data, name, quote):
            limit = end - depth(run_before(data, start, end))
    if data[start : start + 1] == b"{" and (end := data.find(b"}", start, limit)) >= 0:
        return end + 1
    end = data.find(b";", start, limit)
    while end >= 0 and not CONNECTED.match(data, end, limit):
        end = data.find(b";", end + 1, limit)
    if end >= 0 or limit < line:
        return end if end >= 0 else limit
    return -1


def _in_brackets(data: bytes, name: int) -> bool:
    """Whether a bracket is open before the name, on its line."""
    low = max(0, name - BEFORE // 4, data.rfind(b"\n", max(0, name - BEFORE // 4), name))
    return any(data.count(pair[:1], low, name) > data.count(pair[1:], low, name) for pair in BRACKETS)


class _Walked:
    """How far a value was followed over delimiters that do not end it: names that stand in it need not walk there again."""

    def __init__(self) -> None:
        self.data, self.start, self.at = b"", 0, 0

    def resumed(self, place: Place) -> int:
        """Where the value goes on that is to be looked at."""
        is_known = place.data is self.data and self.start <= place.start <= self.at
        if not is_known or place.data[place.name - 1] == COMMA:
            self.data, self.start = place.data, place.start
            self.at = place.start
        return self.at


_walked = _Walked()
_MOST_ODD = 48
"""Quotes and backslashes in a value, at most: behind them it goes on to a blank."""


def word(place: Place) -> int:
    """The end of a value that ends at a blank, or at a delimiter behind which the text goes on."""
    data, limit = place.data, place.limit
    at = _walked.resumed(place) if place.room == LINE else place.start
    odd = 0
    while odd < _MOST_ODD:
        at = _run(RUN, data, at, limit)
        if not odd and place.room == LINE:
            _walked.at = at
        if at >= limit or data[at] in BLANKS:
            return at
        byte = data[at : at + 1]
        odd += byte in b"\"'\\"
        if byte == b"\\":
            ended, at = _at_backslash(place, at)
            if ended:
                return at
        elif END.match(data, at, limit) or (place.room < LINE and byte not in b"\"'") or _is_listed(place, at):
            return at
        else:
            at = _over_quoted(place, at, byte)
    return _run(TO_BLANK, data, at, limit)


def _is_listed(place: Place, at: int) -> bool:
    return place.data[at] == COMMA and place.data[place.name - 1] == COMMA and LISTED.match(place.data, at) is not None


def _over_quoted(place: Place, at: int, byte: bytes) -> int:
    """Behind a delimiter that is a part of the value; a quote that a shell closes goes with what it quotes."""
    data = place.data
    if byte in b"\"'":
        close = data.find(byte, at + 1, min(place.limit, at + BEFORE))
        if close >= 0 and data.find(b"\n", at, close) < 0 and not inside(data, place.name, byte):
            return close + 1
    return at + 1


def _at_backslash(place: Place, at: int) -> tuple[bool, int]:
    """Whether a bare value ends at a run of backslashes, and where, or where it goes on."""
    data, limit = place.data, place.limit
    stop = _run(BACKSLASHES, data, at, limit)
    if stop >= limit or data[stop] in b"\r\n":
        return True, stop
    after, own = data[stop], depth(stop - at)
    if after in b"\"'`":
        return (True, stop - own) if own else (END.match(data, stop, limit) is not None, stop)
    if own and CONTROL.match(data, stop, limit) and (after in b"ux" or inside(data, place.name, b'"')):
        return True, stop - own
    if after in b" \t":
        return (not own or BEHIND_BLANK.match(data, stop, limit) is not None), stop + (1 if own else 0)
    return False, stop
