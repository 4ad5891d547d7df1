"""Descriptors against limits, their kinds, deleted files that are still open."""

import os
import subprocess
import tempfile

import pytest

from diagbundle.collectors import file_descriptors as module
from diagbundle.host import Host

STAT = "{pid} ({comm}) S " + " ".join(map(str, [1] * 18)) + " 555 0 0\n"


def add(root, pid, targets, *, comm="app", soft="1024", uid="1000", info=None):  # noqa: PLR0913  # what differs from case to case
    here = root / "proc" / str(pid)
    (here / "fd").mkdir(parents=True)
    (here / "fdinfo").mkdir()
    (here / "ns").mkdir()
    (here / "ns/mnt").symlink_to("mnt:[4026531841]")
    (here / "stat").write_text(STAT.format(pid=pid, comm=comm))
    (here / "status").write_text(f"Name:\tapp\nUid:\t{uid}\t0\t0\t0\n")
    (here / "limits").write_text(f"Limit  Soft  Hard  Units\nMax open files            {soft}                 524288               files\n")
    (here / "mountinfo").write_text(
        "28 1 254:0 / / rw - ext4 /dev/vda rw\n40 28 0:50 / /mnt/nfs rw - nfs4 srv:/x rw\n41 28 0:51 / /mnt/sshfs rw - fuse.sshfs x rw\n"
    )
    for number, target in enumerate(targets):
        (here / "fd" / str(number)).symlink_to(target)
        if info and number in info:
            (here / "fdinfo" / str(number)).write_text(info[number])
    return here


def rows(root):
    host = Host(root=str(root))
    holders = module._scan(host)
    return host, holders, list(module.descriptors(holders))


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("socket:[123]", "socket"),
        ("pipe:[9]", "pipe"),
        ("anon_inode:[eventpoll]", "anon_inode:[eventpoll]"),
        ("anon_inode:inotify", "anon_inode:inotify"),
        ("/memfd:x (deleted)", "memfd"),
        ("/var/log/a (deleted)", "deleted"),
        ("/dev/null", "device"),
        ("/var/log/a", "file"),
        ("mnt:[4026531841]", "namespace"),
        ("", "unread"),
    ],
)
def test_kinds(target, kind):
    assert module.kind_of(target) == kind


def test_nearest_to_its_limit_first(tmp_path):
    add(tmp_path, 5, ["/a"] * 10, soft="1024")
    add(tmp_path, 6, ["socket:[1]"] * 4, soft="4", comm="leak) x")
    add(tmp_path, 7, ["/a"] * 3, soft="unlimited")
    _, _, found = rows(tmp_path)
    assert [row["pid"] for row in found] == [6, 5, 7]
    assert found[0] == {
        "pid": 6, "start": 555, "comm": "leak) x", "uid": "1000", "soft": "4", "hard": "524288", "open": 4, "full": 1.0,
        "kinds": {"socket": 4},
    }  # fmt: skip


@pytest.mark.parametrize("odd", ["x", "\xb2", "9" * 5000])
def test_what_is_no_number_costs_its_field(tmp_path, odd):
    here = add(tmp_path, 5, ["/mnt/nfs/a (deleted)"], soft=odd, info={0: f"pos:\t{odd}\nino:\t{odd}\nmnt_id:\t40\n"})
    (here / "stat").write_text((here / "stat").read_text().replace("555", odd))
    add(tmp_path, 6, ["/a"])
    host, holders, found = rows(tmp_path)
    assert [(row["pid"], row["start"], row["soft"], row["open"]) for row in found] == [(6, 555, "1024", 1), (5, None, odd, 1)]
    (deleted,) = module.deleted_files(host, holders)
    assert (deleted["type"], deleted["inode"] or 0, deleted["position"] or 0) == ("nfs4", 0, 0)


def test_what_may_not_be_listed_is_not_zero(tmp_path):
    here = add(tmp_path, 5, [])
    (here / "fd").rmdir()
    assert rows(tmp_path)[2][0]["open"] is None


def test_a_leak_names_its_target(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MANY", 20)
    add(tmp_path, 5, ["/data/index"] * 18 + ["socket:[1]"] * 4)
    assert rows(tmp_path)[2][0]["targets"] == {"/data/index": 18, "socket": 4}


def test_inotify_instances_by_user(tmp_path):
    (tmp_path / "proc/sys/fs/inotify").mkdir(parents=True)
    (tmp_path / "proc/sys/fs/inotify/max_user_instances").write_text("128\n")
    add(tmp_path, 5, ["anon_inode:inotify"] * 3)
    add(tmp_path, 6, ["anon_inode:[inotify]", "pipe:[1]"])
    add(tmp_path, 7, ["anon_inode:inotify"], uid="0")
    host, holders, _ = rows(tmp_path)
    found = list(module.inotify(host, holders))
    assert [(row["uid"], row["instances_at_most"], row["max_user_instances"]) for row in found] == [("1000", 4, "128"), ("0", 1, "128")]


def test_a_file_of_another_server_is_not_asked_for_its_size(tmp_path, monkeypatch):
    info = {0: "pos:\t7\nmnt_id:\t40\nino:\t11\n", 1: "pos:\t8\nmnt_id:\t41\nino:\t12\n", 2: "pos:\t9\nmnt_id:\t999\n", 3: "pos:\t4\n"}
    paths = ["/mnt/nfs/a (deleted)", "/mnt/sshfs/b (deleted)", "/gone/c (deleted)", "/mnt/nfs/d (deleted)"]
    add(tmp_path, 5, paths, info=info)
    asked = []
    monkeypatch.setattr(module, "_size", lambda *words: asked.append(words) or {})
    host, holders, _ = rows(tmp_path)
    found = {row["path"]: row for row in module.deleted_files(host, holders)}
    assert asked == []
    assert set(found) == {"/mnt/nfs/a", "/mnt/sshfs/b", "/gone/c", "/mnt/nfs/d"}
    assert all("not_asked" in row for row in found.values())
    assert (found["/mnt/nfs/a"]["type"], found["/mnt/nfs/a"]["position"], found["/mnt/nfs/a"]["inode"]) == ("nfs4", 7, 11)
    assert found["/mnt/nfs/d"]["type"] == "nfs4"  # a kernel that names no mount: by its path


def test_a_suspended_pool_is_not_asked(tmp_path, monkeypatch):
    here = add(tmp_path, 5, ["/tank/a (deleted)"], info={0: "pos:\t0\nmnt_id:\t50\n"})
    (here / "mountinfo").write_text("50 1 0:60 / /tank rw - zfs tank rw\n")
    (tmp_path / "proc/spl/kstat/zfs/tank").mkdir(parents=True)
    asked = []
    monkeypatch.setattr(module, "_size", lambda *words: asked.append(words) or {"bytes": 1})
    for state, count in (("ONLINE", 1), ("SUSPENDED", 1)):
        (tmp_path / "proc/spl/kstat/zfs/tank/state").write_text(state + "\n")
        host, holders, _ = rows(tmp_path)
        list(module.deleted_files(host, holders))
        assert len(asked) == count


def test_this_machine(tmp_path):
    with tempfile.NamedTemporaryFile(dir=tmp_path) as held, subprocess.Popen(["sleep", "60"], pass_fds=[held.fileno()]) as second:
        held.write(b"x" * 3_000_000)
        held.flush()
        os.unlink(held.name)
        host, holders, table = rows("/")
        found = [row for row in module.deleted_files(host, holders) if row["path"] == held.name]
        second.kill()
        open(held.name, "w").close()  # so that closing it finds what it wants to remove
    if not found or "not_asked" in found[0]:
        pytest.skip("temporary files are not on a local file system")
    (row,) = found
    assert (row["size"], row["links"], row["count"]) == (3_000_000, 0, 2)
    assert row["bytes"] >= 3_000_000
    assert {holder["pid"] for holder in row["holders"]} == {os.getpid(), second.pid}
    own = next(line for line in table if line["pid"] == os.getpid())
    assert own["open"] > 3
    assert own["kinds"]["deleted"] >= 1


LOCKS = """\
1: FLOCK  ADVISORY  WRITE 5 fe:00:131 0 EOF
1: -> FLOCK  ADVISORY  WRITE 7 fe:00:131 0 EOF
1:    -> FLOCK  ADVISORY  WRITE 8 fe:00:131 0 EOF
2: OFDLCK ADVISORY  READ -1 fe:00:140 0 EOF
no lock
"""


def test_locks_tell_who_holds_what_and_who_waits(tmp_path):
    info = {1: "pos:\t0\nlock:\t1: FLOCK  ADVISORY  WRITE 5 fe:00:131 0 EOF\n"}
    add(tmp_path, 5, ["/var/log/a", "/var/lib/dpkg/lock"], comm="apt", info=info)
    add(tmp_path, 7, ["/var/lib/dpkg/lock"], comm="dpkg")
    (tmp_path / "proc/locks").write_text(LOCKS)
    host, holders, _ = rows(tmp_path)
    first, last = module.locks(host, holders)
    assert (first["pid"], first["comm"], first["path"], first["inode"]) == (5, "apt", "/var/lib/dpkg/lock", "fe:00:131")
    assert first["waiting"] == [{"pid": 7, "comm": "dpkg"}, {"pid": 8, "comm": None}]
    assert (last["pid"], last["path"], last["waiting"]) == (-1, None, [])


def test_of_many_locks_the_first_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_LOCKS", 2)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/locks").write_text("".join(f"{n}: POSIX  ADVISORY  WRITE 5 fe:00:{n} 0 EOF\n" for n in range(9)))
    assert len(list(module.locks(Host(root=str(tmp_path)), []))) == 2
