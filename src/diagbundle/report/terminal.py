"""An analysis for people, in a terminal: what is wrong, how we know, what to do; what was cleared; what could not be judged, and why."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from diagbundle.analyse.claims.claim import Judgement, Standing
from diagbundle.analyse.diagnosis import DAYS, Diagnosis
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.facts.spoken import DAY, ended, span, stamp
from diagbundle.analyse.history.changes import Told
from diagbundle.analyse.history.said import sentence
from diagbundle.analyse.registry import SUBJECTS
from diagbundle.analyse.verdict import Finding, Origin, Severity, Status, Verdict
from diagbundle.bundle.escape import shown
from diagbundle.numbers import counted

Paint = Callable[[str, str], str]
"""(text, what it is) -> the text, coloured or not."""

_INDENT = 10
_NARROWEST = 60
_LONGEST_LINE = 240
_LONG_AGO = 180 * DAY
"""Seconds after which a date needs its year."""
_LATEST = 8
"""Changes that are shown where not all are asked for."""
_CLAIMS = {Standing.CONFIRMED: "good", Standing.CONTRADICTED: "critical", Standing.NO_EVIDENCE: "note"}


def plain(text: str, _what: str) -> str:
    """No colour."""
    return text


class Terminal:
    """Writes lines of a width, each ending with a newline."""

    def __init__(self, width: int = 100, paint: Paint = plain, *, everything: bool = False) -> None:
        self.width = max(_NARROWEST, width)
        self._paint = paint
        self._everything = everything
        self._now = 0.0

    def report(self, diagnosis: Diagnosis) -> Iterator[str]:
        """All of it."""
        analysis = diagnosis.analysis
        self._now = analysis.about.now
        yield self._paint(self._host(analysis.about), "head") + "\n"
        if analysis.about.incomplete:
            yield from self._labelled("partial", analysis.about.incomplete)
        found = [each for each in analysis.verdicts if each.finding]
        loud = [each for each in found if each.finding and (self._everything or each.finding.severity is not Severity.NOTE)]
        for verdict in loud:
            yield "\n" + "".join(self.verdict(verdict))
        if not loud:
            yield "\n" + self._paint("Nothing is wrong, as far as could be judged.", "good") + "\n"
        yield "\n"
        yield from self._claims(diagnosis.claims)
        notes = [each for each in found if each not in loud]
        yield from self._listed("notes", [self._note(each.finding) for each in notes if each.finding], "note", "; ")
        yield from self._cleared([each for each in analysis.verdicts if each.status is Status.CLEAR])
        yield from self._unknown([each for each in analysis.verdicts if each.status is Status.UNDECIDED])
        yield from self._missing(diagnosis)
        yield from self._changed(diagnosis.changed)
        yield from self._listed("unread", [f"{path}: {why}" for path, why in analysis.unparsed.items()], "file", "; ")

    def _note(self, finding: Finding) -> str:
        is_old = finding.latest and self._now - finding.latest > _LONG_AGO
        return f"{finding.title} (in {datetime.fromtimestamp(finding.latest, UTC):%Y})" if is_old else finding.title

    def _host(self, about: About) -> str:
        up = f"up {span(about.uptime)}" if about.uptime else ""
        words = [about.name or "a host without a name", about.os, f"kernel {about.kernel}" if about.kernel else "", up]
        if about.now:
            words.append(f"as of {datetime.fromtimestamp(about.now, UTC):%Y-%m-%d %H:%M} UTC")
        if about.seconds:
            words.append(f"watched for {about.seconds:.0f} s")
        return "\n".join(self._wrapped(shown(" · ".join(filter(None, words))), ""))

    def verdict(self, verdict: Verdict) -> Iterator[str]:
        """One finding with its lines."""
        finding = verdict.finding
        if finding is None:
            return
        label = str(finding.severity).upper()
        first, *rest = self._wrapped(shown(finding.title), " " * _INDENT, room=len(verdict.code) + 2)
        head = first.strip()
        gap = " " * max(2, self.width - _INDENT - len(head) - len(verdict.code))
        yield self._paint(f"{label:<{_INDENT}}", str(finding.severity)) + self._paint(head, "title") + gap + verdict.code + "\n"
        for line in rest:
            yield self._paint(line, "title") + "\n"
        for text in (since(finding, self._now), finding.detail, *(f"after: {change}" for change in verdict.follows)):
            yield from self._indented(shown(text, "\n"))
        yield from self._cited(finding.origins)
        yield from self._indented(f"Do: {shown(ended(finding.advice))} `diagbundle explain {verdict.code}` tells more.")

    def _indented(self, text: str, hang: str = "") -> Iterator[str]:
        yield from (line + "\n" for line in self._wrapped(text, " " * _INDENT, hang=hang))

    def _cited(self, origins: Sequence[Origin]) -> Iterator[str]:
        for path, those in groupby(origins, key=lambda origin: origin.path):
            yield " " * _INDENT + self._paint(shown(path), "path") + "\n"
            for origin in those:
                mark = f"{origin.line:>7}  " if origin.line else " " * 9
                lines = textwrap.wrap(shown(readable(origin.text))[:_LONGEST_LINE], self.width - _INDENT - 9) or [
                    "(the whole)" if not origin.line else ""
                ]
                for number, line in enumerate(lines):
                    yield " " * _INDENT + self._paint((mark if number == 0 else " " * 9) + line, "line") + "\n"

    def _claims(self, judged: Sequence[Judgement]) -> Iterator[str]:
        """What was said of the host, and what it says to that."""
        for each in judged:
            yield self._paint(f"{str(each.status).upper()}  ", _CLAIMS[each.status]) + self._paint(shown(str(each.claim)), "title") + "\n"
            yield from self._indented(shown(each.sentence))
            yield from self._cited(each.origins)
        if judged:
            yield "\n"

    def _missing(self, diagnosis: Diagnosis) -> Iterator[str]:
        """What would be needed to judge more, and how to get it."""
        for number, gap in enumerate(diagnosis.gaps):
            label = f"{'missing' if number == 0 else '':<{_INDENT}}"
            keeps = f" (keeps {counted(len(gap.suspects), 'suspect')} from being judged)" if gap.suspects else ""
            first, *rest = self._wrapped(shown(f"{gap.what}{keeps}: {gap.fix}"), " " * _INDENT)
            yield self._paint(label, "label") + first.strip() + "\n"
            yield from (line + "\n" for line in rest)
        if diagnosis.fetch:
            yield from self._labelled("fetch", diagnosis.fetch)

    def _changed(self, changed: Sequence[Told]) -> Iterator[str]:
        """What changed lately: the last ones."""
        told = [f"{datetime.fromtimestamp(each.time, UTC):%b %d %H:%M} {sentence(each)}" for each in changed]
        shown_ones = told if self._everything else told[-_LATEST:]
        more = f" (the last {len(shown_ones)}; `diagbundle changes` shows all)" if len(told) > len(shown_ones) else ""
        if told:
            yield from self._labelled("changed", f"{len(told):,} in the last {DAYS:.0f} days{more}:")
            yield from (piece for each in shown_ones for piece in self._indented(shown(each), hang="  "))

    def _listed(self, label: str, items: Sequence[str], noun: str, between: str) -> Iterator[str]:
        """`cleared   31 suspects: DNS, gateway, …`"""
        if items:
            told = sorted(dict.fromkeys(items)) if between == ", " else list(dict.fromkeys(items))
            text = f"{counted(len(told), noun)}: {between.join(told)}"
            yield from self._labelled(label, text)

    def _cleared(self, clear: Sequence[Verdict]) -> Iterator[str]:
        """Who was questioned and is innocent: by subject, or each one."""
        subjects = Counter(SUBJECTS.get(each.code[:3], each.suspect) for each in clear)
        told = [f"{subject} ({count})" if count > 1 else subject for subject, count in sorted(subjects.items(), key=_by_name)]
        items = [each.suspect for each in clear] if self._everything else told
        if items:
            yield from self._labelled("cleared", f"{counted(len(clear), 'suspect')}: {', '.join(items)}")

    def _unknown(self, undecided: Sequence[Verdict]) -> Iterator[str]:
        """Suspects that could not be questioned, by the reason."""
        reasons: dict[str, list[str]] = {}
        for each in undecided:
            reasons.setdefault(each.because, []).append(each.suspect)
        if undecided:
            yield from self._labelled("unknown", f"{counted(len(undecided), 'suspect')} could not be judged:")
        for because, suspects in reasons.items():
            yield from self._indented(shown(f"{', '.join(suspects)}: {because}"), hang="  ")

    def _labelled(self, label: str, text: str) -> Iterator[str]:
        first, *rest = self._wrapped(shown(text), " " * _INDENT)
        yield self._paint(f"{label:<{_INDENT}}", "label") + first.strip() + "\n"
        yield from (line + "\n" for line in rest)

    def _wrapped(self, text: str, indent: str, *, room: int = 0, hang: str = "") -> list[str]:
        lines: list[str] = []
        for line in text.split("\n"):
            lines += textwrap.wrap(line, self.width - room, initial_indent=indent, subsequent_indent=indent + hang, break_on_hyphens=False)
        return lines


def _by_name(item: tuple[str, int]) -> str:
    return item[0].lower()


def readable(text: str) -> str:
    """A line of a table, which is JSON, as words."""
    return re.sub(r'[{}\[\]"]', "", text) if text.startswith("{") else text


def since(finding: Finding, now: float) -> str:
    """When it began; where the sentence says it already, only if it was so long ago that it wants its year."""
    told = finding.since and f"{datetime.fromtimestamp(finding.since, UTC):%b %d %H:%M}" in finding.title + finding.detail
    if not finding.since or (told and now - finding.since < _LONG_AGO):
        return ""
    said = f"since {stamp(finding.since)}"
    if finding.latest and finding.latest - finding.since > 1:
        said += f", last {stamp(finding.latest)}"
    return said
