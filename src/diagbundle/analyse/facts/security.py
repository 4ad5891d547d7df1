"""What may deny, and the kernel's identity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class SelinuxState(Fact):
    """Whether SELinux is there, its mode now and at the next start."""

    mode: str = ""
    """`enforcing`, `permissive`, `disabled`; '' where it is unknown."""
    configured: str = ""
    config_mtime: float = 0.0
    """When /etc/selinux/config was written."""
    pending: tuple[str, ...] = ()
    """Booleans that were changed and are not in force yet."""
    relabel: bool = False
    """Whether all files are labelled anew at the next start."""
    asked_for: bool = False
    """Whether the kernel's command line asks for it."""


@dataclass(frozen=True)
class Denial(Fact):
    """An access that SELinux or AppArmor refused, or in permissive mode would have."""

    guard: str
    """`selinux` or `apparmor`."""
    time: float = 0.0
    who: str = ""
    """The program."""
    source: str = ""
    """Its type (`httpd_t`) or profile."""
    target: str = ""
    """The type of what it wanted (`user_home_t`); of AppArmor the class of operation."""
    what: str = ""
    """`file`, `tcp_socket`; of AppArmor the operation."""
    wanted: str = ""
    """`read`, `name_connect`."""
    name: str = ""
    """The file or the port."""
    permissive: bool = False
    is_retold: bool = False
    """Whether setroubleshoot tells of it, which reads the audit log too; it does not say whether SELinux is permissive."""


def first_hand(denials: Iterable[Denial]) -> list[Denial]:
    """Of each program what the audit log tells, or what is retold where that is more: never both."""
    every = list(denials)
    told = Counter((each.who, each.is_retold) for each in every)
    return [each for each in every if each.is_retold is (told[each.who, True] > told[each.who, False])]


@dataclass(frozen=True)
class ModeChange(Fact):
    """SELinux was switched."""

    time: float
    enforcing: bool
    by_user: bool
    """Whether somebody who was logged in did it; at every start the policy does it too."""


@dataclass(frozen=True)
class AuditState(Fact):
    """`auditctl -s`: numbers by name."""

    values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Kernel(Fact):
    """The release of the kernel that runs, by one of its witnesses."""

    release: str
    witness: str
    """`uname`, `/proc/version`, `/proc/sys/kernel/osrelease`."""


@dataclass(frozen=True)
class InstalledKernel(Fact):
    """A kernel that is installed."""

    release: str
    is_running: bool = False
    is_newest: bool = False
    mtime: float = 0.0


@dataclass(frozen=True)
class Release(Fact):
    """The distribution's version by one of its witnesses."""

    family: str
    """`rhel`, `debian`, `ubuntu`, `sles`, …"""
    version: str
    witness: str


@dataclass(frozen=True)
class RebootFlag(Fact):
    """A file by which the distribution says that it wants to be started anew."""

    why: str = ""


@dataclass(frozen=True)
class Taint(Fact):
    """/proc/sys/kernel/tainted: what has happened to the kernel, as bits."""

    bits: int


@dataclass(frozen=True)
class Confinement(Fact):
    """Whether what was asked is a container, which shares its host's kernel."""

    is_container: bool


@dataclass(frozen=True)
class CrashDump(Fact):
    """A dump or the last words of a kernel that crashed."""

    name: str
    time: float = 0.0


@dataclass(frozen=True)
class Crash(Fact):
    """A program that the kernel stopped for a fault of its own, or that dumped core."""

    program: str
    time: float = 0.0
    how: str = ""


@dataclass(frozen=True)
class HardwareCounter(Fact):
    """A counter of errors of memory, PCI devices or heat."""

    name: str
    """What it counts."""
    device: str
    value: int
    is_fatal: bool = False
    """Whether one is already too many."""


@dataclass(frozen=True)
class Chosen(Fact):
    """A file of words of which one stands in brackets."""

    name: str
    value: str


@dataclass(frozen=True)
class NoLogin(Fact):
    """A file that forbids everybody but root to log in."""

    path: str
    text: str = ""
