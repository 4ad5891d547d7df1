"""Make a finished frame smaller: without some of its members, or as much of it as there is room for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import zstandard

from diagbundle.bundle.format import FRAME, header, padding
from diagbundle.bundle.pack import Frame, Member, compressor

OF_MEMBER = ("path", "header", "offset", "size", "sha256", "mtime", "lines", "redacted", "suspects")
"""Keys of a row that tell of its member: where it lies, and what is in it."""
STEP = 64 << 10
"""Bytes of content by which a large member's frame is cut."""


def drop_member(frame: Frame, unwanted: set[int], renamed: Mapping[int, str] | None = None, prefix: str = "") -> Frame:
    """The same small frame without the members of these rows (by index); their rows lose their places. Others may get another name."""
    plain = _plain(frame)
    kept: list[bytes] = []
    size = 0
    for index, row in enumerate(frame.rows):
        if "header" not in row:
            continue
        begin, data, end = row["header"], row["offset"], row["offset"] + row["size"] + padding(row["size"])
        if index in unwanted:
            row["link"] = row.pop("path")
            for key in OF_MEMBER:
                row.pop(key, None)
            continue
        head = plain[begin:data]
        if renamed and index in renamed:
            row["path"] = renamed[index]
            head = header(f"{prefix}/{row['path']}", row["size"], row.get("mtime", 0))
        row["header"], row["offset"] = size, size + len(head)
        kept += (head, plain[data:end])
        size += len(head) + end - data
    joined = b"".join(kept)
    return Frame(compressor().compress(joined) if joined else b"", len(joined), frame.rows)


def first_members(frame: Frame, room: int) -> tuple[Frame, list[Member]]:
    """The same small frame with as many of its first members as fit into so many bytes, and the rows of the others."""
    plain = _plain(frame)
    members = [row for row in frame.rows if "header" in row]
    packed, end = _beginning(plain, [row["offset"] + row["size"] + padding(row["size"]) for row in members], room)
    left = [row for row in members if row["header"] >= end]
    rows = [row for row in frame.rows if not any(row is one for one in left)]
    return Frame(packed, end, rows), left


def first_bytes(frame: Frame, room: int, most: int) -> Frame:
    """The beginning of a large member's frame, at most so many bytes of content, as far as there is room for it."""
    plain = _plain(frame)[:most]
    return Frame(*_beginning(plain, [*range(STEP, len(plain), STEP), len(plain)], room))


def _plain(frame: Frame) -> bytes:
    return zstandard.ZstdDecompressor().decompress(frame.packed, max_output_size=FRAME) if frame.packed else b""


def _beginning(plain: bytes, ends: Sequence[int], room: int) -> tuple[bytes, int]:
    """The longest beginning with one of these ends that compresses into so many bytes, and its end."""
    fitting = bisect_right(ends, room, key=lambda end: len(compressor().compress(plain[:end])))
    end = ends[fitting - 1] if fitting else 0
    return compressor().compress(plain[:end]) if end else b"", end
