"""What the kernel says of sockets, ports, protocols and connection tracking."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from diagbundle.analyse.api import Finding, Origin, Severity, Undecided, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.names import UdpPort
from diagbundle.analyse.facts.network_counts import (
    Connections,
    Growth,
    Listener,
    NetCounter,
    NetSetting,
    PortUse,
    SocketMemory,
    SocketOwner,
    TrackingCounter,
    growth,
    more,
    where,
)
from diagbundle.analyse.facts.system import Process, running


def _cite(readings: Growth, *names: str) -> tuple[Origin, ...]:
    return tuple(dict.fromkeys(each.origin for name in names for each in readings.get(name, ())))


def _read_twice(counters: list[NetCounter]) -> dict[str, Growth]:
    found = growth(counters)
    if not found:
        raise Undecided("the counters of the protocols were read only once")
    return found


def _span(readings: Growth, name: str) -> str:
    seconds = seconds_between(*readings[name])
    return f"in {seconds:.0f} s" if seconds >= 1 else "between the two readings"


@rule("NET020", "connection tracking", NetSetting, uses=(TrackingCounter,), absent="this host tracks no connections")
def conntrack(settings: list[NetSetting], counters: list[TrackingCounter]) -> Iterator[Finding]:
    """The firewall's table of connections (conntrack) is full or nearly so: new connections are dropped, those that stand go on.

    75 % of nf_conntrack_max is a warning (as in the node exporter's alerts), 95 % critical, and so is every connection that was refused
    between the two readings (`drop` and `early_drop` of /proc/net/stat/nf_conntrack) in a network namespace whose table is as full.
    Raise net.netfilter.nf_conntrack_max (and nf_conntrack_buckets), shorten timeouts, or do not track what needs no tracking;
    and see who opens so many connections: `conntrack -L`.
    """
    of = {each.name.rpartition(".")[2]: each for each in latest(settings) if each.value.isdecimal()}
    count, most = of.get("nf_conntrack_count"), of.get("nf_conntrack_max")
    share = int(count.value) / int(most.value) if count and most and int(most.value) else 0.0
    room = 0.75 * int(most.value) if most else 0.0
    refused = [(a, b) for a, b in pairs(counters, "netns") if (b.dropped > a.dropped or b.early > a.early) and b.entries >= room]
    if share < 0.75 and not refused:
        return
    lost = sum(max(0, b.dropped - a.dropped) + max(0, b.early - a.early) for a, b in refused)
    used = max([b.entries for _, b in refused], default=int(count.value) if count else 0)
    fill = (
        f"{used:,} of {int(most.value):,} connections ({used / int(most.value):.0%})"
        if most and int(most.value)
        else f"{used:,} connections"
    )
    state = "is full" if share >= 0.95 or lost else "is nearly full"
    yield Finding(
        Severity.CRITICAL if share >= 0.95 or lost else Severity.WARNING,
        f"connection tracking (conntrack) {state}: {fill}" + (f", {lost:,} connections were dropped while we looked" if lost else ""),
        tuple(each.origin for each in (count, most, *(each for pair in refused[:2] for each in pair)) if each),
        "Raise net.netfilter.nf_conntrack_max and nf_conntrack_buckets; see who opens so many connections with `conntrack -L`",
        detail="".join(where(b.netns) for _, b in refused[:1]).strip(),
        subject="conntrack",
    )


@rule("NET021", "queues of connections that wait to be accepted", Listener, uses=(NetCounter, SocketOwner))
def listen_queues(listeners: list[Listener], counters: list[NetCounter], owners: list[SocketOwner]) -> Iterator[Finding]:
    """A program does not accept its connections as fast as they come: its listen queue is full, and new clients are turned away or hang.

    Critical where a queue is full and connections were lost between the two readings (ListenOverflows, TCPReqQFullDrop); a warning where
    only one of the two is so (of the queue: at both readings). Containers are looked at too. What was counted
    before the first reading accuses nobody.
    See why the program does not accept: it hangs, or has no threads or descriptors left. Only then make the queue longer: its backlog
    in the program, and net.core.somaxconn, whichever is smaller.
    """
    before = {(each.address, each.port): each.waiting for each in listeners if each.is_start and each.limit}
    full = {(each.netns, each.address, each.port): each for each in latest(listeners) if each.limit and each.waiting >= each.limit}
    lost = {netns: readings for netns, readings in growth(counters).items() if _overflows(readings)}
    named = set()
    for each in full.values():
        readings = lost.get("") or next(iter(lost.values()), {})
        named |= set(lost)
        who = ", ".join(
            dict.fromkeys(f"{owner.comm} (pid {owner.pid})" for owner in owners if owner.state == "LISTEN" and owner.port == each.port)
        )
        count = _overflows(readings)
        if not count and each.limit and before.get((each.address, each.port), each.limit) < each.limit:
            continue  # a short queue is full for a moment on any busy host
        yield Finding(
            Severity.CRITICAL if count else Severity.WARNING,
            f"the listen queue of port {each.port} is full: {each.waiting:,} connections wait, {each.limit:,} may"
            + (f"; it overflowed {count:,} times while we looked" if count else ""),
            (each.origin, *_cite(readings, "TcpExtListenOverflows", "TcpExtTCPReqQFullDrop")),
            f"See why {who or 'the program'} does not accept connections (hanging, out of threads or descriptors); then raise its "
            "backlog and net.core.somaxconn",
            detail=f"{each.address}:{each.port}" + (f", {who}" if who else ""),
            subject=f"port {each.port}",
        )
    for netns, readings in lost.items():
        if netns not in named and _overflows(readings) >= 2:
            yield _overflow(netns, readings, listeners)


def _overflows(readings: Growth) -> int:
    return max(more(readings, "TcpExtListenOverflows"), more(readings, "TcpExtTCPReqQFullDrop"))


def _overflow(netns: str, readings: Growth, listeners: list[Listener]) -> Finding:
    """A queue that was full between the readings, though not when the sockets were read."""
    waiting = sorted((each for each in latest(listeners) if each.waiting and each.netns in ("", netns)), key=lambda each: -each.waiting)
    return Finding(
        Severity.WARNING,
        f"listen queues overflowed {_overflows(readings):,} times while we looked{where(netns)}: connections were turned away",
        (*_cite(readings, "TcpExtListenOverflows", "TcpExtTCPReqQFullDrop"), *(each.origin for each in waiting[:2])),
        "Find the program that accepts too slowly (`ss -ltn`: Recv-Q near Send-Q); then raise its backlog and net.core.somaxconn",
        detail="most wait at port " + ", ".join(f"{each.port} ({each.waiting:,})" for each in waiting[:3]) if waiting else "",
        subject="listen queues",
    )


@rule("NET022", "local ports for new connections", PortUse, uses=(NetSetting,))
def ephemeral_ports(uses: list[PortUse], settings: list[NetSetting]) -> Iterator[Finding]:
    """Nearly all local ports (net.ipv4.ip_local_port_range) are used up towards one server: soon no connection to it can be opened.

    The error is then "Cannot assign requested address" (EADDRNOTAVAIL). 80 % is a warning, 95 % critical. The limit counts for each address
    and port that is called, so many connections to many servers are no fault.
    Mostly a program opens a connection for each request, or never closes any: let it keep and reuse them (a pool). net.ipv4.tcp_tw_reuse=1,
    a wider range and more addresses help for a while.
    """
    span = next((each for each in latest(settings) if each.name == "net.ipv4.ip_local_port_range" and len(each.value.split()) == 2), None)
    low, high = (int(word) if word.isdecimal() else 0 for word in (span.value.split() if span else ("32768", "60999")))
    worst: dict[tuple[str, str], PortUse] = {}
    for use in latest(uses):
        if use.ports > getattr(worst.get((use.netns, use.protocol)), "ports", 0):
            worst[use.netns, use.protocol] = use
    told: set[str] = set()
    for use in sorted(worst.values(), key=lambda each: not each.available):
        available = use.available or max(1, high - low + 1)
        if use.ports < 0.8 * available or use.towards in told:
            continue
        told.add(use.towards)
        yield Finding(
            Severity.CRITICAL if use.ports >= 0.95 * available else Severity.WARNING,
            f"local (ephemeral) ports towards {use.towards} are {'used up' if use.ports >= available else 'nearly used up'}: "
            f"{use.ports:,} of {available:,} used",
            (use.origin, *((span.origin,) if span else ())),
            "Let the program keep and reuse its connections, and close them; until then net.ipv4.tcp_tw_reuse=1 or a wider "
            "net.ipv4.ip_local_port_range",
            detail=f"{use.protocol}, range {low} to {high}",
            subject=use.towards,
        )


LEAK = 100


@rule("NET023", "connections that a program does not close", SocketOwner, uses=(Connections, Process))
def close_wait(owners: list[SocketOwner], connections: list[Connections], processes: list[Process]) -> Iterator[Finding]:
    """A program holds many connections that the other end closed long ago (CLOSE_WAIT): it forgot to close its own end.

    100 and more of one process are a warning. They cost descriptors and memory until the program has none left; nothing in the kernel's
    settings ends them. Restart the program for now; its makers have to close connections after an error, too.
    """
    counts: dict[int, dict[str, SocketOwner]] = defaultdict(dict)
    for each in latest(owners):
        if each.state == "CLOSE_WAIT":  # `ss` and `netstat` call one process by different names
            counts[each.pid][each.origin.path + each.protocol + each.netns] = each
    labels = {each.pid: each.label for each in running(processes)}
    for pid, held in counts.items():
        who = labels.get(pid, f"{next(iter(held.values())).comm} (pid {pid})")
        by_path: dict[str, int] = defaultdict(int)
        for each in held.values():
            by_path[each.origin.path] += each.count
        most = max(by_path.values())
        if most >= LEAK:
            towards = max((each for each in latest(connections) if each.state == "CLOSE_WAIT"), key=lambda each: each.count, default=None)
            yield Finding(
                Severity.WARNING,
                f"{who} does not close its connections: {most:,} are in CLOSE_WAIT",
                tuple(dict.fromkeys([*(each.origin for each in held.values()), *((towards.origin,) if towards else ())])),
                "Restart it for now; its makers must have it close connections that the other end has closed",
                detail=f"most of them with {towards.remote} port {towards.port}" if towards else "",
                subject=who,
            )


@rule("NET024", "TCP segments that had to be sent again", NetCounter)
def retransmissions(counters: list[NetCounter]) -> Iterator[Finding]:
    """TCP had to send segments again because nobody confirmed them: packets are lost on the way, or a server does not answer.

    Judged by growth between two readings: 10 segments and 3 % of all that were sent is a warning. (hotsos warns at 1 %; a busy server
    with clients on mobile networks has more than that without any fault.) Where most of it are first packets of connections
    (TCPSynRetrans) the other end does not answer at all: a firewall, or a server that is down.
    It is a symptom: look at errors of interfaces, the gateway, firewalls and queues first, then at the path (`mtr`).
    """
    for netns, readings in _read_twice(counters).items():
        again, sent = more(readings, "TcpRetransSegs"), more(readings, "TcpOutSegs")
        first = more(readings, "TcpExtTCPSynRetrans")
        if again < 10 or again < 0.03 * (sent + again):
            continue
        yield Finding(
            Severity.WARNING,
            f"packets are lost: TCP sent {again:,} segments again (retransmissions) {_span(readings, 'TcpRetransSegs')}, "
            f"{again / (sent + again):.0%} of all{where(netns)}",
            _cite(readings, "TcpRetransSegs", "TcpExtTCPSynRetrans"),
            "Look at errors of interfaces, the gateway and firewalls first, then at the path to the other end (`mtr`, `ss -ti`)",
            detail=f"{first:,} of them were first packets of connections: nobody answered them" if first else "",
            subject="TCP",
            symptom=True,
            part_of=("NET048",),
        )


_UDP_ADVICE = {
    "RcvbufErrors": "See who is slow with `ss -uanp` (Recv-Q), then raise net.core.rmem_max and the buffer that the program asks for",
    "SndbufErrors": "See the queue to the wire (`tc -s qdisc`), the table of neighbours and net.core.wmem_max",
    "InCsumErrors": "Look at the cable and the card; to compare, switch its checksum offload off (`ethtool -K NIC rx off`)",
}


@rule("NET025", "datagrams that were lost in this host", NetCounter, uses=(UdpPort, SocketOwner, Process))
def udp(counters: list[NetCounter], ports: list[UdpPort], owners: list[SocketOwner], processes: list[Process]) -> Iterator[Finding]:
    """Datagrams (UDP) arrived and were thrown away because the program did not fetch them in time, or had too small a buffer.

    Judged by growth of RcvbufErrors and SndbufErrors (both families, every network namespace) between two readings: 10 are a warning.
    Name servers, syslog, SNMP, voice and video suffer. See who is slow (`ss -uanp`: Recv-Q); then raise net.core.rmem_max and the buffer
    that the program asks for. Datagrams with wrong checksums (InCsumErrors) come from the wire.
    """
    for netns, readings in _read_twice(counters).items():
        for name, words in (
            ("RcvbufErrors", "were thrown away because the receiver's buffer was full"),
            ("SndbufErrors", "could not be sent because the sender's buffer was full"),
            ("InCsumErrors", "had a wrong checksum"),
        ):
            names = [f"{family}{name}" for family in ("Udp", "Udp6") if more(readings, f"{family}{name}")]
            count = sum(more(readings, each) for each in names)
            if count >= 10:
                slow = _slow_reader(ports) if name == "RcvbufErrors" and not netns else None
                who = _reader(slow, owners, processes) if slow else ""
                yield Finding(
                    Severity.WARNING,
                    f"{count:,} UDP datagrams {words} {_span(readings, names[0])}{where(netns)}" + (f": {who}" if who else ""),
                    (*_cite(readings, *names), *((slow.origin,) if slow else ())),
                    _UDP_ADVICE[name],
                    detail=f"UDP port {slow.port} has lost the most: {slow.drops:,} since it was opened; {slow.waiting:,} bytes wait"
                    if slow
                    else "",
                    subject=who or "UDP",
                    part_of=("NET031",) if name == "SndbufErrors" else (),
                )


def _slow_reader(ports: list[UdpPort]) -> UdpPort | None:
    """The socket that lost the most."""
    worst = max(latest(ports), key=lambda each: each.drops, default=None)
    return worst if worst and worst.drops else None


def _reader(port: UdpPort, owners: list[SocketOwner], processes: list[Process]) -> str:
    pid = next((each.pid for each in latest(owners) if each.protocol.startswith("udp") and each.port == port.port), 0)
    label = next((each.label for each in running(processes) if each.pid == pid), "")
    return f"{label or 'the program'} on UDP port {port.port} does not read fast enough"


@rule("NET026", "memory of sockets", SocketMemory, uses=(NetSetting, NetCounter))
def socket_memory(memory: list[SocketMemory], settings: list[NetSetting], counters: list[NetCounter]) -> Iterator[Finding]:
    """All TCP or all UDP sockets together use nearly as much memory as they may (tcp_mem, udp_mem): the kernel then drops packets.

    85 % of the third number is a warning, 100 % critical (as hotsos judges); so are orphans (connections whose program is gone) at 85 % of
    net.ipv4.tcp_max_orphans, and connections that the kernel broke off for want of memory between the readings (TCPAbortOnMemory).
    See who holds so much: `ss -tmp`, Recv-Q of connections that nobody reads. Then raise the limit.
    """
    limits = {each.name: each for each in latest(settings)}
    for each in latest(memory):
        name = f"net.ipv4.{each.protocol.lower()}_mem"
        limit = limits.get(name)
        words = limit.value.split() if limit else []
        if not each.netns and len(words) == 3 and words[2].isdecimal() and int(words[2]) and each.pages >= 0.85 * int(words[2]) and limit:
            yield Finding(
                Severity.CRITICAL if each.pages >= int(words[2]) else Severity.WARNING,
                f"{each.protocol} sockets use {each.pages:,} of {int(words[2]):,} pages of memory that they may "
                f"({each.pages / int(words[2]):.0%})",
                (each.origin, limit.origin),
                f"See with `ss -tump` which sockets hold so much (Recv-Q, Send-Q); then raise {name}",
                subject=name,
            )
        most = limits.get("net.ipv4.tcp_max_orphans")
        if not each.netns and most and most.value.isdecimal() and 0 < 0.85 * int(most.value) <= each.orphans:
            yield Finding(
                Severity.WARNING,
                f"{each.orphans:,} of {int(most.value):,} orphaned TCP connections are in use: the kernel resets what comes on top",
                (each.origin, most.origin),
                "See which peers do not confirm the end of connections (`ss -tn state fin-wait-1`); then raise net.ipv4.tcp_max_orphans",
                subject="net.ipv4.tcp_max_orphans",
            )
    readings = growth(counters).get("", {})
    if aborted := more(readings, "TcpExtTCPAbortOnMemory"):
        yield Finding(
            Severity.WARNING,
            f"the kernel broke off {aborted:,} TCP connections for want of memory {_span(readings, 'TcpExtTCPAbortOnMemory')}",
            _cite(readings, "TcpExtTCPAbortOnMemory"),
            "See with `ss -tmp` which sockets hold so much, then raise net.ipv4.tcp_mem",
            subject="tcp_mem",
        )


_FILTER = re.compile(r"net\.ipv4\.conf\.(.+)\.rp_filter")
STRAY = 5
"""Packets that came by the wrong way: one or two are broadcasts of a neighbour's network."""


@rule("NET027", "packets that came by an unexpected way", NetCounter, uses=(NetSetting,))
def reverse_path(counters: list[NetCounter], settings: list[NetSetting]) -> Iterator[Finding]:
    """Packets were dropped because their sender would be answered by another interface (reverse path filter, rp_filter).

    Judged by growth of IPReversePathFilter between two readings: 5, and one in two seconds, are a warning. Hosts with two interfaces, a
    VPN, or routing of their own are hit: the packet comes in by the one and the route back leads out by the other. Mend the routes so
    that both ways are the same, or set net.ipv4.conf.NIC.rp_filter=2 (loose).
    """
    for netns, readings in _read_twice(counters).items():
        count = more(readings, "TcpExtIPReversePathFilter")
        strict = _strict(settings)
        if count >= STRAY and 2 * count >= seconds_between(*readings["TcpExtIPReversePathFilter"]):
            yield Finding(
                Severity.WARNING,
                f"{count:,} packets were dropped by the reverse path filter (rp_filter) "
                f"{_span(readings, 'TcpExtIPReversePathFilter')}{where(netns)}: the way back leads out by another interface",
                (*_cite(readings, "TcpExtIPReversePathFilter"), *(each.origin for each in strict[:3])),
                "See where they come from (`sysctl net.ipv4.conf.all.log_martians=1`, then the kernel's log); let the route back lead out "
                "where they come in, or set net.ipv4.conf.NIC.rp_filter=2 (loose)",
                detail="strict (1): " + ", ".join(_FILTER.sub(r"\1", each.name) for each in strict) if strict else "",
                subject="rp_filter",
            )


def _strict(settings: list[NetSetting]) -> list[NetSetting]:
    """Interfaces whose filter is strict; the larger of its own value and that of `all` counts."""
    known = {found[1]: each for each in latest(settings) if (found := _FILTER.fullmatch(each.name))}
    most = known["all"].value if "all" in known else "0"
    return [each for nic, each in known.items() if nic not in ("all", "default", "lo") and max(each.value, most) == "1"]
