"""TLS without a TLS library: up to version 1.2 the server's certificates come in clear, before any key is needed.

A ClientHello of TLS 1.2 (RFC 5246) with the server's name is sent, the server's flight is read up to ServerHelloDone, and the
connection is closed. A server that speaks 1.3 only answers with alert 70; its chain is left to the host's `openssl s_client`.
"""

# ruff: noqa: PLR2004 - the numbers are those of the protocols, named in comments where they are met

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from diagbundle.host import Host
from diagbundle.model import Probe, Row
from diagbundle.sources.probe_names import addresses_of
from diagbundle.sources.probe_net import UNREADABLE, Clock, Stream, milliseconds, numeric, split
from diagbundle.sources.probe_tcp import first_connected

MAX_FLIGHT = 192 << 10
"""Bytes of a server's flight that are read: chains of 20 kB are large."""
MAX_CHAIN = 10
_CIPHERS = (
    0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013, 0xC00A, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035, 0x009E, 0x009F,
    0x0033, 0x0039, 0x00FF,
)  # fmt: skip
_GROUPS = (29, 23, 24, 25)
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
_ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
    40: "handshake_failure: no cipher in common (crypto policy, FIPS)", 42: "bad_certificate", 47: "illegal_parameter", 48: "unknown_ca",
    49: "access_denied", 50: "decode_error", 70: "protocol_version: not TLS 1.2", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 112: "unrecognized_name: it serves another name", 116: "certificate_required",
}  # fmt: skip
_VERSIONS = {0x0300: "SSL 3", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2"}
_STARTTLS = {25: "smtp", 587: "smtp", 389: "ldap", 5432: "postgres", 3306: "mysql", 143: "imap", 110: "pop3"}
_LDAP_STARTTLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037"


@dataclass
class Flight:
    """What a server said to a hello."""

    outcome: str = "silent"
    detail: str = ""
    version: str = ""
    cipher: str = ""
    alert: int = -1
    wants_client_certificate: bool = False
    done: bool = False
    chain: list[bytes] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        """For the evidence; certificates follow as rows of their own."""
        return {
            "what": "tls", "outcome": self.outcome, "detail": self.detail, "version": self.version, "cipher": self.cipher,
            "alert": self.alert if self.alert >= 0 else None, "certificates": len(self.chain),
            "wants_client_certificate": self.wants_client_certificate,
        }  # fmt: skip


def tls(probe: Probe, host: Host, clock: Clock) -> Iterator[Row]:
    """Connect to `host:port` (option `name`: the server name to ask for; `starttls`: the protocol) and read the certificates."""
    name, port = split(probe.target, 443)
    options = dict(probe.options)
    server = options.get("name") or name
    found = addresses_of(host, name, clock)
    yield from found.rows()
    rows: list[Row] = []
    attempt = first_connected(found.addresses, port, clock, rows)
    yield from rows
    if attempt and attempt.socket:
        with attempt.socket:
            stream = Stream(attempt.socket, clock.step(), MAX_FLIGHT)
            yield from flight_rows(stream, server, options.get("starttls", _STARTTLS.get(port, "")), address=attempt.address.text)


def flight_rows(stream: Stream, server: str, starttls: str = "", **further: str) -> Iterator[Row]:
    """One row for the handshake, one for each certificate."""
    started = time.monotonic()
    flight = shake(stream, server, starttls)
    yield {**further, "server_name": server, "ms": milliseconds(started)} | flight.row()
    yield from certificate_rows(flight, server)


def certificate_rows(flight: Flight, server: str) -> Iterator[Row]:
    """The chain, as the server sent it; the first one is compared with the name and our clock."""
    from diagbundle.sources import x509  # noqa: PLC0415 - dear to import, and only where there is a certificate

    for number, der in enumerate(flight.chain):
        row = x509.from_der(der)
        doubt = [] if number or "error" in row else doubts(row, server)
        bad = "error" if "error" in row else "doubtful" if doubt else "ok"
        yield {"what": "certificate", "index": number, "outcome": bad, "detail": "; ".join(doubt)} | row


def doubts(row: Row, server: str) -> list[str]:
    """What a client would have against the server's own certificate, the chain of trust aside."""
    found = []
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if str(row.get("not_after", now)) < now:
        found.append(f"expired at {row['not_after']}, our clock says {now}")
    if str(row.get("not_before", now)) > now:
        found.append(f"not valid before {row['not_before']}, our clock says {now}")
    if not covers([str(name) for name in row.get("names", ())], server):
        found.append(f"does not name {server}")
    if row.get("self_signed"):
        found.append("self-signed")
    return found


def covers(names: list[str], server: str) -> bool:
    """Whether one of the alternative names is the server's, a star standing for one label (RFC 6125)."""
    wanted = server.lower().rstrip(".")
    if address := numeric(wanted):
        wanted = address.text
    plain = [name.lower() for name in names]
    return wanted in plain or ("." in wanted and not numeric(wanted) and "*." + wanted.partition(".")[2] in plain)


def shake(stream: Stream, server: str, starttls: str = "") -> Flight:
    """Say hello, and hear the server until it is done, refuses, or falls silent."""
    flight = Flight()
    buffer = bytearray()
    heard = 0
    try:
        if starttls:
            _ask_for_tls(stream, starttls)
        stream.send(hello(server))
        while not flight.done:
            if not stream.more():
                flight.detail = flight.detail or "the server closed the connection"
                flight.outcome = "closed" if flight.outcome == "silent" else flight.outcome
                break
            heard += len(stream.data)
            if heard > MAX_FLIGHT:
                raise ValueError(f"its answer is longer than {MAX_FLIGHT} bytes")
            _records(stream, buffer, flight)
    except TimeoutError:
        cut = "the server's first answer came, its certificates did not: a black hole for large packets?"
        nothing = "connected, but no answer to a hello: a dead worker, or something in between that only accepts"
        flight.outcome = "cut" if flight.version else "silent"
        flight.detail = cut if flight.version else nothing
    except UNREADABLE as error:
        flight.outcome, flight.detail = "error", f"{type(error).__name__}: {error}"[:200]
    return flight


def hello(server: str) -> bytes:
    """A ClientHello of TLS 1.2, in one record."""
    extensions = b"".join(
        [
            _name_extension(server),
            _extension(10, _vector16(b"".join(group.to_bytes(2, "big") for group in _GROUPS))),
            _extension(11, b"\x01\x00"),
            _extension(13, _vector16(b"".join(scheme.to_bytes(2, "big") for scheme in _SIGNATURES))),
        ]
    )
    ciphers = b"".join(cipher.to_bytes(2, "big") for cipher in _CIPHERS)
    # unpredictable is not needed: no key comes of it. os.urandom could block on a young kernel.
    nonce = hashlib.sha256(f"{time.time_ns()} {os.getpid()}".encode()).digest()
    body = b"\x03\x03" + nonce + b"\x00" + _vector16(ciphers) + b"\x01\x00" + _vector16(extensions)
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + _vector16(message)


def _name_extension(server: str) -> bytes:
    """Server names are names: RFC 6066 allows no addresses here."""
    if numeric(server) or not server:
        return b""
    name = server.rstrip(".").encode("idna" if not server.isascii() else "ascii")[:253]
    return _extension(0, _vector16(b"\x00" + _vector16(name)))


def _extension(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + _vector16(value)


def _vector16(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def _records(stream: Stream, buffer: bytearray, flight: Flight) -> None:
    """Take whole records from the stream; handshake messages may be spread over several."""
    while len(stream.data) >= 5 and not flight.done:
        kind, length = stream.data[0], int.from_bytes(stream.data[3:5], "big")
        if kind not in (20, 21, 22, 23) or stream.data[1] != 3 or length > (16 << 10) + 2048:
            begins = bytes(stream.data[:80]).decode("latin-1").split("\r\n")[0]
            flight.outcome, flight.done = "not_tls", True
            flight.detail = ("HTTP" if begins.startswith(("HTTP/", "<")) else "something else than TLS") + f" came back: {begins!r}"
            return
        if len(stream.data) < 5 + length:
            return
        body = stream.take(5 + length)[5:]
        if kind == 21 and len(body) >= 2:
            _alert(body, flight)
        elif kind == 22:
            buffer += body
            _messages(buffer, flight)


def _alert(body: bytes, flight: Flight) -> None:
    if body[0] == 1 and body[1] not in (0, 112):  # a warning: the server goes on
        return
    flight.alert, flight.done = body[1], True
    meaning = _ALERTS.get(body[1], "")
    flight.detail = f"alert {body[1]} {meaning}".strip()
    flight.outcome = "alert"
    if body[1] == 70:
        flight.outcome = "tls_1.3_only"
        flight.detail += "; its certificates come encrypted: see what `openssl s_client` says"


def _messages(buffer: bytearray, flight: Flight) -> None:
    while len(buffer) >= 4 and len(buffer) >= 4 + int.from_bytes(buffer[1:4], "big"):
        kind, length = buffer[0], int.from_bytes(buffer[1:4], "big")
        body = bytes(buffer[4 : 4 + length])
        del buffer[: 4 + length]
        if kind == 2:
            version = int.from_bytes(body[:2], "big")
            flight.version = _VERSIONS.get(version, hex(version))
            after = 35 + body[34]
            flight.cipher = f"0x{int.from_bytes(body[after : after + 2], 'big'):04x}"
        elif kind == 11:
            flight.chain = chain_of(body)
            flight.outcome = "certificates"
        elif kind == 13:
            flight.wants_client_certificate = True
        elif kind == 14:
            flight.done = True


def chain_of(body: bytes) -> list[bytes]:
    """The certificates of a Certificate message; what is cut short is left out."""
    chain: list[bytes] = []
    position, end = 3, min(len(body), 3 + int.from_bytes(body[:3], "big"))
    while position + 3 <= end and len(chain) < MAX_CHAIN:
        length = int.from_bytes(body[position : position + 3], "big")
        if not length or position + 3 + length > end:
            break
        chain.append(body[position + 3 : position + 3 + length])
        position += 3 + length
    return chain


def _ask_for_tls(stream: Stream, protocol: str) -> None:
    """Ask a server of another protocol to go on in TLS. Raises `ValueError` where it will not."""
    if protocol == "smtp":
        stream.until(lambda data: data.endswith(b"\n"))
        _say(stream, b"EHLO localhost\r\n", lambda data: b"\n250 " in b"\n" + data and data.endswith(b"\n"))
        _expect(_say(stream, b"STARTTLS\r\n", lambda data: data.endswith(b"\n")), b"220")
    elif protocol in ("imap", "pop3"):
        stream.until(lambda data: data.endswith(b"\n"))
        question, yes = (b"a STARTTLS\r\n", b"a OK") if protocol == "imap" else (b"STLS\r\n", b"+OK")
        _expect(_say(stream, question, lambda data: data.endswith(b"\n")), yes)
    elif protocol == "postgres":
        _expect(_say(stream, b"\x00\x00\x00\x08\x04\xd2\x16\x2f", lambda data: len(data) >= 1), b"S")
    elif protocol == "mysql":
        greeting = stream.until(lambda data: len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:3], "little"))
        if greeting[4:5] == b"\xff":
            raise ValueError(f"mysql refuses us: {greeting[7:100]!r}")
        stream.take()
        stream.send(b"\x20\x00\x00\x01" + (0x0000AA05 | 0x800).to_bytes(4, "little") + b"\x00\x00\x00\x01\x21" + bytes(23))
    elif protocol == "ldap":
        answer = _say(stream, _LDAP_STARTTLS, lambda data: len(data) >= 14)
        if b"\x0a\x01\x00" not in answer[:20]:
            raise ValueError("the LDAP server does not offer StartTLS")
    else:
        raise ValueError(f"unknown protocol for starttls: {protocol[:40]}")
    stream.take()


def _say(stream: Stream, words: bytes, enough: Callable[[bytes], bool]) -> bytes:
    stream.take()
    stream.send(words)
    return stream.until(enough)


def _expect(answer: bytes, begin: bytes) -> None:
    if not answer.startswith(begin):
        raise ValueError(f"the server does not go on in TLS: {answer[:80]!r}")
