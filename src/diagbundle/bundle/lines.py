"""The lines of a member by their numbers, without reading what stands before them.

A large log lies in frames of 8 MiB. Where its row has `lines` (docs/FORMAT.md, section 3), the number of a line leads to its frame, and
only that is unpacked; where it has not, or something that cannot be, line feeds are counted as far as they are needed, once, and kept.
What the row says is a hint of a stranger: each frame that is read is counted, and a count that differs is `IntegrityError`.

    text = Lines.of(bundle, "var/log/messages")      # with the parts that follow it, as one text
    text.known                                       # whether the number of lines is had without reading all of it
    text.total()                                     # how many lines there are
    for line in text.read(18_228, 7): ...            # `Line`s from a number on; fewer at the end, none behind it
    text.number_at(81_204_224)                       # the number of the line in which a byte lies

Frames are checked by zstd's checksum, the tar header against the row; the SHA-256 of the whole is not, for it needs the whole.
One reader at a time: the frames that a bundle holds are shared by all who read it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from diagbundle.bundle import text
from diagbundle.bundle.escape import shown
from diagbundle.bundle.manifest import Row
from diagbundle.bundle.reader import Bundle
from diagbundle.errors import IntegrityError, UsageError

WIDTH = 64 << 10
"""Bytes of a line that are given, at most; it may be as long as the member."""
_STEP = 64 << 10
"""Bytes in which a certain line feed is looked for at once."""


class Line(NamedTuple):
    """One line, without its line feed."""

    number: int
    """From 1 on."""
    at: int
    """The byte of the text at which it begins."""
    size: int
    """Its bytes."""
    text: bytes
    """The first of them, as many as were asked for."""


class _Run(NamedTuple):
    """The data of one member in the stream."""

    begin: int
    end: int
    first: int
    """The frame in which it begins."""
    chunk: int
    """How many chunks there are before it in the text; a chunk is what lies in one frame."""
    at: int
    """How many bytes."""
    feeds: Sequence[int]
    """Line feeds in its frames, as its row says; nothing where it does not."""


def data_end(row: Row) -> int:
    """The byte of the stream behind the data of a row; what only fills (`short`) is none."""
    size: int = row["size"]
    short = row.get("short")
    return int(row["offset"]) + (short if type(short) is int and 0 <= short < size else size)


def feeds_in(row: Row, frames: int) -> Sequence[int]:
    """The line feeds in each of so many frames, as a row says; nothing where it says nothing that can be."""
    told = row.get("lines")
    sound = isinstance(told, list) and len(told) == frames and all(type(each) is int and 0 <= each <= row["size"] for each in told)
    return told if sound and isinstance(told, list) else ()


def parts_of(bundle: Bundle, row: Row) -> list[Row]:
    """The rows of the parts that follow the first one of a long answer."""
    found: list[Row] = []
    if row.get("part") != 1:
        return found
    for following in bundle.rows():  # in one pass, for they follow each other, and a forger may have made a million
        wanted = f"{row['path']}.part{len(found) + 2:04d}"
        if following.get("part") == len(found) + 2 and following.get("path") == wanted and "header" in following:
            found.append(following)
    return found


class Lines:
    """The lines of one text: a member, and the parts that follow it. `width` is how many bytes of a line are given, at most."""

    def __init__(self, bundle: Bundle, rows: Sequence[Row], width: int = WIDTH) -> None:
        """Raises `BundleError` where a row does not agree with its tar header."""
        self.size = 0
        """Bytes of the text."""
        self._bundle, self._frames, self._width = bundle, bundle.frames, width
        self._runs: list[_Run] = []
        self._chunks = 0
        self._feeds = array("Q", [0])
        """Line feeds before each chunk, as far as they are known."""
        self._held: tuple[int, bytes] = (-1, b"")
        for row in rows:
            bundle.header(row)
            self._add(row)
        self.known = all(run.feeds for run in self._runs)
        """Whether the numbers of lines are known beforehand."""

    @classmethod
    def of(cls, bundle: Bundle, path: str, width: int = WIDTH) -> Self:
        """Of the member at a path below PREFIX. Raises `UsageError` where nothing lies there."""
        row = bundle.find(path)
        if row is None or "header" not in row:
            raise UsageError(f"there is no such file in the bundle: {shown(path)}", "`diagbundle list BUNDLE` shows all names")
        return cls(bundle, [row, *parts_of(bundle, row)], width)

    def _add(self, row: Row) -> None:
        begin, end = row["offset"], data_end(row)
        if row["offset"] + row["size"] > self._frames.plain[-1]:
            with self._bundle.named():
                raise IntegrityError(f"{shown(row['path'])}: it would end behind the end of the stream")
        if begin == end:
            return
        first, whole = bisect_right(self._frames.plain, begin) - 1, bisect_left(self._frames.plain, begin + row["size"])
        self._runs.append(_Run(begin, end, first, self._chunks, self.size, feeds_in(row, whole - first)))
        self._chunks += bisect_left(self._frames.plain, end) - first
        self.size += end - begin

    # -- chunks

    def _run(self, chunk: int) -> _Run:
        return self._runs[bisect_right(self._runs, chunk, key=lambda run: run.chunk) - 1]

    def _begins(self, chunk: int) -> int:
        """The byte of the text at which a chunk begins; behind the last one it ends."""
        if chunk >= self._chunks:
            return self.size
        run = self._run(chunk)
        return run.at + max(run.begin, self._frames.plain[run.first + chunk - run.chunk]) - run.begin

    def _piece(self, chunk: int) -> bytes:
        """The bytes of a chunk; the last one is held."""
        if self._held[0] != chunk:
            run = self._run(chunk)
            frame = run.first + chunk - run.chunk
            start = self._frames.plain[frame]
            with self._bundle.named():
                piece = self._frames.frame(frame)[max(0, run.begin - start) : run.end - start]
                if run.feeds and text.feeds(piece) != run.feeds[chunk - run.chunk]:
                    raise IntegrityError(f"frame {frame + 1:,} holds other lines than the manifest says")
            self._held = chunk, piece
        return self._held[1]

    def _count(self, chunk: int) -> int:
        """Line feeds in a chunk, as the row says or as they are."""
        run = self._run(chunk)
        return run.feeds[chunk - run.chunk] if run.feeds else text.feeds(self._piece(chunk))

    def _before(self, chunk: int) -> int:
        """Line feeds before a chunk."""
        while len(self._feeds) <= chunk:
            self._feeds.append(self._feeds[-1] + self._count(len(self._feeds) - 1))
        return self._feeds[chunk]

    # -- lines

    def total(self) -> int:
        """How many lines there are; the last one may have no line feed."""
        if not self._chunks:
            return 0
        return self._before(self._chunks) + (not self._piece(self._chunks - 1).endswith(b"\n"))

    def number_at(self, byte: int) -> int:
        """The number of the line in which a byte of the text lies, or the last one before it."""
        byte = min(byte, self.size - 1)
        if byte < 0:
            return 0
        run = self._runs[bisect_right(self._runs, byte, key=lambda run: run.at) - 1]
        frame = bisect_right(self._frames.plain, run.begin + byte - run.at) - 1
        chunk = run.chunk + frame - run.first
        return self._before(chunk) + self._piece(chunk).count(b"\n", 0, byte - self._begins(chunk)) + 1

    def read(self, first: int, count: int) -> Iterator[Line]:
        """So many lines from a number on, as far as there are so many."""
        chunk, at = self._begin(max(1, first))
        for number in range(max(1, first), max(1, first) + count):
            if chunk >= self._chunks:
                return
            begins, parts, size = self._begins(chunk) + at, list[bytes](), 0
            while chunk < self._chunks:
                if size >= self._width and not self._count(chunk):
                    size, chunk = size + self._begins(chunk + 1) - self._begins(chunk), chunk + 1
                    continue
                piece = self._piece(chunk)
                end = piece.find(b"\n", at)
                stop = end if end >= 0 else len(piece)
                parts.append(piece[at : min(stop, at + max(0, self._width - size))])
                size += stop - at
                chunk, at = (chunk, end + 1) if 0 <= end < len(piece) - 1 else (chunk + 1, 0)
                if end >= 0:
                    break
            yield Line(number, begins, size, b"".join(parts))

    def _begin(self, number: int) -> tuple[int, int]:
        """Chunk and byte in it at which a line begins; behind the last chunk where there is no such line."""
        before = number - 1
        if not before:
            return 0, 0
        while self._feeds[-1] < before and len(self._feeds) <= self._chunks:
            self._before(len(self._feeds))
        chunk = bisect_left(self._feeds, before) - 1
        if chunk >= self._chunks:
            return chunk, 0
        piece = self._piece(chunk)
        at = _nth(piece, before - self._feeds[chunk]) + 1
        return (chunk, at) if at < len(piece) else (chunk + 1, 0)


def _nth(piece: bytes, number: int) -> int:
    """Where the line feed of this number stands; there is one."""
    start = 0
    while (feeds := piece.count(b"\n", start, start + _STEP)) < number:
        number, start = number - feeds, start + _STEP
    at = start - 1
    for _ in range(number):
        at = piece.find(b"\n", at + 1)
    return at
