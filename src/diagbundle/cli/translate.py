"""`diagbundle translate`: text of a bundle with pseudonyms, read with the real names and addresses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO

import click

if TYPE_CHECKING:
    from diagbundle.redact.identifiers.pseudonym import Translator

PIECE = 1 << 20
"""Bytes turned at once, to the end of a line."""
LINE = 64 << 20
"""Longest line that is waited for."""


@click.command
@click.argument("map", type=click.Path(), metavar="MAP")
@click.argument("files", nargs=-1, type=click.Path(), metavar="[FILE]...")
def command(map: str, files: tuple[str, ...]) -> None:  # noqa: A002 - it is what the user calls it
    """Turn the stand-ins of --pseudonyms in the FILEs, or in standard input, back into the real names and addresses.

    MAP is the file with key and map that was written beside the bundle; who holds it can undo the pseudonyms of all bundles made with it.
    Every address in the text is taken for a stand-in: translate text out of a bundle, not a text with real addresses.
    """
    from diagbundle.redact.identifiers.pseudonym import Translator, read_map

    translator = Translator(*read_map(map))
    for path in files or ("-",):
        _translate(translator, path)
    sys.stdout.buffer.flush()


def _translate(translator: Translator, path: str) -> None:
    from diagbundle.paths import unread

    if path == "-":
        _copy(translator, sys.stdin.buffer)
        return
    try:
        file = open(path, "rb")  # noqa: SIM115  # an error of standard output is none of the file's
    except (OSError, ValueError) as error:
        raise unread(path, error) from None
    with file:
        _copy(translator, file)


def _copy(translator: Translator, file: BinaryIO) -> None:
    """Whole lines at a time: an address or a name must not be cut."""
    while piece := file.read(PIECE):
        piece += file.readline(LINE)
        sys.stdout.buffer.write(translator.back(piece))
