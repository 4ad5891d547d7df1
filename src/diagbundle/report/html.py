"""A bundle as one page: verdicts with their lines first, then the host, what it did, what changed, and all that was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from diagbundle.analyse.claims.claim import Judgement
from diagbundle.analyse.diagnosis import DAYS, Diagnosis
from diagbundle.analyse.facts.spoken import stamp
from diagbundle.analyse.history.said import sentence
from diagbundle.analyse.log.tally import ERROR, STEP, WARNING, Overheard
from diagbundle.analyse.registry import SUBJECTS, Registry
from diagbundle.analyse.verdict import Finding, Severity, Status, Verdict
from diagbundle.report import histogram, listing, measures
from diagbundle.report.excerpts import MOST, Excerpt, Excerpts
from diagbundle.report.glance import glance
from diagbundle.report.histogram import DAY, Histogram
from diagbundle.report.moments import moments
from diagbundle.report.page import render

SOURCES, CHANGES, NOTES, UNREAD = 8, 200, 100, 50
"""Logs that have plots of their own, changes, notes and unread pieces: at most so many are shown."""


@dataclass(frozen=True)
class Shown:
    """A verdict as it is shown."""

    verdict: Verdict
    finding: Finding
    since: str
    excerpts: list[Excerpt]
    left_out: int
    """Lines that it cites beyond those."""
    explained: list[str]
    """What `explain` says, by paragraph."""


def as_html(evidence: Overheard, diagnosis: Diagnosis, registry: Registry, file: Mapping[str, str]) -> str:
    """The page. `file` says of the bundle itself what is known: its size, its SHA-256."""
    analysis = diagnosis.analysis
    found = [each for each in analysis.verdicts if each.finding]
    origins = [origin for each in found if each.finding for origin in each.finding.origins[:MOST]]
    excerpts = Excerpts(evidence, [*origins, *(origin for each in diagnosis.claims for origin in each.origins[:MOST])])
    docs = {rule.code: rule.doc for rule in registry.rules}
    verdicts = [_shown(each, each.finding, excerpts, docs) for each in found if each.finding]
    times = [each.finding.since for each in found if each.finding and each.finding.severity is not Severity.NOTE]
    return render(
        "report.html",
        name=evidence.name, about=analysis.about, verdicts=[each for each in verdicts if each.finding.severity is not Severity.NOTE],
        notes=verdicts and [each for each in verdicts if each.finding.severity is Severity.NOTE][:NOTES],
        counts=Counter(str(each.finding.severity) for each in verdicts),
        clear=_clear(analysis.verdicts), undecided=_undecided(analysis.verdicts),
        cleared=sum(each.status is Status.CLEAR for each in analysis.verdicts),
        unjudged=sum(each.status is Status.UNDECIDED for each in analysis.verdicts),
        claims=[(each, _standing(each), excerpts.of(each.origins)) for each in diagnosis.claims],
        host=glance(evidence, analysis), load=_load(diagnosis), events=_events(evidence, times),
        changed=[(stamp(each.time), each.kind, sentence(each)) for each in diagnosis.changed[-CHANGES:]], days=f"{DAYS:.0f}",
        all_changes=len(diagnosis.changed), moments=moments(diagnosis, evidence.errors),
        gaps=diagnosis.gaps, fetch=diagnosis.fetch, unread=list(analysis.unparsed.items())[:UNREAD], all_unread=len(analysis.unparsed),
        groups=listing.groups(evidence.entries), outcomes=listing.outcomes(evidence.entries), items=len(evidence.entries),
        hidden=listing.hidden(evidence.entries), head=evidence.head, file=list(file.items()), created=stamp(evidence.head.created),
    )  # fmt: skip


def _shown(verdict: Verdict, finding: Finding, excerpts: Excerpts, docs: Mapping[str, str]) -> Shown:
    paragraphs = [" ".join(part.split()) for part in docs.get(verdict.code, "").split("\n\n")]
    left_out = max(0, len(finding.origins) - MOST)
    return Shown(verdict, finding, _since(finding), excerpts.of(finding.origins), left_out, [part for part in paragraphs if part])


def _since(finding: Finding) -> str:
    if not finding.since:
        return ""
    last = f", last {stamp(finding.latest)}" if finding.latest - finding.since > 1 else ""
    return f"since {stamp(finding.since)}{last}"


def _standing(judged: Judgement) -> str:
    return {"confirmed": "good", "contradicted": "critical"}.get(str(judged.status), "note")


def _clear(verdicts: list[Verdict]) -> list[tuple[str, list[str]]]:
    """Suspects that are cleared, by subject."""
    found: dict[str, list[str]] = {}
    for each in verdicts:
        if each.status is Status.CLEAR:
            found.setdefault(SUBJECTS.get(each.code[:3], "rules of your own"), []).append(each.suspect)
    return sorted(found.items())


def _undecided(verdicts: list[Verdict]) -> list[tuple[str, list[str]]]:
    """Suspects that could not be judged, by the reason."""
    found: dict[str, list[str]] = {}
    for each in verdicts:
        if each.status is Status.UNDECIDED:
            found.setdefault(each.because, []).append(each.suspect)
    return list(found.items())


def _load(diagnosis: Diagnosis) -> dict[str, object]:
    """Bars and tables of what the host did and how full it is."""
    analysis = diagnosis.analysis
    tables = [table(analysis) for table in (measures.pressure, measures.faults, measures.disks, measures.networks)]
    return {
        "processors": measures.processors(analysis), "memory": measures.memory(analysis), "fill": measures.fill(analysis),
        "tables": [table for table in tables if table.rows], "seconds": analysis.about.seconds,
    }  # fmt: skip


@dataclass(frozen=True)
class Events:
    """What the logs say over time."""

    plots: list[tuple[str, Histogram]]
    """Title and columns: the whole time, and the last day."""
    sources: list[tuple[str, float, float, float, Histogram]]
    """Logs in which most errors stand: path, errors, warnings, lines, and their columns over the whole time."""
    marks: list[float]
    """When verdicts began."""
    words: list[str]
    """What is counted, what estimated, and what is not drawn."""


def _events(evidence: Overheard, times: list[float]) -> Events:
    logs = list(evidence.logs.values())
    at = histogram.minutes(logs)
    whole = histogram.whole(at)
    if whole is None:
        return Events([], [], [], ["No line of a log says its time."] if logs else ["There are no logs."])
    end = whole.start + whole.step * len(whole.columns)
    now = evidence.about.now or end
    plots = [("The whole time", whole)]
    day = histogram.between(at, now - DAY, now + 60)
    if end - whole.start > DAY and any(day.columns):
        plots.append((f"The 24 hours before the collection ({stamp(now)})", day))
    sources = []
    for log in (each for each in logs if each.at):
        errors, warnings = (sum(lines for (_, each), lines in log.at.items() if each == severity) for severity in (ERROR, WARNING))
        sources.append((log, errors, warnings))
    sources.sort(key=lambda each: (-each[1], -each[2], -each[0].lines))
    columns = [
        (log.path, errors, warnings, log.lines, histogram.between(log.at, whole.start, end)) for log, errors, warnings in sources[:SOURCES]
    ]
    return Events(plots, columns, times, list(_words(evidence, whole)))


def _words(evidence: Overheard, whole: Histogram) -> list[str]:
    logs = list(evidence.logs.values())
    sampled = [log for log in logs if not log.is_exact]
    undated = sum(log.undated for log in logs)
    said = [f"{sum(log.lines for log in logs):,.0f} lines of {len(logs):,} logs; what stands in two logs is counted twice."]
    if sampled:
        said.append(
            f"Estimated: {len(sampled):,} large logs ({sum(log.lines for log in sampled):,.0f} lines) were not read line by line. "
            f"Their lines are counted; a time was read every {STEP // 1024} KiB or more, and the lines between lie evenly between; of each "
            f"such stretch up to {evidence.read:,} lines in which a word for a severity stands were read, and stand for the others. "
            "`diagbundle timeline` reads every line."
        )
    if undated:
        said.append(f"{undated:,.0f} lines are not drawn, for no time could be read in their logs, or it lies behind the collection.")
    if whole.before:
        year = datetime.fromtimestamp(whole.start, UTC)
        said.append(f"{whole.before:,.0f} lines before {year:%Y-%m-%d} are not drawn.")
    return said
