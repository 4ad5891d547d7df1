"""Answers of strangers: whatever the bytes, a row comes of them, never an exception."""

import socket
import struct
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.errors import SourceSkipped
from diagbundle.host import Host
from diagbundle.model import Probe
from diagbundle.sources import probe, probe_link, probe_names, probe_net, probe_page, probe_path, probe_route, probe_tls, probe_web
from diagbundle.sources.probe import run

QUICK = settings(max_examples=150, deadline=None)
ANYTHING = st.binary(max_size=3000)


class Replay:
    """A connection that gives these bytes in pieces, then ends."""

    def __init__(self, data, piece=700):
        self.pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
        self.data = bytearray()
        self.sent = b""

    def send(self, data):
        self.sent += data

    def more(self):
        self.data += (piece := self.pieces.pop(0) if self.pieces else b"")
        return bool(piece)

    take = probe_net.Stream.take
    until = probe_net.Stream.until


@QUICK
@given(ANYTHING)
def test_any_dns_answer(data):
    reply = probe_names.Reply("db1.example", "A")
    probe_names.read_answer(data, reply)
    assert reply.row()["outcome"]


@QUICK
@given(st.binary(max_size=200), st.integers(0, 5), st.integers(0, 5))
def test_any_dns_records(data, answers, more):
    header = struct.pack("!HHHHHH", 1, 0x8180, 1, answers, more, 0)
    reply = probe_names.Reply("a.", "A")
    probe_names.read_answer(header + b"\1a\0\0\1\0\1" + data, reply)
    assert reply.outcome != "dropped"


def test_a_compression_loop_ends():
    reply = probe_names.Reply("a.", "A")
    probe_names.read_answer(struct.pack("!HHHHHH", 1, 0x8180, 1, 1, 0, 0) + b"\xc0\x0c\0\1\0\1" + b"\xc0\x0c" * 40, reply)
    assert reply.outcome == "mangled"


@QUICK
@given(ANYTHING)
def test_any_tls_answer(data):
    flight = probe_tls.shake(Replay(data), "db1.example")
    assert flight.row()["outcome"] in ("closed", "error", "not_tls", "alert", "tls_1.3_only", "certificates")
    assert list(probe_tls.certificate_rows(flight, "db1.example")) is not None


@QUICK
@given(st.lists(st.tuples(st.sampled_from([2, 11, 13, 14, 12]), st.binary(max_size=300)), max_size=6))
def test_any_handshake_message(messages):
    data = b"".join(bytes([kind]) + len(body).to_bytes(3, "big") + body for kind, body in messages)
    flight = probe_tls.shake(Replay(b"\x16\x03\x03" + len(data).to_bytes(2, "big") + data), "db1.example")
    for row in probe_tls.certificate_rows(flight, "db1.example"):
        assert row["outcome"] in ("ok", "doubtful", "error")


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3", "postgres", "mysql", "ldap", "nonsense"])
@settings(max_examples=30, deadline=None)
@given(data=ANYTHING)
def test_any_answer_to_starttls(protocol, data):
    assert probe_tls.shake(Replay(data), "db1.example", protocol).outcome


@QUICK
@given(st.one_of(ANYTHING, ANYTHING.map(lambda data: b"HTTP/1.1 200 OK\r\n" + data)))
def test_any_http_answer(data):
    assert probe_web.connect(Replay(data), "db1.example:443")["outcome"]
    probe_web.page_of(data)


@QUICK
@given(st.binary(max_size=80))
def test_any_time(data):
    assert probe_path.time_of(data, b"12345678", 1.0, 2.0)["outcome"]


@QUICK
@given(st.binary(max_size=80))
def test_any_frame_and_netlink_message(data):
    probe_link._answer(data, b"\2" * 6, b"\x0a\0\0\1")
    assert list(probe_route.attributes_of(data)) is not None


@QUICK
@given(st.text(max_size=60), st.sampled_from(["tcp", "tls", "dns", "http", "proxy", "arp", "mtu", "ntp", "ports", "other"]))
def test_any_target_that_names_nobody(tmp_path_factory, target, kind):
    """Without name servers nothing is sent; digits and brackets are left out, so that no text spells an address."""
    host = Host(root=str(tmp_path_factory.getbasetemp()), live=True)
    spelled = "".join(character for character in target if character not in "0123456789[]abcdefABCDEF:.")
    for row in run(Probe(kind, spelled or "x"), host):
        assert row["outcome"] in ("error", "not_resolved")


def test_a_saved_host_sends_nothing(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a socket was opened"))
    with pytest.raises(SourceSkipped):
        list(run(Probe("tcp", "127.0.0.1:9"), Host(root="/nonexistent")))


ADDRESSES = {
    "169.254.169.254": False, "169.254.170.2": False, "fd00:ec2::254": False, "::ffff:169.254.169.254": False, "224.0.0.1": False,
    "ff02::1": False, "0.0.0.0": False, "::": False, "255.255.255.255": False, "10.0.0.1": True, "127.0.0.1": True, "fe80::1": True,
}  # fmt: skip


@pytest.mark.parametrize(("text", "allowed"), ADDRESSES.items())
@pytest.mark.parametrize("named_by", ["number", "hosts"])
def test_what_is_never_asked(tmp_path, monkeypatch, text, allowed, named_by):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text(f"{text} db1.example\n")
    host, name = Host(root=str(tmp_path)), text if named_by == "number" else "db1.example"
    if allowed or named_by == "hosts":
        assert bool(probe_names.addresses_of(host, name, probe_net.Clock(1)).addresses) is allowed
    else:
        with pytest.raises(ValueError, match="never asked"):
            probe_names.addresses_of(host, name, probe_net.Clock(1))


def test_a_metadata_service_is_refused_before_a_packet(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a socket was opened"))
    rows = list(run(Probe("tcp", "169.254.169.254:80"), Host(root="/nonexistent", live=True)))
    assert [row["outcome"] for row in rows] == ["error"]
    assert "never asked" in rows[0]["error"]


@pytest.mark.parametrize(
    ("zone", "scope"),
    [("lo", socket.if_nametoindex("lo")), ("7", 7), ("\0", 0), ("nosuch0", 0), ("9" * 30, 0), ("9" * 5000, 0), ("\xb2", 0)],
)
def test_zones(zone, scope):
    assert probe_net.numeric(f"fe80::1%{zone}") == probe_net.Address("fe80::1", scope)


def test_counters_that_are_no_numbers_cost_themselves(tmp_path):
    (tmp_path / "proc/net").mkdir(parents=True)
    long = "9" * 5000
    (tmp_path / "proc/net/snmp").write_text(f"Icmp: InDestUnreachs InTimeExcds InRedirects\nIcmp: 3 {long} \xb2\n")
    (tmp_path / "proc/net/snmp6").write_text(f"Icmp6InRedirects {long}\nIcmp6InPktTooBigs x\nIcmp6InDestUnreachs\t4\nIcmp6InTimeExcds\n")
    assert probe._icmp(Host(root=str(tmp_path))) == {"IcmpInDestUnreachs": 3, "Icmp6InDestUnreachs": 4}


TARGETS = {
    "db1.example:5432": ("db1.example", 5432),
    "10.0.0.1": ("10.0.0.1", 53),
    "[fd00::1]:443": ("fd00::1", 443),
    "fd00::1": ("fd00::1", 53),
    "[fd00::1]": ("fd00::1", 53),
    "db1.example": ("db1.example", 53),
}


@pytest.mark.parametrize(("target", "expected"), TARGETS.items())
def test_targets(target, expected):
    assert probe_net.split(target, 53) == expected


@pytest.mark.parametrize("target", ["", ":80", "a:b", "a:0", "a:65536", "[fd00::1]:x"])
def test_targets_that_are_none(target):
    with pytest.raises(ValueError, match=r"."):
        probe_net.split(target, 53)


@pytest.mark.parametrize(
    ("names", "server", "covered"),
    [
        (["db1.example"], "db1.example", True),
        (["DB1.example"], "db1.example.", True),
        (["*.example"], "db1.example", True),
        (["*.example"], "a.db1.example", False),
        (["*.example"], "example", False),
        (["10.0.0.1"], "10.0.0.1", True),
        (["*.0.0.1"], "10.0.0.1", False),
        ([], "db1.example", False),
    ],
)
def test_names_of_a_certificate(names, server, covered):
    assert probe_tls.covers(names, server) is covered


@pytest.mark.parametrize(
    ("resolv", "name", "expected"),
    [
        ("search corp.example", "db1", ["db1.corp.example", "db1"]),
        ("search corp.example", "db1.other", ["db1.other", "db1.other.corp.example"]),
        ("search corp.example\noptions ndots:5", "db1.other", ["db1.other.corp.example", "db1.other"]),
        ("search corp.example\noptions ndots:x ndots:\xb2 ndots: ndots:5", "db1.other", ["db1.other.corp.example", "db1.other"]),
        (f"search corp.example\noptions ndots:{'9' * 5000}", "db1.other", ["db1.other", "db1.other.corp.example"]),
        ("nameserver 10.0.0.1", "db1", ["db1"]),
        ("search corp.example", "db1.", ["db1."]),
    ],
)
def test_search_domains(tmp_path, resolv, name, expected):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text(resolv + "\n")
    assert probe_names.candidates(Host(root=str(tmp_path)), name) == expected


def test_an_ntp_answer_gives_the_offset():
    stamp = struct.pack("!II", 2208988800 + 100, 0)
    theirs = struct.pack("!II", 2208988800 + 105, 0)
    answer = bytes([0x24, 2, 6, 0xEC]) + bytes(8) + bytes([10, 0, 0, 9]) + bytes(8) + stamp + theirs + theirs
    row = probe_path.time_of(answer, stamp, 100.0, 100.5)
    assert (row["outcome"], row["stratum"], row["offset_s"], row["reference"]) == ("answered", 2, 4.75, "10.0.0.9")
    assert probe_path.time_of(b"\xe4" + answer[1:], stamp, 100.0, 100.5)["outcome"] == "unsynchronised"
    assert probe_path.time_of(answer[:1] + b"\0" + answer[2:12] + b"RATE" + answer[16:], stamp, 1, 2)["outcome"] == "kiss_of_death"


def test_names_are_asked_for_without_a_tls_library(monkeypatch):
    """The static build has no `ssl`; the library for DNS messages must do without."""
    for module in [module for module in sys.modules if module.split(".")[0] == "dns"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "ssl", None)
    assert probe_names._query("db1.example", "A", 1)[:2] == b"\0\1"
    reply = probe_names.Reply("db1.example.", "A")
    probe_names.read_answer(
        bytes.fromhex("000181800001000100000000") + b"\3db1\7example\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1", reply
    )
    assert (reply.outcome, reply.addresses) == ("answered", ["10.0.0.1"])


def got(data):
    return probe_page.get(Replay(data), "GET / HTTP/1.1\r\n")


PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
DIRECT = PAGE + b'{"a":"word"}'
PROXIED = {
    DIRECT: "same",
    PAGE + b'{"a":"w\xb8rd"}': "differs",
    PAGE + b'{"a":': "differs",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><title>Log in</title>": "differs",
    b"\x16\x03\x01": "differs",
    b"": "undecided",
}


@pytest.mark.parametrize(("data", "outcome"), PROXIED.items(), ids=range(len(PROXIED)))
def test_a_page_through_a_proxy_is_compared(data, outcome):
    assert probe_page.compared({"direct": got(DIRECT), "proxy": got(data), "again": got(DIRECT)})["outcome"] == outcome


def test_a_page_that_differs_from_itself_proves_nothing():
    pages = [got(PAGE + text) for text in (b'{"a":"time1"', b'{"a":"time2"', b'{"a":"time3"')]
    assert probe_page.compared(dict(zip(("direct", "proxy", "again"), pages, strict=True)))["outcome"] == "undecided"


@QUICK
@given(ANYTHING)
def test_any_page(data):
    assert got(data).row("proxy")["outcome"]


@pytest.mark.parametrize(
    ("status", "outcome"), [(407, "proxy_wants_login"), (403, "forbidden"), (503, "proxy_upstream"), (404, "answered")]
)
def test_what_a_proxy_says_in_its_own_name(status, outcome):
    found = got(b"HTTP/1.1 %d x\r\n\r\n" % status)
    probe_page._judge(found, got(DIRECT), "proxy")
    assert found.outcome == outcome
