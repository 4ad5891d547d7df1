"""Sockets: their states and owners, listen queues, use of local ports, connection tracking.

`/proc/net` tells all of it on any host; `ss` adds the limit of each listen queue and what TCP knows of each connection.
On its first use `ss` may load the kernel's `*_diag` modules, which do nothing but answer it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice, takewhile
from typing import NamedTuple

from diagbundle.collect.api import Command, File, Host, Row, Source, Stage, Table, collector, number

from ._net import namespace_of, namespaces, unloaded

COUNTERS = (
    "/proc/net/sockstat",
    "/proc/net/sockstat6",
    "/proc/net/protocols",
    "/proc/sys/net/netfilter/nf_conntrack_count",
    "/proc/sys/net/netfilter/nf_conntrack_max",
    "/proc/sys/net/netfilter/nf_conntrack_buckets",
    "/proc/sys/net/netfilter/nf_conntrack_expect_max",
    "/proc/sys/net/nf_conntrack_max",
)
FILES = (
    "/proc/net/tcp",
    "/proc/net/tcp6",
    "/proc/net/udp",
    "/proc/net/udp6",
    "/proc/net/udplite",
    "/proc/net/udplite6",
    "/proc/net/raw",
    "/proc/net/raw6",
    "/proc/net/icmp",
    "/proc/net/icmp6",
    "/proc/net/unix",
    "/proc/net/packet",
    "/proc/net/sctp/assocs",
    "/proc/net/sctp/eps",
    "/proc/net/nf_conntrack_expect",
    "/proc/sys/net/ipv4/ip_local_port_range",
    "/proc/sys/net/ipv4/ip_local_reserved_ports",
    "/proc/sys/net/core/somaxconn",
)
TRACKED = "/proc/sys/net/netfilter/nf_conntrack_count"
MODULE = "nf_conntrack_netlink"
"""What `conntrack` talks to; asking would load it."""
MANY_TRACKED = 65_536
MOST = 2000
"""Rows, at most, about one thing; the smallest are summed up in one."""
MOST_OWNED = 300_000
"""Sockets, at most, whose owners are looked for: each is held in memory."""
NAMED = 16
STATES = {
    "01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT",
    "07": "CLOSE", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": "LISTEN", "0B": "CLOSING", "0C": "NEW_SYN_RECV",
}  # fmt: skip
UNCONNECTED = "07"
"""State of a UDP socket that is bound and takes datagrams from anybody."""
PROTOCOLS = ("tcp", "tcp6", "udp", "udp6")


def samples(host: Host) -> Iterator[Source]:
    """Listen queues, summaries, and how full connection tracking is."""
    yield from map(File, COUNTERS)
    yield Table("listen_queues", listen_queues)
    yield Command(("ss", "-ltn"))
    yield Command(("ss", "-s"))
    yield Command(("conntrack", "-S"), folder="conntrack", only_if=TRACKED, skip=unloaded(host, MODULE))


@collector(title="Sockets: states, owners, listen queues, local ports, connection tracking", stage=Stage.VOLATILE, samples=samples,
           folder="networking")  # fmt: skip
def sockets(host: Host) -> Iterator[Source]:
    """The kernel's own lists, what is counted from them, and the commands' view."""
    yield from map(File, FILES)
    yield Table("socket_counts", socket_counts)
    yield Table("socket_owners", socket_owners)
    yield Command(("ss", "-peaonmi"), timeout=60)
    for name in host.listdir("/run/netns")[:NAMED]:
        yield Command(("ss", "-N", name, "-ltn"), timeout=10)
    yield Command(("netstat", "-W", "-neopa"), timeout=60)
    yield from tracked(host)


# -- connection tracking


def tracked(host: Host) -> Iterator[Source]:
    """The tracked connections, if they are few; as a file, or by the command where the kernel has no such file."""
    count = host.text(TRACKED).strip()
    skip = f"{count} tracked connections" if (number(count) or 0) > MANY_TRACKED else ""
    yield File("/proc/net/nf_conntrack", skip=skip)
    if not host.exists("/proc/net/nf_conntrack"):
        unused = "no connection is tracked" if count in ("", "0") else ""
        yield Command(("conntrack", "-L", "-o", "extended"), folder="conntrack", skip=skip or unused or unloaded(host, MODULE))


# -- reading /proc/net

_ADDRESS = "[0-9A-F]{8}(?:[0-9A-F]{24})?:[0-9A-F]{4}"
_SOCKET = re.compile(
    rf"\s*\d+:\s+({_ADDRESS})\s+({_ADDRESS})\s+([0-9A-F]{{2}})\s+[0-9A-F]{{8}}:([0-9A-F]{{8}})\s+\S+\s+\S+\s+(\d{{1,20}})\s+\S+\s+(\d{{1,20}})\s",
    re.ASCII,
)
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


class Socket(NamedTuple):
    """One line of `/proc/net/{tcp,udp}*`; addresses still in the kernel's spelling."""

    local: str
    remote: str
    state: str
    waiting: int
    """Bytes not yet read; of a listening socket: connections not yet accepted."""
    uid: int
    inode: int

    @property
    def port(self) -> int:
        """Local port."""
        return int(self.local.rpartition(":")[2], 16)


def lines_of(host: Host, path: str) -> Iterator[str]:
    """Lines of a list that may be longer than what is held in memory; of another namespace's list, the beginning."""
    if path.startswith("/proc/net/") and host.exists(path):
        with os.fdopen(host.open(path), encoding="ascii", errors="replace") as lines:
            yield from lines
    else:
        yield from host.text(path).splitlines()


def sockets_in(host: Host, path: str) -> Iterator[Socket]:
    """Sockets in the order of the kernel: listening ones first. Here alone it is judged whether a line is one."""
    for line in lines_of(host, path):
        if found := _SOCKET.match(line):
            local, remote, state, waiting, uid, inode = found.groups()
            yield Socket(local, remote, state, int(waiting, 16), int(uid), int(inode))


def readable(address: str) -> tuple[str, int]:
    """Address and port of the kernel's spelling: 32-bit words of network order, each printed as a number of this machine."""
    words, _, port = address.partition(":")
    packed = b"".join(struct.pack("=I", int(words[n : n + 8], 16)) for n in range(0, len(words), 8))
    found = ipaddress.ip_address(packed)
    return str(getattr(found, "ipv4_mapped", None) or found), int(port, 16)


def places(host: Host) -> dict[str, str]:
    """Directory of each network namespace's lists, by inode; ours first."""
    ours = namespace_of(host, "self")
    others = {inode: f"/proc/{pids[0]}/net" for inode, pids in namespaces(host).items() if inode != ours}
    return {ours: "/proc/net", **others}


# -- tables


def listen_queues(host: Host) -> Iterator[Row]:
    """One row for each listening TCP socket; a queue as long as its limit refuses connections.

    The limit itself is `min(backlog, somaxconn)`: only `ss` tells it, in column Send-Q.
    """
    for netns, directory in places(host).items():
        for protocol in ("tcp", "tcp6"):
            for found in takewhile(lambda one: one.state == "0A", sockets_in(host, f"{directory}/{protocol}")):
                address, port = readable(found.local)
                yield {"netns": netns, "protocol": protocol, "address": address, "port": port, "waiting": found.waiting,
                       "uid": found.uid, "inode": found.inode}  # fmt: skip


def socket_counts(host: Host) -> Iterator[Row]:
    """Sockets by state and remote side, and how many local ports are in use, in every network namespace."""
    for netns, directory in places(host).items():
        limits = port_range(host) if directory == "/proc/net" else {}
        for transport in ("tcp", "udp"):
            tally = Tally()
            for protocol in (transport, f"{transport}6"):
                for found in sockets_in(host, f"{directory}/{protocol}"):
                    tally.add(found, transport)
            yield from ({"netns": netns, "protocol": transport, **row} for row in tally.rows())
            yield {"netns": netns, "protocol": transport, "fact": "ports", **limits, **tally.ports(limits)}


class Tally:
    """Counts of one transport in one namespace."""

    def __init__(self) -> None:
        self.listening: set[int] = set()
        self.counts: Counter[tuple[str, str, str, int]] = Counter()
        self.used: set[int] = set()
        self.towards: dict[str, set[int]] = {}

    def add(self, found: Socket, transport: str) -> None:
        """Connections that came to a listening port are counted by remote address, others by remote address and port."""
        if found.state == "0A":
            self.listening.add(found.port)
        state = "UNCONNECTED" if transport == "udp" and found.state == UNCONNECTED else STATES.get(found.state, found.state)
        came = found.port in self.listening
        words, _, port = found.remote.partition(":")
        if state not in ("LISTEN", "UNCONNECTED"):
            self.counts[state, "in" if came else "out", words, found.port if came else int(port, 16)] += 1
        self.used.add(found.port)
        if not came and int(port, 16):
            self.towards.setdefault(found.remote, set()).add(found.port)

    def rows(self) -> Iterator[Row]:
        """The greatest counts, and the sum of the others."""
        ordered = self.counts.most_common()
        for (state, way, words, port), count in ordered[:MOST]:
            address, _ = readable(f"{words}:0")
            which = "local_port" if way == "in" else "remote_port"
            yield {"fact": "state", "state": state, "way": way, "remote": address, which: port, "count": count}
        if ordered[MOST:]:
            yield {"fact": "state", "state": "", "others": len(ordered) - MOST, "count": sum(count for _, count in ordered[MOST:])}

    def ports(self, limits: Row) -> Row:
        """Used local ports, those in the ephemeral range, and the remote side that most of them are connected to."""
        low, high = limits.get("low", 0), limits.get("high", 65535)
        busiest = max(self.towards, key=lambda remote: len(self.towards[remote]), default="")
        remote, port = readable(busiest) if busiest else ("", 0)
        return {
            "used": len(self.used),
            "ephemeral": sum(low <= port <= high for port in self.used) if limits else None,
            "busiest": f"[{remote}]:{port}" if ":" in remote else f"{remote}:{port}" if remote else None,
            "busiest_ports": len(self.towards.get(busiest, ())),
        }


def port_range(host: Host) -> dict[str, int]:
    """The ephemeral ports of our namespace: lowest, highest, how many of them may be given out. What cannot be told is left out."""
    bounds = [number(word) for word in host.text("/proc/sys/net/ipv4/ip_local_port_range").split()]
    if len(bounds) != 2 or bounds[0] is None or bounds[1] is None:
        return {}
    low, high = bounds[0], bounds[1]
    reserved = 0
    for part in filter(None, host.text("/proc/sys/net/ipv4/ip_local_reserved_ports").strip().split(",")):
        if not (span := _PORTS.fullmatch(part)):
            return {"low": low, "high": high}
        reserved += max(0, min(high, int(span[2] or span[1])) - max(low, int(span[1])) + 1)
    return {"low": low, "high": high, "available": high - low + 1 - reserved}


def socket_owners(host: Host) -> Iterator[Row]:
    """Listening sockets with the processes that hold them, and each process's connections counted by state."""
    everywhere = chain.from_iterable(inodes(host, netns, directory) for netns, directory in places(host).items())
    known = dict(islice(everywhere, MOST_OWNED))
    if next(everywhere, None):
        yield {"fact": "cut", "reason": f"there are more than {MOST_OWNED} sockets: the others are not looked at"}
    held: set[int] = set()
    for pid in host.pids():
        mine = [inode for inode in held_by(host, pid) if inode in known]
        held.update(mine)
        yield from owner_rows({"pid": pid, "comm": host.text(f"/proc/{pid}/comm").strip()}, [known[inode] for inode in mine])
    yield from owner_rows({"pid": None, "comm": None}, [what for inode, what in known.items() if inode not in held])


def inodes(host: Host, netns: str, directory: str) -> Iterator[tuple[int, tuple[str, str, str, str]]]:
    """Inode → namespace, protocol, state, local address (of listening sockets only) of sockets that somebody may hold."""
    for protocol in PROTOCOLS:
        for found in sockets_in(host, f"{directory}/{protocol}"):
            waits = found.state == (UNCONNECTED if protocol.startswith("udp") else "0A")
            address, port = readable(found.local) if waits else ("", 0)
            if found.inode:
                yield found.inode, (netns, protocol, STATES.get(found.state, found.state), f"{address} {port}" if waits else "")
    for line in lines_of(host, f"{directory}/unix"):
        field = line.split()
        if len(field) > 7 and field[3] == "00010000" and (inode := number(field[6])) is not None:
            yield inode, (netns, "unix", "LISTEN", field[7])


def held_by(host: Host, pid: int) -> Iterator[int]:
    """Inodes of the sockets that a process holds."""
    for descriptor in host.listdir(f"/proc/{pid}/fd"):
        link = host.readlink(f"/proc/{pid}/fd/{descriptor}")
        if link.startswith("socket:[") and (inode := number(link[8:-1])) is not None:
            yield inode


def owner_rows(owner: Row, sockets: Iterable[tuple[str, str, str, str]]) -> Iterator[Row]:
    """Listeners one by one, the rest counted."""
    for (netns, protocol, state, local), count in Counter(sockets).items():
        row = {**owner, "netns": netns, "protocol": protocol, "state": state}
        if local:
            address, _, port = (local, "", "") if protocol == "unix" else local.rpartition(" ")
            yield {"fact": "listener", **row, "address": address} | ({"port": int(port)} if port else {})
        else:
            yield {"fact": "connections", **row, "count": count}
