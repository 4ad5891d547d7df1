"""The static file on servers of every kind: with nothing on them, with busybox, with musl, and with old and new suites of Debian."""

import shutil
from pathlib import Path

import pytest
import static_root
from static_root import Root
from static_runs import PARTIAL, needs, opened, ran, root, sound

pytestmark = [pytest.mark.root, root, needs("unshare")]
SMALL = {"empty": PARTIAL, "busybox": 0, "musl": 0}
"""Root, and the exit of a whole collection: where /proc and /sys are missing, the bundle says that it is not whole."""
SUITES = ("stretch", "buster", "bullseye", "sid")
"""From the oldest that some mirrors still have to the newest."""


def everything_works(program: Path, place: Root, code: int) -> None:
    """Collect, judge, open and unpack; beside the bundle nothing is written."""
    shutil.copy(program, place.folder / "diagbundle")
    before = place.files()
    seen = ran(*place.through, "/diagbundle", "collect", "--yes", "-o", "/")
    assert seen.code == code, seen.all
    written, path = sorted(place.files() - before), seen.printed.decode().strip()
    assert written == [path, path + ".sha256"], seen.all
    sound(Path(path), code)
    opened("/diagbundle", path, code, place.through)
    seen = ran(*place.through, "/diagbundle", "unpack", path, "-o", "/unpacked")
    assert seen.code == 0, seen.all
    assert (place.folder / "unpacked/diagbundle/README.txt").is_file()
    shutil.rmtree(place.folder / "unpacked")
    seen = ran(*place.through, "/diagbundle", "check", "--watch", "0.1s")
    assert seen.code == 0, seen.all
    assert sorted(place.files() - before) == written


@pytest.mark.parametrize(("name", "code"), SMALL.items(), ids=SMALL)
def test_everything_works_on_a_root_with_next_to_nothing(program, tmp_path, name, code):
    (folder := tmp_path / name).mkdir()
    everything_works(program, getattr(static_root, name)(folder), code)


@pytest.mark.slow
@needs("debootstrap")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: Path(static_root.cached(suite)).name or suite)
def test_everything_works_in_a_suite_of_debian(program, tmp_path, suite):
    (folder := tmp_path / "upper").mkdir()
    everything_works(program, Root(folder, static_root.debian(suite)), 0)
