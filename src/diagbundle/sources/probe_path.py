"""The path: how large a packet it carries; and the clock at the end of it."""

# ruff: noqa: PLR2004 - the numbers are those of the protocols, named in comments where they are met

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterator

from diagbundle.host import Host
from diagbundle.model import Probe, Row
from diagbundle.sources.probe_names import addresses_of
from diagbundle.sources.probe_net import Address, Clock, Datagrams, Icmp, errno_name, milliseconds, split
from diagbundle.sources.probe_route import silent_neighbour, way_to

_DISCOVER = {socket.AF_INET: (socket.IPPROTO_IP, 10), socket.AF_INET6: (socket.IPPROTO_IPV6, 23)}  # IP_MTU_DISCOVER, IPV6_MTU_DISCOVER
_KNOWN = {socket.AF_INET: (socket.IPPROTO_IP, 14), socket.AF_INET6: (socket.IPPROTO_IPV6, 24)}  # IP_MTU, IPV6_MTU
_DO = 2  # never fragment, believe what routers say
_CLOSED_PORT = 33435
"""Of traceroute: nobody listens there, so the host says that the packet has arrived."""
_SMALL = 64
_PAUSE = 1.1
"""Seconds; Linux answers one sender once a second (net.ipv4.icmp_ratelimit)."""
_MOST = 9216
"""Bytes of the largest packet that is sent, whatever the interface allows: jumbo frames, not the 64 kB of a loopback."""
_NTP_EPOCH = 2208988800
"""Seconds from 1900 to 1970."""


def mtu(probe: Probe, host: Host, clock: Clock) -> Iterator[Row]:
    """Three packets that must not be fragmented to a closed port: a small one, one of the interface's size, one that fits.

    Where the large one alone brought no answer it is sent once more.
    """
    name, port = split(probe.target, _CLOSED_PORT)
    found = addresses_of(host, name, clock)
    yield from found.rows()
    for address in found.addresses[:1]:
        yield {"what": "mtu", "address": address.text, "family": address.family_name, "port": port} | _path(address, port, clock)


def _path(address: Address, port: int, clock: Clock) -> dict[str, object]:
    started = time.monotonic()
    with Datagrams(address, port) as datagrams:
        datagrams.socket.setsockopt(*_DISCOVER[address.family], _DO)
        first = min(_mtu(datagrams), _MOST)
        small = _send_sized(datagrams, _SMALL, clock.step(1.0))
        row: dict[str, object] = {"interface_or_known": first, "small": said(small)}
        if not _arrived(small):
            row |= {"ms": milliseconds(started), "outcome": "undecided"}
            return row | {"detail": f"not even a small datagram brings an answer ({said(small)}): a firewall eats it, or the answer"}
        large = _send_sized(datagrams, first, clock.step(1.0))
        row |= {"large": said(large)}
        if _arrived(large):
            return row | {"mtu": first, "ms": milliseconds(started), "outcome": "whole", "detail": f"a packet of {first} bytes arrives"}
        now = _mtu(datagrams)
        size = now if now < first else 1280
        fits = _send_sized(datagrams, size, clock.step(1.0))
        row |= {"fits": said(fits), "ms": milliseconds(started)}
        if now < first:
            limit = f"the path carries {now} bytes, the interface {first}: {said(large)}"
            return row | {
                "mtu": now,
                "outcome": "limited",
                "detail": limit + ("" if _arrived(fits) else "; but that size does not arrive either"),
            }
        return row | _beside_a_router(datagrams, (first, size), large, fits, clock)


def _beside_a_router(
    datagrams: Datagrams, sizes: tuple[int, int], large: bytes | Icmp | None, fits: bytes | Icmp | None, clock: Clock
) -> dict[str, object]:
    """What it means that the large packet brought no answer, and no router said why."""
    first, size = sizes
    if not _arrived(fits):
        detail = f"of three datagrams only the small one brought an answer; {said(large)}, then {said(fits)}"
        return {"outcome": "undecided", "detail": detail}
    if _arrived(again := _again(datagrams, first, clock)):
        detail = f"a packet of {first} bytes arrives; the first one brought no answer"
        return {"mtu": first, "outcome": "whole", "large": said(again), "detail": detail}
    detail = f"a packet of {size} bytes arrives, one of {first} does not and no router says why: large packets vanish"
    return {"mtu": size, "outcome": "black_hole", "detail": detail}


def _again(datagrams: Datagrams, size: int, clock: Clock) -> bytes | Icmp | None:
    """The large packet once more: hosts answer but once a second after a burst, so that one silence proves no black hole."""
    time.sleep(min(_PAUSE, clock.left()))
    return _send_sized(datagrams, size, clock.step(1.0))


def _mtu(datagrams: Datagrams) -> int:
    return datagrams.socket.getsockopt(*_KNOWN[datagrams.address.family])


def _send_sized(datagrams: Datagrams, size: int, clock: Clock) -> bytes | Icmp | None:
    """Send a packet of `size` bytes, headers counted; what came back."""
    headers = 48 if datagrams.address.family == socket.AF_INET6 else 28
    while isinstance(datagrams.wait(Clock(0)), Icmp):
        pass
    if number := datagrams.send(bytes(size - headers)):
        return Icmp(number, 0, 0, 0, "", local=True)
    return datagrams.wait(clock)


def _arrived(answer: bytes | Icmp | None) -> bool:
    """Whether the other end itself has answered."""
    return isinstance(answer, bytes) or (isinstance(answer, Icmp) and answer.port_closed)


def said(answer: bytes | Icmp | None) -> str:
    """What came back, for people."""
    if answer is None:
        return "silence"
    if isinstance(answer, bytes):
        return f"an answer of {len(answer)} bytes"
    return f"{answer}, which carries {answer.info} bytes" if answer.errno == errno.EMSGSIZE and answer.info else str(answer)


def ntp(probe: Probe, host: Host, clock: Clock) -> Iterator[Row]:
    """One packet to a time server: does it answer, is it in time itself, and how far are we from it (RFC 5905)."""
    name, port = split(probe.target, 123)
    found = addresses_of(host, name, clock)
    yield from found.rows()
    v4_and_v6 = {address.family: address for address in reversed(found.addresses)}
    for address in v4_and_v6.values():
        yield {"what": "ntp", "address": address.text, "family": address.family_name, "port": port} | _ask_time(address, port, clock)


def _ask_time(address: Address, port: int, clock: Clock) -> dict[str, object]:
    started = time.monotonic()
    try:
        with Datagrams(address, port) as datagrams:
            sent = time.time()
            stamp = struct.pack("!II", int(sent) + _NTP_EPOCH & 0xFFFFFFFF, int(sent % 1 * (1 << 32)))
            if number := datagrams.send(b"\x23" + bytes(39) + stamp):
                return {"outcome": "dropped_here" if number == errno.EPERM else "error", "detail": errno_name(number)}
            answer = datagrams.wait(clock.step())
            received = time.time()
    except OSError as error:
        return {"outcome": "no_route" if error.errno == errno.ENETUNREACH else "error", "detail": errno_name(error.errno or 0)}
    row: dict[str, object] = {"ms": milliseconds(started)}
    if isinstance(answer, bytes):
        return row | time_of(answer, stamp, sent, received)
    if silent := silent_neighbour(address, way_to(address)):
        return row | {"outcome": "neighbour_silent", "detail": silent}
    if answer is None:
        return row | {"outcome": "dropped", "detail": "no answer: a firewall drops it, or the server does not serve us"}
    return row | {
        "outcome": "prohibited" if answer.prohibited else "refused" if answer.port_closed else "unreachable",
        "detail": str(answer),
    }


def time_of(answer: bytes, stamp: bytes, sent: float, received: float) -> dict[str, object]:
    """What a time server's answer says; offset and delay in seconds."""
    if len(answer) < 48 or answer[0] & 7 not in (4, 5):
        return {"outcome": "mangled", "detail": f"not an answer of a time server: {len(answer)} bytes"}
    leap, stratum, reference = answer[0] >> 6, answer[1], answer[12:16]
    if stratum == 0:
        return {
            "outcome": "kiss_of_death",
            "stratum": 0,
            "detail": f"the server wants no more of our questions: {reference.decode('latin-1')!r}",
        }
    if answer[24:32] != stamp:
        return {"outcome": "mangled", "stratum": stratum, "detail": "an answer to somebody else's question"}
    their_in, their_out = (_seconds(answer[at : at + 8]) for at in (32, 40))
    row: dict[str, object] = {
        "stratum": stratum,
        "leap": leap,
        "reference": reference.decode("latin-1").strip("\0") if stratum == 1 else ".".join(map(str, reference)),
        "offset_s": round((their_in - sent + their_out - received) / 2, 6),
        "delay_s": round(received - sent - (their_out - their_in), 6),
    }
    if leap == 3 or stratum >= 16:
        return row | {"outcome": "unsynchronised", "detail": "the server answers, but does not know the time itself"}
    return row | {"outcome": "answered", "detail": ""}


def _seconds(stamp: bytes) -> float:
    """Unix time of an NTP timestamp; from 2036 on its seconds begin at 0 again."""
    whole, fraction = int.from_bytes(stamp[:4], "big"), int.from_bytes(stamp[4:], "big")
    return whole + (0 if whole & 0x80000000 else 1 << 32) - _NTP_EPOCH + fraction / (1 << 32)
