"""How a guest behaves: last in line for the processor and for the disks, and nothing of ours stays behind."""

from __future__ import annotations

import contextlib
import os


def stay_polite() -> None:
    """A session is a group of its own for the scheduler (autogroup), which begins at nice 0, whatever the nice of its processes."""
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as group:
        group.write(str(os.nice(0)))
