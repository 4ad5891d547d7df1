"""Secrets in HTTP headers: authorization of every scheme, cookies, keys of programming interfaces, in all writings"
" of logs and dumps.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import NO, STRONG, Meaning, meaning
from diagbundle.redact.named.plausible import is_secret
from diagbundle.redact.named.values import REFERENCE
from diagbundle.redact.shapes.text import LONG, SHORT, TOKEN, closing, folded, hidden, is_uuid, kept, mixed, within
from diagbundle.redact.span import Literal, Pattern, Span

_FAR = 8192
"""Bytes of a header's value."""
_OPEN = regex(rb"(\\*[\"'])[bru]?[A-Za-z0-9_:> .$-]{0,40}\Z")
"""The quote that stands before the name of a header, and so perhaps around the whole of it."""
_JOIN = regex(
    rb"[A-Za-z]{0,5}(?P<shut>\\*[\"'`]|&quot;|\\{1,7}(?:u00|x)2[27])?[\])]?[ \t]{0,8}(?P<is>=>|:=|\\?u003[dD]|%3A|[:=,]|[ \t]?->"
    rb"|(?<=[\"'])[ \t]+(?=value)|[ \t]+(?=[\"'][\w+/=]|(?:basic|bearer|token|negotiate)[ ][\w+/=-]{8}))"
    rb"(?:(?:%20){1,8}(?![ \t])|(?:\\?[ \t]){0,8})"
    rb"(?:(?:\\*[\"'])?value(?:\\*[\"'])?[ \t]{0,4}[:=][ \t]{0,4})?(?:\\n\s*"
    rb"|\n[ \t]{1,40}(?=[\"'\[]))?(?P<in>(?:\[\]string)?[\[({]{0,3})\s{0,4}(?:[bru]?(?P<q>\\*[\"'`]|&quot;|\\{1,7}(?:u00|x)2[27]))?",
    re.IGNORECASE,
)
_SCHEME = regex(
    rb"(?i:basic|bearer|token|negotiate|ntlm|kerberos|digest|hawk|oauth|apikey|api-key|key|splunk|geniekey|ssws|bot"
    rb"|mac|hmac|sharedkey(?:lite)?"
    rb"|sharedaccesssignature|signature|hoba|mutual|vapid|scram-[a-z0-9-]+|dpop|gss-[a-z0-9]+|privatetoken|jwt|aws"
    rb"|nltoken|aws4-[a-z0-9-]+|tc3-[a-z0-9-]+"
    rb"|acs[0-9]?-[a-z0-9-]+|sdk-[a-z0-9-]+|pveapitoken|elastic|google(?:login)?|credential|discogs|zoho-oauthtoken"
    rb"|[a-z]{2,16}-[a-z0-9-]{2,20})(?=[ \t+=]|%20|\\[ ]|\\?u0020)"
)
_PAIR = regex(rb"([A-Za-z_][\w-]{0,40})(\s{0,2}=\s{0,2})(\\*[\"']|&quot;)?([^\s,\"'\\&<>\]};]*)")
_IN_LIST = regex(
    rb"(?i)(?:oauth_|x-)?(?:response|cnonce|signature|sig|token|access_?token|refresh_?token|id_?token|mac|hmac|auth"
    rb"|secret|token_secret|password"
    rb"|verifier|key|api_?key|ticket|apikey|client_secret|psk|pwd|pass|k|t|data|initial-response|sid)"
)
_WORD = regex(rb"[^\s\"'`,;\\\[\](){}<>&\x00]+")
_GAP = regex(rb"(?:[ \t+=]|\\[ ]|%20)*")
_ACCOUNT = regex(rb"[\w-]{1,64}:|[\w.-]{1,64}@[\w.-]{1,64}![\w.-]{1,64}=")
"""Whose key it is, in front of it."""
_RUN = regex(rb"[^\s\"'`,;]+")
_PROSE = regex(rb"[A-Za-z]{1,24}[.,:]?")
_CODE = regex(rb"[A-Za-z_]+(?:[-._][A-Za-z_]+)*|(?:https?|wss?)://\S*")


def _authorization(data: bytes, at: int) -> Iterable[Span]:
    """The credentials behind `Authorization`, whatever joins the two; the scheme stays."""
    joined = _JOIN.match(data, at + 13, at + 160)
    if not joined:
        return ()
    start, end, is_quoted = _bounds(data, at, joined)
    raw = joined["is"] == b":" and not joined["shut"]
    scheme = _SCHEME.match(data, start, end)
    if scheme:
        begin = scheme.end()
        gap = _GAP.match(data, begin, end)
        if gap and b"%20" in gap[0] and b" " in gap[0]:
            return ()  # `?x=Authorization%3A%20Bearer%20 HTTP/1.1`
        begin = gap.end() if gap else begin
        if account := _ACCOUNT.match(data, begin, end) if scheme[0][:9].lower() in (b"sharedkey", b"aws", b"pveapitok") else None:
            begin = account.end()
        return _credentials(data, begin, end)
    return _without_scheme(data, start, end, sure=is_quoted or raw)


def _bounds(data: bytes, at: int, joined: re.Match[bytes]) -> tuple[int, int, bool]:
    """Where a header's value begins and may end at most, and whether a quote says so. It ends before the next header"
    " of its name.
    """
    start, line = joined.end(), within(data, joined.end(), _FAR)
    again = data.find(data[at + 1 : joined.end("is")], start, line)
    line = again if again >= 0 else line
    quote = joined["q"] or b""
    if quote[-1:] in (b";", b"2", b"7"):  # the quote is written as a code
        end = data.find(quote, start, line)
        return start, end if end >= 0 else line, True
    if not quote and not joined["shut"] and (before := _OPEN.search(data, max(0, at - 48), at)):
        quote = before[1]
    if quote:
        end = closing(data, start, quote, line)
        if end >= 0:
            return start, _escape(data, start, end), True
    return start, _escape(data, start, line), False


def _escape(data: bytes, start: int, end: int) -> int:
    r"""The end, or where an escaped line ends before: `\r\n` in a dumped request."""
    ends = [place for mark in (b"\\r", b"\\n", b"\\x0d", b"\\u000d") if (place := data.find(mark, start, end)) >= 0]
    return min(ends, default=end)


def _credentials(data: bytes, start: int, end: int) -> Iterator[Span]:
    """Behind a scheme: one word, or a list of names and values of which those hide that prove who asks."""
    pairs = [pair for pair in _PAIR.finditer(data, start, end) if pair[4] or pair[3]]
    word = _WORD.match(data, start, end)
    if data[start : start + 1] in (b"$", b"{", b"<"):
        if REFERENCE.match(data, start, end):
            return
        run = _RUN.match(data, start, end)
        if run and kept(run[0]):
            return
    if not word:
        quote = data[start : start + 1]
        if quote in (b'"', b"'"):
            yield from hidden(data, start + 1, max(start + 1, closing(data, start + 1, quote, end)), "http_authorization")
        return
    if pairs and pairs[0].start() == start and (pairs[0][3] or b"=" in word[0].rstrip(b"=")):
        yield from _list(data, pairs)
    elif _PROSE.fullmatch(word[0]) and not mixed(word[0]) and _is_prose(data, word, end):
        return
    else:
        stop = word.end()
        while data[stop : stop + 1] in (b"{", b"(", b"[", b"<") and (more := _WORD.match(data, stop + 1, end)):
            stop = more.end()
        yield from hidden(data, start, stop, "http_authorization")


def _is_prose(data: bytes, word: re.Match[bytes], end: int) -> bool:
    """`Basic authentication failed`: more small words follow."""
    return bool(word[0].islower() and (len(word[0]) < LONG or re.match(rb"[ \t]+[a-z]{2,}", data[word.end() : min(end, word.end() + 24)])))


def _list(data: bytes, pairs: list[re.Match[bytes]]) -> Iterator[Span]:
    for pair in pairs:
        if _IN_LIST.fullmatch(pair[1]):
            end = pair.end(4)
            if pair[3] and pair[3] != b"&quot;":
                end = max(end, closing(data, pair.start(4), pair[3], pair.start(4) + _FAR))
            yield from hidden(data, pair.start(4), end, "http_authorization")


def _without_scheme(data: bytes, start: int, end: int, *, sure: bool) -> Iterator[Span]:
    """No scheme, or one of somebody's own: `Authorization: P`, `Authorization: Acme P`."""
    words = list(_WORD.finditer(data, start, min(end, start + 2048)))[:4]
    if not words or words[0].start() - start > 1:
        return
    first = words[0]
    if _CODE.fullmatch(first[0]) and (data[first.end() : first.end() + 1] == b"(" or not sure or b"," in data[start - 4 : start]):
        return  # a call, a variable, the next one of a list of headers
    is_alone = len(words) == 1 or data[first.end() : first.end() + 1] not in (b" ", b"\t")
    if is_alone:
        if (sure and len(first[0]) >= SHORT and not _PROSE.fullmatch(first[0])) or mixed(first[0]) or len(first[0]) > TOKEN:
            yield from hidden(data, first.start(), first.end(), "http_authorization")
        return
    for word in words[:3]:
        if (mixed(word[0]) or len(word[0]) > TOKEN or is_uuid(word[0])) and b"://" not in word[0] and word.end() <= end:
            yield from hidden(data, word.start(), word.end(), "http_authorization")
            break


_ATTRIBUTES = frozenset(
    (
        b"path",
        b"domain",
        b"expires",
        b"max-age",
        b"samesite",
        b"secure",
        b"httponly",
        b"version",
        b"comment",
        b"priority",
        b"partitioned",
        b"port",
    )
)
_COOKIE = regex(rb"([^\s=;,\"'\\{}\[\]():&]{1,128})=(?!=)(\\*\")?([^;\r\n\"'\\\x00]*)")
_IN_MAP = regex(rb"[\"']?([\w.$-]{1,128})[\"']?[ \t]{0,4}(?:=>|[:=])[ \t]{0,4}[\[]?([\"'])([^\"'\\\r\n]*)\2")
_NAMED = regex(rb"[\"'](?:name|value)[\"'][ \t]{0,4}:[ \t]{0,4}\"([^\"\\\r\n]*)\"[ \t]{0,2},?[ \t\r\n]{0,64}(?=\"value\")")
_ONE = regex(rb"[\"']value[\"'][ \t]{0,4}:[ \t]{0,4}\"([^\"\\\r\n]*)\"")
_JAR = regex(rb" ([^\s=]{1,128})=([^\s>]{1,4096})(?= for |/>|>)")
_SESSION = regex(rb"(?i).*(?:sess|sid|token|auth|csrf|xsrf|login|remember|jwt|secret|key|pass|ticket|saml)")
_BARE_END = regex(rb"[ \t]+(?!\w[\w.$-]*=)|, (?=[A-Z\"'])|[\"'\]})>]")


def _cookies(data: bytes, at: int) -> Iterable[Span]:
    """Values of cookies; their names stay, and so do path, domain and expiry."""
    after = data[at + 6 : at + 7]
    if after == b" " and data[at - 1 : at] == b"<":
        jar = _JAR.match(data, at + 6, at + 6 + 4300)
        return hidden(data, jar.start(2), jar.end(2), "http_cookie") if jar else ()
    joined = _JOIN.match(data, at + 6, at + 160)
    if not joined:
        return ()
    start, end, is_quoted = _bounds(data, at, joined)
    if b"{" in joined["in"]:
        return _mapped(data, joined.end("in"), data[at + 1 : joined.end("in")])
    if data[start : start + 2] == b"0x":
        return ()
    return cookie_pairs(data, start, end, is_quoted=is_quoted)


def cookie_pairs(data: bytes, start: int, end: int, *, is_quoted: bool) -> Iterator[Span]:
    """`a=P; b=Q; Path=/`."""
    for pair in _COOKIE.finditer(data, start, end):
        if not is_quoted and data.find(b"\t", start, pair.start()) >= 0:
            return
        stop = pair.end(3)
        stops = None if is_quoted or pair[1].lower() == b"expires" else _BARE_END.search(data, pair.start(3), stop)
        if pair[1].lower() not in _ATTRIBUTES:
            yield from _value(data, pair[1], pair.start(3), stops.start() if stops else stop)
        if stops:
            return


def _value(data: bytes, name: bytes, start: int, end: int) -> Iterator[Span]:
    end -= len(data[start:end]) - len(data[start:end].rstrip(b" \t,"))
    word = data[start:end]
    if _SESSION.match(name) or len(word) >= LONG or (mixed(word + b"0a0a0a0a") and not word.isalpha() and len(word) >= SHORT):
        yield from hidden(data, start, end, "http_cookie")


def _mapped(data: bytes, start: int, opening: bytes) -> Iterator[Span]:
    """A map or list of cookies: `{"sid": "P"}`, `[{"name": "sid", "value": "P"}]`, `["sid=P; Path=/"]`."""
    end = min(len(data), start + 4096)
    shut = data.find(b"}]" if data[start : start + 1] == b"{" or data[start - 1 : start] == b"[" else b"}", start, end)
    end = shut if shut >= 0 else within(data, start, 4096)
    again = data.find(opening, start, end)
    end = again if again >= 0 else end
    named = list(_NAMED.finditer(data, start, end))
    for name in named:
        if value := _ONE.match(data, name.end(), end):
            yield from _value(data, name[1], value.start(1), value.end(1))
    if not named:
        for pair in _IN_MAP.finditer(data, start, end):
            if pair[1].lower() not in _ATTRIBUTES:
                yield from _value(data, pair[1], pair.start(3), pair.end(3))
        yield from cookie_pairs(data, start, end, is_quoted=False)


_JAR_FILE = regex(rb"\t(?:TRUE|FALSE)\t\d{1,20}\t([^\t\n]{1,256})\t([^\t\r\n]{1,4096})")


def _jar_file(data: bytes, at: int) -> Iterable[Span]:
    """A line of a jar of cookies, as curl and wget keep them."""
    found = _JAR_FILE.match(data, at, at + 4400)
    return _value(data, found[1], *found.span(2)) if found else ()


_KEY = regex(
    rb"(?:x|http_x|private|deploy|job|ocp-apim|dd|ds|circle|fastly|api|app|auth|access|refresh|session|client|stripe"
    rb"|paypal|plex|vault|consul|nomad|gitlab|github"
    rb"|grpc-metadata|cf|xi|ot|sec-token|travis|bearer|id|user|shared|master|admin|service|functions|lc|postmark"
    rb"|mailgun|shopify)[\w-]{0,48}"
    rb"|apikey|api_key|token|api-key",
    re.IGNORECASE,
)
_PUBLIC = regex(
    rb"(?i)sec-websocket|public|host-?key|cache-?key|x-amz-(?:key|meta|copy|server-side|id)|routing|partition"
    rb"|idempotency|-id\Z|_id\Z|content|message|x-git|sort|surrogate|type|algorithm"
)
_BEFORE = regex(rb"[\w-]*\Z")
_AFTER = regex(rb"[\w-]{0,32}")


def _api_key(data: bytes, at: int) -> Iterable[Span]:
    """A header that carries a key or token: `X-Auth-Token: P`."""
    head = _BEFORE.search(data[max(0, at - 48) : at])
    tail = _AFTER.match(data, at)
    begin = at - (len(head[0]) if head else 0)
    if data[begin - 1 : begin] in (b"?", b"&", b";", b"#", b"/") or data[begin - 2 : begin] == b"${":
        return ()
    if data.endswith((b":param ", b":type ", b"@param "), 0, begin):  # what a doc string says of it
        return ()
    name = data[begin : tail.end() if tail else at]
    if not _KEY.fullmatch(name) or _PUBLIC.search(name) or meaning(name).strength == NO:
        return ()
    joined = _JOIN.match(data, begin + len(name), begin + len(name) + 120)
    if not joined or b"{" in joined["in"] or (joined["is"] == b"," and not (joined["shut"] and joined["q"])):
        return ()
    start, end, is_quoted = _bounds(data, begin, joined)
    is_in_text = joined["is"] == b"=" and not joined["q"] and not joined["shut"]  # `msg="id_token=P expired"`
    return _key_value(data, start, end, is_quoted=is_quoted and not is_in_text)


def _key_value(data: bytes, start: int, end: int, *, is_quoted: bool) -> Iterator[Span]:
    word = _WORD.match(data, start, end)
    if not word:
        return
    text = word[0]
    if _PROSE.fullmatch(text) and text.islower() and not (is_quoted or data[word.end() : word.end() + 1] in (b"", b"\n", b"\r")):
        return
    if text.lower() in (b"bearer", b"token", b"basic") and data[word.end() : word.end() + 1] == b" ":
        word = _WORD.match(data, word.end() + 1, end) or word
    said = Meaning(STRONG, "key")
    if len(word[0]) >= SHORT and is_secret(word[0], said, direct=True, quoted=is_quoted, spaced=False):
        yield from hidden(data, word.start(), end if is_quoted else word.end(), "http_api_key")


_NAMES = (
    "-token",
    "-key",
    "-secret",
    "-signature",
    "-password",
    "_token",
    "-apikey",
    "-auth",
    "-session",
    "-authkey",
    "-jwt",
    "-assertion",
    "-accesskey",
)

_BASIC = regex(rb"Basic ([A-Za-z0-9+/]{8,512}={0,2})(?![\w+/=])")
_LOGIN = regex(rb"[\w.@\\-]{1,128}:[^\x00-\x1f\x7f]{1,256}")


def _basic(data: bytes, at: int) -> Iterable[Span]:
    """What `Authorization` holds, without its name: `Basic P`, if it is a user and a pass word in base64."""
    found = _BASIC.match(data, at, at + 600)
    try:
        login = base64.b64decode(found[1], validate=True) if found else b""
    except ValueError:
        return ()
    return hidden(data, *found.span(1), "http_authorization") if found and _LOGIN.fullmatch(login) else ()


PATTERNS: tuple[Pattern, ...] = (
    Pattern("http_authorization", "User and pass word as a log writes them without a name", (Literal(b"Basic ", run=8),), _basic),
    Pattern("http_authorization", "The credentials of an Authorization header, of every scheme", folded("authorization"), _authorization),
    Pattern("http_cookie", "The value of a cookie", folded("cookie"), _cookies),
    Pattern(
        "http_cookie",
        "The value of a cookie in a jar",
        tuple(Literal(text, next=b"0123456789") for text in (b"\tTRUE\t", b"\tFALSE\t")),
        _jar_file,
    ),
    Pattern(
        "http_api_key",
        "A header that carries the key or token of a programming interface",
        (*(Literal(name.encode(), fold=True, key=True) for name in _NAMES), Literal(b"apikey", fold=True, key=True)),
        _api_key,
    ),
)
