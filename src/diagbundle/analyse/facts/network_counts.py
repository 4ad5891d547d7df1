"""What the kernel counts about protocols, sockets and connection tracking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from diagbundle.analyse.fact import Fact, pairs


@dataclass(frozen=True)
class NetCounter(Fact):
    """A counter of a protocol, of one network namespace: as `nstat` spells it, `TcpRetransSegs`."""

    name: str
    value: int
    netns: str = ""
    """Inode of another network namespace than the host's own."""


@dataclass(frozen=True)
class NetSetting(Fact):
    """A file of `/proc/sys/net`, of the host's own namespace."""

    name: str
    """With dots: `net.ipv4.tcp_mem`."""
    value: str


@dataclass(frozen=True)
class Softnet(Fact):
    """What one CPU did with frames before any protocol saw them."""

    cpu: int
    processed: int
    dropped: int
    squeezed: int
    """Times that it had to stop with work left."""


@dataclass(frozen=True)
class SocketMemory(Fact):
    """A line of /proc/net/sockstat."""

    protocol: str
    """`TCP`, `UDP`, …"""
    pages: int = 0
    in_use: int = 0
    orphans: int = 0
    waiting: int = 0
    """Sockets in TIME_WAIT."""
    netns: str = ""


@dataclass(frozen=True)
class TrackingCounter(Fact):
    """What connection tracking of one namespace lost, all CPUs together."""

    entries: int
    dropped: int
    """New connections that were refused for want of room."""
    early: int
    """Old ones that were thrown out to make room."""
    failed: int
    netns: str = ""


@dataclass(frozen=True)
class NeighbourTable(Fact):
    """Counters of the table of neighbours, all CPUs together."""

    name: str
    """`arp_cache` or `ndisc_cache`."""
    entries: int
    full: int
    """Times that there was no room for a neighbour."""


@dataclass(frozen=True)
class Listener(Fact):
    """A listening TCP socket."""

    address: str
    port: int
    waiting: int = 0
    """Connections that the program has not accepted yet."""
    limit: int | None = None
    """How many may wait; None where it is unknown."""
    netns: str = ""
    """Inode, where it is known; '' may be the host's own namespace."""

    @property
    def is_local(self) -> bool:
        """Whether only this host itself can connect to it."""
        return self.address.startswith("127.") or self.address in ("::1", "[::1]")


@dataclass(frozen=True)
class SocketOwner(Fact):
    """A process and what it holds: a listening socket, or a number of connections in one state."""

    pid: int
    comm: str
    state: str
    """LISTEN, UNCONNECTED (a bound UDP socket), ESTABLISHED, CLOSE_WAIT, …"""
    protocol: str = "tcp"
    count: int = 1
    port: int = 0
    """Of a listening socket."""
    netns: str = ""


@dataclass(frozen=True)
class Connections(Fact):
    """How many connections there are in one state to, or from, one address."""

    state: str
    remote: str
    count: int
    protocol: str = "tcp"
    port: int = 0
    """Of the side that was called: theirs where we did, ours where they did."""
    is_outgoing: bool = True
    netns: str = ""


@dataclass(frozen=True)
class PortUse(Fact):
    """How many local ports are in use towards the side that most connections go to."""

    towards: str
    """Address and port."""
    ports: int
    available: int
    """Ephemeral ports that may be given out; 0 where it is unknown."""
    protocol: str = "tcp"
    netns: str = ""


Growth = dict[str, tuple[NetCounter, NetCounter]]


def growth(counters: Iterable[NetCounter]) -> dict[str, Growth]:
    """Namespace → counter → both readings, of those that were read twice."""
    found: dict[str, Growth] = {}
    for first, last in pairs(counters, lambda each: (each.netns, each.name)):
        found.setdefault(last.netns, {})[last.name] = first, last
    return found


def more(readings: Growth, name: str) -> int:
    """By how much a counter grew; 0 where it did not, was set back, or is not there."""
    first, last = readings.get(name, (None, None))
    return max(0, last.value - first.value) if first and last else 0


def where(netns: str) -> str:
    """Words for a network namespace other than the host's own; '' for that."""
    return f" in network namespace {netns}" if netns else ""
