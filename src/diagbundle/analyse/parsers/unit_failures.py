"""What systemd itself tells in the logs of units that it could not start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.services import KINDS, UnitFailure

_UNIT = rf"(?P<unit>\S+\.{KINDS})"
_BAD = re.compile(
    rf"(?:Cannot add dependency job, ignoring: )?(?:Unit )?{_UNIT}:? (?:(?:Unit )?(?P<setting>has a bad unit file setting)"
    r"|Failed with result '(?P<result>[\w-]+)'|Job \S+/(?:start|restart) failed with result '(?P<job>[\w-]+)'"
    r"|(?P<env>Failed to load environment files: .+)|(?P<service>Service (?:has no|lacks) .+ Refusing\.?))"
)
_CYCLE = re.compile(r"Job (?P<unit>\S+)/(?:start|verify-active) deleted to break ordering cycle")
_NAMED = re.compile(r"Dependency failed for (?P<title>.+?)\.?$|Timed out waiting for (?P<device>device .+?)\.?$")
_WELL = re.compile(
    rf"(?P<again>\S+\.{KINDS}): Scheduled restart job"
    rf"|(?:Started|Finished|Mounted|Listening on|Reached target)(?: (?P<unit>\S+\.{KINDS}) -)? (?P<title>.+?)\.?$"
)
MANAGER = (0, 1)
"""Process numbers of systemd that runs the host, where one is told; others manage a user's session."""


@log_parser(
    UnitFailure,
    "failed with result '",
    "bad unit file setting",
    "failed to load environment files",
    ". refusing",
    "deleted to break ordering cycle",
    "dependency failed for ",
    "timed out waiting for device ",
)
def unit_failures(event: Event) -> Iterator[UnitFailure]:
    """`x.service: Failed with result 'timeout'.`, `Dependency failed for Web Shop.`, `… has a bad unit file setting.` and the like."""
    text = event.text[:1000].strip()
    if event.facility != "systemd" or event.pid not in MANAGER:
        return
    if bad := _BAD.match(text):
        result = bad["result"] or bad["job"] or ("environment" if bad["env"] else "setting")
        yield UnitFailure(bad["unit"], "", result, text, event.time, origin=event.origin)
    elif cycle := _CYCLE.search(text):
        yield UnitFailure(cycle["unit"], "", "cycle", text, event.time, origin=event.origin)
    elif named := _NAMED.match(text):
        unit, _, title = (named["title"] or "").rpartition(" - ")
        name = unit if re.fullmatch(rf"\S+\.{KINDS}", unit) else ""
        result = "device" if named["device"] else "dependency"
        yield UnitFailure(
            name, named["device"] or title if name else named["device"] or named["title"], result, text, event.time, origin=event.origin
        )


@log_parser(UnitFailure, "started ", "finished ", "mounted ", "listening on ", "reached target ", "scheduled restart job")
def units_that_work(event: Event) -> Iterator[UnitFailure]:
    """`Started x.service - Web Shop.`, or without its name before version 249; one that is started anew has not failed yet."""
    if event.facility == "systemd" and event.pid in MANAGER and (well := _WELL.match(event.text[:1000].strip())):
        yield UnitFailure(well["again"] or well["unit"] or "", well["title"] or "", "", "", event.time, origin=event.origin)
