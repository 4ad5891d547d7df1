"""The static file encrypts and opens: by the age project's vectors, and both ways with Debian's age."""

import subprocess

import pytest
from age_vectors import vectors
from static_runs import COLLECT, ENVIRONMENT, bundle_in, needs, ran

SAID = {
    "success": "what is encrypted there is no bundle",  # it opened it all: the vectors hold other things
    "no match": "cannot be opened: it is encrypted to another key",
    "HMAC failure": "cannot be opened: its header was altered",
    "header failure": "cannot be opened: ",
    "payload failure": "cannot be opened: ",
}


@pytest.fixture
def keys(tmp_path):
    """A new key pair: the public one, and the path of the secret one."""
    path = tmp_path / "key"
    subprocess.run(["age-keygen", "-o", path], capture_output=True, check=True)
    done = subprocess.run(["age-keygen", "-y", path], capture_output=True, text=True, check=True)
    return done.stdout.strip(), path


def test_it_does_with_every_file_what_is_expected(program, tmp_path):
    wrong = []
    for vector in vectors():
        if vector.is_armored or not vector.file.startswith(b"age-encryption.org/"):
            continue
        place = tmp_path / vector.name
        place.mkdir()
        (place / "file").write_bytes(vector.file)
        (place / "key").write_text("".join(f"{identity}\n" for identity in vector.identities) or "# none\n")
        seen = ran(program, "open", place / "file", "-i", place / "key")
        said = seen.said.decode()
        if vector.identities and not (seen.code == 4 and SAID[vector.expect] in said):
            wrong.append((vector.name, vector.expect, seen.code, said))
        assert sorted(path.name for path in place.iterdir()) == ["file", "key"]
    assert wrong == []


@needs("age", "age-keygen")
def test_others_open_what_it_encrypts(program, tmp_path, keys):
    public, secret = keys
    (tmp_path / "out").mkdir()
    seen = ran(program, *COLLECT, "--encrypt-to", public, "-o", tmp_path / "out")
    assert seen.code == 0, seen.all
    [encrypted] = (tmp_path / "out").glob("*.age")
    whole = tmp_path / "b.tar.zst"
    subprocess.run(["age", "--decrypt", "-i", secret, "-o", whole, encrypted], env=ENVIRONMENT, check=True)
    seen = ran(program, "verify", whole)
    assert seen.code == 0, seen.all
    seen = ran(program, "open", encrypted, "-i", secret, "-o", tmp_path / "opened.tar.zst")
    assert seen.code == 0, seen.all
    assert (tmp_path / "opened.tar.zst").read_bytes() == whole.read_bytes()


@needs("age", "age-keygen")
def test_it_opens_what_others_encrypt(program, tmp_path, keys):
    public, secret = keys
    (tmp_path / "out").mkdir()
    ran(program, *COLLECT, "-o", tmp_path / "out")
    bundle = bundle_in(tmp_path / "out")
    encrypted = tmp_path / "b.tar.zst.age"
    subprocess.run(["age", "-r", public, "-o", encrypted, bundle], env=ENVIRONMENT, check=True)
    seen = ran(program, "open", encrypted, "-i", secret)
    assert seen.code == 0, seen.all
    assert (tmp_path / "b.tar.zst").read_bytes() == bundle.read_bytes()
    encrypted.write_bytes(encrypted.read_bytes()[:-1])
    (tmp_path / "b.tar.zst").unlink()
    seen = ran(program, "open", encrypted, "-i", secret)
    assert (seen.code, b"cut short" in seen.said) == (4, True), seen.all
    assert not (tmp_path / "b.tar.zst").exists()


@needs("age", "age-keygen")
def test_what_it_cannot_open_is_said(program, tmp_path, keys):
    """SSH keys are opened by what is installed with pip."""
    (tmp_path / "ssh").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "b.age").write_bytes(subprocess.run(["age", "-r", keys[0]], input=b"text", capture_output=True, check=True).stdout)
    seen = ran(program, "open", tmp_path / "b.age", "-i", tmp_path / "ssh")
    assert seen.code == 2
    assert b"cannot open anything with an SSH key" in seen.said
