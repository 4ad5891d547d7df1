"""Talk goes to standard error, data to standard output."""

from __future__ import annotations

import contextlib
import sys


def say(text: str) -> None:
    """A line of talk, on standard error; nobody may be listening."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()
