"""Hardware, as the server's own controller (BMC) knows it."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class ControllerEvent(Fact):
    """A line of the controller's own log (SEL)."""

    sensor: str
    """`Power Supply PS2 Status`, `Memory #0x53`."""
    what: str
    """`Power Supply AC lost`, `Uncorrectable ECC`."""
    is_over: bool = False
    """Whether it tells that the state ended (Deasserted)."""
    day: float = 0.0
    """Seconds since 1970, by the controller's clock, which may be wrong and knows no zone; 0 where it has none."""
