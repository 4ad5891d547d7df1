"""`diagbundle diff`: what is different between two hosts, or on one host before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from diagbundle.cli.answer import answer_option

if TYPE_CHECKING:
    from collections.abc import Collection

    from diagbundle.analyse.compare.difference import Comparison
    from diagbundle.analyse.compare.side import Side
    from diagbundle.analyse.registry import Registry

SECTIONS = (
    "verdicts", "host", "kernel", "packages", "sysctl", "configuration", "services", "security", "storage", "network", "firewall",
    "containers", "users", "certificates", "hardware", "errors",
)  # fmt: skip
"""As `analyse.compare` has them; a test compares the two. To import it would be slow where only help is wanted."""
DIFFERENT = 5
"""What `--exit-code` ends with: 1 means that something failed."""


@click.command
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@answer_option("For people or for programs.")
@click.option("--only", multiple=True, metavar="SECTION", type=click.Choice(SECTIONS), help=f"Compare only these: {', '.join(SECTIONS)}.")
@click.option("--quick", is_flag=True, help="Leave verdicts out: logs are not read, and it takes seconds however large they are.")
@click.option("--all", "everything", is_flag=True, help="Shorten nothing.")
@click.option(
    "--same-host/--two-hosts", "one_host", default=None, help="What the two are, where the program takes them for the wrong thing."
)
@click.option("--exit-code", is_flag=True, help="End with 5 if anything is different.")
@click.option("--rules", multiple=True, metavar="PATH", type=click.Path(), help="Rules of your own: a TOML file, or a folder.")
def command(a: str, b: str, *, form: str, only: tuple[str, ...], **flags: Any) -> int:
    """Say what is different between A and B: two hosts ("works here, not there"), or one host before and after.

    A and B are bundles, folders into which one was unpacked, or reports of sos. Compared are verdicts, kernel,
    packages, settings, configuration, services, mounts, network and more; not counters, times, numbers of processes, or order. Of two
    hosts their names, addresses and ids are told once, as theirs. What only one of the two tells is said, and never counted as the same.

    \b
    -  only in A      +  only in B      ~  in both, and different: A -> B

    \b
    Exit status: 0 done; 4 damaged (what is whole was compared), or not a bundle;
    5 with --exit-code, if anything is different.
    """
    from diagbundle.cli.damage import ended

    sections = [name for name in only or SECTIONS if not (flags["quick"] and name == "verdicts")]
    sides, found = _compared(a, b, sections, flags)
    if form == "json":
        from diagbundle.report.difference import as_json

        click.echo(as_json(*sides, found))
    else:
        _print(sides, found, everything=flags["everything"])
    return ended(DIFFERENT if flags["exit_code"] and found.count else 0, *(side.evidence for side in sides))


def _compared(a: str, b: str, sections: Collection[str], flags: dict[str, Any]) -> tuple[tuple[Side, Side], Comparison]:
    from diagbundle.analyse.compare.compare import compare, registry_of_facts
    from diagbundle.cli.analysis import registry

    everything = registry(flags["rules"])
    wanted = everything if "verdicts" in sections else registry_of_facts(everything, sections)
    sides = _side("A", a, wanted), _side("B", b, wanted)
    return sides, compare(*sides, everything, sections, one_host=flags["one_host"])


def _side(name: str, path: str, wanted: Registry) -> Side:
    from diagbundle.analyse.compare.side import Side
    from diagbundle.analyse.engine import analyse
    from diagbundle.analyse.evidence.opened import open_evidence
    from diagbundle.cli.analysis import finder

    evidence = open_evidence(path)
    return Side(name, evidence, analyse(evidence, wanted, finder))


def _print(sides: tuple[Side, Side], found: Comparison, *, everything: bool) -> None:
    import shutil

    from diagbundle.cli.analysis import WIDEST, paint
    from diagbundle.report.difference import Text

    width = min(WIDEST, shutil.get_terminal_size((100, 24)).columns)
    for piece in Text(width, paint, everything=everything).report(*sides, found):
        click.echo(piece, nl=False)
