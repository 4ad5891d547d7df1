"""A desk whose disk is full: what stays is whole and counted, and of a folder in which nothing came to lie nothing stays."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from diagbundle.cli.main import run

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small file system needs root")
MIB = 1 << 20


@pytest.fixture
def small(tmp_path):
    """A file system of 3 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Three files of more than 1 MB each, a bundle of them, and one whose index is lost."""
    desk = tmp_path_factory.mktemp("desk")
    (desk / "src/deep").mkdir(parents=True)
    for number in range(3):
        (desk / f"src/deep/{number}.log").write_text("".join(f"{os.urandom(32).hex()}\n" for _ in range(19_000)))
    subprocess.run(
        [sys.executable, "-m", "diagbundle", "collect", "-qy", "--only", "include", "--include", "src", "-o", "b.tar.zst"],
        cwd=desk,
        check=True,
    )
    (desk / "cut.tar.zst").write_bytes((desk / "b.tar.zst").read_bytes()[:-3000])
    return desk


def left(place):
    """Every file below a folder that it holds, with its size."""
    return {path.name: path.stat().st_size for path in pathlib.Path(place).rglob("*") if path.is_file()}


WORDS = {
    "unpack": ["unpack", "b.tar.zst", "-o"], "cut": ["unpack", "cut.tar.zst", "-o"], "salvage": ["salvage", "b.tar.zst", "-o"],
    "redact": ["redact", "src"],
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_on_a_full_disk_no_folder_stays(small, desk, name, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    (small / "others").write_bytes(bytes(3 * MIB - 300_000))
    assert run([*WORDS[name], f"{small}/out"]) == 1
    assert os.listdir(small) == ["others"]
    assert capsys.readouterr().err.endswith("\nhint: nothing of it stayed there\n")


@pytest.mark.parametrize("name", ["cut", "salvage", "redact"])
def test_what_stays_is_whole_and_counted(small, desk, name, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    assert run([*WORDS[name], f"{small}/out"]) == 1
    kept = left(small)
    assert 0 < len(kept) < 3
    assert capsys.readouterr().err.endswith(f"\nhint: whole files that stayed there: {len(kept)}\n")
    assert all(size == (desk / "src/deep" / name).stat().st_size for name, size in kept.items())


def test_a_folder_that_was_there_stays(small, desk, monkeypatch):
    monkeypatch.chdir(desk)
    (small / "out").mkdir()
    (small / "others").write_bytes(bytes(3 * MIB - 300_000))
    for words in WORDS.values():
        assert run([*words, f"{small}/out"]) == 1
        assert os.path.isdir(small / "out")
