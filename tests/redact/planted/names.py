"""Names and numbers of an invented server: what varies in lines without being a secret, and the identifiers that stand-ins replace."""

import base64
import ipaddress
import random
import uuid
from collections.abc import Callable

from .tokens import b64url, luhn
from .values import drawn

Maker = Callable[[random.Random], str]

HOST, DOMAIN, OTHER_DOMAIN = "kestrel-db07", "corp.halvorsen-freight.net", "lab.halvorsen-freight.net"
FQDN = f"{HOST}.{DOMAIN}"
USERS = ("mkowalski", "a.lindqvist", "jvandermeer", "svc_tidepool", "rokafor", "yben-david")
PEERS = tuple(f"{name}.{DOMAIN}" for name in ("osprey-app02", "plover-mq01", "curlew-nas03", "vault-egress"))


def _ip4(rng: random.Random) -> str:
    """A public address outside of the ranges that stay."""
    while True:
        found = ipaddress.IPv4Address(rng.getrandbits(32))
        if found.is_global and not found.is_multicast and int(found) >> 24 not in {0, 255} and not str(found).endswith((".0", ".255")):
            return str(found)


def _private(rng: random.Random) -> str:
    head = rng.choice((f"10.{rng.randrange(1, 250)}", f"172.{rng.randrange(16, 32)}", "192.168"))
    return f"{head}.{rng.randrange(1, 250)}.{rng.randrange(2, 250)}"


def _ip6(rng: random.Random) -> str:
    head = rng.choice(("2a01:4f8", "2a00:1450", "2600:1f18", "fd3c:91aa"))
    return rng.choice(
        (
            f"{head}:{rng.getrandbits(16) | 1:x}::{rng.getrandbits(15) | 1:x}",
            f"{head}:" + ":".join(f"{rng.getrandbits(15) + 9:x}" for _ in range(6)),
        )
    )


def _mac(rng: random.Random) -> str:
    vendor = rng.choice(("52:54:00", "00:50:56", "3c:ec:ef", "b8:27:eb", "a0:36:9f"))
    return vendor + "".join(f":{rng.randrange(1, 255):02x}" for _ in range(3))


def _one(*members: str) -> Maker:
    return lambda rng: rng.choice(members)


IDENTIFIERS: dict[str, Maker] = {
    "ip4": _ip4,
    "lan": _private,
    "ip6": _ip6,
    "mac": _mac,
    "MAC": lambda rng: _mac(rng).upper(),
    "macdash": lambda rng: _mac(rng).replace(":", "-"),
    "host": _one(HOST),
    "fqdn": _one(FQDN),
    "peer": _one(*PEERS),
    "domain": _one(DOMAIN),
    "user": _one(*USERS),
    "guess": lambda rng: drawn(rng, "low", 9),
    "mkowalski": _one(USERS[0]),
    "lindqvist": _one(USERS[1]),
    "vandermeer": _one(USERS[2]),
    "tidepool": _one(USERS[3]),
    "okafor": _one(USERS[4]),
    "bendavid": _one(USERS[5]),
    "osprey": _one(PEERS[0]),
    "plover": _one(PEERS[1]),
}
"""What has to go under --pseudonyms; names can be learned from the files of the same tree."""


def _pairs(count: int, gap: str = ":", form: str = "02x") -> Maker:
    return lambda rng: gap.join(format(rng.randrange(256), form) for _ in range(count))


def _no_card(rng: random.Random, size: int = 16) -> str:
    """Digits that are no card number, though they begin like one."""
    head = rng.choice("45") + drawn(rng, "num", size - 2)
    right = luhn(head)[-1]
    return head + rng.choice([digit for digit in "0123456789" if digit != right])


def _public_key(head: bytes, size: int) -> Maker:
    return lambda rng: base64.b64encode(head + rng.randbytes(size)).decode()


MAKERS: dict[str, Maker] = {
    "hex7": lambda rng: drawn(rng, "hex", 7),
    "hex8": lambda rng: drawn(rng, "hex", 8),
    "hex12": lambda rng: drawn(rng, "hex", 12),
    "hex16": lambda rng: drawn(rng, "hex", 16),
    "md5": lambda rng: drawn(rng, "hex", 32),
    "sha1": lambda rng: drawn(rng, "hex", 40),
    "SHA1": lambda rng: drawn(rng, "HEX", 40),
    "sha256": lambda rng: drawn(rng, "hex", 64),
    "sha512": lambda rng: drawn(rng, "hex", 128),
    "uuid": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "b43": lambda rng: base64.b64encode(rng.randbytes(32)).decode().rstrip("="),
    "b44": lambda rng: base64.b64encode(rng.randbytes(32)).decode(),
    "b88": lambda rng: base64.b64encode(rng.randbytes(64)).decode(),
    "pairs16": _pairs(16),
    "pairs20": _pairs(20, form="02X"),
    "pairs32": _pairs(32, form="02X"),
    "pairs8": _pairs(8),
    "ed25519": _public_key(b"\0\0\0\x0bssh-ed25519\0\0\0 ", 32),
    "rsapub": _public_key(b"\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01\0\0\x01\x01\0", 256),
    "ecpub": _public_key(b"\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x08nistp256\0\0\0A\x04", 64),
    "cert": lambda rng: base64.b64encode(b"\x30\x82\x03\x65\x30\x82\x02\x4d\xa0\x03" + rng.randbytes(128)).decode(),
    "cert64": lambda rng: base64.b64encode(b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(rng.randbytes(96))).decode(),
    "spki": lambda rng: base64.b64encode(b"\x30\x82\x01\x22\x30\x0d\x06\x09" + rng.randbytes(150)).decode(),
    "agepub": lambda rng: "age1" + drawn(rng, "bech", 58),
    "num1": lambda rng: drawn(rng, "123456789", 1),
    "num4": lambda rng: str(rng.randrange(1000, 9999)),
    "num6": lambda rng: str(rng.randrange(100_000, 999_999)),
    "num10": lambda rng: str(rng.randrange(10**9, 10**10)),
    "ms": lambda rng: str(rng.randrange(1_700_000_000_000, 1_790_000_000_000)),
    "order16": _no_card,
    "order13": lambda rng: "7" + drawn(rng, "num", 12),
    "imei": lambda rng: "9" + drawn(rng, "num", 14),
    "word": lambda rng: drawn(rng, "low", 6),
    "id20": lambda rng: drawn(rng, "b62", 20),
    "akid": lambda rng: "AI" + "DA" + drawn(rng, "b32", 16),
    "pk": lambda rng: "pk" + "_live_" + drawn(rng, "b62", 24),
    "sid": lambda rng: "A" + "C" + drawn(rng, "hex", 32),
    "kid": lambda rng: b64url(rng.randbytes(12)),
    "lan": _private,
}
"""What must stay as it is, secret-looking or not."""
