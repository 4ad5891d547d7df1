"""Addresses of this network namespace, from the kernel itself: `/proc` lists none of IPv4 by interface, and `ip` may be missing."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from diagbundle.collect.api import Host, Row

_HEAD = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
_ABOUT = struct.Struct("=BBBBI")
"""ifaddrmsg: family, length of the prefix, flags, scope, index of the interface."""
_GET, _DUMP, _DONE, _ERROR, _NEW = 22, 0x301, 3, 2, 20
_ADDRESS, _LOCAL, _FLAGS = 1, 2, 8
SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
FLAGS = {0x01: "secondary", 0x08: "dadfailed", 0x20: "deprecated", 0x40: "tentative", 0x200: "noprefixroute"}
"""IFA_F_* of linux/if_addr.h. Of IPv6, 0x01 means `temporary`; without 0x80, permanent, an address is `dynamic`."""
MAX_DATAGRAMS = 10_000
SECONDS = 5.0


def addresses(host: Host) -> Iterator[Row]:
    """A row for each address: interface, address, prefix, scope, flags, in the words of `ip address`. Nothing of a saved host."""
    if host.root != "/":
        return
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as kernel:
        kernel.settimeout(SECONDS)
        kernel.bind((0, 0))
        kernel.send(_HEAD.pack(_HEAD.size + _ABOUT.size, _GET, _DUMP, 1, 0) + bytes(_ABOUT.size))
        for _ in range(MAX_DATAGRAMS):
            for kind, body in messages(kernel.recv(1 << 17)):
                if kind in (_DONE, _ERROR):
                    return
                if kind == _NEW and (row := address_row(body)):
                    yield row


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each message of a datagram."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, kind, *_ = _HEAD.unpack_from(data, at)
        if length < _HEAD.size:
            return
        yield kind, data[at + _HEAD.size : at + length]
        at += (length + 3) & ~3


def address_row(body: bytes) -> Row:
    """The row of one message; {} if it is of no family that has addresses of ours."""
    if len(body) < _ABOUT.size:
        return {}
    family, prefix, flags, scope, index = _ABOUT.unpack_from(body)
    attributes = dict(_attributes(body[_ABOUT.size :]))
    raw = attributes.get(_LOCAL) or attributes.get(_ADDRESS, b"")
    if (family, len(raw)) not in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        return {}
    if len(attributes.get(_FLAGS, b"")) == 4:
        (flags,) = struct.unpack("=I", attributes[_FLAGS])
    words = [name for bit, name in FLAGS.items() if flags & bit] + ([] if flags & 0x80 else ["dynamic"])
    if family == socket.AF_INET6:
        words = ["temporary" if word == "secondary" else word for word in words]
    return {
        "nic": _name(index), "address": socket.inet_ntop(family, raw), "prefix": prefix, "scope": SCOPES.get(scope, str(scope)),
        "flags": words,
    }  # fmt: skip


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield kind, data[at + 4 : at + length]
        at += (length + 3) & ~3


def _name(index: int) -> str:
    """Name of an interface; its number where it went away meanwhile."""
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)
