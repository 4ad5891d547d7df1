"""Limits that were configured and are not in force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import Finding, Severity, latest, rule
from diagbundle.analyse.facts.system import UNLIMITED, Descriptors, LimitLine, Process, UnitLimit, User, running

HALF, SHOWN, LEAST = 0.5, 3, 256
FILES = "Max open files"
NAMES = {"nofile": FILES, "nproc": "Max processes"}


def _use(pid: int, known: Sequence[Descriptors]) -> tuple[int, float]:
    """Open files of a process, and which share of its limit they are."""
    mine = next((each for each in known if each.pid == pid and each.open >= 0 and each.soft), None)
    return (mine.open, mine.open / mine.soft) if mine else (0, 0.0)


@rule("LIM009", "limits of units that are not in force", UnitLimit, Process, uses=(Descriptors,), absent="systemd does not run here")
def units(limits: Sequence[UnitLimit], processes: Sequence[Process], known: Sequence[Descriptors]) -> Iterator[Finding]:
    """A unit's configuration gives its service more open files than the running process has: the service was not started anew since the
    change, or lowered its limit itself.

    Judged by LimitNOFILE= of the unit against the hard limit of its main process: a warning if that has half of its descriptors open,
    otherwise a note. Start the service anew when it suits; a limit counts from the start of a program.
    """
    by_pid = {each.pid: each for each in running(processes)}
    low: list[tuple[UnitLimit, Process]] = []
    for limit in latest(limits):
        process = by_pid.get(limit.pid)
        if process is None or (process.groups and not any(limit.unit in path for path in process.groups.values())):
            continue  # the number belongs to another by now
        if LEAST <= process.limits.get(FILES, (UNLIMITED, UNLIMITED))[1] < limit.files:
            low.append((limit, process))
    near = [each for each in low if _use(each[1].pid, known)[1] >= HALF]
    for each in near:
        yield _unit(Severity.WARNING, [each], known)
    if calm := [each for each in low if each not in near]:
        yield _unit(Severity.NOTE, calm, known)


def _unit(severity: Severity, low: Sequence[tuple[UnitLimit, Process]], known: Sequence[Descriptors]) -> Finding:
    (limit, process), *others = low
    hard, count = process.limits[FILES][1], _use(process.pid, known)[0]
    more = f", and {len(others)} more units are so" if others else ""
    return Finding(
        severity,
        f"{limit.unit} may open {_number(limit.files)} files by its configuration, but {process.label} runs with {hard:,.0f}{more}",
        (limit.origin, process.origin),
        f"Start {limit.unit} anew when it suits: a limit counts from the start of a program",
        detail="; ".join(filter(None, (f"it has {count:,} open" if count else "", ", ".join(each.unit for each, _ in others[:10])))),
        subject=limit.unit,
    )


def _number(value: float) -> str:
    return "any number of" if value == UNLIMITED else f"{value:,.0f}"


@rule("LIM010", "limits of limits.conf that are not in force", LimitLine, Process, User, uses=(Descriptors,))
def lines(
    held: Sequence[LimitLine], processes: Sequence[Process], users: Sequence[User], known: Sequence[Descriptors]
) -> Iterator[Finding]:
    """A file of limits gives a user more than its running processes have. pam_limits reads these files at log-in; services of systemd
    never do, and what runs already keeps what it was started with.

    Judged by lines that name a user (not a group, not all) for open files or processes, against each process of that user: a warning
    if one of them has half of its descriptors open, otherwise a note. For services of systemd set LimitNOFILE= or LimitNPROC= in the
    unit; for the others log in and start them anew.
    """
    numbers = {each.name: each.number for each in users if not each.is_group}
    told: set[tuple[str, str]] = set()
    known_now = running(processes)
    for line in sorted(held, key=lambda line: line.kind == "hard"):
        place = int(line.kind == "hard")
        uid = numbers.get(line.domain, 0)
        if not uid or line.item not in NAMES:
            continue
        mine = [each for each in known_now if each.uid == uid]
        low = [each for each in mine if each.limits.get(NAMES[line.item], (UNLIMITED, UNLIMITED))[place] < line.value]
        if low and (line.domain, line.item) not in told:
            told.add((line.domain, line.item))
            yield _line(line, low, known, place)


def _line(line: LimitLine, low: Sequence[Process], known: Sequence[Descriptors], place: int) -> Finding:
    first = max(low, key=lambda each: _use(each.pid, known)[1])
    count, share = _use(first.pid, known)
    is_service = any(".service" in path for path in first.groups.values())
    value = first.limits[NAMES[line.item]][place]
    many = f"{len(low)} processes of {line.domain} are so"
    return Finding(
        Severity.WARNING if line.item == "nofile" and share >= HALF else Severity.NOTE,
        f"{line.file} gives {line.domain} {line.kind.replace('-', 'soft and hard')} {line.item} {_number(line.value)}, "
        f"but {first.label} runs with {value:,.0f}",
        (line.origin, *dict.fromkeys(each.origin for each in [first, *low][:SHOWN])),
        "Set LimitNOFILE= or LimitNPROC= in its unit (systemd does not read limits.conf), and start it anew"
        if is_service
        else f"Start the programs of {line.domain} anew from a new session: a limit counts from the start of a program",
        detail=(f"it has {count:,} files open; " if count and line.item == "nofile" else "") + many,
        subject=line.domain,
    )
