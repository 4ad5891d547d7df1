"""Files and blocks from elsewhere: how their servers answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Event, Line, log_parser, parser
from diagbundle.analyse.facts.disks import RemoteTrouble
from diagbundle.analyse.facts.filesystems import RemoteOps

_DEVICE = re.compile(r"^device (\S.*?) mounted on (/.*?) with fstype (nfs\d?)\b")
_OP = re.compile(r"^\s+[A-Z_0-9]+: (\d{1,18}) (\d{1,18}) (\d{1,18}) ")


@parser(RemoteOps, "proc/self/mountstats")
def mountstats(doc: Document) -> Iterator[RemoteOps]:
    """Requests and answers of each NFS mount (`xprt: tcp port binds connects … sends receives`), and timeouts of every operation."""
    head: Line | None = None
    sent = answered = timeouts = 0
    for line in [*doc.lines]:
        if line.startswith("device "):
            if head is not None:
                yield _ops(head, sent, answered, timeouts)
            head = line if _DEVICE.match(line) else None
            sent = answered = timeouts = 0
        elif head is not None and (found := re.match(r"\s+xprt:\s+(tcp|udp|rdma) ([\d ]{1,400})$", line)):
            numbers = [int(word[:18]) for word in found[2].split()]
            at = 2 if found[1] == "udp" else 5
            if len(numbers) > at + 1:
                sent, answered = sent + numbers[at], answered + numbers[at + 1]
        elif head is not None and (found := _OP.match(line)):
            timeouts += int(found[3])
    if head is not None:
        yield _ops(head, sent, answered, timeouts)


def _ops(head: Line, sent: int, answered: int, timeouts: int) -> RemoteOps:
    found = _DEVICE.match(head)
    source, point, kind = found.groups() if found else ("", "", "")
    return RemoteOps(point, source, kind, sent, answered, timeouts, origin=head.origin)


_SILENT = (
    (re.compile(r"(?i)\b(nfs|lockd|nlm)\w*: server (?P<server>\S+?),? not responding"), "NFS"),
    (re.compile(r"CIFS:? ?(?:VFS)?:? .*?(?:Server |\\\\)(?P<server>[\w.:-]+)\S* has not responded in \d+ seconds"), "SMB"),
    (re.compile(r"^\s*session(?P<server>\d+): session recovery timed out"), "iSCSI session"),
    (re.compile(r"^\s*connection(?P<server>\d+):\d+: (?:detected conn error|ping timeout of)"), "iSCSI session"),
    (re.compile(r"(?P<server>rport-\d+:\d+-\d+): +blocked FC remote port time out"), "Fibre Channel port"),
    (
        re.compile(
            r"^libceph: (?P<server>(?:mon|osd|mds)\d+)\b.* (?:session lost"
            r"|connect error|socket error|down$|socket closed \(con state (?!OPEN))"
        ),
        "Ceph",
    ),
    (re.compile(r"^ceph: .*(?P<server>mds\d+) (?:hung|caps stale)"), "Ceph"),
)
_BACK = (
    (re.compile(r"(?i)\b(nfs|lockd|nlm)\w*: server (?P<server>\S+?),? OK\b"), "NFS"),
    (re.compile(r"^ceph: .*(?P<server>mds\d+) (?:came back|recovery completed|reconnect success)"), "Ceph"),
    (re.compile(r"^libceph: (?P<server>(?:mon|osd)\d+)\b.* (?:session established|up)\b"), "Ceph"),
    (re.compile(r"connection(?P<server>\d+):\d+ is operational after recovery"), "iSCSI session"),
)


@log_parser(
    RemoteTrouble, "not responding", ": server ", "has not responded in", "session recovery timed out", "detected conn error",
    "ping timeout of", "blocked fc remote port", "libceph: ", "ceph: mds", "operational after recovery",
)  # fmt: skip
def remote_trouble(event: Event) -> Iterator[RemoteTrouble]:
    """The kernel's word that a server is silent, and that it is back (iscsid says the latter)."""
    if event.acknowledged or not (event.is_kernel or event.facility == "iscsid"):
        return
    for kind, patterns in (("silent", _SILENT), ("back", _BACK)):
        for pattern, protocol in patterns:
            if found := pattern.search(event.text):
                yield RemoteTrouble(kind, found["server"].strip("\\"), event.text, event.time, protocol, origin=event.origin)
                return
