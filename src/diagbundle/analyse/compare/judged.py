"""Verdicts of two sides: which were found on one of them only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from diagbundle.analyse.compare.difference import Difference, Field, Section
from diagbundle.analyse.compare.identity import Mask
from diagbundle.analyse.ranking import ranked
from diagbundle.analyse.verdict import Status, Verdict

_MOST = 2
"""Verdicts of one rule that are told one by one."""


def verdicts(a: Sequence[Verdict], b: Sequence[Verdict], masks: tuple[Mask, Mask], now: tuple[float, float]) -> Section:
    """Found on one side only, or on both and worse on one. The numbers in their sentences always differ, and are not told."""
    section = Section("verdicts")
    found = [_by_thing(each, mask) for each, mask in zip((a, b), masks, strict=True)]
    told = [_by_thing(ranked(each, moment), mask) for each, mask, moment in zip((a, b), masks, now, strict=True)]
    for sign, mine, theirs, others in (("-", told[0], found[1], b), ("+", told[1], found[0], a)):
        section.differences += _few(_alone(sign, verdict, others) for thing, verdict in mine.items() if thing not in theirs)
    for thing, verdict in told[0].items():
        other = found[1].get(thing)
        if other is None or verdict.finding is None or other.finding is None:
            continue
        one, two = verdict.finding, other.finding
        if one.severity is two.severity:
            section.same += 1
            continue
        fields = (Field("severity", str(one.severity), str(two.severity)), Field("sentence", one.title, two.title))
        rank = min(one.severity.rank, two.severity.rank)
        section.differences.append(Difference(verdict.code, one.title, "~", one.origins[0], two.origins[0], fields, rank=rank))
    section.differences.sort(key=lambda each: (each.rank, each.noun))
    section.same += len({each.code for each in a if each.status is Status.CLEAR} & {each.code for each in b if each.status is Status.CLEAR})
    return section


def _few(differences: Iterable[Difference]) -> Iterator[Difference]:
    """Of what one rule says again and again the worst, and how many more there are."""
    by_rule: dict[str, list[Difference]] = {}
    for each in differences:
        by_rule.setdefault(each.noun, []).append(each)
    for those in by_rule.values():
        if len(those) <= _MOST:
            yield from those
        else:
            worst = min(those, key=lambda each: each.rank)
            yield replace(worst, note=f"{worst.note}; {len(those) - 1:,} more of this kind")


def _by_thing(verdicts: Iterable[Verdict], mask: Mask) -> dict[tuple[str, str], Verdict]:
    """Found ones by rule and by what is meant."""
    return {(each.code, mask(each.finding.subject)): each for each in reversed(list(verdicts)) if each.finding}


def _alone(sign: str, verdict: Verdict, others: Iterable[Verdict]) -> Difference:
    finding = verdict.finding
    assert finding is not None  # noqa: S101 - only found ones come here
    of_rule = [each for each in others if each.code == verdict.code]
    undecided = next((each.because for each in of_rule if each.status is Status.UNDECIDED), "")
    there = "B" if sign == "-" else "A"
    note = f"{there} could not be judged: {undecided}" if undecided else ""
    if not undecided and any(each.status is Status.CLEAR for each in of_rule):
        note = f"{there} is cleared of it"
    elif not undecided:
        note = f"{there} has it elsewhere: {next((each.finding.title for each in of_rule if each.finding), 'not judged')}"
    a, b = (finding.origins[0], None) if sign == "-" else (None, finding.origins[0])
    fields = (Field("severity", *((str(finding.severity), "") if sign == "-" else ("", str(finding.severity)))),)
    return Difference(verdict.code, finding.title, sign, a, b, fields, note=note, rank=finding.severity.rank)
