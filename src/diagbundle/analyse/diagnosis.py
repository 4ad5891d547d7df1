"""All that is said of a host at once: verdicts, what changed, how claims stand, what is missing for more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from diagbundle.analyse import claims
from diagbundle.analyse.claims.claim import Claim, Judgement
from diagbundle.analyse.engine import Analysis, analyse
from diagbundle.analyse.evidence.entry import Evidence
from diagbundle.analyse.history import changes, said
from diagbundle.analyse.history.changes import Told
from diagbundle.analyse.log.found import Finder
from diagbundle.analyse.missing import completeness
from diagbundle.analyse.missing.completeness import Gap
from diagbundle.analyse.ranking import ranked
from diagbundle.analyse.registry import Registry
from diagbundle.analyse.verdict import Verdict

DAYS = 7.0
"""For so long before the collection changes are told."""


@dataclass
class Diagnosis:
    """The whole answer."""

    analysis: Analysis
    """With its verdicts in order."""
    changed: list[Told] = field(default_factory=list)
    claims: list[Judgement] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    fetch: str = ""
    """The one command that would fetch what is missing."""


def diagnose(evidence: Evidence, registry: Registry, finder: Finder, said_of_it: Sequence[Claim] = ()) -> Diagnosis:
    """Judge what lies on the desk."""
    analysis = analyse(evidence, registry, finder)
    changed = changes.lately(analysis.facts, analysis.about, DAYS)
    gaps = completeness.gaps(analysis, evidence, registry)
    analysis.verdicts = ranked([_followed(each, changed) for each in analysis.verdicts], analysis.about.now)
    judged = claims.judge(said_of_it, analysis, evidence, finder)
    return Diagnosis(analysis, changed, judged, gaps, completeness.command(gaps, analysis))


def _followed(verdict: Verdict, changed: Sequence[Told]) -> Verdict:
    """With what changed shortly before it began."""
    return replace(verdict, follows=said.before(verdict.finding, changed)) if verdict.finding else verdict
