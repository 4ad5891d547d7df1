"""A tree answers as the machine did that it was saved from."""

import json

import pytest

from diagbundle.errors import FormatError, UsageError
from diagbundle.model import Command, Outcome
from diagbundle.saved import saved_host


def write(tree, path, text):
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(text)


def manifest(tree, *rows):
    write(tree, "diagbundle/manifest.jsonl", "".join(json.dumps(row) + "\n" for row in ({"format": "diagbundle/1"}, *rows)))


def row(argv, path=None, **more):
    return {"kind": "command", "source": argv.split(), "outcome": "collected", **({"path": path} if path else {}), **more}


def test_files_lie_at_their_own_paths(tmp_path):
    write(tmp_path, "etc/hostname", "db1\n")
    assert saved_host(tmp_path).lines("/etc/hostname") == ["db1"]


def test_commands_are_answered_from_the_manifest(tmp_path):
    write(tmp_path, "sos_commands/networking/ip_link", "1: lo\n")
    write(tmp_path, "sos_commands/x/elsewhere", "no")
    manifest(
        tmp_path,
        row("ip link", "sos_commands/networking/ip_link", exit=0),
        row("false now", "sos_commands/networking/ip_link", exit=3, stderr="no such thing\n"),
        row("docker ps", outcome="timeout", reason="did not answer within 10 s"),
    )
    host = saved_host(tmp_path)
    assert host.output(Command(("ip", "link"))) == "1: lo\n"
    refused = host.run(Command(("false", "now")))
    assert (refused.outcome, refused.exit, refused.stderr) == (Outcome.COLLECTED, 3, b"no such thing\n")
    silent = host.run(Command(("docker", "ps")))
    assert (silent.outcome, silent.stdout, silent.exit, silent.reason) == (Outcome.TIMEOUT, b"", None, "did not answer within 10 s")
    assert host.run(Command(("elsewhere",))).outcome is Outcome.ABSENT


def test_parts_samples_copies_links_and_filling(tmp_path):
    for name, text in {
        "a": "first ",
        "a.part0002": "second",
        "old": "old",
        "new": "new",
        "cut": "whole\0\0\0",
        "ps": "first second",
    }.items():
        write(tmp_path, f"sos_commands/x/{name}", text)
    manifest(
        tmp_path,
        row("log", "sos_commands/x/a.part0002", part=2),
        row("log", "sos_commands/x/a", part=1),
        row("nstat", "sos_commands/x/old", sample="start"),
        row("nstat", "sos_commands/x/new", sample="end"),
        row("cut", "sos_commands/x/cut", short=5, outcome="partial"),
        row("ps", "sos_commands/x/gone", link="sos_commands/x/ps"),
        row("ps", "ps"),
    )
    host = saved_host(tmp_path)
    said = {name: host.output(Command((name,))) for name in ("log", "nstat", "cut", "ps")}
    assert said == {"log": "first second", "nstat": "new", "cut": "whole", "ps": "first second"}


def test_without_a_manifest_the_name_decides(tmp_path):
    write(tmp_path, "sos_commands/networking/ip_-s_link", "1: lo\n")
    host = saved_host(tmp_path)
    answer = host.run(Command(("/usr/sbin/ip", "-s", "link")))
    assert (answer.outcome, answer.stdout, answer.exit) == (Outcome.COLLECTED, b"1: lo\n", 0)
    assert host.run(Command(("ip", "link"))).outcome is Outcome.ABSENT


def test_a_manifest_cannot_point_outside(tmp_path):
    write(tmp_path, "outside", "not theirs")
    tree = tmp_path / "tree"
    manifest(tree, row("a", "../outside"), row("b", "sos_commands/missing"))
    (tree / "sos_commands").symlink_to(tmp_path)
    host = saved_host(tree)
    assert (host.run(Command(("a",))).outcome, host.output(Command(("a",)))) == (Outcome.DENIED, "")
    assert host.run(Command(("b",))).outcome is Outcome.ABSENT


def test_what_is_no_saved_host(tmp_path):
    with pytest.raises(UsageError, match="must be a folder"):
        saved_host(tmp_path / "none")
    write(tmp_path, "diagbundle/manifest.jsonl", "{broken\n")
    with pytest.raises(FormatError, match="line 1"):
        saved_host(tmp_path).run(Command(("a",)))
