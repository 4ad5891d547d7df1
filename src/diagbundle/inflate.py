"""zlib's decompressor in the shape of those of bz2 and lzma, so that one loop serves all three."""

from __future__ import annotations

import zlib

GZIP = 31
"""`wbits` of zlib: a gzip header, and the largest window."""


class Inflater:
    """One member of a gzip stream; see `bz2.BZ2Decompressor`. Raises `zlib.error`."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(GZIP)

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        """What stands behind it."""
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        """Whether more must go in before more comes out."""
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """So many bytes of what comes out, at most; for what there was no room goes in again first."""
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
