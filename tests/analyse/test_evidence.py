"""What lies on the desk: bundles, folders and other tools' archives give the same evidence, and hostile ones do no harm."""

import io
import os
import tarfile

import pytest

from diagbundle.analyse.evidence.archive import is_foreign
from diagbundle.analyse.evidence.entry import Index, translated
from diagbundle.analyse.evidence.opened import open_evidence
from diagbundle.errors import BundleError, UsageError

FILES = {
    "etc/os-release": b'PRETTY_NAME="Some Linux 9"\n',
    "proc/net/dev": b"header\n",
    "sos_commands/host/hostname": b"db1\n",
    "var/log/messages": b"Mar  5 10:12:01 db1 kernel: hello\n" * 1000,
}


def archive(path, mode, members):
    with tarfile.open(path, mode) as file:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                member.type, member.linkname = content
                file.addfile(member)
            else:
                member.size, member.mtime = len(content), 1772705521
                file.addfile(member, io.BytesIO(content))
    return str(path)


def contents(evidence):
    return {entry.path: b"".join(evidence.blocks(entry)) for entry in evidence.entries if entry.there}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "report" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "report"


def test_a_folder_is_evidence(folder):
    assert contents(open_evidence(str(folder))) == FILES


@pytest.mark.parametrize(("suffix", "mode"), [("tar.xz", "w:xz"), ("tar.gz", "w:gz"), ("tar.bz2", "w:bz2"), ("tar", "w")])
def test_an_archive_of_another_tool_is_evidence(tmp_path, suffix, mode):
    path = archive(tmp_path / f"sosreport-db1.{suffix}", mode, [(f"sosreport-db1/{name}", content) for name, content in FILES.items()])
    assert is_foreign(path)
    evidence = open_evidence(path)
    assert contents(evidence) == FILES
    assert {entry.mtime for entry in evidence.entries} == {1772705521}


def test_links_of_an_archive_are_followed_within_it_only(tmp_path):
    members = [
        ("s/sos_commands/filesys/df", b"of df"), ("s/df", (tarfile.SYMTYPE, "sos_commands/filesys/df")),
        ("s/etc/passwd", (tarfile.SYMTYPE, "/etc/passwd")), ("s/up", (tarfile.SYMTYPE, "../../../../etc/passwd")),
        ("s/loop", (tarfile.SYMTYPE, "loop")), ("s/etc/absolute", (tarfile.SYMTYPE, "/sos_commands/filesys/df")),
        ("s/etc/release", (tarfile.SYMTYPE, "../usr/lib/release")), ("s/usr/lib/release", b"Some Linux"),
    ]  # fmt: skip
    found = contents(open_evidence(archive(tmp_path / "s.tar.gz", "w:gz", members)))
    assert found == {
        "sos_commands/filesys/df": b"of df", "df": b"of df", "etc/absolute": b"of df", "etc/release": b"Some Linux", "usr/lib/release": b"Some Linux",
    }  # fmt: skip


def test_hostile_names_of_an_archive_write_nothing_outside(tmp_path):
    names = ["s/../../escaped", "/s/absolute", "s/a/../../../escaped", "s/" + "d/" * 100 + "deep", "../s/escaped", "s/fine"]
    device = ("s/device", (tarfile.CHRTYPE, ""))
    path = archive(tmp_path / "s.tar.gz", "w:gz", [*((name, b"x") for name in names), device, ("s/fifo", (tarfile.FIFOTYPE, ""))])
    before = set(os.listdir(tmp_path))
    assert set(contents(open_evidence(path))) <= {"fine", "absolute", "s/escaped", "escaped"}
    assert set(os.listdir(tmp_path)) == before


def test_links_of_a_folder_that_lead_out_of_it_are_not_followed(folder, tmp_path):
    (tmp_path / "secret").write_text("not yours")
    (folder / "etc" / "out").symlink_to(tmp_path / "secret")
    (folder / "etc" / "up").symlink_to("../../secret")
    (folder / "etc" / "in").symlink_to("os-release")
    found = contents(open_evidence(str(folder)))
    assert found == FILES | {"etc/in": FILES["etc/os-release"]}


def test_a_link_and_what_it_means_are_one_piece(folder):
    (folder / "etc" / "in").symlink_to("os-release")
    index = Index(open_evidence(str(folder)).entries)
    assert len(index.matching(["etc/os-release", "etc/in"])) == 1


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("diagbundle.analyse.evidence.archive.MAX_BYTES", 1 << 20)
    path = archive(tmp_path / "s.tar.xz", "w:xz", [("s/zeros", bytes(2 << 20))])
    with pytest.raises(BundleError, match="larger than it may be"):
        open_evidence(path)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_of_a_cut_archive_what_is_whole_is_evidence(tmp_path, keep):
    noise = os.urandom(200_000)
    path = tmp_path / "s.tar.gz"
    archive(path, "w:gz", [(f"s/{number}", noise) for number in range(8)])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    evidence = open_evidence(str(path))
    found = contents(evidence)
    assert found
    assert not evidence.head.complete
    assert "damaged" in evidence.head.reason
    assert set(found.values()) == {noise}


def test_what_is_no_archive_is_refused_in_words(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(b"\x1f\x8b" + os.urandom(100))
    with pytest.raises(BundleError, match="cannot be read"):
        open_evidence(str(tmp_path / "x.tar.gz"))
    with pytest.raises(UsageError, match="no such file"):
        open_evidence(str(tmp_path / "nothing"))


def test_nothing_of_an_archive_stays_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    evidence = open_evidence(archive(tmp_path / "s.tar", "w", [("s/a", b"x")]))
    assert len(os.listdir(tmp_path / "t")) == 1
    del evidence
    assert os.listdir(tmp_path / "t") == []


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("proc/net/dev", "proc/net/dev", True),
        ("proc/*/dev", "proc/net/dev", True),
        ("proc/*", "proc/net/dev", False),
        ("proc/**", "proc/net/dev", True),
        ("**/dev", "proc/net/dev", True),
        ("**/dev", "dev", True),
        ("proc/[0-9]*/stat", "proc/12/stat", True),
        ("proc/[0-9]*/stat", "proc/net/stat", False),
        ("a.b", "axb", False),
    ],
)
def test_patterns_of_paths(pattern, path, is_match):
    import re

    assert (re.fullmatch(translated(pattern), path) is not None) is is_match
