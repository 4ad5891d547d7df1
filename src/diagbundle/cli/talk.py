"""Talk goes to standard error, data to standard output."""

from __future__ import annotations

import contextlib
import os
import sys


def say(text: str) -> None:
    """A line of talk, on standard error; nobody may be listening."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()


def give_up_output() -> None:
    """Nobody takes our standard output any more: what is left of it goes nowhere, and is not tried again at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
