#!/usr/bin/env python3
"""What a collection costs a neighbour: the response times of a small server on this host, without and with a collection running.

    neighbour.py                       six pairs of 20 s for the processor, six for the disk (about ten minutes)
    neighbour.py --also polite='...'   another command, measured in the same rounds

The server answers one request after another, each worth about 0.3 ms of work; with `--disk` every tenth is written to the disk, and synced.
Requests leave at a fixed rate, whether or not the ones before were answered, and their time counts from the moment at which they were due:
a stall of the server costs all that were due meanwhile. The windows take turns (without, with, without, with, …); a ratio is the median of
the ratios within the rounds.
"""

import argparse
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import genlogs
import measure
import service

GOAL = 1.2
PERCENTILES = (50.0, 95.0, 99.0, 99.9)
JUDGED = 99.0
ENDS = 30.0  # seconds in which a collection must be gone when it is told to end
HERE = os.path.dirname(os.path.abspath(__file__))
Window = dict[float, float]


@dataclass
class Guest:
    """A way to collect, and the response times with it and, in the same rounds, without."""

    name: str
    argv: list[str]
    with_it: list[Window] = field(default_factory=list)
    without: list[Window] = field(default_factory=list)

    def ratios(self, percentile: float) -> list[float]:
        """With it to without, in each round."""
        return [one[percentile] / other[percentile] for one, other in zip(self.with_it, self.without, strict=True)]


@dataclass(frozen=True)
class Setting:
    """Where it happens, for how long, how many requests, and whether the disk is used."""

    work: str
    tree: str
    seconds: float
    rate: float
    disk: bool


@contextmanager
def server(setting: Setting) -> Iterator[int]:
    """The neighbour, in a session of its own as services are; its port."""
    argv = [sys.executable, os.path.join(HERE, "service.py"), *(["--disk", setting.work] if setting.disk else [])]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        try:
            yield int(child.stdout.readline()) if child.stdout else 0
        finally:
            child.kill()


@contextmanager
def collecting(guest: Guest, setting: Setting) -> Iterator[None]:
    """One collection after another while the block runs; the last one is told to end."""
    with tempfile.TemporaryDirectory(dir=setting.work, prefix="run-") as out:
        again = 'while :; do "$@" -o "$0"; status=$?; [ $status = 0 ] || [ $status = 3 ] || exit $status; rm -f "$0"/*; done'
        child = subprocess.Popen(["sh", "-c", again, out, *guest.argv], stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            yield
            if child.poll() is not None:
                sys.exit(f"neighbour: this ended with status {child.returncode}: {shlex.join(guest.argv)}")
        finally:
            end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    """The shell is ended, the collection is asked to end; it has to be gone before the next window begins."""
    child.kill()
    child.wait()
    until = time.monotonic() + ENDS
    while time.monotonic() < until:
        try:
            os.killpg(child.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        for _ in measure.orphans():
            pass
    sys.exit("neighbour: a collection did not end when it was told to")


def window(setting: Setting) -> Window:
    """The percentiles of one window, in milliseconds."""
    with server(setting) as port:
        service.Load(port, setting.rate, 1.0).run()  # until it is warm
        took = sorted(service.first_of_all(service.Load(port, setting.rate, setting.seconds).run))
    return {percent: took[min(len(took) - 1, int(len(took) * percent / 100))] * 1000 for percent in PERCENTILES}


def forget(tree: str) -> None:
    """The tree has to be read from the disk again, as the logs of a server that nobody has looked at."""
    os.sync()
    for folder, _, names in os.walk(tree):
        for name in names:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def race(guests: list[Guest], setting: Setting, rounds: int) -> None:
    """Windows in turn: without, with the first guest, without, with the second, …"""
    for number in range(rounds):
        for guest in guests:
            for windows, name in ((guest.without, "without"), (guest.with_it, guest.name)):
                if setting.disk:
                    forget(setting.tree)
                with collecting(guest, setting) if windows is guest.with_it else nullcontext():
                    windows.append(window(setting))
                say(f"round {number + 1}: {name}: " + ", ".join(f"p{p:g} {ms:.2f} ms" for p, ms in windows[-1].items()))


def table(guests: list[Guest]) -> str:
    """Medians in ms of the windows without and with, the median of the ratios in the rounds, and their range."""
    lines = ["| | | without ms | with ms | ratio | lowest | highest |", "| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    for guest in guests:
        for percent in PERCENTILES:
            ratios = guest.ratios(percent)
            both = [statistics.median(one[percent] for one in windows) for windows in (guest.without, guest.with_it)]
            shown = [f"{ms:.2f}" for ms in both] + [f"{ratio:.2f}" for ratio in (statistics.median(ratios), min(ratios), max(ratios))]
            lines.append(f"| {guest.name} | p{percent:g} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def compare(guests: list[Guest], setting: Setting, rounds: int) -> bool:
    """One variant, shown; whether the first guest keeps to the goal."""
    race(guests, setting, rounds)
    ratio = statistics.median(guests[0].ratios(JUDGED))
    what = "processor, network and disk" if setting.disk else "processor and network"
    print(f"\nA neighbour that uses {what}: {setting.rate:g} requests/s, {rounds} rounds of {setting.seconds:g} s\n\n{table(guests)}")
    print(f"\nverdict: p{JUDGED:g} {ratio:.2f} times as long (goal: at most {GOAL:g}); load average {os.getloadavg()[0]:.1f}", flush=True)
    return ratio <= GOAL


def say(text: str) -> None:
    """One line about the progress."""
    print(text, file=sys.stderr, flush=True)


def logs(work: str, size: int) -> str:
    """A folder of generated logs; made once."""
    place = os.path.join(work, f"neighbour-{size}")
    if not os.path.exists(place + ".done"):
        say(f"generating {size / 1e6:,.0f} MB in {place}")
        shutil.rmtree(place, ignore_errors=True)
        genlogs.generate(place, size, 2000, "3")
        open(place + ".done", "w").close()
    return place


def arguments(words: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6, help="pairs of windows (6)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a window (20)")
    parser.add_argument("--rate", type=float, default=500.0, help="requests in a second (500)")
    parser.add_argument("--logs", type=genlogs.amount, default=genlogs.amount("600M"), help="size of the logs that are collected (600M)")
    parser.add_argument("--variant", choices=("cpu", "disk"), help="only one of the two neighbours")
    parser.add_argument("--work", default="/var/tmp/diagbundle-bench", help="folder on a real disk; kept for the next time")  # noqa: S108
    parser.add_argument(
        "--tool", type=shlex.split, default=[sys.executable, "-m", "diagbundle"], help="the command (default: this checkout)"
    )
    parser.add_argument("--also", action="append", default=[], metavar="NAME=COMMAND", help="another one, measured in the same rounds")
    parser.add_argument("--collect", type=shlex.split, default=[], help="more options for the collections, such as '--only include'")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """The command."""
    asked = arguments(words)
    measure.end_quietly()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    measure.adopt_orphans()
    os.makedirs(asked.work, exist_ok=True)
    tree = logs(asked.work, asked.logs)
    tools = {"diagbundle": asked.tool} | {name: shlex.split(line) for name, _, line in (one.partition("=") for one in asked.also)}
    fine = True
    for disk in (False, True):
        if asked.variant in (None, "disk" if disk else "cpu"):
            guests = [Guest(n, [*t, "collect", "--yes", "--quiet", "--include", tree, *asked.collect]) for n, t in tools.items()]
            fine &= compare(guests, Setting(asked.work, tree, asked.seconds, asked.rate, disk), asked.rounds)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
