"""A sick host for a test: the fault lab, the program that every user may run, and the run of each recipe, made once."""

import os
import shutil
import tempfile

import pytest

pytest.register_assert_rewrite("checks", "sickness")
import lab  # noqa: E402  # what it imports is to be rewritten

KEEP = os.environ.get("SICK_RUNS", "")
"""A folder in which runs are kept and looked at again, for whoever writes checks; '' to make each anew."""
TIMEOUT = 120.0
"""Seconds for a collection: the limit of the lab's own judge."""


@pytest.fixture(scope="session")
def faultlab(tmp_path_factory):
    """The lab, in a copy that looks round."""
    if reason := lab.why_not():
        pytest.skip(reason)
    return lab.looking(str(tmp_path_factory.mktemp("faultlab") / "lab"))


@pytest.fixture(scope="session")
def program():
    """The program, where every user may read it and no recipe hides it: not in /tmp, not in a home directory."""
    if given := os.environ.get("SICK_PROGRAM"):
        yield given
        return
    place = tempfile.mkdtemp(prefix="diagbundle-test-", dir="/var/lib")
    made = lab.install(place)
    if made:
        yield made
    shutil.rmtree(place)
    if not made:
        pytest.skip("there is no Python of this version that every user may run: set SICK_PROGRAM")


class Runs:
    """Runs by name. Only the last one is kept: its checks follow each other, and bundles are large."""

    def __init__(self, make):
        self.make, self.last = make, None

    def of(self, name):
        if self.last is None or self.last.name != name:
            self.forget()
            self.last = self.make(name)
        return self.last

    def forget(self):
        if self.last is not None:
            self.last.close()
            if not KEEP:
                shutil.rmtree(self.last.folder)
        self.last = None


@pytest.fixture(scope="session")
def runs(faultlab, program, tmp_path_factory):
    """Every run, made when it is first asked for."""

    def make(name):
        folder = os.path.join(KEEP, name) if KEEP else str(tmp_path_factory.mktemp(name) / "run")
        if os.path.exists(folder):
            return lab.Run(name, folder, program)
        for _ in range(2):  # a busy machine may be too slow for the recipe: once more
            shutil.rmtree(folder, ignore_errors=True)
            made = lab.collect(faultlab, name, program, folder, TIMEOUT)
            if not made.fault:
                break
        return made

    kept = Runs(make)
    yield kept
    kept.forget()


@pytest.fixture
def run(request, runs):
    """The run of a recipe."""
    made = runs.of(request.param)
    if made.fault:
        pytest.skip(made.fault)
    return made
