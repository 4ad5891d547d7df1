"""Clusters of hosts: corosync and pacemaker, Ceph."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, rule
from diagbundle.analyse.facts.clusters import CephCheck, ClusterWord
from diagbundle.analyse.facts.spoken import DAY, HOUR, between, clock, fullest, often

AGAIN = 3
"""Losses within an hour that are no restart of a neighbour."""
MAX_TOLD = 5
_ADVICE = {
    "quorum": "See which nodes are missing (`corosync-quorumtool`, `pvecm status`, `pcs status`), and the network between them",
    "link": "See the network that the cluster uses between the nodes (cable, switch, VLAN, MTU, firewall for UDP 5404-5412)",
    "node": "See the network between the nodes, and whether one of them was overloaded or stood still at that time",
    "fencing": "See why that node did not answer, in its own log; where fencing failed, the fence device and its login",
    "resource": "`pcs status --full` or `crm_mon -1rf` shows it; mend its cause in the resource's own log, then `pcs resource cleanup`",
}
_TITLE = {
    "quorum": "this node of the cluster has no quorum, its services are stopped",
    "link": "the cluster's link to {what} is down",
    "node": "the cluster lost a node and formed anew",
    "fencing": "the cluster cut off a node, or tried to: {what}",
    "resource": "the cluster could not run {what}",
}


@rule("CLU001", "nodes, links and resources of a cluster (corosync, pacemaker)", ClusterWord, About)
def clusters(words: Sequence[ClusterWord], about: Sequence[About]) -> Iterator[Finding]:
    """Nodes of a cluster watch each other over the network; a node without a majority (quorum) stops its services.

    Found in the words of corosync and pacemaker. Critical: the quorum is lost, and no word came since that it is back. Warning: a
    link that is down and did not come back, a link or node lost 3 times within an hour, a resource that could not be started,
    stopped or watched, a node that was cut off (fenced), each within the last day. What came back, or is older, is a note: so
    a neighbour's restart looks.
    What to do: first the network between the nodes, then the load of the node that was lost, then the resource's own log.
    """
    groups: dict[tuple[str, str], list[ClusterWord]] = {}
    for word in sorted(words, key=lambda each: each.time):
        groups.setdefault((word.kind, word.what if word.kind != "quorum" else ""), []).append(word)
    for (kind, what), those in groups.items():
        if lost := [word for word in those if not word.is_back]:
            yield _lost(kind, what, lost, those[-1] if those[-1].is_back else None, about[0].now)


def _lost(kind: str, what: str, lost: Sequence[ClusterWord], back: ClusterWord | None, now: float) -> Finding:
    times = [word.time for word in lost]
    is_old = bool(now and times[-1] and now - times[-1] > DAY)
    repeated = fullest(times, HOUR) >= AGAIN
    severity = Severity.NOTE if is_old or (kind == "node" and not repeated) else Severity.WARNING
    if back and not (repeated and not is_old):
        severity = Severity.NOTE
    elif kind == "quorum" and not back and not is_old:
        severity = Severity.CRITICAL
    title = _TITLE[kind].format(what=what or lost[-1].text[:120])
    return Finding(
        severity,
        (title.replace(" has no quorum, its services are stopped", " had no quorum").replace(" is down", " was down") if back else title)
        + f" ({often(len(lost))})",
        tuple(word.origin for word in (lost[0], *lost[1:][-1:])) + ((back.origin,) if back else ()),
        _ADVICE[kind],
        f"{between(times)}; it said: {lost[-1].text[:200]}" + (f"; back at {clock(back.time)}" if back else ""),
        what or "cluster",
        since=times[0],
        latest=times[-1],
    )


_WORST = re.compile(
    r"(?:OSD|POOL)_FULL|OSD_\w*FULL_CRIT|PG_(?:AVAILABILITY|DAMAGED)|OBJECT_UNFOUND|OSD_SCRUB_ERRORS|MDS_ALL_DOWN|MON_DISK_CRIT|FS_.*OFFLINE"
)
_MINOR = re.compile(
    r"OSDMAP_FLAGS|PG_NOT_(?:DEEP_)?SCRUBBED|POOL_(?:NO_REDUNDANCY|PG_NUM|TOO|APP)\w*|AUTH_\w+|RECENT_\w+|TELEMETRY_\w+|\w*VERSION\w*|MON_MSGR2\w*"
    r"|TOO_(?:FEW|MANY)_\w+|SMALLER_\w+|BLUESTORE_\w*(?:LEGACY|NO_)\w*|CEPHADM_\w*(?:PAUSED|CHECK)\w*|MGR_MODULE_\w+|\w*UPGRADE\w*"
)


@rule("CLU002", "health of a Ceph cluster", CephCheck, About)
def ceph(checks: Sequence[CephCheck], about: Sequence[About]) -> Iterator[Finding]:
    """Ceph's monitors check their cluster all the time, and write down what fails and when it was cleared.

    Found in `ceph health detail` and in the cluster's log: a check that failed in the last 7 days and was not cleared since. Critical:
    data that cannot be had or is damaged, full devices or pools. Warning: devices or monitors that are down, slow requests, copies
    that are missing and the like. Hints on settings, and what was cleared, are notes.
    What to do: `ceph health detail` names the devices; then the log of that daemon and the disk below it.
    """
    last: dict[str, CephCheck] = {}
    first: dict[str, CephCheck] = {}
    for check in sorted(checks, key=lambda each: each.time):
        if check.is_cleared:
            for code in [check.code] if check.code else list(last):
                last.pop(code, None)
                first.pop(code, None)
        else:
            last[check.code] = check
            first.setdefault(check.code, check)
    now = about[0].now
    for code, check in last.items():
        if now and check.time and now - check.time > 7 * DAY:
            continue
        severity = Severity.CRITICAL if _WORST.fullmatch(code) else Severity.NOTE if _MINOR.fullmatch(code) else Severity.WARNING
        origins = [first[code].origin, check.origin] if first[code] is not check else [check.origin]
        yield Finding(
            severity,
            f"Ceph: {check.text} ({code})",
            tuple(origins),
            "`ceph health detail` names what is meant; read the log of that daemon, and look at the disk and the network below it",
            f"since {clock(first[code].time)}, not cleared" if first[code].time else "",
            f"ceph {code}",
            since=first[code].time,
            latest=check.time,
        )
