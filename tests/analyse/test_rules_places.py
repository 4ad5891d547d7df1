"""Modes of what every host needs: no text makes the parsers fail, and letters are read as numbers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.parsers.places import mode_of, nodes, places
from diagbundle.errors import FormatError

ROW = {"path": "/tmp", "type": "folder", "mode": "1777", "uid": 0, "gid": 0, "ctime": 1.5, "flags": "i"}
LISTED = "/dev:\ntotal 0\ncrw-rw-rw- 1 0 0  1,   3 Nov 22 15:51 null\ndrwxrwxrwt. 2 0 0 40 Nov 22 15:51 shm\n\n/dev/pts:\nc--------- 1 0 0 5, 2 Nov 22 15:51 ptmx\n"


def document(path, data):
    return Document(Entry(path, there=True, started=100.0, mtime=50.0), data)


def read(parser, path, data):
    try:
        return list(parser(document(path, data)))
    except FormatError:
        return []


@pytest.mark.parametrize(
    ("letters", "mode"),
    [
        ("rwxr-xr-x", 0o755),
        ("rwxrwxrwt", 0o1777),
        ("rwsr-xr-x", 0o4755),
        ("--s--x--x", 0o4111),
        ("rwxrwsr-T", 0o3774),
        ("rwSr--r--", 0o4644),
    ],
)
def test_letters(letters, mode):
    assert mode_of(letters) == mode


def test_a_listing_of_dev():
    null, shm = read(nodes, "sos_commands/block/ls_-lanR_.dev", LISTED.encode())
    assert (null.path, null.kind, null.octal, null.device) == ("/dev/null", "character device", "0666", "1:3")
    assert (shm.path, shm.kind, shm.octal) == ("/dev/shm", "folder", "1777")


def test_a_row():
    (place,) = read(places, "diagbundle/tables/places", json.dumps(ROW).encode())
    assert (place.path, place.mode, place.flags, place.changed) == ("/tmp", 0o1777, "i", 1.5)


@given(st.binary(max_size=400), st.sampled_from([json.dumps(ROW), LISTED]), st.integers(0, 300), st.integers(0, 300))
def test_no_text_makes_them_fail(noise, real, start, end):
    mutated = real.encode()[:start] + noise + real.encode()[end:]
    for data in (noise, mutated):
        read(places, "diagbundle/tables/places", data)
        read(nodes, "sos_commands/block/ls_-lanR_.dev", data)


@given(
    st.dictionaries(
        st.sampled_from([*ROW]), st.none() | st.text(max_size=9) | st.integers() | st.floats() | st.lists(st.integers(), max_size=2)
    )
)
def test_no_row_makes_them_fail(row):
    read(places, "diagbundle/tables/places", json.dumps(row).encode())
