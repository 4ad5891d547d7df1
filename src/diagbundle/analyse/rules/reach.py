"""What this host depends on: can it be reached now, and if not, who is in the way."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from diagbundle.analyse.api import Finding, Origin, Severity, Undecided, latest, rule
from diagbundle.analyse.facts.names import HostEntry
from diagbundle.analyse.facts.network import Address, RoutingRule
from diagbundle.analyse.facts.network_counts import Listener, SocketOwner
from diagbundle.analyse.facts.products import Unreached
from diagbundle.analyse.facts.proxy import ProxySetting
from diagbundle.analyse.facts.reach import Probe
from diagbundle.analyse.facts.system import Process, running

VITAL = re.compile(r"/(etc/kubernetes|var/lib/kubelet|var/lib/rancher|etc/rancher)/|/proc/self/mounts|/etc/fstab")
"""Without these a host does not do its work: the API server of its cluster, the servers of its file systems."""
FAR = re.compile(r"/etc/(apt|yum|zypp|dnf|apk|containers|containerd|docker|chrony|ntp|pacman)|sources|/run/chrony|repos\.d|timesyncd")
"""Package mirrors, registries, public time servers: a host without the internet has none, and works."""
MEANS = {
    "refused": (
        "refuses connections",
        "Look whether the service runs there and listens at this port; a firewall may also answer for it with a reset.",
    ),
    "dropped": (
        "does not answer",
        "A firewall drops the packets (this host's own: `nft list ruleset`), the service's queue is full, or its host is down.",
    ),
    "prohibited": (
        "is closed by a firewall, which says so",
        "Have the rule changed at the address that answered; the routes are in order.",
    ),
    "neighbour_silent": (
        "is not there: its address does not answer on our network",
        "Look whether the host is up, its cable, its VLAN, and whether the address is right.",
    ),
    "no_route": ("cannot be reached: no route leads there", "See `ip route get ADDRESS`; a default or specific route is missing."),
    "unreachable": ("cannot be reached", "See `ip route get ADDRESS`, and the router that said so."),
    "dropped_here": (
        "cannot be reached: a firewall rule of this host drops it",
        "See `nft list ruleset` or `iptables -vnL OUTPUT` for the rule.",
    ),
    "route_prohibits": ("cannot be reached: a route of type `prohibit` on this host", "See `ip route show table all`."),
    "route_unreachable": ("cannot be reached: a route of type `unreachable` on this host", "See `ip route show table all`."),
    "route_blackhole": ("cannot be reached: a route of type `blackhole` on this host", "See `ip route show table all`."),
    "no_local_port": ("cannot be reached: this host has no free local port", "See `ss -s` for TIME_WAIT and net.ipv4.ip_local_port_range."),
}
DATABASES = {1433, 1521, 2379, 3306, 5432, 5671, 5672, 6379, 9042, 9092, 11211, 27017}
"""Ports of what a program that has its address on the command line cannot do without: databases, brokers."""
OURS = ("dropped_here", "route_prohibits", "route_unreachable", "route_blackhole", "no_local_port")


@rule("REA001", "default gateways", Probe)
def gateways(probes: list[Probe]) -> Iterator[Finding]:
    """The default gateway was asked by ARP (IPv6: by neighbour discovery), as every packet to another network does it.

    Silence means that nothing beyond this network can be reached: a cable, a switch port, a wrong VLAN, a wrong address in the
    route, or the router is down. Critical; a warning if another gateway answers.
    Do: look at the link (`ip link`, `ethtool`), the VLAN, the address (`ip route`), then at the router.
    """
    asked = [probe for probe in probes if probe.kind == "arp" and probe.what == "neighbour"]
    if not asked:
        raise Undecided("there is no default gateway that could be asked")
    answers = [probe for probe in asked if probe.outcome in ("answered", "duplicate") and probe.more.get("family") == "IPv4"]
    for probe in asked:
        if probe.outcome == "neighbour_silent":
            six = ":" in probe.target
            device = str(probe.more.get("device") or "")
            yield Finding(
                Severity.WARNING if six or answers else Severity.CRITICAL,
                f"the default gateway {probe.target}{f' on {device}' if device else ''} does not answer",
                (probe.origin,),
                "Look at the cable or the virtual port, the VLAN, and the address of the gateway (`ip route`); then at the router itself",
                detail=probe.detail,
                subject=probe.target,
            )


class _Around(NamedTuple):
    """What is known of this host's own network."""

    addresses: Sequence[Address]
    listeners: Sequence[Listener]
    owners: Sequence[SocketOwner]
    processes: Sequence[Process]
    ways: Sequence[RoutingRule]


class _Why(NamedTuple):
    """Why a server cannot be reached."""

    means: str
    advice: str
    detail: str
    origins: tuple[Origin, ...] = ()


@rule(
    "REA002",
    "servers that this host depends on",
    Probe,
    uses=(ProxySetting, Address, Listener, SocketOwner, Process, HostEntry, RoutingRule, Unreached),
)
def servers(
    probes: list[Probe],
    proxies: list[ProxySetting],
    addresses: list[Address],
    listeners: list[Listener],
    owners: list[SocketOwner],
    processes: list[Process],
    entries: list[HostEntry],
    ways: list[RoutingRule],
    complaints: list[Unreached],
) -> Iterator[Finding]:
    """Servers that the configuration names (cluster, directory, Kerberos, files, logs, mirrors, registries), each connected to once.

    The outcomes are told apart: refused (nobody listens), no answer (dropped), prohibited (a firewall says so), no route, nobody on
    our network has the address, dropped by our own rules. A server counts as reached if one of its addresses is. Where this host
    itself is meant, it is told who listens at that port, and at which address.
    Critical: none of the addresses of the cluster's API server or of a mounted file server. Warning: other servers. Note: mirrors,
    registries and time servers, which many hosts cannot reach and need not, public servers where a proxy is set, and what is merely
    named on the command line of a program that is no service, where it is no database and no log complains of it.
    Do: what the advice says for the outcome; try again with `curl -v telnet://HOST:PORT`.
    """
    around = _Around(latest(addresses), latest(listeners), owners, processes, latest(ways))
    targets: dict[str, list[Probe]] = {}
    for probe in probes:
        if probe.kind in ("tcp", "tls") and probe.what == "connect" and not probe.named_by.startswith("/proc/net/"):
            targets.setdefault(probe.target, []).append(probe)
    gone = {target: tries for target, tries in targets.items() if all(each.outcome not in ("connected", "no_descriptor") for each in tries)}
    for target, tries in gone.items():
        worst = next((each for each in tries if each.outcome != "no_route"), tries[0])
        why = _why(worst, around)
        severity = (
            Severity.NOTE
            if (_is_far(worst, proxies) and worst.outcome not in OURS) or _is_merely_named(worst, processes, complaints)
            else Severity.CRITICAL
            if VITAL.search(worst.named_by)
            else Severity.WARNING
        )
        yield Finding(
            severity,
            f"{target} {why.means}",
            (*(each.origin for each in tries[:3]), *why.origins),
            why.advice.replace("ADDRESS", worst.address),
            subject=target,
            detail=f"Named in {worst.named_by}. {why.detail}".strip(),
            symptom=worst.outcome in ("no_route", "unreachable", "no_local_port"),
            part_of=_part_of(worst, probes, entries),
        )


def _part_of(probe: Probe, probes: Sequence[Probe], entries: Sequence[HostEntry]) -> tuple[str, ...]:
    """What else would explain it: a silent gateway of the same family, a name of /etc/hosts."""
    silent = [each for each in probes if each.kind == "arp" and each.outcome == "neighbour_silent"]
    by_gateway = any((":" in each.target) == (":" in probe.address) for each in silent) and probe.outcome != "refused"
    by_hosts = any(probe.host.lower() in entry.names for entry in entries)
    return ("REA001",) * by_gateway + ("DNS008",) * by_hosts


def _why(probe: Probe, around: _Around) -> _Why:
    means, advice = MEANS.get(probe.outcome, (f"cannot be reached ({probe.outcome})", "Try it by hand."))
    if probe.outcome == "refused" and around.listeners and any(each.address == probe.address for each in around.addresses):
        here = [each for each in around.listeners if each.port == probe.port]
        means, advice = _at_home(probe, here, _who(probe.port, around.owners, around.processes))
        return _Why(means, advice, f"{probe.address} is this host's own address.", tuple(each.origin for each in here[:2]))
    if probe.outcome == "neighbour_silent":
        via = re.match(r"via (\S+)", str(probe.more.get("route") or ""))
        return _behind(probe, via[1], around) if via else _Why(means, advice, ". ".join([probe.detail, *_wide(probe, around)]))
    return _Why(means, advice, probe.detail)


def _behind(probe: Probe, gateway: str, around: _Around) -> _Why:
    """Not the server is silent, but the router before it; perhaps a rule of policy routing chose that one."""
    chosen = [each for each in around.ways if each.to and _lies_in(probe.address, each.to)]
    rules = f"A rule of policy routing chose it: to {chosen[0].to} lookup {chosen[0].table}." if chosen else ""
    table = f"`ip rule` and `ip route show table {chosen[0].table}`" if chosen else "`ip route get ADDRESS`"
    return _Why(
        f"cannot be reached: its gateway {gateway} does not answer",
        f"Look whether that router is up and its address right, and whether this way is meant: {table}.",
        f"{probe.detail}. {rules}".strip(),
        tuple(each.origin for each in chosen[:1]),
    )


WIDE = 16
"""Bits of a network of IPv4 that is unusually large for one wire."""


def _wide(probe: Probe, around: _Around) -> list[str]:
    nets = [each.network for each in around.addresses if ":" not in each.address and _lies_in(probe.address, str(each.network))]
    return [
        f"Or the netmask is wrong: {net} is a wide network, and it may lie behind the gateway." for net in nets[:1] if net.prefixlen <= WIDE
    ]


def _lies_in(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _who(port: int, owners: Sequence[SocketOwner], processes: Sequence[Process]) -> str:
    owner = next((each for each in latest(owners) if each.state == "LISTEN" and each.port == port), None)
    if owner is None:
        return ""
    return next((each.label for each in running(processes) if each.pid == owner.pid), f"{owner.comm} (pid {owner.pid})")


def _at_home(probe: Probe, here: Sequence[Listener], who: str) -> tuple[str, str]:
    """Why a port of this host itself is refused: nobody listens there, or only at other addresses."""
    if not here:
        return (
            f"refuses connections: nothing on this host listens on port {probe.port}",
            "Start the service that should listen there (`ss -ltnp`; its own log says why it does not), or correct the port.",
        )
    where = " and ".join(dict.fromkeys(f"{each.address} port {each.port}" for each in here[:2]))
    if any(each.address in ("0.0.0.0", "::", "*", probe.address) for each in here):  # noqa: S104  # compared, not bound
        return (
            f"refused our connection, though {who or 'a program'} listens on {where}",
            "It may listen in another network namespace, have been started just now, or a firewall of this host answers with a reset.",
        )
    return (
        f"refuses connections: {who or 'the program'} listens on {where} only",
        f"Let it listen on 0.0.0.0 or {probe.address} (its configuration), or have its clients use {here[0].address}.",
    )


def _is_far(probe: Probe, proxies: Sequence[ProxySetting]) -> bool:
    """Whether a host may well live without it: public servers of packages, those behind a proxy, those of a mere command line."""
    if VITAL.search(probe.named_by):
        return False
    public = _is_public(probe.address)
    by_chance = public and (bool(proxies) or probe.named_by.startswith("/proc/") or "krb5" in probe.named_by)
    return bool(FAR.search(probe.named_by)) or by_chance


def _is_merely_named(probe: Probe, processes: Sequence[Process], complaints: Sequence[Unreached]) -> bool:
    """Whether it only stands on a command line, be it that of an editor: no service, no database, and no log misses it."""
    found = re.fullmatch(r"/proc/(\d{1,9})/cmdline", probe.named_by)
    if not found or probe.port in DATABASES:
        return False
    groups = [path for each in processes if each.pid == int(found[1]) for path in each.groups.values()]
    missed = any(each.target in (probe.target, f"{probe.address}:{probe.port}") for each in complaints)
    return not missed and not any(path.endswith(".service") and "/user@" not in path for path in groups)


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return False


@rule("REA003", "long answers of servers", Probe)
def long_answers(probes: list[Probe]) -> Iterator[Finding]:
    """A server took the connection and began to speak TLS, but its long answer, the certificates, never came.

    Warning: small packets pass and large ones vanish on the way back (a black hole: tunnels, VPN, jumbo frames): logins work, but
    transfers hang. What large packets of ours meet on the way is judged with the network.
    Do: lower the MTU of the interface, or let ICMP "fragmentation needed" through.
    """
    for probe in probes:
        if probe.what == "tls" and probe.outcome == "cut":
            yield Finding(
                Severity.WARNING,
                f"{probe.target} begins an answer that never arrives whole: large packets seem to vanish",
                (probe.origin,),
                "Try `ping -M do -s 1472 HOST`; lower the MTU of the interface, or let ICMP type 3 code 4 through",
                detail=probe.detail,
                subject=probe.target,
            )
