"""`diagbundle open`: what arrived becomes a bundle that the other commands read."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click


@click.command
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-i",
    "--identity",
    metavar="KEYFILE",
    multiple=True,
    type=click.Path(),
    help="File of your secret key. Default: $DIAGBUNDLE_IDENTITY, or ~/.config/diagbundle/identity.",
)
@click.option("-o", "--output", default="", metavar="PLACE", type=click.Path(), help="File or folder for the bundle. Default: beside FILE.")
@click.option(
    "--in", "viewer", type=click.Choice(("lnav",)), help="Then show its logs in this program, from a folder that goes away again."
)
def command(files: tuple[str, ...], identity: tuple[str, ...], output: str, viewer: str | None) -> int:
    """Make a bundle out of FILE, which was encrypted for you, so that the other commands can read it.

    The key is a file as `age-keygen` writes it, or an SSH key, if the file was encrypted to that (`age -R key.pub`).
    Of a file that came in parts, name all of them, or their folder.
    The bundle has its name only when all of it has been opened and is as it was sent. FILE stays as it is.
    --in lnav then shows its logs, in one list by time; of a FILE that is a plain bundle, nothing but that is done.

    \b
    Exit status: 0 the bundle is there; 1 lnav failed; 2 there is no such key,
    or no terminal for --in; 4 it is for another key, was cut short or
    altered, or holds no bundle.
    """  # fmt: skip
    from diagbundle.bundle.escape import shown
    from diagbundle.bundle.part import part_of
    from diagbundle.cli.talk import say
    from diagbundle.cli.viewers import in_lnav, refuse_blind
    from diagbundle.errors import UsageError

    if len(files) > 1 and output and not os.path.isdir(output):
        raise UsageError(f"several files do not go into one: {shown(output)}", "name a folder that is there with --output")
    if viewer and len(files) > 1 and not any(part_of(path) for path in files):
        raise UsageError(f"only one bundle can be shown at a time: {shown(files[1])}")
    if viewer:
        refuse_blind()
    if any(os.path.isdir(path) or part_of(path) for path in files):
        places = [_opened_parts(files, identity, output)]
    else:
        places = [opened(path, identity, output) for path in files]
        for path, place in zip(files, places, strict=True):
            if path == place and not viewer:
                say(f"not encrypted: {shown(path)} is a bundle that can be read as it is, and stays where it lies")
    for place in places:
        click.echo(shown(place))
    return in_lnav(places[0]) if viewer else 0


def opened(path: str, identity: Sequence[str], output: str) -> str:
    """The path of the plain bundle; the file itself, where that is one already."""
    from diagbundle.bundle.frames import is_encrypted, open_file
    from diagbundle.bundle.reader import Bundle

    fd = open_file(path)
    try:
        if not is_encrypted(os.pread(fd, 64, 0)):
            with Bundle.open(path):  # which says what it is instead
                return path
        place = _place(path, output)
        _open(fd, path, place, identity)
    finally:
        os.close(fd)
    return place


def _opened_parts(paths: Sequence[str], identity: Sequence[str], output: str) -> str:
    """The same for a file that came in parts."""
    from diagbundle.bundle.format import ENCRYPTED_SUFFIX
    from diagbundle.newfile import refuse_taken
    from diagbundle.transport.joining import assemble, joined, write

    assembly = assemble(paths)
    whole = os.path.join(paths[0] if os.path.isdir(paths[0]) else os.path.dirname(paths[0]), assembly.whole)
    if not whole.endswith(ENCRYPTED_SUFFIX):
        place = output if output and not os.path.isdir(output) else os.path.join(output or os.path.dirname(whole), assembly.name)
        refuse_taken(place)
        write(assembly, place)
        return place
    place = _place(whole, output)
    with joined(assembly, os.path.dirname(place) or ".") as fd:
        _open(fd, whole, place, identity)
    return place


def _place(path: str, output: str) -> str:
    """Where the bundle goes: beside the file, under its name without `.age`."""
    from diagbundle.bundle.format import ENCRYPTED_SUFFIX, SUFFIX

    name = os.path.basename(path)
    name = name.removesuffix(ENCRYPTED_SUFFIX) if name.endswith(SUFFIX + ENCRYPTED_SUFFIX) else name + SUFFIX
    if output and not os.path.isdir(output) and not output.endswith("/"):
        return output
    return os.path.join(output or os.path.dirname(path), name)


def _open(fd: int, path: str, place: str, identity: Sequence[str]) -> None:
    """Decrypt into a file that gets its name when it is whole and a bundle."""
    from diagbundle.bundle.reader import Bundle
    from diagbundle.cli import encryption
    from diagbundle.errors import FormatError
    from diagbundle.newfile import NewFile, refuse_taken

    refuse_taken(place)
    keys = encryption.keys(identity)
    with NewFile(place) as new:
        encryption.decrypt(fd, path, keys, new.write)
        try:
            Bundle(new.fd, place)
        except FormatError as error:
            hint = "`age --decrypt -i KEYFILE FILE` gives it as it is"
            raise FormatError(f"what is encrypted there is no bundle: {error}", hint) from None
        new.keep()
