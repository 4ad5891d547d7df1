"""A bundle as another archive: the same tar, member by member, each checked before its last piece is written, packed in another way."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol

from diagbundle.bundle.format import END, padding
from diagbundle.bundle.reader import Bundle, Progress, no_progress
from diagbundle.errors import IntegrityError

Write = Callable[[bytes], object]


class Packing(Protocol):
    """As zlib and lzma have it."""

    def compress(self, data: bytes, /) -> bytes:
        """What comes out so far."""

    def flush(self) -> bytes:
        """The rest."""


class _Plain:
    """Nothing is done to it."""

    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _xz() -> Packing:
    import lzma  # noqa: PLC0415  # who wants no xz needs none

    return lzma.LZMACompressor(preset=3)  # a third of the time of the usual 6, and a tenth more room


PACKINGS: dict[str, Callable[[], Packing]] = {
    "tar.gz": lambda: zlib.compressobj(6, zlib.DEFLATED, 31),  # 31: gzip's head and checksum around it
    "tar.xz": _xz,
    "tar": _Plain,
}
"""By the end of the name."""


def convert(bundle: Bundle, packing: Packing, write: Write, progress: Progress = no_progress) -> None:
    """Write the whole archive. Raises `BundleError` where something is damaged: what was written then is of no use."""
    done, size = 0, bundle.frames.plain[-1]
    for piece in _tar(bundle):
        if out := packing.compress(piece):
            write(out)
        done += len(piece)
        progress(done, size)
    write(packing.flush())


def _tar(bundle: Bundle) -> Iterator[bytes]:
    """The stream that the frames hold, checked as `verify` does: members follow each other, and are what their rows say."""
    end = 0
    rows = (row for row in bundle.rows() if "header" in row)
    for row in chain(rows, bundle.own_rows()):
        if row["header"] != end:
            with bundle.named():
                raise IntegrityError(f"a member begins at byte {row['header']:,}, but the one before it ends at byte {end:,}")
        bundle.header(row)
        yield b"".join(bundle.frames.read(row["header"], row["offset"] - row["header"]))
        yield from bundle.content(row)
        yield bytes(padding(row["size"]))
        end = row["offset"] + row["size"] + padding(row["size"])
    yield END
