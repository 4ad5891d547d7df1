"""Jobs: questions that are under way or answered. A page waits for a moment, shows what is known, and asks again."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Collection, Hashable
from typing import Any

from diagbundle.view.child import Child, Work, ask

MOST_ROWS = 10_000
"""Rows of an answer that are kept."""
MOST_BYTES = 24 << 20
"""Bytes of an answer that are kept, as they came."""
RUNNING = 4
"""Jobs that run at once; who asks for one more ends the oldest."""
KEPT = 24
"""Jobs whose answers are kept."""
ENDED = "it was ended for another question; reload the page to ask again"
_PIECE = 1 << 18


class Known(dict[str, Any]):
    """What is known by name; None is not known."""

    def __missing__(self, name: str) -> None:
        return None


class Job:
    """One question, and what is known of its answer."""

    def __init__(self, child: Child, seconds: float) -> None:
        self._child = child
        self.rows: list[Any] = []
        self.notes = Known()
        self.failure = ""
        """Why there is no answer."""
        self.cut = ""
        """Why there is no more of it."""
        self.running = True
        self._seconds = seconds
        self._started = time.monotonic()
        self._took = 0.0
        self._size = 0
        self._ended = False
        self._rest = b""
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(child.fd, self._read)
        self._timer = self._loop.call_later(seconds, self._late)

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return time.monotonic() - self._started if self.running else self._took

    async def wait(self, seconds: float, enough: Callable[[Job], bool] = lambda _: False) -> None:
        """Until it is answered, `enough` is known, or so much time has passed."""
        end = time.monotonic() + seconds
        while self.running and not enough(self) and (left := end - time.monotonic()) > 0:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return

    def stop(self, why: str = "") -> None:
        """End it; what it has said stays."""
        if self.running:
            self.cut = self.cut or why
            self._loop.remove_reader(self._child.fd)
            self._timer.cancel()
            self._child.end()
            self._took = time.monotonic() - self._started
            self.running = False
        self._changed.set()

    def _late(self) -> None:
        self.stop(f"it was stopped after {self._seconds:.0f} s")

    def _read(self) -> None:
        try:
            data = os.read(self._child.fd, _PIECE)
        except BlockingIOError:
            return
        if not data:
            if not (self._ended or self.failure):
                self.failure = "its process was ended: it took too much time or memory"
            self.stop()
            return
        self._size += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(*json.loads(line))
        if self._size > MOST_BYTES or len(self.rows) > MOST_ROWS:
            del self.rows[MOST_ROWS:]
            self.stop(f"there are more; these are the first {len(self.rows):,}")
        self._changed.set()

    def _take(self, kind: str, value: Any) -> None:
        if kind == "row":
            self.rows.append(value)
        elif kind == "note":
            self.notes.update(value)
        elif kind == "fail":
            self.failure = value
        else:
            self._ended = True


class Jobs:
    """All questions, by what is asked."""

    def __init__(self, keep: Collection[int]) -> None:
        self._keep = keep
        self._jobs: dict[Hashable, Job] = {}

    def ask(self, key: Hashable, work: Work, seconds: int) -> Job:
        """The job that answers this; a new one, if nobody has asked yet. A failed one is asked anew."""
        job = self._jobs.pop(key, None)
        if job is None or job.failure or job.cut == ENDED:
            self._make_room()
            job = Job(ask(work, self._keep, seconds), seconds)
        self._jobs[key] = job  # the one last asked for stands last
        return job

    def _make_room(self) -> None:
        running = [job for job in self._jobs.values() if job.running]
        for job in running[: max(0, len(running) + 1 - RUNNING)]:
            job.stop(ENDED)
        done = [key for key, job in self._jobs.items() if not job.running]
        for key in done[: max(0, len(self._jobs) + 1 - KEPT)]:
            del self._jobs[key]

    def end(self) -> None:
        """End all."""
        for job in self._jobs.values():
            job.stop()
        self._jobs.clear()
