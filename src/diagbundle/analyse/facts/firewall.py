"""Packet filters: chains and rules, whoever lists them, and what they log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from diagbundle.analyse.fact import Fact, latest

Key = tuple[str, str, str]
"""Family, table, chain."""


@dataclass(frozen=True)
class Chain(Fact):
    """A chain of rules."""

    tool: str
    """Who listed it: `save` (iptables-save), `list` (iptables -L) or `nft`."""
    family: str
    """ip, ip6, inet, bridge, arp, netdev."""
    table: str
    name: str
    hook: str = ""
    """Where packets enter it (input, output, forward, prerouting, postrouting, ingress, egress); '' of one that others jump to."""
    policy: str = ""
    """What becomes of a packet that no rule decides on: accept or drop."""
    kind: str = "filter"
    """filter, nat or route."""
    packets: int | None = None
    """Packets that the policy decided on; None where it is not counted."""

    @property
    def key(self) -> Key:
        """What names it."""
        return self.family, self.table, self.name


@dataclass(frozen=True)
class PacketRule(Fact):
    """A rule of a packet filter."""

    tool: str
    family: str
    table: str
    chain: str
    text: str
    """As it is listed, without its counter and handle."""
    verdict: str = ""
    """accept, drop, reject, jump, goto, return, queue, or '' (it only counts, marks, logs …)."""
    target: str = ""
    """The chain it jumps to."""
    packets: int | None = None
    """Packets that it met; None where it does not count them."""
    protocol: str = ""
    """tcp, udp, icmp, … or ''."""
    ports: tuple[tuple[int, int], ...] = ()
    """Ports of destination, as ranges; empty where it does not ask for them."""
    conditions: frozenset[str] = frozenset()
    """What else it asks for: source, destination, in, out, loopback, established, invalid, new, random, limit, flags, set, sport, other."""
    number: int = 0
    """Which of the rules with this text in its chain."""

    @property
    def key(self) -> Key:
        """The chain it stands in."""
        return self.family, self.table, self.chain

    @property
    def identity(self) -> tuple[Key, str, int]:
        """What names it in both readings."""
        return self.key, self.text, self.number

    def meets(self, port: int) -> bool:
        """Whether it is about this port of destination."""
        return any(low <= port <= high for low, high in self.ports)


@dataclass(frozen=True)
class Lost(Fact):
    """A packet that a packet filter dropped or refused, as it was logged."""

    prefix: str
    is_outgoing: bool
    source: str
    destination: str
    protocol: str
    port: int
    """Of destination; 0 where there is none."""
    device: str
    time: float


@dataclass(frozen=True)
class Zone(Fact):
    """A zone of firewalld."""

    name: str
    is_permanent: bool
    """Whether this is what will be in force after the next restart, not what is in force."""
    items: frozenset[str]
    """What it lets in or forwards: `services ssh`, `ports 8080/tcp`, `rich rule …`."""
    interfaces: tuple[str, ...] = ()
    target: str = ""


class Filter:
    """All chains and rules of one reading, told once each."""

    def __init__(self, chains: Iterable[Chain], rules: Iterable[PacketRule], *, first: bool = False) -> None:
        mine = [each for each in chains if each.is_start] if first else latest(chains)
        tools: dict[Key, set[str]] = {}
        for each in mine:
            tools.setdefault(each.key, set()).add(each.tool)
        best = {key: next(tool for tool in ("save", "list", "nft") if tool in known) for key, known in tools.items()}
        self.chains = {each.key: each for each in mine if best[each.key] == each.tool}
        self.rules: dict[Key, dict[tuple[Key, str, int], PacketRule]] = {}
        for rule in rules:
            if rule.is_start == first and best.get(rule.key) == rule.tool:
                self.rules.setdefault(rule.key, {}).setdefault(rule.identity, rule)

    def of(self, key: Key) -> list[PacketRule]:
        """The rules of a chain, in order."""
        return list(self.rules.get(key, {}).values())

    def bases(self, *hooks: str) -> list[Chain]:
        """The chains that packets enter at these hooks, to be filtered."""
        return [chain for chain in self.chains.values() if chain.hook in hooks and chain.kind != "nat"]

    def walk(self, key: Key) -> Iterator[tuple[PacketRule, frozenset[str]]]:
        """Every rule that a packet which enters a chain may meet, and what was asked for on the way, its own conditions too."""
        seen: set[tuple[Key, frozenset[str]]] = set()
        waiting: list[tuple[Key, frozenset[str]]] = [(key, frozenset())]
        while waiting:
            here, asked = waiting.pop(0)
            if (here, asked) in seen or len(seen) > 5000:  # jumps may go round in a damaged text
                continue
            seen.add((here, asked))
            for rule in self.of(here):
                yield rule, asked | rule.conditions | ({"port"} if rule.ports else frozenset())
                if rule.verdict in ("jump", "goto") and rule.target:
                    more = asked | rule.conditions | ({"port"} if rule.ports else frozenset())
                    waiting.append(((here[0], here[1], rule.target), more))

    def find(self, rule: PacketRule) -> PacketRule | None:
        """The same rule in this reading."""
        return self.rules.get(rule.key, {}).get(rule.identity)


def packets_between(before: Filter, rule: PacketRule) -> int:
    """How many packets a rule met between the readings; 0 where that is not known, or the counter was set back."""
    first = before.find(rule)
    if first is None or first.packets is None or rule.packets is None:
        return 0
    return max(0, rule.packets - first.packets)
