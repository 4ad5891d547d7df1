"""`diagbundle salvage`: what is whole in a file that is cut or damaged."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from diagbundle.numbers import counted

if TYPE_CHECKING:
    from diagbundle.bundle.headers import Header
    from diagbundle.bundle.salvage import Salvaged

DAMAGED = 4
TOLD = 10
"""Losses that are named one by one."""


@click.command
@click.argument("bundle", type=click.Path())
@click.option(
    "-o", "--output", default="", metavar="DIRECTORY", type=click.Path(), help="Write the whole files into this new or empty folder."
)
@click.option("-i", "--identity", metavar="KEYFILE", multiple=True, type=click.Path(), help="Your secret key, for an encrypted bundle.")
@click.pass_context
def command(ctx: click.Context, bundle: str, output: str, identity: tuple[str, ...]) -> None:
    """Look through the file BUNDLE, damaged or cut short, and name every file in it that is whole.

    This is for a bundle whose writing was interrupted (power, a full disk) or that was damaged on its way, and for one of
    several parts. It needs neither the list of contents nor the end of the file. With -o the whole files are written into a folder.

    \b
    Exit status: 0 nothing is missing after all; 4 something is missing, as told.
    """
    from diagbundle.bundle.escape import shown
    from diagbundle.bundle.part import part_of
    from diagbundle.bundle.salvage import salvage
    from diagbundle.bundle.unpack import unpack_damaged
    from diagbundle.cli.encryption import laid_open
    from diagbundle.cli.verify import watched

    with laid_open(bundle, identity) as (plain, fault):
        if output:
            done, found = unpack_damaged(plain, output, progress=watched("salvaging"))
            broken = done.broken
            for reason in done.reasons[:TOLD]:
                click.echo(f"diagbundle: {reason}", err=True)
        else:
            found, broken = salvage(plain, Names(), watched("looking")), 0
    tell_losses(found)
    if fault:
        click.echo(f"{fault}; what stands behind that is not given out", err=True)
    if part := part_of(bundle):
        click.echo(f"this is {part}", err=True)
    if output:
        click.echo(shown(output))
    ctx.exit(0 if found.whole and not broken and not fault else DAMAGED)


class Names:
    """Prints size and name of each member once it is known to be whole."""

    def __init__(self) -> None:
        self._line = ""

    def begin(self, header: Header) -> bool:
        """A member begins."""
        from diagbundle.bundle.escape import shown

        self._line = f"{header.size:>14,}  {shown(header.name.partition(b'/')[2])}\n"
        return True

    def data(self, piece: bytes) -> None:
        """Its data; not wanted here."""

    def finish(self) -> None:
        """It is whole."""
        sys.stdout.write(self._line)

    def drop(self) -> None:
        """It is not."""


def tell_losses(found: Salvaged) -> None:
    """What is whole, and where what is missing was."""
    lines = [f"{counted(found.members, 'whole file')}, {counted(found.bytes, 'byte')}"]
    if found.before:
        lines.append(f"bytes 0 to {found.before:,} of the file belong to a file that begins in an earlier part: `diagbundle join`")
    lines += [f"lost: bytes {loss.start:,} to {loss.end:,} of the file: {loss.why}" for loss in found.losses[:TOLD]]
    if len(found.losses) > TOLD:
        lines.append(f"... and {len(found.losses) - TOLD:,} more such places")
    lines += [f"not whole: {name}" for name in found.broken[:TOLD]]
    if len(found.broken) > TOLD:
        lines.append(f"... and {len(found.broken) - TOLD:,} more that are not whole")
    if found.cut >= 0:
        lines.append(f"the file ends at byte {found.size:,}, inside a piece that begins at byte {found.cut:,}")
    if found.ended and not found.sealed and found.cut < 0:
        lines.append("only the table at the end of the file is missing; all files are there")
    elif not found.ended:
        lines.append("the end of the archive was not reached: what would have come after that is not known")
    for line in lines:
        click.echo(line, err=True)
