"""The example for vendors works as its README says: its own tests pass, and its package is found."""

import os
import shutil
import subprocess
import sys

ACME = os.path.join(os.path.dirname(__file__), "..", "examples", "acme")


def run(*words, **env):
    command = [sys.executable, "-B", *words]
    found = subprocess.run(command, cwd=ACME, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    return found.returncode, found.stdout + found.stderr


def test_its_tests_pass():
    status, said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ACME, "tests", PYTHONPATH=ACME)
    assert status == 0, said


def test_both_forms_are_found(tmp_path):
    """The package as pip leaves it behind: its modules on the path and a folder that names its entry points."""
    info = tmp_path / "acme_diag-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-diag\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[diagbundle.collectors]\nacme_pools = acme_diag:acme_pools\n")
    shutil.copy(os.path.join(ACME, "acme.toml"), tmp_path)
    (tmp_path / "acme.toml").chmod(0o600)
    code = f"from diagbundle.collect.registry import find; print(*find([{str(tmp_path / 'acme.toml')!r}], '').collectors)"
    status, said = run("-c", code, PYTHONPATH=f"{tmp_path}:{ACME}")
    assert status == 0, said
    assert {"acme", "acme_pools"} <= set(said.split())
