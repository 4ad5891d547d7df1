"""PostgreSQL: its log and its slots, read from the files of the server and from nobody's answer."""

import struct

import pytest
from network_hosts import host_of, process, tables

from diagbundle.collectors import postgresql as subject

DATA = "/srv/db/data"
NAMES = ["000000010000000000000001", "000000010000000000000002", "0000000100000000000000FF"]


def slot(name=b"cdc", database=5, restart=0x1_2A00_0060, magic=0x1051CA1):
    """A state file as slot.c writes it: 200 bytes, of which we know the head."""
    head = struct.pack("=IIII64sIiIIQ", magic, 0, 2, 184, name, database, 0, 0, 724, restart)
    return head.ljust(200, b"\0")


def server(root, state=None, **files):
    """A host on which a server works in DATA, with one slot."""
    comm, _ = process(40, "postgres")
    host = host_of(root, comm | {f"{DATA}/PG_VERSION": "15\n"} | files, links={"/proc/40/cwd": DATA})
    if state is not None:
        (root / DATA[1:] / "pg_replslot/cdc").mkdir(parents=True)
        (root / DATA[1:] / "pg_replslot/cdc/state").write_bytes(state)
    return host


def test_a_server_is_found_by_where_it_works(tmp_path):
    assert subject.data_folders(server(tmp_path)) == [DATA]


def test_folders_without_a_version_are_none(tmp_path):
    assert subject.data_folders(host_of(tmp_path, {"/var/lib/postgresql/15/main/base": "", "/var/lib/pgsql/data/PG_VERSION": "13"})) == [
        "/var/lib/pgsql/data"
    ]


def test_the_log_is_measured_by_its_names(tmp_path):
    host = server(
        tmp_path, **{f"{DATA}/pg_wal/{name}": "x" * 10 for name in NAMES}, **{f"{DATA}/pg_wal/archive_status/{NAMES[0]}.ready": ""}
    )
    (row,) = subject.state(host)
    assert (row["segments"], row["bytes"], row["oldest"], row["newest"]) == (3, 30, NAMES[0], NAMES[2])
    assert row["waiting_for_archive"] == 1


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (slot(), {"kind": "logical", "restart_lsn": "1/2A000060", "catalog_xmin": 724}),
        (slot(database=0), {"kind": "physical"}),
        (slot(restart=0), {"restart_lsn": None}),
        (slot(magic=1), {"error": "its state has an unknown form"}),
        (b"short", {"error": "its state has an unknown form"}),
    ],
)
def test_a_slot_tells_from_where_it_keeps_the_log(tmp_path, state, expected):
    row = list(subject.state(server(tmp_path, state)))[1]
    assert row["slot"] == "cdc"
    assert {name: row.get(name) for name in expected} == expected


def test_nothing_is_asked_where_there_is_no_server(tmp_path):
    host = host_of(tmp_path)
    sources = list(subject.postgresql.sources(host))
    assert list(tables(sources)) == ["postgresql"]
    assert len(sources) == 1
