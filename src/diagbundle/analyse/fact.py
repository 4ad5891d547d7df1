"""What all facts have in common, and how two readings of one thing are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from diagbundle.analyse.evidence.entry import START
from diagbundle.analyse.verdict import Origin


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing that a line says. Facts are frozen dataclasses with names and units of their own."""

    origin: Origin

    @property
    def is_start(self) -> bool:
        """Whether this is the first of two readings of a sample."""
        return self.origin.path.startswith(START)


F = TypeVar("F", bound=Fact)


def latest(facts: Iterable[F]) -> list[F]:
    """Without the first readings of samples: how things stood at the end."""
    return [fact for fact in facts if not fact.is_start]


def pairs(facts: Iterable[F], key: str | Callable[[F], Any]) -> Iterator[tuple[F, F]]:
    """The first and the last reading of each thing that was read twice."""
    name: Callable[[F], Any] = (lambda fact: getattr(fact, key)) if isinstance(key, str) else key
    first: dict[Any, F] = {}
    last: dict[Any, F] = {}
    for fact in facts:
        if fact.is_start:
            first.setdefault(name(fact), fact)
        else:
            last[name(fact)] = fact
    yield from ((first[each], last[each]) for each in first if each in last)


def seconds_between(first: Fact, last: Fact) -> float:
    """Time between two readings; 0 where it is not known."""
    if not first.origin.at or not last.origin.at:
        return 0.0
    return max(0.0, last.origin.at - first.origin.at)
