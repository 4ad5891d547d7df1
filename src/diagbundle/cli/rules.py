"""`diagbundle rules`: all that is judged, and whether rules hold their own cases."""

from __future__ import annotations

import click

from diagbundle.bundle.escape import shown
from diagbundle.numbers import counted

FAILED = 1


@click.command
@click.option("--rules", multiple=True, metavar="PATH", type=click.Path(), help="Rules of your own, too: a TOML file, or a folder of them.")
@click.option("--test", "is_test", is_flag=True, help="Hold the rules for logs to the cases that stand beside them (`hits`, `misses`).")
@click.pass_context
def command(ctx: click.Context, rules: tuple[str, ...], *, is_test: bool) -> None:
    """List what is judged: each rule with its code and the suspect it judges.

    Rules for logs are TOML. Yours lie in /etc/diagbundle/rules.d/ or are named with --rules; docs/rules.md explains their keys.

    \b
    Exit status: 0 done; 1 with --test, a rule does not hold its cases; 2 a file
    of rules is wrong.
    """
    from diagbundle.analyse.knowledge import faults
    from diagbundle.cli.analysis import log_rules, registry

    if not is_test:
        for rule in sorted(registry(rules).rules, key=lambda rule: rule.code):
            click.echo(f"{rule.code}  {shown(rule.suspect)}")
        return
    tried = log_rules(rules)
    wrong = [f"{rule.code} ({rule.origin}) {fault}" for rule in tried for fault in faults(rule)]
    for line in wrong:
        click.echo(shown(line))
    cases = sum(len(rule.hits) + len(rule.misses) for rule in tried)
    click.echo(
        f"{counted(len(tried), 'rule')} for logs, {counted(cases, 'case')}: "
        + (f"{len(wrong):,} wrong" if wrong else "all as they should be")
    )
    ctx.exit(FAILED if wrong else 0)
