"""Where a bundle is unpacked: folders that somebody else prepared, links that appear meanwhile, disks that a bomb would fill."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest
from hostile_bundles import PACK, Forged, make
from hostile_desk import NOBODY, agree, judge, put_to

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="is about Linux")
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two users")
PREFIX = make.PREFIX
UNPACKERS = {
    "unpack": ["unpack", "x.tar.zst"],
    "unpack -o": ["unpack", "x.tar.zst", "-o", PREFIX],
    "unpack -o /": ["unpack", "x.tar.zst", "-o", f"{PREFIX}/"],
    "salvage": ["salvage", "x.tar.zst", "-o", PREFIX],
}


def as_nobody(*words, cwd):
    subprocess.run(words, cwd=cwd, user=NOBODY, group=NOBODY, extra_groups=[], check=True)


@pytest.fixture
def shared(desk):
    """A folder in which anybody may write, as `/tmp` without its sticky bit; and one that is empty and the desk's own."""
    desk.put(make.good().build())
    os.chmod(desk.work, 0o777)
    yield desk
    desk.unpacked()
    os.chmod(desk.work, 0o755)
    target = os.path.join(desk.work, PREFIX)
    if os.path.islink(target):
        os.unlink(target)
    elif os.path.isdir(target):
        subprocess.run(["rm", "-r", target], check=True)


@ROOT
@pytest.mark.root
@pytest.mark.parametrize("desk", ["root"], indirect=True)
@pytest.mark.parametrize("words", UNPACKERS.values(), ids=UNPACKERS)
def test_a_link_of_somebody_else_is_not_followed(shared, words):
    """He who made the bundle knows the folder's name, and may have been there first."""
    as_nobody("ln", "-s", os.path.join(shared.work, "canary"), PREFIX, cwd=shared.work)
    ran = shared.run(*words)
    assert ran.code in (1, 2)
    assert PREFIX in ran.err
    assert os.listdir(os.path.join(shared.work, "canary")) == []


@ROOT
@pytest.mark.root
@pytest.mark.parametrize("desk", ["root"], indirect=True)
@pytest.mark.parametrize("words", UNPACKERS.values(), ids=UNPACKERS)
def test_a_folder_of_somebody_else_is_refused(shared, words):
    as_nobody("mkdir", "-m", "777", PREFIX, cwd=shared.work)
    ran = shared.run(*words)
    assert ran.code == 2
    assert "belongs to another user" in ran.err
    assert os.listdir(os.path.join(shared.work, PREFIX)) == []


@pytest.mark.parametrize("words", UNPACKERS.values(), ids=UNPACKERS)
def test_ones_own_folder_that_everybody_may_write_to_is_refused(shared, words):
    os.mkdir(os.path.join(shared.work, PREFIX))
    os.chown(os.path.join(shared.work, PREFIX), shared.uid, -1)
    os.chmod(os.path.join(shared.work, PREFIX), 0o777)
    assert "by everybody" in shared.run(*words).err


@pytest.mark.parametrize("kind", ["file", "fifo", "link to nothing", "hard link"])
def test_what_bears_the_folders_name_is_left_alone(shared, kind):
    target, other = os.path.join(shared.work, PREFIX), os.path.join(shared.work, "x.tar.zst")
    make_it = {
        "file": lambda: os.close(os.open(target, os.O_CREAT)),
        "fifo": lambda: os.mkfifo(target),
        "link to nothing": lambda: os.symlink("nowhere", target),
        "hard link": lambda: os.link(other, target),
    }
    make_it[kind]()
    try:
        before = os.lstat(target)
        ran = shared.run("unpack", "x.tar.zst")
        assert ran.code in (1, 2)
        assert os.lstat(target) == before
        assert not os.path.lexists(os.path.join(shared.work, "nowhere"))
    finally:
        os.unlink(target)


SWAPPER = """
import os, sys
here, away = sys.argv[1:]
while True:
    for name in ("var", "var/log", "etc"):
        path = os.path.join(here, name)
        try:
            os.rename(path, path + ".moved")
            os.symlink(away, path)
            os.unlink(path)
            os.rename(path + ".moved", path)
        except OSError:
            pass
"""


def test_folders_that_turn_into_links_meanwhile_are_not_followed(desk):
    """CVE-2025-4517 and its like: what a name means is not asked twice. Somebody swaps our folders for links as fast as he can."""
    members = [make.Member(f"{folder}/{number}", b"x") for number in range(300) for folder in ("var/log", "etc", "var/log/a")]
    desk.put(make.Composer(members).build(PACK))
    target, canary = os.path.join(desk.work, "out", "all"), os.path.join(desk.work, "canary")
    swapper = desk.start([*desk.program[:-1], desk.program[-1] + SWAPPER, target, canary])
    try:
        ran = desk.run("unpack", "x.tar.zst", "-o", target)
    finally:
        swapper.kill()
        swapper.wait()
    assert ran.code in (0, 1, 4)
    assert "Traceback" not in ran.err
    assert os.listdir(canary) == []
    desk.unpacked()


# -- disks


@pytest.fixture
def small_disk(desk):
    """A file system of 16 MiB and 500 files, where the desk unpacks."""
    out = os.path.join(desk.work, "out")
    options = f"size=16m,nr_inodes=500,mode=755,uid={desk.uid}"
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", out], capture_output=True, check=False).returncode:
        pytest.skip("needs root and a kernel that lets it mount")
    yield desk
    subprocess.run(["umount", "-l", out], check=True)


def flood():
    """40 MiB of zeros in members that each would fit."""
    return make.Composer([make.Member(f"z/{number}", bytes(4 << 20)) for number in range(10)]).build(PACK)


def folders():
    """Few bytes, many folders."""
    return make.Composer([make.Member(f"{number}/" + "d/" * 20 + "x", b"x") for number in range(60)]).build(PACK)


@pytest.mark.root
@pytest.mark.parametrize("bundle", [flood, folders])
@pytest.mark.parametrize("words", [["unpack", "x.tar.zst", "*"], ["unpack", "x.tar.zst"], ["salvage", "x.tar.zst"]], ids=" ".join)
def test_a_bomb_does_not_fill_the_disk(small_disk, bundle, words):
    small_disk.put(bundle())
    ran = small_disk.run(*words, "-o", "out/all")
    assert ran.code == 1
    assert "not enough room" in ran.err
    assert "Traceback" not in ran.err
    disk = os.statvfs(os.path.join(small_disk.work, "out"))
    assert disk.f_bavail >= disk.f_blocks // 100
    assert disk.f_favail > 0
    whole = [
        os.path.getsize(os.path.join(here, name)) for here, _, names in os.walk(os.path.join(small_disk.work, "out")) for name in names
    ]
    assert set(whole) <= {4 << 20, 1}


def test_a_size_that_lies_costs_its_member_only(desk):
    """The header of a salvaged file is believed, but not so far that others are not had."""
    lying = make.pax(size=b"9" * 17) + make.block(f"{PREFIX}/etc/evil".encode(), 0)
    members = [make.Member("etc/evil", b"evil\n", raw=lying), make.Member("big", bytes(1 << 20)), *make.small()]
    desk.put(make.Composer(members).build())
    ran = desk.run("salvage", "x.tar.zst", "-o", "out/all")
    assert ran.code == 4
    assert "evil" in ran.err
    desk.unpacked()


# -- files that change, and files that are none


def test_a_file_that_shrinks_while_it_is_read_is_damaged(desk):
    """Twice 16 MiB that do not compress: `cat` waits for its reader, and then half of the file is gone."""
    desk.put(make.Composer([make.Member("big", os.urandom(32 << 20))]).build(PACK))
    path = os.path.join(desk.work, "x.tar.zst")
    process = desk.start(desk.whole("cat", "x.tar.zst", "big"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1)
    os.truncate(path, 1 << 20)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert len(out) < 32 << 20
    assert b"it ends at byte" in err
    assert b"Traceback" not in err


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_half_file(desk, signal_):
    desk.put(make.Composer([make.Member("big", os.urandom(48 << 20)), make.Member("z", b"z")]).build(PACK))
    process = desk.start(desk.whole("unpack", "x.tar.zst", "-o", "out/all"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    big = os.path.join(desk.work, "out/all/big")
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end and not (os.path.exists(big) and os.path.getsize(big)):
        time.sleep(0.001)
    process.send_signal(signal_)
    _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    if signal_ == signal.SIGINT and process.returncode == 130:
        assert not os.path.exists(big)
    desk.unpacked()


def test_frames_of_eight_mebibytes_of_nothing_are_read_in_bounded_memory(desk):
    """96 MiB of zeros in a few kB."""
    composer = Forged([make.Member("p", bytes(96 << 20)), *make.small()], rows=make.lost())
    ended = put_to(desk, composer.build(PACK), held=200 << 10)
    agree(ended)
    assert ended["verify"].code == 0
    assert stat.S_ISREG(os.stat(os.path.join(desk.work, "x.tar.zst")).st_mode)
    judge(desk, "cat p", ended["cat p"], held=200 << 10)
    assert len(ended["cat p"].out) == 96 << 20
