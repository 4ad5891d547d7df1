"""What all streams of a run share: the patterns, the scanner, the key of the tags, and the stand-ins of identifiers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from diagbundle.redact import named, places, shapes
from diagbundle.redact.finder import Finder
from diagbundle.redact.places import encoded
from diagbundle.redact.rules import built_in
from diagbundle.redact.span import IDENTIFIERS, Pattern, Span
from diagbundle.redact.stream import KERNEL, ExportFilter, FileFilter, Filter, Rows, replaced

if TYPE_CHECKING:
    from diagbundle.redact.identifiers.pseudonym import Pseudonyms
    from diagbundle.redact.identifiers.rewrite import Rewriter

TAG = 4
"""Bytes of a marker's tag: enough that two secrets of a run hardly share one; without the key it tells nothing of the secret."""
MOST_MARKERS = 4096
"""Markers that are remembered: the same few secrets stand in a log again and again."""
USUAL = b"""Failed password for invalid user anna from 192.0.2.7 port 1 ssh2
password=a token='x1' secret = "y2" api_key: z3 key=a1b2c3d4e5 Authorization: Bearer a1 Cookie: sid=a1
to=<anna@example.net>, https://u:p4@host/x?token=a1&sig=d2
"""
"""Holds what stands in most logs and configurations."""
DEEPEST = 3
"""Levels of texts encoded in texts that are looked into."""


def _rewriter(pseudonyms: Pseudonyms, *, pure: bool) -> Rewriter:
    """What replaces identifiers. Most runs do without, and start a tenth faster for it."""
    from diagbundle.redact.identifiers.domains import SUFFIXES  # noqa: PLC0415 - see above
    from diagbundle.redact.identifiers.rewrite import Rewriter  # noqa: PLC0415

    return Rewriter(pseudonyms.known(), SUFFIXES, pseudonyms.standin, twin=pure)


def _addresses(name: str) -> Rows | None:
    """What judges the tables of addresses in /proc/net."""
    from diagbundle.redact.identifiers import procnet  # noqa: PLC0415 - as above

    return procnet.rows(name)


class Redactor:
    """Makes a filter for each stream. Children of a run inherit it, so that equal secrets have equal tags everywhere."""

    exact = False

    def __init__(self, more: Iterable[Pattern] = (), *, key: bytes = b"", pseudonyms: Pseudonyms | None = None, pure: bool = False) -> None:
        """`more` patterns are a vendor's or a customer's; `pure` does without C. Without a key the tags are good for this run only."""
        self._key = key or os.urandom(32)
        self.pseudonyms = pseudonyms
        self._rewriter = _rewriter(pseudonyms, pure=pure) if pseudonyms else None
        self._told = sum(1 for _ in pseudonyms.map()) if pseudonyms else 0
        self.look = True
        """Whether what goes out is looked at once more."""
        self.patterns: list[Pattern] = [
            *built_in(), *named.PATTERNS, *shapes.PATTERNS, *places.PATTERNS, *encoded.patterns(self.nested),
            *more,
        ]  # fmt: skip
        self._finder = Finder(self.patterns, pure=pure)
        self._depth = 0
        self._markers: dict[tuple[str, bytes], bytes] = {}

    def warm(self) -> None:
        """Ask what most texts ask: processes that are forked afterwards need not compile those expressions again."""
        self._finder.spans(USUAL)

    def answer(self, name: str = "") -> Filter:
        """For the answer of a command, by its words, or a text without a name."""
        is_export = name.startswith("journalctl ") and " export" in name
        return (ExportFilter if is_export else Filter)(self, name)

    def file(self, name: str) -> FileFilter:
        """For a file by its path on the host."""
        return FileFilter(self, name)

    def text(self, text: str) -> str:
        """A word of the manifest: a path, a reason."""
        data = text.encode("utf-8", "surrogateescape")
        if not self.pseudonyms and not self._finder.may_find(data):
            return text
        return self.whole(data).decode("utf-8", "surrogateescape")

    def whole(self, data: bytes, name: str = "") -> bytes:
        """A short text, redacted."""
        return b"".join(self.answer(name)((data,)))

    def nested(self, data: bytes) -> bytes:
        """A text that was encoded in another one, redacted; too deep it is left to whoever found it."""
        if self._depth >= DEEPEST:
            return data
        self._depth += 1
        try:
            return self.whole(data)
        finally:
            self._depth -= 1

    def rows(self, name: str) -> Rows | None:
        """What judges the lines of a file of this name."""
        by_column = places.rows(name) if name and not name.startswith(KERNEL) else None
        addresses = _addresses(name) if name and self.pseudonyms else None
        if by_column and addresses:
            return lambda text: chain(by_column(text), addresses(text))
        return by_column or addresses

    def spans(self, window: bytes, done: int) -> list[Span]:
        """What the patterns find from `done` on."""
        return self._finder.spans(window, done)

    @property
    def trying(self) -> str:
        """The pattern that failed, for whoever has to say so."""
        return self._finder.trying

    def learned(self) -> list[list[str]]:
        """Names that were given stand-ins since this was asked last: kind and name."""
        new = list(islice(self.pseudonyms.map(), self._told, None)) if self.pseudonyms else []
        self._told += len(new)
        return [[one.kind, one.real.decode("utf-8", "surrogateescape")] for one in new]

    def learn(self, names: list[list[str]]) -> None:
        """Names that another process has met."""
        if self.pseudonyms:
            for kind, name in names:
                self.pseudonyms.standin(kind, name.encode("utf-8", "surrogateescape"))

    def standing_for(self, kind: str, secret: bytes) -> bytes:
        """The marker of a secret, or the stand-in of an identifier."""
        if kind in IDENTIFIERS and self.pseudonyms:
            return self.pseudonyms.standin(kind, secret)
        marker = self._markers.get((kind, secret))
        if marker is None:
            if len(self._markers) >= MOST_MARKERS:
                self._markers.clear()
            tag = hashlib.blake2b(secret, digest_size=TAG, key=self._key).hexdigest()
            self._markers[kind, secret] = marker = f"REDACTED_{kind}_{tag}".encode()
        return marker

    def rewrite(self, window: bytes, start: int, end: int, put: Sequence[tuple[int, int, bytes]]) -> tuple[bytes, Mapping[str, int]]:
        """`window[start:end]` with those stretches replaced, and identifiers where that is wanted. Also how many of these, by kind."""
        if self._rewriter:
            return self._rewriter.rewrite(window, start, end, put)
        return b"".join(replaced(window, start, end, put)), {}
