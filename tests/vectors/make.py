"""Writes the bundles in this directory, good and bad, and `expect.json`, which says how a reader must take each.

It shares no code with diagbundle and does not even compress: tar headers, zstd frames (RFC 8878, of stored and repeated
blocks) and the seek table are put together by hand from docs/FORMAT.md. The bytes are the same everywhere, always.

    python tests/vectors/make.py [DIRECTORY]
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import struct
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FRAME = 8 << 20
ZSTD = b"\x28\xb5\x2f\xfd"
PREFIX = "diagbundle-db1-20261121T231500Z"
MTIME = 1795302900
Row = dict[str, Any]

_P1, _P2, _P3, _P4, _P5 = 11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261
_M = (1 << 64) - 1


def _rotl(x: int, r: int) -> int:
    return ((x << r) | (x >> (64 - r))) & _M


def _round(acc: int, lane: int) -> int:
    return _rotl((acc + lane * _P2) & _M, 31) * _P1 & _M


def xxh64(data: bytes) -> int:
    """XXH64 with seed 0, of which zstd keeps the low four bytes."""
    at, n = 0, len(data)
    if n >= 32:
        v = [(_P1 + _P2) & _M, _P2, 0, -_P1 & _M]
        for a, b, c, d in struct.iter_unpack("<QQQQ", data[: n - n % 32]):
            v = [_round(v[0], a), _round(v[1], b), _round(v[2], c), _round(v[3], d)]
        at = n - n % 32
        h = sum(_rotl(x, r) for x, r in zip(v, (1, 7, 12, 18), strict=True)) & _M
        for x in v:
            h = ((h ^ _round(0, x)) * _P1 + _P4) & _M
    else:
        h = _P5
    h = (h + n) & _M
    while n - at >= 8:
        h = (_rotl(h ^ _round(0, int.from_bytes(data[at : at + 8], "little")), 27) * _P1 + _P4) & _M
        at += 8
    if n - at >= 4:
        h = (_rotl(h ^ int.from_bytes(data[at : at + 4], "little") * _P1 & _M, 23) * _P2 + _P3) & _M
        at += 4
    for byte in data[at:]:
        h = _rotl(h ^ byte * _P5 & _M, 11) * _P1 & _M
    h = (h ^ h >> 33) * _P2 & _M
    h = (h ^ h >> 29) * _P3 & _M
    return h ^ h >> 32


_checksums: dict[bytes, bytes] = {}


def _runs(data: bytes) -> list[bytes]:
    """The same bytes, runs of one byte apart from the others."""
    at, parts = 0, []
    for run in re.finditer(rb"(.)\1{31,}", data, re.DOTALL):
        parts += [data[at : run.start()], run[0]]
        at = run.end()
    return [part for part in [*parts, data[at:]] if part]


def frame(data: bytes, *, declare: int | None = None, checksum: bool = True, window: int | None = None) -> bytes:
    """One zstd frame. `declare` another size than it has (-1: none), leave out the checksum, ask for a window of 2**window bytes."""
    size = len(data) if declare is None else declare
    if size == -1:
        head = bytes([4 * checksum, ((window or 23) - 10) << 3])
    elif window:
        head = bytes([0x80 + 4 * checksum, (window - 10) << 3]) + struct.pack("<I", size)
    else:
        head = bytes([0xA0 + 4 * checksum]) + struct.pack("<I", size)
    parts = [part[i : i + (128 << 10)] for part in _runs(data) for i in range(0, len(part), 128 << 10)] or [b""]
    body = b""
    for number, part in enumerate(parts):
        repeated = len(part) > 8 and part == part[:1] * len(part)
        lead = (len(part) << 3 | 2 * repeated | (number == len(parts) - 1)).to_bytes(3, "little")
        body += lead + (part[:1] if repeated else part)
    if checksum and data not in _checksums:
        _checksums[data] = struct.pack("<I", xxh64(data) & 0xFFFFFFFF)
    return ZSTD + head + body + (_checksums[data] if checksum else b"")


def block(  # noqa: PLR0913 - the fields of a header
    name: bytes, size: int, *, kind: bytes = b"0", mode: int = 0o600, mtime: int = MTIME, link: bytes = b"", upper: bytes = b""
) -> bytes:
    """One ustar header; `upper` is the field `prefix`."""
    fields = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, mtime)
    raw = name.ljust(100, b"\0") + fields + b" " * 8 + kind + link.ljust(100, b"\0") + b"ustar\x0000" + bytes(80) + upper.ljust(155, b"\0")
    raw = raw.ljust(512, b"\0")
    assert len(raw) == 512, "a field is too long"
    return raw[:148] + b"%06o\0 " % sum(raw) + raw[156:]


def pax(**records: bytes) -> bytes:
    """A pax header with these records."""
    body = b""
    for key, value in records.items():
        rest = b" " + key.encode() + b"=" + value + b"\n"
        length = len(rest)
        while len(b"%d" % length) + len(rest) != length:
            length = len(b"%d" % length) + len(rest)
        body += b"%d" % length + rest
    return block(b"pax", len(body), kind=b"x") + body + bytes(-len(body) % 512)


def header(name: bytes, size: int, **how: Any) -> bytes:
    """As short as the name allows."""
    if len(name) <= 100:
        return block(name, size, **how)
    cut = name.find(b"/", len(name) - 101)
    if 0 < cut <= 155:
        return block(name[cut + 1 :], size, upper=name[:cut], **how)
    return pax(path=name) + block(name[:100], size, **how)


def to_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def sums_line(name: str, sha: str) -> bytes:
    raw = to_bytes(name)
    escaped = raw.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if raw != escaped else b"") + sha.encode() + b"  " + escaped + b"\n"


@dataclass
class Member:
    """One member and its row. `raw` in place of the usual header."""

    name: str
    data: bytes = b""
    row: Row = field(default_factory=dict)
    raw: bytes = b""


@dataclass
class Composer:
    """A bundle, with hooks for lies: each `tweak` changes one thing before it is written down."""

    members: list[Member]
    prefix: str = PREFIX
    rows: list[Row] = field(default_factory=list)
    """Rows without members."""
    head: Row = field(default_factory=dict)
    tweak_rows: Callable[[list[Row]], None] = lambda _rows: None
    tweak_sums: Callable[[bytes], bytes] = lambda sums: sums
    tweak_table: Callable[[list[list[int]]], None] = lambda _table: None
    tweak_frames: Callable[[list[bytes]], None] = lambda _frames: None
    end: bytes = bytes(1024)
    manifest_name: str = "diagbundle/manifest.jsonl"
    page: int = FRAME
    """Bytes of the manifest in one frame."""

    def stream(self) -> tuple[list[bytes], list[Row]]:
        """Contents of the data frames, and the rows."""
        frames, group, rows, at = [], b"", [], 0
        for member in self.members:
            head = member.raw or header(to_bytes(f"{self.prefix}/{member.name}"), len(member.data))
            row = {
                "collector": "logs",
                "kind": "file",
                "source": "/" + member.name,
                "outcome": "collected",
                "mtime": MTIME,
                "path": member.name,
            }
            row |= {"header": at, "offset": at + len(head), "size": len(member.data), "sha256": hashlib.sha256(member.data).hexdigest()}
            rows.append(row | member.row)
            whole = head + member.data + bytes(-len(member.data) % 512)
            at += len(whole)
            if len(member.data) >= 1 << 20 or len(group) + len(whole) > 1 << 20:
                frames += [group] if group else []
                group = b""
            if len(member.data) >= 1 << 20:
                frames += [whole[i : i + FRAME] for i in range(0, len(whole), FRAME)]
            else:
                group += whole
        return frames + ([group] if group else []), rows

    def contents(self) -> list[bytes]:
        """Contents of all frames."""
        frames, rows = self.stream()
        size, count = sum(map(len, frames)), len(frames)
        sums = self.tweak_sums(b"".join(sums_line(row["path"], row["sha256"]) for row in rows))
        rows += self.rows
        head = {
            "format": "diagbundle/1", "complete": True, "reason": None, "tool": "0", "created": "2026-11-21T23:15:00Z",
            "finished": "2026-11-21T23:15:21Z", "prefix": self.prefix, "case": None, "host": {"name": "db1"}, "zone": "UTC",
            "members": len(self.members), "frames": count, "bytes": size, "level": 3,
            "outcomes": dict(Counter(row["outcome"] for row in rows)),
        }  # fmt: skip
        self.tweak_rows(rows)
        lines = b"".join(json.dumps(line).encode() + b"\n" for line in [head | self.head, *rows])
        own = [header(to_bytes(f"{self.prefix}/diagbundle/SHA256SUMS"), len(sums)) + sums + bytes(-len(sums) % 512)]
        last = header(to_bytes(f"{self.prefix}/{self.manifest_name}"), len(lines)) + lines + bytes(-len(lines) % 512) + self.end
        return frames + own + [last[i : i + self.page] for i in range(0, len(last), self.page)]

    def build(self, pack: Callable[[bytes], bytes] = frame) -> bytes:
        """The file."""
        contents = self.contents()
        packed = [pack(content) for content in contents]
        self.tweak_frames(packed)
        table = [[len(one), len(content)] for one, content in zip(packed, contents, strict=True)]
        self.tweak_table(table)
        return b"".join(packed) + seek_table(table)


def seek_table(table: list[list[int]]) -> bytes:
    entries = b"".join(struct.pack("<II", *entry) for entry in table)
    return struct.pack("<II", 0x184D2A5E, len(entries) + 9) + entries + struct.pack("<IBI", len(table), 0, 0x8F92EAB1)


LOG = b"".join(b"Nov 21 23:%02d:%02d db1 kernel: line %d\n" % (i // 60, i % 60, i + 1) for i in range(120))


def small() -> list[Member]:
    """What an ordinary bundle holds, little of it."""
    return [
        Member("etc/os-release", b'NAME="Debian GNU/Linux"\n'),
        Member("proc/net/dev", b"eth0: 1 2 3\n"),
        Member("var/log/empty"),
        Member("var/log/messages", LOG),
        Member("sos_commands/networking/ip_-s_link", b"1: lo\n", {"kind": "command", "source": ["ip", "-s", "link"], "exit": 0}),
    ]


def lost() -> list[Row]:
    """Rows of what was not had, but without a loss."""
    return [
        {"collector": "logs", "kind": "file", "source": "/etc/shadow", "outcome": "skipped", "reason": "password databases are never read"},
        {"collector": "hardware", "kind": "command", "source": ["lspci"], "outcome": "absent", "reason": "is not installed"},
        {"collector": "logs", "kind": "file", "source": "/etc/release", "outcome": "collected", "link": "etc/os-release"},
        {"collector": "logs", "kind": "file", "source": "/etc/mtab", "outcome": "collected", "target": "../proc/self/mounts"},
    ]


def odd_names() -> list[Member]:
    """Names that are allowed and strange."""
    names = ["new\nline", "back\\slash", "\x1b[31mred", "left\u202egnp.exe", "not\udcffutf8", "umlaut-ü", "-rf", "a" * 255]
    return [Member(f"var/log/{name}", name[:1].encode() + b"\n") for name in names] + [
        Member("/".join(["d" * 60] * 4), b"ustar's prefix field\n"),
        Member("/".join(["e" * 200] * 5), b"pax\n"),
        Member("/".join(["f"] * 64), b"64 deep\n"),
    ]


def hostile(member: Member) -> Callable[[], bytes]:
    """A bundle whose second member is this one."""
    return lambda: Composer([small()[0], member, *small()[1:]]).build()


def named(name: bytes) -> Callable[[], bytes]:
    """A bundle with a member whose header bears this whole name."""
    raw = block(name, 5) if len(name) <= 100 and b"\0" not in name else pax(path=name) + block(b"x", 5)
    path = (name.partition(b"/")[2] or name).decode("utf-8", "surrogateescape")
    return hostile(Member(path, b"evil\n", raw=raw))


def typed(kind: bytes, **how: Any) -> Callable[[], bytes]:
    """A bundle with a member of another type."""
    return in_header(raw=block(f"{PREFIX}/etc/evil".encode(), 0, kind=kind, **how))


def cve_2025_4517() -> bytes:
    """Directories with long names, links that climb out of them, and a file through the last link: realpath gives up half-way."""
    long, path, blocks = "d" * 247, PREFIX, []
    for letter in "abcdefghijklmnop":
        blocks.append(block_at(f"{path}/{long}", b"5", b""))
        blocks.append(block_at(f"{path}/{letter}", b"2", long.encode()))
        path += f"/{long}"
    blocks.append(block_at(f"{PREFIX}/{'/'.join('abcdefghijklmnop')}/{'l' * 254}", b"2", b"../" * 16))
    blocks.append(block_at(f"{PREFIX}/escape", b"2", f"{'/'.join('abcdefghijklmnop')}/{'l' * 60}/../../../etc".encode()))
    blocks.append(block_at(f"{PREFIX}/hard", b"1", f"{PREFIX}/escape/passwd".encode()))
    return hostile(Member("hard", b"evil\n", raw=b"".join(blocks) + block(f"{PREFIX}/hard".encode(), 5)))()


def block_at(name: str, kind: bytes, link: bytes) -> bytes:
    raw = name.encode()
    if len(raw) <= 100 and len(link) <= 100:
        return block(raw, 0, kind=kind, link=link)
    return pax(path=raw, linkpath=link) + block(raw[:100], 0, kind=kind, link=link[:100])


def bomb() -> bytes:
    """One frame that says nothing of its size and holds 1 GiB of zeros in 32 kB."""
    body = b"".join((128 << 13 | 2 | (i == 8191)).to_bytes(3, "little") + b"\0" for i in range(8192))
    packed = ZSTD + bytes([0, 13 << 3]) + body
    return packed + seek_table([[len(packed), FRAME]])


def big_frame() -> bytes:
    """A frame that says truthfully that it is larger than 8 MiB."""
    packed = frame(bytes(FRAME + 512), checksum=False)
    return packed + seek_table([[len(packed), FRAME + 512]])


def good(**how: Any) -> Composer:
    return Composer(small(), rows=lost(), **how)


def swapped(rows: list[Row]) -> None:
    rows[0], rows[1] = rows[1], rows[0]


def changed(index: int, **values: Any) -> Callable[[list[Row]], None]:
    return lambda rows: rows[index].update(values)


def table(index: int, column: int, change: int) -> Callable[[list[list[int]]], None]:
    def tweak(entries: list[list[int]]) -> None:
        entries[index][column] += change

    return tweak


def both(*tweaks: Callable[[list[list[int]]], None]) -> Callable[[list[list[int]]], None]:
    """All of these lies."""

    def tweak(entries: list[list[int]]) -> None:
        for one in tweaks:
            one(entries)

    return tweak


def without(index: int) -> Callable[[list[Row]], None]:
    """A row left out."""

    def tweak(rows: list[Row]) -> None:
        del rows[index]

    return tweak


def in_header(raw: bytes, data: bytes = b"") -> Callable[[], bytes]:
    """A bundle with the member etc/evil under this header."""
    return hostile(Member("etc/evil", data, raw=raw))


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """One change behind the back of every checksum but zstd's."""
    assert data.count(old) == 1
    assert len(old) == len(new)
    return data.replace(old, new)


def refit(data: bytes, old: bytes, new: bytes) -> bytes:
    """The same change in a stream whose frames are right again: only SHA-256 can tell."""
    composer = good()
    contents = [content.replace(old, new) for content in composer.contents()]
    packed = [frame(content) for content in contents]
    assert b"".join(packed) != data
    return b"".join(packed) + seek_table([[len(one), len(content)] for one, content in zip(packed, contents, strict=True)])


def large() -> Composer:
    """A member in two frames, another of two parts, more frames than one for the manifest."""
    part = {"source": ["journalctl"], "kind": "command"}
    members = [
        *small(),
        Member("var/log/big", b"x" * (9 << 20), {"lines": [0, 0]}),
        Member("sos_commands/logs/journalctl", b"first\n", part | {"part": 1}),
        Member("sos_commands/logs/journalctl.part0002", b"second\n", part | {"part": 2}),
    ]
    return Composer(members, rows=lost() * 40, page=4096)


def partial() -> Composer:
    """Intact, but not all was had."""
    shrunk = Member("var/log/shrunk", b"half" + bytes(96), {"outcome": "partial", "reason": "it shrank while it was read", "short": 4})
    gone = {"collector": "logs", "kind": "file", "source": "/mnt/archive/log", "outcome": "timeout", "reason": "did not answer within 5 s"}
    return Composer([*small(), shrunk], rows=[*lost(), gone], head={"complete": False, "reason": "1 answer did not come in time"})


FAILED = {"collected": 6, "failed": 1, "skipped": 1, "absent": 1}
EVIL_5 = block(f"{PREFIX}/etc/evil".encode(), 5)
EVIL = block(f"{PREFIX}/etc/evil".encode(), 0)
"""A header that by itself would do."""

WHOLE: dict[str, Callable[[], bytes]] = {
    "good": lambda: good().build(),
    "large": lambda: large().build(),
    "odd-names": lambda: Composer(odd_names()).build(),
    "nothing": lambda: Composer([]).build(),
}
"""Vectors that every reader must accept."""

G = {"format": "FormatError", "integrity": "IntegrityError"}
BAD: dict[str, tuple[Callable[[], bytes], str, str]] = {
    # a file that is something else
    "empty": (lambda: b"", "format", "empty"),
    "gzip": (lambda: gzip.compress(b"hello\n", mtime=0), "format", "gzip"),
    "plain-tar": (lambda: b"".join(good().contents()), "format", "not compressed"),
    "foreign": (lambda: frame(block(b"./", 0, kind=b"5", mode=0o755) + bytes(1024), declare=-1), "format", "no bundle"),
    "foreign-sized": (lambda: frame(block(b"a/b", 0, mode=0o644) + bytes(1024)), "format", "no bundle"),
    "foreign-seekable": (lambda: good(manifest_name="diagbundle/other.jsonl").build(), "format", "no bundle"),
    "newer": (lambda: good(head={"format": "diagbundle/2"}).build(), "format", "diagbundle/2"),
    "no-version": (lambda: good(head={"format": None}).build(), "format", "no bundle"),
    # cut and damaged
    "cut-in-table": (lambda: good().build()[:-20], "integrity", "cut short"),
    "cut-in-manifest": (lambda: good().build()[:-900], "integrity", "cut short"),
    "cut-in-data": (lambda: good().build()[:3600], "integrity", "cut short"),
    "one-byte": (lambda: replaced(good().build(), b"line 77\n", b"line 7x\n"), "integrity", "frame 1"),
    "one-byte-refitted": (lambda: refit(good().build(), b"line 77\n", b"line 7x\n"), "integrity", "var/log/messages"),
    # forged manifests
    "forged-name": (lambda: good(tweak_rows=changed(1, path="proc/net/tcp")).build(), "integrity", "SHA256SUMS|another name"),
    "forged-size": (lambda: good(tweak_rows=changed(1, size=11)).build(), "integrity", "another size"),
    "forged-hole": (lambda: good(tweak_rows=without(1)).build(), "integrity", "begins at byte"),
    "forged-sum": (lambda: good(tweak_rows=changed(1, sha256="0" * 64)).build(), "integrity", "checksum"),
    "forged-order": (lambda: good(tweak_rows=swapped).build(), "integrity", "begins at byte"),
    "forged-twice": (lambda: good(tweak_rows=lambda rows: rows.insert(1, rows[0])).build(), "integrity", "begins at byte"),
    "forged-complete": (lambda: good(tweak_rows=changed(2, outcome="failed"), head={"outcomes": FAILED}).build(), "integrity", "not had"),
    "forged-count": (lambda: good(head={"members": 6}).build(), "integrity", "members"),
    "forged-prefix": (lambda: good(head={"prefix": "other"}).build(), "integrity", "another directory"),
    "forged-place": (lambda: good(tweak_rows=changed(1, header=-512)).build(), "format", "place"),
    "forged-type": (lambda: good(tweak_rows=changed(1, size="12")).build(), "format", "place"),
    "forged-lines": (lambda: Composer([Member("var/log/big", b"x" * (9 << 20), {"lines": [0, 1]})]).build(), "integrity", "line feeds"),
    "forged-json": (lambda: refit(b"", b'{"collector": "logs"', b'["collector": "logs"'), "format", "JSON"),
    "sums-forged": (lambda: good(tweak_sums=lambda sums: sums.replace(sums[:8], b"00000000")).build(), "integrity", "SHA256SUMS"),
    "sums-extra": (lambda: good(tweak_sums=lambda sums: sums + sums_line("x", "0" * 64)).build(), "integrity", "a line too many"),
    "tail": (lambda: good(end=bytes(2048)).build(), "integrity", "the stream at byte"),
    "tail-full": (lambda: good(end=bytes(512) + b"x" * 512).build(), "integrity", "only filling"),
    # lying seek tables
    "table-short": (lambda: good(tweak_table=table(0, 0, -1)).build(), "integrity", "add up"),
    "table-moved": (lambda: good(tweak_table=both(table(0, 0, 8), table(1, 0, -8))).build(), "integrity", "frame"),
    "table-size": (lambda: good(tweak_table=both(table(0, 1, 512), table(1, 1, -512))).build(), "integrity", "declares"),
    "table-huge": (lambda: good(tweak_table=table(0, 1, FRAME)).build(), "format", "more than"),
    "table-zero": (lambda: good(tweak_table=lambda t: t.insert(0, [0, 0])).build(), "format", "without content"),
    # frames that are refused
    "frame-bomb": (bomb, "format", "declare"),
    "frame-large": (big_frame, "format", "more than"),
    "frame-unsized": (lambda: good().build(lambda data: frame(data, declare=-1)), "format", "declare"),
    "frame-unchecked": (lambda: good().build(lambda data: frame(data, checksum=False)), "format", "no checksum"),
    "frame-window": (lambda: good().build(lambda data: frame(data, window=27)), "format", "window"),
    "frame-lies": (lambda: good(tweak_table=table(0, 1, 512)).build(
        lambda data: frame(data, declare=len(data) + 512 * (b"os-release" in data[:512]))), "integrity", "frame 1"),
    # names
    "name-absolute": (named(b"/etc/cron.d/evil"), "format", "not allowed"),
    "name-dotdot": (named(PREFIX.encode() + b"/../../evil"), "format", "not allowed"),
    "name-dot": (named(PREFIX.encode() + b"/./evil"), "format", "not allowed"),
    "name-double-slash": (named(PREFIX.encode() + b"/etc//evil"), "format", "not allowed"),
    "name-slash-end": (named(PREFIX.encode() + b"/etc/evil/"), "format", "not allowed"),
    "name-nul": (named(PREFIX.encode() + b"/etc/evil\0.txt"), "format", "not allowed"),
    "name-alone": (named(b"evil"), "format", "not allowed"),
    "name-long-part": (named(PREFIX.encode() + b"/" + b"a" * 256), "format", "not allowed"),
    "name-long": (named(PREFIX.encode() + b"/" + b"/".join([b"a" * 200] * 6)), "format", "not allowed"),
    "name-deep": (named(PREFIX.encode() + b"/" + b"/".join([b"a"] * 65)), "format", "not allowed"),
    "name-outside": (named(b"elsewhere/etc/evil"), "integrity", "another name"),
    "name-behind-nul": (in_header(raw=block(PREFIX.encode() + b"/etc/evil\0/../x", 0)), "format", "behind its end"),
    "name-twice": (lambda: Composer([*small(), small()[0]]).build(), "format", "twice"),
    "name-of-manifest": (lambda: Composer([*small(), Member("diagbundle/manifest.jsonl", b"{}\n")]).build(), "format", "twice"),
    # types and headers
    "type-device": (typed(b"3"), "format", "no regular file"),
    "type-block-device": (typed(b"4"), "format", "no regular file"),
    "type-symlink": (typed(b"2", link=b"/etc"), "format", "no regular file"),
    "type-hardlink": (typed(b"1", link=b"/etc/passwd"), "format", "no regular file"),
    "type-directory": (typed(b"5"), "format", "no regular file"),
    "type-fifo": (typed(b"6"), "format", "no regular file"),
    "type-gnu-name": (typed(b"L"), "format", "no regular file"),
    "type-global-pax": (typed(b"g"), "format", "no regular file"),
    "type-sparse": (typed(b"S"), "format", "no regular file"),
    "type-setuid": (typed(b"0", mode=0o4755), "format", "mode 4755"),
    "cve-2025-4517": (cve_2025_4517, "format|integrity", ""),
    "pax-huge": (in_header(raw=pax(path=b"a" * 70000) + block(b"x", 0)), "integrity|format", "pax header of 70"),
    "pax-size": (in_header(data=b"evil\n", raw=pax(size=b"5") + EVIL), "format", "pax header with the size"),
    "pax-size-twice": (in_header(data=b"evil\n", raw=pax(size=b"9000000000") + EVIL_5), "format", "contradicts"),
    "pax-other-key": (in_header(raw=pax(linkpath=b"/etc") + EVIL), "format", "the key"),
    "pax-broken": (in_header(raw=pax(path=b"x/y").replace(b"12 path", b"99 path") + EVIL), "format", "cannot be read"),
    "header-checksum": (in_header(raw=EVIL[:-1] + b"x"), "integrity", "checksum"),
}  # fmt: skip
"""How each is made, the error it deserves, and what the message must say."""


def expectations() -> dict[str, Row]:
    """What `expect.json` holds."""
    told: dict[str, Row] = {name: {"error": None, "exit": 0, "says": ""} for name in WHOLE}
    told["partial"] = {"error": None, "exit": 3, "says": ""}
    for name, (_, kinds, says) in BAD.items():
        told[name] = {"error": "|".join(G[kind] for kind in kinds.split("|")), "exit": 4, "says": says}
    return told


def vectors() -> dict[str, bytes]:
    """All files by name."""
    made = {name: make() for name, make in WHOLE.items()} | {"partial": partial().build()}
    return made | {name: make() for name, (make, _, _) in BAD.items()}


def main(directory: str) -> None:
    """Write all files."""
    for name, data in vectors().items():
        with open(os.path.join(directory, f"{name}.tar.zst"), "wb") as file:
            file.write(data)
    with open(os.path.join(directory, "expect.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(expectations(), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
