"""Make a kit: copy the static file, put a product behind it, seal it again, and look whether it holds. No compiler is needed.

The file gets its name when it is whole and has been tried; until then it is called NAME.part, and it never replaces another one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import struct
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from zipimport import ZipImportError, zipimporter

from diagbundle import __version__, carried
from diagbundle.bundle import hashing
from diagbundle.carried import seal
from diagbundle.carried.described import Product
from diagbundle.carried.places import FOLDER, HEAD, PARTS
from diagbundle.collect import packages, registry
from diagbundle.errors import OutputError, UsageError
from diagbundle.kit.description import Description
from diagbundle.kit.wheel import ABSENT, INSIDE
from diagbundle.newfile import rename

MACHINES = {62: "x86_64", 183: "aarch64"}
"""As the head of an ELF file numbers them."""
CHANGED = (2026, 1, 1, 0, 0, 0)
"""The date of all files in the archive: the same input gives the same bytes."""
PART = ".part"
HINT = "name a static file with --program, as it was released: diagbundle-linux-x86_64"


def make(made: Description, program: str, path: str) -> Product:
    """Write a kit. Raises `UsageError` for what cannot become one, `OutputError` where there is no room."""
    if os.path.lexists(path):
        raise UsageError(f"there is such a file already, which is not overwritten: {path}", "remove it, or name another one with -o")
    part = path + PART
    with _unfinished(part) as ours:
        _copy(program, ours)
        _check(part, program)
        _put(made, ours)
        product = _tried(part, made)
        os.chmod(ours, 0o755)  # noqa: S103  # it is a program
        _kept(part, path)
    return product


def machine(program: str) -> str:
    """The processor that a program is for: `x86_64`, or '' if it is no program for Linux that we know."""
    with open(program, "rb") as file:
        head = file.read(20)
    is_elf = len(head) == 20 and head.startswith(b"\x7fELF\x02\x01")  # noqa: PLR2004  # 64 bits, the small end first
    return MACHINES.get(struct.unpack("<H", head[18:])[0], "") if is_elf else ""


@contextlib.contextmanager
def _unfinished(part: str) -> Iterator[str]:
    """A file that is gone, however it ends, unless it got its name. What it yields leads to it, whatever is laid at `part` meanwhile."""
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        hint = "another run may be writing it; remove it if there is none"
        raise UsageError(f"there is an unfinished kit already: {part}", hint) from None
    except OSError as error:
        raise OutputError(f"the kit cannot be written: {part}: {error.strerror}", "name another place with -o") from None
    try:
        yield f"/proc/self/fd/{descriptor}"
    except OSError as error:
        raise OutputError(
            f"the kit could not be written: {part}: {error.strerror}", "nothing was left there; name a place with more room"
        ) from None
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def _copy(program: str, ours: str) -> None:
    try:
        descriptor = os.open(program, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"the program cannot be read: {program}: {error.strerror}", HINT) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"the program is no regular file: {program}", HINT)
    with open(descriptor, "rb") as source, open(ours, "wb") as target:
        shutil.copyfileobj(source, target, seal.BLOCK)


def _check(part: str, program: str) -> None:
    """Whether the copy is a static file of ours that carries nothing yet. Raises `UsageError`."""
    if not machine(part):
        raise UsageError(f"this is no static file of diagbundle: {program}", HINT)
    if why := seal.fault(part):
        raise UsageError(f"the static file is damaged: {program}: {why}", "copy it again, and compare it with SHA256SUMS")
    try:
        with zipfile.ZipFile(part) as archive:
            is_kit = HEAD in archive.namelist()
            version = json.loads(archive.read(PARTS))["metadata"]["component"]["version"]
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"this is no static file of diagbundle: {program}: {error}", HINT) from None
    if is_kit:
        raise UsageError(f"this is a kit already, and a kit is made of the static file as it was released: {program}", HINT)
    if version != __version__:  # what was checked here might mean something else there
        raise UsageError(f"the static file is of another version than this diagbundle, {__version__}: {program}: {version}", HINT)


def _put(made: Description, ours: str) -> None:
    """The product, behind what the archive has; its comment stays the place of the seal, which is written anew."""
    head = {
        "name": made.name, "title": made.title, "version": made.version, "diagbundle": __version__, "key": made.key, "before": made.before,
        "after": made.after, "defaults": made.defaults, "offers": sorted(made.offers),
        "files": {name: hashing.sha256(data).hexdigest() for name, data in made.files.items()},
    }  # fmt: skip
    files = {HEAD: json.dumps(head, sort_keys=True, indent=1).encode()} | {f"{FOLDER}/{name}": data for name, data in made.files.items()}
    files |= {f"{above}/": b"" for name in files for above in _above(name)}  # packages without an __init__.py are found by them
    with zipfile.ZipFile(ours, "a") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, CHANGED)
            entry.external_attr, entry.create_system = (0o40755 if name.endswith("/") else 0o100644) << 16, 3
            archive.writestr(entry, data)  # not compressed: so few bytes, and the same from every zlib
    seal.seal(ours)


def _above(name: str) -> Iterator[str]:
    """The folders below that of the packages in which a file lies."""
    while (name := os.path.dirname(name)).startswith(f"{FOLDER}/packages/"):
        yield name


def _tried(part: str, made: Description) -> Product:
    """The kit as it will find itself: read back, its packages loaded out of it, its settings held against its collectors."""
    with contextlib.suppress(ZipImportError):  # told below, as what was not read back
        zipimporter(part).invalidate_caches()  # another file of this name may have been read before
    product = carried.read(part)
    if product is None or seal.fault(part) or made.files != dict(product.all_contents()):
        raise OutputError(f"the kit was not read back as it was written: {part}", "the disk, or the memory, may be at fault")
    modules = {path.split("/")[1].removesuffix(".py") for path in made.files if path.startswith("packages/")}
    ends = time.monotonic() + packages.SECONDS
    for name, value in product.offers:
        origin = f"entry point {name} = {value}"
        try:
            found = packages.asked(value, origin, ends, partial(_only_what_it_has, product.packages, modules))
        except UsageError as error:
            raise UsageError(f"a package gives no collector: {origin}: {error}", error.hint) from None
        for collector in found:
            made.found.add(collector)
    settings = made.defaults
    registry.choose(made.found, settings.get("only", ()), settings.get("without", ()), settings.get("with", ()))
    return product


def _kept(part: str, path: str) -> None:
    """On the disk, and under its name, if nobody took that meanwhile."""
    descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        rename(part, path)
    except FileExistsError:
        raise UsageError(f"there is such a file already, which is not overwritten: {path}") from None


# -- in the child that tries a package


def _only_what_it_has(folder: str, modules: set[str]) -> None:
    """From here on, only what a kit has can be imported, whatever is installed here; the package lies where it will lie."""
    sys.path.insert(0, folder)
    there = INSIDE | set(sys.stdlib_module_names) - ABSENT
    sys.meta_path.insert(0, _Guard(there | modules))
    for name in list(sys.modules):
        if name.partition(".")[0] not in there and not name.startswith("__"):
            del sys.modules[name]  # it was imported before


class _Guard:
    """Refuses to import what the static file does not have."""

    def __init__(self, there: set[str]) -> None:
        self._there = there

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """None lets the others look."""
        if name.partition(".")[0] not in self._there:
            raise ModuleNotFoundError(f"the static file has no module {name}", name=name)
        return None
