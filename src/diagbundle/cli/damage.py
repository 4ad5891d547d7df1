"""What is said where pieces of the evidence turned out to be damaged: the answer is there, but lacks what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagbundle.bundle.escape import shown
from diagbundle.cli.talk import say
from diagbundle.numbers import counted

if TYPE_CHECKING:
    from diagbundle.analyse.evidence.entry import Evidence

DAMAGED = 4
TOLD = 5
"""Damaged pieces that are named."""


def ended(code: int, *read: Evidence) -> int:
    """The exit code of a command that has answered: 4, which is said, where pieces that it read are damaged; else `code`."""
    damaged = [evidence for evidence in read if evidence.damaged]
    for evidence in damaged:
        names = sorted(evidence.damaged)
        more = f" and {len(names) - TOLD:,} more" if len(names) > TOLD else ""
        pieces = f"{counted(len(names), 'piece')} of it: {', '.join(map(shown, names[:TOLD]))}{more}"
        say(f"diagbundle: {shown(evidence.name)} is damaged, and the answer lacks some or all of {pieces}")
    if damaged:
        say("hint: ask for the file again; `diagbundle verify BUNDLE` checks all of it")
    return DAMAGED if damaged else code
