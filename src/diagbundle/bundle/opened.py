"""Compressed members, as what they hold: rotated logs. Each step of what unpacks them is bounded."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import zstandard

from diagbundle.errors import IntegrityError
from diagbundle.inflate import Inflater

_STEP = 4 << 20
"""Bytes that come out at once, at most."""
_MEMORY = 256 << 20
"""Bytes that xz may need."""
_IN = 64 << 10
"""Bytes that go in at once: what follows the end of a stream is copied, and a stranger's file may be a million of empty ones."""
_LITTLE, _WINDOW = 1 << 10, 1 << 27
"""Of zstd: bytes that go in at once, of which 32 MiB may come, and the largest window."""
LARGEST, RATIO = 1 << 30, 400
"""Bytes that may come out of any member, and how many times more than goes in beyond that: logs shrink to a twentieth."""


class _Zstd:
    """zstd's decompressor, in the shape of the others. It gives all that comes of what goes in, which must be little, therefore."""

    needs_input = True

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, _max_length: int = -1) -> bytes:
        return self._inner.decompress(data)


_OPENERS: dict[str, Callable[[], Any]] = {
    ".gz": Inflater, ".xz": lambda: lzma.LZMADecompressor(memlimit=_MEMORY), ".bz2": bz2.BZ2Decompressor, ".zst": _Zstd,
}  # fmt: skip
_MAGIC = {b"\x1f\x8b": ".gz", b"\xfd7zXZ\0": ".xz", b"BZh": ".bz2", b"\x28\xb5\x2f\xfd": ".zst"}


def is_packed(path: str) -> bool:
    """Whether a member is called as compressed files are."""
    return path.endswith(tuple(_OPENERS))


def opened(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """What a compressed member of so many bytes holds; what only bears such a name, as it is. Raises `IntegrityError`."""
    source = iter(pieces)
    first = next(source, b"")
    whole: Iterator[bytes] = chain((first,), source)
    kind = next((kind for magic, kind in _MAGIC.items() if first.startswith(magic)), "")
    if not kind:
        yield from whole
        return
    came = 0
    step = _LITTLE if kind == ".zst" else _IN
    whole = (piece[at : at + step] for piece in whole for at in range(0, len(piece), step))
    for piece in _stream(whole, _OPENERS[kind]):
        came += len(piece)
        if came > LARGEST + size * RATIO:
            raise IntegrityError(f"it unpacks to more than {came:,} bytes, too many for its size")
        yield piece


def _stream(pieces: Iterator[bytes], make: Callable[[], Any]) -> Iterator[bytes]:
    """One compressed stream after the other."""
    opener, rest, ended = make(), b"", False
    try:
        for piece in pieces:
            rest, out = piece, b""
            while rest or len(out) == _STEP or not opener.needs_input:
                if ended:
                    if not rest.strip(b"\0"):
                        rest = b""  # filling of tapes
                        break
                    opener, ended = make(), False
                out = opener.decompress(rest, _STEP)
                rest = b""
                if out:
                    yield out
                if opener.eof:
                    rest, ended = opener.unused_data, True
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, zstandard.ZstdError) as error:
        raise IntegrityError(f"it cannot be unpacked further: {error}") from None
    if not ended:
        raise IntegrityError("it ends in the middle of what is compressed")
