"""Rates, fill and excerpts of the page: numbers that a reader can add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.entry import START, Entry
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.facts.disks import DiskCounters
from diagbundle.analyse.facts.filesystems import Filesystem
from diagbundle.analyse.facts.network import NicCounter
from diagbundle.analyse.facts.system import Counters, CpuTimes, Memory, Pressure, SwapArea
from diagbundle.analyse.log.files import KMSG
from diagbundle.analyse.log.hearing import Heard
from diagbundle.analyse.verdict import Origin
from diagbundle.errors import IntegrityError
from diagbundle.report import measures
from diagbundle.report.excerpts import Excerpts


def read(path, at, *, first=False):
    return Origin(f"{START}{path}" if first else path, 1, "", 1000.0 if first else at)


def analysed(*facts):
    kinds: dict[type[Fact], list[Fact]] = {}
    for each in facts:
        kinds.setdefault(type(each), []).append(each)
    return Analysis(About(origin=Origin("")), [], {}, kinds, Heard())


def twice(kind, path, first, last, /, seconds=10.0, **both):
    return kind(origin=read(path, 0, first=True), **both, **first), kind(origin=read(path, 1000.0 + seconds), **both, **last)


def test_processors_spent_their_time():
    found = measures.processors(
        analysed(
            *twice(
                CpuTimes,
                "proc/stat",
                {"user": 100, "idle": 100},
                {"user": 120, "nice": 5, "system": 10, "iowait": 15, "idle": 150},
                cpu="cpu",
            )
        )
    )
    assert found[0].name == "all processors"
    assert dict(found[0].parts) == pytest.approx(
        {"user": 0.25, "system": 0.1, "interrupts": 0, "waiting for disks": 0.15, "taken by the hypervisor": 0}
    )
    assert found[0].note == "50%"
    assert [length for _, _, _, length in found[0].laid] == [25, 10, 0, 15, 0]


def test_disks_did_so_much():
    first = {"reads": 100, "read_ms": 1000, "read_sectors": 0, "writes": 10}
    last = {"reads": 200, "read_ms": 1500, "read_sectors": 20480, "writes": 10, "busy_ms": 5000, "in_flight": 2}
    quiet = twice(DiskCounters, "proc/diskstats", {}, {}, name="sdb", number="8:16")
    (row,) = measures.disks(analysed(*twice(DiskCounters, "proc/diskstats", first, last, name="sda", number="8:0"), *quiet)).rows
    assert row == ("sda", "10", "0", "1 MB/s", "0 bytes/s", "5.0", "", 2, "50%")


def test_interfaces_carried_and_lost_so_much():
    counters = [
        fact
        for name, before, after in (("rx_bytes", 0, 10240), ("rx_errors", 7, 9), ("tx_dropped", 5, 5))
        for fact in twice(NicCounter, "proc/net/dev", {"value": before}, {"value": after}, nic="eth0", name=name, source="dev")
    ]
    (row,) = measures.networks(analysed(*counters)).rows
    assert row == ("eth0", "1 KB/s", "0 bytes/s", "0", "0", "2 (9)", "", "", "0 (5)")


def test_faults_and_pressure():
    values = twice(Counters, "proc/vmstat", {"values": {"pgmajfault": 100}}, {"values": {"pgmajfault": 115}})
    assert measures.faults(analysed(*values)).rows == [("page faults that read a disk", "1.5", "115")]
    waited = twice(Pressure, "proc/pressure/io", {"total": 0}, {"total": 2_500_000, "average60": 1.25}, resource="io", kind="some")
    inner = twice(Pressure, "sys/fs/cgroup/x/io.pressure", {"total": 0}, {"total": 9}, resource="io", kind="full", group="/x")
    assert measures.pressure(analysed(*waited, *inner)).rows == [("disks", "at least one task", "25%", "1.2 %")]


def test_memory_adds_up():
    values = {
        "MemTotal": 1000,
        "MemFree": 100,
        "MemAvailable": 400,
        "Cached": 300,
        "Buffers": 50,
        "Shmem": 50,
        "Slab": 80,
        "PageTables": 20,
    }
    swap = SwapArea(origin=Origin("proc/swaps"), path="/swap", size=200, used=50)
    memory, used = measures.memory(analysed(Memory(origin=Origin("proc/meminfo"), values=values), swap))
    assert dict(memory.parts) == pytest.approx(
        {"programs": 0.45, "shared memory and tmpfs": 0.05, "kernel": 0.1, "huge pages": 0, "cache of files": 0.3}
    )
    assert sum(dict(memory.parts).values()) == pytest.approx(0.9), "all but what is free"
    assert used.parts == (("used", 0.25),)


@pytest.mark.parametrize(("free", "stage"), [(400, "roomy"), (100, "nearly"), (10, "full")])
def test_file_systems_are_as_full_as_df_says(free, stage):
    one = Filesystem(
        origin=Origin("diagbundle/tables/filesystems"),
        mount="/var",
        type="ext4",
        device="8:1",
        bytes=1000,
        bytes_free=free,
        bytes_available=free,
    )
    ((name, kind, used, inodes),) = measures.fill(analysed(one))
    assert (name, kind, used.name, inodes) == ("/var", "ext4", stage, None)


def test_without_a_second_reading_there_are_no_rates():
    lone = DiskCounters(origin=read("proc/diskstats", 1000.0), name="sda", number="8:0", reads=5)
    undated = twice(DiskCounters, "proc/diskstats", {"reads": 1}, {"reads": 9}, seconds=-1000.0, name="sdb", number="8:16")
    assert measures.disks(analysed(lone, *undated)).rows == []


# -- excerpts


class Pieces:
    """Evidence of one text, in pieces."""

    def __init__(self, text, piece=7, path="var/log/x", *, is_damaged=False):
        self.entries = [Entry(path, there=True, size=len(text))]
        self._text, self._piece, self._is_damaged = text, piece, is_damaged

    def blocks(self, _entry):
        for at in range(0, len(self._text), self._piece):
            yield self._text[at : at + self._piece]
        if self._is_damaged:
            raise IntegrityError("it does not match its checksum")


def excerpt(evidence, *numbers, path="var/log/x"):
    origins = [Origin(path, number, f"cited {number}") for number in numbers]
    return Excerpts(evidence, origins).of(origins)


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=30),
    st.integers(1, 90),
    st.data(),
)
def test_the_lines_around_a_cited_line_are_those_of_the_file(lines, piece, data):
    number = data.draw(st.integers(1, len(lines)))
    lines = [f"x{line}" for line in lines]
    ((path, found),) = excerpt(Pieces("\n".join(lines).encode(), piece), number)
    assert path == "var/log/x"
    assert [(line.number, line.text) for line in found] == [
        (each, lines[each - 1]) for each in range(max(1, number - 3), min(len(lines), number + 3) + 1)
    ]
    assert [line.number for line in found if line.meant] == [number]


@pytest.mark.parametrize("piece", range(1, 40))
def test_between_two_stretches_there_is_a_gap(piece):
    ((_, found),) = excerpt(Pieces(b"".join(b"%d\n" % number for number in range(1, 100)), piece), 5, 50)
    assert [line.number for line in found] == [2, 3, 4, 5, 6, 7, 8, 0, 47, 48, 49, 50, 51, 52, 53]
    assert all(line.text == (str(line.number) if line.number else "…") for line in found)


@pytest.mark.parametrize(
    ("evidence", "number"), [(Pieces(b"one\n"), 7), (Pieces(b"one\n", path="else"), 1), (Pieces(b"one\ntwo\n", is_damaged=True), 9)]
)
def test_what_cannot_be_read_is_shown_as_it_was_cited(evidence, number):
    ((_, found),) = excerpt(evidence, number)
    assert [(line.number, line.text) for line in found if line.meant] == [(number, f"cited {number}")]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (b'{"usec": 1500000, "prio": 6, "text": "eth0: up"}', "[    1.500000] eth0: up"),
        (b'{"usec": "x", "text": 7}', "usec: x, text: 7"),
        (b'{"usec": 1e999, "text": 7}', "usec: 1e999, text: 7"),
        (b'{"a": [1, 2]}', "a: 1, 2"),
        (b"{" * 5000, ""),
    ],
)
def test_rows_of_tables_are_words(row, text):
    ((_, found),) = excerpt(Pieces(row + b"\n", 64, KMSG), 1, path=KMSG)
    assert found[0].text == text
