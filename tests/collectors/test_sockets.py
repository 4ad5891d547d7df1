"""Sockets: the kernel's lists read right, counted right, and given their owners."""

import os
import socket

import pytest
from network_hosts import commands, host_of, paths, process, tables

from diagbundle.collectors import sockets as subject
from diagbundle.host import Host

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def hexed(address, port):
    """An address as this machine's kernel prints it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    words = [packed[n : n + 4] for n in range(0, len(packed), 4)]
    import sys

    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"


def line(local, remote, state, inode, **more):
    queue, uid = more.get("waiting", 0), more.get("uid", 0)
    return (
        f"   0: {hexed(*local)} {hexed(*remote)} {state} 00000000:{queue:08X} 00:00000000 00000000 {uid:5d}        0 {inode} 1 0000 100\n"
    )


ANY, WEB = ("0.0.0.0", 0), ("10.0.0.5", 80)
TCP = HEAD + "".join((
    line(("0.0.0.0", 80), ANY, "0A", 100, waiting=129, uid=33),
    line(("127.0.0.1", 5432), ANY, "0A", 101),
    line(WEB, ("192.0.2.7", 40001), "01", 102),
    line(WEB, ("192.0.2.7", 40002), "08", 103),
    line(WEB, ("192.0.2.7", 40003), "08", 104),
    line(("10.0.0.5", 33000), ("198.51.100.9", 443), "06", 0),
    line(("10.0.0.5", 33001), ("198.51.100.9", 443), "06", 0),
    line(("10.0.0.5", 33002), ("198.51.100.9", 443), "01", 105),
))  # fmt: skip
TCP6 = HEAD + line(("::", 8080), ("::", 0), "0A", 110) + line(("::ffff:10.0.0.5", 8080), ("::ffff:192.0.2.8", 999), "01", 111)
UDP = HEAD + line(("0.0.0.0", 68), ANY, "07", 120) + line(("10.0.0.5", 34000), ("10.0.0.1", 53), "01", 121)
UNIX = (
    "Num       RefCount Protocol Flags    Type St Inode Path\n"
    "0000: 00000002 00000000 00010000 0001 01 130 /run/x.sock\n0000: 00000003 00000000 00000000 0001 03 131\n"
)
FILES = {
    "/proc/net/tcp": TCP, "/proc/net/tcp6": TCP6, "/proc/net/udp": UDP, "/proc/net/unix": UNIX,
    "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n", "/proc/sys/net/ipv4/ip_local_reserved_ports": "32770-32779,50000,70\n",
}  # fmt: skip


@pytest.fixture
def host(tmp_path):
    files, links = process(7, "nginx", "4026531840", cgroup="0::/system.slice/nginx.service\n")
    links |= {"/proc/self/ns/net": "net:[4026531840]"} | {
        f"/proc/7/fd/{n}": f"socket:[{inode}]" for n, inode in enumerate((100, 103, 104, 130))
    }
    other, other_links = process(90, "app", "4026532999")
    other |= {"/proc/90/net/tcp": HEAD + line(("0.0.0.0", 9000), ANY, "0A", 200, waiting=5)}
    return host_of(tmp_path, FILES | files | other, links=links | other_links | {"/proc/90/fd/3": "/dev/null"})


def test_listen_queues_of_all_namespaces(host):
    rows = [(row["netns"], row["address"], row["port"], row["waiting"]) for row in subject.listen_queues(host)]
    ours = "4026531840"
    assert rows == [(ours, "0.0.0.0", 80, 129), (ours, "127.0.0.1", 5432, 0), (ours, "::", 8080, 0), ("4026532999", "0.0.0.0", 9000, 5)]


def test_states_are_counted_by_remote_side(host):
    rows = [row for row in subject.socket_counts(host) if row["fact"] == "state" and row["netns"] == "4026531840"]
    found = {
        (row["protocol"], row["state"], row["way"], row["remote"], row.get("local_port") or row.get("remote_port")): row["count"]
        for row in rows
    }
    assert found == {
        ("tcp", "CLOSE_WAIT", "in", "192.0.2.7", 80): 2,
        ("tcp", "ESTABLISHED", "in", "192.0.2.7", 80): 1,
        ("tcp", "ESTABLISHED", "in", "192.0.2.8", 8080): 1,
        ("tcp", "TIME_WAIT", "out", "198.51.100.9", 443): 2,
        ("tcp", "ESTABLISHED", "out", "198.51.100.9", 443): 1,
        ("udp", "ESTABLISHED", "out", "10.0.0.1", 53): 1,
    }


def test_use_of_local_ports(host):
    rows = {(row["netns"], row["protocol"]): row for row in subject.socket_counts(host) if row["fact"] == "ports"}
    tcp = rows["4026531840", "tcp"]
    wanted = {
        "low": 32768,
        "high": 60999,
        "available": 28232 - 11,
        "used": 6,
        "ephemeral": 3,
        "busiest": "198.51.100.9:443",
        "busiest_ports": 3,
    }
    assert tcp | wanted == tcp
    assert rows["4026532999", "tcp"]["ephemeral"] is None


def test_beyond_the_bound_the_rest_is_summed_up(host, monkeypatch):
    monkeypatch.setattr(subject, "MOST", 1)
    rows = [row for row in subject.socket_counts(host) if row["fact"] == "state" and row["protocol"] == "tcp"]
    assert [row["count"] for row in rows] == [2, 5]
    assert rows[1]["others"] == 4


def test_owners(host):
    rows = list(subject.socket_owners(host))
    nginx = [row for row in rows if row["pid"] == 7]
    assert {(row["address"], row.get("port")) for row in nginx if row["fact"] == "listener"} == {("0.0.0.0", 80), ("/run/x.sock", None)}
    assert [(row["state"], row["count"]) for row in nginx if row["fact"] == "connections"] == [("CLOSE_WAIT", 2)]
    orphans = {row["address"] for row in rows if row["pid"] is None and row["fact"] == "listener"}
    assert {"127.0.0.1", "::"} <= orphans


LONG = "9" * 5000
ODD = (
    "", ":", "0:", "a b c d e f g h i j k", "   x: " + line(WEB, ANY, "0A", 1).partition(":")[2],
    line(WEB, ANY, "0A", LONG), line(WEB, ANY, "0A", 1, uid=7).replace("    7 ", "   \xb2 "), line(WEB, ANY, "0A", 1)[:40],
    line(WEB, ANY, "0A", 1).replace(":00000000 00:", f":{LONG} 00:"), line(WEB, ANY, "0A", 1).replace(":0050", ":00500"),
    line(WEB, ANY, "0A", 1).replace(":0050", ":x"), line(WEB, ANY, "0A", 1).replace(hexed(*WEB), "0000000G:0050"),
    line(WEB, ANY, "01", 1).replace(hexed(*ANY), "00:00"), line(WEB, ANY, "not a state", 1),
)  # fmt: skip


def test_an_odd_line_costs_itself(tmp_path):
    broken = "".join(text.rstrip("\n") + "\n" for text in ODD)
    files, links = process(7, "nginx", "4026531840")
    links |= {"/proc/self/ns/net": "net:[4026531840]", "/proc/7/fd/1": "socket:[100]"}
    odd = {path: HEAD + broken + text.removeprefix(HEAD) for path, text in FILES.items() if path.startswith("/proc/net/")}
    odd["/proc/net/unix"] = f"0000: 00000002 00000000 00010000 0001 01 {LONG} /run/odd\n0: 2 0 00010000 1 1 x /run/odd\n" + UNIX
    odd_links = {"/proc/7/fd/2": "socket:[x]", "/proc/7/fd/3": f"socket:[{LONG[:3000]}]", "/proc/7/fd/4": "socket:["}
    sound, sick = host_of(tmp_path / "a", FILES | files, links=links), host_of(tmp_path / "b", FILES | odd | files, links=links | odd_links)
    for table in (subject.listen_queues, subject.socket_counts, subject.socket_owners):
        rows = list(table(sick))
        assert len(rows) >= 3
        assert rows == list(table(sound))


@pytest.mark.parametrize(
    ("bounds", "reserved", "known"),
    [
        ("32768 60999", "", {"low": 32768, "high": 60999, "available": 28232}),
        ("32768 60999", "32768-x", {"low": 32768, "high": 60999}),
        ("32768 60999", LONG, {"low": 32768, "high": 60999}),
        ("32768 \xb2", "", {}),
        (f"{LONG} 60999", "", {}),
        ("32768", "", {}),
    ],
)
def test_a_range_of_ports_that_is_none(tmp_path, bounds, reserved, known):
    settings = {"ip_local_port_range": bounds, "ip_local_reserved_ports": reserved}
    host = host_of(tmp_path, {f"/proc/sys/net/ipv4/{name}": f"{text}\n" for name, text in settings.items()})
    assert subject.port_range(host) == known
    assert [row.get("available") for row in subject.socket_counts(host) if row["fact"] == "ports"] == [known.get("available")] * 2


def test_owners_of_very_many_sockets_are_not_looked_for(host, monkeypatch):
    monkeypatch.setattr(subject, "MOST_OWNED", 2)
    rows = list(subject.socket_owners(host))
    assert rows[0]["fact"] == "cut"
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("files", "ss", "conntrack"),
    [
        ({}, "", ""),  # a kernel that cannot load anything
        ({"/proc/modules": "xfs 1 0 - Live 0\n"}, "", "would load nf_conntrack_netlink"),
        ({"/proc/modules": "nf_conntrack_netlink 1 0 - Live 0\n"}, "", ""),
        ({"/proc/modules": "xfs 1 0 - Live 0\n", "/sys/module/nf_conntrack_netlink/refcnt": "0"}, "", ""),
        (
            {
                "/proc/modules": "xfs 1 0 - Live 0\n",
                "/proc/sys/kernel/osrelease": "6.1\n",
                "/lib/modules/6.1/modules.builtin": "kernel/net/netfilter/nf_conntrack_netlink.ko\n",
            },
            "",
            "",
        ),
    ],
)
def test_conntrack_is_asked_only_where_that_loads_nothing(tmp_path, files, ss, conntrack):
    host = host_of(tmp_path, files)
    assert commands(subject.samples(host))["conntrack -S"] == conntrack
    assert commands(subject.sockets.sources(host))["ss -peaonmi"] == ss


@pytest.mark.parametrize(
    ("count", "file", "command"), [("0", "", "no connection is tracked"), ("12", "", ""), ("400000", "400000", "400000")]
)
def test_the_list_of_tracked_connections(tmp_path, count, file, command):
    host = host_of(tmp_path, {subject.TRACKED: f"{count}\n"})
    sources = list(subject.tracked(host))
    assert paths(sources)["/proc/net/nf_conntrack"].skip.startswith(file)
    assert (paths(sources)["/proc/net/nf_conntrack"].skip == "") is (file == "")
    assert commands(sources)["conntrack -L -o extended"].startswith(command)
    host = host_of(tmp_path, {"/proc/net/nf_conntrack": ""})
    assert commands(subject.tracked(host)) == {}


def test_the_kernels_own_lists_are_always_asked(tmp_path):
    asked = paths(subject.sockets.sources(host_of(tmp_path)))
    assert {"/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/unix", "/proc/net/packet"} <= asked.keys()


def test_tables_on_this_machine():
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server, socket.create_connection(server.getsockname()) as client:
        port = server.getsockname()[1]
        host = Host()
        queues = [row for row in tables(subject.samples(host))["listen_queues"].rows(host) if row["port"] == port]
        assert [(row["address"], row["waiting"]) for row in queues] == [("127.0.0.1", 1)]
        found = tables(subject.sockets.sources(host))
        counts = list(found["socket_counts"].rows(host))
        assert [row for row in counts if row.get("remote_port") == port and row["state"] == "ESTABLISHED" and row["remote"] == "127.0.0.1"]
        owners = [row for row in found["socket_owners"].rows(host) if row["fact"] == "listener" and row.get("port") == port]
        assert [row["pid"] for row in owners] == [os.getpid()]
        assert client
