"""Real collections in processes of their own, ended by signals; and what they leave: processes, files, members of a bundle.

As a program (`python killing.py POINT SIGNAL WORDS...`) it is `diagbundle` that gets a signal at an exact point of its way to a sealed file.
"""

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import zstandard

from diagbundle.bundle.headers import Header
from diagbundle.bundle.salvage import salvage
from diagbundle.errors import FormatError

PROGRAM = [sys.executable, "-m", "diagbundle"]
PIECE = 1 << 20
PATIENCE = 120.0
"""Seconds after which a run that was told to end is a fault, whatever the machine is busy with."""
POINTS = {
    "the file is made": ("open", ".part", "after"),
    "it is written out": ("fsync", "", "before"),
    "it is read back": ("posix_fadvise", "", "after"),
    "it is about to get its name": ("link", ".part", "before"),
    "it has two names": ("link", ".part", "after"),
    "it has its name": ("unlink", ".part", "after"),
    "the checksum beside it is begun": ("open", ".sha256", "after"),
}
"""Functions of `os`, how their first argument ends, and whether the signal comes before or after the call."""


class Run:
    """One collection under way, with `out` as the folder of its bundle. `started` is monotonic."""

    def __init__(self, out: Path, *words: str, program: list[str] = PROGRAM) -> None:
        out.mkdir(exist_ok=True)
        self.out, self.talk = out, out.parent / f"talk-{uuid.uuid4()}"
        self.mark = f"KILLING={self.talk.name}"
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "DIAGBUNDLE_SAMPLE_INTERVAL": "1s", "KILLING": self.talk.name}
        with self.talk.open("wb") as talk:
            self.process = subprocess.Popen(
                [*program, "collect", "--yes", "-o", str(out), *words],
                cwd=out.parent, stdin=subprocess.DEVNULL, stdout=talk, stderr=talk, env=environment, start_new_session=True,
            )  # fmt: skip
        self.started = time.monotonic()

    @property
    def said(self) -> str:
        """All its talk so far."""
        return self.talk.read_text(errors="replace")

    def until(self, seconds: float) -> None:
        """Wait until so long after the start, or until it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, self.started + seconds - time.monotonic()))

    def runs(self, command: str) -> int:
        """Wait for a command of it; its number."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            for pid, words in self.processes().items():
                if words.endswith(command):
                    return pid
            time.sleep(0.02)
        raise AssertionError(f"it never ran {command}:\n{self.said}")

    def ends(self) -> int:
        """Its exit. A run that does not end is a fault, and is removed."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end; these are alive: {self.processes()}\n{self.said}") from None
        finally:
            if self.process.poll() is None:
                self.remove()

    def end(self, *numbers: int, pause: float = 0.0, whom: str = "itself") -> float:
        """Send the signals to it, its `group`, or `all` of its processes. Seconds from the first one to its end.

        Of these, the time does not count in which it was ready to go on and the machine had no processor for it: it is the
        last in line on purpose, and beside other tests that line may be long.
        """
        began, starved = time.monotonic(), self._starved()
        for index, number in enumerate(numbers):
            time.sleep(pause if index else 0.0)
            for pid in self.processes() if whom == "all" else [self.process.pid] if self.process.poll() is None else []:
                with suppress(ProcessLookupError):
                    (os.killpg if whom == "group" else os.kill)(pid, number)
        last = starved
        while self.process.poll() is None and time.monotonic() - began < PATIENCE:
            last = last | self._starved()
            time.sleep(0.05)
        seconds = time.monotonic() - began
        self.ends()
        return seconds - max((waited - starved.get(pid, 0.0) for pid, waited in last.items()), default=0.0)

    def _starved(self) -> dict[int, float]:
        """Seconds that its main processes, those of its session, have waited for a processor so far."""
        found = {}
        for pid in self.processes():
            with suppress(OSError, IndexError):  # it has just ended, or the kernel does not count this
                if os.getsid(pid) == self.process.pid:
                    found[pid] = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
        return found

    def processes(self) -> dict[int, str]:
        """All that belongs to it and is alive, by number: itself, its children, and what these have started."""
        marks = (f"\0{self.mark}\0".encode(), b"\0DIAGBUNDLE_RUN=%d-" % self.process.pid)
        found = {}
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            with suppress(OSError):  # it has just ended, or is another user's
                environment = b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
                if any(mark in environment for mark in marks):
                    found[int(pid)] = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ").strip()
        return found

    def left(self, seconds: float = 0.0) -> dict[int, str]:
        """Processes that are still there after so long."""
        ends = time.monotonic() + seconds
        while (found := self.processes()) and time.monotonic() < ends:
            time.sleep(0.05)
        return found

    def remove(self) -> None:
        """Whatever is left of it."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


def plain_members(path: Path) -> dict[str, str]:
    """Name and checksum of every whole member that plain zstd and tar find, from the beginning to where they can go no further."""
    found = {}
    with path.open("rb") as file, suppress(tarfile.ReadError, zstandard.ZstdError):
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        with tarfile.open(fileobj=stream, mode="r|", bufsize=512) as tar:
            for member in tar:
                content, sha = tar.extractfile(member), hashlib.sha256()
                while content and (piece := content.read(PIECE)):
                    sha.update(piece)
                found[member.name.partition("/")[2]] = sha.hexdigest()
    return found


class _Checksums:
    """A sink of `salvage` that keeps name and checksum of what is whole."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def begin(self, header: Header) -> bool:
        self._name, self._sha = header.name.partition(b"/")[2].decode("utf-8", "surrogateescape"), hashlib.sha256()
        return True

    def data(self, piece: bytes) -> None:
        self._sha.update(piece)

    def finish(self) -> None:
        self.found[self._name] = self._sha.hexdigest()

    def drop(self) -> None:
        pass


def salvaged_members(path: Path) -> dict[str, str]:
    """The same, as `diagbundle salvage` finds them; none in a file into which nothing was written yet."""
    sink = _Checksums()
    with suppress(FormatError):
        salvage(str(path), sink)
    return sink.found


def _strike(point: str, number: int) -> None:
    """Let the signal come at the point."""
    name, ending, when = POINTS[point]
    real = getattr(os, name)

    def struck(*words: Any, **more: Any) -> Any:
        meant = str(words[0]).endswith(ending)
        if meant and when == "before":
            os.kill(os.getpid(), number)
        answer = real(*words, **more)
        if meant and when == "after":
            os.kill(os.getpid(), number)
        return answer

    setattr(os, name, struck)


if __name__ == "__main__":
    from diagbundle.cli.main import main

    _strike(sys.argv[1], int(sys.argv[2]))
    sys.argv[1:] = sys.argv[3:]
    main()
