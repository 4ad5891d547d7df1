"""A user and a pass word side by side, with no name of the pass word: `root / P`, `credentials are bob:P`, `h:5432:*:app:P`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.plausible import ADDRESS, PATH, PROSE, phrase, told
from diagbundle.redact.shapes.text import exact, folded, hidden
from diagbundle.redact.span import Literal, Pattern, Span

_KIND = "login_password"
_BACK = 96
_USER = rb"[A-Za-z][\w.@\\-]{1,60}"
_WORD = rb"(?P<q>[\"'`]?)(?P<word>[^\s\"'`,;()<>\[\]{}/]{4,128})"


def _spans(data: bytes, found: re.Match[bytes] | None) -> Iterable[Span]:
    """The word, if it is a pass word."""
    if not found:
        return ()
    start = found.start("word")
    word = found["word"].rstrip(b".:")
    end = start + len(word)
    if ADDRESS.fullmatch(word) or PATH.fullmatch(word) or b"=" in word[1:-1] or word.lower() in PROSE:
        return ()
    return hidden(data, start, end, _KIND) if told(word) or phrase(word, data[end : end + 8]) else ()


_KNOWN = regex(
    rb"(?<![\w./-])(?:root|(?:[Aa]dmin|ADMIN)(?:istrator)?|superuser|sysadmin|sa|guest|support|operator|service|test|pi|ubuntu|oracle|"
    rb"postgres|sys|system|user|manager|cisco|ubnt|[\w.-]{1,40}@[\w.-]{2,60})\Z"
)
_ANNOUNCED = regex(
    rb"(?i)(?<![A-Za-z])(?:cred(?!it)|zugang|access|account|login|logon|log in|user|konto|anmeld|benutzer)[^\n]{0,60}?(?<![\w./*-])"
    + _USER
    + rb"\Z"
)
_BESIDE = regex(rb" / (?=[^\s]{0,128}[0-9!#$%^&+=?~]|[^\s-]+-)(?:[\"'`](?=[^\s]+[\"'`]))?(?P<word>[^\s\"'`,;()<>\[\]{}/]{4,128})")


def _beside(data: bytes, at: int) -> Iterable[Span]:
    """`Creds for the iDRAC: root / P`, `admin / P`."""
    line = data.rfind(b"\n", max(0, at - _BACK), at) + 1
    before = data[max(line, at - _BACK) : at]
    found = _BESIDE.match(data, at, at + 160) if _KNOWN.search(before) or _ANNOUNCED.search(before) else None
    return _spans(data, found)


_CREDENTIALS = regex(
    rb"(?i)(?:credentials?|creds?|log(?:ged)? ?in|login|logon)(?: (?:for|of|on|to) [^\n:]{1,40}?)?"
    rb"(?: (?:are|is|with|as|using|failed|data))?:? [\"'`]?" + _USER + rb"[:/]" + _WORD
)


def _tight(data: bytes, at: int) -> Iterable[Span]:
    """`credentials are admin:P`, `login failed: bob/P`."""
    found = _CREDENTIALS.match(data, at, at + 256)
    return _spans(data, found) if found and data[found.start("word") - 1 : found.start("word") + 1] not in (b"//", b":/") else ()


_BELOW = regex(rb"(?i)/ ?pass(?:word|wd|wort)?[ \t]*\r?\n[^\n/]{1,60}/ ?" + _WORD + rb"(?=\s|\Z)")


def _below(data: bytes, at: int) -> Iterable[Span]:
    """`Login / Password`, and on the next line `admin / P`."""
    return _spans(data, _BELOW.match(data, at, at + 256))


_SHORT_USER = regex(rb"(?i)(?:^|[\s,;|])(?:u|user|login|l|usr|username|benutzer|id)[ ]?[:=][ ]?[^\s,;|]{2,60}[ ]*(?:[,;|]|\r?\n|[ ])[ ]*\Z")
_SHORT = regex(rb"[Pp] ?[:=] ?" + _WORD + rb"(?=[\s,;|]|\Z)")


def _initials(data: bytes, at: int) -> Iterable[Span]:
    """`U: admin`, and on the same line or the next one `P: P`."""
    place = at + (data[at : at + 1] not in (b"P", b"p"))
    return _spans(data, _SHORT.match(data, place, place + 140) if _SHORT_USER.search(data[max(0, place - _BACK) : place]) else None)


_PGPASS = regex(
    rb"(?m)(?:^|(?<=[\s\"']))[\w.*-]{1,128}:(?:\d{2,5}|\*):[\w*-]{1,64}:[\w.*-]{1,64}:(?P<word>(?:[^\s:\"'\\]|\\.){3,128})(?=\s|\Z)"
)
"""`host:port:database:user:P` of libpq, https://www.postgresql.org/docs/current/libpq-pgpass.html."""


def _pgpass(data: bytes, at: int) -> Iterable[Span]:
    line = data.rfind(b"\n", max(0, at - 200), at) + 1
    found = next((each for each in _PGPASS.finditer(data, max(line, at - 130), at + 400) if each.start() <= at < each.end()), None)
    return hidden(data, *found.span("word"), _KIND) if found and not found["word"].isdigit() else ()


_RELAY = regex(rb"\]?:(?:25|465|587|2525|smtps?|submissions?)[ \t]+[\w.@+-]{1,128}:(?P<word>[^\s]{3,128})[ \t]*\r?(?=\n|\Z)")


def _relay(data: bytes, at: int) -> Iterable[Span]:
    """`[mx.example.org]:587 user:P`, the logins at other mail servers."""
    found = _RELAY.match(data, at, at + 300) or _RELAY.match(data, at + 1, at + 300)
    return hidden(data, *found.span("word"), _KIND) if found else ()


PATTERNS: tuple[Pattern, ...] = (
    Pattern(_KIND, "A user, a slash and a pass word", (Literal(b" / "),), _beside),
    Pattern(
        _KIND,
        "A user and a pass word behind a word that announces both",
        folded(*(who + how for who in ("credentials", "credential", "creds", "cred", "login", "log in", "logged in", "logon")
                 for how in (" are ", ": ", " is ", " with ", " as ", " using ", " failed: ", " for ", " data: "))),
        _tight,
    ),
    Pattern(_KIND, "A user and a pass word below their titles", folded("/ pass", "/pass"), _below),
    Pattern(_KIND, "A pass word behind its initial", (*exact("\nP: ", " P: ", "\nP:", " p: ", ",P:", ";P:"),), _initials),
    Pattern(_KIND, "A line of libpq's file of pass words", (*exact(":5432:", ":*:", ":5433:", ":6432:"),), _pgpass),
    Pattern(
        _KIND, "A login at another mail server",
        tuple(Literal(port, next=b" \t") for port in (b":587", b":465", b":25", b":submission")), _relay,
    ),
)  # fmt: skip
