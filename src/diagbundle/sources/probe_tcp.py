"""Connections: what became of each, and what can be told apart behind one error number."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence

from diagbundle.host import Host
from diagbundle.model import Probe, Row
from diagbundle.sources.probe_names import addresses_of
from diagbundle.sources.probe_net import (
    Address,
    Attempt,
    Clock,
    Datagrams,
    Icmp,
    connect_all,
    errno_name,
    split,
)
from diagbundle.sources.probe_route import neighbour_of, own_addresses, silent_neighbour, way_to

MAX_PORTS = 8
_LOCAL = {
    errno.EADDRNOTAVAIL: ("no_local_port", "no local port or no local address is free for it: see TIME_WAIT and ip_local_port_range"),
    errno.EMFILE: ("no_descriptor", "this process has no file descriptor left"),
    errno.ENFILE: ("no_descriptor", "the system has no file descriptor left"),
    errno.EAFNOSUPPORT: ("no_family", "this kernel does not speak this family of addresses"),
    errno.EPERM: ("dropped_here", "a rule of our own host forbids sending it (EPERM at once)"),
}
_ROUTES = {
    errno.ENETUNREACH: ("no_route", "no route leads there"),
    errno.EACCES: ("route_prohibits", "a route of type 'prohibit' stands in the way, on this host"),
    errno.EHOSTUNREACH: ("route_unreachable", "a route of type 'unreachable' stands in the way, on this host"),
    errno.EINVAL: ("route_blackhole", "a route of type 'blackhole' swallows it, on this host"),
}


def tcp(probe: Probe, host: Host, clock: Clock) -> Iterator[Row]:
    """Connect to each address of `host:port`, then close."""
    name, port = split(probe.target)
    found = addresses_of(host, name, clock)
    yield from found.rows()
    for attempt in connect_all([(address, port) for address in found.addresses], clock):
        yield attempt_row(attempt, clock)
        close(attempt)


def ports(probe: Probe, host: Host, clock: Clock) -> Iterator[Row]:
    """Connect to several ports, `host:80,443` or our own, `80,443`: on every address of ours, loopback too.

    A port that answers on loopback only is bound there only, or a firewall of this host is in the way;
    one of several ports that is silent points at its own queue and not at the network.
    """
    head, _, listed = probe.target.rpartition(":")
    numbers = [split("x:" + part.strip())[1] for part in listed.split(",")][:MAX_PORTS]
    if head:
        found = addresses_of(host, head, clock)
        yield from found.rows()
        addresses = list(found.addresses)[:1]
    else:
        addresses = [own.address for own in own_addresses()]
        addresses.sort(key=lambda address: (address.text not in ("127.0.0.1", "::1"), address.text.startswith("fe80")))
    for number in numbers:
        for attempt in connect_all([(address, number) for address in addresses], clock):
            yield attempt_row(attempt, clock)
            close(attempt)


def close(attempt: Attempt) -> None:
    """Let go of the connection."""
    if attempt.socket:
        attempt.socket.close()


def first_connected(found: Sequence[Address], port: int, clock: Clock, rows: list[Row]) -> Attempt | None:
    """The first connection that stands; the others are closed. What became of each is added to `rows`."""
    best: Attempt | None = None
    for attempt in connect_all([(address, port) for address in found], clock):
        rows.append(attempt_row(attempt, clock))
        if best is None and attempt.socket:
            best = attempt
        else:
            close(attempt)
    return best


def attempt_row(attempt: Attempt, clock: Clock) -> dict[str, object]:
    """What became of one connection, with the route and the neighbour it went by."""
    way = way_to(attempt.address)
    neighbour = neighbour_of(attempt.address, way)
    row: dict[str, object] = {
        "what": "connect",
        "address": attempt.address.text,
        "family": attempt.address.family_name,
        "port": attempt.port,
        "ms": attempt.ms,
        "errno": errno_name(attempt.errno),
        "route": str(way),
        "neighbour": f"{neighbour.state} {neighbour.mac}".strip() if neighbour else "",
    }
    outcome, detail = ("connected", "") if not attempt.errno else cause(attempt, clock)
    return row | {"outcome": outcome, "detail": detail}


def cause(attempt: Attempt, clock: Clock) -> tuple[str, str]:
    """Which of the causes that share an error number it was: asks the routes, the neighbours, then by one datagram."""
    if attempt.errno in _LOCAL:
        return _LOCAL[attempt.errno]
    if attempt.errno == errno.ECONNREFUSED:
        return "refused", "nobody listens at this port, or a firewall answers for it with a reset"
    way = way_to(attempt.address)
    if way.errno:
        return _ROUTES.get(way.errno, ("no_route", f"the kernel has no way there ({errno_name(way.errno)})"))
    if silent := silent_neighbour(attempt.address, way):
        return "neighbour_silent", silent
    return _refused_by_somebody(attempt, ask_by_datagram(attempt.address, attempt.port, clock))


def _refused_by_somebody(attempt: Attempt, answer: Icmp | None) -> tuple[str, str]:
    if answer and answer.local and answer.errno == errno.EPERM:
        return "dropped_here", "a rule of our own host drops what goes there: a datagram to the same port is refused at once with EPERM"
    if answer and answer.prohibited:
        return "prohibited", f"prohibited by a firewall ({answer}); not a fault of routing"
    return _silent(attempt, answer)


def _silent(attempt: Attempt, answer: Icmp | None) -> tuple[str, str]:
    if attempt.errno != errno.ETIMEDOUT:
        said = f"; a datagram brought {answer}" if answer else ""
        return "unreachable", f"{errno_name(attempt.errno)} after {attempt.ms:.0f} ms{said}"
    waited = f"dropped (no answer in {attempt.ms / 1000:.0f} s)"
    if answer and answer.port_closed:
        return "dropped", f"{waited}, although the host answers a datagram: a firewall drops TCP to this port, or its accept queue is full"
    if answer:
        return "dropped", f"{waited}; a datagram brought {answer}"
    return "dropped", f"{waited}: a firewall drops it, or the host is down behind a router"


def ask_by_datagram(address: Address, port: int, clock: Clock) -> Icmp | None:
    """One datagram to the same port: TCP has no error queue, UDP tells who refused."""
    try:
        with Datagrams(address, port) as datagrams:
            if number := datagrams.send(b"\0"):
                return Icmp(number, 0, 0, 0, "", local=True)
            answer = datagrams.wait(clock.step(1.0))
            return answer if isinstance(answer, Icmp) else None
    except OSError as error:
        return Icmp(error.errno or errno.EIO, 0, 0, 0, "", local=True) if error.errno == errno.EPERM else None
