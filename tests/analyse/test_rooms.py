"""Which file system a path lies on, by the nearest mount above it; the same as by looking at every mount, only sooner."""

from hypothesis import given
from hypothesis import strategies as st

from diagbundle.analyse.facts.filesystems import Filesystem
from diagbundle.analyse.facts.rooms import Room, is_below
from diagbundle.analyse.verdict import Origin

PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=4).map(lambda parts: "/" + "/".join(parts))
MAIN = Filesystem(origin=Origin("x"), mount="/")


@given(PATHS | st.sampled_from(["", "a/b", "/a/"]), st.lists(PATHS, min_size=1, max_size=4), st.sets(PATHS, max_size=5))
def test_the_nearest_mount_holds_a_path(path, mounts, others):
    near = max((point for point in {*mounts, *others} if is_below(path, point)), key=len, default="")
    assert Room(MAIN, tuple(mounts)).holds(path, others) == (path.startswith("/") and near in mounts)
