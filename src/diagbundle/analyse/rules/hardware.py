"""What the server's own controller (BMC) logged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from diagbundle.analyse.api import About, Finding, Severity, latest, rule
from diagbundle.analyse.facts.hardware import ControllerEvent

WEEK = 7 * 86400.0
AHEAD = 2 * 86400.0
"""Seconds that a controller's clock may be ahead: it knows no zone."""
BAD = re.compile(
    r"failure detected|predictive|ac lost|input lost|redundancy lost|non-redundant|uncorrectable|non-recoverable"
    r"|(?:upper|lower) critical going|drive fault|\bierr\b|thermal trip|bus fatal|fatal error|machine check|memory device disabled"
    r"|configuration error",
    re.IGNORECASE,
)
PASSING = re.compile(r"uncorrectable|\bierr\b|fatal|machine check|thermal trip", re.IGNORECASE)
"""What is told once, and has no end."""


@rule("KRN008", "the log of the server's own controller (BMC)", ControllerEvent, About, absent="no controller can be asked")
def controller(events: list[ControllerEvent], about: list[About]) -> Iterator[Finding]:
    """The server's own controller watches power, fans, temperatures, memory and drives without the system, and logged a fault.

    Judged by its log (`ipmitool sel elist`): a warning for a fault of the last week that has not ended since, or that is no state but
    an event (memory that could not be corrected, a processor's error); a note for older ones, as such logs are kept for years. The
    clock of the controller may be wrong: compare it (`ipmitool sel time get`). Exchange or reconnect the part that it names; a lost power
    supply is hidden by the second one, until that fails too.
    """
    last: dict[tuple[str, str], ControllerEvent] = {}
    for each in latest(events):
        if BAD.search(each.what):
            last[each.sensor, each.what] = each
    now = about[0].now
    standing = [each for each in last.values() if not each.is_over or PASSING.search(each.what)]
    fresh = [each for each in standing if each.day and now and -AHEAD <= now - each.day <= WEEK]
    for each in fresh:
        when = f"{datetime.fromtimestamp(each.day, UTC):%b %d %H:%M} by its clock"
        yield Finding(
            Severity.WARNING,
            f"the server's own controller (BMC) reports {each.sensor}: {each.what} ({when})",
            (each.origin,),
            "Look at the part that is named (cable, socket, fan, module) and exchange it; `ipmitool sdr` says how it stands now",
            subject=each.sensor,
        )
    if standing and not fresh:
        each = max(standing, key=lambda one: one.day)
        yield Finding(
            Severity.NOTE,
            f"the server's own controller (BMC) has logged {len(standing)} fault{'s' if len(standing) > 1 else ''} longer ago: the last is "
            f"{each.sensor}: {each.what}",
            (each.origin,),
            "Compare with `ipmitool sdr`; clear the log (`ipmitool sel clear`) once the parts are in order",
            subject=each.sensor,
        )
