"""Values behind a name that are several, or stand on the lines below: lists, objects, blocks of YAML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import ABOUT, STRONG, WEAK, Meaning, words
from diagbundle.redact.named.plausible import DEFAULT, is_secret, random_like, scheme_end
from diagbundle.redact.named.values import BACKSLASH, BLOCK, OPEN, Value, begins_line, line_end, quoted
from diagbundle.redact.span import LINE, Span

ROOM_OF_ONE = 4096
BLOCK_SIGN = regex(rb"(?:!!?\w+[ \t]+)?[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]*)?\r?\n")
ITEM = regex(rb"(?P<indent>[ \t]*)-[ \t]+(?=\S)")
MAPPING = regex(rb"[\"']?[\w.$/-]{1,80}[\"']?[ \t]*:(?:\s|\Z)")
NAMED = regex(rb"([ \t]*)[\"']?([\w.@/-]{1,80})[\"']?:[ \t]+(?=\S)")
PAIR = regex(rb"(?:[\s,]|\\+[nrt])*(?P<close>\\{0,31}[\"'])?(?P<name>[\w.@$/-]{1,64})(?(close)(?P=close))\s*(?:=>|[:=])[ \t]*")
BARE_ITEM = regex(rb"[^\s,\]}\"'\[{]+")
SCHEME = regex(rb"(?:Bearer|Basic|Token|token|bearer) (?=\S{8,}\Z)")
USER = regex(rb"[A-Za-z][\w.@-]{0,40}(?::(?=[^/:\s])| / (?=\S{4}))")
"""In credentials, the name before the secret."""
ACCOUNT = regex(rb"(?i)(?:benutzer|user|nutzer|konto|account|utilisateur|usuario|utente)[\w-]{0,8}:? [\w.@\\-]{1,64}")
"""Who they belong to, and no more: `Credentials: user bob, password: P`."""
USERS = regex(rb"(?:[A-Za-z][\w.@-]{0,40}:[^;:\s]{1,128};){1,32}(?:[A-Za-z][\w.@-]{0,40}:[^;:\s]{1,128})?")
OF_USER = regex(rb"[^;:]+:([^;]+)")
"""A list of them: `admin:P;guest:Q`."""
NUMBER = regex(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\s,}\]]|\\+[nrt]|\Z)")
COOKIE = regex(rb"[A-Za-z_][\w.-]{0,40}=(?=[^=\s])")
PLAIN_MEMBERS = frozenset(("value", "data", "plain", "current", "new", "old", "default", "text", "raw", "cleartext"))


PARENT = regex(
    rb"(?i)(?:crypt|crypto|encrypt|encryption|cipher|signing|signature|jwt|hmac|aes|session|cookie|master|secret|token)s?"
    rb"[\"']?\]?[ \t]*(?:=>|[:=])?[ \t]*[\[{(]?[ \t]*\r?\n[ \t]+[\"']?\Z"
)
HEX_KEY = 32


def hexes_too(data: bytes, name: int, means: Meaning, value: Value) -> Meaning:
    """What a bare `key` means below `encryption:`: there, a long hexadecimal number is one."""
    if means.strength != WEAK or value.end - value.start < HEX_KEY or data[name : name + 3].lower() != b"key":
        return means
    return means._replace(hexes=True) if PARENT.search(data[max(0, name - 160) : name]) else means


HEREDOC = regex(rb"<<[-~]?[ \t]*[\"']?(?P<mark>[A-Z_]{2,20})[\"']?[ \t]*\r?\n(?P<text>[^\n]{1,1024})\r?\n[ \t]*(?P=mark)(?!\w)")
"""One line between marks, as HCL and Ruby write it."""


def heredoc(data: bytes, start: int, means: Meaning) -> Iterable[Span] | None:
    """`password = <<EOT`, the pass word, and `EOT`; None where something else stands."""
    found = HEREDOC.match(data, start, start + BLOCK)
    if found is None:
        return None
    text = found["text"].strip()
    begin = data.find(text, found.start("text"))
    return judged(data, Value(begin, begin + len(text), found.end(), quoted=True), means, direct=True)


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
    if means.kind == "credential" and b";" in text and USERS.fullmatch(text):
        return [Span(start + each.start(1), start + each.end(1), means.kind) for each in OF_USER.finditer(text)]
    if means.kind == "credential" and (user := USER.match(text) or (means.strength == WEAK and COOKIE.match(text))):
        start += user.end()
        text = data[start:end]
    if means.kind == "credential" and ACCOUNT.fullmatch(text):
        return ()
    if not is_secret(text, means, direct=direct, quoted=is_quoted, spaced=spaced):
        return ()
    start += scheme_end(text)
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
        elif means.many:
            yield from _named_below(data, at, own, means)


def _named_below(data: bytes, at: int, own: int, means: Meaning) -> Iterator[Span]:
    """The values of a mapping below `secrets:`, of those that nobody would think of."""
    end = _indented(data, at, own)
    first = len(data[at:end]) - len(data[at:end].lstrip(b" "))
    while at < end:
        line = line_end(data, at)
        named = NAMED.match(data, at, line)
        if named and len(named[1]) == first and ABOUT.isdisjoint(words(named[2])):
            value = _stripped(data, named.end(), line)
            if random_like(data[value.start : value.end].strip(b"\"'"), means._replace(hexes=True)):
                yield from _rest(data, value.start, value.end, means)
        at = data.find(b"\n", line) + 1 or end


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
