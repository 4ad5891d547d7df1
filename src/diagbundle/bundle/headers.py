"""The tar headers that a reader of bundles accepts: regular members as section 1 of FORMAT.md wants them, nothing else."""

from __future__ import annotations

import re
from typing import NamedTuple

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import BLOCK, MAX_PAX, name_fault, padding
from diagbundle.errors import FormatError, IntegrityError

_OCTAL = re.compile(rb" *([0-7]+)[ \0]*")
_LARGE = re.compile(rb"[1-9][0-9]{9,17}")
_PAX_KEYS = {b"path", b"size", b"hdrcharset"}
_OWNER = [0o600, 0, 0]
MAX_HEADER = 2 * BLOCK + MAX_PAX
"""Bytes of a header with the longest pax header."""


class Header(NamedTuple):
    """What the tar header of a member says; `length` is its own, in bytes."""

    name: bytes
    size: int
    mtime: int
    length: int


def header_length(block: bytes) -> int:
    """Length of the header that begins with this block: one block, or three and more where a pax header stands before it."""
    kind, size = _block(block)
    if kind != b"x":
        return BLOCK
    if size > MAX_PAX:
        raise FormatError(f"a pax header of {size:,} bytes; allowed are {MAX_PAX:,}")
    return 2 * BLOCK + size + padding(size)


def parse_header(raw: bytes) -> Header:
    """The member that a whole header announces. Refuses everything but a regular member that keeps to section 1 of FORMAT.md."""
    pax: dict[bytes, bytes] = {}
    kind, size = _block(raw[:BLOCK])
    if kind == b"x":
        pax = _pax(raw[BLOCK : BLOCK + size])
    block = raw[-BLOCK:]
    kind, size = _block(block)
    if kind != b"0":
        raise FormatError(f"a member of type {shown(kind)!r} that is no regular file")
    if [_octal(block[at : at + 8]) for at in (100, 108, 116)] != _OWNER:
        raise FormatError(f"a member with mode {_octal(block[100:108]):04o}, where only 0600 and owner 0:0 are allowed")
    if b"size" in pax:
        size = _large(pax[b"size"], size)
    name = pax[b"path"] if b"path" in pax else b"/".join(part for part in (_text(block[345:500]), _text(block[:100])) if part)
    fault = member_fault(name)
    if fault:
        raise FormatError(f"a member with a name that is not allowed, for {fault}: {shown(name[:200])}")
    return Header(name, size, _octal(block[136:148]), len(raw))


def member_fault(name: bytes) -> str:
    """Why PREFIX and path may not be called so, or ''."""
    prefix, slash, path = name.partition(b"/")
    if not prefix or not slash:
        return "lying outside the one top directory"
    return name_fault(prefix) or name_fault(path)


def _block(block: bytes) -> tuple[bytes, int]:
    """Type and size of one header block whose magic and checksum are right."""
    if len(block) < BLOCK or block[257:265] != b"ustar\x0000":
        raise IntegrityError("no tar header begins there")
    if _octal(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 32:
        raise IntegrityError("the tar header does not match its checksum")
    return block[156:157], _octal(block[124:136])


def _octal(text: bytes) -> int:
    match = _OCTAL.fullmatch(text)
    if not match:
        raise FormatError(f"a number in a tar header is not octal: {shown(text)}")
    return int(match[1], 8)


def _text(raw: bytes) -> bytes:
    """A field up to its first NUL byte; more behind that would be read by some and not by others."""
    text, _, rest = raw.partition(b"\0")
    if rest.strip(b"\0"):
        raise FormatError("a name in a tar header goes on behind its end")
    return text


def _pax(data: bytes) -> dict[bytes, bytes]:
    """The records `LENGTH key=value`."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        digits, blank, _ = data[at : at + 8].partition(b" ")
        length = int(digits) if blank and digits.isdigit() else 0
        key, equals, value = data[at + len(digits) + 1 : at + length - 1].partition(b"=")
        if not equals or data[at + length - 1 : at + length] != b"\n" or key in found:
            raise FormatError("a pax header that cannot be read")
        if key not in _PAX_KEYS:
            raise FormatError(f"a pax header with the key {shown(key[:40])!r}; allowed are path, size and hdrcharset")
        if key == b"hdrcharset" and value != b"BINARY":
            raise FormatError(f"a pax header with the character set {shown(value[:40])!r}; allowed is BINARY")
        found[key] = value
        at += length
    return found


def _large(text: bytes, plain: int) -> int:
    """The size that a pax header gives: only where the field of the plain header, then 0, is too narrow for it."""
    size = int(text) if _LARGE.fullmatch(text) else 0
    if size < 1 << 33 or plain != 0:
        raise FormatError(f"a pax header with the size {shown(text[:40])}, which the plain header could hold or contradicts")
    return size
