import os
import time
from contextlib import contextmanager

from storage_hosts import commands, files, host, rows

from diagbundle.collectors import changes as module
from diagbundle.collectors.changes import changes

FILES = {
    **dict.fromkeys(("/etc/app.conf", "/etc/app.conf.rpmnew", "/etc/old.conf", "/etc/touched-back.conf", "/etc/app.conf.bak"), "x"),
    **dict.fromkeys(("/usr/local/bin/tool", "/opt/app/x", "/boot/vmlinuz-6", "/lib/modules/6.1/modules.dep", "/var/other"), "x"),
    "/etc/remote/y": "x",
    "/proc/self/mountinfo": "1 0 8:1 / / rw - ext4 d rw\n2 1 0:40 / /etc/remote rw - nfs f:/x rw\n3 1 0:9 / /opt/auto rw - autofs m rw\n",
    "/opt/auto/z": "x",
}  # fmt: skip


def table(on):
    return {row["path"]: row for row in rows(changes, on, "changed_files") if "path" in row}


def test_changed_files_of_the_trees_that_people_change(tmp_path):
    found = table(host(tmp_path, FILES))
    assert {"/etc/app.conf", "/usr/local/bin/tool", "/opt/app/x", "/boot/vmlinuz-6", "/lib/modules/6.1/modules.dep"} <= set(found)
    assert "/var/other" not in found
    assert found["/etc/app.conf.rpmnew"]["left_by"] == "package"
    assert found["/etc/app.conf.bak"]["left_by"] == "hand"


def test_no_mount_is_crossed(tmp_path):
    assert not [path for path in table(host(tmp_path, FILES)) if path.startswith(("/etc/remote", "/opt/auto"))]


def test_a_date_that_was_set_back_does_not_hide_a_change(tmp_path):
    on = host(tmp_path, FILES)
    long_ago = time.time() - 400 * 86400
    os.utime(tmp_path / "etc/touched-back.conf", (long_ago, long_ago))
    row = table(on)["/etc/touched-back.conf"]
    assert row["mtime"] < row["ctime"]


def test_old_files_are_left_out(tmp_path, monkeypatch):
    on = host(tmp_path, FILES)
    monkeypatch.setattr(module, "DAYS", -1)
    assert set(table(on)) == {"/etc/app.conf.rpmnew", "/etc/app.conf.bak"}


def test_a_cut_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    assert rows(changes, host(tmp_path / "a", FILES), "changed_files")[-1] == {"error": "more than 2 changed files"}
    monkeypatch.setattr(module, "MAX_ROWS", 1000)
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    assert rows(changes, host(tmp_path / "b", FILES), "changed_files")[-1]["error"].startswith("not all")


def test_what_cannot_be_looked_at_costs_itself_and_is_told(tmp_path, monkeypatch):
    class Sick:
        """An entry of a file system that does not tell types, on a disk that does not answer."""

        def __init__(self, entry):
            self.name, self.path = entry.name, entry.path
            self.sick = entry.name == "old.conf"
            self.entry = entry

        def stat(self, **words):
            if self.sick:
                raise OSError(5, "Input/output error")
            return self.entry.stat(**words)

        is_dir = is_symlink = stat

    @contextmanager
    def scandir(path, real=os.scandir):
        with real(path) as found:
            yield [Sick(entry) for entry in found]

    on = host(tmp_path, FILES)
    monkeypatch.setattr(module.os, "scandir", scandir)
    found = rows(changes, on, "changed_files")
    assert "/etc/touched-back.conf" in {row.get("path") for row in found}
    assert found[-1] == {"error": "1 files and directories could not be looked at"}


def test_histories(tmp_path):
    on = host(
        tmp_path,
        {"/var/lib/dnf/history.sqlite": "x", "/var/backups/dpkg.status.1.gz": "x", "/var/backups/shadow.bak": "x", "/etc/.git/HEAD": "x"},
    )
    assert files(changes, on) == {"/var/lib/dnf/history.sqlite", "/var/backups/dpkg.status.1.gz"}
    assert any(words.startswith("git ") for words in commands(changes, on))
    assert not commands(changes, host(tmp_path / "none", {}))
