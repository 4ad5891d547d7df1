"""Units as systemd and other managers of services tell of them, and processes by start time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Event, Line, log_parser, parser
from diagbundle.analyse.facts.services import KINDS, Incarnation, Job, Unit, UnitFile, UnitRestart, UnitSaid

_UNIT = re.compile(rf"(\S+\.{KINDS})\s+(\S+)\s+(\S+)\s+(\S+)")
_TELLING = ("ActiveState", "SubState", "Result", "NRestarts", "ExecMainStatus", "NeedDaemonReload", "LoadState")
_BY_SIGNAL = ("2", "3")
"""ExecMainCode: CLD_KILLED and CLD_DUMPED."""


@parser(Unit, "sos_commands/systemd/systemctl_show_service_--all", "sos_commands/systemd/systemctl_show_others")
def shown(doc: Document) -> Iterator[Unit]:
    """Blocks of `Name=value`, with an empty line between two units."""
    block: dict[str, Line] = {}
    for line in [*doc.lines, ""]:
        if not line.strip():
            if unit := _shown(block):
                yield unit
            block = {}
        elif isinstance(line, Line) and "=" in line:
            block.setdefault(line.partition("=")[0], line)


def _shown(block: dict[str, Line]) -> Unit | None:
    value = {name: line.partition("=")[2].strip() for name, line in block.items()}
    if not value.get("Id"):
        return None
    return Unit(
        name=value["Id"],
        load=value.get("LoadState", ""),
        active=value.get("ActiveState", ""),
        sub=value.get("SubState", ""),
        result=value.get("Result", ""),
        status=_number(value.get("ExecMainStatus")),
        by_signal=value.get("ExecMainCode") in _BY_SIGNAL,
        restarts=_number(value.get("NRestarts")),
        changed=value.get("StateChangeTimestamp", ""),
        started=value.get("ActiveEnterTimestamp", ""),
        needs_reload=value.get("NeedDaemonReload") == "yes",
        file=value.get("FragmentPath", ""),
        kind=value.get("Type", ""),
        user=value.get("User", ""),
        origin=block["Id"].origin,
        proofs=tuple(block[name].origin for name in ("Id", *_TELLING) if name in block),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else None  # more is no count


@parser(Unit, "sos_commands/systemd/systemctl_list-units*", "sos_commands/systemd/systemctl_list-units_--failed*")
def listed(doc: Document) -> Iterator[Unit]:
    """`systemctl list-units`: a mark or none, then name, load, active and sub state."""
    for line in doc.lines:
        if found := _UNIT.search(line[:300]):
            name, load, active, sub = found.groups()
            if load in {"loaded", "not-found", "masked", "error", "bad-setting", "stub", "merged"}:
                yield Unit(name=name, load=load, active=active, sub=sub, origin=line.origin, proofs=(line.origin,))


_FILE = re.compile(rf"(\S+\.{KINDS})\s+([a-z-]+)(?:\s|$)")


@parser(UnitFile, "sos_commands/systemd/systemctl_list-unit-files*")
def unit_files(doc: Document) -> Iterator[UnitFile]:
    """`systemctl list-unit-files`: name, state, preset."""
    for line in doc.lines:
        if found := _FILE.match(line[:300]):
            yield UnitFile(found[1], found[2], origin=line.origin)


_HEAD = re.compile(rf"\S+ (\S+\.{KINDS})(?: - .*)?$")
_SAID = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ (?P<who>[^\s:\[]+)(?:\[\d+\])?: (?P<text>.*)$")


@parser(UnitSaid, "sos_commands/systemd/systemctl_status_--full*", "sos_commands/systemd/systemctl_status_--all")
def said(doc: Document) -> Iterator[UnitSaid]:
    """The journal's last lines below each unit, and the line `Active:`."""
    unit = ""
    for line in doc.lines:
        if head := _HEAD.fullmatch(line[:300].rstrip()):
            unit = head[1]
        elif unit and line.lstrip().startswith("Active: failed"):
            yield UnitSaid(unit, line.strip(), by_manager=True, origin=line.origin)
        elif unit and (found := _SAID.match(line)):
            yield UnitSaid(unit, found["text"], by_manager=found["who"] == "systemd", origin=line.origin)


@parser(Job, "sos_commands/systemd/systemctl_list-jobs")
def jobs(doc: Document) -> Iterator[Job]:
    """Number, unit, kind, state."""
    for line, words in doc.words():
        if len(words) == 4 and words[0].isdigit() and words[3] in {"running", "waiting"}:  # as many columns
            yield Job(words[1], words[2], words[3], origin=line.origin)


@parser(Incarnation, "diagbundle/tables/process_counters", "diagbundle/tables/processes")
def incarnations(doc: Document) -> Iterator[Incarnation]:
    """A row for each process; rows of threads and sums are left out."""
    for row in doc.rows:
        if row.whole("pid") and row["start"] is not None and row["tid"] is None:
            yield Incarnation(
                row.whole("pid"),
                row.text("comm"),
                row.whole("start"),
                row.text("cmdline"),
                row.whole("ppid"),
                row["kernel"] is True,
                doc.entry.path,
                origin=row.origin,
            )


# -- other managers

_SUPERVISOR = re.compile(r"([\w.:@-]+)\s+(RUNNING|STOPPED|STARTING|BACKOFF|STOPPING|EXITED|FATAL|UNKNOWN)\b\s*(.*)")
_OF_SUPERVISOR = {"RUNNING": "active", "STARTING": "activating", "BACKOFF": "activating", "FATAL": "failed", "UNKNOWN": "failed"}


@parser(Unit, "sos_commands/services/supervisorctl_status", "sos_commands/supervisor/supervisorctl_status")
def supervised(doc: Document) -> Iterator[Unit]:
    """`name  STATE  words`."""
    for line in doc.lines:
        if found := _SUPERVISOR.match(line):
            yield Unit(
                name=found[1],
                manager="supervisor",
                load="loaded",
                active=_OF_SUPERVISOR.get(found[2], "inactive"),
                sub=found[2].lower(),
                result=found[3].strip(),
                origin=line.origin,
                proofs=(line.origin,),
            )


_OPENRC = re.compile(r"\s+(\S+)\s+\[\s*(\w+)")
_OF_OPENRC = {"started": "active", "crashed": "failed", "starting": "activating", "stopping": "deactivating", "failed": "failed"}


@parser(Unit, "sos_commands/services/rc-status_-a_--nocolor")
def openrc(doc: Document) -> Iterator[Unit]:
    """` name   [  started  ]` below the name of each runlevel."""
    for line in doc.lines:
        if found := _OPENRC.match(line):
            state = _OF_OPENRC.get(found[2], "inactive")
            yield Unit(
                name=found[1], manager="OpenRC", load="loaded", active=state, sub=found[2], origin=line.origin, proofs=(line.origin,)
            )


_RUNIT = re.compile(r"(run|down|fail|finish|warning): (\S+?): (.*)")


@parser(Unit, "sos_commands/services/sv_status*")
def runit(doc: Document) -> Iterator[Unit]:
    """`down: NAME: 12s, normally up, want up`; what an admin stopped does not want up."""
    for line in doc.lines:
        if found := _RUNIT.match(line):
            lost = found[1] in {"fail", "warning"} or (found[1] == "down" and "want up" in found[3])
            state = "active" if found[1] == "run" else "failed" if lost else "inactive"
            name = found[2].rpartition("/")[2] or found[2]
            yield Unit(
                name=name,
                manager="runit",
                load="loaded",
                active=state,
                sub=found[1],
                result=found[3],
                origin=line.origin,
                proofs=(line.origin,),
            )


# -- what logs say of restarts

_SYSTEMD = re.compile(
    rf"(\S+\.{KINDS}): (?:Scheduled restart job, restart counter is at (\d+)|Service \S+ has no hold-off time.*scheduling restart"
    r"|Service hold-off time over, scheduling restart|(Start request repeated too quickly)|(Failed with result 'start-limit-hit'))"
)
_SYSTEMD_OLD = re.compile(
    rf"(?P<again>\S+\.{KINDS}) holdoff time over, scheduling restart|start request repeated too quickly for (?P<over>\S+\.{KINDS})"
    rf"|(?P<refused>\S+\.{KINDS}) start request repeated too quickly|Unit (?P<end>\S+\.{KINDS}) entered failed state"
)
"""Until version 229: RHEL 7, SLES 12."""
_OTHERS = (
    re.compile(r"(?:exited|gave up): ([\w.:@-]+) (?:\((?:exit status|terminated by)[^)]*not expected\)|(entered FATAL state))"),
    re.compile(
        r"(?<![\w./-])([\w./-]{1,200})[:, ]{1,3}(?:pid \d+, )?(?:exited|terminated|ended|died) (?:with|on|by) "
        r"(?:return code|status|signal|exit code"
        r"|code)[ :=]*-?\w+.*\b(?:restart|respawn)"
    ),
    re.compile(r"(?<![\w./-])([\w./-]{1,200}) (?:main )?process(?: \(\d+\))? (?:ended|terminated|killed|died)\b.*\brespawning"),
    re.compile(r"INIT: Id \"(\w+)\" (respawning too fast)"),
    re.compile(r"(?<![\w./-])([\w./-]{1,200}) (respawning too fast), stopped"),
    re.compile(r"supervise-daemon\S*: ([\w./-]+),? (?:pid \d+,? )?(?:exited|terminated|respawned)( too many times)?"),
    re.compile(r"App \[([\w.@-]+):\d+\] exited with code \[[1-9]"),
    re.compile(r"Script (\S+) had (too many unstable restarts)"),
    re.compile(r"'([\w.@-]+)' process is not running"),
    re.compile(r"(mysqld|mariadbd|java|node|python\d?|ruby|perl)\b.*\brestarted\b"),
    re.compile(r"[Rr]estarting (?:failed|crashed|dead) (?:service|process|program|worker|daemon) ['\"]?([\w./@-]+)"),
)
_WELL = re.compile(r"success: (\S+) entered RUNNING state")
_END = re.compile(r"(?<![\w./@-])([\w./@-]{1,200}):? (?:process )?exited with (?:exit |return )?(?:code|status):? \[?[1-9]\d*")
_GAVE_UP = re.compile(r"FATAL state|too fast|too many|start-limit|repeated too quickly")


@log_parser(
    UnitRestart,
    "scheduled restart job",
    "scheduling restart",
    "start request repeated too quickly",
    "start-limit-hit",
    "not expected)",
    "entered fatal state",
    "respawn",
    ", restart",
    "; restart",
    "and restart",
    "too many unstable restarts",
    "app [",
    "process is not running",
    "mysqld restarted",
    "restarting failed",
    "restarting crashed",
    "restarting dead",
    "entered running state",
    "exited with ",
    "entered failed state",
)
def restarts(event: Event) -> Iterator[UnitRestart]:
    """Lines of systemd, supervisor, upstart, sysvinit, OpenRC, monit, pm2, and of any other that says that it starts a thing again."""
    text = event.text[:1000]
    if well := _WELL.search(text):
        yield UnitRestart(well[1], event.time, is_well=True, origin=event.origin)
        return
    if found := _SYSTEMD.search(text):
        yield UnitRestart(found[1], event.time, int(found[2] or 0), bool(found[3] or found[4]), origin=event.origin)
        return
    if found := _SYSTEMD_OLD.search(text):
        kind = found.lastgroup or ""
        yield UnitRestart(found[kind], event.time, gave_up=kind in {"over", "refused"}, is_end=kind == "end", origin=event.origin)
        return
    for form in _OTHERS:
        if found := form.search(text):
            name = next((word for word in found.groups() if word), event.facility)
            yield UnitRestart(name.rpartition("/")[2] or name, event.time, 0, bool(_GAVE_UP.search(text)), origin=event.origin)
            return
    if end := _END.search(text):
        name = end[1].rpartition("/")[2]
        yield UnitRestart(event.facility if name.isdigit() else name, event.time, is_end=True, origin=event.origin)
