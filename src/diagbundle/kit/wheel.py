"""A vendor's package, as a wheel: what of it a kit can carry. Nothing of it is unpacked or run here."""

from __future__ import annotations

import lzma
import os
import re
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import name_fault
from diagbundle.collect.packages import entry_points
from diagbundle.errors import UsageError

LARGEST, MOST = 16 << 20, 2000
"""Bytes and files that all of a wheel may have: a kit is to stay a file that one mails."""
INSIDE = {"asn1crypto", "click", "diagbundle", "distro", "dns", "jinja2", "markupsafe", "psutil", "rich", "zstandard"}
"""Packages that the static file has in it."""
DISTRIBUTIONS = {"asn1crypto", "click", "diagbundle", "distro", "dnspython", "jinja2", "markupsafe", "psutil", "rich", "zstandard"}
"""What these are called where one installs them."""
ABSENT = {
    "_aix_support", "_android_support", "_apple_support", "_asyncio", "_ctypes", "_curses", "_curses_panel", "_dbm", "_gdbm", "_hashlib",
    "_ios_support", "_multibytecodec", "_multiprocessing", "_osx_support", "_posixshmem", "_pydatetime", "_pydecimal", "_pyio", "_pyrepl",
    "_sqlite3", "_ssl", "_tkinter", "_uuid", "antigravity", "asyncio", "bdb", "cProfile", "cmd", "code", "compileall", "ctypes", "curses",
    "dbm", "doctest", "ensurepip", "ftplib", "idlelib", "imaplib", "mailbox", "modulefinder", "multiprocessing", "nturl2path", "optparse",
    "pdb", "pickletools", "poplib", "profile", "pstats", "pyclbr", "pydoc", "pydoc_data", "readline", "rlcompleter", "smtplib", "sqlite3",
    "ssl", "this", "tkinter", "trace", "turtle", "turtledemo", "unittest", "venv", "webbrowser", "wsgiref", "xmlrpc", "zipapp",
} | {  # and what Python 3.13 has no more
    "aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "distutils", "imghdr", "imp", "lib2to3", "mailcap",
    "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib",
}  # fmt: skip
"""Of Python's library, what the static file does not have."""
NATIVE = (".so", ".pyd", ".dll", ".dylib", ".a", ".o")
MAGIC = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSIONED = re.compile(r"\.so(\.\d+)+$")


@dataclass(frozen=True)
class Wheel:
    """What a kit carries of a wheel."""

    origin: str
    files: dict[str, bytes]
    """Below the folder from which it is imported; its metadata is left out."""
    offers: list[tuple[str, str]]
    """Entry points of our group."""
    needs: list[str]
    """Distributions that it requires, in small letters."""
    project: str

    @property
    def modules(self) -> set[str]:
        """Names of what can be imported at its top."""
        return {path.partition("/")[0].removesuffix(".py") for path in self.files}


def read(path: str) -> Wheel:
    """The wheel in a file. Raises `UsageError` for what a kit cannot carry."""
    name = os.path.basename(path)
    if not name.endswith(".whl"):
        raise UsageError(f"a package must be a wheel, whose name ends in .whl: {path}", "`pip wheel --no-deps FOLDER` makes one")
    try:
        with open(path, "rb", opener=_regular) as file, zipfile.ZipFile(file) as archive:
            contents = dict(_contents(archive, path))
    except OSError as error:  # bz2 tells of damage with one that has no words
        raise UsageError(f"a package cannot be read: {path}: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError) as error:
        raise UsageError(f"a package is no wheel, or damaged: {path}: {error}") from None
    about, wheel, offered = (_metadata(contents, which) for which in ("METADATA", "WHEEL", "entry_points.txt"))
    _refuse_native(path, contents, wheel)
    files = {name: data for name, data in contents.items() if not name.partition("/")[0].endswith(".dist-info")}
    if spread := [name for name in files if name.partition("/")[0].endswith(".data")]:
        raise UsageError(f"a package wants files spread over the system, and a kit installs nothing: {path}: {spread[0]}")
    headers = HeaderParser().parsestr(about)
    required = [_distribution(line) for line in headers.get_all("Requires-Dist", []) if "extra ==" not in line]
    found = Wheel(path, files, list(entry_points(offered)), required, _distribution(headers.get("Name", "")))
    if clash := sorted(found.modules & (INSIDE | set(sys.stdlib_module_names))):
        raise UsageError(f"a package has a module of a name that is taken, so it would never be loaded: {path}: {clash[0]}", "rename it")
    return found


def _regular(path: str, flags: int) -> int:
    """A descriptor of a file, which does not wait for a writer if it turns out to be a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _contents(archive: zipfile.ZipFile, path: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file; hostile names and sizes are refused before anything is read."""
    members = archive.infolist()
    if len(members) > MOST:
        raise UsageError(f"a package has too many files: {path}: {len(members):,}, and {MOST:,} are the most")
    seen = set()
    left = LARGEST
    for member in members:
        name = member.filename.removesuffix("/")
        if why := _fault(member, name) or ("another file of the same name" if name in seen else ""):
            raise UsageError(f"a package has a file that is refused: {path}: {shown(name)[:200]}: {why}")
        seen.add(name)
        if member.is_dir():
            continue
        with archive.open(member) as file:
            data = file.read(left + 1)
        left -= len(data)
        if left < 0:
            raise UsageError(f"a package is too large: {path}: {LARGEST >> 20} MiB are the most")
        yield name, data


def _fault(member: zipfile.ZipInfo, name: str) -> str:
    """Why a member may not be carried, or ''."""
    if "\\" in member.orig_filename or shown(member.orig_filename) != member.orig_filename:
        return "a backslash or control character in its name"
    if name.startswith("/") or name[1:2] == ":":
        return "its name is an absolute path"
    if why := name_fault(name.encode("utf-8", "surrogateescape")):
        return why
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "it is no regular file"
    return "it is encrypted" if member.flag_bits & 1 else ""


def _metadata(contents: dict[str, bytes], which: str) -> str:
    """A file of the wheel's own metadata, or ''."""
    found = [data for name, data in contents.items() if re.fullmatch(rf"[^/]+\.dist-info/{re.escape(which)}", name)]
    return found[0].decode("utf-8", "replace") if found else ""


def _refuse_native(path: str, contents: dict[str, bytes], wheel: str) -> None:
    """Raises `UsageError` for a wheel with machine code."""
    tags = [line.partition(":")[2].strip() for line in wheel.splitlines() if line.startswith("Tag:")]
    if not tags:
        raise UsageError(f"a package is no wheel: {path}: it does not say what it is made for (WHEEL, Tag)")
    native = next(
        (name for name, data in contents.items() if name.endswith(NATIVE) or _VERSIONED.search(name) or data.startswith(MAGIC)), ""
    )
    if not native and any(tag.endswith("-none-any") for tag in tags):
        return
    raise UsageError(
        f"a package has native code, and a kit carries Python only: {path}: {native or tags[0]}",
        "native code runs on one processor and one C library, and the static file loads none; write the collector without it",
    )


def _distribution(line: str) -> str:
    """The name at the beginning of a requirement, as pip compares names."""
    found = _NAME.match(line.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""
