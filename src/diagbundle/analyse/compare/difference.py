"""The words of a comparison: items that are held against each other, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diagbundle.analyse.verdict import Origin

Value = str | int | float | bool | None | tuple[str, ...]
"""What is compared: tuples are sets, in order."""

SECTIONS = {
    "verdicts": "verdicts",
    "host": "the host",
    "kernel": "kernel and its modules",
    "packages": "packages",
    "sysctl": "kernel settings",
    "configuration": "configuration files",
    "services": "services",
    "security": "SELinux, AppArmor and modes of files",
    "storage": "disks, mounts and their room",
    "network": "network",
    "firewall": "firewall",
    "containers": "containers",
    "users": "users and limits",
    "certificates": "certificates",
    "hardware": "hardware",
    "errors": "errors counted meanwhile",
}
"""Name and title of each section, in the order in which they are told: what explains a fault comes first."""


@dataclass(frozen=True)
class Item:
    """One thing on one side: a package, a mount, a setting."""

    what: str
    """Its name, by which the same thing is found on the other side."""
    values: Mapping[str, Value]
    origin: Origin


@dataclass(frozen=True)
class Field:
    """What is told of a thing, on both sides."""

    name: str
    a: str
    b: str


@dataclass(frozen=True)
class Changed:
    """A line of a text that is on one side only."""

    side: str
    """`A` or `B`."""
    line: int
    """Counted from 1."""
    text: str


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same."""

    noun: str
    """What it is: `package`, `mount`."""
    what: str
    sign: str
    """`-` only in A, `+` only in B, `~` in both and different."""
    a: Origin | None
    """The line in A that tells of it; of what A lacks the piece that does not hold it; None where there is none."""
    b: Origin | None
    fields: tuple[Field, ...] = ()
    lines: tuple[Changed, ...] = ()
    """Of a text: what was taken out and put in, in order."""
    left_out: int = 0
    """Lines of a text that differ, too, and are not told."""
    count: int = 1
    """How many things it stands for."""
    note: str = ""
    rank: int = 0
    """Of a verdict its severity, so that the worst comes first."""


@dataclass
class Section:
    """All of one subject."""

    name: str
    differences: list[Difference] = field(default_factory=list)
    same: int = 0
    """Things that are the same on both sides."""
    unknown: list[str] = field(default_factory=list)
    """What could not be compared, and why."""
    notes: list[str] = field(default_factory=list)
    """What was left out on purpose: `3 files differ in comments only`."""

    @property
    def count(self) -> int:
        """How many differences are told; many things of one name are one."""
        return len(self.differences)


@dataclass(frozen=True)
class Taken:
    """What the two are taken for, and why."""

    one_host: bool
    because: str
    same_boot: bool = False
    """Whether the host was not started anew in between, so that its counters go on."""


@dataclass
class Comparison:
    """The whole answer."""

    taken: Taken
    identity: list[Field]
    """Names, addresses, numbers that belong to each host, and are not told as differences."""
    sections: list[Section]
    notes: list[str] = field(default_factory=list)
    """What hinders the comparison as a whole: stand-ins, a bundle that is not complete."""

    @property
    def count(self) -> int:
        """Differences in all sections."""
        return sum(section.count for section in self.sections)
