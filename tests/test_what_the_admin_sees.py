"""What an admin sees who has never seen this program: help, a statement and a summary that fit, and nothing taken in silence."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter

import pytest

from diagbundle.cli.collect import _losses, _stem, _summary
from diagbundle.cli.screen import Screen
from diagbundle.cli.sealing import Delivery
from diagbundle.collect.engine import Result
from diagbundle.collect.output import Sealed
from diagbundle.errors import DEAF

COLUMNS = 80


def run(*words, cwd, status=0, **more):
    done = subprocess.run(
        [sys.executable, "-m", "diagbundle", *words],
        capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL, timeout=120, check=False,
        env={**os.environ, "COLUMNS": str(COLUMNS), **more},
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done


def result(**more):
    """A run that found nothing amiss, but for what is said."""
    facts = {
        "sealed": Sealed("/x/b.tar.zst", 812, "ab" * 32), "complete": True, "reason": "", "outcomes": {}, "losses": [], "seconds": 5.0,
        "left_behind": [], "unread": 0, "hidden": Counter(), "suspects": [], "unwanted": [], "swept": [],
    }  # fmt: skip
    return Result(**facts | more)


def summary(**more):
    screen = Screen(quiet=True)
    _summary(screen, result(**more), [], Delivery(["/x/b.tar.zst"]))
    return screen.spoken


def test_without_a_word_it_explains_itself(tmp_path):
    done = run(cwd=tmp_path, status=2)
    assert done.stdout == ""
    assert done.stderr.startswith("Usage: ")
    assert "\n  collect " in done.stderr


@pytest.mark.parametrize("words", [("--only", "os,include"), ("--only", "os, include"), ("--only", "os", "--only", "include")])
def test_names_of_collectors_with_commas_between(tmp_path, words):
    (tmp_path / "a.log").write_text("started\n")
    plan = json.loads(run("plan", *words, "--include", "a.log", "--json", cwd=tmp_path).stdout)
    assert {one["name"] for one in plan["collectors"]} == {"os", "include"}


def test_names_without_pseudonyms_are_refused(tmp_path):
    done = run("collect", "--names", "map", "--only", "os", cwd=tmp_path, status=2)
    assert "hint: add --pseudonyms" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("words", [("--claim", "kernl=4"), ("--ticket", "none"), ("--rules", "none"), ("--watch", "soon")])
def test_what_check_cannot_use_is_told_before_it_looks(tmp_path, words):
    done = run("check", *words, cwd=tmp_path, status=2)
    assert done.stderr.startswith("diagbundle: ")
    assert "hint: " in done.stderr


def test_what_was_named_and_left_out_is_told(tmp_path):
    (tmp_path / "core.bin").write_bytes(bytes(range(256)) * 20)
    done = run("collect", "--yes", "--only", "include", "--include", "core.bin", "-o", "b.tar.zst", cwd=tmp_path)
    assert "  1 named with --include and left out:\n" in done.stderr
    assert f"{tmp_path}/core.bin" in done.stderr


def test_a_pipe_is_not_said_to_stay_here(tmp_path):
    with open(tmp_path / "out", "wb") as out:
        words = [sys.executable, "-m", "diagbundle", "collect", "--only", "include", "--include", __file__, "-o", "-"]
        told = subprocess.run(words, stdout=out, stderr=subprocess.PIPE, text=True, check=True, stdin=subprocess.DEVNULL).stderr
    assert "stays here" not in told
    assert "Before it leaves" not in told


@pytest.mark.parametrize(("count", "word"), [(1, "was denied:"), (2, "were denied:")])
def test_one_is_not_many(count, word):
    row = {"kind": "file", "outcome": "denied", "source": "/a", "reason": "Permission denied"}
    said = summary(losses=[row] * count, outcomes={"collected": 1, "absent": 1}, left_behind=[7] * count)
    assert f"  {count} {word}" in said
    assert "  1 item collected; 1 does not exist here; 0 left out on purpose" in said
    assert any(line.startswith(("  1 reader is stuck", "  2 readers are stuck")) for line in said)


def test_a_summary_fits_on_a_terminal():
    names = [f"collector_{number}" for number in range(30)]
    losses = [{"kind": "collector", "outcome": "skipped", "source": name, "reason": "not asked: the time was over"} for name in names]
    said = summary(complete=False, reason="the time was over", losses=losses, hidden=Counter(dict.fromkeys(names, 1000)))
    assert "  not whole: the time was over" in said
    assert [line for line in said if len(line) > COLUMNS] == []
    assert all(any(name in line for line in said) for name in names)


def test_a_loss_is_named_whole_and_its_reason_beside_or_below():
    screen, long = Screen(quiet=True), "/srv/" + "deep/" * 30 + "app.log"
    rows = [
        {"kind": "file", "source": "/short", "reason": "Permission denied"}, {"kind": "file", "source": long, "reason": "no answer " * 12},
        {"kind": "table", "collector": "disk", "source": "largest", "reason": "it ended before"},
    ]  # fmt: skip
    _losses(screen, rows * 6, "were denied", "b.tar.zst")
    assert f"    {'disk: largest':<28}  it ended before" in screen.spoken
    assert f"    {'/short':<28}  Permission denied" in screen.spoken
    assert f"    {long}" in screen.spoken
    assert all(len(line) <= COLUMNS for line in screen.spoken if long not in line)
    assert screen.spoken[-1] == "    and 6 more: `diagbundle list --missing b.tar.zst`"


def test_a_name_without_end_is_cut():
    screen = Screen(quiet=True)
    row = {"kind": "command", "source": ["docker", "inspect", *("0123456789ab" for _ in range(900))], "reason": "x" * 9000}
    _losses(screen, [row], "were denied", "b")
    assert sum(map(len, screen.spoken)) < 1000


@pytest.mark.parametrize("name", ["b", "b.tgz", "b.tar.gz", "b.zip", "b.tar.zst.age", "b.partial.tar.zst", "b.zst"])
def test_the_name_that_is_offered_bears_one_suffix(name):
    assert _stem(f"/x.tar/{name}") == "/x.tar/b"


def test_the_command_that_is_offered_names_the_file_from_here(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "a.log").write_text("started\n")
    words = ("collect", "--yes", "--only", "include", "--include", "a.log", "-o")
    assert "\n  `diagbundle review b.tar.zst`\n" in run(*words, "b.tar.zst", cwd=tmp_path).stderr
    assert f"\n  `diagbundle review {tmp_path}/out/b.tar.zst`\n" in run(*words, "out/b.tar.zst", cwd=tmp_path).stderr


@pytest.mark.parametrize("name", ["x", "x.zip", "x.partial.tar.zst.old"])
def test_what_review_writes_is_called_a_bundle(tmp_path, name):
    (tmp_path / "a.log").write_text("started\n")
    run("collect", "-q", "--only", "include", "--include", "a.log", "-o", "b.tar.zst", cwd=tmp_path)
    done = run("review", "b.tar.zst", "--remove", "diagbundle", "-o", name, cwd=tmp_path, status=2)
    assert "the name of this bundle ends in .tar.zst" in done.stderr


def test_one_loss_is_told_once():
    row = {"kind": "file", "outcome": "failed", "source": "/proc", "reason": "it is not mounted"}
    said = summary(complete=False, reason="1 item could not be had, or not whole", losses=[row])
    assert sum("not whole" in line for line in said) == 1


def test_what_is_not_asked_because_of_an_earlier_silence_is_not_told_as_it_happens(tmp_path):
    screen = Screen(quiet=True)
    screen.row({"outcome": "timeout", "source": ["ip", "rule"], "reason": "it did not end in time"})
    screen.row({"outcome": "timeout", "source": ["ip", "route"], "reason": f"not asked again: ip did not end in time{DEAF}"})
    assert screen.spoken == ["  ip rule: it did not end in time"]


def test_a_program_that_does_not_end_is_told_once(tmp_path):
    """In a real run: four questions to one program, of which none ends; it is given two."""
    (tmp_path / "deaf").write_text("#!/bin/sh\nexec sleep 60\n")
    os.chmod(tmp_path / "deaf", 0o755)
    asks = "".join(f'[[command]]\nargv = ["{tmp_path}/deaf", "{number}"]\ntimeout = 1\n' for number in range(4))
    (tmp_path / "acme.toml").write_text(f'title = "Acme"\n{asks}')
    os.chmod(tmp_path / "acme.toml", 0o600)
    done = run("collect", "--yes", "--collector", "acme.toml", "--only", "acme", "-o", "b.tar.zst", cwd=tmp_path, status=3)
    during, after = done.stderr.split("Ended, partial")
    assert "did not end" in during
    assert "not asked again" not in during
    assert after.count("not asked again") == 2


AS_NOBODY = """
import os, sys
from diagbundle.cli.main import run
run([word + "-" * word.endswith(".zst") for word in sys.argv[1:]])  # of a file that is not there: what is imported lies where others may not look
sys.stderr.write("--\\n")
os.seteuid(65534)
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("words", [("review",), ("seal", "--max-part", "20M"), ("verify",), ("list", "--missing"), ("analyze",)])
def test_who_may_not_read_a_bundle_is_told_so(words):
    """It was made by root, with mode 0600: the next command is typed without sudo."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = f"{folder}/b.tar.zst"
        os.close(os.open(path, os.O_CREAT, 0o600))
        done = subprocess.run([sys.executable, "-c", AS_NOBODY, words[0], path, *words[1:]], capture_output=True, text=True, check=False)
    assert done.stderr.partition("--\n")[2] == f"diagbundle: you may not read this file: {path}\nhint: ask its owner, or try as root\n"
    assert done.returncode == 2
