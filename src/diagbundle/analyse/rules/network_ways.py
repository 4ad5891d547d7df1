"""Whether packets find their way: links, routes, addresses, neighbours, sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from diagbundle.analyse.api import About, Finding, Severity, Undecided, latest, pairs, rule
from diagbundle.analyse.facts.network import (
    Address,
    AddressProbe,
    Bond,
    BondPort,
    Neighbour,
    Nic,
    NicSetting,
    PathMtu,
    Route,
    RoutingRule,
    default_routes,
    links,
)
from diagbundle.analyse.facts.network_counts import NeighbourTable, NetCounter, NetSetting, growth, more


def _lost(nics: Iterable[Nic], addresses: Iterable[Address], routes: Iterable[Route]) -> list[tuple[Nic, list[Address], list[Route]]]:
    """Interfaces that should work, by their addresses or routes, and do not."""
    found = []
    for nic in nics:
        mine = [each for each in addresses if each.nic == nic.name and each.is_global]
        ways = [route for route in routes if route.device == nic.name]
        if not nic.works and nic.is_wire and not nic.master and (mine or ways):
            found.append((nic, mine, ways))
    return found


@rule("NET010", "interfaces that are configured but down", About, uses=(Nic, NicSetting, Address, Route))
def link_down(
    _: list[About], nics: list[Nic], settings: list[NicSetting], addresses: list[Address], routes: list[Route]
) -> Iterator[Finding]:
    """An interface that has an address, or leads to the default gateway, is switched off or has no link.

    Critical if no other interface with an address works, or the default route leads there; a warning otherwise. Interfaces without an
    address and bridges of containers and virtual machines (docker0, virbr0, any without a port that leads out of the machine) are down on
    many sound hosts and are left out.
    Switched off ("administratively down"): `ip link set NIC up`, and see who switched it off. No carrier: cable, transceiver, switch
    port; of a virtual machine, whether its host has connected it.
    """
    known = links(nics, settings)
    if not known:
        raise Undecided("neither `ip` nor sysfs told of interfaces")
    here = latest(addresses)
    lost = _lost(known.values(), here, default_routes(routes))
    others = {each.nic for each in here if each.is_global and each.nic in known and known[each.nic].works and known[each.nic].is_wire}
    for nic, mine, ways in lost:
        if nic.kind == "bridge" and nic.is_up and not ways and not _has_wire(nic, known.values()):
            continue
        state = "has no link (no carrier)" if nic.is_up else "is switched off (administratively down)"
        has = [f"the address {each.address}" for each in mine[:2]] + ["the default route"] * bool(ways)
        yield Finding(
            Severity.WARNING if others and not ways else Severity.CRITICAL,
            f"{nic.name} is down: it {state} though it has {' and '.join(has)}",
            tuple(each.origin for each in (nic, *mine[:1], *ways[:1])),
            "Look at the cable, the transceiver and the switch port; of a virtual machine, whether its host has connected it"
            if nic.is_up
            else f"`ip link set {nic.name} up`, then see who switched it off; routes that stood on it must be set anew",
            detail=f"{', '.join(sorted(others)[:4])} {'works' if len(others) == 1 else 'work'}"
            if others
            else "no other interface with an address works",
            subject=nic.name,
        )


def _has_wire(bridge: Nic, nics: Iterable[Nic]) -> bool:
    """Whether a port of a bridge leads out of this machine."""
    return any(each.master == bridge.name and each.is_wire and each.kind in ("", "bond", "team", "vlan") for each in nics)


@rule("NET011", "the default route", Route, uses=(Nic, NicSetting, Address, NetCounter))
def default_route(
    routes: list[Route], nics: list[Nic], settings: list[NicSetting], addresses: list[Address], counters: list[NetCounter]
) -> Iterator[Finding]:
    """The host has no default route: it reaches its own networks and nothing beyond them.

    A warning, for some hosts are meant to live so; critical where the kernel refused packets for want of a route between the two readings
    (Ip OutNoRoutes grew). A default route of IPv6 alone counts as one. Where no interface with an address works there is nothing to judge.
    Set it: `ip route add default via GATEWAY`; then see why it is missing: DHCP lease, configuration of the interface, a VPN client.
    """
    if default_routes(routes):
        return
    known = links(nics, settings)
    working = {
        each.nic for each in latest(addresses) if each.is_global and each.nic in known and known[each.nic].works and known[each.nic].is_wire
    }
    connected = [
        route
        for route in latest(routes)
        if route.device in working and route.kind == "unicast" and not route.destination.startswith(("fe80", "ff"))
    ]
    if known and not working:
        raise Undecided("no interface with an address works: there is nowhere for a route to lead")
    if not connected:
        raise Undecided("no route to any network was read")
    readings = growth(counters).get("", {})
    refused = more(readings, "IpOutNoRoutes") + more(readings, "Ip6OutNoRoutes")
    origins = [connected[0].origin]
    if refused:
        origins += [each.origin for each in readings["IpOutNoRoutes"]] if more(readings, "IpOutNoRoutes") else []
    yield Finding(
        Severity.CRITICAL if refused else Severity.WARNING,
        "there is no default route: only "
        + ", ".join(dict.fromkeys(f"{each.destination} ({each.device})" for each in connected[:3]))
        + " can be reached",
        tuple(origins),
        "If this host is to reach other networks: `ip route add default via GATEWAY`, then see why it is missing (DHCP lease, "
        "configuration, VPN client)",
        detail=f"{refused:,} packets found no route while we looked"
        if refused
        else f"{len(connected):,} routes, none of them a default route",
        subject="default route",
    )


def _is_on(settings: Iterable[NetSetting], name: str, nic: str) -> bool:
    """Whether a setting of `net.ipv4.conf` is on: the greater of that of all and that of the interface counts."""
    names = (f"net.ipv4.conf.all.{name}", f"net.ipv4.conf.{nic}.{name}")
    return any(each.name in names and each.value not in ("0", "") for each in settings)


@rule("NET012", "two interfaces in one network", Address, uses=(Nic, NicSetting, NetSetting, AddressProbe, RoutingRule))
def arp_flux(
    addresses: list[Address],
    nics: list[Nic],
    files: list[NicSetting],
    settings: list[NetSetting],
    probes: list[AddressProbe],
    rules: list[RoutingRule],
) -> Iterator[Finding]:
    """Two interfaces of this host stand in the same network, and each answers for the other's address (ARP flux).

    Neighbours then learn now the one, now the other hardware address: connections hang or break by chance, and switches see addresses
    move. Judged by the addresses of interfaces that work; clear where arp_ignore or arp_filter is set, and only a note where rules of
    routing keep the two apart (`ip rule from ADDRESS`), as clouds set them up, unless a probe saw both answer.
    Put the two into one bond, or into two networks, or set net.ipv4.conf.all.arp_ignore=1 and arp_announce=2.
    """
    known = links(nics, files)
    networks: dict[object, dict[str, Address]] = defaultdict(dict)
    for each in latest(addresses):
        nic = known.get(each.nic)
        if ":" not in each.address and each.is_global and each.prefix < 31 and nic and nic.works and nic.is_wire and not nic.master:
            networks[each.network].setdefault(each.nic, each)
    for network, on in networks.items():
        if len(on) < 2 or all(_is_on(settings, "arp_ignore", nic) or _is_on(settings, "arp_filter", nic) for nic in on):
            continue
        macs = {known[nic].mac.lower() for nic in on}
        seen = [probe for probe in probes if probe.is_own and any(mac.lower() in macs for mac in probe.macs)]
        apart = sum(any(rule.source.split("/")[0] == each.address for rule in rules) for each in on.values()) >= len(on) - 1
        who = " and ".join(f"{nic} ({each.address})" for nic, each in list(on.items())[:4])
        yield Finding(
            Severity.NOTE if apart and not seen else Severity.WARNING,
            f"two interfaces are in the same subnet {network}: {who} answer for each other's address (ARP flux)",
            tuple(each.origin for each in (*list(on.values())[:4], *seen[:2])),
            "Put them into one bond or into two networks, or set net.ipv4.conf.all.arp_ignore=1 and net.ipv4.conf.all.arp_announce=2",
            detail="a probe saw both answer" if seen else "arp_ignore and arp_filter are off",
            subject=str(network),
        )


@rule("NET013", "addresses that another host has too", AddressProbe, uses=(Nic, NicSetting, Address))
def duplicates(probes: list[AddressProbe], nics: list[Nic], files: list[NicSetting], addresses: list[Address]) -> Iterator[Finding]:
    """Another host on the wire answers for an address of this one, or two answer for that of a gateway.

    Found by ARP probes, in which a host asks for its own address (RFC 5227), and by the kernel's own detection for IPv6 (dadfailed).
    Connections then go to the one host or the other by chance. Answers of this host's own other interfaces are not meant here.
    Find the other by its hardware address (the switch's table of addresses; the first three bytes name its maker) and give one of the
    two another address.
    """
    ours = {nic.mac.lower() for nic in links(nics, files).values()}
    for probe in probes:
        others = [mac for mac in probe.macs if mac.lower() not in ours]
        if probe.outcome != "duplicate" or (probe.macs and not others):
            continue
        whose = "this host's own address" if probe.is_own else "the gateway" if "route" in probe.named_by else "a neighbour"
        words = f"{len(others)} hosts answer for it" if not probe.is_own else "another host has it too"
        yield Finding(
            Severity.CRITICAL,
            f"duplicate address: {probe.address} on {probe.device} ({whose}): {words} "
            f"({', '.join(others) or 'its hardware address is not known'})",
            (probe.origin,),
            "Find the other host by its hardware address in the switch's table of addresses, and give one of the two another address",
            detail=probe.detail,
            subject=probe.address,
        )
    asked = {probe.address for probe in probes if probe.outcome == "duplicate"}
    for each in {
        (each.nic, each.address): each for each in latest(addresses) if "dadfailed" in each.flags and each.address not in asked
    }.values():
        yield Finding(
            Severity.CRITICAL,
            f"duplicate address: {each.address} on {each.nic}: another host has it too, so the kernel does not use it (dadfailed)",
            (each.origin,),
            "Find the other host by its hardware address in the switch's table of addresses, and give one of the two another address",
            subject=each.address,
        )


@rule("NET014", "gateways in the table of neighbours", Route, uses=(Neighbour, AddressProbe, Nic, NicSetting))
def gateway(
    routes: list[Route], neighbours: list[Neighbour], probes: list[AddressProbe], nics: list[Nic], files: list[NicSetting]
) -> Iterator[Finding]:
    """The kernel has no hardware address of the default gateway, so nothing beyond the own network can be reached.

    Judged by the state FAILED in its table of neighbours: it has asked and nobody answered. A warning, or a note where there is another
    gateway that has not failed. (INCOMPLETE alone may be a question that is still out.)
    Where a probe has asked the gateway itself, its answer counts and not the table.
    Look at the cable, the VLAN of the switch port, the address and netmask of this host, and at the gateway itself.
    """
    known = links(nics, files)
    failed = {(each.address, each.device): each for each in latest(neighbours) if each.state == "FAILED"}
    asked = {probe.address for probe in probes}
    gateways = {(route.gateway, route.device): route for route in default_routes(routes) if route.gateway}
    for key, route in gateways.items():
        nic, entry = known.get(route.device), failed.get(key)
        if entry and route.gateway not in asked and (nic is None or nic.works):
            yield Finding(
                Severity.NOTE if any(other not in failed for other in gateways) else Severity.WARNING,
                f"the default gateway {route.gateway} does not answer on {route.device}",
                (entry.origin, route.origin),
                "Look at the cable, the VLAN of the switch port, this host's address and netmask, and at the gateway itself",
                detail="the kernel's entry for it is FAILED", subject=route.gateway,
            )  # fmt: skip


ETHERNET = 1500
"""Bytes: the MTU of any Ethernet that nobody has set."""


@rule("NET015", "packets too large for their way (MTU)", PathMtu, uses=(Nic, NicSetting, Route))
def path_mtu(probes: list[PathMtu], nics: list[Nic], files: list[NicSetting], routes: list[Route]) -> Iterator[Finding]:
    """Large packets vanish on the way though small ones arrive, and nobody says why (a black hole of path MTU discovery).

    Connections then open and stop as soon as much is sent: logins work, file copies and TLS hang. Judged by a probe of three packets that
    must not be fragmented: a small one, one of the interface's size, one between. Large ones lost without a word are
    critical where the interface was set to more than 1500 bytes, else a warning (some routers do not answer every packet). A path that
    carries less and says so is normal (tunnels, VPN) and not told; but a neighbour on the same wire that carries less than our
    interface means that the two are set differently: a warning.
    Set the MTU of the interface to what the wire carries (`ip link set NIC mtu 1500`), or let routers answer "fragmentation needed".
    """
    known = links(nics, files)
    local = {route.gateway: route.device for route in latest(routes) if route.gateway}
    if probes and all(probe.outcome == "undecided" for probe in probes):
        raise Undecided(f"nobody answered the probe's packets ({probes[0].detail})")
    for probe in probes:
        device = local.get(probe.address, "")
        nic = known.get(device)
        if probe.outcome not in ("black_hole", "limited") or (probe.outcome == "limited" and not device):
            continue
        has = f"{device} has an MTU of {nic.mtu:,}" if nic else f"the interface allows {probe.first:,}"
        fate = (
            f"packets of {probe.first:,} bytes vanish without a word"
            if probe.outcome == "black_hole"
            else f"only {probe.mtu:,} bytes get through"
        )
        yield Finding(
            Severity.CRITICAL if probe.outcome == "black_hole" and probe.first > ETHERNET else Severity.WARNING,
            f"MTU mismatch on the way to {probe.address}: {fate}, {has}",
            (probe.origin, *((nic.origin,) if nic else ())),
            f"Set the MTU to what the wire carries (`ip link set {device or 'NIC'} mtu 1500`), or all ports of that wire to the "
            "larger one; "
            'of a path through routers: let them send ICMP "fragmentation needed"',
            detail=probe.detail,
            subject=device or probe.address,
        )


@rule("NET016", "interfaces of one bridge, bond or VLAN with unequal MTU", Nic, uses=(NicSetting,))
def unequal_mtu(nics: list[Nic], files: list[NicSetting]) -> Iterator[Finding]:
    """Ports of one bond have different MTUs, or a VLAN has a larger one than the interface that it stands on.

    Frames that fit the one are dropped by the other, without a word. A bridge takes the smallest MTU of its ports and drops what is
    larger: a warning only where the bridge itself has been given more than a wire of it carries; virtual machines' ports may differ.
    Give all the same MTU, in the configuration and not only by hand.
    """
    known = links(nics, files)
    ports: dict[str, list[Nic]] = defaultdict(list)
    for nic in known.values():
        if nic.master in known and nic.mtu:
            ports[nic.master].append(nic)
        below = known.get(nic.parent)
        if nic.kind in ("vlan", "macvlan", "ipvlan") and below and 0 < below.mtu < nic.mtu:
            yield _unequal(nic, [below], f"{nic.name} has an MTU of {nic.mtu:,}, but {below.name} below it one of {below.mtu:,}")
    for name, parts in ports.items():
        master = known[name]
        if master.kind in ("bond", "team") and len({part.mtu for part in parts}) > 1:
            yield _unequal(
                master, parts, f"the ports of {name} have unequal MTUs: " + ", ".join(f"{part.name} {part.mtu:,}" for part in parts[:6])
            )
        wires = [part for part in parts if part.is_wire and part.mtu < master.mtu]
        if master.kind == "bridge" and wires:
            yield _unequal(master, wires, f"{name} has an MTU of {master.mtu:,}, but its port {wires[0].name} one of {wires[0].mtu:,}")


def _unequal(nic: Nic, others: list[Nic], title: str) -> Finding:
    return Finding(
        Severity.WARNING, title, tuple(each.origin for each in (nic, *others[:4])),
        "Give all of them the same MTU, in the configuration and not only by hand; the switch must carry it too", subject=nic.name,
    )  # fmt: skip


@rule("NET017", "bonds and teams of interfaces", Bond, uses=(BondPort,), absent="there is no bond of interfaces")
def bonds(found: list[Bond], ports: list[BondPort]) -> Iterator[Finding]:
    """A bond has lost a port, and with it what it is there for; or all of them.

    All ports down is critical, one a warning; so is a port whose link was lost between the two readings, an 802.3ad bond whose switch does
    not speak LACP (partner 00:00:00:00:00:00), ports in different aggregators (of which only one is used), and ports of unequal speed.
    Look at the cable and the switch port of the port that is named; for LACP at the configuration of the switch.
    """
    before = {(port.bond, port.nic): port for port in ports if port.is_start}
    for bond in latest(found):
        mine = [port for port in latest(ports) if port.bond == bond.name]
        down = [port for port in mine if not port.is_up]
        lost = [port for port in mine if (old := before.get((port.bond, port.nic))) and port.failures > old.failures]
        if down or not bond.is_up:
            names = ", ".join(port.nic for port in down) or "no port"
            all_ = not bond.is_up or len(down) == len(mine)
            yield _bond(
                bond,
                down,
                Severity.CRITICAL if all_ else Severity.WARNING,
                f"{bond.name} is {'down' if all_ else 'degraded'}: {names} has no link"
                + ("" if all_ else f", {len(mine) - len(down)} of {len(mine)} ports work"),
            )
        elif lost:
            yield _bond(bond, lost, Severity.WARNING, f"{bond.name} lost the link of {lost[0].nic} while we looked")
        elif reason := _uneven(bond, mine):
            yield _bond(bond, mine, Severity.WARNING, f"{bond.name} does not use all its ports well: {reason}")


def _uneven(bond: Bond, ports: list[BondPort]) -> str:
    if "802.3ad" in bond.mode and bond.partner.strip("0:") == "" and bond.partner:
        return "the switch does not speak LACP to it"
    aggregators = {port.aggregator for port in ports if port.aggregator}
    if "802.3ad" in bond.mode and len(aggregators) > 1:
        return f"its ports are in {len(aggregators)} aggregators, of which only one is used"
    if len({port.speed for port in ports if port.speed}) > 1:
        return "its ports have unequal speeds: " + ", ".join(f"{port.nic} {port.speed:,} Mbit/s" for port in ports[:4])
    return ""


def _bond(bond: Bond, ports: list[BondPort], severity: Severity, title: str) -> Finding:
    return Finding(
        severity,
        title,
        (bond.origin, *(port.origin for port in ports[:3])),
        "Look at the cable and the switch port of each that is named; for 802.3ad at the switch's configuration",
        detail=bond.mode,
        subject=bond.name,
    )


@rule("NET018", "the table of neighbours", Neighbour, uses=(NetSetting, NeighbourTable))
def neighbour_table(neighbours: list[Neighbour], settings: list[NetSetting], tables: list[NeighbourTable]) -> Iterator[Finding]:
    """The kernel's table of neighbours (ARP) is full or nearly so: new neighbours are then not found, and connections to them fail.

    90 % of net.ipv4.neigh.default.gc_thresh3 (or ipv6) is a warning; that the table was full between the two readings is critical.
    Raise gc_thresh1, gc_thresh2 and gc_thresh3; and ask why so many neighbours are needed: a very large network, a scan, many containers.
    """
    for first, last in pairs(tables, "name"):
        if last.full > first.full:
            yield _full(
                Severity.CRITICAL,
                f"the table of neighbours ({last.name}) was full {last.full - first.full:,} times while we looked",
                (first.origin, last.origin),
            )
            return
    most = {each.name: each for each in settings if each.name.endswith("neigh.default.gc_thresh3") and each.value.isdecimal()}
    here = {(each.address, each.device): each for each in latest(neighbours) if each.state != "PERMANENT"}.values()
    for family, of in (
        ("ipv4", [each for each in here if ":" not in each.address]),
        ("ipv6", [each for each in here if ":" in each.address]),
    ):
        limit = most.get(f"net.{family}.neigh.default.gc_thresh3")
        if limit and of and len(of) >= 0.9 * int(limit.value):
            yield _full(
                Severity.WARNING,
                f"the table of neighbours is nearly full: {len(of):,} of {int(limit.value):,} ({family})",
                (limit.origin, of[0].origin),
            )


def _full(severity: Severity, title: str, origins: tuple) -> Finding:  # type: ignore[type-arg]
    return Finding(
        severity,
        title,
        origins,
        "Raise net.ipv4.neigh.default.gc_thresh1, gc_thresh2 and gc_thresh3 (and those of ipv6), and ask who needs so many neighbours",
        subject="neighbour table",
    )
