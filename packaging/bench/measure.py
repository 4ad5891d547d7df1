"""Runs a command and measures all of its processes together: time, CPU, memory, bytes written beside the output."""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

PERIOD = 0.05  # seconds between two looks at the memory
BLOCK = 512  # unit of ru_oublock
PR_SET_CHILD_SUBREAPER = 36
OK = 0


@dataclass(frozen=True)
class Cost:
    """What a run cost. Times in seconds, sizes in bytes."""

    wall: float
    cpu: float
    written: int  # by all processes to disk, from the kernel's accounts; the output is among it
    status: int
    talk: str


@dataclass
class Footprint:
    """The most that all processes held at one moment, and the files they wrote."""

    pss: int = 0
    rss: int = 0
    processes: int = 0
    files: set[str] = field(default_factory=set)


@dataclass
class Contestant:
    """One way to do the job, and what its runs cost."""

    name: str
    argv: Callable[[str], list[str]]  # of the folder for its output
    rounds: int
    statuses: tuple[int, ...] = (0,)
    watched: bool = True
    costs: list[Cost] = field(default_factory=list)
    size: int = 0
    footprint: Footprint | None = None


def shell(*stages: str) -> list[str]:
    """A pipeline for `sh`, which fails if any of its stages does not work."""
    return ["bash", "-o", "pipefail", "-c", " | ".join(stages)]


def quoted(*words: str) -> str:
    """The words of a command as one stage of a pipeline."""
    return shlex.join(words)


def adopt_orphans() -> None:
    """Processes that lose their parent become ours, so that their CPU and memory are counted too."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(argv: list[str], scratch: str, cwd: str | None = None) -> Cost:
    """Runs a command to its end. Its CPU and writes are those of the whole tree, as `wait4` reports them for reaped children."""
    with talking() as talk:
        began = time.monotonic()
        child = start(argv, scratch, cwd, talk.fileno())
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu, blocks = usage.ru_utime + usage.ru_stime, usage.ru_oublock
        for orphan in orphans():
            cpu, blocks = cpu + orphan.ru_utime + orphan.ru_stime, blocks + orphan.ru_oublock
        talk.seek(0)
        return Cost(wall, cpu, blocks * BLOCK, child.returncode, talk.read().decode(errors="replace"))


def talking() -> BinaryIO:
    """Where a command's talk goes: into memory, so that it is not taken for a file that the command writes."""
    return os.fdopen(os.memfd_create("talk"), "w+b")


def start(argv: list[str], scratch: str, cwd: str | None, talk: int) -> subprocess.Popen[bytes]:
    """Starts a command with a temporary folder of its own."""
    surroundings = os.environ | {"TMPDIR": scratch, "LC_ALL": "C"}
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=talk, stderr=talk, cwd=cwd, env=surroundings, start_new_session=True)


def orphans() -> Iterator["os.struct_rusage"]:  # type: ignore[name-defined]  # not in typeshed, but it is what wait4 gives
    """Waits for whatever the command left running, at most a second, and gives what it used."""
    until = time.monotonic() + 1
    while True:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid:
            yield usage
        elif time.monotonic() > until:
            return
        else:
            time.sleep(0.01)


def footprint(argv: list[str], scratch: str, output: str, cwd: str | None = None) -> Footprint:
    """Runs a command once more, looking at the memory of all its processes twenty times a second.

    This is a run of its own: reading the memory of a process halts it for a moment, which would spoil the times.
    """
    seen, done = Footprint(), threading.Event()
    with talking() as talk:
        child = start(argv, scratch, cwd, talk.fileno())
        watcher = threading.Thread(target=watch, args=(output, seen, done))
        watcher.start()
        child.wait()
        done.set()
        watcher.join()
        for _ in orphans():
            pass
    return seen


def watch(output: str, seen: Footprint, done: threading.Event) -> None:
    """Looks at all processes until it is told that they are done."""
    while not done.wait(PERIOD):
        pss = rss = count = 0
        for pid in tree():
            held = memory(pid)
            pss, rss, count = pss + held[0], rss + held[1], count + 1
            seen.files.update(name for name in files_being_written(pid) if not name.startswith(output))
        seen.pss, seen.rss, seen.processes = max(seen.pss, pss), max(seen.rss, rss), max(seen.processes, count)


def tree() -> list[int]:
    """All of our descendants: the command, what it started, and what that left to us."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                continue
            parents.setdefault(parent, []).append(int(name))
    found, queue = [], parents.get(os.getpid(), [])
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += parents.get(pid, [])
    return found


def memory(pid: int) -> tuple[int, int]:
    """PSS and RSS of a process in bytes; nothing where it has ended."""
    values = {b"Pss:": 0, b"Rss:": 0}
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            for line in rollup:
                name, _, rest = line.partition(b" ")
                if name in values:
                    values[name] = int(rest.split()[0]) * 1024
    except OSError:
        return 0, 0
    return values[b"Pss:"], values[b"Rss:"]


def files_being_written(pid: int) -> Iterator[str]:
    """Regular files that a process holds open for writing."""
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for number in numbers:
        try:
            name = os.readlink(f"/proc/{pid}/fd/{number}")
            if name.startswith(("/dev/", "/proc/", "/sys/", "/memfd:")) or not name.startswith("/"):
                continue
            with open(f"/proc/{pid}/fdinfo/{number}", "rb") as info:
                flags = int(info.read().split(b"flags:")[1].split()[0], 8)
        except (OSError, IndexError, ValueError):
            continue
        if flags & os.O_ACCMODE:
            yield name


def settle() -> None:
    """Lets the disk finish what the run before left, so that it does not weigh on the next."""
    os.sync()


def checked(cost: Cost, argv: list[str], allowed: tuple[int, ...] = (OK,)) -> Cost:
    """The cost, or an end with what the command said if it did not work: a failed run is not a fast one."""
    if cost.status not in allowed:
        sys.exit(f"bench: this ended with status {cost.status}: {shlex.join(argv)}\n{cost.talk[-2000:]}")
    return cost


def end_quietly() -> None:
    """On Ctrl-C, ends without a traceback."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
