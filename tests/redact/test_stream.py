"""A stream comes out the same wherever its reads were cut, and no secret is cut in two."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.errors import SourceFailed
from diagbundle.redact import stream
from diagbundle.redact.span import MARKER, Span, joined
from diagbundle.redact.stream import Filter

TOKEN = re.compile(rb"tok_[a-z0-9]{4,}")
BLOCK = re.compile(rb"<<.{0,900}?>>", re.DOTALL)
LATE = re.compile(rb"key:\n+(\w+)")
WORDS = (b"tok_", b"abcd1234", b"\n", b" ", b"<<", b">>", b"key:\n", b"word", b"\xff\x00", b"x" * 700)


class Made:
    """A redactor of the test: tokens that may be of any length, blocks of many lines, a secret behind its anchor."""

    look = None
    trying = "token"

    def rows(self, _name):
        return None

    def spans(self, window, done):
        for match in TOKEN.finditer(window, done):
            yield Span(*match.span(), "token")
        for match in BLOCK.finditer(window, done):
            yield Span(*match.span(), "block")
        for match in LATE.finditer(window, done):
            yield Span(*match.span(1), "late")

    def standing_for(self, kind, secret):
        return b"REDACTED_%s_%08x" % (kind.encode(), sum(secret[:64]))

    def rewrite(self, window, start, end, put):
        out = b""
        for begin, until, stands in put:
            out += window[start:begin] + stands
            start = until
        return out + window[start:end], {}


@pytest.fixture
def small(monkeypatch):
    """Blocks so short that every text has many of them."""
    monkeypatch.setattr(stream, "BLOCK", 2048)
    monkeypatch.setattr(stream, "AROUND", 1024)
    monkeypatch.setattr(stream, "_SHIFT", 64)


def redacted(chunks):
    one = Filter(Made())
    return b"".join(one(chunks)), one.counts


texts = st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join)


@given(text=texts, cuts=st.lists(st.integers(0, 20_000), max_size=8))
@settings(max_examples=150, deadline=None)
def test_reads_may_be_cut_anywhere(text, cuts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "BLOCK", 2048)
        patch.setattr(stream, "AROUND", 1024)
        patch.setattr(stream, "_SHIFT", 64)
        ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
        pieces = [text[a:b] for a, b in pairwise(ends)]
        assert redacted(pieces) == redacted([text])


@given(text=texts)
@settings(max_examples=100, deadline=None)
def test_small_blocks_give_what_one_block_gives(text):
    """Where no secret is longer than the context, and every line ends."""
    text = b"".join(line[:300] + b"\n" for line in text.split(b"\n"))
    if BLOCK.search(text) or text.count(b"<<"):
        text = text.replace(b"<<", b"<")
    whole = redacted([text])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "BLOCK", 2048)
        patch.setattr(stream, "AROUND", 1024)
        assert redacted([text]) == whole


@pytest.mark.parametrize("before", [*range(950, 1100, 7), 2040, 2048, 3000])
def test_a_secret_at_any_place_of_an_edge(small, before):
    text = b"w" * before + b" tok_" + b"a1" * 40 + b" end\n" + b"line\n" * 800
    out, counts = redacted([text])
    assert b"a1a1" not in out
    assert counts == {"token": 1}
    assert out.startswith(b"w" * before + b" REDACTED_token_")
    assert out.endswith(b" end\n" + b"line\n" * 800)


@pytest.mark.parametrize("length", [3000, 10_000, 100_000])
def test_a_secret_longer_than_a_block(small, length):
    out, counts = redacted([b"head tok_" + b"a1" * (length // 2) + b" tail\n"])
    assert b"a1a1" not in out
    assert counts == {"token": 1}
    assert out.startswith(b"head REDACTED_token_")
    assert out.endswith(b" tail\n")


def test_a_block_of_lines_across_an_edge_keeps_the_number_of_lines(small):
    text = b"line\n" * 380 + b"<<\n" + b"secret\n" * 100 + b">>\n" + b"line\n" * 300
    out, _ = redacted([text])
    assert b"secret" not in out
    assert out.count(b"\n") == text.count(b"\n")


def test_nothing_leaves_where_a_pattern_fails():
    class Broken(Made):
        def spans(self, window, done):
            raise IndexError(f"a fault in a pattern, from {done} in {len(window)} bytes")

    with pytest.raises(SourceFailed, match="could not be redacted: IndexError at the pattern token"):
        next(Filter(Broken())([b"password=x"]))


def test_what_is_marked_stays():
    class All(Made):
        def spans(self, window, done):
            yield Span(done, len(window), "all")

    out = b"".join(Filter(All())([b"secret"]))
    assert out.startswith(b"REDACTED_all_")
    assert b"".join(Filter(All())([out])) == out


def test_what_a_marker_lays_open_goes_with_it():
    """The second word is found only where the first one is a marker: redacting once does what redacting twice would."""

    class Uncovered(Made):
        def spans(self, window, done):
            yield from (Span(*match.span(), "one") for match in re.finditer(rb"first", window[done:]))
            yield from (Span(*match.span(1), "two") for match in re.finditer(MARKER.pattern + rb" and (second)", window[done:]))

    hide = Filter(Uncovered())
    out = b"".join(hide([b"second\nfirst and second\nnot this second\n"]))
    assert re.fullmatch(rb"second\nREDACTED_one_[0-9a-f]{8} and REDACTED_two_[0-9a-f]{8}\nnot this second\n", out)
    assert hide.counts == {"one": 1, "two": 1}
    assert b"".join(Filter(Uncovered())([out])) == out


def test_joined():
    spans = [Span(5, 9, "b"), Span(0, 6, "a"), Span(20, 22, "user"), Span(20, 21, "c"), Span(30, 30, "empty")]
    assert joined(spans) == [Span(0, 9, "a"), Span(20, 22, "c")]


class Over(BaseException):
    """The end of somebody's patience."""


def test_what_was_had_before_the_end_of_patience_goes_out_first():
    def chunks():
        yield b"a line with tok_abcd1234\n"
        yield b"and one more"
        raise Over

    out = Filter(Made())(chunks())
    assert re.fullmatch(rb"a line with REDACTED_token_[0-9a-f]{8}\nand one more", next(out))
    with pytest.raises(Over):
        next(out)
