"""Clusters as their own tools show them: pcs, crm_mon, corosync, rabbitmqctl, gluster, drbdadm, OVN, Ceph."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Line, parser
from diagbundle.analyse.facts.clusters import CephCheck
from diagbundle.analyse.facts.members import BAD, GRAVE, SOUND, MemberState

LONGEST = 400
"""Characters of a line that are looked at."""
PACEMAKER, COROSYNC, RABBIT, GLUSTER, DRBD, OVN = "Pacemaker", "corosync", "RabbitMQ", "Gluster", "DRBD", "OVN's database"
_DC = re.compile(r"^[\s*]*Current DC: .*\bpartition (?P<how>WITHOUT|with) quorum")
_NODES = re.compile(r"^[\s*]*(?P<state>OFFLINE|RemoteOFFLINE): \[ (?P<names>.+?) \]")
_NODE = re.compile(r"^[\s*]*Node (?:List: )?(?P<name>[\w.-]+)(?: \(\d+\))?: (?P<state>UNCLEAN \(\w+\)|OFFLINE|pending\b)")
_RESOURCE = re.compile(r"^[\s*]*(?P<name>[\w.-]+)\s+\((?:ocf|systemd|stonith|lsb|service|upstart):[\w:.-]*\):\s*(?P<state>.+)$")
_GIVEN_UP = re.compile(
    r"^[\s*]*(?P<name>[\w.-]+): migration-threshold=\S+ fail-count=(?:1000000|INFINITY)|^[\s*]*(?P<started>[\w.-]+)_start_0 on \S+ '"
)


@parser(MemberState, "sos_commands/pacemaker/pcs_status*", "sos_commands/pacemaker/crm_mon*", "sos_commands/cluster/crm_mon*")
def pacemaker(doc: Document) -> Iterator[MemberState]:
    """`Online: [ a b ]`, `OFFLINE: [ c ]`, `Node c: UNCLEAN (offline)`, ` vip (ocf::heartbeat:IPaddr2): Stopped`."""
    stopped: dict[str, Line] = {}
    tool = "pcs status" if "pcs_status" in doc.path else "crm_mon -1"
    for line in doc.lines:
        text = line[:LONGEST]
        if found := _DC.match(text):
            how = SOUND if found["how"] == "with" else GRAVE
            yield MemberState(tool, PACEMAKER, "this side of the cluster", "has no quorum", how, origin=line.origin)
        elif found := _NODES.match(text):
            for name in re.findall(r"(?<![\w(])[A-Za-z][\w.-]*", found["names"]):
                yield MemberState(tool, PACEMAKER, f"node {name}", "is offline", BAD, origin=line.origin)
        elif found := _NODE.match(text):
            how = GRAVE if found["state"].startswith("UNCLEAN") else BAD
            yield MemberState(tool, PACEMAKER, f"node {found['name']}", f"is {found['state']}", how, origin=line.origin)
        elif found := _RESOURCE.match(text):
            if found["state"].startswith("Stopped") and "disabled" not in found["state"]:
                stopped[found["name"]] = line
            if re.search(r"\bFAILED\b|\(blocked\)", found["state"]):
                yield MemberState(tool, PACEMAKER, f"resource {found['name']}", f"is {found['state'].strip()}", BAD, origin=line.origin)
        elif (found := _GIVEN_UP.match(text)) and (at := stopped.pop(found["name"] or found["started"], None)) is not None:
            name = found["name"] or found["started"]
            yield MemberState(tool, PACEMAKER, f"resource {name}", "is stopped, it could not be started", BAD, origin=at.origin)


@parser(MemberState, "sos_commands/corosync/*quorumtool*", "sos_commands/corosync/*cfgtool*")
def corosync(doc: Document) -> Iterator[MemberState]:
    """`Quorate:          No`; `nodeid:  2:  disconnected`; `status = Marking ringid 0 interface 10.0.0.1 FAULTY`."""
    for line in doc.lines:
        text = line[:LONGEST]
        if found := re.match(r"^\s*Quorate:\s+(Yes|No)\b", text):
            how = SOUND if found[1] == "Yes" else GRAVE
            yield MemberState("corosync-quorumtool", COROSYNC, "this side of the cluster", "has no quorum", how, origin=line.origin)
        elif found := re.match(r"^\s*nodeid:?\s+(\d+):?\s+(connected|disconnected|localhost)\b", text):
            how = BAD if found[2] == "disconnected" else SOUND
            yield MemberState("corosync-cfgtool -s", COROSYNC, f"node {found[1]}", "has no link to this one", how, origin=line.origin)
        elif found := re.match(r"^\s*status\s*=\s*(?:Marking )?ring(?:id)? (\d+).*?\b(FAULTY|no faults)\b", text):
            yield MemberState(
                "corosync-cfgtool -s", COROSYNC, f"ring {found[1]}", "is faulty", BAD if found[2] == "FAULTY" else SOUND, origin=line.origin
            )


_PARTED = re.compile(r"^Node (?P<name>\S+@\S+) cannot communicate with (?P<other>.+)|\{partitions,\s*$|\{partitions,\[\{")


@parser(MemberState, "sos_commands/rabbitmq/*cluster_status*", "sos_commands/rabbitmq/*report*")
def rabbitmq(doc: Document) -> Iterator[MemberState]:
    """`Node rabbit@a cannot communicate with rabbit@b`; in the old form `{partitions,[{rabbit@a,[rabbit@b]}]}`."""
    for number, line in enumerate(doc.lines):
        found = _PARTED.search(line[:LONGEST])
        after = doc.lines[number + 1].strip() if number + 1 < len(doc.lines) else ""
        if found and (found["name"] or not line.rstrip().endswith("{partitions,") or after.startswith("[{")):
            who = f"does not see {found['other'].strip()}" if found["name"] else "does not see all others"
            name = found["name"] or "a node"
            yield MemberState("rabbitmqctl cluster_status", RABBIT, name, f"{who} (a partition)", GRAVE, origin=line.origin)
        elif line.startswith("Cluster status of node"):
            yield MemberState("rabbitmqctl cluster_status", RABBIT, "this node", "answers", origin=line.origin)


@parser(MemberState, "sos_commands/gluster/*peer_status*", "sos_commands/gluster/*volume_status*", "sos_commands/gluster/*heal*info*")
def gluster(doc: Document) -> Iterator[MemberState]:
    """`State: Peer in Cluster (Disconnected)`, `Brick h1:/b  N/A  N/A  N  N/A`, `Number of entries in split-brain: 3`."""
    name = ""
    for line in doc.lines:
        text = line[:LONGEST]
        if found := re.match(r"^(?:Hostname: |Brick )(?P<name>\S+)$", text.rstrip()):
            name = found["name"]
        elif found := re.match(r"^State: .*\((Connected|Disconnected)\)", text):
            how = SOUND if found[1] == "Connected" else BAD
            yield MemberState("gluster peer status", GLUSTER, f"host {name}", "is not connected", how, origin=line.origin)
        elif found := re.match(r"^Brick (?P<name>\S+:/\S*)\s+(?:\S+\s+){1,2}(?P<is>[YN])\s+(?:\d+|N/A)\s*$", text):
            how = SOUND if found["is"] == "Y" else BAD
            yield MemberState("gluster volume status", GLUSTER, f"brick {found['name']}", "does not run", how, origin=line.origin)
        elif (found := re.match(r"^Number of entries in split-brain: (\d{1,12})\s*$", text)) and int(found[1]):
            state = f"has {int(found[1]):,} files whose copies differ (split-brain)"
            yield MemberState("gluster volume heal VOLUME info", GLUSTER, name or "a volume", state, GRAVE, origin=line.origin)


_DRBD = re.compile(r"^(?P<name>[\w.-]+) role:")
_DRBD_PEER = re.compile(r"^\s+(?P<name>[\w.-]+) (?:role|connection):")
_DRBD_BAD = re.compile(
    r"\b(?:(?P<key>disk|peer-disk):(?P<disk>Failed|Inconsistent|Outdated|DUnknown|Detaching)|connection:(?P<link>StandAlone|Connecting|\w*Fail\w*|Timeout)"
    r"|quorum:(?P<no>no))\b"
)


@parser(MemberState, "sos_commands/drbd/*status*")
def drbd(doc: Document) -> Iterator[MemberState]:
    """`r0 role:Primary`, `  disk:UpToDate`, `  db2 connection:Connecting`; while a copy is on its way, it may be inconsistent."""
    name, syncs = "", "replication:Sync" in doc.text
    for line in doc.lines:
        text = line[:LONGEST]
        if found := _DRBD.match(text):
            name = found["name"]
            yield MemberState("drbdadm status", DRBD, name, "is there", origin=line.origin)
        peer = found_peer["name"] if (found_peer := _DRBD_PEER.match(text)) else ""
        for bad in _DRBD_BAD.finditer(text) if name else ():
            state = "has no quorum" if bad["no"] else f"is {bad['link'] or bad['disk']}"
            what = f"{name} ({bad['key'] or 'connection to ' + (peer or 'the other host')})" if not bad["no"] else name
            if not (syncs and bad["disk"] == "Inconsistent"):
                yield MemberState("drbdadm status", DRBD, what, state, GRAVE if bad["no"] else BAD, origin=line.origin)


@parser(MemberState, "sos_commands/**cluster.status*", "sos_commands/**cluster_status_OVN*")
def ovn(doc: Document) -> Iterator[MemberState]:
    """Raft of OVN: `Name: OVN_Southbound`, `Status: cluster member`, `Leader: self` or `unknown`."""
    name = "the database"
    for line in doc.lines:
        key, _, value = line[:LONGEST].partition(": ")
        if key == "Name" and value.startswith("OVN_"):
            name = value.strip()
        elif key == "Leader" and name.startswith("OVN_"):
            how = GRAVE if value.strip() == "unknown" else SOUND
            yield MemberState("ovs-appctl cluster/status", OVN, name, "has no leader", how, origin=line.origin)
        elif key == "Status" and name.startswith("OVN_") and "disconnected" in value:
            yield MemberState("ovs-appctl cluster/status", OVN, name, "is cut off from its cluster", GRAVE, origin=line.origin)


@parser(CephCheck, "sos_commands/ceph*/*ceph_-s*json*", "sos_commands/ceph*/*ceph_status*json*", "sos_commands/ceph*/json_output/*ceph_s*")
def ceph_status(doc: Document) -> Iterator[CephCheck]:
    """`{"health": {"status": …, "checks": {"OSD_DOWN": {"severity": …, "summary": {"message": …}}}}}`."""
    if not doc.text.lstrip().startswith("{"):
        return
    whole = doc.json()
    health = whole.get("health")
    checks = health.get("checks") if isinstance(health, dict) else None
    for code, check in (checks if isinstance(checks, dict) else {}).items():
        summary = check.get("summary") if isinstance(check, dict) else None
        if isinstance(summary, dict) and not check.get("muted") and re.fullmatch(r"[A-Z][A-Z0-9_]{2,60}", code):
            text = str(summary.get("message") or code)[:LONGEST]
            yield CephCheck(code, text, doc.entry.started or doc.clock.newest, origin=doc.origin())
