"""The static file where there is little of everything, and by whatever name it is called."""

import os
import shutil
import uuid
from pathlib import Path

import pytest
from static_runs import COLLECT, NOBODY, bundle_in, collected, needs, opened, ran, root, sound
from static_small import LIMITED_MEMORY, MOUNTS, OWN_MOUNTS, WORDS

pytestmark = [pytest.mark.root, root, needs("prlimit", "setpriv", "unshare")]
HERE = "/mnt/here/diagbundle"


@pytest.fixture
def out() -> Path:
    """A folder into which every user may write; not below pytest's, into which only root may look."""
    folder = Path("/var/tmp") / f"static-{uuid.uuid4()}"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def anyones(program) -> Path:
    """A copy of the program that every user may run."""
    folder = Path("/var/tmp") / f"static-{uuid.uuid4()}"
    folder.mkdir()
    yield Path(shutil.copy(program, folder / "diagbundle"))
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", WORDS)
def test_a_limit_of_the_process(anyones, out, name):
    place = WORDS[name]
    bundle = collected(anyones, out, through=place.words, code=place.code)
    deaf = "stdout" in name  # it has nowhere to print
    opened(anyones, bundle, place.code, () if deaf else place.words)


@pytest.mark.parametrize("name", MOUNTS)
def test_a_sick_file_system(program, out, name):
    place = MOUNTS[name]
    through = ("unshare", "--mount", "sh", "-c", f'{OWN_MOUNTS}\n{place.mounts}\n"$@"', "sh", program, out)
    seen = ran(*through, HERE, *COLLECT, "-o", "/mnt/out")
    assert seen.code == place.code, seen.all
    opened(HERE, f"/mnt/out/{sound(bundle_in(out), place.code).name}", place.code, through)


def test_a_whole_collection_in_64_mb_of_address_space(program, out):
    """All collectors, and a log of 40 MB: nothing is lost for want of memory."""
    (log := out / "log").mkdir()
    with (log / "large.log").open("w") as file:
        file.writelines(f"Nov 21 23:53:01 db1 acme[{n}]: request {n * n} took {n % 977} ms\n" for n in range(600_000))
    narrow = ("prlimit", f"--as={64 << 20}")
    words = ("collect", "--yes", "--without", "reachability", "--without", "logs", "--without", "product", "--include", log)
    bundle = collected(program, out / "out", *words, through=narrow)
    for command in ("verify", "list"):
        assert ran(*narrow, program, command, bundle).code == 0
    opened(program, bundle)


def test_a_control_group_of_128_mb(program, out):
    top = next((path for path in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")) if (path / "cgroup.procs").exists()), None)
    if not top or not any((top / name).exists() for name in ("memory.limit_in_bytes", "memory.stat")):
        pytest.skip("there is no memory controller here")
    group = top / f"diagbundle-test-{os.getpid()}"
    seen = ran("sh", "-c", LIMITED_MEMORY, "sh", group, program, *COLLECT, "-o", out)
    assert seen.code == 0, seen.all
    assert b"oom_kill 0" in seen.said, seen.all
    assert not group.exists()
    sound(bundle_in(out), 0)


NAMES = {
    "by its whole path": ("diagbundle", ["{folder}/diagbundle"]),
    "by a path from here": ("diagbundle", ["./diagbundle"]),
    "by its name alone, found in PATH": ("diagbundle", ["env", "PATH={folder}:/usr/bin:/bin", "diagbundle"]),
    "by its name alone, beside an empty entry of PATH": ("diagbundle", ["env", "PATH=:/usr/bin:/bin", "diagbundle"]),
    "by a symbolic link": ("diagbundle", ["./link"]),
    "by a symbolic link, found in PATH": ("diagbundle", ["env", "PATH={folder}/bin:/usr/bin:/bin", "diag"]),
    "by a hard link": ("diagbundle", ["./hard"]),
    "by a name with spaces and more": ("dïag bündle\n✓ 'x'", ["./dïag bündle\n✓ 'x'"]),
    "by a name that is no text": ("diag\udcffbundle", ["./diag\udcffbundle"]),
}


@pytest.mark.parametrize("proc", ["", "mount -t tmpfs tmpfs /proc; "], ids=["with /proc", "without /proc"])
@pytest.mark.parametrize("name", NAMES)
def test_it_finds_its_own_file(program, tmp_path, name, proc):
    """What is in its archive can only be had by who found the file: `collectors` lists what lies there."""
    called, words = NAMES[name]
    shutil.copy(program, tmp_path / called)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/diag").symlink_to(f"../{called}")
    (tmp_path / "link").symlink_to(called)
    (tmp_path / "hard").hardlink_to(tmp_path / called)
    seen = ran(
        "unshare",
        "--mount",
        "sh",
        "-c",
        f'{proc}exec "$@"',
        "sh",
        *(word.format(folder=tmp_path) for word in words),
        "collectors",
        cwd=tmp_path,
    )
    assert seen.code == 0, seen.all
    assert b"networking" in seen.printed, seen.all


def test_who_may_run_but_not_read_it_is_told_so(anyones):
    (copy := anyones.with_name("copy")).write_bytes(anyones.read_bytes())
    copy.chmod(0o111)
    seen = ran(*NOBODY, copy, "--version")
    assert seen.code == 1, seen.all
    assert seen.said.decode() == (
        f"diagbundle: the program cannot read its own file: {copy}: Permission denied\nhint: it needs the right to read it: chmod +rx\n"
    )


def test_who_cannot_find_its_file_says_so(program):
    """Called by a name that is nowhere to be found, without /proc."""
    script = 'mount -t tmpfs tmpfs /proc; exec -a nowhere "$@"'
    seen = ran("unshare", "--mount", "bash", "-c", script, "bash", program, "--version")
    assert seen.code == 1, seen.all
    assert seen.said == b"diagbundle: the program does not find its own file: nowhere\nhint: call it by its whole path\n"
