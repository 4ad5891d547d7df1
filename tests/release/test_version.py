"""The version in one line, fast; and every part, when that is asked for."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

from diagbundle import __version__
from diagbundle.bundle import hashing
from diagbundle.cli import version
from diagbundle.cli.main import run


def test_one_line_and_without_click():
    look = "import sys; from diagbundle.cli.main import run; code = run(['--version']); print('click' in sys.modules, code)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == f"diagbundle, version {__version__}\nFalse 0\n"


@pytest.mark.parametrize("words", [["-V"], ["--version"]])
def test_both_spellings(words, capsys):
    assert run(words) == 0
    assert capsys.readouterr().out == f"diagbundle, version {__version__}\n"


@pytest.mark.parametrize("words", [["--version", "--verbose"], ["--verbose", "-V"]])
def test_every_package_that_is_needed_is_listed(words, capsys):
    assert run(words) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"diagbundle, version {__version__}\n")
    with open("pyproject.toml", "rb") as file:
        needed = [re.split("[^a-z0-9]", name)[0] for name in tomllib.load(file)["project"]["dependencies"]]
    for name in needed:
        assert re.search(rf"^{name} +\d[\w.]* +\w+", out, re.MULTILINE), name
    assert re.search(r"^SHA-256 +by ", out, re.MULTILINE)
    assert re.search(r"^redaction +scanner in (C|Python), stand-ins in (C|Python)$", out, re.MULTILINE)


def test_out_of_a_folder_of_sources_nothing_is_known_of_what_it_needs(monkeypatch, capsys):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    assert run(["--version", "--verbose"]) == 0
    assert "\nSHA-256 " in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--verbose"], ["--version", "--verbos"]])
def test_other_words_are_not_taken_for_it(words):
    assert not version.asked(words)


def test_the_static_file_lists_what_it_carries(monkeypatch, capsys, tmp_path):
    parts = {"components": [
        {"name": "CPython", "version": "3.13.5-2+deb13u5", "licenses": [{"expression": "PSF-2.0"}]},
        {"name": "hacl-star", "version": "ab" * 20, "licenses": [{"expression": "MIT"}]},
    ]}  # fmt: skip
    program = tmp_path / "diagbundle"
    program.write_bytes(b"program and archive" + b"diagbundle-seal %020d %08x\n" % (65, 0xC0FFEE))
    monkeypatch.setattr(version, "is_static", lambda: True)
    monkeypatch.setattr("diagbundle.resources.resources", lambda _: iter([("parts.cdx.json", "-", lambda: json.dumps(parts).encode())]))
    monkeypatch.setattr(sys, "executable", str(program))
    assert run(["--version", "--verbose"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^CPython +3\.13\.5-2\+deb13u5 +PSF-2\.0$", out, re.MULTILINE)
    assert re.search(r"^hacl-star +abababababab +MIT$", out, re.MULTILINE)
    assert re.search(r"^seal +CRC-32 00c0ffee$", out, re.MULTILINE)
    assert re.search(rf"^sha256 +{hashing.sha256(program.read_bytes()).hexdigest()}$", out, re.MULTILINE)
