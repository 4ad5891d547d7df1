"""Services that failed, that are started again and again, that hang between two states, or that run with settings of yesterday."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from diagbundle.analyse.api import About, Finding, Origin, Severity, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.filesystems import Mount
from diagbundle.analyse.facts.services import OF_THE_KERNEL, RESULTS, UNIMPORTANT, WAITS, Job, Unit, UnitFile, UnitRestart, UnitSaid
from diagbundle.analyse.facts.spoken import DAY, HOUR, MINUTE, between, clock, fullest, span

MAX_TOLD, MAX_NAMED = 10, 20
"""Units that get a finding of their own; the rest is told together."""
NO_USER = 217
MEANING = {
    126: "the program may not be run",
    127: "a command in it was not found",
    200: "its working directory cannot be entered",
    203: "the program does not exist, may not be run, or is for another machine",
    208: "its standard input could not be set up",
    209: "its standard output could not be opened: the folder of its log is missing, or may not be written",
    216: "its group does not exist",
    NO_USER: "its user does not exist",
    218: "capabilities could not be set",
    219: "its control group could not be set up",
    226: "its name spaces could not be set up: a path in its settings is missing",
    228: "its seccomp filter could not be set up",
    233: "its runtime directory could not be made",
    238: "its state directory could not be made",
    240: "its log directory could not be made",
    243: "a credential could not be read",
}
"""Exit statuses that systemd itself gives, and two of shells: systemd.exec(5)."""
SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    14: "SIGALRM",
    15: "SIGTERM",
    24: "SIGXCPU",
    25: "SIGXFSZ",
    31: "SIGSYS",
}


@rule(
    "SVC001",
    "services and other units that failed",
    Unit,
    About,
    uses=(UnitSaid, Mount),
    absent="there is no manager of services that can be asked",
)
def failed(units: Sequence[Unit], about: Sequence[About], said: Sequence[UnitSaid], mounts: Sequence[Mount]) -> Iterator[Finding]:
    """A service, mount, timer or socket has failed, and stays so until somebody starts it again.

    Found where its manager (systemd, OpenRC, runit, supervisor) says so at the end of the collection. Units of sessions, one-off commands
    and refreshes that need the internet only give a note; so do, where this host is itself a container (LXC), units that need a kernel
    of their own. What the unit itself said last is cited; the exit status is put into words.
    What to do: read the cited lines, mend the cause, `systemctl restart UNIT`; `systemctl reset-failed UNIT` where nobody needs it.
    """
    in_loops = {last.name for _, last in loops(units, about[0])}  # SVC002 tells of these
    lost = [unit for unit in merged(latest(units)) if unit.active == "failed" and unit.name not in in_loops]
    is_guest = any(mount.type == "fuse.lxcfs" for mount in mounts)
    weighty = [unit for unit in lost if not UNIMPORTANT.fullmatch(unit.name) and not (is_guest and OF_THE_KERNEL.fullmatch(unit.name))]
    for unit in weighty[:MAX_TOLD]:
        yield _failure(unit, [each for each in said if each.unit == unit.name], about[0], Severity.WARNING)
    if rest := weighty[MAX_TOLD:]:
        yield _together(rest, Severity.WARNING)
    if minor := [unit for unit in lost if unit not in weighty]:
        yield _together(minor, Severity.NOTE)


def merged(units: Iterable[Unit]) -> list[Unit]:
    """One for each name: of several tellings the one that says most; the states of a listing fill what it left open."""
    found: dict[str, Unit] = {}
    for unit in units:
        known = found.get(unit.name)
        if known is None or len(unit.proofs) > len(known.proofs):
            found[unit.name] = unit
    return list(found.values())


def _failure(unit: Unit, said: Sequence[UnitSaid], about: About, severity: Severity) -> Finding:
    since = moment(unit.changed, about)
    own = [each for each in said if not each.by_manager][-3:]
    head = [each for each in said if each.by_manager and each.text.startswith("Active:")][:1]
    proofs = [origin for origin in unit.proofs if re.match(r"(Id|ActiveState|Result|ExecMainStatus)=|\S", origin.text)]
    proofs = [origin for origin in proofs if not re.match(r"(LoadState|NRestarts|NeedDaemonReload|SubState)=", origin.text)]
    words = "; ".join(each.text.strip()[:200] for each in own)
    detail = [*([f"It failed at {clock(since)}"] if since else []), *([f"it said: {words}"] if words else [])]
    what = unit.name if unit.manager == "systemd" else f"{unit.name} ({unit.manager})"
    return Finding(
        severity,
        f"{what} failed" + (f": {how}" if (how := why(unit)) else ""),
        (*(each.origin for each in (*own, *head)), *proofs),
        _how(unit),
        detail="; ".join(detail),
        subject=unit.name,
        since=since,
    )


def why(unit: Unit) -> str:
    """How it ended, in words."""
    if unit.result in RESULTS:
        return RESULTS[unit.result]
    if unit.by_signal and unit.status:
        return f"it was killed by signal {unit.status} ({SIGNALS.get(unit.status, 'see `kill -l`')})"
    if unit.status == NO_USER and unit.user:
        return f"its user {unit.user} does not exist (exit status {NO_USER})"
    if unit.status:
        meaning = f", which means that {MEANING[unit.status]}" if unit.status in MEANING else ""
        return f"it ended with exit status {unit.status}{meaning}"
    if unit.result == "exit-code":
        return "it ended with an error"
    return unit.result if unit.result and unit.result != "success" else f"its state is {unit.sub}" if unit.sub not in {"failed", ""} else ""


def _how(unit: Unit) -> str:
    if unit.manager != "systemd":
        return "Read what it said last in its log, mend that, and start it again"
    if unit.name.endswith(".mount"):
        return f"See whether the device or server of `systemctl cat {unit.name}` is there; then `systemctl restart {unit.name}`"
    return f"Read `journalctl -u {unit.name} -n 50`, mend what it complains of, then `systemctl restart {unit.name}`"


def _together(units: Sequence[Unit], severity: Severity) -> Finding:
    names = ", ".join(unit.name for unit in units[:MAX_NAMED]) + (" …" if len(units) > MAX_NAMED else "")
    title = (
        f"{len(units)} more units failed"
        if severity is Severity.WARNING
        else f"{len(units)} minor unit{'s' * (len(units) > 1)} failed: {names}"
    )
    proofs = tuple(_proof(unit, "ActiveState") for unit in units[:MAX_NAMED])
    return Finding(severity, title, proofs, "`systemctl --failed` lists them; `systemctl status UNIT` says why", detail=names)


def _proof(unit: Unit, name: str) -> Origin:
    return next((origin for origin in unit.proofs if origin.text.startswith(name)), unit.origin)


def moment(text: str, about: About) -> float:
    """`Sun 2026-11-22 14:23:52 CET` as seconds since 1970; 0 where it is none. A zone that has only a name is the host's."""
    found = re.search(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) ?(\S*)", text)
    if not found:
        return 0.0
    try:
        zone = UTC if found[3] in {"UTC", "GMT", ""} else ZoneInfo(about.zone)
        return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=zone).timestamp()
    except (ValueError, OSError, LookupError, OverflowError):
        return 0.0


# -- restarts

OFTEN = 5
"""Restarts by the manager after which a unit that was started lately is in a loop."""
LATELY = 10 * MINUTE
LOGINS = re.compile(r"(?:serial-|console-|container-)?getty|autovt@")
"""Started again after each logout."""
FEW = 2
"""Restarts that may be chance, or an admin."""


@rule(
    "SVC002",
    "units that are restarted again and again",
    Unit,
    About,
    uses=(UnitRestart, UnitSaid),
    absent="there is no manager of services that can be asked",
)
def looping(units: Sequence[Unit], about: Sequence[About], lines: Sequence[UnitRestart], said: Sequence[UnitSaid]) -> Iterator[Finding]:
    """A service ends soon after each start, and its manager starts it again and again: it never does its work for long.

    Found where the count of restarts grew between the two readings (about 9 s apart), where the unit waits for its next start after at
    least 3 restarts: critical, or a warning where it is the first time, its restarts are not counted, or it ends without an error.
    A warning too where it has been restarted 5 times or more, and last started in the last 10 minutes. A count that grew long ago is no
    fault. What to do: read why it ends (`journalctl -u UNIT`), mend that, `systemctl restart UNIT`.
    """
    for first, last in loops(units, about[0]):
        spoken = [each for each in said if each.unit == last.name and not each.by_manager]
        grown = (last.restarts or 0) - (first.restarts or 0) if first else 0
        yield _loop(last, first, grown, [each for each in lines if each.unit == last.name], spoken)


def loops(units: Sequence[Unit], about: About) -> Iterator[tuple[Unit | None, Unit]]:
    """Units that are started again and again, with their first reading where there are two."""
    grew = {last.name: (first, last) for first, last in pairs((unit for unit in units if unit.restarts is not None), "name")}
    for unit in merged(latest(units)):
        first, last = grew.get(unit.name, (None, unit))
        count, before = last.restarts or 0, (first.restarts or 0) if first else last.restarts or 0
        began = moment(last.started, about)
        waits = last.sub in WAITS and (last.restarts is None or count > FEW or last.manager != "systemd")
        recent = count >= OFTEN and began and 0 <= about.now - began <= LATELY
        if count > before or waits or recent:
            yield first, last


def _loop(unit: Unit, first: Unit | None, grown: int, lines: Sequence[UnitRestart], said: Sequence[UnitSaid]) -> Finding:
    total = f", {unit.restarts:,} in all" if unit.restarts else ""
    seconds = seconds_between(first, unit) if first else 0.0
    while_ = f"in {seconds:.0f} s" if seconds else "while we looked"
    often = f"{grown} restart{'s' * (grown > 1)} {while_}{total}" if grown > 0 else f"{unit.restarts or 'many'} restarts"
    times = [line.time for line in lines if line.time]
    proofs = [origin for each in (first, unit) if each for origin in each.proofs if re.match(r"NRestarts=|Id=|[^=]+$", origin.text)]
    proofs += [line.origin for line in lines[-2:]] + [each.origin for each in said[-2:]]
    detail = [f"since {clock(min(times))}"] if times else []
    detail += [f"it said: {each.text.strip()[:200]}" for each in said[-2:]]
    ends = f"; {how}" if (unit.result not in {"", "success"} or unit.status) and (how := why(unit)) else ""
    waits = unit.sub in WAITS and unit.restarts is None and unit.manager == "systemd"
    again = "was restarted again and again and has failed" if unit.active == "failed" else "is restarted again and again"
    return Finding(
        _gravity(unit, grown),
        f"{unit.name} has ended and waits to be started again; how often so far is not known{ends}"
        if waits
        else f"{unit.name} {again}: {often}{ends}",
        tuple(proofs) or unit.proofs or (unit.origin,),
        _how(unit),
        detail="; ".join(detail),
        subject=unit.name,
        since=min(times) if times else 0.0,
    )


def _gravity(unit: Unit, grown: int) -> Severity:
    """One that ends without an error may be made so: only where it does that fast it is a warning."""
    if unit.result == "success" and not unit.status and unit.sub != "running":  # of one that runs it is not known how it ended before
        return Severity.WARNING if grown > FEW else Severity.NOTE
    is_counted = unit.manager != "systemd" or (unit.restarts or 0) > FEW
    return Severity.CRITICAL if (grown > 0 or unit.sub in WAITS) and is_counted and "getty@" not in unit.name else Severity.WARNING


@rule("SVC003", "services that logs show being restarted again and again", UnitRestart, About, uses=(Unit,))
def looping_in_logs(lines: Sequence[UnitRestart], about: Sequence[About], units: Sequence[Unit]) -> Iterator[Finding]:
    """Logs tell that a service ends and is started again and again, whoever starts it: systemd, supervisor, upstart, init, pm2, a script.

    Found where its manager says so 3 times within 10 minutes, or says that it gave up, or where the service's end with an error is told
    5 times within 10 minutes; the last time less than an hour before the collection, and not followed by words that it runs (else: a note).
    Units whose own counter of restarts is known are judged by that.
    What to do: read the service's own log for why it ends.
    """
    counted = {unit.name for unit in latest(units) if unit.restarts is not None}
    for name in dict.fromkeys(line.unit for line in lines if line.unit not in counted and not LOGINS.match(line.unit)):
        told = sorted((line for line in lines if line.unit == name), key=lambda line: line.time)
        gave_up = [line for line in told if line.gave_up]
        again = [line.time for line in told if not line.is_well and not line.is_end]
        ends = [line.time for line in told if line.is_end]
        if gave_up or fullest(again, 10 * MINUTE) > FEW or fullest(ends, 10 * MINUTE) >= OFTEN:
            yield _logged_loop(name, [line for line in told if not line.is_well], gave_up, about[0], is_over=told[-1].is_well)


def _logged_loop(name: str, told: Sequence[UnitRestart], gave_up: Sequence[UnitRestart], about: About, *, is_over: bool) -> Finding:
    times = [line.time for line in told if line.time]
    old = is_over or bool(times and about.now and about.now - times[-1] > HOUR)
    what = "was given up after too many restarts" if gave_up else f"is restarted again and again: {len(told):,} times"
    return Finding(
        Severity.NOTE if old else Severity.WARNING,
        f"{name} {what.replace('is restarted', 'was restarted') if old else what}",
        tuple(line.origin for line in (gave_up or [*told[:1], *told[-2:]])[:3]),
        f"Read the log of {name} for why it ends right after its start, and mend that; restarting it will not help",
        detail=between(times),
        subject=name,
        since=times[0] if times else 0.0,
        latest=times[-1] if times else 0.0,
    )


# -- between two states


@rule("SVC005", "units that hang between two states, and jobs that wait", Unit, About, uses=(Job,), absent="there is no systemd")
def hanging(units: Sequence[Unit], about: Sequence[About], jobs: Sequence[Job]) -> Iterator[Finding]:
    """A unit has been starting, stopping or reloading for more than 10 minutes, and whatever waits for it waits too.

    Services of type oneshot may rightly run for hours while they count as starting: they only give a note, and only after a day. A boot
    that has not ended after 15 minutes is told by the jobs that still wait. What to do: `systemctl status UNIT`, `systemctl list-jobs`;
    what waits for a dead server may be ended by `systemctl stop UNIT`.
    """
    asked = latest(jobs)
    for unit in merged(latest(units)):
        changed = moment(unit.changed, about[0])
        hangs = unit.active in {"activating", "deactivating", "reloading"} and "auto-restart" not in unit.sub and unit.manager == "systemd"
        batch = unit.kind == "oneshot" and unit.active == "activating"
        seconds = about[0].now - changed if changed else 0.0
        if hangs and seconds > (DAY if batch else LATELY):
            waiting = [job for job in asked if job.state == "waiting"]
            yield Finding(
                Severity.NOTE if batch else Severity.WARNING,
                f"{unit.name} has been {unit.active} for {span(seconds)}",
                (_proof(unit, "ActiveState"), *(job.origin for job in asked if job.unit == unit.name)),
                f"See what it waits for: `systemctl status {unit.name}`",
                detail=f"{len(waiting)} jobs wait: {', '.join(job.unit for job in waiting[:10])}" if waiting else "",
                subject=unit.name,
                since=changed,
            )


@rule("SVC006", "unit files that systemd cannot use or has not read again", Unit, absent="there is no systemd")
def unread(units: Sequence[Unit]) -> Iterator[Finding]:
    """A unit file has an error, so that the unit cannot be started; or it was changed, and systemd still works with the old one.

    Found where systemd says `bad-setting` or `error` of a unit (a warning), and where it wants `systemctl daemon-reload` (a note: the
    change is not in force yet). Units that are masked or not found are no fault: most hosts have some.
    """
    known = merged(latest(units))
    for unit in [unit for unit in known if unit.load in {"bad-setting", "error"}][:MAX_TOLD]:
        yield Finding(
            Severity.WARNING,
            f"{unit.name} cannot be used: systemd finds an error in its unit file",
            (_proof(unit, "LoadState"),),
            f"`systemd-analyze verify {unit.name}` names the line; mend it, then `systemctl daemon-reload`",
            detail=unit.file,
            subject=unit.name,
        )
    if changed := [unit for unit in known if unit.needs_reload]:
        names = ", ".join(unit.name for unit in changed[:10])
        yield Finding(
            Severity.NOTE,
            f"{len(changed)} unit file{'s' * (len(changed) > 1)} changed, and systemd has not read that yet: {names}",
            tuple(_proof(unit, "NeedDaemonReload=yes") for unit in changed[:10]),
            "`systemctl daemon-reload`, then restart the services whose settings changed",
            subject=changed[0].name if len(changed) == 1 else "",
        )


@rule("SVC007", "unit files that systemd cannot read", UnitFile, uses=(Unit,), absent="there is no systemd")
def bad_files(files: Sequence[UnitFile], units: Sequence[Unit]) -> Iterator[Finding]:
    """A unit's file is `bad` to systemd: it is no unit file, is cut off, or is a link to nothing, so that the unit cannot start again.

    Found in `systemctl list-unit-files`: a warning where such a unit runs now or has failed, or where it is not known what runs;
    else a note: often it is a link that a removed package left behind.
    What to do: `systemd-analyze verify UNIT` names what is wrong with the file; mend it, then `systemctl daemon-reload`.
    """
    bad = [file for file in latest(files) if file.state in {"bad", "invalid"}]
    if bad:
        yield _bad_files(bad, merged(latest(units)))


def _bad_files(bad: Sequence[UnitFile], known: Sequence[Unit]) -> Finding:
    loaded = {unit.name for unit in known if unit.load not in {"not-found", ""} and unit.active != "inactive"}
    names = ", ".join(file.name for file in bad[:MAX_TOLD]) + (" …" if len(bad) > MAX_TOLD else "")
    one = len(bad) == 1
    what = "the unit file" if one else f"{len(bad)} unit files"
    return Finding(
        Severity.WARNING if not known or any(file.name in loaded for file in bad) else Severity.NOTE,
        f"systemd cannot read {what}: {names}",
        tuple(file.origin for file in bad[:5]),
        f"`systemd-analyze verify {bad[0].name}` says what is wrong; mend the file or the link, then `systemctl daemon-reload`",
        subject=bad[0].name if one else "",
    )
