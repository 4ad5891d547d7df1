"""`diagbundle explain`: what a verdict means, how it is reached, and what to do."""

from __future__ import annotations

import difflib

import click

from diagbundle.errors import UsageError


@click.command
@click.argument("code")
@click.option("--rules", multiple=True, metavar="PATH", type=click.Path(), help="Rules of your own: a TOML file, or a folder of them.")
def command(code: str, rules: tuple[str, ...]) -> None:
    """Explain the verdict CODE, as in NET001: what it means, how it is reached, and what to do. `diagbundle rules` lists all."""
    from diagbundle.cli.analysis import registry

    known = {rule.code: rule for rule in registry(rules).rules}
    rule = known.get(code.upper())
    if rule is None:
        close = difflib.get_close_matches(code.upper(), known, 1)
        raise UsageError(f"there is no verdict {code!r}", f"did you mean {close[0]}?" if close else "`diagbundle rules` lists all")
    click.echo(f"{rule.code}  {rule.suspect}\n")
    click.echo(rule.doc)
