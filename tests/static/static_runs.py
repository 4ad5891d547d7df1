"""Runs the static file, and holds what each run owes: a bundle that every command of the desk opens, nothing beside it, and no traceback."""

import os
import platform
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
FILE = "diagbundle-linux-{}"
PATIENCE = 120.0
"""Seconds after which a run is taken to hang."""
PARTIAL = 3
NEVER_SAID = (b"Traceback", b"Fatal Python error", b"most recent call", b"AddressSanitizer")
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DIAGBUNDLE_SAMPLE_INTERVAL": "0.1s"}
COLLECT = ("collect", "--yes", "--only", "os", "--only", "self", "--only", "kernel")
"""A collection of few collectors that need files, commands, rows and samples."""
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
DESK = (("verify",), ("list",), ("cat", "diagbundle/README.txt"), ("analyze",), ("timeline",))

root = pytest.mark.skipif(os.geteuid() != 0, reason="it needs root: namespaces, other users")


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skips where one of these programs is not installed."""
    missing = [tool for tool in tools if not shutil.which(tool, path=ENVIRONMENT["PATH"])]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


@dataclass(frozen=True)
class Ran:
    """How a program ended."""

    code: int
    printed: bytes
    said: bytes

    @property
    def all(self) -> str:
        return f"exit {self.code}\n{self.printed.decode(errors='replace')[-3000:]}\n{self.said.decode(errors='replace')[-3000:]}"


def made(machine: str) -> Path:
    """The file for these processors; for others than this machine's it lies beside it. Skips where there is none."""
    ours = Path(os.environ.get("DIAGBUNDLE_STATIC") or TOP / "dist" / FILE.format(platform.machine())).resolve()
    path = ours if machine == platform.machine() else ours.with_name(FILE.format(machine))
    if not path.is_file():
        pytest.skip(f"there is no static file at {path}: `make static` makes it, or DIAGBUNDLE_STATIC names it")
    return path


def ran(*words: str | Path, environment: dict[str, str] | None = None, **more: Any) -> Ran:
    """Run it to its end, without a terminal. Fails where it hangs, or says what only a programmer should see."""
    settings = {"stdin": subprocess.DEVNULL, "env": ENVIRONMENT if environment is None else environment} | more
    done = subprocess.run([str(word) for word in words], capture_output=True, timeout=PATIENCE, check=False, **settings)
    seen = Ran(done.returncode, done.stdout, done.stderr)
    for words_of_python in NEVER_SAID:
        assert words_of_python not in seen.printed + seen.said, seen.all
    return seen


def bundle_in(folder: Path, beside: Collection[str] = ()) -> Path:
    """The bundle of a folder in which nothing may lie but it, its checksum, and what was there before."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if str(path.relative_to(folder)) not in beside)
    bundles = [name for name in names if name.endswith(".tar.zst")]
    assert len(bundles) == 1, names
    assert names == [bundles[0], bundles[0] + ".sha256"]
    return folder / bundles[0]


def collected(program: Path, out: Path, *words: str | Path, through: Sequence[str | Path] = (), code: int = 0, **more: Any) -> Path:
    """Collect into this folder, by way of the words `through`. The bundle, which is whole (0) or says that it is not (3)."""
    out.mkdir(exist_ok=True)
    seen = ran(*through, program, *(words or COLLECT), "-o", out, **more)
    assert seen.code == code, seen.all
    return sound(bundle_in(out), code)


def sound(bundle: Path, code: int) -> Path:
    """The bundle, whose name must tell what the exit told."""
    assert bundle.name.endswith(".partial.tar.zst") == (code == PARTIAL), (bundle.name, code)
    return bundle


def opened(program: str | Path, bundle: str | Path, code: int = 0, through: Sequence[str | Path] = ()) -> None:
    """Every command of the desk opens this bundle. With `through`, both paths are those that hold there."""
    for command, *rest in DESK:
        seen = ran(*through, program, command, bundle, *rest)
        assert seen.code == (code if command == "verify" else 0), (command, seen.all)
        assert seen.printed or command == "timeline", (command, seen.all)
