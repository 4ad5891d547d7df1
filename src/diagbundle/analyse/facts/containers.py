"""Containers of every engine, and the engines themselves."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class Container(Fact):
    """A container, as one source tells of it; what that source does not tell is None or ''."""

    engine: str = ""
    ident: str = ""
    name: str = ""
    image: str = ""
    state: str = ""
    """`running`, `restarting`, `exited`, `created`, `paused`, `dead`."""
    exit: int | None = None
    restarts: int | None = None
    oom: bool | None = None
    """Whether its memory limit killed it."""
    limit: int | None = None
    """Bytes of memory it may use."""
    health: str = ""
    """`healthy`, `unhealthy`, `starting`."""
    said: str = ""
    """What its last health check said, or why it could not be started."""
    stopped_by_hand: bool | None = None
    started: float = 0.0
    """Seconds since 1970."""
    finished: float = 0.0
    attempt: int | None = None
    """Of a pod's container: which one it is, counted from 0."""


@dataclass(frozen=True)
class ContainerKills(Fact):
    """How often the kernel killed a process of a running container for want of memory, since the container was started."""

    engine: str = ""
    ident: str = ""
    kills: int = 0


@dataclass(frozen=True)
class Engine(Fact):
    """A daemon of containers that runs."""

    name: str = ""
    states: tuple[str, ...] = ()
    """States of its processes, in the kernel's letters."""


@dataclass(frozen=True)
class EngineFile(Fact):
    """A configuration file of an engine; `fault` says why it cannot be read, '' where it can."""

    engine: str = ""
    path: str = ""
    fault: str = ""


@dataclass(frozen=True)
class EngineEnd(Fact):
    """A line in which an engine's daemon says why it does not start; or, with `began`, that it did."""

    engine: str = ""
    text: str = ""
    time: float = 0.0
    began: bool = False
