"""The command line as a person meets it: what it says, where, and how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "diagbundle"]


def run(*words, cwd, **more):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"} | more.pop("env", {})
    return subprocess.run(
        [*PROGRAM, *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env=environment,
        timeout=120,
        check=False,
        **more,
    )


@pytest.fixture
def folder(tmp_path):
    """Something to include, and a place to write to."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/app.log").write_text("started\n")
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def bundle(folder):
    ended = run("collect", "--only", "include", "--include", "logs", "-o", "out", "--case", "4711", "--yes", cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_only_the_path_goes_to_standard_output(bundle, folder):
    assert re.fullmatch(rf"{folder}/out/diagbundle-[A-Za-z0-9.-]+-4711-\d{{8}}T\d{{6}}Z\.tar\.zst", bundle)
    assert os.stat(bundle).st_mode & 0o777 == 0o600
    assert sorted(os.listdir(folder / "out")) == [os.path.basename(bundle), os.path.basename(bundle) + ".sha256"]


def test_the_sidecar_satisfies_sha256sum(bundle):
    subprocess.run(["sha256sum", "-c", f"{bundle}.sha256"], cwd=os.path.dirname(bundle), check=True, capture_output=True)


def test_before_it_begins_it_says_what_it_will_do(folder):
    said = run("collect", "--only", "include", "--include", "logs", "-o", "out", cwd=folder).stderr
    for word in ("reads", "probes", "never", "writes", "hides", "sends"):
        assert re.search(rf"^  {word} ", said, re.MULTILINE), said
    assert "Done in" in said
    assert "\x1b" not in said


def test_quiet_says_nothing(folder):
    assert run("collect", "--only", "include", "--include", "logs", "-o", "out", "-q", cwd=folder).stderr == ""


def test_json_tells_the_outcome(folder):
    told = json.loads(run("collect", "--only", "include", "--include", "logs", "-o", "out", "-q", "--json", cwd=folder).stdout)
    assert told["complete"] is True
    assert os.path.exists(told["path"])


def test_a_pipe_gets_the_bundle(folder):
    with (folder / "piped.tar.zst").open("wb") as file:
        ended = subprocess.run(
            [*PROGRAM, "collect", "--only", "include", "--include", "logs", "-o", "-"],
            stdout=file,
            stderr=subprocess.PIPE,
            cwd=folder,
            check=True,
        )
    assert b"Done in" in ended.stderr
    assert run("verify", "piped.tar.zst", cwd=folder).returncode == 0
    assert run("cat", "piped.tar.zst", f"{folder}/logs/app.log".lstrip("/"), cwd=folder).stdout == "started\n"


def test_settings_come_from_the_environment_too(folder):
    ended = run(
        "collect",
        "-q",
        cwd=folder,
        env={"DIAGBUNDLE_ONLY": "include", "DIAGBUNDLE_INCLUDE": "logs", "DIAGBUNDLE_OUTPUT": "out", "DIAGBUNDLE_CASE": "env"},
    )
    assert "-env-" in ended.stdout


WRONG = {
    ("collect", "--onyl", "os"): "hint: did you mean",
    ("collect", "--only", "netwrking"): "hint: did you mean 'networking'?",
    ("colect",): "hint: did you mean 'collect'?",
    ("collect", "--timeout", "soon"): "no span of time: 'soon'",
    ("collect", "--include", "nowhere"): "nothing to include: ",
    ("collect", "-o", "nowhere/b.zip"): "the folder does not exist",
    ("collect", "--config", "none.toml"): "no configuration file: none.toml",
    ("collect", "--collector", "none.toml"): "none.toml",
    ("cat", "only-one-word"): "hint:",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_usage_is_one_sentence_and_a_hint(folder, words):
    ended = run(*words, cwd=folder)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("diagbundle: ")
    assert WRONG[words] in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2
    assert os.listdir(folder / "out") == []


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_collected(folder):
    for place in ("missing/", "/proc", "/sys"):
        ended = run("collect", "-o", place, "--yes", cwd=folder)
        assert ended.returncode == 1, ended.stderr
        assert "no folder to write the bundle to" in ended.stderr
        assert "hint:" in ended.stderr


def test_a_file_that_is_there_is_not_overwritten(folder):
    (folder / "mine.tar.zst").write_text("mine")
    ended = run("collect", "--only", "include", "--include", "logs", "-o", "mine.tar.zst", cwd=folder)
    assert ended.returncode == 1
    assert "not overwritten" in ended.stderr
    assert (folder / "mine.tar.zst").read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_seals_what_there_is(folder, number):
    (folder / "slow.toml").write_text(
        'title = "Slow"\n[[file]]\npaths = ["/etc/hostname"]\n[[command]]\nargv = ["sleep", "60"]\ntimeout = 60\n'
    )
    os.chmod(folder / "slow.toml", 0o600)
    words = ["collect", "--collector", "slow.toml", "--only", "slow", "-o", "out", "--yes"]
    process = subprocess.Popen([*PROGRAM, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    started = time.monotonic()
    process.send_signal(number)
    said, talk = process.communicate(timeout=20)
    assert time.monotonic() - started < 5
    assert process.returncode == 3, talk
    assert said.strip().endswith(".partial.tar.zst")
    assert run("verify", said.strip(), cwd=folder).returncode == 3
    assert subprocess.run(["pgrep", "-f", "^sleep 60$"], capture_output=True, check=False).stdout == b""


def test_an_unfinished_bundle_of_a_killed_run_can_be_salvaged(folder):
    (folder / "logs/big.log").write_text(os.urandom(3 << 20).hex())
    (folder / "slow.toml").write_text('title = "Slow"\nstage = "logs"\n[[command]]\nargv = ["sleep", "60"]\ntimeout = 60\n')
    os.chmod(folder / "slow.toml", 0o600)
    words = ["collect", "--collector", "slow.toml", "--include", "logs", "--only", "include", "--with", "slow", "-o", "out", "-q"]
    process = subprocess.Popen([*PROGRAM, *words], cwd=folder)
    ends, half = time.monotonic() + 50, 3 << 20  # before the slow one does; of random data half is left
    while sum(path.stat().st_size for path in (folder / "out").iterdir()) < half and time.monotonic() < ends:
        time.sleep(0.1)
    time.sleep(1)
    process.kill()
    process.wait()
    names = os.listdir(folder / "out")
    assert len(names) == 1
    assert names[0].endswith(".part")
    ended = run("salvage", f"out/{names[0]}", "-o", "saved", cwd=folder)
    assert ended.returncode in (3, 4), ended.stderr
    found = list((folder / "saved").rglob("big.log"))
    assert [path.read_bytes() for path in found] == [(folder / "logs/big.log").read_bytes()]


def test_help_is_there_for_every_command(folder):
    from diagbundle.cli.group import COMMANDS

    for name in COMMANDS:
        ended = run(name, "--help", cwd=folder)
        assert ended.returncode == 0, ended.stderr
        assert "Usage: diagbundle" in ended.stdout


def test_the_plan_runs_nothing_and_names_what_is_never_read(folder):
    ended = run("plan", "--only", "os", "--only", "name_resolution", cwd=folder)
    assert ended.returncode == 0
    assert "/etc/os-release" in ended.stdout
    assert "/etc/shadow" in ended.stdout
    told = json.loads(run("plan", "--only", "os", "--json", cwd=folder).stdout)
    assert told["collectors"][0]["name"] == "os"


@pytest.fixture
def open_folder():
    """A folder that another user can reach."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can only be taken by root")
def test_as_another_user_it_collects_what_it_may_and_says_what_it_could_not(open_folder):
    folder = open_folder
    (folder / "out").mkdir()
    os.chmod(folder / "out", 0o777)
    packages = sysconfig.get_path("purelib")
    start = f"import site; site.addsitedir({packages!r}); from diagbundle.cli.main import main; main()"
    (folder / "closed").write_text("closed")
    os.chmod(folder / "closed", 0o600)
    words = ["-c", start, "collect", "--only", "users", "--only", "include", "--include", str(folder / "closed"), "-o", str(folder / "out")]
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            ended = subprocess.run(
                [python, *words],
                cwd="/",
                user=65534,
                group=65534,
                extra_groups=[],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        except PermissionError:
            continue
        if "No module named" not in ended.stderr:
            break
    else:
        pytest.skip("no Python here can be run by another user")
    assert ended.returncode == 0, ended.stderr
    assert "You are not root" in ended.stderr
    assert re.search(r"(was|were) denied:\n(.*\n)*.*closed\s+Permission denied", ended.stderr), ended.stderr
    assert run("verify", ended.stdout.strip(), cwd=folder).returncode == 0
