"""The place of the bundle is full, or becomes full: what there is room for comes home, sealed, and says what is missing."""

import os
import resource
import shutil
import subprocess
import sys

import pytest
from asking import asking

from diagbundle.bundle.reader import Bundle
from diagbundle.collect.engine import Engine, Request, who_is
from diagbundle.collect.output import FileOutput
from diagbundle.host import Host
from diagbundle.model import File, Stage
from diagbundle.testing import Silent

ROOT = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small file system needs root")
MIB = 1 << 20
FACTS = 2000


@pytest.fixture
def collect_to():
    """A function: collect with the real engine into this file."""

    def run(path, host, *collectors, **settings):
        request = Request(list(collectors), host, **{"sample_interval": 0.0, "mark": "of-the-test"} | settings)
        return Engine(request, FileOutput(str(path)), Silent(), who_is(host)).run()

    return run


@pytest.fixture
def disk(tmp_path):
    """Makes a file system of so many bytes, and gives its directory."""
    made = []

    def make(size):
        place = tmp_path / f"disk{len(made)}"
        place.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", "--lazy", place], check=False)


@pytest.fixture
def host(tmp_path):
    """A host with facts, which are small, and logs, which are not."""
    root = tmp_path / "host"
    (root / "etc").mkdir(parents=True)
    (root / "var/log/many").mkdir(parents=True)
    for number in range(FACTS):
        (root / f"etc/fact{number}").write_text(f"fact {number}\n" * 20)
    (root / "var/log/large").write_bytes(os.urandom(60 * MIB))
    for number in range(300):
        (root / f"var/log/many/{number:03}").write_bytes(os.urandom(64 << 10) if number % 7 else b"")
    return root


def collectors(*logs):
    return [asking(File("/etc/*"), name="facts"), *(asking(File(log), name=f"logs{i}", stage=Stage.LOGS) for i, log in enumerate(logs))]


def check(path, host):
    """A sound, partial bundle, whose every member agrees with the host as far as it says so. Its rows by source."""
    with Bundle.open(path) as bundle:
        assert bundle.verify().damages == []
        assert not bundle.head["complete"]
        rows = {}
        for row in bundle.rows():
            rows[row["source"]] = row
            if "header" in row and row["kind"] == "file":
                have = row.get("short", row["size"])
                content = b"".join(bundle.content(row))
                assert content[:have] == (host / row["source"].lstrip("/")).read_bytes()[:have]
                assert not content[have:].strip(b"\0")
    return rows


@ROOT
@pytest.mark.parametrize(
    "logs", [("/var/log/large",), ("/var/log/many/*",), ("/var/log/many/*", "/var/log/large")], ids=["one large", "many small", "both"]
)
@pytest.mark.parametrize("size", [4, 13])
def test_a_full_disk_is_used_well_and_what_is_lost_is_said(collect_to, disk, host, size, logs):
    place = disk(size * MIB)
    result = collect_to(place / "b.tar.zst", Host(str(host)), *collectors(*logs))
    assert sorted(os.listdir(place)) == ["b.partial.tar.zst", "b.partial.tar.zst.sha256"]
    rows = check(result.sealed.path, host)
    assert result.sealed.size >= 0.9 * size * MIB
    assert all(rows[f"/etc/fact{number}"]["outcome"] == "collected" for number in range(FACTS))
    assert f"{place} is full" in result.reason
    assert "/var/log/large" not in logs or result.unread > 40 * MIB


@ROOT
def test_a_disk_that_others_fill_meanwhile(collect_to, disk, host):
    place = disk(40 * MIB)
    greedy = f"i = 0\nimport time\nf = open({str(place / 'theirs')!r}, 'wb', buffering=0)\nwhile True:\n try: f.write(bytes(1 << 18))\n except OSError: pass\n time.sleep(.005)"
    with subprocess.Popen([sys.executable, "-c", greedy]) as other:
        try:
            result = collect_to(place / "b.tar.zst", Host(str(host)), *collectors("/var/log/large"))
        finally:
            other.kill()
    rows = check(result.sealed.path, host)
    assert rows["/var/log/large"]["outcome"] in ("partial", "failed")
    assert all(rows[f"/etc/fact{number}"]["outcome"] == "collected" for number in range(FACTS))


@pytest.mark.parametrize("limit", [MIB, 3 * MIB, 20 * MIB])
def test_a_limit_is_kept(collect_to, tmp_path, host, limit):
    result = collect_to(tmp_path / "b.tar.zst", Host(str(host)), *collectors("/var/log/large", "/var/log/many/*"), max_bytes=limit)
    assert 0.9 * limit - 64_000 <= result.sealed.size <= limit
    check(result.sealed.path, host)
    assert "limit of" in result.reason


def test_a_limit_of_the_shell_is_kept(tmp_path, host):
    code = (
        "import resource, sys; from diagbundle.cli.main import main; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); main()"
    )
    words = ["collect", "-y", "--no-redact", "--only", "include", "--include", "var/log/large", "-o", str(tmp_path / "b.tar.zst")]
    ended = subprocess.run([sys.executable, "-c", code, *words], cwd=host, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 3, ended.stderr
    assert "ulimit -f" in ended.stderr
    assert 0.85 * MIB < os.path.getsize(ended.stdout.strip()) <= MIB
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != MIB


def test_where_not_even_the_rows_of_a_million_files_have_room(collect_to, tmp_path):
    many = tmp_path / "host/var/log"
    many.mkdir(parents=True)
    for number in range(20_000):
        (many / f"{number:06}").write_bytes(os.urandom(16))
    result = collect_to(tmp_path / "b.tar.zst", Host(str(tmp_path / "host")), *collectors("/var/log/*"), max_bytes=400_000)
    assert result.sealed.size <= 400_000
    with Bundle.open(result.sealed.path) as bundle:
        assert bundle.verify().damages == []
