"""`open`, `salvage` and the other commands of the desk, given what was encrypted: for us, for others, cut, altered, or no bundle at all."""

import os
import shutil
import subprocess

import pytest
from age_keys import encrypted
from asking import asking

from diagbundle.bundle.reader import Bundle
from diagbundle.cli.main import run
from diagbundle.collect.engine import Engine, Request
from diagbundle.collect.output import FileOutput
from diagbundle.errors import UsageError
from diagbundle.host import Host
from diagbundle.model import File
from diagbundle.testing import Silent
from diagbundle.transport.age import CHUNK, TAG
from diagbundle.transport.opening import read_keys

DESK = [
    ["list"], ["cat", "etc/hosts"], ["verify"], ["unpack", "-o", "tree"], ["analyze"], ["timeline"], ["changes"],
    ["list", "--missing"], ["salvage"],
]  # fmt: skip


@pytest.fixture
def bundle(tmp_path):
    """The bytes of a bundle of several chunks."""
    root = tmp_path / "host"
    (root / "etc").mkdir(parents=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    for number in range(20):
        (root / f"etc/noise{number:02}").write_bytes(os.urandom(CHUNK))
    output = FileOutput(str(tmp_path / "made.tar.zst"))
    result = Engine(Request([asking(File("/etc/*"))], Host(str(root)), sample_interval=0), output, Silent(), {"name": "h"}).run()
    with open(result.sealed.path, "rb") as file:
        return file.read()


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty folder, in which nobody has a key."""
    place = tmp_path / "desk"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.delenv("DIAGBUNDLE_IDENTITY", raising=False)
    return place


@pytest.fixture
def arrived(desk, bundle, pair):
    """The path of an encrypted bundle."""
    (desk / "b.tar.zst.age").write_bytes(encrypted(bundle, pair.public))
    return desk / "b.tar.zst.age"


def test_it_becomes_a_bundle_beside_it(arrived, bundle, identity, capsys):
    assert run(["open", "b.tar.zst.age", "-i", identity]) == 0
    assert capsys.readouterr().out == "b.tar.zst\n"
    assert sorted(os.listdir()) == ["b.tar.zst", "b.tar.zst.age"]
    assert (arrived.parent / "b.tar.zst").read_bytes() == bundle
    assert os.stat("b.tar.zst").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("where", ["environment", "home"])
def test_the_key_of_this_user_is_taken(arrived, desk, pair, monkeypatch, where):
    if where == "home":
        (desk / ".config/diagbundle").mkdir(parents=True)
        pair.written(desk / ".config/diagbundle/identity")
    else:
        monkeypatch.setenv("DIAGBUNDLE_IDENTITY", pair.written(desk / "key"))
    assert run(["open", str(arrived)]) == 0
    assert run(["verify", "b.tar.zst"]) == 0


def test_several_go_into_a_folder(arrived, desk, identity, tmp_path):
    shutil.copy(arrived, desk / "odd name (1)")
    (tmp_path / "out").mkdir()
    assert run(["open", "b.tar.zst.age", "odd name (1)", "-i", identity, "-o", str(tmp_path / "out")]) == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["b.tar.zst", "odd name (1).tar.zst"]
    assert run(["open", "b.tar.zst.age", "odd name (1)", "-i", identity, "-o", str(desk / "file")]) == 2


def test_a_plain_bundle_is_opened_already(arrived, identity, capsys):
    run(["open", "b.tar.zst.age", "-i", identity])
    capsys.readouterr()
    assert run(["open", "b.tar.zst"]) == 0
    assert capsys.readouterr().out == "b.tar.zst\n"


def refused(capsys, words, code=4):
    """What is said; nothing may lie there that was not there before."""
    before = sorted(os.listdir())
    assert run(words) == code
    assert sorted(os.listdir()) == before
    said = capsys.readouterr().err
    sentence, *hint = said.splitlines()
    assert sentence.startswith("diagbundle: ")
    assert len(hint) <= 1
    return said


def test_another_key_opens_nothing(arrived, other, desk, capsys):
    said = refused(capsys, ["open", "b.tar.zst.age", "-i", other.written(desk / "other")])
    assert "b.tar.zst.age cannot be opened: it is encrypted to another key (X25519)" in said
    assert "hint: name the file of another secret key with -i" in said


@pytest.mark.parametrize("where", [30, 150, 200, 3 * CHUNK, -1])
def test_what_was_altered_is_no_bundle(arrived, identity, capsys, where):
    data = bytearray(arrived.read_bytes())
    data[where] ^= 1
    arrived.write_bytes(data)
    assert "cannot be opened" in refused(capsys, ["open", "b.tar.zst.age", "-i", identity])


@pytest.mark.parametrize("size", [10, 100, 190, 5 * CHUNK, -1])
def test_what_was_cut_is_no_bundle(arrived, identity, capsys, size):
    arrived.write_bytes(arrived.read_bytes()[:size])
    said = refused(capsys, ["open", "b.tar.zst.age", "-i", identity])
    assert "b.tar.zst.age" in said
    if size > 200:
        assert "cut short" in said
        assert "`diagbundle salvage FILE -i KEYFILE` gets out what stands before" in said


def test_what_was_cut_between_two_chunks_is_no_bundle(arrived, bundle, identity, capsys):
    whole = arrived.read_bytes()
    head = len(whole) - len(bundle) - TAG * -(-len(bundle) // CHUNK)
    arrived.write_bytes(whole[: head + 3 * (CHUNK + TAG)])
    assert "cut short" in refused(capsys, ["open", "b.tar.zst.age", "-i", identity])


def test_salvage_gets_out_what_is_authentic(arrived, identity, capsys):
    arrived.write_bytes(arrived.read_bytes()[: 10 * CHUNK])
    assert run(["salvage", "b.tar.zst.age", "-i", identity, "-o", "tree"]) == 4
    said = capsys.readouterr().err
    assert "cut short" in said
    assert sorted(os.listdir()) == ["b.tar.zst.age", "tree"]
    assert sorted(os.listdir("tree/etc"))[:2] == ["hosts", "noise00"]


def test_what_is_encrypted_there_is_no_bundle(desk, pair, identity, capsys):
    (desk / "x.age").write_bytes(encrypted(b"\x1f\x8b a gzip file", pair.public))
    said = refused(capsys, ["open", "x.age", "-i", identity])
    assert "what is encrypted there is no bundle" in said
    assert "a gzip file" in said


def test_a_damaged_bundle_in_a_sound_file_is_told_as_such(desk, bundle, pair, identity, capsys):
    (desk / "x.age").write_bytes(encrypted(bundle[:-50], pair.public))
    assert "damaged" in refused(capsys, ["open", "x.age", "-i", identity])


def test_nothing_is_overwritten(arrived, desk, identity, capsys):
    (desk / "b.tar.zst").write_text("of somebody else")
    assert "not overwritten" in refused(capsys, ["open", "b.tar.zst.age", "-i", identity], code=1)
    assert (desk / "b.tar.zst").read_text() == "of somebody else"
    (desk / "b.tar.zst").unlink()
    (desk / "b.tar.zst").symlink_to("elsewhere")
    assert "not overwritten" in refused(capsys, ["open", "b.tar.zst.age", "-i", identity], code=1)


def test_without_a_key_it_is_said_how_to_name_one(arrived, capsys):
    assert "-i" in refused(capsys, ["open", "b.tar.zst.age"], code=2)


@pytest.mark.parametrize("armored", [False, True])
@pytest.mark.parametrize("words", DESK, ids=" ".join)
def test_other_commands_say_that_it_is_encrypted(arrived, capsys, words, armored):
    if armored:
        arrived.write_bytes(b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n")
    said = refused(capsys, [words[0], "b.tar.zst.age", *words[1:]], code=2 if words == ["salvage"] else 4)
    assert "is encrypted" in said
    assert "-i" in said


# -- keys


def ssh_key(path, kind="ed25519", phrase=""):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-f", path], check=True)
    return str(path)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_an_ssh_key_opens(desk, bundle, debian, capsys, kind):
    pytest.importorskip("pyrage")
    key = ssh_key(desk / "id", kind)
    (desk / "b.tar.zst.age").write_bytes(debian("-R", f"{key}.pub", data=bundle))
    assert run(["open", "b.tar.zst.age", "-i", key]) == 0
    with Bundle.open("b.tar.zst") as opened:
        assert opened.verify().damages == []
    os.unlink("b.tar.zst")
    (desk / "b.tar.zst.age").write_bytes(debian("-R", f"{key}.pub", data=bundle)[: 4 * CHUNK])
    assert "cut short" in refused(capsys, ["open", "b.tar.zst.age", "-i", key])
    assert "another key" in refused(capsys, ["open", "b.tar.zst.age", "-i", ssh_key(desk / "other", kind)]) or os.path.exists("other")


@pytest.mark.slow
def test_pass_phrases_are_asked_for(tmp_path, pair):
    pyrage = pytest.importorskip("pyrage")
    path = ssh_key(tmp_path / "ssh", phrase="secret words")
    locked = tmp_path / "identity.age"
    locked.write_bytes(pyrage.passphrase.encrypt(f"{pair.secret}\n".encode(), "secret words"))
    keys = read_keys([path, str(locked)], lambda _path: "secret words")
    assert len(keys.others) == 1
    assert keys.own == [pair.secret]
    for one in (path, str(locked)):
        with pytest.raises(UsageError, match="the pass phrase does not open it"):
            read_keys([one], lambda _path: "others")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it holds no key"),
        ("# nothing\n", "it holds no key"),
        ("{public}\n", "it is a public key"),
        ("hello\n", "a line is no AGE-SECRET-KEY-1"),
        ("AGE-SECRET-KEY-1QQ\n", "capital letters and digits"),
        ("{secret}Q\n", "capital letters and digits"),
        ("{secret}\n{wrong}\n", "checksum is wrong"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "no key to open anything with"),
        ("x" * 300_000, "KiB at most"),
        ("\0\xff", "a line is no"),
    ],
)
def test_what_is_no_key_file(tmp_path, pair, text, sentence):
    wrong = pair.secret[:-1] + ("Q" if pair.secret[-1] != "Q" else "P")
    path = tmp_path / "key"
    path.write_text(text.format(public=pair.public, secret=pair.secret, wrong=wrong))
    with pytest.raises(UsageError, match=sentence) as raised:
        read_keys([str(path)], lambda _path: "")
    assert pair.secret not in str(raised.value)
    for odd in (str(tmp_path), str(tmp_path / "missing"), "\0"):
        with pytest.raises(UsageError):
            read_keys([odd], lambda _path: "")
