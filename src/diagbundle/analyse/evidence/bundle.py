"""A bundle as evidence, read where it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diagbundle.analyse.evidence.entry import Entry, entries_of
from diagbundle.analyse.evidence.head import head_of, limited
from diagbundle.bundle.reader import Bundle
from diagbundle.errors import BundleError


class BundleEvidence:
    """A bundle, read where it lies; every member is checked against its checksum."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.name = bundle.name
        self.head = head_of(bundle.head)
        self.damaged: dict[str, str] = {}
        self._rows: dict[str, tuple[int, int, int, str]] = {}
        self.entries = entries_of(self._noted())

    def _noted(self) -> Iterator[Mapping[str, Any]]:
        for row in self._bundle.rows():
            if "header" in row:
                self._rows[row["path"]] = (row["header"], row["offset"], row["size"], row.get("sha256", ""))
            yield row

    def blocks(self, entry: Entry) -> Iterator[bytes]:
        """See `Evidence`."""
        for path in (entry.key or entry.path, *entry.parts):
            if path in self._rows:
                header, offset, size, sha256 = self._rows[path]
                row = {"path": path, "header": header, "offset": offset, "size": size, **({"sha256": sha256} if sha256 else {"short": 0})}
                try:
                    yield from limited(self._bundle.content(row), entry.short if path == (entry.key or entry.path) else None)
                except BundleError as error:
                    self.damaged[path] = str(error)
                    raise
