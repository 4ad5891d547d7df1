"""Secrets that stand in an element inside of the one, or in a column beside the one, whose name tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import STRONG, Meaning, meaning
from diagbundle.redact.named.several import judged
from diagbundle.redact.named.values import Value
from diagbundle.redact.span import LINE, Literal, Pattern, Span

_BACK = 300
_OUTER = regex(rb"<(?P<tag>[\w:.-]{1,80})(?P<rest>(?:\s[^<>]{0,200})?)>\s{0,64}\Z")
_NAME = regex(rb"\s(?:name|key|id)\s{0,4}=\s{0,4}[\"']([^\"'<>]{1,80})[\"']")


def _value(data: bytes, at: int) -> Iterable[Span]:
    """`<setting name="Password"><value>P</value>`, `<AdminPassword><Value>P</Value>`."""
    outer = _OUTER.search(data[max(0, at - _BACK) : at])
    if not outer:
        return ()
    named = _NAME.search(outer["rest"])
    means = meaning(named[1] if named else outer["tag"].rpartition(b":")[2])
    start = data.find(b">", at, at + 8) + 1
    end = data.find(b"<", start, start + LINE)
    text = data[start:end].strip() if end > start else b""
    if means.strength < STRONG or not text:
        return ()
    start = data.find(text, start, end)
    return judged(data, Value(start, start + len(text), end, quoted=True), means)


_HEADER = regex(
    rb"[\"']?(?:name|key|setting|parameter|variable|option)[\"']?(?P<sign>[,;\t|])[\"']?value[\"']?[ \t]{0,4}\r?\n", re.IGNORECASE
)
_ROW = regex(
    rb"(?P<q>[\"']?)(?P<name>[\w.$@/-]{1,80})(?P=q)[,;\t|]"
    rb"(?:\"(?P<quoted>(?:[^\"\n]|\"\")*)\"|(?P<bare>[^,;\t|\r\n\"]*)(?![^,;\t|\r\n]))[^\n]{0,1024}(?:\n|\Z)"
)


_TITLES = regex(rb"[\w \"',;\t|-]{5,200}\r?\n")
_NAMING = frozenset(
    (b"name", b"key", b"macro", b"setting", b"parameter", b"param", b"variable", b"option", b"property", b"attribute", b"field")
)
_MOST = 64
"""Rows of a table."""


def _columns(data: bytes, at: int) -> Iterator[Span]:
    """Rows below `hostid,macro,value`: a column of names, and somewhere behind it one of values."""
    line = data.rfind(b"\n", max(0, at - 200), at) + 1
    titles = _TITLES.match(data, line, at + 200)
    if not titles or at - line > 200:  # noqa: PLR2004 - as far as was looked
        return
    sign = data[at : at + 1]
    names = [title.strip(b"\"' \t\r\n").lower() for title in titles[0].split(sign)]
    naming = next((place for place, name in enumerate(names) if name.rpartition(b"_")[2] in _NAMING), -1)
    if b"value" not in names[naming + 1 :] or naming < 0:
        return
    column, start = names.index(b"value", naming), titles.end()
    for _ in range(_MOST):
        end = data.find(b"\n", start, start + 1024)
        end = end if end >= 0 else min(len(data), start + 1024)
        cells = data[start:end].split(sign)
        if len(cells) != len(names):
            return
        means = meaning(cells[naming].strip(b"\"' {}$"))
        text = cells[column].strip(b"\"' \r")
        if means.strength and text:
            first = data.find(text, start + sum(map(len, cells[:column])) + column, end)
            yield from judged(data, Value(first, first + len(text), end, quoted=True), means, direct=True)
        start = end + 1


def _table(data: bytes, at: int) -> Iterable[Span]:
    """Rows below `name,value`."""
    header = _HEADER.match(data, at)
    if not header or (at and data[at - 1] not in b"\n,;\t|"):
        return
    row = _ROW.match(data, header.end(), at + LINE)
    while row:
        means = meaning(row["name"])
        group = "quoted" if row["quoted"] is not None else "bare"
        if row[group].lower() == b"value":
            return  # the next table, which has its own anchor
        if means.strength:
            yield from judged(data, Value(row.start(group), row.end(group), row.end(), quoted=group == "quoted"), means, direct=True)
        row = _ROW.match(data, row.end(), at + LINE)


_USER = regex(rb"\suser_[\w.-]{1,64}=\"([^\"\n]{1,512})\"")


def _jaas(data: bytes, at: int) -> Iterable[Span]:
    """`user_bob="P"`, the users that a login module of Java knows; up to its semicolon."""
    ends = [data.find(mark, at + 1, at + 4096) for mark in (b";\n", b"LoginModule ", b"LoginModule\n")]
    for user in _USER.finditer(data, at, min([at + 4096, *(end for end in ends if end >= 0)])):
        yield from judged(data, Value(user.start(1), user.end(1), user.end(), quoted=True), Meaning(STRONG, "password"))


_SIBLING = regex(
    rb"(?P<q>\\{0,7}[\"']?)type(?P=q)\s{0,4}(?:=>|[:=])\s{0,4}\\{0,7}[\"']?(?i:password|secret(?:_?text)?|secure_?string|encrypted|token|api_?key)"
    rb"\\{0,7}[\"']?\s{0,8}[,;\n]\s{0,64}"
    rb"(?:(?P<p>\\{0,7}[\"']?)(?:name|key|id|label|temporary|version|scope|created\w{0,4}|tier)(?P=p)\s{0,4}[:=]\s{0,4}[^\n,{}\[\]]{1,160}[,\n]\s{0,64}){0,4}"
    rb"(?P<r>\\{0,7}[\"']?)(?:value|text|secret|data|plaintext)(?P=r)\s{0,4}(?:=>|[:=])\s{0,4}"
    rb"(?:(?P<o>\\{0,7}[\"'])(?P<quoted>[^\"'\n]{1,1024}?)(?P=o)|(?P<bare>[^\s\"'{}\[\],]{4,1024})(?=\s|\Z))"
)


def _typed(data: bytes, at: int) -> Iterable[Span]:
    """`{"type": "password", "value": "P"}`: the type of an object says what its value is."""
    start = at
    while start and data[start - 1] in b"\\\"'":
        start -= 1
    found = _SIBLING.match(data, start, start + 2048)
    if not found:
        return ()
    group = "quoted" if found["quoted"] is not None else "bare"
    start, end = found.span(group)
    return judged(data, Value(start, end, end, quoted=True), Meaning(STRONG, "password"))


_INLINE = regex(
    rb"[\w.-]{5,24}\\{0,7}[\"']?\s{0,4}:\s{0,4}(?:\\{0,7}\"(?P<quoted>[^\"\n]{1,4096}?)\\{0,7}\"|'(?P<single>[^'\n]{1,4096})'|(?P<bare>[^\s\"'{}|>][^\r\n]{0,1024}))"
)
_NEAR = 160
"""Bytes in front of an element that its parent is looked for in."""
_OF_NAMES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"


def _inline(data: bytes, at: int) -> Iterable[Span]:
    """Envoy's `auth_password: {inline_string: P}`, over one line or two."""
    head = data[max(0, at - _NEAR) : at].rstrip(b" \t\r\n-{\\\"'")
    name = head[:-1].rstrip(b" \\\"'") if head.endswith(b":") else b""
    means = meaning(name[len(name.rstrip(_OF_NAMES)) :]) if name else None
    found = _INLINE.match(data, at, at + LINE) if means and means.strength == STRONG else None
    if not means or not found:
        return ()
    start, end = found.span(found.lastgroup or 0)
    return judged(data, Value(start, end, end, quoted=True), means)


_SECTION = regex(
    rb"(?P<q>\\{0,7}[\"'])(?P<outer>[A-Za-z_]{0,24}(?i:crypt|crypto|jwt|encryption|signing|hmac|cipher|secret|secrets))(?P=q)\s{0,4}(?:=>|:)\s{0,4}"
    rb"[{\[]\s{0,64}(?:(?P<n>\\{0,7}[\"'])[\w.-]{1,32}(?P=n)\s{0,4}(?:=>|:)\s{0,4}\{\s{0,64})?"
    rb"(?P<k>\\{0,7}[\"'])(?i:key|value|string|plain|current)(?P=k)\s{0,4}(?:=>|:)\s{0,4}(?P<o>\\{0,7}[\"'])(?P<value>[^\"'\r\n]{4,1024}?)(?P=o)"
)
_NEXT = regex(
    rb"\s{0,16}\},\s{0,64}\\{0,7}[\"'][\w.-]{1,32}\\{0,7}[\"']\s{0,4}:\s{0,4}\{\s{0,64}\\{0,7}[\"']string\\{0,7}[\"']\s{0,4}:\s{0,4}"
    rb"\\{0,7}[\"'](?P<value>[^\"'\r\n]{4,1024}?)\\{0,7}[\"']"
)


def _section(data: bytes, at: int) -> Iterator[Span]:
    """`"Jwt": {"Key": "P"`, `'crypt' => ['key' => 'P'`, `"secret": {"inbox": {"string": "P"}, "outbox": {"string": "P"}}`."""
    start = max(data.rfind(b'"', max(0, at - 32), at), data.rfind(b"'", max(0, at - 32), at))
    while start > 0 and data[start - 1] == ord("\\"):
        start -= 1
    found = _SECTION.match(data, start, start + 2048) if start >= 0 else None
    while found:
        start, end = found.span("value")
        yield from judged(data, Value(start, end, end, quoted=True), Meaning(STRONG, "key"), direct=True)
        found = _NEXT.match(data, data.find(found["value"][-1:], end - 1) + 2, end + 512)


_CALL = regex(
    rb"(?:modparam\(\s{0,4}\"[\w|-]{1,64}\"\s{0,4},\s{0,4}\"(?P<mod>[\w.-]{1,64})\"|Set\(\s{0,4}\$(?P<set>\w{1,64})"
    rb"|(?:ini_set|(?:set|add|update)_(?:option|config|setting|param\w{0,6})|setenv|setConfig|setOption)\(\s{0,4}[\"'](?P<name>[\w.:-]{1,64})[\"'])"
    rb"\s{0,4},\s{0,4}(?P<q>[\"'])(?P<value>[^\r\n]{1,512}?)(?P=q)\s{0,4}[,)]"
)


def _call(data: bytes, at: int) -> Iterable[Span]:
    """A setting made by a call: `modparam("auth_db", "password", "P")`, `Set($DatabasePassword, 'P')`."""
    found = _CALL.match(data, at, at + 1024)
    means = meaning(found["mod"] or found["set"] or found["name"]) if found else None
    if not found or not means or not means.strength:
        return ()
    start, end = found.span("value")
    return judged(data, Value(start, end, end, quoted=True), means, direct=True)


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "nested_value",
        "The value of an object whose type tells",
        tuple(
            Literal(b"type" + quote + b":" + gap + quote + word, fold=True)
            for quote in (b'"', b"'", b"")
            for gap in (b"", b" ")
            for word in (b"password", b"secret", b"securestring", b"encrypted")
            if quote or gap
        ),
        _typed,
    ),
    Pattern("nested_value", "A value inside of an element of Envoy", (Literal(b"inline_string"), Literal(b"inlineString")), _inline),
    Pattern(
        "nested_value",
        "The key of a section that is called by its use",
        tuple(
            Literal(word + quote + sign, fold=True, next=follow)
            for word in (b"crypt", b"crypto", b"jwt", b"encryption", b"signing", b"hmac", b"cipher", b"secret", b"secrets")
            for quote, sign, follow in ((b'"', b":", b" {"), (b"'", b" =>", b" ["), (b"'", b":", b" {"))
        ),
        _section,
    ),
    Pattern(
        "call_password",
        "A setting made by a call",
        tuple(
            Literal(word)
            for word in (
                b"modparam(",
                b"Set($",
                b"ini_set(",
                b"set_option(",
                b"add_option(",
                b"update_option(",
                b"set_config(",
                b"add_config(",
                b"update_config(",
                b"set_setting(",
                b"update_setting(",
                b"setConfig(",
                b"setOption(",
                b"set_param",
            )
        ),
        _call,
    ),
    Pattern(
        "table_value",
        "A column of values beside one of names",
        tuple(Literal(sign + word, fold=True, next=b'\r\n,;\t|"') for sign in (b",", b";", b"\t", b"|") for word in (b"value", b'"value"')),
        _columns,
    ),
    Pattern("nested_value", "The value in an element whose name tells", (Literal(b"<value>", fold=True),), _value),
    Pattern("login_module", "Users of a login module of Java", (Literal(b"LoginModule "), Literal(b"LoginModule\n")), _jaas),
    Pattern(
        "table_value",
        "The second column of a table of names and values",
        tuple(
            Literal(quote + name + quote + sign + quote + b"value", fold=True)
            for name in (b"name", b"key", b"setting", b"parameter", b"variable", b"option")
            for sign in (b",", b";", b"\t", b"|")
            for quote in (b"", b'"')
        ),
        _table,
    ),
)
