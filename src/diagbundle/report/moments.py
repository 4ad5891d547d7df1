"""The few moments that matter, in order: when verdicts begin, what changed, reboots, and errors said about then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from diagbundle.analyse.diagnosis import Diagnosis
from diagbundle.analyse.facts.change import CRASH, REBOOT, Change
from diagbundle.analyse.facts.spoken import stamp
from diagbundle.analyse.history.said import one, sentence
from diagbundle.analyse.log.event import CERTAIN, Event
from diagbundle.analyse.log.tally import MINUTE
from diagbundle.report.measures import of

NEAR = 600.0
"""Seconds around the beginning of a verdict in which errors are shown."""
EACH, ERRORS, CHANGES = 8, 80, 60
"""Errors near one verdict, errors in all, and changes, at most."""


@dataclass(frozen=True)
class Moment:
    """One line of the list."""

    time: float
    kind: str
    """`critical`, `warning` or `note` of a verdict; `change`, `reboot`, `error`."""
    text: str
    where: str = ""
    sure: bool = True

    @property
    def said(self) -> str:
        """When, with `~` where that is not certain."""
        return stamp(self.time) if self.sure else f"~{stamp(self.time)}"


def moments(diagnosis: Diagnosis, errors: Mapping[int, Sequence[Event]]) -> list[Moment]:
    """All of them, the oldest first."""
    found = [*_verdicts(diagnosis), *_reboots(diagnosis), *_changes(diagnosis)]
    times = [each.time for each in found if each.kind in ("critical", "warning")]
    found += _errors(times, errors)
    return sorted((each for each in found if stamp(each.time)), key=lambda each: each.time)


def _verdicts(diagnosis: Diagnosis) -> Iterator[Moment]:
    for verdict in diagnosis.analysis.verdicts:
        finding = verdict.finding
        if finding and finding.since:
            yield Moment(finding.since, str(finding.severity), f"{verdict.code} begins: {finding.title}", str(finding.origins[0]))
        if finding and finding.latest and finding.latest - finding.since > NEAR:
            yield Moment(
                finding.latest, str(finding.severity), f"{verdict.code} for the last time: {finding.title}", str(finding.origins[-1])
            )


def _reboots(diagnosis: Diagnosis) -> Iterator[Moment]:
    told: set[int] = set()
    for change in sorted(of(diagnosis.analysis, Change), key=lambda change: change.time):
        minute = int(change.time // (3 * MINUTE))
        if change.kind in (REBOOT, CRASH) and not told & {minute - 1, minute}:
            told.add(minute)
            yield Moment(change.time, "reboot", one(change), str(change.origin), change.certainty == CERTAIN)


def _changes(diagnosis: Diagnosis) -> Iterator[Moment]:
    for told in [each for each in diagnosis.changed if each.kind not in (REBOOT, CRASH)][-CHANGES:]:
        yield Moment(told.time, "change", sentence(told), str(told.items[0].origins[0]), told.first.certainty == CERTAIN)


def _errors(times: Iterable[float], errors: Mapping[int, Sequence[Event]]) -> Iterator[Moment]:
    """Errors near those times; where there are no such times, the last ones."""
    near: dict[int, Event] = {}
    for time in times:
        around = range(int((time - NEAR) // MINUTE), int((time + NEAR) // MINUTE) + 1)
        events = sorted((each for minute in around for each in errors.get(minute, ())), key=lambda each: abs(each.time - time))
        near.update((id(each), each) for each in events[:EACH])
    chosen = list(near.values())[:ERRORS]
    if not chosen:
        chosen = [each for minute in sorted(errors)[-EACH:] for each in errors[minute]]
    for event in chosen:
        said = f"{event.facility}: {event.text}" if event.facility else event.text
        yield Moment(event.time, "error", said[:300], str(event.origin), event.certainty == CERTAIN)
