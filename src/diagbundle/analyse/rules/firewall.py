"""Packet filters that drop what the host needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address

from diagbundle.analyse.api import About, Finding, Severity, latest, rule, seconds_between
from diagbundle.analyse.facts.firewall import Chain, Filter, Lost, PacketRule, Zone, packets_between
from diagbundle.analyse.facts.network import Route, default_routes
from diagbundle.analyse.facts.network_counts import Connections, Listener, SocketOwner
from diagbundle.analyse.facts.reach import Probe

NONE = "no packet filter is set up"
_DROPS = ("drop", "reject")
_IP = ("ip", "ip6", "inet")
METADATA = "169.254.169.254"
"""Where clouds hand out credentials: kept from programs on purpose."""
_ONLY_SOME = {"source", "set", "limit", "other", "invalid", "flags"}
"""Conditions by which a rule picks out packets that are meant to be dropped: attackers, nonsense, too many."""


def _where(each: PacketRule | Chain) -> str:
    chain = each.chain if isinstance(each, PacketRule) else each.name
    return f"{each.family} {each.table} {chain}"


def _shown(each: PacketRule) -> str:
    return each.text if len(each.text) <= 120 else each.text[:117] + "…"


def _in_vain(probes: Iterable[Probe], each: PacketRule) -> list[Probe]:
    """Our own questions to a port of a rule that brought no answer, or that the kernel itself did not let out."""
    lost = ("dropped", "dropped_here", "prohibited", "refused" if each.verdict == "reject" else "dropped")
    return [probe for probe in probes if probe.port and each.meets(probe.port) and probe.outcome in lost]


def _waiting(connections: Iterable[Connections], each: PacketRule) -> list[Connections]:
    """Connections that this host is trying to open to a port of a rule."""
    return [
        one
        for one in latest(connections)
        if one.state == "SYN_SENT" and one.is_outgoing and each.meets(one.port) and each.protocol in ("", one.protocol)
    ]


@rule("FWL001", "firewall rules against what this host sends", Chain, uses=(PacketRule, Connections, Probe), absent=NONE)
def output_drops(chains: list[Chain], rules: list[PacketRule], connections: list[Connections], probes: list[Probe]) -> Iterator[Finding]:
    """A rule of the firewall drops or refuses packets that this host itself sends: a program here cannot reach what it needs.

    Looked at are all rules that a packet on its way out may meet (nftables and iptables, both families). Critical where the rule's counter
    grew between the two readings, a connection to a port of the rule is waiting to be opened (SYN_SENT), or our own
    probe was lost. A warning where the rule picks out users, marks or sets of addresses. A rule that met nothing, one against invalid
    packets, or against multicast, is not told; nor is IPv6 that is shut altogether.
    See who set the rule and whether it is meant: `nft -a list ruleset`, `iptables-save -c`. To try: delete the rule by its handle.
    """
    before, now = Filter(chains, rules, first=True), Filter(chains, rules)
    told: set[tuple[object, ...]] = set()
    for base in now.bases("output", "postrouting", "egress"):
        for each, asked in now.walk(base.key):
            if each.verdict not in _DROPS or "invalid" in asked or "random" in asked or _is_multicast(each) or each.identity in told:
                continue
            grew = packets_between(before, each)
            waiting: list[Connections | Probe] = [*_waiting(connections, each), *_in_vain(probes, each)]
            if not grew and not waiting:
                continue
            told.add(each.identity)
            first = before.find(each)
            picks = asked & {"other", "limit", "set", "flags"}
            yield Finding(
                Severity.NOTE if METADATA in each.text else Severity.WARNING if picks else Severity.CRITICAL,
                f"the firewall {'drops' if each.verdict == 'drop' else 'rejects'} what this host sends: {_shown(each)} ({_where(each)})",
                (*((first.origin,) if first and grew else ()), each.origin, *(one.origin for one in waiting[:2])),
                "See who set this rule and whether it is meant; delete it by its handle (`nft -a list ruleset`) or with `iptables -D`, "
                "and where it is configured",
                detail="; ".join(filter(None, (_grown(first, each, grew), _tried(waiting)))),
                subject=f"{each.family} {each.table}",
            )
        yield from _policy(before, base)


def _is_multicast(each: PacketRule) -> bool:
    return any(
        word in each.text for word in ("224.0.0.", "239.", "ff02::", "ff00::", "255.255.255.255", "multicast", "BROADCAST", "broadcast")
    )


def _grown(first: PacketRule | None, each: PacketRule, grew: int) -> str:
    if not first or not grew:
        return ""
    return f"it met {grew:,} packets in {seconds_between(first, each):.0f} s, {each.packets:,} since it was set"


def _tried(waiting: Sequence[Connections | Probe]) -> str:
    """Where to connections are waiting to be opened, each once."""
    towards = dict.fromkeys(
        f"{one.remote if isinstance(one, Connections) else one.address or one.target} port {one.port}" for one in waiting
    )
    return "in vain: connections to " + ", ".join(list(towards)[:3]) if towards else ""


def _policy(before: Filter, base: Chain) -> Iterator[Finding]:
    """A policy that drops what is sent, and did so between the readings (iptables counts that, nft does not)."""
    first = before.chains.get(base.key)
    grew = (base.packets or 0) - (first.packets or 0) if first else 0
    if base.policy == "drop" and base.hook == "output" and first and grew > 0 and base.family != "ip6":
        yield Finding(
            Severity.CRITICAL,
            f"the firewall drops what this host sends and no rule allows: policy drop of {_where(base)}",
            (first.origin, base.origin),
            "Log what it drops (a rule with LOG at the end of the chain), and allow what the host needs",
            subject=f"{base.family} {base.table}",
            detail=f"it met {grew:,} packets in {seconds_between(first, base):.0f} s",
        )


@rule("FWL002", "firewalls that let answers back in", Chain, uses=(PacketRule, Connections, Route), absent=NONE)
def replies(chains: list[Chain], rules: list[PacketRule], connections: list[Connections], routes: list[Route]) -> Iterator[Finding]:
    """The firewall drops what comes in unless a rule accepts it, and no rule accepts answers to what this host itself asked.

    Then the host can be reached at the ports that are accepted, but every connection that it opens itself hangs: name servers, updates,
    databases. Judged by chains of the hook input (and output, for answers of its servers) that end in drop or reject, by policy or by a
    last rule without a condition, and hold no rule that accepts established connections, nor all packets of an interface. Critical where
    connections are waiting to be opened (SYN_SENT), a warning otherwise; a note where senders are accepted by address.
    IPv6 is left out where it has no default route: many hosts shut it altogether.
    Add near the top: `ct state established,related accept`, or `iptables -I INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`.
    """
    now = Filter(chains, rules)
    has_six = any(route.family == 6 for route in default_routes(routes))
    for base in now.bases("input", "output"):
        if base.family not in _IP or (base.family == "ip6" and not has_six):
            continue
        met = list(now.walk(base.key))
        closing = next(
            (each for each in now.of(base.key) if each.verdict in _DROPS and not each.conditions and not each.ports and not each.protocol),
            None,
        )
        if (base.policy != "drop" and not closing) or any(_lets_back(each, asked) for each, asked in met):
            continue
        by_sender = any(each.verdict == "accept" and asked & {"source", "destination", "set"} and not each.ports for each, asked in met)
        waiting = [one for one in latest(connections) if one.state == "SYN_SENT" and one.is_outgoing]
        is_input = base.hook == "input"
        yield Finding(
            Severity.CRITICAL if waiting else Severity.NOTE if by_sender else Severity.WARNING,
            f"the firewall's {base.hook} chain ({_where(base)}) has "
            + ("policy drop" if base.policy == "drop" else f"a last rule {closing.verdict}" if closing else "")
            + " and no rule that accepts established, related connections: "
            + ("replies to what this host asks never come back" if is_input else "answers of its servers never leave"),
            (base.origin, *((closing.origin,) if closing else ()), *(one.origin for one in waiting[:2])),
            "Add a rule near the top that accepts them: `ct state established,related accept` (nft), or `-m conntrack --ctstate "
            "RELATED,ESTABLISHED -j ACCEPT`",
            detail=_tried(waiting)
            or ("some senders are accepted by their address" if by_sender else f"{len(met):,} rules, none accepts replies"),
            subject=f"{base.family} {base.table}",
        )


def _lets_back(each: PacketRule, asked: frozenset[str]) -> bool:
    """Whether answers get through by this rule."""
    if "established" in each.conditions and (each.verdict in ("accept", "queue", "jump", "goto") or "accept" in each.text):
        return True
    return each.verdict in ("accept", "queue") and not each.ports and not each.protocol and not asked - {"in", "out", "limit"}


@rule("FWL003", "firewall rules against ports that this host serves", Chain, uses=(PacketRule, Listener, SocketOwner), absent=NONE)
def input_drops(chains: list[Chain], rules: list[PacketRule], listeners: list[Listener], owners: list[SocketOwner]) -> Iterator[Finding]:
    """A rule of the firewall drops packets to a port on which a program of this host listens, and clients are trying just now.

    A warning where the rule names the port, does not pick out senders, and its counter grew between the two readings. If senders are
    accepted by another rule, it may be meant so: see whether those who are turned away are clients.
    """
    before, now = Filter(chains, rules, first=True), Filter(chains, rules)
    served = {each.port: each for each in latest(listeners) if not each.is_local}
    for base in now.bases("input", "prerouting", "ingress"):
        for each, asked in now.walk(base.key):
            grew = packets_between(before, each)
            if each.verdict not in _DROPS or not each.ports or not grew or asked & (_ONLY_SOME | {"random"}):
                continue
            port = next((port for port in served if each.meets(port) and each.protocol in ("", "tcp")), 0)
            first = before.find(each)
            if port and first:
                who = ", ".join(dict.fromkeys(owner.comm for owner in owners if owner.state == "LISTEN" and owner.port == port))
                yield Finding(
                    Severity.WARNING,
                    f"the firewall {'drops' if each.verdict == 'drop' else 'rejects'} what comes for port {port}, on which "
                    f"{who or 'a program'} listens: "
                    f"{grew:,} packets in {seconds_between(first, each):.0f} s",
                    (first.origin, each.origin, served[port].origin),
                    "See whether those who are turned away are clients; if so, accept the port before this rule, and where it is "
                    "configured",
                    detail=f"{_shown(each)} ({_where(each)})",
                    subject=f"port {port}",
                )


@rule("FWL004", "firewall rules that drop by chance or before all else", Chain, uses=(PacketRule,), absent=NONE)
def by_chance(chains: list[Chain], rules: list[PacketRule]) -> Iterator[Finding]:
    """A rule drops packets at random (`numgen random`, `-m statistic`), or right at the interface, before anything counts them (ingress).

    Rules that drop at random are made to test how programs stand a bad network: the host then loses packets and no interface says so. Being
    there is a warning, having met packets between the two readings critical. Drops at the hooks ingress and prerouting are told where
    at least 10 packets met a rule that does not pick out senders, between the readings.
    Delete the rule if no test is running: `nft -a list ruleset` shows its handle.
    """
    before, now = Filter(chains, rules, first=True), Filter(chains, rules)
    early = {
        each.identity
        for base in now.bases("ingress", "prerouting")
        for each, asked in now.walk(base.key)
        if not asked & _ONLY_SOME and not each.ports
    }
    for of in now.rules.values():
        for each in of.values():
            grew, first = packets_between(before, each), before.find(each)
            is_random = "random" in each.conditions
            if each.verdict not in _DROPS or not (is_random or (each.identity in early and grew >= 10)):
                continue
            how = "drops packets at random" if is_random else "drops packets right where they come in"
            yield Finding(
                Severity.CRITICAL if grew and is_random else Severity.WARNING,
                f"the firewall {how} ({_where(each)}): {_shown(each)}" + (f"; {grew:,} packets lost while we looked" if grew else ""),
                (first.origin, each.origin) if first else (each.origin,),
                "If no test is running, delete the rule: `nft -a list ruleset` shows its handle (`nft delete rule … handle N`), "
                "iptables `-D`",
                detail=_grown(first, each, grew),
                subject=f"{each.family} {each.table}",
            )


@rule("FWL005", "firewalld: what is in force against what will be", Zone, absent="firewalld does not run here")
def runtime(zones: list[Zone]) -> Iterator[Finding]:
    """What firewalld has in force differs from what it will have after its next start: somebody changed one without the other.

    A note. A service that was opened only for now is closed after the next restart or `firewall-cmd --reload`; one that was configured
    without a reload is not open yet. `firewall-cmd --runtime-to-permanent` keeps what is in force, `--reload` takes what is configured.
    """
    found: dict[str, dict[bool, Zone]] = defaultdict(dict)
    for zone in latest(zones):
        found[zone.name][zone.is_permanent] = zone
    for name, of in found.items():
        if len(of) == 2 and (extra := of[False].items ^ of[True].items):
            only = {
                word: [item for item in sorted(extra) if item in of[key].items]
                for word, key in (("only now", False), ("only after a restart", True))
            }
            words = "; ".join(f"{word}: {', '.join(items[:4])}" for word, items in only.items() if items)
            yield Finding(
                Severity.NOTE,
                f"firewalld's zone {name} in force differs from its configuration: {words}",
                (of[False].origin, of[True].origin),
                "Keep what is in force with `firewall-cmd --runtime-to-permanent`, or take what is configured with `firewall-cmd --reload`",
                subject=name,
            )


RECENT = 3600.0


@rule("FWL006", "packets that the firewall logged as dropped", Lost, About, uses=(Listener,))
def logged(found: list[Lost], about: list[About], listeners: list[Listener]) -> Iterator[Finding]:
    """The firewall's log tells of packets that it dropped or refused.

    What this host itself sent (no interface behind IN=) is a warning where it happened within the last hour before the collection: a
    program cannot reach what it needs. What others sent to a port on which a program listens is a note: on a network that strangers reach
    it happens all day. All else is not told.
    """
    served = {each.port for each in latest(listeners) if not each.is_local}
    groups: dict[tuple[bool, str, int], list[Lost]] = defaultdict(list)
    for each in found:
        out = each.is_outgoing and not _is_group(each.destination)
        if out or (each.port in served and each.protocol == "TCP"):
            groups[out, each.destination if out else "", each.port].append(each)
    for (out, destination, port), many in groups.items():
        last = max(many, key=lambda each: each.time)
        is_old = not last.time or about[0].now - last.time > RECENT
        target = f"{destination}" + (f" port {port}" if port else "")
        what = f"packets of this host to {target}" if out else f"packets to port {port}, on which a program listens"
        yield Finding(
            Severity.WARNING if out and not is_old else Severity.NOTE,
            f"the firewall dropped {len(many):,} {what}, says its log ({last.prefix or 'no prefix'})",
            tuple(dict.fromkeys(each.origin for each in (many[0], last))),
            "See which rule logs with this prefix, and whether it is meant: `nft list ruleset`, `iptables-save`",
            detail=f"last from {last.source} on {last.device}",
            subject=target if out else f"port {port}",
            since=min((each.time for each in many if each.time), default=0.0),
            latest=last.time,
            symptom=True,
        )


def _is_group(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return True
    return found.is_multicast or address.endswith(".255")
