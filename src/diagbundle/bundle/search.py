"""Searches the members of a bundle where they lie: only the frames that are needed, each by itself, so that processes can share them.

A `Piece` is what lies of a text in one frame. Searching it gives a `Found`: the lines that match, as many of their neighbours as may be
shown, and the two ends that belong to lines which reach into other frames. `bundle/gather.py` joins the ends and numbers the lines.
A text is a member and the parts that follow it. Frames are checked by zstd's checksum; SHA-256 is left to `verify`.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import FRAME
from diagbundle.bundle.lines import data_end, feeds_in
from diagbundle.bundle.manifest import Row
from diagbundle.bundle.opened import is_packed, opened
from diagbundle.bundle.pattern import Pattern, all_lines
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.text import feeds as line_feeds
from diagbundle.errors import BundleError, IntegrityError

_FAR = 1 << 60
MANY, SMALL = 1 << 16, 256 << 10
"""Lines of one piece that are held at once, and bytes of the small pieces into which one with more of them is cut."""
HEAD = 32 << 10
"""Bytes at the beginning of a text that hold no NUL byte, or it is binary."""


@dataclass(frozen=True)
class Ask:
    """What is looked for, and what is wanted of it."""

    pattern: Pattern
    before: int = 0
    after: int = 0
    most: int = sys.maxsize
    """Lines of one text."""
    lines: bool = True
    """Whether lines are wanted, or only how many there are."""
    open_packed: bool = True
    """Whether compressed members are searched as what they hold."""


class Piece(NamedTuple):
    """A stretch of the stream that belongs to one text."""

    text: int
    begin: int
    end: int
    at: int
    """The byte of the text at which it begins."""
    first: bool
    last: bool
    feeds: int
    """Its line feeds, as the row says; -1: it does not."""


class Found(NamedTuple):
    """What a piece holds."""

    text: int
    first: bool
    last: bool
    at: int
    size: int
    feeds: int
    """Its line feeds; -1: not known."""
    head: bytes
    """Of a piece that is not the first: what stands before its first line feed; all of it, where there is none."""
    closed: bool
    """Whether a line feed follows the head."""
    tail: bytes
    """Of a piece that is not the last: what stands behind its last line feed."""
    binary: bool
    matched: int
    """Lines that match, of those between head and tail."""
    lines: list[tuple[int, int, bytes, bool]]
    """Of each: line feeds before it in the piece, its byte in the text, the line, and whether it matches."""
    lost: str = ""
    """Why the piece could not be read, or ''."""


class Text(NamedTuple):
    """What is searched as one."""

    path: str
    row: Row
    """Of the first member; as much of it as a check of its header wants."""


class Unit(NamedTuple):
    """A stretch of the stream that is read at once, and what is searched in it."""

    begin: int
    end: int
    pieces: list[Piece]
    packed: bool = False
    """Whether it is a compressed member, however long."""


class Plan:
    """What there is to be searched in a bundle, in the order of the stream."""

    def __init__(self, bundle: Bundle, wanted: Callable[[str], bool], *, open_packed: bool = True) -> None:
        """Raises `BundleError` where the rows contradict each other."""
        self.texts: list[Text] = []
        self.units: list[Unit] = []
        self._plain = bundle.frames.plain
        self._open_packed = open_packed
        self._parts: dict[str, tuple[int, int]] = {}
        """Name of the part that would follow -> the text, and its bytes so far."""
        self._ended: dict[int, tuple[Unit, int]] = {}
        end = 0
        for row in bundle.rows():
            if "header" in row:
                with bundle.named():
                    if row["header"] < end or row["offset"] + row["size"] > self._plain[-1]:
                        raise IntegrityError(f"members overlap at byte {row['header']:,} of the tar stream")
                end = row["offset"] + row["size"]
                self._add(row, wanted)
        for unit, index in self._ended.values():
            unit.pieces[index] = unit.pieces[index]._replace(last=True)

    def _add(self, row: Row, wanted: Callable[[str], bool]) -> None:
        path = row["path"]
        text, at = self._parts.pop(path, (-1, 0))
        if text < 0:
            if not wanted(path):
                return
            text = len(self.texts)
            self.texts.append(Text(path, {key: row[key] for key in ("path", "header", "offset", "size", "sha256", "short") if key in row}))
        begin, end = row["offset"], data_end(row)
        self._cut(row, begin, end, text, at)
        if isinstance(row.get("part"), int) and (at == 0 or row["part"] > 1):
            self._parts[f"{self.texts[text].path}.part{row['part'] + 1:04d}"] = (text, at + end - begin)

    def _cut(self, row: Row, begin: int, end: int, text: int, at: int) -> None:
        """Into units: of a frame that members share, or of as many frames of its own as hold 8 MiB."""
        first, behind = bisect_right(self._plain, begin) - 1, bisect_left(self._plain, row["offset"] + row["size"])
        feeds = feeds_in(row, behind - first)
        if self._open_packed and is_packed(row["path"]):
            self._place(Unit(begin, end, [], packed=True), Piece(text, begin, end, at, at == 0, last=False, feeds=-1))
        elif end <= self._plain[min(first + 1, len(self._plain) - 1)]:
            last = self.units[-1] if self.units else None
            start = self._plain[min(first, len(self._plain) - 2)]
            unit = (
                last
                if last and last.begin == start and not last.packed
                else Unit(start, self._plain[min(first + 1, len(self._plain) - 1)], [])
            )
            self._place(unit, Piece(text, begin, end, at, at == 0, last=False, feeds=feeds[0] if feeds else -1))
        else:
            while begin < end:
                step = min(end, max(self._plain[bisect_right(self._plain, begin + FRAME) - 1], begin + 1))
                told = sum(feeds[bisect_right(self._plain, begin) - 1 - first : bisect_left(self._plain, step) - first]) if feeds else -1
                self._place(Unit(begin, step, []), Piece(text, begin, step, at, at == 0, last=False, feeds=told))
                at, begin = at + step - begin, step

    def _place(self, unit: Unit, piece: Piece) -> None:
        if not self.units or self.units[-1] is not unit:
            self.units.append(unit)
        unit.pieces.append(piece)
        self._ended[piece.text] = unit, len(unit.pieces) - 1


def search(bundle: Bundle, ask: Ask, unit: Unit) -> Iterator[Found]:
    """What a unit holds; of each of its pieces at least one `Found`."""
    if unit.packed:
        piece = unit.pieces[0]
        size = piece.end - piece.begin
        yield from search_pieces(ask, piece.text, opened(bundle.frames.read(piece.begin, size), size), at=piece.at, last=piece.last)
        return
    try:
        block = b"".join(bundle.frames.read(unit.begin, unit.end - unit.begin))
    except BundleError as error:
        yield from (_lost(piece, str(error)) for piece in unit.pieces)
        return
    for piece in unit.pieces:
        yield from _in_bounds(ask, block[piece.begin - unit.begin : piece.end - unit.begin], piece)


def _in_bounds(ask: Ask, block: bytes, piece: Piece) -> Iterator[Found]:
    """A piece, in small ones where so many of its lines match that they would fill the memory."""
    found = search_piece(replace(ask, most=min(ask.most, MANY)), block, piece)
    if found.matched <= MANY or not ask.lines:
        yield found
    else:
        small = (block[at : at + SMALL] for at in range(0, len(block), SMALL))
        yield from search_pieces(ask, piece.text, small, at=piece.at, last=piece.last)


def keep_freed() -> None:
    """Let memory be used again, not given back. glibc gives back large pieces at once, and the system clears each frame anew, which takes
    a sixth of the time; after a larger one has been freed, it keeps them.
    """
    bytes(31 << 20)


def search_pieces(ask: Ask, text: int, blocks: Iterable[bytes], *, at: int = 0, last: bool = True) -> Iterator[Found]:
    """The same of a text that comes in blocks from elsewhere; one that breaks off is lost from there on."""
    held, start = b"", at
    try:
        for block in blocks:
            if held:
                yield search_piece(ask, held, Piece(text, 0, 0, start, start == 0, last=False, feeds=-1))
                start += len(held)
            held = block
    except BundleError as error:
        yield search_piece(ask, held, Piece(text, 0, 0, start, start == 0, last=False, feeds=-1))
        yield _lost(Piece(text, 0, 0, start + len(held), first=False, last=last, feeds=-1), str(error))
        return
    yield search_piece(ask, held, Piece(text, 0, 0, start, start == 0, last=last, feeds=-1))


def search_piece(ask: Ask, block: bytes, piece: Piece) -> Found:
    """What these bytes of a piece hold."""
    size, feed = len(block), block.find(b"\n")
    begin = 0 if piece.first else feed + 1 if feed >= 0 else size
    end = size if piece.last else max(begin, block.rfind(b"\n") + 1)
    chosen = ask.pattern.lines(block, begin, end) if begin < end else iter(())
    matched, lines = 0, list[tuple[int, int, bytes, bool]]()
    if ask.lines:
        number = done = 0
        for start, stop, matches in _with_neighbours(islice(chosen, min(ask.most, _FAR) + 1), block, begin, end, ask):
            number, done = number + block.count(b"\n", done, start), start
            lines.append((number, piece.at + start, block[start:stop], matches))
            matched += matches
    else:
        matched = sum(1 for _ in chosen)
    feeds = piece.feeds
    if feeds < 0 or matched:
        feeds = line_feeds(block)
        if piece.feeds not in (-1, feeds):
            return _lost(piece, "it holds other lines than the manifest says")
    head = b"" if piece.first else block[: feed if feed >= 0 else size]
    binary = piece.first and block.find(b"\0", 0, HEAD) >= 0
    closed = feed >= 0 and not piece.first
    return Found(piece.text, piece.first, piece.last, piece.at, size, feeds, head, closed, block[end:], binary, matched, lines)


def _with_neighbours(chosen: Iterator[tuple[int, int]], block: bytes, begin: int, end: int, ask: Ask) -> Iterator[tuple[int, int, bool]]:
    """The chosen lines, those around each, and those at both ends, around which there may be chosen ones in other pieces."""
    if not ask.before and not ask.after:
        yield from ((start, stop, True) for start, stop in chosen)
        return
    done = begin
    for start, stop in (*[(begin - 1, begin - 1)], *chosen, (end, end)):  # the ends count as chosen
        after = list(islice(all_lines(block, done, start), ask.after))
        yield from ((*each, False) for each in after)
        done = min(after[-1][1] + 1, start) if after else done
        near = start
        for _ in range(ask.before):
            if near <= done:
                break
            near = max(done, block.rfind(b"\n", done, near - 1) + 1)
        yield from ((*each, False) for each in all_lines(block, near, start))
        if begin <= start < end:
            yield start, stop, True
        done = max(begin, min(stop + 1, end))


def _lost(piece: Piece, why: str) -> Found:
    return Found(
        piece.text,
        piece.first,
        piece.last,
        piece.at,
        piece.end - piece.begin,
        piece.feeds,
        b"",
        closed=False,
        tail=b"",
        binary=False,
        matched=0,
        lines=[],
        lost=shown(why),
    )
