"""A collection that is encrypted in the stream: no plain byte on the disk, sealed also where the disk fills."""

import errno
import json
import math
import os
import shutil
import subprocess
import sys

import pytest
from asking import asking

from diagbundle.bundle.reader import Bundle
from diagbundle.cli import encryption
from diagbundle.cli.main import run
from diagbundle.collect.encrypted import EncryptedOutput
from diagbundle.collect.engine import Engine, Request, who_is
from diagbundle.collect.output import FileOutput, PipeOutput
from diagbundle.errors import OutputError, UsageError
from diagbundle.host import Host
from diagbundle.model import File, Stage
from diagbundle.testing import Silent
from diagbundle.transport.age import Encryptor, decrypted

MIB = 1 << 20
MARK = b"this very line stands in the bundle"
FEW = ["collect", "--yes", "--quiet", "--only", "self", "--only", "include"]
PROGRAM = [sys.executable, "-m", "diagbundle"]


def ran(*words):
    """The program, to its end."""
    environment = os.environ | {"DIAGBUNDLE_SAMPLE_INTERVAL": "0.1s"}
    done = subprocess.run([*PROGRAM, *words], capture_output=True, env=environment, timeout=100, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


@pytest.fixture
def host(tmp_path):
    """A host with small files, and one that does not shrink."""
    root = tmp_path / "host"
    (root / "etc").mkdir(parents=True)
    (root / "var/log").mkdir(parents=True)
    for number in range(500):
        (root / f"etc/fact{number}").write_text(f"fact {number}\n" * 20)
    (root / "var/log/large").write_bytes(os.urandom(40 * MIB))
    return Host(str(root))


def collect(host, output, **settings):
    """With the real engine."""
    collectors = [asking(File("/etc/*"), name="facts"), asking(File("/var/log/*"), name="logs", stage=Stage.LOGS)]
    return Engine(Request(collectors, host, **{"sample_interval": 0.0} | settings), output, Silent(), who_is(host)).run()


def plain(path, pair):
    """The bundle in an encrypted file, beside it."""
    with open(path, "rb") as file, open(f"{path}.opened", "wb") as out:
        out.writelines(decrypted(file.fileno(), [pair.secret]))
    return out.name


def check_partial(path, pair, host):
    """A sealed, partial bundle, which tells the truth about what it has of the large file. Its rows by source."""
    with Bundle.open(plain(path, pair)) as bundle:
        assert bundle.verify().damages == []
        assert not bundle.head["complete"]
        rows = {row["source"]: row for row in bundle.rows()}
        row = rows["/var/log/large"]
        assert row["outcome"] in ("partial", "failed")
        if row["outcome"] == "partial":
            with open(f"{host.root}/var/log/large", "rb") as file:
                assert b"".join(bundle.content(row))[: row["short"]] == file.read(row["short"])
        return rows


@pytest.fixture
def disk(tmp_path):
    """A file system of 24 MiB."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={24 * MIB}", "tmpfs", place], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=False)


# -- the file


def test_what_is_collected_is_encrypted_and_whole(pair, tmp_path, debian):
    (tmp_path / "marked").write_bytes(MARK)
    out = tmp_path / "out"
    out.mkdir()
    done = ran(*FEW, "--encrypt-to", pair.public, "--include", str(tmp_path / "marked"), "-o", str(out))
    assert done.returncode == 0, done.stderr
    path = done.stdout.decode().strip()
    names = sorted(os.listdir(out))
    assert [names[0], f"{names[0]}.sha256"] == names
    assert path == str(out / names[0])
    assert path.endswith(".tar.zst.age")
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert subprocess.run(["sha256sum", "-c", "--quiet", names[1]], cwd=out, check=False).returncode == 0
    with open(path, "rb") as file:
        bundle = debian("--decrypt", "--identity", pair.written(tmp_path / "key"), data=file.read())
    (tmp_path / "b.tar.zst").write_bytes(bundle)
    with Bundle.open(str(tmp_path / "b.tar.zst")) as opened:
        assert opened.verify().damages == []
        assert opened.prefix == names[0].removesuffix(".tar.zst.age")
        assert b"".join(opened.content(opened.find(f"{tmp_path}/marked".lstrip("/")))) == MARK


def test_no_plain_byte_is_written(pair, tmp_path, monkeypatch):
    """Everything that goes to the disk while it runs is the encrypted file: its header, and from then on noise."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/marked").write_bytes(MARK * 100_000)
    seen, real = [], FileOutput.write
    monkeypatch.setattr(FileOutput, "write", lambda self, data: seen.append(bytes(data)) or real(self, data))
    collect(Host(str(tmp_path)), EncryptedOutput(FileOutput(str(tmp_path / "b.tar.zst.age")), [pair.public]))
    assert b"".join(seen) == (tmp_path / "b.tar.zst.age").read_bytes()
    assert seen[0].startswith(b"age-encryption.org/v1\n")
    assert not any(b"\x28\xb5\x2f\xfd" in chunk for chunk in seen)  # the beginning of a frame


def test_into_a_pipe(pair, tmp_path, identity):
    done = ran(*FEW, "--encrypt-to", pair.public, "-o", "-", "--include", identity)
    assert done.returncode == 0, done.stderr
    (tmp_path / "b.age").write_bytes(done.stdout)
    with Bundle.open(plain(str(tmp_path / "b.age"), pair)) as bundle:
        assert bundle.verify().damages == []


@pytest.mark.parametrize("limit", [MIB, 1 << 30, 1 << 40])
def test_what_fits_is_known(pair, tmp_path, limit):
    output = EncryptedOutput(FileOutput(str(tmp_path / "b.tar.zst.age")), [pair.public])
    fits = int(output.content(limit))
    assert limit * 0.9 < Encryptor([pair.public], len).growth(fits) <= limit
    assert output.content(math.inf) == math.inf


def test_a_limit_holds_for_the_encrypted_file(pair, tmp_path, host):
    output = EncryptedOutput(FileOutput(str(tmp_path / "b.tar.zst.age")), [pair.public])
    result = collect(host, output, max_bytes=12 * MIB)
    assert 10 * MIB < os.stat(result.sealed.path).st_size <= 12 * MIB
    check_partial(result.sealed.path, pair, host)


@pytest.fixture(params=[True, False], ids=["", "on a file system that reserves nothing"])
def reserving(request, monkeypatch):
    """With file systems that reserve room when they are asked, and with such that cannot."""

    def refuses(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    if not request.param:
        monkeypatch.setattr(os, "posix_fallocate", refuses)


@pytest.mark.usefixtures("reserving")
def test_a_disk_that_is_full_gets_a_sealed_partial_bundle(pair, tmp_path, host, disk):
    path = disk / "b.tar.zst.age"
    result = collect(host, EncryptedOutput(FileOutput(str(path)), [pair.public]))
    assert result.sealed.path == str(disk / "b.partial.tar.zst.age")
    shutil.copy(result.sealed.path, tmp_path / "copy.age")
    rows = check_partial(str(tmp_path / "copy.age"), pair, host)
    assert rows["/etc/fact0"]["outcome"] == "collected"


@pytest.mark.usefixtures("reserving")
def test_a_disk_that_others_fill_meanwhile(pair, tmp_path, host, disk, monkeypatch):
    """They take all there is at once, behind the first 10 MiB: what was kept must be enough for the end."""
    real, filled = EncryptedOutput.write, []

    def write(self, data):
        if not filled and os.stat(disk / "b.part.age").st_size > 10 * MIB:
            filled.append(True)
            subprocess.run(["dd", "if=/dev/zero", f"of={disk}/other", "bs=64k"], capture_output=True, check=False)
        real(self, data)

    monkeypatch.setattr(EncryptedOutput, "write", write)
    result = collect(host, EncryptedOutput(FileOutput(str(disk / "b.tar.zst.age")), [pair.public]))
    assert filled
    assert not result.complete
    shutil.copy(result.sealed.path, tmp_path / "copy.age")
    check_partial(str(tmp_path / "copy.age"), pair, host)


def test_a_disk_that_fails_leaves_what_can_be_salvaged(  # noqa: PLR0913, PLR0917
    pair, tmp_path, host, monkeypatch, identity, capsys
):
    real = FileOutput.write

    def write(self, data):
        if self._end > 10 * MIB:
            raise OSError(errno.EIO, "Input/output error")
        real(self, data)

    monkeypatch.setattr(FileOutput, "write", write)
    with pytest.raises(OutputError, match="could not be finished"):
        collect(host, EncryptedOutput(FileOutput(str(tmp_path / "b.tar.zst.age")), [pair.public]), width=1)
    assert [name for name in os.listdir(tmp_path) if name.startswith("b.")] == ["b.part.age"]
    assert run(["salvage", str(tmp_path / "b.part.age"), "-i", identity]) == 4
    assert "etc/fact0" in capsys.readouterr().out


def test_a_bundle_that_reads_differently_is_not_given_its_name(pair, tmp_path, monkeypatch):
    output = FileOutput(str(tmp_path / "b.tar.zst.age"))
    real = FileOutput._read_back

    def altered(self, sha256):
        os.pwrite(self._file, b"X", 300)
        return real(self, sha256)

    monkeypatch.setattr(FileOutput, "_read_back", altered)
    (tmp_path / "etc").mkdir()
    with pytest.raises(OutputError, match="its checksum differs"):
        collect(Host(str(tmp_path)), EncryptedOutput(output, [pair.public]))
    assert not os.path.exists(tmp_path / "b.tar.zst.age")


# -- to whom


def test_to_whom(pair, other, tmp_path):
    (tmp_path / "keys").write_text(f"# of the vendor\n{pair.public}\n\n {other.public}\n")
    assert encryption.recipients(()) == []
    assert encryption.recipients(("nobody",)) == []
    assert encryption.recipients((pair.public, str(tmp_path / "keys"), pair.public)) == [pair.public, other.public]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nobody", "age1"], "to nobody and to somebody"),
        (["vendor"], "carries no key of a vendor"),
        (["age1abc"], "no public key of age"),
        (["/nowhere"], "neither a public key of age nor a file"),
        (["{tmp}/empty"], "no public key in this file"),
        (["{tmp}/wrong"], "a line in .* is no public key of age"),
        (["{tmp}"], "must be a regular file"),
        (["\0"], "neither a public key"),
    ],
)
def test_who_is_no_recipient(tmp_path, words, sentence):
    (tmp_path / "empty").write_text("# nothing\n")
    (tmp_path / "wrong").write_text("ssh-ed25519 AAAA\n")
    with pytest.raises(UsageError, match=sentence):
        encryption.recipients([word.format(tmp=tmp_path) for word in words])


def test_the_secret_key_is_not_repeated(pair, tmp_path):
    for word in (pair.secret, pair.written(tmp_path / "key")):
        done = ran("collect", "--yes", "--encrypt-to", word)
        assert done.returncode == 2
        assert pair.secret.encode() not in done.stderr


def test_the_admin_is_told_beforehand_and_afterwards(pair, tmp_path):
    done = ran("collect", "--yes", "--only", "self", "-o", str(tmp_path), "--encrypt-to", pair.public)
    before, _, after = done.stderr.decode().partition("Done in")
    for text in (before, after):
        assert pair.public in text
        assert "only who has the secret key of that can open" in text
    assert "What is in it" not in after


@pytest.mark.parametrize("name", ["b.tar.zst", "b.partial.tar.zst.age", "b.age"])
def test_an_encrypted_bundle_is_called_so(pair, tmp_path, name):
    done = ran(*FEW, "--encrypt-to", pair.public, "-o", str(tmp_path / name))
    assert done.returncode == 2
    assert b"an encrypted bundle ends in .tar.zst.age" in done.stderr


def test_a_pipe_of_the_engine(pair, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/marked").write_bytes(MARK)
    file = os.open(tmp_path / "b.age", os.O_RDWR | os.O_CREAT)
    collect(Host(str(tmp_path)), EncryptedOutput(PipeOutput(file), [pair.public]))
    os.close(file)
    with Bundle.open(plain(str(tmp_path / "b.age"), pair)) as bundle:
        assert bundle.verify().damages == []


def test_what_a_program_is_told(pair, tmp_path):
    done = ran(*FEW, "--json", "--encrypt-to", pair.public, "-o", str(tmp_path))
    assert json.loads(done.stdout)["encrypted_to"] == [pair.public]
