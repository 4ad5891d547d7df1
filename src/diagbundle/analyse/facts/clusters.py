"""Clusters of hosts: what their engines say of nodes, links and their own health."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class ClusterWord(Fact):
    """corosync's or pacemaker's word that something of the cluster is lost, or is back."""

    kind: str = ""
    """`quorum`, `link`, `node`, `resource`, `fencing`."""
    what: str = ""
    """What is meant: `host 3`, `vip on node2`; '' of the quorum."""
    text: str = ""
    time: float = 0.0
    is_back: bool = False


@dataclass(frozen=True)
class CephCheck(Fact):
    """A health check of a Ceph cluster that fails, or was cleared."""

    code: str = ""
    """`OSD_DOWN`."""
    text: str = ""
    time: float = 0.0
    is_cleared: bool = False
