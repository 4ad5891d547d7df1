"""`diagbundle view`: one bundle in a browser, served on loopback."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from diagbundle.analyse.evidence.entry import Evidence
    from diagbundle.bundle.reader import Bundle


@click.command
@click.argument("bundle", type=click.Path())
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="NUMBER", default=0, help="Serve on this port of 127.0.0.1. Without it: a free one."
)
@click.option("--browser", is_flag=True, help="Open the address in this desktop's browser, too.")
def command(bundle: str, port: int, *, browser: bool) -> int:
    """Show BUNDLE in a browser: verdicts with their lines, every file and log, search, timeline, changes, and what is missing.

    BUNDLE is a bundle, a folder that one was unpacked into, or a report of sos; of these two a packed copy is made first, which goes away.

    Prints an address that works once, in one browser of this machine; from then on that browser alone may look. Nothing leaves
    the machine, and the bundle is only read: of a log of many GB, only the lines that are shown. Ctrl-C ends it.

    \b
    Exit status: 0 ended by Ctrl-C; 2 it cannot be shown; 4 damaged, or not a
    bundle.

    From another machine: `ssh -L 4711:127.0.0.1:4711 HOST diagbundle view BUNDLE --port 4711`, and the address that this prints.
    """
    from diagbundle.errors import UsageError

    try:
        from diagbundle.cli.grep import finder
        from diagbundle.cli.timeline import chosen
        from diagbundle.view.desk import Desk, Tools
        from diagbundle.view.server import serve
    except ModuleNotFoundError as error:
        raise UsageError(
            f"this program does not hold what serves pages: {error.name}", "`diagbundle report BUNDLE` writes the page as a file"
        ) from None
    opened, evidence = _to_be_shown(bundle)
    with opened:
        try:
            desk = Desk(opened, Tools(_judged, chosen, finder), evidence)
            only = os.geteuid() if browser else None  # all see what a browser is started with
            serve(desk, port, lambda address: _ready(opened.name, address, browser=browser), _complain, only=only)
        except KeyboardInterrupt:
            return 0  # that is how it is ended
    return 0


def _to_be_shown(path: str) -> tuple[Bundle, Evidence | None]:
    """What is shown; and what is judged, where that is not a bundle."""
    from diagbundle.analyse.evidence.opened import open_evidence
    from diagbundle.bundle.reader import Bundle
    from diagbundle.cli.lying import is_other
    from diagbundle.cli.verify import watched
    from diagbundle.view.packed import packed

    if not is_other(path):
        return Bundle.open(path), None
    evidence = open_evidence(path)
    return packed(evidence, watched("packing")), evidence


def _judged(evidence: Evidence) -> dict[str, Any]:
    """All that can be said of the host, as programs get it."""
    import json

    from diagbundle.cli.analysis import diagnosed
    from diagbundle.report.json import as_json

    answer: dict[str, Any] = json.loads(as_json(evidence.name, diagnosed(evidence, {})))
    return answer


def _ready(name: str, address: str, *, browser: bool) -> None:
    from diagbundle.cli.talk import say

    say(f"{name} is shown at this address, which works once, in one browser of this machine; Ctrl-C ends it:")
    click.echo(address)
    if browser and not (_has_desktop() and _opened(address)):
        say("diagbundle: there is no desktop here: open the address yourself")


def _complain(text: str) -> None:
    from diagbundle.cli.talk import say

    say(f"diagbundle: a page could not be made: {text}")


def _has_desktop() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _opened(address: str) -> bool:
    import webbrowser

    return webbrowser.open(address)
