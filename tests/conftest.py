"""What all tests share."""

from hypothesis import settings

settings.register_profile("same", derandomize=True, print_blob=True)
settings.register_profile("others")


def pytest_configure(config):
    """Without the slow tests, generated texts are always the same ones: a landing does not depend on luck. `make test-all` tries others."""
    settings.load_profile("same" if config.option.markexpr else "others")
