"""Processes: zombies, those that do not move, those that were stopped, and how many there may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import Finding, Severity, latest, rule
from diagbundle.analyse.facts.network_counts import SocketOwner
from diagbundle.analyse.facts.system import Process, ProcessCounter, Setting, TaskCount, running

MANY, SOME, SHOWN = 20, 5, 3


@rule("PRC001", "zombie processes", Process, uses=(ProcessCounter,))
def zombies(processes: Sequence[Process], counters: Sequence[ProcessCounter]) -> Iterator[Finding]:
    """A program starts others and never asks how they ended. What is left of each is a zombie (`<defunct>`), which holds a process id.

    Judged by the table of processes, for each parent: a warning from 20 zombies on, a note from 5 on, if as many were there at the
    first reading too (a busy program has a few for a moment). Zombies cannot be killed: restart their parent, which is the one with
    the fault; in a container whose first process does not care for orphans, start it with an init (`docker run --init`).
    """
    known = {each.pid: each for each in running(processes)}
    before = Counter((each.pid, each.start) for each in counters if each.is_start and each.state == "Z")
    is_twice = any(each.is_start for each in counters)
    children: dict[int, list[Process]] = {}
    for each in known.values():
        # A program whose first thread has ended while others go on looks like a zombie, and is none.
        lasting = not is_twice or not each.is_whole or (each.pid, each.start) in before
        if each.state == "Z" and each.threads <= 1 and lasting:
            children.setdefault(each.ppid, []).append(each)
    for pid, dead in children.items():
        if len(dead) < SOME:
            continue
        parent = known.get(pid)
        who = parent.label if parent else f"process {pid}" if pid else "an unknown parent"
        names = ", ".join(f"{count} {name}" for name, count in Counter(each.name for each in dead).most_common(SHOWN))
        yield Finding(
            Severity.WARNING if len(dead) >= MANY else Severity.NOTE,
            f"{who} leaves zombies behind: {len(dead):,} processes ended and were never waited for",
            ((parent.origin,) if parent else ()) + tuple(each.origin for each in dead[:SHOWN]),
            "Restart the parent (zombies themselves cannot be killed) and report it: it does not wait for its children",
            detail=names,
            subject=parent.title if parent else f"process {pid}",
        )


_INNER = (
    "schedule", "io_schedule", "__schedule", "schedule_timeout", "__down", "down", "wait_for_completion", "__wait_for_common",
    "rwsem_down", "__mutex_lock", "mutex_lock", "bit_wait", "__wait_on_bit", "out_of_line_wait_on_bit", "folio_wait", "wait_on_page",
    "percpu_rwsem_wait", "__percpu_down_read", "down_read", "down_write", "blk_mq", "submit_bio_wait",
    "prepare_to_wait", "__refrigerator", "mutex_spin", "do_syscall", "entry_SYSCALL",
    "rpc_wait", "__rpc_execute", "request_wait",
)  # fmt: skip
"""Functions that say only that a task waits, not what for."""


def waits_in(process: Process) -> str:
    """The function of the kernel that tells most of what a task waits for."""
    telling = next((each for each in process.stack if not each.startswith(_INNER)), "")
    return telling or process.wchan.strip("-0")


def _frozen(process: Process) -> bool:
    return "refrigerator" in process.wchan or any("refrigerator" in each for each in process.stack)


@rule("PRC002", "processes that do not move (state D)", Process, ProcessCounter)
def stuck(processes: Sequence[Process], counters: Sequence[ProcessCounter]) -> Iterator[Finding]:
    """A process waits in the kernel and cannot be interrupted, not even by kill -9: a disk or file server does not answer, or a lock is
    held for ever.

    Judged by two readings: the same process was in state D at both and had no moment on a processor between them. Threads of the
    kernel alone, parents that wait for a child to start (vfork) and processes that were frozen on purpose do not count. What it waits
    for is named as the kernel's function: nfs_*, rpc_* and cifs_* a file server, fuse_* a user-space file system, jbd2, xfs_* and
    blk_* a disk, *_want_write or *_freeze a frozen file system. Mend that; the process goes on by itself, or the host must be started
    anew.
    """
    before = {(each.pid, each.start): each for each in counters if each.is_start}
    after = {(each.pid, each.start): each for each in latest(counters)}
    found: dict[str, list[tuple[Process, ProcessCounter]]] = {}
    for each in running(processes):
        first, last = before.get((each.pid, each.start)), after.get((each.pid, each.start))
        if each.state != "D" or each.is_kernel or first is None or first.state != "D" or (last and last.state != "D"):
            continue
        if last and (last.ticks, last.runs) != (first.ticks, first.runs):
            continue
        where = waits_in(each)
        if "vfork" not in f"{where} {each.wchan}" and not _frozen(each):
            found.setdefault(where, []).append((each, first))
    for where, those in found.items():
        yield _stuck(where, those)


def _stuck(where: str, those: Sequence[tuple[Process, ProcessCounter]]) -> Finding:
    each, _ = those[0]
    names = ", ".join(dict.fromkeys(one.label for one, _ in those[:10]))
    does = "does" if len(those) == 1 else "do"
    return Finding(
        Severity.WARNING,
        (each.label if len(those) == 1 else f"{len(those)} processes ({names})")
        + f" {does} not move: in uninterruptible sleep (state D) at both readings"
        + (f", waiting in {where}" if where else ""),
        tuple(origin for one, first in those[:SHOWN] for origin in (first.origin, one.origin)),
        "Mend what it waits for (disk, file server, frozen file system); it cannot be killed until then",
        detail="; ".join(
            filter(
                None,
                (
                    f"command: {each.command[:120]}" if each.command else "",
                    f"stack: {' < '.join(each.stack[:6])}" if each.stack else "",
                    f"working directory {each.cwd}" if each.cwd not in {"", "/"} else "",
                ),
            )
        ),
        subject=each.title,
    )


SLEEPERS = 10
"""Databases and backups have some of their processes in state D at any moment."""


@rule("PRC005", "many processes in state D, by one look", Process, TaskCount, uses=(ProcessCounter,))
def asleep(processes: Sequence[Process], counts: Sequence[TaskCount], counters: Sequence[ProcessCounter]) -> Iterator[Finding]:
    """Many processes wait in the kernel and cannot be interrupted (state D), and have for minutes: the load counts them too.

    Judged where processes were listed only once, as by other tools: a warning if 10 and more, threads of the kernel aside, are in
    state D, and the load of the last 1 or 5 minutes is at least half of their number. Fewer, or many for a moment, are usual on busy
    disks. Look at what their commands have in common: a file server or disk that does not answer. Mend that; they go on by
    themselves, or the host must be started anew.
    """
    if any(each.is_start for each in counters):
        return  # two readings tell more
    those = [each for each in running(processes) if each.state == "D" and not each.is_kernel]
    for now in latest(counts)[:1]:
        load = max(now.load1, now.load5)
        if len(those) < SLEEPERS or load < len(those) / 2:
            continue
        names = Counter(each.title for each in those).most_common(SHOWN)
        commands = Counter(each.command for each in those if each.command).most_common(SHOWN)
        places = Counter(where for each in those if (where := waits_in(each))).most_common(1)
        yield Finding(
            Severity.WARNING,
            f"{len(those)} processes ({', '.join(name for name, _ in names)}) do not move: in uninterruptible sleep (state D), "
            f"and the load is {load:g}",
            (*(each.origin for each in those[:SHOWN]), now.origin),
            "Look what their commands have in common (a disk, a file server) and mend that; they cannot be killed until then",
            detail="; ".join(
                [f"{count} times {command[:120]}" for command, count in commands] + [f"waiting in {each}" for each, _ in places]
            ),
            subject=names[0][0],
        )


@rule("PRC003", "services that were stopped (SIGSTOP)", Process, ProcessCounter)
def stopped(processes: Sequence[Process], counters: Sequence[ProcessCounter]) -> Iterator[Finding]:
    """A program without a terminal stands still because somebody stopped it (`kill -STOP`, a debugger, a snapshot or backup tool), and
    answers nobody until it is let go.

    Judged by two readings: state T at both. Programs of a terminal (Ctrl-Z) do not count, nor ones that are being traced (state t).
    `kill -CONT PID` lets it go on; find out first who stopped it and why.
    """
    before = {(each.pid, each.start) for each in counters if each.is_start and each.state == "T"}
    for each in running(processes):
        if each.state == "T" and not each.tty and not each.is_kernel and (each.pid, each.start) in before:
            yield Finding(
                Severity.WARNING,
                f"{each.label} is stopped (state T): it was halted by a signal and answers nobody",
                (each.origin,),
                f"Find out who stopped it, then let it go on: kill -CONT {each.pid}",
                detail=each.command[:200],
                subject=each.title,
            )


_NO_FILES = ("/memfd:", "/SYSV", "/dev/zero", "/proc/", "/anon", "/i915", "/run/user/", "/tmp/.")  # noqa: S108  # names, not opened
_OF_PACKAGES = ("/usr/bin/", "/usr/sbin/", "/usr/lib", "/bin/", "/sbin/", "/lib", "/usr/local/lib/systemd", "/snap/")


@rule("PRC006", "programs that were replaced while they run", Process, uses=(SocketOwner,))
def replaced(processes: Sequence[Process], owners: Sequence[SocketOwner]) -> Iterator[Finding]:
    """A program's file was replaced or removed, mostly by an update, and the process still runs the old one.

    Judged by /proc/PID/exe, processes of containers aside. A warning for programs outside the folders of packages (/opt, /srv,
    /usr/local) that listen for connections: their new version is not in force, and if the file is gone they will not start again. For
    those of packages it is a note: after updates it is so on many sound hosts until the next restart (`needs-restarting`,
    `checkrestart`, `zypper ps`). Restart what is named.
    """
    serving = {each.pid for each in latest(owners) if each.state == "LISTEN"}
    old = [each for each in running(processes) if each.executable.endswith(" (deleted)") and not each.container]
    old = [each for each in old if not each.executable.startswith(_NO_FILES)]
    for is_product in (True, False):
        those = [each for each in old if is_product is (each.pid in serving and not each.executable.startswith(_OF_PACKAGES))]
        if not those:
            continue
        names = ", ".join(dict.fromkeys(each.label for each in those[:SHOWN]))
        more = f" and {len(those) - SHOWN} more" if len(those) > SHOWN else ""
        yield Finding(
            Severity.WARNING if is_product else Severity.NOTE,
            f"{names}{more} still {'runs' if len(those) == 1 else 'run'} a program that was replaced or removed: "
            f"{those[0].executable.removesuffix(' (deleted)')}",
            tuple(each.origin for each in those[:SHOWN]),
            "Restart it in a quiet hour, so that the new version runs; if its file is gone, bring it back first",
            detail="; ".join(dict.fromkeys(each.executable for each in those[:10])),
            subject=those[0].title,
        )


NEAR, FULL = 0.8, 0.95


@rule("PRC004", "process ids of the host", TaskCount, Setting, uses=(Process,))
def pid_max(counts: Sequence[TaskCount], settings: Sequence[Setting], processes: Sequence[Process]) -> Iterator[Finding]:
    """The host has nearly as many processes and threads as it may, and soon nothing new can be started.

    Judged by the tasks of /proc/loadavg against kernel.pid_max and kernel.threads-max: a warning from 80 %, critical from 95 % on.
    Find who has so many (the largest are named): a program that leaks threads is at fault more often than the limit.
    """
    limits = [each for each in settings if each.key in {"kernel.pid_max", "kernel.threads-max"} and each.value.isdecimal()]
    for now in latest(counts):
        for limit in limits:
            most = int(limit.value[:18])
            if not most or now.tasks < NEAR * most:
                continue
            largest = sorted(running(processes), key=lambda each: -each.threads)[:SHOWN]
            yield Finding(
                Severity.CRITICAL if now.tasks >= FULL * most else Severity.WARNING,
                f"the host has {now.tasks:,} processes and threads of at most {most:,} ({limit.key})",
                (now.origin, limit.origin),
                f"Find who has so many and restart it; raise {limit.key} if they are all needed",
                detail=", ".join(f"{each.label} has {each.threads:,} threads" for each in largest),
                subject="processes",
            )
