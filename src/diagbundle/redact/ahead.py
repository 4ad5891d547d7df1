"""Looks for what ends a value. A line may hold a name at every tenth byte: what was looked at for one is remembered for the next."""

from __future__ import annotations

import re

from diagbundle.redact.lazy import regex

_STEP = 2 << 10
"""Searches end at multiples of this, so that they have their ends in common."""
_MARGIN = 256
"""Bytes of a match, at most."""
_FAR = _STEP - _MARGIN
"""Bytes in which a match has to begin."""
_MOST = 16
"""Searches that are remembered."""


class Ahead:
    """A regular expression that is searched for from many places of the same text; it must not look behind itself."""

    def __init__(self, written: bytes) -> None:
        self.written = written
        self._pattern = regex(written)
        self._data = b""
        self._known: dict[int, tuple[int, re.Match[bytes] | None]] = {}
        """Where a search ended by its limit -> where it began, and what it found first."""

    def search(self, data: bytes, start: int, limit: int) -> re.Match[bytes] | None:
        """The first match in `data[start:limit]`, if it begins within _FAR bytes."""
        near = (start // _STEP + 2) * _STEP
        end = min(limit, near)
        found = self._first(data, start, end)
        is_cut = end < limit and found is not None and found.end() == end
        return None if is_cut or not found or found.start() - start > _FAR else found

    def _first(self, data: bytes, start: int, end: int) -> re.Match[bytes] | None:
        if data is not self._data or len(self._known) > _MOST:
            self._data, self._known = data, {}
        begin, found = self._known.get(end, (len(data), None))
        if begin <= start and (found is None or found.start() >= start):
            return found
        found = self._pattern.search(data, start, end)
        self._known[end] = start, found
        return found
