"""What was changed on the host, whoever did it and whatever tells of it."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact

PACKAGE, KERNEL, REBOOT, CRASH, CLOCK, SELINUX, APPARMOR, AUDIT = (
    "package",
    "kernel",
    "reboot",
    "crash",
    "clock",
    "selinux",
    "apparmor",
    "audit",
)
FIREWALL, SYSCTL, UNIT, SERVICE, USER, CERTIFICATE, CONTAINER = "firewall", "sysctl", "unit", "service", "user", "certificate", "container"
NETWORK, CRON, REPOSITORY, PROGRAM, CONFIGURATION, DATABASE = "network", "cron", "repository", "program", "configuration", "packages"


@dataclass(frozen=True)
class Change(Fact):
    """One thing that was changed, once."""

    time: float
    """Seconds since 1970."""
    kind: str
    """One of the words above."""
    what: str
    """A package, a path, a unit, a user, a container; `SELinux`, `the clock`, `the host`."""
    action: str
    """What was done to it, as in `nginx was upgraded`."""
    old: str = ""
    new: str = ""
    by: str = ""
    """Who did it, or which command."""
    certainty: str = "certain"
    """How sure the time is, as of an event in a log."""
    attributes: bool = False
    """Of a file: whether its date is old, and only the inode's is new: unpacked, moved, or its mode or owner changed."""


@dataclass(frozen=True)
class Clocks(Fact):
    """The clocks, read at once: seconds."""

    wall: float
    boottime: float


@dataclass(frozen=True)
class Run(Fact):
    """A command of a package manager: says who is behind the packages that change next."""

    time: float
    command: str
