"""Packages of Alpine, Arch, snap and flatpak, and hosts that are updated as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from diagbundle.analyse.api import Document, parser
from diagbundle.analyse.facts.change import DATABASE, KERNEL, PACKAGE, Change

_PACMAN = re.compile(r"\[([^]]+)\] \[ALPM\] (installed|upgraded|downgraded|reinstalled|removed) (\S+) \(([^)]*)\)")
_COMMAND = re.compile(r"\[[^]]+\] \[PACMAN\] Running '([^']*)'")
_ARCH_KERNELS = ("linux", "linux-lts", "linux-zen", "linux-hardened")
_SNAP = re.compile(r"\d+ +(Done|Error|Undone) +(\S+) +(\S+) +(.+)")
_INSTALLER = ("/var/lib/dpkg/status", "/var/lib/rpm/", "/usr/lib/sysimage/rpm/", "/lib/apk/db/installed", "/var/lib/pacman/local")


@parser(Change, "var/log/pacman.log*")
def pacman(doc: Document) -> Iterator[Change]:
    """`[2026-03-05T10:12:01+0100] [ALPM] upgraded openssl (3.0.1-1 -> 3.0.2-1)`."""
    by = ""
    for line in doc.lines:
        if ran := _COMMAND.match(line):
            by = ran[1]
        elif found := _PACMAN.match(line):
            time, certainty, _ = doc.clock.read(found[1] if found[1].count(":") > 1 else f"{found[1]}:00")
            old, _, new = found[4].partition(" -> ")
            old, new = (old, new) if new else (old, "") if found[2] == "removed" else ("", old)
            kind = KERNEL if found[3] in _ARCH_KERNELS else PACKAGE
            if time:
                yield Change(time, kind, found[3], found[2], old, new, by, certainty, origin=line.origin)


@parser(Change, "sos_commands/snap/snap_changes_--abs-time", "sos_commands/snap/snap_changes")
def snap(doc: Document) -> Iterator[Change]:
    """`41  Done  2026-03-05T10:12:01Z  2026-03-05T10:13:02Z  Refresh snap "lxd"`."""
    for line in doc.lines:
        found = _SNAP.match(line.strip())
        time, certainty, _ = doc.clock.read(found[3]) if found else (0.0, "", 0)
        if found and time:
            result = "" if found[1] == "Done" else found[1].lower()
            yield Change(
                time,
                PACKAGE,
                "snap",
                "changed",
                "",
                f"{found[4].strip()}{f' ({result})' if result else ''}",
                certainty=certainty,
                origin=line.origin,
            )


@parser(Change, "sos_commands/rpm-ostree/rpm-ostree_status_--json", "sos_commands/rpm_ostree/rpm-ostree_status_--json")
def ostree(doc: Document) -> Iterator[Change]:
    """The system as one image: which version is deployed, and of when it is; when it was fetched is not told."""
    found = doc.json()
    deployments = found.get("deployments") if isinstance(found, dict) else None
    for each in deployments if isinstance(deployments, list) else ():
        if isinstance(each, dict) and isinstance(each.get("timestamp"), int):
            version = str(each.get("version") or str(each.get("checksum") or "")[:12])
            state = "built, and runs now" if each.get("booted") else "built, and is kept"
            yield Change(
                float(each["timestamp"]), PACKAGE, f"the system image {version}", state, origin=doc.origin(1, json.dumps(_few(each)))
            )


def _few(deployment: dict[str, Any]) -> dict[str, Any]:
    return {key: deployment[key] for key in ("version", "timestamp", "booted", "origin") if key in deployment}


@parser(Change, "diagbundle/tables/package_databases")
def databases(doc: Document) -> Iterator[Change]:
    """When the package manager's database was last written: all there is where no log tells of packages."""
    for row in doc.rows:
        if row.text("path").startswith(_INSTALLER) and row.number("mtime"):
            yield Change(row.number("mtime"), DATABASE, row.text("path"), "written", origin=row.origin)


@parser(Change, "lib/apk/db/installed", "usr/lib/apk/db/installed")
def apk(doc: Document) -> Iterator[Change]:
    """The database of Alpine, which keeps no history."""
    if doc.entry.mtime:
        yield Change(doc.entry.mtime, DATABASE, f"/{doc.path}", "written", origin=doc.origin(0, "the file's date"))
