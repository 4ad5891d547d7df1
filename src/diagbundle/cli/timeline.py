"""`diagbundle timeline`: the events of all logs in one list."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import click

from diagbundle.cli.answer import answer_option
from diagbundle.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from diagbundle.analyse.evidence.entry import Evidence
    from diagbundle.analyse.facts.about import About
    from diagbundle.analyse.history.timeline import Timeline, Told, Wanted

LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")


@click.command
@click.argument("bundle", type=click.Path())
@click.option("--since", metavar="TIME", help="Begin then: 2026-03-05T10:00 (UTC, or with a zone), or 2h, 3d before the collection.")
@click.option("--until", metavar="TIME", help="End then.")
@click.option(
    "--facility",
    "facilities",
    multiple=True,
    metavar="NAME",
    help="Only what this program, unit or container said; `kernel`. * and ? match.",
)
@click.option("--severity", type=click.Choice(LEVELS), help="Only this and worse. The kernel's lines that do not say theirs are kept.")
@click.option("--grep", metavar="TEXT", help="Only events that hold this text, in any case.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after so many.")
@answer_option("For people, or a line of JSON for each event.")
def command(bundle: str, since: str | None, until: str | None, limit: int | None, form: str, **choice: object) -> int:
    """Show the events of all logs of BUNDLE in one list, in UTC, the oldest first.

    A message that stands in several logs is shown once, with the first of its places. What belongs to an event (the lines of a
    trace) stands below it. A time with ~ is not certain: the log does not say its zone or year, or counts from the boot.

    BUNDLE is a bundle, a folder that one was unpacked into, or a report of sos.

    \b
    Exit status: 0 done; 4 damaged (what is whole was shown), or not a bundle.
    """
    from diagbundle.analyse.evidence.opened import open_evidence
    from diagbundle.cli.damage import ended
    from diagbundle.cli.talk import say

    evidence = open_evidence(bundle)
    timeline = chosen(evidence, since, until, choice)
    write = _json if form == "json" else _text
    number = -1
    for number, told in enumerate(timeline.events()):
        if limit is not None and number >= limit:
            say(f"diagbundle: there are more than {limit:,}; --since shows the following")
            break
        sys.stdout.write(write(told))
    if number < 0:
        say("diagbundle: the logs hold no such event")
    _say_rest(timeline)
    return ended(0, evidence)


def chosen(evidence: Evidence, since: str | None, until: str | None, choice: Mapping[str, object]) -> Timeline:
    """The events that are asked for. Raises `UsageError` for a time that is none."""
    from diagbundle.analyse.history.timeline import Timeline

    timeline = Timeline(evidence)
    timeline.since = _moment(since, timeline.about) if since else 0.0
    timeline.until = _moment(until, timeline.about) if until else timeline.until
    timeline.grep = str(choice["grep"] or "").lower()
    timeline.wanted = _wanted(choice)
    return timeline


def _wanted(choice: Mapping[str, object]) -> Wanted:
    from fnmatch import fnmatchcase

    facilities = [str(name).lower() for name in choice["facilities"]]  # type: ignore[attr-defined]
    worst = LEVELS.index(str(choice["severity"])) if choice["severity"] else None
    grep = str(choice["grep"] or "").lower()

    def wanted(told: Told) -> bool:
        event = told.event
        if facilities and not any(fnmatchcase(event.facility.lower(), name) for name in facilities):
            return False
        if grep and grep not in event.text.lower() and not any(grep in line.lower() for line in told.more):
            return False
        if worst is None:
            return True
        severity = event.severity
        return severity <= worst if severity is not None else event.is_kernel

    return wanted


def _moment(text: str, about: About) -> float:
    """A time on the command line. Raises `UsageError`."""
    import re

    from diagbundle.analyse.log.times import Clock
    from diagbundle.errors import UsageError

    if found := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return about.now - int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    for ending in ("", ":00", "T00:00:00"):
        time, _, end = Clock().read(text + ending)
        if time and end >= len(text + ending):
            return time
    raise UsageError(f"this is no time: {text}", "2026-03-05T10:00, 2026-03-05T10:00:00+01:00, or 2h, 3d before the collection")


@lru_cache(64)
def _second(seconds: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _stamp(seconds: float) -> str:
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03}"


def _text(told: Told) -> str:
    from diagbundle.bundle.escape import shown

    event = told.event
    sure = " " if event.certainty == "certain" else "~"
    places = f"{event.origin}{f' and {len(told.places)} more' if told.places else ''}"
    who = f"{event.facility}[{event.pid}]" if event.pid else event.facility
    jump = f"-- here the time of {shown(event.origin.path)} goes back by {told.jump:,.0f} s\n" if told.jump else ""
    line = f"{jump}{sure}{_stamp(event.time)} {shown(who)}: {shown(event.text, keep=chr(9))}  ({shown(places)})\n"
    more = "".join(f"    {shown(each, keep=chr(9))}\n" for each in told.more)
    return line + more + (f"    … and {counted(told.cut, 'line')} more\n" if told.cut else "")


def _json(told: Told) -> str:
    import json

    event = told.event
    severity = event.severity
    answer = {
        "time": _stamp(event.time).replace(" ", "T") + "Z", "certainty": event.certainty, "facility": event.facility,
        "pid": event.pid or None, "severity": LEVELS[severity] if severity is not None and 0 <= severity < len(LEVELS) else None,
        "text": event.text, "more": told.more, "cut": told.cut, "jump": round(told.jump, 3),
        "evidence": [{"path": each.path, "line": each.line} for each in (event.origin, *told.places)],
    }  # fmt: skip
    return json.dumps(answer) + "\n"


def _say_rest(timeline: Timeline) -> None:
    from diagbundle.bundle.escape import shown
    from diagbundle.cli.talk import say

    for path, why in sorted(timeline.unread.items()):
        say(f"diagbundle: not read: {shown(path)}: {shown(why)}")
    for path, count in sorted(timeline.undated.items()):
        say(f"diagbundle: left out, for no line says its time: {shown(path)} ({counted(count, 'line')})")
