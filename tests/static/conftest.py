"""The static file under test: DIAGBUNDLE_STATIC, or what `make static` has made."""

import platform
from pathlib import Path

import pytest
from static_runs import made


@pytest.fixture(scope="session")
def program() -> Path:
    """The static file for this machine."""
    return made(platform.machine())
