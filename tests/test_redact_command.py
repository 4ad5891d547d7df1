"""`diagbundle redact` and `translate`, as an admin uses them."""

import gzip
import json
import os
import subprocess
import sys

import pytest

PROGRAM = [sys.executable, "-m", "diagbundle"]
RULES = """[[pattern]]
name = "acme_licence"
title = "Licence of Acme"
anchors = ["ACME-"]
regex = "ACME-[0-9]{4}-[0-9]{4}"
hits = ["key ⟦ACME-1234-5678⟧ is used"]
misses = ["ACME-12 is a product"]
"""


@pytest.fixture
def run(tmp_path):
    def program(*words, code=0, text=b""):
        ended = subprocess.run([*PROGRAM, *words], cwd=tmp_path, capture_output=True, input=text, timeout=120, check=False)
        assert ended.returncode == code, ended.stderr.decode()
        return ended

    return program


def secret():
    return os.urandom(12).hex() + "Xy"


def test_what_comes_in_goes_out(run):
    word = secret()
    out = run("redact", "-", "-", text=f"Nov 22 login: password={word} kept\n".encode())
    assert out.stdout.startswith(b"Nov 22 login: password=REDACTED_password_")
    assert out.stdout.endswith(b" kept\n")
    assert b"1 secret hidden (password 1)" in out.stderr


def test_a_folder(run, tmp_path):
    word = secret()
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/app.log").write_text(f"token: {word}\n")
    (tmp_path / "in/old.log.gz").write_bytes(gzip.compress(f"token: {word}\n".encode()))
    (tmp_path / "in/state.db").write_bytes(b"SQLite format 3\0" + os.urandom(4000))
    (tmp_path / "in/passwd").symlink_to("/etc/passwd")
    told = json.loads(run("redact", "in", "out", "--json").stdout)
    assert (told["files"], told["redacted"], told["faults"]) == (2, {"token": 2}, [])
    assert sorted(name for name, _ in told["left_out"]) == ["passwd", "state.db"]
    texts = {str(path.relative_to(tmp_path / "out")): path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert set(texts) == {"old.log", "sub/app.log"}
    assert len(set(texts.values())) == 1
    assert word not in texts["old.log"]


def test_nothing_is_overwritten_and_binary_is_not_written(run, tmp_path):
    (tmp_path / "a.log").write_text("quiet\n")
    (tmp_path / "b.log").write_text("mine\n")
    (tmp_path / "c.bin").write_bytes(os.urandom(50_000))
    assert b"hint: nothing is overwritten" in run("redact", "a.log", "b.log", code=2).stderr
    assert b"binary, cannot be redacted" in run("redact", "c.bin", "d.bin", code=1).stderr
    assert (tmp_path / "b.log").read_text() == "mine\n"
    assert not (tmp_path / "d.bin").exists()
    assert b"hint: name a new one" in run("redact", ".", ".", code=2).stderr
    assert b"hint:" in run("redact", "a.log", code=2).stderr


def test_half_a_file_gets_no_name(tmp_path):
    (tmp_path / "a.log").write_text("quiet\n" * 100_000)
    limited = subprocess.run(
        ["prlimit", "--fsize=100000", *PROGRAM, "redact", "a.log", "b.log"], cwd=tmp_path, capture_output=True, timeout=120, check=False
    )
    assert (limited.returncode, os.listdir(tmp_path)) == (1, ["a.log"])
    assert b"File too large" in limited.stderr


def test_stand_ins_are_turned_back(run, tmp_path):
    line = "accepted publickey for user=mwozniak from 10.44.3.19 at db7.corp.internal\n"
    (tmp_path / "a.log").write_text(line)
    run("redact", "a.log", "b.log", "--pseudonyms")
    out = (tmp_path / "b.log").read_text()
    assert not {"mwozniak", "10.44.3.19", "db7", "corp.internal"} & set(out.replace("=", " ").split())
    assert "mwozniak" not in out
    assert run("translate", "b.log.names", "b.log").stdout.decode() == line
    run("redact", "a.log", "c.log", "--pseudonyms", "--names", "b.log.names")
    assert (tmp_path / "c.log").read_text() == out
    os.chmod(tmp_path / "b.log.names", 0o644)
    assert b"hint: `chmod 600" in run("translate", "b.log.names", "b.log", code=2).stderr


def test_patterns_of_ones_own(run, tmp_path):
    (tmp_path / "acme.toml").write_text(RULES)
    assert b"Every sample comes out" in run("redact", "--rules", "acme.toml", "--check").stderr
    assert run("redact", "-", "-", "--rules", "acme.toml", text=b"ACME-1234-5678 ACME-12\n").stdout.endswith(b" ACME-12\n")
    (tmp_path / "acme.toml").write_text(RULES.replace("[0-9]{4}-[0-9]{4}", "[0-9]{2}"))
    assert b"do not come out" in run("redact", "--rules", "acme.toml", "--check", code=1).stderr
    (tmp_path / "acme.toml").write_text(RULES.replace("regex", "regx"))
    assert b"regex" in run("redact", "-", "-", "--rules", "acme.toml", code=2).stderr
