"""Reports of other tools, as they come: `.tar.xz`, `.tar.gz`, `.tar.bz2`, `.tar`. Unpacked into a private folder, which goes away."""

from __future__ import annotations

import os
import tarfile
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import replace

from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.bundle.format import MAX_MEMBERS, name_bytes, name_fault
from diagbundle.bundle.frames import is_packed_again
from diagbundle.bundle.headers import Header
from diagbundle.bundle.unpack import Target
from diagbundle.errors import FormatError, OutputError

_MAGIC = (b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh")
_USTAR = b"ustar"
_HEAD = 4096
"""Bytes by which an archive is known."""
MAX_BYTES = 64 << 30
"""Bytes that an archive may grow to."""
MAX_RATIO = 400
"""How much larger than itself an archive may become, beyond the first GiB: logs shrink to a twentieth, zeros to a thousandth."""
_PIECE = 1 << 20


def is_foreign(path: str) -> bool:
    """Whether a file is an archive that is not a bundle of ours, nor one that was packed once more."""
    if not os.path.isfile(path):  # a pipe would be waited for
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return (head.startswith(_MAGIC) and not is_packed_again(head)) or head[257:262] == _USTAR


def unpacked(path: str) -> FolderEvidence:
    """The files of an archive, below a private folder that goes away with the answer. Raises `FormatError`, `OutputError`."""
    holder = tempfile.TemporaryDirectory(prefix="diagbundle-")
    try:
        tree = os.path.join(holder.name, "tree")
        links, fault = _write(path, tree)
        evidence = FolderEvidence(tree, os.path.basename(path), links)
        if fault:
            evidence.head = replace(evidence.head, complete=False, reason=f"the archive is damaged: {fault}")
            evidence.damaged["its end"] = fault
    except BaseException:
        holder.cleanup()
        raise
    weakref.finalize(evidence, holder.cleanup)
    return evidence


def _write(path: str, folder: str) -> tuple[dict[str, str], str]:
    """All regular files; links come back as what they point to, and are never written. Of a damaged archive also why it ends."""
    limit = min(MAX_BYTES, (1 << 30) + os.path.getsize(path) * MAX_RATIO)
    links: dict[str, str] = {}
    written, fault = 0, ""
    os.mkdir(folder, 0o700)
    try:
        with tarfile.open(path, "r|*") as archive, Target(folder) as target:
            for number, member in enumerate(archive):
                name = _below(member.name)
                written += member.size if member.isreg() else 0
                if number > MAX_MEMBERS or written > limit:
                    raise FormatError(f"the archive is larger than it may be: {path}: {written:,} bytes in {number:,} files")
                if not name or name_fault(name_bytes(name)):
                    continue
                if member.issym() or member.islnk():
                    links[name] = member.linkname if member.issym() else "/" + _below(member.linkname)
                elif member.isreg():
                    _file(archive, member, name, target)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise OutputError(f"the archive cannot be unpacked: {path}: {error.strerror}", "set TMPDIR to a folder with room") from None
        if not written:
            raise FormatError(f"the archive cannot be read: {path}: {error}") from None
        fault = str(error)
    return links, fault


def _below(name: str) -> str:
    """The path below the archive's one top folder."""
    return name.removeprefix("./").lstrip("/").partition("/")[2].strip("/")


def _file(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, target: Target) -> None:
    header = Header(name=b"t/" + name_bytes(name), size=member.size, mtime=max(0, int(member.mtime)), length=512)
    if not target.begin(header):
        return
    for piece in _pieces(archive, member):
        target.data(piece)
    target.finish()


def _pieces(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    file = archive.extractfile(member)
    if file is not None:
        yield from iter(lambda: file.read(_PIECE), b"")
