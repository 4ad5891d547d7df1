"""`diagbundle collectors`: what can be asked."""

from __future__ import annotations

import json

import click

from diagbundle.bundle.escape import shown
from diagbundle.cli.answer import answer_option
from diagbundle.collect.registry import find


@click.command
@click.option("--collector", multiple=True, metavar="FILE", help="List a vendor's collector, too: a TOML file.")
@answer_option("For people or for programs.")
def command(*, collector: tuple[str, ...], form: str) -> int:
    """List the collectors and what each is about.

    Names are for --only, --without and --with of `diagbundle collect`. A collector marked * is only asked with --with.
    """
    found = find(collector)
    if form == "json":
        rows = [
            {"name": one.name, "title": one.title, "stage": one.stage, "needs": one.needs, "default": one.default, "origin": one.origin}
            for one in found.collectors.values()
        ]
        click.echo(json.dumps({"collectors": rows, "refused": found.refused, "passed_over": found.passed_over}, indent=1))
        return 0
    for one in found.collectors.values():
        click.echo(f"{one.name + ('' if one.default else ' *'):<20} {one.stage:<9} {shown(one.title)}")
    for origin, reason in (*found.refused, *found.passed_over):
        click.echo(f"not taken: {shown(origin)}: {shown(reason)}")
    return 0
