"""The format: what is written is read by others, what others write is read; nothing that was altered is given out."""

import io
import os
import subprocess
import tempfile
import tracemalloc

import pytest
from age_keys import Pair, bech32, encrypted
from hypothesis import given, settings
from hypothesis import strategies as some

from diagbundle.errors import BundleError, FormatError, IntegrityError, UsageError, WrongKeyError
from diagbundle.transport import key
from diagbundle.transport.age import CHUNK, MAX_HEADER, TAG, Encryptor, decrypted

SIZES = [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 5 * CHUNK + 17]
KEY = Pair()
TEXT = os.urandom(2 * CHUNK + 100)
FILE = encrypted(TEXT, KEY.public)


def opened(data, *identities):
    """The text, and the fault behind it."""
    given = bytearray()
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        try:
            for piece in decrypted(file.fileno(), identities):
                given += piece
        except BundleError as error:
            return bytes(given), error
    return bytes(given), None


@pytest.mark.parametrize("size", SIZES)
def test_others_read_what_we_write(size, pair, other, debian, tmp_path):
    text = os.urandom(size)
    file = encrypted(text, other.public, pair.public, step=10_000)
    assert opened(file, pair.secret) == (text, None)
    assert opened(file, other.secret) == (text, None)
    pyrage = pytest.importorskip("pyrage")
    assert pyrage.decrypt(file, [pyrage.x25519.Identity.from_str(pair.secret)]) == text
    assert debian("--decrypt", "--identity", pair.written(tmp_path / "key"), data=file) == text


@pytest.mark.parametrize("size", SIZES)
def test_we_read_what_others_write(size, pair, debian):
    text = os.urandom(size)
    assert opened(debian("--recipient", pair.public, data=text), pair.secret) == (text, None)
    pyrage = pytest.importorskip("pyrage")
    assert opened(pyrage.encrypt(text, [pyrage.x25519.Recipient.from_str(pair.public)]), pair.secret) == (text, None)


@given(some.lists(some.integers(0, 3 * CHUNK), max_size=6))
@settings(max_examples=30, deadline=None)
def test_how_it_comes_does_not_matter(steps):
    text, out = TEXT * 4, io.BytesIO()
    encryptor, at = Encryptor([KEY.public], out.write), 0
    for step in steps:
        expected = out.tell() + encryptor.growth(step)
        encryptor.write(memoryview(text)[at : at + step])
        at += len(text[at : at + step])
        assert out.tell() + encryptor.growth(0) <= expected
    expected = out.tell() + encryptor.growth(0)
    encryptor.close()
    assert out.tell() == expected  # so much room was reserved
    assert opened(out.getvalue(), KEY.secret) == (text[:at], None)


@given(some.integers(0, len(FILE) - 1), some.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_nothing_that_was_altered_is_given_out(at, by):
    given, fault = opened(FILE[:at] + bytes([FILE[at] ^ by]) + FILE[at + 1 :], KEY.secret)
    assert isinstance(fault, BundleError)
    assert TEXT.startswith(given)
    assert len(given) % CHUNK == 0
    assert len(given) >= (at - 1000) // (CHUNK + TAG) * CHUNK - CHUNK


@given(some.integers(0, len(FILE) - 1))
@settings(max_examples=100, deadline=None)
def test_what_stands_before_a_cut_is_given_out_and_no_more(size):
    given, fault = opened(FILE[:size], KEY.secret)
    assert isinstance(fault, BundleError)
    assert TEXT.startswith(given)


@pytest.mark.parametrize("count", [1, 2])
def test_a_cut_between_two_chunks_is_noticed(count):
    head = len(FILE) - len(TEXT) - 3 * TAG
    given, fault = opened(FILE[: head + count * (CHUNK + TAG)], KEY.secret)
    assert given == TEXT[: count * CHUNK]
    assert "cut short" in str(fault)


def test_something_behind_the_end_is_noticed():
    given, fault = opened(FILE + b"more", KEY.secret)
    assert isinstance(fault, IntegrityError)
    assert given in (TEXT, TEXT[: 2 * CHUNK])


@given(some.binary(max_size=400), some.booleans())
@settings(max_examples=200, deadline=None)
def test_any_header_is_refused_in_one_sentence(data, begins):
    given, fault = opened((b"age-encryption.org/v1\n-> " if begins else b"") + data, KEY.secret)
    assert given == b""
    assert isinstance(fault, BundleError)


def test_a_header_has_an_end():
    stanza = b"-> X " + b"a" * 50 + b"\n\n"
    endless = b"-> X a\n" + (b"A" * 64 + b"\n") * (MAX_HEADER // 64 + 2)
    for head in (stanza * (MAX_HEADER // len(stanza) + 2), b"-> " + b"a" * (MAX_HEADER + 1), endless):
        _, fault = opened(b"age-encryption.org/v1\n" + head, KEY.secret)
        assert isinstance(fault, FormatError)
    assert "longer than" in str(fault)  # said before the end of the file was looked for


def test_another_version_is_told_apart():
    assert "a version of the age format that this program does not know" in str(opened(b"age-encryption.org/v2\n\n", KEY.secret)[1])


def test_recipients_of_other_kinds_are_passed_over(pair, debian, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ssh"], check=True)
    file = debian("--recipients-file", str(tmp_path / "ssh.pub"), "--recipient", pair.public, data=b"text")
    assert opened(file, pair.secret) == (b"text", None)
    _, fault = opened(file, KEY.secret)
    assert isinstance(fault, WrongKeyError)
    assert "ssh-ed25519" in str(fault)


def test_each_file_has_keys_of_its_own():
    assert len({encrypted(b"", KEY.public) for _ in range(5)}) == 5


def test_a_sink_that_failed_gets_nothing_more(pair):
    taken = []

    def sink(data):
        taken.append(data)
        if len(taken) == 3:
            raise OSError(5, "Input/output error")

    encryptor = Encryptor([pair.public], sink)
    for attempt in ("the first", "another, of other content"):
        with pytest.raises(OSError, match="Input/output error"):
            encryptor.write(attempt.encode() + bytes(3 * CHUNK))
    with pytest.raises(OSError, match="Input/output error"):
        encryptor.close()
    assert len(taken) == 3


@pytest.mark.parametrize("share", [bytes(32), bytes([1]) + bytes(31)], ids=["zero", "one"])
def test_a_key_that_shares_its_secret_with_everybody_is_refused(share):
    with pytest.raises(UsageError, match="not a sound one"):
        Encryptor([bech32(key.PUBLIC, share)], len)


def test_memory_does_not_grow_with_the_file(pair):
    block = bytes(1 << 20)
    encryptor = Encryptor([pair.public], len)
    encryptor.write(block)
    tracemalloc.start()
    for _ in range(64):
        encryptor.write(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * CHUNK
