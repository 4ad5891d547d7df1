"""What the age project expects of every program that reads its format."""

import hashlib
import io
import tempfile

import pytest
from age_vectors import vectors

from diagbundle.errors import BundleError, FormatError, IntegrityError, WrongKeyError
from diagbundle.transport.age import decrypted
from diagbundle.transport.opening import Keys, open_into

FAULTS = {
    "no match": WrongKeyError,
    "HMAC failure": IntegrityError,
    "header failure": FormatError,
    "payload failure": IntegrityError,
    "armor failure": BundleError,
}


def read(vector, how):
    """What is given out, and the fault behind it."""
    given = io.BytesIO()
    with tempfile.TemporaryFile() as file:
        file.write(vector.file)
        file.seek(0)
        try:
            how(file.fileno(), vector.identities, given.write)
        except BundleError as error:
            return given.getvalue(), error
    return given.getvalue(), None


def judged(vector, how):
    """What is wrong with it, or ''."""
    given, fault = read(vector, how)
    expected = FAULTS.get(vector.expect)
    if not (isinstance(fault, expected) if expected else fault is None):
        return f"{vector.name}: {vector.expect} is expected, and not {fault!r}"
    if vector.payload and not (expected and vector.is_armored):  # pyrage gives less of what is damaged
        return "" if hashlib.sha256(given).hexdigest() == vector.payload else f"{vector.name}: other bytes: {len(given)}"
    return "" if vector.payload or not given else f"{vector.name}: {len(given)} bytes that are not authentic"


def by_ours(fd, identities, sink):
    for piece in decrypted(fd, identities):
        sink(piece)


def test_our_reader_does_with_every_file_what_is_expected():
    files = [vector for vector in vectors() if not vector.is_armored]
    assert {vector.expect for vector in files} == FAULTS.keys() - {"armor failure"} | {"success"}
    assert [wrong for vector in files if (wrong := judged(vector, by_ours))] == []


def test_what_is_written_in_letters_is_opened_too():
    pytest.importorskip("pyrage")
    files = [vector for vector in vectors() if vector.is_armored and vector.file.startswith(b"-----BEGIN AGE ")]
    wrong = [judged(vector, lambda fd, identities, sink: open_into(fd, Keys(identities), sink)) for vector in files]
    assert [one for one in wrong if one] == []
    assert len(files) > 10
