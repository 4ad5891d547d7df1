"""A second pair of eyes. Whoever writes the bundle may get stuck in the kernel on a disk that no longer answers, and cannot say so then."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import struct
import time
from collections.abc import Callable

from diagbundle.collect.manners import state

SAY_AFTER = 30.0
"""Seconds without a sign of life after which the admin is told."""
GIVE_UP = 300.0
"""Seconds without one after which the run is given up; so long may a slow disk take to write what it was given."""
PATIENCE = 8.0
"""The same, where the admin wants it to end: an interrupted run is sealed within 5 s."""
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
FAILED = 1
SPARE = 5
"""Processes that must be to be had: readers, what they run, and one that listens."""
_TIME = struct.Struct("<d")


class Guard:
    """Shared by two processes: the one that works gives signs of life, the other one listens for them."""

    def __init__(self, say: Callable[[str], None], where: str) -> None:
        self._say, self._where = say, where
        self._memory = mmap.mmap(-1, _TIME.size)
        self._listener = 0
        self.alive()

    def alive(self) -> None:
        """A sign of life. Ends us as SIGKILL would where that has ended whoever listens."""
        if self._listener not in (0, os.getppid()):
            os.kill(os.getpid(), signal.SIGKILL)
        _TIME.pack_into(self._memory, 0, time.monotonic())

    def run(self, work: Callable[[], int]) -> int:
        """The exit code of the work, which is done in a child: both processes come back from here with it."""
        if not _spare():
            return work()
        awaited = ENDING | {signal.SIGCHLD}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
        listener = os.getpid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever started us may ignore it: then nobody would know how a child ended
        child = os.fork()
        if child == 0:
            self._listener = listener
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return work()
        return self._listen(child, awaited)

    def _listen(self, child: int, awaited: set[signal.Signals]) -> int:
        told, until = False, float("inf")
        while True:
            got = signal.sigtimedwait(awaited, 1.0)
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return self._ended(os.waitstatus_to_exitcode(status))
            silent = time.monotonic() - _TIME.unpack_from(self._memory)[0]
            if got and got.si_signo in ENDING:
                os.kill(child, got.si_signo)
                until = min(until, time.monotonic() + PATIENCE)
            if silent > SAY_AFTER and not told:
                self._say(f"It has not answered for {silent:.0f} s, and is waited for (Ctrl-C ends it): {self._where}")
                told = True
            patience = PATIENCE if time.monotonic() > until else GIVE_UP
            if silent > patience and state(child) == "D":  # a busy host, or one that was suspended, is no dead disk
                return self._give_up(child, silent)

    def _ended(self, code: int) -> int:
        """The exit code of a child that ended so. One that was killed could not say anything."""
        if code >= 0:
            return code
        self._say(f"diagbundle: the collection was killed (signal {-code}): {self._where}")
        self._say("hint: `diagbundle salvage` gets out of the unfinished file beside it, NAME.part, what is whole")
        return 128 - code

    def _give_up(self, child: int, silent: float) -> int:
        """The child is told to go; if it is stuck in the kernel, that is when the disk answers again."""
        os.kill(child, signal.SIGKILL)
        self._say(f"diagbundle: the place of the bundle has not answered for {silent:.0f} s: {self._where}")
        self._say(f"hint: write to another one with --output; process {child} may be stuck until that disk answers")
        return FAILED


def _spare() -> bool:
    """Whether the host has processes to spare: where they are short, those there are are for reading, and nobody listens."""
    children = []
    try:
        for _ in range(SPARE):
            if not (child := os.fork()):
                signal.pause()
            children.append(child)
    except OSError:
        return False
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
    return True
