"""The whole way on this machine: collect, analyze, check, changes, timeline. What they find here nobody knows; that they answer soundly we do."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

SOME = ("os", "kernel", "cpu_memory", "networking", "disk", "process", "file_descriptors", "sysctl", "changes", "packages", "self")


def run(*words, cwd="/"):
    return subprocess.run([sys.executable, "-m", "diagbundle", *words], capture_output=True, text=True, check=False, cwd=cwd, timeout=200)


def only(names=SOME):
    return [word for name in names for word in ("--only", name)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    done = run("collect", "--yes", "-q", *only(), "-o", str(folder))
    assert done.returncode in (0, 3), done.stderr
    return done.stdout.strip()


def test_a_bundle_of_this_machine_is_judged(bundle):
    done = run("analyze", bundle, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer["unparsed"] == []
    assert {each["status"] for each in answer["verdicts"]} <= {"found", "clear", "undecided"}
    assert sum(each["status"] == "clear" for each in answer["verdicts"]) > 50
    assert all(each["because"] for each in answer["verdicts"] if each["status"] == "undecided")
    assert all(each["evidence"] for each in answer["verdicts"] if each["status"] == "found")


def test_the_folder_it_is_unpacked_into_says_the_same(bundle, tmp_path):
    folder = str(tmp_path / "x")
    assert run("unpack", bundle, "-o", folder).returncode == 0
    first, second = (json.loads(run("analyze", path, "--format", "json").stdout)["verdicts"] for path in (bundle, folder))
    assert first == second


def test_claims_are_held_against_it(bundle):
    claims = ["--claim", f"kernel={os.uname().release}", "--claim", "kernel=2.4.18"]
    answer = json.loads(run("analyze", bundle, "--format", "json", *claims).stdout)
    assert [each["status"] for each in answer["claims"]] == ["confirmed", "contradicted"]
    assert all(each["evidence"] for each in answer["claims"])


@pytest.mark.parametrize("command", ["changes", "timeline"])
def test_its_history_is_told(bundle, command):
    done = run(command, bundle)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_damaged_bundle_is_no_evidence(bundle, tmp_path):
    broken = tmp_path / "b.tar.zst"
    data = pathlib.Path(bundle).read_bytes()
    broken.write_bytes(data[: len(data) // 2])
    done = run("analyze", str(broken))
    assert (done.returncode, "Traceback" in done.stderr, "hint:" in done.stderr) == (4, False, True)


def test_check_judges_this_machine_and_leaves_nothing(tmp_path):
    before = set(os.listdir("/var/tmp")), set(os.listdir(tmp_path))
    done = run("check", *only(), "--format", "json", cwd=str(tmp_path))
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer["host"]["seconds_between_readings"] >= 4
    assert answer["unparsed"] == []
    assert (set(os.listdir("/var/tmp")) - before[0], set(os.listdir(tmp_path))) == (set(), before[1])
