"""Services: units, what their logs say of restarts, and processes that are started anew."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from diagbundle.analyse.fact import Fact
from diagbundle.analyse.verdict import Origin

KINDS = r"(?:service|socket|mount|automount|swap|timer|path|slice|target|scope|device)"
"""What the name of a unit ends with."""
UNIMPORTANT = re.compile(
    r"(run-[pu]?\d+.*|run-r[0-9a-f]+|session-\w+|user@\d+|user-runtime-dir@\d+|systemd-coredump@.*|drkonqi-.*|apport.*|whoopsie"
    r"|fwupd-refresh|motd-news"
    r"|dnf-makecache|apt-daily.*|packagekit.*|man-db|plocate-updatedb|updatedb|ua-timer|esm-cache|update-notifier-.*|snapd\.seeded"
    r"|.*@\d+-\d+.*)\.\w+"
)
"""Sessions, one-off commands, and refreshes that fail wherever there is no internet: worth a note."""
OF_THE_KERNEL = re.compile(
    r"sys-(?:kernel|fs)-.*\.mount|dev-(?:hugepages|mqueue)\.mount|proc-sys-fs-binfmt_misc\..*|systemd-(?:modules-load|udevd?|binfmt|sysctl)\b.*"
    r"|systemd-journald-audit\.socket|(?:auditd|kdump|multipathd|smartd|irqbalance|tuned|lvm2-.*|iscsid?.*|open-iscsi)\.\w+"
)
"""Units that need a kernel of their own: in a container that is a whole system (LXC) they cannot start."""
RESULTS = {
    "timeout": "it did not start or stop in the time it is given",
    "watchdog": "it no longer answered its watchdog",
    "oom-kill": "the kernel killed it for want of memory",
    "start-limit-hit": "it was started too often in too short a time, and systemd gave up",
    "resources": "something it needs could not be had",
    "protocol": "it did not report as its type demands",
    "core-dump": "it crashed",
    "condition": "a condition was not met",
    "exec-condition": "a condition was not met",
    "trigger-limit-hit": "it was triggered too often",
    "unit-start-limit-hit": "what it starts was started too often",
}
"""Results of systemd, in words."""
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
class UnitFailure(Fact):
    """A line of systemd's log about a unit that could not be started, or ended with an error; or that it is there after all."""

    unit: str = ""
    """Its name; '' where the line has only its description."""
    title: str = ""
    """Its description; '' where the line has only its name."""
    result: str = ""
    """As systemd calls it: `exit-code`, `timeout`, `dependency` …; `setting`, `cycle` for what stands in its file; '' where it works."""
    text: str = ""
    time: float = 0.0
    """Seconds since 1970; 0 where it is unknown."""


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
