"""Puts bundles to every command of the desk, as its own user, with bounds on memory and time, and watches over what lies around.

To start a Python for each of thousands of commands would take an hour, so one is started for each user, as that user; it has imported
the program and forks for each command, which then runs from `main` to its exit status. A few tests beside this one start it whole.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass

NOBODY = 65534
MEMORY = 512 << 20
"""Bytes of address space that a command may take."""
HELD = 160 << 10
"""KiB that it may hold at once, where the bundle is small; 40,000 of them are Python and the program."""
SECONDS = 30
SYSTEM = "/usr/bin/python3"
ENVIRONMENT = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:strict", "PYTHONDONTWRITEBYTECODE": "1"}
"""Strict, as in a UTF-8 locale: a byte that is no UTF-8 and was not escaped raises."""
FILE = "var/log/messages"
COMMANDS = {
    "list": ["list", "{}"],
    "list -l": ["list", "-l", "{}"],
    "list -m": ["list", "-lm", "{}"],
    "list --json": ["list", "--json", "{}"],
    "list PATTERN": ["list", "{}", "*"],
    "verify": ["verify", "{}"],
    "verify --json": ["verify", "--json", "{}"],
    "cat": ["cat", "{}", FILE],
    "cat LINE": ["cat", "{}", "proc/net/dev:1"],
    "cat nothing": ["cat", "{}", "proc/net/deo"],
    "cat p": ["cat", "{}", "p"],
    "unpack": ["unpack", "{}", "-o", "out/all"],
    "unpack PATTERN": ["unpack", "{}", "-o", "out/some", "*e*"],
    "salvage": ["salvage", "{}"],
    "salvage -o": ["salvage", "{}", "-o", "out/saved"],
}
SHORT = ("list -l", "verify", "unpack", "salvage -o")
"""One of each."""
RAW = {"cat", "cat p"}
"""Commands whose standard output is the bytes of a file."""


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: bytes
    err: str
    kib: int
    seconds: float


class Desk:
    """A folder of one user, in it a bundle, a target and a canary; and the program, running as that user."""

    def __init__(self, name, uid, top):
        self.name, self.uid = name, uid
        self.home = os.path.join(top, name)
        for folder in ("", "work", "work/out", "work/canary", "canary"):
            os.mkdir(os.path.join(self.home, folder), 0o755)
            os.chown(os.path.join(self.home, folder), uid, -1)
        self.work = os.path.join(self.home, "work")
        self.program = program(top, uid)
        with open(__file__, encoding="utf-8") as file:
            words = [*self.program[:-1], self.program[-1] + file.read()]
        self._server = self.start(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        self._server.stdin.close()
        self._server.wait(10)

    def start(self, words, **how):
        """A process of this user, in `work`."""
        return subprocess.Popen(words, cwd=self.work, env=ENVIRONMENT | {"PATH": os.environ["PATH"]}, **as_user(self.uid), **how)

    def whole(self, *words):
        """The words that start the program with these words, as a process of its own."""
        return [*self.program[:-1], self.program[-1] + "from diagbundle.cli.main import main\nmain()", *words]

    def put(self, data, name="x.tar.zst"):
        """Lay a bundle there."""
        with open(os.path.join(self.work, name), "wb") as file:
            file.write(data)

    def run(self, *words, memory=MEMORY, seconds=SECONDS):
        """Run one command, in `work`."""
        ask = {"words": words, "memory": memory, "seconds": seconds}
        self._server.stdin.write(json.dumps(ask) + "\n")
        self._server.stdin.flush()
        told = json.loads(self._server.stdout.readline())
        with open(os.path.join(self.work, ".stdout"), "rb") as out, open(os.path.join(self.work, ".stderr"), "rb") as err:
            return Ran(told["code"], out.read(), err.read().decode(), told["kib"], told["seconds"])

    def around(self):
        """All that lies around, but for what was unpacked."""
        found = {}
        for here, folders, names in os.walk(self.home):
            if here == self.work:
                folders.remove("out")
            for name in (*folders, *names):
                info = os.lstat(os.path.join(here, name))
                if not name.startswith("."):
                    found[os.path.join(here, name)] = (info.st_mode, info.st_ino, info.st_size if name in names else 0)
        return found

    def unpacked(self):
        """What was unpacked: type and mode of each, and owner. It is cleared away."""
        found = set()
        out = os.path.join(self.work, "out")
        for here, folders, names in os.walk(out):
            for name in (*folders, *names):
                info = os.lstat(os.path.join(here, name))
                found.add((stat.filemode(info.st_mode), info.st_uid, info.st_nlink if stat.S_ISREG(info.st_mode) else 1))
        for name in os.listdir(out):
            shutil.rmtree(os.path.join(out, name))
        return found


def as_user(uid):
    """What `Popen` wants, to be this user."""
    return {} if uid == os.geteuid() else {"user": uid, "group": uid, "extra_groups": []}


def program(top, uid):
    """The words that make a Python of this user find the program, wanting code; a copy of both where they lie in private."""
    import click
    import zstandard

    import diagbundle

    copy = os.path.join(top, "program")
    for python, lead in (
        (sys.executable, ""),
        *((python, f"import sys\nsys.path.insert(0, {copy!r})\n") for python in (sys.executable, SYSTEM)),
    ):
        if lead and not os.path.exists(copy):
            for package in (click, zstandard, diagbundle):
                shutil.copytree(os.path.dirname(package.__file__), os.path.join(copy, package.__name__))
        words = [python, "-c", lead]
        with contextlib.suppress(OSError):
            test = [*words[:-1], lead + "import click, zstandard, diagbundle.cli.main"]
            if not subprocess.run(test, cwd="/", env=ENVIRONMENT, capture_output=True, check=False, **as_user(uid)).returncode:
                return words
    raise LookupError("no Python on this machine can be run by an unprivileged user")


@contextlib.contextmanager
def desks():
    """The desks that can be had here, by name; and why another cannot."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as top:
        os.chmod(top, 0o755)
        there = {}
        users = {"root": 0, "user": NOBODY} if os.geteuid() == 0 else {"user": os.geteuid()}
        for name, uid in users.items():
            there[name] = Desk(name, uid, top)
        yield there
        for desk in there.values():
            desk.close()


def harmless(text, keep="\n"):
    """Whether a terminal would show this text and nothing else."""
    return all(character.isprintable() or character in keep for character in text)


def judge(desk, command, ran, *, held=HELD):
    """What is asked of every command, whatever the bundle."""
    where = f"{command}, as {desk.name}: {ran.code} after {ran.seconds:.1f} s and {ran.kib:,} KiB: {ran.err[-600:]}"
    assert ran.code in (0, 2, 3, 4), where
    assert "Traceback" not in ran.err, where
    assert harmless(ran.err), where
    assert len(ran.err) < 20_000, where
    assert command in RAW or harmless(ran.out.decode(), "\n\t" if command == "cat LINE" else "\n"), where
    assert ran.code in (0, 3) or ran.err or command == "verify --json", where
    assert ran.kib < held, where


def put_to(desk, data, commands=tuple(COMMANDS), *, held=HELD):
    """A bundle, put to these commands; how each ended. Nothing outside of the target may have changed."""
    desk.unpacked()
    desk.put(data)
    before = desk.around()
    ended = {}
    for command in commands:
        ended[command] = ran = desk.run(*(word.format("x.tar.zst") for word in COMMANDS[command]))
        judge(desk, command, ran, held=held)
    assert desk.around() == before
    assert not os.path.lexists("/tmp/diagbundle-evil")
    assert not os.path.lexists("/etc/cron.d/evil")
    assert desk.unpacked() <= {("drwx------", desk.uid, 1), ("-rw-------", desk.uid, 1)}
    return ended


def agree(ended):
    """A whole bundle is whole for all commands, and what `verify` refuses is never unpacked as whole with its own list."""
    if ended["verify"].code in (0, 3):
        codes = {command: ran.code for command, ran in ended.items() if not command.startswith("cat")}
        assert set(codes.values()) - {ended["verify"].code} <= {0}, codes
    elif "verify --json" in ended:
        assert ended["verify"].code == ended["verify --json"].code == 4
        assert json.loads(ended["verify --json"].out)["status"] == "damaged"


# -- within the process that runs as the user


def serve():
    """Fork for each line of standard input."""
    from diagbundle.cli import cat, group, list_, listing, main, printing, salvage, unpack, verify  # noqa: F401  # once for all

    for line in sys.stdin:
        ask = json.loads(line)
        began = time.monotonic()
        pid = os.fork()
        if not pid:
            child(main.main, ask)
        _, status, usage = os.wait4(pid, 0)
        told = {"code": os.waitstatus_to_exitcode(status), "kib": usage.ru_maxrss, "seconds": time.monotonic() - began}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def child(main, ask):
    """One command, as Python would run it. Never returns."""
    for number, name, flags in ((0, os.devnull, os.O_RDONLY), (1, ".stdout", os.O_WRONLY), (2, ".stderr", os.O_WRONLY)):
        os.dup2(os.open(name, flags | os.O_CREAT | os.O_TRUNC, 0o644), number)
    resource.setrlimit(resource.RLIMIT_AS, (ask["memory"], ask["memory"]))
    signal.alarm(ask["seconds"])
    sys.argv = ["diagbundle", *ask["words"]]
    code = 70
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001  # as the interpreter does
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    serve()
