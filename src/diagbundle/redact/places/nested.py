"""Secrets that stand in an element inside of the one, or in a column beside the one, whose name tells."""

from __future__ import annotations

import re
from collections.abc import Iterable

from diagbundle.redact.names import STRONG, Meaning, meaning
from diagbundle.redact.several import judged
from diagbundle.redact.span import LINE, Literal, Pattern, Span
from diagbundle.redact.values import Value

_BACK = 300
_OUTER = re.compile(rb"<(?P<tag>[\w:.-]{1,80})(?P<rest>(?:\s[^<>]{0,200})?)>\s{0,64}\Z")
_NAME = re.compile(rb"\s(?:name|key|id)\s{0,4}=\s{0,4}[\"']([^\"'<>]{1,80})[\"']")


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


_HEADER = re.compile(
    rb"[\"']?(?:name|key|setting|parameter|variable|option)[\"']?(?P<sign>[,;\t|])[\"']?value[\"']?[ \t]{0,4}\r?\n", re.IGNORECASE
)
_ROW = re.compile(
    rb"(?P<q>[\"']?)(?P<name>[\w.$@/-]{1,80})(?P=q)[,;\t|]"
    rb"(?:\"(?P<quoted>(?:[^\"\n]|\"\")*)\"|(?P<bare>[^,;\t|\r\n\"]*)(?![^,;\t|\r\n]))[^\n]{0,1024}(?:\n|\Z)"
)


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


_USER = re.compile(rb"\suser_[\w.-]{1,64}=\"([^\"\n]{1,512})\"")


def _jaas(data: bytes, at: int) -> Iterable[Span]:
    """`user_bob="P"`, the users that a login module of Java knows; up to its semicolon."""
    end = data.find(b";\n", at, at + 4096)
    for user in _USER.finditer(data, at, end if end >= 0 else at + 4096):
        yield from judged(data, Value(user.start(1), user.end(1), user.end(), quoted=True), Meaning(STRONG, "password"))


PATTERNS: tuple[Pattern, ...] = (
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
