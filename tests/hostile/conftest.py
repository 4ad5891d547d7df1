"""The desks, once for all tests of this folder."""

import hostile_desk
import pytest


@pytest.fixture(scope="session")
def desks():
    with hostile_desk.desks() as there:
        yield there


@pytest.fixture
def desk(request, desks):
    """The desk of one user, by name; by default that of an unprivileged one."""
    name = getattr(request, "param", "user")
    if name not in desks:
        pytest.skip("needs root")
    return desks[name]
