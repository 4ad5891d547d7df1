"""Secrets behind a telling name: every case of the case files, values put through real encoders, and hostile texts."""

import json
import shlex
import time
import urllib.parse

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from made import cases

from diagbundle.redact.named import names
from diagbundle.redact.named.keyed import PATTERNS
from diagbundle.redact.named.plausible import PATH
from diagbundle.redact.scan import scanner

FILES = ("keyed", "keyed_carriers", "keyed_joined", "keyed_typed")
FINDS = [(literal, pattern.find) for pattern in PATTERNS for literal in pattern.anchors]


@pytest.fixture(scope="module", params=["fast", "pure"])
def anchors(request):
    return scanner([literal for literal, _ in FINDS], pure=request.param == "pure").anchors


FAST = scanner([literal for literal, _ in FINDS]).anchors


def spans(data, anchors=FAST):
    """What the engine would hide, joined."""
    found, until = [], 0
    for at, index in anchors(data):
        if at >= until:
            found += FINDS[index][1](data, at)
            until = max([until, *(span.end for span in found[-8:])])
    joined = []
    for span in sorted(found):
        if joined and span.start < joined[-1].end:
            joined[-1] = joined[-1]._replace(end=max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def hidden(data, mark=b"REDACTED_x_00000000"):
    out, last = b"", 0
    for span in spans(data):
        out += data[last : span.start] + span.wrap + mark + span.wrap
        last = span.end
    return out + data[last:]


@pytest.mark.parametrize("case", cases(*FILES))
def test_case(case, anchors):
    for seed in range(2):
        text, secrets = case.made(seed)
        found = spans(text, anchors)
        assert [text[span.start : span.end] for span in found] == [text[start:end] for start, end in secrets], text
        assert [(span.start, span.end) for span in found] == secrets


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_number_in_json_gets_the_quotes_of_its_name(depth):
    """The marker is a word: without quotes it would not be JSON any more."""
    text = json.dumps({"pin": 4711, "passwords": [47110815, 1234567], "x": 1})
    for _ in range(depth - 1):
        text = json.dumps({"msg": text})
    read = hidden(text.encode())
    for _ in range(depth - 1):
        read = json.loads(read)["msg"]
    mark = "REDACTED_x_00000000"
    assert json.loads(read) == {"pin": mark, "passwords": [mark, mark], "x": 1}


@pytest.mark.parametrize("case", cases(*FILES))
def test_case_in_a_text(case):
    """What stands on other lines changes nothing."""
    text, secrets = case.made(7)
    before = b"2026-11-22T10:00:00Z db1 app[1]: started (pid=17)\n"
    found = spans(before + text + b"\n" + before)
    whole_lines = text.strip() == text and not text.endswith(b"\\")
    assert not whole_lines or b"\0" in text or [(span.start - len(before), span.end - len(before)) for span in found] == secrets


@pytest.mark.parametrize("case", cases(*FILES))
def test_hidden_once_is_hidden_for_good(case):
    once = hidden(case.made(1)[0])
    assert hidden(once) == once


# what people take as passwords, with all that quoting has to hide; the first three are no reference, flag or path
HEAD = st.from_regex(r"[a-z][A-Z][0-9]", fullmatch=True)
BODY = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"]), min_size=3, max_size=16)
ODD = st.text("aB3$#%&;:,=@/\\'\"()[]{}<>|!?\u00e9 ", min_size=3, max_size=16)
VALUES = st.builds(lambda head, body: (head + body).strip(), HEAD, BODY | ODD)


def vanishes(before, written, after):
    data = (before + written + after).encode("utf-8", "surrogateescape")
    start, end = len(before.encode()), len((before + written).encode())
    assert [(span.start, span.end) for span in spans(data)] == [(start, end)], data


def nested(value, depth):
    """Text before, the value as written, and text behind, in JSON in JSON."""
    mark = "\ue000"
    text = json.dumps({"user": "bob", "password": mark + value + mark, "port": 1}, ensure_ascii=False)
    for _ in range(depth - 1):
        text = json.dumps({"msg": text, "x": "y"}, ensure_ascii=False)
    return text.split(mark)


@settings(max_examples=80, deadline=None)
@given(value=VALUES, depth=st.integers(1, 3))
@example(value='ab3"\\', depth=1)
@example(value="ab3\\", depth=3)
def test_json_in_json(value, depth):
    assume("\ue000" not in value)
    vanishes(*nested(value, depth))


@settings(max_examples=80, deadline=None)
@given(value=VALUES)
@example(value="it's 3x")
@example(value="a3b'")
def test_a_word_of_a_shell(value):
    quoted = shlex.quote(value)
    assume(not quoted.endswith(("\"'\"''", "\\")) and not PATH.fullmatch(value.encode()))
    inner = quoted[1:-1] if quoted[0] == "'" else quoted
    for name in ("--password ", "--password=", "-e DB_PASSWORD="):
        before = f"app {name}" + ("'" if quoted[0] == "'" else "")
        vanishes(before, inner, ("'" if quoted[0] == "'" else "") + " --host db1")


@settings(max_examples=80, deadline=None)
@given(value=VALUES)
def test_a_url(value):
    coded = urllib.parse.quote(value, safe="")
    vanishes("GET /x?user=bob&password=", coded, "&y=1 HTTP/1.1")
    vanishes("next=%2Fx%3Fpassword%3D", urllib.parse.quote(coded, safe=""), "%26y%3D1")


@settings(max_examples=80, deadline=None)
@given(value=VALUES)
def test_yaml(value):
    assume("\\'" not in value)  # an escape in other languages, and two signs in this one
    vanishes("db:\n  password: '", value.replace("'", "''"), "'\n  port: 1\n")
    vanishes('db:\n  password: "', value.replace("\\", "\\\\").replace('"', '\\"'), '"\n  port: 1\n')
    vanishes("db:\n  password: |\n    ", value, "\n  port: 1\n")


@settings(max_examples=60, deadline=None)
@given(value=VALUES)
@example(value="aA0\"''")
def test_repr(value):
    written = repr(value)
    vanishes("{'user': 'a', 'password': " + written[0], written[1:-1], written[0] + ", 'port': 1}")


@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_environment_block(value):
    vanishes("PATH=/bin\0DB_PASSWORD=", value, "\0HOME=/root\0")


@settings(max_examples=120, deadline=None)
@given(data=st.binary(max_size=200), text=st.text("password:=\"'\\ \n[]{},;<>|-$(k)ey\0&%3D", max_size=200))
@example(data=b"a\\\r", text="")
def test_nothing_raises_and_spans_lie_in_the_text(data, text):
    for each in (data, text.encode(), b"password=" + data, b"key:" + text.encode()):
        for at, index in FAST(each):
            assert all(0 <= span.start < span.end <= len(each) for span in FINDS[index][1](each, at))


HOSTILE = ["password=", 'password="', "key=", 'key="', "key='", "password: ", '"', "\\", 'password=\\"', 'key=\\"', "password=[", "key=[", "passwords={",
           "passwords:{a:", "password=$(", "--password ", "<password>", "password:\n- ", "password: |\n ", "password=%3D", "key=a;", "(key=", "key=a b",
           "password is ", "password=****,", "tokens: [a ", "key=/a/a/a", "password=\\\n", "'key=a b", "keykey", "password=true "]  # fmt: skip


def seconds(text):
    """The best of three: others work on this machine, too."""
    times = []
    for _ in range(3):
        start = time.process_time()
        spans(text)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("filler", HOSTILE)
def test_time_is_linear(filler):
    small, large = ((filler * (size // len(filler))).encode() for size in (6_000, 48_000))
    assert seconds(large) < 24 * max(seconds(small), 0.01)


NAMES = {
    names.STRONG: "password DB_PASSWORD dbPassword PGPASSWORD sshpass keyStorePassword apiKey SECRET_KEY_BASE contraseña hasło x-api-key AccountKey",
    names.WEAK: "key auth sid pin sig salt session datadog_key",
    names.NO: "keyboard monkey author passwordless password_file token_count max_tokens PasswordAuthentication public_key key_id bypass nonce no_password use_token has_secret",
}


@pytest.mark.parametrize(("strength", "word"), [(strength, word) for strength, listed in NAMES.items() for word in listed.split()])
def test_name(strength, word):
    assert names.meaning(word.encode()).strength == strength


def test_names_are_forgotten_before_they_fill_the_memory():
    for number in range(names.ROOM + 10):
        names.meaning(b"name_%s" % str(number).encode())
    assert len(names._known) <= names.ROOM


@pytest.mark.parametrize("literal", [literal for literal, _ in FINDS], ids=lambda literal: literal.text.decode())
def test_every_anchor_is_needed(literal):
    """Without it, a secret of a case stays: no anchor costs time for nothing."""
    rest = [pair for pair in FINDS if pair[0] != literal]
    without = scanner([each for each, _ in rest]).anchors
    texts = [parameters.values[0].made(3)[0] for parameters in cases(*FILES)]
    assert any(
        {span for at, index in without(text) for span in rest[index][1](text, at)}
        != {span for at, index in FAST(text) for span in FINDS[index][1](text, at)}
        for text in texts
        if literal.text in (text.lower() if literal.fold else text)
    )
