"""Unpacking writes below its target only, whole members only, whatever the bundle says."""

import contextlib
import errno
import os
import re
import shutil
import stat
import subprocess

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from test_reader import EDITS, EXPECTED, GOOD, make, mutated, vector

from diagbundle.bundle import unpack as unpacking
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.unpack import matcher, unpack, unpack_damaged
from diagbundle.cli.unpack import command
from diagbundle.errors import BundleError, OutputError, UsageError


def tree(top):
    """Every entry below a directory, with its type, mode and content."""
    found = {}
    for here, folders, names in os.walk(top):
        for name in (*folders, *names):
            path = os.path.join(here, name)
            info = os.lstat(path)
            with open(path, "rb") if stat.S_ISREG(info.st_mode) else open(os.devnull, "rb") as file:
                found[os.path.relpath(path, top)] = (stat.filemode(info.st_mode), file.read())
    return found


def run(*words):
    return CliRunner().invoke(command, list(words))


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.skipif(not shutil.which("zstd") or not shutil.which("tar"), reason="needs tar and zstd")
def test_unpacking_gives_what_tar_gives(name, tmp_path):
    assert run(vector(name), "-o", str(tmp_path / "ours")).exit_code == 0
    subprocess.run(["tar", "--zstd", "-xf", vector(name), "-C", tmp_path], check=True)
    theirs = {path: content for path, (_, content) in tree(tmp_path / make.PREFIX).items()}
    assert {path: content for path, (_, content) in tree(tmp_path / "ours").items()} == theirs


def test_modes_and_times(tmp_path):
    run(vector("good"), "-o", str(tmp_path / "x"))
    assert {mode for mode, _ in tree(tmp_path / "x").values()} == {"drwx------", "-rw-------"}
    assert os.stat(tmp_path / "x/var/log/messages").st_mtime == make.MTIME
    assert stat.S_IMODE(os.stat(tmp_path / "x").st_mode) == 0o700


def test_the_default_is_a_folder_of_the_bundles_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(vector("good")).stdout == f"{make.PREFIX}\n"
    assert (tmp_path / make.PREFIX / "etc/os-release").exists()
    assert isinstance(run(vector("good")).exception, UsageError)


@pytest.mark.parametrize("prefix", [".ssh", "-rf", ".", "a\nb"])
def test_a_bundle_does_not_choose_an_odd_folder(prefix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("in")
    path = tmp_path / "in/x.tar.zst"
    path.write_bytes(make.Composer(make.small(), prefix=prefix).build())
    assert run("in/x.tar.zst").exception
    assert os.listdir(tmp_path) == ["in"]


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    assert isinstance(run(vector("good"), "-o", str(tmp_path)).exception, UsageError)
    assert tree(tmp_path) == {"file": ("-rw-r--r--", b"mine")}


def test_patterns_select(tmp_path):
    run(vector("good"), "-o", str(tmp_path / "x"), "var/log", "*release")
    names = {path for path, (mode, _) in tree(tmp_path / "x").items() if mode.startswith("-")}
    assert names == {"etc/os-release", "var/log/empty", "var/log/messages"}
    assert isinstance(run(vector("good"), "-o", str(tmp_path / "y"), "*.pdf").exception, UsageError)


@pytest.mark.parametrize(
    ("pattern", "path", "hit"), [("var", "var/log/x", True), ("var", "variable", False), ("*.c", "a/b.c", True), ("/a/", "a", True)]
)
def test_matcher(pattern, path, hit):
    assert matcher([pattern])(path) is hit


@pytest.mark.parametrize("name", EXPECTED)
def test_nothing_is_written_outside_and_only_plain_files(name, tmp_path):
    """Run as root too: the links, devices and names of the hostile vectors would reach anything."""
    os.mkdir(tmp_path / "a")
    before = os.lstat("/etc/passwd")
    result = run(vector(name), "-o", str(tmp_path / "a/b/"))
    assert result.exit_code in (0, 4) or isinstance(result.exception, BundleError)
    assert set(os.listdir(tmp_path)) == {"a"}
    assert set(os.listdir(tmp_path / "a")) <= {"b"}
    assert {mode for mode, _ in tree(tmp_path / "a").values()} <= {"drwx------", "-rw-------"}
    assert os.lstat("/etc/passwd") == before
    assert not any("evil" in content.decode("latin-1") for path, (_, content) in tree(tmp_path / "a").items() if "diagbundle/" not in path)
    assert (result.exit_code == 0) is (EXPECTED[name]["error"] is None) or not EXPECTED[name]["error"] or harmless(name)


def harmless(name):
    """Lies that do not touch what is unpacked: each file written is checked by itself."""
    return re.match(r"sums-|tail|forged-(complete|count|twice|order|hole|name|lines)|name-(twice|of-manifest)|frame|table", name)


def test_a_broken_member_is_not_left_behind(tmp_path):
    result = run(vector("one-byte-refitted"), "-o", str(tmp_path / "x"))
    assert result.exit_code == 4
    assert "var/log/messages" in result.stderr
    assert not (tmp_path / "x/var/log/messages").exists()
    assert (tmp_path / "x/proc/net/dev").read_bytes() == make.small()[1].data


def test_a_cut_file_gives_its_whole_members(tmp_path):
    result = run(vector("cut-in-data"), "-o", str(tmp_path / "x"))
    assert result.exit_code == 4
    assert {path for path, (mode, _) in tree(tmp_path / "x").items() if mode[0] == "-"} == {
        "etc/os-release",
        "proc/net/dev",
        "var/log/empty",
    }


def test_a_link_that_appears_in_the_target_is_not_followed(tmp_path):
    """Someone who can write to the target while we unpack gains nothing."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with Bundle.open(vector("good")) as bundle:

        def plant(_done, _total):
            if not (tmp_path / "x/var").is_symlink() and not (tmp_path / "x/var").exists():
                os.symlink(outside, tmp_path / "x/var")

        done = unpack(bundle, str(tmp_path / "x"), progress=plant)
    assert os.listdir(outside) == []
    assert done.broken == 2


def test_members_that_overlap_are_refused(tmp_path):
    """Members within members could fill a disk out of nothing."""
    inner = make.block(f"{make.PREFIX}/inner".encode(), 1024)
    outer = make.Member("outer", b"x" * 512 + inner + b"y" * 1024)
    composer = make.Composer([outer])
    path = tmp_path / "x.tar.zst"

    def nest(rows):
        rows.append(
            rows[0]
            | {"path": "inner", "header": 1024, "offset": 1536, "size": 1024, "sha256": make.hashlib.sha256(b"y" * 1024).hexdigest()}
        )

    composer.tweak_rows = nest
    path.write_bytes(composer.build())
    with Bundle.open(str(path)) as bundle:
        done = unpack(bundle, str(tmp_path / "x"))
    assert "overlap" in done.reasons[0]
    assert set(tree(tmp_path / "x")) == {"outer"}


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    written = []

    def write(fd, data):
        if len(written) >= 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(len(data))
        return len(data)

    monkeypatch.setattr(unpacking.os, "write", write)
    with Bundle.open(vector("good")) as bundle, pytest.raises(OutputError, match="No space left"):
        unpack(bundle, str(tmp_path / "x"))
    assert not (tmp_path / "x/var/log/messages").exists()


def test_what_cannot_fit_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking.os, "fstatvfs", lambda _fd: os.statvfs_result((512, 512, 1, 1, 1, 0, 0, 0, 0, 255)))
    with Bundle.open(vector("good")) as bundle, pytest.raises(OutputError, match="not enough room"):
        unpack(bundle, str(tmp_path / "x"))
    assert tree(tmp_path / "x") == {}


@given(EDITS)
@settings(max_examples=60, deadline=10000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_to_a_bundle_writes_outside(tmp_path_factory, edits):
    top = tmp_path_factory.mktemp("mutated")
    (top / "x.tar.zst").write_bytes(mutated(edits))
    for number, attempt in enumerate((with_index, unpack_damaged)):
        with contextlib.suppress(BundleError):
            attempt(str(top / "x.tar.zst"), str(top / f"out{number}"))
    assert set(os.listdir(top)) <= {"x.tar.zst", "out0", "out1"}
    good = {member.name: member.data for member in make.small()}
    for number in (0, 1):
        for path, (mode, content) in tree(top / f"out{number}").items():
            assert mode in ("drwx------", "-rw-------")
            if mode[0] == "-" and number == 0 and not path.startswith("diagbundle/"):
                assert content == good[path]


def with_index(path, target):
    with Bundle.open(path) as bundle:
        unpack(bundle, target)
