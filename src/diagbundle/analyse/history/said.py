"""Changes as sentences, and those that went before a finding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from diagbundle.analyse.facts import change as kinds
from diagbundle.analyse.facts.change import Change
from diagbundle.analyse.history.changes import DAY, MINUTE, Told
from diagbundle.analyse.verdict import Finding

_NAMED = 3
"""Things that a line names; the rest are counted."""
_MANY = {kinds.PACKAGE: "packages", kinds.CONTAINER: "containers", kinds.APPARMOR: "AppArmor profiles", kinds.SERVICE: "services"}
_LONG = 60
"""Characters of a command that a line shows."""
_ALWAYS = (kinds.SELINUX, kinds.APPARMOR, kinds.FIREWALL, kinds.CLOCK, kinds.SYSCTL)
"""Kinds that may be behind anything."""
_TOUCHED = (kinds.CONFIGURATION, kinds.UNIT, kinds.NETWORK, kinds.CERTIFICATE)
"""Kinds that are made by hand, with a purpose."""
_HOUR = 3600.0
_SOON = 600.0
"""Seconds within which a fault that follows a change by hand is likely to follow from it, whatever either is called."""
_MOST = 2
_MASS = 20
_HABIT = 5
_COMMON = frozenset(
    [
        "etc",
        "usr",
        "lib",
        "lib64",
        "var",
        "opt",
        "srv",
        "run",
        "boot",
        "local",
        "share",
        "bin",
        "sbin",
        "conf",
        "conf.d",
        "default",
        "system",
        "service",
        "services",
        "main",
        "host",
        "server",
        "client",
        "common",
        "base",
        "core",
        "data",
        "files",
        "file",
        "logs",
        "log",
        "the",
        "and",
        "was",
        "not",
        "has",
        "are",
        "for",
        "with",
        "from",
        "network",
        "of",
        "in",
        "to",
        "on",
        "by",
        "user",
        "container",
        "kernel",
        "profile",
        "group",
    ]
)
"""Words that two things may share without having to do with each other."""


def sentence(told: Told) -> str:
    """A line of the list, without its time."""
    changes = [item.change for item in told.items]
    first = changes[0]
    by = _by(first) if all(each.by == first.by for each in changes) else ""
    if len(changes) == 1:
        return one(first)
    if len({each.what for each in changes}) == 1:
        until = f", until {datetime.fromtimestamp(told.end, UTC):%b %d %H:%M} UTC" if told.end - told.time > MINUTE else ""
        return f"{first.what} {_verb(first.what)} {first.action} {len(changes):,} times{until}{by}"
    names = list(dict.fromkeys(each.what.removeprefix("container ").removeprefix("AppArmor profile ") for each in changes))
    what = "files" if first.what.startswith("/") else _MANY.get(first.kind, "things")
    done = first.action if len({each.action for each in changes}) == 1 else "changed"
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{len(names):,} {what} were {done}: {', '.join(names[:_NAMED])}{more}{by}"


def one(change: Change) -> str:
    """One change."""
    return f"{change.what} {_verb(change.what)} {change.action}{_versions(change)}{_by(change)}"


def _by(change: Change) -> str:
    who = change.by if len(change.by) <= _LONG else f"{change.by[:_LONG]} …"
    return f", by {who}" if who else ""


def _verb(what: str) -> str:
    return "were" if what.endswith(" rules") else "was"


def _versions(change: Change) -> str:
    old, new = change.old, change.new
    if change.kind in {kinds.REBOOT, kinds.CRASH}:
        if change.action.startswith("stopped"):
            return f", {new}"
        return f" into kernel {new}, before it was {old}" if old and new and old != new else f" (kernel {new})" if new else ""
    if change.kind in {kinds.CLOCK, kinds.CONTAINER}:
        return f" {new}" if new else ""
    if change.action.startswith("set to"):
        return f" (before: {old})" if old else ""
    if old and new and old != new:
        return f" from {old} to {new}"
    return f" ({new or old})" if new or old else ""


def before(finding: Finding, changes: Sequence[Told], within: float = DAY) -> tuple[str, ...]:
    """What changed shortly before a finding began and may be behind it, the likeliest first."""
    if not finding.since:
        return ()
    words = _words(f"{finding.subject} {finding.title}")
    cited = {(origin.path, origin.line) for origin in finding.origins}
    found: list[tuple[bool, float, str]] = []
    for told in changes:
        age = finding.since - told.time
        if not -1 <= age <= within or (len(told.items) > _HABIT and len({item.change.what for item in told.items}) == 1):
            continue
        if any((origin.path, origin.line) in cited for item in told.items for origin in item.origins):
            continue  # the finding is about this change
        is_mass = len(told.items) > _MASS and told.kind != kinds.PACKAGE  # among thousands of files some name always fits
        about = None if is_mass else next((item.change for item in told.items if words & _words(item.change.what)), None)
        always = (told.kind in _ALWAYS and not told.first.attributes) or (told.first.kind in {kinds.REBOOT, kinds.CRASH} and age < _HOUR)
        soon = told.kind in _TOUCHED and age < _SOON and not is_mass
        if about or always or soon:
            rest = len({item.change.what for item in told.items}) - 1 if about and about.what.startswith("/") else 0
            said = f"{one(about)}, and {rest:,} file{'s' * (rest > 1)} more" if about and rest else one(about) if about else sentence(told)
            found.append((not (about or soon), max(0.0, age), f"{said}, {_ago(max(0.0, age))} before"))
    return tuple(text for _, _, text in sorted(found)[:_MOST])


def _words(text: str) -> set[str]:
    """The names in a text: of packages, units, files, without what all have in common."""
    words = set()
    for word in re.findall(r"[A-Za-z][\w.@+-]{2,}", text.lower()):
        stem = re.sub(r"(?:@\w*)?\.(?:service|socket|mount|timer|conf|cnf|cfg|ini|json|ya?ml|d)\Z", "", word).rstrip(".")
        words |= {stem, stem.partition("-")[0] if len(stem.partition("-")[0]) > 3 else stem}  # noqa: PLR2004
    return words - _COMMON


def _ago(seconds: float) -> str:
    for length, name in ((DAY, "day"), (_HOUR, "hour"), (MINUTE, "minute"), (1.0, "second")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "a moment"
