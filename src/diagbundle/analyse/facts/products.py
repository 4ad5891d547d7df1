"""What programs complain of in their logs: ports, files, other servers, and their last words."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class PortTaken(Fact):
    """A program could not listen on a port, because another one does."""

    who: str = ""
    port: int = 0
    """0 where the line does not say it."""
    time: float = 0.0


@dataclass(frozen=True)
class Denied(Fact):
    """A program was not allowed to use a file, or a port."""

    who: str = ""
    path: str = ""
    """'' where it was a port."""
    port: int = 0
    time: float = 0.0
    is_forbidden: bool = False
    """"Operation not permitted": not even root may, whatever the modes."""


@dataclass(frozen=True)
class FileMode(Fact):
    """Owner and mode of a file or folder."""

    path: str = ""
    mode: str = ""
    """Four octal digits."""
    uid: int = 0
    gid: int = 0


WORKS = "works again"


@dataclass(frozen=True)
class Unreached(Fact):
    """A program could not talk to a server that it needs."""

    who: str = ""
    target: str = ""
    """`127.0.0.1:9001`, `db.example:5432`, a socket's path, a backend's name; '' where it is not said."""
    what: str = ""
    """`refused`, `reset`, `timed out`, `no route`, `closed early`, `no server left`, `502` …; `works again`"""
    time: float = 0.0
    is_proxy: bool = False
    """Whether it passes on what others ask for: its clients see 502, 503 or 504."""


@dataclass(frozen=True)
class FatalLine(Fact):
    """A line that calls itself fatal or critical."""

    who: str = ""
    text: str = ""
    form: str = ""
    """The text with numbers and identifiers masked: equal for lines that say the same."""
    time: float = 0.0
