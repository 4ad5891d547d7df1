"""Interfaces, addresses, routes, neighbours, and what the kernel counts about them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from diagbundle.analyse.fact import Fact, latest, pairs

INNER = re.compile(
    r"(lo|docker|br-|veth|virbr|vnet|tap|cni|flannel|cali|lxc|lxd|incus|podman|tunl|kube|nodelocal|weave|ovs|dummy|cilium|azv|eni[0-9a-f]{8})"
)
"""Beginnings of the names of interfaces whose far end is on this machine."""
REAL_KINDS = ("", "bond", "team", "vlan", "bridge", "macvlan", "ipvlan", "veth")
"""Kinds of interfaces that lead to a wire: the first is a plain device, the last what a container has for one."""


@dataclass(frozen=True)
class Nic(Fact):
    """A network interface of the host's own namespace, as it stands."""

    name: str
    is_up: bool
    """Whether it was switched on (administratively up)."""
    carrier: bool | None = None
    """Whether there is a link; None where it cannot be known (nobody tells it of an interface that is switched off)."""
    state: str = ""
    """`up`, `down`, `unknown`, `lowerlayerdown`, `dormant`, … as the kernel calls it."""
    mtu: int = 0
    """Bytes; 0 where it is unknown."""
    kind: str = ""
    """`bridge`, `bond`, `veth`, `vlan`, …; '' of a plain device, or where it is not told."""
    mac: str = ""
    master: str = ""
    """The bond, bridge or team that it is a part of."""
    parent: str = ""
    """Of a VLAN and its like: the interface it stands on."""

    @property
    def is_wire(self) -> bool:
        """Whether it leads out of this machine, as far as name and kind tell."""
        return not INNER.match(self.name) and self.kind in REAL_KINDS

    @property
    def works(self) -> bool:
        """Whether it could carry packets."""
        return self.is_up and self.carrier is not False and self.state not in ("down", "lowerlayerdown")


@dataclass(frozen=True)
class NicSetting(Fact):
    """One file of `/sys/class/net/NAME`: `mtu`, `carrier_changes`, `speed`, …"""

    nic: str
    name: str
    value: str


@dataclass(frozen=True)
class NicCounter(Fact):
    """One counter of an interface."""

    nic: str
    name: str
    """As in `/sys/class/net/NAME/statistics`: `rx_crc_errors`; of a driver by its own name."""
    value: int
    source: str = "sys"
    """`sys`, `dev` (/proc/net/dev, where drops and missed frames are one number), or `driver` (ethtool -S)."""
    netns: str = ""
    """Inode of another network namespace than the host's own."""


@dataclass(frozen=True)
class Address(Fact):
    """An address of an interface."""

    nic: str
    address: str
    prefix: int
    flags: frozenset[str] = frozenset()
    """`dadfailed`, `tentative`, `deprecated`, `dynamic`, `secondary`, …"""
    scope: str = ""

    @property
    def is_global(self) -> bool:
        """Whether others can talk to it, that is: it is neither of the loopback nor link-local."""
        found = ip_address(self.address)
        return not (found.is_loopback or found.is_link_local)

    @property
    def network(self) -> IPv4Network | IPv6Network:
        """The network it stands in."""
        return ip_network(f"{self.address}/{self.prefix}", strict=False)


@dataclass(frozen=True)
class Route(Fact):
    """A route."""

    destination: str
    """`default`, or a network as `10.0.0.0/24`."""
    device: str = ""
    gateway: str = ""
    family: int = 4
    table: str = "main"
    kind: str = "unicast"
    """`unicast`, `local`, `blackhole`, `unreachable`, …"""
    metric: int = 0
    is_dead: bool = False
    """Whether its interface has lost the link."""


@dataclass(frozen=True)
class RoutingRule(Fact):
    """A rule that picks a table of routes."""

    source: str
    """Address or network of the sender; `all`."""
    table: str
    to: str = ""
    """Network of those who are called; '' for all."""


@dataclass(frozen=True)
class Neighbour(Fact):
    """A neighbour on the wire."""

    address: str
    device: str
    mac: str = ""
    state: str = ""
    """REACHABLE, STALE, FAILED, INCOMPLETE, …"""


@dataclass(frozen=True)
class AddressProbe(Fact):
    """What an ARP question brought (or, for IPv6, the kernel's own)."""

    address: str
    device: str
    is_own: bool
    """Whether the address is one of this host."""
    outcome: str
    """answered, unique, duplicate, neighbour_silent, …"""
    macs: tuple[str, ...] = ()
    detail: str = ""
    named_by: str = ""
    """The line of configuration that names the address."""


@dataclass(frozen=True)
class PathMtu(Fact):
    """How large a packet gets to an address."""

    address: str
    outcome: str
    """whole, limited, black_hole, undecided."""
    mtu: int = 0
    """Bytes that arrive."""
    first: int = 0
    """Bytes that the interface, or what was known of the path, allows."""
    detail: str = ""


@dataclass(frozen=True)
class LinkMode(Fact):
    """Speed and duplex of an interface, as its driver tells."""

    nic: str
    speed: int = 0
    """Mbit/s; 0 where it is unknown."""
    duplex: str = ""
    """`half`, `full`, ''."""
    most: int = 0
    """Mbit/s that both ends could do, as far as they tell; else what this end could do."""


@dataclass(frozen=True)
class Driver(Fact):
    """Which driver an interface has."""

    nic: str
    name: str


@dataclass(frozen=True)
class Bond(Fact):
    """A bond or team of interfaces."""

    name: str
    mode: str = ""
    is_up: bool = True
    active: str = ""
    """The port in use, where only one is."""
    partner: str = ""
    """MAC of the switch's end of an 802.3ad bond; all zeros where it does not speak LACP."""


@dataclass(frozen=True)
class BondPort(Fact):
    """An interface of a bond or team."""

    bond: str
    nic: str
    is_up: bool
    failures: int = 0
    """Times that its link was lost since it joined."""
    speed: int = 0
    """Mbit/s; 0 where it is unknown."""
    duplex: str = ""
    aggregator: str = ""


@dataclass(frozen=True)
class Qdisc(Fact):
    """A queueing discipline of an interface, with its counters."""

    device: str
    kind: str
    handle: str = ""
    options: str = ""
    sent: int = 0
    """Packets."""
    dropped: int = 0
    """Packets."""


@dataclass(frozen=True)
class LinkLost(Fact):
    """A log says that an interface lost its link."""

    nic: str
    time: float
    """Seconds since 1970; 0 where it is unknown."""


@dataclass(frozen=True)
class BondLine(Fact):
    """A log says that a bond has no active port, or has one again."""

    bond: str
    is_up: bool
    time: float


def links(nics: Iterable[Nic], settings: Iterable[NicSetting]) -> dict[str, Nic]:
    """The interfaces by name: as `ip` tells, else as the files of sysfs do."""
    found = {nic.name: nic for nic in latest(nics)}
    if found:
        return found
    values: dict[str, dict[str, NicSetting]] = {}
    for each in latest(settings):
        values.setdefault(each.nic, {})[each.name] = each
    return {name: _of_sysfs(name, of) for name, of in values.items() if "operstate" in of or "flags" in of}


def _of_sysfs(name: str, of: dict[str, NicSetting]) -> Nic:
    word = {key: setting.value for key, setting in of.items()}
    flags = int(word["flags"], 16) if re.fullmatch(r"0x[0-9a-f]+", word.get("flags", "")) else None
    state = word.get("operstate", "")
    return Nic(
        origin=(of.get("operstate") or of["flags"]).origin,
        name=name,
        is_up=bool(flags & 1) if flags is not None else state != "down",
        carrier={"0": False, "1": True}.get(word.get("carrier", "")),
        state=state,
        mtu=whole(word.get("mtu", "")),
        mac=word.get("address", ""),
        kind=word.get("devtype", ""),
    )


DEFAULT = ("default", "0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1", "2000::/3")
"""Destinations that are all the world, or the halves of it that VPN clients set up."""


def default_routes(routes: Iterable[Route]) -> list[Route]:
    """Where all goes that has no route of its own."""
    return [route for route in latest(routes) if route.destination in DEFAULT and route.kind == "unicast" and route.device != "lo"]


def grown(counters: Iterable[NicCounter]) -> dict[tuple[str, str], dict[str, tuple[NicCounter, NicCounter]]]:
    """(namespace, interface) → counter → both readings, of those that were read twice; from one source for each interface.

    Sysfs counts drops and missed frames apart, which /proc/net/dev does not: where both tell of an interface, sysfs is believed.
    """
    found: dict[tuple[str, str], dict[str, dict[str, tuple[NicCounter, NicCounter]]]] = {}
    for first, last in pairs(counters, lambda each: (each.netns, each.nic, each.source, each.name)):
        found.setdefault((last.netns, last.nic), {}).setdefault(last.source, {})[last.name] = first, last
    return {key: of.get("sys") or of.get("dev") or {} for key, of in found.items()}


def whole(text: str) -> int:
    """A whole number, 0 where the text is none."""
    return int(text) if re.fullmatch(r"-?\d{1,20}", text.strip(), re.ASCII) else 0
