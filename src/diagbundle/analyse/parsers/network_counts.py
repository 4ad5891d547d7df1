"""What the kernel counts about protocols, sockets and connection tracking."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Fact, Line, parser
from diagbundle.analyse.facts.network import whole
from diagbundle.analyse.facts.network_counts import (
    Connections,
    Listener,
    NeighbourTable,
    NetCounter,
    NetSetting,
    PortUse,
    SocketMemory,
    SocketOwner,
    Softnet,
    TrackingCounter,
)

NET = "sos_commands/networking"


def _namespace(doc: Document) -> str:
    found = re.match(r"diagbundle/netns/(\d+)/", doc.path)
    return found[1] if found else ""


@parser(NetCounter, "proc/net/snmp", "proc/net/netstat", "diagbundle/netns/*/snmp", "diagbundle/netns/*/netstat")
def pair_lines(doc: Document) -> Iterator[NetCounter]:
    """A line of names, then a line of numbers, both beginning with the group; columns differ from kernel to kernel."""
    names: list[str] = []
    for line in doc.lines:
        words = line.split()
        if len(words) > 1 and words[0] == (names[0] if names else "") and re.fullmatch(r"-?\d+", words[1]):
            for name, value in zip(names[1:], words[1:], strict=False):
                yield NetCounter(origin=line.origin, name=names[0].rstrip(":") + name, value=whole(value), netns=_namespace(doc))
            names = []
        else:
            names = words


@parser(NetCounter, "proc/net/snmp6", "diagbundle/netns/*/snmp6")
def name_lines(doc: Document) -> Iterator[NetCounter]:
    """A name and a number on each line."""
    for line in doc.lines:
        words = line.split()
        if len(words) == 2 and re.fullmatch(r"\d{1,20}", words[1]):
            yield NetCounter(origin=line.origin, name=words[0], value=int(words[1]), netns=_namespace(doc))


_SETTINGS = (
    "core/netdev_max_backlog",
    "core/somaxconn",
    "ipv4/arp*",
    "ipv4/conf/*/arp_ignore",
    "ipv4/conf/*/arp_filter",
    "ipv4/conf/*/rp_filter",
    "ipv4/conf/*/arp_announce",
    "ipv4/ip_forward",
    "ipv4/ip_local_port_range",
    "ipv4/ip_local_reserved_ports",
    "ipv4/neigh/default/gc_thresh*",
    "ipv6/neigh/default/gc_thresh*",
    "ipv4/tcp_max_orphans",
    "ipv4/tcp_max_syn_backlog",
    "ipv4/tcp_max_tw_buckets",
    "ipv4/tcp_mem",
    "ipv4/udp_mem",
    "netfilter/nf_conntrack_count",
    "netfilter/nf_conntrack_max",
    "nf_conntrack_max",
)


@parser(NetSetting, *(f"proc/sys/net/{name}" for name in _SETTINGS))
def setting(doc: Document) -> Iterator[NetSetting]:
    """One file, one value."""
    for line in doc.lines[:1]:
        yield NetSetting(origin=line.origin, name=doc.path.removeprefix("proc/sys/").replace("/", "."), value=" ".join(line.split()))


_OF_SYSCTL = re.compile(
    r"net\.(?:(?:ipv[46]\.(?:conf\.\S+\.(?:arp|rp)_|ip_|neigh\.default\.gc_|tcp_m|udp_mem))|core\.(?:somax|netdev_max)|netfilter\.nf_conntrack_(?:count|max)\b)"
)


@parser(NetSetting, "sos_commands/kernel/sysctl_-a")
def sysctl(doc: Document) -> Iterator[NetSetting]:
    """`net.ipv4.tcp_mem = 1 2 3`, of another tool's bundle that has no /proc/sys."""
    for line in doc.lines:
        name, equals, value = line.partition("=")
        if equals and _OF_SYSCTL.match(line):
            yield NetSetting(origin=line.origin, name=name.strip(), value=" ".join(value.split()))


@parser(Softnet, "proc/net/softnet_stat")
def softnet(doc: Document) -> Iterator[Softnet]:
    """Hexadecimal, a line for each CPU; since Linux 5.10 the 13th word is its number, before the line's place is."""
    for line in doc.lines:
        words = line.split()
        if len(words) > 2 and all(re.fullmatch(r"[0-9a-f]{1,16}", word) for word in words):
            numbers = [int(word, 16) for word in words]
            cpu = numbers[12] if len(numbers) > 12 else line.number - 1
            yield Softnet(origin=line.origin, cpu=cpu, processed=numbers[0], dropped=numbers[1], squeezed=numbers[2])


@parser(SocketMemory, "proc/net/sockstat", "diagbundle/netns/*/sockstat")
def sockstat(doc: Document) -> Iterator[SocketMemory]:
    """`TCP: inuse 2 orphan 0 tw 2 alloc 71 mem 312`; memory in pages."""
    for line in doc.lines:
        protocol, _, rest = line.partition(":")
        words = rest.split()
        value = {key: whole(number) for key, number in zip(words[::2], words[1::2], strict=False)}
        if protocol in ("TCP", "UDP"):
            yield SocketMemory(
                origin=line.origin,
                protocol=protocol,
                pages=value.get("mem", 0),
                in_use=value.get("inuse", 0),
                orphans=value.get("orphan", 0),
                waiting=value.get("tw", 0),
                netns=_namespace(doc),
            )


# -- tables of the kernel: a line of names, then a line for each CPU, in hexadecimal


def _table(doc: Document) -> tuple[dict[str, int], Line] | None:
    """Sums over all CPUs. `entries` is the same on each line: it counts the one table."""
    names: list[str] = []
    sums: dict[str, int] = {}
    last: Line | None = None
    for line in doc.lines:
        words = line.split()
        if not names:
            names = words
        elif words and all(re.fullmatch(r"[0-9a-f]{1,16}", word) for word in words):
            last = line
            for name, word in zip(names, words, strict=False):
                sums[name] = int(word, 16) if name == "entries" else sums.get(name, 0) + int(word, 16)
    return (sums, last) if last else None


@parser(TrackingCounter, "proc/net/stat/nf_conntrack", "diagbundle/netns/*/stat/nf_conntrack")
def tracking(doc: Document) -> Iterator[TrackingCounter]:
    """What connection tracking lost."""
    if found := _table(doc):
        sums, line = found
        yield TrackingCounter(
            origin=line.origin,
            entries=sums.get("entries", 0),
            dropped=sums.get("drop", 0),
            early=sums.get("early_drop", 0),
            failed=sums.get("insert_failed", 0),
            netns=_namespace(doc),
        )


@parser(NeighbourTable, "proc/net/stat/arp_cache", "proc/net/stat/ndisc_cache")
def neighbour_table(doc: Document) -> Iterator[NeighbourTable]:
    """How often there was no room."""
    if found := _table(doc):
        sums, line = found
        yield NeighbourTable(
            origin=line.origin, name=doc.path.rpartition("/")[2], entries=sums.get("entries", 0), full=sums.get("table_fulls", 0)
        )


# -- sockets


@parser(Listener, "diagbundle/tables/listen_queues")
def listen_queues(doc: Document) -> Iterator[Listener]:
    """Those of every namespace; the limit is told by `ss` alone."""
    for row in doc.rows:
        yield Listener(
            origin=row.origin, address=row.text("address"), port=row.whole("port"), waiting=row.whole("waiting"), netns=row.text("netns")
        )


_SS = re.compile(r"\s*(?:tcp\s+)?(LISTEN)\s+(\d{1,9})\s+(\d{1,9})\s+(\S+):(\d{1,5})\s")


@parser(Listener, f"{NET}/ss_-ltn", f"{NET}/ss_-N_*_-ltn", f"{NET}/ss_-peaonmi")
def ss_listeners(doc: Document) -> Iterator[Listener]:
    """`LISTEN 3 2 0.0.0.0:8081 0.0.0.0:*`: how many wait, how many may."""
    inside = re.search(r"ss_-N_(.+)_-ltn", doc.path)
    for line in doc.lines:
        if found := _SS.match(line + " "):
            address = found[4].strip("[]").partition("%")[0]
            yield Listener(
                origin=line.origin,
                address=address,
                port=int(found[5]),
                waiting=int(found[2]),
                limit=int(found[3]),
                netns=inside[1] if inside else "",
            )


@parser(SocketOwner, "diagbundle/tables/socket_owners")
def socket_owners(doc: Document) -> Iterator[SocketOwner]:
    """Processes and their sockets; what nobody holds is left out."""
    for row in doc.rows:
        if row["pid"] is not None and row["protocol"] != "unix":
            yield SocketOwner(
                origin=row.origin,
                pid=row.whole("pid"),
                comm=row.text("comm"),
                state=row.text("state"),
                protocol=row.text("protocol"),
                count=row.whole("count") or 1,
                port=row.whole("port"),
                netns=row.text("netns"),
            )


@parser((Connections, PortUse), "diagbundle/tables/socket_counts")
def socket_counts(doc: Document) -> Iterator[Fact]:
    """Counts of every namespace."""
    for row in doc.rows:
        netns, protocol = row.text("netns"), row.text("protocol")
        if row["fact"] == "state" and row["state"]:
            out = row["way"] == "out"
            yield Connections(
                origin=row.origin,
                state=row.text("state"),
                remote=row.text("remote"),
                count=row.whole("count"),
                protocol=protocol,
                port=row.whole("remote_port" if out else "local_port"),
                is_outgoing=out,
                netns=netns,
            )
        if row["fact"] == "ports":
            yield PortUse(
                origin=row.origin,
                towards=row.text("busiest"),
                ports=row.whole("busiest_ports"),
                available=row.whole("available"),
                protocol=protocol,
                netns=netns,
            )


_SS_STATES = {"ESTAB": "ESTABLISHED", "CLOSE-WAIT": "CLOSE_WAIT", "SYN-SENT": "SYN_SENT", "TIME-WAIT": "TIME_WAIT", "SYN-RECV": "SYN_RECV"}
_SS_SOCKET = re.compile(r"tcp\s+([A-Z0-9-]+)\s+\d+\s+\d+\s+\S+:(\d+)\s+(\S+):(\d+)\s+(?:users:\(\(\"([^\"]*)\",pid=(\d+))?")
_NETSTAT = re.compile(r"tcp6?\s+\d+\s+\d+\s+\S+:(\d+)\s+(\S+):(\d+)\s+([A-Z0-9_]+)\s+\S+\s+\d+\s+(?:(\d+)/(\S+))?")


@parser((Connections, SocketOwner, PortUse), f"{NET}/ss_-peaonmi", f"{NET}/netstat_-W_-neopa")
def connections(doc: Document) -> Iterator[Fact]:
    """Every connection on a line: counted here as our own tables count them. For bundles of other tools; ours has the tables too."""
    states: Counter[tuple[str, str, int]] = Counter()
    held: Counter[tuple[int, str, str]] = Counter()
    ports: dict[str, set[int]] = {}
    cited: dict[object, Line] = {}
    for line in doc.lines:
        if (found := _one(line)) is None or found[0] == "LISTEN":
            continue
        state, local, remote, port, pid, comm = found
        states[state, remote, port] += 1
        cited.setdefault((state, remote, port), line)
        if pid:
            held[pid, comm, state] += 1
            cited.setdefault((pid, comm, state), line)
        ports.setdefault(f"{remote}:{port}", set()).add(local)
        cited.setdefault(f"{remote}:{port}", line)
    for key, count in states.items():
        yield Connections(origin=cited[key].origin, state=key[0], remote=key[1], port=key[2], count=count)
    for owner, count in held.items():
        yield SocketOwner(origin=cited[owner].origin, pid=owner[0], comm=owner[1], state=owner[2], count=count)
    if ports:
        busiest = max(ports, key=lambda each: len(ports[each]))
        yield PortUse(origin=cited[busiest].origin, towards=busiest, ports=len(ports[busiest]), available=0)


def _one(line: str) -> tuple[str, int, str, int, int, str] | None:
    """State, local port, remote address and port, process."""
    if found := _SS_SOCKET.match(line + " "):
        state, local, remote, port, comm, pid = found.groups()
    elif found := _NETSTAT.match(line):
        local, remote, port, state, pid, comm = found.groups()
    else:
        return None
    return _SS_STATES.get(state, state), whole(local), remote.strip("[]"), whole(port), whole(pid or ""), comm or ""
