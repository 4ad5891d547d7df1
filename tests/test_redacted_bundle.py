"""A bundle of a host that is full of secrets: none of them is in it, whatever they lay in, and the manifest says what was hidden."""

import bz2
import gzip
import json
import lzma
import os
import secrets
import string
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

PROGRAM = [sys.executable, "-m", "diagbundle"]
LETTERS = string.ascii_letters + string.digits
PACKED = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress, "zst": zstandard.ZstdCompressor().compress}
HOST, USER, ADDRESS = "kestrel-07", "mwozniak", "10.44.3.19"


def run(*words, cwd, code=0, **more):
    ended = subprocess.run([*PROGRAM, *words], capture_output=True, cwd=cwd, timeout=200, check=False, **more)
    assert ended.returncode == code, ended.stderr.decode()
    return ended


def names_of(bundle):
    """The file of key and map beside a bundle."""
    return Path(str(bundle).removesuffix(".tar.zst").removesuffix(".partial") + ".names")


def word():
    return "".join(secrets.choice(LETTERS) for _ in range(20)) + "7a"


def line(secret):
    return f"Nov 22 07:00:01 {HOST} app[77]: connected user={USER} from {ADDRESS}, password={secret} attempt=3\n".encode()


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A folder of logs, and what must not leave it: by the name under which each is expected."""
    folder = tmp_path_factory.mktemp("host") / "logs"
    folder.mkdir()
    values = {name: word() for name in ("app.log", *(f"{suffix}.log.{suffix}" for suffix in PACKED), "large.log", "a b.log", "cut.log.gz")}
    for name, secret in values.items():
        suffix = name.rpartition(".")[2]
        whole = b"quiet\n" * 50 + line(secret) * (3_000 if name == "large.log" else 1) + b"the end\n"
        data = PACKED[suffix](whole) if suffix in PACKED else whole
        (folder / name).write_bytes(data[:-12] if name == "cut.log.gz" else data)
    (folder / "state.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    return folder, values


@pytest.fixture(scope="module")
def opened(planted, tmp_path_factory):
    """Of a bundle made of it: the manifest's rows by source, the folder it was unpacked into, and all its bytes."""

    def make(*words, code=3):
        out = tmp_path_factory.mktemp("out")
        ended = run("collect", "--only", "include", "--include", str(planted[0]), "-o", str(out), "--yes", *words, cwd=out, code=code)
        path = ended.stdout.decode().strip()
        run("unpack", path, "-o", "tree", cwd=out)
        rows = [json.loads(row) for row in (out / "tree/diagbundle/manifest.jsonl").read_text().splitlines()]
        whole = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
        return (
            {row["source"]: row for row in rows[1:] if isinstance(row["source"], str)},
            out / "tree",
            whole,
            Path(path),
            ended.stderr.decode(),
        )

    return make


@pytest.fixture(scope="module")
def bundle(opened):
    return opened()


def test_no_secret_is_in_it(bundle, planted):
    _, _, whole, _, _ = bundle
    assert [name for name, secret in planted[1].items() if secret.encode() in whole] == []
    assert whole.count(b"password=REDACTED_password_") == 3_000 + 7


def test_what_is_around_a_secret_stays(bundle, planted):
    folder, values = planted
    for name in values:
        text = (
            bundle[1] / f"{folder}/{name}".lstrip("/").removesuffix(".gz").removesuffix(".xz").removesuffix(".bz2").removesuffix(".zst")
        ).read_bytes()
        assert text.startswith(
            b"quiet\n" * 50 + f"Nov 22 07:00:01 {HOST} app[77]: connected user={USER} from {ADDRESS}, password=".encode()
        )
        assert text.endswith(b" attempt=3\n" + (b"" if name.startswith("cut") else b"the end\n")) or name.startswith("cut")


def test_the_rows_say_what_was_done(bundle, planted):
    rows, _, _, _, said = bundle
    folder = planted[0]
    assert rows[f"{folder}/app.log"]["redacted"] == {"password": 1}
    assert rows[f"{folder}/large.log"]["redacted"] == {"password": 3_000}
    packed = rows[f"{folder}/gz.log.gz"]
    assert (packed["outcome"], packed["opened"]) == ("collected", "unpacked (gzip)")
    assert packed["path"] == f"{folder}/gz.log".lstrip("/")
    assert rows[f"{folder}/cut.log.gz"]["outcome"] == "partial"
    database = rows[f"{folder}/state.db"]
    assert (database["outcome"], "path" in database) == ("skipped", False)
    assert "binary" in database["reason"]
    assert "3,007 secrets hidden (password 3,007)" in said


def test_equal_secrets_have_equal_tags(bundle, planted):
    text = (bundle[1] / f"{planted[0]}/large.log".lstrip("/")).read_bytes()
    assert len(set(text.split(b"\n"))) == 4


def test_without_redaction_every_byte_is_as_it_was(opened, planted):
    rows, tree, _, _, said = opened("--no-redact", code=0)
    for name in planted[1]:
        assert (tree / f"{planted[0]}/{name}".lstrip("/")).read_bytes() == (planted[0] / name).read_bytes()
    assert "nothing, as --no-redact asks" in said
    assert not any("redacted" in row for row in rows.values())


def test_pseudonyms(opened, planted):
    names = [HOST, USER, ADDRESS, os.uname().nodename]
    _, tree, whole, path, said = opened("--pseudonyms")
    assert "replaces" in said
    keeper = names_of(path)
    assert keeper.stat().st_mode & 0o777 == 0o600
    found = [name for name in names if name.encode() in whole]
    assert found == []
    assert os.uname().nodename not in path.name
    out = next(tree.rglob("app.log")).read_bytes()
    back = run("translate", str(keeper), cwd=tree.parent, input=out).stdout
    assert f"app[77]: connected user={USER} from {ADDRESS}, password=REDACTED_password_".encode() in back
    assert f"Nov 22 07:00:01 {HOST} app".encode() in back


def test_the_same_key_gives_the_same_stand_ins(opened):
    _, tree, _, path, _ = opened("--pseudonyms")
    again = opened("--pseudonyms", "--names", str(names_of(path)))[1]

    def second_words(tree):
        return next(tree.rglob("app.log")).read_text().splitlines()[50].split("password")[0]

    assert second_words(tree) == second_words(again)


def test_what_contradicts_itself_is_refused(tmp_path):
    assert b"hint:" in run("collect", "--no-redact", "--pseudonyms", "-y", cwd=tmp_path, code=2).stderr
    assert b"--names" in run("collect", "--pseudonyms", "-o", "-", "-y", cwd=tmp_path, code=2).stderr
    assert os.listdir(tmp_path) == []


def test_patterns_of_a_customer(opened, planted, tmp_path):
    rules = tmp_path / "ours.toml"
    rules.write_text('[[pattern]]\nname = "quiet_word"\ntitle = "A word of ours"\nanchors = ["quiet"]\nregex = "quiet"\n')
    rules.chmod(0o600)
    _, tree, _, _, _ = opened("--redact-rules", str(rules))
    assert next(tree.rglob("app.log")).read_bytes().startswith(b"REDACTED_quiet_word_")
