"""Software that runs on several hosts at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, Undecided, latest, rule
from diagbundle.analyse.facts.members import GRAVE, SOUND, MemberState, MemberWord
from diagbundle.analyse.facts.spoken import DAY, HOUR, between, clock, fullest, often
from diagbundle.analyse.facts.system import Process

DAEMONS = {"corosync", "pacemakerd", "beam.smp", "rabbitmq-server", "glusterd", "ovsdb-server", "ceph-mon", "ceph-osd", "pmxcfs", "galera"}
"""Processes of software whose own tools tell how a cluster stands."""
AGAIN = 3
"""Losses within an hour that are no restart of a neighbour."""
MAX_TOLD = 6


@rule("CLU003", "members and leaders of software that runs on several hosts", MemberWord, About)
def members(words: Sequence[MemberWord], about: Sequence[About]) -> Iterator[Finding]:
    """A database, a message queue or a store that runs on several hosts says that it lost the others, its leader or a link.

    Found in the logs of Galera, RabbitMQ, keepalived, Gluster, Open vSwitch (BFD), Proxmox, Consul, Redis, Elasticsearch and DRBD.
    Critical: it said within the last day that it cannot work so, and no word came since that it is back. Warning: a member or a
    link that is not back, or that was lost 3 times within an hour (once or twice is how a restart of a neighbour looks).
    What came back, or is older than a day, is a note.
    What to do: see whether the other hosts run; then the network between them (links, MTU, firewall); then whether this host or
    the other one stood still at that time (load, disk, memory).
    """
    groups: dict[tuple[str, str], list[MemberWord]] = {}
    for word in sorted(words, key=lambda each: each.time):
        groups.setdefault((word.product, word.what), []).append(word)
    found: dict[tuple[str, Severity], list[tuple[list[MemberWord], MemberWord | None]]] = {}
    for (product, _), those in groups.items():
        if lost := [word for word in those if not word.is_back]:
            back = those[-1] if those[-1].is_back else None
            found.setdefault((product, _severity(lost, back, about[0].now)), []).append((lost, back))
    for (product, severity), each in found.items():
        yield _lost(product, severity, each)


def _severity(lost: Sequence[MemberWord], back: MemberWord | None, now: float) -> Severity:
    is_old = bool(now and lost[-1].time and now - lost[-1].time > DAY)
    if is_old or (back and fullest([word.time for word in lost], HOUR) < AGAIN):
        return Severity.NOTE
    return Severity.CRITICAL if lost[-1].is_grave and not back else Severity.WARNING


def _lost(product: str, severity: Severity, those: Sequence[tuple[list[MemberWord], MemberWord | None]]) -> Finding:
    """All members of one product that stand alike are one finding."""
    lost, back = max(those, key=lambda each: each[0][-1].time)
    times = [word.time for words, _ in those for word in words]
    more = f" and {len(those) - 1} more of this kind" if len(those) > 1 else ""
    return Finding(
        severity,
        f"{product} {lost[-1].loss}{more} ({often(len(times))}{', it is back' if back else ''})",
        (lost[0].origin, *(word.origin for word in lost[1:][-1:]), *([back.origin] if back else [])),
        "See whether the other hosts run, then the network between them, then whether one of them stood still at that time",
        f"{between(times)}; it said: {lost[-1].text[:200]}" + (f"; back at {clock(back.time)}" if back else ""),
        " ".join(filter(None, (product, lost[-1].what))),
        since=min(times),
        latest=max(times),
    )


@rule("CLU004", "the state of clusters by their own tools", About, uses=(MemberState, Process))
def states(_about: Sequence[About], found: Sequence[MemberState], processes: Sequence[Process]) -> Iterator[Finding]:
    """The tools of a cluster show its nodes, links and resources: pcs, crm_mon, corosync, rabbitmqctl, gluster, drbdadm, OVN.

    Read where a report holds their output. Critical: no quorum, no leader, a partition (two halves that do not see each other), a
    node that must be fenced and is not, data that differs between copies. Warning: a node that is offline, a resource, a brick or
    a link that failed. What an administrator put aside (standby, maintenance, disabled) accuses nobody.
    What to do: see whether the node runs and the network to it works; then clear the failure with the same tool.
    """
    if not found:
        _nothing_asked(processes)
        return
    bad: dict[tuple[str, int], list[MemberState]] = {}
    for each in latest(found):
        if each.badness != SOUND:
            bad.setdefault((each.product, each.badness), []).append(each)
    for (product, badness), those in bad.items():
        named = list(dict.fromkeys(f"{each.what} {each.state}" for each in those))
        rest = f" and {len(named) - MAX_TOLD} more" if len(named) > MAX_TOLD else ""
        yield Finding(
            Severity.CRITICAL if badness == GRAVE else Severity.WARNING,
            f"{product}: {', '.join(named[:MAX_TOLD])}{rest}",
            tuple(each.origin for each in those[:MAX_TOLD]),
            f"See whether the others run and can be reached, then what `{those[0].tool}` says now",
            f"`{those[0].tool}` shows it",
            product,
        )


def _nothing_asked(processes: Sequence[Process]) -> None:
    """Raises `Undecided` where there may be a cluster whose tools nobody asked."""
    if not processes:
        raise Undecided("neither the tools of a cluster nor the processes of this host were collected")
    if names := sorted({each.name for each in processes if each.name in DAEMONS}):
        raise Undecided(f"{', '.join(names)} runs here, and the tools of that cluster were not asked")
