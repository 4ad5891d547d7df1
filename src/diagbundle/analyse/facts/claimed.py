"""Who a host says it is, in each of the places where it says so."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.api import Fact


@dataclass(frozen=True)
class Release(Fact):
    """What one file says of the distribution."""

    file: str
    """Path on the host: `/etc/os-release`, `/etc/redhat-release`, `/etc/debian_version`."""
    name: str
    """As it stands there: `Red Hat Enterprise Linux 8.9 (Ootpa)`."""
    id: str = ""
    """`rhel`, `debian`, `sles`; '' where the file says nothing that can be understood."""
    version: str = ""
    """`8.9`, `12`, `22.04`; '' where there is none."""

    @property
    def major(self) -> str:
        """`8` of `8.9`."""
        return self.version.partition(".")[0]


@dataclass(frozen=True)
class HostName(Fact):
    """The host's name, as one place says it."""

    name: str
    place: str
    """`kernel` (what is in force), `file` (what will be after the next start)."""


@dataclass(frozen=True)
class BasePackage(Fact):
    """An installed package that every host of a distribution has: it shows which release the host is made of."""

    name: str
    version: str
    build: str = ""
    """For which release it was built, as its version tells: `el8`, `fc39`, `amzn2023`, `deb12`, `ubuntu`; '' where it does not."""
    vendor: str = ""
    """`Red Hat, Inc.`; '' where it is not known."""
