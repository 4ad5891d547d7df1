"""`diagbundle changes`: what changed lately on a host, in one list in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from diagbundle.cli.answer import answer_option

if TYPE_CHECKING:
    from diagbundle.analyse.engine import Analysis
    from diagbundle.analyse.evidence.entry import Evidence
    from diagbundle.analyse.history.changes import Told

MOST_DAYS = 36_500
TOLD_BY = {
    "packages": r"var/log/(?:dpkg\.log|apt/history|dnf|yum|zypp/|pacman)|sos_commands/rpm/(?:package-data|installed)|installed-rpms",
    "files": r"diagbundle/tables/changed_files",
    "reboots": r"diagbundle/tables/wtmp|(?:.*/)?last(?:_|\Z)|.*--list-boots",
    "users, SELinux, firewall": r"var/log/(?:audit/audit|auth|secure|messages|syslog)|.*journalctl",
}
"""What a kind of change is read from: where none of these was had, the list says so."""


@click.command
@click.argument("bundle", type=click.Path())
@click.option(
    "--days",
    type=float,
    default=7.0,
    show_default=True,
    metavar="N",
    help="How many days before the collection the list begins.",
)
@answer_option("For people, or one object for programs.")
def command(bundle: str, days: float, form: str) -> int:
    """Show what changed lately on the host of BUNDLE, the oldest first: packages, kernels and reboots, SELinux, AppArmor and
    firewall, kernel settings, units and configuration, users, certificates, containers, and steps of the clock.

    BUNDLE is a bundle, a folder that one was unpacked into, or a report of sos. Times are UTC. Files are told by their dates:
    what was changed twice is there once.

    \b
    Exit status: 0 done; 4 damaged (what is whole was shown), or not a bundle.
    """
    from diagbundle.analyse.evidence.opened import open_evidence
    from diagbundle.analyse.history.changes import lately
    from diagbundle.cli.damage import ended
    from diagbundle.errors import UsageError

    if not 0 < days <= MOST_DAYS:  # which `nan` is not, either
        raise UsageError(f"this is no number of days to look back: {days:g}", f"name one up to {MOST_DAYS:,}: --days 30")
    evidence = open_evidence(bundle)
    analysis = _facts(evidence)
    told = lately(analysis.facts, analysis.about, days)
    missing = _missing(evidence)
    if form == "json":
        _print_json(evidence, analysis, told, days, missing)
    else:
        _print(analysis, told, days, missing)
    return ended(0, evidence)


def _facts(evidence: Evidence) -> Analysis:
    """What parsers of changes say; no rule is asked."""
    from diagbundle.analyse.engine import analyse
    from diagbundle.analyse.facts.change import Change, Clocks, Run
    from diagbundle.analyse.registry import Registry, known
    from diagbundle.cli.analysis import finder

    ours = {Change, Clocks, Run}
    everything = known()
    parsers = [each for each in everything.parsers if ours & set(each.gives)]
    listeners = [each for each in everything.log_parsers if ours & set(each.gives)]
    return analyse(evidence, Registry(parsers, listeners, []), finder)


def _missing(evidence: Evidence) -> list[str]:
    import re

    there = [entry.path for entry in evidence.entries if entry.there]
    return [what for what, pattern in TOLD_BY.items() if not any(re.match(pattern, path) for path in there)]


def _print(analysis: Analysis, told: list[Told], days: float, missing: list[str]) -> None:
    from diagbundle.analyse.history.said import sentence
    from diagbundle.bundle.escape import shown

    about = analysis.about
    until = f", until {_stamp(about.now)}" if about.now else ""
    span = "day" if days == 1 else f"{days:g} days"
    click.echo(shown(" · ".join(filter(None, (about.name, about.os, f"changes of the last {span}{until}")))))
    day = ""
    for each in told:
        if day != (day := _stamp(each.time)[:10]):
            click.echo(f"\n{day}")
        unsure = "" if each.first.certainty == "certain" else "~"
        click.echo(_wrapped(f"{unsure:>1}{_stamp(each.time)[11:19]}  {each.kind:<13}  ", shown(sentence(each))))
        click.echo(_wrapped(" " * 26, shown(_places(each))))
    if not told:
        click.echo("\nNothing that was collected tells of a change.")
    if any(each.first.certainty != "certain" for each in told):
        zone = f"the host's zone was taken, {shown(about.zone)}" if about.zone else "UTC was taken, as the host's zone is not known"
        click.echo(f"\n~ what tells of it does not say its zone, or its year: {zone}")
    for what in missing:
        click.echo(f"not known: the history of {what}: nothing that tells it was collected")
    for path, why in sorted(analysis.unparsed.items()):
        click.echo(f"not read: {shown(path)}: {shown(why)}")


def _wrapped(start: str, text: str) -> str:
    """On a terminal, lines that fit, each below the first one's text; one line elsewhere, where programs read it."""
    import shutil
    import sys
    import textwrap

    if not sys.stdout.isatty():
        return start + text
    width = max(60, shutil.get_terminal_size((80, 24)).columns)
    return textwrap.fill(
        text, width, initial_indent=start, subsequent_indent=" " * len(start), break_long_words=False, break_on_hyphens=False
    )


def _places(told: Told) -> str:
    origins = [str(origin) for origin in told.items[0].origins]
    more = f" and {len(told.items) - 1:,} more" if len(told.items) > 1 else ""
    return ", ".join(origins[:2]) + more


def _stamp(seconds: float) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _print_json(evidence: Evidence, analysis: Analysis, told: list[Told], days: float, missing: list[str]) -> None:
    import json

    answer: dict[str, Any] = {
        "bundle": evidence.name,
        "host": analysis.about.name,
        "now": analysis.about.now,
        "days": days,
        "changes": [_object(each) for each in told],
        "missing": missing,
        "unread": analysis.unparsed,
        "damaged": dict(evidence.damaged),
    }
    click.echo(json.dumps(answer))


def _object(told: Told) -> dict[str, Any]:
    from diagbundle.analyse.history.said import sentence

    first = told.first
    return {
        "time": _iso(told.time), "until": _iso(told.end), "certainty": first.certainty, "kind": told.kind,
        "text": sentence(told), "count": len(told.items),
        "items": [
            {
                "time": _iso(item.change.time), "what": item.change.what, "action": item.change.action, "old": item.change.old or None,
                "new": item.change.new or None, "by": item.change.by or None,
                "evidence": [{"path": origin.path, "line": origin.line, "text": origin.text} for origin in item.origins],
            }
            for item in told.items
        ],
    }  # fmt: skip


def _iso(seconds: float) -> str:
    return _stamp(seconds)[:19].replace(" ", "T") + "Z"
