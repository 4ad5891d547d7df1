"""Containers that restart, ended with an error, were killed or are unhealthy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace

from diagbundle.analyse.api import About, Finding, Origin, Severity, latest, rule, seconds_between
from diagbundle.analyse.facts.containers import Container, ContainerKills
from diagbundle.analyse.facts.network_counts import SocketOwner
from diagbundle.analyse.facts.spoken import clock

HOUR, DAY = 3600.0, 86400.0
RECENT = 7 * DAY
"""A container that ended longer ago is nobody's fault of today."""
LATELY = 600.0
OFTEN = 5
MAX_TOLD = 5
NONE = "there are no containers"
STOPPED = (130, 137, 143)
"""128 + SIGINT, SIGKILL, SIGTERM: how a container ends that somebody stops."""


def known(containers: Iterable[Container]) -> list[tuple[Container, list[Container]]]:
    """One for each identifier, with what any source knows of it, and its tellings; of a pod's container the newest attempt only."""
    tellings: dict[str, list[Container]] = {}
    for each in containers:
        tellings.setdefault(each.ident[:12], []).append(each)
    merged = [(_merged(those), those) for those in tellings.values()]
    newest: dict[str, int] = {}
    for one, _ in merged:
        if one.attempt is not None:
            newest[one.name] = max(newest.get(one.name, 0), one.attempt)
    return [(one, those) for one, those in merged if one.attempt is None or one.attempt == newest[one.name]]


def _merged(those: Sequence[Container]) -> Container:
    """Later readings win, and what they leave open is filled from others."""
    one, *others = sorted(those, key=lambda each: each.origin.at, reverse=True)
    for other in others:
        missing = {field.name: getattr(other, field.name) for field in fields(one) if getattr(one, field.name) in ("", None, 0.0)}
        one = replace(one, **missing)
    return one


def _origins(those: Iterable[Container]) -> tuple[Origin, ...]:
    return tuple(each.origin for each in those)[:3]


def _what(one: Container) -> str:
    return f"container {one.name or one.ident[:12]} ({one.engine})"


def _ago(one: Container, about: About) -> str:
    return f"ended at {clock(one.finished)}" if one.finished and about.now else ""


def _old(one: Container, about: About) -> bool:
    return bool(one.finished and about.now - one.finished > RECENT)


def _log(one: Container) -> str:
    tool = {"kubernetes": "crictl", "nerdctl": "nerdctl", "podman": "podman"}.get(one.engine, "docker")
    return f"`{tool} logs {one.ident[:12] if tool == 'crictl' else one.name or one.ident[:12]}`"


def _looping(containers: Sequence[Container], about: About) -> Iterator[tuple[Container, int, list[Container]]]:
    """Those in a loop, how often they restarted between the readings, and what shows it."""
    for one, those in known(containers):
        counts = [(each.is_start, each.restarts, each) for each in those if each.restarts is not None]
        first = min((count for _, count, _ in counts), default=0)
        last = max((count for _, count, _ in counts), default=0)
        recent = last >= OFTEN and one.started and 0 <= about.now - one.started <= LATELY
        ended = last >= OFTEN and one.state == "exited" and one.finished and 0 <= about.now - one.finished <= LATELY
        if last > first or recent or ended or one.state == "restarting":
            telling = [each for _, count, each in counts if count in (first, last)] or those
            yield replace(one, restarts=last), last - first, sorted(telling, key=lambda each: each.origin.at)


@rule("CTR001", "containers that restart again and again", Container, About, absent=NONE)
def looping(containers: Sequence[Container], about: Sequence[About]) -> Iterator[Finding]:
    """A container ends soon after each start, and its engine starts it again and again.

    Found where an engine calls it restarting, where its count of restarts (in Kubernetes: its attempt) grew between two readings, or where
    it has restarted 5 times or more and was started in the last 10 minutes. Many restarts long ago are no fault.
    What to do: read the last lines of its log: they usually name the missing file, setting or server.
    """
    for one, grown, those in _looping(containers, about[0]):
        ends = f"; it ends with exit status {one.exit}" if one.exit else ""
        often = f"{grown} more restarts while we looked, {one.restarts:,} in all" if grown else f"{one.restarts or 'several'} restarts"
        yield Finding(
            Severity.WARNING if one.restarts == grown == 1 else Severity.CRITICAL,
            f"{_what(one)} is restarting again and again: {often}{ends}",
            _origins([*those[:1], *those[-2:]]),
            f"Read {_log(one)} for why it ends, and mend that; it will not settle by itself",
            detail="; ".join(
                filter(None, [f"image {one.image}" if one.image else "", one.said, "its memory limit kills it" if one.oom else ""])
            ),
            subject=one.name or one.ident[:12],
        )


@rule("CTR002", "containers that ended with an error", Container, About, uses=(SocketOwner,), absent=NONE)
def failed(containers: Sequence[Container], about: Sequence[About], owners: Sequence[SocketOwner]) -> Iterator[Finding]:
    """A container has ended with an error and is not running now.

    Found where its exit status is not 0 and it ended in the last 7 days (longer ago: a note). One that ended with 0 has done its work.
    Statuses 130, 137 and 143 are how a stopped container ends: only a note, unless the engine says that nobody stopped it; 255 is what is
    written down after a crash of the host. Killed by a memory limit and restart loops are other suspects. What to do: read its log.
    """
    looping = {one.ident for one, _, _ in _looping(containers, about[0])}
    lost = [(one, those) for one, those in known(containers) if _has_failed(one) and one.ident not in looping]
    told = [(one, those, _severity(one, about[0])) for one, those in lost]
    for one, those, severity in [each for each in told if each[2] is Severity.WARNING][:MAX_TOLD]:
        started = one.state == "created"
        holder = _holder(one.said, owners) if started else None
        title = (
            f"{_what(one)} could not be started: {_shortened(one.said, holder)}"
            if started
            else f"{_what(one)} ended with exit status {one.exit}{_meaning(one)}"
        )
        yield Finding(
            severity,
            title,
            _origins(latest(those) or those) + ((holder.origin,) if holder else ()),
            f"Stop {holder.comm} (pid {holder.pid}) or give the container another port, then start it"
            if holder
            else "Mend what the engine complains of, then start it again: it never ran, so that it has no log"
            if started
            else f"Read {_log(one)} for its last words, mend that and start it again",
            detail="; ".join(filter(None, [_ago(one, about[0]), f"image {one.image}" if one.image else "", one.said])),
            subject=one.name or one.ident[:12],
            since=one.finished,
        )
    if rest := [each for each in told if each[2] is Severity.NOTE] + [each for each in told if each[2] is Severity.WARNING][MAX_TOLD:]:
        names = ", ".join(f"{one.name or one.ident[:12]} ({one.exit})" for one, _, _ in rest[:10])
        worst = Severity.WARNING if any(each[2] is Severity.WARNING for each in rest) else Severity.NOTE
        origins = tuple(origin for _, those, _ in rest[:10] for origin in _origins(latest(those) or those)[:1])
        yield Finding(
            worst, f"{len(rest)} more containers ended with an error, or were stopped: {names}", origins, "Remove those that nobody needs"
        )


_TAKEN = re.compile(
    r"(?i):(\d{1,5}): bind: address already in use|port (\d{1,5}).{0,40}(?:in use|already allocated)|:(\d{1,5}) failed: port is already"
)


_MOUNT = re.compile(
    r"error mounting \"([^\"]+)\" to rootfs at \"([^\"]+)\".*?: (not a directory|no such file or directory"
    r"|permission denied|invalid argument)"
)
_CAUSES = ("error mounting", "exec: ", "error during container init: ", "Error response from daemon: ")
"""Before what matters in the runtime's chain of reasons."""


def _holder(said: str, owners: Sequence[SocketOwner]) -> SocketOwner | None:
    """Who has the port that an engine could not give to a container."""
    found = _TAKEN.search(said)
    port = int(next(filter(None, found.groups()))) if found else 0
    return next((owner for owner in owners if port and owner.port == port and not owner.is_start), None)


def _shortened(said: str, holder: SocketOwner | None) -> str:
    """Without identifiers of 64 digits, and not longer than a line."""
    if holder:
        return f"port {holder.port} is taken by {holder.comm} (pid {holder.pid})"
    short = re.sub(r" ?\(?\b[0-9a-f]{64}\b\)?", "", said).strip()
    if mount := _MOUNT.search(short):
        return f"{mount[1]} cannot be mounted at {mount[2]}: {mount[3]}"
    inner = max((short.rfind(word) for word in _CAUSES), default=-1)
    short = short[inner:] if inner > 0 else short
    return short if len(short) <= 160 else f"{short[:110]} … {short[-45:]}"


def _has_failed(one: Container) -> bool:
    if one.state == "created":
        return bool(one.exit and one.said)
    return (
        one.state in {"exited", "dead"} and one.exit not in (0, None) and not one.oom and not (one.stopped_by_hand and one.exit in STOPPED)
    )


def _severity(one: Container, about: About) -> Severity:
    stopped = one.exit in STOPPED and one.stopped_by_hand is not False
    crashed_host = one.exit == 255 and bool(about.booted and one.finished and one.finished <= about.booted + HOUR)
    return Severity.NOTE if stopped or crashed_host or _old(one, about) or one.stopped_by_hand else Severity.WARNING


def _meaning(one: Container) -> str:
    words = {
        125: "the engine could not run it",
        126: "its program may not be run",
        127: "its program was not found",
        132: "SIGILL",
        134: "it aborted",
        135: "SIGBUS",
        136: "SIGFPE",
        137: "it was killed by SIGKILL",
        139: "it crashed: SIGSEGV",
        143: "it was ended by SIGTERM",
        255: "its host or engine went away",
    }
    return f" ({words[one.exit]})" if one.exit in words else ""


@rule("CTR003", "containers killed by their memory limit", Container, About, uses=(ContainerKills,), absent=NONE)
def out_of_memory(containers: Sequence[Container], about: Sequence[About], kills: Sequence[ContainerKills]) -> Iterator[Finding]:
    """A container needed more memory than its limit allows, and the kernel killed a process of it.

    Found where its engine says OOMKilled of its last end (in the last 7 days; older ones only give a note), or where the kernel's count of
    such kills in a running container grew between the two readings. What to do: raise its limit, or find out why it needs so much.
    """
    by_ident = {one.ident[:12]: one for one, _ in known(containers)}
    for one, those in known(containers):
        if one.oom and one.state != "created":
            limit = f": its memory limit is {size(one.limit)}" if one.limit else ""
            severity = Severity.NOTE if _old(one, about[0]) else Severity.WARNING if one.state == "running" else Severity.CRITICAL
            status = f" (exit status {one.exit})" if one.exit else ""
            yield Finding(
                severity,
                f"{_what(one)} was killed because it ran out of memory{status}{limit}",
                _origins([each for each in those if each.oom]),
                f"Raise the memory limit of {one.name or one.ident[:12]}, or find out what in it needs so much",
                detail="; ".join(filter(None, [_ago(one, about[0]), f"now it is {one.state}"])),
                subject=one.name or one.ident[:12],
                since=one.finished,
            )
    before = {each.ident[:12]: each for each in kills if each.is_start}
    for each in latest(kills):
        first = before.get(each.ident[:12])
        if first and each.kills > first.kills:
            name = by_ident[each.ident[:12]].name if each.ident[:12] in by_ident else each.ident[:12]
            yield Finding(
                Severity.CRITICAL,
                f"container {name} ({each.engine}) runs out of memory now: "
                f"{each.kills - first.kills} kills in {seconds_between(first, each):.0f} s, {each.kills:,} in all",
                (first.origin, each.origin),
                f"Raise the memory limit of {name}, or find out what in it needs so much",
                subject=name,
            )


@rule("CTR004", "containers whose health check fails", Container, absent=NONE)
def unhealthy(containers: Sequence[Container]) -> Iterator[Finding]:
    """A container runs, and the check that its image or its owner defined says that it does not do its work.

    Found where its engine calls it unhealthy: as many checks failed in a row as are allowed. What the last check said is told.
    What to do: run the check by hand inside the container, and read the container's log.
    """
    for one, those in known(containers):
        if one.health == "unhealthy" and one.state in {"running", ""}:
            yield Finding(
                Severity.WARNING,
                f"{_what(one)} is unhealthy: its health check fails",
                _origins([each for each in those if each.health == "unhealthy"]),
                f"See what the check says: {_log(one).replace('logs', 'inspect')}, at Health; and its log: {_log(one)}",
                detail=one.said,
                subject=one.name or one.ident[:12],
            )


def size(count: int) -> str:
    """Bytes for people, in steps of 1024."""
    for least, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= least:
            return f"{count / least:.4g} {unit}"
    return f"{count} bytes"
