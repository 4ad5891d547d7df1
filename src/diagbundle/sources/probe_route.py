"""What the kernel says about ways and neighbours, by netlink: `ip route get`, `ip neigh`, `ip address` without `ip`."""

# ruff: noqa: PLR2004 - the numbers are those of the protocols, named in comments where they are met

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from diagbundle.sources.probe_net import Address, errno_name

_GETADDR, _GETROUTE, _GETNEIGH = 22, 26, 30  # linux/rtnetlink.h
_ERROR, _DONE = 2, 3
_REQUEST, _DUMP = 0x1, 0x300
_MAX_ANSWER = 4 << 20
_STATES = {1: "INCOMPLETE", 2: "REACHABLE", 4: "STALE", 8: "DELAY", 16: "PROBE", 32: "FAILED", 64: "NOARP", 128: "PERMANENT"}
SILENT = ("INCOMPLETE", "FAILED")
"""States of a neighbour that does not answer."""


@dataclass(frozen=True)
class Way:
    """Where a packet to an address would go; `errno` is why it would not."""

    device: str = ""
    index: int = 0
    gateway: str = ""
    source: str = ""
    errno: int = 0

    def __str__(self) -> str:
        """As `ip route get` says it."""
        if self.errno:
            return errno_name(self.errno)
        return (f"via {self.gateway} " if self.gateway else "") + f"dev {self.device} src {self.source}"


@dataclass(frozen=True)
class Neighbour:
    """One row of the neighbour table."""

    address: str
    index: int
    state: str
    mac: str


@dataclass(frozen=True)
class Own:
    """One address of this host."""

    address: Address
    index: int
    prefix: int
    flags: int

    @property
    def duplicate(self) -> bool:
        """Whether the kernel has found another host with this IPv6 address (IFA_F_DADFAILED)."""
        return bool(self.flags & 0x08)


def way_to(address: Address) -> Way:
    """The route that the kernel would take now."""
    attributes = _attribute(1, address.packed) + (_attribute(4, struct.pack("=I", address.scope)) if address.scope else b"")
    body = struct.pack("=BBBBBBBBI", address.family, len(address.packed) * 8, 0, 0, 0, 0, 0, 0, 0) + attributes
    try:
        for kind, payload in _ask(_GETROUTE, _REQUEST, body):
            if kind == _ERROR:
                return Way(errno=-struct.unpack_from("=i", payload)[0])
            return _way(address, payload)
    except OSError as error:
        return Way(errno=error.errno or 0)
    except (struct.error, ValueError):
        pass
    return Way()


def _way(address: Address, payload: bytes) -> Way:
    found = dict(attributes_of(payload[12:]))
    index = struct.unpack("=I", found[4])[0] if 4 in found else 0
    gateway = socket.inet_ntop(address.family, found[5]) if 5 in found else ""
    if 18 in found and not gateway:  # an IPv4 route by an IPv6 neighbour: family, then the address
        gateway = socket.inet_ntop(socket.AF_INET6, found[18][2:18])
    source = socket.inet_ntop(address.family, found[7]) if 7 in found else ""
    return Way(name_of(index), index, gateway, source)


def neighbour_of(address: Address, way: Way) -> Neighbour | None:
    """The neighbour that packets to the address are handed to, if the kernel knows one."""
    hop = way.gateway or address.text
    return next((row for row in neighbours() if row.address == hop and row.index == way.index), None)


def silent_neighbour(address: Address, way: Way) -> str:
    """Who on our own wire does not answer, so that nothing gets there; '' where that is not why."""
    neighbour = neighbour_of(address, way)
    if neighbour is None or neighbour.state not in SILENT:
        return ""
    who = f"the gateway {neighbour.address}" if way.gateway else neighbour.address
    return f"{who} does not answer on {way.device} (neighbour entry {neighbour.state}): cable, VLAN, wrong address, host down"


def neighbours() -> Iterator[Neighbour]:
    """The neighbour table, both families."""
    with contextlib.suppress(OSError, struct.error, ValueError):
        for kind, payload in _ask(_GETNEIGH, _REQUEST | _DUMP, struct.pack("=BBHiHBB", 0, 0, 0, 0, 0, 0, 0)):
            if kind == _ERROR:
                return
            family, _, _, index, state = struct.unpack_from("=BBHiH", payload)
            found = dict(attributes_of(payload[12:]))
            if 1 in found and family in (socket.AF_INET, socket.AF_INET6):
                yield Neighbour(socket.inet_ntop(family, found[1]), index, _STATES.get(state, str(state)), found.get(2, b"").hex(":"))


def own_addresses() -> Iterator[Own]:
    """The addresses of this host in its network namespace."""
    with contextlib.suppress(OSError, struct.error, ValueError):
        for kind, payload in _ask(_GETADDR, _REQUEST | _DUMP, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
            if kind == _ERROR:
                return
            family, prefix, flags, _, index = struct.unpack_from("=BBBBI", payload)
            found = dict(attributes_of(payload[8:]))
            raw = found.get(2) or found.get(1)
            if 8 in found:
                (flags,) = struct.unpack("=I", found[8])
            if raw and family in (socket.AF_INET, socket.AF_INET6):
                text = socket.inet_ntop(family, raw)
                yield Own(Address(text, index if text.startswith("fe80") else 0), index, prefix, flags)


def name_of(index: int) -> str:
    """The interface's name, '' where there is none."""
    try:
        return socket.if_indextoname(index) if index else ""
    except (OSError, OverflowError):
        return ""


def attributes_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of a netlink message: length, type, value, each padded to four bytes."""
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if not 4 <= length <= len(data):
            return
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3 :]


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _ask(kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
    """Send one message; every message that comes back until the kernel is done."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(1.0)
        netlink.sendto(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body, (0, 0))
        taken = 0
        while taken < _MAX_ANSWER:
            data = netlink.recv(64 << 10)
            taken += len(data)
            while len(data) >= 16:
                length, got = struct.unpack_from("=IH", data)
                if got == _DONE or not 16 <= length <= len(data):
                    return
                yield got, data[16:length]
                if not flags & _DUMP:
                    return
                data = data[(length + 3) & ~3 :]
