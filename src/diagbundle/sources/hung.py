"""What hung before will hang again: how long a program is waited for, known to all children of a run."""

from __future__ import annotations

import mmap
import os
import zlib

SHORT = 5.0
"""Seconds without a byte after which a program is given up, where it or several others have hung before."""
MANY = 3
"""Programs that hang, from which on it is the host that is sick, and not one of them."""
_PLACES = 4096


class Hung:
    """How often each program has not ended in time. Shared memory: a child's counting is seen by all.

    Two children may count at once, and two programs may share a place: then one too few is counted, or one is given up
    that would have answered. Neither is worth a lock that a killed child would hold for ever.
    """

    def __init__(self) -> None:
        self._counts = mmap.mmap(-1, _PLACES)

    def add(self, program: str) -> None:
        """It did not end in time."""
        place = _place(program)
        self._counts[place] = min(self._counts[place] + 1, 255)

    def patience(self, program: str, seconds: float) -> float:
        """Seconds for which it may be silent; 0 if it is not to be asked at all. A program gets a second chance, a short one."""
        times, programs = self._counts[_place(program)], _PLACES - self._counts[:].count(0)
        if times > 1 or (times and programs >= MANY):
            return 0.0
        return min(seconds, SHORT) if times or programs >= MANY else seconds


def _place(program: str) -> int:
    return zlib.crc32(os.path.basename(program).encode("utf-8", "surrogateescape")) % _PLACES
