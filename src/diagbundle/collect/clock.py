"""Time limits inside a child: an alarm that interrupts waiting, never the writing of an answer."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

from diagbundle.collect.manners import waited
from diagbundle.errors import SourceTimeout

T = TypeVar("T")
TICK = 0.1
"""Seconds by which a source may overstay its time."""
AGAIN = 1.5
"""Seconds after which code that went on in spite of the alarm is told again."""


class Stopped(BaseException):
    """The supervisor wants the child to end; not an error of any source."""


class _Overdue(BaseException):
    """Time is over. Becomes `SourceTimeout` where the clock's block ends: until there, nobody's `except` for errors of sources takes it."""


class Clock:
    """An alarm ticks all the time and ends what takes too long; SIGTERM ends the child. Both only while something is waited for.

    A tick costs less than setting an alarm for each of many thousand sources would.
    """

    def __init__(
        self,
        seconds: float = math.inf,
        orphaned: Callable[[], bool] = lambda: False,
        starved: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._orphaned = orphaned
        """Whether whoever waits for our answers is gone: then we end, wherever we are."""
        self._starved = starved
        """Told of seconds in which there was no processor for us: they are held against no source."""
        self._waited = waited()
        self._until = time.monotonic() + seconds
        """When the time for all sources together is over."""
        self._deadline = 0.0
        self._armed = False
        self.stopping = False
        signal.signal(signal.SIGALRM, self._tick)
        signal.signal(signal.SIGTERM, self._stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM, signal.SIGTERM})  # whoever started us may have blocked them
        signal.setitimer(signal.ITIMER_REAL, TICK, TICK)

    def _tick(self, _signal: int, frame: FrameType | None) -> None:
        if self._orphaned():
            raise Stopped
        if (starved := waited() - self._waited) > TICK:
            self._waited += starved
            self._deadline += starved
            self._starved(starved)
        if not self._armed or _at_border(frame):
            return
        if self.stopping:
            self._armed = False
            raise Stopped
        if (now := time.monotonic()) > self._deadline:
            self._deadline = now + AGAIN
            raise _Overdue

    def _stop(self, signal_number: int, frame: FrameType | None) -> None:
        self.stopping = True
        self._tick(signal_number, frame)

    def limit(self, seconds: float) -> Clock:
        """`with clock.limit(5):` what stands inside may take so long. Raises `SourceTimeout`."""
        self._deadline = min(self._until, time.monotonic() + seconds)
        return self

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """What stands inside is not interrupted; the next tick comes soon enough."""
        armed, self._armed = self._armed, False
        try:
            yield
        finally:
            self._armed = armed

    def check(self) -> None:
        """Raises `Stopped` if the child is to end: for long work that is not waiting."""
        if self.stopping:
            raise Stopped

    def __enter__(self) -> None:
        """From here on it may be interrupted."""
        self.check()
        if time.monotonic() > self._until:
            raise SourceTimeout("the time of its collector was over")
        self._armed = True

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Not any more."""
        self._armed = False
        if isinstance(error, _Overdue):
            raise SourceTimeout("it did not answer in time") from None

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


def _at_border(frame: FrameType | None) -> bool:
    """Whether a block is just being entered or left: what is raised there would not be seen as raised in it."""
    return frame is not None and frame.f_code in (Clock.__enter__.__code__, Clock.__exit__.__code__)
