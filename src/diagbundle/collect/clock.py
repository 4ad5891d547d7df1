"""Time limits inside a child: an alarm that interrupts waiting, never the writing of an answer."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from diagbundle.errors import SourceTimeout

T = TypeVar("T")


class Stopped(BaseException):
    """The supervisor wants the child to end; not an error of any source."""


class Clock:
    """SIGALRM ends what takes too long, SIGTERM ends the child; both only while something of the host is waited for."""

    def __init__(self) -> None:
        self._armed = False
        self.stopping = False
        self.ends = float("inf")
        """Monotonic time at which the collector's own time is over."""
        signal.signal(signal.SIGALRM, self._alarm)
        signal.signal(signal.SIGTERM, self._stop)

    def _alarm(self, _signal: int, _frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            raise SourceTimeout("it did not answer in time")

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True
        if self._armed:
            self._armed = False
            raise Stopped

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """What stands inside may take so long. Raises `SourceTimeout`."""
        if self.stopping:
            raise Stopped
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), 0.25)  # again and again: a handler may run too early
        try:
            yield
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def each(self, items: Iterator[T], seconds: float, *, total: bool) -> Iterator[T]:
        """The items, with a limit for all of them together or for each one. Raises `SourceTimeout`."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic() if total else seconds
            try:
                with self.limit(left):
                    item = next(items)
            except StopIteration:
                return
            yield item
