"""Identifiers in a text and what stands for them: one pass, in C where it was compiled, else in Python with the same result.

Addresses are found by their grammar, names because they are known, hosts with a domain by their last label, users and hosts that nobody
knew by the place that they stand in. An identifier belongs to the part of the text in which it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from diagbundle.redact.identifiers._grammar import Tables
from diagbundle.redact.identifiers._twin import Twin
from diagbundle.redact.identifiers.domains import EXTENSIONS, PACKAGES, STRENGTH, SURE, VERSIONS
from diagbundle.redact.identifiers.people import PLACES, Place

try:
    from diagbundle.redact.identifiers import _rewrite
except ImportError:  # no compiler where this was installed
    _rewrite = None  # type: ignore[assignment]

SHORTEST, LONGEST = 3, 253
"""Lengths of names that are looked for everywhere; shorter ones are found in their places only."""


class _Engine(Protocol):
    def rewrite(self, data: bytes, start: int, end: int, spans: Sequence[tuple[int, int, bytes]], /) -> tuple[bytes, dict[str, int]]: ...


class Rewriter:
    """Replaces what it knows and what it recognises; `resolve(kind, text)` says by what, once for each new text.

    Kinds are ipv4 (`10.0.0.1`, `10-0-0-1`), ipv6, mac, host (one label or more) and user; known names count as `name`.
    """

    def __init__(
        self,
        names: Mapping[bytes, bytes],
        suffixes: Sequence[bytes],
        resolve: Callable[[str, bytes], bytes],
        *,
        places: Iterable[Place] = PLACES,
        twin: bool = False,
    ) -> None:
        """A suffix that `domains` does not know (a learned domain) makes any name that ends with it a host's."""
        tables = Tables(
            names={name.lower(): new for name, new in names.items() if SHORTEST <= len(name) <= LONGEST},
            suffixes={suffix.lower(): STRENGTH.get(suffix.lower(), SURE) for suffix in suffixes},
            packages=PACKAGES,
            extensions=EXTENSIONS,
            versions=VERSIONS,
            places=tuple(places),
            resolve=resolve,
        )
        self._engine: _Engine = Twin(tables) if twin or _rewrite is None else _fast(tables)

    def rewrite(self, data: bytes, start: int, end: int, spans: Sequence[tuple[int, int, bytes]]) -> tuple[bytes, dict[str, int]]:
        """`data[start:end]` with each span replaced, and every identifier outside of them; how many of each kind.

        Spans are (start, end, replacement) in `data`, sorted and disjoint. What lies around `start` and `end` is looked at, too.
        """
        return self._engine.rewrite(data, start, end, spans)


def _fast(tables: Tables) -> _Engine:
    places = [(place.shape, place.kind, place.head, place.before, place.after) for place in tables.places]
    engine: _Engine = _rewrite.Rewriter(
        tables.names, tables.suffixes, list(tables.packages), list(tables.extensions), list(tables.versions), places, tables.resolve
    )
    return engine
