"""The host as a whole, and the collection: always there, whatever was collected."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class About(Fact):
    """Who the host is and when it was asked; what cannot be known is 0 or ''."""

    now: float = 0.0
    """When the host was asked, seconds since 1970 by its own clock."""
    booted: float = 0.0
    """When it was started, by the same clock."""
    name: str = ""
    names: tuple[str, ...] = ()
    """All names by which it calls itself, short and full, in lower case."""
    os: str = ""
    kernel: str = ""
    zone: str = ""
    seconds: float = 0.0
    """Time between the two readings of samples."""

    incomplete: str = ""
    """Why not all could be collected, or read; '' where all was."""

    @property
    def uptime(self) -> float:
        """Seconds since it was started; 0 where it is not known."""
        return max(0.0, self.now - self.booted) if self.booted and self.now else 0.0
