"""The wheelhouse installs without a network, and what it installs works."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from diagbundle import __version__

TOP = Path(__file__).resolve().parent.parent.parent
HOUSE = TOP / "dist" / f"diagbundle-{__version__}-wheelhouse.tar"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOUSE.exists(), reason=f"there is no dist/{HOUSE.name}: packaging/wheelhouse makes it"),
]


@pytest.fixture
def wheels(tmp_path):
    with tarfile.open(HOUSE) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / HOUSE.stem


def test_the_list_names_every_file_with_its_checksum(wheels):
    told = dict(reversed(line.split("  ", 1)) for line in (wheels / "SHA256SUMS").read_text().splitlines())
    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels.iterdir() if path.name != "SHA256SUMS"}


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_it_installs_without_a_network(wheels, tmp_path, minor):
    python = sys.executable if sys.version_info[:2] == (3, minor) else shutil.which(f"python3.{minor}")
    if not python or subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode:
        pytest.skip(f"python3.{minor} is not installed")
    subprocess.run([python, "-m", "venv", tmp_path / "env"], check=True)
    line = next(line.split() for line in (wheels / "README").read_text().splitlines() if "pip install" in line)
    none = {
        "PATH": os.environ["PATH"],
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "PIP_CONFIG_FILE": os.devnull,
    }
    subprocess.run([tmp_path / "env" / "bin" / "python", *line[1:]], cwd=wheels, check=True, capture_output=True, env=none)
    told = subprocess.run([tmp_path / "env" / "bin" / "diagbundle", "--version"], check=True, capture_output=True, text=True)
    assert told.stdout.strip().endswith(__version__)
    subprocess.run([tmp_path / "env" / "bin" / "diagbundle", "rules", "--test"], check=True, capture_output=True)
