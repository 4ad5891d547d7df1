"""The desk: one open bundle, the questions asked of it, and what has been learned on the way."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from diagbundle.analyse.evidence.bundle import BundleEvidence
from diagbundle.analyse.evidence.entry import Evidence
from diagbundle.analyse.history.timeline import Timeline, Told
from diagbundle.bundle.pattern import Finder
from diagbundle.bundle.reader import Bundle
from diagbundle.view.child import Child, Tell, ask, spawn
from diagbundle.view.contents import put
from diagbundle.view.job import Job, Jobs
from diagbundle.view.searching import lines_with

JUDGING = 1800
"""Seconds after which judging is given up."""
LOOKING = 300
"""Seconds that any other question may take."""
LEARNED = 64
"""Files whose counted line feeds are kept."""


class ChooseEvents(Protocol):
    """Makes the timeline that holds what is wanted. Raises `UsageError` for a time that is none."""

    def __call__(self, evidence: Evidence, since: str | None, until: str | None, choice: Mapping[str, object]) -> Timeline:
        """See above."""


@dataclass(frozen=True)
class Tools:
    """What the desk is given by who opens it: it knows neither the rules nor what finds their words."""

    judge: Callable[[Evidence], dict[str, Any]]
    """All that can be said of a host, in the form of docs/ANALYSIS.md."""
    events: ChooseEvents
    finder: Finder
    """Makes what finds words in blocks."""


class Desk:
    """Everything that a page may ask. Whatever reads the bundle does so in a child."""

    def __init__(self, bundle: Bundle, tools: Tools, evidence: Evidence | None = None) -> None:
        """`evidence`: what is judged, where the bundle is but a copy of it that can be shown."""
        self.bundle, self._tools = bundle, tools
        self._given = evidence
        self._jobs = Jobs({bundle.fd})
        self._feeds: dict[str, list[list[int]]] = {}
        self._judging: Job | None = None

    def end(self) -> None:
        """End all children."""
        self._jobs.end()
        if self._judging:
            self._judging.stop()

    def ask(self, key: Hashable, work: Callable[[Bundle, Tell], None]) -> Job:
        """A question of the bundle; what was asked before is not asked again."""
        return self._jobs.ask(key, lambda tell: work(self.bundle, tell), LOOKING)

    def judging(self) -> Job:
        """What is wrong with the host. Begun with the first page, and never ended for another question."""
        if self._judging is None:
            self._judging = Job(ask(self._judge, {self.bundle.fd}, JUDGING), JUDGING)
        return self._judging

    def _judge(self, tell: Tell) -> None:
        tell.row(self._tools.judge(self._evidence()))

    def _evidence(self) -> Evidence:
        return self._given or BundleEvidence(self.bundle)

    @property
    def judgement(self) -> dict[str, Any] | None:
        """What is wrong with the host, as soon as it is known."""
        rows = self.judging().rows
        return rows[0] if rows else None

    def cited(self, path: str) -> dict[int, list[str]]:
        """The codes of the verdicts that rest on each line of a file."""
        found: dict[int, list[str]] = {}
        for verdict in (self.judgement or {}).get("verdicts", ()):
            for origin in verdict["evidence"]:
                if origin["path"] == path and origin["line"]:
                    found.setdefault(origin["line"], []).append(verdict["rule"])
        return {line: sorted(set(codes)) for line, codes in found.items()}

    def events(self, tell: Tell, asked: Mapping[str, str], skip: int) -> None:
        """One block of the timeline."""
        choice = {"facilities": [asked["source"]] if asked["source"] else [], "severity": asked["severity"], "grep": asked["text"]}
        timeline = self._tools.events(self._evidence(), asked["since"] or None, asked["until"] or None, choice)
        put(tell, _events(timeline), skip)
        tell.note(unread=sorted(timeline.unread.items()), undated=sorted(timeline.undated.items()))

    def search(self, tell: Tell, wanted: Mapping[str, str], skip: int) -> None:
        """One block of the lines that hold a text."""
        lines_with(self.bundle, tell, wanted, self._tools.finder, skip)

    def feeds(self, path: str) -> list[list[int]]:
        """The line feeds in the frames of a file, where they had to be counted."""
        return self._feeds.get(path, [])

    def learn(self, path: str, job: Job) -> None:
        """Keep what a child has counted."""
        if "feeds" in job.notes:
            self._feeds[path] = job.notes["feeds"]
            while len(self._feeds) > LEARNED:
                del self._feeds[next(iter(self._feeds))]

    def stream(self, work: Callable[[Bundle, int], None]) -> Child:
        """A child that writes the bytes of a file."""
        return spawn(lambda fd: work(self.bundle, fd), {self.bundle.fd}, LOOKING)


def _events(timeline: Timeline) -> Iterator[list[Any]]:
    for told in timeline.events():
        yield _event(told)


def _event(told: Told) -> list[Any]:
    event = told.event
    places = [[each.path, each.line] for each in (event.origin, *told.places)]
    who = f"{event.facility}[{event.pid}]" if event.pid else event.facility
    return [
        event.time,
        event.certainty,
        event.severity,
        who,
        event.text.expandtabs(),
        [each.expandtabs() for each in told.more[:50]],
        told.cut + max(0, len(told.more) - 50),
        places,
        told.jump,
    ]
