"""How a guest behaves: last in line for the processor."""

from __future__ import annotations

import contextlib
import os


def stay_polite() -> None:
    """A session is a group of its own for the scheduler (autogroup), which begins at nice 0, whatever the nice of its processes."""
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as group:
        group.write(str(os.nice(0)))


def speak_alone(pipe: int) -> None:
    """What this process forks from here on cannot write into its pipe: copies of it would answer a second time, and hold it open."""
    os.register_at_fork(after_in_child=lambda: os.close(pipe))
