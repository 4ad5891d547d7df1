"""Nothing that was started for a collection stays behind."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from diagbundle.collect.identity import ask_or_do
from diagbundle.collect.manners import state
from diagbundle.sources.command import MARK

_START_TIME = 19
"""Place of the time at which a process began in /proc/PID/stat, counted from behind its name; proc(5), field 22."""
_PARENT = 1
GONE_WITHIN = 1.0
SECONDS = 10.0
"""For the look at all processes."""


def sweep(mark: str) -> list[tuple[int, str, bool]]:
    """End what a command, or a collector's code, has left running, away from its process group.

    What was started carries the mark in its environment; what was only forked shares memory with us. What has cleaned its
    environment and left its session is not found: to guess would be worse.
    Returns number, name, and whether it could be ended.
    """
    main = os.getpid()
    found: list[tuple[int, str]] = [(pid, name) for pid, name in ask_or_do(lambda: _ours(mark, main), SECONDS) or []]
    for pid, _ in found:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_WITHIN
    while any(_is_there(pid) for pid, _ in found) and time.monotonic() < deadline:
        time.sleep(0.01)
    return [(pid, name, not _is_there(pid)) for pid, name in found]


def _ours(mark: str, main: int) -> list[tuple[int, str]]:
    """Processes that belong to this run, and their names. A child asks this: a sick process may not let anybody look at it."""
    word, shared, (_, since, guard) = f"{MARK}={mark}".encode(), _shared(main), _stat(main)
    found = []
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        with contextlib.suppress(OSError, ValueError, IndexError):
            name, began, parent = _stat(pid)
            related = pid in (main, guard, os.getpid()) or parent == main
            if began >= since and not related and (word in _environment(pid) or shared & _shared(pid)):
                found.append((pid, name))
    return found


def _environment(pid: int) -> list[bytes]:
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read().split(b"\0")


def _shared(pid: int) -> set[bytes]:
    """Inodes of memory without a name that a process shares with those that it was forked from."""
    with open(f"/proc/{pid}/maps", "rb") as file:
        return {line.split()[4] for line in file if line.rstrip().endswith(b"/dev/zero (deleted)")}


def _stat(pid: int) -> tuple[str, int, int]:
    """Name of a process, when it began (in clock ticks since the boot), and its parent."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        head, _, rest = file.read().rpartition(b")")
    fields = rest.split()
    return head.partition(b"(")[2].decode("utf-8", "backslashreplace"), int(fields[_START_TIME]), int(fields[_PARENT])


def _is_there(pid: int) -> bool:
    """Whether it is, and is not merely waiting to be taken note of."""
    return state(pid) not in ("", "Z", "X")
