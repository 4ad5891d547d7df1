"""Users and their limits, who may log in and how, and who did. Never a password file."""

from __future__ import annotations

import bz2
import lzma
import os
import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from diagbundle.collect.api import Command, File, Host, Row, Source, Table, collector

ACCOUNTS = [
    "/etc/passwd", "/etc/group", "/etc/passwd-", "/etc/group-", "/etc/login.defs", "/etc/default/useradd", "/etc/subuid", "/etc/subgid",
    "/etc/shells", "/etc/nologin", "/run/nologin", "/etc/securetty", "/etc/sudoers", "/etc/sudoers.d/*", "/etc/sudo.conf",
    "/etc/doas.conf", "/etc/doas.d/*", "/etc/polkit-1/rules.d/*", "/etc/pam.conf", "/etc/pam.d/*", "/etc/authselect/authselect.conf",
    "/run/faillock/*", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*", "/usr/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config.d/*",
    "/etc/ssh/ssh_config", "/etc/ssh/ssh_config.d/*", "/etc/crypto-policies/back-ends/opensshserver.config", "/etc/profile",
    "/etc/profile.d/*", "/etc/bashrc", "/etc/bash.bashrc", "/etc/environment", "/etc/systemd/logind.conf", "/etc/systemd/logind.conf.d/*",
]  # fmt: skip
SECURITY = [
    "/etc/security/*.conf", "/etc/security/limits.d/*", "/etc/security/namespace.d/*", "/etc/security/console.apps/*",
    "/etc/security/pwquality.conf.d/*", "/usr/lib/security/*.conf", "/usr/etc/security/*.conf", "/usr/etc/security/limits.d/*",
]  # fmt: skip
"""By suffix and folder, so that the old passwords (`opasswd`) beside them are not even asked for."""
KINDS = ("empty", "run_level", "boot", "clock_new", "clock_old", "init", "login", "user", "dead", "accounting")
HEAD = 64 * 384
"""Bytes from which a layout is told."""
UNPACK: dict[str, Callable[[bytes, int], bytes]] = {
    "gz": lambda data, most: zlib.decompressobj(31).decompress(data, most),
    "xz": lambda data, most: lzma.LZMADecompressor().decompress(data, most),
    "bz2": lambda data, most: bz2.BZ2Decompressor().decompress(data, most),
}
MAX_UNPACKED = 64 << 20
ROTATED = re.compile(r"/var/log/([bw]tmp(?:[.-][0-9]+)+)(?:\.(?:gz|xz|bz2))?")
WTMPDB = "/var/lib/wtmpdb/wtmp.db"
"""What Debian 13, SLES 16 and others keep in place of wtmp, so that times after 2038 fit."""
MAX_RECORDS = 100_000
"""Last records of a file to decode; the whole file is kept with the logs."""
SKIPPED = "names typed at a failed login may be passwords: the table btmp has the records, without names that no user has"


@dataclass(frozen=True)
class Layout:
    """How one C library lays a record out; byte order is the host's."""

    record: struct.Struct
    lastlog: struct.Struct


SHORT = Layout(struct.Struct("=h2xi32s4s32s256shhiii16s20s"), struct.Struct("=i32s256s"))
"""384 and 292 bytes: 32-bit times, on x86, POWER and s390."""
LONG = Layout(struct.Struct("=h2xi32s4s32s256shhqqq16s20s4x"), struct.Struct("=q32s256s"))
"""400 and 296 bytes: arm64 and others without a 32-bit past."""


def layout_of(head: bytes, size: int) -> Layout:
    """The layout in which the first records make sense (a known kind, a time after 1990 or none), and that divides the file's size."""

    def strange(layout: Layout) -> tuple[int, bool]:
        usable = head[: len(head) // layout.record.size * layout.record.size]
        records = list(layout.record.iter_unpack(usable))
        wrong = sum(not (0 <= fields[0] < len(KINDS) and (fields[9] == 0 or fields[9] > 631_152_000)) for fields in records)
        return wrong, size % layout.record.size != 0

    return min(SHORT, LONG, key=strange)


def login_row(fields: tuple[Any, ...]) -> dict[str, Any]:
    """One record of utmp, wtmp or btmp. `host` of a `boot` record is the kernel's release; times are UTC seconds."""
    kind, pid, line, ident, user, host, termination, status, session, seconds, micro, address, _ = fields
    name = KINDS[kind] if 0 <= kind < len(KINDS) else str(kind)
    row: dict[str, Any] = {"type": name, "time": round(seconds + micro / 1e6, 6), "pid": pid, "line": _text(line)}
    return row | {
        "id": _text(ident),
        "user": _text(user),
        "host": _text(host),
        "address": _address(address),
        "session": session,
        "exit": [termination, status],
    }


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _address(raw: bytes) -> str:
    """IPv4 in the first four bytes, or IPv6; '' for none."""
    if not any(raw):
        return ""
    return socket.inet_ntop(socket.AF_INET6, raw) if any(raw[4:]) else socket.inet_ntop(socket.AF_INET, raw[:4])


def logins(path: str, *, known_only: bool = False) -> Callable[[Host], Iterator[Row]]:
    """Rows of a file of login records, oldest first; a rotated one may be packed."""

    def rows(host: Host) -> Iterator[Row]:
        users = {line.partition(":")[0] for line in host.lines("/etc/passwd")} if known_only else set()
        with _contents(host, path) as (length, read):
            layout = layout_of(read(HEAD, 0), length)
            size = layout.record.size
            total = length // size
            first = max(0, total - MAX_RECORDS)
            if first:
                yield {"type": "omitted", "records": first}
            for number in range(first, total):
                row = login_row(layout.record.unpack(read(size, number * size).ljust(size, b"\0")))
                yield row | {"user": "(no such user)"} if known_only and row["user"] not in users else row

    return rows


@contextmanager
def _contents(host: Host, path: str) -> Iterator[tuple[int, Callable[[int, int], bytes]]]:
    """Length of a file, and what reads so many bytes of it from a place."""
    if unpack := UNPACK.get(path.rpartition(".")[2]):
        try:
            data = unpack(host.read(path), MAX_UNPACKED)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise ValueError(f"it cannot be unpacked: {error}") from None
        yield len(data), lambda size, at: data[at : at + size]
        return
    descriptor = host.open(path)
    try:
        yield os.fstat(descriptor).st_size, lambda size, at: os.pread(descriptor, size, at)
    finally:
        os.close(descriptor)


def rotated(host: Host) -> Iterator[Table]:
    """Login records that were put aside, as tables of the same name."""
    for path in host.glob("/var/log/[bw]tmp?*"):
        if found := ROTATED.fullmatch(path):
            yield Table(found[1], logins(path, known_only=found[1].startswith("btmp")))


def _data(descriptor: int) -> Iterator[tuple[int, int]]:
    """Where a sparse file has data: begin and end. Holes cost nothing, be they terabytes."""
    end = 0
    while True:
        try:
            begin = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:  # nothing but a hole up to the end
            return
        end = os.lseek(descriptor, begin, os.SEEK_HOLE)
        yield begin, end


def lastlog(host: Host) -> Iterator[Row]:
    """Each user's last login. A record's place in the file is its user's number."""
    known = layout_of(host.read("/var/log/wtmp", HEAD), host.stat("/var/log/wtmp").st_size) if host.exists("/var/log/wtmp") else SHORT
    size = known.lastlog.size
    descriptor = host.open("/var/log/lastlog")
    try:
        done = 0
        for begin, end in _data(descriptor):
            for uid in range(max(done, begin // size), -(-end // size)):
                seconds, line, host_name = known.lastlog.unpack(os.pread(descriptor, size, uid * size).ljust(size, b"\0"))
                if seconds:
                    yield {"uid": uid, "time": seconds, "line": _text(line), "host": _text(host_name)}
            done = -(-end // size)
    finally:
        os.close(descriptor)


@collector(title="Users: accounts, limits, sudo, PAM, ssh, who is and was logged in", folder="login")
def users(host: Host) -> Iterator[Source]:
    """Files, tables of our own, then the commands: these ask the name service, which may be what is broken."""
    yield from map(File, ACCOUNTS + SECURITY)
    yield Table("utmp", logins("/run/utmp"), only_if="/run/utmp")
    yield Table("wtmp", logins("/var/log/wtmp"), only_if="/var/log/wtmp")
    yield Table("btmp", logins("/var/log/btmp", known_only=True), only_if="/var/log/btmp")
    yield from rotated(host)
    yield Table("lastlog", lastlog, only_if="/var/log/lastlog")
    if host.exists(WTMPDB):
        # -f: without it newer versions ask a daemon, which would be started; where `last` is its other name, -i would ask DNS
        yield Command(("wtmpdb", "last", "-F", "-x", "-f", WTMPDB), at="sos_commands/login/last_-F_-x_wtmpdb", also=("last",))
    else:
        yield Command(("last", "-F", "-i"), also=("last",))
    yield Command(("lastb", "-F", "-i"), skip=SKIPPED)
    yield Command(("lastlog2",), only_if="/var/lib/lastlog/lastlog2.db")
    yield Command(("faillog", "-a"), only_if="/var/log/faillog")
    yield Command(("pam_tally2",), only_if="/var/log/tallylog")
    yield Command(("who", "-a"))
    idle = "" if host.running("systemd-logind", "elogind") else "systemd-logind is not running: asking would start it"
    yield Command(("loginctl", "list-sessions"), skip=idle)
    yield Command(("loginctl", "list-users"), skip=idle)
    yield Command(("w", "-i"), timeout=10)
