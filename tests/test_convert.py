"""A bundle as another archive: tar reads the same members out of it, and a damaged bundle leaves nothing behind."""

import io
import os
import subprocess
import sys
import tarfile

import pytest
from test_lines import sealed
from test_reader import BAD, vector

TEXTS = {"var/log/big": b"line of a log\n" * 900_000, "etc/os-release": b"ID=debian\n", "etc/empty": b"", "x/" + "n" * 200: b"long name"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return sealed(tmp_path_factory.mktemp("convert") / "b.tar.zst", TEXTS)


def convert(*words, cwd):
    return subprocess.run([sys.executable, "-m", "diagbundle", "convert", *words], capture_output=True, check=False, cwd=cwd)


def members(file):
    with tarfile.open(fileobj=file) as tar:
        return {each.name: tar.extractfile(each).read() for each in tar}


def plain(path):
    return subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout


@pytest.mark.parametrize(("name", "tool"), [("c.tar.gz", "gzip"), ("c.tgz", "gzip"), ("c.tar.xz", "xz"), ("c.tar", "cat")])
def test_it_is_the_same_tar(bundle, tmp_path, name, tool):
    result = convert(bundle, "-o", name, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, f"{name}\n".encode())
    unpacked = subprocess.run([tool, *(["-dc"] if tool != "cat" else []), name], cwd=tmp_path, capture_output=True, check=True).stdout
    assert unpacked == plain(bundle)
    found = members(io.BytesIO(unpacked))
    assert {name: found[f"b/{name}"] for name in TEXTS} == TEXTS
    assert os.stat(tmp_path / name).st_mode & 0o777 == 0o600


def test_to_a_pipe_and_to_the_usual_name(bundle, tmp_path):
    assert convert(bundle, "-o", "-", "--to", "tar", cwd=tmp_path).stdout == plain(bundle)
    assert convert(bundle, cwd=tmp_path).stdout == b"b.tar.gz\n"
    again = convert(bundle, cwd=tmp_path)
    assert again.returncode == 1
    assert b"not overwritten" in again.stderr
    assert os.listdir(tmp_path) == ["b.tar.gz"]


@pytest.mark.parametrize(("name", "hint"), [("c.tar.zst", b"already"), ("c.zip", b"--to")])
def test_what_cannot_be_made_is_refused(bundle, tmp_path, name, hint):
    result = convert(bundle, "-o", name, cwd=tmp_path)
    assert result.returncode == 2
    assert hint in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", BAD)
def test_what_verify_refuses_is_not_written(tmp_path, name):
    result = convert(vector(name), "-o", "c.tar", cwd=tmp_path)
    assert result.returncode == 4
    assert result.stderr.count(b"hint:") == 1
    assert os.listdir(tmp_path) == []
    assert convert(vector(name), "-o", "-", cwd=tmp_path).stdout == b""
