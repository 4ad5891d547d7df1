"""How a guest behaves: last in line for the processor."""

from __future__ import annotations

import contextlib
import os

LAST = 14
"""How much nicer a reader of logs is than the others."""


def be_polite(*, last: bool = False) -> None:
    """Behind whoever has work to do for others. What may take long comes last of all; short questions must be answered on a busy host, too.

    A session is a group of its own for the scheduler (autogroup), which begins at nice 0, whatever the nice of its processes.
    """
    with contextlib.suppress(OSError):
        nice = os.nice(LAST if last else 0)
        _write("/proc/self/autogroup", str(nice))


def never_fork() -> None:
    """Copies of this process end at once: whoever is only asked something has no need of them."""
    os.register_at_fork(after_in_child=lambda: os._exit(1))


def speak_alone(pipe: int) -> None:
    """What this process forks from here on cannot write into its pipe: copies of it would answer a second time, and hold it open."""
    os.register_at_fork(after_in_child=lambda: os.close(pipe))


def hurry(pid: int) -> None:
    """A process that is to end now is not behind others any more: on a busy host it would take seconds to die."""
    with contextlib.suppress(OSError):  # only root may
        os.setpriority(os.PRIO_PROCESS, pid, 0)
    with contextlib.suppress(OSError):
        _write(f"/proc/{pid}/autogroup", "0")


def state(pid: int) -> str:
    """`D`: in the kernel, where no signal reaches it; `R`: at work, or waiting for a processor; see proc(5). '' where it is gone."""
    try:
        return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""


def waited(pid: int | str = "self") -> float:
    """Seconds in which a process has waited for a processor since it began, also for its quota; 0 where the kernel does not count."""
    try:
        return int(_read(f"/proc/{pid}/schedstat").split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _read(path: str) -> bytes:
    """A small file of the kernel's. Without Python's layers: this is done by each of many short-lived processes."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 4096)
    finally:
        os.close(file)


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)
