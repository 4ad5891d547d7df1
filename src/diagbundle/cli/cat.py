"""`diagbundle cat`: one file out of a bundle, or one line of it with its neighbours."""

from __future__ import annotations

import click

from diagbundle.cli import printing


@click.command
@click.argument("bundle", type=click.Path())
@click.argument("path")
@click.option(
    "-C",
    "--context",
    "around",
    metavar="N",
    type=click.IntRange(0, 1_000_000),
    default=printing.AROUND,
    help="Lines around PATH:LINE. Default: 3.",
)
def command(bundle: str, path: str, around: int) -> None:
    """Print the file PATH out of BUNDLE: a bundle, a folder that one was unpacked into, or a report of sos.

    With PATH:LINE, as in var/log/messages:18231, print that line, numbered, with three lines around it; of a bundle,
    however large the file is, only what lies near is read.
    On a terminal, control characters are shown as \\x1b and the like, so that a log cannot do harm;
    into a file or a pipe the bytes go as they are. `diagbundle list BUNDLE` shows all names.

    \b
    Exit status: 0 done; 2 there is no such file in it; 4 damaged, or not a
    bundle.
    """
    printing.member(bundle, path, around)
