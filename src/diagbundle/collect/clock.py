"""Time limits inside a child: an alarm that interrupts waiting, never the writing of an answer."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import TypeVar

from diagbundle.errors import SourceTimeout

T = TypeVar("T")
TICK = 0.1
"""Seconds by which a source may overstay its time."""


class Stopped(BaseException):
    """The supervisor wants the child to end; not an error of any source."""


class Clock:
    """An alarm ticks all the time and ends what takes too long; SIGTERM ends the child. Both only while something is waited for.

    A tick costs less than setting an alarm for each of many thousand sources would.
    """

    def __init__(self) -> None:
        self._deadline = 0.0
        self._armed = False
        self.stopping = False
        signal.signal(signal.SIGALRM, self._tick)
        signal.signal(signal.SIGTERM, self._stop)
        signal.setitimer(signal.ITIMER_REAL, TICK, TICK)

    def _tick(self, _signal: int, _frame: FrameType | None) -> None:
        if self._armed and time.monotonic() > self._deadline:
            self._armed = False
            raise SourceTimeout("it did not answer in time")

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True
        if self._armed:
            self._armed = False
            raise Stopped

    def limit(self, seconds: float) -> Clock:
        """`with clock.limit(5):` what stands inside may take so long. Raises `SourceTimeout`."""
        self._deadline = time.monotonic() + seconds
        return self

    def __enter__(self) -> None:
        """From here on it may be interrupted."""
        if self.stopping:
            raise Stopped
        self._armed = True

    def __exit__(self, *_error: object) -> None:
        """Not any more."""
        self._armed = False

    def each(self, items: Iterator[T], seconds: float, *, total: bool) -> Iterator[T]:
        """The items, with a limit for all of them together or for each one. Raises `SourceTimeout`."""
        ends = time.monotonic() + seconds
        while True:
            try:
                with self.limit(ends - time.monotonic() if total else seconds):
                    item = next(items)
            except StopIteration:
                return
            yield item
