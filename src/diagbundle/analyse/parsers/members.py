"""What programs that run on several hosts say of their members: what is lost, and what is back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.members import MemberWord

LONGEST = 1000
"""Characters of a line that are looked at."""


@dataclass(frozen=True)
class Speaker:
    """How one product says that it lost something, and that it is back."""

    product: str
    loss: str
    """A clause with `{what}`."""
    lost: re.Pattern[str]
    back: re.Pattern[str]
    is_grave: bool = False
    is_kernel: bool = False


_SPEAKERS = (
    Speaker(
        "Galera", "left the part of the cluster that may work (non-primary) and refuses all queries",
        re.compile(r"WSREP: .{0,80}(?:Received NON-PRIMARY|no nodes coming from prim view|failed to open gcomm backend connection)"),
        re.compile(r"WSREP: .{0,80}(?:Synchronized with group|Shifting \w+ -> SYNCED|SELF-LEAVE)"), is_grave=True,
    ),
    Speaker(
        "RabbitMQ", "lost the node {what}",
        re.compile(r"rabbit on node '?(?P<what>\w+@[\w.-]+)'? down"), re.compile(r"rabbit on node '?(?P<what>\w+@[\w.-]+)'? up"),
    ),
    Speaker(
        "RabbitMQ's client", "cannot reach the message queue {what}",
        re.compile(r"AMQP server on (?P<what>\S+?:\d+) is unreachable"), re.compile(r"Reconnected to AMQP server on (?P<what>\S+?:\d+)"),
    ),
    Speaker(
        "keepalived", "holds {what} for faulty and gives its addresses away",
        re.compile(r"\((?P<what>[^()\s]+)\) (?:Entering|Now in) FAULT (?i:state)"),
        re.compile(r"\((?P<what>[^()\s]+)\) Entering (?:MASTER|BACKUP) STATE"),
    ),
    Speaker(
        "Gluster", "lost the quorum of the volume {what} and stopped its bricks",
        re.compile(r"Server quorum lost for volume (?P<what>[\w-]+)"), re.compile(r"Server quorum regained for volume (?P<what>[\w-]+)"),
        is_grave=True,
    ),
    Speaker(
        "Gluster", "may not write to {what}: too few of its copies are to be reached",
        re.compile(r"\d-(?P<what>[\w-]+): Client-quorum is not met"),
        re.compile(r"\d-(?P<what>[\w-]+): Client-quorum is met"), is_grave=True,
    ),
    Speaker(
        "Open vSwitch", "lost the tunnel {what} (BFD)",
        re.compile(r"(?P<what>[\w.:-]+): BFD state change: up->down"), re.compile(r"(?P<what>[\w.:-]+): BFD state change: \w+->up\b"),
    ),
    Speaker(
        "Proxmox", "lost its lock {what}, and the watchdog will restart this host",
        re.compile(r"lost lock '(?P<what>ha_[\w-]+lock)"), re.compile(r"successfully acquired lock '(?P<what>ha_[\w-]+lock)"),
    ),
    Speaker(
        "Consul or Nomad", "has no leader",
        re.compile(r"\bNo cluster leader\b|cluster leadership lost"),
        re.compile(r"[Nn]ew leader elected|cluster leadership acquired"), is_grave=True,
    ),
    Speaker(
        "Redis Sentinel", "holds the master {what} for dead",
        re.compile(r"\+odown master (?P<what>\S+)"), re.compile(r"(?:-odown master|\+switch-master) (?P<what>\S+)"), is_grave=True,
    ),
    Speaker(
        "Redis Cluster", "does not serve any more: slots are not covered",
        re.compile(r"Cluster state changed: fail\b"), re.compile(r"Cluster state changed: ok\b"), is_grave=True,
    ),
    Speaker(
        "Redis", "lost the connection to its master",
        re.compile(r"Connection with master lost|Error condition on socket for SYNC"),
        re.compile(r"(?:MASTER <-> (?:REPLICA|SLAVE) sync: Finished with success|Successful partial resynchronization with master)"),
    ),
    Speaker(
        "Elasticsearch or OpenSearch", "finds no master",
        re.compile(r"master not discovered (?:or elected )?yet"),
        re.compile(r"elected-as-master|master node changed \{previous \[.{0,400}?current \[\{"),
        is_grave=True,
    ),
    Speaker(
        "DRBD", "lost the quorum of {what}",
        re.compile(r"^drbd (?P<what>[\w.-]+).{0,60}\bquorum\( yes -> no \)"),
        re.compile(r"^drbd (?P<what>[\w.-]+).{0,60}\bquorum\( no -> yes \)"),
        is_grave=True, is_kernel=True,
    ),
    Speaker(
        "DRBD", "lost the connection of {what}",
        re.compile(r"^drbd (?P<what>[\w.-]+(?: [\w.-]+)?): .{0,80}\bconn\( Connected -> (?!Disconnecting|TearDown)\w+ \)"),
        re.compile(r"^drbd (?P<what>[\w.-]+(?: [\w.-]+)?): .{0,80}\bconn\( \w+ -> (?:Connected|Disconnecting) \)"), is_kernel=True,
    ),
)  # fmt: skip


@log_parser(
    MemberWord, "received non-primary", "no nodes coming from prim view", "gcomm backend connection", "synchronized with group",
    "-> synced", "self-leave", "rabbit on node", "amqp server on", " fault state", "entering master state",
    "entering backup state", "server quorum ",
    "client-quorum is", "bfd state change", "lost lock '", "successfully acquired lock", "no cluster leader",
    "cluster leadership", "new leader elected", "odown master", "+switch-master", "cluster state changed: ", "connection with master lost",
    "socket for sync", "sync: finished with success", "partial resynchronization with master", "master not discovered", "elected-as-master",
    "master node changed", "quorum( ", "conn( ",
)  # fmt: skip
def member_words(event: Event) -> Iterator[MemberWord]:
    """What DRBD says, only the kernel says."""
    text = event.text[:LONGEST]
    if event.acknowledged:
        return
    for each in _SPEAKERS:
        if each.is_kernel != event.is_kernel:
            continue
        lost = each.lost.search(text)
        if found := lost or each.back.search(text):
            what = found.groupdict().get("what") or ""
            yield MemberWord(
                each.product, what, each.loss.format(what=what), lost is None, each.is_grave, text.strip(), event.time, origin=event.origin
            )
            return
