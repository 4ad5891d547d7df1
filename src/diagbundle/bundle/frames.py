"""The zstd frames of a bundle, and the uncompressed stream they hold."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate

import zstandard

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import BLOCK, FRAME, SEEKABLE, SKIPPABLE, ZSTD_MAGIC
from diagbundle.bundle.headers import MAX_HEADER, header_length, parse_header
from diagbundle.errors import BundleError, FormatError, IntegrityError, UsageError
from diagbundle.inflate import Inflater
from diagbundle.paths import unread

MAX_FRAMES = 1 << 24
MAX_PACKED = FRAME + (1 << 20)
"""Bytes that a frame of the largest content may have, with room."""
MAGIC = struct.pack("<I", ZSTD_MAGIC)
_OTHERS = {
    b"\x1f\x8b": ("a gzip file", ""), b"\xfd7zXZ": ("an xz file", ""), b"BZh": ("a bzip2 file", ""),
    b"PK\x03\x04": ("a zip file", "`unzip FILE` takes out what is in it"),
}  # fmt: skip
"""What other files begin with, what they are, and what to do about it."""
_LOOKED_AT = 512
"""Bytes by which a text is known."""
_DECODER = zstandard.ZstdDecompressor()
ARMOR = b"-----BEGIN AGE "
ENCRYPTED = (b"age-encryption.org/", ARMOR)
"""What a file begins with that `age` has encrypted."""


def frame_content(packed: bytes, want: int | None = None) -> bytes:
    """The content of one frame that fills `packed`. What section 8 of FORMAT.md refuses is refused before a byte is unpacked."""
    if packed[:4] != MAGIC:
        raise IntegrityError("no zstd frame begins there")
    try:
        about = zstandard.get_frame_parameters(packed)
        size = about.content_size
        if size in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR):
            raise FormatError("it does not declare its size")
        if not 0 < size <= FRAME or about.window_size > FRAME:
            raise FormatError(f"it declares {size:,} bytes and a window of {about.window_size:,}; allowed are 1 to {FRAME:,}")
        if not about.has_checksum:
            raise FormatError("it has no checksum")
        if want not in (None, size):
            raise IntegrityError(f"it declares {size:,} bytes, the seek table {want:,}")
        content = _DECODER.decompress(packed, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise IntegrityError(f"zstd says: {error}") from None
    if len(content) != size:
        raise IntegrityError(f"it holds {len(content):,} bytes and declares {size:,}")
    return content


def beginning(packed: bytes, size: int) -> bytes:
    """The first bytes of a frame's content, as far as they stand there; nothing where they are damaged. Not checked."""
    try:
        about = zstandard.get_frame_parameters(packed)
        if not 0 < about.content_size <= FRAME or not about.has_checksum:
            raise FormatError("its first frame does not declare its size, is larger than a bundle's, or has no checksum")
        with zstandard.ZstdDecompressor(max_window_size=FRAME).stream_reader(packed) as reader:
            return reader.read(size)
    except zstandard.ZstdError:
        return b""


HELD = 4
"""Frames held at once, 32 MiB at most: the manifest is found from behind, then read from its beginning."""


class Frames:
    """The uncompressed stream of a file, read through its seek table. The last few frames read are held."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.file_size = os.fstat(fd).st_size
        packed, plain = self._table()
        self.packed = array("Q", accumulate(packed, initial=0))
        self.plain = array("Q", accumulate(plain, initial=0))
        if self.packed[-1] != self._data_end:
            hint = "if it is the last of several parts, `diagbundle join` puts them together" if self.packed[-1] > self._data_end else ""
            raise IntegrityError("the seek table does not add up to the size of the file", hint)
        if not len(plain) or min(plain) == 0 or max(plain) > FRAME:
            raise FormatError(f"the seek table lists a frame without content, or of more than {FRAME:,} bytes")
        if max(packed) > MAX_PACKED:
            raise FormatError(f"the seek table lists a frame of {max(packed):,} bytes; allowed are {MAX_PACKED:,}")
        self._held: dict[int, bytes | BundleError] = {}

    def pread(self, size: int, at: int) -> bytes:
        """Bytes of the file; fewer mean that it is cut."""
        try:
            data = os.pread(self.fd, size, at)
        except OSError as error:
            raise IntegrityError(f"it cannot be read at byte {at:,}: {error.strerror}") from None
        if len(data) < size:
            raise IntegrityError(f"it ends at byte {at + len(data):,}")
        return data

    def _table(self) -> tuple[array[int], array[int]]:
        """Compressed and uncompressed sizes of all frames."""
        self._data_end, packed, plain = read_table(self.pread, self.file_size)
        return packed, plain

    def __len__(self) -> int:
        return len(self.plain) - 1

    def frame(self, index: int) -> bytes:
        """The checked content of a frame. A fault is remembered too: many members may share it."""
        if index not in self._held:
            if len(self._held) >= HELD:
                del self._held[next(iter(self._held))]
            self._held[index] = self._load(index)
        content = self._held[index]
        if isinstance(content, BundleError):
            raise type(content)(str(content))
        return content

    def _load(self, index: int) -> bytes | BundleError:
        start, end = self.packed[index], self.packed[index + 1]
        try:
            return frame_content(self.pread(end - start, start), self.plain[index + 1] - self.plain[index])
        except BundleError as error:
            return type(error)(f"frame {index + 1:,} (bytes {start:,} to {end:,} of the file): {error}")

    def begins(self, position: int) -> bool:
        """Whether a frame begins at this byte of the stream."""
        index = bisect_left(self.plain, position)
        return index < len(self) and self.plain[index] == position

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """A stretch of the stream, a frame's worth at a time."""
        if start + size > self.plain[-1]:
            raise IntegrityError(f"byte {start + size:,} is wanted, but the stream ends at byte {self.plain[-1]:,}")
        index = bisect_right(self.plain, start) - 1
        while size > 0:
            skip = start - self.plain[index]
            piece = self.frame(index)[skip : skip + size]
            yield piece
            start, size, index = start + len(piece), size - len(piece), index + 1


def read_table(pread: Callable[[int, int], bytes], file_size: int) -> tuple[int, array[int], array[int]]:
    """The seek table that a file ends with: where it begins, compressed and uncompressed sizes of all frames."""
    footer = struct.calcsize("<IBI")
    count, flags, magic = struct.unpack("<IBI", pread(footer, max(0, file_size - footer)))
    if magic != SEEKABLE or flags & 0x7F:
        raise IntegrityError("it has no seek table at its end: it is cut short")
    words = 3 if flags & 0x80 else 2
    length = count * words * 4 + footer
    if count > MAX_FRAMES or length + 8 > file_size:
        raise IntegrityError("the seek table is longer than the file")
    start = file_size - length - 8
    table = pread(length + 8, start)
    if table[:8] != struct.pack("<II", SKIPPABLE, length):
        raise IntegrityError("the seek table is damaged")
    numbers = array("I", table[8 : 8 + count * words * 4])
    return start, numbers[0::words], numbers[1::words]


def open_file(path: str) -> int:
    """A descriptor of a regular file; a FIFO must not hang us."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise unread(path, error) from None
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        if stat.S_ISDIR(mode):
            raise UsageError(f"this is a folder, not a regular file: {shown(path)}", "name the file itself")
        raise UsageError(f"this is not a regular file: {shown(path)}", "copy what it holds into a file first")
    return fd


def is_encrypted(start: bytes) -> bool:
    """Whether a file that begins so is encrypted."""
    return start.startswith(ENCRYPTED)


def refuse_encrypted(start: bytes) -> None:
    """Raises `FormatError` where only whoever has the key sees what it is."""
    if is_encrypted(start):
        raise FormatError("it is encrypted", "`diagbundle open FILE -i KEYFILE` makes a bundle of it that can be read")


def is_packed_again(start: bytes) -> bool:
    """Whether a file that begins so is gzip around what may be a bundle, plain or encrypted: some portals pack all that they are given."""
    if not start.startswith(b"\x1f\x8b"):
        return False
    with contextlib.suppress(zlib.error):
        return Inflater().decompress(start, _LOOKED_AT).startswith((MAGIC, *ENCRYPTED))
    return False


def other(start: bytes) -> FormatError:
    """What a file is that begins so, and not as zstd does, and what to do about it."""
    if not start:
        return FormatError("it is empty, so it is no bundle", "nothing of it arrived: ask for it again")
    if is_packed_again(start):
        return FormatError("it is a gzip file around another one", "a portal may have packed it: `gunzip -c FILE > NEW` undoes that")
    what, hint = next((found for magic, found in _OTHERS.items() if start.startswith(magic)), ("", ""))
    what = what or ("a tar archive that is not compressed" if start[257:262] == b"ustar" else "no zstd file")
    if not hint and start[:_LOOKED_AT].isascii() and b"\0" not in start[:_LOOKED_AT]:
        hint = "it is a text, perhaps a page that a portal sent in its place: look at it"
    return FormatError(f"it is {what}, so it is no bundle", hint)


def open_frames(fd: int) -> Frames:
    """The frames, or an error that tells a cut bundle from a file that never was one."""
    start = os.pread(fd, 1 << 18, 0)
    refuse_encrypted(start)
    if not start.startswith(MAGIC):
        raise other(start)
    try:
        return Frames(fd)
    except IntegrityError:
        if foreign := foreign_start(start):
            raise FormatError(f"it is a zstd file, but no bundle: {foreign}") from None
        raise


def foreign_start(start: bytes) -> str:
    """Why this beginning of a file cannot be that of a bundle, or ''."""
    try:
        content = beginning(start, MAX_HEADER)
        if len(content) >= BLOCK and len(content) >= (length := header_length(content[:BLOCK])):
            parse_header(content[:length])
    except BundleError as error:
        return str(error)
    return ""
