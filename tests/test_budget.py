"""What the host has to spare: processors by quota."""

import math

import pytest

from diagbundle.collect.budget import processors

V2, V1 = "0::/a/b\n", "7:cpu,cpuacct:/a/b\n3:memory:/x\n0::/c\n"
CASES = {
    "none": (V2, {}, math.inf),
    "version 2": (V2, {"a/b/cpu.max": "5000 100000\n"}, 0.05),
    "version 2, above": (V2, {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n"}, 1.5),
    "the least": (V2, {"a/b/cpu.max": "50000 100000\n", "a/cpu.max": "20000 100000\n"}, 0.2),
    "version 1": (V1, {"cpu/a/b/cpu.cfs_quota_us": "5000\n", "cpu/a/b/cpu.cfs_period_us": "100000\n"}, 0.05),
    "version 1, no quota": (V1, {"cpu/a/b/cpu.cfs_quota_us": "-1\n", "cpu/a/b/cpu.cfs_period_us": "100000\n"}, math.inf),
    "both": (V1, {"cpu/a/b/cpu.cfs_quota_us": "30000\n", "cpu/a/b/cpu.cfs_period_us": "100000\n", "c/cpu.max": "10000 100000\n"}, 0.1),
    "nonsense": (V2, {"a/b/cpu.max": "a lot\n"}, math.inf),
    "a line that is none": ("0::\nx\n\n", {"cpu.max": "1 2\n"}, math.inf),
}


@pytest.mark.parametrize(("groups", "files", "wanted"), CASES.values(), ids=CASES)
def test_the_quota_of_all_groups_above_us_counts(tmp_path, groups, files, wanted):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert processors(f"{tmp_path}/") == wanted


def test_without_proc_there_is_none(tmp_path):
    assert processors(f"{tmp_path}/") == math.inf
