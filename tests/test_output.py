"""Where a bundle goes, and how the program was started: full disks, slow pipes, odd names, closed streams, paths that lead astray."""

import errno
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest

from diagbundle import config
from diagbundle.bundle.reader import Bundle
from diagbundle.collect.engine import Engine, Request
from diagbundle.collect.output import FileOutput, PipeOutput, folder_fault, free_place
from diagbundle.errors import OutputError, SourceDenied, SourceSkipped, UsageError
from diagbundle.host import Host
from diagbundle.model import Collector, File, Stage
from diagbundle.sources.read import open_file
from diagbundle.testing import Silent

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PROGRAM = [sys.executable, "-m", "diagbundle"]


def asking(*sources, name="probe", stage=Stage.STATE):
    return Collector(name, "A collector of the test", lambda _host: iter(sources), stage=stage)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "host"
    (root / "etc").mkdir(parents=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    return root


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/app.log").write_text("started\n")
    return tmp_path


# -- the file


@pytest.mark.parametrize("for_good", [False, True], ids=["for a moment", "for good"])
def test_a_disk_that_fills_in_the_middle_of_a_large_member_leaves_whole_members(collect, tree, monkeypatch, for_good):
    (tree / "etc/large").write_bytes(os.urandom(30 << 20))
    (tree / "etc/small").write_text("small")
    real, failed = FileOutput.write, []

    def write(self, data):
        here = os.lseek(self._file, 0, os.SEEK_CUR)
        full = here >= failed[0] if failed else here + len(data) > 12 << 20
        if full and (for_good or not failed):
            failed.append(here)
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, data)

    monkeypatch.setattr(FileOutput, "write", write)
    collectors = [asking(File("/etc/small"), File("/etc/large"), name="first"), asking(File("/etc/hosts"), name="later", stage=Stage.LOGS)]
    got = collect(Host(str(tree)), *collectors, width=1)
    with Bundle.open(got.result.sealed.path) as bundle:
        assert bundle.verify().damages == []
    assert failed
    assert not got.result.complete
    assert "No space left" in got.result.reason
    assert (got.tree / "etc/small").read_text() == "small"
    large = got.rows["/etc/large"]
    if not for_good:  # then what there was room for is kept, and the rest is filling
        assert (large["outcome"], large["size"]) == ("partial", 30 << 20)
        assert (got.tree / "etc/large").read_bytes()[: large["short"]] == (tree / "etc/large").read_bytes()[: large["short"]]
        assert 8 << 20 <= large["short"] < 12 << 20
    else:
        assert (large["outcome"], "path" in large) == ("failed", False)
    assert "later" in got.rows or "/etc/hosts" in got.rows


def test_a_checksum_file_that_is_there_is_noticed_before_anything_is_collected(tmp_path):
    (tmp_path / "b.tar.zst.sha256").write_text("of an older bundle")
    with pytest.raises(OutputError, match="not overwritten"):
        FileOutput(str(tmp_path / "b.tar.zst"))


def test_collections_that_begin_within_one_second_get_names_of_their_own(tmp_path):
    first = free_place(str(tmp_path), "host-1")
    FileOutput(first)
    second = free_place(str(tmp_path), "host-1")
    (tmp_path / "host-1-2.partial.tar.zst.sha256").touch()
    third = free_place(str(tmp_path), "host-1")
    assert [path.removeprefix(f"{tmp_path}/") for path in (first, second, third)] == [
        "host-1.tar.zst",
        "host-1-2.tar.zst",
        "host-1-3.tar.zst",
    ]


@pytest.mark.parametrize("name", ["my bundle_1", "-x", ".hidden", "ä", "..", "a" * 240])
def test_a_bundle_of_any_name_can_be_opened(collect, tree, tmp_path, name):
    output = FileOutput(str(tmp_path / f"{name}.tar.zst"))
    result = Engine(Request([asking(File("/etc/hosts"))], Host(str(tree))), output, Silent(), {"name": "h"}).run()
    with Bundle.open(result.sealed.path) as bundle:
        assert bundle.verify().damages == []
        assert bundle.prefix.replace("-", "").replace(".", "").isalnum()
        assert bundle.prefix[0].isascii()
        assert bundle.prefix[0].isalnum()


def test_a_current_folder_that_was_removed_is_no_place(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert folder_fault(".") != ""


# -- a pipe


def test_a_pipe_that_nobody_reads_is_not_waited_for_without_end(tree, monkeypatch):
    monkeypatch.setattr("diagbundle.collect.output.STALLED", 0.5, raising=False)
    (tree / "etc/large").write_bytes(os.urandom(3 << 20))
    read, write = os.pipe()
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError("it waits without end")))
    signal.alarm(10)
    try:
        with pytest.raises(OutputError, match="has taken nothing"):
            Engine(Request([asking(File("/etc/large"))], Host(str(tree))), PipeOutput(write), Silent(), {"name": "h"}).run()
    finally:
        signal.alarm(0)
        os.close(read)
        os.close(write)


# -- paths


ASTRAY = (
    "/proc/self/../../etc/shadow",
    "/proc//../etc/shadow",
    "/dev/../etc/shadow",
    "/sys/./../etc/shadow",
    "/proc/../etc/shadow",
    "/etc/../etc/shadow",
)


@pytest.mark.parametrize(
    "path", [*ASTRAY, "/proc/self/root/etc/shadow", "/proc/thread-self/root/etc/shadow", "//etc/shadow", "//proc/self/smaps"]
)
def test_no_way_of_writing_a_path_leads_past_what_is_never_read(path):
    with pytest.raises((SourceSkipped, SourceDenied)):
        open_file(Host(live=True), path).close()


@pytest.mark.skipif(not os.path.islink("/etc/mtab"), reason="/etc/mtab is no link here")
def test_a_link_into_proc_has_the_content_of_its_end(collect):
    got = collect(Host(live=True), asking(File("/etc/mtab")))
    assert (got.tree / "etc/mtab").read_text() != ""


@ROOT
@pytest.mark.parametrize("mode", [0o1777, 0o775])
def test_a_second_name_of_roots_file_in_a_folder_of_many_is_not_read(tmp_path, mode):
    root = tmp_path / "host"
    (root / "shared").mkdir(parents=True)
    (root / "secret").write_text("secret")
    (root / "shared/own").write_text("own")
    os.link(root / "secret", root / "shared/planted")
    os.chown(root / "shared", 0, 4711)
    os.chmod(root / "shared", mode)
    host = Host(str(root))
    with pytest.raises(SourceDenied, match="second name"):
        host.read("/shared/planted")
    assert host.read("/shared/own") == b"own"


@ROOT
def test_a_link_in_a_folder_that_a_list_opens_for_others_is_not_followed(tmp_path):
    root = tmp_path / "host"
    (root / "shared").mkdir(parents=True)
    (root / "secret").write_text("secret")
    (root / "shared/planted").symlink_to("/secret")
    entries = ((1, 7, -1), (2, 7, 65534), (4, 5, -1), (16, 7, -1), (32, 5, -1))  # owner, user 65534, group, mask, others
    try:
        os.setxattr(
            root / "shared", "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
        )
    except OSError:
        pytest.skip("no access control lists here")
    with pytest.raises(SourceDenied):
        Host(str(root)).read("/shared/planted")


# -- the start of the program


def collecting(folder, before="", after="", **more):
    words = f"{before} exec {' '.join(PROGRAM)} collect --only include --include logs -o out.tar.zst -y {after}"
    return subprocess.run(["sh", "-c", words], cwd=folder, timeout=60, check=False, **more)


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-", "<&- >&- 2>&-", ">&-", "2>&-"])
def test_closed_standard_streams_are_no_part_of_a_bundle(logs, closed):
    assert collecting(logs, after=closed).returncode == 0
    with Bundle.open(str(logs / "out.tar.zst")) as bundle:
        assert bundle.verify().damages == []
        assert [row["outcome"] for row in bundle.rows() if row["kind"] == "file"] == ["collected"]


def test_ignored_ends_of_children_do_no_harm(logs):
    code = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    words = [*PROGRAM, "collect", "--only", "include", "--include", "logs", "-o", "out.tar.zst", "-y"]
    assert subprocess.run([sys.executable, "-c", code, *words], cwd=logs, timeout=60, check=False).returncode == 0


def test_blocked_signals_do_not_keep_a_child_from_ending(logs):
    (logs / "slow.toml").write_text('title = "Slow"\n[[command]]\nargv = ["sleep", "60"]\ntimeout = 60\n')
    os.chmod(logs / "slow.toml", 0o600)
    words = [*PROGRAM, "collect", "--collector", "slow.toml", "--only", "slow", "-o", "out.tar.zst", "-q", "--timeout", "2s"]
    started = time.monotonic()
    blocked = {signal.SIGALRM}
    process = subprocess.Popen(words, cwd=logs, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, blocked))  # noqa: PLW1509
    assert process.wait(30) == 3
    assert time.monotonic() - started < 10


@pytest.mark.skipif(not shutil.which("localedef"), reason="needs localedef")
def test_names_are_bytes_in_every_locale(logs):
    made = subprocess.run(["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(logs / "de_DE")], capture_output=True, check=False)
    if not (logs / "de_DE").exists():
        pytest.skip(f"no such locale can be made: {made.stderr[:100]!r}")
    names = {b"caf\xe9", "grün".encode()}
    for name in names:
        with open(os.fsencode(logs / "logs") + b"/" + name, "w"):
            pass
    assert collecting(logs, env={**os.environ, "LOCPATH": str(logs), "LC_ALL": "de_DE"}).returncode == 0
    with Bundle.open(str(logs / "out.tar.zst")) as bundle:
        found = {os.path.basename(row["path"].encode("utf-8", "surrogateescape")) for row in bundle.rows() if row["kind"] == "file"}
    assert found == names | {b"app.log"}


def test_a_result_that_cannot_be_told_is_no_traceback(logs):
    with open("/dev/full", "w") as full:
        ended = collecting(logs, stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == 0  # the bundle is whole, and its path stands on the screen
    assert b"standard output takes nothing" in ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("text", ["width = -1", f'max_size = "{"9" * 400}"', f'timeout = "{"9" * 400}d"'])
def test_numbers_that_make_no_sense_are_wrong_usage(tmp_path, text):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(UsageError):
        config.load({}, {}, str(tmp_path / "c.toml"))
