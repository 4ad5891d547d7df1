"""Folders, nodes and files that every host needs, as they are."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class Place(Fact):
    """One of them; of a link what it leads to."""

    path: str
    kind: str = ""
    """`file`, `folder`, `character device`, `block device`, `fifo`, `socket`, `link` (where what it leads to is unknown),
    `nothing` where it does not exist."""
    mode: int = 0
    """The lower twelve bits."""
    uid: int = 0
    gid: int = 0
    device: str = ""
    """Of a node: `1:3`."""
    flags: str = ""
    """`i` immutable, `a` append-only."""
    changed: float = 0.0
    """When mode, owner, flags or content last changed, seconds since 1970; 0 where it is unknown."""
    is_link: bool = False

    @property
    def octal(self) -> str:
        """`1777`."""
        return f"{self.mode:04o}"
