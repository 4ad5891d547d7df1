"""Bundles that are small files and large in everything else: memory and time stay bounded, whatever is asked."""

import itertools
import os
import subprocess
import sys

import pytest
from hostile_bundles import FRAME, PACK, long_rows, make
from hostile_desk import COMMANDS, judge

from diagbundle.bundle.pack import Packer
from diagbundle.bundle.writer import BundleWriter
from diagbundle.cli import main

FEW, MANY = 10_000, 1_000_000
HOLE = 512 << 20


def crowd(path, count):
    """A bundle of so many members, as our own writer writes them: to make it by hand would take minutes."""
    with open(path, "wb") as file:
        writer = BundleWriter(lambda data: file.write(data) and None, make.PREFIX)
        packer = Packer(make.PREFIX, writer.add)
        for number in range(count):
            row = {"collector": "logs", "kind": "file", "source": f"/var/log/{number}", "outcome": "collected", "mtime": make.MTIME}
            packer.small(f"var/log/{number % 1000}/{number}", b"%d\n" % number, row)
        packer.flush()
        about = {"complete": True, "reason": None, "tool": "0", "created": "", "finished": "", "case": None, "host": {}, "zone": "UTC"}
        writer.seal(about)


ASKED = {
    "list": (["list", "x.tar.zst"], 1.0),
    "list -l": (["list", "-l", "x.tar.zst"], 1.0),
    "list -m": (["list", "-m", "x.tar.zst"], 0),
    "list --json": (["list", "--json", "x.tar.zst"], 1.0),
    "verify": (["verify", "x.tar.zst"], 0),
    "cat": (["cat", "x.tar.zst", "var/log/999/{last}"], 0),
    "cat nothing": (["cat", "x.tar.zst", "var/log/999/{last}x"], 0),
    "unpack": (["unpack", "x.tar.zst", "var/log/999", "-o", "out/all"], 0),
    "salvage": (["salvage", "x.tar.zst"], 1.0),
}
"""What is asked of a crowd, and the lines that are told for each member."""


def ask_of_a_crowd(desk, count, held, seconds):
    path = os.path.join(desk.work, "x.tar.zst")
    crowd(path, count)
    figures = []
    for name, (words, lines) in ASKED.items():
        ran = desk.run(*(word.format(last=count - 1) for word in words), memory=2 << 30, seconds=seconds)
        figures.append(f"{name}: {ran.seconds:.1f} s, {ran.kib >> 10} MiB")
        judge(desk, name, ran, held=held)
        assert ran.code == (2 if name == "cat nothing" else 0), ran.err
        assert ran.out.count(b"\n") >= lines * count
    sys.stdout.write("\n  ".join([f"\n{count:,} members in {os.path.getsize(path):,} bytes:", *figures, ""]))  # told by pytest -s
    unpacked = [name for _, _, names in os.walk(os.path.join(desk.work, "out")) for name in names]
    assert len(unpacked) == count // 1000
    desk.unpacked()
    os.unlink(path)


def test_ten_thousand_members(desk):
    ask_of_a_crowd(desk, FEW, 80 << 10, 60)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_million_members(desk):
    ask_of_a_crowd(desk, MANY, 400 << 10, 400)


def flood(path, frames):
    """One member of 8 MiB of zeros for each frame; all are the same 270 bytes."""
    size = frames * FRAME
    head = make.pax(size=b"%d" % size, path=f"{make.PREFIX}/p".encode()) if size >= 1 << 33 else b""
    head += make.block(f"{make.PREFIX}/p".encode(), 0 if size >= 1 << 33 else size)
    row = {"collector": "logs", "kind": "file", "source": "/p", "outcome": "partial", "reason": "it was lost", "short": 0}
    row |= {"path": "p", "header": 0, "offset": len(head), "size": size, "mtime": 0}
    composer = make.Composer(
        [], head={"members": 1, "frames": frames + 1, "bytes": len(head) + size, "outcomes": {"partial": 1}}, rows=[row]
    )
    own = composer.contents()
    zero = PACK(bytes(FRAME))
    with open(path, "wb") as file:
        table = [[file.write(PACK(head)), len(head)]]
        table += [[file.write(zero), FRAME] for _ in range(frames)]
        table += [[file.write(PACK(content)), len(content)] for content in own]
        file.write(make.seek_table(table))


def drown(desk, frames, seconds):
    """`list` and the refusal to unpack take no time; what must read all is bounded in memory, and ends when it is told to."""
    flood(os.path.join(desk.work, "x.tar.zst"), frames)
    for words in (["list", "x.tar.zst"], ["list", "--json", "x.tar.zst"]):
        ran = desk.run(*words, seconds=20)
        judge(desk, "list", ran, held=100 << 10)
        assert f"{frames * FRAME:,}" in ran.out.decode() or str(frames * FRAME) in ran.out.decode()
    for words in (["verify", "x.tar.zst"], ["salvage", "x.tar.zst"]):
        ran = desk.run(*words, seconds=seconds)
        assert ran.code in (0, 4, -14), ran.err
        assert ran.kib < 120 << 10, ran
        assert "Traceback" not in ran.err
    reader = desk.start(desk.whole("cat", "x.tar.zst", "p"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    piece = list(itertools.islice(iter(lambda: reader.stdout.read(1 << 20), b""), 20))
    with open(f"/proc/{reader.pid}/status", encoding="ascii") as file:
        held = int(file.read().split("VmHWM:")[1].split()[0])
    reader.stdout.close()
    assert reader.wait(60) in (128 + 13, -13)
    assert b"".join(piece) == bytes(20 << 20)
    assert reader.stderr.read() == b""
    assert held < 120 << 10


def test_a_flood_of_a_hundred_frames(desk):
    drown(desk, 100, 60)


@pytest.mark.slow
def test_a_flood_of_a_hundred_thousand_frames(desk):
    """800 GiB out of 30 MB; nobody waits until all is read."""
    drown(desk, 100_000, 20)
    for words in (["unpack", "x.tar.zst"], ["unpack", "x.tar.zst", "p"], ["salvage", "x.tar.zst"]):
        ran = desk.run(*words, "-o", "out/all", seconds=20)
        if words[0] == "salvage":  # it has no index: where the disk could never hold the member, it reads on, for what is behind
            assert ran.code in (1, 4, -14), ran
        else:
            assert ran.code in (1, 4), ran
            assert "room" in ran.err or "can hold" in ran.err
        assert sum(os.path.getsize(os.path.join(here, name)) for here, _, names in os.walk(desk.work) for name in names) < 1 << 30
        desk.unpacked()


@pytest.mark.parametrize("command", ["list", "verify", "cat", "unpack", "salvage"])
def test_a_frame_of_half_a_gibibyte_in_the_table_is_not_read(desk, command):
    """A file with a hole: 12 kB on the disk. Nobody reads it whole into memory because a table says so."""
    contents = make.good().contents()
    path = os.path.join(desk.work, "x.tar.zst")
    with open(path, "wb") as file:
        file.write(make.frame(contents[0]))
        file.truncate(HOLE)
        file.seek(HOLE)
        file.write(make.seek_table([[HOLE, len(contents[0])]]))
    ran = desk.run(*(word.format("x.tar.zst") for word in COMMANDS[command]), seconds=60)
    judge(desk, command, ran, held=60 << 10)
    assert ran.code == 4
    os.unlink(path)
    desk.unpacked()


@pytest.mark.parametrize("key", ["collector", "kind", "reason", "source", "stderr", "outcome"])
def test_rows_of_megabytes_make_no_page_of_megabytes(tmp_path, key):
    path, page = tmp_path / "x.tar.zst", tmp_path / "page.html"
    path.write_bytes(long_rows(3, **{"outcome": "failed", key: None})())
    assert main.run(["report", str(path), "-o", str(page)]) == (4 if key == "outcome" else 0)
    assert page.exists() == (key != "outcome")
    assert not page.exists() or page.stat().st_size < 1 << 20


@pytest.mark.parametrize("words", [["list", "-m"], ["analyze"], ["ticket"], ["changes"]], ids=" ".join)
def test_an_outcome_that_is_none_is_refused_by_whoever_reads_rows(tmp_path, capsys, words):
    path = tmp_path / "x.tar.zst"
    path.write_bytes(long_rows(1, outcome=None)())
    assert main.run([words[0], str(path), *words[1:]]) == 4
    assert "has an outcome that is none: " in capsys.readouterr().err
