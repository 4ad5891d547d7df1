"""Numbers in words."""

import pytest

from diagbundle.numbers import amount, counted


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1940, "1.9 kB"),
        (258_000_000, "258 MB"),
        (1.94e9, "1.9 GB"),
        (4.1e13, "41.0 TB"),
        (1e16, "10,000.0 TB"),
    ],
)
def test_a_size(size, words):
    assert amount(size) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 items"), (1, "1 item"), (2000, "2,000 items")])
def test_a_count(count, words):
    assert counted(count, "item") == words
