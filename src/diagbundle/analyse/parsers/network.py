"""Interfaces, addresses, routes, neighbours: the words of `ip`, and of the kernel where there is no `ip`."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

from diagbundle.analyse.api import Document, Fact, Line, parser
from diagbundle.analyse.facts.network import Address, Neighbour, Nic, NicSetting, Route, RoutingRule, whole

NET = "sos_commands/networking"
_NIC = re.compile(r"\d{1,9}: ([^\s:@]{1,64})(?:@([^\s:]{1,64}))?: <([^>]*)>(.*)", re.ASCII)
_KINDS = {
    "bridge",
    "bond",
    "team",
    "veth",
    "vlan",
    "vxlan",
    "geneve",
    "gre",
    "gretap",
    "ip6gre",
    "ipip",
    "sit",
    "tun",
    "dummy",
    "macvlan",
    "macvtap",
    "ipvlan",
    "wireguard",
    "vrf",
    "ifb",
    "vti",
    "xfrm",
    "openvswitch",
    "can",
    "ppp",
    "batadv",
    "nlmon",
    "netdevsim",
    "hsr",
}
_KIND = re.compile(r"\s{4}([a-z0-9_]+)\b")
_ADDRESS = re.compile(r"\s+inet6?\s+([0-9A-Fa-f.:]+)(?:\s+peer\s+[0-9A-Fa-f.:]+)?/?(\d{1,3})?\b(.*)")
_FLAGS = ("dadfailed", "tentative", "deprecated", "dynamic", "secondary", "temporary", "noprefixroute")


@parser(
    (Nic, Address),
    f"{NET}/ip_-d_address",
    f"{NET}/ip_-s_-d_link",
    f"{NET}/ip_-s_-s_-details_link",
    f"{NET}/ip_address",
    f"{NET}/ip_addr*",
    "insights_commands/ip_addr*",
    "insights_commands/ip_-s_link",
)
def ip_links(doc: Document) -> Iterator[Fact]:
    """`ip -d address` and `ip -s -d link`, of any version: a head line for each interface, and lines about it."""
    block: list[Line] = []
    for line in doc.lines:
        if _NIC.match(line):
            yield from _links(block)
            block = [line]
        elif block:
            block.append(line)
    yield from _links(block)


def _links(block: list[Line]) -> Iterator[Fact]:
    found = _NIC.match(block[0]) if block else None
    if not found:
        return
    name, below, flags, rest = found[1], found[2] or "", found[3].split(","), found[4].split()
    about = dict(zip(rest[::2], rest[1::2], strict=False))
    macs = (line.split()[1:2] for line in block if line.lstrip().startswith("link/"))
    kinds = (found[1] for line in block[1:] if (found := _KIND.match(line)) and found[1] in _KINDS)
    yield Nic(
        origin=block[0].origin,
        name=name,
        is_up="UP" in flags,
        carrier=_carrier(flags),
        state=about.get("state", "").lower(),
        mtu=whole(about.get("mtu", "")),
        kind=next(kinds, ""),
        mac=next((mac[0] for mac in macs if mac), ""),
        master=about.get("master", ""),
        parent="" if re.match(r"if\d+$|NONE", below) else below,
    )
    for line in block[1:]:
        if found := _ADDRESS.match(line):
            with suppress(ValueError):
                yield _address(line, name, found)


def _carrier(flags: list[str]) -> bool | None:
    if "UP" not in flags:
        return None
    return "NO-CARRIER" not in flags


def _address(line: Line, nic: str, found: re.Match[str]) -> Address:
    address = ip_address(found[1])
    words = found[3].split()
    scope = words[words.index("scope") + 1] if "scope" in words[:-1] else ""
    prefix = int(found[2]) if found[2] else address.max_prefixlen
    if prefix > address.max_prefixlen:
        raise ValueError(line)
    return Address(
        origin=line.origin,
        nic=nic,
        address=str(address),
        prefix=prefix,
        flags=frozenset(flag for flag in _FLAGS if flag in words),
        scope=scope,
    )


@parser(Address, "diagbundle/tables/addresses")
def address_rows(doc: Document) -> Iterator[Address]:
    """Our own list, in the words of `ip address`: all there is where `ip` is missing, or is that of busybox."""
    for row in doc.rows:
        with suppress(ValueError):
            address, prefix = ip_address(row.text("address")), row.whole("prefix")
            if 0 <= prefix <= address.max_prefixlen:
                words = row["flags"] if isinstance(row["flags"], list) else []
                flags = frozenset(flag for flag in _FLAGS if flag in words)
                yield Address(
                    nic=row.text("nic"), address=str(address), prefix=prefix, flags=flags, scope=row.text("scope"), origin=row.origin
                )


@parser(Address, "proc/net/if_inet6")
def if_inet6(doc: Document) -> Iterator[Address]:
    """IPv6 addresses as the kernel lists them: 32 digits, index, prefix, scope, flags, name, all in hexadecimal."""
    for line in doc.lines:
        words = line.split()
        if (
            len(words) == 6
            and re.fullmatch(r"[0-9a-f]{32}", words[0])
            and re.fullmatch(r"[0-9a-f]{1,2}", words[2])
            and int(words[2], 16) <= 128
        ):
            failed = re.fullmatch(r"[0-9a-f]{1,8}", words[4]) and int(words[4], 16) & 0x08  # IFA_F_DADFAILED
            text = str(IPv6Address(bytes.fromhex(words[0])))
            yield Address(
                origin=line.origin,
                nic=words[5],
                address=text,
                prefix=int(words[2], 16),
                flags=frozenset({"dadfailed"} if failed else ()),
            )


@parser(NicSetting, *(f"sys/class/net/*/{name}" for name in (
    "operstate", "carrier", "mtu", "flags", "address", "speed", "duplex", "carrier_changes", "carrier_down_count", "type", "uevent",
)))  # fmt: skip
def nic_setting(doc: Document) -> Iterator[NicSetting]:
    """One file, one word; of `uevent` only the kind of device."""
    nic, name = doc.path.split("/")[3:5]
    for line in doc.lines:
        if name != "uevent" and line.strip():
            yield NicSetting(origin=line.origin, nic=nic, name=name, value=line.strip())
            return
        if line.startswith("DEVTYPE="):
            yield NicSetting(origin=line.origin, nic=nic, name="devtype", value=line[8:].strip())


# -- routes

_ROUTE_KINDS = ("unicast", "local", "broadcast", "multicast", "anycast", "blackhole", "unreachable", "prohibit", "throw", "nat")


@parser(
    Route,
    f"{NET}/ip_route_show_table_all",
    f"{NET}/ip_-6_route_show_table_all",
    f"{NET}/ip_route*",
    f"{NET}/ip_-6_route*",
    "insights_commands/ip_route*",
)
def ip_routes(doc: Document) -> Iterator[Route]:
    """`ip route show`: a line for each route; next hops of a route with several stand below it, indented."""
    head: tuple[str, str, int] | None = None
    for line in doc.lines:
        words = line.split()
        if not words:
            continue
        if words[0] == "nexthop" and head:
            yield _route(line, words[1:], *head)
            continue
        kind = words.pop(0) if words[0] in _ROUTE_KINDS else "unicast"
        if not words or not (destination := _destination(words[0])):
            continue
        head = (kind, destination, 6 if ":" in line or "_-6_" in doc.path else 4)
        if "dev" in words or "via" in words or kind != "unicast":
            yield _route(line, words[1:], *head)


def _destination(word: str) -> str:
    if word == "default":
        return word
    with suppress(ValueError):
        network = ip_network(word, strict=False)
        return "default" if network.prefixlen == 0 else str(network)
    return ""


def _route(line: Line, words: list[str], kind: str, destination: str, family: int) -> Route:
    def after(key: str) -> str:
        return words[words.index(key) + 1] if key in words[:-1] else ""

    gateway = after("via")
    return Route(
        origin=line.origin,
        destination=destination,
        device=after("dev"),
        gateway=after("inet6") if gateway == "inet6" else gateway,
        family=family,
        table=after("table") or "main",
        kind=kind,
        metric=whole(after("metric")),
        is_dead=bool({"dead", "linkdown"} & set(words)),
    )


@parser(Route, "proc/net/route")
def proc_route(doc: Document) -> Iterator[Route]:
    """The table `main` of IPv4; numbers in the byte order of the machine, which is little-endian wherever Linux servers run."""
    for line in doc.lines:
        words = line.split()
        if (
            len(words) < 8
            or not all(re.fullmatch(r"[0-9A-F]{8}", words[n]) for n in (1, 2, 7))
            or not re.fullmatch(r"[0-9A-F]{4}", words[3])
        ):
            continue
        to, gateway, mask = (IPv4Address(struct.pack("<I", int(words[n], 16))) for n in (1, 2, 7))
        with suppress(ValueError):
            network = IPv4Network(f"{to}/{mask}")
            yield Route(
                origin=line.origin,
                destination="default" if network.prefixlen == 0 else str(network),
                device=words[0],
                gateway="" if int(gateway) == 0 else str(gateway),
                metric=whole(words[6]),
                kind="unreachable" if int(words[3], 16) & 0x200 else "unicast",
            )


@parser(Route, "proc/net/ipv6_route")
def proc_route6(doc: Document) -> Iterator[Route]:
    """All routes of IPv6. Those of the loopback only say what is unreachable."""
    for line in doc.lines:
        words = line.split()
        if (
            len(words) != 10
            or not all(re.fullmatch(r"[0-9a-f]{32}", words[n]) for n in (0, 4))
            or not re.fullmatch(r"[0-9a-f]{2}", words[1])
        ):
            continue
        if int(words[1], 16) > 128 or words[9] == "lo" or not re.fullmatch(r"[0-9a-f]{8}", words[5]):
            continue
        to, gateway = (str(IPv6Address(bytes.fromhex(words[n]))) for n in (0, 4))
        destination = _destination(f"{to}/{int(words[1], 16)}")
        yield Route(origin=line.origin, destination=destination, device=words[9], gateway="" if gateway == "::" else gateway, family=6,
                    metric=int(words[5], 16))  # fmt: skip


@parser(
    RoutingRule, f"{NET}/ip_rule_show", f"{NET}/ip_rule_list", f"{NET}/ip_-4_rule_list", f"{NET}/ip_-6_rule_show", f"{NET}/ip_-6_rule_list"
)
def ip_rules(doc: Document) -> Iterator[RoutingRule]:
    """`32765: from 10.0.0.5 lookup 100`."""
    for line in doc.lines:
        if found := re.match(r"\d+:\s+(?:not )?from (\S+) .*?lookup (\S+)", line):
            to = re.search(r" to (\S+)", line)
            yield RoutingRule(origin=line.origin, source=found[1], table=found[2], to=to[1] if to else "")


# -- neighbours

_STATES = ("REACHABLE", "STALE", "DELAY", "PROBE", "FAILED", "INCOMPLETE", "NOARP", "PERMANENT", "NONE")


@parser(Neighbour, f"{NET}/ip_-s_-s_neigh_show_nud_all", f"{NET}/ip_-s_-s_neigh_show", f"{NET}/ip_neigh_show*", f"{NET}/ip_-*neigh_show*")
def ip_neighbours(doc: Document) -> Iterator[Neighbour]:
    """`ip neigh show`; those of no ARP (multicast, loopback) are none."""
    for line in doc.lines:
        words = line.split()
        state = next((word for word in words if word in _STATES), "")
        if len(words) > 3 and words[1] == "dev" and state and state != "NOARP":
            mac = words[words.index("lladdr") + 1] if "lladdr" in words[:-1] else ""
            yield Neighbour(origin=line.origin, address=words[0], device=words[2], mac=mac, state=state)


@parser(Neighbour, "proc/net/arp")
def proc_arp(doc: Document) -> Iterator[Neighbour]:
    """Flag 0x2: its hardware address is known. Without it the address is asked for, or nobody answered."""
    for line in doc.lines:
        words = line.split()
        if len(words) == 6 and re.fullmatch(r"0x[0-9a-f]+", words[2]):
            known = int(words[2], 16) & 0x6
            yield Neighbour(
                origin=line.origin, address=words[0], device=words[5], mac=words[3] if known else "", state="" if known else "INCOMPLETE"
            )
