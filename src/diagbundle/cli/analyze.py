"""`diagbundle analyze`: what is wrong with the host that a bundle comes from."""

from __future__ import annotations

import click

from diagbundle.cli.analysis import conclude, options


@click.command
@click.argument("bundle", type=click.Path())
@options
def command(bundle: str, **flags: object) -> int:
    """Say what is wrong with the host that BUNDLE comes from, how that is known, and what to do.

    BUNDLE is a bundle, a folder that one was unpacked into, or a report of sos (.tar.xz, .tar.gz, or unpacked).
    Every suspect is named: found guilty, with the lines that show it; cleared; or not to be judged, with the reason.

    \b
    Exit status: 0 done; 4 damaged (what is whole was judged), or not a bundle;
    5 with --fail-on, a verdict of that severity or worse was found.
    """
    from diagbundle.analyse.evidence.opened import open_evidence

    return conclude(open_evidence(bundle), flags)
