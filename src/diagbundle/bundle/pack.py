"""Members in, finished frames out: the half of writing a bundle that the children do.

A `Packer` hashes and compresses what it is given and hands on `Frame`s. Offsets in their rows count from the beginning
of the frame (small members) or of the member (large ones); the writer adds where that lies in the stream.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import zstandard

from diagbundle.bundle import hashing, text
from diagbundle.bundle.format import FRAME, GROUP, LEVEL, MAX_COUNTS, bundle_path, header, padding

HELD = 24 << 20
"""Compressed bytes of one answer of unknown length that are held in memory before it is cut into parts."""
PART = 4 << 30
"""Plain bytes of one part, at most: a flood of zeros compresses to nothing."""

Member = dict[str, Any]
"""A row of the manifest in the making."""


@dataclass
class Frame:
    """One compressed frame. A small one holds whole members; a large member's frames follow each other."""

    packed: bytes | memoryview
    plain: int
    rows: list[Member] = field(default_factory=list)
    """Rows of the members that end in this frame."""
    begins: Member | None = None
    """The large member that begins with this frame, as far as it is known; it must go on until its row comes."""


def compressor(*, large: bool = False) -> zstandard.ZstdCompressor:
    """A compressor of independent frames that carry their content size and a checksum.

    Large members are mostly logs: matches of at least 7 bytes and hash tables that fit beside the data in the second-level
    cache take a fifth less time there than plain level 3, and 2 % less room (docs/BENCHMARKS.md).
    """
    shape = {"window_log": 21, "chain_log": 14, "hash_log": 15, "min_match": 7} if large else {}
    size = FRAME if large else GROUP
    parameters = zstandard.ZstdCompressionParameters.from_level(LEVEL, source_size=size, write_checksum=1, write_content_size=1, **shape)
    return zstandard.ZstdCompressor(compression_params=parameters)


class Packer:
    """Groups small members, cuts large ones into frames. `emit` gets each frame as soon as it is whole."""

    def __init__(self, prefix: str, emit: Callable[[Frame], None]) -> None:
        self.prefix = prefix
        self.unfinished = False
        """Whether a frame was not handed on whole, or a large member was begun and is not ended: nothing else may follow then."""
        self._emit = emit
        self.compressor = compressor()
        self.buffer = mmap.mmap(-1, FRAME)
        """Where a stream gathers: memory that costs nothing until it is written to, and is kept, so that its pages are touched once."""
        self._group: list[bytes] = []
        self._group_size = 0
        self._rows: list[Member] = []

    @cached_property
    def large(self) -> zstandard.ZstdCompressor:
        """For large members; most children have none."""
        return compressor(large=True)

    def emit(self, frame: Frame) -> None:
        """Hand on one frame."""
        goes_on = frame.begins is not None or (self.unfinished and not frame.rows)
        self.unfinished = True
        self._emit(frame)
        self.unfinished = goes_on

    def small(self, name: str, data: bytes, row: Member) -> None:
        """One whole member; below 1 MiB it shares a frame."""
        if len(data) >= GROUP:
            self.flush()
        mtime = row.pop("mtime", 0)
        head = header(f"{self.prefix}/{name}", len(data), mtime)
        start = self._group_size
        _place(row, name, start, start + len(head), len(data), hashing.sha256(data).hexdigest(), mtime)
        self._group += (head, data, bytes(padding(len(data))))
        self._group_size += len(head) + len(data) + padding(len(data))
        self._rows.append(row)
        if self._group_size >= GROUP:
            self.flush()

    def note(self, row: Member) -> None:
        """A row without a member; keeps its place among the others."""
        self._rows.append(row)

    def flush(self) -> None:
        """Hand on what has gathered."""
        if self._rows:
            plain = b"".join(self._group)
            packed = self.compressor.compress(plain) if plain else b""
            rows = self._rows
            self._group, self._group_size, self._rows = [], 0, []
            self.emit(Frame(packed, len(plain), rows))

    @property
    def waiting(self) -> int:
        """Rows that have gathered and are not handed on."""
        return len(self._rows)

    def stream(self, name: str, row: Member, promise: int | None = None) -> Stream:
        """A member that is written piece by piece. One at a time. `promise` is its size, where that is known."""
        return Stream(self, name, row, promise)


class Stream:
    """One member in the making. `close` must be called; what was promised and did not come is filled with zeros."""

    def __init__(self, packer: Packer, name: str, row: Member, promise: int | None) -> None:
        self.packer = packer
        self.name = name
        self.row = row
        self.size = 0
        self.part = 0
        self.copies: list[tuple[str, Member]] = []
        """Further names and rows under which a short answer lies again."""
        self._promise = promise if promise is not None and promise >= GROUP else None
        self._sha = hashing.sha256()
        self._lines: list[int] = []
        """Line feeds in each frame so far."""
        self._held: list[Frame] = []
        self._held_size = 0
        self._buffer = memoryview(packer.buffer)
        self._gathered = 0
        if self._promise is not None:
            packer.flush()
            packer.emit(self._head(self._promise))

    def write(self, data: bytes | memoryview) -> None:
        """Append; more than was promised is an error of the caller."""
        view = memoryview(data)
        while view:
            piece = view[: FRAME - self._gathered]
            self._sha.update(piece)
            self._buffer[self._gathered : self._gathered + len(piece)] = piece
            self._gathered += len(piece)
            self.size += len(piece)
            view = view[len(piece) :]
            if self._gathered == FRAME:
                self._frame()
                if self._promise is None and (self._held_size >= HELD or self.size >= PART):
                    self._cut()

    def held(self) -> bytes | None:
        """All that was written, where it is still in memory."""
        return bytes(self._buffer[: self._gathered]) if self._promise is None and not self._held and not self.part else None

    def close(self) -> None:
        """End the member; its row is complete then."""
        whole = self.held() if self.copies else None
        self._close()
        for name, row in self.copies if whole is not None else ():
            self.packer.small(name, whole or b"", row)

    def _close(self) -> None:
        if self._promise is not None and self.size < self._promise:
            self.row["short"] = self.size
            self._fill(self._promise - self.size)
        if self._promise is None and self.size < GROUP and not self._held and not self.part:
            self.packer.small(self.name, bytes(self._buffer[: self._gathered]), self.row)
            return
        self._end()

    def _fill(self, missing: int) -> None:
        zeros = bytes(1 << 20)
        while missing:
            missing -= (count := min(missing, len(zeros)))
            self.write(memoryview(zeros)[:count])

    def _frame(self) -> None:
        """Compress what has gathered, then hand it on or hold it."""
        frame = self._pack()
        if self._promise is not None:
            self.packer.emit(frame)
        else:
            self._held.append(frame)
            self._held_size += len(frame.packed)

    def _pack(self, pad: int = 0) -> Frame:
        """What has gathered, and padding behind it, as a frame."""
        plain = self._gathered + pad
        self._buffer[self._gathered : plain] = bytes(pad)  # a full frame ends at a block and needs none
        # A copy: what compress() gives holds as much memory as the piece might have needed at worst.
        packed = bytes(memoryview(self.packer.large.compress(self._buffer[:plain]))) if plain else b""
        if self._gathered:
            self._lines.append(text.feeds(self._buffer[: self._gathered]))
        self._gathered = 0  # only now: where memory is short, compressing may fail and be tried again
        return Frame(packed, plain)

    def _end(self) -> None:
        """The last frame carries the row; a frame is always left for it."""
        name, size = self._name(), self.size
        start = len(header(self._full(name), size, self.row.get("mtime", 0)))
        row = dict(self.row)
        _place(row, name, 0, start, size, self._sha.hexdigest(), row.pop("mtime", 0))
        if self.part:
            row["part"] = self.part
        last = self._pack(padding(size))
        if 0 < len(self._lines) <= MAX_COUNTS:
            row["lines"] = self._lines
        last.rows.append(row)
        if self._promise is None:
            self.packer.flush()
            self.packer.emit(self._head(size))
            for frame in self._held:
                self.packer.emit(frame)
        self.packer.emit(last)

    def _cut(self) -> None:
        """The answer is too long to be held: what there is becomes a part, the rest goes on in the next one."""
        self.part = self.part or 1
        self._end()
        self.part += 1
        self.size, self._held, self._held_size, self._sha, self._lines = 0, [], 0, hashing.sha256(), []

    def _name(self) -> str:
        return self.name if self.part <= 1 else bundle_path(f"{self.name}.part{self.part:04d}")

    def _full(self, name: str) -> str:
        return f"{self.packer.prefix}/{name}"

    def _head(self, size: int) -> Frame:
        head = header(self._full(self._name()), size, self.row.get("mtime", 0))
        begins = dict(self.row, path=self._name(), header=0, offset=len(head), size=size)
        return Frame(self.packer.compressor.compress(head), len(head), begins=begins)


def _place(row: Member, path: str, header_at: int, offset: int, size: int, sha256: str, mtime: float) -> None:  # noqa: PLR0913, PLR0917
    """Where a member lies, as the last keys of its row and in this order: a listing reads them without parsing the rest."""
    row.pop("path", None)
    row.update(path=path, header=header_at, offset=offset, size=size, sha256=sha256, mtime=mtime)
