"""Packages of Debian and Ubuntu: what dpkg and apt wrote down."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Line, parser
from diagbundle.analyse.facts.change import KERNEL, PACKAGE, Change

_DPKG = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (install|upgrade|remove|purge) (\S+?)(?::([\w-]+))? (\S+) (\S+)")
_DONE = {"install": "installed", "upgrade": "upgraded", "remove": "removed", "purge": "removed"}
_APT = {
    "Install": "installed",
    "Upgrade": "upgraded",
    "Downgrade": "downgraded",
    "Reinstall": "reinstalled",
    "Remove": "removed",
    "Purge": "removed",
}
_ONE = re.compile(r"([^\s:,()]+)(?::[\w-]+)? \(([^(),]*)(?:, ([^(),]*))?\)")
_KERNEL = re.compile(r"linux-(?:image|modules)(?:-unsigned)?-\d")


def _kind(package: str) -> str:
    return KERNEL if _KERNEL.match(package) else PACKAGE


@parser(Change, "var/log/dpkg.log*")
def dpkg(doc: Document) -> Iterator[Change]:
    """`2025-06-24 14:36:25 upgrade libc6:amd64 2.36-9 2.36-10`: one line for each package, and many for its states."""
    for line in doc.lines:
        found = _DPKG.match(line)
        time, certainty, _ = doc.clock.read(found[1]) if found else (0.0, "", 0)
        if not found or not time:
            continue
        old, new = ("" if word == "<none>" else word for word in (found[5], found[6]))
        if found[2] == "purge" and not old:
            continue  # only its configuration was left
        action = "reinstalled" if old and old == new else _DONE[found[2]]
        yield Change(
            time, _kind(found[3]), found[3], action, old, "" if action == "removed" else new, certainty=certainty, origin=line.origin
        )


@parser(Change, "var/log/apt/history.log*")
def apt(doc: Document) -> Iterator[Change]:
    """Paragraphs: when, by which command and for whom, and lists of packages with their versions."""
    time, certainty, by, user = 0.0, "", "", ""
    for line in doc.lines:
        key, _, value = line.partition(": ")
        if key == "Start-Date":
            (time, certainty, _), by, user = doc.clock.read(value), "", ""
        elif key == "Commandline":
            by = value.strip()
        elif key == "Requested-By":
            user = value.partition(" ")[0]
        elif key in _APT and time:
            yield from _listed(line, _APT[key], value, (time, certainty), f"{by} ({user})" if by and user else by)


def _listed(line: Line, action: str, value: str, when: tuple[float, str], by: str) -> Iterator[Change]:
    for name, first, second in _ONE.findall(value):
        known = second and second != "automatic"
        old = first if known or action == "removed" else ""
        new = "" if action == "removed" else second if known else first
        yield Change(when[0], _kind(name), name, action, old, new, by, when[1], origin=line.origin)
