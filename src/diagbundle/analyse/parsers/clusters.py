"""What corosync, pacemaker and Ceph's monitors say of their cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Event, log_parser, parser
from diagbundle.analyse.facts.clusters import CephCheck, ClusterWord

LONGEST = 1000
"""Characters of a line that are looked at."""
_LOST = (
    ("quorum", re.compile(r"within the non-primary component|\bQuorum lost\b|quorum (?:is )?lost|lost quorum")),
    ("link", re.compile(r"host: (?P<what>\d+) link: \d+ is down|host: host: (?P<also>\d+) has no active links")),
    ("node", re.compile(r"A processor failed, forming new configuration")),
    ("fencing", re.compile(r"Peer (?P<what>\S+) was (?:not )?terminated|(?:stonith|fenc\w+)\b.{0,80}\b(?P<also>fail(?:ed|ure))")),
    (
        "resource",
        re.compile(
            r"Result of (?:start|stop|monitor|promote|demote|migrate_\w+) operation for (?P<what>\S+) on [^\s:]+: (?!ok\b|Cancel"
            r"|0\b|not installed)"
            r"|(?P<also>\S+?)(?:_start|_stop|_monitor|_promote|_demote)_\d+(?: \([^)]*\))? on \S+ '[^']+' \([1-9]\d*\)"
            r"|Forcing (?P<gone>\S+) away from \S+ after \d+ failures"
        ),
    ),
)
_BACK = (
    ("quorum", re.compile(r"within the primary component|\bQuorum acquired\b|quorum (?:is )?(?:regained|acquired)")),
    ("link", re.compile(r"host: (?P<what>\d+) link: \d+ is up|host: host: (?P<also>\d+) \(passive\) best link")),
    ("resource", re.compile(r"Result of start operation for (?P<what>\S+) on [^\s:]+: ok\b")),
)
_PROBE = re.compile(r"Result of probe|rc=7\b.*probe")


@log_parser(
    ClusterWord, "primary component", "quorum lost", "lost quorum", "quorum acquired", "quorum is lost", "[knet", "a processor failed",
    "terminated", "stonith", "fencing", "fence_", "result of ", "away from ", "_monitor_", "_start_", "_stop_",
)  # fmt: skip
def cluster_words(event: Event) -> Iterator[ClusterWord]:
    """Only of the cluster's own programs: others use the same words of other things."""
    text = event.text[:LONGEST]
    if not re.match(r"(?i)corosync|pacemaker|crmd|pengine|stonith|attrd|cib|lrmd|pmxcfs|pve-ha", event.facility) or _PROBE.search(text):
        return
    for is_back, forms in ((True, _BACK), (False, _LOST)):
        for kind, form in forms:
            if found := form.search(text):
                what = next((word for word in found.groups() if word), "")
                yield ClusterWord(kind, f"host {what}" if kind == "link" else what, text.strip(), event.time, is_back, origin=event.origin)
                return


_FAILED = re.compile(r"Health check (?:failed|update): (?P<text>.{1,300}) \((?P<code>[A-Z][A-Z0-9_]+)\)")
_CLEARED = re.compile(r"Health check cleared: (?P<code>[A-Z][A-Z0-9_]+)")


@log_parser(CephCheck, "health check failed", "health check update", "health check cleared", "cluster is now healthy")
def ceph_checks(event: Event) -> Iterator[CephCheck]:
    """`cluster [WRN] Health check failed: 1 osds down (OSD_DOWN)`."""
    text = event.text[:LONGEST]
    if found := _FAILED.search(text):
        yield CephCheck(found["code"], found["text"], event.time, origin=event.origin)
    elif found := _CLEARED.search(text):
        yield CephCheck(found["code"], "", event.time, is_cleared=True, origin=event.origin)
    elif "luster is now healthy" in text:
        yield CephCheck("", "", event.time, is_cleared=True, origin=event.origin)


_DETAIL = re.compile(r"(?:\[(?:WRN|ERR)\] )?(?P<code>[A-Z]+_[A-Z0-9_]+):? (?P<text>\S.{0,300})")


@parser(CephCheck, "sos_commands/ceph*/ceph_health_detail*", "sos_commands/ceph*/**ceph_health_detail*")
def ceph_detail(doc: Document) -> Iterator[CephCheck]:
    """`HEALTH_WARN 1 osds down`, then `[WRN] OSD_DOWN: 1 osds down`."""
    for line in doc.lines:
        found = _DETAIL.match(line[:400])
        if found and not found["code"].startswith("HEALTH_"):
            yield CephCheck(found["code"], found["text"].strip(), doc.entry.started or doc.clock.newest, origin=line.origin)
