"""What begins with a word: known names, and the places of users and hosts. In Python, as `_grammar`, to which it belongs."""

# ruff: noqa: PLR2004 - the numbers are lengths of what is written in the examples

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diagbundle.redact.identifiers import _grammar as grammar

if TYPE_CHECKING:
    from diagbundle.redact.identifiers._grammar import Found, Region
    from diagbundle.redact.identifiers.people import Place


def word(region: Region, at: int) -> Sequence[Found]:
    """At a word's beginning."""
    data = region.data
    if at > region.lo and data[at - 1] in grammar.WORD and not _escaped(region, at):
        return grammar.Nothing
    places = region.tables.heads.get(data[at : min(at + 3, region.hi)].lower())
    if places is None:
        return grammar.Nothing
    made = _made_of_address(region, at) or _name(region, at)
    if made:
        return made
    for place in places:
        if data[at : min(at + len(place.head), region.hi)].lower() == place.head:
            value = _SHAPES[place.shape](region, at, place)
            if value:
                return value
    return grammar.Nothing


def _escaped(region: Region, at: int) -> bool:
    """Whether an escape ends where a word is said to begin."""
    data = region.data
    return any(
        at - back > region.lo and data[at - back - 1] in b"\\%" and grammar.adjusted(data, region.lo, region.hi, at - back) == at
        for back in (1, 2, 3, 5)
    )


def _made_of_address(region: Region, at: int) -> Sequence[Found]:
    """`enx001122334455`, `ip-10-0-0-1`."""
    data, hi = region.data, region.hi
    if data[at : at + 3].lower() == b"enx":
        good = (
            at + 15 <= hi and all(data[place] in grammar.HEX for place in range(at + 3, at + 15)) and region.at(at + 15) not in grammar.WORD
        )
        return ((at + 3, at + 15, "mac"),) if good else grammar.Nothing
    if data[at : at + 3].lower() != b"ip-":
        return grammar.Nothing
    end = grammar.quad(data, at + 3, hi, grammar.HYPHEN)
    if not end or region.at(end) in grammar.LABEL:
        return grammar.Nothing
    return (_longer(region, at, end) or (at + 3, end, "ipv4"),)


def _longer(region: Region, at: int, end: int) -> Found | None:
    """The whole name, where what was found is a part of one."""
    data, dot = region.data, end
    while dot < region.hi and dot - end < grammar.LONGEST_NAME and data[dot] in grammar.LABEL:
        dot += 1
    if region.at(dot) != grammar.DOT or dot < region.dots:
        return None
    for found in grammar.dotted(region, dot):
        if found[2] == "host" and found[0] <= at:
            return found
    return None


def _name(region: Region, at: int) -> Sequence[Found]:
    """The longest known name here, or the name that it is a part of."""
    data, names = region.data, region.tables.names
    end, stop = 0, min(region.hi, at + region.tables.longest)
    text = data[at:stop].lower()
    for place in range(3, len(text) + 1):
        if region.at(at + place) not in grammar.WORD and text[:place] in names:
            end = at + place
    if not end:
        return grammar.Nothing
    longer = _longer(region, at, end)
    if longer:
        return (longer,)
    if _alone(data, at, end) and (region.at(end) == grammar.HYPHEN or region.at(at - 1) == grammar.HYPHEN):
        return grammar.Nothing
    member = _member(region, at, end)
    return ((at, end, "name"), member) if member else ((at, end, "name"),)


def _alone(data: bytes, start: int, end: int) -> bool:
    """Whether a name is so short and plain that it is none with a hyphen beside it: max-age."""
    return end - start < 6 and all(byte in grammar.LETTER for byte in data[start:end])


def _member(region: Region, start: int, end: int) -> Found | None:
    r"""The user in `DOMAIN\user`, the domain being known."""
    text = region.data[start:end]
    return _behind(region, end) if text == text.upper() else None


def _behind(region: Region, end: int) -> Found | None:
    """The user behind one to four backslashes."""
    data, at = region.data, end
    while region.at(at) == grammar.BACKSLASH and at - end < 4:
        at += 1
    if at == end or region.at(at) not in grammar.LETTER or (at == end + 1 and data[at] in b"nrtbfux"):
        return None
    stop = _value(region, at, grammar.LONGEST_USER)
    return (at, stop, "user") if stop > at + 1 else None


def _value(region: Region, at: int, most: int) -> int:
    """Where a value ends that begins at a place: that place, if there is none."""
    if region.at(at) not in grammar.WORD:
        return at
    end = at
    while region.at(end) in grammar.VALUE and end - at <= most:
        end += 1
    if end - at > most:
        return at
    while end > at and region.data[end - 1] in b".-":
        end -= 1
    return end


def _key(region: Region, at: int, place: Place) -> Sequence[Found]:
    """`user=X`, `"user": "X"`, `host: X`."""
    data = region.data
    end = _quotes(region, at + len(place.head), b"\"'")
    sign = _blanks(region, end)
    if region.at(sign) not in (grammar.COLON, grammar.EQUALS):
        return grammar.Nothing
    empty = data[sign] == grammar.EQUALS and sign == end  # `ruser= rhost=x`: a blank ends the value
    bare = sign + 1 if empty else _blanks(region, sign + 1)
    start = _quotes(region, bare, b"\"'<")
    stop = _value(region, start, grammar.LONGEST_NAME if place.kind == "host" else grammar.LONGEST_USER)
    follows = region.at(stop)
    if stop == start or (follows >= 0 and follows in b"([{$="):
        return grammar.Nothing
    if data[sign] == grammar.COLON and start == bare and follows >= 0 and follows not in b"\n\r,;}])":
        return grammar.Nothing
    if place.kind == "host":
        return grammar.Nothing if follows == grammar.COLON and _more_colons(region, stop) else ((start, stop, "host"),)
    text = data[start:stop]
    member = _behind(region, stop) if text == text.upper() else None
    return ((start, stop, "domain"), member) if member else ((start, stop, "user"),)


def _quotes(region: Region, at: int, signs: bytes) -> int:
    """Behind a quote with up to seven backslashes before it, if there is one."""
    end = at
    while region.at(end) == grammar.BACKSLASH and end - at < 7:
        end += 1
    sign = region.at(end)
    return end + 1 if sign >= 0 and sign in signs else at


def _blanks(region: Region, at: int) -> int:
    end = at
    while region.at(end) in _BLANKS and end - at < 8:
        end += 1
    return end


def _more_colons(region: Region, at: int) -> bool:
    """Whether another colon stands within five bytes: then this is an IPv6 address."""
    return any(region.at(place) == grammar.COLON for place in range(at + 1, at + 6))


def _phrase(region: Region, at: int, place: Place) -> Sequence[Found]:
    """`for user X`, `/home/X`."""
    data, before, head = region.data, place.before, place.head
    if before and (at - len(before) < region.lo or data[at - len(before) : at] != before):
        return grammar.Nothing
    start = at + len(head)
    if head.endswith(b" "):
        start = _blanks(region, start)
    stop = _value(region, start, grammar.LONGEST_USER)
    if stop == start:
        return grammar.Nothing
    if place.after and not any(_follows(region, stop, after) for after in place.after):
        return grammar.Nothing
    return ((start, stop, place.kind),)


def _follows(region: Region, at: int, text: bytes) -> bool:
    if text == b"\n" and at >= region.hi:
        return True
    return region.data[at : min(at + len(text), region.hi)] == text


def _id(region: Region, at: int, place: Place) -> Sequence[Found]:
    """`uid=1000(X)`."""
    end = at + len(place.head)
    if region.at(end) != grammar.EQUALS:
        return grammar.Nothing
    end += 1
    while region.at(end) in grammar.DIGIT and end - at < 20:
        end += 1
    if region.at(end) != grammar.OPEN:
        return grammar.Nothing
    stop = _value(region, end + 1, grammar.LONGEST_USER)
    return ((end + 1, stop, place.kind),) if stop > end + 1 and region.at(stop) == grammar.CLOSE else grammar.Nothing


def _back(region: Region, at: int, place: Place) -> Sequence[Found]:
    """`X : TTY=`, `(X) CMD (`."""
    data = region.data
    stop = at - len(place.before)
    if stop < max(region.lo, region.done) or data[stop:at] != place.before:
        return grammar.Nothing
    start = stop
    low = max(region.lo, region.done, stop - grammar.LONGEST_USER)
    while start > low and data[start - 1] in grammar.VALUE:
        start -= 1
    if start == stop or data[start] not in grammar.WORD or (start > region.lo and data[start - 1] not in b" (\t"):
        return grammar.Nothing
    return ((start, stop, place.kind),)


_BLANKS = frozenset(b" \t")
_SHAPES = {"key": _key, "phrase": _phrase, "id": _id, "back": _back}


def syslog(region: Region, at: int) -> Sequence[Found]:
    """The host of a line of syslog, in the old form, the new one or with the time as ISO 8601 writes it."""
    start, strict = _stamp(region, at)
    end = _value(region, start, grammar.LONGEST_NAME) if start else 0
    if not start or end == start or region.at(end) != grammar.BLANK or region.data[end - 1] == grammar.DOLLAR:
        return grammar.Nothing
    if strict >= 0:
        at = end + 1
        while region.at(at) in _PROGRAM and at - end < 65:
            at += 1
        sign = region.at(at)
        if at == end + 1 or (sign != grammar.BRACKET and (strict or sign != grammar.COLON)):
            return grammar.Nothing
    return ((start, end, "host"),)


_PROGRAM = grammar.WORD | frozenset(b"./()@-")


def _stamp(region: Region, at: int) -> tuple[int, int]:
    """Where the host begins, and what must follow it: -1 nothing, 0 a program and a colon or bracket, 1 a program and a bracket."""
    data, hi, new = region.data, region.hi, False
    if region.at(at) == grammar.LESS:
        end = at + 1
        while region.at(end) in grammar.DIGIT and end - at < 4:
            end += 1
        if region.at(end) != grammar.GREATER:
            return 0, 0
        at = end + 1
        if data[at : min(at + 2, hi)] == b"1 ":
            at, new = at + 2, True
    if at + 21 >= hi:
        return 0, 0
    if _fits(data, at, b"Aaa 99 99:99:99 "):
        return at + 16, 0
    if _fits(data, at, b"9999-99-99T99:99:99"):
        end = at + 19
        while region.at(end) in _ZONE and end - at < 40:
            end += 1
        return (end + 1, -1 if new else 1) if region.at(end) == grammar.BLANK else (0, 0)
    return 0, 0


_ZONE = frozenset(b"0123456789.:+-Z")


def _fits(data: bytes, at: int, shape: bytes) -> bool:
    """Whether the text has a shape: A a capital, a a small letter, 9 a digit (or a blank before one, in a day)."""
    for place, sign in enumerate(shape):
        byte = data[at + place]
        good = {65: 65 <= byte <= 90, 97: 97 <= byte <= 122, 57: 48 <= byte <= 57 or (place == 4 and byte == grammar.BLANK)}.get(
            sign, byte == sign
        )
        if not good:
            return False
    return True
