"""Stand-ins of addresses: keyed, prefix-preserving, invertible, and of the same class as what they stand for.

The construction is Crypto-PAn's: bit i of an address is flipped or not as a pseudo-random function of the i bits before it says, so two
addresses share exactly as many leading bits as their stand-ins do. Each level is a permutation, whatever the function, and so is the whole.

Classes stay by never flipping at a *mixed* node, that is a prefix below which lie addresses of more than one class (a function that says
"no flip" there is as good as any other, so it stays a permutation, and prefixes are still kept). Hence nothing leaves or enters RFC 1918,
a documentation range or a netmask. The price: the few leading bits above the nearest special range are the real ones.
"""

# ruff: noqa: PLR2004 - the numbers are those of the address formats

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

from diagbundle.redact.lazy import regex

OCTETS = 1 << 15
"""Prefixes whose flips are remembered."""

KEPT_V4 = (
    "0.0.0.0/8",  # "this host", and wildcard masks such as 0.0.0.255
    "127.0.0.0/8",
    "128.0.0.0/32",  # netmasks of one and two bits; the longer ones lie in 224.0.0.0/3
    "192.0.0.0/32",
    "169.254.0.0/16",
    "192.0.2.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",  # multicast, reserved, netmasks, broadcast
)
CLOSED_V4 = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15")
"""What lies in one of these stays in it."""
KEPT_V6 = ("::/64", "fe80::/10", "ff00::/8", "2001:db8::/32", "3fff::/20")
CLOSED_V6 = ("2000::/3", "fc00::/8", "fd00::/8")
HOLD_V4 = tuple(int(IPv6Address(prefix)) >> 32 for prefix in ("::ffff:0:0", "64:ff9b::"))
"""The first 96 bits of IPv6 addresses whose rest is an IPv4 address: mapped ones and those of NAT64."""

Prefixes = Sequence[tuple[int, int]]
"""(bits, how many of them) each."""
_EUI = 0xFFFE
_MAC = regex(rb"[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}|[0-9A-Fa-f]{10})|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}")
_NODES = tuple(tuple(1 << place | octet >> (8 - place) for place in range(8)) for octet in range(256))
"""Of each octet the eight nodes on its way down the tree."""
_BITS = bytes(byte & 1 for byte in range(256))
_KERNEL = regex(rb"[0-9A-F]{8}(?::[0-9A-F]{4})?|[0-9A-F]{32}:[0-9A-F]{4}")
_DIGITS = regex(rb"[0-9a-f]{32}")


class Tree:
    """A prefix-preserving permutation of the numbers of `width` bits; what lies below `kept` is left as it is."""

    def __init__(self, key: bytes, name: str, width: int, kept: Prefixes, *, closed: Prefixes = (), fixed: int = 0) -> None:  # noqa: PLR0913
        """What is in a prefix of `closed` stays in it; the first `fixed` bits, whole octets, are left as they are."""
        self._key, self._width, self._name, self._fixed = key, width, name.encode(), fixed
        self._kept = tuple((bits, width - length) for bits, length in kept)
        blocks = (*((bits, width - rest) for bits, rest in self._kept), *closed)
        self._mixed = {(depth, bits >> (length - depth)) for bits, length in blocks for depth in range(length)}
        self._octets = {(depth & ~7, prefix >> (depth & 7)) for depth, prefix in self._mixed}
        """Octets that begin at a prefix below which mixed nodes lie."""
        self._flips = functools.lru_cache(OCTETS)(self._digest)

    def keeps(self, number: int) -> bool:
        """Whether a number stands for itself."""
        return any(number >> rest == bits for bits, rest in self._kept)

    def forth(self, number: int) -> int:
        """The stand-in."""
        return number if self.keeps(number) else self._walk(number, back=False)

    def back(self, number: int) -> int:
        """What the stand-in stands for."""
        return number if self.keeps(number) else self._walk(number, back=True)

    def _walk(self, number: int, *, back: bool) -> int:
        real = other = number >> (self._width - self._fixed)
        for depth in range(self._fixed, self._width, 8):
            octet = (number >> (self._width - 8 - depth)) & 0xFF
            one, two = self._octet(depth, real, octet, back=back)
            real, other = real << 8 | one, other << 8 | two
        return real if back else other

    def _octet(self, depth: int, above: int, octet: int, *, back: bool) -> tuple[int, int]:
        """The real octet and its stand-in, given one of them; one digest says the flips of all 255 nodes below a prefix."""
        flips = self._flips(depth, above)
        if not back:
            a, b, c, d, e, f, g, h = _NODES[octet]
            flip = flips[a] << 7 | flips[b] << 6 | flips[c] << 5 | flips[d] << 4 | flips[e] << 3 | flips[f] << 2 | flips[g] << 1 | flips[h]
            return octet, octet ^ flip
        node = 1
        for place in range(8):
            node = node << 1 | (octet >> (7 - place) & 1) ^ flips[node]
        return node & 0xFF, octet

    def _digest(self, depth: int, above: int) -> bytes:
        """The flips below a prefix, a byte 0 or 1 for each node of the tree of an octet, numbered as in a heap; none at mixed nodes."""
        text = depth.to_bytes(1, "big") + above.to_bytes(16, "big")
        digest = hashlib.blake2b(text, digest_size=32, key=self._key, person=self._name).digest()
        flips = bytearray(format(int.from_bytes(digest, "big"), "0256b").encode().translate(_BITS))
        if self._holds_mixed(depth, above):
            for node in range(1, 256):
                place = node.bit_length() - 1
                if self._frozen(depth + place, above << place | node ^ 1 << place):
                    flips[node] = 0
        return bytes(flips)

    def _holds_mixed(self, depth: int, above: int) -> bool:
        return (depth, above) in self._octets

    def _frozen(self, depth: int, prefix: int) -> bool:
        return (depth, prefix) in self._mixed


class _SixTree(Tree):
    """The same, but that an interface identifier with ff:fe in its middle stays one, and others do not become one."""

    def _holds_mixed(self, depth: int, above: int) -> bool:
        return depth in (88, 96) or super()._holds_mixed(depth, above)

    def _frozen(self, depth: int, prefix: int) -> bool:
        inside = depth - 88
        if 0 <= inside < 16 and prefix & ((1 << inside) - 1) == _EUI >> (16 - inside):
            return True
        return super()._frozen(depth, prefix)


class Addresses:
    """Stand-ins of IPv4, IPv6 and MAC addresses under one key of 32 bytes, and the way back; texts that are no address stay."""

    def __init__(self, key: bytes) -> None:
        self._four = Tree(key, "ipv4", 32, _prefixes(KEPT_V4), closed=_prefixes(CLOSED_V4))
        self._six = _SixTree(key, "ipv6", 128, _prefixes(KEPT_V6), closed=_prefixes(CLOSED_V6))
        self._mac = Tree(key, "mac", 48, [(0, 48)], fixed=24)

    def ipv4(self, text: bytes, *, back: bool = False) -> bytes:
        """Of `10.1.2.3`, `10-1-2-3` as host names have it, or `0302010A:0016` as the kernel prints it."""
        sign = b"-" if b"-" in text else b"."
        if sign not in text and _KERNEL.fullmatch(text):
            return self._kernel(text, back=back)
        number = _quad(text.split(sign))
        return text if number is None else sign.join(b"%d" % octet for octet in self._v4(number, back=back).to_bytes(4, "big"))

    def ipv6(self, text: bytes, *, back: bool = False) -> bytes:
        """By value, in the shortest spelling; an address that stays keeps its spelling. A zone (`%eth0`) stays.

        Also of 32 digits without colons, and of the kernel's four words with a port.
        """
        if _KERNEL.fullmatch(text):
            return self._kernel(text, back=back)
        if _DIGITS.fullmatch(text):
            return b"%032x" % self.v6_number(int(text, 16), back=back)
        number, percent, zone = text.partition(b"%")
        try:
            value = int(IPv6Address(number.decode("ascii")))
        except ValueError:
            return text
        new = self.v6_number(value, back=back)
        return text if new == value else spelled(new) + percent + zone

    def _kernel(self, text: bytes, *, back: bool) -> bytes:
        """Words of 32 bits as a little-endian machine keeps addresses, and perhaps a port."""
        digits, colon, port = text.partition(b":")
        words = bytes.fromhex(digits.decode())
        number = int.from_bytes(b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4)), "big")
        new = (self._v4 if len(words) == 4 else self.v6_number)(number, back=back).to_bytes(len(words), "big")
        return b"".join(new[at : at + 4][::-1] for at in range(0, len(new), 4)).hex().upper().encode() + colon + port

    def mac(self, text: bytes, *, back: bool = False) -> bytes:
        """With `:`, `-` or `.` or nothing between the digits; case stays."""
        if not _MAC.fullmatch(text):
            return text
        digits = bytes(byte for byte in text if byte not in b":-.")
        number = int(digits, 16)
        new = self._mac_number(number, back=back)
        if new == number:
            return text
        fresh = iter(b"%012X" % new if digits.upper() == digits and digits.lower() != digits else b"%012x" % new)
        return bytes(byte if byte in b":-." else next(fresh) for byte in text)

    def v6_number(self, number: int, *, back: bool = False) -> int:
        """Of the number that an IPv6 address is."""
        if number >> 32 in HOLD_V4:
            return number >> 32 << 32 | self._v4(number & 0xFFFFFFFF, back=back)
        new = self._six.back(number) if back else self._six.forth(number)
        if number >> 24 & 0xFFFF != _EUI or (self._six.keeps(number) and number >> 118 != 0xFE80 >> 6):
            return new
        return new >> 64 << 64 | self._interface(number & (1 << 64) - 1, back=back)

    def _interface(self, identifier: int, *, back: bool) -> int:
        """An interface identifier that was made of a MAC agrees with the MAC's stand-in."""
        mac = (identifier >> 40 ^ 0x020000) << 24 | identifier & 0xFFFFFF
        new = self._mac_number(mac, back=back)
        return (new >> 24 ^ 0x020000) << 40 | _EUI << 24 | new & 0xFFFFFF

    def _v4(self, number: int, *, back: bool) -> int:
        return self._four.back(number) if back else self._four.forth(number)

    def _mac_number(self, number: int, *, back: bool) -> int:
        """The first three octets say the vendor and stay; group addresses (multicast, broadcast) stay wholly."""
        if number >> 40 & 1:
            return number
        return self._mac.back(number) if back else self._mac.forth(number)


def spelled(number: int) -> bytes:
    """An IPv6 address as RFC 5952 writes it."""
    if number >> 32 == HOLD_V4[0]:
        return b"::ffff:" + str(IPv4Address(number & 0xFFFFFFFF)).encode()
    return str(IPv6Address(number)).encode()


def _quad(parts: list[bytes]) -> int | None:
    if len(parts) != 4 or not all(part.isdigit() and len(part) < 4 and int(part) < 256 for part in parts):
        return None
    return int.from_bytes(bytes(int(part) for part in parts), "big")


def _prefixes(networks: Iterable[str]) -> list[tuple[int, int]]:
    nets = [ip_network(network) for network in networks]
    return [(int(net.network_address) >> (net.max_prefixlen - net.prefixlen), net.prefixlen) for net in nets]
