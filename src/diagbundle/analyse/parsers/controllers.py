"""RAID controllers by their own tools, and replicated devices."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, parser
from diagbundle.analyse.facts.disks import HardRaid

_VOLUME = re.compile(r"^\s*(\d+/\d+)\s+(RAID\d+|R\d+)\s+(\w+)\s")
_DISK = re.compile(r"^\s*(\d*:\d+)\s+\d+\s+(\w+)\s+(?:\d+|-)\s")
_VOLUMES = {"Dgrd": "degraded", "Pdgd": "partially degraded", "OfLn": "offline", "Rec": "recovering"}
_DISKS = {"Offln": "offline", "UBad": "unconfigured and bad", "Failed": "failed", "Msng": "missing", "UBUnsp": "unconfigured and bad"}
_SMART_ARRAY = re.compile(r"^\s*(logicaldrive|physicaldrive) (\S+) \((.*)\)\s*$", re.IGNORECASE)
_STATUS = re.compile(r"^\s*Status of Logical Device\s*:\s*(\S.*)|^\s*Logical Device [Nn]umber (\d+)")
_DRBD = re.compile(r"^\s*(\d+): cs:(\w+) ro:(\S+) ds:(\w+)/(\w+)")


@parser(HardRaid, "sos_commands/megaraid/*")
def megaraid(doc: Document) -> Iterator[HardRaid]:
    """`storcli /cALL show all`: ` 0/0   RAID1 Dgrd  RW …` and ` 252:1    9 Failed  0 …`."""
    for line in doc.lines:
        if found := _VOLUME.match(line):
            yield HardRaid(f"volume {found[1]}", _VOLUMES.get(found[3], found[3]), "volume", found[3] not in _VOLUMES, origin=line.origin)
        elif found := _DISK.match(line):
            yield HardRaid(f"disk {found[1]}", _DISKS.get(found[2], found[2]), "disk", found[2] not in _DISKS, origin=line.origin)


@parser(HardRaid, "sos_commands/hpssa/*", "sos_commands/sar/hpssacli*")
def smart_array(doc: Document) -> Iterator[HardRaid]:
    """`ssacli ctrl all show config`: `logicaldrive 1 (279.4 GB, RAID 1, Interim Recovery Mode)`."""
    for line in doc.lines:
        if found := _SMART_ARRAY.match(line):
            state = found[3].rpartition(",")[2].strip()
            is_whole = not re.search(r"(?i)fail|recover|rebuild|degraded|offline|missing|erased", found[3])
            yield HardRaid(f"{found[1].lower()} {found[2]}", state, found[1].lower().replace("drive", ""), is_whole, origin=line.origin)


@parser(HardRaid, "sos_commands/arcconf/*")
def adaptec(doc: Document) -> Iterator[HardRaid]:
    """`arcconf getconfig`: `Status of Logical Device : Degraded`."""
    name = "logical device"
    for line in doc.lines:
        if found := _STATUS.match(line):
            if found[2]:
                name = f"logical device {found[2]}"
            else:
                yield HardRaid(name, found[1].strip(), "volume", found[1].strip().lower() == "optimal", origin=line.origin)


@parser(HardRaid, "proc/drbd")
def drbd(doc: Document) -> Iterator[HardRaid]:
    """` 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----`."""
    for line in doc.lines:
        if found := _DRBD.match(line):
            syncs, sides = found[2].startswith("Sync"), {found[4], found[5]}
            is_whole = syncs or (
                found[2] in ("Connected", "VerifyS", "VerifyT") and sides <= {"UpToDate", "Diskless"} and found[4] == "UpToDate"
            )
            yield HardRaid(f"DRBD device {found[1]}", f"{found[2]}, {found[4]}/{found[5]}", "replica", is_whole, origin=line.origin)
