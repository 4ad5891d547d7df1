"""What programs that nobody knows say before they end, or again and again."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact

ERROR, FATAL, CAUSE, END = "error", "fatal", "cause", "end"
"""A line that calls itself an error; or worse; an exception or what caused it; the end of a service, as systemd tells it."""


@dataclass(frozen=True)
class Complaint(Fact):
    """One such line."""

    who: str = ""
    kind: str = ERROR
    text: str = ""
    """What it says, without time and level."""
    form: str = ""
    """The text with numbers and identifiers masked: equal for lines that say the same."""
    is_technical: bool = False
    """Whether it speaks of something that does not work, and not of what a user did wrong."""
    is_start: bool = False
    """Whether it says that something did not start, or ends."""
    is_job: bool = False
    """Whether it says that a piece of work failed."""
    is_lasting: bool = False
    """Whether what it names does not go by itself: a certificate, a missing part, another version."""
    time: float = 0.0
