"""What interfaces and their queues count, what their drivers tell, bonds, and probes of the wire."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from diagbundle.analyse.api import Document, Fact, Line, loads, parser
from diagbundle.analyse.facts.network import (
    AddressProbe,
    Bond,
    BondPort,
    Driver,
    LinkMode,
    NicCounter,
    PathMtu,
    Qdisc,
    whole,
)

NET = "sos_commands/networking"
_DEV = (
    "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "rx_fifo_errors", "rx_frame_errors", "rx_compressed", "multicast",
    "tx_bytes", "tx_packets", "tx_errors", "tx_dropped", "tx_fifo_errors", "collisions", "tx_carrier_errors", "tx_compressed",
)  # fmt: skip


def namespace(doc: Document) -> str:
    """The namespace whose file it is: the inode in `diagbundle/netns/INODE/…`, '' for the host's own."""
    found = re.match(r"diagbundle/netns/(\d+)/", doc.path)
    return found[1] if found else ""


@parser(NicCounter, "sys/class/net/*/statistics/*", "sys/class/net/*/queues/*/tx_timeout")
def statistics(doc: Document) -> Iterator[NicCounter]:
    """One file, one number."""
    parts = doc.path.split("/")
    name = f"{parts[-1]} {parts[-2]}" if parts[4] == "queues" else parts[-1]
    for line in doc.lines[:1]:
        if re.fullmatch(r"\d{1,20}", line.strip()):
            yield NicCounter(origin=line.origin, nic=parts[3], name=name, value=int(line))


@parser(NicCounter, "proc/net/dev", "diagbundle/netns/*/dev")
def proc_net_dev(doc: Document) -> Iterator[NicCounter]:
    """`eth0: 1 2 …`, on old kernels without a space behind the colon."""
    for line in doc.lines:
        name, colon, numbers = line.rpartition(":")
        values = numbers.split()
        if colon and len(values) == len(_DEV) and all(value.isdecimal() for value in values):
            for key, value in zip(_DEV, values, strict=True):
                yield NicCounter(origin=line.origin, nic=name.strip(), name=key, value=int(value[:20]), source="dev", netns=namespace(doc))


@parser(NicCounter, f"{NET}/ethtool_-S_*")
def ethtool_statistics(doc: Document) -> Iterator[NicCounter]:
    """The driver's own counters, by its own names."""
    nic = doc.path.rpartition("_")[2]
    for line in doc.lines:
        if found := re.fullmatch(r"\s+(\S.*?):\s+(\d{1,20})", line):
            yield NicCounter(origin=line.origin, nic=nic, name=found[1], value=int(found[2]), source="driver")


@parser((NicCounter, LinkMode, Driver), "diagbundle/tables/ethtool/*")
def ethtool_table(doc: Document) -> Iterator[Fact]:
    """What the ioctl brought, for hosts without the command."""
    for row in doc.rows:
        nic = row.text("nic")
        if row["fact"] == "driver" and row["driver"]:
            yield Driver(origin=row.origin, nic=nic, name=row.text("driver"))
        if row["fact"] == "settings" and not row["error"]:
            duplex = row.text("duplex")
            most = _most(row.text("advertised"), row.text("partner"), row.text("supported"))
            yield LinkMode(
                origin=row.origin, nic=nic, speed=row.whole("speed"), duplex=duplex if duplex in ("half", "full") else "", most=most
            )


_SPEEDS = {0: 10, 1: 10, 2: 100, 3: 100, 4: 1000, 5: 1000, 12: 10_000, 47: 2500, 48: 5000}
"""Bit of linux/ethtool.h → Mbit/s, of the modes that copper negotiates."""


def _most(advertised: str, partner: str, supported: str) -> int:
    """The fastest that both ends announce. Without a word of the partner, what this end could do."""
    masks = [int(text, 16) if re.fullmatch(r"[0-9a-f]{1,400}", text) else 0 for text in (advertised, partner, supported)]
    modes = masks[0] & masks[1] if masks[1] else masks[2]
    return max((speed for bit, speed in _SPEEDS.items() if modes >> bit & 1), default=0)


@parser(LinkMode, *(f"{NET}/ethtool_{first}*" for first in "abcdefghijklmnopqrstuvwxyz"))
def ethtool(doc: Document) -> Iterator[LinkMode]:
    """`ethtool eth0`: modes as `1000baseT/Full`, then what is in force."""
    speed = re.search(r"(?m)^\s*Speed: (\d{1,7})Mb/s", doc.text)
    duplex = re.search(r"(?m)^\s*Duplex: (\w+)", doc.text)
    if not speed and not duplex:
        return
    number = next((line for line in doc.lines if "Speed:" in line or "Duplex:" in line), doc.lines[0])
    parts = {
        name: _block(doc.lines, name) for name in ("Advertised link modes", "Link partner advertised link modes", "Supported link modes")
    }
    ours, theirs, supported = (set(re.findall(r"\b(\d{2,6})base", text)) for text in parts.values())
    modes = ours & theirs if theirs else supported
    yield LinkMode(
        origin=number.origin,
        nic=doc.path.rpartition("/ethtool_")[2],
        speed=int(speed[1]) if speed else 0,
        duplex=duplex[1].lower() if duplex and duplex[1].lower() in ("half", "full") else "",
        most=max(map(int, modes), default=0),
    )


def _block(lines: list[Line], name: str) -> str:
    """The text of an entry that may go on over lines without a name."""
    found: list[str] = []
    for line in lines:
        key, colon, rest = line.partition(":")
        if key.strip() == name and colon:
            found = [rest]
        elif found and not colon:
            found.append(line)
        elif found:
            break
    return " ".join(found)


@parser(Driver, f"{NET}/ethtool_-i_*")
def ethtool_driver(doc: Document) -> Iterator[Driver]:
    """`driver: ixgbe`."""
    for line in doc.lines:
        if line.startswith("driver:") and line[7:].strip():
            yield Driver(origin=line.origin, nic=doc.path.rpartition("_")[2], name=line[7:].strip())


@parser((Bond, BondPort), "proc/net/bonding/*", "sos_commands/teamd/teamdctl_*_state_dump")
def bundled(doc: Document) -> Iterator[Fact]:
    """A bond of the kernel, or a team."""
    return _team(doc) if "teamdctl" in doc.path else _bonding(doc)


def _bonding(doc: Document) -> Iterator[Fact]:
    """The bond, then a paragraph for each port."""
    name = doc.path.rpartition("/")[2]
    paragraphs: list[list[Line]] = [[]]
    for line in doc.lines:
        if line.startswith("Slave Interface:"):
            paragraphs.append([])
        paragraphs[-1].append(line)
    head = _words(paragraphs[0])
    if status := head.get("MII Status"):
        value = {key: line.partition(":")[2].strip() for key, line in head.items()}
        yield Bond(
            origin=status.origin,
            name=name,
            mode=value.get("Bonding Mode", ""),
            is_up=value["MII Status"] == "up",
            active=value.get("Currently Active Slave", ""),
            partner=value.get("Partner Mac Address", ""),
        )
    for paragraph in paragraphs[1:]:
        of = _words(paragraph)
        value = {key: line.partition(":")[2].strip() for key, line in of.items()}
        speed = re.match(r"(\d{1,7}) Mbps", value.get("Speed", ""))
        yield BondPort(
            origin=of.get("MII Status", paragraph[0]).origin,
            bond=name,
            nic=value.get("Slave Interface", ""),
            is_up=value.get("MII Status") == "up",
            failures=whole(value.get("Link Failure Count", "")),
            speed=int(speed[1]) if speed else 0,
            duplex=value.get("Duplex", "").lower(),
            aggregator=value.get("Aggregator ID", ""),
        )


def _words(lines: list[Line]) -> dict[str, Line]:
    """Key → its first line."""
    found: dict[str, Line] = {}
    for line in lines:
        found.setdefault(line.partition(":")[0].strip(), line)
    return found


def _team(doc: Document) -> Iterator[Fact]:
    """`teamdctl NAME state dump`, which is JSON."""
    found = re.search(r"teamdctl_(.+)_state_dump", doc.path)
    state = loads(doc.text)
    ports = state.get("ports") if isinstance(state, dict) else None
    if not found or not isinstance(ports, dict):
        return
    yield Bond(origin=doc.origin(0, "teamdctl state dump"), name=found[1], mode="team")
    for nic, port in ports.items():
        watch = port.get("link_watches") if isinstance(port, dict) else None
        if isinstance(watch, dict) and isinstance(watch.get("up"), bool):
            line = next((line for line in doc.lines if f'"{nic}"' in line), None)
            yield BondPort(origin=line.origin if line else doc.origin(), bond=found[1], nic=nic, is_up=watch["up"])


_QDISC = re.compile(r"qdisc (\S+) ([0-9a-f]+:)\s+dev (\S+) (?:root|parent|ingress|clsact)?(.*)")


@parser(Qdisc, f"{NET}/tc_-s_qdisc_show")
def qdiscs(doc: Document) -> Iterator[Qdisc]:
    """`tc -s qdisc show`: a line that names it, then ` Sent 1 bytes 2 pkt (dropped 3, …`."""
    for line, after in zip_longest(doc.lines, doc.lines[1:]):
        if found := _QDISC.match(line):
            counts = re.match(r"\s*Sent \d+ bytes (\d{1,20}) pkts? \(dropped (\d{1,20})", after or "")
            yield Qdisc(
                origin=line.origin,
                device=found[3],
                kind=found[1],
                handle=found[2],
                options=re.sub(r"refcnt \d+", "", found[4]).strip(),
                sent=int(counts[1]) if counts else 0,
                dropped=int(counts[2]) if counts else 0,
            )


@parser(AddressProbe, "diagbundle/probes/**/arp_*")
def arp_probes(doc: Document) -> Iterator[AddressProbe]:
    """Who answered for an address."""
    for row in doc.rows:
        if row["kind"] == "arp" and row["what"] in ("own_address", "neighbour"):
            macs = row["macs"] if isinstance(row["macs"], list) else []
            yield AddressProbe(
                origin=row.origin,
                address=row.text("address"),
                device=row.text("device"),
                is_own=row["what"] == "own_address",
                outcome=row.text("outcome"),
                macs=tuple(str(mac) for mac in macs),
                detail=row.text("detail"),
                named_by=row.text("named_by"),
            )


@parser(PathMtu, "diagbundle/probes/**/mtu_*")
def mtu_probes(doc: Document) -> Iterator[PathMtu]:
    """How large a packet arrived."""
    for row in doc.rows:
        if row["kind"] == "mtu" and row["what"] == "mtu":
            yield PathMtu(
                origin=row.origin,
                address=row.text("address"),
                outcome=row.text("outcome"),
                mtu=row.whole("mtu"),
                first=row.whole("interface_or_known"),
                detail=row.text("detail"),
            )
