"""Who the two are: one host twice or two hosts, and the names and numbers that belong to each of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from diagbundle.analyse.compare.difference import Field, Taken
from diagbundle.analyse.compare.side import Side
from diagbundle.analyse.facts.network import Address, Nic

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_TOKEN = re.compile(r"[\w.:-]{2,256}")
"""What may be a name or an address. Each is looked up, so that a host with many addresses costs no more than one with few."""
_TAG = re.compile(r"(REDACTED_[a-z0-9_]+?)_[0-9a-f]{8}\b")
_NUMBERS = {
    "serial number": "sys/class/dmi/id/product_serial",
    "UUID of the machine": "sys/class/dmi/id/product_uuid",
}
_NAMELESS = {"localhost", "(none)", ""}


def taken(a: Side, b: Side, *, one_host: bool | None = None) -> Taken:  # noqa: PLR0911 - one answer for each case
    """Whether the two are one host; `one_host` is the word of whoever knows better."""
    if one_host is not None:
        return Taken(one_host, "you said so", one_host and bool(a.boot_id) and a.boot_id == b.boot_id)
    same_name = a.short_name == b.short_name or a.has_standins or b.has_standins
    boots, machines = (a.boot_id, b.boot_id), (a.machine_id, b.machine_id)
    if all(boots) and boots[0] == boots[1]:
        if same_name:
            return Taken(one_host=True, because="both have the same boot id, so it was not started anew in between", same_boot=True)
        return Taken(one_host=False, because="one kernel runs them, but their names differ: two containers, or a container and its host")
    if all(machines):
        if machines[0] != machines[1]:
            return Taken(one_host=False, because="their machine ids differ")
        if same_name:
            anew = "; it was started anew in between" if all(boots) else ""
            return Taken(one_host=True, because=f"both have the same machine id{anew}")
        return Taken(one_host=False, because="their names differ, though both have one machine id: one was copied from the other")
    if a.short_name == b.short_name and a.short_name not in _NAMELESS:
        return Taken(one_host=True, because="both have one name; nothing better is known")
    return Taken(one_host=False, because="their names differ; nothing better is known")


def untagged(text: str) -> str:
    """The text without the tags of hidden secrets, which are good for one bundle only."""
    return _TAG.sub(r"\1", text) if "REDACTED_" in text else text


@dataclass
class Mask:
    """Makes two texts alike where they differ only in what belongs to each host, or to each bundle."""

    words: dict[str, str] | None = None
    """What stands for each word of this host, which is in small letters; None where the two are one host."""

    @classmethod
    def of(cls, side: Side) -> Mask:
        """For a host that is held against another one."""
        return cls({word: f"<{kind}>" for kind, word in words_of(side)})

    def __call__(self, text: str) -> str:
        """The text without what belongs to this host."""
        text = untagged(text)
        return text if self.words is None else _TOKEN.sub(self._put, text)

    def _put(self, found: re.Match[str]) -> str:
        """For a word its kind: alone, before a port (`db1:22`), or as the first label of a longer name."""
        word, known = found[0].lower(), self.words or {}
        for head in (word, word.rstrip(".:-"), word.rpartition(":")[0], word.partition(".")[0]):
            if head in known:
                return known[head] + word[len(head) :]
        return "<uuid>" if _UUID.fullmatch(word) else "<link-local address>" if word.startswith("fe80:") else found[0]


def words_of(side: Side) -> Iterable[tuple[str, str]]:
    """What this host is called and has for itself: kind and word, in small letters."""
    for name in (side.about.name.lower(), *side.about.names):
        if name.partition(".")[0] not in _NAMELESS and len(name) > 1:
            yield "host", name
    if side.machine_id:
        yield "machine-id", side.machine_id
    for nic in side.facts_of(Nic):
        if isinstance(nic, Nic) and nic.mac.strip("0:"):
            yield "mac", nic.mac.lower()
    for address in side.facts_of(Address):
        if isinstance(address, Address) and not ip_address(address.address).is_loopback:
            yield "address", address.address.lower()
    for path in _NUMBERS.values():
        if len(word := side.word(path).lower()) > 3:  # noqa: PLR2004 - a shorter one stands everywhere
            yield "number", word


def identity(a: Side, b: Side) -> list[Field]:
    """What belongs to each of two hosts, where they differ."""
    rows = [
        ("name", a.about.name, b.about.name),
        ("machine id", a.machine_id, b.machine_id),
        *((name, a.word(path), b.word(path)) for name, path in _NUMBERS.items()),
        ("addresses", _listed(a, "address"), _listed(b, "address")),
        ("MAC addresses", _listed(a, "mac"), _listed(b, "mac")),
    ]
    return [Field(name, ours, theirs) for name, ours, theirs in rows if ours != theirs]


def _listed(side: Side, kind: str) -> str:
    found = sorted({word for sort, word in words_of(side) if sort == kind and not word.startswith("fe80:")})
    more = f" and {len(found) - 6} more" if len(found) > 6 else ""  # noqa: PLR2004 - a line's worth
    return ", ".join(found[:6]) + more
