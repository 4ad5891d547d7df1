"""`diagbundle plan`: the page that a security officer signs."""

from __future__ import annotations

import json
from typing import Any

import click

from diagbundle import carried, config
from diagbundle.bundle.escape import shown
from diagbundle.cli import options
from diagbundle.cli.answer import answer_option
from diagbundle.cli.redaction import further
from diagbundle.collect.plan import Planned, plan
from diagbundle.collect.registry import Registry
from diagbundle.sources.never import NEVER

WORDS = {"file": "reads", "command": "runs", "table": "computes", "probe": "asks the network"}


@click.command
@options.choice_options
@options.redaction_options
@answer_option("For people or for programs.")
def command(*, form: str, **flags: Any) -> int:
    """Show every item that would be collected, without collecting it.

    No command is run for this, and no file is copied. Where a collector must look first (which containers are there?), the
    plan lists the commands it looks with.
    """
    settings = options.load(flags)
    further(settings.redact_rules)  # a plan to be signed does not name patterns that cannot be read
    collectors, found = options.chosen(settings)
    planned = plan(collectors, options.host(settings), probes="reachability" not in settings.without)
    if form == "json":
        click.echo(json.dumps(_as_json(planned, settings, found), indent=1))
    else:
        click.echo("\n".join(_lines(planned, settings, found)))
    return 0


def _as_json(planned: list[Planned], settings: config.Config, found: Registry) -> dict[str, Any]:
    collectors = [
        {"name": one.collector.name, "title": one.collector.title, "stage": one.collector.stage, "origin": one.collector.origin,
         "looks": one.looks, "items": one.items, "fault": one.fault or None}
        for one in planned
    ]  # fmt: skip
    return {
        "settings": settings.shown(), "kit": carried.told(), "kit_settings": sorted(_of_kit(settings)), "never": NEVER,
        "refused": found.refused, "passed_over": found.passed_over, "collectors": collectors,
    }  # fmt: skip


def _lines(planned: list[Planned], settings: config.Config, found: Registry) -> list[str]:
    kit = carried.product()
    name = carried.program_name()
    lines = [f"What `{name} collect` would do on this server. Nothing has been collected, and nothing is sent anywhere.", ""]
    for one in planned:
        lines += [shown(f"{one.collector.name}: {one.collector.title}")]
        lines += [f"  looks first with   {shown(look)}" for look in dict.fromkeys(one.looks)]
        lines += [_line(item) for item in one.items]
        lines += [f"  {shown(one.fault)}"] if one.fault else []
        lines += [""]
    lines += ["Never read, whoever asks:"]
    lines += [f"  {reason}: {' '.join(patterns)}" for reason, patterns in NEVER.items()]
    lines += ["", "Settings in force:"]
    ours = _of_kit(settings)
    lines += [f"  {key} = {json.dumps(value)}{f'   as {name} has it' if key in ours else ''}" for key, value in settings.shown().items()]
    lines += [f"Not taken: {shown(origin)}: {shown(reason)}" for origin, reason in (*found.refused, *found.passed_over)]
    if kit:
        lines += ["", f"This is {shown(carried.version())}. Checksum of what it carries: {kit.checksum}"]
        lines += [f"Public key of its vendor, for `--encrypt-to vendor`: {kit.key}"] * bool(kit.key)
    return lines


def _of_kit(settings: config.Config) -> set[str]:
    """Settings that are in force as the kit has them."""
    kit = carried.product()
    return {key for key, value in (kit.defaults if kit else {}).items() if settings.shown()[key] == value}


def _line(item: dict[str, Any]) -> str:
    words = WORDS[item["kind"]]
    twice = ", twice" if item.get("sample") else ""
    each = f"   for each {item['each']}" if item.get("each") else ""
    named = f"   named by {item['named_by']}" if item.get("named_by") else ""
    why = f"   (not asked: {item['not_asked']})" if item.get("not_asked") else ""
    return shown(f"  {words + twice:<18} {item['what']}{each}{named}{why}")
