#!/usr/bin/env python3
"""Collects many times in a row on a busy host, and says whether anything grows or is left behind.

    soak.py                          200 collections, then 200 runs of the engine in one process (about 25 minutes)
    soak.py --count 8 --only os      a few of a part of it

Each collection is a program of its own: what may grow is what it leaves on the host. A service that has the engine inside runs it in
one process: what may grow is that process. A line is laid through the last nine tenths of the figures; what rises by more than its
allowance, and more than its scatter explains, grows. The exit status is 1 then, and where a collection fails.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import measure
import processes
import trend

SEALED = (0, 3)  # exit statuses of a collection: whole, and sealed but partial, which a busy host may well cause
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run")  # noqa: S108  # they are looked at, not written to
SETTLE = 2.0  # seconds in which whatever is about to end may do so
HERE = os.path.dirname(os.path.abspath(__file__))
SHOWN = 10
Row = dict[str, float]


@dataclass(frozen=True)
class Place:
    """Folders of the soak alone: for bundles, as current folder, for temporary files, for the busy host's log."""

    out: str
    cwd: str
    scratch: str
    busy: str

    @classmethod
    def below(cls, top: str) -> "Place":
        """Made new in a folder."""
        folders = [os.path.join(top, name) for name in ("out", "cwd", "scratch", "busy")]
        for folder in folders:
            os.mkdir(folder)
        return cls(*folders)


class Host:
    """What there was on this host before, and what has been added since."""

    def __init__(self, place: Place, ours: set[int]) -> None:
        self.place, self.ours = place, ours
        self.files, self.held = set(shared_files()), set(held_by_kernel())
        self.seen: list[set[str]] = []
        """After each run: new files in folders that others write to as well."""
        self.named: list[str] = []
        """Left-over processes."""

    def left(self, run: int) -> Row:
        """Counts of what is there that was not there before the first run. Left-over processes are ended, so that each is counted once."""
        left = self.processes(run)
        own = [name for folder in (self.place.out, self.place.cwd, self.place.scratch) for name in files_below(folder)]
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.seen.append(set(shared_files()) - self.files)
        return {"processes": len(left), "files": len(own), "kernel": len(self.of_kernel())}

    def elsewhere(self) -> list[str]:
        """Of the new files in shared folders, those that have stayed."""
        return sorted(set(shared_files()) - self.files)

    def stayed(self) -> list[int]:
        """How many of these were there after each run: others' files come and go, what is left behind only comes."""
        last = set(self.elsewhere())
        return [len(seen & last) for seen in self.seen]

    def of_kernel(self) -> list[str]:
        """New mounts, shared memory and semaphores."""
        return sorted(set(held_by_kernel()) - self.held)

    def processes(self, run: int) -> set[int]:
        """Our descendants and whoever bears the run's mark or is in its session: those that stay for a while after the run."""
        until, left = time.monotonic() + SETTLE, self.descended(run)
        while left and time.monotonic() < until:
            time.sleep(0.05)
            left &= self.descended(run)
        self.named += [processes.name(pid) for pid in left]
        return left

    def descended(self, run: int) -> set[int]:
        """Processes that are there now because of the run. What the busy host has started meanwhile may be among them once, not twice."""
        reap()
        return (processes.descendants(os.getpid()) - self.busy()) | processes.of_run(run)

    def busy(self) -> set[int]:
        """The busy host's processes: those that are meant to be there."""
        return {pid for top in self.ours for pid in (top, *processes.descendants(top))}


def reap() -> None:
    """Buries orphans that have ended, which init would do if they were not ours."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def shared_files() -> Iterator[str]:
    """Entries of the folders where programs leave things, and of the folders in these."""
    for folder in SHARED:
        yield from (f"{folder}/{name}" for name in listing(folder))
        yield from (f"{folder}/{name}/{below}" for name in listing(folder) if folder != "/tmp" for below in listing(f"{folder}/{name}"))  # noqa: S108


def listing(folder: str) -> list[str]:
    """Names in a folder; none where it is gone or is no folder."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def files_below(folder: str) -> Iterator[str]:
    """All entries below a folder."""
    for here, folders, names in os.walk(folder):
        yield from (os.path.join(here, name) for name in (*folders, *names))


def held_by_kernel() -> Iterator[str]:
    """Mounts, and what System V keeps until it is told otherwise."""
    for path in ("/proc/self/mountinfo", "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"):
        fields = slice(0, 5) if path.endswith("mountinfo") else slice(0, 2)
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as table:
                yield from (f"{path}: {' '.join(line.split()[fields])}" for line in table)
        except OSError:
            continue


@contextmanager
def busy_host(folder: str, share: float) -> Iterator[set[int]]:
    """Something goes on meanwhile; the process that sees to it."""
    argv = [sys.executable, os.path.join(HERE, "busy.py"), folder, "--share", str(share)]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        yield {child.pid}
        if child.poll() is not None:
            sys.exit(f"soak: the busy host ended by itself with status {child.returncode}")
    finally:
        child.kill()
        child.wait()


def collections(argv: list[str], count: int, place: Place, host: Host) -> Iterator[Row]:
    """So many programs in a row, each with what it took and what is left on the host of it."""
    for number in range(count):
        run = once([*argv, "-o", place.out], place)
        if run.status not in SEALED:
            sys.exit(f"soak: run {number + 1} ended with status {run.status}: {shlex.join(argv)}\n{run.talk[-2000:]}")
        row = {
            "exit": run.status,
            "seconds": run.seconds,
            "peak MiB": run.peak,
            "bundle MB": bundles(place.out) / 1e6,
            **host.left(run.pid),
        }
        say(number, count, row)
        yield row


def bundles(folder: str) -> int:
    """Removes the bundles, and what lies beside them; gives their size."""
    paths = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith((".tar.zst", ".tar.zst.sha256"))]
    size = sum(os.path.getsize(path) for path in paths)
    for path in paths:
        os.unlink(path)
    return size


@dataclass(frozen=True)
class Run:
    """One program: how it ended, its wall time, the most memory that one of its processes held (MiB), what it said."""

    pid: int
    status: int
    seconds: float
    peak: float
    talk: str


def once(argv: list[str], place: Place) -> Run:
    """Runs a program to its end."""
    with measure.talking() as talk:
        began = time.monotonic()
        child = measure.start(argv, place.scratch, place.cwd, talk.fileno())
        _, status, usage = os.wait4(child.pid, 0)
        seconds, child.returncode = time.monotonic() - began, os.waitstatus_to_exitcode(status)
        talk.seek(0)
        return Run(child.pid, child.returncode, seconds, usage.ru_maxrss / 1024, talk.read().decode(errors="replace"))


def in_one_process(asked: argparse.Namespace, place: Place) -> Iterator[Row]:
    """So many runs of the engine in one process, which says after each how it stands."""
    argv = [sys.executable, os.path.join(HERE, "inside.py"), place.out, "--count", str(asked.runs), *only(asked), "--include", place.busy]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        for number, line in enumerate(child.stdout or ()):
            row = json.loads(line)
            say(number, asked.runs, row)
            yield row
    if child.returncode:
        sys.exit(f"soak: the process with the engine inside ended with status {child.returncode}")


def only(asked: argparse.Namespace) -> list[str]:
    """The choice of collectors, as flags."""
    return [word for name in asked.only for word in ("--only", name)]


def say(number: int, count: int, row: Row) -> None:
    """One line about the progress."""
    print(f"{number + 1}/{count}: " + ", ".join(f"{name} {value:g}" for name, value in row.items()), file=sys.stderr, flush=True)


def soak(asked: argparse.Namespace, place: Place) -> bool:
    """All of it; whether nothing grew."""
    with busy_host(place.busy, asked.share) as ours:
        host, fine = Host(place, ours), True
        if asked.count:
            argv = [*asked.tool, "collect", "--yes", "--quiet", *only(asked), "--include", place.busy]
            rows = list(collections(argv, asked.count, place, host))
            rows = [row | {"elsewhere": count} for row, count in zip(rows, host.stayed(), strict=True)]
            fine = report(f"{asked.count} collections in a row", rows, trend.ALLOWED | {"elsewhere": asked.count / 2})
            for name in host.named[:SHOWN]:
                print(f"left over: process {name}")
            for name in (*host.elsewhere(), *host.of_kernel())[:SHOWN]:
                print(f"new on this host, perhaps another's: {name}")
        if asked.runs:
            fine &= report(f"{asked.runs} runs of the engine in one process", list(in_one_process(asked, place)), trend.ALLOWED)
    return fine


def report(title: str, rows: list[Row], allowed: dict[str, float]) -> bool:
    """The table; whether nothing grew."""
    lines, grown = trend.table(rows, allowed)
    print(f"\n{title}\n\n" + "\n".join(lines))
    print(f"\nverdict: {'grows: ' + ', '.join(grown) if grown else 'nothing grows'}")
    return not grown


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="collections, each a program of its own (200)")
    parser.add_argument("--runs", type=int, default=200, help="runs of the engine in one process (200)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="collector to ask (default: all); may be given several times"
    )
    parser.add_argument("--share", type=float, default=0.2, help="of one processor that the busy host takes (0.2)")
    parser.add_argument("--interval", default="1s", help="between the two readings of counters (1s; a soak is no measurement)")
    parser.add_argument("--work", default=None, help="folder for bundles, which are removed as it goes")
    parser.add_argument(
        "--tool", type=shlex.split, default=[sys.executable, "-m", "diagbundle"], help="command that is soaked (default: this checkout)"
    )
    asked = parser.parse_args(words)
    asked.only += ["include"] * bool(asked.only)
    os.environ["DIAGBUNDLE_SAMPLE_INTERVAL"] = asked.interval
    measure.end_quietly()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    measure.adopt_orphans()
    with tempfile.TemporaryDirectory(dir=asked.work, prefix="diagbundle-soak-") as top:
        return 0 if soak(asked, Place.below(top)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
