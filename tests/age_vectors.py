"""The test vectors of the age project, from the npm package `cctv-age`. They hold keys, so they are fetched and kept outside of the tree."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import zlib
from functools import cache
from typing import NamedTuple

import pytest

VERSION = "0.2.0"
SHA256 = "94a2a220a95b158a69997e84405bb5d4ef84adf05d15bf341b83ec3ba9dd846e"
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "diagbundle-tests")
EVERY = 100
"""Vectors that there are at least: fewer mean that they were not found in the package."""


class Vector(NamedTuple):
    """One file, and what is to come of it."""

    name: str
    expect: str
    payload: str
    """SHA-256 of all that may be given out; '' for nothing."""
    identities: list[str]
    file: bytes
    is_armored: bool


@cache
def vectors() -> list[Vector]:
    """Those whose keys are X25519; without a package manager that has them the test is skipped."""
    with tarfile.open(_package()) as tar:
        script = tar.extractfile("package/index.js").read().decode()
    blobs = re.findall(r'var (\w+)_default\d* = __toBinary\("([A-Za-z0-9+/=]*)"\)', script)
    assert len(blobs) > EVERY
    return [vector for name, blob in blobs if (vector := _vector(name, base64.b64decode(blob)))]


def _vector(name: str, blob: bytes) -> Vector | None:
    head, _, file = blob.partition(b"\n\n")
    keys: dict[str, list[str]] = {}
    for line in head.decode().split("\n"):
        word, _, value = line.partition(": ")
        keys.setdefault(word, []).append(value)
    identities = keys.get("identity", [])
    if "passphrase" in keys or any("-PQ-" in identity for identity in identities):
        return None
    if "compressed" in keys:
        file = zlib.decompress(file)
    return Vector(name, keys["expect"][0], keys.get("payload", [""])[0], identities, file, "armored" in keys)


def _package() -> str:
    path = os.path.join(CACHE, f"cctv-age-{VERSION}.tgz")
    if not os.path.isfile(path):
        if not shutil.which("npm"):
            pytest.skip("the age project's test vectors are not here, and npm, which fetches them, is not installed")
        os.makedirs(CACHE, exist_ok=True)
        done = subprocess.run(
            ["npm", "pack", "--silent", f"cctv-age@{VERSION}"], cwd=CACHE, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            pytest.skip(f"the age project's test vectors cannot be had here: {done.stderr.strip()[-200:]}")
    with open(path, "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256, "another package than these tests were written for"
    return path
