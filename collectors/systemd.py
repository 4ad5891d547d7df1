"""Services: what runs, what failed and why, what was changed; with systemd, OpenRC, runit, supervisor or none of them."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Outcome, Row, Source, Stage, Table, collector, number

from ._look import globbed, spelled

BOOTED = "/run/systemd/system"
"""Exists exactly where PID 1 is systemd, says sd_booted(3)."""
MAX_FAILED = 50
PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,ExecMainCode,NRestarts,StateChangeTimestamp,ActiveEnterTimestamp,InactiveEnterTimestamp,"
    "MainPID,LimitNOFILE,TasksMax,TasksCurrent,MemoryMax,MemoryHigh,MemoryCurrent,CPUUsageNSec,CPUQuotaPerSecUSec,OOMPolicy,NeedDaemonReload,Type,"
    "Restart,RestartUSec,TimeoutStartUSec,WatchdogTimestamp,WatchdogUSec,FragmentPath,DropInPaths,StartLimitBurst,StartLimitIntervalUSec,"
    "UnitFileState,UnitFilePreset,ControlGroup,User,SourcePath"
)
"""Not all properties: `Environment` holds secrets."""
OTHERS = (
    "Id,LoadState,ActiveState,SubState,Result,StateChangeTimestamp,NeedDaemonReload,FragmentPath,DropInPaths,Where,What,Options,NAccepted,NConnections,"
    "NRefused,Listen,Unit,LastTriggerUSec,NextElapseUSecRealtime,Triggers,ControlPID"
)
FILES = """
/etc/systemd/** /run/systemd/{system,generator,generator.early,generator.late,transient,system.control}/** /usr/local/lib/systemd/system/**
/run/systemd/units/* /var/lib/systemd/linger/* /etc/default/* /etc/sysconfig/* /etc/init.d/* /etc/conf.d/* /etc/rc.conf /etc/rc.local
/etc/inittab /etc/init/*.conf /etc/rc*.d/* /etc/runlevels/*/* /run/openrc/{softlevel,started/*,failed/*,inactive/*,stopping/*,daemons/*/*}
/etc/{service,sv}/*/{run,log/run} /run/runit/supervise.*/stat /etc/service/*/supervise/{stat,pid} /etc/supervisord.conf
/etc/supervisor/{supervisord.conf,conf.d/*} /etc/supervisord.d/* /etc/monit/monitrc /etc/abrt/{abrt.conf,abrt-action-save-package-data.conf}
/proc/sys/kernel/{core_pattern,core_uses_pid,core_pipe_limit}
/var/spool/abrt/*/{reason,executable,time,backtrace,package,count,last_occurrence}
/proc/1/{comm,status,cgroup,limits} /usr/lib/systemd/system/**
"""
MANAGER = (
    "Version,Features,Virtualization,Architecture,Tainted,SystemState,NFailedUnits,NJobs,NInstalledJobs,NFailedJobs,UnitsLoadStartTimestamp"
)


def samples(_host: Host) -> Iterator[Source]:
    """Read twice: a count of restarts that grows is a restart loop."""
    words = ("systemctl", "show", "--all", "*.service", "-p", PROPERTIES)
    yield Command(words, only_if=BOOTED, at="sos_commands/systemd/systemctl_show_service_--all", timeout=15)


@collector(title="Services: what runs, what failed and why, what was changed", stage=Stage.VOLATILE, samples=samples)
def systemd(host: Host) -> Iterator[Source]:
    """The tree of control groups first: it needs no command and no answer of PID 1."""
    yield Table("services", cgroups, timeout=20)
    yield from map(File, spelled(FILES))
    if not host.readlink("/lib"):
        yield File("/lib/systemd/system/**")
    listing = Command(("systemctl", "list-units"), only_if=BOOTED, timeout=15)
    deaf = _deaf(host, listing)
    yield listing
    yield from _manager(deaf)
    yield from _failed(host, deaf)
    yield from _status(deaf)
    yield from _crashes()
    yield from _other_inits(host)


def _deaf(host: Host, listing: Command) -> str:
    """Why PID 1 is not to be asked again: each question would wait 25 s for a manager that hangs."""
    if not host.exists(BOOTED):
        return ""
    answer = host.run(listing)
    if answer.outcome == Outcome.ABSENT or (answer.outcome == Outcome.COLLECTED and not answer.exit):
        return ""
    return f"systemd did not answer the first question: {answer.reason or answer.stderr.decode('utf-8', 'replace').strip()[:200]}"


def _manager(deaf: str) -> Iterator[Source]:
    """What the manager says of all units, under the names that tools look for."""
    listings = (
        ("list-units", "--all"), ("list-units", "--failed"), ("list-unit-files",), ("list-jobs",),
        ("list-timers", "--all"), ("list-sockets", "--all"),
        ("list-dependencies",), ("is-system-running",), ("show", "-p", MANAGER),
    )  # fmt: skip
    for words in listings:
        yield Command(("systemctl", *words), only_if=BOOTED, skip=deaf, timeout=15)
    kinds = ("*.socket", "*.mount", "*.automount", "*.swap", "*.timer", "*.path", "*.slice", "*.target")
    yield Command(
        ("systemctl", "show", "--all", *kinds, "-p", OTHERS),
        only_if=BOOTED,
        skip=deaf,
        timeout=15,
        at="sos_commands/systemd/systemctl_show_others",
    )


def _failed(host: Host, deaf: str) -> Iterator[Source]:
    """Of each unit that failed or waits for its next start: its status with the last lines of its journal, and its unit file."""
    listing = Command(("systemctl", "list-units", "--failed", "--all", "--plain", "--no-legend"), only_if=BOOTED, skip=deaf, timeout=15)
    looping = Command(("systemctl", "list-units", "--state=auto-restart", "--plain", "--no-legend"), only_if=BOOTED, skip=deaf, timeout=15)
    answered = not deaf and host.exists(BOOTED)
    units = [line.split()[0] for each in (listing, looping) for line in host.lines(each) if line.strip()] if answered else []
    yield listing
    yield looping
    for position, unit in enumerate(units):
        reason = "" if position < MAX_FAILED else f"more than {MAX_FAILED} units failed"
        yield Command(("systemctl", "status", "--full", "--lines=200", "--", unit), skip=reason, timeout=20)
        yield Command(("systemctl", "cat", "--", unit), skip=reason, timeout=10)


def _status(deaf: str) -> Iterator[Source]:
    # with lines it would search the journal once for each unit: minutes
    words = ("systemctl", "status", "--all", "--lines=0")
    yield Command(words, only_if=BOOTED, skip=deaf, at="sos_commands/systemd/systemctl_status_--all", timeout=60)
    yield Command(("systemd-cgls", "--no-pager", "--full"), only_if=BOOTED, skip=deaf, timeout=15)
    yield Command(("systemd-delta", "--no-pager", "--diff=no"), only_if=BOOTED, timeout=20)
    for verb in ((), ("blame",), ("critical-chain",)):
        yield Command(
            ("systemd-analyze", "--no-pager", *verb),
            only_if=BOOTED,
            skip=deaf,
            at=f"sos_commands/systemd/{'_'.join(('systemd-analyze', *verb))}",
        )


def _crashes() -> Iterator[Source]:
    """Which programs dumped core; never the cores: they are memory."""
    yield Command(("coredumpctl", "list", "--no-pager"), folder="coredump", only_if=BOOTED, timeout=30)
    for path in ("/var/lib/systemd/coredump", "/var/crash", "/var/spool/abrt"):
        yield Command(("ls", "-lanR", path), folder="coredump", only_if=path, timeout=20)


def _other_inits(host: Host) -> Iterator[Source]:
    yield Command(("rc-status", "-a", "--nocolor"), folder="services", only_if="/run/openrc")
    runit = [path.rsplit("/", 1)[0] for path in host.glob("/etc/service/*/run")]
    if runit:
        yield Command(("sv", "status", *runit), folder="services", timeout=15)
    stopped = "" if host.running("supervisord") else "supervisord is stopped"
    yield Command(("supervisorctl", "status"), folder="services", skip=stopped, timeout=15)
    yield Command(("chkconfig", "--list"), folder="services", only_if="/etc/rc.d/init.d", timeout=15)
    yield Command(("initctl", "list"), folder="services", only_if="/etc/init/rc.conf", timeout=10)
    yield Command(("runlevel",), folder="services", timeout=5)


# -- what the file system alone tells


def cgroups(host: Host) -> Iterator[Row]:
    """Units that have processes, from the tree of control groups, and what hit their limits; else the children of PID 1."""
    found = 0
    for path in sorted(set(globbed(host, "/sys/fs/cgroup/{*.slice,systemd/*.slice,unified/*.slice}/**/cgroup.procs"))):
        unit = path.rsplit("/", 2)[1]
        if not unit.endswith((".service", ".scope", ".socket", ".mount", ".swap")):
            continue
        found += 1
        folder = path.rsplit("/", 1)[0]
        pids = [pid for word in host.text(path).split() if (pid := number(word)) is not None]
        yield {"unit": unit, "cgroup": folder, "pids": pids[:100], "count": len(pids), **_limits(host, folder)}
    if not found:
        yield from _children(host)


def _limits(host: Host, folder: str) -> dict[str, object]:
    """Counters of the group (v2): `oom_kill` and `max` of memory, `max` of processes, throttled periods."""
    row: dict[str, object] = {}
    for name in ("memory.events", "pids.events", "cpu.stat"):
        for line in host.lines(f"{folder}/{name}"):
            word, _, value = line.partition(" ")
            if word in ("oom", "oom_kill", "max", "high", "nr_throttled", "throttled_usec") and (count := number(value)):
                row[f"{name.split('.')[0]}_{word}"] = count
    return row


def _children(host: Host) -> Iterator[Row]:
    """Processes whose parent is PID 1: what a container or a plain init started."""
    for pid in host.pids():
        # the name may hold blanks and brackets: what follows the last one is sound
        head, _, rest = host.text(f"/proc/{pid}/stat").rpartition(")")
        fields = rest.split()
        if len(fields) > 19 and fields[1] == "1":
            yield {"pid": pid, "comm": head.partition("(")[2], "state": fields[0], "started_ticks": number(fields[19])}
