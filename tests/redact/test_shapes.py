"""Secrets known by the shape around them: every case of the tables, and values through the encoders of real programs."""

import json
import shlex
import string
import time
import urllib.parse
from xml.sax import saxutils

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made import cases

from diagbundle.redact import shapes
from diagbundle.redact.named.plausible import PATH
from diagbundle.redact.scan import scanner
from diagbundle.redact.shapes.text import kept
from diagbundle.redact.span import MARKER, joined

FAMILIES = ("urls", "headers", "commands", "sql", "calls", "wire", "markup", "positional", "dumps", "announced", "tables", "logins", "told")
MARK = b"REDACTED_%s_0a1b2c3d"
OF_LITERAL = {}
for _pattern in shapes.PATTERNS:
    for _literal in _pattern.anchors:
        OF_LITERAL.setdefault(_literal, []).append(_pattern)
SCANNER = scanner(list(OF_LITERAL), pure=True)
PATTERNS = list(OF_LITERAL.values())


def spans(data):
    """What the shapes find, as the engine asks them: at every anchor that no other secret covers."""
    found, covered = [], 0
    for at, number in SCANNER.anchors(data):
        for pattern in PATTERNS[number] if at >= covered else ():
            new = list(pattern.find(data, at))
            found += new
            covered = max([covered, *(span.end for span in new if span.start <= at)])
    return joined(span for span in found if not MARKER.search(data, span.start, span.end))


def redacted(data):
    out, last = b"", 0
    for span in spans(data):
        out += data[last : span.start] + MARK % span.kind.encode()
        last = span.end
    return out + data[last:]


@pytest.mark.parametrize("case", cases(*("shapes_" + family for family in FAMILIES)))
def test_case(case):
    data, secrets = case.made()
    found = [(span.start, span.end) for span in spans(data)]
    assert [data[start:end] for start, end in found] == [data[start:end] for start, end in secrets]
    assert found == secrets
    once = redacted(data)
    assert redacted(once) == once


# Values through the encoders of real programs: what stands around stays as it is, the value goes whole.

VALUES = st.text(
    st.sampled_from(string.ascii_letters + string.digits + "!#$%&'()*+,-./:;<=>?@[]^_{|}~\\\" é"), min_size=10, max_size=24
).map(lambda text: "k" + text + "7Q")


def _around(before, value, after):
    """The value must vanish and the rest stay, unless it happens to be a reference or the like."""
    assume(not kept(value.encode()) and not PATH.fullmatch(value.encode()))
    data = (before + value + after).encode()
    found = spans(data)
    assert [(span.start, span.end) for span in found] == [(len(before.encode()), len((before + value).encode()))], data
    once = redacted(data)
    assert redacted(once) == once


@given(VALUES)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize(
    ("before", "encoded", "after"),
    [
        ("GET /x?a=1&access_token=", lambda value: urllib.parse.quote(value, safe=""), "&expires=5 HTTP/1.1"),
        ("user=anna&password=", urllib.parse.quote_plus, "&next=%2F"),
        ("postgres://app:", lambda value: urllib.parse.quote(value, safe=""), "@db.internal:5432/orders"),
        ("<user>a</user><password>", saxutils.escape, "</password>\n"),
        ('<property name="password" value="', lambda value: saxutils.escape(value, {'"': "&quot;"}), '"/>'),
        ('{"name": "DB_PASSWORD", "value": "', lambda value: json.dumps(value)[1:-1], '"}'),
        ("sshpass -p ", shlex.quote, " ssh host"),
        ("ALTER ROLE app PASSWORD '", lambda value: value.replace("\\", "").replace("'", "''"), "';"),
        ("mysql\0-u\0root\0-p", str, "\0shop\0"),
    ],
    ids=["query", "form", "url", "element", "attribute", "fields", "shell", "sql", "nul"],
)
def test_encoded(before, encoded, after, value):
    written = encoded(value)
    if written[:1] == "'" and before.endswith("-p "):
        before, written, after = before + "'", written[1:-1], "'" + after
    _around(before, written, after)


@given(
    st.lists(
        st.sampled_from([*(literal.text for literal in OF_LITERAL if literal.text), *(bytes([c]) for c in b"\"'\\<>&=: \n\0aZ7{}[]@/|")])
    )
)
@settings(max_examples=150, deadline=None)
def test_any_bytes(pieces):
    data = b"".join(pieces)
    found = spans(data)
    assert all(0 <= span.start < span.end <= len(data) for span in found)


HOSTILE = [
    b"password=", b"://a:", b"://a:b@", b"\\", b'"', b"?key=", b"&key=", b" -p", b'"-u', b"mysql -p", b"echo a ", b"echo a|", b"<password>", b"</password>",
    b"password,", b"value=", b"value: name: ", b"cookie: a=b; ", b"cookies={'a':'", b"authorization: digest a=", b"insert into t (password) values (",
    b"PASS ", b"0 login ", b"name,password\na,b\n", b"334 UGFzc3dvcmQ6\n", b"parameters: $1 = '", b"identified by 'a''", b"password $$", b"/reset/",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_linear(unit):
    """Twice as much takes no more than twice as long, with room for a busy machine."""
    took = []
    for size in (16 << 10, 64 << 10):
        data = unit * (size // len(unit))
        begin = time.process_time()
        spans(data)
        took.append(time.process_time() - begin)
    assert took[1] < 8 * took[0] + 0.1
    assert took[1] < 4
