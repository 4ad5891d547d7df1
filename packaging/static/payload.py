"""What the static file runs: our code, the packages it needs and Python's own library, as frozen modules and as a zip archive behind them.

    payload.py LIBRARY PACKAGES OUT    writes OUT/frozen.c, OUT/frozen.bin, OUT/rest.zip and an empty script for CPython's search

LIBRARY is the folder Lib of CPython's source, PACKAGES one with our packages and those of others, as pip would install them. Run by the
very CPython whose bytecode this becomes. What hot.txt lists is needed by nearly every run: it is frozen, which costs nothing until it is
imported. The rest is read from the archive at the end of the file. Both are the same from one build to the next.
"""

import json
import marshal
import os
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER, source_hash

from diagbundle.carried.seal import UNSEALED
from diagbundle.resources import COMPILED, LISTING

HERE = os.path.dirname(os.path.abspath(__file__))
SETTINGS = "_sysconfigdata__linux_.py"
CHANGED = (2026, 1, 1, 0, 0, 0)
ENCODINGS = {
    "__init__.py", "aliases.py", "ascii.py", "cp1252.py", "cp437.py", "idna.py", "iso8859_1.py", "latin_1.py", "utf_16.py", "utf_16_be.py",
    "unicode_escape.py", "utf_16_le.py", "utf_32.py", "utf_8.py", "utf_8_sig.py",
}  # fmt: skip
LISTED = ("diagbundle/analyse/claims/kinds/", "diagbundle/analyse/parsers/", "diagbundle/analyse/rules/", "diagbundle/collectors/")
"""Folders whose modules are found by looking what there is: they stand in the archive even if they are frozen."""
NEVER_READ = (".c", ".h", ".pyi", ".pyx", ".so", ".pyc", "py.typed")
FROZEN_HEAD = """#include <Python.h>
__asm__(".section .rodata\\n.balign 16\\n.globl code\\n.hidden code\\ncode:\\n.incbin \\"frozen.bin\\"\\n.previous\\n");
extern const unsigned char code[];
const struct _frozen diagbundle_frozen[] = {
"""
Files = dict[str, str]


def listed(name: str) -> list[str]:
    """The lines of a file of ours beside this one, without comments."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return [line.partition("#")[0].strip() for line in file if line.partition("#")[0].strip()]


LEFT_OUT = set(listed("left_out.txt"))


def main(library: str, packages: str, out: str) -> None:
    """Write the four files."""
    files = dict(found(library)) | dict(found(packages))
    hot = sorted(listed("hot.txt"))
    freeze({name: path for name in hot for path in places(name) if path in files}, files, out)
    files[SETTINGS] = os.path.join(out, SETTINGS)
    with open(files[SETTINGS], "w", encoding="utf-8") as settings:  # sysconfig's; only the library of time zones asks for one
        settings.write("build_time_vars = {'TZPATH': '/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo'}\n")
    frozen = {path for name in hot for path in places(name) if not path.startswith(LISTED)}
    archive({path: files[path] for path in sorted(files) if path not in frozen}, os.path.join(out, "rest.zip"))
    with open(os.path.join(out, "Python/frozen_modules/getpath.h"), "w", encoding="utf-8") as nothing:
        nothing.write(f"const unsigned char _Py_M__getpath[] = {{{', '.join(map(str, compiled('getpath.py', b'')))}}};\n")


def found(top: str) -> Iterator[tuple[str, str]]:
    """Path below a folder and path on disk of every file in it."""
    for folder, folders, names in os.walk(top):
        below = os.path.relpath(folder, top).removeprefix(".").lstrip("/")
        folders[:] = sorted(name for name in folders if is_wanted(os.path.join(below, name)))
        for path in (os.path.join(below, name) for name in sorted(names)):
            if is_wanted(path):
                yield path, os.path.join(top, path)


def is_wanted(path: str) -> bool:
    """Whether a file or folder goes into the archive."""
    folder, name = os.path.split(path)
    return not ({name, path} & LEFT_OUT or name.endswith(NEVER_READ) or (folder == "encodings" and name not in ENCODINGS))


def places(module: str) -> tuple[str, str]:
    """Where a module may lie."""
    stem = module.replace(".", "/")
    return f"{stem}/__init__.py", f"{stem}.py"


def compiled(path: str, source: bytes) -> bytes:
    """The code of a file; of others' without the docstrings, which nobody sees (of ours, they are the help)."""
    return marshal.dumps(compile(source, path, "exec", dont_inherit=True, optimize=0 if path.startswith("diagbundle/") else 2))


def freeze(modules: Files, files: Files, out: str) -> None:
    """A C table of frozen modules, and the code they consist of."""
    rows, size = [], 0
    with open(os.path.join(out, "frozen.bin"), "wb") as blob:
        for name, path in modules.items():
            with open(files[path], "rb") as file:
                code = compiled(path, file.read())
            rows.append(f'    {{"{name}", code + {size}, {len(code)}, {int(path.endswith("__init__.py"))}}},')
            size += blob.write(code + bytes(-len(code) % 16))
    with open(os.path.join(out, "frozen.c"), "w", encoding="utf-8") as table:
        table.write(FROZEN_HEAD + "\n".join(rows) + "\n    {0}};\n")


def archive(files: Files, path: str) -> None:
    """A zip archive of the code of all modules, and of the other files as they are."""
    contents: dict[str, list[str]] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as rest:
        rest.comment = UNSEALED
        for name, place in files.items():
            with open(place, "rb") as file:
                data = file.read()
            if name.endswith(".py"):  # with the hash of its source, which nobody looks up: there is none
                head = MAGIC_NUMBER + (1).to_bytes(4, "little") + source_hash(data)
                name, data = name + "c", head + compiled(name, data)  # noqa: PLW2901
            elif name.endswith(".toml") and not name.startswith("diagbundle/collectors/"):  # which are read as those of /etc
                name, data = name.removesuffix(".toml") + COMPILED, json.dumps(tomllib.loads(data.decode())).encode()  # noqa: PLW2901
            contents.setdefault(os.path.dirname(name), []).append(os.path.basename(name))
            add(rest, name, data)
        for folder, names in contents.items():
            if folder.startswith("diagbundle"):
                add(rest, f"{folder}/{LISTING}", "\n".join(sorted(names)).encode())


def add(rest: zipfile.ZipFile, name: str, data: bytes) -> None:
    """One file, the same whoever adds it when. Ours are as they are, which makes the file half a megabyte less once it is packed (xz)."""
    entry = zipfile.ZipInfo(name, CHANGED)
    form = zipfile.ZIP_STORED if name.startswith("diagbundle/") else zipfile.ZIP_DEFLATED
    entry.compress_type, entry.external_attr, entry.create_system = form, 0o644 << 16, 3
    rest.writestr(entry, data, compresslevel=9)


if __name__ == "__main__":
    main(*sys.argv[1:])
