"""A bundle as another archive: the same tar, packed in another way."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

from diagbundle.bundle.reader import Bundle, Progress, no_progress

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
    """Write the whole archive of a bundle that was verified: the stream that its frames hold. Raises `BundleError`."""
    done, size = 0, bundle.frames.plain[-1]
    with bundle.named():
        for index in range(len(bundle.frames)):
            piece = bundle.frames.frame(index)
            if out := packing.compress(piece):
                write(out)
            done += len(piece)
            progress(done, size)
    write(packing.flush())
