"""What programs print about secrets for people: lists, notices of a new pass word, tables of keys that have no titles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import STRONG, meaning
from diagbundle.redact.named.plausible import told
from diagbundle.redact.places.judge import each_line, spans, stays
from diagbundle.redact.span import Literal, Pattern, Span

KIND = "printed"
_NUMBERED = regex(rb"[ \t]*\d{1,4}\) \"([\w.$-]{1,80})\"\r?\n[ \t]*\d{1,4}\) \"((?:[^\"\\\n]|\\.){1,1024})\"")


def _numbered(data: bytes, at: int) -> Iterator[Span]:
    """`1) "requirepass"` and below it `2) "P"`, as Redis prints names and values."""
    line = data.rfind(b"\n", max(0, at - 128), at) + 1
    found = _NUMBERED.match(data, line, at + 1200)
    if found and meaning(found[1]).strength == STRONG:
        yield from spans(re.compile(rb"(.+)", re.DOTALL).match(data, *found.span(2)), KIND)


_NEW = regex(rb"(?:[Nn]ew|[Ii]nitial|[Gg]enerated) (?:value|one)(?: is)?:[ \t]{1,8}(\S{6,128})")


def _new_value(data: bytes, at: int) -> Iterator[Span]:
    """`Password for [elastic] successfully reset.` and on the next line `New value: P`."""
    if re.search(rb"(?i)pass(?:word|phrase|code)|secret|token", data[max(0, at - 240) : at]):
        yield from spans(_NEW.match(data, at), KIND)


_ANNOUNCED = regex(rb"(?i)\b(?:following|random|generated|initial|default|new|temporary)\b")
_USER_LINE = regex(rb"[ \t]*(?:[-*][ \t]+)?([\w.@\\-]{1,64})[ \t]{0,4}[:=/|][ \t]{0,8}([^\s:]\S{3,127})[ \t]*\r?")
_MOST = 64


def _announced(data: bytes, at: int) -> Iterator[Span]:
    """`Set the following 'random' passwords`, and below it `user:P`, one a line."""
    line = data.rfind(b"\n", max(0, at - 200), at) + 1
    start = data.find(b"\n", at, at + 16) + 1
    if not start or not _ANNOUNCED.search(data, line, at):
        return
    for number, (begin, end) in enumerate(each_line(data, start, min(len(data), at + 4096))):
        user = _USER_LINE.fullmatch(data, begin, end)
        if not user or number > _MOST:
            return
        if told(user[2]) and not stays(user[2]):
            yield Span(user.start(2), user.end(2), KIND)


_LOGIN = regex(
    rb"(?i)(?:log(?:[ -]?in|on)|sign in|anmeld\w{1,4}|einloggen|credentials?|user(?:name)?[ ]?[/&][ ]?pass(?:word)?)"
    rb"(?: (?:is|are|with|as|using|mit|als|avec|con))?[ \t]{0,4}(?:[-=]>|[:=-])?[ \t]{1,8}[\"'`]?"
    rb"[a-z][\w.@-]{1,63}[\"'`]?(?:[ ]?/[ ]?|:| [-=]> )[\"'`]?([^\s\"'`,;()/<>]{6,128}?)[.\"'`]?(?=[\s,;)]|\Z)"
)


def _login(data: bytes, at: int) -> Iterator[Span]:
    """`Default login: admin / P`."""
    found = _LOGIN.match(data, at, at + 256)
    if found and told(found[1]):
        yield from spans(found, KIND)


_SAM = regex(rb"[^:\n]{1,64}:\d{1,10}:([0-9A-Fa-fX]{32}):([0-9A-Fa-f]{32}):\[")


def _sam(data: bytes, at: int) -> Iterator[Span]:
    """A line of smbpasswd, wherever it is printed: `user:uid:LM:NT:[U   ]:`."""
    line = data.rfind(b"\n", max(0, at - 160), at) + 1
    yield from spans(_SAM.match(data, line, at + 2) or _SAM.match(data, max(line, at - 160), at + 2), "password_hash")


_KEY = rb"[A-Za-z0-9+/]{43}="
_INTERFACE = regex(rb"(" + _KEY + rb")\t" + _KEY + rb"\t\d{1,5}\t(?:off|0x[0-9a-f]+)")
_PEER = regex(_KEY + rb"\t(" + _KEY + rb")\t(?:\(none\)|[^\t\n]{3,80}:\d{1,5})\t")


def _wireguard(data: bytes, at: int) -> Iterator[Span]:
    """`wg show all dump`: of an interface the private key, of a peer the shared one; public keys stay."""
    start = at - 43
    if start >= 0:
        yield from spans(_INTERFACE.match(data, start, at + 120) or _PEER.match(data, start, at + 200), "wireguard_key")


_ELEMENT = regex(
    rb"[^\n]{0,16}?(?:MK|(?i:volume key|master key|key)) dump:?[ \t]*\r?\n?[ \t]*((?:[0-9a-f]{2}\s{1,8}){7,127}[0-9a-f]{2})(?![0-9a-f])"
)


def _dumped(data: bytes, at: int) -> Iterator[Span]:
    """The bytes of a disk's key, over lines."""
    start = max(data.rfind(b"\n", max(0, at - 16), at) + 1, at - 16)
    yield from spans(_ELEMENT.match(data, start, at + 640), "disk_key")


_KEYTAB = regex(rb"[Kk]ey for [^\s()]{1,256} \(hex\): (?:0x)?([0-9A-Fa-f]{16,128})(?![0-9A-Fa-f])")
_ENTRY = regex(rb"\([A-Za-z0-9:_-]{3,48}\)[ \t]{1,4}\(0x([0-9a-f]{16,128})\)")


def _keytab(data: bytes, at: int) -> Iterator[Span]:
    """A key of Kerberos as ktutil asks for it and klist prints it: behind its principal and the kind of encryption."""
    line = max(data.rfind(b"\n", max(0, at - 300), at) + 1, at - 300)
    yield from spans(_KEYTAB.search(data, line, at + 160) or _ENTRY.search(data, line, at + 160), "kerberos_key")


_NUMBER = regex(rb"\w{4,16}:[ \t]*\r?\n((?:[ \t]{1,16}(?:[0-9a-f]{2}:){1,30}(?:[0-9a-f]{2})?[ \t]*\r?\n?){1,80})")


def _number(data: bytes, at: int) -> Iterator[Span]:
    """The numbers of a private key as `openssl rsa -text` prints them."""
    found = _NUMBER.match(data, at, at + 8192)
    for start, end in each_line(data, *found.span(1)) if found else ():
        yield Span(start + len(data[start:end]) - len(data[start:end].lstrip()), start + len(data[start:end].rstrip()), "private_key")


_HIDDEN_NAMES = ("pass", "auth", "word", "secret", "token", "passwd", "key")

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        KIND,
        "A value in a numbered list below its name",
        tuple(Literal(name.encode() + b'"\n', fold=True, next=b" 0123456789") for name in _HIDDEN_NAMES),
        _numbered,
    ),
    Pattern(
        KIND,
        "A new pass word that a tool tells",
        tuple(Literal(text) for text in (b"New value:", b"Generated value:", b"Initial value:")),
        _new_value,
    ),
    Pattern(
        KIND,
        "Users and pass words that a tool tells",
        tuple(Literal(text, fold=True) for text in (b"passwords\n", b"passwords:\n")),
        _announced,
    ),
    Pattern(
        KIND,
        "User and pass word as a greeting tells them",
        tuple(
            Literal(text, fold=True)
            for text in (
                *(
                    b"login: ",
                    b"credentials: ",
                    b"logon: ",
                    b"user/pass",
                    b"username/pass",
                    b"user / pass",
                    b"username / pass",
                    b"login -> ",
                    b"login => ",
                    b"login = ",
                    b"login - ",
                    b"login is ",
                    b"logins: ",
                    b"credentials -> ",
                    b"credentials are ",
                    b"credentials = ",
                ),
                *(b"login with ", b"login as ", b"login using ", b"log in with ", b"log in as ", b"log in using "),
                *(b"sign in with ", b"sign in as ", b"anmelden mit ", b"anmeldung mit ", b"einloggen mit "),
            )
        ),
        _login,
    ),
    Pattern("password_hash", "Hashes of Windows pass words, as Samba prints them", (Literal(b":[U", next=b" NDHTMWSLXI"),), _sam),
    Pattern("wireguard_key", "Keys of WireGuard in what it dumps", (Literal(b"=\t", run=5),), _wireguard),
    Pattern("kerberos_key", "A key of a keytab", tuple(Literal(text) for text in (b" (hex): ", b") (0x", b")  (0x")), _keytab),
    Pattern(
        "private_key",
        "The numbers of a private key, as openssl prints them",
        tuple(
            Literal(name)
            for name in (b"privateExponent:", b"prime1:", b"prime2:", b"exponent1:", b"exponent2:", b"coefficient:", b"priv:\n")
        ),
        _number,
    ),
    Pattern("disk_key", "The key of a disk in what cryptsetup dumps", (Literal(b"K dump:"), Literal(b"key dump")), _dumped),
)
