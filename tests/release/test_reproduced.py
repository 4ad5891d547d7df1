"""Two builds in two folders give the same bytes. The whole of it, compiled twice, is `packaging/reproduce` without --quick."""

import os
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNAVAILABLE = 75
"""What fetch.py exits with where a source can't be had."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_builds_in_two_folders_are_the_same():
    done = subprocess.run([os.path.join(TOP, "packaging", "reproduce"), "--quick"], capture_output=True, text=True, check=False)
    if done.returncode == UNAVAILABLE:
        pytest.skip(done.stderr.splitlines()[-2])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the same twice") >= 2
