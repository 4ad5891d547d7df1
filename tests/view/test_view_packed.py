"""A folder, an unpacked bundle and a report of another tool are shown as a bundle is."""

import io
import json
import os
import subprocess
import sys
import tarfile

import pytest
from desk_of import View
from test_lines import row, sealed

from diagbundle.analyse.evidence.opened import open_evidence
from diagbundle.bundle import pack
from diagbundle.errors import OutputError
from diagbundle.view import packed as packing
from diagbundle.view.packed import packed

LOG = b"".join(b"Nov 21 10:%02d:%02d db1 kernel: line %d\n" % (i // 60, i % 60, i + 1) for i in range(3000))
FILES = {"etc/hostname": b"db1\n", "var/log/messages": LOG, "sos_commands/kernel/uname_-a": b"Linux db1 6.1.0\n", "var/log/empty": b""}


@pytest.fixture
def tree(tmp_path):
    """A folder of a host."""
    for name, data in FILES.items():
        path = tmp_path / "sosreport-db1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    os.symlink("messages", tmp_path / "sosreport-db1/var/log/syslog")
    return tmp_path / "sosreport-db1"


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_a_report_of_another_tool_is_shown(tree, form):
    given = str(tree)
    if form == "archive":
        given = f"{tree}.tar.gz"
        with tarfile.open(given, "w:gz") as archive:
            archive.add(tree, arcname=tree.name)
    view = View(given)
    view.enter()
    try:
        line = view.page("file", path="var/log/messages", line=2000)
        assert '<li id="L2000" class="meant">' in line.text
        assert "kernel: line 2000<" in line.text
        assert "kernel: line 7<" in view.page("file", path="var/log/syslog", line=7).text
        assert "line 2999" in view.page("search", text="line 2999").text
        assert "line 2999" in view.page("timeline", text="line 2999").text
        assert "db1" in view.page().text
        listed = view.page("files").text
        assert "etc/" in listed
        assert "manifest.jsonl" not in listed, "that of the copy is not what was given"
    finally:
        status, said = view.end()
    assert (status, "Traceback" in said) == (0, False)


def test_an_unpacked_bundle_keeps_what_its_manifest_says(tmp_path):
    lost = {**row("etc/lost"), "source": "/etc/lost", "outcome": "denied", "reason": "not allowed"}
    path = sealed(tmp_path / "b.tar.zst", {"etc/hostname": b"db1\n", "var/log/messages": LOG}, rows=[lost])
    subprocess.run([sys.executable, "-m", "diagbundle", "unpack", path, "-o", str(tmp_path / "out")], check=True, capture_output=True)
    evidence = open_evidence(str(tmp_path / "out"))
    with packed(evidence) as bundle:
        report = bundle.verify()
        assert report.members == 2
        assert report.outcomes == {"collected": 2, "denied": 1}
        assert b"".join(bundle.content(bundle.find("var/log/messages"))) == LOG


def test_files_that_grow_or_cannot_be_read_are_shown_as_far_as_they_can(tree, monkeypatch):
    evidence = open_evidence(str(tree))
    monkeypatch.setattr(pack, "GROUP", 1000)
    monkeypatch.setattr(packing, "GROUP", 1000)
    monkeypatch.setattr(packing._Packing, "_measured", lambda *_: len(LOG))
    with open(tree / "var/log/messages", "ab") as log:
        log.write(b"more\n")
    os.unlink(tree / "etc/hostname")
    with packed(evidence) as bundle:
        assert bundle.verify()
        assert b"".join(bundle.content(bundle.find("var/log/messages"))) == LOG
        assert bundle.find("etc/hostname")["outcome"] == "partial"


def test_without_room_for_the_copy_it_is_said(tree, monkeypatch):
    monkeypatch.setattr("tempfile.TemporaryFile", lambda: io.FileIO("/dev/full", "w"))
    with pytest.raises(OutputError, match="No space left"):
        packed(open_evidence(str(tree)))


def test_a_manifest_that_lies_about_sizes_costs_nothing(tmp_path):
    huge = {**row("etc/hostname"), "path": "etc/hostname", "header": 0, "offset": 512, "size": 1 << 50}
    for name, data in {
        "etc/hostname": b"db1\n",
        "diagbundle/manifest.jsonl": json.dumps({"format": 1}).encode() + b"\n" + json.dumps(huge).encode(),
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    with packed(open_evidence(str(tmp_path))) as bundle:
        assert b"".join(bundle.content(bundle.find("etc/hostname"))) == b"db1\n"
        assert bundle.frames.file_size < 10_000
