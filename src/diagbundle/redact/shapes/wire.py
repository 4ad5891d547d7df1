"""Secrets as protocols say them: mail, directory, cache, chat, telephony, remote access."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.plausible import PROSE, told
from diagbundle.redact.shapes.text import LONG, exact, folded, hidden, kept, mixed, within
from diagbundle.redact.span import Literal, Pattern, Span

_MECHANISMS = (
    rb"(?:PLAIN|LOGIN|XOAUTH2?|OAUTHBEARER|NTLM|CRAM-MD5|DIGEST-MD5|GSSAPI|EXTERNAL"
    rb"|SCRAM-SHA-[0-9]+(?:-PLUS)?|GSS-SPNEGO|SPNEGO|KERBEROS_V4|MSN|X-\w+)"
)
_SASL = regex(
    rb"auth(?:enticate)?[\s=]+\"?" + _MECHANISMS + rb"\"?[ \t]+(?:\{[0-9]+\+?\}(?:\\r\\n"
    rb"|\s)+)?\"?(?=([A-Za-z0-9+/]{4,}={0,3})(?![\w=-]))",
    re.IGNORECASE,
)
_MECHANISM = regex(_MECHANISMS, re.IGNORECASE)
_ONLY_SASL = regex(
    rb"auth(?:enticate)?[ \t]+(PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|NTLM|CRAM-MD5|DIGEST-MD5)[\"'\\rn]{0,6}[ \t\r]*\n", re.IGNORECASE
)
_SERVER = regex(rb"(?:^|[\s:<>=\]\[-])(?:334|\+)(?:[ \t]*(?:[A-Za-z0-9+/]{4,}={0,2})?)[\"'\\rn]{0,6}[ \t\r]*$")
_B64_LAST = regex(rb"(?:^|[\s:>\"'\]=])([A-Za-z0-9+/]{4,}={0,3})(?:\\r\\n|\\n)?[\"']?[ \t\r]*$")


def _sasl(data: bytes, at: int) -> Iterable[Span]:
    """`AUTH PLAIN P` on one line; where the server asks first, the client's next line."""
    found = _SASL.match(data, at, at + 200)
    if found and not _MECHANISM.fullmatch(found[1]):
        end = re.compile(rb"[A-Za-z0-9+/=]+").match(data, found.end())
        return hidden(data, found.end(), end.end(), "sasl") if end else ()
    only = _ONLY_SASL.match(data, at, at + 60)
    return _answers(data, only.end(), 2 if only[1].upper() == b"LOGIN" else 1) if only else ()


def _answers(data: bytes, at: int, most: int) -> Iterator[Span]:
    """What the client says after each of the server's questions; of a name and a pass word, the second one."""
    answered, asked = 0, False
    for _ in range(2 * most + 4):
        end = within(data, at, 4096)
        line = data[at:end]
        if (_SERVER.search(line) and b"UGFzc3dvcmQ6" not in line[-14:]) or _SERVER.search(line):
            asked = True
        elif asked and b"REDACTED_" in line:
            answered, asked = answered + 1, False
        elif asked and (word := _B64_LAST.search(line)):
            answered, asked = answered + 1, False
            if answered == most:
                yield from hidden(data, at + word.start(1), at + word.end(1), "sasl")
                return
        at = data.find(b"\n", end, end + 2) + 1
        if at <= 0:
            return


_ASKS = regex(rb"(?:334|\+)[ \t]?[ \t]?\Z")
_REPLY = regex(rb"(?:^|[\s:<>])[2-5][0-9]{2}[ -]")


def _asked_password(data: bytes, at: int) -> Iterable[Span]:
    """Behind `334 UGFzc3dvcmQ6` the client says its pass word."""
    end = data.find(b"\n", at, at + 64)
    if end < 0 or not _ASKS.search(data, max(0, at - 4), at):
        return ()
    for _ in range(2):
        start, end = end + 1, within(data, end + 1, 4096)
        line = data[start:end]
        if b"REDACTED_" in line or _REPLY.search(line):
            break
        if word := _B64_LAST.search(line):
            return hidden(data, start + word.start(1), start + word.end(1), "sasl")
        end = data.find(b"\n", end, end + 2)
        if end < 0:
            break
    return ()


_QUOTED_OR_WORD = rb"(?:\"((?:[^\"\\\r\n]|\\.)*)\"|\\\"((?:[^\"\\\r\n])*)\\\"|\{[0-9]+\+?\}(?:\r?\n|\\r\\n)(\S+)|([^\s\"]+))"
_IMAP = regex(rb"(?:^|[\s:>\"'\]])[A-Za-z]{0,6}[0-9]{1,8}[A-Za-z]?[ \t]\Z")
_LOGIN = regex(
    rb"login[ \t]+(?:\"[^\"\r\n]{1,256}\"|\\\"[^\"\\\r\n]{1,256}\\\"|\{[0-9]+\+?\}\r?\n\S+|[^\s\"]{1,256})[ \t]+" + _QUOTED_OR_WORD,
    re.IGNORECASE,
)


def _imap(data: bytes, at: int) -> Iterable[Span]:
    """`a1 LOGIN user "P"`."""
    at += 2
    if not _IMAP.search(data[max(0, at - 24) : at]):
        return ()
    found = _LOGIN.match(data, at, at + 1024)
    if found and found[4] is not None and not found[0][:5].isupper() and not told(found[4]):  # `more than 10 login lines. The`
        return ()
    return _group(data, found) if found else ()


def _group(data: bytes, found: re.Match[bytes], first: int = 1) -> Iterable[Span]:
    """The group that took part, without an escaped end of the line."""
    for number in range(first, (found.lastindex or 0) + 1):
        if found[number] is not None:
            start, end = found.span(number)
            text = data[start:end]
            return hidden(data, start, end - len(text) + len(re.sub(rb"(?:\\[rn]|[\r\n\"',])+\Z", b"", text)), "wire_password")
    return ()


_PASS = regex(rb"PASS[ \t]+:?(?=\S)([^\r\n]{1,256})")
_SPEAKS = regex(rb"USER |NICK |\+OK|331[ -]|CAP LS|--> |[Pp][Oo][Pp]3|[Ff][Tt][Pp]|C: ")
_GOES_ON = regex(rb"\r?\n(?:NICK|USER) ")
_POINTS = regex(
    rb"(?:---?>|>{1,3}|=>|C:|c:|CLIENT:|client:|\[client\]|sent:|send:|Sent|Command:|command|cmd|ftp>|\""
    rb"|')[ \t]*['\"]?\Z",
    re.IGNORECASE,
)


def _pass(data: bytes, at: int) -> Iterable[Span]:
    """`PASS P` of FTP, POP3 and IRC: after a client's mark, or near a `USER u`."""
    found = _PASS.match(data, at, at + 300)
    if not found or data[at - 1 : at].isalnum() or data[at - 1 : at] == b"_":
        return ()
    before = data[max(0, at - 240) : at]
    line = before[before.rfind(b"\n") + 1 :]
    after = data[found.end() : found.end() + 24]
    if not (_POINTS.search(line[-16:]) or _SPEAKS.search(before) or _GOES_ON.match(after)):
        return ()
    return (span for span in _line_value(data, found.start(1), found.end(1), line) if not _SENTENCE.match(data, *span[:2]))


_SENTENCE = regex(rb"[A-Za-z'.,]+[ \t]+[\w<([{'\"-]")
"""More words behind the first one, which is a plain word: `the PASS command is sent`."""


def _line_value(data: bytes, start: int, end: int, line: bytes) -> Iterable[Span]:
    """To the end of the line, but not over the quote that was opened before, nor over an escaped newline."""
    text = data[start:end]
    stops = [place for mark in (b"\\r", b"\\n") if (place := text.find(mark)) >= 0]
    quote = line.rstrip()[-1:]
    quote = quote if quote in (b'"', b"'") else b'"' * (line.count(b'"') % 2)
    around = quote + b"".join(mark for mark in (b'"', b"'") if mark != quote and line.count(mark) % 2)
    stops += [place for mark in around if (place := text.find(mark)) >= 0]
    text = text[: min(stops, default=len(text))].rstrip()
    return hidden(data, start, start + len(text), "wire_password")


_REDIS = regex(
    rb"(?:hello[ \t]+[23][ \t]+)?auth[ \t]+(?:"
    + _MECHANISMS
    + rb"\b)?(?P<a>(?![=:])[^\s\"'\\]{1,512})(?:[ \t]+(?P<b>[^\s\"'\\-][^\s\"'\\]{0,511}))?",
    re.IGNORECASE,
)
_REDIS_QUOTED = regex(
    rb"auth(\\?\")(?: \\?\"(?P<a>[^\"\\\n]*(?:\\(?!\")[^\s][^\"\\\n]*)*)\\?\")(?: \\?\"(?P<b>[^\"\\\n]*(?:\\(?!\")"
    rb"[^\s][^\"\\\n]*)*)\\?\")?",
    re.IGNORECASE,
)
_PROMPT = regex(rb"(?:^|[0-9a-z\])]>|\n|C:|>>|redis[^\n]{0,40}|\"|'|cmd=|hello [23])[ \t]*\Z", re.IGNORECASE)


def _redis(data: bytes, at: int) -> Iterable[Span]:
    """`AUTH P`, `AUTH u P`, `HELLO 3 AUTH u P`: at a prompt or at a line's beginning."""
    if data[at - 1 : at] in (b"_", b"-", b".", b"/"):
        return ()  # `type=USER_AUTH msg=audit`
    before = data[max(0, at - 64) : at]
    line = before[before.rfind(b"\n") + 1 :]
    found = _REDIS.match(data, at, at + 1100)
    if not found or _MECHANISM.match(found["a"]) or data[at - 1 : at].isalnum() or (line and not _PROMPT.search(line)):
        return ()
    end = found.end("b") if found["b"] else found.end("a")
    rest = data[end : within(data, end, 512)].strip(b" \t\r\"'")
    if rest and not rest.startswith((b"SETNAME", b"setname", b"\\")):
        return ()
    name = "b" if found["b"] else "a"
    if not line and name == "b" and data[at : at + 1] == b"a" and not mixed(found["b"]):
        return ()  # `auth required pam_env.so`
    if not line and (word := found[name].rstrip(b".,:;")).isalpha() and word.islower() and len(word) < LONG and not found["a"].isupper():
        return ()
    return hidden(data, found.start(name), found.end(name), "wire_password")


def _redis_words(data: bytes, at: int) -> Iterable[Span]:
    r"""MONITOR's `"auth" "u" "P"`."""
    found = _REDIS_QUOTED.match(data, at + 1, at + 1100)
    if not found:
        return ()
    name = "b" if found["b"] is not None else "a"
    return hidden(data, found.start(name), found.end(name), "wire_password")


_RESP = regex(
    rb"(?:auth|requirepass|masterauth)(\r\n|\n|\\r\\n)\$[0-9]+\1(?P<a>[^\r\n\\]{1,512})\1(?:\$[0-9]+\1(?P<b>[^\r\n\\]{1,512}))?",
    re.IGNORECASE,
)


def _resp(data: bytes, at: int) -> Iterator[Span]:
    """The same as it goes over the wire, with the length of each word before it."""
    found = _RESP.match(data, at, at + 1200)
    before = data[max(0, at - 24) : at]
    if found:
        is_pair = found["b"] is not None and re.search(rb"\*3(?:\r\n|\n|\\r\\n)\$4", before)
        name = "b" if is_pair else "a"
        yield from hidden(data, found.start(name), found.end(name), "wire_password")


_DIGEST_NAMES = regex(
    rb"(?:user|cleartext|chap|nt|lm|tunnel|crypt|smd5|sha|ssha|md5|old|new|proxy|digest|ms-chap2?|ms-mppe-(?:recv"
    rb"|send)|ascend)-(?:password|response|key|hash|send-password|receive-password|secret)",
    re.IGNORECASE,
)
_RADIUS = regex(
    rb"[\w-]{0,24}+(?:\(\d+\))?[ \t]*(?::?=|\+=|==|:)[ \t]*(?:\\?\"((?:[^\"\\\r\n]|\\.)*?)\\?\"|'([^'\r\n]*)'"
    rb"|(0x[0-9A-Fa-f]{4,}|[^\s\"',;]+))"
)


def _radius(data: bytes, at: int) -> Iterable[Span]:
    """`User-Password = "P"` and the answers to a challenge."""
    name = _DIGEST_NAMES.match(data, at)
    found = _RADIUS.match(data, name.end(), name.end() + 600) if name else None
    return _group(data, found) if found else ()


def _after(pattern: bytes) -> Callable[[bytes, int], Iterable[Span]]:
    """A find: the first group that takes part where the pattern matches at the anchor."""
    compiled = regex(pattern, re.IGNORECASE)

    def find(data: bytes, at: int) -> Iterable[Span]:
        found = compiled.match(data, at, at + 1024)
        return _group(data, found) if found else ()

    return find


def _setting(data: bytes, at: int) -> Iterable[Span]:
    """`requirepass P`, and not what a comment says about it."""
    spans = list(_of_setting(data, at))
    said = data[spans[0].start : spans[0].end] if spans else b""
    return () if said.lower() in PROSE else spans


def _xmpp(data: bytes, at: int) -> Iterable[Span]:
    """`<auth mechanism='PLAIN'>P</auth>`, and the answers `<response>P</response>`."""
    found = re.compile(
        rb"<(?:auth|response)\b[^<>]{0,300}urn:ietf:params:xml:ns:xmpp-sasl[^<>]{0,200}>"
        rb"([A-Za-z0-9+/=]{4,4096})"
    ).match(data, at)
    return _group(data, found) if found else ()


def _set_user(data: bytes, at: int) -> Iterator[Span]:
    """`ACL SETUSER u on >P ~* +@all`."""
    for word in re.compile(rb"(?<=[\s\"])[>#<](?=[^\s\"=>]{4})([^\s\"'\\]+)").finditer(data, at, within(data, at, 1024)):
        if mixed(word[1]) or (len(word[1]) >= LONG and not kept(word[1])):
            yield from hidden(data, word.start(1), word.end(1), "wire_password")


def _wire(title: str, anchors: tuple[Literal, ...], find: Callable[[bytes, int], Iterable[Span]], kind: str = "wire_password") -> Pattern:
    return Pattern(kind, title, anchors, find)


_SASL_ANCHORS = tuple(
    Literal(word, fold=True, next=b"pPlLxXoOnNcCdDgGsSeEkK") for word in (b"auth ", b"authenticate ", b"auth=", b"authenticate=")
)
_RESP_ANCHORS = folded("auth\r\n$", "auth\\r\\n$", "requirepass\r\n$", "requirepass\\r\\n$", "masterauth\r\n$")
_ATTRIBUTES = (
    "user-password", "cleartext-password", "chap-password", "nt-password", "lm-password", "tunnel-password", "ms-chap-response",
    "ms-chap2-response", "nt-response", "lm-response",
    "ms-mppe-recv-key", "ms-mppe-send-key", "crypt-password", "md5-password", "chap-response",
)  # fmt: skip
_SIMPLE = rb"authentication: simple[^\n]{0,20}\n[^\n]{0,40}simple:[ \t]*([0-9a-f]{4,}|\S+)"
_IDENTIFY = (
    rb"identify[ \t]+(?:[A-Za-z\[\]{}|^`][\w\[\]{}|^`-]{0,30}[ \t]+(?=[^\s]{6,64}(?:\s*[\r\n]|\s*\Z|[\"'\\]|[ \t]*\()))?"
    rb"((?=[^\s0-9]{0,64}[0-9])(?=[^\sA-Za-z]{0,64}[A-Za-z])[^\s\"'\\<>()\[\]/|]{6,})(?=\s|\Z|[\"'\\])"
)
_WORD = rb"(?:\\?\"([^\"\\\r\n]+)|'([^'\r\n]+)'|([^\s\"',;\\]+))"
_of_setting = _after(rb"(?:requirepass|masterauth)(?:\\?\"[ \t]+(?=\\?\")|[ \t]+)" + _WORD)

PATTERNS: tuple[Pattern, ...] = (
    _wire(
        "What a mail client proves itself with",
        _SASL_ANCHORS,
        _sasl,
        "sasl",
    ),
    _wire("The answer to a mail server that asks for the pass word", exact("UGFzc3dvcmQ6"), _asked_password, "sasl"),
    _wire("The pass word of an IMAP login", folded(*(f"{digit} login " for digit in range(10))), _imap),
    _wire("The pass word of FTP, POP3 or IRC", exact("PASS "), _pass),
    _wire("The pass word of a news server", folded("authinfo pass "), _after(rb"authinfo pass ([^\s\"']+)")),
    _wire("The pass word of Redis at its prompt", exact("AUTH ", "auth "), _redis),
    _wire("The pass word of Redis as MONITOR shows it", folded('"auth\\" ', '"auth" '), _redis_words),
    _wire("The pass word of Redis on the wire", _RESP_ANCHORS, _resp),
    _wire("The pass word of Redis in its settings", folded("requirepass", "masterauth"), _setting),
    _wire("A user's pass word of Redis", (Literal(b"setuser", fold=True, next=b" \t\"'\\"),), _set_user),
    _wire("A pass word in a packet of RADIUS", folded(*_ATTRIBUTES), _radius),
    _wire("The pass word of a simple bind in a dump", folded("authentication: simple"), _after(_SIMPLE)),
    _wire("What a chat client says to be known", exact("IDENTIFY ", "identify ", "Identify "), _after(_IDENTIFY)),
    _wire("The pass word of an operator of a chat", exact("OPER "), _after(rb"OPER[ \t]+\w{1,30}[ \t]+([^\s\"'\\]{4,})[\"']?\s*$")),
    _wire("What a chat client proves itself with", exact("<auth ", "<response "), _xmpp, "sasl"),
    _wire("The pass code of a message broker", folded("passcode:"), _after(rb"passcode:[ \t]?((?:[^\s\\\"',]|\\(?![nr\"']))+)")),
    _wire("What a client of dovecot proves itself with", exact("\tresp="), _after(rb"\tresp=([A-Za-z0-9+/=]{8,})"), "sasl"),
    _wire("The pass word in an authinfo file", folded("authinfo:"), _after(rb"authinfo:[^\n]{0,200}?\"P:([^\"\n]+)\"")),
    _wire("The community of a packet of SNMP", folded('community "'), _after(rb"community \"([^\"\n]+)\"")),
)
