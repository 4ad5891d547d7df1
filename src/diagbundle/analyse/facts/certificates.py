"""Certificates, from files of this host and as servers showed them."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class Certificate(Fact):
    """One certificate."""

    where: str = ""
    """The file it lies in, or the server (`host:port`) that showed it."""
    named_by: str = ""
    """The line of a configuration that names it: `/etc/nginx/nginx.conf:40`."""
    from_server: bool = False
    through_proxy: bool = False
    asked_for: str = ""
    """Of a server: the name under which it was asked."""
    index: int = 0
    """Its place in the file or the chain, from 0."""
    subject: str = ""
    issuer: str = ""
    not_before: float = 0.0
    """Seconds since 1970; 0 where it is unknown."""
    not_after: float = 0.0
    names: tuple[str, ...] = ()
    """Hosts that it is for."""
    authority: bool = False
    """Whether it may sign others."""
    self_issued: bool = False
    doubts: str = ""
    """Of a server's own certificate: what a client would have against it."""

    @property
    def common_name(self) -> str:
        """The subject's common name, or the subject."""
        return next((part.strip()[3:] for part in self.subject.split(",") if part.strip().startswith("CN=")), self.subject)


@dataclass(frozen=True)
class TrustCheck(Fact):
    """What the host's own openssl thought of a server's chain."""

    server: str = ""
    code: int = 0
    """As `man openssl-verification-options` counts; 0 is good."""
    text: str = ""


@dataclass(frozen=True)
class TlsComplaint(Fact):
    """A line of a log in which a program says that TLS with a server failed, and names the server."""

    hosts: tuple[str, ...] = ()
    """Names and addresses in the line, in small letters."""
    is_trust: bool = False
    """Whether the server's certificate was not trusted; otherwise the handshake was refused."""
    time: float = 0.0
    who: str = ""
