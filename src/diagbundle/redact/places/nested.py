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


PATTERNS: tuple[Pattern, ...] = (
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
