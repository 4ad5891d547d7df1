"""A folder for what nobody else is to read."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def private_folder(beside: str = "") -> Iterator[str]:
    """A folder that nobody else can enter: in this one, where that can be had. It goes away, also where a closed terminal ends us."""
    before = {
        number: signal.signal(number, _end) for number in (signal.SIGHUP, signal.SIGTERM) if signal.getsignal(number) is signal.SIG_DFL
    }
    try:
        with _made(beside) as folder:
            yield folder
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    """End in order, with the exit status that a shell gives for the signal."""
    sys.exit(128 + number)


def _made(beside: str) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix=".diagbundle-" if beside else "diagbundle-", dir=beside or None)
    except OSError:
        return tempfile.TemporaryDirectory(prefix="diagbundle-")
