"""Addresses, connections that end in time, and what the kernel can tell about a packet that came to nothing.

Nothing here resolves a name, waits without an end, or sends to an address that it was not given.
"""

# ruff: noqa: PLR2004 - the numbers are those of the protocols, named in comments where they are met

from __future__ import annotations

import contextlib
import errno
import ipaddress
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from diagbundle.numbers import number

WAIT = 3.0
"""Seconds for one answer."""
MAX_ADDRESSES = 4
"""Addresses of one name that are asked."""
UNREADABLE = (OSError, ValueError, IndexError, KeyError, struct.error, OverflowError, RecursionError)
"""What reading a hostile answer may raise; it becomes a row with `error`."""

IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE = 11, 25, 0x2000  # linux/in.h, linux/in6.h: Python names none of them
_METADATA = {"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23"}
"""Addresses at which clouds hand out credentials."""


class Clock:
    """The time that is left: for one answer at most `WAIT`, for all of them together `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + max(0.0, seconds)

    def left(self, most: float = WAIT) -> float:
        """Seconds that the next step may take."""
        return max(0.0, min(most, self.end - time.monotonic()))

    def step(self, most: float = WAIT) -> Clock:
        """A clock for one step."""
        return Clock(self.left(most))


@dataclass(frozen=True)
class Address:
    """One numeric address; `scope` is the index of the interface that a link-local one belongs to."""

    text: str
    scope: int = 0

    @property
    def family(self) -> socket.AddressFamily:
        """Which of the two internets."""
        return socket.AF_INET6 if ":" in self.text else socket.AF_INET

    @property
    def family_name(self) -> str:
        """The same for people."""
        return "IPv6" if ":" in self.text else "IPv4"

    def at(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """What the socket calls want."""
        return (self.text, port, 0, self.scope) if ":" in self.text else (self.text, port)

    @property
    def packed(self) -> bytes:
        """Its 4 or 16 bytes."""
        return ipaddress.ip_address(self.text).packed


def numeric(text: str) -> Address | None:
    """The address that a text spells, or None where it is a name."""
    plain, _, zone = text.strip().strip("[]").partition("%")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return Address(str(address), _scope(zone))


def _scope(zone: str) -> int:
    """Index of the interface that a zone names or numbers, 0 where there is none."""
    index = number(zone)
    if index is None:
        with contextlib.suppress(OSError, ValueError):
            index = socket.if_nametoindex(zone)
    return index if index and index < 1 << 32 else 0


def forbidden(address: Address) -> str:
    """Why nothing is ever sent to this address, or ''."""
    ip = ipaddress.ip_address(address.text)
    if str(ip) in _METADATA:
        return "a metadata service of a cloud holds credentials and is never asked"
    if ip.is_multicast or ip.is_unspecified or str(ip) == "255.255.255.255":
        return "an address of many or of none is never asked"
    return ""


def split(target: str, port: int = 0) -> tuple[str, int]:
    """Host and port of `host:port`, `[v6]:port`, or a bare host with the port given. Raises `ValueError`."""
    text = target.strip()
    if numeric(text):
        host, given = text.strip("[]"), ""
    elif text.startswith("["):
        host, _, given = text[1:].partition("]")
        given = given.lstrip(":")
    else:
        host, _, given = text.partition(":")
    number = int(given) if given else port
    if not host or not 0 < number < 65536:
        raise ValueError(f"not a host and a port: {target[:100]!r}")
    return host, number


def errno_name(number: int) -> str:
    """`ECONNREFUSED` for 111."""
    return errno.errorcode.get(number, str(number)) if number else ""


def milliseconds(started: float) -> float:
    """Since `started`, a reading of the monotonic clock."""
    return round((time.monotonic() - started) * 1000, 2)


@dataclass
class Attempt:
    """One try to connect: a socket, or the reason why there is none."""

    address: Address
    port: int
    socket: socket.socket | None = None
    errno: int = 0
    ms: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def end(self, number: int) -> Attempt:
        """Note how it ended."""
        self.errno, self.ms = number, milliseconds(self.started)
        if number and self.socket:
            self.socket.close()
            self.socket = None
        return self


def connect_all(targets: Sequence[tuple[Address, int]], clock: Clock) -> Iterator[Attempt]:
    """Try all addresses at once, so that a silent one costs no other its time; each is reported when it ends."""
    pending: dict[int, Attempt] = {}
    poll = select.poll()
    try:
        for address, port in targets[: 2 * MAX_ADDRESSES]:
            attempt = _begin(address, port)
            if attempt.socket and attempt.errno == errno.EINPROGRESS:
                pending[attempt.socket.fileno()] = attempt
                poll.register(attempt.socket, select.POLLOUT)
            else:
                yield attempt.end(attempt.errno)
        until = clock.step()
        while pending and (left := until.left()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                poll.unregister(descriptor)
                attempt = pending.pop(descriptor)
                yield attempt.end(attempt.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if attempt.socket else 0)
        while pending:
            yield pending.popitem()[1].end(errno.ETIMEDOUT)
    finally:
        for attempt in pending.values():
            attempt.end(errno.ETIMEDOUT)


def _begin(address: Address, port: int) -> Attempt:
    attempt = Attempt(address, port)
    try:
        attempt.socket = socket.socket(address.family, socket.SOCK_STREAM)
        attempt.socket.setblocking(False)  # noqa: FBT003 - the signature of the standard library
        attempt.errno = attempt.socket.connect_ex(address.at(port))
    except OSError as error:  # no descriptor left, no such family
        attempt.errno = error.errno or errno.EIO
    return attempt


class Stream:
    """A connected socket that is read up to a limit and until a time, whatever the other side does."""

    def __init__(self, connected: socket.socket, clock: Clock, limit: int = 256 << 10) -> None:
        self.socket, self.clock, self.limit = connected, clock, limit
        self.data = bytearray()
        connected.setblocking(False)  # noqa: FBT003

    def send(self, data: bytes) -> None:
        """All of it. Raises `OSError`."""
        while data:
            self._wait(select.POLLOUT)
            data = data[self.socket.send(data) :]

    def more(self) -> bool:
        """Read what has come; False at the end of the stream. Raises `OSError`, and `ValueError` beyond the limit."""
        self._wait(select.POLLIN)
        piece = self.socket.recv(16 << 10)
        self.data += piece
        if len(self.data) > self.limit:
            raise ValueError(f"the answer is longer than {self.limit} bytes; the rest was not read")
        return bool(piece)

    def until(self, enough: Callable[[bytes], bool]) -> bytes:
        """What has come once it is enough, or at the end of the stream."""
        while not enough(bytes(self.data)) and self.more():
            pass
        return bytes(self.data)

    def take(self, count: int = -1) -> bytes:
        """Remove what was read from the front."""
        count = len(self.data) if count < 0 else count
        piece = bytes(self.data[:count])
        del self.data[:count]
        return piece

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self.socket, event)
        if not poll.poll(self.clock.left() * 1000):
            raise TimeoutError(errno.ETIMEDOUT, "no answer in time")


@dataclass(frozen=True)
class Icmp:
    """An error that came back for a datagram: an ICMP message, or the refusal of our own kernel (`local`)."""

    errno: int
    kind: int
    code: int
    info: int
    offender: str
    local: bool

    @property
    def prohibited(self) -> bool:
        """Whether a firewall says that it is one: codes 9, 10, 13 of IPv4, 1, 5 and 6 of IPv6."""
        v6 = ":" in self.offender
        return not self.local and (
            (self.kind, self.code) in ((1, 1), (1, 5), (1, 6)) if v6 else self.kind == 3 and self.code in (9, 10, 13)
        )

    @property
    def port_closed(self) -> bool:
        """Whether the packet arrived at a host that has nobody at this port."""
        return not self.local and (self.kind, self.code) == ((1, 4) if ":" in self.offender else (3, 3))

    def __str__(self) -> str:
        """For people."""
        return (
            f"{errno_name(self.errno)} from our own kernel"
            if self.local
            else f"ICMP type {self.kind} code {self.code} from {self.offender}"
        )


def icmp_of(ancillary: bytes) -> Icmp:
    """`struct sock_extended_err` and the offender's address behind it (linux/errqueue.h). Raises `struct.error`."""
    number, origin, kind, code, _, info, _ = struct.unpack_from("=IBBBBII", ancillary)
    offender, rest = "", ancillary[16:]
    if len(rest) >= 8:
        (family,) = struct.unpack_from("=H", rest)
        if family == socket.AF_INET:
            offender = socket.inet_ntop(socket.AF_INET, rest[4:8])
        elif family == socket.AF_INET6 and len(rest) >= 24:
            offender = socket.inet_ntop(socket.AF_INET6, rest[8:24])
    return Icmp(number, kind, code, info, offender, origin not in (2, 3))


class Datagrams:
    """A connected UDP socket with the error queue on: it hears why a datagram came to nothing."""

    def __init__(self, address: Address, port: int) -> None:
        self.address = address
        self.socket = socket.socket(address.family, socket.SOCK_DGRAM)
        v6 = address.family == socket.AF_INET6
        self.socket.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP, IPV6_RECVERR if v6 else IP_RECVERR, 1)
        self.socket.setblocking(False)  # noqa: FBT003
        try:
            self.socket.connect(address.at(port))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> int:
        """Send one datagram; the error number, 0 where it went out."""
        try:
            self.socket.send(data)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def wait(self, clock: Clock) -> bytes | Icmp | None:
        """The next answer, an error that came back, or None when the time is over."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        while True:
            if (refusal := self._error()) is not None:
                return refusal
            with contextlib.suppress(OSError):  # EAGAIN: nothing yet; anything else is told by the queue
                return self.socket.recv(65535)
            if (left := clock.left()) <= 0 or not poll.poll(left * 1000):
                return None

    def _error(self) -> Icmp | None:
        try:
            _, ancillary, _, _ = self.socket.recvmsg(0, 512, MSG_ERRQUEUE)
            return next((icmp_of(value) for _, kind, value in ancillary if kind in (IP_RECVERR, IPV6_RECVERR)), None)
        except (OSError, struct.error):
            return None
