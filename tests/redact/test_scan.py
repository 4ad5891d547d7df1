"""The scanner: what is an anchor, that C and Python say the same, that it reads nothing beside the block and takes linear time."""

import os
import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.redact import rules, scan
from diagbundle.redact.span import Literal
from tests.redact import asan

C = pytest.mark.skipif(scan._scan is None, reason="the extension _scan is not built: pip install needs a compiler")
BOTH = [pytest.param(False, marks=C, id="c"), pytest.param("slow", marks=C, id="slow c"), pytest.param(True, id="python")]

LITERALS = [
    *(Literal(text) for text in (b"@", b"$6$", b"SK", b"::", b"://", b"-----BEGIN", b"\x00-p", b"\xd7\xa1\xd7\x99", b"kind: Secret", b"aaaa", b"aa")),
    *(Literal(text, run=run) for text, run in ((b"eyJ", 10), (b"to_", 8), (b"0.", 12), (b"A3-", 3), (b"x", 30))),
    *(Literal(text, fold=True) for text in (b"cookie", b"identified by", b"q", b"ab", b"abc", b"xabcx", b"token")),
    *(Literal(text, fold=True, key=True) for text in (b"pass", b"token", b"key", b"-key", b"auth", b"pw")),
    *(Literal(text, fold=True, key=True, plain=False) for text in (b"key", b"sid", b"cookie")),
    Literal(b"Secret", key=True),
    *(Literal(text, fold=fold, run=run, edge=True) for text, fold, run in ((b"ghp_", False, 4), (b"sk", True, 3), (b"$6", False, 0), (b"a", False, 0), (b"q_key", True, 0))),
    *(Literal(text, fold=True, next=after) for text, after in ((b"password", b">&'"), (b"key", b"=\x00"))),
    *(Literal(b"", shape=shape) for shape in ("card", "iban", "mail", "login", "card")),
]  # fmt: skip
PIECES = [
    b"password", b"PassWord", b"db_token", b"api-key", b"Secret", b"auth", b"pw", b"-", b"--", b"_", b".", b"=", b":", b">", b"<", b",", b"'", b'"', b"`",
    b"\\", b"\\\\", b" ", b"  ", b"\t", b"\0", b"\n", b"\r", b"%20", b"%22", b"%27", b"%3D", b"%3a", b"%5D", b"&quot;", b"&#34;", b"&apos;", b"&gt;", b"&#61",
    b"\\u0022", b"\\u003d", b"\\x3a", b"\\n", b"u0022", b"x3d", b"]", b")", b"(", b"(b'", b"is ", b"was:", b"to ", b"set to ", b"of", b"value", b"</name>",
    b"=3D", b"=4", b"#012", b"#0", b"\x1b[0m", b"[31m", b"2m", b"\\u0026", b"\\U00aF", b"\\x41", b"\\v", b"%4", b"ghp_", b"Sk", b"$6", b"Q_key",
    b"</key>", b"a", b"aa", b"x", b"9", b"0", b"4111 1111 1111 1111", b"4111111111111111", b"378282246310005", b"3782-822463-10005", b"GB29", b"GB29 NWBK",
    b"NWBK60161331926819", b"6016", b"bob@", b"@", b"%40", b"://", b":\\/\\/", b"%3A%2F%2F", b"http", b"eyJ", b"hbGciOiJI", b"key=", b'key": "', b"sid:", b"cart:123", b" -> ", b"x" * 64, b"1" * 10, b"$", b"\xff", b"\x80", b"\xd7\xa1\xd7\x99",
]  # fmt: skip


KEPT = {}
"""The scanners for LITERALS, by `pure`: making one takes longer than a short text."""


def anchors(literals, data, *, pure):
    if literals is not LITERALS:
        return list(made(literals, pure).anchors(data))
    if pure not in KEPT:
        KEPT[pure] = made(literals, pure)
    return list(KEPT[pure].anchors(data))


def made(literals, pure):
    """The scanner in Python, the one in C, or with "slow" that one as it is on any processor."""
    return scan.scanner(literals, slow=True) if pure == "slow" else scan.scanner(literals, pure=pure)


def same(literals, data):
    found = anchors(literals, data, pure=True)
    assert anchors(literals, data, pure=False) == anchors(literals, data, pure="slow") == found
    assert found == sorted(found)
    return found


logs = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)


@C
@settings(max_examples=400, deadline=None)
@given(logs)
def test_c_and_python_agree_on_what_looks_like_logs(data):
    same(LITERALS, data)


@C
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_c_and_python_agree_on_any_bytes(data):
    same(LITERALS, data)


texts = st.text("abAB0 _-$@", min_size=1, max_size=7).map(str.encode)
literals = st.builds(
    lambda text, fold, key, plain, run, after, edge: Literal(text.lower() if fold else text, fold, key, run, after, edge, plain=plain),
    texts, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0, 0, 1, 3]), st.sampled_from([b"", b"", b"aB", b"= "]), st.booleans(),
)  # fmt: skip


@C
@settings(max_examples=200, deadline=None)
@given(st.lists(literals, max_size=30), st.text("abAB0 _-$@=\\%\n", max_size=200).map(str.encode))
def test_c_and_python_agree_on_any_literals(literals, data):
    same(literals, data)


def by_definition(literal, data):
    """Where a literal without a guard begins, found in the plainest way."""
    text, data = (literal.text, data.lower()) if literal.fold else (literal.text, data)
    return [at for at in range(len(data)) if data.startswith(text, at)]


@pytest.mark.parametrize("pure", BOTH)
def test_every_literal_is_found_at_every_place(pure):
    """At each offset and in each neighbourhood, at both ends of the block and where others overlap it."""
    plain = [each for each in LITERALS if not (each.key or each.run or each.next or each.shape or each.edge)]
    dice = random.Random(7)
    for _ in range(300):
        data = b"".join(dice.choice([*(each.text for each in plain), b"a", b"\0", b"\xff", b"AB"]) for _ in range(dice.randrange(60)))
        wanted = sorted((at, index) for index, each in enumerate(plain) for at in by_definition(each, data))
        assert anchors(plain, data, pure=pure) == wanted


@pytest.mark.parametrize("pure", BOTH)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 15, 16, 17, 18, 31, 32, 33])
def test_the_end_of_the_block_ends_a_literal(pure, size):
    text = bytes(range(0x41, 0x41 + 26)) * 2
    literal = Literal(text[:size])
    for before in range(40):
        data = b"." * before + text[:size]
        assert anchors([literal], data, pure=pure) == [(before, 0)]
        assert anchors([literal], data[:-1], pure=pure) == []


KEYS = [
    "⟦password⟧=x", "⟦password⟧ : x", "⟦Password⟧>x", "db_⟦password⟧_old=x", '"⟦password⟧":"x"', '\\"⟦password⟧\\": \\"x', "⟦password⟧%3Dx", "⟦password⟧%3a",
    "⟦password⟧\\u003dx", "⟦password⟧&quot;&gt;x", "&lt;⟦password⟧&gt;x", "\\u003c⟦password⟧\\u003ex", "data['⟦password⟧'] = x", "user%5B⟦password⟧%5D=x",
    "⟦password⟧%22%3A%22x", "set_⟦password⟧('x')", '⟦password⟧(b\\"x', "⟦password⟧ 'x'", 'the ⟦password⟧ "x"', "the ⟦password⟧ is x", "⟦PASSWORD⟧ WAS: x",
    "⟦password⟧ set to x", "⟦password⟧ to x", "run --⟦password⟧ x", "run --db-⟦password⟧-x y", '["--⟦password⟧","x"]', "\0--⟦password⟧\0x\0", "⟦password⟧ x",
    "  root⟦password⟧ x", "a\n\t⟦password⟧ x", '{"a":"b\\n⟦password⟧ x', "<⟦password⟧ type='a'>x", "<ns:⟦password⟧ a='b'>x", "name: DB_⟦PASSWORD⟧\n   value: x",
    '"name":"⟦PASSWORD⟧","value":"x"', "<name>a.⟦password⟧</name>", "<key>⟦password⟧</key>", "the ⟦password⟧%20=x", "⟦password⟧" + "n" * 40 + "=", "⟦password⟧é=x", "⟦password⟧ -> x", "a ⟦password⟧" + " " * 24 + "=",
    "a ⟦password⟧," + " " * 39 + "value", "a\n" + " " * 40 + "⟦password⟧ x",
]  # fmt: skip
NO_KEYS = [
    "password", "the password", "a password expired", "no passwords for you", "the password, x", "the password's x", "the password\nx", "wrong password for root",
    "password" + "n" * 41 + "=", "a password" + " " * 25 + "=", "a password u003dx", "a passwordu003dx", "a password (x)", "a password istrue", "a password is",
    "(password x", "a x-password x", "a <ns:b:password x", "a" + " " * 41 + "\\tpassword", "password&=x", "a password," + " " * 40 + "value", "a\n" + " " * 41 + "password x",
]  # fmt: skip


@pytest.mark.parametrize("pure", BOTH)
@pytest.mark.parametrize("case", [*KEYS, *NO_KEYS])
def test_a_key_counts_where_a_value_follows(pure, case):
    before, _, rest = case.partition("⟦")
    data = case.replace("⟦", "").replace("⟧", "").encode()
    wanted = [(len(before.encode()), 0)] if rest else []
    assert anchors([Literal(b"password", fold=True, key=True)], data, pure=pure) == wanted


EDGES = [
    "", " ", "_", "é", "=", "\\n", "\\N", "\\0", "%3d", "%2F", "\\u0026", "\\U00aF", "\\x4a", "=3D", "=3d", "#012", "\x1b[0m", "[1M", "\x1b[31m", "x%20", "\\\\n",
]  # fmt: skip
NO_EDGES = [
    "x", "9", "xn", "\\y", "%3g", "%d", "u0026", "\\u026", "\\x4", "x41", "=D", "=3G", "#112", "#01", "0m", "[m", "am", "\\u00g6", "\\nn",
]  # fmt: skip


@pytest.mark.parametrize("pure", BOTH)
def test_an_edge_is_a_word_that_begins_or_an_escape_that_ends(pure):
    literals = [Literal(b"ghp_", edge=True), Literal(b"key ", fold=True, edge=True)]
    for fill in range(70):
        for case, wanted in (*((each, 1) for each in EDGES), *((each, 0) for each in NO_EDGES)):
            before = ("." * fill + case).encode()
            for index, each in enumerate(literals):
                assert anchors(literals, before + each.text, pure=pure) == [(len(before), index)] * wanted, before


def test_an_edge_is_the_same_for_patterns():
    assert re.compile(rules.EDGE.encode(), re.IGNORECASE).match(b"")
    for case in (*EDGES, *NO_EDGES):
        data = case.encode() + b"x"
        folded = re.compile(rules.EDGE.encode(), re.IGNORECASE).match(data, len(data) - 1)
        assert bool(folded) == bool(scan.EDGE.match(data, len(data) - 1)), case
        assert folded or not re.compile(rules.EDGE.encode()).match(data, len(data) - 1)


@C
def test_literals_at_the_edges_of_blocks():
    """Of 16, 64 and 4096 bytes, and at both ends of the text."""
    pieces = [
        b"\\nghp_abcd", b"%20sk99x", b"db_token=", b"://u:p@h", b"4111111111111111", b"4111-1111-1111-1111", b"GB29 NWBK 6016 1331", b"aaaa", b"bob@x",
    ]  # fmt: skip
    for piece in pieces:
        for fill, ends in ((b".", range(132)), (b"a", range(48, 80)), (b"9", range(56, 72)), (b" ", range(4080, 4100))):
            for end in ends:
                same(LITERALS, fill * end + piece)
                same(LITERALS, fill * end + piece + fill * 70)


@pytest.mark.parametrize("pure", BOTH)
def test_a_backslash_before_a_key_is_no_tab(pure):
    assert anchors([Literal(b"token", key=True)], b"a\\token x", pure=pure) == []
    assert anchors([Literal(b"token", key=True)], b"a\\ttoken x", pure=pure) == [(3, 0)]


PLAIN = [
    'key="access"', "'key': 'cart:123'", "key=a.b/c-d_e:1", 'x "key":12', "key= word, more", "key=   word", 'key="",', '{\\"key\\":\\"word\\"}', "key:" + "a" * 64,
    "key=" + "1" * 10,
]  # fmt: skip
NOT_PLAIN = [
    'key="a1b2"', "api_key=access", "my.key=word", "$key=word", "\xe9key=word", "keys=word", "key =word", "key=" + "a" * 65, "key=" + "1" * 11, "key=a+b",
    "key=word|more", "key=   a1b", "key:\n  word", "key=", "key=;",
]  # fmt: skip


@pytest.mark.parametrize("pure", BOTH)
def test_a_name_does_not_count_where_its_value_is_plain(pure):
    literal = Literal(b"key", fold=True, key=True, plain=False)
    for text in PLAIN:
        assert anchors([literal], text.encode("latin-1"), pure=pure) == [], text
        assert len(anchors([Literal(b"key", fold=True, key=True)], text.encode("latin-1"), pure=pure)) == 1, text
    for text in NOT_PLAIN:
        assert len(anchors([literal], text.encode("latin-1"), pure=pure)) == 1, text


@pytest.mark.parametrize("pure", BOTH)
def test_a_run_counts_where_it_is_long_enough(pure):
    literal = Literal(b"tok_", run=4)
    for after, wanted in ((b"aZ0_", 1), (b".~%+/=-", 1), (b"abc", 0), (b"abc d", 0), (b"ab c", 0), (b"", 0)):
        assert len(anchors([literal], b"x tok_" + after, pure=pure)) == wanted
    for after, wanted in ((b"=", 1), (b"\0", 1), (b"a", 0), (b"", 0)):
        assert len(anchors([Literal(b"tok", next=b"=\0")], b"tok" + after, pure=pure)) == wanted


def card(head, size):
    """A number that passes Luhn."""
    digits = head + "0" * (size - len(head) - 1)
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::-2]) + sum(int(digit) for digit in digits[-2::-2])
    return digits + str(-doubled % 10)


CARDS = [
    ("4", 13),
    ("4", 16),
    ("4", 19),
    ("51", 16),
    ("50", 16),
    ("59", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 19),
    ("62", 17),
    ("36", 14),
    ("3589", 16),
]
NO_CARDS = [("4", 14), ("4", 12), ("4", 20), ("56", 15), ("2721", 16), ("37", 16), ("1", 16), ("9", 13), ("3590", 16)]


@pytest.mark.parametrize("pure", BOTH)
def test_cards(pure):
    def found(text):
        return anchors([Literal(b"", shape="card")], text.encode(), pure=pure)

    for head, size in CARDS:
        number = card(head, size)
        for before in ("", "x ", "=", "\\n", "%20", "\\u0020", "\\x20", "é", "a.", "-"):
            for after in ("", " ", ".", "-x", "\\n"):
                assert found(before + number + after) == [(len(before.encode()), 0)], (before, number, after)
        for before, after in (
            ("x", ""),
            ("1", ""),
            ("_", ""),
            ("1.", ""),
            ("1-", ""),
            ("", "x"),
            ("", "1"),
            ("", "_"),
            ("", ".1"),
            ("", "-1"),
        ):
            assert found(before + number + after) == [], (before, number, after)
        assert found(number[:-1] + str((int(number[-1]) + 1) % 10)) == []
    for head, size in NO_CARDS:
        assert found(card(head, size)) == []
    number, short = card("4", 16), card("37", 15)
    for gap in " -":
        assert found("x " + gap.join((number[:4], number[4:8], number[8:12], number[12:])) + gap + "y") == [(2, 0)]
        assert found("x " + gap.join((short[:4], short[4:10], short[10:]))) == [(2, 0)]
    assert found(f"{number[:4]} {number[4:8]}-{number[8:12]} {number[12:]}") == []
    assert found(f"{number[:4]}  {number[4:8]}  {number[8:12]}  {number[12:]}") == []


@pytest.mark.parametrize("pure", BOTH)
@pytest.mark.parametrize(
    ("shape", "text", "wanted"),
    [
        ("iban", "GB29NWBK60161331926819", 0), ("iban", "x GB29 NWBK 6016 1331 926819", 2), ("iban", "=NO9386011117947", 1), ("iban", "\\nGB29NWBK6016133", 2),
        ("iban", "GB29NWBK601613", -1), ("iban", "xGB29NWBK6016133192", -1), ("iban", "GB2XNWBK6016133192", -1), ("iban", "gb29NWBK6016133192", -1),
        ("iban", "GB29  NWBK6016133192", -1), ("iban", "GB29 NW BK6016133192", -1),
        ("mail", "to bob@example.org", 5), ("mail", "é@x", 1), ("mail", "@x", -1), ("mail", "a @x", -1), ("mail", "a@", -1), ("mail", "a@-x", -1), ("mail", "a@_x", -1),
        ("login", "a http://u:p@h/", 6), ("login", "http:\\/\\/u:p@h", 4), ("login", "http:\\\\/\\\\/u:p@h", 4), ("login", "x%3a%2F%2fu%3Ap%40h", 1),
        ("login", "http://h/ u@h", -1), ("login", 'http://h/"u@h', -1), ("login", "http://h/", -1), ("login", "http:/u@h", -1),
        ("login", "http://" + "u" * 511 + "@", 4), ("login", "http://" + "u" * 512 + "@", -1), ("login", "http://" + "u" * 511 + "%40", 4),
        ("login", "http://%41@", 4), ("login", "a://b://c@", 1),
    ],
)  # fmt: skip
def test_shapes(pure, shape, text, wanted):
    found = anchors([Literal(b"", shape=shape)], text.encode(), pure=pure)
    assert [at for at, _ in found][:1] == ([wanted] if wanted >= 0 else [])


@pytest.mark.parametrize("pure", BOTH)
def test_nothing_gives_nothing(pure):
    assert anchors(LITERALS, b"", pure=pure) == []
    assert anchors([], b"password=x", pure=pure) == []
    with pytest.raises((ValueError, KeyError)):
        made([Literal(b"", shape="square")], pure)


@C
def test_what_is_no_literal_is_refused():
    good = (b"a", False, False, True, 0, b"", "", False)
    for place, wrong in ((0, b""), (0, "a"), (4, -1), (4, 1 << 40), (5, "a"), (6, "square"), (0, b"a" * 5000)):
        with pytest.raises((ValueError, TypeError)):
            scan._scan.Scanner([(*good[:place], wrong, *good[place + 1 :])])
    for wrong in (None, [None], [good[:-1]], [[*good]]):
        with pytest.raises((ValueError, TypeError)):
            scan._scan.Scanner(wrong)
    with pytest.raises(TypeError):
        scan._scan.Scanner([good]).anchors("text")
    for wrong in ((), (b"a", "0"), (b"a", 0, 0)):
        with pytest.raises(TypeError):
            scan._scan.Scanner([good]).anchors(*wrong)


@pytest.mark.parametrize("pure", BOTH)
def test_from_a_place_on(pure):
    scanner, data = made(LITERALS, pure), b"password=aaaa cookie: $6$x password=b"
    for start in range(len(data) + 2):
        assert list(scanner.anchors(data, start)) == [anchor for anchor in scanner.anchors(data) if anchor[0] >= start]


@C
def test_a_block_may_be_cut_anywhere():
    """What an anchor needs lies near: with that much context on both sides a cut block has the same anchors."""
    dice = random.Random(11)
    data = b"".join(dice.choice(PIECES) for _ in range(3000))
    near = 1 << 10
    whole = same(LITERALS, data)
    for _ in range(60):
        start, end = sorted(dice.randrange(len(data)) for _ in range(2))
        base = max(0, start - near)
        part = same(LITERALS, data[base : end + near])
        assert [each for each in whole if start <= each[0] < end] == [(at + base, index) for at, index in part if start <= at + base < end]


FILLERS = [
    b"password=", b"password ", b"eyJ", b"a", b"=", b"\\", b'"', b" ", b"\0", b"://", b"://a:", b":\\/", b"%3A%2F%2F", b"@", b"a@b", b"4", b"4111 ", b"4111-", b"GB29",
    b"--key ", b"<pw ", b"\nkey ", b"\\nkey ", b"keykey", b"aaaa", b"&quot;", b"\xff", b"key" + b" " * 30, b"key" + b"n" * 30, b"\\nghp_", b"sk",
]  # fmt: skip


def seconds(scanner, data):
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        scanner.anchors(data)
        best = min(best, time.process_time() - started)
    return best


@pytest.mark.parametrize(
    ("pure", "size"),
    [
        pytest.param(False, 1 << 17, marks=C, id="c"),
        pytest.param("slow", 1 << 17, marks=C, id="slow c"),
        pytest.param(True, 1 << 14, id="python"),
    ],
)
def test_time_is_linear_on_one_line(pure, size):
    scanner = made(LITERALS, pure)
    for filler in FILLERS:
        data = filler * (size // len(filler))
        small, large = seconds(scanner, data[: size // 8]), seconds(scanner, data)
        assert large < 24 * small + 0.02, (filler, small, large)


@C
def test_a_line_of_5_mb():
    data = b"x" * (5 << 20) + b" password=1"
    assert same([Literal(b"password", key=True), Literal(b"", shape="card")], data) == [(len(data) - 10, 0)]


def test_no_byte_beside_the_block_is_read():
    """The extension under AddressSanitizer and UndefinedBehaviorSanitizer, on random inputs."""
    why = asan.missing()
    if why:
        pytest.skip(why)
    done = asan.run(seconds=2, seed=int(os.environ.get("SEED", "1")))
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 100


@C
def test_the_real_literals_at_the_beginning_and_behind_it():
    """All of them together choose other windows than each by itself."""
    from diagbundle.redact.redactor import Redactor

    literals = list(dict.fromkeys(literal for pattern in Redactor(key=b"k").patterns for literal in pattern.anchors if literal.text))
    both = [made(literals, pure) for pure in (False, "slow", True)]
    for literal in literals:
        for before in (b"", b"x", b" a", b"ab "):
            text = before + literal.text + literal.next[:1] + b"a9" * max(literal.run, 2) + b"=x"
            found = [list(one.anchors(text)) for one in both]
            assert found[0] == found[1] == found[2], (literal, text)
