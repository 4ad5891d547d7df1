"""What the packer and the writer make is what tar reads, whatever the names and sizes."""

import copy
import hashlib
import io
import json
import os
import tarfile
import types
from collections import Counter

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.bundle import pack
from diagbundle.bundle.format import MAX_COMPONENT, bundle_path, header, mangle, name_bytes, name_fault
from diagbundle.bundle.pack import Packer
from diagbundle.bundle.trim import drop_member
from diagbundle.bundle.writer import BundleWriter
from diagbundle.collect.order import Order
from diagbundle.model import Outcome

NAMES = st.lists(
    st.binary(min_size=1, max_size=40).filter(lambda part: part not in (b".", b"..") and not set(part) & {0, 47}), min_size=1, max_size=5
)


def row(name):
    return {"collector": "t", "kind": "file", "source": name, "outcome": Outcome.COLLECTED, "mtime": 7}


def sealed(fill):
    out = io.BytesIO()
    writer = BundleWriter(out.write, "b")
    packer = Packer("b", writer.add)
    fill(packer)
    packer.flush()
    writer.seal({"complete": True})
    return out.getvalue(), writer


def opened(data):
    plain = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
    return tarfile.open(fileobj=io.BytesIO(plain), errors="surrogateescape")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES.map(lambda parts: b"/".join(parts).decode("utf-8", "surrogateescape")), st.binary(max_size=2000), max_size=8))
def test_any_names_and_contents_come_back(contents):
    def fill(packer):
        for name, data in contents.items():
            packer.small(name, data, row(name))

    with opened(sealed(fill)[0]) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar if not member.name.startswith("b/diagbundle/")}
    assert members == {f"b/{name}": data for name, data in contents.items() if not name.startswith("diagbundle/")}


@pytest.mark.parametrize("promise", [True, False])
@pytest.mark.parametrize("size", [0, 1, 511, 512, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, 17 << 20])
def test_sizes_at_every_edge(size, promise):
    data = hashlib.shake_128(str(size).encode()).digest(997) * (size // 997 + 1)

    def fill(packer):
        packer.small("before", b"x", row("before"))
        stream = packer.stream("member", row("member"), size if promise else None)
        for start in range(0, size, 700_001):
            stream.write(data[start : min(start + 700_001, size)])
        stream.close()
        packer.small("after", b"y", row("after"))

    with opened(sealed(fill)[0]) as tar:
        assert tar.extractfile("b/member").read() == data[:size]
        assert tar.extractfile("b/after").read() == b"y"


def test_an_answer_that_is_too_long_to_be_held_goes_on_in_parts(monkeypatch):
    monkeypatch.setattr(pack, "PART", 8 << 20)
    data, writer = sealed(
        lambda packer: [
            (stream := packer.stream("long", row("long"))),
            *(stream.write(b"%07d\n" % i * 131072) for i in range(20)),
            stream.close(),
        ]
    )
    with opened(data) as tar:
        parts = [tar.extractfile(f"b/{name}").read() for name in ("long", "long.part0002", "long.part0003")]
    assert b"".join(parts) == b"".join(b"%07d\n" % i * 131072 for i in range(20))
    assert writer.members == 3


def test_a_member_whose_reader_was_lost_is_filled_and_named():
    def fill(packer):
        stream = packer.stream("lost", row("lost"), 20 << 20)
        stream.write(b"x" * (9 << 20))

    out = io.BytesIO()
    writer = BundleWriter(out.write, "b")
    packer = Packer("b", writer.add)
    fill(packer)
    assert writer.in_member
    writer.abandon("it hung", Outcome.PARTIAL)
    writer.seal({"complete": False})
    with opened(out.getvalue()) as tar:
        assert tar.extractfile("b/lost").read() == b"x" * (8 << 20) + bytes(12 << 20)
        rows = [json.loads(line) for line in tar.extractfile("b/diagbundle/manifest.jsonl").read().splitlines()]
    assert (rows[1]["outcome"], rows[1]["short"], rows[1]["reason"]) == ("partial", 8 << 20, "it hung")


def test_a_member_can_be_taken_out_of_a_frame():
    frames = []
    packer = Packer("b", frames.append)
    for name in ("a", "b", "c"):
        packer.small(name, name.encode() * 600, row(name))
    packer.flush()
    out = io.BytesIO()
    writer = BundleWriter(out.write, "b")
    writer.add(drop_member(frames[0], {1}))
    writer.seal({"complete": True})
    with opened(out.getvalue()) as tar:
        assert [member.name for member in tar][:2] == ["b/a", "b/c"]
        assert tar.extractfile("b/c").read() == b"c" * 600
        rows = [json.loads(line) for line in tar.extractfile("b/diagbundle/manifest.jsonl").read().splitlines()]
    assert rows[2]["link"] == "b"
    assert "path" not in rows[2]


MANGLED = {
    ("/usr/sbin/lsof", "+M", "-n", "-l", "-c", ""): "lsof_M_-n_-l_-c",
    ("mdadm", "-D", "/dev/md0"): "mdadm_-D_.dev.md0",
    ("df", "-al", "-x", "autofs"): "df_-al_-x_autofs",
    ("ethtool", "-S", "eth0"): "ethtool_-S_eth0",
    ("ls", "-lanR", "/boot"): "ls_-lanR_.boot",
    ("journalctl", "--no-pager", "--boot"): "journalctl_--no-pager_--boot",
}


@pytest.mark.parametrize("argv", MANGLED)
def test_mangle(argv):
    assert mangle(argv) == MANGLED[argv]


@given(st.text(max_size=3000))
def test_every_path_has_a_place_in_the_bundle(path):
    natural = bundle_path(path.replace("\ud800", "x").encode("utf-8", "ignore").decode())
    assert not name_fault(name_bytes(natural))


@given(st.lists(st.text(max_size=300), min_size=1, max_size=5))
def test_every_command_has_a_name(argv):
    name = mangle(argv)
    assert 0 < len(name) <= MAX_COMPONENT
    assert "/" not in name


@given(st.binary(min_size=1, max_size=300).filter(lambda name: 0 not in name and not name.endswith(b"/")), st.integers(0, 1 << 40))
def test_headers_are_what_tarfile_reads(name, size):
    text = "b/" + name.decode("utf-8", "surrogateescape")
    member = tarfile.TarInfo.frombuf(header(text, size, 5)[-512:], "utf-8", "surrogateescape")
    assert member.mtime == 5
    with tarfile.open(fileobj=io.BytesIO(header(text, 0, 5) + bytes(1024)), errors="surrogateescape") as tar:
        assert tar.getmembers()[0].name == text.rstrip("/")


@pytest.mark.parametrize("limit", [300, 2_500, 1 << 20], ids=["room for none", "for some", "for all"])
def test_each_row_is_told_once_as_it_stands_in_the_manifest(limit):
    """What was not whole already, too; and of what has no room nothing is told that was in it."""
    writer = BundleWriter(io.BytesIO().write, "b")
    writer.limit = limit
    order = Order(writer)
    told = []
    order.on_row = lambda row: told.append(copy.deepcopy(row))
    packer = Packer("b", lambda frame: order.write(worker, frame))
    worker = types.SimpleNamespace(dropping=False, renamed={}, done=set(), read=0)
    of_member = {"redacted": {"password": 1}, "suspects": [{"line": 1}]}
    for number in range(12):
        late = {"outcome": Outcome.TIMEOUT, "reason": "no answer in 5 s"} if number % 2 else {}
        packer.small(f"{number}", os.urandom(400), row(f"{number}") | copy.deepcopy(of_member) | late)
    packer.note(row("nothing") | {"outcome": Outcome.ABSENT, "reason": "there is none"})
    packer.flush()
    assert sorted(each["source"] for each in told) == sorted([*map(str, range(12)), "nothing"])
    assert Counter(each["outcome"] for each in told) == Counter({each: count for each, count in writer.outcomes.items() if count})
    lost = [each for each in told if each["outcome"] == Outcome.FAILED]
    assert bool(lost) == (limit < 1 << 20)
    assert all("path" not in each and not of_member.keys() & each.keys() for each in lost)
    assert worker.read == 400 * (12 - len(lost))
