"""The fault lab: a recipe makes a real fault in a sick host of its own; we collect in it, and look at what came home."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property

from diagbundle.bundle.reader import Bundle
from diagbundle.errors import BundleError

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PLACE = os.environ.get("FAULTLAB") or os.path.join(os.path.dirname(TOP), "shared", "faultlab")
PARTS = ("run", "lib.sh", "svc")
KILL_AFTER = "4"
"""Seconds before the recipes `killed-*` kill: in the first one, the lab's own choice, a slow machine has not begun to collect."""
NOT_OURS = ("lost+found", "x")
"""Names in the output folder that the file system makes, or the recipe `out-frozen` as its evidence."""
REPORT = b'{\n "set"'
LOOKING = r"""
. {recipe}
eval "sick_$(declare -f enter)"
if declare -f teardown >/dev/null; then eval "sick_$(declare -f teardown)"; else sick_teardown(){{ :; }}; fi
oom_kills(){{ [ ! -f $S/cgs ] || grep -hs '^oom_kill ' $(sed 's,$,/memory.oom_control,' $S/cgs); }}
enter(){{ oom_kills > $LAB_LOOK/oom.before; $PY $LABD/look.py before $S; $PY $LABD/look.py during $S >/dev/null 2>&1 </dev/null & sick_enter "$@"; }}
teardown(){{
  oom_kills > $LAB_LOOK/oom.after
  $PY $LABD/look.py after $S; sick_teardown
  local out=/proc/$(cat $S/host.pid)/root/out; [ $out -ef $OUT ] || timeout 20 cp -a $out/. $OUT/
}}
"""
"""A recipe that looks round before and after the collection, and brings home what lies on a file system of the sick host."""


def why_not() -> str:
    """Why the lab cannot run here, or ''."""
    if os.geteuid() != 0:
        return "the fault lab needs root"
    missing = [part for part in PARTS if not os.path.exists(os.path.join(PLACE, part))]
    return f"there is no fault lab at {PLACE} (set FAULTLAB)" if missing else ""


def recipes() -> list[str]:
    """Names of the recipes that a collection must survive."""
    folder = os.path.join(PLACE, "survive")
    return sorted(name.removesuffix(".sh") for name in os.listdir(folder)) if os.path.isdir(folder) else []


def looking(folder: str) -> str:
    """A copy of the lab whose recipes look round."""
    os.makedirs(os.path.join(folder, "survive"))
    for part in PARTS:
        source, target = os.path.join(PLACE, part), os.path.join(folder, part)
        (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, target)
    shutil.copy(os.path.join(HERE, "look.py"), folder)
    for name in recipes():
        with open(os.path.join(folder, "survive", name + ".sh"), "w") as file:
            file.write(LOOKING.format(recipe=os.path.join(PLACE, "survive", name + ".sh")))
    return folder


@dataclass
class Run:
    """What one collection in a sick host did. `folder` holds all of it, so that it can be looked at again."""

    name: str
    folder: str
    program: str
    report: dict = field(init=False)
    stdout: bytes = field(init=False)
    stderr: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.stdout, text = self.read("stdout"), self.read("stderr")
        end = text.rfind(REPORT)
        self.stderr, self.report = text[:end], json.loads(text[end:])

    @property
    def fault(self) -> str:
        """Why the lab could not make this fault here, or ''."""
        rcs = {part: self.report.get(f"{part}_rc") for part in ("setup", "evidence")}
        log = self.report.get("setup_log") or self.report.get("evidence") or ""
        return "" if set(rcs.values()) == {0} else f"the lab could not make this fault here: {rcs} {log[-300:]}"

    @property
    def exit(self) -> int | str:
        """The exit status, or that it did not end. One recipe has a status of its own, and tells ours."""
        told = re.search(r"^cmd rc (\d+)$", self.screen, re.MULTILINE)
        return int(told[1]) if told else self.report["cmd_rc"]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.report["cmd_s"]

    @property
    def screen(self) -> str:
        """What the admin saw; bytes that are not UTF-8 as lone surrogates."""
        return (self.stderr + self.stdout).decode("utf-8", "surrogateescape")

    @cached_property
    def seen(self) -> dict:
        """What was seen from outside: before, during, after."""
        return {when: json.loads(self.read(f"{when}.json") or "{}") for when in ("before", "during", "after")}

    @cached_property
    def files(self) -> dict[str, os.stat_result]:
        """What lies in the output folder."""
        out = os.path.join(self.folder, "out")
        return {name: os.lstat(os.path.join(out, name)) for name in sorted(os.listdir(out)) if name not in NOT_OURS}

    @property
    def path(self) -> str:
        """The file under its final name, or ''."""
        found = [name for name, status in self.files.items() if name.endswith(".tar.zst") and stat.S_ISREG(status.st_mode)]
        return os.path.join(self.folder, "out", found[0]) if found else ""

    @cached_property
    def bundle(self) -> Bundle:
        """The bundle, open."""
        assert self.path, f"no bundle came home; there is {list(self.files)}, and the screen said:\n{self.screen[-1000:]}"
        return Bundle.open(self.path)

    @cached_property
    def rows(self) -> list[dict]:
        """Rows of its manifest."""
        return list(self.bundle.rows())

    @property
    def losses(self) -> list[dict]:
        """Rows of what was not had, or not whole."""
        return [row for row in self.rows if row["outcome"] in ("failed", "timeout", "partial")]

    def about(self, *words: str) -> list[dict]:
        """Rows whose source holds one of these words."""
        return [row for row in self.rows if any(word in asked(row) for word in words)]

    def content(self, path: str) -> bytes:
        """Data of a member."""
        row = self.bundle.find(path)
        assert row, f"{path} is not in the bundle: {self.about(path)}"
        return b"".join(self.bundle.content(row))

    def read(self, name: str) -> bytes:
        """A file of the run."""
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return b""
        with open(path, "rb") as file:
            return file.read()

    def close(self) -> None:
        """Let go of the bundle."""
        if "bundle" in self.__dict__:
            self.bundle.close()

    def damage(self) -> str:
        """What is wrong with the bundle, or ''."""
        try:
            self.bundle.verify()
        except BundleError as error:
            return str(error)
        return ""


def asked(row: dict) -> str:
    """What a row answers: a path, words of a command, a name."""
    return row["source"] if isinstance(row["source"], str) else " ".join(row["source"])


def collect(lab: str, name: str, program: str, folder: str, timeout: float) -> Run:
    """Make the fault, collect in it, take everything down. Screens are files: a process that is left behind holds a pipe for ever."""
    os.makedirs(os.path.join(folder, "out"))
    os.chmod(os.path.join(folder, "out"), 0o777)  # some recipes run as nobody
    words = [sys.executable, os.path.join(lab, "run"), f"survive/{name}", "--timeout", str(timeout), "--out", os.path.join(folder, "out")]
    words += ["--", program, "collect", "--yes", "--output", "/out/"]
    with open(os.path.join(folder, "stdout"), "wb") as out, open(os.path.join(folder, "stderr"), "wb") as err:
        environment = outside() | {"LAB_LOOK": folder, "KILL_AFTER": KILL_AFTER}
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, timeout=timeout + 400, check=False)
    return Run(name, folder, program)


def outside() -> dict[str, str]:
    """The environment without names that the program would take for its settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DIAGBUNDLE_")}


def readable_by_all(path: str) -> bool:
    """Whether every user may run this file: `/root` and the like are closed to others."""
    real = os.path.realpath(path)
    while real != "/":
        if not os.stat(real).st_mode & stat.S_IXOTH:
            return False
        real = os.path.dirname(real)
    return True


def requirements(asked: str, seen: set[str]) -> set[str]:
    """Names of the distributions that this one (`name[extra,...]`) needs here, and of those that they need."""
    from importlib import metadata

    from packaging.requirements import Requirement

    this = Requirement(asked)
    for line in metadata.requires(this.name) or ():
        needed = Requirement(line)
        here = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in {"", *this.extras})
        if here and needed.name not in seen:
            seen.add(needed.name)
            requirements(line, seen)
    return seen


def install(place: str) -> str:
    """The program as `pip install` puts it, where every user of a sick host may read it: our sources, and what we run with here."""
    from importlib import metadata

    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    candidates = [sys._base_executable, f"/usr/bin/python{version}"]
    python = next((path for path in candidates if os.path.exists(path) and readable_by_all(path)), "")
    if not python:
        return ""
    subprocess.run([python, "-m", "venv", "--without-pip", place], check=True)
    packages = os.path.join(place, "lib", f"python{version}", "site-packages")
    for name in requirements("diagbundle", set()):
        for file in metadata.files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                os.makedirs(os.path.dirname(os.path.join(packages, file)), exist_ok=True)
                shutil.copy(file.locate(), os.path.join(packages, file))
    plain = shutil.ignore_patterns("__pycache__")
    shutil.copytree(os.path.join(TOP, "src", "diagbundle"), os.path.join(packages, "diagbundle"), ignore=plain)
    shutil.copytree(os.path.join(TOP, "collectors"), os.path.join(packages, "diagbundle", "collectors"), ignore=plain)
    program = os.path.join(place, "bin", "diagbundle")
    with open(program, "w") as file:
        file.write(f"#!{place}/bin/python\nimport sys\nfrom diagbundle.cli.main import main\nsys.exit(main())\n")
    subprocess.run(["chmod", "-R", "a+rX", place], check=True)
    os.chmod(program, 0o755)
    return program
