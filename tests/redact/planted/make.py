"""Makes the files and the key to them."""

import base64
import bz2
import gzip
import json
import lzma
import os
from collections.abc import Iterator
from dataclasses import replace

import zstandard

from . import inline
from .sheets import Row, Sheet, fill, read, utf16
from .tokens import HASHES, PERSONAL

SECRETS = ("servers.txt", "network.txt", "cloud.txt", "logs.txt", "shell.txt", "more.txt", "fresh.txt")
PACKERS = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress, "zst": lambda data: zstandard.ZstdCompressor().compress(data)}
COPIES = 2
"""So often each line with identifiers comes, with other values."""


def sheets(seed: str) -> Iterator[tuple[str, Sheet]]:
    """All files, filled, and the part that each belongs to: secrets, plain or names."""
    for name in SECRETS:
        for sheet in read(name):
            filled = fill(sheet, seed)
            if "utf16" in sheet.flags:
                utf16(filled)
            yield "secrets", filled
    for sheet in (*inline.tokens(seed), *inline.long_lines(seed)):
        yield "secrets", sheet
    for sheet in read("plain.txt"):
        yield "plain", fill(sheet, seed)
    for sheet in read("names.txt"):
        yield "names", fill(sheet, seed)
        for number in range(1, COPIES):
            if not sheet.path.startswith(("etc/", "stay/")):
                yield "names", fill(replace(sheet, path=f"{sheet.path}.{number}", rows=[]), seed)


def make(folder: str, seed: str = "1") -> dict[str, int]:
    """Writes `folder`/files and `folder`/KEY.json; gives how much of what there is."""
    rows, count = [], {"secrets": 0, "plain": 0, "names": 0, "files": 0}
    for part, sheet in sheets(seed):
        path = os.path.join(folder, "files", part, sheet.path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        packer = next((PACKERS[flag] for flag in sheet.flags if flag in PACKERS), bytes)
        with open(path, "wb") as out:
            out.write(packer(sheet.data))
        rows += [{"part": part, **told(row)} for row in sheet.rows]
        count["files"] += 1
        count[part] += len(sheet.rows) if part != "plain" else len(sheet.data.splitlines())
    with open(os.path.join(folder, "KEY.json"), "w", encoding="utf-8") as out:
        json.dump({"seed": seed, "rows": rows}, out, indent=0)
    return count


def told(row: Row) -> dict[str, object]:
    """A row as it stands in KEY.json."""
    sort = "personal" if row.kind in PERSONAL else "hash" if row.kind in HASHES else "token" if row.token else "keyed"
    place = {"path": row.path, "start": row.start, "end": row.end, "first": row.first, "last": row.last}
    return {**place, "kind": row.kind, "sort": sort, "secret": base64.b64encode(row.secret).decode()}
