"""`diagbundle review`: what leaves with a bundle, for whoever has to approve it; and the bundle without what he strikes out."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from diagbundle.cli.answer import answer_option

if TYPE_CHECKING:
    from diagbundle.bundle.reader import Bundle
    from diagbundle.bundle.rewrite import Struck
    from diagbundle.report.paper import Paper

PARTIAL = 3
NARROW, WIDE = 80, 110
"""Columns of the text: of a terminal that does not say, and at most."""
BESIDE = "?"
"""Stands for the name beside the bundle that --html takes where none is given."""
TOLD = 10
"""Struck items that are named one by one."""


@click.command
@click.argument("bundle", required=False, type=click.Path())
@click.option("--all", "everything", is_flag=True, help="Name every item.")
@answer_option("For people or for programs.")
@click.option(
    "--html", is_flag=False, flag_value=BESIDE, metavar="[FILE]", help="Write one page to print and sign; without FILE: NAME.review.html."
)
@click.option("--remove", multiple=True, metavar="PATH", help="Write a bundle without this; a file, a folder, or with * in it, quoted.")
@click.option("--remove-file", metavar="LIST", type=click.Path(), help="The same for each line of a file.")
@click.option(
    "-o", "--output", metavar="PLACE", type=click.Path(), help="File or folder for what --remove writes. Default: NAME-reviewed.tar.zst."
)
def command(  # noqa: PLR0913  # click gives each option a name
    bundle: str | None,
    *,
    everything: bool,
    form: str,
    html: str | None,
    remove: tuple[str, ...],
    remove_file: str | None,
    output: str | None,
) -> int:
    """Show what leaves with the file BUNDLE, for whoever has to approve it: what kinds of things, how much of each with lines as
    they leave, what was hidden, which lines deserve a look, what was left out and why. Every byte of the bundle is checked first.

    --html writes it as a page to print and sign; the checksum on it binds the approval to this one file.
    --remove writes another bundle, in which PATH and every other copy of it are missing; BUNDLE stays as it is.

    \b
    Exit status: 0 whole; 3 undamaged, but not everything could be collected
    on the server; 4 damaged, or not a bundle.
    """
    from diagbundle.bundle.reader import Bundle
    from diagbundle.cli.verify import watched
    from diagbundle.errors import UsageError

    if bundle is None and html and html != BESIDE:  # `review --html BUNDLE`
        bundle, html = html, BESIDE
    if bundle is None:
        raise UsageError("a bundle must be named", "diagbundle review BUNDLE")
    patterns = [*remove, *_lines(remove_file)]
    if output and not patterns:
        raise UsageError("--output names the bundle that --remove writes, and nothing is to be removed", "name it with --remove PATH")
    if patterns and (html or everything or form == "json"):
        raise UsageError("--remove writes another bundle, which has to be looked at itself", "use --html, --all and --format with that one")
    with Bundle.open(bundle) as opened:
        _refuse_taken(opened, html, output, is_removed=bool(patterns))
        report = opened.verify(watched(f"checking {opened.name}"))
        if patterns:
            _remove(opened, patterns, _reviewed(opened, output))
        else:
            _tell(opened, form, html, everything=everything)
    return 0 if report.complete else PARTIAL


def _lines(path: str | None) -> list[str]:
    """The lines of a file that are not empty."""
    from diagbundle.bundle.escape import shown
    from diagbundle.errors import UsageError

    if not path:
        return []
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line for each in file if (line := each.rstrip("\r\n"))]
    except OSError as error:
        raise UsageError(f"the list cannot be read: {shown(path)}: {error.strerror}") from None
    if not lines:
        raise UsageError(f"the list names nothing: {shown(path)}", "one path a line")
    return lines


def _refuse_taken(bundle: Bundle, html: str | None, output: str | None, *, is_removed: bool) -> None:
    """Nothing is overwritten, and that is said before the work."""
    from diagbundle.newfile import refuse_taken

    if html:
        refuse_taken(_page(bundle, html))
    if is_removed:
        place = _reviewed(bundle, output)
        refuse_taken(place)
        refuse_taken(f"{place}.sha256")


def _stem(bundle: Bundle) -> tuple[str, str]:
    """A bundle's path without its suffix, and the suffix."""
    from diagbundle.bundle.format import PARTIAL_SUFFIX, SUFFIX

    suffix = next((suffix for suffix in (PARTIAL_SUFFIX, SUFFIX) if bundle.path.endswith(suffix)), "")
    return bundle.path.removesuffix(suffix), suffix or SUFFIX


def _page(bundle: Bundle, html: str) -> str:
    return f"{_stem(bundle)[0]}.review.html" if html == BESIDE else html


def _reviewed(bundle: Bundle, output: str | None) -> str:
    """Where the new bundle goes: the file or folder that was named, or beside the old one."""
    from diagbundle.bundle.escape import shown
    from diagbundle.errors import UsageError

    stem, suffix = _stem(bundle)
    name = f"{stem}-reviewed{suffix}"
    if output and os.path.isdir(output):
        return os.path.join(output, os.path.basename(name))
    if output and not output.endswith(suffix):  # nobody is to mistake it for what it is not, and least of all a partial one for a whole one
        raise UsageError(f"the name of this bundle ends in {suffix}: {shown(output)}", f"name an existing folder, or a file NAME{suffix}")
    return output or name


# -- what leaves


def _tell(bundle: Bundle, form: str, html: str | None, *, everything: bool) -> None:
    from diagbundle.bundle.escape import shown

    told = _paper(bundle)
    if form == "json":
        for piece in _json(bundle, told, everything=everything):
            sys.stdout.write(piece)
    elif not html:
        for line in _text(bundle, told, everything=everything):
            sys.stdout.write(f"{line}\n")
    if html:
        from diagbundle.newfile import write_new
        from diagbundle.numbers import amount
        from diagbundle.report.leaving import items_of
        from diagbundle.report.page import render
        from diagbundle.report.paper import BINDS, NEVER

        items = (lambda group: items_of(bundle, group)) if everything else None
        page = render("review.html", paper=told, items=items, binds=BINDS, never=[*NEVER.values()], amount=amount)
        write_new(_page(bundle, html), page.encode())
        if form != "json":
            click.echo(shown(_page(bundle, html)))


def _paper(bundle: Bundle) -> Paper:
    from diagbundle.cli.verify import sha256_of, sidecar
    from diagbundle.redact.redactor import Redactor
    from diagbundle.report.paper import paper

    kinds: dict[str, str] = {}
    for pattern in Redactor().patterns:
        kinds.setdefault(pattern.name, pattern.title)
    signature = f"{bundle.path}.sig"
    beside = os.path.basename(signature) if os.path.isfile(signature) else ""
    file = {"sidecar": sidecar(bundle), "sha256": sha256_of(bundle), "signature": beside}
    return paper(bundle, file, kinds)


def _text(bundle: Bundle, told: Paper, *, everything: bool) -> Iterator[str]:
    from diagbundle.cli.analysis import paint
    from diagbundle.cli.talk import named
    from diagbundle.report.leaving import items_of
    from diagbundle.report.paper_text import PaperText

    width = min(WIDE, shutil.get_terminal_size((NARROW + 20, 24)).columns)
    items = (lambda group: items_of(bundle, group)) if everything else None
    yield from map(named, PaperText(told, width, paint, items).lines())


def _json(bundle: Bundle, told: Paper, *, everything: bool) -> Iterator[str]:
    """One object; every item only where all is asked for, and one at a time."""
    whole = json.dumps(told.as_json(), indent=1)
    if not everything:
        yield f"{whole}\n"
        return
    from diagbundle.report.leaving import items_of

    yield whole.removesuffix("\n}") + ',\n "entries": ['
    comma = ""
    for group in told.leaving.groups:
        for row, hidden in items_of(bundle, group):
            entry: dict[str, Any] = {"category": group.title, "path": row["path"], "size": row["size"], "hidden": hidden}
            yield f"{comma}\n  {json.dumps(entry)}"
            comma = ","
    yield "\n ]\n}\n"


# -- the bundle without what was struck out


def _remove(bundle: Bundle, patterns: list[str], place: str) -> None:
    """Write it, read it back, give it its name; then the checksum beside it."""
    import time

    from diagbundle.bundle.escape import shown
    from diagbundle.bundle.format import sums_line
    from diagbundle.bundle.reader import Bundle
    from diagbundle.bundle.rewrite import rewrite, strike
    from diagbundle.cli.verify import sha256_of, watched
    from diagbundle.errors import BundleError, OutputError
    from diagbundle.newfile import NewFile, write_new

    struck = strike(bundle, patterns)
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with NewFile(place) as new:
        digest = rewrite(bundle, struck, new.write, sha256_of(bundle), when, watched("writing")).sha.hexdigest()
        new.sync()
        try:
            with Bundle.open(new.unfinished) as written:
                written.verify(watched("reading it back"))
                is_same = sha256_of(written) == digest
        except BundleError as error:
            raise OutputError(f"the bundle was written, but is not whole when it is read: {error}", "the disk may be failing") from None
        if not is_same:
            raise OutputError(
                f"the bundle was written, but reads differently: {shown(place)}", "the disk may be failing: write to another one"
            )
        new.keep()
    write_new(f"{place}.sha256", sums_line(os.path.basename(place), digest))
    _say_struck(struck, place, digest)
    click.echo(shown(place))


def _say_struck(struck: Struck, place: str, digest: str) -> None:
    from diagbundle.bundle.escape import shown
    from diagbundle.bundle.rewrite import NAMED
    from diagbundle.cli.talk import WIDTH, say
    from diagbundle.numbers import amount, counted
    from diagbundle.report.paper import ELSEWHERE

    say(f"{counted(struck.members, 'item')} struck out, {amount(struck.bytes)}, with every copy that the bundle held:")
    others = [(path, why) for path, why in struck.told if why != NAMED]
    for path, why in [(path, "") for path, why in struck.told if why == NAMED][:TOLD] + others[:TOLD]:
        say(f"  {shown(path)}" + (f"  ({why})" if why else ""))
    if (rest := struck.members - min(TOLD, struck.why[NAMED]) - min(TOLD, len(others))) > 0:
        say(f"  and {rest:,} more: `diagbundle list --missing {shown(os.path.basename(place))}`")
    other = "It is another file, so an approval, encryption or signature of the first one does not hold for it."
    for text in ("The list in the bundle still names them, as struck out. Names of files stay in that list.", ELSEWHERE, other):
        for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False):
            say(line)
    say(f"sha256 {digest}")
