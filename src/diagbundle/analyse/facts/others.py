"""Other hosts whose logs this one keeps. The engine itself gives these facts."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class OtherHost(Fact):
    """A host that speaks in our logs and is not this one; the origin is a line of it that a rule would have judged."""

    name: str = ""
    lines: int = 0
    """How many such lines there are."""
