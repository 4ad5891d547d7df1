"""Addresses from the kernel itself: what it sends is read, and what it would never send does no harm."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st
from network_hosts import host_of

from diagbundle.collectors import _netlink as subject
from diagbundle.host import Host


def message(address, prefix=24, wide=None):
    """An RTM_NEWADDR as the kernel sends it; `wide` is the attribute with 32 bits of flags."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    raw = socket.inet_pton(family, address)
    attributes = struct.pack("=HH", 4 + len(raw), 1) + raw
    attributes += struct.pack("=HHI", 8, 8, wide) if wide is not None else b""
    body = struct.pack("=BBBBI", family, prefix, 0x80, 0, 1) + attributes
    return struct.pack("=IHHII", 16 + len(body), 20, 2, 1, 0) + body


def rows(data):
    return [subject.address_row(body) for kind, body in subject.messages(data) if kind == 20]


def test_messages_become_rows_in_the_words_of_ip():
    first, last = rows(message("10.0.0.5") + message("fd00::2", 64, 0x101))
    assert (first["address"], first["prefix"], first["scope"], first["flags"]) == ("10.0.0.5", 24, "global", [])
    assert (last["address"], last["prefix"], last["flags"]) == ("fd00::2", 64, ["temporary", "dynamic"])


def test_of_two_ends_the_own_one_is_told():
    body = struct.pack("=BBBBI", socket.AF_INET, 32, 0x80, 0, 1)
    for kind, address in ((1, "10.0.0.1"), (2, "10.0.0.2")):
        body += struct.pack("=HH", 8, kind) + socket.inet_aton(address)
    assert subject.address_row(body)["address"] == "10.0.0.2"


def test_this_machine_has_its_loopback():
    assert [row["address"] for row in subject.addresses(Host()) if row["address"] == "127.0.0.1"] == ["127.0.0.1"]


def test_a_saved_host_is_not_taken_for_this_one(tmp_path):
    assert list(subject.addresses(host_of(tmp_path))) == []


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_any_bytes_end(data, cut):
    rows(data)
    rows(message("10.0.0.5")[: len(cut)] + data)
    subject.address_row(cut)
