"""What a child is given: its job, and the world it does it in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

from diagbundle.host import Host
from diagbundle.model import Collector, File, Source
from diagbundle.sources.hung import Hung

DAY = 86_400
BATCH_BYTES, BATCH_FILES = 48 << 20, 2000
"""Dealt files that make one job."""


class Filter(Protocol):
    """What one answer goes through before it leaves the process that read it."""

    name: str
    """Of the file, once its first piece is there: a compressed one is opened, and loses its suffix."""
    fault: str
    """Why what comes out is not all that went in, or ''."""
    said: str
    """What was done to it so that it can be read: `unpacked (gzip)`, or ''."""
    counts: Mapping[str, int]
    """What was removed so far, by kind."""

    def __call__(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Bytes as the host gave them -> bytes that may leave. Raises `SourceError`: `SourceSkipped` before the first one."""

    @property
    def suspects(self) -> Sequence[Mapping[str, Any]]:
        """Lines that somebody should look at, as rows."""


class Redaction(Protocol):
    """Makes the filters of a run. `collect` does not know what they remove."""

    exact: bool
    """Whether exactly as many bytes come out as go in, so that the size of a file may be promised."""

    def answer(self, name: str) -> Filter:
        """For the answer of a command (its words), or a table."""

    def file(self, name: str) -> Filter:
        """For a file."""

    def text(self, text: str) -> str:
        """A name or a reason, for the manifest."""

    def learned(self) -> list[list[str]]:
        """Names that were met and given stand-ins since this was asked last."""

    def learn(self, names: list[list[str]]) -> None:
        """What another process has met."""


class Raw:
    """No redaction: the filter of everything, and the one who makes it."""

    exact = True
    fault = said = ""
    counts: Mapping[str, int] = MappingProxyType({})
    suspects: Sequence[Mapping[str, Any]] = ()

    def __init__(self, name: str = "") -> None:
        self.name = name

    def __call__(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """All as it is."""
        return iter(chunks)

    def answer(self, name: str) -> Raw:
        """For any answer."""
        return Raw(name)

    file = answer

    def text(self, text: str) -> str:
        """Any text."""
        return text

    def learned(self) -> list[list[str]]:
        """Nothing."""
        return []

    def learn(self, names: list[list[str]]) -> None:
        """Nothing is kept."""


@dataclass
class Job:
    """What one child has to do."""

    collector: Collector
    phase: str
    """`start`, `end` (samples) or the collector's stage."""
    ask: Callable[[Host], Iterable[Source]]
    timeout: float
    dealt: bool = False
    """Whether these are files that another child found behind a pattern."""
    bytes: int = 0
    """Size of the files that were dealt."""
    skip: set[str] = field(default_factory=set)
    """Keys of sources that are done, or that a child before this one hung at."""


@dataclass
class World:
    """What all children of a run share."""

    host: Host
    prefix: str
    """Of the bundle."""
    claimed: dict[str, str]
    """Names in the bundle that are taken, each with what it answers; a child gets it as it was when it began."""
    redact: Redaction = field(default_factory=Raw)
    since: float = 0.0
    """Logs whose last change is older (Unix time) are left out; 0 for none."""
    mark: str = "0"
    """In the environment of every command of this run."""
    home: str = "/"
    """Home directory of commands."""
    hung: Hung = field(default_factory=Hung)
    """What all children know of programs that do not answer."""
    supervisor: int = field(default_factory=os.getpid)
    """Whoever reads the answers: a child with another parent has lost it."""


def deal(job: Job, files: Iterable[tuple[str, int, float]], timeout: float) -> list[Job]:
    """Jobs of many files (path, size, last change): the newest logs first, large ones first among them, so that no lane ends late."""
    now = time.time()
    batch: list[str] = []
    size = 0
    jobs = []
    for path, length, _ in sorted(files, key=lambda file: (_age(now - file[2]), -file[1])):
        batch.append(path)
        size += length
        if size >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            jobs.append(_reading(job, batch, size, timeout))
            batch, size = [], 0
    return [*jobs, _reading(job, batch, size, timeout)] if batch else jobs


def _reading(job: Job, paths: list[str], size: int, timeout: float) -> Job:
    """A job that reads these files for a collector."""
    text = "\0".join(paths)  # with a million files, lists of them take twice the memory

    def ask(_host: Host) -> Iterator[File]:
        return (File(path, timeout=timeout) for path in text.split("\0"))

    return replace(job, ask=ask, dealt=True, bytes=size, skip=set())


def _age(seconds: float) -> int:
    """Logs of today before those of this week before the rest."""
    return 0 if seconds < DAY else 1 if seconds < 7 * DAY else 2
