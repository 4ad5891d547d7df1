"""What a child is given: its job, and the world it does it in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from diagbundle.host import Host
from diagbundle.model import Collector, Source

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
