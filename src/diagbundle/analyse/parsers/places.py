"""Modes of what every host needs: our table, and listings of /dev by `ls -lan`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, parser
from diagbundle.analyse.facts.places import Place

_KINDS = {"-": "file", "d": "folder", "c": "character device", "b": "block device", "p": "fifo", "s": "socket", "l": "link"}
_LISTED = re.compile(r"([-dcbpsl])([-rwxsStT]{9})[.+@]? +\d+ +(\d{1,10}) +(\d{1,10}) +(?:(\d{1,9}), +(\d{1,9})|\d+) +\S+ +\S+ +\S+ (\S+)")


@parser(Place, "diagbundle/tables/places")
def places(doc: Document) -> Iterator[Place]:
    """A row for each that is there."""
    for row in doc.rows:
        if row.text("path") and re.fullmatch("[0-7]{1,5}", row.text("mode")):
            yield Place(
                row.text("path"), row.text("type"), int(row.text("mode"), 8), row.whole("uid"), row.whole("gid"), row.text("device"),
                row.text("flags"), row.number("ctime"), bool(row.text("link")), origin=row.origin,
            )  # fmt: skip


@parser(Place, "sos_commands/*/ls_-lan*.dev", "sos_commands/*/ls_-lan*_/dev")
def nodes(doc: Document) -> Iterator[Place]:
    """`ls -lanR /dev`: what lies in /dev itself, not below."""
    folder = ""
    for line in doc.lines:
        if line.startswith("/") and line.endswith(":"):
            folder = line[:-1]
        elif folder == "/dev" and (found := _LISTED.match(line)):
            kind, modes, uid, gid, major, minor, name = found.groups()
            if name not in (".", ".."):
                device = f"{int(major)}:{int(minor)}" if major else ""
                yield Place(
                    f"/dev/{name}", _KINDS[kind], mode_of(modes), int(uid), int(gid), device, is_link=kind == "l", origin=line.origin
                )


def mode_of(letters: str) -> int:
    """`rwxr-xr-t` as a number."""
    mode = 0
    for place, letter in enumerate(letters):
        if letter in "rwxst":
            mode |= 0o400 >> place
        if letter in "sStT":
            mode |= 0o4000 >> place // 3
    return mode
