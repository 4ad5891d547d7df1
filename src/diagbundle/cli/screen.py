"""What the admin sees while a collection runs: bars on a terminal, one line a stage elsewhere. Talk goes to standard error."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagbundle.bundle.escape import shown
from diagbundle.bundle.pack import Member
from diagbundle.cli.talk import say
from diagbundle.errors import DEAF
from diagbundle.numbers import amount

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

NAMES = {
    "start": "counters, first reading",
    "volatile": "what changes fastest",
    "state": "state and configuration",
    "logs": "logs",
    "end": "counters, last reading",
}


def is_terminal(stream: int) -> bool:
    """Whether a descriptor is a terminal; one that is closed is none."""
    try:
        return os.isatty(stream)
    except OSError:
        return False


REDRAW = 0.1
"""Seconds between two drawings."""


@dataclass
class Phase:
    """One line of the screen: how many jobs there are, and how many are done."""

    jobs: int
    began: float
    task: TaskID | None = None
    done: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.done >= self.jobs


class Screen:
    """A `Watcher` that speaks. `spoken` keeps what was said, for run.log."""

    def __init__(self, *, quiet: bool) -> None:
        self.spoken: list[str] = []
        self._quiet = quiet
        self._draws = not quiet and is_terminal(2)
        self._bars: Progress | None = None
        self._phases: dict[str, Phase] = {}
        self._running: list[tuple[str, str]] = []
        self._drawn = 0.0

    def say(self, text: str = "") -> None:
        """A line to the admin, and to run.log."""
        self.spoken.append(text)
        if not self._quiet:
            say(text)

    def phase(self, phase: str, jobs: int) -> None:
        """So many jobs are to be done."""
        if self._draws and self._bars is None:  # not before the admin has agreed: bars hide the cursor
            self._bars = _bars()
        task = self._bars.add_task(NAMES[phase], total=jobs, now="") if self._bars is not None else None
        self._phases[phase] = Phase(jobs, time.monotonic(), task)

    def job(self, name: str, phase: str, *, done: bool) -> None:
        """A collector begins or is done. One that finds many files becomes several jobs."""
        there = self._phases[phase]
        if done:
            there.done += 1
            if (name, phase) in self._running:
                self._running.remove((name, phase))
        else:
            self._running.append((name, phase))
            there.jobs = max(there.jobs, there.done + sum(1 for running in self._running if running[1] == phase))
        if self._bars is not None and there.task is not None:
            self._bars.update(there.task, completed=there.done, total=there.jobs)
        if there.over:
            self._tell_end(phase, there)

    def row(self, row: Member) -> None:
        """What did not answer is told when it happens, and not again for all that was not asked because of it."""
        reason = row.get("reason", "")
        if row["outcome"] != "timeout" or reason.endswith(DEAF):
            return
        source = row["source"] if isinstance(row["source"], str) else " ".join(row["source"])
        line = f"  {shown(source)}: {shown(reason)}"
        self.spoken.append(line)
        if self._bars is not None:
            self._bars.console.print(line, highlight=False, markup=False)
        elif not self._quiet:
            say(line)

    def progress(self, packed: int, plain: int) -> None:
        """Redraw, a few times a second; we have one thread, so nobody else does."""
        now = time.monotonic()
        if self._bars is None or now - self._drawn < REDRAW:
            return
        for phase, there in self._phases.items():
            running = ", ".join(dict.fromkeys(name for name, its in self._running if its == phase))
            if there.task is not None and not there.over:
                size = f"{amount(plain)} read, {amount(packed)} kept · " if phase == "logs" else ""
                self._bars.update(there.task, now=f"{size}{running}"[:56].rstrip(" ·"))
        self._bars.refresh()
        self._drawn = now

    def close(self) -> None:
        """The run is over."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _tell_end(self, phase: str, there: Phase) -> None:
        seconds = f"{time.monotonic() - there.began:.1f} s"
        line = f"  {NAMES[phase]}: {there.done:,} of {there.jobs:,} collectors in {seconds}"
        if self._bars is not None and there.task is not None:
            self._bars.update(there.task, now=seconds)
        elif not self._quiet and line not in self.spoken:
            say(line)
        self.spoken.append(line)


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(file=sys.stderr, highlight=False)
    columns = (TextColumn("  {task.description:<24}"), BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[now]}"))
    bars = Progress(*columns, console=console, auto_refresh=False)
    bars.start()
    return bars
