"""Secrets in markup and tables: elements, attributes, a name in one field and its value in the next, columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagbundle.redact.ahead import Ahead
from diagbundle.redact.lazy import regex
from diagbundle.redact.named.names import NO, meaning
from diagbundle.redact.named.plausible import is_secret
from diagbundle.redact.shapes.text import SHORT, closing, folded, hidden, within
from diagbundle.redact.span import Literal, Pattern, Span

_FAR = 4096
"""Bytes of a value."""


def _judged(data: bytes, name: bytes, start: int, end: int) -> Iterator[Span]:
    """The value, if the name is one of a secret and the value may be one; blanks around it stay."""
    text = data[start:end]
    start += len(text) - len(text.lstrip())
    end = max(start, end - (len(text) - len(text.rstrip())))
    said = meaning(name)
    if said.kind in ("token", "key") and data[start:end].isalpha() and data[start:end].islower():
        return
    if said.strength != NO and is_secret(data[start:end], said, direct=b" " not in data[start:end], quoted=True, spaced=False):
        yield from hidden(data, start, end, f"markup_{said.kind}")


# Elements.

_LT, _GT = rb"(?:<|&lt;|\\u003[cC])", rb"(?:>|&gt;|\\u003[eE])"
_OPENED = regex(rb"(?P<lt><|&lt;|\\u003[cC])(?P<end>\\?/)?(?:[\w-]{1,40}:)?(?P<name>[\w.-]{0,80})\Z")
_SHUT = regex(_GT)
_TO_SHUT = regex(rb"[\w.-]{1,40}?" + _GT)
_NAME_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-"
_LINES = (b"auth-user-pass",)
"""It holds two lines, of which the first is a user's name: a directive of OpenVPN."""
_CDATA = regex(rb"\s{0,200}<!\[CDATA\[")
_END_OF = {b"<": b"<", b"&lt;": b"&lt;"}


def _element(data: bytes, at: int) -> Iterable[Span]:
    """`<password>P</password>`: from its beginning or, where attributes stand in that, from its end."""
    shut = _TO_SHUT.match(data, at, at + 48)
    stop = _SHUT.search(data, at, shut.end()) if shut else None
    if not stop or data[max(0, at - 90) : at].rstrip(_NAME_BYTES)[-1:] not in (b"<", b"/", b";", b"\\"):
        return ()
    opened = _OPENED.search(data[max(0, at - 100) : stop.start()]) if stop else None
    if not stop or not opened or meaning(opened["name"]).strength == NO or opened["name"] in _LINES:
        return ()
    if not opened["end"]:
        return _content(data, opened["name"], stop.end(), opened["lt"])
    tag_end = max(0, at - 100) + opened.start()
    low = max(0, tag_end - _FAR)
    before = data[max(low, data.rfind(b"/" + opened["name"], low, tag_end)) : tag_end]
    if not any(opened["name"] + blank in before for blank in (b" ", b"\n", b"\t", b"\r")):
        return ()
    begins = list(re.finditer(_LT + rb"(?:[\w-]{1,40}:)?" + re.escape(opened["name"]) + rb"\s(?:[^<>]|&(?!lt;))*?" + _GT, before))
    return _content(data, opened["name"], tag_end - len(before) + begins[-1].end(), opened["lt"]) if begins else ()


def _content(data: bytes, name: bytes, start: int, less: bytes) -> Iterator[Span]:
    """The text of an element, in CDATA or not; one that was cut off ends with its line."""
    cdata = _CDATA.match(data, start, start + 220)
    if cdata:
        end = data.find(b"]]>", cdata.end(), cdata.end() + _FAR)
        return _judged(data, name, cdata.end(), end if end >= 0 else within(data, cdata.end(), _FAR))
    end = data.find(_END_OF.get(less, less), start, start + _FAR)
    if end < 0:
        end = within(data, start, _FAR)
        if b" " in data[start:end].strip() or data[start : start + 1] in (b"]", b"|", b":", b",", b".", b")"):
            return iter(())
    elif data[end + len(less) : end + len(less) + 1] not in (b"/", b"\\", b"!"):
        return iter(())
    return _judged(data, name, start, end)


_NEXT_ELEMENT = regex(
    rb"</?(?:[\w-]{1,40}:)?(?:name|key|param-name)>\s{0,200}(?:<(?:description|type)>[^<]{0,400}</(?:description"
    rb"|type)>\s{0,200})?(?P<lt><)(?:[\w-]{1,40}:)?(?:string|value|param-value|data|val)(?:\s[^<>]{0,100})?>",
    re.IGNORECASE,
)


def _pair_of_elements(data: bytes, at: int) -> Iterable[Span]:
    """`<key>password</key><string>P</string>`, `<name>..</name><value>P</value>`."""
    before = data[max(0, at - 128) : at]
    name = before[before.rfind(b">") + 1 :].strip()
    found = _NEXT_ELEMENT.match(data, at, at + 900) if name else None
    return _content(data, name, found.end(), b"<") if found else ()


_NAMING = regex(rb"<[\w:.-]{1,60}\s[^<>]{0,400}?\b(?:key|name|id|Name|Key|property)\s*=\s*\\?[\"']([\w.:/ -]{1,100})\Z")


def _named_element(data: bytes, at: int) -> Iterable[Span]:
    """`<entry key="password">P</entry>`."""
    stop = data.find(b">", at, at + 40)
    name = data[max(0, at - 512) : stop].rstrip(b"\"'\\ ") if stop >= 0 else b""
    found = _NAMING.search(name[max(0, name.rfind(b"<")) :])
    return _content(data, found[1], stop + 1, b"<") if found else ()


# A name in one field, the value in the next.

_VALUE = regex(
    rb"value(?P<shut>\\*[\"']|&quot;)?\s{0,8}(?P<is>[:=])(?:>)?[ \t]{0,8}(?P<block>["
    rb"|>][+-]?[ \t]*\r?\n(?P<indent>[ \t]+))?(?:[bru]?(?P<q>\\*[\"']|&quot;))?",
    re.IGNORECASE,
)
_FIELD = regex(
    rb"(?<![\w.-])(?:[a-z]{0,12}(?:name|key)|id|field|header|variable|var|property|option|setting|attribute"
    rb"|env)(?:\\*[\"']|&quot;)?\s{0,4}(?:=>|[:=])\s{0,4}[bru]?(?:\\*[\"']|&quot;)?"
    rb"(?P<name>[\w.:/$ -]{1,120}?)(?=\\*[\"']|&quot;|\s*[,\r\n})>]|\s+\w+[:=]|\s*\Z)",
    re.IGNORECASE,
)
_APART = regex(rb"[{}<>]|\n\s*-\s|\n\s*\n|(?:^|[^\w])value(?:\\*[\"'])?\s{0,4}[:=]", re.IGNORECASE)
_TYPE = regex(rb"type\s*=\s*\\?[\"']?password", re.IGNORECASE)
_HINTS = (
    b"pass",
    b"pwd",
    b"secret",
    b"token",
    b"key",
    b"cred",
    b"pin",
    b"psk",
    b"auth",
    b"kennwort",
    b"clave",
    b"senha",
    b"jeton",
    b"communit",
)
_HEADS = frozenset((b"", b"parameter", b"string", b"text", b"header", b"attribute", b"default", b"secret", b"plain"))
_NOT_VALUE = regex(rb"[A-Za-z]*\Z")
_LITERAL = regex(rb"[\[{&*]|!\w|\$\{|valueFrom")
_COMMENT = Ahead(rb"\s+#|\s*[,}]\s*(?:\w+:|$|\})")
_FIELDS = (b"name", b"key", b"id", b"field", b"header", b"var", b"property", b"option", b"setting", b"attribute", b"env", b"type")


def _value_field(data: bytes, at: int) -> Iterable[Span]:
    """The value of a field whose sister names a secret: before it, or behind it in the same object."""
    head = _NOT_VALUE.search(data[max(0, at - 12) : at])
    found = _VALUE.match(data, at, at + 100)
    if not found or not head or head[0].lower() not in _HEADS or data[at - 1 : at] in (b"-", b".", b"_", b"$", b"%"):
        return ()
    near = data[max(0, at - 400) : at + 400].lower()
    if not any(hint in near for hint in _HINTS) or not any(field in near for field in _FIELDS):
        return ()
    start, end = found.end(), _value_end(data, found)
    name = _sister(data, at, end)
    return _judged(data, name, start, end) if name else ()


def _value_end(data: bytes, found: re.Match[bytes]) -> int:
    """Where the value ends: at its quote, in a block of YAML with the indentation, bare at a comma, a brace or the line's end."""
    start = found.end()
    line = within(data, start, _FAR)
    if found["q"] == b"&quot;":
        end = data.find(b"&quot;", start, line)
        return end if end >= 0 else line
    if found["q"] == b"'":
        end = data.find(b"'", start, start + _FAR)
        while end >= 0 and data[end + 1 : end + 2] == b"'" and end + 2 < start + _FAR:
            end = data.find(b"'", end + 2, start + _FAR)
        return end if end >= 0 else line
    if found["q"]:
        far = min(len(data), start + _FAR)
        end = closing(data, start, found["q"], far)
        return end if end >= 0 else line
    if found["block"]:
        while data.startswith(b"\n" + found["indent"], line) and line - start < _FAR:
            line = within(data, line + 1, _FAR)
        return line
    if found["shut"] or found["is"] == b"=" or data[found.end() - 1 : found.end()] == b":":
        bare = re.compile(rb"[^\s,}\])>;]*").match(data, start, line)
        return bare.end() if bare else start
    comment = _COMMENT.search(data, start, line)
    return comment.start() if comment else line


def _sister(data: bytes, at: int, end: int) -> bytes:
    """The name that the value's object holds."""
    low = max(0, at - 400)
    before = data[low:at]
    breaks = [place.end() for place in _APART.finditer(before)]
    last = breaks[-1] if breaks else 0
    if breaks and before[last - 1 : last] in (b">", b"}"):
        return b""
    if breaks and before[last - 1 : last] == b"<" and _TYPE.search(data[at - len(before) + last : data.find(b">", end) + 1 or end]):
        return b"password"
    names = list(_FIELD.finditer(before, last))
    if names:
        return names[-1]["name"]
    after = data[end : end + 300]
    apart = _APART.search(after)
    name = _FIELD.search(after[: apart.start()] if apart else after)
    return name["name"] if name and (apart or after.count(b"\n") < SHORT or name.start() < _NEAR) else b""


# Two elements of a list.

_TWO = regex(rb"[\[(]\s{0,4}[bru]?(?P<a>\\*[\"'])(?P<name>[\w.-]{1,80})(?P=a)\s{0,2},\s{0,24}[bru]?(?P<q>\\*[\"'])")


def _pair(data: bytes, at: int) -> Iterable[Span]:
    """`("password", "P")`."""
    low = max(0, at - 100)
    begin = max(data.rfind(b"[", low, at), data.rfind(b"(", low, at))
    found = _TWO.match(data, begin, at + 60) if begin >= 0 else None
    end = closing(data, found.end(), found["q"], within(data, found.end(), _FAR)) if found else -1
    if not found or end < 0 or data[end + len(found["q"]) : end + len(found["q"]) + 4].lstrip()[:1] not in (b")", b"]"):
        return ()
    if data[begin - 6 : begin] == b"define" and meaning(found["name"]).strength != NO:
        return hidden(data, found.end(), end, "markup_password")
    return () if _NAME_TOO.fullmatch(data, found.end(), end) else _judged(data, found["name"], found.end(), end)


_NAME_TOO = regex(rb"(?i)[a-z]+(?:[_.][a-z0-9]+)*[_.]?(?:pass|passwd|password|pwd|secret|token|keys?|auth)")
"""A list of names: `["glance_password", "nova_password"]`."""


def _clear_text(data: bytes, at: int) -> Iterable[Span]:
    """`clear-text="P"`."""
    found = _CLEAR.match(data, at, at + 24)
    end = closing(data, found.end(), found[1], within(data, found.end(), _FAR)) if found else -1
    return hidden(data, found.end(), end, "markup_password") if found and end >= 0 else ()


_CLEAR = regex(rb"clear-text\s?=\s?(\\*[\"'])")


# Columns.

_CELL = regex(rb"\"(?:[^\"]|\"\")*\"|[^,;\t|\"\r\n]*")
_TITLE = regex(rb"\s*\"?[A-Za-z_#][\w ./()#-]{0,48}\"?\s*")
_RULE = regex(rb"[-+|= ]+")
_EARLIER = regex(
    rb"(?:passwo?r?d|passwort|pwd|passphrase|passcode|secret|token|credentials?|pass|psk|pin|pw|kennwort|parola|clave"
    rb"|contrasena|salt|key)(?:[,;\t|\"'\\]| \|)",
    re.IGNORECASE,
)
_NEAR, _MOST = 40, 256
_ROWS, _WIDE = 12 << 10, 2 << 10
"""Bytes of rows below a line of titles that belong to it, at most."""


def _columns(data: bytes, at: int) -> Iterator[Span]:
    """A table whose first line names a column of secrets: the cells below, as long as the rows have as many cells."""
    begin = data.rfind(b"\n", max(0, at - 1024), at) + 1 or max(0, at - 1024)
    end = within(data, at, 1024)
    line = data[begin:end]
    is_whole = data[end : end + 1] in (b"\n", b"\r") and data[begin - 1 : begin] in (b"", b"\n")
    if not is_whole or _EARLIER.search(data, begin, at):
        return
    mark = max(b",;\t|", key=line.count).to_bytes(1, "little")
    titles = line.split(mark)
    if not titles[-1].strip() and mark in b",;":  # a list in source code
        return
    if mark not in line or any(b"#" in title for title in titles[1:]) or not all(_is_title(title, mark) for title in titles):
        return
    if mark != b"|" and sum(1 for title in titles if title.strip()) < 2:  # noqa: PLR2004 - `ssl_session_tickets off;` is no table
        return
    if mark == b"|" and b"-[ RECORD " in data[max(0, begin - _WIDE) : begin]:  # a name and its value, not two titles
        return
    wanted = [(place, name) for place, title in enumerate(titles) if meaning(name := title.strip(b'" \t')).strength != NO]
    if not wanted:
        return
    yield from _rows(data, data.find(b"\n", end, end + 2) + 1, mark, len(titles), wanted)


def _is_title(title: bytes, mark: bytes) -> bool:
    """Whether this may stand above a column: a few words, which neither a sentence nor a column made with several tabs has."""
    if not title.strip():
        return mark != b"\t"
    loose = mark != b"|" and (b"  " in title.strip() or len(title.split()) > 3)  # noqa: PLR2004 - words
    return not loose and _TITLE.fullmatch(title) is not None


def _rows(data: bytes, at: int, mark: bytes, count: int, wanted: list[tuple[int, bytes]]) -> Iterator[Span]:
    limit = at + _ROWS
    while 0 < at < min(limit, len(data)):
        end = within(data, at, 2048)
        cells = _cells(data, at, end, mark)
        if len(cells) != count and not _RULE.fullmatch(data, at, end):
            return
        if any(data[slice(*cells[place])].strip(b'" \t') == name for place, name in wanted if place < len(cells)):
            return
        for place, name in wanted if len(cells) == count else ():
            start, stop = cells[place]
            is_quoted = data[start : start + 1] == b'"'
            yield from _judged(data, name, start + is_quoted, stop - is_quoted)
        at = data.find(b"\n", end, end + 2) + 1


def _cells(data: bytes, at: int, end: int, mark: bytes) -> list[tuple[int, int]]:
    """Where the cells of a row stand; a quoted one may hold the mark."""
    cells: list[tuple[int, int]] = []
    cell = re.compile(rb"\"(?:[^\"]|\"\")*\"(?=" + re.escape(mark) + rb"|$)|[^" + re.escape(mark) + rb"]*")
    while at <= end and len(cells) < _MOST:
        found = cell.match(data, at, end)
        stop = found.end() if found else end
        cells.append((at, stop))
        if stop >= end:
            break
        at = stop + 1
    return cells


def _by_word(data: bytes, at: int) -> Iterable[Span]:
    """What the text says that stands behind the word."""
    mark = _MARK.match(data, at, at + 64)
    if not mark:
        return ()
    if mark[2] in (b">", b"&gt;"):
        return (_named_element if mark[1] else _element)(data, at)
    if mark[2].startswith(b"\\u"):
        return _element(data, at)
    spans = list(_pair(data, at)) if mark[1] and mark[2] == b"," else []
    return spans or _columns(data, at)


_MARK = regex(rb"[\w.-]*?(\\*[\"'] ?|)(>|&gt;|\\u003[eE]|\\{0,7}[\"'](?=,)|[,;\t\r\n]|[ ]{0,24}\||\Z)")
_WORDS = (
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "credential",
    "credentials",
    "pass",
    "psk",
    "pin",
    ",pw",
    ";pw",
    "passwort",
    "kennwort",
    "parola",
    "clave",
    "contrasena",
    "salt",
)

_QUOTES = (b'"', b"'")

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "markup_password",
        "The text of an element whose name or attribute is the name of a secret, the cells below a title, a pair in a list",
        (
            *(Literal(word.encode(), fold=True, next=b">&\\,;|\t\r\n") for word in _WORDS),
            *(Literal(word.encode() + quote, fold=True, next=b">&\\,;|\t\r\n\"'") for word in _WORDS for quote in _QUOTES),
            *(Literal(word.encode() + quote + b" ", fold=True, next=b">&\\ |,;\t\r\n\"'") for word in _WORDS for quote in _QUOTES),
            *folded(
                "key>",
                "key&gt;",
                "key\\u003e",
                'key">',
                "key'>",
                'key",',
                "key',",
                "key,",
                ",key",
                "key\t",
                "key;",
                "key |",
                "| key",
                'key\\">',
                'key\\",',
            ),
            *folded(*("| " + word for word in _WORDS[:7]), *(word + " |" for word in _WORDS[:7]), "password_hash"),
        ),
        _by_word,
    ),
    Pattern(
        "markup_password", "An element behind one that holds its name", folded("</name>", "</key>", "</param-name>"), _pair_of_elements
    ),
    Pattern(
        "markup_password",
        "A value whose name stands in the field beside it",
        folded('value"', "value'", "value=", "value:", "value\\", "value =", "value&quot;"),
        _value_field,
    ),
    Pattern("markup_password", "A credential in clear text of an application server", folded("clear-text="), _clear_text),
)
