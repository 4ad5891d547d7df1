"""What changed lately: histories of packages and configuration, and every file whose content or mode was changed in the last weeks."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Row, Source, Table, collector

from ._look import spelled
from ._mounts import mounts

FILES = """
/var/lib/yum/history/*.sqlite* /var/lib/dnf/history.sqlite* /usr/lib/sysimage/libdnf5/transaction_history.sqlite*
/var/backups/{dpkg.status*,apt.extended_states*,dpkg.diversions*,dpkg.statoverride*} /etc/firewalld/{zones/*.old,*.old}
/var/lib/unattended-upgrades/* /var/lib/rhsm/productid.js /var/lib/update-notifier/*
/var/lib/ubuntu-release-upgrader/* /var/lib/systemd/{timers/*,timesync/clock}
"""
TREES = ("/etc", "/usr/local", "/opt", "/boot", "/lib/modules", "/usr/lib/systemd/system", "/var/spool/cron")
LEFT_BY_PACKAGES = (
    ".rpmnew",
    ".rpmsave",
    ".rpmorig",
    ".dpkg-old",
    ".dpkg-dist",
    ".dpkg-new",
    ".dpkg-bak",
    ".ucf-old",
    ".ucf-dist",
    ".ucf-new",
    ".apk-new",
)
"""A package came with another version of the file than the administrator has."""
LEFT_BY_HAND = (".bak", ".orig", ".old", ".save", "~", ".swp", "-")
DAYS = 30
SECONDS = 15.0
MAX_ROWS = 20_000
MAX_ENTRIES = 2_000_000


@collector(title="What changed lately: packages, configuration, files")
def changes(_host: Host) -> Iterator[Source]:
    """Histories that are files; two tables from the times of files; then what tools tell."""
    yield Table("changed_files", changed, timeout=SECONDS * 2)
    yield from map(File, spelled(FILES))
    # names and counts only: the repository itself keeps the password database
    git = (
        "git",
        "--no-pager",
        "-c",
        "safe.directory=/etc",
        "-C",
        "/etc",
        "log",
        "--since=30.days",
        "--stat",
        "--no-ext-diff",
        "--no-textconv",
    )
    yield Command(git, only_if="/etc/.git", timeout=30)


def changed(host: Host) -> Iterator[Row]:
    """Files changed in the last days, and those that packages or people left beside the file that counts.

    `mtime` is the content's and survives `cp -p` and packages; `ctime` is the inode's and cannot be set. A file of a package has
    both near the time of its installation; one changed by hand has not.
    """
    now = time.time()
    walk = _Walk(host, now - DAYS * 86400, time.monotonic() + SECONDS)
    yield {"now": now, "days": DAYS, "trees": [tree for tree in TREES if host.exists(tree)]}
    rows = 0
    for tree in TREES:
        for row in walk.below(tree):
            rows += 1
            if rows > MAX_ROWS:
                yield {"error": f"more than {MAX_ROWS} changed files"}
                return
            yield row
    if walk.cut:
        yield {"error": f"not all was looked at within {SECONDS:.0f} s", "entries": walk.entries}
    if walk.unread:
        yield {"error": f"{walk.unread} files and directories could not be looked at"}


class _Walk:
    """Looks at every entry once, and crosses no mount: on one, it might wait for a dead server."""

    def __init__(self, host: Host, since: float, deadline: float) -> None:
        self.host, self.since, self.deadline = host, since, deadline
        self.points = {mount.point for mount in mounts(host, autofs=True)}
        self.entries = 0
        self.unread = 0
        self.cut = False

    def below(self, tree: str) -> Iterator[Row]:
        """Rows of one tree."""
        if not self.host.exists(tree):
            return
        pending = [(self.host.path(tree), tree)]
        while pending:
            real, name = pending.pop()
            try:
                with os.scandir(real) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                self.unread += not isinstance(error, FileNotFoundError)
                continue
            for entry in entries:
                path = f"{name}/{entry.name}"
                if path in self.points:
                    continue
                self.entries += 1
                if self.entries > MAX_ENTRIES or (self.entries % 256 == 0 and time.monotonic() > self.deadline):
                    self.cut = True
                    return
                try:
                    about = entry.stat(follow_symlinks=False)
                except OSError as error:
                    self.unread += not isinstance(error, FileNotFoundError)
                    continue
                if stat.S_ISDIR(about.st_mode):
                    pending.append((entry.path, path))
                yield from self._row(about, path)

    def _row(self, about: os.stat_result, path: str) -> Iterator[Row]:
        left = _left_by(path)
        recent = max(about.st_mtime, about.st_ctime) >= self.since
        if not left and not recent:
            return
        row = {
            "path": path, "type": _KINDS.get(stat.S_IFMT(about.st_mode), "other"), "mtime": about.st_mtime, "ctime": about.st_ctime,
            "size": about.st_size, "mode": f"{stat.S_IMODE(about.st_mode):04o}", "uid": about.st_uid, "gid": about.st_gid,
        }  # fmt: skip
        if stat.S_ISLNK(about.st_mode):
            row["target"] = self.host.readlink(path)
        yield {**row, **({"left_by": left} if left else {})}


_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFSOCK: "socket", stat.S_IFIFO: "fifo"}


def _left_by(path: str) -> str:
    """Who left this file beside the one that counts."""
    if path.endswith(LEFT_BY_PACKAGES):
        return "package"
    return "hand" if path.startswith("/etc/") and path.endswith(LEFT_BY_HAND) else ""
