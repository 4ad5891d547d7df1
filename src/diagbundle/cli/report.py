"""`diagbundle report`: a bundle as one page to look at."""

from __future__ import annotations

import os
import re

import click

from diagbundle import carried
from diagbundle.cli.analysis import claimed

SUFFIX = re.compile(r"(?:\.partial)?(?:\.tar(?:\.\w+)?|\.tgz|\.txz)?\Z")


@click.command
@click.argument("bundle", type=click.Path())
@click.option(
    "-o",
    "--output",
    default="",
    metavar="PLACE",
    type=click.Path(),
    help="File or folder for the page. Default: NAME.html, beside the bundle.",
)
@claimed
def command(bundle: str, output: str, **flags: object) -> int:
    """Write one page of HTML about BUNDLE: what is wrong, with the lines that show it; the host, its load, what its logs say over
    time, what changed, and everything that was asked for.

    The page is one file without scripts; it fetches nothing and can be read offline, on a phone, and printed. It holds lines of the
    bundle's logs: treat it as you treat the bundle.

    BUNDLE is a bundle, a folder that one was unpacked into, or a report of sos.

    \b
    Exit status: 0 done; 1 no page was written; 4 damaged (there is a page of
    what is whole), or not a bundle.
    """
    from diagbundle.analyse.evidence.opened import open_evidence
    from diagbundle.analyse.log.tally import Overheard
    from diagbundle.bundle.escape import shown
    from diagbundle.cli.analysis import diagnosed, finder, registry
    from diagbundle.cli.damage import ended
    from diagbundle.errors import UsageError
    from diagbundle.newfile import NewFile
    from diagbundle.report.html import as_html

    path = output or default_name(bundle)
    if os.path.isdir(path):
        path = os.path.join(path, os.path.basename(default_name(bundle)))
    elif path == "-":
        raise UsageError("the page goes to a file, not to standard output: -", "name the file: -o FILE.html")
    with NewFile(path) as file:
        evidence = Overheard(open_evidence(bundle), finder)
        diagnosis = diagnosed(evidence, flags)
        page = as_html(evidence, diagnosis, registry(flags["rules"]), about_file(bundle))  # type: ignore[arg-type]
        page = page.replace("<code>diagbundle ", f"<code>{carried.program_name()} ")  # a kit has a name of its own
        file.write(page.encode())
        file.keep()
    click.echo(shown(path))
    return ended(0, evidence)


def default_name(bundle: str) -> str:
    """NAME.html beside NAME.tar.zst."""
    return SUFFIX.sub("", os.path.normpath(bundle)) + ".html"


def about_file(bundle: str) -> dict[str, str]:
    """Size and SHA-256 of a bundle; nothing of a folder."""
    from diagbundle.bundle import hashing
    from diagbundle.errors import UsageError

    if os.path.isdir(bundle):
        return {}
    try:
        with open(bundle, "rb") as file:
            size, digest = os.fstat(file.fileno()).st_size, hashing.of_file(file.fileno())
    except OSError as error:
        raise UsageError(f"the file cannot be read: {bundle}: {error.strerror}") from None
    return {"size": f"{size:,} bytes", "SHA-256": digest}
