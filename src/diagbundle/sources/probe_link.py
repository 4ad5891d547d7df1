"""The wire: who answers for an IPv4 address, and whether an address of ours is somebody else's too."""

# ruff: noqa: PLR2004 - the numbers are those of the protocols, named in comments where they are met

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Iterator

from diagbundle.host import Host
from diagbundle.model import Probe, Row
from diagbundle.sources.probe_net import Address, Clock, Datagrams, forbidden, milliseconds, numeric
from diagbundle.sources.probe_route import Neighbour, Own, Way, name_of, neighbour_of, own_addresses, way_to

_ARP = 0x0806
_ETHERNET = 1  # ARPHRD_ETHER
_EVERYBODY = b"\xff" * 6
MAX_MACS = 8
_LISTEN = 0.5
"""Seconds that a second owner of an address has after the first answer."""
_KNOWN = 0.5
"""Seconds after which a neighbour that the kernel knows is not waited for any longer."""


def arp(probe: Probe, _host: Host, clock: Clock) -> Iterator[Row]:
    """Who has this address? For an own one: does somebody else answer for it? (RFC 826, RFC 5227)"""
    address = numeric(probe.target)
    if address is None or (reason := forbidden(address)):
        raise ValueError("not a numeric address" if address is None else reason)
    own = next((own for own in own_addresses() if own.address.text == address.text), None)
    way = Way(name_of(own.index), own.index, source=address.text) if own else _way(probe, address)
    row = {"what": "own_address" if own else "neighbour", "address": address.text, "family": address.family_name, "device": way.device}
    if way.errno or way.gateway:
        yield row | {"outcome": "not_on_link", "detail": f"it is no neighbour of ours: {way}"}
    elif ":" in address.text:
        yield row | (_own_v6(own) if own else _by_datagram(address, way, clock))
    else:
        yield row | _v4(address, way, clock, own=own is not None)


def _way(probe: Probe, address: Address) -> Way:
    """The way to a neighbour; the option `dev` names the interface where the route table alone would not."""
    device = dict(probe.options).get("dev", "")
    if device:
        with contextlib.suppress(OSError):
            address = Address(address.text, socket.if_nametoindex(device))
    return way_to(address)


def _own_v6(own: Own) -> dict[str, object]:
    if own.duplicate:
        return {"outcome": "duplicate", "detail": "the kernel found another host with this address and does not use it (dadfailed)"}
    return {"outcome": "unique", "detail": "duplicate address detection of the kernel found nobody"}


def _v4(address: Address, way: Way, clock: Clock, *, own: bool) -> dict[str, object]:
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP)) as wire:
            wire.bind((way.device, _ARP))
            _, _, _, kind, mac = wire.getsockname()
            if kind != _ETHERNET:
                return {"outcome": "no_arp", "detail": f"{way.device} is no Ethernet: there is no ARP on it"}
            wire.setblocking(False)  # noqa: FBT003 - the signature of the standard library
            started = time.monotonic()
            sender = bytes(4) if own else socket.inet_aton(way.source or "0.0.0.0")  # noqa: S104 - the sender of an ARP probe
            answers = _who_has(wire, mac, sender, address.packed, clock.step(1.5 if own else 3.0))
    except PermissionError:
        return {"outcome": "denied", "detail": "ARP by our own hands needs root"} if own else _by_datagram(address, way, clock)
    row: dict[str, object] = {"macs": [who for who, _ in answers], "ms": answers[0][1] if answers else milliseconds(started)}
    return row | (_own_says(answers) if own else _neighbour_says(answers, address, way))


def _own_says(answers: list[tuple[str, float]]) -> dict[str, object]:
    if answers:
        return {"outcome": "duplicate", "detail": f"another host has our address too: {', '.join(who for who, _ in answers)}"}
    return {"outcome": "unique", "detail": "nobody else answered for our address"}


def _neighbour_says(answers: list[tuple[str, float]], address: Address, way: Way) -> dict[str, object]:
    entry = neighbour_of(address, way)
    row: dict[str, object] = {"neighbour": f"{entry.state} {entry.mac}".strip() if entry else ""}
    if len(answers) > 1:
        return row | {"outcome": "duplicate", "detail": "two hosts answer for one address: duplicate address"}
    if answers:
        return row | {"outcome": "answered", "detail": ""}
    return row | {"outcome": "neighbour_silent", "detail": "nobody answers ARP: cable, VLAN, wrong address, host down"}


def _who_has(wire: socket.socket, mac: bytes, sender: bytes, target: bytes, clock: Clock) -> list[tuple[str, float]]:
    """Ask up to three times, half a second to a second apart; every MAC that answers, with its milliseconds."""
    frame = _EVERYBODY + mac + struct.pack("!HHHBBH", _ARP, 1, 0x0800, 6, 4, 1) + mac + sender + bytes(6) + target
    found: dict[str, float] = {}
    pause = clock.left() / 3
    for _ in range(3):
        if clock.left() <= 0 or found:
            break
        wire.send(frame)
        started = time.monotonic()
        until = clock.step(pause)
        while (left := until.left()) > 0 and len(found) < MAX_MACS:
            if not select.select([wire], [], [], left)[0]:
                break
            who = _answer(wire.recv(2048), mac, target)
            if who and who not in found:
                until = clock.step(_LISTEN) if not found else until
                found[who] = milliseconds(started)
    return list(found.items())


def _answer(frame: bytes, mac: bytes, target: bytes) -> str:
    """The MAC of somebody else who says that the target address is his, or ''. RFC 5227: a probe of his counts as well."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x06" or frame[14:20] != b"\x00\x01\x08\x00\x06\x04":
        return ""
    who, address = frame[22:28], frame[28:32]
    return who.hex(":") if address == target and who != mac else ""


def _by_datagram(address: Address, way: Way, clock: Clock) -> dict[str, object]:
    """Make the kernel look for the neighbour: one datagram to the discard port, then the neighbour table."""
    started = time.monotonic()
    scoped = Address(address.text, way.index if address.text.startswith("fe80") else address.scope)
    with Datagrams(scoped, 9) as datagrams:
        datagrams.send(b"")
        until = clock.step()
        entry: Neighbour | None = None
        while until.left() > 0:
            datagrams.wait(until.step(0.1))
            entry = neighbour_of(scoped, way)
            if entry and entry.state in ("REACHABLE", "PERMANENT", "FAILED", "NOARP"):
                break
            if entry and entry.mac and time.monotonic() - started > _KNOWN:
                break  # the kernel takes five seconds before it asks a neighbour again that it knows
    row: dict[str, object] = {"neighbour": f"{entry.state} {entry.mac}".strip() if entry else "", "ms": milliseconds(started)}
    if entry and entry.mac and entry.state not in ("FAILED", "INCOMPLETE"):
        return row | {"outcome": "answered", "detail": "" if entry.state == "REACHABLE" else "known, but not confirmed just now"}
    return row | {"outcome": "neighbour_silent", "detail": "the neighbour does not answer: cable, VLAN, wrong address, host down"}
