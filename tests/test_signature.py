"""Who sealed it: real keys, made here, and real ssh-keygen, on both sides."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_parts import NAME, made, sidecar

from diagbundle.cli import main
from diagbundle.cli.collect import _conclude
from diagbundle.cli.sealing import Sealing, pass_on
from diagbundle.errors import IntegrityError, OutputError, UsageError
from diagbundle.transport import signature
from diagbundle.transport.signature import key_to_sign, sign, signed_by, signers, verified

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="OpenSSH's client is not installed")


def ssh_keygen(*words, data=b"", code=0):
    said = subprocess.run(["ssh-keygen", *map(str, words)], input=data, capture_output=True, check=False)
    assert said.returncode == code, said
    return said


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """Keys of all kinds that a host has, one of somebody else, one behind a pass phrase."""
    folder = tmp_path_factory.mktemp("keys")
    for kind in ("ed25519", "ecdsa", "rsa"):
        ssh_keygen("-q", "-t", kind, "-N", "", "-C", f"root@db1 {kind}", "-f", folder / kind)
    ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", "mallory", "-f", folder / "other")
    ssh_keygen("-q", "-t", "ed25519", "-N", os.urandom(8).hex(), "-f", folder / "locked")
    return folder


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    return made(tmp_path_factory.mktemp("signed") / NAME, large=11 << 20, small=3)


@pytest.fixture
def checksum(tmp_path):
    path = tmp_path / f"{NAME}.sha256"
    path.write_text(f"{'0' * 64}  {NAME}\n")
    return path


def public(keys, name="ed25519"):
    return (keys / f"{name}.pub").read_text().strip()


# -- signing


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_ssh_keygen_verifies_what_we_sign(keys, checksum, kind):
    signer = sign(str(checksum), str(keys / kind), {})
    (checksum.parent / "allowed").write_text(f"db1 {public(keys, kind)}\n")
    words = ["-Y", "verify", "-f", checksum.parent / "allowed", "-I", "db1", "-n", "diagbundle", "-s", f"{checksum}.sig"]
    assert f"{signer.kind} key {signer.fingerprint}".encode() in ssh_keygen(*words, data=checksum.read_bytes()).stdout
    assert signer.fingerprint.encode() in ssh_keygen("-l", "-f", keys / f"{kind}.pub").stdout
    assert os.stat(f"{checksum}.sig").st_mode & 0o777 == 0o600
    assert sorted(path.name for path in checksum.parent.iterdir()) == ["allowed", checksum.name, f"{checksum.name}.sig"]


def test_a_key_in_an_agent_signs_with_its_public_half_alone(keys, checksum, tmp_path):
    socket = str(tmp_path / "s")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if (
                subprocess.run(
                    ["ssh-add", "-q", keys / "ed25519"], env={**os.environ, "SSH_AUTH_SOCK": socket}, capture_output=True, check=False
                ).returncode
                == 0
            ):
                break
        shutil.copy(keys / "ed25519.pub", tmp_path / "mine.pub")
        sign(str(checksum), key_to_sign(str(tmp_path / "mine.pub")), {"SSH_AUTH_SOCK": socket})
    finally:
        agent.kill()
        agent.wait()
    assert verified(str(checksum), public(keys)).name == "root@db1_ed25519"


def test_without_the_pass_phrase_nothing_is_written(keys, checksum):
    with pytest.raises(OutputError, match=r"not signed: ssh-keygen says: .*passphrase"):
        sign(str(checksum), str(keys / "locked"), {})
    assert [path.name for path in checksum.parent.iterdir()] == [checksum.name]


def test_a_signature_that_is_there_is_not_overwritten(keys, checksum):
    (checksum.parent / f"{checksum.name}.sig").write_text("mine")
    with pytest.raises(OutputError, match="there already"):
        sign(str(checksum), str(keys / "ed25519"), {})


def test_the_key_of_the_host_is_the_first_there_is(keys, monkeypatch):
    monkeypatch.setattr(signature, "HOST_KEYS", ("/nonexistent/a", str(keys / "ecdsa"), str(keys / "rsa")))
    assert key_to_sign() == str(keys / "ecdsa")
    monkeypatch.setattr(signature, "HOST_KEYS", ("/nonexistent/a",))
    with pytest.raises(UsageError, match="no SSH key of its own"):
        key_to_sign()


@pytest.mark.parametrize("content", [None, b"", b"hello\n", os.urandom(100)], ids=["missing", "empty", "text", "bytes"])
def test_what_is_no_key_is_found_before_anything_is_collected(tmp_path, content, capsys, monkeypatch):
    key = tmp_path / "key"
    if content is not None:
        key.write_bytes(content)
    (tmp_path / "out").mkdir()
    assert main.run(["collect", "--yes", "--only", "kernel", "--sign", str(key), "-o", str(tmp_path / "out")]) == 2
    assert f"{key}" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def program(folder, text):
    """A stand-in for ssh-keygen."""
    path = folder / "bin" / "ssh-keygen"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path.parent)


OLD = "echo 'unknown option -- Y' >&2; echo 'usage: ssh-keygen [-q] [-b bits]' >&2; exit 1"


@pytest.mark.parametrize("text", [None, OLD], ids=["missing", "old"])
def test_a_host_that_cannot_sign_keeps_the_bundle_and_ends_as_not_whole(keys, checksum, tmp_path, monkeypatch, text, capsys):  # noqa: PLR0913, PLR0917
    monkeypatch.setattr(signature, "_PATH", program(tmp_path, text) if text else str(tmp_path))
    sealing = Sealing(str(keys / "ed25519"), "0")
    reason = "older than OpenSSH 8.1" if text else "ssh-keygen is not installed"
    assert reason in sealing.statement()[0]

    class Sealed:
        path, size, sha256, fault = str(checksum.parent / NAME), 1, "0" * 64, ""

    result = type(
        "R",
        (),
        {
            "sealed": Sealed,
            "complete": True,
            "seconds": 1.0,
            "outcomes": {},
            "hidden": {},
            "reason": "",
            "unread": 0,
            "losses": [],
            "swept": [],
            "left_behind": [],
            "unwanted": [],
            "suspects": [],
        },
    )
    said = []
    screen = type("S", (), {"say": lambda _self, text="": said.append(text)})()
    collection = type("C", (), {"alive": staticmethod(lambda: None), "screen": screen})
    assert _conclude(collection, sealing, "text", to=[], result=result) == 3
    assert any("it was not signed" in line and reason in line for line in said)
    assert capsys.readouterr().out == f"{Sealed.path}\n"
    assert main.run(["seal", str(checksum), "--sign", str(keys / "ed25519")]) == 1


def test_a_program_that_does_not_end_is_ended(keys, checksum, tmp_path, monkeypatch):
    monkeypatch.setattr(signature, "_PATH", program(tmp_path, "exec /bin/sleep 60"))
    monkeypatch.setattr(signature, "PERSON", 0.3)
    with pytest.raises(OutputError, match="did not end within"):
        sign(str(checksum), str(keys / "ed25519"), {})


def test_whoever_is_impatient_ends_it(keys, checksum, tmp_path, monkeypatch):
    monkeypatch.setattr(signature, "_PATH", program(tmp_path, "exec /bin/sleep 60"))

    def alive():
        raise OutputError("it was interrupted")

    with pytest.raises(OutputError, match="interrupted"):
        sign(str(checksum), str(keys / "ed25519"), {}, alive)


# -- verifying


def known_hosts(keys, folder, *lines):
    (folder / "known_hosts").write_text("".join(f"{line}\n" for line in lines))
    return str(folder / "known_hosts")


def bare(keys, name="ed25519"):
    return " ".join(public(keys, name).split()[:2])


SIGNERS = {
    "a public key": (lambda keys, _folder: str(keys / "ed25519.pub"), "root@db1_ed25519"),
    "the text of a key": (lambda keys, _folder: public(keys), "root@db1_ed25519"),
    "several public keys": (lambda keys, folder: known_hosts(keys, folder, public(keys, "other"), public(keys)), "root@db1_ed25519"),
    "known_hosts": (lambda keys, folder: known_hosts(keys, folder, f"db2 {bare(keys, 'other')}", f"db1,10.0.0.1 {bare(keys)} x"), "db1"),
    "a port": (lambda keys, folder: known_hosts(keys, folder, f"[db1]:2222 {bare(keys)}"), "[db1]:2222"),
    "hashed": (lambda keys, folder: hashed(keys, folder), "|1|"),  # noqa: PLW0108  # it is defined below
    "allowed_signers": (lambda keys, folder: known_hosts(keys, folder, f'"db1" namespaces="git,diagbundle" {bare(keys)}'), "db1"),
    "not yet expired": (lambda keys, folder: known_hosts(keys, folder, f'db1 valid-before="20990101" {bare(keys)}'), "db1"),
}


def hashed(keys, folder):
    path = known_hosts(keys, folder, f"db1 {bare(keys)}")
    ssh_keygen("-q", "-H", "-f", path)
    os.unlink(f"{path}.old")
    return path


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS.keys())
def test_whatever_names_the_key_is_taken(keys, checksum, tmp_path, signer):
    sign(str(checksum), str(keys / "ed25519"), {})
    named, name = signer
    assert verified(str(checksum), named(keys, tmp_path)).name.startswith(name)


def test_a_certificate_is_taken_where_its_authority_is_listed(keys, checksum, tmp_path):
    shutil.copy(keys / "ed25519", tmp_path / "mine")
    shutil.copy(keys / "ed25519.pub", tmp_path / "mine.pub")
    ssh_keygen("-q", "-s", keys / "rsa", "-I", "id", "-n", "db1", tmp_path / "mine.pub")
    ssh_keygen("-q", "-Y", "sign", "-f", tmp_path / "mine-cert.pub", "-n", "diagbundle", checksum)
    allowed = known_hosts(keys, tmp_path, f"db1 cert-authority {bare(keys, 'rsa')}")
    assert verified(str(checksum), allowed).name == "db1"
    with pytest.raises(IntegrityError):
        verified(str(checksum), known_hosts(keys, tmp_path, f"db1 cert-authority {bare(keys, 'other')}"))


def by_another(keys, checksum):
    sign(str(checksum), str(keys / "other"), {})
    return str(keys / "ed25519.pub"), "by another key than you named: SHA256:"


def over_another_file(keys, checksum):
    sign(str(checksum), str(keys / "ed25519"), {})
    checksum.write_text(f"{'1' * 64}  {NAME}\n")
    return str(keys / "ed25519.pub"), "altered, or they do not belong together"


def in_another_namespace(keys, checksum):
    ssh_keygen("-q", "-Y", "sign", "-f", keys / "ed25519", "-n", "diagbundle-release", checksum)
    return str(keys / "ed25519.pub"), "made for another purpose"


def cut_short(keys, checksum):
    sign(str(checksum), str(keys / "ed25519"), {})
    sig = checksum.parent / f"{checksum.name}.sig"
    sig.write_bytes(sig.read_bytes()[:100])
    return str(keys / "ed25519.pub"), "not one of this file"


def empty(keys, checksum):
    (checksum.parent / f"{checksum.name}.sig").write_bytes(b"")
    return str(keys / "ed25519.pub"), "not one of this file"


def missing(keys, _checksum):
    return str(keys / "ed25519.pub"), "it is not signed"


def revoked_in_known_hosts(keys, checksum):
    sign(str(checksum), str(keys / "ed25519"), {})
    return known_hosts(keys, checksum.parent, f"db1 {bare(keys)}", f"@revoked * {bare(keys)}"), "the key is revoked"


def only_revoked(keys, checksum):
    sign(str(checksum), str(keys / "ed25519"), {})
    return known_hosts(keys, checksum.parent, f"@revoked * {bare(keys)}"), "the key is revoked"


def expired(keys, checksum):
    sign(str(checksum), str(keys / "ed25519"), {})
    return known_hosts(keys, checksum.parent, f'db1 valid-before="20200101" {bare(keys)}'), "not valid any more"


def for_git_only(keys, checksum):
    sign(str(checksum), str(keys / "ed25519"), {})
    return known_hosts(keys, checksum.parent, f'db1 namespaces="git" {bare(keys)}'), "does not let it sign bundles"


REFUSED = [
    by_another,
    over_another_file,
    in_another_namespace,
    cut_short,
    empty,
    missing,
    revoked_in_known_hosts,
    only_revoked,
    expired,
    for_git_only,
]


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda spoil: spoil.__name__)
def test_what_ssh_keygen_refuses_is_refused_and_why(keys, checksum, spoil):
    signer, why = spoil(keys, checksum)
    with pytest.raises(IntegrityError, match=why):
        verified(str(checksum), signer)


def test_a_list_of_revoked_keys_is_obeyed(keys, checksum, tmp_path):
    sign(str(checksum), str(keys / "ed25519"), {})
    ssh_keygen("-q", "-k", "-f", tmp_path / "krl", keys / "ed25519.pub")
    ssh_keygen("-q", "-k", "-f", tmp_path / "krl2", keys / "other.pub")
    assert verified(str(checksum), public(keys), str(tmp_path / "krl2")).name
    for path in (tmp_path / "krl", keys / "ed25519.pub"):
        with pytest.raises(IntegrityError, match="revoked"):
            verified(str(checksum), public(keys), str(path))
    with pytest.raises(UsageError, match="no such file") as refused:
        verified(str(checksum), public(keys), str(tmp_path / "none"))
    assert "ssh-keygen -k" in refused.value.hint


@pytest.mark.parametrize("what", ["nonsense", "ssh-ed25519", "/nonexistent", "\0", ""])
def test_what_names_no_key_is_refused(what):
    with pytest.raises(UsageError):
        signers(what)


def test_a_private_key_is_not_taken_for_a_signer(keys):
    with pytest.raises(UsageError, match="private key"):
        signers(str(keys / "ed25519"))


@given(st.binary(max_size=300))
def test_any_file_of_signers_is_lines_or_a_refusal(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "signers"
    path.write_bytes(content)
    try:
        allowed, revoked = signers(str(path))
    except UsageError:
        return
    assert allowed or revoked


# -- the commands


def bundle(source, folder):
    shutil.copy(source, folder / NAME)
    sidecar(folder / NAME)
    return str(folder / NAME)


def test_verify_tells_who_and_whether_anybody_looked(keys, source, tmp_path, capsys):
    path = bundle(source, tmp_path)
    assert main.run(["seal", path, "--sign", str(keys / "ed25519")]) == 0
    assert capsys.readouterr().out.split() == [path, f"{path}.sha256", f"{path}.sha256.sig"]
    assert main.run(["verify", path]) == 0
    out = capsys.readouterr().out
    assert f"signed by the key {signed_by(f'{path}.sha256')}" in out
    assert "whose that is was not checked" in out
    assert main.run(["verify", path, "--signer", str(keys / "ed25519.pub")]) == 0
    assert "signed by root@db1_ed25519, as ed25519.pub knows it: SHA256:" in capsys.readouterr().out
    assert main.run(["verify", path, "--signer", str(keys / "other.pub")]) == 4
    assert "signed by another key" in capsys.readouterr().err
    os.rename(f"{path}.sha256", f"{path}.sha256.away")
    assert main.run(["verify", path, "--signer", str(keys / "ed25519.pub")]) == 4
    assert "is not signed" in capsys.readouterr().err


def test_verify_without_a_signer_still_refuses_a_signature_of_another_file(keys, source, tmp_path, capsys):
    path = bundle(source, tmp_path)
    (tmp_path / "x").write_text("another file")
    ssh_keygen("-q", "-Y", "sign", "-f", keys / "ed25519", "-n", "diagbundle", tmp_path / "x")
    os.rename(tmp_path / "x.sig", f"{path}.sha256.sig")
    assert main.run(["verify", path]) == 4
    assert "not one of this file" in capsys.readouterr().err


def test_verify_without_ssh_keygen_says_that_nobody_looked(keys, source, tmp_path, capsys, monkeypatch):
    path = bundle(source, tmp_path)
    assert main.run(["seal", path, "--sign", str(keys / "ed25519")]) == 0
    monkeypatch.setattr(signature, "_PATH", str(tmp_path))
    assert main.run(["verify", path]) == 0
    assert "not looked at: who signed cannot be told: ssh-keygen is not installed" in capsys.readouterr().out
    assert main.run(["verify", path, "--signer", str(keys / "ed25519.pub")]) == 1


def test_seal_signs_and_cuts_and_the_parts_give_it_back(keys, source, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    path = bundle(source, tmp_path / "in")
    before = sorted(os.listdir(tmp_path / "in"))
    assert main.run(["seal", path, "--sign", str(keys / "rsa"), "--max-part", "10M", "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    leaving = said.out.split()
    assert f"Pass on these {len(leaving)} files: " in said.err
    assert all(os.path.basename(path) in said.err for path in leaving)
    assert sorted(map(os.path.basename, leaving)) == sorted(os.listdir(tmp_path / "out"))
    assert sorted(os.listdir(tmp_path / "in")) == before
    assert len(leaving) >= 5
    assert main.run(["join", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / NAME).read_bytes() == source.read_bytes()
    assert main.run(["verify", str(tmp_path / "out" / NAME), "--signer", str(keys / "rsa.pub")]) == 0


def test_seal_encrypts_signs_and_cuts(keys, source, tmp_path, capsys):
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    path = bundle(source, tmp_path)
    (tmp_path / "out").mkdir()
    words = ["seal", path, "--encrypt-to", str(identity.to_public()), "--sign", str(keys / "ed25519"), "-o", str(tmp_path / "out")]
    assert main.run([*words, "--max-part", "10M"]) == 0
    leaving = sorted(os.path.basename(one) for one in capsys.readouterr().out.split())
    assert leaving == sorted(os.listdir(tmp_path / "out"))
    assert leaving[:2] == [f"{NAME}.age.001", f"{NAME}.age.002"]
    assert (tmp_path / "out" / leaving[0]).stat().st_size == 10 << 20
    assert main.run(["join", str(tmp_path / "out")]) == 0
    whole = tmp_path / "out" / f"{NAME}.age"
    assert pyrage.decrypt(whole.read_bytes(), [identity]) == source.read_bytes()
    assert main.run(["verify", str(whole), "--signer", str(keys / "ed25519.pub")]) == 0
    assert "it is encrypted" in capsys.readouterr().out
    data = bytearray(whole.read_bytes())
    data[-1] ^= 1
    whole.write_bytes(data)
    assert main.run(["verify", str(whole)]) == 4
    assert main.run(["seal", str(whole), "--encrypt-to", str(identity.to_public())]) == 2


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--max-part", "9M"],
        ["--max-part", "many"],
        ["--encrypt-to", "age1x"],
        ["--sign", "/nonexistent"],
        ["--sign", "KEY", "-o", "/nonexistent"],
    ],
    ids=" ".join,
)
def test_seal_refuses_what_cannot_be(keys, source, tmp_path, words):
    path = bundle(source, tmp_path)
    before = sorted(os.listdir(tmp_path))
    assert main.run(["seal", path, *[str(keys / "ed25519") if word == "KEY" else word for word in words]]) == 2
    assert sorted(os.listdir(tmp_path)) == before


def test_seal_refuses_a_damaged_bundle_and_one_of_another_checksum(keys, source, tmp_path, capsys):
    path = bundle(source, tmp_path)
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / NAME).write_bytes(data)
    assert main.run(["seal", path, "--sign", str(keys / "ed25519")]) == 4
    assert "is damaged" in capsys.readouterr().err
    (tmp_path / NAME).write_bytes(source.read_bytes())
    (tmp_path / f"{NAME}.sha256").write_text(f"{'0' * 64}  {NAME}\n")
    assert main.run(["seal", path, "--sign", str(keys / "ed25519"), "--max-part", "10M"]) == 4
    assert sorted(os.listdir(tmp_path)) == [NAME, f"{NAME}.sha256"]


def test_seal_that_cannot_end_leaves_nothing(keys, source, tmp_path):
    path = bundle(source, tmp_path)
    (tmp_path / f"{NAME}.sha256.sig").write_text("mine")
    before = sorted(os.listdir(tmp_path))
    assert main.run(["seal", path, "--sign", str(keys / "ed25519"), "--max-part", "10M"]) == 1
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_seal_ended_by_a_signal_ends_as_others_do_and_leaves_nothing(keys, source, tmp_path, monkeypatch, number):
    path = bundle(source, tmp_path)
    before = sorted(os.listdir(tmp_path))

    def impatient(_path, _key, _environment, alive):
        os.kill(os.getpid(), number)
        alive()

    monkeypatch.setattr(signature, "sign", impatient)
    assert main.run(["seal", path, "--sign", str(keys / "ed25519"), "--max-part", "10M"]) == 128 + number
    assert sorted(os.listdir(tmp_path)) == before


def test_which_files_go_together_is_said_in_lines_that_fit():
    parts = [f"/root/{NAME}.{number:03}" for number in range(1, 18)]
    lines = pass_on(parts, [f"/root/{NAME}.parts", f"/root/{NAME}.sha256"])
    assert " ".join(line.strip() for line in lines) == f"Pass on these 19 files: {NAME}.001 to {NAME}.017, {NAME}.parts, {NAME}.sha256"
    assert pass_on(["/root/x"], []) == []
    assert max(map(len, pass_on(["/" + "ab-" * 15] * 3, []))) <= 80


@pytest.mark.slow
def test_collect_signs_and_cuts(keys, tmp_path, capfd):
    (tmp_path / "logs").mkdir()
    rows = (hashlib.sha512(str(number).encode()).hexdigest() for number in range(200_000))
    (tmp_path / "logs/app.log").write_text("".join(f"{' '.join(row[at : at + 7] for at in range(0, 128, 7))}\n" for row in rows))
    (tmp_path / "out").mkdir()
    words = ["--yes", "--only", "include", "--include", str(tmp_path / "logs"), "-o", str(tmp_path / "out"), "--max-part", "10M"]
    command = [sys.executable, "-m", "diagbundle", "collect", *words, "--sign", str(keys / "ed25519")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    parts = said.stdout.split()
    assert len(parts) >= 2
    assert "signed by the key SHA256:" in said.stderr
    assert f"{len(parts)} parts" in said.stderr
    told = said.stderr.partition("Pass on these ")[2].replace(",", "").split()
    assert [told[0], *sorted(told[2:])] == [f"{len(parts) + 3}", *sorted(os.listdir(tmp_path / "out"))]
    assert main.run(["join", str(tmp_path / "out")]) == 0
    whole = capfd.readouterr().out.strip()
    assert main.run(["verify", whole, "--signer", str(keys / "ed25519.pub")]) == 0


def test_what_goes_to_a_pipe_is_not_signed(keys, capsys):
    assert main.run(["collect", "--yes", "-o", "-", "--sign", str(keys / "ed25519")]) == 2
    assert "neither signed nor cut" in capsys.readouterr().err


def test_a_pipe_is_neither_a_key_nor_a_list_of_signers(tmp_path):
    """One into which nothing was written yet is as if it were empty, and must not be waited for."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    try:
        with pytest.raises(UsageError, match="not a regular file"):
            signers(str(path))
        with pytest.raises(UsageError, match="no SSH key to sign with"):
            key_to_sign(str(path))
    finally:
        os.close(writer)
