"""What customers send, as portals and mail leave it: under names of their own, packed once more, a page in its place."""

import gzip
import os
import subprocess
import sys
import zipfile

import pytest
from test_parts import NAME, cut, made

from diagbundle.cli.group import COMMANDS
from diagbundle.transport.parts import split


def run(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "diagbundle", *words],
        capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return made(tmp_path_factory.mktemp("source") / NAME)


def renamed(folder, paths):
    """As a portal hands them out: without what their names told."""
    for number, path in enumerate(paths, 1):
        path.rename(folder / f"download ({number})")


@pytest.mark.parametrize("listed", [None, "list.txt", "X.parts"])
def test_a_folder_of_parts_that_lost_their_names_is_joined(source, tmp_path, listed):
    parts = cut(source, tmp_path)
    renamed(
        tmp_path, reversed(parts) if listed else parts
    )  # pieces of noise are of one size: without a list, nothing else tells their order
    (tmp_path / f"{NAME}.sha256").unlink()
    if listed:
        (tmp_path / f"{NAME}.parts").rename(tmp_path / listed)
    else:
        (tmp_path / f"{NAME}.parts").unlink()
    (tmp_path / "mail.txt").write_text("Here it is.\n")
    ended = run("join", ".", "-o", "out.tar.zst", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "out.tar.zst").read_bytes() == source.read_bytes()


def encrypted_parts(folder):
    path = folder / f"{NAME}.age"
    path.write_bytes(b"age-encryption.org/v1\n" + os.urandom(100_000))
    whole = path.read_bytes()
    parts = split(str(path), str(path), [30_000, 60_000, len(whole)])
    path.unlink()
    return whole, [folder / os.path.basename(part) for part in parts]


def test_a_list_alone_vouches_for_parts_into_which_nobody_can_look(tmp_path):
    whole, _ = encrypted_parts(tmp_path)
    ended = run("join", ".", "-o", "out.age", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "out.age\n")
    assert "3 parts are one file again" in ended.stderr
    assert ended.stderr.endswith("; each has its checksum\n")
    assert (tmp_path / "out.age").read_bytes() == whole


def test_a_list_is_known_by_what_is_in_it(tmp_path):
    whole, parts = encrypted_parts(tmp_path)
    renamed(tmp_path, reversed(parts))
    (tmp_path / f"{NAME}.age.parts").rename(tmp_path / "list.txt")
    assert run("join", ".", "-o", "out.age", cwd=tmp_path).returncode == 0
    assert (tmp_path / "out.age").read_bytes() == whole


def test_a_folder_in_which_no_parts_lie_is_told_to_be_so(tmp_path):
    (tmp_path / "mail.txt").write_text("Here it is.\n")
    (tmp_path / "core").write_bytes(os.urandom(5000))
    ended = run("join", ".", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (
        2,
        "diagbundle: there are no parts: .\nhint: name the parts, or the folder in which they lie\n",
    )


def test_a_bundle_in_one_piece_stays_where_it_lies(source):
    ended = run("join", NAME, cwd=source.parent)
    assert (ended.returncode, ended.stdout) == (0, f"{NAME}\n")
    assert ended.stderr == f"not in parts: {NAME} is in one piece, and stays where it lies; `diagbundle verify` checks it\n"


@pytest.fixture(scope="module")
def arrived(source, tmp_path_factory):
    """What has become of a bundle on its way, by the name of the file."""
    folder = tmp_path_factory.mktemp("arrived")
    data = source.read_bytes()
    with zipfile.ZipFile(folder / "b.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x.txt", "of another kind")
    (folder / "b.tar.zst.gz").write_bytes(gzip.compress(data, 1))
    (folder / "b.tar.zst.age.gz").write_bytes(gzip.compress(b"age-encryption.org/v1\n-> X25519 x"))
    (folder / "empty.tar.zst").touch()
    (folder / "login.tar.zst").write_text("<!DOCTYPE html><title>Sign in</title>\n" * 99)
    (folder / "noise.tar.zst").write_bytes(b"\0\1\2" + os.urandom(5000).replace(b"\x28\xb5\x2f\xfd", b""))
    return folder


TOLD = {
    "b.tar.zst.gz": ("it is a gzip file around another one", "a portal may have packed it: `gunzip -c FILE > NEW` undoes that"),
    "b.tar.zst.age.gz": ("it is a gzip file around another one", "a portal may have packed it: `gunzip -c FILE > NEW` undoes that"),
    "b.zip": ("it is a zip file, so it is no bundle", "`unzip FILE` takes out what is in it"),
    "empty.tar.zst": ("it is empty, so it is no bundle", "nothing of it arrived: ask for it again"),
    "login.tar.zst": ("it is no zstd file, so it is no bundle", "it is a text, perhaps a page that a portal sent in its place: look at it"),
    "noise.tar.zst": ("it is no zstd file, so it is no bundle", "`tar -tf` shows what is in it, if it is an archive"),
}


@pytest.mark.parametrize("command", ["verify", "ticket", "analyze", "open", "list", "salvage", "timeline"])
@pytest.mark.parametrize("name", TOLD)
def test_what_it_has_become_is_said_and_what_to_do(arrived, name, command):
    assert command in COMMANDS
    what, hint = TOLD[name]
    ended = run(command, name, cwd=arrived)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr.startswith(f"diagbundle: {name} is refused: {what}\n")
    assert ended.stderr.endswith(f"hint: {hint}\n") or (command, name) == ("salvage", "noise.tar.zst")
