"""Services: units, what their logs say of restarts, and processes that are started anew."""

from __future__ import annotations

from dataclasses import dataclass, field

from diagbundle.analyse.fact import Fact
from diagbundle.analyse.verdict import Origin

WAITS = {"auto-restart", "backoff", "auto-restart-queued"}
"""Sub states of what has just ended and is about to be started again."""


@dataclass(frozen=True)
class Unit(Fact):
    """A unit of systemd, or what another manager calls a service; what nobody said is '' or None."""

    name: str = ""
    manager: str = "systemd"
    load: str = ""
    """`loaded`, `not-found`, `bad-setting`, `error`, `masked`."""
    active: str = ""
    """`active`, `inactive`, `failed`, `activating`, `deactivating`, in systemd's words for any manager."""
    sub: str = ""
    result: str = ""
    """Why it ended: `exit-code`, `signal`, `timeout`, `oom-kill`, `start-limit-hit` …"""
    status: int | None = None
    """Exit status of the main process, or the signal that ended it."""
    by_signal: bool = False
    restarts: int | None = None
    """How often the manager started it again by itself since it was started by hand."""
    started: str = ""
    """When it last became active, in the same form."""
    changed: str = ""
    """When its state last changed, in the host's words and zone."""
    needs_reload: bool = False
    file: str = ""
    kind: str = ""
    """Type of a service: `simple`, `oneshot`, …"""
    user: str = ""
    """As whom it is to run."""
    proofs: tuple[Origin, ...] = field(default=())
    """The lines that tell how it stands."""


@dataclass(frozen=True)
class UnitFile(Fact):
    """A unit's file on disk, whether it runs or not."""

    name: str = ""
    state: str = ""
    """`enabled`, `static`, `masked`, `bad` …"""


@dataclass(frozen=True)
class UnitSaid(Fact):
    """One of the last lines of a unit's journal, as `systemctl status` shows them."""

    unit: str = ""
    text: str = ""
    by_manager: bool = False


@dataclass(frozen=True)
class UnitRestart(Fact):
    """A line of a log in which a manager tells that it starts a service again, or gives up."""

    unit: str = ""
    time: float = 0.0
    """Seconds since 1970; 0 where it is unknown."""
    counter: int = 0
    """How often so far, where it is said."""
    gave_up: bool = False
    is_well: bool = False
    """That it runs, and has done so for a while."""
    is_end: bool = False
    """Only that it ended with an error: nobody says that it is started again."""


@dataclass(frozen=True)
class Job(Fact):
    """A job in systemd's queue."""

    unit: str = ""
    kind: str = ""
    """`start`, `stop`, …"""
    state: str = ""
    """`running` or `waiting`."""


@dataclass(frozen=True)
class Incarnation(Fact):
    """A process at one reading: one name with ever new start times is started again and again."""

    pid: int = 0
    name: str = ""
    """As the kernel calls it, at most 15 bytes."""
    ticks: int = 0
    """Start, in ticks since boot."""
    command: str = ""
    """Its command line, where it was read."""
    parent: int = 0
    is_kernel: bool = False
    reading: str = ""
    """The piece it stands in."""
