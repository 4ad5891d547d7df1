"""Where the text of a log waits until its time comes: packed, in memory, and beyond a limit on disk."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from typing import IO

import zstandard

PORTION = 256 << 10
"""Bytes of a log that are unpacked at once; of each open log one such portion is held."""
MOST = 96 << 20
"""Packed bytes that are held in memory, of all logs together."""


class Shelf:
    """Holds portions of many logs. Those of one log are taken out in the order in which they were put in."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._held = most, 0
        self._file: IO[bytes] | None = None
        self._packer, self._unpacker = zstandard.ZstdCompressor(1), zstandard.ZstdDecompressor()

    def put(self, pieces: Iterable[bytes]) -> deque[bytes | tuple[int, int]]:
        """Take a whole log in. Raises what reading it raises."""
        portions: deque[bytes | tuple[int, int]] = deque()
        for piece in pieces:
            for at in range(0, len(piece), PORTION):
                packed = self._packer.compress(piece[at : at + PORTION])
                portions.append(self._stored(bytes(memoryview(packed))))  # copied: what zstandard gives keeps the room of what it packed
        return portions

    def _stored(self, packed: bytes) -> bytes | tuple[int, int]:
        if self._held + len(packed) <= self._most:
            self._held += len(packed)
            return packed
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="diagbundle-")  # noqa: SIM115  # it lives as long as the shelf
        place = self._file.seek(0, 2)
        self._file.write(packed)
        return place, len(packed)

    def take(self, portions: deque[bytes | tuple[int, int]]) -> Iterator[bytes]:
        """The text of a log, a portion at a time; what was taken is no longer held."""
        while portions:
            portion = portions.popleft()
            if isinstance(portion, tuple):
                if self._file is None:
                    return
                self._file.seek(portion[0])
                portion = self._file.read(portion[1])
            else:
                self._held -= len(portion)
            yield self._unpacker.decompress(portion, max_output_size=PORTION)

    def close(self) -> None:
        """Give the disk back."""
        if self._file is not None:
            self._file.close()
