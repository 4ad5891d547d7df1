"""`diagbundle --version`: one line; with `--verbose` every part of this very program, and which of its C is in use."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module

from diagbundle import carried as kit
from diagbundle.carried.places import PARTS
from diagbundle.resources import is_static

WORDS = {"--version", "-V", "--verbose"}
"""What is answered here, and not by click: a script that asks for the version would wait longer for click than for the answer."""
REVISION = 12
"""Characters that are shown of a revision, which some have instead of a version."""
Part = tuple[str, str, str]
"""Name, version, licence."""


def asked(words: list[str]) -> bool:
    """Whether the version is asked for, and nothing else."""
    return {*words} <= WORDS and bool({*words} - {"--verbose"})


def tell(words: list[str]) -> int:
    """Print the version, or all there is to say of it. Returns an exit status. Raises `OSError`."""
    print(kit.version())
    if "--verbose" not in words:
        return 0
    rows = [("part", "version", "licence"), *(inside() if is_static() else installed())]
    facts = [*used(), *(itself() if is_static() else ())]
    names = max(len(row[0]) for row in (*rows, *facts)) + 2
    versions = max(len(version) for _, version, _ in rows) + 2
    print()
    for name, version, licence in rows:
        print(f"{name:{names}}{version:{versions}}{licence}".rstrip())
    print()
    for name, what in facts:
        print(f"{name:{names}}{what}")
    return 0


def inside() -> list[Part]:
    """The parts of the static file."""
    import json

    from diagbundle.resources import resources

    found = next((get() for name, _, get in resources("diagbundle") if name == os.path.basename(PARTS)), b'{"components": []}')
    parts = [(one["name"], one["version"], one["licenses"][0]["expression"]) for one in json.loads(found)["components"]]
    return [(name, version[:REVISION] if re.fullmatch("[0-9a-f]{40}", version) else version, licence) for name, version, licence in parts]


def installed() -> list[Part]:
    """The packages that this installation needs, as they are there."""
    from importlib import metadata

    parts: list[Part] = []
    try:
        needs = metadata.requires("diagbundle") or ()
    except metadata.PackageNotFoundError:  # it runs out of a folder of sources
        return parts
    for needed in needs:
        name, _, condition = needed.partition(";")
        if "extra" in condition:
            continue
        name = re.split(r"[^\w.-]", name.strip(), maxsplit=1)[0]
        try:
            about = metadata.metadata(name).json
        except metadata.PackageNotFoundError:
            parts.append((name, "is not there", ""))
            continue
        named = [word.rpartition(":: ")[2] for word in about.get("classifier", ()) if word.startswith("License ::")]
        parts.append(
            (name, str(about["version"]), str(about.get("license_expression") or ", ".join(named) or about.get("license") or "not said"))
        )
    return parts


def used() -> list[tuple[str, str]]:
    """What of it is at work here: interpreter, hash, and C or its twin in Python."""
    import platform

    import psutil
    import zstandard

    from diagbundle.bundle.hashing import sha256

    hashed = "OpenSSL, as Python was built with it" if sha256.__name__.startswith("openssl") else "Python's own C"
    if is_static():
        hashed = "AWS-LC, with the processor's own instructions where it has them"
    return [
        ("Python", f"{platform.python_version()}, {sys.implementation.name}, {platform.machine()}"),
        ("system", f"Linux {platform.release()}, {'musl, static' if is_static() else ' '.join(platform.libc_ver())}"),
        ("SHA-256", f"by {hashed}"),
        ("redaction", f"scanner {_language('_scan')}, stand-ins {_language('identifiers._rewrite')}"),
        ("zstandard", f"{zstandard.backend}, zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))}"),
        ("psutil", psutil.__version__),
    ]


def _language(extension: str) -> str:
    """What a hot loop of redaction is written in, here."""
    try:
        import_module(f"diagbundle.redact.{extension}")
    except ImportError:
        return "in Python"
    return "in C"


def itself() -> list[tuple[str, str]]:
    """The static file: length, its own checksum, and the one that SHA256SUMS tells."""
    from diagbundle.bundle import hashing
    from diagbundle.carried.seal import SIZE

    with open(sys.executable, "rb") as file:
        digest = hashing.of_file(file.fileno())
        file.seek(-SIZE, os.SEEK_END)
        _, length, crc = file.read().split()
    told = kit.told()
    return [
        *([("carries", f"{told['name']} {told['version']}, {told['checksum']}")] if told else []),
        ("file", sys.executable),
        ("length", f"{int(length):,} bytes"),
        ("seal", f"CRC-32 {crc.decode()}"),
        ("sha256", digest),
    ]
