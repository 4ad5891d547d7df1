"""Keeping of logs: their files, their rotation, and what was lost."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class LogFile(Fact):
    """A log on disk."""

    path: str
    bytes: int = 0
    allocated: int = 0
    """Room on disk: of a file with holes less than its bytes."""
    inode: int = 0
    changed: float = 0.0
    """Seconds since 1970."""


@dataclass(frozen=True)
class RotationError(Fact):
    """What logrotate complains about."""

    text: str
    time: float = 0.0
    path: str = ""
    """The log or the configuration that is meant."""
    is_dry: bool = False
    """Whether it was a trial run on the spot (`--debug`): so it is true now."""


@dataclass(frozen=True)
class Rotated(Fact):
    """When a log was rotated last, as logrotate notes it."""

    path: str
    time: float = 0.0


@dataclass(frozen=True)
class RotationRule(Fact):
    """Which logs a rule of logrotate is for."""

    pattern: str


@dataclass(frozen=True)
class CoreFile(Fact):
    """The memory of a process that crashed, on disk."""

    path: str
    bytes: int = 0
    changed: float = 0.0


@dataclass(frozen=True)
class HostStart(Fact):
    """The kernel's first line of a start of the host."""

    time: float = 0.0


@dataclass(frozen=True)
class JournalTrouble(Fact):
    """A file of the journal that could not be read or written as it should."""

    text: str
    path: str = ""
    time: float = 0.0
    is_unclean: bool = False
    """Whether it may only not have been closed: what every loss of power leaves."""
