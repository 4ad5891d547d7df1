"""A number of a line leads to its bytes, with the counts of the manifest and without; counts that lie do no harm."""

import contextlib
import io
import json
import os

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.bundle import lines as module
from diagbundle.bundle import pack, text
from diagbundle.bundle.format import FRAME
from diagbundle.bundle.lines import Lines
from diagbundle.bundle.pack import Packer
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.writer import BundleWriter
from diagbundle.errors import IntegrityError, UsageError
from diagbundle.model import Outcome

BIG = b"".join(b"line %d of the log\n" % number for number in range(1, 1_000_001))
"""22 MB: three frames."""


def row(name):
    return {"collector": "t", "kind": "file", "source": f"/{name}", "outcome": Outcome.COLLECTED, "mtime": 7}


def sealed(path, texts, *, promise=True, rows=()):
    """A bundle of these texts; a text in a list is written in pieces of unknown length. `rows` say what was not had."""
    with open(path, "wb") as out:
        writer = BundleWriter(out.write, "b")
        packer = Packer("b", writer.add)
        for name, text in texts.items():
            stream = packer.stream(name, row(name), len(text) if promise else None)
            stream.write(text)
            stream.close()
        for each in rows:
            packer.note(each)
        packer.flush()
        writer.seal({"complete": True, "reason": None})
    return str(path)


def small_frames(monkeypatch, frame=64, group=32):
    """Frames so small that texts of a test lie in many."""
    for name, value in (("FRAME", frame), ("GROUP", group)):
        monkeypatch.setattr(pack, name, value)


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    return sealed(tmp_path_factory.mktemp("lines") / "b.tar.zst", {"log": BIG, "small": b"one\ntwo"})


def test_a_row_says_how_many_line_feeds_each_frame_holds(big):
    with Bundle.open(big) as bundle:
        assert bundle.find("log")["lines"] == [BIG[at : at + FRAME].count(b"\n") for at in range(0, len(BIG), FRAME)]
        assert "lines" not in bundle.find("small")
        assert bundle.verify().members == 2


@pytest.mark.parametrize("number", [1, 2, 400_000, 999_999, 1_000_000])
def test_a_line_is_had_from_its_frame_alone(big, number):
    with Bundle.open(big) as bundle:
        text = Lines.of(bundle, "log")
        read = bundle.frames.frame
        asked = set()
        bundle.frames.frame = lambda index: (asked.add(index), read(index))[1]
        found = list(text.read(number, 3))
        assert len(asked) <= 2
    wanted = BIG.splitlines()[number - 1 : number + 2]
    assert [(line.number, line.text) for line in found] == list(enumerate(wanted, number))
    assert all(BIG[line.at : line.at + line.size] == line.text for line in found)


def test_behind_the_last_line_there_is_none(big):
    with Bundle.open(big) as bundle:
        text = Lines.of(bundle, "log")
        assert (text.known, text.total(), text.size) == (True, 1_000_000, len(BIG))
        assert list(text.read(1_000_001, 5)) == []
        assert list(text.read(10**18, 5)) == []
        with pytest.raises(UsageError, match="no such file"):
            Lines.of(bundle, "lag")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_text_in_any_frames(data, tmp_path_factory):
    line = st.text("ab", max_size=40) | st.integers(50, 300).map(lambda size: "x" * size)
    text = "\n".join(data.draw(st.lists(line, min_size=2, max_size=30))).encode() + data.draw(st.sampled_from([b"", b"\n"]))
    told, promise, width = data.draw(st.booleans()), data.draw(st.booleans()), data.draw(st.sampled_from([8, 1000]))
    with pytest.MonkeyPatch.context() as patch:
        small_frames(patch, frame=512, group=64)
        patch.setattr(module, "_STEP", 16)
        if not told:
            patch.setattr(pack, "MAX_COUNTS", 0)
        path = sealed(tmp_path_factory.mktemp("any") / "b.tar.zst", {"log": text * 9}, promise=promise)
    whole = text * 9
    with Bundle.open(path) as bundle:
        lines = Lines.of(bundle, "log", width)
        wanted = whole.split(b"\n")[: None if not whole.endswith(b"\n") else -1]
        assert lines.total() == len(wanted)
        first = data.draw(st.integers(1, len(wanted) + 2))
        fresh = Lines.of(bundle, "log", width)
        found = list(fresh.read(first, 4))
        assert [each.number for each in found] == list(range(first, min(first + 4, len(wanted) + 1)))
        for each in found:
            assert (each.size, each.text) == (len(wanted[each.number - 1]), wanted[each.number - 1][:width])
            assert whole[each.at : each.at + each.size] == wanted[each.number - 1]
        byte = data.draw(st.integers(0, len(whole) + 2))
        assert fresh.number_at(byte) == whole[: min(byte, len(whole) - 1)].count(b"\n") + 1


def test_parts_are_one_text(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "HELD", 1)
    path = sealed(tmp_path / "b.tar.zst", {"log": BIG}, promise=False)
    with Bundle.open(path) as bundle:
        rows = [each for each in bundle.rows() if "header" in each]
        assert [each.get("part") for each in rows] == [1, 2, 3]
        assert all(sum(each["lines"]) for each in rows)
        text = Lines.of(bundle, "log")
        assert text.known
        assert text.total() == 1_000_000
        assert [line.text for line in text.read(777_777, 2)] == [b"line 777777 of the log", b"line 777778 of the log"]
        assert text.number_at(BIG.index(b"line 777777 ") + 3) == 777_777
        assert bundle.verify()


def test_filling_is_no_text(tmp_path):
    path = tmp_path / "b.tar.zst"
    with open(path, "wb") as out:
        writer = BundleWriter(out.write, "b")
        stream = Packer("b", writer.add).stream("log", row("log"), 20 << 20)
        stream.write(b"only\nthis")
        stream.close()
        writer.seal({"complete": True, "reason": None})
    with Bundle.open(str(path)) as bundle:
        assert bundle.find("log")["lines"] == [1, 0, 0]
        assert [line.text for line in Lines.of(bundle, "log").read(1, 9)] == [b"only", b"this"]
        assert Lines.of(bundle, "log").total() == 2


LIES = [
    7,
    "3",
    [],
    [1],
    {"0": 1},
    [True, 1, 1],
    [-1, 2, 3],
    [1.0, 2, 3],
    ["1", 2, 3],
    [10**30, 1, 1],
    [[1], 2, 3],
    [None, 1, 1],
    [1, 2, 3, 4],
]


def retold(path, lines):
    """The same bundle with other counts in its manifest, and a seek table that fits."""
    with Bundle.open(path) as bundle:
        rows, last, head = list(bundle.rows()), bundle.own_rows(), bundle.head
        packed = [
            bundle.frames.pread(bundle.frames.packed[i + 1] - bundle.frames.packed[i], bundle.frames.packed[i])
            for i in range(len(bundle.frames))
        ]
        plain = list(bundle.frames.plain)
    keep = next(i for i, at in enumerate(plain) if at == last[1]["header"])
    out = io.BytesIO()
    writer = BundleWriter(out.write, "b")
    for i in range(keep):
        writer._append(packed[i], plain[i + 1] - plain[i])
    text = b"".join(json.dumps(each | ({"lines": lines} if each.get("path") == "log" else {})).encode() + b"\n" for each in [head, *rows])
    from diagbundle.bundle.format import END, MANIFEST, header, padding, seek_table

    whole = header(f"b/{MANIFEST}", len(text)) + text + bytes(padding(len(text))) + END
    writer._append(zstandard.ZstdCompressor(write_checksum=True).compress(whole), len(whole))
    writer._raw(seek_table(writer.frames))
    other = f"{path}.retold"
    with open(other, "wb") as file:
        file.write(out.getvalue())
    return other


@pytest.mark.parametrize("lie", LIES, ids=repr)
def test_counts_that_cannot_be_are_not_taken(big, lie):
    other = retold(big, lie)
    with Bundle.open(other) as bundle:
        text = Lines.of(bundle, "log")
        assert not text.known
        assert [line.text for line in text.read(999_999, 5)] == [b"line 999999 of the log", b"line 1000000 of the log"]
        with pytest.raises(IntegrityError, match="other numbers of line feeds"):
            bundle.verify()
    os.unlink(other)


@pytest.mark.parametrize("lie", [[0, 0, 0], [1, 1, 1], [8 << 20] * 3, [22_000_000] * 3], ids=repr)
def test_counts_that_are_wrong_are_found_out(big, lie):
    other = retold(big, lie)
    with Bundle.open(other) as bundle:
        for number in (2, 400_000, 1_000_000, 25_000_000):
            with contextlib.suppress(IntegrityError):
                assert list(Lines.of(bundle, "log").read(number, 2)) == []  # it says that there are fewer
        with pytest.raises(IntegrityError, match="other numbers of line feeds"):
            bundle.verify()
    os.unlink(other)


def test_a_bundle_without_counts_is_read_as_before(big):
    other = retold(big, None)
    with Bundle.open(other) as bundle:
        text = Lines.of(bundle, "log")
        assert not text.known
        assert text.total() == 1_000_000
        assert bundle.verify()
    os.unlink(other)


@settings(max_examples=50)
@given(st.binary(max_size=600), st.integers(0, 700), st.integers(0, 3))
def test_line_feeds_are_counted_alike_in_c_and_in_python(data, more, at):
    data += b"\n" * more
    for given_as in (data, memoryview(data)[at:], bytearray(data)):
        assert text.feeds(given_as) == text.feeds_in_python(given_as) == bytes(given_as).count(b"\n")


def lines_of(block, word, begin, end, fold):
    """What is to be found, looked for in each line by itself."""
    found, at = [], begin
    for line in block[begin:end].split(b"\n"):
        if word in (line.lower() if fold else line):
            found.append((at, at + len(line)))
        at += len(line) + 1
    return found


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_lines_with_a_word_are_found_alike_in_c_and_in_python(data):
    letters = data.draw(st.sampled_from([b"ab\n", b"aAbB.\n", b"aAzZ[{@`\x00\xe1\xc1\n", bytes(range(256))]))
    block = bytes(data.draw(st.lists(st.sampled_from(letters), max_size=200)))
    fold = data.draw(st.booleans())
    word = bytes(data.draw(st.lists(st.sampled_from(letters.replace(b"\n", b"")), min_size=1, max_size=6)))
    word = word.lower() if fold else word
    begin, end, most = (data.draw(st.integers(0, top)) for top in (len(block) + 2, len(block) + 2, 5))
    wanted = lines_of(block, word, begin, end, fold)
    assert list(text.lines_with(block, word, begin, end, fold=fold)) == wanted
    assert text.lines(block, word, begin, end, fold, most) == text.lines_in_python(block, word, begin, end, fold, most) == wanted[:most]


def test_a_word_is_found_at_every_place():
    for length in (1, 2, 7, 40):
        word = (bytes(range(97, 97 + min(length, 26))) * 2)[:length]
        for at in range(100):
            block = b"x\n" + b"-" * at + word + b"-" * 33 + b"\nx"
            for fold, given_as in ((False, block), (True, block.upper())):
                assert list(text.lines_with(given_as, word, 0, len(block), fold=fold)) == [(2, len(block) - 2)] or word == b"x"
