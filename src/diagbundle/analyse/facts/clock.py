"""Time: the clocks of this host and who keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class ClockReading(Fact):
    """All clocks at one moment, in seconds."""

    wall: float = 0.0
    monotonic: float = 0.0
    boottime: float = 0.0
    """As monotonic, the time asleep included."""


@dataclass(frozen=True)
class TimeDaemon(Fact):
    """What a time daemon says of this host's clock."""

    by: str = ""
    """`chronyd`, `ntpd`, `systemd-timesyncd`."""
    running: bool = True
    """Whether it answered."""
    synchronised: bool | None = None
    """None where it does not say."""
    offset: float | None = None
    """Seconds that our clock is ahead of the right time (negative: behind); None where it does not say."""
    source: str = ""
    stratum: int = 0


@dataclass(frozen=True)
class TimeSource(Fact):
    """A source of time as the daemon sees it."""

    by: str = ""
    name: str = ""
    state: str = ""
    """`selected`, `good`, `false` (it disagrees with the others), `unusable`, `other`."""
    reach: int = -1
    """The last eight questions as bits, 0 if none was answered; -1 where it is unknown."""
    stratum: int = 0
    offset: float | None = None
    """Seconds that our clock is ahead of it."""


@dataclass(frozen=True)
class TimeControl(Fact):
    """What `timedatectl` says: a key and its value."""

    synchronised: bool | None = None
    service: str = ""
    """`active`, `inactive`, `n/a`; '' where it is not said."""
    local_rtc: bool = False


@dataclass(frozen=True)
class Rtc(Fact):
    """The battery clock."""

    epoch: float = 0.0
    """Seconds since 1970, as if it told UTC."""
    wall: float = 0.0
    """What the system's clock showed beside it; 0 where that was read elsewhere."""


@dataclass(frozen=True)
class ClockSource(Fact):
    """The hardware that counts the time between two ticks."""

    current: str = ""


@dataclass(frozen=True)
class ClockSources(Fact):
    """Hardware that the kernel would take."""

    available: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClockStep(Fact):
    """A line of a log by which somebody set the clock, or saw that it was set."""

    seconds: float = 0.0
    """By how much, without sign; 0 where it is not said."""
    by_start: bool = False
    """Whether the line only says that the host or a time daemon was started, which may set the clock once."""
    time: float = 0.0
    who: str = ""


@dataclass(frozen=True)
class Surroundings(Fact):
    """What this system runs in, if that is a container: its clock is then its host's."""

    container: str = ""
    """`docker`, `systemd-nspawn`, …; '' on a machine."""
