"""Software that runs on several hosts at once: what it says of its members, and what its tools show."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact

SOUND, BAD, GRAVE = 0, 1, 2
"""How it stands: well; something has failed; nothing useful can be done so."""


@dataclass(frozen=True)
class MemberWord(Fact):
    """A program's word in a log that it lost its cluster, a member or a link; or that it has it back."""

    product: str
    """`Galera`."""
    what: str = ""
    """What is meant: a node, a volume, a link; '' of the cluster itself."""
    loss: str = ""
    """What was lost, as a clause: `lost its quorum`."""
    is_back: bool = False
    is_grave: bool = False
    """Whether this host can do nothing useful until it is back."""
    text: str = ""
    time: float = 0.0
    """Seconds since 1970; 0 where it is unknown."""


@dataclass(frozen=True)
class MemberState(Fact):
    """One line of a cluster's own tool: how a node, a resource or the whole stands."""

    tool: str
    """`pcs status`."""
    product: str
    what: str
    """What is meant: `node db2`."""
    state: str
    """In words of the tool, or of ours: `offline`."""
    badness: int = SOUND
