"""A product, as it is described in the copy of the static file that carries it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from zipimport import zipimporter

from diagbundle.bundle import hashing
from diagbundle.carried.places import FOLDER


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


_KEYS = {one.name for one in fields(Product)} - {"program", "checksum"}


def of(head: bytes, program: str) -> Product:
    """The product whose `HEAD` this is, in a program."""
    given = json.loads(head)
    known = {key: value for key, value in given.items() if key in _KEYS}
    known["offers"] = tuple((name, value) for name, value in given["offers"])
    return Product(**known, program=program, checksum=hashing.sha256(head).hexdigest())
