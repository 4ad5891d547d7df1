"""Packed streams, unpacked in pieces: bounded memory, bounded expansion; what is broken gives what can be had of it."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import zstandard

from diagbundle.inflate import Inflater
from diagbundle.redact.lazy import regex

PIECE = 256 << 10
"""Bytes that come out at once, at most; of zstd one block, of 128 KiB."""
READ = 64 << 10
"""Bytes that go in at once, at most."""
FREE = 256 << 20
"""Bytes that any stream may become."""
RATIO = 256
"""Times its packed size that a longer one may become: a log of one line again and again, but no bomb."""
MOST = 16 << 30
WINDOW = 32 << 20
"""Bytes that a decoder may look back. One that may want more is read only so far as it has not."""
XZ_MEMORY = 36 << 20
"""What xz needs for such a window."""
XZ_MOST = 80 << 20
"""xz -9 asks for 65 MiB: nothing of it is touched before that much text has come out."""
WIDEST = 128 << 20
"""Window of `zstd --long` and `--ultra -22`, of which the same holds."""
METHODS: dict[str, tuple[str, ...]] = {
    "gzip": (".gz", "-gz", ".z"),
    "xz": (".xz",),
    "lzma": (".lzma",),
    "bzip2": (".bz2", ".bz"),
    "zstd": (".zst", ".zstd"),
}
"""Methods and the suffixes of their files."""
_MAGIC = regex(
    rb"(?P<gzip>\x1f\x8b\x08[\0-\x1f])|(?P<xz>\xfd7zXZ\0)|(?P<bzip2>BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90))"
    rb"|(?P<zstd>\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)|(?P<lzma>\x5d\0\0[\0-\xff]{2}(?:\xff{8}|[\0-\xff]{5}\0\0\0)\0)"
)


@dataclass
class Packed:
    """What came of it."""

    read: int = 0
    """Bytes of the packed stream that were used."""
    size: int = 0
    """Bytes that came out."""
    fault: str = ""
    """Why that is not all."""


class _Decoder(Protocol):
    """Decodes one member of a stream."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""

    @property
    def unused_data(self) -> bytes:
        """What stands behind it."""

    @property
    def needs_input(self) -> bool:
        """Whether it wants more to go in."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """So much of what comes out, at most; raises one of `_ERRORS` where it is no such stream."""


EARLY = "it ends too early"
WIDE = f"it was packed with a window of more than {WINDOW >> 20} MiB: only its beginning was unpacked"


class _Broken(Exception):
    """A packed stream that is damaged, or asks for too much."""


_ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, zstandard.ZstdError)


def method_of(head: bytes) -> str:
    """How this is packed, or ''."""
    found = _MAGIC.match(head)
    return found.lastgroup or "" if found else ""


def unpacked(chunks: Iterator[bytes], method: str, packed: Packed) -> Iterator[bytes]:
    """What is in it. Members behind each other are one text; what else stands behind is a fault, but for zeros."""
    source = _Source(chunks)
    members = 0
    try:
        while source.peek(1):
            if members and not method_of(source.peek(16)).startswith(method):
                packed.fault = source.tail()
                break
            yield from _limited(_member(source, method), source, packed)
            members += 1
    except _Broken as error:
        packed.fault = str(error)
    packed.read = source.taken


def _limited(pieces: Iterator[bytes], source: _Source, packed: Packed) -> Iterator[bytes]:
    """As much as may come out of so much."""
    for piece in pieces:
        packed.size += len(piece)
        if packed.size > min(MOST, max(FREE, RATIO * source.taken)):
            raise _Broken(f"it grows to more than {packed.size - len(piece):,} bytes; the rest was not unpacked")
        yield piece


class _Source:
    """The packed bytes, in small pieces that do not depend on how they were read, and what was given back."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.taken = 0

    def peek(self, size: int) -> bytes:
        """The next bytes; fewer only at the end."""
        if (had := len(self._rest)) < size:
            pieces: list[bytes | memoryview] = [self._rest]
            while had < size and (chunk := next(self._chunks, None)) is not None:
                pieces.append(chunk)
                had += len(chunk)
            self._rest = memoryview(b"".join(pieces))
        return bytes(self._rest[:size])

    def take(self, size: int = READ) -> bytes:
        """The next bytes, fewer only at the end."""
        data = self.peek(size)
        self._rest = self._rest[len(data) :]
        self.taken += len(data)
        return data

    def exactly(self, size: int) -> bytes:
        """So many bytes. Raises `_Broken` where there are fewer."""
        data = self.take(size)
        if len(data) < size:
            raise _Broken(EARLY)
        return data

    def back(self, data: bytes) -> None:
        """These were too many."""
        self.taken -= len(data)
        self._rest = memoryview(data + bytes(self._rest))

    def tail(self) -> str:
        """What is wrong with what stands behind the last member: nothing if it is zeros."""
        size, zeros = 0, True
        while data := self.take():
            size += len(data)
            zeros = zeros and not data.strip(b"\0")
        return "" if zeros else f"{size:,} bytes behind its end are of another kind"


def _member(source: _Source, method: str) -> Iterator[bytes]:
    """One member, whole."""
    if method == "zstd":
        yield from _zstd_frame(source)
        return
    decoder, most = _DECODERS[method](source.peek(READ))
    size = 0
    while not decoder.eof:
        data = source.take() if decoder.needs_input else b""
        try:
            piece = decoder.decompress(data, PIECE)
        except _ERRORS as error:
            raise _Broken(f"it is damaged: {_plain(error)}") from None
        size += len(piece)
        if piece:
            yield piece
        elif not data:
            raise _Broken(EARLY)
        if size > most:
            raise _Broken(WIDE)
    source.back(decoder.unused_data)


def _plain(error: Exception) -> str:
    return str(error).partition(":")[0] or type(error).__name__


def _xz(form: int) -> Callable[[bytes], tuple[_Decoder, int]]:
    def decoder(head: bytes) -> tuple[_Decoder, int]:
        most = MOST
        try:
            lzma.LZMADecompressor(form, memlimit=XZ_MEMORY).decompress(head, 1)
        except lzma.LZMAError:  # damage shows again
            most = WINDOW
        return lzma.LZMADecompressor(form, memlimit=XZ_MEMORY if most == MOST else XZ_MOST), most

    return decoder


_DECODERS: dict[str, Callable[[bytes], tuple[_Decoder, int]]] = {
    "gzip": lambda _head: (Inflater(), MOST),
    "bzip2": lambda _head: (bz2.BZ2Decompressor(), MOST),
    "xz": _xz(lzma.FORMAT_XZ),
    "lzma": _xz(lzma.FORMAT_ALONE),
}


# -- zstd: its blocks are found by our own hands, since the library gives no bound for what comes out of so much input

_RAW, _RLE = 0, 1


def _zstd_frame(source: _Source) -> Iterator[bytes]:
    """One frame, block by block: each gives 128 KiB at most."""
    magic = source.exactly(4)
    if magic[1:] == b"\x2a\x4d\x18":
        yield from _skipped(source, int.from_bytes(source.exactly(4), "little"))
        return
    header, checksum = _zstd_header(source)
    try:
        window = zstandard.get_frame_parameters(magic + header).window_size
    except zstandard.ZstdError as error:
        raise _Broken(f"it is damaged: {_plain(error)}") from None
    if window > WIDEST:
        raise _Broken(f"it was packed with a window of {window >> 20:,} MiB")
    most = MOST if window <= WINDOW else WINDOW
    inner = zstandard.ZstdDecompressor(max_window_size=max(window, 1 << 10)).decompressobj()
    size, last = 0, False
    try:
        inner.decompress(magic + header)
        while not last:
            block = source.exactly(3)
            word = int.from_bytes(block, "little")
            last, kind, length = bool(word & 1), word >> 1 & 3, word >> 3
            piece = inner.decompress(block + source.exactly(1 if kind == _RLE else length))
            size += len(piece)
            if piece:
                yield piece
            if size > most:
                raise _Broken(WIDE)
        if checksum and (piece := inner.decompress(source.exactly(4))):
            yield piece
    except _ERRORS as error:
        raise _Broken(f"it is damaged: {_plain(error)}") from None


def _zstd_header(source: _Source) -> tuple[bytes, bool]:
    """The rest of a frame's header, and whether a checksum stands at the frame's end."""
    flags = source.exactly(1)
    single, content, dictionary = flags[0] & 0x20, flags[0] >> 6, flags[0] & 3
    if dictionary:
        raise _Broken("it was packed with a dictionary")
    size = (0 if single else 1) + (1 if single and not content else (0, 2, 4, 8)[content])
    return flags + source.exactly(size), bool(flags[0] & 4)


def _skipped(source: _Source, size: int) -> Iterator[bytes]:
    """A frame that holds nothing for us."""
    while size:
        data = source.take(min(size, READ))
        if not data:
            raise _Broken(EARLY)
        size -= len(data)
    yield from ()
