"""What all tests share."""

import shutil

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, print_blob=True)
settings.register_profile("others")


def pytest_configure(config):
    """Without the slow tests, generated texts are always the same ones: a landing does not depend on luck. `make test-all` tries others."""
    settings.load_profile("same" if config.option.markexpr else "others")


@pytest.fixture(scope="module")
def chromium():
    """A real browser without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
