"""One line of a log, whatever kind of log it is."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.log.level import level
from diagbundle.analyse.verdict import Origin

INFO = 6
CERTAIN, ZONE, YEAR, BOOT = "certain", "zone assumed", "year assumed", "from boot"
NEAR, FILE, UNKNOWN = "from its neighbours", "not after its file", "unknown"
"""How sure the time of an event is: it says its zone; it does not; nor its year; seconds since boot; the line before it; when its file was
last written; not at all."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line, with its time in UTC."""

    text: str
    """What was said, without time, host and name."""
    origin: Origin
    time: float = 0.0
    """Seconds since 1970; 0 where it is unknown."""
    certainty: str = UNKNOWN
    facility: str = ""
    """Who said it: `kernel`, `audit`, or the name of a program, a unit or a container."""
    priority: int | None = None
    """As syslog counts, where it stands beside the text: 0 emergency … 3 error, 4 warning, 6 information, 7 debug."""
    pid: int = 0
    host: str = ""
    """Who said it, where a line names a host: on a log server others speak, too."""
    acknowledged: bool = False
    """Whether somebody cleared the kernel's log after this line: it was seen, and accuses nobody any more."""

    left_out: int = 0
    """How many further lines of the same words behind this one are not told: of very many only the first and the last ones are."""

    @property
    def severity(self) -> int | None:
        """Its priority, else what the text calls itself; None where neither is said."""
        return self.priority if self.priority is not None or self.facility == "kernel" else level(self.text)

    @property
    def is_calm(self) -> bool:
        """Whether the text calls itself INFO or DEBUG: it may quote a fault, and reports none. The kernel and PostgreSQL's LOG do."""
        calls = None if self.is_kernel or self.text.startswith("LOG:") else level(self.text)
        return calls is not None and calls >= INFO

    @property
    def is_kernel(self) -> bool:
        """Whether the kernel said it."""
        return self.facility == "kernel"
