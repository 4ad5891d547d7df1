"""What became of the questions that this host was asked to put to others: one fact for each row of a probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class Probe(Fact):
    """One row of a probe. What it means is said by `what` and `outcome`."""

    kind: str = ""
    """`arp`, `dns`, `tcp`, `tls`, `proxy`, `ntp`, `mtu`, `http`, `ports`."""
    target: str = ""
    """`host:port`, or a bare address where the kind knows no ports."""
    named_by: str = ""
    """Where the configuration names it: `/etc/resolv.conf:3`."""
    what: str = ""
    """`question`, `resolve`, `connect`, `neighbour`, `own_address`, `tls`, `compare`, `connect_through`, `ntp`, `mtu`, `http`, …"""
    outcome: str = ""
    detail: str = ""
    address: str = ""
    port: int = 0
    name: str = ""
    """The name that was asked for."""
    way: str = ""
    """Of a probe of a proxy: `direct` or `proxy`."""
    ms: float = 0.0
    """How long the answer took, in milliseconds."""
    more: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """All that the row says."""

    @property
    def file(self) -> str:
        """The file that names the target, without the line."""
        return self.named_by.rpartition(":")[0] if self.named_by.rpartition(":")[2].isdigit() else self.named_by

    @property
    def host(self) -> str:
        """The target's name or address, without its port."""
        head, colon, port = self.target.rpartition(":")
        return (head if colon and port.isdigit() and (":" not in head or head.endswith("]")) else self.target).strip("[]")
