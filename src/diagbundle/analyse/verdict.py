"""The words of an answer: a finding cites the lines it rests on, a verdict says of one suspect how it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters to whoever runs the host."""

    CRITICAL = "critical"  # something does not work, or soon will not
    WARNING = "warning"  # something is wrong, and may be the cause of what the customer sees
    NOTE = "note"  # worth knowing; accuses nobody

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Status(StrEnum):
    """How a suspect stands."""

    FOUND = "found"
    CLEAR = "clear"
    UNDECIDED = "undecided"


LATEST = 253_402_300_800.0
"""The end of the year 9999: no time lies behind it."""
LONGEST = 400
"""Characters of a cited line that are kept."""


@dataclass(frozen=True)
class Origin:
    """Where a fact was read: a line of a piece of evidence."""

    path: str
    """In the bundle."""
    line: int = 0
    """Counted from 1; 0 where the piece as a whole, or its being absent, is meant."""
    text: str = ""
    """The line itself; for a whole piece what it was, in a word."""
    at: float = 0.0
    """When the piece was read: seconds since 1970 by the host's clock; 0 where nobody wrote it down."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and how we know. Cannot be made without an origin."""

    severity: Severity
    title: str
    """One sentence with the name of what is meant and its numbers, without a full stop."""
    origins: tuple[Origin, ...]
    advice: str
    """What to do, as a sentence that an admin can act on."""
    detail: str = ""
    """What more is known: who, how much, since when."""
    subject: str = ""
    """What is meant: a mount point, an interface, a process, a unit. Findings about one subject are told together."""
    since: float = 0.0
    """When it began, as far as it is known: seconds since 1970; 0 where it is not."""
    latest: float = 0.0
    """When it was last seen, where that is not the time of collection."""
    part_of: tuple[str, ...] = ()
    """Codes of verdicts that tell of the same thing better: where one of them is found, this is told as a part of it; `same CODE`
    only where both have a word of their subject in common (a unit, a server).
    """
    symptom: bool = False
    """Whether something else usually causes this: told behind the causes of the same severity."""

    def __post_init__(self) -> None:
        if not self.origins:
            raise ValueError(f"a finding needs an origin: {self.title}")
        for name in ("since", "latest"):  # what a stranger's file says may be no time at all
            if not 0 <= getattr(self, name) < LATEST:
                object.__setattr__(self, name, 0.0)


class Undecided(Exception):  # no error: an answer
    """Raised by a rule that cannot tell, with the reason."""


@dataclass(frozen=True)
class Verdict:
    """What one rule says: found (with a finding), clear, or undecided, because …"""

    code: str
    suspect: str
    """What is judged, in a few words: `receive errors of network interfaces`."""
    status: Status
    finding: Finding | None = None
    because: str = ""
    """Why it is undecided; of a clear one how we know, where that is not plain."""
    follows: tuple[str, ...] = field(default=())
    """Changes of the host shortly before it began."""
