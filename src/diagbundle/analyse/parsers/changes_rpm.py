"""Packages of rpm: the logs of yum, dnf and zypper, and when each installed package came."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Line, parser
from diagbundle.analyse.facts.change import KERNEL, PACKAGE, Change, Run

_DNF = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d{4})) SUBDEBUG (\w+): (\S+)")
_YUM = re.compile(r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (Installed|Updated|Erased|Reinstalled|Downgraded): (\S+)")
_RAN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d{4})) (?:DDEBUG|DEBUG|INFO) Command: (.+)")
_CHANGES = re.compile(
    r"\b(?:install|upgrade|update|downgrade|remove|erase|autoremove|distro-sync|swap|reinstall|group|module|history|automatic|system-upgrade)\b"
)
_NEW = {"Install": "installed", "Installed": "installed", "Upgrade": "upgraded", "Downgrade": "downgraded", "Reinstall": "reinstalled"}
_OLD = ("Upgraded", "Downgraded")
_GONE = ("Erase", "Erased", "Removed", "Remove", "Obsoleted")
_YUM_DONE = {"Installed": "installed", "Updated": "upgraded", "Erased": "removed", "Reinstalled": "reinstalled", "Downgraded": "downgraded"}
_NEVRA = re.compile(
    r"(?:(?P<first>\d+):)?(?P<name>.+?)-(?:(?P<epoch>\d+):)?(?P<version>[^-]+-[^-]+?)(?:\.(?P<arch>noarch|i[3-6]86|x86_64|aarch64|s390x|ppc64(?:le)?|armv7hl|riscv64|src))?\Z"
)
_KERNEL = re.compile(r"kernel(?:-uek|-rt|-64k|-default|-azure|-lt|-ml)?(?:-core)?\Z")
_AT = re.compile(r"(\S+)\s+((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b.*\d)(.*)")


def _parts(nevra: str) -> tuple[str, str]:
    """Name, and version with release."""
    found = _NEVRA.match(nevra)
    return (found["name"], found["version"]) if found else (nevra, "")


def _kind(name: str) -> str:
    return KERNEL if _KERNEL.match(name) else PACKAGE


@parser(Change, "var/log/dnf.rpm.log*")
def dnf(doc: Document) -> Iterator[Change]:
    """A line for what comes (`Upgrade: new`) and one for what goes (`Upgraded: old`), in this order, within one transaction."""
    pending: dict[str, Change] = {}
    for line in doc.lines:
        found = _DNF.match(line)
        time = doc.clock.read(found[1])[0] if found else 0.0
        if not found or not time:
            continue
        name, version = _parts(found[3])
        if found[2] in _NEW:
            if name in pending:
                yield pending.pop(name)
            pending[name] = Change(time, _kind(name), name, _NEW[found[2]], "", version, origin=line.origin)
        elif found[2] in _OLD and name in pending:
            new = pending.pop(name)
            yield Change(new.time, new.kind, name, new.action, version, new.new, origin=new.origin)
        elif found[2] in _GONE:
            yield Change(time, _kind(name), name, "removed", version, origin=line.origin)
    yield from pending.values()


@parser(Run, "var/log/dnf.log*", "var/log/hawkey.log*")
def dnf_commands(doc: Document) -> Iterator[Run]:
    """`2026-03-05T10:11:40+0000 DDEBUG Command: dnf upgrade -y`; those that change nothing are left out."""
    for line in doc.lines:
        if " Command: " in line and (found := _RAN.match(line)) and _CHANGES.search(found[2]) and (time := doc.clock.read(found[1])[0]):
            yield Run(time, found[2].strip(), origin=line.origin)


@parser(Change, "var/log/yum.log*")
def yum(doc: Document) -> Iterator[Change]:
    """`Mar 05 10:12:01 Updated: openssl-libs-1:1.0.2k-26.el7_9.x86_64`, without a year: the last before the file was written."""
    for line in doc.lines:
        if found := _YUM.match(line):
            time, certainty, _ = doc.clock.read(found[1])
            name, version = _parts(found[3])
            action = _YUM_DONE[found[2]]
            old, new = (version, "") if action == "removed" else ("", version)
            if time:
                yield Change(time, _kind(name), name, action, old, new, certainty=certainty, origin=line.origin)


@parser((Change, Run), "var/log/zypp/history*")
def zypp(doc: Document) -> Iterator[Change | Run]:
    """`2026-03-05 10:12:01|install|libopenssl3|3.1.4-150600.5.7|x86_64|root@db1|…`; `#` is what a package's script said."""
    for line in doc.lines:
        words = line.split("|")
        if line.startswith("#") or len(words) < 4:  # time, what, name, version
            continue
        time, certainty, _ = doc.clock.read(words[0])
        action = words[1].strip()
        if time and action == "command":
            yield Run(time, re.sub(r"'([^' ]*)'", r"\1", words[3]).strip(), origin=line.origin)
        elif time and action in {"install", "remove"}:
            name, version = words[2], words[3]
            by = words[5].partition("@")[0] if len(words) > 5 else ""
            done, old, new = ("installed", "", version) if action == "install" else ("removed", version, "")
            yield Change(time, _kind(name), name, done, old, new, by, certainty=certainty, origin=line.origin)


@parser(Change, "sos_commands/rpm/package-data")
def package_data(doc: Document) -> Iterator[Change]:
    """Tab-separated: package, date, seconds since 1970, vendor. Whether it replaced an older one is not told."""
    for line in doc.lines:
        words = line.split("\t")
        seconds = words[2] if len(words) > 2 else ""
        if seconds.isdecimal() and len(seconds) < 12 and not line.startswith("gpg-pubkey"):
            yield _came(line, words[0], float(seconds), "certain")


@parser(Change, "installed-rpms", "sos_commands/rpm/installed-rpms", "sos_commands/rpm/sh_-c_rpm_--nodigest_-qa_--qf_*")
def installed_rpms(doc: Document) -> Iterator[Change]:
    """`bash-5.1.8-9.el9.x86_64      Thu Mar  5 10:12:01 2026`, in the host's zone."""
    for line in doc.lines:
        found = _AT.match(line)
        if found and not line.startswith("gpg-pubkey"):
            time, certainty, _ = doc.clock.read(found[2])
            if time:
                yield _came(line, found[1], time, certainty)


def _came(line: Line, nevra: str, time: float, certainty: str) -> Change:
    name, version = _parts(nevra)
    return Change(time, _kind(name), name, "installed or upgraded", "", version, certainty=certainty, origin=line.origin)
