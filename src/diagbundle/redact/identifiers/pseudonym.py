"""Stand-ins for names and addresses: the same for the same through all bundles of one key, and turned back by who holds key and map.

Names cannot be computed back, so the map remembers them, label by label: in `web-01.corp.example.com` each label has a stand-in of its
own and the registered domain has one, whence `host-….host-….dom-….invalid`: the depth stays, hosts of one domain stay in one, and the
bare name `web-01` has the same stand-in as the label. Addresses are computed back from the key alone (`addresses`).
"""

# ruff: noqa: PLR2004 - the numbers are labels of names that hold addresses

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from diagbundle.errors import OutputError, UsageError
from diagbundle.paths import unread
from diagbundle.redact.identifiers.addresses import Addresses
from diagbundle.redact.identifiers.domains import KEPT_SUFFIXES, NO_HOSTS, PUBLIC, THEIRS
from diagbundle.redact.identifiers.people import NO_USERS, SYSTEM
from diagbundle.redact.identifiers.rewrite import Rewriter
from diagbundle.redact.lazy import regex

VERSION = 1
KEY_BYTES = 32
MOST = 100_000
"""Names of which is remembered what stands for them; a hostile log may hold any number."""
STANDIN = regex(rb"(?:host|dom|user)-(?=[a-z]*[2-7])[a-z2-7]{8}")
"""A digit among the eight tells it from `host-computer`."""
_NEAR = regex(rb"(?:host|user|dom)-[a-z2-7]{8}(?:\.invalid)?(?![0-9A-Za-z])", re.IGNORECASE)
_PROVIDERS = regex(
    rb"www|(?:us|eu|ap|ca|sa|me|af|il|cn)-(?:gov-)?[a-z]{4,9}-[0-9][a-z]?|compute(?:-1)?|ec2|s3|elb|rds|blob|svc|pod|cluster"
)
"""Labels that say what a host is for its provider, and not whose it is."""
_QUAD_LABEL = regex(rb"(ip-)?([0-9]{1,3}(?:-[0-9]{1,3}){3})")


class Given(NamedTuple):
    """One line of the map."""

    kind: str
    """`host` (one label), `domain` or `user`."""
    real: bytes
    standin: bytes


class Pseudonyms:
    """What stands for what, under one key."""

    def __init__(self, key: bytes, names: Mapping[str, Iterable[bytes]]) -> None:
        """`names` are those known beforehand by kind; they are in the map from the beginning."""
        self._key = key
        self._addresses = Addresses(key)
        self._given: dict[tuple[str, bytes], bytes] = {}
        self._kinds: dict[str, Callable[[bytes], bytes]] = {
            "ipv4": self._addresses.ipv4,
            "ipv6": self._addresses.ipv6,
            "mac": self._addresses.mac,
            "host": self._host,
            "domain": self._host,
            "user": self._user,
        }
        self._known = {name: self.standin(kind, name) for kind in ("user", "domain", "host") for name in names.get(kind, ()) if name}

    def standin(self, kind: str, text: bytes) -> bytes:
        """The stand-in of a text; the text itself where it stays: system accounts, vendors' domains, special addresses, stand-ins."""
        return self._kinds[kind](text)

    def known(self) -> dict[bytes, bytes]:
        """What the rewriter replaces wherever it stands: the names known beforehand, but for those that stay."""
        return {name: standin for name, standin in self._known.items() if name != standin}

    def map(self) -> Iterator[Given]:
        """What was given out, but for addresses."""
        return (Given(kind, real, standin) for (kind, real), standin in self._given.items())

    def _user(self, text: bytes) -> bytes:
        name = text.lower()
        if name in SYSTEM or name in NO_USERS or name.isdigit() or STANDIN.fullmatch(name):
            return text
        if name.endswith(b"$"):
            return self._host(text[:-1]) + b"$"
        return self._give("user", name, b"user-")

    def _host(self, text: bytes) -> bytes:
        if b":" in text:
            return self._addresses.ipv6(text)
        name = text.lower()
        if name in NO_HOSTS or name.isdigit():
            return text
        labels = name.split(b".")
        if len(labels) == 4 and all(label.isdigit() for label in labels):
            return self._addresses.ipv4(text)
        new = self._arpa(labels) or self._labels(labels)
        return text if new == name else new

    def _labels(self, labels: list[bytes]) -> bytes:
        own = _kept_tail(labels)
        tail = labels[own:]
        if not tail and len(labels) > 1:
            own = len(labels) - 2
            domain = b".".join(labels[own:])
            tail = [self._give("domain", domain, b"dom-", b".invalid")]
        return b".".join([*(self._label(label) for label in labels[:own]), *tail])

    def _label(self, label: bytes) -> bytes:
        """A label; `_tcp` and the like are no names, and those made of an address agree with the address."""
        quad = _QUAD_LABEL.fullmatch(label)
        if quad:
            return (quad[1] or b"") + self._addresses.ipv4(quad[2])
        if label[:1] == b"_" or label in NO_HOSTS or _PROVIDERS.fullmatch(label) or STANDIN.fullmatch(label):
            return label
        return self._give("host", label, b"host-")

    def _arpa(self, labels: list[bytes]) -> bytes:
        """A name for the way from an address to its name, which holds the address in reverse."""
        return arpa(labels, self._addresses, back=False)

    def _give(self, kind: str, real: bytes, head: bytes, tail: bytes = b"") -> bytes:
        given = self._given.get((kind, real))
        if given is None:
            given = head + self._letters(kind, real) + tail
            if len(self._given) < MOST:
                self._given[kind, real] = given
        return given

    def _letters(self, kind: str, real: bytes) -> bytes:
        digest = hashlib.blake2b(real, key=self._key, person=kind.encode()).digest()
        for start in range(0, 60, 5):
            letters = base64.b32encode(digest[start : start + 5]).lower()
            if not letters.isalpha():
                return letters
        return letters[:-1] + b"2"


def arpa(labels: list[bytes], addresses: Addresses, *, back: bool) -> bytes:
    """The name below in-addr.arpa or ip6.arpa with the address in it turned; nothing where it is no such name with a whole address."""
    if labels[-2:] == [b"in-addr", b"arpa"] and len(labels) == 6:
        quad = addresses.ipv4(b".".join(labels[3::-1]), back=back)
        return b".".join([*reversed(quad.split(b".")), b"in-addr", b"arpa"])
    if labels[-2:] == [b"ip6", b"arpa"] and len(labels) == 34 and all(re.fullmatch(rb"[0-9a-f]", label) for label in labels[:32]):
        number = addresses.v6_number(int(b"".join(labels[31::-1]), 16), back=back)
        return b".".join([*(bytes([digit]) for digit in reversed(b"%032x" % number)), b"ip6", b"arpa"])
    return b""


def _kept_tail(labels: list[bytes]) -> int:
    """Where the labels begin that say no owner; all are a customer's: their number."""
    for at in range(len(labels) - 1):
        domain = b".".join(labels[at:])
        if domain in PUBLIC:
            return at if domain in THEIRS else 0
    return len(labels) - 1 if len(labels) > 1 and labels[-1] in KEPT_SUFFIXES else len(labels)


def new_key() -> bytes:
    """A fresh key."""
    return os.urandom(KEY_BYTES)


def write_map(path: str, key: bytes, given: Iterable[Given]) -> None:
    """Key and map into a new file that only its owner can read."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(number, "w", encoding="ascii") as file:
            file.write(json.dumps({"diagbundle_pseudonyms": VERSION, "key": key.hex()}) + "\n")
            file.writelines(map(_line, given))
            file.flush()
            os.fsync(number)
    except OSError as error:
        raise OutputError(f"the map of stand-ins cannot be written: {path}: {error.strerror}") from error


def add_to_map(path: str, given: Iterable[Given]) -> None:
    """Names that were met since the map was written."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, "a", encoding="ascii") as file:
            _require_private(number, path)
            file.writelines(map(_line, given))
            file.flush()
            os.fsync(number)
    except OSError as error:
        raise OutputError(f"the map of stand-ins cannot be written: {path}: {error.strerror}") from error


def _line(one: Given) -> str:
    return json.dumps({"kind": one.kind, "real": _text(one.real), "standin": _text(one.standin)}) + "\n"


def read_map(path: str) -> tuple[bytes, list[Given]]:
    """Key and map out of a file that only its owner can read."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, encoding="ascii") as file:
            _require_private(number, path)
            head = json.loads(file.readline())
            key = bytes.fromhex(head["key"])
            good = head["diagbundle_pseudonyms"] == VERSION and len(key) == KEY_BYTES
            return key, [_given(json.loads(line)) for line in file] if good else _bad(path)
    except OSError as error:
        raise unread(path, error, "map of stand-ins", "name the file of key and map that was written beside the bundle") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"not a map of stand-ins of this version: {path}") from error


def _bad(path: str) -> list[Given]:
    raise ValueError(path)


def _require_private(number: int, path: str) -> None:
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"the map of stand-ins is not a file: {path}")
    if found.st_mode & 0o077:
        raise UsageError(f"others can read the map of stand-ins: {path}", f"`chmod 600 {path}`, and make sure that nobody has a copy")


def _given(row: dict[str, str]) -> Given:
    return Given(str(row["kind"]), _bytes(row["real"]), _bytes(row["standin"]))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class Translator:
    """Turns stand-ins in any text back. Texts of other keys stay as they are, but their addresses become others: use the right map."""

    def __init__(self, key: bytes, given: Iterable[Given]) -> None:
        self._addresses = Addresses(key)
        self._real = {one.standin: one.real for one in given}
        self._rewriter = Rewriter({}, (b"arpa",), self._back, places=())

    def back(self, data: bytes) -> bytes:
        """The text with what the stand-ins stand for; whole lines, please: an address must not be cut."""
        text, _ = self._rewriter.rewrite(data, 0, len(data), ())
        return _NEAR.sub(self._name, text)

    def _name(self, match: re.Match[bytes]) -> bytes:
        found = match[0].lower()
        if found in self._real:
            return self._real[found]
        bare = found.removesuffix(b".invalid")
        return self._real[bare] + b".invalid" if bare in self._real else match[0]

    def _back(self, kind: str, text: bytes) -> bytes:
        if kind == "host":
            return arpa(text.lower().split(b"."), self._addresses, back=True) or text
        convert = {"ipv4": self._addresses.ipv4, "ipv6": self._addresses.ipv6, "mac": self._addresses.mac}.get(kind)
        return convert(text, back=True) if convert else text
