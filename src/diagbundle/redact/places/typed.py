"""What was typed at the wrong prompt: a pass word instead of a user's name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.places.judge import classes, stays
from diagbundle.redact.span import Literal, Pattern, Span

KIND = "typed_name"
_USER = regex(
    rb"(?i:(?:invalid|illegal|unknown|nonexistent) user:?|failed login (?:\(\d+\)|\d+) (?:from|on) \S{1,100},? for|check pass; user) "
    rb"[`'\"]?([^\r\n]{1,200}?)[`'\"]?"
    rb"(?= from [0-9A-Za-z:.-]+| [0-9A-Fa-f:.]{3,45} port \d|,? (?:authentication|user unknown)|"
    rb"(?P<last>, | \[preauth\]|[ \t]*(?:\r?\n|\Z)))"
)
_ACCOUNT = regex(rb"(?:acct|ruser)=(?:\"([^\"\n]{4,128})\"|([^\s\"=]{4,128}))")
_DOTTED = regex(rb"[A-Za-z][\w-]{0,30}(?:[.@\\/+-][A-Za-z0-9][\w-]{0,60}){0,6}\$?")
_MIXED = 3
_SHORTEST = 6


def is_typed(name: bytes) -> bool:
    """Whether a name is more likely a pass word: people's names have no digits between capitals, and no punctuation."""
    if len(name) < _SHORTEST or name.isalpha():
        return False
    kinds = classes(name)
    odd = kinds >= _MIXED or (kinds > 1 and not _DOTTED.fullmatch(name) and not name.isalnum() and name.strip(b"()<>") == name)
    return odd and not stays(name)


def _user(data: bytes, at: int) -> Iterator[Span]:
    match = _USER.match(data, at, at + 512)
    if match and is_typed(match[1]) and not (match["last"] is not None and b" " in match[1]):  # `invalid user name (x), y` is a sentence
        yield Span(match.start(1), match.end(1), KIND)


def _account(data: bytes, at: int) -> Iterable[Span]:
    match = _ACCOUNT.match(data, at, at + 256)
    group = match.lastindex if match else None
    if not match or not group or not is_typed(match[group]):
        return ()
    return (Span(match.start(group), match.end(group), KIND),)


_WORDS = (
    b"invalid user",
    b"Invalid user",
    b"illegal user",
    b"Illegal user",
    b"unknown user",
    b"Unknown user",
    b"FAILED LOGIN",
    b"nonexistent user",
)

PATTERNS: tuple[Pattern, ...] = (
    Pattern(KIND, "Names nobody has that look like pass words", tuple(Literal(word) for word in _WORDS), _user),
    Pattern(KIND, "Names in audit records that look like pass words", (Literal(b"acct="), Literal(b"ruser=")), _account),
)
