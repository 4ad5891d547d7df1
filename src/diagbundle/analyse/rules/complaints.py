"""What programs that no rule knows complain of: their last words, why they did not start, and errors that repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from diagbundle.analyse.api import About, Finding, Severity, rule
from diagbundle.analyse.facts.complaints import CAUSE, END, ERROR, FATAL, Complaint
from diagbundle.analyse.facts.spoken import HOUR, between, fullest, often

MAX_TOLD = 5
LAST_WORDS = 15.0
"""Seconds before its end in which a service says why."""
TRACE = 200
"""Lines that a stack trace may be long."""
AGAIN = 3
"""Times that an error is said within an hour, to be more than an accident."""
RECENT = 6 * HOUR


class _Told(NamedTuple):
    """What a program is found to say."""

    how: str
    those: list[Complaint]


@rule("APP006", "programs that end, do not start or fail again and again, by their own words", Complaint, About)
def complaints(said: Sequence[Complaint], about: Sequence[About]) -> Iterator[Finding]:
    """A program says why it ended, why it did not start, or the same error again and again.

    For software that no other rule knows. Judged, for each program, and told once: the last error or exception in the 15 s before
    systemd saw the service end with a failure; an error that calls itself fatal, or speaks of a start that failed, with the
    deepest cause below it (the last `Caused by`, the last line of a trace); an error that does not go by itself (a certificate that
    is not trusted, a class or module that is missing, another version); or an error said 3 times within an hour and still in the
    last one (numbers and names in quotes left aside). Only lines of the last 6 hours that speak of something that does not work;
    what users and strangers get wrong, and the daemons of every host, are left out. It stands behind rules that know what the line means.
    What to do: read the log around the cited line; it usually names what is missing, refused or wrong.
    """
    now = about[0].now
    fresh = sorted((each for each in said if not each.time or not now or now - each.time <= RECENT), key=lambda each: each.time)
    ends = [each for each in fresh if each.kind == END]
    programs: dict[str, list[Complaint]] = {}
    for each in fresh:
        if each.kind != END:
            programs.setdefault(each.who, []).append(each)
    told = 0
    for who, those in programs.items():
        found = _ended(who, those, ends) or _did_not_start(those) or _again(those, now) or _lasting(those)
        if found and told < MAX_TOLD:
            told += 1
            yield _finding(who, found)


def _ended(who: str, those: Sequence[Complaint], ends: Sequence[Complaint]) -> _Told | None:
    """Its last words before systemd saw it end."""
    for end in reversed(ends):
        if who not in (end.who, end.who.partition("@")[0]) and not any(each.who == who for each in ends):
            words = [each for each in those if each.origin.path == end.origin.path and _is_near(each, end) and end.who.startswith(who)]
        else:
            words = [each for each in those if end.who.partition("@")[0] == who and _is_near(each, end)]
        if words:
            causes = [each for each in words if each.kind == CAUSE]
            return _Told("ended after it said", [(causes or words)[-1]])
    return None


def _is_near(each: Complaint, end: Complaint) -> bool:
    return 0 <= end.time - each.time <= LAST_WORDS


def _did_not_start(those: Sequence[Complaint]) -> _Told | None:
    """What calls itself fatal, or a start that failed, with its deepest cause."""
    for each in reversed(those):
        if each.kind == CAUSE or (not each.is_technical and not each.is_start):
            continue
        if each.kind == FATAL or (each.kind == ERROR and each.is_start):
            return _Told("failed" if each.kind == FATAL else "did not start, or gave up", [_deepest(each, those)])
        if each.is_job and (why := _deepest(each, those)) is not each:
            return _Told("could not do its work", [why])
    return None


def _deepest(head: Complaint, those: Sequence[Complaint]) -> Complaint:
    """The last cause that stands below an error, before the next one."""
    below = sorted(
        (each for each in those if each.origin.path == head.origin.path and 0 < each.origin.line - head.origin.line <= TRACE),
        key=lambda each: each.origin.line,
    )
    deepest = head
    for each in below:
        if each.kind != CAUSE:
            break
        deepest = each
    return deepest


def _again(those: Sequence[Complaint], now: float) -> _Told | None:
    """The error that is said most, if often enough and still."""
    forms: dict[str, list[Complaint]] = {}
    for each in those:
        if each.is_technical:
            forms.setdefault(each.form, []).append(each)
    often_said = [
        same for same in forms.values()
        if fullest([each.time for each in same], HOUR) >= AGAIN and (not now or not same[-1].time or now - same[-1].time <= HOUR)
    ]  # fmt: skip
    return _Told("says again and again", max(often_said, key=len)) if often_said else None


def _lasting(those: Sequence[Complaint]) -> _Told | None:
    """The last one of those that do not go by themselves."""
    said = [each for each in those if each.is_lasting and each.is_technical]
    return _Told("cannot go on", said[-1:]) if said else None


def _finding(who: str, found: _Told) -> Finding:
    those = found.those
    last = those[-1]
    times = [each.time for each in those]
    count = f" ({often(len(those))})" if len(those) > 1 else ""
    return Finding(
        Severity.WARNING,
        f"{who} {found.how}: {last.text[:200]}{count}",
        tuple(each.origin for each in [*those[:1], *those[1:][-2:]]),
        f"Read the log of {who} around this line: it usually names what is missing, refused or wrong",
        detail=between(times),
        subject=who,
        since=min((time for time in times if time), default=0.0),
        latest=max(times),
        symptom=True,  # a rule that knows what the line means leads
        part_of=("same APP005", "same APP022"),
    )
