"""Secrets in URLs: the pass word before the host, and the parameters and path segments that open a door."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import NOTHING, STRONG, WEAK, Meaning, meaning
from diagbundle.redact.named.plausible import random_like, told
from diagbundle.redact.shapes.text import LONG, TOKEN, exact, folded, hidden, is_uuid, kept, mixed
from diagbundle.redact.span import Literal, Pattern, Span

_ROOM_OF_QUERY = 4096
_FAR = 512
"""Bytes of a user and pass word."""
_BREAK = regex(rb"[\s\"<>`\x00]")
_SLASHES = regex(rb":(?:\\{0,7}/){2}")
_PORT = regex(rb"[0-9]{1,5}(?:[/?#\\;,]|$)")
_SCHEME = regex(rb"[A-Za-z][A-Za-z0-9+.:-]*\Z")
_WEB = regex(rb"(?:https?|wss?|git\+https?|svn\+https?|dav|davs|git)", re.IGNORECASE)
_AUTHORITY = regex(rb"[^\s\"'<>`\\/?#\x00]*")
_REST = regex(rb"(?:[^\s\"'<>`\\?;\x00]|[?;](?![\w.%-]+=))*")
_HOST = regex(rb"(?:[\w.-]+|\[[0-9A-Fa-f:.%]+\])(?::[0-9]+)?(?=[/?,;\\]|$)")
_GO_MYSQL = regex(rb"(?:tcp6?|udp|unix|cloudsql|memory|pipe|[a-z]+\+tcp|)\(")
_USER_PASS = regex(
    rb"(?:^|[\s\"'`=,({\[>])(?:sips?:|iscsi:|[a-z][a-z0-9+]{1,15}://)?(?!sips?:|mailto:|iscsi:|acct:|xmpp:|tel:"
    rb"|urn:)[\w.%+\\-]{0,64}:(?=([^\s\"'`]{1,200}+)\Z)"
)
_OF_DOMAIN = regex(rb"[\w.-]{1,64}\\{1,2}[\w.$-]{1,64}")
"""A user of Windows: `smb://DOMAIN\\user:P@h`."""
_ORACLE = regex(rb"jdbc:oracle:\w+:[\w$#.]{1,64}/(\"[^\"]{1,128}\"|[^\s\"'`]{1,128}?)@(?=//|[\w.-]+[:/]|\(|ldap)")
_LEADING_TO = regex(
    rb"(?i)(?:proxy\w*|dsn|login|auth|userinfo|credentials?|iscsi|sips?|account"
    rb"|user)[\"']?[\s=:\"']{1,4}[^\s\"']*+\Z"
)
_PORT_NEXT = regex(rb"[\w.-]+:[0-9]{2,5}(?![\w.])")
_ESCAPED = regex(
    rb"%(?:25)*3a(?:%(?:25)*2f|/){2}(?:[\w.~!*'()+-]|%(?!(?:25)*(?:3a|2f))){0,128}?%(?:25)*3a(?=((?:[\w.~!*'()+,=-]"
    rb"|%(?!(?:25)*2f)){1,256}?)\Z)",
    re.IGNORECASE,
)


def _login(data: bytes, at: int) -> Iterable[Span]:
    """At `://`, where an `@` follows: the pass word in `scheme://user:P@host`; also where all of it stands escaped"
    " in another URL.
    """
    slashes = _SLASHES.match(data, at)
    if not slashes:
        place = data.find(b"%40", at, at + _FAR)
        return _escaped_userinfo(data, place) if place >= 0 else ()
    place = data.find(b"@", slashes.end(), slashes.end() + _FAR)
    return () if place < 0 or _BREAK.search(data, slashes.end(), place) else _authority(data, at, slashes.end(), place)


def _authority(data: bytes, colon: int, begin: int, at: int) -> Iterable[Span]:
    """The secret between `://` and the `@` that stands before the host."""
    name = _SCHEME.search(data[max(0, colon - 32) : colon])
    quote = data[colon - len(name[0]) - 1 : colon - len(name[0])] if name else b""
    rest = data[begin:at]
    if not name or (quote == b"'" and b"'" in rest):
        return ()
    web = _WEB.fullmatch(name[0]) is not None
    user, with_pass, word = rest.partition(b":")
    is_odd = any(mark in user for mark in (b"/", b"?", b"#", b"[", b"\\")) and not _OF_DOMAIN.fullmatch(user)
    if is_odd or (with_pass and _PORT.match(word)):
        return ()
    end = _host_at(data, at, web=web)
    user, with_pass, word = data[begin:end].partition(b":")
    if not with_pass:
        return _token_user(begin, user)
    start = begin + len(user) + 1
    is_filler = word in (b"", b"x-oauth-basic", b"x", b"X") and _is_token(user)
    spans = [] if is_filler else list(hidden(data, start, end, "url_password"))
    if is_filler:
        spans.append(Span(begin, begin + len(user), "url_token"))
    return spans


def _host_at(data: bytes, at: int, *, web: bool) -> int:
    """The last `@` before the host: a pass word may hold a raw one, and where the scheme is a database's or a"
    " broker's, `/` and `#`.
    """
    region = (_AUTHORITY if web else _REST).match(data, at + 1, at + _FAR)
    end = region.end() if region else at
    while end > at:
        end = data.rfind(b"@", at, end)
        if end == at or _HOST.match(data[end + 1 : end + 260]):
            return end
    return at


def _is_token(user: bytes) -> bool:
    return len(user) >= TOKEN and mixed(user) and b"@" not in user and b"." not in user[-5:]


def _token_user(begin: int, user: bytes) -> Iterable[Span]:
    return (Span(begin, begin + len(user), "url_token"),) if _is_token(user) else ()


def _without_scheme(data: bytes, at: int) -> Iterable[Span]:
    """At an `@`: `user:P@tcp(host)/db`, `proxy=user:P@host:3128`."""
    if data[at - 1 : at] in _BLANK:
        return ()
    head = data[max(0, at - 256) : at]
    line = head[head.rfind(b"\n") + 1 :]
    words = line.rsplit(None, 1)
    tail = data[at + 1 : at + 80]
    is_mysql = _GO_MYSQL.match(tail)
    if not words or b":" not in words[-1] or not (is_mysql or _PORT_NEXT.match(tail) or _LEADING_TO.search(line)):
        return ()
    found = _USER_PASS.search(line)
    if not found:
        return ()
    word = found[1]
    sure = is_mysql or (_LEADING_TO.search(line[: found.start(1)]) and b"/" not in word)
    if sure or (_PORT_NEXT.match(tail) and mixed(word) and b"/" not in word):
        return hidden(data, at - len(word), _last_at(data, at), "dsn_password")
    return ()


def _named_login(data: bytes, at: int) -> Iterable[Span]:
    """`proxy=user:P@host`, `sip:user:P@host`."""
    place = data.find(b"@", at, at + 256)
    return () if place < 0 or data.find(b"\n", at, place) >= 0 else _without_scheme(data, place)


def _oracle(data: bytes, at: int) -> Iterable[Span]:
    """`jdbc:oracle:thin:user/P@//host:1521/service`."""
    found = _ORACLE.match(data, at, at + 300)
    if not found:
        return ()
    is_quoted = found[1][:1] == b'"'
    return hidden(data, found.start(1) + is_quoted, found.end(1) - is_quoted, "dsn_password")


def _last_at(data: bytes, at: int) -> int:
    """The `@` before `tcp(`: a pass word may hold others."""
    end = at + 1
    while (end := data.find(b"@", end, at + 128)) >= 0 and not _BREAK.search(data, at, end):
        if _GO_MYSQL.match(data, end + 1):
            return end
        end += 1
    return at


def _escaped_userinfo(data: bytes, at: int) -> Iterable[Span]:
    """At a `%40`: the pass word of a URL that is itself a parameter."""
    found = _ESCAPED.search(data[max(0, at - _FAR) : at])
    return hidden(data, at - len(found[1]), at, "url_password") if found else ()


_SURE = regex(
    rb"(?:.*[_.-])?(?:[a-z]*token|passw(?:or)?d|pwd|passphrase|[a-z]*secret|[a-z]*signature"
    rb"|(?:[a-z]+_?-?)?api[_-]?key|assertion|samlresponse"
    rb"|[a-z]*sess(?:ion)?_?id|jwt|otp|[a-z]*ticket|sig|code_verifier|subscription-key|access[_-]?key|private[_-]?key)",
    re.IGNORECASE,
)
_LEAD = regex(rb"(?:^|[?&;#\s\"'(|]|\\u00(?:26|3[fF])|\\x26|%(?:25)*(?:26|3[fF]|23|3[bB]))([\w.-]*)\Z", re.ASCII)
_NAME = regex(rb"(?:[?&;#]|%(?:25)*26|0026)?([\w.-]*?)(=|%(?:25)*3D)", re.IGNORECASE)
_VALUE = regex(rb"[^&\s\"'<>#\\;`|\x00]*")
_NESTED = regex(rb"(?:[^&\s\"'<>#\\;`|\x00%]|%(?!(?:25)*(?:26|23)))*")
_SIMPLE = regex(rb"[^&\s\"'<>#\\;`|?\x00%]*(?:%(?!26)[^&\s\"'<>#\\;`|?\x00%]*)*")
_MORE = regex(rb"(?:&|\\u0026)(?:amp;)?[\w.%\[\]-]+=")
_BLANK = (b"", b" ", b"\n", b"\t", b"\r")
_TRAIL = b"),.:!?]}"
_SURE_LEAD = (b"?", b"&", b";", b"#", b"\\", b"%")
"""What stands before a parameter; behind anything else a form may begin: another parameter has to follow."""
_LEADS = ("?", "&", ";", "#", "0026", "%26", "%3f")
_WEAK = ("key", "code", "auth", "sid", "session", "pass", "pwd", "policy", "pin", "relaystate", "magic")
_STRONG = (
    "token", "signature", "secret", "password", "passwd", "sig", "samlresponse", "assertion", "ticket", "apikey", "api_key",
    "api-key", "jwt", "otp", "hmac", "sessionid", "session_id", "sessid", "passphrase", "code_verifier",
    "subscription-key", "access_key", "private_key",
)  # fmt: skip


def _parameter(data: bytes, at: int) -> Iterable[Span]:
    """`?token=P&`: the value of a parameter that opens a door; the others stay, and so does the time at which it expires."""
    if data[at - 1 : at] in _BLANK and data.find(b"&", at, at + 512) < 0:
        return ()
    found = _NAME.match(data, at, at + 64)
    lead = _LEAD.search(data[max(0, at - 48) : found.start(1)]) if found else None
    if not found or not lead:
        return ()
    name, start = lead[1] + found[1], found.end()
    pattern = _NESTED if found[2] != b"=" or lead[0][:1] == b"%" else _VALUE
    sure = _SURE.fullmatch(name) is not None
    value = pattern.match(data, start, start + 8192) if sure else _SIMPLE.match(data, start, start + 2048)
    end = value.end() if value else start
    is_bare = lead[0][:1] not in _SURE_LEAD
    if (is_bare and b"&" not in data[end - LONG : end + LONG] and b"\\u0026" not in data[end : end + LONG]) or kept(data[start:end]):
        return ()
    if lead[0][:1] == b";" and (part := re.search(rb"[?/]", data[start:end])):
        end = start + part.start()
    end -= len(data[start:end]) - len(data[start:end].rstrip(_TRAIL))
    is_label = name == b"token" and lead[0][:1] == b";" and b"pkcs11:" in data[max(0, at - 256) : at]  # of a device
    if is_label or (is_bare and not _MORE.match(data, end)):
        return ()
    if _opens(name, data[start:end]):
        return hidden(data, start, end, "url_parameter")
    return ()


def _opens(name: bytes, value: bytes) -> bool:
    """Whether this parameter is a secret: by its name, or by a name that may be one and a value that looks like one."""
    if _SURE.fullmatch(name):
        return not (name.lower().endswith(b"sig") and value.isdigit())
    if name.lower() in (b"code", b"sid", b"auth", b"session") and is_uuid(value):
        return True
    return mixed(value) or (len(value) > TOKEN + LONG and not is_uuid(value) and not value.islower())


_SHORT = regex(rb"[?&]p=([^&\s\"'<>]{4,256})")
_USER = regex(rb"[?&](?:u|user|db)=[^&\s]")


def _short(data: bytes, at: int) -> Iterable[Span]:
    """`?u=bob&p=P`: a `p` beside a user is no page."""
    found = _SHORT.match(data, at, at + 300)
    if not found or not (mixed(found[1]) or told(found[1])):
        return ()
    query = max(data.rfind(b"?", max(0, at - 300), at + 1), at - 300, 0)
    return () if not _USER.search(data, query, found.end() + 200) else hidden(data, *found.span(1), "url_parameter")


_SEGMENTS = regex(rb"/[\w-]*((?:\\?/[\w.~%=:+-]{1,512}){1,6})")
_SEGMENT = regex(rb"[\w.~%=:+-]+")


def _link(data: bytes, at: int) -> Iterator[Span]:
    """`/reset/P`: the segment that lets its holder in."""
    found = _SEGMENTS.match(data, at, at + 1024)
    if not found:
        return
    for part in _SEGMENT.finditer(data, found.start(1), found.end(1)):
        word = part[0]
        if len(word) >= TOKEN and (mixed(word) or is_uuid(word)) and not word.endswith((b".html", b".js", b".css", b".php")):
            yield Span(part.start(), part.end(), "url_link")


_LINKS = (
    "reset",
    "verify",
    "verification",
    "confirm",
    "activat",
    "invit",
    "magic",
    "unsubscribe",
    "password",
    "recover",
    "hooks/",
    "webhook",
)

_CHANNEL = regex(rb"/t/([a-z]{2}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[\w-]*\d)[\w-]{20,128})/")
_CONDA = regex(rb"(?i)conda|quetz|channel")


def _channel(data: bytes, at: int) -> Iterator[Span]:
    """`https://conda.anaconda.org/t/P/channel`."""
    found = _CHANNEL.match(data, at, at + 160)
    if found and (found[1][2:3] == b"-" or _CONDA.search(data, max(0, at - 80), at)):
        yield Span(found.start(1), found.end(1), "url_token")


_QUERY = regex(rb"[?&;]([\w.%\[\]-]{1,64})=([^&;\s\"'<>`]{1,2048})")
_SAYS_WHAT = regex(rb"([\w.-]{2,40})\s{0,4}[:=]\s{0,4}(?:(?:bearer|basic|token)\s{0,4})?\Z", re.IGNORECASE)
_ODD = Meaning(WEAK, "secret", hexes=True)


def _named_elsewhere(data: bytes, at: int) -> Iterator[Span]:
    """`?v=P&x=password%3D`: a parameter says what another one is, and there is nothing behind it."""
    head = data[max(0, at - _ROOM_OF_QUERY) : at]
    begin = max(head.rfind(each) for each in (b" ", b'"', b"'", b"\n")) + 1
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - 5 ms, and most texts have no such address

    says = _SAYS_WHAT.search(unquote_to_bytes(head[max(begin, head.rfind(b"=")) :] + data[at : at + 3]))
    means = meaning(says[1]) if says else NOTHING
    if means.strength < STRONG and not (says and says[1].lower() == b"authorization"):
        return
    for pair in _QUERY.finditer(head, begin):
        value = pair[2]
        if pair.end() < len(head) and (random_like(value, _ODD) or (means.kind == "password" and told(value))):
            yield from hidden(data, at - len(head) + pair.start(2), at - len(head) + pair.end(2), "url_parameter")


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "url_parameter",
        "A parameter of which another one says that it is a secret",
        tuple(Literal(text, fold=True) for text in (b"%3d ", b"%3a ", b"%20 ")),
        _named_elsewhere,
    ),
    Pattern("url_token", "The token in the address of a channel of packages", (Literal(b"/t/", run=20),), _channel),
    Pattern("url_password", "The pass word before the host of a URL", (Literal(b"", shape="login"),), _login),
    Pattern(
        "dsn_password",
        "The pass word before the address of a database or proxy, without a scheme",
        exact("@tcp", "@unix(", "@udp(", "@(", "@localhost", *("@" + digit for digit in "0123456789[")),
        _without_scheme,
    ),
    Pattern(
        "dsn_password",
        "A named login with its pass word before the host",
        (
            *exact("sip:", "sips:", "iscsi:"),
            *(Literal(name, fold=True, key=True, next=b"=:_-\"'\\ \t%usUS[") for name in (b"proxy", b"userinfo")),
        ),
        _named_login,
    ),
    Pattern("dsn_password", "User and pass word in the address of an Oracle database", folded("jdbc:oracle:"), _oracle),
    Pattern(
        "url_parameter",
        "A parameter of a URL or form that opens a door: a token, a signature, a code",
        (
            *(Literal(name.encode(), fold=True, next=b"=%") for name in _STRONG),
            *(Literal((lead + name).encode(), fold=True, next=b"=%") for name in _WEAK for lead in _LEADS),
        ),
        _parameter,
    ),
    Pattern("url_parameter", "A short parameter beside a user's", (Literal(b"?p="), Literal(b"&p=")), _short),
    Pattern("url_link", "A link that lets its holder in", folded(*("/" + word for word in _LINKS)), _link),
)
