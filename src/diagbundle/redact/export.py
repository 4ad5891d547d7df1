"""The journal's export format, fit for redaction: no field with a length of its own, which would be wrong where a secret in it is replaced.

A field of several lines stands in an export as its name, its length in eight bytes, and its bytes. Here it becomes `NAME=VALUE` on one
line as all others are, with a backslash and an `n` for each newline: still an export that journalctl's programs read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from diagbundle.redact.binary import FEWEST, HEAD, is_binary
from diagbundle.redact.lazy import regex

LENGTH = 8
"""Bytes of a field's length; the last one is always NUL, and nowhere else does one stand."""
MOST = 4 << 20
"""Bytes of a field that is kept: a core file in the journal is longer."""
_BEFORE = 80
"""Bytes before that NUL in which the field's name begins."""
_FIELD = regex(rb"(?:\A|\n)([A-Z0-9_]{1,64})\n([\s\S]{0,7}?)\Z")


def flattened(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same export without fields of several lines. What is no export passes as it is."""
    buffer = _Buffer(iter(chunks))
    while not buffer.over or len(buffer):
        nul = buffer.data.find(b"\0", buffer.at)
        found = _FIELD.search(buffer.data, max(buffer.at, nul - _BEFORE), nul) if nul >= 0 else None
        if nul < 0:
            yield buffer.take(len(buffer) - (0 if buffer.over else _BEFORE))
            buffer.more(1)
        elif found is None:
            yield buffer.take(nul + 1 - buffer.at)
        else:
            yield buffer.take(found.end(1) - buffer.at) + b"="
            buffer.take(1)
            yield from _field(buffer)


class _Buffer:
    """What was read; from `at` on it was not yet handed on."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.over = False
        self.data, self.at = b"", 0
        self.more(1)

    def __len__(self) -> int:
        return len(self.data) - self.at

    def more(self, size: int) -> None:
        """So many bytes more, if there are."""
        pieces = [self.data[self.at :]]
        while size > 0 and not self.over:
            chunk = next(self._chunks, None)
            self.over = chunk is None
            pieces.append(chunk or b"")
            size -= len(chunk or b"")
        self.data, self.at = b"".join(pieces), 0

    def take(self, size: int) -> bytes:
        """The next bytes, as far as they were read."""
        start, self.at = self.at, min(len(self.data), self.at + max(0, size))
        return self.data[start : self.at]

    def exactly(self, size: int) -> bytes:
        """So many bytes; fewer only at the end."""
        if len(self) < size:
            self.more(size - len(self))
        return self.take(size)


def _field(buffer: _Buffer) -> Iterator[bytes]:
    """A field's value on one line; its own newline follows."""
    size = int.from_bytes(buffer.exactly(LENGTH), "little")
    if size > MOST:
        left = size
        while left and (piece := buffer.exactly(min(left, MOST))):
            left -= len(piece)
        yield b"(%d bytes were left out)" % size
        return
    value = buffer.exactly(size)
    if is_binary(value[:HEAD], FEWEST):
        yield b"(binary, %d bytes were left out)" % size
    else:
        yield value.replace(b"\n", b"\\n")
