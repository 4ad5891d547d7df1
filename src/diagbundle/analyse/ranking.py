"""Which verdicts come first: those that matter most, causes before symptoms, what happens now before what happened once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from diagbundle.analyse.verdict import Finding, Severity, Status, Verdict

HOUR, DAY = 3600.0, 86400.0
MOST = 8
"""Findings of one rule that are told one by one."""


def ranked(verdicts: Iterable[Verdict], now: float) -> list[Verdict]:
    """Found ones first, the most important first; then those that were cleared, then the undecided, each by code."""
    every = list(verdicts)
    found = sorted((each for each in every if each.finding), key=lambda each: _order(each, now))
    rest = [
        each for status in (Status.CLEAR, Status.UNDECIDED) for each in sorted(every, key=lambda each: each.code) if each.status is status
    ]
    return _few(_folded(_once(found))) + rest


def _folded(found: Sequence[Verdict]) -> list[Verdict]:
    """Two findings that rest on the same lines are one, and so is one with that which it is a part of: the first tells of the other."""
    told: list[Verdict] = []
    cited: list[set[tuple[str, int]]] = []
    codes = {each.code for each in found}
    named = {id(each): {code.removeprefix("same ") for code in each.finding.part_of} for each in found if each.finding}
    for each in sorted(found, key=lambda each: bool(codes & named.get(id(each), set()))):  # parts come behind their wholes
        lines = {(origin.path, origin.line) for origin in each.finding.origins if origin.line} if each.finding else set()
        first = _whole(each, lines, told, cited)
        if first is None:
            told.append(each)
            cited.append(lines)
        else:
            told[first] = _with(told[first], each)
    places = {(each.code, each.finding.title if each.finding else ""): place for place, each in enumerate(found)}
    return sorted(told, key=lambda each: places[each.code, each.finding.title if each.finding else ""])


def _whole(part: Verdict, lines: set[tuple[str, int]], told: Sequence[Verdict], cited: Sequence[set[tuple[str, int]]]) -> int | None:
    """Which of those that are told already tells of this one, too."""
    for number, each in enumerate(told):
        if _is_named(each, part) or (lines and lines <= cited[number] and each.code != part.code):
            return number
    return None


def _is_named(whole: Verdict, part: Verdict) -> bool:
    """Whether the part itself says that it is one; no note tells of what is worse."""
    if (
        part.finding is None
        or whole.finding is None
        or (whole.finding.severity is Severity.NOTE and part.finding.severity is not Severity.NOTE)
    ):
        return False
    same = bool(set(whole.finding.subject.split()) & set(part.finding.subject.split()))
    return whole.code in part.finding.part_of or (same and f"same {whole.code}" in part.finding.part_of)


def _with(whole: Verdict, part: Verdict) -> Verdict:
    if whole.finding is None or part.finding is None:
        return whole
    detail = f"{whole.finding.detail}\nalso {part.code}: {part.finding.title}".strip()
    return replace(whole, finding=replace(whole.finding, detail=detail))


def _few(found: Iterable[Verdict]) -> list[Verdict]:
    """Of one rule the worst ones: what it says ten times it could say a thousand times."""
    told: list[Verdict] = []
    more: Counter[str] = Counter()
    last: dict[str, int] = {}
    for each in found:
        if sum(1 for one in told if one.code == each.code) < MOST:
            last[each.code] = len(told)
            told.append(each)
        else:
            more[each.code] += 1
    for code, count in more.items():
        verdict = told[last[code]]
        if verdict.finding:
            detail = f"{verdict.finding.detail}\nand {count:,} more of this kind".strip()
            told[last[code]] = replace(verdict, finding=replace(verdict.finding, detail=detail))
    return told


def _order(verdict: Verdict, now: float) -> tuple[object, ...]:
    finding = verdict.finding
    assert finding is not None  # noqa: S101  # only found ones are sorted
    return (finding.severity.rank, finding.symptom, _age(finding, now), not verdict.follows, verdict.code, finding.title)


def _age(finding: Finding, now: float) -> int:
    """0 for what is so now or was within the hour, 1 within a day, 2 for what is older."""
    age = now - finding.latest if finding.latest and now else 0.0
    return 0 if age < HOUR else 1 if age < DAY else 2


def _once(found: Iterable[Verdict]) -> list[Verdict]:
    """One sentence is said once, whichever rules came to it."""
    return list({(each.finding.title if each.finding else each.code): each for each in reversed(list(found))}.values())[::-1]
