"""Login records of both layouts, and the sparse file of last logins."""

import bz2
import gzip
import lzma
import os
import socket
import struct
import time

import pytest

from diagbundle.collectors import users as module
from diagbundle.host import Host

NOW = 1_795_000_000


def record(layout, kind, user, host="", *, line="pts/0", address=b"", when=NOW, pid=321):  # noqa: PLR0913  # what differs from case to case
    return layout.record.pack(kind, pid, line.encode(), b"ts/0", user.encode(), host.encode(), 1, 2, 77, when, 500_000, address, b"")


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "var/log").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n")
    return tmp_path


@pytest.mark.parametrize(("layout", "record_size", "lastlog_size"), [(module.SHORT, 384, 292), (module.LONG, 400, 296)])
def test_sizes(layout, record_size, lastlog_size):
    assert (layout.record.size, layout.lastlog.size) == (record_size, lastlog_size)


@pytest.mark.parametrize("layout", [module.SHORT, module.LONG], ids=["384", "400"])
@pytest.mark.parametrize("count", [1, 2, 24, 25, 100])
def test_logins_of_both_layouts(tree, layout, count):
    v6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    data = record(layout, 2, "reboot", "5.14.0-427.el9", line="~")
    data += b"".join(
        record(layout, 7, "ada", "client", address=v6 if number % 2 else bytes([192, 0, 2, 9]), when=NOW + number)
        for number in range(count)
    )
    (tree / "var/log/wtmp").write_bytes(data)
    rows = list(module.logins("/var/log/wtmp")(Host(root=str(tree))))
    assert len(rows) == count + 1
    assert (rows[0]["type"], rows[0]["user"], rows[0]["host"], rows[0]["address"]) == ("boot", "reboot", "5.14.0-427.el9", "")
    assert (rows[1]["address"], rows[-1]["time"]) == ("192.0.2.9", NOW + count - 1 + 0.5)
    assert (rows[1]["line"], rows[1]["pid"], rows[1]["session"], rows[1]["exit"]) == ("pts/0", 321, 77, [1, 2])
    if count > 1:
        assert rows[2]["address"] == "2001:db8::7"


def test_half_a_record_and_no_record(tree):
    (tree / "var/log/wtmp").write_bytes(record(module.SHORT, 7, "ada") + b"half")
    assert len(list(module.logins("/var/log/wtmp")(Host(root=str(tree))))) == 1
    (tree / "var/log/wtmp").write_bytes(b"")
    assert list(module.logins("/var/log/wtmp")(Host(root=str(tree)))) == []


def test_only_the_last_records_of_many(tree, monkeypatch):
    monkeypatch.setattr(module, "MAX_RECORDS", 10)
    (tree / "var/log/wtmp").write_bytes(b"".join(record(module.SHORT, 7, "ada", when=NOW + number) for number in range(25)))
    rows = list(module.logins("/var/log/wtmp")(Host(root=str(tree))))
    assert rows[0] == {"type": "omitted", "records": 15}
    assert len(rows) == 11
    assert rows[-1]["time"] == NOW + 24.5


def test_a_name_that_no_user_has_may_be_a_password(tree):
    (tree / "var/log/btmp").write_bytes(record(module.SHORT, 6, "ada") + record(module.SHORT, 6, "typed-into-the-wrong-field"))
    rows = list(module.logins("/var/log/btmp", known_only=True)(Host(root=str(tree))))
    assert [row["user"] for row in rows] == ["ada", "(no such user)"]
    (table,) = [source for source in module.users.sources(Host(root=str(tree))) if getattr(source, "name", "") == "btmp"]
    assert "typed" not in str(list(table.rows(Host(root=str(tree)))))


@pytest.mark.parametrize(
    ("name", "pack", "table"),
    [
        ("wtmp.1", bytes, "wtmp.1"), ("wtmp-20261101", bytes, "wtmp-20261101"), ("wtmp.2.gz", gzip.compress, "wtmp.2"),
        ("btmp.1", bytes, "btmp.1"), ("btmp-20261101.xz", lzma.compress, "btmp-20261101"), ("wtmp.3.bz2", bz2.compress, "wtmp.3"),
    ],
)  # fmt: skip
def test_rotated_login_records_are_tables_too(tree, name, pack, table):
    (tree / "var/log" / name).write_bytes(pack(record(module.SHORT, 6, "ada") + record(module.SHORT, 6, "typed-into-the-wrong-field")))
    (tree / "var/log/wtmp.db").write_bytes(b"SQLite format 3")
    on = Host(root=str(tree))
    (found,) = module.rotated(on)
    assert found.name == table
    hidden = "(no such user)" if name.startswith("btmp") else "typed-into-the-wrong-field"
    assert [row["user"] for row in found.rows(on)] == ["ada", hidden]
    assert table in [getattr(source, "name", "") for source in module.users.sources(on)]


def test_packed_login_records_that_are_damaged_say_so(tree):
    (tree / "var/log/wtmp.2.gz").write_bytes(gzip.compress(record(module.SHORT, 7, "ada"))[:5] + b"damage of the disk")
    with pytest.raises(ValueError, match="cannot be unpacked"):
        list(module.logins("/var/log/wtmp.2.gz")(Host(root=str(tree))))


@pytest.mark.parametrize("uid", [0, 1000, 4_000_000, 3_700_000_000])
def test_last_logins_of_a_sparse_file_cost_nothing(tree, uid):
    entry = module.SHORT.lastlog
    descriptor = os.open(tree / "var/log/lastlog", os.O_CREAT | os.O_WRONLY)
    for number in {0, 13, uid}:  # 13 crosses the first 4096 bytes
        os.pwrite(descriptor, entry.pack(NOW + number % 1000, b"pts/1", b"192.0.2.7"), number * entry.size)
    os.close(descriptor)
    began = time.monotonic()
    rows = {row["uid"]: row for row in module.lastlog(Host(root=str(tree)))}
    assert time.monotonic() - began < 2
    assert set(rows) == {0, 13, uid}
    assert rows[uid] == {"uid": uid, "time": NOW + uid % 1000, "line": "pts/1", "host": "192.0.2.7"}


def test_an_empty_file_of_last_logins(tree):
    (tree / "var/log/lastlog").write_bytes(b"")
    assert list(module.lastlog(Host(root=str(tree)))) == []


def test_no_password_file_is_asked_for():
    import fnmatch

    paths = [source.path for source in module.users.sources(Host(root="/nonexistent")) if hasattr(source, "path")]
    secrets = (
        "/etc/shadow",
        "/etc/shadow-",
        "/etc/gshadow",
        "/etc/security/opasswd",
        "/etc/ssh/ssh_host_rsa_key",
        "/root/.ssh/authorized_keys",
    )
    assert not [(secret, path) for secret in secrets for path in paths if fnmatch.fnmatchcase(secret, path)]


def test_a_struct_is_in_the_order_of_the_host():
    assert struct.calcsize("=i") == 4
    assert module.SHORT.record.format.startswith("=")


def test_where_logins_are_kept_in_a_database_its_own_tool_is_asked_for_that_file(tree):
    """Without -f it may start a daemon; as `last` it would take -i for a wish to ask DNS."""
    asked = [each.argv for each in module.users.sources(Host(root=str(tree))) if "last" in getattr(each, "argv", ())]
    assert asked == [("last", "-F", "-i")]
    (tree / "var/lib/wtmpdb").mkdir(parents=True)
    (tree / "var/lib/wtmpdb/wtmp.db").touch()
    asked = [each.argv for each in module.users.sources(Host(root=str(tree))) if "last" in getattr(each, "argv", ())]
    assert asked == [("wtmpdb", "last", "-F", "-x", "-f", "/var/lib/wtmpdb/wtmp.db")]
