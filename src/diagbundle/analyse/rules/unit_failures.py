"""Units that systemd could not start, as its log tells: what its list of failed units does not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, latest, rule
from diagbundle.analyse.facts.services import OF_THE_KERNEL, RESULTS, UNIMPORTANT, Unit, UnitFailure
from diagbundle.analyse.facts.spoken import DAY, between

MAX_TOLD = 10
TOGETHER = 5.0
"""Seconds between the failure of a unit and the word that those which need it failed, too."""
SETTINGS = {
    "setting": "systemd finds an error in its unit file",
    "environment": "the file with its environment cannot be read",
    "cycle": "it was left out, as units wait for each other in a circle",
}
ADVICE = {
    "setting": "`systemd-analyze verify UNIT` names the line; mend it, `systemctl daemon-reload`, then start it",
    "environment": "Put the file of EnvironmentFile= in its place (see `systemctl cat UNIT`); a dash before its path lets it be missing",
    "cycle": "`systemd-analyze verify UNIT` shows the circle: take one After=, Before= or Requires= out of it",
}


def _unsettled(failures: Sequence[UnitFailure], now: float) -> list[UnitFailure]:
    """Failures of the last day after which systemd did not say that the same unit works, and that matter."""
    well: dict[str, float] = {}
    for each in failures:
        if not each.result:
            for name in filter(None, (each.unit, each.title)):
                well[name] = max(well.get(name, 0.0), each.time)
    return [
        each
        for each in failures
        if each.result
        and not (each.time and now - each.time > DAY)
        and not any(well.get(name, -1.0) >= each.time for name in (each.unit, each.title) if name)
        and not UNIMPORTANT.fullmatch(each.unit)
        and not OF_THE_KERNEL.fullmatch(each.unit)
    ]


@rule("SVC012", "units that were not started, or failed, as systemd's log tells", UnitFailure, About, uses=(Unit,))
def not_started(failures: Sequence[UnitFailure], about: Sequence[About], units: Sequence[Unit]) -> Iterator[Finding]:
    """A unit was not started because something that it needs had failed, its file is wrong, or it waited in a circle with others.

    Such a unit does not count as failed: it is merely inactive, so that `systemctl --failed` does not show it. Found in systemd's log of
    the last day, unless it says later that the unit works, or the unit is active now. Where the list of units could not be had (systemd
    does not answer), units that failed in any other way are told from the log, too. A device that did not appear (a disk of fstab that
    is gone) is told with what waited for it. All are warnings.
    What to do: mend what failed first; then `systemctl start UNIT` for those that need it.
    """
    known = {unit.name: unit for unit in latest(units)}
    unsettled = [each for each in _unsettled(failures, about[0].now) if not (each.unit in known and known[each.unit].active == "active")]
    needing = [each for each in unsettled if each.result == "dependency"]
    if needing:
        yield _needing(needing, [each for each in unsettled if each.result != "dependency"], known)
    rest = [each for each in unsettled if each.result in SETTINGS or (each.result not in {"dependency", "device"} and not known)]
    by_unit: dict[str, list[UnitFailure]] = {}
    for each in rest:
        by_unit.setdefault(each.unit, []).append(each)
    for unit, those in list(by_unit.items())[:MAX_TOLD]:
        yield _alone(unit, those)


def _needing(needing: Sequence[UnitFailure], others: Sequence[UnitFailure], known: dict[str, Unit]) -> Finding:
    """All that were not started for want of another."""
    units = list(dict.fromkeys(each.unit for each in needing if each.unit))
    titles = list(dict.fromkeys(each.title for each in needing if each.title))
    names = units if len(units) >= len(titles) else titles
    causes = [cause for one in needing for cause in _nearest(one, others)]
    causes = list(dict.fromkeys(causes))
    why = ", ".join(dict.fromkeys(each.unit or f"the {each.title} did not appear" for each in causes[:3]))
    one = len(names) == 1
    told = {each.unit for each in causes if each.unit in known}
    return Finding(
        Severity.WARNING,
        f"{', '.join(names[:MAX_TOLD])} {'was' if one else 'were'} not started, because something that {'it needs' if one else 'they need'}"
        f" failed{f': {why}' if why else ''}",
        tuple(each.origin for each in (*causes[-2:], *needing[-3:])),
        f"Mend {why or 'what failed before it'} first (`systemctl list-dependencies {units[0] if units else 'UNIT'}`), then start "
        f"{'it' if one else 'them'} again",
        detail=between([each.time for each in needing]) + (f"; described as {', '.join(titles[:MAX_TOLD])}" if units and titles else ""),
        subject=names[0] if one else "",
        symptom=bool(told),
        since=min((each.time for each in needing if each.time), default=0.0),
        latest=max(each.time for each in needing),
    )


def _nearest(one: UnitFailure, others: Sequence[UnitFailure]) -> list[UnitFailure]:
    """What failed right before another was not started for want of it: that alone."""
    before = [
        each
        for each in others
        if each.origin.path == one.origin.path and each.origin.line < one.origin.line and 0 <= one.time - each.time <= TOGETHER
    ]
    return sorted(before, key=lambda each: each.origin.line)[-1:]


def _alone(unit: str, those: Sequence[UnitFailure]) -> Finding:
    last = next((each for each in reversed(those) if each.result in SETTINGS), those[-1])
    why = SETTINGS.get(last.result) or RESULTS.get(last.result) or "it ended with an error"
    return Finding(
        Severity.WARNING,
        f"{unit} was not started: {why}" if last.result in SETTINGS else f"{unit} failed: {why}",
        tuple(each.origin for each in those[-3:]),
        ADVICE.get(last.result, "Read `journalctl -u UNIT -n 50`, mend what it complains of, then `systemctl restart UNIT`").replace(
            "UNIT", unit
        ),
        detail=between([each.time for each in those]),
        subject=unit,
        symptom=last.result not in SETTINGS,
        since=those[0].time,
        latest=those[-1].time,
        part_of=("same SVC001", "same SVC006") if last.result in SETTINGS else ("same SVC010", "same APP013", "same SVC003"),
    )
