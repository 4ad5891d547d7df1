"""Settings: flag over environment over file over default; what is not known is refused with a hint."""

import pytest

from diagbundle.config import Config, load, seconds, size
from diagbundle.errors import UsageError


@pytest.fixture
def file(tmp_path):
    def written(text):
        path = tmp_path / "diagbundle.toml"
        path.write_text(text)
        return str(path)

    return written


def test_the_later_wins(file):
    path = file('case = "file"\ntimeout = "10m"\nwithout = ["reachability"]\n')
    settings = load({"case": "flag"}, {"DIAGBUNDLE_TIMEOUT": "20m"}, path)
    assert (settings.case, settings.timeout, settings.without) == ("flag", "20m", ("reachability",))
    assert load({}, {"DIAGBUNDLE_ONLY": "os, disk"}).only == ("os", "disk")


def test_defaults_without_a_file():
    assert load({}, {}) == Config()


REFUSED = {
    "timout = 3": "did you mean 'timeout'",
    "timeout = 3": "wants a text",
    "without = 'x'": "wants a list of words",
    "width = 'x'": "wants a number",
    "timeout = '3x'": "no span of time",
    "max_size = 'big'": "no size",
    "= broken": "not TOML",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(file, text):
    with pytest.raises(UsageError) as refused:
        load({}, {}, file(text))
    assert REFUSED[text] in f"{refused.value} {refused.value.hint}"


def test_a_file_that_was_named_must_be_there(tmp_path):
    with pytest.raises(UsageError, match="no configuration file"):
        load({}, {}, str(tmp_path / "none"))


def test_spans_and_sizes():
    assert [seconds(text) for text in ("90", "90s", "30m", "12h", "2d", "1w", "1.5h")] == [90, 90, 1800, 43_200, 172_800, 604_800, 5400]
    assert [size(text) for text in ("10", "1K", "500M", "2G", "2GiB", "1.5k")] == [10, 1024, 500 << 20, 2 << 30, 2 << 30, 1536]
