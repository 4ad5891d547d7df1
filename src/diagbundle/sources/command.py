"""Run one program on a host that may be sick: fixed environment, no shell, no terminal, ends on time, leaves nothing behind."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from diagbundle.errors import DEAF, SourceAbsent, SourceDenied, SourceFailed, SourceTimeout
from diagbundle.model import Answer, Command, Outcome
from diagbundle.sources.hung import SHORT, Hung

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin:/var/lib/rancher/rke2/bin:/opt/cni/bin"
ENVIRONMENT = {
    "PATH": PATH, "LC_ALL": "C", "LANG": "C", "TZ": "UTC", "TERM": "dumb", "PAGER": "cat", "SYSTEMD_PAGER": "cat", "SYSTEMD_COLORS": "0",
    "LVM_SUPPRESS_FD_WARNINGS": "1", "NSTAT_HISTORY": "/dev/null", "DEBIAN_FRONTEND": "noninteractive", "COLUMNS": "240",
}  # fmt: skip
MARK = "DIAGBUNDLE_RUN"
"""In the environment of everything that we start: by this, what got away from its process group is found."""
STDERR_KEPT = 256 << 10
STDERR_MOST = 64 << 20
"""Bytes of errors after which a program is ended: nobody reads them, and taking them costs the host."""
LINGER = 0.5
"""Seconds that are waited for the output's end after the program has ended: something else may hold the pipe."""
NO_MORE = "no more processes may be started by this user (`ulimit -u`) or in its control group"
_CHUNK = 1 << 18
_SET_PIPE_SIZE = 1031
_HELD = 16 << 20


@dataclass
class Settings:
    """What the runs of one collection share."""

    mark: str = "0"
    home: str = "/"
    on_group: Callable[[int], None] = lambda _group: None
    """Told the process group that runs now, 0 when it has ended: whoever must kill us can kill that, too."""
    hung: Hung = field(default_factory=Hung)
    whole: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    """Around what must not be interrupted half-way: a program of which nobody knows is ended by nobody."""


class Running:
    """One run. Iterate `chunks` to its end, then look at `exit`, `stderr`, `outcome` and `reason`."""

    def __init__(self, command: Command, settings: Settings) -> None:
        self.command = command
        self.settings = settings
        self.exit: int | None = None
        self.stderr = b""
        """What it said on standard error, as far as it is kept; `stderr_size` is how long it was."""
        self.stderr_size = 0
        self.outcome = Outcome.COLLECTED
        self.reason = ""

    def chunks(self) -> Generator[bytes]:
        """Standard output as it comes. Raises `SourceError` if the program cannot be started."""
        silence = self.settings.hung.patience(self.command.argv[0], self.command.timeout)
        if not silence:
            raise SourceTimeout(f"not asked again: {self.command.argv[0]} did not end in time{DEAF}")
        kept = 0
        process = None
        try:
            with self.settings.whole():
                process = self._start()
            deadline = time.monotonic() + self.command.timeout
            for chunk in self._read(process, deadline, silence):
                if self.command.limit and kept + len(chunk) > self.command.limit:
                    yield chunk[: self.command.limit - kept]
                    self._ended_early(Outcome.PARTIAL, f"its output was cut at {self.command.limit:,} bytes")
                    break
                kept += len(chunk)
                yield chunk
        finally:
            if process:
                self._end(process)
        if self.outcome is Outcome.TIMEOUT and kept:
            self._ended_early(Outcome.PARTIAL, f"{self.reason}; what it said until then was kept")

    def _start(self) -> subprocess.Popen[bytes]:
        nothing, closed = os.pipe()
        os.close(closed)
        environment = ENVIRONMENT | {"HOME": self.settings.home, MARK: self.settings.mark}
        try:
            process = subprocess.Popen(
                [find(self.command.argv[0]), *self.command.argv[1:]], stdin=nothing, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if self.command.both else subprocess.PIPE,
                cwd="/", env=environment, process_group=0, bufsize=0,
            )  # fmt: skip
        except OSError as error:
            limit = f": {NO_MORE}" if error.errno == errno.EAGAIN else ""
            raise SourceFailed(f"{self.command.argv[0]} could not be started: {error.strerror or error}{limit}") from None
        except ValueError:
            raise SourceFailed(f"{self.command.argv[0]} could not be started: a NUL byte in its words") from None
        finally:
            os.close(nothing)
        self.settings.on_group(process.pid)
        return process

    def _read(self, process: subprocess.Popen[bytes], deadline: float, silence: float) -> Iterator[bytes]:
        """Chunks of standard output; standard error is kept aside. Until their end, the deadline, or so many seconds without a byte."""
        pipes = [pipe.fileno() for pipe in (process.stdout, process.stderr) if pipe]
        out = pipes[0]
        with selectors.DefaultSelector() as ready:
            for pipe in pipes:
                with contextlib.suppress(OSError):
                    fcntl.fcntl(pipe, _SET_PIPE_SIZE, 1 << 20)
                ready.register(pipe, selectors.EVENT_READ)
            ended, heard = 0.0, time.monotonic()
            while ready.get_map():
                now = time.monotonic()
                if now >= min(deadline, heard + silence):
                    return self._late(now - heard, given_up=now < deadline)
                if not ended and process.poll() is not None:
                    ended = now
                if ended and now - ended >= LINGER:
                    return self._ended_early(
                        Outcome.PARTIAL, "it ended, but something that it had started held its output open, and was ended"
                    )
                for key, _ in ready.select(min(deadline - now, 0.05 if ended else 0.2)):
                    if not (chunk := os.read(key.fd, _CHUNK)):
                        ready.unregister(key.fd)
                    elif key.fd == out:
                        yield chunk
                    elif not self._complaint(chunk):
                        return None
                    heard = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, min(deadline, heard + silence) - time.monotonic()))
            return None
        return self._late(time.monotonic() - heard, given_up=time.monotonic() < deadline)

    def _complaint(self, chunk: bytes) -> bool:
        """Standard error: its beginning is kept. Whether there may be more of it."""
        self.stderr += chunk[: STDERR_KEPT - len(self.stderr)]
        self.stderr_size += len(chunk)
        if self.stderr_size > STDERR_MOST:
            self._ended_early(Outcome.PARTIAL, f"it was ended after {STDERR_MOST:,} bytes on standard error")
        return self.stderr_size <= STDERR_MOST

    def _late(self, silent: float, *, given_up: bool) -> None:
        """Its time is over. Who said nothing for a while hangs; who is still speaking is only slow."""
        limit = self.command.timeout
        if silent > min(limit / 2, SHORT - 1):
            self.settings.hung.add(self.command.argv[0])
        nothing = f"it said nothing for {silent:.0f} s, and programs hang on this host"
        self._ended_early(Outcome.TIMEOUT, nothing if given_up else f"it did not end within {limit:g} s")

    def _ended_early(self, outcome: Outcome, reason: str) -> None:
        self.outcome, self.reason = outcome, reason

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Whatever is left of the group goes; a process stuck in the kernel is left behind."""
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        self.exit = process.returncode
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
        self.settings.on_group(0)


def find(name: str) -> str:
    """The program's file, in fixed folders only. Raises `SourceAbsent`, or `SourceDenied` where it may not be run."""
    candidates = [name] if "/" in name else [f"{folder}/{name}" for folder in PATH.split(":")]
    there = [path for path in candidates if os.path.isfile(path)]
    if not there:
        raise SourceAbsent(f"{name} is not installed")
    for path in there:
        if os.access(path, os.X_OK):
            return path
    raise SourceDenied(f"{there[0]} may not be run")


def run_held(command: Command, settings: Settings) -> Answer:
    """The whole answer in memory, at most 16 MiB of it: for collectors that look before they ask."""
    running = Running(command, settings)
    kept: list[bytes] = []
    size = 0
    try:
        with contextlib.closing(running.chunks()) as chunks:
            for chunk in chunks:
                kept.append(chunk)
                size += len(chunk)
                if size > _HELD:
                    running.outcome, running.reason = Outcome.PARTIAL, f"its output was cut at {_HELD:,} bytes"
                    break
    except (SourceAbsent, SourceDenied, SourceFailed) as error:
        return Answer(command.argv, error.outcome, reason=str(error))
    return Answer(command.argv, running.outcome, b"".join(kept), running.exit, running.stderr, running.reason)
