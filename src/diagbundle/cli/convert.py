"""`diagbundle convert`: a bundle as another archive."""

from __future__ import annotations

import os
import sys

import click

from diagbundle.bundle.escape import shown
from diagbundle.errors import UsageError

FORMS = ("tar.gz", "tar.xz", "tar")
SUFFIXES = {".tar.gz": "tar.gz", ".tgz": "tar.gz", ".tar.xz": "tar.xz", ".txz": "tar.xz", ".tar": "tar"}


@click.command
@click.argument("bundle", type=click.Path())
@click.option(
    "-o",
    "--output",
    metavar="PLACE",
    type=click.Path(),
    help="File or folder; `-` writes it to standard output. Default: the name of BUNDLE with another end, here.",
)
@click.option("--to", "form", type=click.Choice(FORMS), help="What to make. Default: what the end of PLACE says, else tar.gz.")
def command(bundle: str, output: str | None, form: str | None) -> None:
    """Write the file BUNDLE as .tar.gz, .tar.xz or .tar, for tools that read no .tar.zst.

    The members are the same, each below one folder, where sos has them: tools for its reports open the result.
    All of it is checked first; of a damaged bundle nothing is written. Nothing is overwritten.
    xz makes the smallest file, and takes the longest by far.

    \b
    Exit status: 0 done; 1 it could not be written; 4 the bundle is damaged.
    """
    from diagbundle.bundle.convert import PACKINGS, convert
    from diagbundle.bundle.reader import Bundle
    from diagbundle.cli.verify import watched
    from diagbundle.newfile import NewFile

    form = form or _form(output)
    packing = PACKINGS[form]()
    with Bundle.open(bundle) as opened:
        checking = watched(f"checking {opened.name}")
        if output == "-":
            opened.verify(checking)
            convert(opened, packing, sys.stdout.buffer.write)
            sys.stdout.buffer.flush()
            return
        name = os.path.basename(bundle).removesuffix(".tar.zst") + f".{form}"
        place = os.path.join(output, name) if output and os.path.isdir(output) else output or name
        with NewFile(place) as new:
            opened.verify(checking)
            convert(opened, packing, new.write, watched("converting"))
            new.keep()
    click.echo(shown(place))


def _form(output: str | None) -> str:
    """What the name of the output says. Raises `UsageError` where it says nothing we can make."""
    if output in (None, "-") or os.path.isdir(str(output)):
        return FORMS[0]
    for suffix, form in SUFFIXES.items():
        if str(output).endswith(suffix):
            return form
    hint = (
        "a bundle is a .tar.zst already: copy it"
        if str(output).endswith(".zst")
        else "name a file that ends in .tar.gz, .tar.xz or .tar, or use --to"
    )
    raise UsageError(f"the name does not say what is to be made: {shown(str(output))}", hint)
