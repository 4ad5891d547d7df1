"""One server for all tests that only look."""

import pytest
from desk_of import View, bundle


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    return bundle(tmp_path_factory.mktemp("view") / "diagbundle-db1-20261121T231500Z.tar.zst")


@pytest.fixture(scope="session")
def view(hostile):
    opened = View(hostile)
    opened.enter()
    yield opened
    assert opened.end()[0] == 0


@pytest.fixture
def fresh(hostile):
    """A server of its own, that nobody has entered yet."""
    opened = View(hostile)
    yield opened
    if opened.process.poll() is None:
        opened.end()
