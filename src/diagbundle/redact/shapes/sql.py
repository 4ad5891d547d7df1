"""Secrets in SQL: statements that set a pass word, rows that hold one, parameters as a database logs them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import STRONG, meaning
from diagbundle.redact.named.plausible import PROSE
from diagbundle.redact.shapes.text import doubled, folded, hidden, secret_name, within
from diagbundle.redact.span import Literal, Pattern, Span

_FAR = 4096
"""Bytes of a string: a cut one ends with the line before."""
_NEAR = 512
"""Bytes of a string that goes on over the end of its line."""
_STRING = regex(
    rb"(?:[NEBXneb]|_utf8(?:mb4)?\s?|0x)?(?P<q>\\{0,3}'|\\{0,3}\"|`)|(?P<d>\$(?:[A-Za-z_]\w{0,19})?\$)"
    rb"|(?P<x>0x(?=[0-9A-Fa-f]{8}))"
)


def _string(data: bytes, at: int, kind: str = "sql_password") -> Iterable[Span]:
    """The literal that begins at `at`: in quotes, in dollars, in hex; one that was cut off ends with its line."""
    opened = _STRING.match(data, at, at + 32)
    if not opened:
        return ()
    line = within(data, opened.end(), _FAR)
    start = opened.end()
    if opened["d"]:
        end = data.find(opened["d"], start, start + _FAR)
        if end < 0 and opened["d"] != b"$$":
            return ()  # a hash of crypt, `$y$..`
        return hidden(data, start, end if end >= 0 else line, kind)
    if opened["x"]:
        found = re.compile(rb"[0-9A-Fa-f]+").match(data, start)
        return hidden(data, start - 2, found.end(), kind) if found else ()
    return hidden(data, start, _quoted_end(data, start, opened["q"], line), kind)


def _quoted_end(data: bytes, start: int, quote: bytes, line: int) -> int:
    """The end of a string; the backslashes of an outer string before its quotes are not part of it."""
    if len(quote) > 1:
        end = data.find(quote, start, line)
        while end >= 0 and data.startswith(quote, end + len(quote)):
            end = data.find(quote, end + 2 * len(quote), line)
        return end if end >= 0 else line
    end = doubled(data, start, start + _FAR, quote)
    far = data[start:end].find(b"\n")
    if end < min(len(data), start + _FAR) and (far < 0 or end - start < _NEAR):
        return end
    end = doubled(data, start, line, quote)
    return end if end < line else _cut_end(data, start, line)


def _cut_end(data: bytes, start: int, line: int) -> int:
    """The logger cut the statement: the rest of the line is the secret, but for what the logger itself put behind."""
    rest = data[start:line]
    tail = re.search(rb"(?:\.\.\.|\xe2\x80\xa6)?[\"\\)\]}; ]*\Z", rest)
    return line - len(tail[0]) if tail else line


_IDENTIFIED = regex(
    rb"identified\s+(?:(?:with|via)\s+[\w'\"`\\]{1,60}\s+)?(?:by|as|using)\s+(?:password\s*\(?\s*"
    rb"|values\s+)?(?:random\s+password)?",
    re.IGNORECASE,
)
_BARE_WORD = regex(rb"(?=[^\s;,]*\w)(?!password\b|values\b|externally\b|random\b|global)[^\s;,'\"`()]+")


_PROSE_ON = regex(
    rb"identified\s+by\s+[A-Za-z]+(?:,\s|\s+(?!account|default|quota|profile|temporary|replace|container|password|using|with|as)[a-z]+\b)"
)
"""`fields are identified by four values`."""


_STATEMENT = regex(rb"(?i)\b(?:create|alter|grant|connect|set|user|role)\s")
"""In small letters it is a statement only behind one of these: `issues identified by valgrind`."""


def _identified(data: bytes, at: int) -> Iterable[Span]:
    """`IDENTIFIED BY 'P'`, also with a plugin, a hash, and Oracle's word without quotes; `REPLACE 'old'` behind it."""
    found = _IDENTIFIED.match(data, at, at + 200)
    if not found or not (data[at : at + 10].isupper() or _STATEMENT.search(data, max(0, at - 320), at)):
        return ()
    spans = list(_string(data, found.end()))
    bare = None if spans or _PROSE_ON.match(data, at) else _BARE_WORD.match(data, found.end(), found.end() + 256)
    if bare and bare[0].lower() not in PROSE:
        spans = list(hidden(data, bare.start(), bare.end(), "sql_password"))
    end = spans[0].end + 1 if spans else found.end()
    more = _REPLACE.match(data, end - 1, end + 40)
    if not more:
        return spans
    old = _BARE_WORD.match(data, more.end(), more.end() + 256)
    return spans + list(hidden(data, *old.span(), "sql_password") if old else _string(data, more.end()))


_REPLACE = regex(rb"\S?\s+replace\s+(?=\S)", re.IGNORECASE)


_PASSWORD = regex(
    rb"password\w{0,8}(?:[`\]]|\"(?=[ \t]*=)|(?![\"']))(?:[ \t]+for[ \t]+(?:user[ \t]+)?+[^\s=]{1,120}+)?[ \t]*(?:=|:=|\bto\b|\bis\b"
    rb"|\bfrom\b)?[ \t]*"
    rb"(?:(?:old_|encrypted_)?(?:password|crypt|md5|sha[12]|encode|concat|hashbytes)[ \t]*)?\(?[ \t]*"
    rb"(?=(?:[NEBneb]|_utf8\w{0,4}\s?)?\\{0,3}['\"]|\$\w{0,20}\$[^\s$]|0x)",
    re.IGNORECASE,
)


def _password(data: bytes, at: int) -> Iterable[Span]:
    """`PASSWORD 'P'`, `SET PASSWORD FOR u = 'P'`, `PASSWORD('P')`, `password = 'P'`, `OPTIONS (password 'P')`."""
    if data[at + 8 : at + 13].lower() == b" for " and data[max(0, at - 4) : at].lower() != b"set ":
        return ()  # `Failed password for bob from 10.1.1.1`
    found = _PASSWORD.match(data, at, at + 240)
    if found and found[0].endswith(b"(") and data[max(0, at - 4) : at].lower() == b"user":
        return ()  # `changeUserPassword("bob", "P")`: the first one is the user
    if not found or (data[at - 1 : at] in (b"'", b'"') and data[at + 8 : at + 9] in (b"'", b'"')):
        return ()
    opened = _STRING.match(data, found.end(), found.end() + 32)
    if opened and (opened["q"] or b"").endswith(b'"') and not _JOINED.search(found[0]):
        return ()
    spans = list(_string(data, found.end()))
    more = _TO.match(data, spans[0].end, spans[0].end + 16) if spans else None
    return spans + list(_string(data, more.end())) if more else spans


_TO = regex(rb"'\s+to\s+(?=')", re.IGNORECASE)
_JOINED = regex(rb"[=(]|\bto\b", re.IGNORECASE)
_INSERT = regex(
    rb"(?:insert(?:\s+\w+)?"
    rb"|replace)\s+into\s+[^\s(]{1,200}\s*\(([^()]{1,2000})\)\s*(?:output[^()]{0,200})?(?:values?\s*|select\s+)",
    re.IGNORECASE,
)
_VALUE = regex(rb"\s*([^'\",();\s][^'\",();]*(?:\([^()']{0,200}\))?|)\s*(?=[,);]|$)")
_HEAD = regex(rb"\s*(?:[\w.]{1,40}\(\s*)?")
_NAME = regex(rb"[\w$#.-]+")


def _columns(text: bytes) -> list[bool]:
    """Of each column, whether it holds a secret."""
    return [bool((name := _NAME.search(column)) and secret_name(name[0])) for column in text.split(b",")]


def _insert(data: bytes, at: int) -> Iterator[Span]:
    """`INSERT INTO t (a, password) VALUES (x, 'P')`: by the place of the column, in every row."""
    found = _INSERT.match(data, at, at + 2600)
    if not found or not any(secret := _columns(found[1])):
        return
    place = found.end()
    end = at + 12288
    while place >= 0 and place < end:
        opened = data[place : place + 1] == b"("
        spans, place = _row(data, place + opened, secret)
        yield from spans
        nxt = re.compile(rb"\s*\)\s*,\s*(?=\()").match(data, place, place + 64) if opened and place >= 0 else None
        place = nxt.end() if nxt else -1


def _row(data: bytes, at: int, secret: list[bool]) -> tuple[list[Span], int]:
    """The secrets of one row, and where it ends; -1 where that cannot be told."""
    spans: list[Span] = []
    for is_secret in secret:
        head = _HEAD.match(data, at)
        start = head.end() if head else at
        opened = _STRING.match(data, start, start + 32)
        if opened and not opened["x"]:
            inner = list(_string(data, start)) if is_secret else []
            spans += inner
            end = _literal_end(data, opened)
            closed = re.compile(rb"(?:\s*,\s*[^'()]{0,80}(?:'[^']{0,80}')?)?\s*\)" if head and b"(" in head[0] else rb"").match(data, end)
            at = closed.end() if closed else end
        elif value := _VALUE.match(data, at, at + 600):
            at = value.end(1)
            if is_secret and not re.fullmatch(rb"[$:@?%][\w()]*|null|default|0x|true|false|\w+\(.*", value[1], re.IGNORECASE):
                spans += hidden(data, value.start(1), value.end(1), "sql_password")
        else:
            return spans, -1
        comma = re.compile(rb"\s*,").match(data, at, at + 64)
        if not comma:
            return spans, at
        at = comma.end()
    return spans, at


def _literal_end(data: bytes, opened: re.Match[bytes]) -> int:
    line = within(data, opened.end(), _FAR)
    if opened["d"]:
        end = data.find(opened["d"], opened.end(), opened.end() + _FAR)
        return end + len(opened["d"]) if end >= 0 else line
    return _quoted_end(data, opened.end(), opened["q"], line) + len(opened["q"])


_COLUMN_IS = regex(rb"([\w.]{2,60})[`\"]?\s*(?:=|<>|is)\s*(?:\w{1,20}\(\s*)?\$([0-9]{1,3})")
_SET_TO = regex(rb"(?i)password\s+(?:=\s*)?\$([0-9]{1,3})|crypt\(\s*\$([0-9]{1,3})")
_GIVEN = regex(rb"\$([0-9]{1,3}) = (?=')")


def _parameters(data: bytes, at: int) -> Iterator[Span]:
    """`DETAIL: parameters: $1 = 'P'`: the statement before says which of them are secret."""
    line = max(data.rfind(b"\n", max(0, at - 512), at), at - 512)
    before = data[max(0, line - 4096) : at]
    last = max(before.rfind(mark) for mark in (b"execute ", b"statement:", b"STATEMENT:", b"parse ", b"bind "))
    asked = _asked(before[last:]) if last >= 0 else set()
    place, again = at, data.find(data[at : at + 16], at + 16, at + 12288)
    end = within(data, at, again - at if again >= 0 else 12288)
    while asked and (given := _GIVEN.search(data, place, end)):
        start = given.end() + 1
        place = doubled(data, start, end)
        if int(given[1]) in asked:
            yield from hidden(data, start, place, "sql_password")


def _asked(statement: bytes) -> set[int]:
    """The numbers of the parameters that are secrets in this statement."""
    asked = {int(found[2]) for found in _COLUMN_IS.finditer(statement) if secret_name(found[1])}
    asked |= {int(found[1] or found[2]) for found in _SET_TO.finditer(statement)}
    if found := re.search(rb"(?i)insert\s+into\s+[^\s(]{1,200}\s*\(([^()]{1,2000})\)\s*values\s*\(([^;]{1,2000})", statement):
        given = [re.search(rb"\$([0-9]{1,3})", value) for value in found[2].split(b",")]
        pairs = zip(_columns(found[1]), given, strict=False)
        asked |= {int(value[1]) for is_secret, value in pairs if is_secret and value}
    return asked


_SET_VALUE = regex(rb"value[`\"\]]?\s{0,4}=\s{0,4}(?=N?\\{0,3}')", re.IGNORECASE)
_SET = regex(rb"(?i)\bset\s[^;']{0,80}\Z")
_WHERE = regex(rb"(?i)\\{0,3}'[^;\n]{0,200}?\bwhere\b")
_EQUALS = regex(rb"(?:=|[Ll][Ii][Kk][Ee])\s{0,4}N?\\{0,3}'([^'\\\n]{1,200})")
_LAST = regex(rb"[\w-]+(?=%?\Z)")


def _set_value(data: bytes, at: int) -> Iterable[Span]:
    """`UPDATE settings SET value = 'P' WHERE path = 'mail/smtp/password'`: the row that is meant tells."""
    value = _SET_VALUE.match(data, at, at + 32)
    spans = list(_string(data, value.end())) if value and _SET.search(data, max(0, at - 128), at) else []
    where = _WHERE.match(data, spans[0].end, spans[0].end + 300) if spans else None
    if not where:
        return ()
    rows = _EQUALS.finditer(data, where.end(), within(data, where.end(), 400))
    return spans if any((last := _LAST.search(row[1])) and meaning(last[0]).strength == STRONG for row in rows) else ()


def _sql(title: str, anchors: tuple[str, ...], find: object) -> Pattern:
    return Pattern("sql_password", title, folded(*anchors), find)  # type: ignore[arg-type]


PATTERNS: tuple[Pattern, ...] = (
    _sql(
        "The pass word of a database's user",
        ("identified by", "identified with", "identified via", "identified as", "identified using"),
        _identified,
    ),
    Pattern(
        "sql_password",
        "A pass word in a statement of SQL",
        (Literal(b"password", fold=True, next=b' \t\r\n=(`]"'),),
        _password,
    ),
    _sql("A secret column of rows that are put into a table", ("insert into", "replace into", "insert ignore into"), _insert),
    _sql(
        "The value of a row whose name tells",
        tuple(f"value{shut}{blank}={blank}'" for shut in ("", "`", '"', "]") for blank in ("", " ")),
        _set_value,
    ),
    _sql("A secret parameter of a logged statement", ("parameters: $1 =",), _parameters),
)
