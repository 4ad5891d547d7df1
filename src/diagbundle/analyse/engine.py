"""From evidence to verdicts: facts are read, rules are asked, and nothing that fails stops the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from diagbundle.analyse.evidence.document import Document, take
from diagbundle.analyse.evidence.entry import START, Entry, Evidence, Index
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.facts.others import OtherHost
from diagbundle.analyse.facts.unanswered import Unanswered
from diagbundle.analyse.host import about_of, clock_of
from diagbundle.analyse.log.files import was_log
from diagbundle.analyse.log.found import Finder
from diagbundle.analyse.log.hearing import Ears, Heard, may_be_kernels
from diagbundle.analyse.missing.gathered import gatherers
from diagbundle.analyse.registry import Parser, Registry, Rule
from diagbundle.analyse.verdict import Origin, Status, Undecided, Verdict
from diagbundle.bundle.format import MANIFEST
from diagbundle.errors import BundleError

_NOTHING = re.compile(
    r"only asked where .* exists|is not running|is stopped|is not enabled|is not loaded|^there is no |names no table|is to be seen"
    r"|holds no container"
)
"""Reasons for which collectors do not ask what would have no answer."""
NO_ANSWER = ("denied", "timeout", "failed", "skipped", "partial")
MAX_REASONS = 3


@dataclass
class Analysis:
    """All that is known of a host."""

    about: About
    verdicts: list[Verdict]
    unparsed: dict[str, str]
    """Pieces and parsers that could not be read or failed, and why."""
    facts: dict[type[Fact], list[Fact]]
    heard: Heard


@dataclass
class _Known:
    """Facts of one type, and what is known of how they were had."""

    facts: list[Fact] = field(default_factory=list)
    read: int = 0
    """Pieces from which they could be read."""
    reasons: list[str] = field(default_factory=list)
    """Why a piece that tells of them was not had."""
    all_absent: bool = True
    struck: list[str] = field(default_factory=list)
    """Pieces that tell of them and were taken out before the bundle left: what they said, nobody here knows."""


def analyse(evidence: Evidence, registry: Registry, finder: Finder) -> Analysis:
    """All verdicts on what lies on the desk, in no order yet."""
    return Engine(evidence, registry, finder).run()


class Engine:
    """One analysis."""

    def __init__(self, evidence: Evidence, registry: Registry, finder: Finder) -> None:
        self._evidence, self._registry, self._finder = evidence, registry, finder
        self._index = Index(evidence.entries)
        self._known: dict[type[Fact], _Known] = {}
        self._unparsed: dict[str, str] = {}
        self._about = about_of(evidence, self._index)
        failed = {entry.source for entry in evidence.entries if entry.kind == "collector" and entry.outcome != "collected"}
        self._ran = {entry.collector for entry in evidence.entries if entry.collector} - failed
        """Collectors that were asked and came to their end: what they did not find is not there."""

    def run(self) -> Analysis:
        """See `analyse`."""
        for parser in self._registry.parsers:
            self._parse(parser)
        heard = Ears(self._evidence, self._index, self._about, self._finder).hear(self._registry.log_parsers)
        logs = [entry for entry in self._evidence.entries if was_log(entry)]
        struck = [_why(entry) for entry in logs]
        self._take(heard, struck, [_why(entry) for entry in logs if may_be_kernels(entry.path)])
        self._known[About] = _Known([self._about], 1)
        others: list[Fact] = [OtherHost(name, len(lines), origin=lines[0]) for name, lines in heard.others.items()]
        self._known[OtherHost] = _Known(
            others, len(heard.logs), [] if heard.logs else ["there are no logs"], all_absent=False, struck=struck
        )
        self._known[Unanswered] = _Known(list(_unanswered(self._evidence.entries)), 1)
        verdicts = [verdict for rule in self._registry.rules for verdict in self._judge(rule)]
        return Analysis(self._about, verdicts, self._unparsed, {kind: known.facts for kind, known in self._known.items()}, heard)

    def _parse(self, parser: Parser) -> None:
        patterns = [each for pattern in parser.patterns for each in (START + pattern, pattern)]
        known = [self._known.setdefault(kind, _Known()) for kind in parser.gives]
        entries = self._index.matching(patterns)
        if not entries:
            looked = any(name in self._ran for name in gatherers(parser.patterns[0]))
            _note(known, f"{parser.patterns[0]} {'is not on this host' if looked else 'was not collected'}", absent=looked)
        for entry in entries:
            if not entry.there:
                _note(known, _why(entry), absent=_is_absent(entry))
                for each in known if entry.is_struck else ():
                    each.struck.append(_why(entry))
            elif facts := self._read(parser, entry, known):
                for fact in facts:
                    self._known.setdefault(type(fact), _Known()).facts.append(fact)

    def _read(self, parser: Parser, entry: Entry, known: Iterable[_Known]) -> list[Fact]:
        try:
            data, is_cut = take(self._evidence.blocks(entry))
            facts = list(parser.read(Document(entry, data, is_cut=is_cut, clock=clock_of(self._about, entry))))
        except BundleError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001  # a parser that fails costs only its piece
            why = f"the parser {parser.name} failed: {type(error).__name__}: {error}"
        else:
            for each in known:
                each.read += 1
            return facts
        self._unparsed[entry.path] = why
        _note(known, f"{entry.path} could not be read: {why}", absent=False)
        return []

    def _take(self, heard: Heard, struck: list[str], of_kernel: list[str]) -> None:
        for parser in self._registry.log_parsers:
            for kind in parser.gives:
                known = self._known.setdefault(kind, _Known())
                known.struck += of_kernel if parser.kernel else struck
                known.read += len(heard.kernel if parser.kernel else heard.logs)
                if not known.read:
                    known.all_absent = False
                    known.reasons.append("there is no log of the kernel" if parser.kernel else "there are no logs")
        for _, fact in heard.facts:
            self._known[type(fact)].facts.append(fact)
        self._unparsed |= heard.unread

    def _judge(self, rule: Rule) -> list[Verdict]:
        missing = [kind for kind in rule.needs if not self._known.setdefault(kind, _Known()).read]
        if missing:
            known = [self._known[kind] for kind in missing]
            if rule.absent and all(each.all_absent for each in known):
                return [Verdict(rule.code, rule.suspect, Status.CLEAR, because=rule.absent)]
            reasons = [reason for each in known for reason in (*each.struck, *each.reasons)] or ["nothing that tells of it was collected"]
            return [_undecided(rule, reasons)]
        facts = [self._known.setdefault(kind, _Known()).facts for kind in (*rule.needs, *rule.uses)]
        struck = [reason for kind in (*rule.needs, *rule.uses) for reason in self._known[kind].struck]
        try:
            found = list(rule.judge(*[list(each) for each in facts]))
        except Undecided as reason:
            return [_undecided(rule, [*struck[: MAX_REASONS - 1], str(reason)])]
        except Exception as error:  # noqa: BLE001  # a rule that fails costs only itself
            why = f"the rule failed: {type(error).__name__}: {error}"
            self._unparsed[f"rule {rule.code}"] = why
            return [Verdict(rule.code, rule.suspect, Status.UNDECIDED, because=why)]
        if struck and not found:
            return [_undecided(rule, struck)]
        return [Verdict(rule.code, rule.suspect, Status.FOUND, finding) for finding in found] or [
            Verdict(rule.code, rule.suspect, Status.CLEAR)
        ]


def _unanswered(entries: Iterable[Entry]) -> Iterator[Unanswered]:
    for entry in entries:
        if entry.outcome in NO_ANSWER:
            origin = Origin(MANIFEST, 0, f"{entry.source}: {entry.outcome}: {entry.reason}", entry.started)
            yield Unanswered(entry.source, entry.outcome, entry.reason, entry.kind, entry.seconds, origin=origin)


def _undecided(rule: Rule, reasons: Iterable[str]) -> Verdict:
    return Verdict(rule.code, rule.suspect, Status.UNDECIDED, because="; ".join(_once(reasons)[:MAX_REASONS]))


def _once(reasons: Iterable[str]) -> list[str]:
    """Reasons without those that say the same of another piece."""
    told: dict[str, str] = {}
    for reason in reasons:
        told.setdefault(reason.partition(" was not asked: ")[2] or reason, reason)
    return list(told.values())


def _note(known: Iterable[_Known], reason: str, *, absent: bool) -> None:
    for each in known:
        each.reasons.append(reason)
        each.all_absent &= absent


def _is_absent(entry: Entry) -> bool:
    """Whether the host plainly has no such thing: also where a question was not asked because there is nothing that could answer it."""
    return entry.outcome == "absent" or (entry.outcome == "skipped" and _NOTHING.search(entry.reason) is not None)


def _why(entry: Entry) -> str:
    if entry.is_struck:
        return f"{entry.source or entry.path} was struck out before it left"
    reason = f": {entry.reason}" if entry.reason else ""
    words = {
        "absent": "is not on this host",
        "denied": "was denied",
        "timeout": "did not answer in time",
        "failed": "failed",
        "skipped": "was not asked",
    }
    return f"{entry.source or entry.path} {words.get(entry.outcome, entry.outcome)}{reason}"
