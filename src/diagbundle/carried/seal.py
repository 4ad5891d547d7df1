"""The seal of the static file: its last bytes tell its length and a checksum, so that a copy that was cut or altered says so.

The file is an ELF program with a zip archive behind it; the seal is the comment of that archive. The program checks it before anything
else (packaging/static/main.c); this is who writes it, and who checks it before a kit is made.
"""

from __future__ import annotations

import os
import zlib
from typing import BinaryIO

WORD = b"diagbundle-seal "
SIZE = len(WORD) + 20 + 1 + 8 + 1
"""Bytes of a seal: the word, 20 digits of length, a space, 8 hexadecimal digits of CRC-32, a line feed."""
UNSEALED = bytes(SIZE)
"""What an archive has as its comment until the file is sealed."""
BLOCK = 1 << 20


def seal(path: str) -> None:
    """Write the seal over the last bytes of a file. Raises `OSError`."""
    with open(path, "r+b") as file:
        wanted = _seal(file)
        file.write(wanted)


def fault(path: str) -> str:
    """Why a file is not as it was sealed, or ''. Raises `OSError`."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - SIZE))
        there = file.read()
        if len(there) < SIZE or not there.startswith(WORD):
            return "its end is missing"
        if there[len(WORD) : len(WORD) + 20] != b"%020d" % size:
            return "its length is another one"
        return "" if there == _seal(file) else "its checksum is another one"


def _seal(file: BinaryIO) -> bytes:
    """The seal that a file ought to have; the file stands where it begins."""
    size = os.fstat(file.fileno()).st_size
    crc, left = 0, size - SIZE
    file.seek(0)
    while left and (block := file.read(min(BLOCK, left))):
        crc, left = zlib.crc32(block, crc), left - len(block)
    file.seek(size - SIZE)
    return b"%s%020d %08x\n" % (WORD, size, crc)
