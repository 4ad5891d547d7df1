"""Paths of a host: inside the root, and never out of a directory that others can write to."""

import os

import pytest

from diagbundle.errors import SourceAbsent, SourceDenied, SourceSkipped
from diagbundle.host import Host


@pytest.fixture
def root(tmp_path):
    top = tmp_path / "host"
    for folder in ("etc", "usr/lib", "var/log/app", "real/deep"):
        (top / folder).mkdir(parents=True)
    (top / "usr/lib/os-release").write_text("ID=x\n")
    (top / "etc/os-release").symlink_to("../usr/lib/os-release")
    (top / "etc/absolute").symlink_to("/usr/lib/os-release")
    (top / "etc/outside").symlink_to("../../../../../../etc/passwd")
    (top / "alias").symlink_to("/real")
    (top / "real/deep/file").write_text("deep")
    (top / "etc/shadow").write_text("secret")
    return top


def test_links_are_followed_below_the_root(root):
    host = Host(str(root))
    assert host.text("/etc/os-release") == "ID=x\n"
    assert host.text("/etc/absolute") == "ID=x\n"
    assert host.text("/alias/deep/file") == "deep"
    assert host.readlink("/etc/absolute") == "/usr/lib/os-release"


def test_no_link_leads_out_of_the_root(root):
    with pytest.raises(SourceAbsent):
        Host(str(root)).read("/etc/outside")


@pytest.mark.parametrize("path", ["/../outside", "/etc/../../outside", "/../host/../outside", "/nowhere/../../outside"])
def test_no_path_leads_out_of_the_root(root, path):
    (root.parent / "outside").write_text("outside")
    assert Host(str(root)).text(path) == ""
    assert list(Host(str(root)).glob(path.replace("outside", "out*"))) == []


def test_a_loop_of_links_ends(root):
    (root / "etc/loop").symlink_to("loop")
    with pytest.raises(SourceAbsent, match="too many"):
        Host(str(root)).read("/etc/loop")


def test_a_link_that_others_could_have_planted_is_not_followed(root):
    (root / "var/log/app").chmod(0o777)
    (root / "var/log/app/planted").symlink_to("/etc/shadow")
    host = Host(str(root))
    with pytest.raises(SourceDenied, match="others can write"):
        host.read("/var/log/app/planted")
    (root / "var/log/app").chmod(0o755)
    assert Host(str(root)).read("/var/log/app/planted") == b"secret"


def test_a_folder_link_that_others_could_have_planted_is_not_followed(root):
    (root / "var/log/app").chmod(0o777)
    (root / "var/log/app/folder").symlink_to("/etc")
    with pytest.raises(SourceDenied):
        Host(str(root)).read("/var/log/app/folder/shadow")


@pytest.mark.skipif(os.geteuid() != 0, reason="another owner can only be made by root")
def test_a_hard_link_that_others_could_have_planted_is_not_read(root):
    folder = root / "var/log/app"
    os.link(root / "etc/shadow", folder / "planted")
    (folder / "own").write_text("own")
    os.chown(folder / "own", 4711, 4711)
    os.chown(folder, 4711, 4711)
    host = Host(str(root))
    with pytest.raises(SourceDenied, match="second name"):
        host.read("/var/log/app/planted")
    assert host.read("/var/log/app/own") == b"own"


def test_an_untrusted_folder_is_reached_without_links(root, monkeypatch):
    (root / "var/log/app").chmod(0o777)
    (root / "var/log/app/log").write_text("text")
    host = Host(str(root))
    assert host.read("/var/log/app/log") == b"text"
    (root / "var/log/app/log").unlink()
    (root / "var/log/app/log").symlink_to("/etc/shadow")
    with pytest.raises(SourceDenied):
        host.read("/var/log/app/log")


def test_what_would_block_is_not_waited_for(root):
    os.mkfifo(root / "var/log/fifo")
    with pytest.raises(SourceSkipped, match="FIFO"):
        Host(str(root)).read("/var/log/fifo")
    with pytest.raises(SourceSkipped, match="directory"):
        Host(str(root)).read("/etc")


CASES = {
    "/etc/os-release": ["/etc/os-release"],
    "/etc/nothing": [],
    "/usr/*/os-release": ["/usr/lib/os-release"],
    "/real/**": ["/real/deep/file"],
    "/alias/*/file": ["/alias/deep/file"],
    "/**/file": ["/real/deep/file"],
    "/etc/[ao]*": ["/etc/absolute", "/etc/os-release", "/etc/outside"],
}


@pytest.mark.parametrize("pattern", CASES)
def test_glob(root, pattern):
    assert list(Host(str(root)).glob(pattern)) == CASES[pattern]


def test_names_that_are_not_text_are_names_all_the_same(root):
    name = b"caf\xe9\n\x1b[31m"
    (root / "var/log" / os.fsdecode(name)).write_text("x")
    assert [os.fsencode(path) for path in Host(str(root)).glob("/var/log/**")] == [b"/var/log/" + name]


def test_names_of_processes_are_remembered_for_seconds_only(tmp_path, monkeypatch):
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/comm").write_text("chronyd\n")
    host = Host(root=str(tmp_path))
    assert host.running("chronyd", "ntpd")
    (tmp_path / "proc/7/comm").unlink()
    assert host.running("chronyd")
    monkeypatch.setattr("diagbundle.host.COMMS_KEPT", -1.0)
    assert not host.running("chronyd")
