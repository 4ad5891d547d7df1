"""Engines of containers that hang, that do not start, or whose configuration cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, rule
from diagbundle.analyse.facts.containers import Engine, EngineEnd, EngineFile
from diagbundle.analyse.facts.unanswered import Unanswered

DAY = 86400.0
DAEMONS = {"docker": "dockerd", "containerd": "containerd", "CRI-O": "crio", "kubelet": "kubelet"}
ASKED = re.compile(r"(?:\S*/)?(docker|podman|crictl|ctr|nerdctl|lxc|virsh) (?!--version)")
BEHIND = {
    "docker": "dockerd",
    "ctr": "containerd",
    "crictl": "the container runtime",
    "nerdctl": "containerd",
    "virsh": "libvirtd",
    "lxc": "lxd",
}
STUCK = {
    "T": "stopped by a signal or a debugger (state T)",
    "t": "stopped by a debugger (state t)",
    "D": "waiting in the kernel (state D)",
    "Z": "dead, not yet reaped (state Z)",
}


@rule("CTR005", "container engines that hang", Engine, uses=(Unanswered,), absent="there is no container engine")
def hung(engines: Sequence[Engine], unanswered: Sequence[Unanswered]) -> Iterator[Finding]:
    """The daemon of a container engine is there, and does not answer: nothing can be started, stopped or looked at; containers may run on.

    Found where its process is stopped or waits in the kernel (state T or D), or where a cheap question to it did not end within its 5 s
    (twice: critical; once, as on a host that is very busy: a warning). What to do: for docker, `kill -USR1 $(pidof dockerd)` writes its
    stacks to its log; then restart it (with live-restore containers survive). State D means that the kernel waits for a disk or a server:
    look for that first. State T: somebody sent SIGSTOP; SIGCONT wakes it.
    """
    late = [each for each in unanswered if each.outcome == "timeout" and ASKED.match(each.source)]
    running = {engine.name for engine in engines}
    for engine in engines:
        asked = [each for each in late if BEHIND.get(_tool(each)) == engine.name]
        if engine.states and all(state in STUCK for state in engine.states) and (asked or "D" not in engine.states):
            yield Finding(
                Severity.CRITICAL,
                f"{_called(engine.name)} does not answer: its process is {STUCK[engine.states[0]]}",
                (engine.origin, *(each.origin for each in asked[:2])),
                f"Find out what it waits for; `kill -CONT` wakes a stopped process, else restart {engine.name}",
                subject=engine.name,
                detail=f"asked `{asked[0].source}`: {asked[0].reason}" if asked else "",
            )
            late = [each for each in late if each not in asked]
    for tool in dict.fromkeys(map(_tool, late)):
        asked = [each for each in late if _tool(each) == tool]
        daemon = BEHIND.get(tool, tool)
        if daemon in running or daemon.startswith("the") or tool == "podman":
            yield Finding(
                Severity.CRITICAL if len(asked) > 1 else Severity.WARNING,
                f"{_called(daemon)} hangs: `{asked[0].source[:80]}` was not answered in time",
                tuple(each.origin for each in asked[:3]),
                f"See what {daemon} waits for (its log, its stack in /proc/PID/stack), then restart it",
                detail=asked[0].reason,
                subject=daemon,
            )


def _tool(asked: Unanswered) -> str:
    found = ASKED.match(asked.source)
    return found[1] if found else ""


def _called(daemon: str) -> str:
    return {"dockerd": "The docker daemon (dockerd)"}.get(daemon, daemon)


@rule("CTR006", "configuration and start of container engines", EngineEnd, About, uses=(EngineFile, Engine))
def not_started(
    ends: Sequence[EngineEnd], about: Sequence[About], files: Sequence[EngineFile], engines: Sequence[Engine]
) -> Iterator[Finding]:
    """The daemon of a container engine cannot start, or will not the next time.

    Its configuration is no valid JSON or TOML, or its log says why.

    Found where a configuration file cannot be read by its own rules, or where the log says that the start failed in the last day and the
    daemon is not running now (while it runs, or longer ago: a note or nothing). What to do: mend the named line, then start the daemon.
    """
    running = {engine.name for engine in engines} | _began_again(ends)
    told: set[str] = set()
    for file in files:
        if file.fault:
            told.add(file.engine)
            lines = [end for end in ends if end.engine == file.engine and not end.began]
            runs = DAEMONS.get(file.engine, "") in running or file.engine == "podman"
            what = "will not start again" if runs else "does not start"
            yield Finding(
                Severity.WARNING if runs else Severity.CRITICAL,
                f"{file.engine} {what}: its configuration {file.path} is not valid: {file.fault}",
                (file.origin, *(end.origin for end in lines[-2:])),
                f"Mend {file.path} at that place, then start {file.engine}",
                subject=file.engine,
                detail=f"it said: {lines[-1].text}" if lines else "",
                since=lines[0].time if lines else 0.0,
            )
    for engine in dict.fromkeys(end.engine for end in ends if end.engine not in told and not end.began):
        yield from _said(
            engine, [end for end in ends if end.engine == engine and not end.began], about[0], runs=DAEMONS.get(engine, engine) in running
        )


def _began_again(ends: Sequence[EngineEnd]) -> set[str]:
    """Daemons that logs show as started after their last failure."""
    last: dict[str, EngineEnd] = {}
    for end in sorted(ends, key=lambda end: end.time):
        last[end.engine] = end
    return {DAEMONS.get(engine, engine) for engine, end in last.items() if end.began}


def _said(engine: str, lines: Sequence[EngineEnd], about: About, *, runs: bool) -> Iterator[Finding]:
    last = lines[-1]
    fresh = not last.time or about.now - last.time <= DAY
    if runs and not fresh:
        return
    severity = Severity.CRITICAL if fresh and not runs else Severity.NOTE
    yield Finding(
        severity,
        f"{engine} {'could' if runs else 'does'} not start{' for a while' if runs else ''}: {last.text}",
        tuple(line.origin for line in lines[-3:]),
        f"Mend what it names, then start {engine}",
        subject=engine,
        since=lines[0].time,
        latest=last.time,
    )
