import os
import shutil
import subprocess

import pytest
from storage_hosts import commands, files, host, rows, sampled, skipped

from diagbundle.collectors import _largest
from diagbundle.collectors._largest import Walk, largest
from diagbundle.collectors._mounts import hidden, mounts, split
from diagbundle.collectors.disk import df, disk, local_space
from diagbundle.host import Host
from diagbundle.model import Table

MOUNTINFO = r"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
22 21 0:40 / /mnt/a\040b\012c\134d rw - tmpfs none rw
23 21 0:41 / /srv/nfs rw - nfs4 filer:/vol/x\0401 rw,vers=4.2,hard
24 23 8:2 / /srv/nfs/local rw - xfs /dev/sdb1 rw,prjquota
25 21 0:42 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw,fd=29
26 21 0:43 / /cover rw - tmpfs first rw
27 26 0:44 / /cover rw - tmpfs second rw
28 21 0:45 / /home/fuse rw - fuse.sshfs me@host:/x rw
29 21 0:46 / /data rw - btrfs /dev/sdc rw
30 21 0:41 / /srv/again rw - nfs4 filer:/vol/x\0401 rw,vers=4.2,hard
no mount at all
"""
ODD = "".join(f"{first} 0:50 / /odd rw - tmpfs none rw\n" for first in ("x 21", "\xb2 21", "31 \xb9", "9" * 5000 + " 21", "32"))


@pytest.fixture
def sick(tmp_path):
    found = host(tmp_path, {"/proc/self/mountinfo": MOUNTINFO + ODD})
    for mount in mounts(found):
        (tmp_path / mount.point.lstrip("/")).mkdir(parents=True, exist_ok=True)
    return found


def test_names_are_decoded_and_autofs_is_left_alone(sick):
    points = [mount.point for mount in mounts(sick)]
    assert "/mnt/a b\nc\\d" in points
    assert "/proc/sys/fs/binfmt_misc" not in points
    assert "/odd" not in points
    assert [mount.source for mount in mounts(sick) if mount.type == "nfs4"] == ["filer:/vol/x 1"] * 2


def test_what_lies_below_a_network_mount_may_hang_too(sick):
    local, remote = split(mounts(sick))
    assert [mount.point for mount in remote] == ["/srv/nfs", "/srv/nfs/local", "/home/fuse", "/srv/again"]
    assert [mount.point for mount in local] == ["/", "/mnt/a b\nc\\d", "/cover", "/cover", "/data"]


def test_a_covered_mount_is_not_mistaken_for_the_one_above(sick):
    assert hidden(mounts(sick)) == {26}
    found = {row["source"]: row for row in local_space(sick)}
    assert found["first"]["covered"]
    assert "bytes" not in found["first"]
    assert found["second"]["bytes"] > 0


def test_each_remote_mount_has_a_table_and_deadline_of_its_own_and_comes_late(sick):
    tables = [source for source in disk.sources(sick) if isinstance(source, Table)]
    assert [table.name for table in tables if table.name.startswith("filesystem_")] == [
        "filesystem_srv_nfs", "filesystem_srv_nfs_local", "filesystem_home_fuse",
    ]  # fmt: skip
    assert all(table.timeout <= 5 for table in tables if table.name.startswith("filesystem_"))
    assert [table.name for table in tables][-3:] == [table.name for table in tables if table.name.startswith("filesystem_")]
    assert rows(disk, sick, "filesystem_srv_nfs")[0]["mount"] == "/srv/nfs"


def test_a_mount_that_cannot_be_reached_is_a_row(tmp_path):
    found = host(tmp_path, {"/proc/self/mountinfo": "21 1 8:1 / /gone rw - ext4 /dev/sda1 rw\n"})
    assert [row["error"] for row in local_space(found)] == ["cannot be reached"]


def test_df_does_not_ask_network_and_fuse_mounts(sick, monkeypatch):
    asked = []
    real = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda path: (asked.append(path), real(path))[1])
    lines = list(df(sick))
    assert not any("nfs" in path or "fuse" in path for path in asked)
    assert lines[0].split() == ["Filesystem", "1K-blocks", "Used", "Available", "Use%", "Mounted", "on"]
    assert any(line.endswith("/mnt/a b?c\\d") for line in lines)
    assert not any("filer:" in line for line in lines)


def squeezed(lines):
    """Space in use changes between two readings; lines and columns do not. Names may be longer in one of the two."""
    return [(line.split()[0], line.split()[-1]) for line in lines]


@pytest.mark.skipif(not shutil.which("df"), reason="needs df")
@pytest.mark.parametrize(("option", "inodes"), [("-al", False), ("-ali", True)])
def test_df_prints_what_df_prints(option, inodes):
    expected = subprocess.run(
        ["df", option, "-x", "autofs"], capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": os.environ["PATH"]}
    )
    ours = list(df(Host(), inodes=inodes))
    theirs = expected.stdout.splitlines()
    assert ours[0].split() == theirs[0].split()
    assert squeezed(ours) == squeezed(theirs)
    steady = [line for line in theirs if line.split()[0] in ("proc", "sysfs", "devpts")]
    assert {" ".join(line.split()) for line in steady} <= {" ".join(line.split()) for line in ours}


def test_lvm_and_dmsetup_are_asked_only_where_the_device_mapper_is(tmp_path):
    assert not [
        words for words in commands(disk, host(tmp_path / "a", {})) if words.startswith(("pvs", "vgs", "lvs", "dmsetup", "multipath"))
    ]
    there = host(tmp_path / "b", {"/sys/class/misc/device-mapper/dev": "10:236\n"})
    found = commands(disk, there)
    lvm = [words for words in found if words.startswith(("pvs", "vgs", "lvs"))]
    assert len(lvm) == 3
    assert all("metadata_read_only=1" in words and "--nolocking" in words for words in lvm)
    assert "dmsetup status --noflush" in found
    assert skipped(disk, there)["multipath -v4 -ll"].startswith("multipathd is stopped")


def test_a_suspended_pool_is_not_asked(tmp_path):
    base = "/proc/spl/kstat/zfs"
    sound = host(tmp_path / "a", {f"{base}/tank/state": "ONLINE\n", f"{base}/dbufs": "x", f"{base}/dmu_tx": "x"})
    assert "zpool status -v" in commands(disk, sound)
    assert f"{base}/dmu_tx" in files(disk, sound)
    assert f"{base}/dbufs" not in files(disk, sound)
    hung = host(tmp_path / "b", {f"{base}/tank/state": "ONLINE\n", f"{base}/bad/state": "SUSPENDED\n"})
    assert not [words for words in commands(disk, hung) if words.startswith("z")]
    assert "bad" in skipped(disk, hung)["zpool status -v"]


def test_arrays_are_named_one_by_one_under_the_name_that_tools_know(tmp_path):
    found = commands(disk, host(tmp_path, {"/sys/block/md0/size": "1", "/sys/block/md127/size": "1"}))
    assert found["mdadm -D /dev/md0 /dev/md127"].at == "sos_commands/md/mdadm_-D_.dev.md"


def test_blkid_opens_devices_and_is_last(sick):
    assert list(commands(disk, sick))[-1] == "blkid -c /dev/null"


def test_btrfs_and_xfs_are_asked_by_mount(sick):
    found = commands(disk, sick)
    assert "btrfs filesystem usage /data" in found
    assert "btrfs device stats /data" in found
    assert not [words for words in found if words.startswith("xfs_")]  # it lies below a network mount


def test_counters_are_read_twice(tmp_path):
    wanted = {
        "/proc/diskstats",
        "/proc/self/mountstats",
        "/proc/mdstat",
        "/sys/fs/ext4/sda1/errors_count",
        "/sys/block/md0/md/mismatch_cnt",
    }
    assert sampled(disk, host(tmp_path, dict.fromkeys(wanted, "1\n"))) == wanted


def test_the_walk_counts_what_is_there(tmp_path):
    (tmp_path / "deep/a/b/c/d/e/f/g").mkdir(parents=True)
    (tmp_path / "deep/a/b/c/d/e/f/g/file").write_bytes(b"x" * 100_000)
    with open(tmp_path / "sparse", "wb") as sparse:
        sparse.truncate(1 << 30)
    os.link(tmp_path / "deep/a/b/c/d/e/f/g/file", tmp_path / "second-name")
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted/other").write_bytes(b"x" * 500_000)
    walk = Walk("/", frozenset(["/mounted"]), float("inf"))
    walk.run(str(tmp_path))
    found = {(row["kind"], row["path"]): row for row in walk.rows()}
    assert found["filesystem", "/"]["complete"]
    assert found["file", "/sparse"]["apparent"] == 1 << 30
    assert found["file", "/sparse"]["allocated"] < 1 << 20
    assert 100_000 <= found["directory", "/deep/a"]["allocated"] + found["directory", "/"]["allocated"] < 2_000_000
    assert sum(1 for kind, path in found if kind == "file" and path.endswith(("file", "second-name"))) == 1
    assert ("directory", "/deep/a/b/c/d/e") in found
    assert ("directory", "/deep/a/b/c/d/e/f") not in found
    assert not any(path.startswith("/mounted") for _, path in found)


def test_an_entry_that_cannot_be_looked_at_costs_itself(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x" * 10_000)
    walk = Walk("/", frozenset(), float("inf"))

    def entry(found, *more, sound=walk._entry):
        if found.name == "b":
            raise OSError(5, "Input/output error")
        sound(found, *more)

    monkeypatch.setattr(walk, "_entry", entry)
    walk.run(str(tmp_path))
    rows = list(walk.rows())
    assert (rows[0]["complete"], rows[0]["errors"]) == (False, 1)
    assert {row["path"] for row in rows if row["kind"] == "file"} == {"/a", "/c"}


def test_the_walk_ends_when_its_time_is_over_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(_largest, "WALK_SECONDS", 0.0)
    found = host(tmp_path, {"/proc/self/mountinfo": "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "/a/b": "x"})
    assert next(iter(largest(found)))["complete"] is False


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_a_real_mount_with_a_strange_name(tmp_path, monkeypatch):
    monkeypatch.setattr(_largest, "WALK_SECONDS", 2.0)
    point = tmp_path / "a b\nc\\d"
    point.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=10", "none", str(point)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        (point / "full").write_bytes(b"x" * 300_000)
        found = next(row for row in local_space(Host()) if row["mount"] == str(point))
        assert (found["bytes"], found["inodes"]) == (1 << 20, 10)
        files_ = [row["path"] for row in largest(Host()) if row["kind"] == "file"]
        assert f"{point}/full" in files_
    finally:
        subprocess.run(["umount", str(point)], check=True)
