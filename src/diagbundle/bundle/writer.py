"""Put finished frames in order, keep the manifest, seal. One writer a bundle; it holds no content in memory."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import zstandard

from diagbundle.bundle.format import END, FORMAT, FRAME, LEVEL, MANIFEST, SUMS, header, padding, seek_table, sums_line
from diagbundle.bundle.pack import Frame, Member, compressor
from diagbundle.model import Outcome

_JSON = json.JSONEncoder(separators=(",", ":")).encode
Sink = Callable[[bytes | memoryview], object]
"""Takes bytes of the bundle, all of them or raises OSError."""


class _Pages:
    """Lines whose number is not known beforehand, kept compressed in frames until they become a member."""

    def __init__(self) -> None:
        self.frames: list[tuple[bytes, int]] = []
        self.size = 0
        self.sha = hashlib.sha256()
        self._lines: list[bytes] = []
        self._gathered = 0

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        self._gathered += len(line)
        if self._gathered >= FRAME // 2:
            self._turn()

    def _turn(self) -> None:
        page = b"".join(self._lines)
        self._lines, self._gathered = [], 0
        self.sha.update(page)
        for start in range(0, len(page), FRAME):
            piece = page[start : start + FRAME]
            self.size += len(piece)
            self.frames.append((compressor().compress(piece), len(piece)))

    def close(self) -> None:
        if self._lines:
            self._turn()


class BundleWriter:
    """Appends frames to a sink. `names` are the members there are, each with what it answers."""

    def __init__(self, sink: Sink, prefix: str, cut: Callable[[int], None] | None = None) -> None:
        self.prefix = prefix
        self.names: dict[str, str] = {}
        self.outcomes: Counter[str] = Counter()
        self.members = 0
        self.plain = 0
        """Bytes of content so far: where the next frame begins in the uncompressed stream."""
        self.packed = 0
        """Bytes of the bundle so far."""
        self.sha = hashlib.sha256()
        self.frames: list[tuple[int, int]] = []
        self._sink = sink
        self._cut = cut
        """Takes the length to which the output is cut back; None where that cannot be done."""
        self._rows = _Pages()
        self._sums = _Pages()
        self._compressor = compressor()
        self._begun = 0
        self._before = (0, 0, self.sha)
        """Bytes of the bundle, frames and checksum before the large member under way."""
        self._open: Member | None = None

    # -- frames

    def add(self, frame: Frame) -> None:
        """Append one frame; its rows get their places in the stream. Frames of a large member must come together."""
        if frame.begins is not None:
            self._open, self._begun = frame.begins, self.plain
            self._before = (self.packed, len(self.frames), self.sha.copy())
        base = self.plain if self._open is None else self._begun
        self._append(frame.packed, frame.plain)
        for row in frame.rows:
            self.row(row, base)
        if frame.rows:
            self._open = None

    @property
    def in_member(self) -> bool:
        """Whether a large member has begun and not ended."""
        return self._open is not None

    def retreat(self, reason: str) -> Member | None:
        """Cut the bundle back to before the large member under way, for which there is no room. Its row, if there is one under way."""
        row, self._open = self._open, None
        if row is None or self._cut is None:
            return None
        self.plain = self._begun
        self.packed, frames, self.sha = self._before
        del self.frames[frames:]
        self._cut(self.packed)
        for key in ("path", "header", "offset", "size"):
            del row[key]
        row.update(outcome=Outcome.FAILED, reason=reason)
        self.row(row)
        return row

    def abandon(self, reason: str, outcome: Outcome) -> Member | None:
        """Close a large member whose reader was lost: fill it to the promised size and say so. Its row, if there is one under way."""
        row = self._open
        if row is None:
            return None
        have = self.plain - self._begun - row["offset"]
        missing = row["size"] - have
        zeros = bytes(FRAME)
        full = self._compressor.compress(zeros)
        while missing > 0:
            count = min(missing, FRAME)
            self._append(full if count == FRAME else self._compressor.compress(memoryview(zeros)[:count]), count)
            missing -= count
        if pad := padding(row["size"]):
            self._append(self._compressor.compress(bytes(pad)), pad)
        row.update(outcome=outcome, reason=reason, short=have)
        self._open = None
        self.row(row, self._begun)
        return row

    def row(self, row: Member, base: int = 0) -> None:
        """Keep a row of the manifest; `base` is what its offsets count from."""
        if "header" in row:
            row["header"] += base
            row["offset"] += base
            self.members += 1
            self.names[row["path"]] = answered(row)
            if row.get("sha256"):
                self._sums.add(sums_line(row["path"], row["sha256"]))
        self.outcomes[row["outcome"]] += 1
        self._rows.add(line(row))

    def seal(self, head: Mapping[str, Any]) -> None:
        """Write SHA256SUMS, the manifest with this head, the tar's end and the seek table."""
        whole = {
            "format": FORMAT, **head, "prefix": self.prefix, "members": self.members, "frames": len(self.frames),
            "bytes": self.plain, "level": LEVEL, "outcomes": dict(sorted(self.outcomes.items())),
        }  # fmt: skip
        self._own(SUMS, self._sums)
        first = _Pages()
        first.add(line(whole))
        first.close()
        self._rows.close()
        self._rows.frames = first.frames + self._rows.frames
        self._rows.size += first.size
        self._own(MANIFEST, self._rows, END)
        self._raw(seek_table(self.frames))

    def _own(self, name: str, pages: _Pages, end: bytes = b"") -> None:
        pages.close()
        head = header(f"{self.prefix}/{name}", pages.size)
        self._append(self._compressor.compress(head), len(head))
        for packed, plain in pages.frames:
            self._append(packed, plain)
        if tail := bytes(padding(pages.size)) + end:
            self._append(self._compressor.compress(tail), len(tail))

    def _append(self, packed: bytes | memoryview, plain: int) -> None:
        if plain:
            self._raw(packed)
            self.frames.append((len(packed), plain))
            self.plain += plain

    def _raw(self, data: bytes | memoryview) -> None:
        self._sink(data)
        self.sha.update(data)
        self.packed += len(data)

    # -- disk full

    def closing_size(self) -> int:
        """Bytes that sealing will need, at most, judged generously."""
        pages = sum(len(packed) for packed, _ in (*self._rows.frames, *self._sums.frames))
        loose = self._rows._gathered + self._sums._gathered  # noqa: SLF001  # both classes live in this file
        return pages + loose // 2 + 8 * len(self.frames) + (64 << 10)


def line(row: Mapping[str, Any]) -> bytes:
    """One line of the manifest."""
    return _JSON(row).encode() + b"\n"


def drop_member(frame: Frame, unwanted: set[int], renamed: Mapping[int, str] | None = None, prefix: str = "") -> Frame:
    """The same small frame without the members of these rows (by index); their rows lose their places. Others may get another name."""
    plain = zstandard.ZstdDecompressor().decompress(frame.packed, max_output_size=FRAME) if frame.packed else b""
    kept: list[bytes] = []
    size = 0
    for index, row in enumerate(frame.rows):
        if "header" not in row:
            continue
        begin, data, end = row["header"], row["offset"], row["offset"] + row["size"] + padding(row["size"])
        if index in unwanted:
            row["link"] = row.pop("path")
            for key in ("header", "offset", "size", "sha256"):
                del row[key]
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


def answered(row: Member) -> str:
    """What a member answers, to know the same question when it is asked twice. The last reading of a sample is a question of its own."""
    return ("end " if row.get("sample") == "end" else "") + key(row["kind"], row["source"])


def key(kind: str, source: str | Sequence[str]) -> str:
    """One question of a collector as one word; those of a command are kept apart by NUL bytes, which none of them can hold."""
    return f"{kind}:{source if isinstance(source, str) else chr(0).join(source)}"
