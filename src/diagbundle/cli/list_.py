"""`diagbundle list`: what is in a bundle, and what is not."""

from __future__ import annotations

import click

from diagbundle.cli import listing
from diagbundle.cli.answer import answer_option


@click.command
@click.argument("bundle", type=click.Path())
@click.argument("pattern", nargs=-1)
@click.option("-l", "--long", "long", is_flag=True, help="Show also how the asking ended, who asked, and for what.")
@click.option("-m", "--missing", is_flag=True, help="Show instead what was not had, or only in part, with the reason.")
@answer_option("For people, or one line of JSON for each item, as it stands in the manifest.")
def command(bundle: str, pattern: tuple[str, ...], *, long: bool, missing: bool, form: str) -> None:
    """Show what is in the file BUNDLE: size in bytes, time of the last change (UTC) and name of each file.

    PATTERN selects: a folder (var/log), a name, or a name with * and ? in it ('*.conf', quoted).
    `diagbundle cat BUNDLE NAME` prints one of the files.

    \b
    Exit status: 0 done; 2 nothing in it matches; 4 damaged, or not a bundle.
    """
    if pattern or long or missing or form == "json":
        listing.choice(bundle, pattern, long=long, missing=missing, as_json=form == "json")
    else:
        listing.plain(bundle)
