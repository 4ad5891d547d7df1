"""An export of the journal stays one, though secrets in its fields are replaced."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.redact.export import MOST, flattened


def field(name, value):
    return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"


def entry(*fields):
    return b"__CURSOR=s=0a1b;i=1\n__REALTIME_TIMESTAMP=1795000000000000\n" + b"".join(fields) + b"_PID=321\n\n"


def flat(data, cut=1 << 16):
    return b"".join(flattened(data[at : at + cut] for at in range(0, len(data), cut)))


@pytest.mark.parametrize("cut", [1, 7, 100, 1 << 20])
@pytest.mark.parametrize("size", [1, 9, 10, 11, 255, 256, 2570, 65_536, 70_000])
def test_a_field_of_several_lines_becomes_one_line(size, cut):
    value = (b"first line\nsecond line, x\n" * 3000)[:size]
    data = entry(b"PRIORITY=6\n", field(b"MESSAGE", value)) + entry(b"MESSAGE=short\n") if size < 9000 or cut > 1 else entry()
    expected = data.replace(field(b"MESSAGE", value), b"MESSAGE=" + value.replace(b"\n", b"\\n") + b"\n")
    assert flat(data, cut) == expected


def test_a_field_at_the_very_beginning():
    assert flat(field(b"A", b"x\ny") + b"B=1\n\n") == b"A=x\\ny\nB=1\n\n"


def test_what_is_too_long_or_no_text_is_named():
    core = b"\x7fELF" + random.Random(1).randbytes(5000)
    long = b"line\n" * (MOST // 5 + 1)
    data = entry(field(b"COREDUMP", core), field(b"LOG", long), b"MESSAGE=after\n")
    assert flat(data) == entry(
        b"COREDUMP=(binary, 5004 bytes were left out)\n", b"LOG=(%d bytes were left out)\n" % len(long), b"MESSAGE=after\n"
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"plain text\nof a program\n", b"a\0b\0c", b"\0" * 300, b"-- No entries --\n", entry(field(b"M", b"x\ny"))[:-20], b"M\n\xff\0"],
)
def test_what_is_no_export_or_was_cut_passes(data):
    assert flat(data, 3).replace(b"\\n", b"\n").count(b"\n") <= data.count(b"\n") + 1
    if b"M\n" not in data:
        assert flat(data, 3) == data


VALUES = st.binary(max_size=40).map(lambda value: value.replace(b"\0", b"") + b"\n.")


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUES, max_size=5), st.integers(1, 200))
def test_any_fields_however_the_reads_were_cut(values, cut):
    data = b"".join(entry(field(b"MESSAGE", value)) for value in values)
    assert flat(data, cut) == flat(data)
    assert flat(flat(data)) == flat(data)
    assert b"\0" not in flat(data)


@pytest.mark.parametrize(
    "block",
    [entry(field(b"MESSAGE", b"a\nb")), b"\0", b"M\n\0", b"x" * 100, entry(b"MESSAGE=short\n")],
    ids=lambda block: repr(block[-12:]),
)
def test_time_grows_with_size_alone(block):
    def seconds(size):
        data = block * (size // len(block))
        began = time.process_time()
        flat(data, 1 << 20)
        return time.process_time() - began

    short, long = min(seconds(1 << 17) for _ in range(3)), min(seconds(1 << 19) for _ in range(2))
    assert long < max(0.05, short * 8)
    assert long < 3
