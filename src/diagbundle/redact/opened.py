"""Everything is read the same way: what is packed is unpacked, UTF-16 becomes UTF-8, and what is no text does not leave.

What a thing is, its bytes say; its name only says what the plain text is called. All of it is a stream: memory is bounded,
and where the reads were cut makes no difference.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator

from diagbundle.errors import SourceSkipped
from diagbundle.redact.binary import FEWEST, HEAD, SUSPECT, is_binary, is_clean, reason, what_it_is
from diagbundle.redact.unpack import METHODS, Packed, method_of, unpacked

SEGMENT = 1 << 10
"""Bytes of a line that are judged together."""
NEWLINE = 0x0A
SUSPECTS = (b"\0", b"\1", b"\2", b"\3")
PIECE = 256 << 10
"""Bytes that are recoded at once."""
Piece = bytes | memoryview
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LEAST_WIDE = 16
"""Letters from which two bytes for each are taken for UTF-16 where no mark says so."""


def _no_marker(_secret: bytes) -> bytes:
    return b"REDACTED_binary_00000000"


class Opening:
    """One source, opened. Iterate it once; `name`, `method` and `charset` are known with its first piece, the rest at its end."""

    def __init__(self, name: str, chunks: Iterable[bytes], hide: Callable[[bytes], bytes] = _no_marker) -> None:
        self.name = name
        """What the plain text is called: `syslog.2.gz` is stored as `syslog.2`."""
        self.method = ""
        """How it was packed: `gzip`, `xz`, `lzma`, `bzip2`, `zstd`, or not at all."""
        self.charset = ""
        """What it was written in, where that was not a charset of single bytes or UTF-8."""
        self.fault = ""
        """Why this is not the whole text; its outcome is `partial` then."""
        self.hidden = 0
        """Stretches within the text that are no text, and stand there as markers."""
        self._hide = hide
        self._within = self._in_line = False
        self._pieces = self._opened(iter(chunks))

    def __iter__(self) -> Iterator[Piece]:
        return self._pieces

    def __next__(self) -> Piece:
        return next(self._pieces)

    def said(self) -> str:
        """What was done to it, for the row; '' for a plain text."""
        done = [f"unpacked ({self.method})"] * bool(self.method) + [f"{self.charset} became UTF-8"] * bool(self.charset)
        done += [f"{self.hidden:,} stretches of it are no text"] * bool(self.hidden)
        return ", ".join(done)

    def _opened(self, chunks: Iterator[bytes]) -> Iterator[Piece]:
        head, chunks = _beginning(chunks)
        if found := method_of(head):
            packed = Packed()
            head, chunks = _beginning(unpacked(chunks, found, packed))
            self._unpacked(found, packed, head)
            yield from self._text(head, chunks)
            self.fault = packed.fault
        else:
            yield from self._text(head, chunks)

    def _unpacked(self, method: str, packed: Packed, head: bytes) -> None:
        if not head and packed.fault:
            raise SourceSkipped(f"binary, cannot be redacted: {method}, {packed.fault}")
        if inner := method_of(head):
            raise SourceSkipped(f"binary, cannot be redacted: {inner} inside {method}")
        self.method, self.name = method, _plain_name(self.name, method)

    def _text(self, head: bytes, chunks: Iterator[bytes]) -> Iterator[Piece]:
        """The text in UTF-8 or single bytes, without what is none."""
        if charset := charset_of(head):
            head, chunks = _beginning(_recoded(chunks, charset))
            self.charset = charset.upper()
        if what := what_it_is(self.name, head, whole=len(head) < HEAD):
            raise SourceSkipped(reason(what, self.method))
        yield from self._cleared(chunks)

    def _cleared(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        """With a marker for each stretch that is no text."""
        for block, start, end in _whole_segments(chunks):
            if self._within or any(block.find(byte, start, end) >= 0 for byte in SUSPECTS):
                yield from self._without_binary(block[start:end])
            else:  # the quick way of nearly all text
                yield memoryview(block)[start:end]

    def _without_binary(self, block: bytes) -> Iterator[bytes]:
        """A stretch begins with a segment that is no text, and goes on up to a line that is one without doubt."""
        at, size = 0, len(block)
        while at < size:
            if not self._within:
                start, end = _no_text(block, at)
                yield block[at:start]
                if start == size:
                    return
                yield self._hide(block[start:end])
                self.hidden += 1
                self._within = True
            else:
                end = _segment_end(block, at)
                if not self._in_line and is_clean(block[at:end]):
                    self._within = False
                    continue
            self._in_line = block[end - 1] != NEWLINE
            yield b"" if self._in_line else b"\n"  # line numbers stay true
            at = end


def opened(name: str, chunks: Iterable[bytes], hide: Callable[[bytes], bytes] = _no_marker) -> Opening:
    """The text of a source, in pieces. `hide` gives the marker of a stretch that is no text.

    The first piece raises `SourceSkipped` for what is no text at all, before any byte of it is out.
    """
    return Opening(name, chunks, hide)


def _beginning(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first `HEAD` bytes, or all, and the whole stream again."""
    had: list[bytes] = []
    size = 0
    for chunk in chunks:
        had.append(chunk)
        size += len(chunk)
        if size >= HEAD:
            break
    head = b"".join(had)

    def whole() -> Iterator[bytes]:
        if head:
            yield head
        yield from chunks

    return head[:HEAD], whole()


def _whole_segments(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """The same bytes in parts of blocks that end with a segment: with a line, or a multiple of `SEGMENT` behind a line's beginning."""
    rest = b""
    for chunk in chunks:
        start = _segment_end(chunk, 0, SEGMENT - len(rest)) if rest else 0
        rest += chunk[:start]
        if len(rest) == SEGMENT or rest.endswith(b"\n"):
            yield rest, 0, len(rest)
            rest = b""
        elif rest:
            continue
        end = len(chunk) - (len(chunk) - max(start, chunk.rfind(b"\n", start) + 1)) % SEGMENT
        if end > start:
            yield chunk, start, end
        rest = chunk[end:]
    if rest:
        yield rest, 0, len(rest)


def _segment_end(block: bytes, start: int, most: int = SEGMENT) -> int:
    """Where the line ends, or the part of a long one."""
    end = block.find(b"\n", start, start + most)
    return end + 1 if end >= 0 else min(start + most, len(block))


def _no_text(block: bytes, at: int) -> tuple[int, int]:
    """The next segment that is no text; behind the end where there is none."""
    while found := SUSPECT.search(block, at):
        start = max(at, block.rfind(b"\n", at, found.start()) + 1)
        start += (found.start() - start) // SEGMENT * SEGMENT
        end = _segment_end(block, start)
        if end - start > FEWEST and is_binary(block[start:end], FEWEST):
            return start, end
        at = end
    return len(block), len(block)


def _plain_name(name: str, method: str) -> str:
    """Without the suffix of its packing, if it has one."""
    folder, slash, last = name.rpartition("/")
    for suffix in METHODS[method]:
        if last.lower().endswith(suffix) and len(last) > len(suffix):
            return folder + slash + last[: -len(suffix)]
    return name


# -- charsets of several bytes


def charset_of(head: bytes) -> str:
    """UTF-16 or UTF-32, by its mark or because every second byte is NUL; '' for all else."""
    for mark, charset in MARKS:
        if head.startswith(mark):
            return charset if _decodes(head, charset) else ""
    if b"\0" not in head:
        return ""
    even, odd = head[0::2], head[1::2]
    for letters, zeros, charset in ((even, odd, "utf-16-le"), (odd, even, "utf-16-be")):
        nuls = zeros.count(0)
        if nuls >= LEAST_WIDE and nuls * 10 >= len(zeros) * 9 and letters.count(0) * 20 <= len(letters) and _decodes(head, charset):
            return charset
    return ""


def _decodes(head: bytes, charset: str) -> bool:
    """Whether a beginning is a text in this charset: no half letters, and none that only machines write."""
    try:
        text = codecs.getincrementaldecoder(charset)().decode(head)
    except UnicodeDecodeError:
        return False
    return not is_binary(text.encode())


def _recoded(chunks: Iterable[bytes], charset: str) -> Iterator[bytes]:
    """As UTF-8, without the mark. What is no letter becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder(charset)("replace")
    first = True
    for chunk in chunks:
        for start in range(0, len(chunk), PIECE):
            text = decoder.decode(chunk[start : start + PIECE])
            if text:
                yield (text.removeprefix("\ufeff") if first else text).encode()
                first = False
    if text := decoder.decode(b"", final=True):
        yield text.encode()
