"""Ports that are taken, files that may not be read: why programs do not start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Origin, Severity, rule
from diagbundle.analyse.facts.network_counts import SocketOwner
from diagbundle.analyse.facts.products import Denied, FileMode, PortTaken
from diagbundle.analyse.facts.spoken import DAY, HOUR, clock, often

MAX_TOLD = 5


def age(time: float, about: About) -> float:
    """Seconds before the collection; 0 where the time is not known, as a line without a time may be the newest."""
    return max(0.0, about.now - time) if time and about.now else 0.0


@rule("APP001", "ports that another program has taken", PortTaken, About, uses=(SocketOwner,))
def port_in_use(taken: Sequence[PortTaken], about: Sequence[About], owners: Sequence[SocketOwner]) -> Iterator[Finding]:
    """A program could not start, or not in full, because the port that it wants is in use.

    Found in the words of the program ("Address already in use"), and told with whoever listens on that port now. It is critical where
    another program has the port and the line is less than a day old, a warning where nobody is known to have it and the line is less than
    an hour old. Where the program itself listens there by now it is only a note. What to do: stop one of the two, or give it another port.
    """
    groups: dict[tuple[str, int], list[PortTaken]] = {}
    for each in taken:
        groups.setdefault((each.who, each.port), []).append(each)
    with_port = {who for who, port in groups if port}
    for (who, port), lines in groups.items():
        if port or who not in with_port:
            yield from _taken(who, port, lines, about[0], [owner for owner in owners if port and owner.port == port and not owner.is_start])


def _taken(who: str, port: int, lines: list[PortTaken], about: About, owners: Sequence[SocketOwner]) -> Iterator[Finding]:
    lines.sort(key=lambda line: line.time)
    old = age(lines[-1].time, about)
    own = [owner for owner in owners if is_same(owner.comm, who)]
    others = [owner for owner in owners if owner not in own]
    over = own or old > (DAY if others else HOUR)
    severity = Severity.NOTE if over else Severity.CRITICAL if others else Severity.WARNING
    held = f": {others[0].comm} (pid {others[0].pid}) has it" if others else f": {who} listens there now" if own else ""
    name = f"port {port}" if port else "a port"
    origins = [*(line.origin for line in lines[-3:]), *(owner.origin for owner in (others or own)[:2])]
    yield Finding(
        severity,
        f"{who} could not listen on {name}, the address is already in use{held}",
        tuple(origins),
        f"Stop {others[0].comm if others else 'the other program'} or give one of the two another port, then start {who}."
        if not own
        else "Nothing, if it works by now.",
        detail=f"{often(len(lines))}, last at {clock(lines[-1].time)}",
        subject=who,
        since=lines[0].time,
        latest=lines[-1].time,
    )


def is_same(process: str, name: str) -> bool:
    """Whether a process is of the program that a log calls by this name: `java`, `python3` may be anything, so they are not."""
    one, other = process.lower(), re.sub(r"\.\w+$", "", name.lower())
    return bool(one and other) and (
        one.startswith(other[:15]) or other.startswith(one) or {one, other} in ({"apache2", "httpd"}, {"mysqld", "mysql"})
    )


# -- files


@rule("APP002", "files that a program may not use", Denied, About, uses=(FileMode,))
def denied(denials: Sequence[Denied], about: Sequence[About], modes: Sequence[FileMode]) -> Iterator[Finding]:
    """A program was refused a file, a folder or a port: "Permission denied" in its own words.

    Found where the last such line is less than a day old (a warning; older ones are notes). Owner and mode of the file and of the folders
    above it are told where they changed lately. Not counted: logins that failed, and what people try in shells.
    What to do: `namei -l PATH` shows each step; the user of the program needs x on all folders, and r (or w) on the file. Where modes are
    right, SELinux or AppArmor may deny it: see `ausearch -m avc` and `journalctl -k`. A port below 1024 needs CAP_NET_BIND_SERVICE.
    """
    groups: dict[str, list[Denied]] = {}
    for each in denials:
        groups.setdefault(each.path or f"port {each.port}", []).append(each)
    fresh = [(what, lines) for what, lines in groups.items() if min(age(line.time, about[0]) for line in lines) <= DAY]
    for what, lines in fresh[:MAX_TOLD]:
        yield _denial(what, lines, modes)
    if rest := fresh[MAX_TOLD:]:
        names = ", ".join(what for what, _ in rest[:10])
        yield Finding(
            Severity.WARNING,
            f"permission denied for {len(rest)} more files: {names}",
            tuple(lines[-1].origin for _, lines in rest[:5]),
            "`namei -l PATH` shows owner and mode of each step.",
        )
    if old := [(what, lines) for what, lines in groups.items() if (what, lines) not in fresh]:
        names = ", ".join(what for what, _ in old[:10])
        yield Finding(
            Severity.NOTE,
            f"permission was denied more than a day ago for {len(old)} files: {names}",
            tuple(lines[-1].origin for _, lines in old[:5]),
            "Nothing, if all works by now.",
        )


def _denial(what: str, lines: list[Denied], modes: Sequence[FileMode]) -> Finding:
    who = lines[-1].who
    steps = [step for step in modes if lines[-1].path and (step.path == what or what.startswith(step.path.rstrip("/") + "/"))]
    known = "; ".join(
        f"{step.path} has mode {step.mode}, user {step.uid}, group {step.gid}"
        for step in sorted(steps, key=lambda step: len(step.path))[-4:]
    )
    advice = (
        f"`namei -l {what}` shows owner and mode of each step; let the user that {who} runs as read it. "
        "If modes are right, look for denials of SELinux and AppArmor."
        if lines[-1].path
        else f"Give {who} CAP_NET_BIND_SERVICE (in its unit: AmbientCapabilities=), or a port above 1023."
    )
    origins: list[Origin] = [line.origin for line in lines[-2:]] + [step.origin for step in steps[-3:]]
    return Finding(
        Severity.WARNING,
        f"permission denied: {who} may not use {what}",
        tuple(origins),
        advice,
        detail=f"{often(len(lines))}, last at {clock(max(line.time for line in lines))}" + (f"; {known}" if known else ""),
        subject=what,
        latest=max(line.time for line in lines),
    )
