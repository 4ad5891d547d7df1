"""What goes into a ticket: who the host is, what is wrong with it and how we know, what changed, what was claimed, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from diagbundle.analyse.claims.claim import Judgement, Standing
from diagbundle.analyse.diagnosis import DAYS, Diagnosis
from diagbundle.analyse.evidence.entry import Head
from diagbundle.analyse.facts.spoken import ended, span
from diagbundle.analyse.history.said import sentence
from diagbundle.analyse.missing import completeness
from diagbundle.analyse.missing.completeness import Gap
from diagbundle.analyse.missing.needs import Answer, Held, State
from diagbundle.analyse.verdict import Origin, Severity, Status, Verdict
from diagbundle.numbers import amount, counted
from diagbundle.report.blocks import Block, Command, Heading, Items, Lines, Said
from diagbundle.report.json import as_object, moment
from diagbundle.report.markdown import markdown
from diagbundle.report.terminal import readable, since

FITS = 120
"""Lines of Markdown that a ticket has at most, unless all is asked for."""
_LONG = 240
"""Characters of a cited line, or of a reason, that are shown."""
_CLAIMS = (Standing.CONTRADICTED, Standing.CONFIRMED, Standing.NO_EVIDENCE)
_NAMED = 3


@dataclass(frozen=True)
class File:
    """The file on the desk; of a folder only its name is known."""

    name: str
    size: int = 0
    sha256: str = ""
    checked: str = ""
    """What is known of its being unchanged, as the end of a sentence."""
    signed: str = ""
    """Who signed it, and whether that was checked; '' where nobody did."""


@dataclass(frozen=True)
class Ticket:
    """All that a ticket may tell."""

    file: File
    head: Head
    diagnosis: Diagnosis
    held: Sequence[Held] = field(default=())
    """What there is for each kind of problem that it may be."""

    @property
    def hindering(self) -> list[Gap]:
        """What keeps the rules for these kinds of problem from judging."""
        starts = tuple(start for each in self.held for start in each.kind.rules)
        return [gap for gap in self.diagnosis.gaps if any(code.startswith(starts) for code in gap.codes)]

    @property
    def fetch(self) -> str:
        """The one command that fetches what is missing for these kinds of problem, and what their rules lack."""
        gaps = [gap for each in self.held for answer in each.answers for gap in answer.gaps]
        gaps += self.hindering
        program = f"./{self.head.kit}" if self.head.kit else "diagbundle"
        return completeness.command(gaps, self.diagnosis.analysis, program=program, case=self.head.case)


@dataclass(frozen=True)
class Most:
    """How much of each is told."""

    verdicts: int
    cited: int
    changes: int
    claims: int
    needs: int
    unjudged: int


_ALL = Most(*[1 << 30] * 6)
_SIZES = (Most(6, 4, 8, 8, 8, 5), Most(5, 3, 6, 6, 6, 4), Most(4, 2, 5, 5, 4, 3), Most(2, 2, 4, 4, 3, 2), Most(1, 1, 2, 3, 2, 2))


def blocks(ticket: Ticket, *, everything: bool = False) -> list[Block]:
    """The ticket. Where not everything is asked for, as much of it as is readable."""
    if everything:
        return list(_Told(ticket, _ALL, everything=True).blocks())
    for most in _SIZES:
        told = list(_Told(ticket, most).blocks())
        if markdown(told).count("\n") <= FITS:
            break
    return told


def as_json(ticket: Ticket) -> dict[str, Any]:
    """The same for programs: what `analyze` answers, and what is known of the file and of the kinds of problem."""
    file, head = ticket.file, ticket.head
    answer = as_object(file.name, ticket.diagnosis)
    answer["file"] = {"name": file.name, "size": file.size or None, "sha256": file.sha256 or None, "signed": file.signed or None}
    answer["host"]["machine"] = head.machine or None
    answer["made"] = {"tool": head.tool or None, "kit": head.kit or None, "for": head.made_for or None, "case": head.case or None}
    answer["problems"] = [
        {
            "kind": each.kind.name, "title": each.kind.title, "needed": each.needed, "there": len(each.of(State.THERE)),
            "needs": [_answer(answer) for answer in each.answers],
        }
        for each in ticket.held
    ]  # fmt: skip
    answer["fetch"] = ticket.fetch or None
    return answer


def _answer(answer: Answer) -> dict[str, Any]:
    names = dict.fromkeys(name for gap in answer.gaps for name in gap.collectors)
    return {
        "need": answer.need.name, "what": answer.need.what, "state": str(answer.state), "because": answer.because or None,
        "collectors": list(names),
    }  # fmt: skip


class _Told:
    """One ticket in a size."""

    def __init__(self, ticket: Ticket, most: Most, *, everything: bool = False) -> None:
        self._ticket, self._most, self._everything = ticket, most, everything
        self._diagnosis = ticket.diagnosis
        self._name = ticket.file.name.replace("`", "")
        self._verdicts = ticket.diagnosis.analysis.verdicts
        self._about = ticket.diagnosis.analysis.about
        self._found = [each for each in self._verdicts if each.finding]
        self._loud = [each for each in self._found if everything or (each.finding and each.finding.severity is not Severity.NOTE)]

    def blocks(self) -> Iterator[Block]:
        yield Heading(1, self._title())
        yield Items(tuple(self._identity()))
        yield from self._wrong()
        yield from self._claims()
        yield from self._changed()
        yield from self._needs()
        yield from self._unjudged()

    def _title(self) -> str:
        name = self._about.name or "a host without a name"
        worst = next((each.finding for each in self._loud if each.finding), None)
        return f"{name}: {worst.severity}: {worst.title}" if worst else f"{name}: nothing is wrong, as far as could be judged"

    def _identity(self) -> Iterator[tuple[str, str]]:
        file, head, about = self._ticket.file, self._ticket.head, self._about
        kernel = f"kernel {about.kernel}" if about.kernel else ""
        yield "Host", ", ".join(filter(None, (about.name or "without a name", about.os, kernel, head.machine)))
        if about.now:
            zone = f" (the host's zone is {about.zone})" if about.zone else ""
            up = f"; up {span(about.uptime)}, since {_minute(about.booted)}" if about.uptime else ""
            who = f"; not as root (uid {head.uid})" if head.uid not in ("", "0") else ""
            yield "Collected", f"{_minute(about.now)}{zone}{up}{who}"
        size = f", {amount(file.size)}" if file.size else ""
        yield "Bundle", f"`{self._name}`{size}{f'; {file.checked}' if file.checked else ''}"
        if about.incomplete:
            lost = next((gap.what for gap in self._diagnosis.gaps if " could not be had" in gap.what), about.incomplete)
            yield "Partial", _cut(lost)
        if file.sha256:
            yield "SHA-256", f"`{file.sha256}`"
        if file.signed:
            yield "Signed", file.signed
        kit = f", as the kit {head.kit} for {head.made_for}" if head.kit else ""
        yield "Made by", f"{head.tool or 'another tool, or its manifest is lost'}{kit}"
        if head.case:
            yield "Case", head.case

    # -- verdicts

    def _wrong(self) -> Iterator[Block]:
        counts = [(level, sum(1 for each in self._found if each.finding and each.finding.severity is level)) for level in Severity]
        told = ", ".join(f"{count:,} {level}{'s' if level is Severity.NOTE and count > 1 else ''}" for level, count in counts if count)
        yield Heading(2, f"What is wrong: {told}" if self._loud else "What is wrong")
        shown_ones = self._loud[: self._most.verdicts]
        for verdict in shown_ones:
            yield from self._verdict(verdict)
        if not self._loud:
            yield Said("Nothing that accuses anybody was found, as far as could be judged.")
        notes = len(self._found) - len(self._loud)
        rest = [f"{len(self._loud) - len(shown_ones):,} more"] if len(self._loud) > len(shown_ones) else []
        rest += [counted(notes, "note")] if notes else []
        if rest:
            yield Said(f"And {' and '.join(rest)}: `diagbundle analyze {self._name}`.")

    def _verdict(self, verdict: Verdict) -> Iterator[Block]:
        finding = verdict.finding
        if finding is None:
            return
        yield Heading(3, f"{str(finding.severity).upper()} {verdict.code}: {finding.title}")
        began = since(finding, self._about.now).removeprefix("since ")
        items = [("Since", began), *(("", said) for said in finding.detail.split("\n"))]
        items += [("After", change) for change in verdict.follows]
        items = [(label, said) for label, said in items if said.strip()]
        yield Items((*items, ("Do", f"{ended(finding.advice)} `diagbundle explain {verdict.code}` tells more.")))
        yield self._cited(finding.origins)

    def _cited(self, origins: Sequence[Origin]) -> Lines:
        lines = [_cut(f"{origin}  {readable(origin.text) or '(the whole)'}") for origin in origins[: self._most.cited]]
        more = len(origins) - len(lines)
        return Lines((*lines, *([f"(and {more:,} more)"] if more > 0 else [])))

    # -- the rest

    def _claims(self) -> Iterator[Block]:
        judged = sorted(self._diagnosis.claims, key=lambda each: _CLAIMS.index(each.status))
        if judged:
            yield Heading(2, "What was claimed")
        for each in judged[: self._most.claims]:
            yield from self._claim(each)
        if len(judged) > self._most.claims:
            yield Said(f"And {len(judged) - self._most.claims:,} more claims: `--all` shows them.")

    def _claim(self, judged: Judgement) -> Iterator[Block]:
        yield Said(f"`{str(judged.claim).replace('`', '')}`: {judged.sentence}", str(judged.status).capitalize())
        if judged.origins:
            yield self._cited(judged.origins if self._everything else judged.origins[:1])

    def _changed(self) -> Iterator[Block]:
        changed = self._diagnosis.changed
        if not changed:
            return
        last = changed[-self._most.changes :]
        yield Heading(2, f"What changed in the {DAYS:.0f} days before: {len(changed):,}")
        yield Lines(tuple(f"{_minute(each.time)}  {_cut(sentence(each))}  ({_cut(str(each.items[0].origins[0]))})" for each in last))
        if len(last) < len(changed):
            yield Said(f"These are the last {len(last)}; `diagbundle changes {self._name}` shows all.")

    def _needs(self) -> Iterator[Block]:
        for each in self._ticket.held:
            there, lost, partial = (each.of(state) for state in (State.THERE, State.MISSING, State.PARTIAL))
            yield Heading(2, f"For {each.kind.title}: {len(there)} of {each.needed} things needed are there")
            items = [*_by_reason("Missing", lost), *_by_reason("There in part", partial)]
            left = len(items) - self._most.needs
            items = items[: self._most.needs] + ([("", f"and {left:,} more")] if left > 0 else [])
            if nowhere := [one.need.what for one in each.of(State.NOT_HERE)]:
                items.append(("Not on this host", ", ".join(nowhere)))
            if items:
                yield Items(tuple(items))
        known = {one.because for each in self._ticket.held for one in each.answers}
        hindering = [gap for gap in self._ticket.hindering if gap.what not in known and gap.collectors][: self._most.needs]
        for gap in hindering:
            yield Said(_cut(gap.what), f"Keeps {counted(len(gap.suspects), 'suspect')} from being judged")
        if fetch := self._ticket.fetch:
            yield Said("One command fetches what is missing:")
            yield Command(fetch)
        elif any(each.of(State.MISSING) or each.of(State.PARTIAL) for each in self._ticket.held):
            yield Said("To collect again as before would not fetch what is missing.")

    def _unjudged(self) -> Iterator[Block]:
        reasons: dict[str, list[str]] = {}
        for each in self._verdicts:
            if each.status is Status.UNDECIDED:
                reasons.setdefault(each.because, []).append(each.suspect)
        items = [f"{_some(suspects, len(suspects) if self._everything else _NAMED)}: {_cut(why)}" for why, suspects in reasons.items()]
        items += [f"{path} could not be read: {_cut(why)}" for path, why in self._diagnosis.analysis.unparsed.items()]
        if not items:
            return
        told = items[: self._most.unjudged]
        left = [f"and for {len(items) - len(told):,} more reasons: `diagbundle analyze {self._name}`"] if len(told) < len(items) else []
        yield Heading(2, f"What could not be judged: {sum(map(len, reasons.values())):,}")
        yield Items(tuple(("", item) for item in (*told, *left)))


def _by_reason(label: str, answers: Sequence[Answer]) -> Iterator[tuple[str, str]]:
    """Needs that stand so for one reason, together."""
    reasons: dict[str, list[str]] = {}
    for each in answers:
        reasons.setdefault(each.because, []).append(each.need.what)
    yield from ((label, _cut(f"{', '.join(whats)}: {because}")) for because, whats in reasons.items())


def _some(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _cut(text: str) -> str:
    text = text.replace("\t", " ")
    return text if len(text) <= _LONG else f"{text[:_LONG]} …"


def _minute(time: float) -> str:
    told = moment(time)
    return f"{told[:10]} {told[11:16]} UTC" if told else "at an unknown time"
