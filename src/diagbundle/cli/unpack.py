"""`diagbundle unpack`: a bundle into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from diagbundle.bundle.unpack import Unpacked

DAMAGED = 4
TOLD = 10
"""Broken files that are named one by one."""


@click.command
@click.argument("bundle", type=click.Path())
@click.argument("pattern", nargs=-1)
@click.option(
    "-o",
    "--output",
    default="",
    metavar="DIRECTORY",
    type=click.Path(),
    help="A new or empty folder. Default: one with the bundle's name, here.",
)
@click.pass_context
def command(ctx: click.Context, bundle: str, pattern: tuple[str, ...], output: str) -> None:
    """Unpack the file BUNDLE into a new folder; nothing outside of it is touched and no file is overwritten.

    PATTERN selects: a folder (var/log), a name, or a name with * and ? in it ('*.conf', quoted).
    Every file is checked while it is written. Of a damaged bundle the files that are whole are unpacked.

    \b
    Exit status: 0 all is there; 4 the bundle is damaged, what is whole is there.
    """
    from diagbundle.bundle.reader import Bundle
    from diagbundle.bundle.unpack import unpack, unpack_damaged
    from diagbundle.cli.salvage import tell_losses
    from diagbundle.cli.verify import watched
    from diagbundle.errors import IntegrityError, UsageError

    watch = watched("unpacking")
    try:
        opened = Bundle.open(bundle)
    except IntegrityError as error:
        click.echo(f"diagbundle: {error}", err=True)
        done, found = unpack_damaged(bundle, output, pattern, watch)
        tell_losses(found)
        _tell(done)
        ctx.exit(DAMAGED)
    with opened:
        done = unpack(opened, output, pattern, watch)
    if pattern and not done.files and not done.broken:
        raise UsageError(f"nothing in the bundle matches: {' '.join(pattern)}", "`diagbundle list BUNDLE` shows all there is")
    _tell(done)
    ctx.exit(DAMAGED if done.broken else 0)


def _tell(done: Unpacked) -> None:
    from diagbundle.bundle.escape import shown
    from diagbundle.numbers import counted

    for reason in done.reasons[:TOLD]:
        click.echo(f"diagbundle: {reason}", err=True)
    if done.broken > TOLD:
        click.echo(f"diagbundle: ... and {done.broken - TOLD:,} more", err=True)
    if done.directory:
        lost = f"; broken, and not there: {done.broken:,}" if done.broken else ""
        click.echo(f"{counted(done.files, 'file')}, {counted(done.bytes, 'byte')}{lost}", err=True)
        click.echo(shown(done.directory))
