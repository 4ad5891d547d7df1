"""How names become addresses on this host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from diagbundle.analyse.fact import Fact

DEFAULTS = re.compile(
    r"(^|\.)(pool\.ntp\.org|debian\.org|ubuntu\.com|canonical\.com|snapcraft\.io|fedoraproject\.org|centos\.org|redhat\.com|rockylinux\.org|almalinux\.org"
    r"|opensuse\.org|suse\.com|amazonaws\.com|amazon\.pool\.ntp\.org|oracle\.com|alpinelinux\.org|archlinux\.org|docker\.io|docker\.com|quay\.io|gcr\.io|k8s\.io"
    r"|time\.google\.com|time\.cloudflare\.com|clamav\.net|metadata\.google\.internal|mit\.edu|stanford\.edu|utoronto\.ca|cmu\.edu|umich\.edu|gnu\.org|1ts\.org|dementia\.org|ihtfp\.org|example\.(com|net|org)|fwupd\.org|fedoraproject\.org|mariadb\.org|postgresql\.org|nodesource\.com|github\.com)$"
)
"""Public names that distributions set by themselves (the realms of krb5.conf too): a host without the internet need not know them."""
DAY = 86400.0


@dataclass(frozen=True)
class ResolverFile(Fact):
    """/etc/resolv.conf as a whole; its origin is the file."""

    servers: tuple[str, ...] = ()
    """Addresses, in the order in which they are asked."""
    search: tuple[str, ...] = ()
    """Domains that are put behind short names."""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class NameServer(Fact):
    """A line `nameserver` of a resolver's file."""

    address: str = ""
    file: str = ""
    """Where it stands: `/etc/resolv.conf`."""


@dataclass(frozen=True)
class ResolverLink(Fact):
    """A resolver's file that is a link."""

    path: str = ""
    target: str = ""
    exists: bool = True
    """Whether it leads to a file."""


@dataclass(frozen=True)
class HostEntry(Fact):
    """A line of /etc/hosts."""

    address: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class NssSource(Fact):
    """A line of /etc/nsswitch.conf: where names of a sort are looked up."""

    database: str = ""
    sources: tuple[str, ...] = ()
    """`files`, `dns`, `[NOTFOUND=return]`, … in their order."""


@dataclass(frozen=True)
class Lookup(Fact):
    """What the host's own C library answered when asked for a name."""

    name: str = ""
    found: bool = False
    seconds: float = 0.0
    """How long it took; 0 where that is not known."""


@dataclass(frozen=True)
class UnresolvedName(Fact):
    """A line of a log in which a program says that it could not resolve a name."""

    name: str = ""
    """The name, where the line tells it."""
    no_such_name: bool = False
    """Whether the resolver denied the name (and did not merely fall silent)."""
    time: float = 0.0
    who: str = ""


@dataclass(frozen=True)
class UdpPort(Fact):
    """A UDP port that somebody listens on."""

    address: str = ""
    port: int = 0
    waiting: int = 0
    """Bytes that the program has not fetched yet."""
    drops: int = 0
    """Datagrams that were thrown away since it was opened."""


def unanswered(complaints: Sequence[UnresolvedName], now: float) -> list[UnresolvedName]:
    """Complaints of the last day that no name server answered; those who heard "no such name" were answered by somebody."""
    recent = (each for each in complaints if not each.no_such_name and (not now or not each.time or now - each.time < DAY))
    return [each for each in recent if not DEFAULTS.search(each.name)]
