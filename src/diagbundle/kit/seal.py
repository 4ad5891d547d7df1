"""The seal of the static file: its last bytes tell its length and a checksum, so that a copy that was cut or altered says so.

The file is an ELF program with a zip archive behind it; the seal is the comment of that archive. The program checks it before anything
else (packaging/static/main.c); this is who writes it.
"""

from __future__ import annotations

import os
import zlib

WORD = b"diagbundle-seal "
SIZE = len(WORD) + 20 + 1 + 8 + 1
"""Bytes of a seal: the word, 20 digits of length, a space, 8 hexadecimal digits of CRC-32, a line feed."""
UNSEALED = bytes(SIZE)
"""What an archive has as its comment until the file is sealed."""
BLOCK = 1 << 20


def seal(path: str) -> None:
    """Write the seal over the last bytes of a file. Raises `OSError`."""
    with open(path, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        crc, left = 0, size - SIZE
        while left:
            block = file.read(min(BLOCK, left))
            crc, left = zlib.crc32(block, crc), left - len(block)
        file.seek(size - SIZE)
        file.write(b"%s%020d %08x\n" % (WORD, size, crc))
