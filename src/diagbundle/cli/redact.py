"""`diagbundle redact`: secrets out of a file, a folder, or what comes in."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from diagbundle import config
from diagbundle.bundle.escape import shown
from diagbundle.cli.answer import answer_option
from diagbundle.cli.redaction import Redaction, further, to_look_at, told
from diagbundle.cli.talk import say
from diagbundle.errors import OutputError, SourceError, UsageError
from diagbundle.host import Host
from diagbundle.newfile import NewFile
from diagbundle.numbers import amount, counted
from diagbundle.paths import unread
from diagbundle.redact.tree import Redacted, redact_descriptor, redact_tree

if TYPE_CHECKING:
    from diagbundle.redact.redactor import Redactor

PARTIAL = 3
TOLD = 10
"""Files that are named one by one."""


@click.command
@click.argument("source", metavar="SRC", required=False)
@click.argument("target", metavar="DST", required=False)
@click.option("--pseudonyms", is_flag=True, help="Replace addresses, host names and user names, too: the same by the same.")
@click.option("--names", metavar="FILE", help="Key and map of --pseudonyms. Default: a new file DST.names.")
@click.option("--rules", multiple=True, metavar="FILE", help="Further patterns: a TOML file. May be given several times.")
@click.option("--check", is_flag=True, help="Only check the files given with --rules, with the samples in them.")
@answer_option("Say what was done to people, or as one object for programs.")
@click.pass_context
def command(  # noqa: PLR0913  # click gives each option a name
    ctx: click.Context,
    source: str | None,
    target: str | None,
    *,
    pseudonyms: bool,
    names: str | None,
    rules: tuple[str, ...],
    check: bool,
    form: str,
) -> None:
    """Write SRC to DST without its secrets: a file, a whole folder, or - for standard input and output.

    `collect` does the same with everything before it is written. Compressed files are opened; binary files cannot be redacted,
    are left out, and named. SRC is never changed, and nothing is overwritten.

    \b
    Exit status: 0 done; 1 nothing was written; 3 done, but some files could not
    be read.
    """
    settings = config.Config(pseudonyms=pseudonyms, names=names or "", redact_rules=rules)
    if check:
        ctx.exit(_check(rules))
    if not source or not target:
        raise UsageError("both what is read and what is written must be named", "diagbundle redact app.log app.redacted.log")
    is_folder = source != "-" and os.path.isdir(source)
    redaction = Redaction(settings, Host(os.path.abspath(source)) if is_folder else Host())
    redaction.keep(target.rstrip("/"))
    redaction.begin()
    done = redact_tree(redaction.redactor, source, target) if is_folder else _one(redaction.redactor, source, target)
    redaction.end()
    _tell(done, target, as_json=form == "json")
    ctx.exit(PARTIAL if done.faults else 0)


def _one(redactor: Redactor, source: str, target: str) -> Redacted:
    """One file or what comes in, to a new file or out."""
    done, name = Redacted(), "" if source == "-" else os.path.abspath(source)
    if target != "-" and os.path.lexists(target):
        raise UsageError(f"there is a file of this name already: {target}", "nothing is overwritten")
    try:
        read = 0 if source == "-" else os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise unread(source, error) from None
    try:
        if target == "-":
            redact_descriptor(redactor, read, 1, name, done)
        else:
            with NewFile(target) as file:
                redact_descriptor(redactor, read, file.fd, name, done)
                file.keep()
    except SourceError as error:
        raise OutputError(f"nothing was written: {source}: {error}") from None
    return done


def _check(rules: tuple[str, ...]) -> int:
    """The samples in files of patterns. Exit code."""
    from diagbundle.redact.rules import check

    patterns = further(rules)
    if not patterns:
        raise UsageError("there are no patterns of yours to check", "name their file: --rules FILE")
    wrong = [fault for pattern in patterns for fault in check(pattern)]
    for fault in wrong:
        say(shown(fault))
    many = "1 sample does" if len(wrong) == 1 else f"{len(wrong):,} samples do"
    say(f"{many} not come out right" if wrong else "Every sample comes out as it should.")
    return 1 if wrong else 0


def _tell(done: Redacted, target: str, *, as_json: bool) -> None:
    """What was hidden and what was left out; as JSON to whoever has the other output."""
    if as_json:
        suspects = [{"path": path, **suspect} for path, suspect in done.suspects]
        outcome = {"files": done.files, "bytes": done.bytes, "redacted": dict(done.counts), "left_out": done.left_out,
                   "faults": done.faults, "suspects": suspects}  # fmt: skip
        click.echo(json.dumps(outcome, indent=1), err=target == "-")
        return
    say(f"{counted(done.files, 'file')}, {amount(done.bytes)}: {told(done.counts)}")
    for word, rows in (("left out", done.left_out), ("not read to the end", done.faults)):
        say(f"  {len(rows):,} {word}:") if rows else None
        for path, reason in rows[:TOLD]:
            say(f"    {shown(path)}  {shown(reason)}")
        if len(rows) > TOLD:
            say(f"    and {len(rows) - TOLD:,} more: --format json names all")
    for line in to_look_at(done.suspects, TOLD):
        say(line)
