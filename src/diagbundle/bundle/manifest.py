"""The lines of the manifest and of SHA256SUMS, as bytes and as rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import BLOCK, MAX_NAME, name_bytes
from diagbundle.bundle.frames import Frames
from diagbundle.errors import FormatError, IntegrityError
from diagbundle.outcome import Outcome

Row = dict[str, Any]
"""One line of the manifest."""

MAX_LINE = 4 << 20
"""Bytes of one line."""
_ODD_ESCAPE = re.compile(rb"\\(?:/|u00[2-7])")
_FAR = 1 << 63
_MEMBER = re.compile(
    rb'"path":"([ !#-\[\]-~]+)","header":\d{1,18},"offset":\d{1,18},"size":(\d{1,18}),"sha256":"[0-9a-f]{64}","mtime":(\d{1,12})[,}]'
)
"""A member as our writer writes it, with a plain name. Quotes within values are escaped: this can only be keys and values."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_OUTCOMES = tuple(Outcome)  # no set: a row may hold a list there, which has no hash


def blocks(frames: Frames, start: int, size: int) -> Iterator[bytes]:
    """Whole lines, a frame's worth at a time."""
    rest: list[bytes] = []  # joined only where a line ends: frames may be as small as a byte
    length = 0
    for piece in frames.read(start, size):
        end = piece.rfind(b"\n") + 1
        if end:
            yield b"".join((*rest, piece[:end]))
            rest, length = [], 0
        rest.append(piece[end:])
        length += len(piece) - end
        if length > MAX_LINE:
            raise FormatError(f"a line of more than {MAX_LINE:,} bytes in its manifest or SHA256SUMS")
    if length:
        raise IntegrityError("its manifest or SHA256SUMS ends in the middle of a line")


def members_of(block: bytes, *, first: bool) -> list[tuple[str, int, int]]:
    """Path, size and time of change (0: unknown) of the members that a block of lines names; the first line is the head."""
    found = _MEMBER.findall(block)
    if len(found) == block.count(b'"header"'):
        return [(name.decode("ascii"), int(size), int(seconds)) for name, size, seconds in found]
    rows = [parse_row(line) for line in block[:-1].split(b"\n")[1 if first else 0 :]]
    return [(row["path"], row["size"], _mtime(row.get("mtime"))) for row in rows if "header" in row]


def _mtime(seconds: object) -> int:
    return int(seconds) if isinstance(seconds, int | float) and 0 < seconds < _FAR else 0


def is_odd(block: bytes) -> bool:
    """Whether JSON writes a plain character in a roundabout way here, so that `lines_with` might miss it."""
    return _ODD_ESCAPE.search(block) is not None


def lines_with(block: bytes, text: str, *, first: bool) -> Iterator[bytes]:
    """The lines that hold this text as a JSON string, in either of the two usual spellings. The first block begins with the head."""
    start = block.find(b"\n") if first else 0
    for form in {_json(text, ascii_only=True), _json(text, ascii_only=False)}:
        at = block.find(form, start)
        while at >= 0:
            end = block.find(b"\n", at)
            yield block[block.rfind(b"\n", 0, at) + 1 : end]
            at = block.find(form, end)


def split(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines without their ends, one at a time: a list of millions of them would be larger than the block."""
    for block in blocks:
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            yield block[start:end]
            start = end + 1


def parse_object(line: bytes) -> Row:
    """One line of JSON that is an object."""
    try:
        value = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise FormatError(f"a line of its manifest is no JSON: {shown(line[:80])}") from None
    if not isinstance(value, dict):
        raise FormatError(f"a line of its manifest is no object: {shown(line[:80])}")
    return value


def parse_row(line: bytes) -> Row:
    """A row whose outcome is one, and whose place, if it has one, is sound in itself; `null` is the same as no value."""
    row = {key: value for key, value in parse_object(line).items() if value is not None}
    if row.get("outcome") not in _OUTCOMES:
        raise FormatError(f"a row of its manifest has an outcome that is none: {shown(str(row.get('outcome'))[:200])}")
    place = [row.get(key, -1) for key in ("header", "offset", "size")]
    path, sha = row.get("path", ""), row.get("sha256", "")
    named = isinstance(path, str) and len(path) <= 2 * MAX_NAME and _is_name(path)
    if not named or not isinstance(sha, str) or (sha and not _SHA256.fullmatch(sha)):
        raise FormatError(f"a row of its manifest has a path or checksum that is none: {shown(line[:200])}")
    if "header" in row:
        sound = all(type(number) is int and 0 <= number < _FAR for number in place)
        if not path or not sound or place[1] < place[0] + BLOCK:
            raise FormatError(f"a row of its manifest has a place that is none: {shown(line[:200])}")
    return row


def _is_name(path: str) -> bool:
    """Whether it stands for bytes at all. Whether they are a name that is allowed is asked of the tar header, which must have the same."""
    try:
        return path.isascii() or bool(name_bytes(path))
    except UnicodeEncodeError:
        return False


def _json(name: str, *, ascii_only: bool) -> bytes:
    return json.dumps(name, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def struck_out(head: Row) -> int:
    """How many members were struck out before the bundle left (`removed` in the head)."""
    removed = head.get("removed")
    count = removed.get("count") if isinstance(removed, dict) else 0
    return count if type(count) is int and count > 0 else 0
