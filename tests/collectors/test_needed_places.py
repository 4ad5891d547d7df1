import os

import pytest
from storage_hosts import host, rows

from diagbundle.collectors import _places
from diagbundle.collectors.security import security


def told(on):
    return {row["path"]: row for row in rows(security, on, "places")}


def test_modes_and_kinds_of_what_is_there(tmp_path):
    on = host(tmp_path, {"/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/tmp/x": "", "/dev/null": "all of it\n", "/run/a": ""})
    (tmp_path / "tmp").chmod(0o755)
    os.mkfifo(tmp_path / "dev/zero")
    (tmp_path / "etc/passwd").chmod(0o600)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/run").symlink_to("/run")
    found = told(on)
    assert (found["/tmp"]["type"], found["/tmp"]["mode"]) == ("folder", "0755")
    assert (found["/etc/passwd"]["mode"], found["/etc/passwd"]["uid"]) == ("0600", os.getuid())
    assert found["/dev/null"]["type"] == "file"
    assert found["/dev/zero"]["type"] == "fifo"  # and it was not opened: that would wait
    assert (found["/var/run"]["link"], found["/var/run"]["type"]) == ("/run", "folder")
    assert "/opt" not in found


def test_what_every_host_has_is_told_of_where_it_is_missing(tmp_path):
    on = host(tmp_path, {"/etc/x": ""})
    (tmp_path / "etc/resolv.conf").symlink_to("/run/systemd/resolve/stub-resolv.conf")
    found = told(on)
    assert found["/tmp"] == {"path": "/tmp", "type": "nothing", "mode": "0000"}
    assert found["/etc/resolv.conf"]["type"] == "nothing"
    assert found["/etc/resolv.conf"]["link"].endswith("stub-resolv.conf")


def test_what_lies_on_a_server_is_not_touched(tmp_path):
    mounts = "20 1 0:5 / / rw - ext4 /dev/vda1 rw\n21 20 0:44 / /home rw - nfs4 nas:/home rw\n22 20 0:45 / /srv rw - autofs systemd-1 rw\n"
    on = host(tmp_path, {"/proc/1/mountinfo": mounts, "/home/x": "", "/srv/x": "", "/opt/x": ""})
    found = told(on)
    assert "mode" not in found["/home"]
    assert "mode" not in found["/srv"]
    assert "mode" in found["/opt"]


def test_flags_are_read_of_files_and_folders_only_and_never_of_what_is_never_read(tmp_path, monkeypatch):
    asked = []

    def ioctl(descriptor, request, held):
        asked.append(os.readlink(f"/proc/self/fd/{descriptor}").removeprefix(str(tmp_path)))
        assert request == _places.GET_FLAGS
        held[0] = _places.IMMUTABLE | _places.APPEND | 0x80000

    monkeypatch.setattr(_places, "ioctl", ioctl)
    on = host(tmp_path, {"/etc/hosts": "", "/etc/shadow": "", "/etc/ssh/ssh_host_rsa_key": ""})
    os.makedirs(tmp_path / "dev")
    os.mkfifo(tmp_path / "dev/null")
    found = told(on)
    assert found["/etc/hosts"]["flags"] == "ia"
    assert found["/etc"]["flags"] == "ia"
    assert "flags" not in found["/etc/shadow"]
    assert "flags" not in found["/dev/null"]
    assert {"/etc/shadow", "/etc/ssh/ssh_host_rsa_key", "/dev/null"}.isdisjoint(asked)


@pytest.mark.parametrize("number", [25, 95, 5])
def test_a_file_system_without_flags_is_no_error(tmp_path, monkeypatch, number):
    def ioctl(*_):
        raise OSError(number, "no")

    monkeypatch.setattr(_places, "ioctl", ioctl)
    assert told(host(tmp_path, {"/etc/hosts": ""}))["/etc/hosts"].get("flags", "") in ("", "?")
