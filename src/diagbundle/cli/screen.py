"""What the admin sees while a collection runs: bars on a terminal, one line a stage elsewhere. Talk goes to standard error."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from diagbundle.bundle.escape import shown
from diagbundle.bundle.pack import Member
from diagbundle.cli.main import say

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


class Screen:
    """A `Watcher` that speaks. `spoken` keeps what was said, for run.log."""

    def __init__(self, *, quiet: bool) -> None:
        self.spoken: list[str] = []
        self._quiet = quiet
        self._bars: Progress | None = None
        self._task: TaskID | None = None
        self._stage = ""
        self._since = time.monotonic()
        self._drawn = 0.0
        self._running: list[str] = []
        self._jobs = self._done = 0
        if not quiet and is_terminal(2):
            self._bars = _bars()

    def say(self, text: str = "") -> None:
        """A line to the admin, and to run.log."""
        self.spoken.append(text)
        if not self._quiet:
            say(text)

    def stage(self, name: str, jobs: int) -> None:
        """A stage begins."""
        self._end_stage()
        self._stage, self._since, self._jobs, self._done = name, time.monotonic(), jobs, 0
        if self._bars is not None:
            self._task = self._bars.add_task(NAMES[name], total=jobs, now="")

    def job(self, name: str, *, done: bool) -> None:
        """A collector begins or is done."""
        if done:
            self._done += 1
            if name in self._running:
                self._running.remove(name)
        else:
            self._running.append(name)
            self._jobs = max(self._jobs, self._done + len(self._running))
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=self._done, total=self._jobs)

    def row(self, row: Member) -> None:
        """Losses are told when they happen."""
        if row["outcome"] == "timeout" and not self._quiet:
            source = row["source"] if isinstance(row["source"], str) else " ".join(row["source"])
            line = f"  {shown(source)}: {shown(row.get('reason', ''))}"
            self.spoken.append(line)
            if self._bars is not None:
                self._bars.console.print(line, highlight=False, markup=False)
            else:
                say(line)

    def progress(self, packed: int, plain: int) -> None:
        """Redraw, a few times a second; we have one thread, so nobody else does."""
        now = time.monotonic()
        if self._bars is not None and self._task is not None and now - self._drawn > REDRAW:
            running = ", ".join(dict.fromkeys(self._running))
            self._bars.update(self._task, now=f"{amount(plain)} read, {amount(packed)} kept · {running}"[:56])
            self._bars.refresh()
            self._drawn = now

    def close(self) -> None:
        """The run is over."""
        self._end_stage()
        if self._bars is not None:
            self._bars.stop()

    def _end_stage(self) -> None:
        if not self._stage:
            return
        line = f"  {NAMES[self._stage]}: {self._done:,} jobs in {time.monotonic() - self._since:.1f} s"
        self.spoken.append(line)
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, now=f"{time.monotonic() - self._since:.0f} s", completed=self._jobs)
            self._bars.refresh()
        elif not self._quiet:
            say(line)
        self._stage = ""


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(file=sys.stderr, highlight=False)
    columns = (TextColumn("  {task.description:<24}"), BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[now]}"))
    bars = Progress(*columns, console=console, auto_refresh=False)
    bars.start()
    return bars


def amount(size: float) -> str:
    """A size for people: `1.9 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004  # decimal units
            return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"  # noqa: PLR2004
        size /= 1000
    return f"{size:.1f} TB"
