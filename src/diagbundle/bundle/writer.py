"""Put finished frames in order, keep the manifest, seal. One writer a bundle; it holds no content in memory."""

from __future__ import annotations

import errno
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from diagbundle.bundle import hashing
from diagbundle.bundle.format import END, FORMAT, FRAME, LEVEL, MANIFEST, OWN, SUMS, header, padding, seek_table, sums_line
from diagbundle.bundle.pack import Frame, Member, compressor
from diagbundle.bundle.trim import OF_MEMBER, first_bytes, first_members
from diagbundle.model import Outcome

_JSON = json.JSONEncoder(separators=(",", ":")).encode
Sink = Callable[[bytes | memoryview], object]
"""Takes bytes of the bundle, all of them or raises OSError."""
RESERVED = (MANIFEST, SUMS, *(f"{OWN}/{name}" for name in ("README.txt", "config.json", "run.log")))
"""Names that are the bundle's own, whatever lies on a host or is asked for."""
OWN_SIZE = 64 << 10
"""Compressed bytes that the tool's own members, headers and a sidecar may need besides the manifest."""
SEEK_ENTRY = 12
FILLING = 384
"""Bytes of the bundle for a frame of zeros, at most."""
ROW = 160
"""Bytes that the row of a member and its line of SHA256SUMS take, compressed, at most; measured: 74 to 92 on average."""
COUNT = 8
"""Bytes that the number of line feeds in a frame takes in a row, at most."""


class NoRoom(OSError):
    """The bundle has reached its limit; nothing was written."""


class _Pages:
    """Lines whose number is not known beforehand, kept compressed in frames until they become a member."""

    def __init__(self) -> None:
        self.frames: list[tuple[bytes, int]] = []
        self.size = 0
        self.sha = hashing.sha256()
        self._lines: list[bytes] = []
        self.gathered = 0
        """Bytes that are not compressed yet."""
        self.packed = 0
        """Bytes that are."""

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        self.gathered += len(line)
        if self.gathered >= FRAME // 2:
            self.turn()

    def turn(self) -> None:
        """Compress what has gathered."""
        page = b"".join(self._lines)
        self._lines, self.gathered = [], 0
        self.sha.update(page)
        for start in range(0, len(page), FRAME):
            piece = page[start : start + FRAME]
            self.size += len(piece)
            self.frames.append((compressor().compress(piece), len(piece)))
            self.packed += len(self.frames[-1][0])

    def close(self) -> None:
        if self._lines:
            self.turn()


class BundleWriter:
    """Appends frames to a sink. `names` are the members there are, each with what it answers."""

    def __init__(
        self, sink: Sink, prefix: str, cut: Callable[[int], None] | None = None, spoken: Callable[[Member], Member] | None = None
    ) -> None:
        """`spoken` gives a row as it is to stand in the manifest."""
        self.prefix = prefix
        self._spoken = spoken or (lambda row: row)
        self.names: dict[str, str] = dict.fromkeys(RESERVED, "own")
        """Members there are, each with what it answers: see `answer_at`."""
        self.outcomes: Counter[str] = Counter()
        self.members = 0
        self.plain = 0
        """Bytes of content so far: where the next frame begins in the uncompressed stream."""
        self.packed = 0
        """Bytes of the bundle so far."""
        self.limit: float = math.inf
        """Bytes that it may have in the end."""
        self.sha = hashing.sha256()
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
        """Append one frame; its rows get their places in the stream. Frames of a large member must come together.

        Raises OSError, and is as it was before, where there is no room for it.
        """
        if self._room(len(frame.packed), frame) < len(frame.packed):
            raise NoRoom(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._put(frame)

    def _put(self, frame: Frame) -> None:
        before = (self.packed, len(self.frames), self.sha.copy()) if frame.begins is not None else self._before
        base = self._begun if self._open is not None else self.plain
        self._append(frame.packed, frame.plain)
        if frame.begins is not None:
            self._open, self._begun, self._before = frame.begins, base, before
        for row in frame.rows:
            self.row(row, base)
        if frame.rows:
            self._open = None

    @property
    def in_member(self) -> bool:
        """Whether a large member has begun and not ended."""
        return self._open is not None

    def squeeze(self, frame: Frame, reason: str) -> list[Member]:
        """As much of a frame as there is still room for. Rows of members that have none get this reason; they are returned."""
        try:
            lost = self._squeezed(frame, max(0, int(self._room(FRAME, frame))))
        except OSError:  # there is even less room than the system says
            lost = self._squeezed(frame, 0)
        for row in lost:
            self._bare(row, reason)
        return lost

    def _squeezed(self, frame: Frame, room: int) -> list[Member]:
        if self._open is not None:
            left = self._open["offset"] + self._open["size"] - (self.plain - self._begun)
            part = first_bytes(frame, room, left)
            self._append(part.packed, part.plain)
            return []
        if frame.begins is not None:
            return [frame.begins]
        part, lost = first_members(frame, room)
        self._put(part)
        return lost

    def _bare(self, row: Member, reason: str) -> None:
        """A row whose member has no room."""
        for name in OF_MEMBER:
            row.pop(name, None)
        row.update(outcome=Outcome.FAILED, reason=reason)
        self.row(row)

    @property
    def can_retreat(self) -> bool:
        """Whether the output can be cut back."""
        return self._cut is not None

    def retreat(self, reason: str) -> Member | None:
        """Cut the bundle back to before the large member under way, which cannot even be filled. Its row, if there is one under way."""
        row, self._open = self._open, None
        if row is None or self._cut is None:
            return None
        self.plain = self._begun
        self.packed, frames, self.sha = self._before
        del self.frames[frames:]
        self._cut(self.packed)
        self._bare(row, reason)
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
            answers = answered(row)
            self.names[row["path"]] = (
                "" if answers == f"file:/{row['path']}" else answers
            )  # most: with a million of them, their words count
            if row.get("sha256"):
                self._sums.add(sums_line(row["path"], row["sha256"]))
        self.outcomes[row["outcome"]] += 1
        self._rows.add(line(self._spoken(row)))

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

    # -- room

    def closing_size(self, begins: Member | None = None) -> int:
        """Bytes that sealing will need, at most: manifest, sums, seek table, and what fills the large member under way, or this one."""
        pages = (self._rows, self._sums)
        filling = 0
        if row := begins or self._open:
            have = 0 if begins else self.plain - self._begun - row["offset"]
            filling = FILLING * (2 + (row["size"] - have) // FRAME) + COUNT * (row["size"] // FRAME)
        return sum(page.packed + page.gathered // 2 for page in pages) + SEEK_ENTRY * len(self.frames) + OWN_SIZE + filling

    def _room(self, wanted: int, frame: Frame) -> float:
        """Bytes that a frame may have now, besides its rows; `wanted` is how many it would need."""
        rows = ROW * len(frame.rows)
        room = self.limit - self.packed - self.closing_size(frame.begins) - rows
        if room < wanted:  # rows that are not compressed yet were judged generously: now it is worth knowing
            for page in (self._rows, self._sums):
                page.turn()
            room = self.limit - self.packed - self.closing_size(frame.begins) - rows
        return room


def line(row: Mapping[str, Any]) -> bytes:
    """One line of the manifest."""
    return _JSON(row).encode() + b"\n"


def answered(row: Member) -> str:
    """What a member answers, to know the same question when it is asked twice. The last reading of a sample is a question of its own."""
    return ("end " if row.get("sample") == "end" else "") + key(row["kind"], row["source"])


def answer_at(names: Mapping[str, str], path: str) -> str | None:
    """What the member of this name answers; None if there is none."""
    answers = names.get(path)
    return f"file:/{path}" if answers == "" else answers


def key(kind: str, source: str | Sequence[str]) -> str:
    """One question of a collector as one word; those of a command are kept apart by NUL bytes, which none of them can hold."""
    return f"{kind}:{source if isinstance(source, str) else chr(0).join(source)}"
