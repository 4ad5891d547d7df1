"""Whether a bundle holds what is needed for a kind of problem, and why something of it is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.entry import START, Entry, Evidence
from diagbundle.analyse.missing.circumstances import Circumstances
from diagbundle.analyse.missing.completeness import Gap, never_asked, of_entry
from diagbundle.analyse.missing.gathered import gatherers
from diagbundle.analyse.missing.kinds import Kind, Need
from diagbundle.analyse.verdict import Origin
from diagbundle.bundle.format import OWN

_TABLES = f"{OWN}/tables/"
"""What lies here is always asked for: its collector has a row for it even where the host has no such thing."""


class State(StrEnum):
    """How a need stands; the best first."""

    THERE = "there"
    PARTIAL = "partial"
    MISSING = "missing"
    NOT_HERE = "not on this host"


_BEST = list(State)


@dataclass(frozen=True)
class Answer:
    """A need, and how it stands."""

    need: Need
    state: State
    gaps: tuple[Gap, ...] = ()
    """Why it is missing or partial, and who would fetch it; none where it is there, or not on this host."""

    @property
    def because(self) -> str:
        """The first reason, and how many more there are; ''."""
        whats = list(dict.fromkeys(gap.what for gap in self.gaps))
        return "" if not whats else whats[0] if len(whats) == 1 else f"{whats[0]}, and {len(whats) - 1:,} more"


@dataclass(frozen=True)
class Held:
    """What there is for a kind of problem."""

    kind: Kind
    answers: tuple[Answer, ...]

    def of(self, state: State) -> list[Answer]:
        """Those that stand so."""
        return [each for each in self.answers if each.state is state]

    @property
    def needed(self) -> int:
        """How many things are needed, and could be had on this host."""
        return len(self.answers) - len(self.of(State.NOT_HERE))


def held(kinds: Sequence[Kind], analysis: Analysis, evidence: Evidence) -> list[Held]:
    """What there is for each of some kinds of problem."""
    how = Circumstances(evidence, analysis)
    return [Held(kind, tuple(_answer(how, need) for need in kind.needs)) for kind in kinds]


def _answer(how: Circumstances, need: Need) -> Answer:
    """The best that one of its patterns gives. Where nothing is there, all that is known of why."""
    found: list[tuple[State, tuple[Gap, ...]]] = []
    for pattern in need.paths:
        entries = [entry for entry in how.index.matching([pattern]) if pattern.startswith(START) or not entry.path.startswith(START)]
        gaps = tuple(gap for entry in entries for gap in _lacking(how, entry))
        whole = any(_is_whole(entry) for entry in entries)
        there = any(entry.there for entry in entries)
        if whole and not gaps:
            return Answer(need, State.THERE)
        found.append((State.PARTIAL if there else State.MISSING if gaps else State.NOT_HERE, gaps))
    state = min((each for each, _ in found), key=_BEST.index)
    gaps = next((gaps for each, gaps in found if each is state and gaps), ())
    if state is State.NOT_HERE and not how.index.matching(need.paths[:1]):
        gaps = tuple(_unasked(how, need))
        state = State.MISSING if gaps else state
    return Answer(need, state, tuple(replace(gap, collectors=need.collectors or gap.collectors) for gap in gaps))


def _lacking(how: Circumstances, entry: Entry) -> Iterator[Gap]:
    """Why one answer is not there; nothing of what the host does not have."""
    if entry.is_struck:
        what = f"{entry.source or entry.path} was struck out before the bundle left"
        yield Gap(what, "ask for it, and say what for", (Origin(entry.path, 0, entry.reason, entry.started),))
    yield from of_entry(how, entry)


def _is_whole(entry: Entry) -> bool:
    return entry.there and entry.outcome in ("collected", "")


def _unasked(how: Circumstances, need: Need) -> Iterator[Gap]:
    """What nobody asked for, though somebody would: where who asks for its first pattern came to its end, the host has no such thing."""
    if need.collectors and not any(how.did_run(name) for name in need.collectors):
        yield Gap(f"the collector {need.collectors[0]} was left out", "collect what it asks, too", (how.origin(""),))
    elif not need.collectors:
        yield from never_asked(how, need.paths[:1])
        names = gatherers(need.paths[0])
        if need.paths[0].startswith(_TABLES) and "*" not in need.paths[0] and all(map(how.did_run, names)):
            yield Gap(
                "the diagbundle that collected it did not ask for it yet", "collect with this one", (how.origin(""),), collectors=names
            )
