"""How container engines are talked to: which daemons live, what they were started with, and when to stop asking."""

from __future__ import annotations

import json
import os
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from diagbundle.collect.api import Answer, Command, Host, Outcome, Source

Daemons = dict[str, list[int]]
"""Processes by the name that the kernel gives them (`comm`, at most 15 bytes)."""

DAEMONS = """
dockerd containerd crio cri-dockerd kubelet kube-proxy kubelite k3s k3s-server k3s-agent rke2 rke2-server rke2-agent k0s
lxd incusd libvirtd virtqemud virtlxcd conmon agent amazon-ecs-agen
""".split()  # noqa: SIM905 - one name after the other
PROGRAMS = """
/usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin /snap/bin /var/lib/rancher/rke2/bin /opt/cni/bin
""".split()  # noqa: SIM905
"""Where commands are looked for on a host; a program elsewhere is asked by its whole path."""
CHEAP = 5.0
"""Seconds that the first call to an engine may take."""
BATCH = 50
"""Containers that are named in one command: one process instead of fifty, and one vanished container costs no more than its own lines."""
SLOW_CALLS = 3
"""Calls that may use up their time before an engine that still answers pings is left alone, too."""


def daemons(host: Host) -> Daemons:
    """The daemons that run beside us. One inside a container is not the host's: asking would start the host's own, or nothing."""
    ours = host.readlink("/proc/self/ns/pid")
    found: Daemons = {}
    for pid in host.pids():
        name = host.text(f"/proc/{pid}/comm").rstrip("\n")
        if name in DAEMONS and state(host, pid) != "Z" and host.readlink(f"/proc/{pid}/ns/pid") in ("", ours):
            found.setdefault(name, []).append(pid)
    return found


def not_running(running: Daemons, *names: str) -> str:
    """Why nothing is to be asked, or '': a socket that systemd holds would start a stopped service."""
    if any(name in running for name in names):
        return ""
    return f"no process of {' or '.join(names)} is to be seen: asking could start a stopped service"


def state(host: Host, pid: int) -> str:
    """The letter of a process's state, '' where it is gone."""
    return host.text(f"/proc/{pid}/stat").rpartition(")")[2].strip()[:1]


def arguments(host: Host, pid: int) -> list[str]:
    """The words a daemon was started with; none if it sleeps in the kernel, where reading them may wait for the same lock."""
    if state(host, pid) in ("D", "Z", ""):
        return []
    return host.text(f"/proc/{pid}/cmdline").split("\0")


def option(words: Sequence[str], *names: str) -> str:
    """The value of `--name value` or `--name=value`, the last one as programs take it; '' if there is none."""
    value = ""
    for place, word in enumerate(words):
        name, equals, given = word.partition("=")
        if name in names:
            value = given if equals else "".join(words[place + 1 : place + 2])
    return value


def parsed(text: str) -> Any:
    """JSON or TOML as objects, None where it is neither: a broken file is evidence, not an error."""
    for parse in (json.loads, tomllib.loads):
        try:
            return parse(text)
        except (ValueError, RecursionError):
            continue
    return None


def value_of(document: Any, *keys: str) -> Any:
    """What lies under the keys of nested objects, None where the way ends."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def directory(value: Any) -> str:
    """A directory as a configuration names it, '' if it cannot be one that we look into."""
    sound = isinstance(value, str) and value.startswith("/") and not any(character in value for character in "*?[\0")
    return os.path.normpath(value) if sound else ""


def installed(host: Host, name: str) -> bool:
    """Whether there is a program of that name."""
    return any(host.exists(f"{folder}/{name}") for folder in PROGRAMS)


def program(host: Host, name: str, *elsewhere: str) -> str:
    """The word by which a program is asked: its name, or its path where it only lies elsewhere."""
    if installed(host, name):
        return name
    return next((path for path in elsewhere if host.exists(path)), name)


def batches(words: Sequence[str], size: int = BATCH) -> Iterator[tuple[int, Sequence[str]]]:
    """The words in pieces, numbered from 1."""
    for start in range(0, len(words), size):
        yield start // size + 1, words[start : start + size]


def names(text: str) -> list[str]:
    """One word a line, as `--quiet` prints them; nothing that could be read as an option."""
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("-") and " " not in line]


@dataclass
class Talk:
    """Questions to one engine. Once it fails the first one, or hangs at any, what is left is recorded as skipped."""

    host: Host
    closed: str = ""
    """Why nothing more is asked."""
    ping: Command | None = field(default=None, init=False)
    slow: int = field(default=0, init=False)

    def open(self, command: Command, sign: str = "") -> None:
        """The one cheap call. Exit 0 proves nothing: a client without its server may print zeros, so a `sign` must be in the answer."""
        self.ping = command
        if self.closed:
            return
        answer = self.host.run(command)
        if answer.outcome is not Outcome.ABSENT:  # a missing command needs no branch: each question to it is recorded as absent
            self.closed = _complaint(answer, sign)

    def look(self, command: Command) -> str:
        """The answer that decides what to ask next, '' where there is none."""
        if self.closed:
            return ""
        answer = self.host.run(command)
        if answer.outcome in (Outcome.TIMEOUT, Outcome.PARTIAL):
            self.closed = _complaint(answer, "")
        return answer.stdout.decode("utf-8", "surrogateescape")

    def ask(self, *commands: Command) -> Iterator[Source]:
        """The commands, or their being skipped. What was looked at already is kept in any case."""
        for command in commands:
            answered = self.host.answered(command) is not None
            if self.closed and not answered:
                yield replace(command, skip=self.closed)
                continue
            began = time.monotonic()
            yield command
            if not answered and time.monotonic() - began >= command.timeout:
                self._ping(command)

    def _ping(self, command: Command) -> None:
        """After a call that used up its time: does the engine still live? Time also passes while our own output waits."""
        self.slow += 1
        if self.ping is not None and self.host.runner(self.ping).outcome in (Outcome.TIMEOUT, Outcome.PARTIAL):
            self.closed = f"an earlier call did not end within {command.timeout:g} s, nor did the next: {shown(command.argv)}"
        elif self.slow >= SLOW_CALLS:
            self.closed = f"{self.slow} earlier calls used up their time, the last one: {shown(command.argv)}"


def _complaint(answer: Answer, sign: str) -> str:
    """What is wrong with an answer, or ''."""
    if answer.outcome in (Outcome.TIMEOUT, Outcome.PARTIAL):
        return f"the engine did not answer in time: {shown(answer.argv)}"
    said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
    because = (said[-1] if said else answer.reason or f"exit {answer.exit}")[:200]
    if answer.outcome is not Outcome.COLLECTED or answer.exit:
        return f"the engine's first call failed: {shown(answer.argv)}: {because}"
    if sign.encode() not in answer.stdout:
        return f"the engine's first call was answered without a word of the engine itself: {shown(answer.argv)}"
    return ""


def shown(argv: Iterable[str]) -> str:
    """A command as a line, short enough for a reason."""
    line = " ".join(argv)
    return line if len(line) <= 120 else line[:117] + "..."
