"""Jobs of cron, as its log tells of them."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class CronRun(Fact):
    """A job that was started, or one that ended with an error."""

    pid: int = 0
    command: str = ""
    """'' where only the end is told."""
    user: str = ""
    status: int | None = None
    """Exit status of an end with an error; None of a start."""
    time: float = 0.0
