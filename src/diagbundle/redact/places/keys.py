"""Keys that stand in members, columns and dumps: JSON web keys, TLS key logs, what `openssl s_client` prints, keytabs in base64."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.places.judge import each_line, spans
from diagbundle.redact.span import Literal, Pattern, Span, line_at

_OBJECT = 8 << 10
"""Bytes on each side in which a JSON web key has its members."""
_KTY = regex(rb"kty\\*[\"']\s{0,8}[:=]\s{0,8}\\*[\"'](?:RSA|EC|OKP|oct|AKP)")
_MEMBER = regex(rb"[\"'](?:d|p|q|dp|dq|qi|k|priv)\\*[\"']\s{0,8}[:=]\s{0,8}\\*[\"']([A-Za-z0-9_-]{8,})")


def _jwk(data: bytes, at: int) -> Iterator[Span]:
    """The private members of the object that has this `kty`."""
    if not _KTY.match(data, at):
        return
    start = max(data.rfind(b"{", max(0, at - _OBJECT), at), data.rfind(b'kty"', max(0, at - _OBJECT), at), at - _OBJECT, 0)
    end = data.find(b"}", at, at + _OBJECT)
    again = data.find(b"kty", at + 3, at + _OBJECT)
    ends = [each for each in (end, again, at + _OBJECT) if each >= 0]
    for member in _MEMBER.finditer(data, start, min(ends)):
        yield from spans(member, "jwk_private")


_LOGGED = regex(
    rb"(?:CLIENT_RANDOM|[A-Z_]{0,24}TRAFFIC_SECRET(?:_[0-9]+)?|(?:EARLY_)?EXPORTER_SECRET|ECH_SECRET) "
    rb"[0-9a-fA-F]{32,64} ([0-9a-fA-F]{32,})"
)


def _key_log(data: bytes, at: int) -> Iterator[Span]:
    """The last column of a TLS key log."""
    line, end = line_at(data, at)
    start = data.rfind(b" ", line, at) + 1
    yield from spans(_LOGGED.match(data, max(start, line), end), "tls_key_log")


_SESSION = regex(rb"(?:Master-Key|Resumption PSK|Session-ID|PSK)\s{0,4}: {0,4}([0-9A-Fa-f]{16,})")


def _session(data: bytes, at: int) -> Iterator[Span]:
    yield from spans(_SESSION.match(data, at), "tls_session")


_DUMP = regex(rb"[^\n]{0,200}?[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]){1,16}[^\n]{0,64})")


def _ticket(data: bytes, at: int) -> Iterator[Span]:
    """The lines of a hex dump below `TLS session ticket:`."""
    behind = data.find(b"\n", at, at + 64) + 1
    if data[at + 18 : at + 19] != b":" or not behind:
        return
    for start, end in each_line(data, behind, min(len(data), at + (8 << 10))):
        line = _DUMP.match(data, start, end)
        if not line:
            return
        yield from spans(line, "tls_session")


_KEYTAB = regex(
    rb"BQI[AB]A[A-Za-z0-9+/]{18,}"
    rb"(?:\r?\n[ \t]{0,16}[A-Za-z0-9+/]{60,76}(?![A-Za-z0-9+/])){0,200}"
    rb"(?:\r?\n[ \t]{0,16}[A-Za-z0-9+/]{1,75}={0,2}(?![^\s\"']))?={0,2}"
)


def _keytab(data: bytes, at: int) -> Iterator[Span]:
    """A keytab in base64, of one line or of many."""
    keytab = _KEYTAB.match(data, at)
    if keytab and not data[at - 1 : at].isalnum():
        text = keytab[0]
        first = text.find(b"\n")
        whole = first < 0 or first >= 60  # noqa: PLR2004 - what is folded is folded at 64 or 76
        yield Span(at, keytab.end() if whole else at + len(text[:first].rstrip()), "keytab")


_EXPRESSION = regex(rb"\(private-key\s{1,32}\(([a-z]{2,12})(?=\s{0,32}\()")
_NUMBER = regex(rb"\s{0,64}\(([\w-]{1,16})\s{1,64}(?:#([0-9A-Fa-f\s]{2,8192})#|[\w.\"+/=|-]{1,8192})\s{0,64}\)")
_PRIVATE = {b"rsa": b"dpqu", b"dsa": b"x", b"elg": b"x"}


def _expression(data: bytes, at: int) -> Iterator[Span]:
    """`(private-key (rsa (n #..#) (e #..#) (d #P#)))`, as the library of GnuPG prints keys."""
    head = _EXPRESSION.match(data, at)
    place, private = (head.end(), _PRIVATE.get(head[1], b"d")) if head else (-1, b"")
    while place >= 0:
        number = _NUMBER.match(data, place)
        if number and number[2] and number[1] in private:
            yield Span(*number.span(2), "private_key")
        place = number.end() if number else -1


PATTERNS: tuple[Pattern, ...] = (
    Pattern("jwk_private", "Private members of JSON web keys", (Literal(b'kty"'), Literal(b"kty'"), Literal(b"kty\\")), _jwk),
    Pattern(
        "tls_key_log",
        "Secrets of TLS sessions, logged for debugging",
        (Literal(b"CLIENT_RANDOM "), Literal(b"TRAFFIC_SECRET"), Literal(b"EXPORTER_SECRET "), Literal(b"ECH_SECRET ")),
        _key_log,
    ),
    Pattern(
        "tls_session",
        "Keys and identifiers with which a TLS session can be resumed",
        (Literal(b"Master-Key"), Literal(b"Resumption PSK"), Literal(b"Session-ID")),
        _session,
    ),
    Pattern("tls_ticket", "Tickets with which a TLS session can be resumed", (Literal(b"TLS session ticket"),), _ticket),
    Pattern("private_key", "Keys that are printed as nested lists", (Literal(b"(private-key"),), _expression),
    Pattern("keytab", "Kerberos keytabs in base64", (Literal(b"BQIA", run=20), Literal(b"BQIB", run=20)), _keytab),
)
