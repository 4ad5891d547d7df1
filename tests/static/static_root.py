"""Other roots: a folder that stands for a whole server, entered with namespaces of its own and without a network."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "diagbundle-tests"
ENTER = """
set -e
root=$1 lower=$2 kernel=$3; shift 3
mount --make-rprivate /
if [ "$lower" ]; then
    mkdir -p "$root.work" "$root.whole"
    mount -t overlay -o "lowerdir=$lower,upperdir=$root,workdir=$root.work" overlay "$root.whole"
    root=$root.whole
fi
if [ "$kernel" ]; then
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
fi
status=0; chroot "$root" "$@" || status=$?
exit $status
"""
DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
"""Minor numbers of the memory devices that every server has."""


@dataclass(frozen=True)
class Root:
    """A root whose files lie in `folder`, those written and those that were put there; beneath them, unchanged, those of `lower`."""

    folder: Path
    lower: Path | str = ""
    kernel: bool = True
    """Whether /proc and /sys are mounted."""

    @property
    def through(self) -> list[str | Path]:
        """What stands before a command that is to run in it."""
        namespaces = ("--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child")
        return ["unshare", *namespaces, "sh", "-c", ENTER, "sh", self.folder, self.lower, "yes" if self.kernel else ""]

    def files(self) -> set[str]:
        """What lies in it, but for folders; of `lower`, only what was changed."""
        return {"/" + str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir() or path.is_symlink()}


def empty(folder: Path) -> Root:
    """Nothing at all."""
    return Root(folder, kernel=False)


def busybox(folder: Path) -> Root:
    """One static program with many names, and what the kernel tells."""
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (folder / name).mkdir()
    for name, minor in DEVICES.items():
        os.mknod(folder / "dev" / name, 0o020666, os.makedev(1, minor))
    shutil.copy(shutil.which("busybox") or pytest.skip("not installed here: busybox-static"), folder / "bin/busybox")
    for name in subprocess.check_output([folder / "bin/busybox", "--list"], text=True).split():
        if name != "busybox":
            (folder / "bin" / name).symlink_to("busybox")
    (folder / "etc/os-release").write_text('ID=busybox\nPRETTY_NAME="Busybox"\n')
    return Root(folder)


def musl(folder: Path) -> Root:
    """A root whose C library is musl, as in Alpine."""
    library = Path("/usr/lib/x86_64-linux-musl/libc.so")
    if not library.exists():
        pytest.skip("not installed here: musl")
    made = busybox(folder)
    (folder / "lib").mkdir()
    shutil.copy(library, folder / "lib/ld-musl-x86_64.so.1")
    (folder / "bin/ldd").symlink_to("/lib/ld-musl-x86_64.so.1")
    return made


def debian(suite: str) -> str:
    """The root of a suite of Debian, from the cache, or fetched from where this machine has its packages. Its path."""
    if found := cached(suite):
        return found
    part = CACHE / f"{suite}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    done = subprocess.run(["debootstrap", "--variant=minbase", suite, part, mirror()], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(part)
        pytest.skip(f"{suite} could not be had: {done.stdout.strip().splitlines()[-1:]}")
    version = subprocess.check_output(["chroot", part, "ldd", "--version"], text=True).split("\n")[0].rpartition(" ")[2]
    shutil.rmtree(part / "var/cache/apt/archives")
    part.rename(CACHE / f"{suite}-glibc-{version}")
    return cached(suite)


def cached(suite: str) -> str:
    """The root of a suite that was fetched before, or ''."""
    return next((str(path) for path in CACHE.glob(f"{suite}-glibc-*")), "")


def mirror() -> str:
    """Where this machine has Debian's packages from."""
    words = ("indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian")
    lines: Iterator[str] = iter(subprocess.check_output(["apt-get", *words], text=True).split())
    return next(lines, None) or pytest.skip("this machine has no packages of Debian")
