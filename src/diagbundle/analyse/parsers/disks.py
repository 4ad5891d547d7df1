"""Counters of disks, their states, and what they say of their own health."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from diagbundle.analyse.api import Document, parser
from diagbundle.analyse.facts.disks import DiskCounters, DiskState, ErrorCounter, Smart

_LEAST = 14
"""Columns of /proc/diskstats of all kernels since 2.6; 4.18 added discards, 5.5 flushes."""


@parser(DiskCounters, "proc/diskstats")
def diskstats(doc: Document) -> Iterator[DiskCounters]:
    """One line for each disk and partition."""
    for line, words in doc.words():
        if len(words) < _LEAST or not all(word.isdecimal() and len(word) < 21 for word in (*words[:2], *words[3:])):
            continue
        n = [int(word) for word in words[3:]] + [0] * 8
        yield DiskCounters(
            words[2],
            f"{words[0]}:{words[1]}",
            n[0],
            n[3],
            n[2],
            n[4],
            n[7],
            n[6],
            n[8],
            n[9],
            n[11] + n[15] if len(words) > _LEAST else 0,
            origin=line.origin,
        )


@parser(DiskState, "sys/block/*/device/state")
def disk_state(doc: Document) -> Iterator[DiskState]:
    """`running`, `offline`, `blocked`, of NVMe `live`."""
    yield DiskState(doc.path.split("/")[2], doc.text.strip(), origin=doc.origin(1, doc.text.strip()))


@parser(DiskState, "sys/class/nvme/nvme*/state")
def controller_state(doc: Document) -> Iterator[DiskState]:
    """`live`, `resetting`, `connecting`, `dead`."""
    yield DiskState(doc.path.split("/")[3], doc.text.strip(), "NVMe controller", origin=doc.origin(1, doc.text.strip()))


@parser(DiskState, "sys/class/iscsi_session/*/state")
def session_state(doc: Document) -> Iterator[DiskState]:
    """`LOGGED_IN`, `FAILED`, `FREE`."""
    yield DiskState(doc.path.split("/")[3], doc.text.strip(), "iSCSI session", origin=doc.origin(1, doc.text.strip()))


@parser(ErrorCounter, "sys/block/*/device/ioerr_cnt", "sys/block/*/device/iotmo_cnt")
def error_counters(doc: Document) -> Iterator[ErrorCounter]:
    """Hexadecimal; some drives count what was no error (a question that they do not know)."""
    _, _, name, _, what = doc.path.split("/")
    text = doc.text.strip()
    if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", text):
        yield ErrorCounter(name, {"ioerr_cnt": "failed requests", "iotmo_cnt": "timeouts"}[what], int(text, 16), origin=doc.origin(1, text))


# -- SMART


@parser(Smart, "sos_commands/ata/smartctl_-j*", "sos_commands/**/smartctl*json*", "sos_commands/**/smartctl*_-j_*")
def smart_json(doc: Document) -> Iterator[Smart]:
    """`smartctl -j`, ATA, SCSI and NVMe alike."""
    if not doc.text.lstrip().startswith("{"):
        return
    told = doc.json()
    status, device, nvme = _table(told, "smart_status"), _table(told, "device"), _table(told, "nvme_smart_health_information_log")
    rows = [row for row in _table(told, "ata_smart_attributes").get("table") or () if isinstance(row, dict)]
    raw = {_whole(row.get("id")): _whole(_table(row, "raw").get("value")) for row in rows}
    failing = tuple(str(row.get("name")) for row in rows if row.get("when_failed") == "now")
    if status.get("passed") is None and not rows and not nvme:
        return
    passed = status.get("passed")
    yield Smart(
        str(device.get("name") or doc.path.rpartition("_")[2]),
        passed if isinstance(passed, bool) else None,
        str(told.get("model_name") or told.get("scsi_model_name") or ""),
        _whole(nvme.get("critical_warning")),
        nvme.get("percentage_used") if isinstance(nvme.get("percentage_used"), int) else None,
        _maybe(nvme.get("available_spare")),
        _maybe(nvme.get("available_spare_threshold")),
        _whole(nvme.get("media_errors")),
        raw.get(197, 0) & 0xFFFFFF,
        raw.get(5, 0) & 0xFFFFFF,
        raw.get(198, 0) & 0xFFFFFF,
        failing,
        origin=_cited(doc, passed),
    )


def _table(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _maybe(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _cited(doc: Document, passed: Any) -> Any:
    """The line that says how it stands."""
    wanted = '"passed"' if passed is False else '"critical_warning"'
    return next((line.origin for line in doc.lines if wanted in line), doc.origin(0, "what the disk says of itself"))


_HEALTH = re.compile(r"(?:overall-health self-assessment test result|SMART Health Status): *(\S.*)")
_ATTRIBUTE = re.compile(
    r"^\s*(?P<id>\d{1,3}) (?P<name>[\w-]+)\s+0x[0-9a-f]{4}\s+\d+\s+\d+\s+[\d-]+\s+\S+\s+\S+\s+(?P<when>\S+)\s+(?P<raw>\d+)"
    r"|^\s*(?P<id2>\d{1,3}) (?P<name2>[\w-]+)\s+[-A-Z+]{6}\s+\d+\s+\d+\s+[\d-]+\s+(?P<when2>\S+)\s+(?P<raw2>\d+)"
)
_NVME = re.compile(
    r"(?i)^(critical.warning|available.spare(?:.threshold)?|percentage.used"
    r"|media(?: and data integrity)?.errors)\s*:\s*(0x[0-9a-f]{1,8}|[\d,]{1,20})"
)


@parser(Smart, "sos_commands/**/smartctl*-a*", "sos_commands/**/smartctl*-x*", "sos_commands/nvme/nvme_smart-log*")
def smart_text(doc: Document) -> Iterator[Smart]:
    """`smartctl -a` or `nvme smart-log` as text."""
    if doc.text.lstrip().startswith("{"):
        return
    device = "/dev/" + (re.split(r"\.dev\.|_", doc.path)[-1] or "disk")
    passed: bool | None = None
    model, failing, raw, nvme, bad = "", [], dict[int, int](), dict[str, int](), []
    for line in doc.lines:
        if found := _HEALTH.search(line):
            passed = found[1].strip().upper().startswith(("PASSED", "OK"))
            bad.append(line) if not passed else None
        elif found := _ATTRIBUTE.match(line):
            number, name, when = found["id"] or found["id2"], found["name"] or found["name2"], found["when"] or found["when2"]
            raw[int(number)] = int((found["raw"] or found["raw2"])[:15]) & 0xFFFFFF
            if when in ("FAILING_NOW", "NOW"):
                failing.append(name)
            if (int(number) in (197, 198) and raw[int(number)]) or when in ("FAILING_NOW", "NOW"):
                bad.append(line)
        elif found := _NVME.match(line):
            key = re.sub(r"\W+|and data integrity", "_", found[1].lower()).replace("___", "_")
            nvme.setdefault(key, int(found[2].replace(",", ""), 16 if found[2].startswith("0x") else 10))
            bad.append(line) if key == "critical_warning" and nvme[key] else None
        elif found := re.match(r"(?:Device Model|Model Number|Product): *(\S.*)", line):
            model = found[1].strip()
    if passed is None and not raw and not nvme:
        return
    media = next((nvme[key] for key in nvme if key.startswith("media")), 0)
    yield Smart(
        device,
        passed,
        model,
        nvme.get("critical_warning", 0),
        nvme.get("percentage_used"),
        nvme.get("available_spare"),
        nvme.get("available_spare_threshold"),
        media,
        raw.get(197, 0),
        raw.get(5, 0),
        raw.get(198, 0),
        tuple(failing),
        origin=(bad[0].origin if bad else doc.origin(0, "what the disk says of itself")),
    )
