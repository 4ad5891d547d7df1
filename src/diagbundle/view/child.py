"""Children: whatever reads the bundle runs in a process of its own, with limits, and hands its answer over through a pipe.

A bundle comes from a stranger. A search that would never end, a log that eats memory, a page of two million rows cost the child that met
them, and never the server. The server has one thread, so it may fork; a child begins with all that its parent has read so far.
"""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable, Collection
from typing import Any

from diagbundle.errors import DiagbundleError

MEMORY = 4 << 30
"""Bytes of address space that a child may have."""
_NOT_OURS = 3
"""The first descriptor that is not a standard stream."""


class Tell:
    """What a child says of its question, a line of JSON at a time: rows of the answer, and notes about it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._held: list[bytes] = []
        self._size = 0

    def row(self, row: object) -> None:
        """One more row. Rows travel some at a time."""
        self._put(["row", row])

    def note(self, **values: Any) -> None:
        """What is known by now, at once: a later value takes the place of an earlier one."""
        self._put(["note", values])
        self.flush()

    def fail(self, text: str) -> None:
        """Why there is no answer, or no more of it."""
        self._put(["fail", text])
        self.flush()

    def end(self) -> None:
        """That this was all."""
        self._put(["end", None])

    def _put(self, message: object) -> None:
        line = json.dumps(message).encode() + b"\n"
        self._held.append(line)
        self._size += len(line)
        if self._size > 1 << 15:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        write_all(self._fd, b"".join(self._held))
        self._held.clear()
        self._size = 0


Work = Callable[[Tell], None]


class Child:
    """A running child, and the end of the pipe from which its answer comes."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid, self.fd = pid, fd

    def end(self) -> None:
        """End it and all that it has started, and let go of its pipe."""
        if self.pid:
            for kill in (os.killpg, os.kill):  # it may not have made its group yet
                try:
                    kill(self.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    continue
            os.waitpid(self.pid, 0)
            os.close(self.fd)
            self.pid = 0


def ask(work: Work, keep: Collection[int], seconds: int) -> Child:
    """A child that answers in rows."""
    return spawn(lambda fd: _answer(work, fd), keep, seconds)


def spawn(work: Callable[[int], None], keep: Collection[int], seconds: int) -> Child:
    """A child that writes to a pipe. Of our descriptors it has `keep`; it may take so many seconds of a processor."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _settle({writing, *keep}, seconds)
            work(writing)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    os.set_blocking(reading, False)
    return Child(pid, reading)


def _settle(keep: Collection[int], seconds: int) -> None:
    """Away from the server: without its connections, its signals and its terminal."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(_NOT_OURS):
        os.dup2(nowhere, standard)
    for name in os.listdir("/proc/self/fd"):
        if int(name) >= _NOT_OURS and int(name) not in keep:
            try:
                os.close(int(name))
            except OSError:
                continue  # that of the listing itself
    for what, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _answer(work: Work, fd: int) -> None:
    """Bulkhead: a question that fails costs its own page."""
    tell = Tell(fd)
    try:
        work(tell)
        tell.end()
    except DiagbundleError as error:
        tell.fail(f"{error} - {error.hint}" if error.hint else str(error))
    except MemoryError:
        tell.fail(f"this needs more memory than it may have ({MEMORY >> 30} GiB)")
    except Exception as error:  # noqa: BLE001 - named in tests/test_architecture.py
        tell.fail(f"this cannot be answered: {type(error).__name__}: {error}")
    tell.flush()


def write_all(fd: int, data: bytes) -> None:
    """All of it, however little the pipe takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
