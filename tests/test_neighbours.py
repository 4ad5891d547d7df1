"""A bundle of this machine in the hands of what engineers already use: tar, zstd, sha256sum, insights-core, lnav, ratarmount."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

PARSERS = 82  # as many as run on sos's own report of such a host
WHOLE, PARTIAL = 0, 3
ASKED_OF = ("ethtool", "ip", "lsof", "dmidecode", "chronyc", "ps", "df", "lscpu", "lsblk")

# A process of its own: insights-core keeps all its state in modules. A parser counts if it gave a result; those that raised are named.
COUNT = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from insights.core import dr
from insights.core.context import SosArchiveContext
from insights.core.hydration import initialize_broker
from insights.core.plugins import parser
for package in ("insights.specs.default", "insights.specs.sos_archive", "insights.parsers"):
    dr.load_components(package, continue_on_error=True)
context, broker = initialize_broker(sys.argv[1])
assert isinstance(context, SosArchiveContext), context
parsers = [each for each, kind in dr.DELEGATES.items() if isinstance(kind, parser)]
graph = {}
for each in parsers:
    graph.update(dr.get_dependency_graph(each))
dr.run(graph, broker=broker)
print(json.dumps({
    "ran": sorted(dr.get_name(each) for each in parsers if each in broker),
    "raised": {dr.get_name(each): str(broker.exceptions[each][0]) for each in parsers if each in broker.exceptions},
}))
"""

SYSLOG = "Nov 21 10:00:01 db1 kernel: first\nNov 21 10:00:03 db1 kernel: third\n"
ACCESS = '10.0.0.1 - - [21/Nov/2026:10:00:02 +0000] "GET /second HTTP/1.1" 200 5 "-" "-"\n'
NOON = 1_795_262_400  # 2026-11-21 12:00 UTC: lnav takes the year of a syslog from the file's time


@dataclass(frozen=True)
class Made:
    """A bundle of this machine, unpacked by plain tar."""

    path: str
    tree: str  # the unpacked top folder
    logs: str  # path of the two made logs, below the tree

    def rows(self) -> list[dict[str, object]]:
        """The manifest's rows."""
        with open(os.path.join(self.tree, "diagbundle", "manifest.jsonl"), encoding="utf-8") as manifest:
            return [json.loads(line) for line in manifest][1:]


def run(*argv: str, cwd: str | None = None, home: str | None = None) -> subprocess.CompletedProcess[str]:
    """A finished command, in the C locale."""
    surroundings = os.environ | {"LC_ALL": "C.UTF-8"} | ({"HOME": home, "XDG_CONFIG_HOME": home} if home else {})
    return subprocess.run(
        argv,
        cwd=cwd,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=240,
        check=False,
    )


def need(*programs: str) -> None:
    """Skips the test, with the reason, where a tool is missing."""
    missing = [name for name in programs if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Collects from this machine once, two logs made here included, and unpacks with tar."""
    need("tar", "zstd")
    logs, out, there = (str(tmp_path_factory.mktemp(name)) for name in ("logs", "out", "unpacked"))
    for name, text in {"syslog": SYSLOG, "access.log": ACCESS}.items():
        with open(os.path.join(logs, name), "w", encoding="ascii") as log:
            log.write(text)
        os.utime(os.path.join(logs, name), (NOON, NOON))
    # Probes add nothing for these tools, and take seconds where a gateway is silent.
    done = run(sys.executable, "-m", "diagbundle", "collect", "--without", "reachability", "--include", logs, "-o", out, "--yes", "-q")
    assert done.returncode in (WHOLE, PARTIAL), done.stderr
    path = done.stdout.strip()
    assert os.path.dirname(path) == out
    unpacked = run("tar", "--zstd", "-xf", path, "-C", there)
    assert (unpacked.returncode, unpacked.stderr) == (0, "")
    (top,) = os.listdir(there)
    return Made(path, os.path.join(there, top), logs.lstrip("/"))


def test_tar_unpacks_it_with_the_right_bytes(made: Made) -> None:
    members = [row for row in made.rows() if "sha256" in row and "link" not in row]
    assert members
    for row in members:
        with open(os.path.join(os.fsencode(made.tree), str(row["path"]).encode("utf-8", "surrogateescape")), "rb") as member:
            assert hashlib.file_digest(member, "sha256").hexdigest() == row["sha256"], row["path"]


def test_zstd_accepts_it(made: Made) -> None:
    done = run("zstd", "-t", made.path)
    assert done.returncode == 0, done.stderr


def test_sha256sum_accepts_it(made: Made) -> None:
    (sidecar,) = (name for name in os.listdir(os.path.dirname(made.path)) if name.endswith(".sha256"))
    done = run("sha256sum", "--check", "--strict", sidecar, cwd=os.path.dirname(made.path))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{os.path.basename(made.path)}: OK\n"


def test_sha256sum_accepts_what_is_in_it(made: Made) -> None:
    for folder in (os.path.dirname(made.tree), made.tree):
        done = run("sha256sum", "--check", "--strict", "--quiet", os.path.join(made.tree, "diagbundle", "SHA256SUMS"), cwd=folder)
        if done.returncode == 0:
            return
    pytest.fail(done.stderr[-2000:] + done.stdout[-2000:])


def test_insights_runs_its_parsers_on_it(made: Made) -> None:
    if not importlib.util.find_spec("insights"):
        pytest.skip("not installed: insights-core (the extra `neighbours`)")
    if os.geteuid():
        pytest.skip("only root may read what these parsers want")
    need(*ASKED_OF)
    done = run(sys.executable, "-c", COUNT, made.tree)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["ran"]) >= PARSERS, f"{len(found['ran'])} ran: {found['ran']}; raised: {found['raised']}"


def test_lnav_merges_its_logs_in_order_of_time(made: Made, tmp_path: object) -> None:
    need("lnav")
    done = run("lnav", "-n", *(os.path.join(made.tree, made.logs, name) for name in ("syslog", "access.log")), home=str(tmp_path))
    assert [line.split()[-1] if "kernel" in line else "second" for line in done.stdout.splitlines()] == ["first", "second", "third"]


def test_lnav_reads_this_machines_logs(made: Made, tmp_path: object) -> None:
    need("lnav")
    folder = os.path.join(made.tree, "var", "log")
    if not os.path.isdir(folder):
        pytest.skip("this machine has no logs")
    done = run("lnav", "-n", "-r", folder, home=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()


@contextlib.contextmanager
def mounted(path: str, place: str) -> Iterator[str]:
    """The bundle as a folder, by ratarmount."""
    tool = [sys.executable, "-m", "ratarmount", "-f", "--index-file", ":memory:", path, place]
    process = subprocess.Popen(tool, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until = time.monotonic() + 60
        while not os.path.ismount(place):
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                pytest.fail(f"ratarmount did not mount it: {process.communicate()[0]}")
            time.sleep(0.05)
        yield place
    finally:
        unmount = "fusermount3" if shutil.which("fusermount3") else "fusermount"
        run(unmount, "-u", "-z", place)
        process.communicate(timeout=60)


def test_ratarmount_mounts_it(made: Made, tmp_path: object) -> None:
    if not importlib.util.find_spec("ratarmount"):
        pytest.skip("not installed: ratarmount (the extra `neighbours`)")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("there is no /dev/fuse here, or it may not be used")
    if not (shutil.which("fusermount3") or shutil.which("fusermount")):
        pytest.skip("not installed: fusermount3 (Debian: fuse3)")
    top = os.path.basename(made.tree)
    with mounted(made.path, str(tmp_path)) as place:
        assert os.listdir(place) == [top]
        for name in ("etc/os-release", "diagbundle/manifest.jsonl", f"{made.logs}/access.log"):
            with open(os.path.join(place, top, name), "rb") as there, open(os.path.join(made.tree, name), "rb") as here:
                assert there.read() == here.read(), name
