"""A child process of the supervisor: begun, listened to, ended; left behind where even SIGKILL does not end it."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import signal
import time
from collections import deque
from dataclasses import dataclass, field

from diagbundle.bundle.pack import Frame, Member
from diagbundle.collect.child import Child
from diagbundle.collect.job import Job, World
from diagbundle.collect.manners import be_polite, hurry, speak_alone, state
from diagbundle.collect.wire import Received, Sender, Slot, let_go
from diagbundle.model import Stage

KILL_GRACE = 1.0
"""Seconds in which a killed child must be gone, or it is stuck in the kernel."""
STARVED = 10.0
"""The same for one that is not stuck: it lacks processor time."""
STOPPED, GONE = 3, 255
"""Exit status of a child that was told to end before it was done, and of one whose status nobody knows."""
PIPE_SIZE = 1 << 20
_SET_PIPE_SIZE = 1031


@dataclass
class Worker:
    """A child and what is known of it."""

    job: Job
    pid: int
    pipe: int
    slot: Slot
    received: Received
    until: float
    """Monotonic time at which the job's own time is over."""
    waiting: deque[Frame] = field(default_factory=deque)
    waiting_bytes: int = 0
    done: set[str] = field(default_factory=set)
    """Keys of the sources of which there is a row in the bundle."""
    heard: float = 0.0
    ended: bool = False
    """Whether its pipe is closed."""
    finished: bool = False
    """Whether it said that it came to its end."""
    fault: str = ""
    """What is wrong with what it sent."""
    listening: bool = False
    restarts: int = 0
    kept_waiting: float = 0.0
    """Since when it is not listened to, because another child has the output."""
    hung_at: str = ""
    """What it was at when it was killed for not answering."""
    read: int = 0
    """Bytes of the members that it has handed over."""
    dropping: bool = False
    """Whether the rest of its large member is thrown away, because the output has no room for it."""
    starving: tuple[float, float] = (0.0, 0.0)
    """When it was seen to be late and to wait for a processor, and how long it had waited in its life until then."""
    renamed: Member = field(default_factory=dict)
    """What changes in the row of the large member under way, because another child took its name meanwhile."""

    def kill(self) -> None:
        """The child, all that is in its session's group, then the command it ran: in this order it cannot start another one."""
        kill_group(self.pid)
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        hurry(self.pid)
        kill_group(self.slot.read().group)

    def reap(self) -> int | None:
        """Exit status; None where it cannot be had: the child is stuck in the kernel, and left behind."""
        deadline = time.monotonic() + KILL_GRACE
        hurry(self.pid)
        while True:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody had SIGCHLD ignored when we were started: the kernel has reaped it
                return GONE
            if pid:
                kill_group(self.pid)  # copies of itself that it has left there
                return os.waitstatus_to_exitcode(status)
            now = time.monotonic()
            if now > deadline and (state(self.pid) == "D" or now > deadline + STARVED):
                return None
            time.sleep(0.005)

    def close(self) -> None:
        """Give its pipe and its slot back."""
        os.close(self.pipe)
        self.slot.close()


def begin(job: Job, world: World) -> Worker:
    """Start a child on a job. Raises OSError where no process can be had."""
    slot, word = Slot(), time.time_ns().to_bytes(8, "little")
    read, write = os.pipe2(os.O_CLOEXEC)
    with contextlib.suppress(OSError):
        fcntl.fcntl(read, _SET_PIPE_SIZE, PIPE_SIZE)
    slot.at(f"collector:{job.collector.name}", job.timeout)
    try:
        pid = os.fork()
    except OSError:
        os.close(read)
        os.close(write)
        slot.close()
        raise
    if pid == 0:
        _be_child(job, world, slot, write, word)
    os.close(write)
    now = time.monotonic()
    return Worker(job, pid, read, slot, Received(word), now + job.timeout, heard=now)


def _be_child(job: Job, world: World, slot: Slot, write: int, word: bytes) -> None:
    """Never returns: whatever happens, the child ends here."""
    code = 1
    gc.freeze()  # here and not before the fork: looking for garbage copies no shared page, and the parent still finds its own
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.setsid()
        be_polite(last=job.phase == Stage.LOGS)
        write = let_go(write)
        speak_alone(write)
        done = Child(job, world, Sender(write, slot, word), slot).serve()
        code = 0 if done else STOPPED
    finally:
        kill_group(slot.read().group)  # the command under way, where we end before it
        os._exit(code)


def kill_group(group: int) -> None:
    """SIGKILL to a process group, if there is one."""
    if group > 1:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
