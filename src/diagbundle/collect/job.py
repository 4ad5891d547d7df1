"""What a child is given: its job, and the world it does it in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from diagbundle.host import Host
from diagbundle.model import Collector, File, Source
from diagbundle.sources.hung import Hung

DAY = 86_400
BATCH_BYTES, BATCH_FILES = 48 << 20, 2000
"""Dealt files that make one job."""

Redact = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Bytes as the host gave them -> bytes that may leave the process that read them."""


def passes_through(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """No redaction."""
    return chunks


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
    redact: Redact = passes_through
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
