"""What a collection leaves behind, and what it touches: seen from outside, with strace, with signals, and in the file's own head."""

import lzma
import os
import random
import re
import subprocess
import time
from pathlib import Path

import pytest
from killing import Run
from static_runs import bundle_in, needs, ran, root

SEED = int(os.environ.get("KILLED_SEED") or random.randrange(1 << 30))
WRITING = (
    "open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,chmod,fchmodat,chown,lchown,fchownat,"
    "mknod,mknodat,truncate,utimensat,setxattr,lsetxattr,removexattr,mount,umount2,swapon,swapoff,pivot_root,chroot,sethostname,settimeofday,clock_settime,"
    "init_module,finit_module,delete_module,reboot,memfd_create"
)
FOR_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE")
ALLOWED = re.compile(r"/dev/null|/dev/tty|/proc/(self|\d+)/(autogroup|oom_score_adj)")
"""It runs behind others, and in a group of its own: the kernel is told so by these two files of its own process."""
OF_COMMANDS = re.compile(r"/run/chrony/chronyc\.\d+\.sock")
"""What a command of the host makes for itself and takes away again."""
SPEAKING = ("connect", "sendto", "sendmsg", "sendmmsg")
LOCAL = re.compile(r'inet_addr\("127\.|"::1"')
NAMED_BY = ("getent", "hostname")
"""Who may ask a name server, even without probes: the host's C library, for the host's own name."""
MOMENTS, DAMAGED = 8, 4
WITHOUT_PROBES = ("--without", "reachability")
MOST, MOST_PACKED = 20 << 20, 8 << 20


@pytest.fixture(scope="module")
def traced(program, tmp_path_factory) -> tuple[Path, list[tuple[str, str]]]:
    """A whole collection but for probes: its folder, and every call that was not refused by which it could change anything, with the program that made it."""
    top = tmp_path_factory.mktemp("traced")
    for name in ("out", "calls"):
        (top / name).mkdir()
    options = (
        "-ff",
        "--seccomp-bpf",
        "-qq",
        "-z",
        "-s",
        "300",
        "-e",
        "signal=none",
        "-e",
        f"trace={WRITING},execve,connect,sendto,sendmsg,sendmmsg",
    )
    seen = ran("strace", *options, "-o", top / "calls/of", program, "collect", "--yes", *WITHOUT_PROBES, "-o", top / "out")
    assert seen.code in (0, 3), seen.all
    calls = []
    for path in (top / "calls").iterdir():  # one file for each process
        name = program.name
        for call in path.read_text(errors="replace").splitlines():  # `???(` where the process was killed in a call
            if call.startswith("execve("):
                name = os.path.basename(call.split('"')[1])
            calls.append((name, call))
    return top, calls


@needs("strace")
def test_nothing_is_written_but_the_bundle(traced):
    top, calls = traced
    bundle_in(top / "out")
    wrong = []
    for name, call in calls:
        kind, _, words = call.partition("(")
        if kind in ("execve", "???", *SPEAKING) or (kind in ("open", "openat", "openat2") and not FOR_WRITING.search(words)):
            continue
        paths = re.findall(r'"((?:[^"\\]|\\.)*)"', words)
        if not paths or not all(
            path.startswith(str(top / "out")) or ALLOWED.fullmatch(path) or OF_COMMANDS.fullmatch(path) for path in paths
        ):
            wrong.append((name, call))
    assert not wrong


@needs("strace")
def test_nobody_else_is_spoken_to(traced):
    _, calls = traced
    spoken = [(name, call) for name, call in calls if call.startswith(SPEAKING) and "sa_family=AF_INET" in call and not LOCAL.search(call)]
    assert [(name, call) for name, call in spoken if not (name in NAMED_BY and "htons(53)" in call)] == []


@needs("strace")
def test_it_starts_itself_but_once(traced, program):
    _, calls = traced
    assert [call for name, call in calls if call.startswith("execve(") and name == program.name][1:] == []


@root
def test_killed_at_any_moment_it_leaves_one_file_that_can_be_salvaged(program, tmp_path):
    """No process, no mount, no other file; the moments are random: KILLED_SEED repeats them."""
    chance = random.Random(SEED)
    mounts, others = (
        Path("/proc/self/mountinfo").read_text(),
        set(os.listdir("/tmp")) | set(os.listdir("/var/tmp")) | set(os.listdir("/dev/shm")),
    )
    began = time.monotonic()
    assert Run(tmp_path / "whole", *WITHOUT_PROBES, program=[str(program)]).ends() in (0, 3)
    seconds, salvaged = time.monotonic() - began, 0
    for number in range(MOMENTS):
        run = Run(tmp_path / f"out{number}", *WITHOUT_PROBES, program=[str(program)])
        run.until((number + chance.random()) / MOMENTS * seconds)
        run.process.kill()
        run.process.wait()
        told = f"KILLED_SEED={SEED}, moment {number} of {seconds} s: {run.said}"
        assert run.left(15) == {}, told
        names = sorted(os.listdir(run.out))
        parts = [name for name in names if name.endswith(".part")]
        assert len(parts) <= 1, told
        if not parts:  # nothing yet, or it had its name already, and perhaps the checksum beside it
            assert not names or ran(program, "verify", run.out / names[0]).code in (0, 3), told
        elif (run.out / parts[0]).stat().st_size:
            seen = ran(program, "salvage", run.out / parts[0], "-o", tmp_path / f"saved{number}")
            assert seen.code in (0, 3, 4), (told, seen.all)
            salvaged += seen.code != DAMAGED or any((tmp_path / f"saved{number}").rglob("*"))
    assert salvaged, f"KILLED_SEED={SEED}: not one of {MOMENTS} moments lay within a collection"
    assert Path("/proc/self/mountinfo").read_text() == mounts
    new = (set(os.listdir("/tmp")) | set(os.listdir("/var/tmp")) | set(os.listdir("/dev/shm"))) - others
    assert not [name for name in new if "diagbundle" in name]


@needs("readelf")
def test_it_is_a_static_program_whose_memory_is_never_writable_and_runnable(program):
    for path in program.parent.glob("diagbundle-linux-*[0-9]"):
        said = subprocess.check_output(["readelf", "--wide", "--program-headers", "--dynamic", path], text=True)
        assert "INTERP" not in said, said
        assert "NEEDED" not in said, said
        segments = re.findall(r"^  ([A-Z_]+) +(?:0x\w+ +){5}([RWE ]{3}) ", said, re.MULTILINE)
        assert {"LOAD", "GNU_STACK"} <= {kind for kind, _ in segments}, said
        assert [rights for _, rights in segments if "W" in rights and "E" in rights] == [], said


def test_it_is_small(program):
    data = program.read_bytes()
    assert len(data) <= MOST
    began = time.monotonic()
    assert len(lzma.compress(data, preset=9)) <= MOST_PACKED, f"{time.monotonic() - began:.0f} s"
