"""PostgreSQL: what makes it keep its write-ahead log. A slot whose reader is gone keeps all of it, until the disk is full.

Nothing is asked of the server, and no data is read: the state of a slot is a file of 200 bytes, and of the log only names and sizes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from diagbundle.collect.api import File, Host, Row, Source, SourceError, Table, collector

from ._look import globbed, spelled, status

USUAL = "/var/lib/pgsql/{data,*/data} /var/lib/postgresql/{data,*/*} /var/lib/postgres/data /opt/*/pgsql/data"
"""Where distributions keep a server's data."""
FILES = """
PG_VERSION postmaster.{pid,opts} {standby,recovery}.signal recovery.conf backup_label current_logfiles postgresql.auto.conf postgresql.conf
pg_hba.conf
"""
_SEGMENT = re.compile(r"[0-9A-F]{24}")
SLOT = struct.Struct("=IIII64sIiIIQ")
"""Head of `pg_replslot/*/state`: magic, checksum, version, length; name, database, persistency, xmin, catalog_xmin, restart_lsn."""
MAGIC = 0x1051CA1
"""SLOT_MAGIC of PostgreSQL's slot.c; since 9.4, and the fields of the head have not moved since."""


@collector(title="PostgreSQL: replication slots, size and archive of its write-ahead log, settings", folder="postgresql")
def postgresql(host: Host) -> Iterator[Source]:
    """Of every server whose data lie in a usual place, or that runs."""
    yield Table("postgresql", state, timeout=30)
    for folder in data_folders(host):
        yield from (File(f"{folder}/{name}") for name in spelled(FILES))


def data_folders(host: Host) -> list[str]:
    """Folders that hold a server's data."""
    servers = [pid for pid in host.pids() if host.text(f"/proc/{pid}/comm").strip() in ("postgres", "postmaster")]
    # each of its processes works in that folder
    every = dict.fromkeys((*globbed(host, USUAL), *(host.readlink(f"/proc/{pid}/cwd") for pid in servers)))
    return [path for path in every if path and host.exists(f"{path}/PG_VERSION")]


def state(host: Host) -> Iterator[Row]:
    """A row for the log of each server, and one for each of its slots. Without `restart_lsn` a slot keeps nothing."""
    for folder in data_folders(host):
        yield {"data": folder, "version": host.text(f"{folder}/PG_VERSION").strip(), **_log(host, folder)}
        for name in host.listdir(f"{folder}/pg_replslot"):
            yield {"data": folder, "slot": name, **_slot(host, f"{folder}/pg_replslot/{name}/state")}


def _log(host: Host, folder: str) -> Row:
    """How much log there is, from which segment to which, and how many segments wait to be archived."""
    wal = next((path for path in (f"{folder}/pg_wal", f"{folder}/pg_xlog") if host.exists(path)), "")
    segments = sorted(name for name in host.listdir(wal) if _SEGMENT.fullmatch(name)) if wal else []
    first = status(host, f"{wal}/{segments[0]}") if segments else None
    size = first.st_size if first else 0
    waiting = sum(name.endswith(".ready") for name in host.listdir(f"{wal}/archive_status")) if wal else 0
    return {
        "segments": len(segments), "segment_size": size, "bytes": len(segments) * size, "oldest": segments[0] if segments else None,
        "newest": segments[-1] if segments else None, "oldest_mtime": first.st_mtime if first else None, "waiting_for_archive": waiting,
    }  # fmt: skip


def _slot(host: Host, path: str) -> Row:
    """What the server noted when the slot was last moved; its time of change is when that was."""
    found = status(host, path)
    try:
        raw = host.read(path, 4096)
    except SourceError as error:
        return {"error": str(error)}
    if len(raw) < SLOT.size or struct.unpack_from("=I", raw)[0] != MAGIC:
        return {"error": "its state has an unknown form"}
    _, _, version, _, _, database, persistency, xmin, catalog_xmin, restart = SLOT.unpack_from(raw)
    return {
        "version": version, "kind": "logical" if database else "physical", "temporary": persistency == 2, "xmin": xmin,
        "catalog_xmin": catalog_xmin, "restart_lsn": f"{restart >> 32:X}/{restart & 0xFFFFFFFF:X}" if restart else None,
        "mtime": found.st_mtime if found else None,
    }  # fmt: skip
