"""`diagbundle join`: parts that came one by one are one file again."""

from __future__ import annotations

import os

import click


@click.command
@click.argument("parts", metavar="PART... | FOLDER", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--output",
    default="",
    metavar="PLACE",
    type=click.Path(),
    help="File or folder for the whole. Default: where the first part lies.",
)
def command(parts: tuple[str, ...], output: str) -> None:
    """Put the parts of a bundle together again, or say which one is missing or damaged and must be sent again.

    Name the parts, in any order, or the folder in which they lie with their list, NAME.parts. What they are called does
    not matter: which part a file is, its content tells. The parts stay; `cat NAME.[0-9]*` does the same without any check.

    \b
    Exit status: 0 the whole is there, and is what was cut; 4 a part is missing,
    damaged or another bundle's.
    """
    from diagbundle.bundle.escape import shown
    from diagbundle.bundle.format import ENCRYPTED_SUFFIX
    from diagbundle.cli.talk import say
    from diagbundle.cli.verify import watched
    from diagbundle.newfile import refuse_taken
    from diagbundle.numbers import counted
    from diagbundle.transport.joining import assemble, write

    assembly = assemble(parts)
    folder = parts[0] if os.path.isdir(parts[0]) else os.path.dirname(parts[0])
    if not output and [piece.path for piece in assembly.pieces] == [whole := os.path.join(folder, assembly.name)]:
        say(f"not in parts: {shown(whole)} is in one piece, and stays where it lies; `diagbundle verify` checks it")
        click.echo(shown(whole))
        return
    place = output or folder
    path = place if output and not os.path.isdir(output) and not output.endswith("/") else os.path.join(place, assembly.name)
    refuse_taken(path)
    write(assembly, path, progress=watched("joining"))
    for remark in assembly.remarks:
        say(remark)
    without = "each has its checksum" if assembly.whole.endswith(ENCRYPTED_SUFFIX) else "all checksums in it are right"
    right = "its checksum is right" if assembly.sha256 else without
    are = "is" if len(assembly.pieces) == 1 else "are"
    say(f"{counted(len(assembly.pieces), 'part')} {are} one file again: {assembly.size:,} bytes; {right}")
    click.echo(shown(path))
