"""Libraries that programs have loaded."""

from __future__ import annotations

from dataclasses import dataclass

from diagbundle.analyse.fact import Fact


@dataclass(frozen=True)
class OldLibrary(Fact):
    """A library that a process has loaded and whose file was replaced or removed since."""

    path: str
    pid: int
    name: str = ""
    """Of the process."""
