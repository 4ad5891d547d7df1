"""The words of this room: what somebody says of a host, and what the host says to it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from diagbundle.analyse.verdict import Origin

if TYPE_CHECKING:
    from diagbundle.analyse.claims.desk import Desk


class Standing(StrEnum):
    """What the evidence says to a claim."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    NO_EVIDENCE = "no evidence"


@dataclass(frozen=True)
class Claim:
    """One statement about the host, by whoever wrote the ticket."""

    kind: str
    """What it is about: `kernel`, `os`, `error`."""
    value: str
    """What is said to be so."""
    said: str = ""
    """The words in which it was said, and where: `ticket.txt:3: we are on RHEL 8.9`."""

    def __str__(self) -> str:
        return f"{self.kind}={self.value}"


@dataclass(frozen=True)
class Answer:
    """What the evidence says, with the lines that say it."""

    status: Standing
    sentence: str
    origins: tuple[Origin, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """A claim, and how it stands."""

    claim: Claim
    status: Standing
    sentence: str
    """Without a full stop, as the titles of findings."""
    origins: tuple[Origin, ...] = ()


Judge = Callable[[str, "Desk"], Answer]


@dataclass(frozen=True)
class Kind:
    """One sort of claim, and who judges it."""

    name: str
    title: str
    """What it is about, in a few words, for people."""
    example: str
    """A claim of this kind as it is written on a command line."""
    aliases: tuple[str, ...]
    """What else it is called, in lower case, words separated by one space."""
    judge: Judge


_KINDS: dict[str, Kind] = {}


def every_kind() -> Mapping[str, Kind]:
    """All sorts of claims that can be judged: those of each file in the folder `kinds`."""
    package = importlib.import_module("diagbundle.analyse.claims.kinds")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return _KINDS


def kind(name: str, title: str, example: str, aliases: str = "") -> Callable[[Judge], Judge]:
    """Announce who judges claims of a kind; `aliases` are separated by commas."""

    def announce(judge: Judge) -> Judge:
        _KINDS[name] = Kind(name, title, example, tuple(filter(None, aliases.split(", "))), judge)
        return judge

    return announce


CITED = 6
"""Lines that an answer cites at most."""


def confirmed(sentence: str, origins: Sequence[Origin]) -> Answer:
    """It is so."""
    return Answer(Standing.CONFIRMED, sentence, tuple(origins[:CITED]))


def contradicted(sentence: str, origins: Sequence[Origin]) -> Answer:
    """It is not so."""
    return Answer(Standing.CONTRADICTED, sentence, tuple(origins[:CITED]))


def unknown(sentence: str, origins: Sequence[Origin] = ()) -> Answer:
    """Nobody knows."""
    return Answer(Standing.NO_EVIDENCE, sentence, tuple(origins[:CITED]))


def compared(is_so: bool, sentence: str, origins: Sequence[Origin]) -> Answer:  # noqa: FBT001  # the answer itself
    """It is so, or not, as the sentence says."""
    return confirmed(sentence, origins) if is_so else contradicted(sentence, origins)
