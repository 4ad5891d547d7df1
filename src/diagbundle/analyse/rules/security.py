"""What denies: SELinux, AppArmor, audit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import About, Finding, Severity, latest, rule
from diagbundle.analyse.facts.security import AuditState, Denial, ModeChange, NoLogin, SelinuxState, first_hand
from diagbundle.analyse.facts.spoken import between, clock, often

DAY = 86400.0
WEEK = 7 * DAY
SHOWN, MOST = 3, 10


@rule("SEC001", "SELinux: mode now and at the next start", SelinuxState, About)
def mode(states: Sequence[SelinuxState], about: Sequence[About]) -> Iterator[Finding]:
    """SELinux runs in another mode than /etc/selinux/config says, so that the next start of the host changes what is allowed.

    Judged by the mode of the kernel against SELINUX= in the file; a note, as a change of the file does nothing until the host is
    started anew. Decide which of both is meant: `setenforce` changes the mode now, the file that of the next start. Before the first
    start with SELinux after it was disabled, all files must be labelled anew (touch /.autorelabel).
    """
    for now in latest(states)[:1]:
        if not now.mode or not now.configured or now.mode == now.configured:
            continue
        fresh = bool(now.config_mtime) and 0 <= about[0].now - now.config_mtime <= WEEK
        yield Finding(
            Severity.NOTE,
            f"SELinux is {now.mode}, and /etc/selinux/config says {now.configured}"
            + (f", changed {clock(now.config_mtime)}" if fresh else ""),
            (now.origin,),
            "Decide which is meant: setenforce changes the mode now, the file that of the next start",
            detail="; ".join(
                ("the kernel's command line asks for SELinux",) * now.asked_for
                + ("all files are labelled anew at the next start",) * now.relabel
            ),
            subject="SELinux",
        )


LEAST = 3


@rule("SEC002", "accesses that SELinux denies", Denial, About, uses=(ModeChange, SelinuxState))
def selinux_denials(
    denials: Sequence[Denial], about: Sequence[About], changes: Sequence[ModeChange], states: Sequence[SelinuxState]
) -> Iterator[Finding]:
    """SELinux denied a program something. Nothing else tells of it: the program says only "Permission denied".

    Judged by the audit log and the kernel's log, where there is none by what setroubleshoot retells, for each program and its type: a
    warning if it was denied at least 3 times, last within a day before the host was asked, in enforcing mode, or a port once; fewer, older
    and permissive ones are notes (in permissive mode nothing was denied in truth). `ausearch -m AVC -ts recent | audit2why` explains each.
    Most often a file has the wrong label (restorecon -Rv PATH, semanage fcontext for a new place), a boolean must be set (setsebool
    -P), or a port be named (semanage port). Do not switch SELinux off to be rid of it.
    """
    groups: dict[tuple[str, str, bool], list[Denial]] = {}
    lenient = any(each.mode == "permissive" for each in latest(states))
    for each in first_hand(denials):
        if each.guard == "selinux":
            permissive = each.permissive or (each.is_retold and lenient)
            key = ("", "", True) if permissive else (each.who, each.source, False)
            groups.setdefault(key, []).append(each)
    switched = max((each.time for each in changes if each.enforcing), default=0.0)
    for (who, source, permissive), those in sorted(groups.items(), key=lambda group: -len(group[1]))[:MOST]:
        last = max(each.time for each in those)
        age = about[0].now - last if last and about[0].now else 0.0
        if age > WEEK:
            continue
        began = f"; enforcing since {clock(switched)}" if switched and switched <= last else ""
        yield Finding(
            Severity.NOTE if permissive or age > DAY or not _weighs(those) else Severity.WARNING,
            _would_deny(those) if permissive else _denied(who, source, those),
            tuple(each.origin for each in (those[0], *those[-2:])[: len(those)]),
            "See `ausearch -m AVC -ts recent | audit2why`: relabel the file (restorecon -Rv), set a boolean or name the port",
            detail=between(each.time for each in those) + began,
            subject=who or "SELinux",
            since=min((each.time for each in those if each.time), default=0.0),
            latest=last,
        )


def _weighs(those: Sequence[Denial]) -> bool:
    """Whether denials are no mishap: several, or a port, without which a service does not start at all."""
    return len(those) >= LEAST or any(each.wanted == "name_bind" for each in those)


def _denied(who: str, source: str, those: Sequence[Denial]) -> str:
    targets = Counter((each.wanted, each.what, each.target) for each in those)
    (wanted, what, target), _ = targets.most_common(1)[0]
    names = ", ".join(name for name, _ in Counter(each.name for each in those if each.name).most_common(SHOWN))
    more = f" ({len(targets)} kinds of access)" if len(targets) > 1 else ""
    is_capability = what.startswith("cap")
    thing = f"the capability {wanted}" if is_capability else f"to {wanted} {what}"
    kind = f"of type {target}" if target and not is_capability else ""
    said = " ".join(filter(None, (f"SELinux denied {who}", source and f"({source})", thing, kind)))
    return said + (f" ({names})" if names else "") + f", {often(len(those))}{more}"


def _would_deny(those: Sequence[Denial]) -> str:
    names = ", ".join(f"{name} {count:,}" for name, count in Counter(each.who for each in those).most_common(SHOWN))
    return f"SELinux is permissive for what it would have denied {often(len(those))}: {names}"


AFTER_START, AFTER_BOOT = 300.0, 120.0


@rule("SEC003", "SELinux switched to enforcing lately", ModeChange, About, uses=(Denial, SelinuxState))
def switched(
    changes: Sequence[ModeChange], about: Sequence[About], denials: Sequence[Denial], states: Sequence[SelinuxState]
) -> Iterator[Finding]:
    """Somebody switched SELinux to enforcing within the last week: what worked before may be denied since.

    Also told if the host was started within a week after /etc/selinux/config was written, and is enforcing since. Judged by the
    records MAC_STATUS of the audit log (type=1404 of the kernel's), not by those that every start of the host makes. A warning if
    something was denied in enforcing mode since, otherwise a note. If it was switched back, it is not told. Look at what was denied
    since; cure that (labels, booleans), not SELinux.
    """
    now = about[0].now
    real = sorted((each for each in changes if _is_change(each, about[0])), key=lambda each: each.time)
    state = next((each for each in states if each.config_mtime), None)
    if real and (not real[-1].enforcing or (now and now - real[-1].time > WEEK)):
        return
    if real:
        when, origin = real[-1].time, real[-1].origin
    elif state and _started_with_it(state, about[0]):
        when, origin = about[0].booted, state.origin
    else:
        return
    since = [each for each in first_hand(denials) if each.guard == "selinux" and not each.permissive and each.time >= when]
    written = f"; /etc/selinux/config was written {clock(state.config_mtime)}" if state and now - state.config_mtime <= WEEK else ""
    yield Finding(
        Severity.WARNING if since else Severity.NOTE,
        f"SELinux was switched to enforcing {clock(when)}, and has denied {len(since):,} accesses since",
        (origin, *(each.origin for each in since[:2])),
        "Look at what was denied since and cure that (labels, booleans); to compare, setenforce 0 for a moment",
        detail=("denied: " + ", ".join(name for name, _ in Counter(each.who for each in since).most_common(SHOWN)) if since else "")
        + written,
        subject="SELinux",
        since=when,
    )


def _is_change(change: ModeChange, about: About) -> bool:
    """Whether it was more than what every start of the host does."""
    return change.by_user or bool(about.booted and change.time > about.booted + AFTER_BOOT)


def _started_with_it(state: SelinuxState, about: About) -> bool:
    """Whether the host runs enforcing since a start that followed a change of the file."""
    if state.mode != "enforcing" or not about.booted:
        return False
    return 0 <= about.booted - state.config_mtime <= WEEK and about.now - about.booted <= WEEK


_AMBIENT = re.compile(
    r"^(?:snap\.|snap-update|lxd-|lxc-|docker-default|containers-default|cri-containerd|crio-default|unprivileged_userns|/snap/|:lxd)"
)
_FILES = {
    "open", "exec", "mknod", "mkdir", "rmdir", "unlink", "rename_src", "rename_dest", "link", "symlink", "truncate", "chmod", "chown",
    "connect", "bind", "listen", "create", "sendmsg", "recvmsg", "file_lock", "file_mmap", "file_perm",
}  # fmt: skip
_MACHINE = re.compile(r"^/(?:proc|sys)/")


@rule("SEC004", "accesses that AppArmor denies", Denial, About)
def apparmor_denials(denials: Sequence[Denial], about: Sequence[About]) -> Iterator[Finding]:
    """AppArmor denied a program something that its profile does not allow; the program says only "Permission denied".

    Judged by the kernel's and the audit log, for each profile: a warning if files or sockets were denied at least 3 times, last
    within a day. Denials in snaps and containers, of capabilities and of files in /proc and /sys are usual on healthy hosts, and
    notes. Add the path to /etc/apparmor.d/local/PROFILE and load it (apparmor_parser -r), most often after data was moved to another
    place; `aa-complain PROFILE` shows whether that is the cause.
    """
    groups: dict[str, list[Denial]] = {}
    for each in denials:
        if each.guard == "apparmor" and not each.permissive:
            groups.setdefault(each.source, []).append(each)
    for profile, those in sorted(groups.items(), key=lambda group: -len(group[1]))[:MOST]:
        last = max(each.time for each in those)
        age = about[0].now - last if last and about[0].now else 0.0
        if age > WEEK:
            continue
        real = [each for each in those if each.what in _FILES and not _MACHINE.match(each.name)]
        worse = len(real) >= LEAST and age <= DAY and not _AMBIENT.match(profile)
        told = real or those
        names = ", ".join(name for name, _ in Counter(each.name or each.wanted for each in told).most_common(SHOWN) if name)
        yield Finding(
            Severity.WARNING if worse else Severity.NOTE,
            f"AppArmor denied {told[-1].who or profile} (profile {profile}) {_operation(told[-1])}{names}, {often(len(told))}",
            tuple(each.origin for each in told[-SHOWN:]),
            "Allow it in /etc/apparmor.d/local (and apparmor_parser -r), if it is needed; aa-complain shows whether this is the cause",
            detail=between(each.time for each in told),
            subject=profile,
            latest=last,
        )


def _operation(denial: Denial) -> str:
    return "the capability " if denial.what == "capable" else f"to {denial.what.replace('_', ' ')} "


@rule("SEC005", "SELinux booleans that are not in force yet", SelinuxState)
def booleans(states: Sequence[SelinuxState]) -> Iterator[Finding]:
    """Booleans of SELinux were changed but not put in force: they differ from what the policy will use after the next commit.

    A note. `setsebool` does both at once; a pending one is the work of a program that broke off.
    """
    for now in latest(states)[:1]:
        if now.pending:
            yield Finding(
                Severity.NOTE,
                f"{len(now.pending)} SELinux booleans wait to be put in force: {', '.join(now.pending[:SHOWN])}",
                (now.origin,),
                "Set them with setsebool -P",
                subject="SELinux",
            )


NEAR = 0.9


@rule("SEC006", "records that audit has lost", AuditState, absent="audit is not used here")
def audit(states: Sequence[AuditState]) -> Iterator[Finding]:
    """The kernel makes audit records faster than auditd writes them: each program that is watched then waits, and records are lost.

    Judged by `auditctl -s`: a warning if 90 % of the backlog are in use now; lost records since the host was started are a note.
    Write fewer rules or exclude what is frequent, raise backlog_limit (-b in audit.rules), and see whether auditd's disk is full or
    slow.
    """
    for now in latest(states):
        used, limit, lost = (now.values.get(name, 0) for name in ("backlog", "backlog_limit", "lost"))
        if limit and used >= NEAR * limit:
            yield Finding(
                Severity.WARNING,
                f"audit does not keep up: {used:,} of {limit:,} records wait to be written",
                (now.origin,),
                "See whether auditd runs and its disk is full or slow; write fewer rules, or raise -b in audit.rules",
                subject="audit",
            )
        elif lost:
            yield Finding(
                Severity.NOTE,
                f"audit has lost {lost:,} records since the host was started",
                (now.origin,),
                "Raise -b in audit.rules, or write fewer rules",
                subject="audit",
            )


@rule("SEC007", "whether users may log in", NoLogin, About, absent="no file forbids it")
def no_login(files: Sequence[NoLogin], about: Sequence[About]) -> Iterator[Finding]:
    """A file /etc/nologin or /run/nologin lies there: nobody but root may log in, and everybody else is told what stands in it.

    systemd makes /run/nologin while the host starts and shuts down, so that within 5 minutes after the start it is a note. Remove the
    file if nobody wants it; if it is /run/nologin long after the start, look for what the start still waits for (systemctl
    list-jobs).
    """
    for each in latest(files):
        starting = each.path.startswith("/run") and 0 < about[0].uptime < AFTER_START
        yield Finding(
            Severity.NOTE if starting else Severity.WARNING,
            f"nobody but root may log in: {each.path} is there" + (f" ({each.text})" if each.text else ""),
            (each.origin,),
            f"Remove {each.path}, if nobody wants it; otherwise see what the start still waits for (systemctl list-jobs)",
            subject=each.path,
        )
