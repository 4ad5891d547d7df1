"""What would be asked, without asking it: each collector is asked for its questions in a child that runs no command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from diagbundle.collect.identity import ask
from diagbundle.collect.rows import said
from diagbundle.host import Host
from diagbundle.model import Answer, Collector, Command, File, Outcome, Source, Table
from diagbundle.sources.never import why_never

SECONDS = 15.0
MOST = 10_000
"""Questions of one collector that a plan shows."""


@dataclass
class Planned:
    """The questions of one collector. `looks` are commands it would run first, to know what to ask."""

    collector: Collector
    items: list[dict[str, Any]] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    fault: str = ""


def plan(collectors: Iterable[Collector], host: Host, *, probes: bool, seconds: float = SECONDS) -> list[Planned]:
    """Every item of every collector; one that does not answer in so many seconds says so."""
    planned = []
    for collector in collectors:
        try:
            answer = ask(partial(_questions, collector, host, probes=probes), seconds)
        except OSError as error:
            planned.append(Planned(collector, fault=f"no process could be started to ask it: {error.strerror}"))
            continue
        if not (isinstance(answer, dict) and {"items", "looks", "fault"} <= answer.keys()):
            planned.append(Planned(collector, fault=f"it could not say within {seconds:g} s what it would ask"))
        else:
            planned.append(Planned(collector, answer["items"], answer["looks"], answer["fault"]))
    return planned


def _questions(collector: Collector, host: Host, *, probes: bool) -> dict[str, Any]:
    """In a child: the questions as plain values."""
    looks: list[str] = []

    def look(command: Command) -> Answer:
        looks.append(" ".join(command.argv))
        return Answer(command.argv, Outcome.SKIPPED, reason="a plan runs nothing")

    planning = replace(host, runner=look)
    items: list[dict[str, Any]] = []
    fault = ""
    for sample, sources in ((True, collector.samples), (False, collector.sources)):
        try:
            for source in islice(sources(planning), MOST):
                item = _item(source, planning)
                if probes or item["kind"] != "probe":
                    items.append(item | {"sample": True} if sample else item)
        except Exception as error:  # noqa: BLE001  # bulkhead: a collector's own code
            fault = f"the collector failed: {said(error)}"
    return {"items": items, "looks": looks, "fault": fault}


def _item(source: Source, host: Host) -> dict[str, Any]:
    item: dict[str, Any]
    if isinstance(source, File):
        item = {"kind": "file", "what": source.path}
    elif isinstance(source, Command):
        item = {"kind": "command", "what": " ".join(source.argv)}
        if source.each:
            item["each"] = source.each
    elif isinstance(source, Table):
        item = {"kind": "table", "what": source.name}
    else:
        item = {"kind": "probe", "what": f"{source.kind} {source.target}", "named_by": source.named_by}
    reason = source.skip or (f"only where {source.only_if} exists" if source.only_if and not host.exists(source.only_if) else "")
    reason = reason or (why_never(source.path) if isinstance(source, File) else "")
    return item | {"not_asked": reason} if reason else item
