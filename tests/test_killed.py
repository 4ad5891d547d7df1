"""A collection that is ended at any moment: told to, it seals what it has; killed, it leaves what can be salvaged, and nobody behind.

The moments are random: `KILLED_SEED=N` repeats those of a run that failed.
"""

import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import killing
import pytest
from click.testing import CliRunner
from killing import PATIENCE, POINTS, PROGRAM, Run, plain_members, salvaged_members

from diagbundle.bundle.reader import Bundle
from diagbundle.cli import verify

SEED = int(os.environ.get("KILLED_SEED") or random.randrange(1 << 30))
MOMENTS, MOMENTS_SHORT = 100, 9
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
GOLDEN = 0.6180339887
SOON = 5.0
"""Seconds from the signal to the end of the run, with a sealed bundle; not counted are those without a processor."""
ORPHANED = 10.0
"""Seconds in which children notice that nobody waits for their answers any more: they do at once, when it is their turn."""
AFTER_SIGTERM = {0: "whole", 3: "partial"}
UNBEGUN = {1, 130, *(code for number in SIGNALS for code in (-number, 128 + number))}
"""Exits of a run that was ended before it had begun to write."""
KILLED = {-signal.SIGKILL, 128 + signal.SIGKILL}
"""Of one that was killed itself, or in whose stead somebody else tells that it was."""
COLLECTORS = {
    "swift": 'title = "Swift"\nstage = "volatile"\n[[sample]]\npaths = ["/proc/uptime", "/proc/stat"]\n[[command]]\nargv = ["uname", "-a"]\n',
    "steady": 'title = "Steady"\n[[sample]]\npaths = ["/proc/loadavg"]\n[[file]]\npaths = ["/etc/passwd"]\n'
    '[[command]]\nargv = ["sleep", "0.7"]\n[[file]]\npaths = ["/etc/group"]\n[[command]]\nargv = ["uname", "-r"]\n',
    "patient": 'title = "Patient"\n[[sample]]\npaths = ["/proc/uptime"]\n[[file]]\npaths = ["/etc/passwd"]\n'
    '[[command]]\nargv = ["sleep", "30"]\ntimeout = 60\n[[file]]\npaths = ["/etc/group"]\n',
}
"""Vendors' collectors, so that a run takes the same way on every host: with samples, and with commands that take their time."""


class Scene:
    """What is collected, how long that takes undisturbed, and what has come of the runs that were ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outcomes: Counter[str] = Counter()
        self.longest = 0.0
        noise = random.Random(SEED)
        for name, count, size in (("small", 300, 4000), ("dealt", 34, 1 << 20), ("large", 1, 24 << 20)):
            (folder / name).mkdir()
            for number in range(count):
                (folder / name / f"{number}.log").write_bytes(noise.randbytes(size // 2).hex().encode())
        for name, text in COLLECTORS.items():
            (folder / f"{name}.toml").write_text(text)
            (folder / f"{name}.toml").chmod(0o600)
        self.words = (*self.asking("swift"), *self.asking("steady"), *self.including("large", "dealt", "small"))

    def asking(self, name: str) -> tuple[str, ...]:
        return ("--collector", str(self.folder / f"{name}.toml"), "--only", name)

    def including(self, *names: str) -> tuple[str, ...]:
        return ("--only", "include", *(word for name in names for word in ("--include", str(self.folder / name))))

    @cached_property
    def seconds(self) -> float:
        """What a run takes that nobody disturbs: the faster of two, for the first one also warms up."""
        return min(self._measured(self.folder / "out") for _ in range(2))

    def _measured(self, out: Path) -> float:
        run = Run(out, *self.words)
        assert run.ends() == 0, run.said
        seconds = time.monotonic() - run.started
        shutil.rmtree(out)
        return seconds


@pytest.fixture(scope="module")
def scene(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("killed")
    one = Scene(folder)
    yield one
    shutil.rmtree(folder)
    if one.outcomes:
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            counted = ", ".join(f"{outcome} {count}" for outcome, count in sorted(one.outcomes.items()))
            print(f"\nended at random moments of {one.seconds:.1f} s (seed {SEED}): {counted}; longest {one.longest:.1f} s")  # noqa: T201  # measured


@pytest.fixture
def out(tmp_path):
    """Where the bundle goes; emptied afterwards, for a hundred of them are large."""
    yield tmp_path / "out"
    shutil.rmtree(tmp_path / "out", ignore_errors=True)


def verified(path):
    """The exit of `diagbundle verify`."""
    return CliRunner().invoke(verify.command, [str(path)]).exit_code


def bundles(out):
    return sorted(out.glob("*.tar.zst"))


def sealed(run):
    """The bundle of a run that was told to end, as `whole`, `partial`, or `unbegun` where it had not begun to write: then nothing is left."""
    code, files = run.process.returncode, sorted(path.name for path in run.out.iterdir())
    if not files:
        assert code in UNBEGUN, run.said
        return "unbegun"
    assert code in AFTER_SIGTERM, f"exit {code}, {files}\n{run.said}"
    (bundle,) = bundles(run.out)
    assert files == [bundle.name, f"{bundle.name}.sha256"]
    unchecked = code == 3 and "was not read back" in run.said  # it was whole already, and there was no time left to check it
    assert bundle.name.endswith(".partial.tar.zst") == (code == 3 and not unchecked)
    assert verified(bundle) == (0 if unchecked else code)
    return "unchecked" if unchecked else AFTER_SIGTERM[code]


def whole_members_are_salvaged(part):
    """Nothing that plain tar gets out of it is missing in what salvage gets. Returns what both found."""
    plain, salvaged = plain_members(part), salvaged_members(part)
    assert salvaged == plain
    return plain


def remains(run):
    """The same of a run that was killed: a bundle with its final name is a whole one; from an unfinished one comes all that is whole."""
    assert all(verified(bundle) in AFTER_SIGTERM for bundle in bundles(run.out))
    parts = list(run.out.glob("*.part"))
    found = [whole_members_are_salvaged(part) for part in parts]
    return "sealed" if bundles(run.out) else "unfinished" if any(found) else "empty" if found else "unbegun"


def next_run_is_undisturbed(run, *words):
    before = {path: (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ino) for path in run.out.iterdir()}
    again = Run(run.out, *words)
    assert again.ends() == 0, again.said
    assert {path: (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ino) for path in before} == before
    assert len(list(run.out.iterdir())) == len(before) + 2


def strike(scene, out, number, at):
    """End a run with a signal so many seconds after its start. What came of it, and how long it took to end."""
    run = Run(out, *scene.words)
    try:
        run.until(at)
        over = run.process.poll() is not None
        seconds = run.end(number)
        assert run.left(ORPHANED if number == signal.SIGKILL else 0.0) == {}
        assert seconds < SOON, f"{seconds:.1f} s\n{run.said}"
        outcome = remains(run) if number == signal.SIGKILL and not over else sealed(run)
        if number == signal.SIGKILL:
            next_run_is_undisturbed(run, *scene.including("small"))
    finally:
        run.remove()
    return "over" if over else outcome, seconds


# -- at random moments


@pytest.mark.parametrize("number", [pytest.param(i, marks=[pytest.mark.slow] * (i >= MOMENTS_SHORT)) for i in range(MOMENTS)])
def test_ended_at_a_random_moment(scene, out, number):
    """The moments of each signal are spread evenly over the whole run, from before there is a file to after it is sealed."""
    share = (number * GOLDEN + random.Random(SEED).random()) % 1.0
    name = SIGNALS[number % len(SIGNALS)]
    print(f"KILLED_SEED={SEED}: {name.name} after {share:.3f} of {scene.seconds:.2f} s")  # noqa: T201  # pytest shows it where this fails
    outcome, seconds = strike(scene, out, name, share * scene.seconds * 1.02)
    scene.outcomes[f"{name.name} {outcome}"] += 1
    scene.longest = max(scene.longest, seconds)


def striking(point, number):
    """The program that gets a signal at that point."""
    return [sys.executable, killing.__file__, point, str(int(number))]


REMAINS = dict(zip(POINTS, ("empty", *["unfinished"] * 3, *["sealed"] * 3), strict=True))
ALSO_SLOW = ("it is written out", "it is about to get its name", "it has its name")


@pytest.mark.parametrize("point", [pytest.param(point, marks=[pytest.mark.slow] * (point in ALSO_SLOW)) for point in POINTS])
def test_killed_at_an_exact_point(scene, out, point):
    run = Run(out, *scene.including("small"), program=striking(point, signal.SIGKILL))
    assert run.ends() in KILLED, run.said
    assert run.left(ORPHANED) == {}
    assert remains(run) == REMAINS[point]


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_told_to_end_at_an_exact_point(scene, out, point):
    run = Run(out, *scene.including("small"), program=striking(point, signal.SIGTERM))
    run.ends()
    assert run.left() == {}
    assert sealed(run) == ("partial" if point == "the file is made" else "whole")


def test_a_bundle_cut_anywhere_gives_every_whole_member(scene, out):
    run = Run(out, *scene.including("small"))
    assert run.ends() == 0, run.said
    (bundle,) = bundles(out)
    data, draw, seen = bundle.read_bytes(), random.Random(SEED), []
    for size in sorted(draw.randrange(len(data)) for _ in range(40)):
        (out / "cut.part").write_bytes(data[:size])
        seen.append(len(whole_members_are_salvaged(out / "cut.part")))
    assert seen == sorted(seen)
    assert seen[-1] > 100


# -- in other ways


WAYS = {
    "Ctrl-C three times": ((signal.SIGINT,) * 3, 0.3, "group"),
    "as init stops a service": ((signal.SIGTERM,), 0.0, "all"),
    "Ctrl-C twice at once": ((signal.SIGINT, signal.SIGINT), 0.0, "group"),
    "first asked, then told": ((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), 1.0, "itself"),
    "every process at once": ((signal.SIGINT,), 0.0, "all"),
    "the whole group": ((signal.SIGTERM,), 0.0, "group"),
    "the terminal goes away": ((signal.SIGHUP,), 0.0, "group"),
}
"""Signals, seconds between them, and who gets them."""


@pytest.mark.parametrize("way", [pytest.param(way, marks=[pytest.mark.slow] * (index > 1)) for index, way in enumerate(WAYS)])
def test_however_it_is_told_it_seals_once(scene, out, way):
    numbers, pause, whom = WAYS[way]
    run = Run(out, *scene.asking("patient"), *scene.including("small"))
    try:
        run.runs("sleep 30")
        assert run.end(*numbers, pause=pause, whom=whom) < SOON
        assert run.left() == {}
        assert sealed(run) == "partial"
    finally:
        run.remove()


def test_nobody_outlives_a_killed_supervisor(scene, out):
    """A child that waits for a command writes nothing: no broken pipe tells it that nobody listens any more."""
    run = Run(out, *scene.asking("patient"))
    try:
        run.runs("sleep 30")
        run.end(signal.SIGKILL)
        assert run.left(ORPHANED) == {}
    finally:
        run.remove()


@pytest.mark.parametrize("how", [b"n\n", signal.SIGINT, signal.SIGTERM], ids=["No", "Ctrl-C", "SIGTERM"])
def test_a_run_that_is_not_agreed_to_leaves_nothing(scene, out, how):
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    out.mkdir()
    words = [*PROGRAM, "collect", "-o", str(out), *scene.including("small")]
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True)
    os.close(theirs)
    said = b""
    while b"Begin?" not in said:
        said += os.read(ours, 4096)
    os.write(ours, how) if isinstance(how, bytes) else process.send_signal(how)
    assert process.wait(PATIENCE) in UNBEGUN
    with suppress(OSError):  # all is read
        while piece := os.read(ours, 4096):
            said += piece
    os.close(ours)
    assert list(out.iterdir()) == []
    assert said.count(b"\x1b[?25l") == said.count(b"\x1b[?25h")  # a cursor that was hidden is there again


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_killed_child_costs_its_source_only(scene, out):
    run = Run(out, *scene.asking("patient"), *scene.including("small"))
    try:
        os.kill(parent_of(run.runs("sleep 30")), signal.SIGKILL)
        assert run.ends() == 3, run.said
        assert run.left() == {}
        assert sealed(run) == "partial"
    finally:
        run.remove()
    with Bundle.open(str(bundles(out)[0])) as bundle:
        lost = [(row["source"], row["outcome"]) for row in bundle.rows() if row["outcome"] in ("failed", "timeout", "partial")]
        paths = {row.get("path") for row in bundle.rows()}
    assert lost == [(["sleep", "30"], "failed")]
    assert {"etc/passwd", "etc/group", f"{scene.folder}/small/299.log"[1:], "diagbundle/start/proc/uptime", "proc/uptime"} <= paths


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["all of it", "all but its children"])
def test_a_run_that_is_suspended_goes_on(scene, out, whom):
    """As a laptop or a virtual machine does: for the clock these were seconds, but nothing was late."""
    run = Run(out, *scene.words)
    try:
        run.runs("sleep 0.7")
        stopped = [pid for pid in run.processes() if whom == "all of it" or os.getsid(pid) == run.process.pid]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(10)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        assert run.ends() == 0, run.said
        assert run.left() == {}
        assert sealed(run) == "whole"
    finally:
        run.remove()
