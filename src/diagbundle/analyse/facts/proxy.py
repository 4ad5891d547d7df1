"""Proxies that programs are told to use."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class ProxySetting(Fact):
    """A variable such as `http_proxy` in a file, or in the environment of a running service."""

    variable: str = ""
    """As it is spelled, in lower or upper case."""
    value: str = ""
    """Without user and password."""
    where: str = ""
    """The file, or the name of the service."""
    running: bool = False
    """Whether a running process has it, and not only a file."""
    unit: str = ""
    """Of a running process: the last part of its control group."""

    @property
    def is_service(self) -> bool:
        """Whether a service of this host has it, and neither a container nor somebody's login."""
        return self.running and self.unit.endswith(".service") and not self.unit.startswith("user@")

    @property
    def name(self) -> str:
        """The variable in lower case."""
        return self.variable.lower()

    @property
    def place(self) -> str:
        """The proxy's `host:port` in lower case, without scheme, user and path."""
        return self.value.rpartition("://")[2].rpartition("@")[2].partition("/")[0].lower()


@dataclass(frozen=True)
class GarbledAnswer(Fact):
    """A line of a log in which a program says that it could not read what a server sent."""

    place: str = ""
    """The server's `host:port` or name, where the line tells it."""
    what: str = ""
    """What was wrong, in the program's word."""
    time: float = 0.0
