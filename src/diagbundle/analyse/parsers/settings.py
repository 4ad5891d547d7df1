"""Settings of the kernel and limits: as they are, and the files that set them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Line, parser
from diagbundle.analyse.facts.system import (
    UNLIMITED,
    FileTable,
    LimitLine,
    Setting,
    SettingLine,
    SharedMemory,
    TunedProfile,
    UnitLimit,
    User,
)


@parser(Setting, "sos_commands/kernel/sysctl_-a")
def settings(doc: Document) -> Iterator[Setting]:
    """As `sysctl -a` prints them; a value of several lines is given in its first."""
    known: set[str] = set()
    for line in doc.lines:
        key, equals, value = line.partition(" = ")
        if equals and key not in known and " " not in key:
            known.add(key)
            yield Setting(key, " ".join(value.split()), origin=line.origin)


TUNED = [f"{top}/{name}/tuned.conf" for top in ("etc/tuned", "usr/lib/tuned") for name in ("*", "profiles/*")]
_LINE = re.compile(r"\s*-?\s*([A-Za-z0-9_.*?/@:\[\]-]+?)\s*=\s*(.*?)\s*$")


@parser(
    SettingLine, "etc/sysctl.conf", "etc/sysctl.d/*.conf", "run/sysctl.d/*.conf", "usr/local/lib/sysctl.d/*.conf",
    "usr/lib/sysctl.d/*.conf", "lib/sysctl.d/*.conf",
)  # fmt: skip
def setting_lines(doc: Document) -> Iterator[SettingLine]:
    """Files of sysctl.d(5): `key = value`, a dash before the key where a failure does not matter."""
    for line in doc.lines:
        if line.lstrip().startswith(("#", ";")):
            continue
        if found := _LINE.match(line):
            yield _setting_line(doc, line, found[1], found[2])


def _setting_line(doc: Document, line: Line, key: str, value: str, profile: str = "") -> SettingLine:
    # Where the first separator is a slash, slashes and dots are swapped.
    first = re.search(r"[./]", key)
    if first and first[0] == "/":
        key = key.lstrip("/").removeprefix("proc/sys/").translate(str.maketrans("/.", "./"))
    return SettingLine(key, " ".join(value.split()), "/" + doc.path, doc.entry.mtime, line.number, profile, origin=line.origin)


@parser(SettingLine, *TUNED)
def tuned_lines(doc: Document) -> Iterator[SettingLine]:
    """The section `[sysctl]` of profiles of tuned."""
    inside = False
    for line in doc.lines:
        if line.startswith("["):
            inside = line.strip() == "[sysctl]"
        elif inside and not line.startswith("#") and (found := _LINE.match(line)):
            yield _setting_line(doc, line, found[1], found[2].lstrip(">< "), doc.path.split("/")[-2])


@parser(
    TunedProfile,
    "etc/tuned/*/tuned.conf",
    "etc/tuned/profiles/*/tuned.conf",
    "usr/lib/tuned/*/tuned.conf",
    "usr/lib/tuned/profiles/*/tuned.conf",
)
def tuned_profiles(doc: Document) -> Iterator[TunedProfile]:
    """Which profile takes in which: `include=a,b`."""
    found = re.search(r"(?m)^include\s*=\s*(.+)$", doc.text)
    yield TunedProfile(doc.path.split("/")[-2], tuple(re.split(r"[,\s]+", found[1].strip())) if found else (), origin=doc.origin(1))


@parser(TunedProfile, "etc/tuned/active_profile")
def active_profile(doc: Document) -> Iterator[TunedProfile]:
    """Names of the active ones."""
    yield TunedProfile("", tuple(doc.text.split()[:10]), origin=doc.origin(1, doc.text))


@parser(FileTable, "proc/sys/fs/file-nr")
def file_table(doc: Document) -> Iterator[FileTable]:
    """Allocated, unused, limit."""
    for line in doc.lines[:1]:
        words = line.split()
        if len(words) == 3 and all(word.isdecimal() for word in words):
            yield FileTable(*(int(word[:20]) for word in words), origin=line.origin)


_ITEMS = {
    "core", "data", "fsize", "memlock", "nofile", "rss", "stack", "cpu", "nproc", "as", "maxlogins", "maxsyslogins", "priority",
    "locks", "sigpending", "msgqueue", "nice", "rtprio",
}  # fmt: skip


@parser(LimitLine, *(f"{etc}/security/{name}" for etc in ("etc", "usr/etc") for name in ("limits.conf", "limits.d/*.conf")))
def limit_lines(doc: Document) -> Iterator[LimitLine]:
    """Lines `domain type item value` of pam_limits."""
    for line, words in doc.words():
        if len(words) == 4 and words[1] in {"soft", "hard", "-"} and words[2] in _ITEMS:
            value = words[3]
            if value in {"unlimited", "infinity", "-1"} or value.isdecimal():
                number = float(value[:20]) if value.isdecimal() else UNLIMITED
                yield LimitLine(words[0], words[1], words[2], number, "/" + doc.path, origin=line.origin)


@parser(User, "etc/passwd")
def users(doc: Document) -> Iterator[User]:
    """`name:x:uid:gid:…`."""
    for line in doc.lines:
        words = line.split(":")
        if len(words) >= 4 and words[2].isdecimal() and words[3].isdecimal():
            yield User(words[0], int(words[2][:10]), group=int(words[3][:10]), origin=line.origin)


@parser(User, "etc/group")
def groups(doc: Document) -> Iterator[User]:
    """`name:x:gid:members`."""
    for line in doc.lines:
        words = line.split(":")
        if len(words) == 4 and words[2].isdecimal():
            yield User(words[0], int(words[2][:10]), is_group=True, members=tuple(filter(None, words[3].split(","))), origin=line.origin)


@parser(SharedMemory, "proc/sysvipc/*")
def shared_memory(doc: Document) -> Iterator[SharedMemory]:
    """One line for each object, below a heading."""
    kind = doc.path.rpartition("/")[2]
    if kind in {"sem", "shm", "msg"}:
        count = sum(1 for line in doc.lines[1:] if line.strip())
        yield SharedMemory(kind, count, origin=doc.origin(0, f"{count} objects"))


@parser(UnitLimit, "sos_commands/systemd/systemctl_show_service_--all", "sos_commands/systemd/systemctl_show_service*")
def unit_limits(doc: Document) -> Iterator[UnitLimit]:
    """Blocks of `Name=value`, one for each unit, with an empty line between them."""
    block: list[Line] = []
    for line in doc.lines:
        if line.strip():
            block.append(line)
        else:
            yield from _unit_limit(block)
            block = []
    yield from _unit_limit(block)


def _unit_limit(block: list[Line]) -> Iterator[UnitLimit]:
    said = {name: (value, line) for line in block for name, equals, value in [line.partition("=")] if equals}
    (unit, _), (pid, _), (files, line) = (said.get(name, ("", None)) for name in ("Id", "MainPID", "LimitNOFILE"))
    if line is not None and pid.isdecimal() and int(pid[:9]):
        yield UnitLimit(unit, int(pid[:9]), float(files[:20]) if files.isdecimal() else UNLIMITED, origin=line.origin)
