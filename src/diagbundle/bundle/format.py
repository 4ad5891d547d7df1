"""Names and bytes of what lies in a bundle, as docs/FORMAT.md defines them. No files are opened here."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Sequence

FORMAT = "diagbundle/1"
LEVEL = 3
FRAME = 8 << 20
"""Bytes of content in a frame, at most."""
GROUP = 1 << 20
"""Members smaller than this share a frame of about this size."""
BLOCK = 512
END = bytes(2 * BLOCK)
"""The end of a tar archive."""
MAX_PAX = 64 << 10
USTAR_NAME = 100
"""Bytes of a name that an ustar header holds."""
MAX_NAME = 1024
MAX_DEPTH = 64
MAX_COMPONENT = 255
MAX_MEMBERS = 5_000_000
MAX_MANIFEST = 1 << 30
MAX_COUNTS = 1 << 17
"""Frames of a member whose line feeds are told: of a larger one, a TiB, they would not go into a line of the manifest with the rest."""
ZSTD_MAGIC = 0xFD2FB528
SKIPPABLE = 0x184D2A5E
SEEKABLE = 0x8F92EAB1

OWN = "diagbundle"
MANIFEST = f"{OWN}/manifest.jsonl"
SUMS = f"{OWN}/SHA256SUMS"
SUFFIX = ".tar.zst"
PARTIAL_SUFFIX = ".partial.tar.zst"
UNFINISHED_SUFFIX = ".part"
ENCRYPTED_SUFFIX = ".age"
SIDECAR = ".sha256"
"""Suffix of the file beside a bundle that holds its checksum."""
SIGNATURE = ".sig"
"""Suffix of the signature of such a file."""
STRUCK = "struck out before it left: review --remove"
"""Reason of a row whose member somebody took out of the bundle, who had to approve it."""

_PROGRAM = re.compile(r"^(/usr/libexec|/usr/local/sbin|/usr/local/bin|/usr/sbin|/usr/bin|/sbin|/bin)/")
_UNSAFE = re.compile(r"[^\w\-./]+", re.ASCII)


def name_bytes(name: str) -> bytes:
    """A name as bytes; bytes that are not UTF-8 come as surrogates."""
    return name.encode("utf-8", "surrogateescape")


def mangle(argv: Sequence[str]) -> str:
    """File name of a command's output, as sos makes it: tools look for these names."""
    text = _PROGRAM.sub("", " ".join(argv))
    return _UNSAFE.sub("_", text).replace("/", ".").strip(" ._-")[:MAX_COMPONENT] or "command"


def name_fault(name: bytes) -> str:
    """Why a path below PREFIX (or PREFIX) may not be called so, or ''."""
    slashed = b"/%b/" % name
    if len(name) <= MAX_COMPONENT and name and not (b"//" in slashed or b"/." in slashed or b"\0" in name or name.count(b"/") >= MAX_DEPTH):
        return ""  # most names: nothing needs a closer look
    if not name or len(name) > MAX_NAME:
        return "its length"
    if b"\0" in name:
        return "a NUL byte in it"
    components = name.split(b"/")
    if len(components) > MAX_DEPTH:
        return f"more than {MAX_DEPTH} components"
    if any(part in (b"", b".", b"..") for part in components):
        return "an empty component, '.' or '..' in it"
    return "a component of more than 255 bytes" if any(len(part) > MAX_COMPONENT for part in components) else ""


def bundle_path(path: str) -> str:
    """The path in a bundle for a natural path, another one where that breaks the rules for names."""
    natural = path.lstrip("/")
    return renamed(natural) if name_fault(name_bytes(natural)) else natural


def renamed(path: str) -> str:
    """Where an answer lies that cannot lie where it should."""
    return f"{OWN}/renamed/{hashlib.sha256(name_bytes(path)).hexdigest()[:16]}"


def padding(size: int) -> int:
    """Zero bytes that follow `size` bytes of data in a tar archive."""
    return -size % BLOCK


def header(name: str, size: int, mtime: float = 0) -> bytes:
    """The tar header of a regular member: ustar, with a pax header before it where the name or size needs one."""
    raw = name_bytes(name)
    if len(raw) <= USTAR_NAME and size < 1 << 33:
        return _ustar(raw, size, mtime)
    import tarfile  # noqa: PLC0415  # slow to import, and few names need it

    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, _seconds(mtime), 0o600
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _ustar(name: bytes, size: int, mtime: float) -> bytes:
    fields = b"%011o\0%011o\0" % (size, _seconds(mtime))
    checksum = b"%06o\0 " % (sum(name) + sum(fields) + _FIXED_SUM)
    return b"%b%b%b%b%b" % (name.ljust(USTAR_NAME, b"\0"), _MODE_AND_OWNER, fields, checksum, _TYPE_AND_MAGIC)


def _seconds(mtime: float) -> int:
    """A modification time as a header can hold it; anybody may give a file one of the year 3000."""
    return min(max(0, int(mtime)), 0o77777777777)


_MODE_AND_OWNER = b"0000600\x000000000\x000000000\x00"
_TYPE_AND_MAGIC = (b"0" + bytes(100) + b"ustar\x0000").ljust(BLOCK - 156, b"\0")
_FIXED_SUM = sum(_MODE_AND_OWNER) + sum(_TYPE_AND_MAGIC) + 8 * ord(" ")
"""What every header has in common; its checksum counts its own field as blanks."""


def sums_line(name: str, sha256: str) -> bytes:
    """One line of SHA256SUMS; `sha256sum -c` wants a backslash before a line whose name is escaped."""
    raw = name_bytes(name)
    escaped = raw.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != raw else b"") + sha256.encode() + b"  " + escaped + b"\n"


def seek_table(frames: Iterable[tuple[int, int]]) -> bytes:
    """The skippable frame that lists each frame's compressed and uncompressed size."""
    entries = b"".join(struct.pack("<II", packed, plain) for packed, plain in frames)
    footer = struct.pack("<IBI", len(entries) // 8, 0, SEEKABLE)
    return struct.pack("<II", SKIPPABLE, len(entries) + len(footer)) + entries + footer
