"""What the host was asked and did not answer: of a daemon that hangs there is nothing else. The engine itself gives these facts."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class Unanswered(Fact):
    """A question without an answer, or without a whole one."""

    source: str = ""
    """What was asked: the words of a command, a path, the name of a table."""
    outcome: str = ""
    """`timeout`, `failed`, `partial`, `denied` or `skipped`."""
    reason: str = ""
    kind: str = ""
    """`command`, `file`, `table` or `probe`."""
    seconds: float = 0.0
    """How long it was waited for."""
