"""Bundles around mutated bytes: frames, checksums and the seek table are right, so that what lies within is really read.

Mutating the bytes of a bundle's file hardly ever gets beyond the first checksum of zstd. So most inputs here are plain tar
streams, or manifests, and the file is built anew around them.
"""

import json
import os
import struct
from functools import cache
from itertools import pairwise

import zstandard

from diagbundle.bundle.format import BLOCK, FRAME, MANIFEST, SEEKABLE, SKIPPABLE, SUMS, padding
from diagbundle.bundle.frames import Frames

VECTORS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "vectors")
GOOD, SMALL = "good.tar.zst", 30_000
_PACKER = zstandard.ZstdCompressor(level=1, write_checksum=True)


def vectors():
    """The small bundles of the test vectors, good and bad."""
    for entry in sorted(os.scandir(VECTORS), key=lambda entry: entry.name):
        if entry.name.endswith(".tar.zst") and entry.stat().st_size < SMALL:
            with open(entry.path, "rb") as file:
                yield file.read()


@cache
def streams():
    """The tar streams of those whose frames can be read, each one once."""
    found = {}
    for packed in vectors():
        try:
            with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as reader:
                found[reader.read(1 << 18)] = None
        except zstandard.ZstdError:
            continue
    return [stream for stream in found if BLOCK < len(stream) < 1 << 18]


@cache
def good():
    """The stream before the manifest, and the manifest, of a sound bundle."""
    descriptor = os.open(os.path.join(VECTORS, GOOD), os.O_RDONLY)
    try:
        frames = Frames(descriptor)
        whole = b"".join(frames.read(0, frames.plain[-1]))
    finally:
        os.close(descriptor)
    at = next(at for at in range(0, len(whole), BLOCK) if _name(whole, at).endswith(MANIFEST.encode()))
    size = int(whole[at + 124 : at + 135], 8)
    return whole[:at], whole[at + BLOCK : at + BLOCK + size], whole[at : at + BLOCK]


def with_manifest(manifest):
    """A sound bundle with this manifest in place of its own."""
    before, _, head = good()
    head = _summed(head[:124] + b"%011o\0" % len(manifest) + head[136:])
    return file_of(before + head + manifest + bytes(padding(len(manifest))) + bytes(2 * BLOCK), sums=False)


def rows_of_good():
    """The lines of its manifest as objects."""
    return [json.loads(line) for line in good()[1].splitlines()]


def file_of(stream, *, sums=True):
    """A bundle's file of a tar stream: a frame begins where FORMAT.md wants one. `sums`: tar checksums are put right."""
    stream = sums_right(stream) if sums else stream
    starts = [at for at in range(0, len(stream), BLOCK) if _name(stream, at).endswith((MANIFEST.encode(), SUMS.encode()))]
    cuts = sorted({0, *starts[:50], *range(0, len(stream), FRAME), len(stream)})
    pieces = [stream[start:end] for start, end in pairwise(cuts) if end > start]
    packed = [_PACKER.compress(piece) for piece in pieces]
    table = b"".join(struct.pack("<II", len(one), len(piece)) for one, piece in zip(packed, pieces, strict=True))
    table += struct.pack("<IBI", len(pieces), 0, SEEKABLE)
    return b"".join(packed) + struct.pack("<II", SKIPPABLE, len(table)) + table


def sums_right(stream):
    """The same with the checksum of every tar header put right."""
    out = bytearray(stream)
    for at in range(0, len(out) - BLOCK + 1, BLOCK):
        if out[at + 257 : at + 262] == b"ustar":
            out[at : at + BLOCK] = _summed(bytes(out[at : at + BLOCK]))
    return bytes(out)


def _summed(block):
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


def _name(stream, at):
    """The plain name of a tar header at this place, b'' where there is none."""
    return stream[at : at + 100].partition(b"\0")[0] if stream[at + 257 : at + 262] == b"ustar" else b""
