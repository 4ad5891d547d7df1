"""Of a bundle that is damaged somewhere, commands show what is whole, say what is not, and end with 4."""

import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from diagbundle.cli.main import run

VECTORS = Path(__file__).parent / "vectors"
BROKEN = "one-byte-refitted.tar.zst"
"""Its var/log/messages does not match its checksum; all else is whole."""
TOLD = f"diagbundle: {BROKEN} is damaged, and the answer lacks some or all of 1 piece of it: var/log/messages\nhint: ask for the file again"
COMMANDS = (
    ["analyze", BROKEN], ["analyze", BROKEN, "--fail-on", "note"], ["report", BROKEN], ["timeline", BROKEN], ["changes", BROKEN],
    ["diff", BROKEN, "good.tar.zst"], ["diff", "good.tar.zst", BROKEN, "--exit-code"],
)  # fmt: skip


@pytest.fixture
def ended(tmp_path, monkeypatch, capsys):
    """Exit status, text and talk of a command."""
    monkeypatch.chdir(tmp_path)
    for name in (BROKEN, "good.tar.zst"):
        shutil.copy(VECTORS / name, tmp_path)

    def ended(*words):
        code = run(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return ended


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_is_whole_is_shown_and_what_is_damaged_is_said(ended, words):
    code, _, talk = ended(*words)
    assert code == 4
    assert talk.count(TOLD) == 1
    assert os.path.exists("one-byte-refitted.html") == (words[0] == "report")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_of_a_whole_bundle_nothing_such_is_said(ended, words):
    code, _, talk = ended(*["good.tar.zst" if word == BROKEN else word for word in words])
    assert code in (0, 5)
    assert "damaged" not in talk


def test_programs_are_told_too(ended):
    code, text, _ = ended("analyze", BROKEN, "--format", "json")
    assert code == 4
    (damaged,) = json.loads(text)["damaged"]
    assert damaged["path"] == "var/log/messages"
    assert "does not match its checksum" in damaged["because"]
    assert list(json.loads(ended("changes", BROKEN, "--format", "json")[1])["damaged"]) == ["var/log/messages"]
    assert json.loads(ended("analyze", "good.tar.zst", "--format", "json")[1])["damaged"] == []


@pytest.mark.parametrize("command", ["analyze", "ticket", "report", "timeline", "changes"])
def test_a_report_of_sos_that_is_cut_short_is_damaged(ended, command):
    with tarfile.open("sos.tar.gz", "w:gz") as archive:
        for name in ("var/log/messages", "etc/motd", "proc/loadavg"):
            info = tarfile.TarInfo(f"sos/{name}")
            info.size = 100_000
            archive.addfile(info, io.BytesIO(os.urandom(info.size)))
    os.truncate("sos.tar.gz", os.path.getsize("sos.tar.gz") // 2)
    code, _, talk = ended(command, "sos.tar.gz")
    assert code == 4
    assert "diagbundle: sos.tar.gz is damaged, and the answer lacks some or all of 1 piece of it: its end\n" in talk
