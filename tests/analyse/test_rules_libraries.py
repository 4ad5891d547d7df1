"""Replaced libraries: no text makes the parser fail."""

from hypothesis import given
from hypothesis import strategies as st

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.parsers.libraries import old_libraries
from diagbundle.errors import FormatError

LINES = (
    "COMMAND     PID TID TASKCMD              USER   FD      TYPE DEVICE SIZE/OFF  NODE NAME\n"
    "sshd        812                      0  DEL       REG    8,2                121 /usr/lib64/libcrypto.so.3.0.7\n"
    "Web Content 900 901 Timer            1000  mem    REG  253,0  2212632  131074 /usr/lib/x86_64-linux-gnu/libc.so.6 (deleted)\n"
    "java        901                      0  mem       REG    8,2   212632  131074 /usr/lib/libz.so.1\n"
)


def read(data):
    try:
        return list(old_libraries(Document(Entry("lsof", there=True, started=100.0, mtime=50.0), data)))
    except FormatError:
        return []


def test_lines_of_two_kinds():
    found = [(each.name, each.pid, each.path.rpartition("/")[2]) for each in read(LINES.encode())]
    assert found == [("sshd", 812, "libcrypto.so.3.0.7"), ("Web Content", 900, "libc.so.6")]


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_no_text_makes_it_fail(noise, start, end):
    read(noise)
    read(LINES.encode()[:start] + noise + LINES.encode()[end:])


def test_long_lines_of_blanks_do_not_hang():
    read(b"a " + b"1 " * 5000 + b" DEL " + b" REG x /" * 200)
    read((b"1 " * 240 + b" DEL REG 8,2 /" + b" / REG" * 60 + b"\n") * 50)
