"""Limits: descriptors, processes of a user, control groups of processes, objects of the kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import Finding, Severity, latest, pairs, rule, seconds_between
from diagbundle.analyse.facts.system import (
    KERNEL_NOFILE,
    UNLIMITED,
    CgroupValue,
    Descriptors,
    FileTable,
    Inotify,
    LimitLine,
    Process,
    ProcessCounter,
    Setting,
    SharedMemory,
    User,
    group_title,
    running,
    user_named,
)  # fmt: skip

NEAR, FULL, HALF = 0.8, 0.95, 0.5
KEEPERS = {"postgres", "postmaster"}
"""They keep as many files open as they may, and close some when they need another."""
TINY = 32
"""Limits below it are those of programs that lock themselves in on purpose."""
SHOWN = 3


@rule("LIM001", "open files of each process", Descriptors, uses=(Process, ProcessCounter, LimitLine, User))
def descriptors(
    known: Sequence[Descriptors],
    processes: Sequence[Process],
    counters: Sequence[ProcessCounter],
    lines: Sequence[LimitLine],
    users: Sequence[User],
) -> Iterator[Finding]:
    """A process has nearly as many files and sockets open as it may. At the limit it can accept no connection, open no file and often
    not even write its log ("Too many open files").

    Judged by /proc/PID/fd against the soft limit of the process: critical from 95 % on, a warning from 80 %, and a note from half of
    the usual 1,024. Limits below 32 are those of programs that lock themselves in; a process that has more open than it may has
    lowered its limit itself. PostgreSQL keeps as many open as it may by design: a note. If the number grows while nothing more is to
    do, the program leaks: report it, and restart it to win time. If it is needed, raise LimitNOFILE= of the unit, `nofile` in
    /etc/security/limits.d, or the container's ulimit, and restart it: a limit counts from the start of a program.
    """
    by_pid = {each.pid: each for each in running(processes)}
    growth = {last.pid: (last.descriptors - first.descriptors, seconds_between(first, last)) for first, last in _counted(counters)}
    same: dict[tuple[str, float, Severity], list[Descriptors]] = {}
    for each in latest(known):
        if each.open < 0 or each.soft < TINY or each.open > each.soft:
            continue
        share = each.open / each.soft
        if share >= NEAR or (share >= HALF and each.soft <= KERNEL_NOFILE and each.open > TINY):
            severity = Severity.CRITICAL if share >= FULL else Severity.WARNING if share >= NEAR else Severity.NOTE
            severity = Severity.NOTE if each.name in KEEPERS else severity
            same.setdefault((each.name, each.soft, severity), []).append(each)
    for (_, _, severity), those in same.items():
        yield _descriptors(severity, those, by_pid, growth, _who_set(those[0], by_pid.get(those[0].pid), lines, users))


def _counted(counters: Sequence[ProcessCounter]) -> list[tuple[ProcessCounter, ProcessCounter]]:
    told = [each for each in counters if each.descriptors >= 0]
    return list(pairs(told, lambda each: (each.pid, each.start)))


def _descriptors(
    severity: Severity, those: Sequence[Descriptors], by_pid: dict[int, Process], growth: dict[int, tuple[int, float]], who_set: str
) -> Finding:
    most = max(those, key=lambda each: each.open)
    process = by_pid.get(most.pid)
    label = process.label if process else f"{most.name} (pid {most.pid})"
    more = f" ({len(those)} processes of that name are so far)" if len(those) > 1 else ""
    grown, seconds = growth.get(most.pid, (0, 0.0))
    held = ", ".join(f"{count:,} {kind.removeprefix('anon_inode:')}" for kind, count in list(most.kinds.items())[:SHOWN])
    targets = ", ".join(f"{target} ({count:,} times)" for target, count in list(most.targets.items())[:SHOWN] if target.startswith("/"))
    details = (f"open: {held}" if held else "", targets, f"{grown:+,} within {seconds:.0f} s" if grown and seconds else "", who_set)
    return Finding(
        severity,
        f"{label} has {most.open:,} of {most.soft:,.0f} file descriptors open{more}",
        tuple(each.origin for each in those[:SHOWN]) + ((process.origin,) if process else ()),
        "Raise its limit (LimitNOFILE= of the unit, nofile in limits.d, ulimit of containers) and restart it; if it only grows, it leaks",
        detail="; ".join(filter(None, details)),
        subject=process.title if process else most.name,
    )


def _who_set(each: Descriptors, process: Process | None, lines: Sequence[LimitLine], users: Sequence[User]) -> str:
    """Who is likely to have set the limit."""
    names = domains(each.uid, users)
    line = next((line for line in lines if line.item == "nofile" and line.value in {each.soft, each.hard} and line.domain in names), None)
    if line:
        return f"the limit stands in {line.file} for {line.domain}"
    unit = next((group_title(path) for path in process.groups.values() if path.endswith(".service")), "") if process else ""
    if each.soft == KERNEL_NOFILE:
        return "1,024 is what every process has where nobody sets a limit" + (f" (LimitNOFILE= of {unit})" if unit else "")
    return (
        f"its hard limit is {each.hard:,.0f}" if each.hard not in {UNLIMITED, each.soft} else f"it runs as part of {unit}" if unit else ""
    )


def domains(uid: int, users: Sequence[User]) -> set[str]:
    """The domains of limits.conf that mean a user: the name, its groups, all."""
    me = next((each for each in users if not each.is_group and each.number == uid), None)
    if me is None:
        return {"*"}
    mine = {each.name for each in users if each.is_group and (each.number == me.group or me.name in each.members)}
    return {me.name, *(f"@{name}" for name in mine)} | ({"*"} if uid else set())


FILES_NEAR, FILES_FULL = 0.70, 0.90


@rule("LIM002", "open files of the whole host", FileTable, uses=(Descriptors,))
def file_table(tables: Sequence[FileTable], known: Sequence[Descriptors]) -> Iterator[Finding]:
    """The host has nearly as many files open as fs.file-max allows. At the limit no program but root's can open anything.

    Judged by /proc/sys/fs/file-nr: a warning from 70 % (as the node mixin does), critical from 90 % on. Find who has most open (the
    largest are named): most often one program leaks. Raise fs.file-max if they are needed.
    """
    for now in latest(tables):
        used = now.allocated - now.unused
        if not now.limit or used < FILES_NEAR * now.limit:
            continue
        largest = sorted((each for each in latest(known) if each.open > 0), key=lambda each: -each.open)[:SHOWN]
        yield Finding(
            Severity.CRITICAL if used >= FILES_FULL * now.limit else Severity.WARNING,
            f"the whole host has {used:,} of {now.limit:,} files open (file-nr against fs.file-max): "
            + ("the limit is exhausted" if used >= now.limit else "the limit is near"),
            (now.origin,),
            "Raise fs.file-max (sysctl, and a file in /etc/sysctl.d), and find who has so many open",
            detail="most open: " + ", ".join(f"{each.name} (pid {each.pid}) {each.open:,}" for each in largest) if largest else "",
            subject="file-max",
        )


@rule("LIM003", "processes of each user against their limit", Process, uses=(User, LimitLine))
def user_processes(processes: Sequence[Process], users: Sequence[User], lines: Sequence[LimitLine]) -> Iterator[Finding]:
    """A user has as many processes and threads as its programs may have, so that they can start no more ("Resource temporarily
    unavailable", "can't create thread").

    Judged by counting the threads of all processes of one user against the soft limit (Max processes) of each of them, which the
    kernel does too: critical from 98 % on, a warning from 90 %. Root may exceed it; limits below 16 are those of programs that lock
    themselves in. Raise `nproc` of the user in /etc/security/limits.d, or LimitNPROC= of the unit, and restart the program; if the
    number only grows, it leaks threads.
    """
    known = running(processes)
    count = Counter[int]()
    for each in known:
        count[each.uid] += each.threads if each.state != "Z" else 1
    near: dict[tuple[int, float], list[Process]] = {}
    for each in known:
        soft = each.limits.get("Max processes", (UNLIMITED, UNLIMITED))[0]
        if each.uid > 0 and soft >= LOCKED_IN and count[each.uid] >= USER_NEAR * soft:
            near.setdefault((each.uid, soft), []).append(each)
    for (uid, soft), those in near.items():
        names = Counter({each.title: 0 for each in those})
        for each in known:
            if each.uid == uid:
                names[each.title] += each.threads
        line = next((line for line in lines if line.item == "nproc" and line.value == soft and line.domain in domains(uid, users)), None)
        who = user_named(users, uid)
        yield Finding(
            Severity.CRITICAL if count[uid] >= USER_FULL * soft else Severity.WARNING,
            f"{who} has {count[uid]:,} processes and threads of at most {soft:,.0f} (nproc): its programs can start no more",
            tuple(each.origin for each in those[:SHOWN]) + ((line.origin,) if line else ()),
            f"Raise nproc of {who.split(' ')[0]} in /etc/security/limits.d (or LimitNPROC= of the unit) and restart its programs",
            detail="; ".join(
                filter(
                    None,
                    (
                        ", ".join(f"{name}: {number:,}" for name, number in names.most_common(SHOWN)),
                        f"the limit stands in {line.file}" if line else "",
                    ),
                )
            ),
            subject=who,
        )


LOCKED_IN, USER_NEAR, USER_FULL = 16, 0.90, 0.98


@rule("LIM004", "processes of each container and unit against their limit", CgroupValue, absent="there are no control groups")
def group_processes(values: Sequence[CgroupValue]) -> Iterator[Finding]:
    """A container, pod or unit has as many processes and threads as it may, so that fork fails in it.

    Judged by pids.current against pids.max: a warning from 90 % on, critical from 98 % on or if a start was refused (pids.events)
    while the host was watched. Raise TasksMax= of the unit, --pids-limit of the container or podPidsLimit of the kubelet; or find the
    leak of threads.
    """
    limits = {each.group: each for each in latest(values) if each.name == "pids.max" and each.value not in {UNLIMITED, 0}}
    refused = {last.group: (first, last) for first, last in pairs([each for each in values if each.name == "pids.events:max"], "group")}
    for now in latest(values):
        limit = limits.get(now.group)
        if now.name != "pids.current" or limit is None:
            continue
        first, last = refused.get(now.group, (now, now))
        grown = last.value - first.value
        if now.value < USER_NEAR * limit.value and grown <= 0:
            continue
        said = f", and {grown:,.0f} starts were refused while the host was watched" if grown > 0 else ""
        yield Finding(
            Severity.CRITICAL if grown > 0 or now.value >= USER_FULL * limit.value else Severity.WARNING,
            f"{group_title(now.group)} has {now.value:,.0f} processes and threads of at most {limit.value:,.0f} (pids.max){said}",
            (now.origin, limit.origin, *((first.origin, last.origin) if grown > 0 else ())),
            "Raise the limit (TasksMax= of the unit, --pids-limit of the container), or find what leaks threads",
            detail=f"control group {now.group}",
            subject=group_title(now.group),
        )


@rule("LIM005", "inotify instances of each user", Inotify, uses=(User,))
def inotify(known: Sequence[Inotify], users: Sequence[User]) -> Iterator[Finding]:
    """The programs of a user watch files with nearly as many inotify instances as a user may have. The next one gets "Too many open
    files" although few are open: log shippers, kubelet, `systemctl`, `tail -f` and IDEs need them.

    Judged by counting them in /proc/PID/fd against fs.inotify.max_user_instances (128 by default, too few for a host with many
    containers): a warning from 95 % on. One that a child inherited is counted twice, so that the true number may be lower. Raise
    fs.inotify.max_user_instances, to 1,024 for example, in /etc/sysctl.d.
    """
    for each in latest(known):
        if each.limit and each.instances >= FULL * each.limit:
            who = user_named(users, each.uid)
            yield Finding(
                Severity.WARNING,
                f"{who} uses {each.instances:,} of {each.limit:,} inotify instances"
                + (": programs can watch no more files" if each.instances >= each.limit else ""),
                (each.origin,),
                "Raise fs.inotify.max_user_instances (sysctl, and a file in /etc/sysctl.d)",
                subject=who,
            )


@rule("LIM006", "System V shared memory, semaphores and message queues", SharedMemory, Setting)
def shared_memory(known: Sequence[SharedMemory], settings: Sequence[Setting]) -> Iterator[Finding]:
    """The host has nearly as many System V objects as it may; databases and web servers then fail to start with "No space left on
    device", although disks are empty.

    Judged by /proc/sysvipc against kernel.sem (its fourth number), kernel.shmmni and kernel.msgmni: a warning from 90 % on. Programs
    that crash leave them behind: `ipcs` lists them, `ipcrm` removes one; or raise the limit.
    """
    now = {each.key: each for each in settings}
    for each in latest(known):
        setting = now.get({"sem": "kernel.sem", "shm": "kernel.shmmni", "msg": "kernel.msgmni"}[each.kind])
        words = setting.value.split() if setting else []
        if setting and words and words[-1].isdecimal() and 0 < int(words[-1][:18]) <= each.count / USER_NEAR:
            yield Finding(
                Severity.WARNING,
                f"{each.count:,} System V objects ({each.kind}) of at most {int(words[-1]):,} are in use",
                (each.origin, setting.origin),
                f"Remove what dead programs left (ipcs, ipcrm), or raise {setting.key}",
                subject=each.kind,
            )


@rule("LIM007", "asynchronous I/O requests", Setting)
def aio(settings: Sequence[Setting]) -> Iterator[Finding]:
    """Programs have reserved nearly all asynchronous I/O requests that there are (fs.aio-nr against fs.aio-max-nr); the next database or
    virtual machine that wants some fails to start with EAGAIN.

    A warning from 90 % on. The kernel's own limit of 65,536 is too low for databases: vendors ask for 1,048,576. Raise fs.aio-max-nr
    in /etc/sysctl.d.
    """
    now = {each.key: each for each in settings if each.key in {"fs.aio-nr", "fs.aio-max-nr"} and each.value.isdecimal()}
    used, most = now.get("fs.aio-nr"), now.get("fs.aio-max-nr")
    if used and most and int(most.value) and int(used.value) >= USER_NEAR * int(most.value):
        yield Finding(
            Severity.WARNING,
            f"{int(used.value):,} of {int(most.value):,} asynchronous I/O requests are reserved (fs.aio-nr)",
            (used.origin, most.origin),
            "Raise fs.aio-max-nr, to 1,048,576 for example",
            subject="fs.aio-max-nr",
        )


@rule("LIM008", "limits of open files that were set very low", LimitLine, Process, uses=(User,))
def low_limits(lines: Sequence[LimitLine], processes: Sequence[Process], users: Sequence[User]) -> Iterator[Finding]:
    """A file of limits gives somebody fewer open files than every process has by itself, and programs run under that limit.

    Judged by `nofile` in /etc/security/limits.conf and limits.d below 1,024, the kernel's own soft limit, and running processes of
    that user or group which have exactly that limit: a warning. Servers ask for thousands. Raise or remove the line, and restart the
    program from a new session: a limit counts from the start of a program.
    """
    low = [line for line in lines if line.item == "nofile" and line.value < KERNEL_NOFILE]
    told: dict[str, list[tuple[LimitLine, Process]]] = {}
    names: dict[int, set[str]] = {}
    for each in running(processes) if low else []:
        soft, hard = each.limits.get("Max open files", (UNLIMITED, UNLIMITED))
        if each.uid not in names:
            names[each.uid] = domains(each.uid, users)
        for line in low:
            if line.domain in names[each.uid] and line.value == (hard if line.kind == "hard" else soft):
                told.setdefault(line.domain, []).append((line, each))
    for domain, those in told.items():
        affected = list({each.pid: each for _, each in those}.values())
        line = those[0][0]
        yield Finding(
            Severity.WARNING,
            f"{domain} may open only {line.value:,.0f} files (nofile in {line.file}): " + _so_run(affected),
            (*dict.fromkeys(each.origin for each, _ in those), *(each.origin for each in affected[:SHOWN])),
            f"Raise or remove nofile of {domain} in {line.file} (1,024 is what every process has by itself), then restart its programs",
            detail=f"user {', '.join(sorted({user_named(users, each.uid) for each in affected})[:SHOWN])}",
            subject=domain,
        )


def _so_run(affected: Sequence[Process]) -> str:
    names = ", ".join(each.label for each in affected[:SHOWN])
    return f"{names} {'runs' if len(affected) == 1 else 'run'} with that limit" + (
        f", and {len(affected) - SHOWN} more" if len(affected) > SHOWN else ""
    )
