"""What `analyze`, `check` and their sisters have in common: all rules, what finds their words in logs, and how the answer is told."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import click

from diagbundle import carried
from diagbundle.analyse.claims.claim import Claim
from diagbundle.analyse.claims.reading import read
from diagbundle.analyse.claims.ticket import of_ticket
from diagbundle.analyse.diagnosis import Diagnosis, diagnose
from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.entry import Evidence
from diagbundle.analyse.knowledge import LogRule, built_in, parse
from diagbundle.analyse.log.found import Find
from diagbundle.analyse.missing.kinds import Kinds
from diagbundle.analyse.missing.kinds import known as known_kinds
from diagbundle.analyse.registry import Registry, known, with_rules
from diagbundle.analyse.verdict import Severity
from diagbundle.cli.answer import answer_option
from diagbundle.cli.damage import ended
from diagbundle.errors import UsageError
from diagbundle.paths import unread
from diagbundle.redact.scan import scanner
from diagbundle.redact.span import Literal

OWN_RULES = "/etc/diagbundle/rules.d"
ACCUSED = 5
FLAGS = ("form", "everything", "fail_on", "rules", "claim", "ticket")
"""What `options` gives a command."""
WIDEST = 120
A_TICKET = "the file in which the text of the ticket stands"
_COLOURS = {
    "critical": {"fg": "red", "bold": True}, "warning": {"fg": "yellow", "bold": True}, "note": {"bold": True}, "title": {"bold": True},
    "head": {"bold": True}, "path": {"fg": "cyan"}, "good": {"fg": "green"}, "label": {"bold": True}, "line": {},
}  # fmt: skip
F = TypeVar("F", bound=Callable[..., Any])
HeldAgainst: TypeAlias = "tuple[Registry, list[Claim]]"


def options(command: F) -> F:
    """The flags of all commands that judge."""
    levels = [str(each) for each in Severity]
    for option in reversed((
        answer_option("For people or for programs."),
        click.option("--all", "everything", is_flag=True, help="Show notes with their lines, too."),
        click.option("--fail-on", type=click.Choice(levels), help="End with 5 if a verdict so severe, or worse, is found."),
        claimed,
    )):  # fmt: skip
        command = option(command)
    return command


def claimed(command: F) -> F:
    """The flags that say what is held against the evidence, and by which further rules."""
    for option in reversed((
        click.option("--claim", multiple=True, metavar="KEY=VALUE", help="Hold this against the evidence: kernel=4.6.2, selinux=disabled."),
        click.option("--ticket", multiple=True, metavar="FILE", type=click.Path(), help="The same for what a text says of the host."),
        click.option("--rules", multiple=True, metavar="PATH", type=click.Path(), help="Rules of your own: a TOML file, or a folder."),
    )):  # fmt: skip
        command = option(command)
    return command


def finder(words: Sequence[bytes]) -> Find:
    """The scanner that finds secrets finds the words of rules, too: neither wing knows of the other."""
    return scanner([Literal(word, fold=True) for word in words]).anchors


def log_rules(paths: Sequence[str] = ()) -> list[LogRule]:
    """The rules for logs: ours, the kit's, those of this machine, and those that are named. Raises `UsageError`."""
    of_kit = [rule for text, origin in _texts_of_kit() for rule in parse(text, origin)]
    taken = {rule.code for rule in of_kit}  # the vendor's older file may lie on this machine
    of_machine = [rule for rule in _rules_in(OWN_RULES) if rule.code not in taken] if os.path.isdir(OWN_RULES) else []
    return [*built_in(), *of_kit, *of_machine, *(rule for path in paths for rule in _rules_in(path))]


def kinds(paths: Sequence[str] = ()) -> Kinds:
    """The kinds of problem: ours, and those that stand beside the same rules. Raises `UsageError`."""
    of_machine = _texts_in(OWN_RULES) if os.path.isdir(OWN_RULES) else ()
    return known_kinds([*of_machine, *_texts_of_kit(), *(text for path in paths for text in _texts_in(path))])


def _texts_of_kit() -> Iterator[tuple[str, str]]:
    kit = carried.product()
    yield from ((data.decode(), origin) for _, origin, data in (kit.contents("rules") if kit else ()))


def _rules_in(path: str) -> Iterator[LogRule]:
    for text, origin in _texts_in(path):
        yield from parse(text, origin)


def _texts_in(path: str) -> Iterator[tuple[str, str]]:
    """What a file says, or each file in a folder, and its name."""
    is_folder = os.path.isdir(path)
    for file in sorted(os.path.join(path, name) for name in os.listdir(path) if name.endswith(".toml")) if is_folder else [path]:
        yield read_text(file, "a TOML file, or a folder of such"), file


def read_text(path: str, wanted: str) -> str:
    """What a file of the user's says; `wanted` tells what one may name. Raises `UsageError`."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        raise UsageError(f"the file is no text in UTF-8: {path}", f"name {wanted}") from None
    except (OSError, ValueError) as error:
        raise unread(path, error, hint=f"name {wanted}") from None


def registry(paths: Sequence[str] = ()) -> Registry:
    """All rules: those in Python, and those in TOML. Raises `UsageError`."""
    try:
        return with_rules(known(), [rule.announced() for rule in log_rules(paths)])
    except ValueError as error:
        raise UsageError(str(error)) from None


def held_against(flags: Mapping[str, Any]) -> HeldAgainst:
    """The rules and the claims that the evidence is held against. Raises `UsageError` for what is none."""
    claims = read(flags.get("claim", ()))
    for path in flags.get("ticket", ()):
        claims += of_ticket(read_text(path, A_TICKET), os.path.basename(path))
    return registry(flags.get("rules", ())), claims


def diagnosed(evidence: Evidence, flags: Mapping[str, Any], held: HeldAgainst | None = None) -> Diagnosis:
    """All that is said of what lies on the desk, the most important first. Raises `UsageError` for claims that are none."""
    rules, claims = held or held_against(flags)
    return diagnose(evidence, rules, finder, claims)


def conclude(evidence: Evidence, flags: Mapping[str, Any], held: HeldAgainst | None = None, *, keeps: bool = True) -> int:
    """Judge, and tell. Returns the exit code. Where the evidence is not kept, only what hinders verdicts is missed."""
    diagnosis = diagnosed(evidence, flags, held)
    if not keeps:
        diagnosis.gaps = [gap for gap in diagnosis.gaps if gap.suspects]
        diagnosis.fetch = ""
    if flags["form"] == "json":
        from diagbundle.report.json import as_json

        click.echo(as_json(evidence.name, diagnosis, evidence.damaged))
    else:
        from diagbundle.report.terminal import Terminal

        width = min(WIDEST, shutil.get_terminal_size((100, 24)).columns)
        for piece in Terminal(width, paint, everything=bool(flags["everything"])).report(diagnosis):
            click.echo(piece, nl=False)
    return ended(accused(diagnosis.analysis, flags["fail_on"]), evidence)


def accused(analysis: Analysis, level: str | None) -> int:
    """The exit code that `--fail-on` asks for."""
    worst = [each.finding.severity.rank for each in analysis.verdicts if each.finding]
    return ACCUSED if level and any(rank <= Severity(level).rank for rank in worst) else 0


def paint(text: str, what: str) -> str:
    """Colour, where standard output is a terminal that wants it."""
    return click.style(text, **_COLOURS[what]) if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text  # type: ignore[arg-type]
