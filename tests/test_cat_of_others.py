"""cat prints files and lines of folders and of reports of sos, which analyze, grep and timeline cite as they cite those of bundles."""

import os
import subprocess
import sys
import tarfile

import pytest

LINES = [f"line {number}" for number in range(1, 20_001)]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder of a host, and the same as an archive."""
    folder = tmp_path_factory.mktemp("cat") / "sosreport-db1"
    (folder / "var/log").mkdir(parents=True)
    (folder / "var/log/messages").write_text("\n".join(LINES))
    (folder / "var/log/odd:7").write_bytes(b"\x1b[31mred\nlong " + b"x" * 10_000 + b"\n")
    os.symlink("/etc/passwd", folder / "var/log/out")
    with tarfile.open(f"{folder}.tar.xz", "w:xz") as archive:
        archive.add(folder, arcname=folder.name)
    return {"folder": str(folder), "archive": f"{folder}.tar.xz"}


def cat(*words):
    return subprocess.run([sys.executable, "-m", "diagbundle", "cat", *words], capture_output=True, text=True, check=False)


ASKED = [
    (("var/log/messages",), 0, "\n".join(LINES)),
    (("/var/log/messages:1",), 0, "> 1  line 1\n  2  line 2\n  3  line 3\n  4  line 4\n"),
    (("var/log/messages:10000", "-C1"), 0, "   9,999  line 9999\n> 10,000  line 10000\n  10,001  line 10001\n"),
    (("var/log/messages:20000", "-C", "1"), 0, "  19,999  line 19999\n> 20,000  line 20000\n"),
    (("var/log/messages:20001",), 2, "messages has 20,000 lines, so there is no line: 20,001"),
    (("var/log/odd:7:1", "-C0"), 0, "> 1  \\x1b[31mred\n"),
    (("var/log/odd:7:2", "-C0"), 0, "> 2  long " + "x" * 3995 + " ...\n"),
    (("var/log/mesages",), 2, "did you mean var/log/messages?"),
    (("var/log/out",), 2, "there is no such file in it: var/log/out"),
]


@pytest.mark.parametrize("form", ["folder", "archive"])
@pytest.mark.parametrize(("words", "status", "said"), ASKED)
def test_files_and_lines_are_printed(given, form, words, status, said):
    result = cat(given[form], *words)
    assert result.returncode == status
    assert "Traceback" not in result.stderr
    assert result.stdout == said if not status else said in result.stderr


def test_what_is_neither_is_refused_as_before(tmp_path):
    (tmp_path / "text").write_text("text")
    assert (
        cat(str(tmp_path / "text"), "x").returncode,
        cat(str(tmp_path / "none"), "x").returncode,
        cat(str(tmp_path), "x").returncode,
    ) == (4, 2, 2)
