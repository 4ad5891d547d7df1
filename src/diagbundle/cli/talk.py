"""Talk goes to standard error, data to standard output."""

from __future__ import annotations

import contextlib
import os
import sys

from diagbundle import carried
from diagbundle.bundle.escape import shown

WIDTH = 78


def say(text: str) -> None:
    """A line of talk, on standard error; nobody may be listening."""
    text = named(text)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()


def named(text: str) -> str:
    """The same, with the commands that stand in it as the reader can type them: a kit has a name of its own."""
    return text.replace("`diagbundle ", f"`{carried.program_name()} ")


def vendor_says(title: str, text: str) -> list[str]:
    """A text of a product's vendor in lines, and whose it is: he speaks to his customer, and not we."""
    import textwrap  # most programs carry no text

    lines = [part for line in text.strip().split("\n") for part in textwrap.wrap(shown(line), WIDTH - 2) or [""]]
    return [f"{shown(title)} says:", *(f"  {line}".rstrip() for line in lines)]


def give_up_output() -> None:
    """Nobody takes our standard output any more: what is left of it goes nowhere, and is not tried again at exit."""
    _to_nowhere(1)


def give_up_talk() -> None:
    """What standard error does not take is not tried again at exit, where that would change the exit status."""
    try:
        sys.stderr.flush()
    except OSError:
        _to_nowhere(2)


def _to_nowhere(descriptor: int) -> None:
    """What is written to it from now on is lost; where even /dev/null is missing, it stays as it is."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
