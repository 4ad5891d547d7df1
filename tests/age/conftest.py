"""Keys of one test, and Debian's age."""

import shutil
import subprocess

import pytest
from age_keys import Pair


@pytest.fixture
def pair():
    return Pair()


@pytest.fixture
def other():
    return Pair()


@pytest.fixture
def identity(pair, tmp_path):
    """The path of a key file."""
    return pair.written(tmp_path / "identity")


@pytest.fixture
def debian():
    """A function that runs Debian's age with these words on this input. Gives what it prints, or None where it refuses."""
    if not shutil.which("age"):
        pytest.skip("age is not installed: apt-get install age")

    def run(*words, data=b""):
        done = subprocess.run(["age", *words], input=data, capture_output=True, timeout=60, check=False)
        return done.stdout if done.returncode == 0 else None

    return run
