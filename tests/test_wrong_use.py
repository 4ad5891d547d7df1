"""What people type at three in the morning: a folder for a file, a name that is nearly right, an option at the wrong place."""

import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from diagbundle.cli import encryption
from diagbundle.cli.changes import _wrapped
from diagbundle.cli.collect import _beside
from diagbundle.cli.group import COMMANDS, program

COLUMNS = 80
NO_STATUS_OF_ITS_OWN = {"plan", "collectors", "explain", "translate", "kit"}
"""Commands that end as the program's help says."""


def run(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "diagbundle", *words],
        capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a bundle and what may be taken for one."""
    place = tmp_path_factory.mktemp("desk")
    (place / "app").mkdir()
    (place / "app/app.log").write_text("started\n" * 20_000)
    ended = run("collect", "-qy", "--only", "include", "--include", "app", "-o", "here.tar.zst", cwd=place)
    assert ended.returncode == 0, ended.stderr
    (place / "age.age").write_text("age-encryption.org/v1\n")
    (place / "parts").mkdir()
    (place / "parts/here.tar.zst.parts").touch()
    (place / "bundles").mkdir()
    os.symlink("../here.tar.zst", place / "bundles/here.tar.zst")
    return place


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_on_a_terminal(name):
    words = [name, "--help"] if name else ["--help"]
    shown = CliRunner().invoke(program, words, terminal_width=COLUMNS).output
    assert shown.startswith("Usage: ")
    assert [line for line in shown.splitlines() if len(line) > COLUMNS] == []
    assert "\\b" not in shown  # a mark for click, not for people


def test_what_is_said_before_a_collection_fits_on_a_terminal():
    names = ("kernel", "networking", "process", "disk", "os", "sysctl", "packages", "self", "changes", "cpu_memory", "file_descriptors")
    recipient = "age1" + "q" * 58
    told = "\n".join([*_beside("  reads    ", ", ".join(names)), *encryption.statement([recipient])])
    assert max(map(len, told.splitlines())) <= COLUMNS
    assert all(name in told for name in (*names, recipient))


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - NO_STATUS_OF_ITS_OWN))
def test_help_says_how_the_command_ends(name):
    assert re.search(r"^  Exit status\S*[ ,].*\b0 ", CliRunner().invoke(program, [name, "--help"]).output, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", ["analyze", "changes", "timeline", "report", "ticket"])
def test_of_a_folder_that_holds_nothing_of_a_host_it_is_not_said_that_nothing_is_wrong(command, place):
    ended = run(command, "app", cwd=place)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "this folder holds nothing of a host: app\nhint: name a bundle, or the folder in which etc, proc and var" in ended.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["analyze", "parts"], "hint: parts of a bundle lie in it: `diagbundle open FOLDER` makes one file of them\n"),
        (["analyze", "bundles"], "hint: name the file itself: bundles/here.tar.zst\n"),
        (["verify", "bundles"], "this is a folder, not a regular file: bundles\nhint: name the file itself\n"),
        (["verify", "her.tar.zst"], "there is no such file: her.tar.zst\nhint: did you mean here.tar.zst?\n"),
        (["analyze", "bundles/her.tar.zst"], "there is no such file: bundles/her.tar.zst\nhint: did you mean bundles/here.tar.zst?\n"),
        (["analyze", "nowhere/x"], "there is no such file: nowhere/x\n"),
        (["seal", "--sign", "here.tar.zst"], "hint: --sign takes the word after it for its own: write --sign last\n"),
        (["seal", "--max-part", "20M"], "missing argument 'BUNDLE'\nhint: `diagbundle seal --help` explains it\n"),
        (["changes", "here.tar.zst", "--days", "-1"], "no number of days to look back: -1\nhint: name one up to 36,500: --days 30\n"),
        (["changes", "here.tar.zst", "--days", "nan"], "no number of days to look back: nan\n"),
        (["analyze", "here.tar.zst", "--ticket", "nofile"], "no such file: nofile\nhint: name the file in which the text of the ticket"),
        (["analyze", "here.tar.zst", "--rules", "nofile"], "no such file: nofile\nhint: name a TOML file, or a folder of such\n"),
        (["analyze", "here.tar.zst", "--rules", "her.tar.zst"], "no such file: her.tar.zst\nhint: did you mean here.tar.zst?\n"),
        (["ticket", "here.tar.zst", "--ticket", "parts"], "this is a folder, and a file is wanted: parts\nhint: name the file itself\n"),
        (["seal", "here.tar.zst", "--sign", "nokey"], "no such key to sign with: nokey\nhint: name the file of an SSH key"),
        (["open", "age.age", "-i", "nokey"], "there is no such key file: nokey\nhint: name the file of your secret key: -i KEYFILE\n"),
        (["seal", "here.tar.zst", "--encrypt-to", "nokey"], "neither a public key of age nor a file of such: nokey\nhint: a public"),
        (
            ["cat", "here.tar.zst", "diagbundle"],
            "this is a folder in the bundle: diagbundle\nhint: `diagbundle list here.tar.zst diagbundle`",
        ),
        (
            ["grep", "-l", "--json", "x", "here.tar.zst"],
            "--format json tells of lines, and not less than that: -l\nhint: leave one of the two out",
        ),
        (
            ["translate", "nofile"],
            "no such map of stand-ins: nofile\nhint: name the file of key and map that was written beside the bundle\n",
        ),
        (["translate", "app"], "this is a folder, and a map of stand-ins is wanted: app\nhint: name the file itself\n"),
        (["redact", "nofile", "out.log"], "there is no such file: nofile\n"),
        (["redact", "her.tar.zst", "out.log"], "there is no such file: her.tar.zst\nhint: did you mean here.tar.zst?\n"),
        (["redact", "--check"], "there are no patterns of yours to check\nhint: name their file: --rules FILE\n"),
        (["redact", "app", "out", "--rules", "nofile"], "nofile\nhint: name a file of patterns\n"),
        (["redact", "app", "out", "--rules", "nowhere/x"], "nowhere\nhint: name a file of patterns\n"),
        (["collect", "-y", "--only", "os", "--redact-rules", "nofile"], "nofile\nhint: name a file of patterns\n"),
        (["plan", "--redact-rules", "nofile"], "nofile\nhint: name a file of patterns\n"),
        (["verify", "here.tar.zst", "--revoked", "keys"], "which is not there: keys\nhint: name the keys that count: --signer FILE\n"),
        (["ticket", "here.tar.zst", "--revoked", "keys"], "which is not there: keys\nhint: name the keys that count: --signer FILE\n"),
        (["report", "here.tar.zst", "-o", "-"], "the page goes to a file, not to standard output: -\nhint: name the file"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(words, told, place):
    ended = run(*words, cwd=place)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr
    assert not os.path.lexists(place / "-")


def test_a_folder_is_a_place_for_whatever_has_a_name_of_its_own(place):
    (place / "out").mkdir()
    assert run("report", "here.tar.zst", "-o", "out", cwd=place).stdout == "out/here.html\n"
    assert run("convert", "here.tar.zst", "-o", "out/", cwd=place).stdout == "out/here.tar.gz\n"
    refused = run("ticket", "here.tar.zst", "-o", "out", cwd=place)
    assert (refused.returncode, refused.stderr) == (
        1, "diagbundle: this is a folder, and a file is to be written: out\nhint: name a file in it\n"
    )  # fmt: skip
    assert sorted(os.listdir(place / "out")) == ["here.html", "here.tar.gz"]


def test_a_dash_is_standard_output(place):
    ended = run("ticket", "here.tar.zst", "-o", "-", cwd=place)
    assert ended.stdout.startswith("# ")
    assert not os.path.lexists(place / "-")


def test_that_there_was_nothing_to_open_is_said(place):
    ended = run("open", "here.tar.zst", "-o", "out2", cwd=place)
    assert (ended.returncode, ended.stdout) == (0, "here.tar.zst\n")
    assert "not encrypted: here.tar.zst is a bundle that can be read as it is, and stays where it lies\n" in ended.stderr


def test_what_changed_fits_on_a_terminal_and_is_one_line_for_programs(monkeypatch):
    text = "3 files were changed: " + ", ".join(f"/etc/{name * 9}" for name in "abcdefghi")
    assert _wrapped(" " * 26, text) == " " * 26 + text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    lines = _wrapped(" " * 26, text).splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert " ".join(line.strip() for line in lines) == text
    assert {line[:26] for line in lines} == {" " * 26}


def test_it_is_the_history_that_is_not_known_and_not_what_there_is(place):
    told = run("changes", "here.tar.zst", cwd=place).stdout
    assert "\nnot known: the history of packages: nothing that tells it was collected\n" in told


@pytest.mark.parametrize("name", ["collect", "seal"])
def test_how_large_a_part_must_be_is_said_before_it_is_refused(name):
    assert "10M or more" in " ".join(CliRunner().invoke(program, [name, "--help"]).output.split())


def test_that_no_event_was_found_is_said(place):
    ended = run("timeline", "here.tar.zst", "--grep", "never said", cwd=place)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "the logs hold no such event" in ended.stderr


def test_when_nobody_reads_any_more_it_ends_as_others_do_and_not_as_if_nothing_was_found(place):
    words = [sys.executable, "-m", "diagbundle", "grep", "started", "here.tar.zst"]
    with subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout.readline().endswith(b":1:started\n")
        running.stdout.close()
        assert running.wait(60) == 128 + 13
        assert running.stderr.read() == b""
