"""The words of diagbundle: what can be asked of a host, and how an asking can end. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from diagbundle.outcome import Outcome

if TYPE_CHECKING:
    from diagbundle.host import Host

__all__ = ["Answer", "Collector", "Command", "Conditions", "File", "Outcome", "Probe", "Row", "Source", "Stage", "Table", "nothing"]

Row = Mapping[str, Any]
"""One computed row; becomes one line of JSON."""


class Stage(StrEnum):
    """When a collector is asked: what changes fastest first (RFC 3227, order of volatility)."""

    VOLATILE = "volatile"
    STATE = "state"
    LOGS = "logs"


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What every source may carry: where its answer lies, and when it is not to be asked."""

    at: str = ""
    """Path in the bundle, in place of the usual one."""
    also: tuple[str, ...] = ()
    """Further paths in the bundle at which a copy lies."""
    only_if: str = ""
    """A path that must exist on the host, else `skipped`: so that asking starts no service and loads no module."""
    skip: str = ""
    """A reason not to ask at all, found by the collector; the source is then recorded as `skipped`."""


@dataclass(frozen=True)
class File(Conditions):
    """Regular files, whole. `*`, `?`, `[` match within one component, `**` any number of them."""

    path: str
    timeout: float = field(default=30.0, kw_only=True)
    """Seconds without a byte of progress after which one file is given up."""
    key: str = field(default="", kw_only=True)
    """What the answer is kept under, where the path names something fleeting (a process id)."""
    follow: bool = field(default=False, kw_only=True)
    """Whether links found by a `**` are read, where they lead out of its folder; otherwise they are only named."""


@dataclass(frozen=True)
class Command(Conditions):
    """One program and its words: no shell, fixed environment, no terminal, nothing on standard input."""

    argv: tuple[str, ...]
    timeout: float = field(default=20.0, kw_only=True)
    """Seconds it may take in all."""
    folder: str = field(default="", kw_only=True)
    """Folder below `sos_commands/`; usually the collector's."""
    each: str = field(default="", kw_only=True)
    """A glob: the command is asked once for every match, whose last component replaces `{}`."""
    limit: int = field(default=256 << 20, kw_only=True)
    """Bytes of output to keep; 0 for all there is."""
    both: bool = field(default=False, kw_only=True)
    """Whether standard error belongs to the answer, as in the log of a container."""


@dataclass(frozen=True)
class Table(Conditions):
    """Rows that only a computation can tell. Mappings become lines of JSON, strings lines of text."""

    name: str
    rows: Callable[[Host], Iterable[Row | str]] = field(compare=False)
    timeout: float = field(default=60.0, kw_only=True)
    """Seconds it may take in all."""


@dataclass(frozen=True)
class Probe(Conditions):
    """One small question over the network, to an address that the host's own configuration names."""

    kind: str
    """`tcp`, `tls`, `dns`, `http`, `proxy`, `arp`, `mtu`, `ntp` or `ports`: a function of `sources/probe.py`."""
    target: str
    """`host:port`, an address, or a URL, as the kind wants it."""
    named_by: str = field(default="", kw_only=True)
    """Where the target is named: file and line."""
    options: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    """Further words for the probe: `("name", "db1.example")`, `("proxy", "10.0.0.1:3128")`."""
    timeout: float = field(default=10.0, kw_only=True)


Source = File | Command | Table | Probe
"""One question."""


@dataclass
class Answer:
    """What a command said, held in memory for a collector that looks at it."""

    argv: tuple[str, ...]
    outcome: Outcome = Outcome.COLLECTED
    stdout: bytes = b""
    exit: int | None = None
    stderr: bytes = b""
    reason: str = ""


def nothing(_host: Host) -> Iterable[Source]:
    """No sources."""
    return ()


@dataclass(frozen=True)
class Collector:
    """A named list of questions about one subject."""

    name: str
    title: str
    """One sentence for people."""
    sources: Callable[[Host], Iterable[Source]]
    """Asked in a child process; may be asked again after a hang."""
    stage: Stage = Stage.STATE
    samples: Callable[[Host], Iterable[Source]] = nothing
    """Asked first of all and last of all, so that counters give rates."""
    folder: str = ""
    """Folder of its commands below `sos_commands/`; its name if empty."""
    needs: str = "root"
    """Who gets the whole answer: `root` or `anyone`."""
    default: bool = True
    """Whether it is asked without `--with NAME`."""
    waits: bool = False
    """Whether most of its time is spent waiting for others: it then begins first in its stage, and takes nobody's place."""
    origin: str = ""
    """Where it was found: a file or an entry point."""
