"""What this program carries: the product whose name, texts, collectors and rules were put into this copy of the static file.

Only a kit carries something; the static file itself, and what is installed from a wheel, carry nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any
from zipimport import ZipImportError, zipimporter

from diagbundle import __version__
from diagbundle.bundle import hashing
from diagbundle.resources import is_static

FOLDER = "diagbundle/kit/product"
"""Where, in the archive of a kit, all of it lies."""
HEAD = f"{FOLDER}/product.json"
"""The fields of `Product`, as JSON."""


@dataclass(frozen=True)
class Product:
    """A product, as its vendor has described it; docs/kit.md explains each word. Checked when the kit was made."""

    name: str
    title: str
    version: str
    diagbundle: str
    """Version of the diagbundle that made the kit."""
    key: str = ""
    before: str = ""
    after: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    offers: tuple[tuple[str, str], ...] = ()
    """Name and value of each entry point of its packages."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path below `FOLDER` and SHA-256 of each file."""
    program: str = ""
    """The file that carries it."""
    checksum: str = ""
    """SHA-256 of `HEAD`, and so of all: kits with the same one ask and judge the same, on whatever processor."""

    @property
    def packages(self) -> str:
        """The folder, in the archive, from which its packages are imported."""
        return os.path.join(self.program, FOLDER, "packages")

    def contents(self, folder: str) -> Iterator[tuple[str, str, bytes]]:
        """Name, origin for people and bytes of each file in a folder: `collectors` or `rules`. Raises `OSError`."""
        for path, data in self.all_contents(f"{folder}/"):
            yield path.partition("/")[2], f"{self.name}/{path}", data

    def all_contents(self, beginning: str = "") -> Iterator[tuple[str, bytes]]:
        """Path and bytes of each file whose path begins so. Raises `OSError`."""
        archive = zipimporter(self.program)
        for path in sorted(self.files):
            if path.startswith(beginning):
                yield path, archive.get_data(f"{FOLDER}/{path}")


def read(program: str) -> Product | None:
    """The product that a program carries, or None."""
    try:
        head = zipimporter(program).get_data(HEAD)
    except (OSError, ZipImportError):
        return None
    given = json.loads(head)
    known = {key: value for key, value in given.items() if key in _KEYS}
    known["offers"] = tuple((name, value) for name, value in given["offers"])
    return Product(**known, program=program, checksum=hashing.sha256(head).hexdigest())


_KEYS = {one.name for one in fields(Product)} - {"program", "checksum"}


@cache
def product() -> Product | None:
    """The product that this program carries, or None."""
    return read(sys.executable) if is_static() else None


def public_key() -> str:
    """The vendor's public key (`age1…`), or ''. Nothing is encrypted to it yet."""
    this = product()
    return this.key if this else ""


def program_name() -> str:
    """What this program is called in what it says."""
    this = product()
    return this.name if this else "diagbundle"


def told() -> dict[str, str] | None:
    """What a bundle, or a program that asks, is told of the kit; None where there is none."""
    this = product()
    return {key: getattr(this, key) for key in ("name", "title", "version", "checksum", "key")} if this else None


def version() -> str:
    """What this is: `diagbundle, version 0.1.0`, or `acme-support 1.0 for Acme Server (diagbundle 0.1.0)`."""
    this = product()
    return f"{this.name} {this.version} for {this.title} (diagbundle {__version__})" if this else f"diagbundle, version {__version__}"
