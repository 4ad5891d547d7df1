"""SHA-256, as fast as this processor can: in the static file by AWS-LC, elsewhere by what Python was built with, which is OpenSSL."""

import os

try:
    from diagbundle.bundle._sha256 import sha256
except ImportError:
    from hashlib import sha256  # type: ignore[assignment]  # it takes more, and we do not use it

__all__ = ["of_file", "sha256"]
_STEP = 1 << 20


def of_file(fd: int) -> str:
    """Of all that a descriptor's file holds, in hexadecimal digits. Raises OSError."""
    sha, at = sha256(), 0
    while piece := os.pread(fd, _STEP, at):
        sha.update(piece)
        at += len(piece)
    return sha.hexdigest()
