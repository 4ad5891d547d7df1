"""Runs the program in a process of its own, and looks at what that leaves: processes, descriptors, files, memory, words."""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Ended:
    """How a run ended. `left` are processes that outlived it, by their command line; `growth` is of the main process alone, in bytes."""

    folder: Path
    seconds: float
    code: int = -1
    growth: int = 0
    descriptors: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def said(self) -> bytes:
        return (self.folder / "stderr").read_bytes()

    @property
    def printed(self) -> bytes:
        return (self.folder / "stdout").read_bytes()


def confined(folder: Path, action: Callable[[], int], seconds: float = 60.0, limits: dict[int, int] | None = None) -> Ended:
    """Runs `action` in a process below a guard, to whom every process comes that loses its parent: nothing can get away unseen."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "tell"):
        (folder / name).mkdir()
    guard = os.fork()
    if guard == 0:
        try:
            os.setsid()
            _guard(folder, action, seconds, limits or {})
        finally:
            os._exit(0)
    os.waitpid(guard, 0)
    told = json.loads((folder / "tell/guard").read_text())
    for path in (folder / "tell").glob("main*"):  # the program may be two processes: one works, one watches that it does
        of_one = json.loads(path.read_text())
        told["growth"] = max(of_one["growth"], told.get("growth", 0))
        told["descriptors"] = told.get("descriptors", []) + of_one["descriptors"]
    return Ended(folder, **told)


def _guard(folder: Path, action: Callable[[], int], seconds: float, limits: dict[int, int]) -> None:
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    began = time.monotonic()
    main = os.fork()
    if main == 0:
        try:
            _main(folder, action, limits)
        finally:
            os._exit(99)
    code = _waited_for(main, began + seconds)
    took = time.monotonic() - began
    left = [_described(pid) for pid in _staying()]
    (folder / "tell/guard").write_text(json.dumps({"seconds": took, "code": code, "left": left}))
    deadline = time.monotonic() + 10
    while (pids := _children()) and time.monotonic() < deadline:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _waited_for(pid: int, until: float) -> int:
    """Exit status of the main process; -9 where it did not end in time. Whom else this process inherits is left for a look."""
    while time.monotonic() < until:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return -9


def _staying() -> list[int]:
    """Processes that came to us and do not end by themselves: what was killed last has a moment to go."""
    until = time.monotonic() + 3
    while (pids := _children()) and time.monotonic() < until:
        for pid in pids:
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)
    return pids


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]


def _described(pid: int) -> str:
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return f"{status['State'][0]} {status['Name']}: {words[:60]}"


def _main(folder: Path, action: Callable[[], int], limits: dict[int, int]) -> None:
    for number, name, flags in ((0, os.devnull, os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        os.dup2(os.open(folder / name, flags | os.O_CREAT, 0o600), number)
    os.closerange(3, 1 << 12)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False, encoding="utf-8") for number in (1, 2))  # in place of the test's
    os.environ["TMPDIR"] = str(folder / "tmp")
    os.chdir(folder)
    for what, most in limits.items():
        resource.setrlimit(what, (most, most))
    Path("/proc/self/clear_refs").write_text("5")  # ru_maxrss would begin with what the test itself had
    before = _memory("VmRSS")
    code = action()
    told = {"growth": _memory("VmHWM") - before, "descriptors": _descriptors()}
    (folder / f"tell/main{os.getpid()}").write_text(json.dumps(told))
    os._exit(code)


def _memory(what: str) -> int:
    return next(int(line.split()[1]) << 10 for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))


def _descriptors() -> list[str]:
    """What the descriptors lead to that are open beside the standard ones."""
    here = [fd for fd in os.listdir("/proc/self/fd") if int(fd) > 2]
    targets = [os.readlink(f"/proc/self/fd/{fd}") for fd in here if os.path.lexists(f"/proc/self/fd/{fd}")]
    return sorted(target for target in targets if not target.startswith("/proc/"))
