"""Ports that are taken, files that may not be read: why programs do not start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Origin, Severity, latest, rule
from diagbundle.analyse.facts.containers import Container
from diagbundle.analyse.facts.filesystems import Mount, each_once
from diagbundle.analyse.facts.network_counts import SocketOwner
from diagbundle.analyse.facts.products import Denied, FileMode, PortTaken
from diagbundle.analyse.facts.rooms import is_below
from diagbundle.analyse.facts.services import WAITS, Unit
from diagbundle.analyse.facts.spoken import DAY, HOUR, clock, often

MAX_TOLD = 5
_ENGINE = re.compile(r"dockerd|docker|containerd|podman|conmon|docker-proxy|rootlessport")
_REFUSED_DAILY = re.compile(
    r"zabbix.*|.*exporter|dhclient|telegraf|collectd|snmpd|nrpe.*|nagios.*|icinga.*|check_\w+|.*[-_]agent[d\d]*|.*beat|fluent.*|td-agent.*|promtail"
    r"|splunk.*|cron|crond|anacron|run-parts|locate|mlocate|rkhunter|aide|tripwire|clam.*|freshclam|lsof|du|ls|tar|rsync|rsnapshot|borg"
    r"|restic|bacula.*|amanda.*|tmpwatch|tmpreaper|gvfsd.*|tracker.*|gnome.*|dbus.*|xdg-.*|snap.*|pulseaudio|pipewire.*|xorg|chrom.*"
)
"""Agents, backups, cron and desktops: they look at files of others, and are refused some every day."""
_OF_OTHERS = re.compile(
    r"/root/|/home/|/run/user/|/tmp/|/var/tmp/|/lost\+found|/etc/(?:g?shadow|sudoers|ssh/ssh_host)|.*/\.(?:ssh|cache|gnupg)/"
)
_FOR_ALL = {"/tmp", "/var/tmp", "/dev/shm"}  # noqa: S108  # names in lines, no files of ours
_CONFIG = re.compile(r"^/etc/|\.(?:conf|cfg|cnf|ini|ya?ml|toml|json|xml|properties|env|pem|key|crt|p12|jks|keytab)$")


def age(time: float, about: About) -> float:
    """Seconds before the collection; 0 where the time is not known, as a line without a time may be the newest."""
    return max(0.0, about.now - time) if time and about.now else 0.0


@rule("APP001", "ports that another program has taken", PortTaken, About, uses=(SocketOwner, Container))
def port_in_use(
    taken: Sequence[PortTaken], about: Sequence[About], owners: Sequence[SocketOwner], containers: Sequence[Container]
) -> Iterator[Finding]:
    """A program could not start, or not in full, because the port that it wants is in use.

    Found in the words of the program ("Address already in use"), and told with whoever listens on that port now. It is critical where
    another program has the port and the line is less than a day old, a warning where nobody is known to have it and the line is less than
    an hour old. Where the program itself listens there by now it is only a note. What to do: stop one of the two, or give it another port.
    """
    groups: dict[tuple[str, int], list[PortTaken]] = {}
    for each in taken:
        groups.setdefault((each.who, each.port), []).append(each)
    with_port = {who for who, port in groups if port}
    told = " ".join(one.said for one in containers if one.state == "created")  # CTR002 tells of these
    for (who, port), lines in groups.items():
        of_container = _ENGINE.fullmatch(who) and re.search(rf":{port}\b", told)
        if (port or who not in with_port) and not of_container:
            yield from _taken(who, port, lines, about[0], [owner for owner in owners if port and owner.port == port and not owner.is_start])


def _taken(who: str, port: int, lines: list[PortTaken], about: About, owners: Sequence[SocketOwner]) -> Iterator[Finding]:
    lines.sort(key=lambda line: line.time)
    old = age(lines[-1].time, about)
    own = [owner for owner in owners if is_same(owner.comm, who)]
    others = [owner for owner in owners if owner not in own]
    over = own or old > (DAY if others else HOUR)
    severity = Severity.NOTE if over else Severity.CRITICAL if others else Severity.WARNING
    held = f": {others[0].comm} (pid {others[0].pid}) has it" if others else f": {who} listens there now" if own else ""
    name = f"port {port}" if port else "a port"
    origins = [*(line.origin for line in lines[-3:]), *(owner.origin for owner in (others or own)[:2])]
    yield Finding(
        severity,
        f"{who} could not listen on {name}, the address is already in use{held}",
        tuple(origins),
        f"Stop {others[0].comm if others else 'the other program'} or give one of the two another port, then start {who}"
        if not own
        else "Nothing, if it works by now",
        detail=f"{often(len(lines))}, last at {clock(lines[-1].time)}",
        subject=who,
        since=lines[0].time,
        latest=lines[-1].time,
    )


def is_same(process: str, name: str) -> bool:
    """Whether a process is of the program that a log calls by this name: `java`, `python3` may be anything, so they are not."""
    one, other = process.lower(), re.sub(r"\.\w+$", "", name.lower())
    return bool(one and other) and (
        one.startswith(other[:15]) or other.startswith(one) or {one, other} in ({"apache2", "httpd"}, {"mysqld", "mysql"})
    )


# -- files


@rule("APP002", "files and ports that programs may not use", Denied, About, uses=(FileMode, Unit, Mount))
def denied(
    denials: Sequence[Denied], about: Sequence[About], modes: Sequence[FileMode], units: Sequence[Unit], mounts: Sequence[Mount]
) -> Iterator[Finding]:
    """A program was refused a file, a folder or a port: "Permission denied" in its own words.

    A warning where the last such line is less than a day old, and: the file or a folder above it was changed lately, or it is a
    configuration, or the line is less than an hour old, or the program's unit has failed. A note where it is older, where the host has
    lived with it since yesterday, and of agents, backups and cron, which are refused files of others every day.
    Owner and mode of the file and of the folders above it are told where they changed lately. Not counted: logins that failed, and
    what people try in shells.
    A program on a mount with `noexec`, and "Operation not permitted" (a file with the flag immutable), are told as such.
    What to do: `namei -l PATH` shows each step; the user of the program needs x on all folders, and r (or w) on the file. Where modes are
    right, SELinux or AppArmor may deny it: see `ausearch -m avc` and `journalctl -k`. A port below 1024 needs CAP_NET_BIND_SERVICE.
    """
    groups: dict[str, list[Denied]] = {}
    for each in sorted(denials, key=lambda one: one.time):
        groups.setdefault(each.path or f"port {each.port}", []).append(each)
    ill = {unit.name.lower() for unit in latest(units) if unit.active == "failed" or unit.sub in WAITS}
    loud = {what: lines for what, lines in groups.items() if _matters(what, lines, about[0], modes, ill)}
    for what, lines in list(loud.items())[:MAX_TOLD]:
        noexec = _noexec(lines[-1], each_once(mounts))
        yield _not_executed(what, lines, noexec) if noexec else _denial(what, lines, modes)
    if rest := list(loud.items())[MAX_TOLD:]:
        yield _denials(Severity.WARNING, f"permission denied for {len(rest)} more files", rest)
    if quiet := [(what, lines) for what, lines in groups.items() if what not in loud]:
        yield _denials(Severity.NOTE, f"permission was denied for {len(quiet)} {'file' if len(quiet) == 1 else 'files'}", quiet)


def _matters(what: str, lines: Sequence[Denied], about: About, modes: Sequence[FileMode], ill: set[str]) -> bool:
    last, who = lines[-1], lines[-1].who.lower()
    old = age(last.time, about)
    if old > DAY:
        return False
    if any(_is_above(step.path, what) for step in modes) or any(who and name.startswith((f"{who}.", f"{who}@")) for name in ill):
        return True
    if _OF_OTHERS.match(what) or (_REFUSED_DAILY.fullmatch(who) and not _CONFIG.search(what)):
        return False
    return (old <= HOUR or bool(_CONFIG.search(what))) and (not last.time or last.time - min(line.time for line in lines) < 20 * HOUR)


def _is_above(step: str, path: str) -> bool:
    return step == path or path.startswith(step.rstrip("/") + "/")


def _denials(severity: Severity, title: str, those: Sequence[tuple[str, list[Denied]]]) -> Finding:
    names = ", ".join(f"{what} ({lines[-1].who})" for what, lines in those[:10]) + (" …" if len(those) > 10 else "")
    return Finding(
        severity,
        f"{title}: {names}",
        tuple(lines[-1].origin for _, lines in those[:5]),
        "`namei -l PATH` shows owner and mode of each step"
        if severity is Severity.WARNING
        else "Nothing, if all works; else `namei -l PATH` shows owner and mode of each step",
        latest=max(lines[-1].time for _, lines in those),
    )


def _noexec(denied: Denied, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that lets nothing be executed, where the line speaks of a program on it and of nothing else that is done to it."""
    above = [mount for mount in mounts if denied.path and is_below(denied.path, mount.point)]
    nearest = max(above, key=lambda mount: len(mount.point), default=None)
    is_run = re.search(r"(?i)exec|bash|\bsh\b|dash|line \d+|spawn|fork|cannot (?:run|start)|/s?bin/|\.sh\b|plugin", denied.origin.text)
    return nearest if nearest and is_run and "noexec" in nearest.options | nearest.super_options else None


def _not_executed(what: str, lines: Sequence[Denied], mount: Mount) -> Finding:
    return Finding(
        Severity.WARNING,
        f"{what} cannot be started: {mount.point} is mounted noexec",
        (*(line.origin for line in lines[-2:]), mount.origin),
        f"Move it to a file system that may hold programs, or `mount -o remount,exec {mount.point}` and mend its line in /etc/fstab",
        detail=f"{often(len(lines))}, last at {clock(lines[-1].time)}, says {lines[-1].who}",
        subject=what,
        latest=lines[-1].time,
    )


def _denial(what: str, lines: list[Denied], modes: Sequence[FileMode]) -> Finding:
    who = lines[-1].who
    steps = [step for step in modes if lines[-1].path and _is_above(step.path, what)]
    known = "; ".join(
        f"{step.path} has mode {step.mode}, user {step.uid}, group {step.gid}"
        for step in sorted(steps, key=lambda step: len(step.path))[-4:]
    )
    advice = (
        f"`namei -l {what}` shows owner and mode of each step; let the user that {who} runs as read it. "
        "If modes are right, look for denials of SELinux and AppArmor"
        if lines[-1].path
        else f"Give {who} CAP_NET_BIND_SERVICE (in its unit: AmbientCapabilities=), or a port above 1023"
    )
    if what in _FOR_ALL:
        advice = f"`ls -ld {what}` must say drwxrwxrwt root root: `chmod 1777 {what}`; then see whether its mount is read-only or full"
    elif lines[-1].is_forbidden:
        advice = f"`lsattr {what}` shows whether it is immutable or append-only (`chattr -i` lifts it); then see capabilities and mount"
    may = "create no file in" if what in _FOR_ALL else "not use"
    origins: list[Origin] = [line.origin for line in lines[-2:]] + [step.origin for step in steps[-3:]]
    return Finding(
        Severity.WARNING,
        f"{'operation not permitted' if lines[-1].is_forbidden else 'permission denied'}: {who} may {may} {what}",
        tuple(origins),
        advice,
        detail=f"{often(len(lines))}, last at {clock(max(line.time for line in lines))}" + (f"; {known}" if known else ""),
        subject=what,
        latest=max(line.time for line in lines),
    )
