"""Every vector is taken as expect.json says, and no change to a bundle makes the reader do anything but refuse it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import zstandard
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagbundle.bundle.escape import shown
from diagbundle.bundle.pack import Packer
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.writer import BundleWriter
from diagbundle.cli import cat, list_, verify
from diagbundle.errors import BundleError, FormatError, IntegrityError, UsageError
from diagbundle.model import Outcome

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")
sys.path.insert(0, VECTORS)
import make  # noqa: E402

with open(os.path.join(VECTORS, "expect.json"), encoding="utf-8") as _file:
    EXPECTED = json.load(_file)
GOOD = [name for name, told in EXPECTED.items() if told["error"] is None]
BAD = [name for name, told in EXPECTED.items() if told["error"]]


def vector(name):
    return os.path.join(VECTORS, f"{name}.tar.zst")


def run(command, *words):
    return CliRunner().invoke(command, list(words))


# -- vectors


def test_the_vectors_are_what_their_maker_writes():
    made = make.vectors()
    assert made.keys() == EXPECTED.keys()
    assert make.expectations() == EXPECTED
    for name, data in made.items():
        with open(vector(name), "rb") as file:
            assert file.read() == data, name


@pytest.mark.parametrize("name", GOOD)
def test_a_good_vector_is_whole(name):
    with Bundle.open(vector(name)) as bundle:
        report = bundle.verify()
        assert report.members == len([row for row in bundle.rows() if "header" in row])
        assert report.complete is (EXPECTED[name]["exit"] == 0)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_vector_is_refused_with_the_reason(name):
    told = EXPECTED[name]
    with pytest.raises(BundleError) as caught, Bundle.open(vector(name)) as bundle:
        bundle.verify()
    assert type(caught.value).__name__ in told["error"].split("|")
    assert re.search(told["says"], str(caught.value))
    assert str(caught.value).startswith(f"{name}.tar.zst is ")
    assert caught.value.hint
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", EXPECTED)
def test_verify_ends_with_the_expected_code(name):
    result = run(verify.command, vector(name), "--json")
    assert result.exit_code == EXPECTED[name]["exit"]
    assert json.loads(result.stdout)["status"] == {0: "whole", 3: "partial", 4: "damaged"}[EXPECTED[name]["exit"]]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.skipif(not shutil.which("zstd") or not shutil.which("tar"), reason="needs tar and zstd")
def test_plain_tools_open_a_good_vector(name, tmp_path):
    subprocess.run(["zstd", "-tq", vector(name)], check=True)
    subprocess.run(["tar", "--zstd", "-xf", vector(name), "-C", tmp_path], check=True)
    if name != "nothing":  # sha256sum refuses an empty list
        subprocess.run(["sha256sum", "--quiet", "-c", "diagbundle/SHA256SUMS"], check=True, cwd=tmp_path / make.PREFIX)


# -- reading


def test_content_is_found_by_name():
    with Bundle.open(vector("odd-names")) as bundle:
        for row in bundle.rows():
            assert bundle.find(row["path"]) == row
            assert len(b"".join(bundle.content(row))) == row["size"]
        assert bundle.find("var/log/nothing") is None
        assert bundle.find("var/log/ü") is None


def test_own_members_are_found_too():
    with Bundle.open(vector("good")) as bundle:
        manifest = b"".join(bundle.content(bundle.find("diagbundle/manifest.jsonl")))
        assert json.loads(manifest.split(b"\n")[0]) == bundle.head
        assert b"etc/os-release" in b"".join(bundle.content(bundle.find("diagbundle/SHA256SUMS")))


def test_a_link_leads_to_the_other_member():
    with Bundle.open(vector("good")) as bundle:
        link = next(row for row in bundle.rows() if "link" in row)
        assert b"".join(bundle.content(link)) == make.small()[0].data


def test_the_last_piece_is_kept_back_until_the_checksum_is_right():
    with Bundle.open(vector("one-byte-refitted")) as bundle:
        pieces = bundle.content(bundle.find("var/log/messages"))
        with pytest.raises(IntegrityError, match=r"var/log/messages.*checksum"):
            next(pieces)


def test_other_members_of_a_damaged_bundle_are_read_and_counted():
    with Bundle.open(vector("one-byte-refitted")) as bundle:
        report = bundle.survey()
        assert [damage.path for damage in report.damages] == ["var/log/messages"]
        assert report.broken == 1
        assert report.members == 5
        assert "4 members are whole" in bundle.broken(report).hint
        assert b"".join(bundle.content(bundle.find("proc/net/dev"))) == make.small()[1].data


def test_a_missing_file_is_a_wrong_word_and_a_fifo_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in ("nothing", "fifo", "."):
        with pytest.raises(UsageError):
            Bundle.open(str(tmp_path / path))


@pytest.mark.parametrize("name", ["large", "odd-names", "partial"])
def test_really_compressed_frames_are_read(name, tmp_path):
    compressor = zstandard.ZstdCompressor(write_checksum=True)
    composer = {"large": make.large, "partial": make.partial, "odd-names": lambda: make.Composer(make.odd_names())}[name]()
    (tmp_path / "x.tar.zst").write_bytes(composer.build(compressor.compress))
    with Bundle.open(str(tmp_path / "x.tar.zst")) as bundle:
        bundle.verify()


def test_what_our_writer_writes_is_whole(tmp_path):
    with open(tmp_path / "x.tar.zst", "wb") as file:
        writer = BundleWriter(lambda data: file.write(data) and None, "x")
        packer = Packer("x", writer.add)
        for index in range(300):
            row = {"collector": "logs", "kind": "file", "source": f"/{index}", "outcome": Outcome.COLLECTED}
            packer.small(f"etc/{index}", b"x" * index, row)
        row = {"collector": "logs", "kind": "file", "source": "/big", "outcome": Outcome.COLLECTED}
        stream = packer.stream("big", row, 3 << 20)
        stream.write(b"y" * (3 << 20))
        stream.close()
        packer.flush()
        writer.seal({"complete": True, "reason": None})
    with Bundle.open(str(tmp_path / "x.tar.zst")) as bundle:
        assert bundle.verify().members == 301


# -- whatever happens to a bundle


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return str(tmp_path_factory.mktemp("mutated") / "x.tar.zst")


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


GOOD_BYTES = make.good().build()
EDITS = st.lists(st.tuples(st.integers(0, len(GOOD_BYTES) - 1), st.binary(max_size=8), st.integers(0, 64)), min_size=1, max_size=4)


def mutated(edits, data=GOOD_BYTES):
    for at, put, cut in edits:
        data = data[:at] + put + data[at + cut :]
    return data


def consume(path):
    """All that a reader can be asked."""
    with Bundle.open(path) as bundle:
        bundle.find("var/log/messages")
        for row in bundle.rows():
            if "header" in row:
                b"".join(bundle.content(row))
        bundle.verify()


@given(EDITS)
@settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_change_to_the_file_is_refused_or_harmless(scratch, edits):
    write(scratch, mutated(edits))
    try:
        consume(scratch)
    except BundleError:
        return
    assert mutated(edits) == GOOD_BYTES


CONTENTS = make.good().contents()


@given(st.integers(0, len(CONTENTS) - 1), EDITS)
@settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_forger_who_repairs_the_frames_raises_nothing_else(scratch, index, edits):
    contents = list(CONTENTS)
    contents[index] = mutated([(at % len(contents[index]), put, cut) for at, put, cut in edits], contents[index]) or b"x"
    packed = [make.frame(content) for content in contents]
    write(scratch, b"".join(packed) + make.seek_table([[len(one), len(content)] for one, content in zip(packed, contents, strict=True)]))
    with contextlib.suppress(BundleError):
        consume(scratch)


# -- the commands


def test_list_shows_sizes_times_and_names_escaped():
    text = run(list_.command, vector("odd-names")).stdout
    assert "2026-11-21T23:15Z  var/log/left\\u202egnp.exe\n" in text
    assert "var/log/not\\xffutf8" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["var/log"], ["var/log/empty", "var/log/messages"]),
        (["/etc/os-release"], ["etc/os-release"]),
        (["*dev", "*release"], ["etc/os-release", "proc/net/dev"]),
    ],
)
def test_list_selects(words, names):
    lines = run(list_.command, vector("good"), *words).stdout.splitlines()
    assert [line.split()[-1] for line in lines] == names


def test_list_refuses_a_pattern_that_matches_nothing():
    assert isinstance(run(list_.command, vector("good"), "*.pdf").exception, UsageError)


def test_missing_tells_the_worst_first_with_reasons():
    lines = run(list_.command, vector("partial"), "--missing").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["timeout", "partial", "skipped", "absent"]
    assert lines[0].endswith("/mnt/archive/log: did not answer within 5 s")


def test_json_is_the_rows():
    lines = run(list_.command, vector("partial"), "--json").stdout.splitlines()
    with Bundle.open(vector("partial")) as bundle:
        assert [json.loads(line) for line in lines] == list(bundle.rows())


def test_cat_prints_bytes_lines_and_joins_parts():
    assert run(cat.command, vector("good"), "/var/log/messages").stdout_bytes == make.LOG
    assert run(cat.command, vector("large"), "sos_commands/logs/journalctl").stdout == "first\nsecond\n"
    lines = run(cat.command, vector("good"), "var/log/messages:77").stdout.splitlines()
    assert [line[0] for line in lines] == list("   >   ")
    assert lines[3] == "> 77  Nov 21 23:01:16 db1 kernel: line 77"
    assert len(run(cat.command, vector("good"), "var/log/messages:1").stdout.splitlines()) == 4
    assert len(run(cat.command, vector("good"), "var/log/messages:120").stdout.splitlines()) == 4


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("etc/osrelease", "no such file", "etc/os-release"),
        ("messages", "no such file", "var/log/messages"),
        ("etc/shadow", "skipped: password databases are never read", ""),
        ("var/log/messages:121", "has 120 lines", ""),
        ("var/log/empty:1", "has 0 lines", ""),
    ],
)
def test_cat_says_what_is_known_of_what_is_not_there(path, message, hint):
    error = run(cat.command, vector("good"), path).exception
    assert isinstance(error, UsageError)
    assert message in str(error)
    assert hint in error.hint


def test_cat_warns_of_filling():
    result = run(cat.command, vector("partial"), "var/log/shrunk")
    assert "from byte 4 on" in result.stderr
    assert result.stdout_bytes == b"half" + bytes(96)


@pytest.mark.parametrize(("digest", "right"), [("right", True), ("0" * 64, False), ("nothing", False)])
def test_verify_compares_the_sidecar(tmp_path, digest, right):
    path = tmp_path / "b.tar.zst"
    shutil.copy(vector("good"), path)
    if digest == "right":
        digest = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]
    (tmp_path / "b.sha256").write_text(f"{digest}  b.tar.zst\n")
    result = run(verify.command, str(path))
    assert result.exit_code == 0 if right else isinstance(result.exception, IntegrityError)
    assert not right or "b.sha256 beside it agrees" in result.stdout


def test_newer_and_foreign_files_are_refused_with_what_to_do():
    with pytest.raises(FormatError) as caught:
        Bundle.open(vector("newer"))
    assert caught.value.hint == "install a newer diagbundle"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain ü \\x2d", "plain ü \\x2d"),
        ("\x1b[31m\r\n\t", "\\x1b[31m\\x0d\\x0a\\x09"),
        (b"\xff\xc3\xbc", "\\xffü"),
        ("\u202e\u2028\ufeff\ud800", "\\u202e\\u2028\\ufeff\\ud800"),
        ("\U000e0001\x9b", "\\U000e0001\\x9b"),
    ],
)
def test_shown(text, safe):
    assert shown(text) == safe


def test_shown_keeps_what_it_is_told_to():
    assert shown("a\tb\x1b", keep="\t") == "a\tb\\x1b"
