"""Files that lie beside the code: in a folder, or in the archive that is part of the static file, where nothing is ever extracted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any
from zipimport import zipimporter

LISTING = "CONTENTS"
"""In the archive, a file of each folder that names the others, one a line: who imports from an archive can't list it."""

COMPILED = ".toml.json"
"""Suffix of a TOML file that was turned into JSON."""


def is_static() -> bool:
    """Whether this is the static file, which has in it what is installed elsewhere."""
    return "diagbundle.bundle._sha256" in sys.builtin_module_names


def place(package: str, folder: str = "") -> str:
    """The folder of a package, or one below it: a path, which ends inside the archive where there is one."""
    return os.path.join(next(iter(import_module(package).__path__)), folder).rstrip("/")


def resources(package: str, folder: str = "") -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """Name, path and contents of every file of a package, or of a folder below it, by name. Raises `OSError`."""
    where = place(package, folder)
    get: Callable[[str], bytes] = _contents
    if os.path.isdir(where):
        names = os.listdir(where)
    else:
        get = zipimporter(where).get_data
        names = get(os.path.join(where, LISTING)).decode().split("\n")
    for name in sorted(names):
        path = os.path.join(where, name)
        yield name, path, partial(get, path)


def tables(package: str, folder: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and contents of every TOML file of a package, or of a folder below it.

    In the archive they stand as JSON (packaging/static/payload.py), as Python stands there as bytecode: that is read ten times as fast.
    """
    for name, _, contents in resources(package, folder):
        if name.endswith(".toml"):
            import tomllib  # noqa: PLC0415 - not needed there

            yield name, tomllib.loads(contents().decode())
        elif name.endswith(COMPILED):
            import json  # noqa: PLC0415 - not needed elsewhere

            yield name.removesuffix(".json"), json.loads(contents())


def _contents(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
