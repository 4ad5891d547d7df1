"""Configuration that is not in force: files of sysctl.d(5) against the kernel."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from diagbundle.analyse.api import About, Finding, Severity, Undecided, latest, rule
from diagbundle.analyse.facts.security import Confinement
from diagbundle.analyse.facts.system import Setting, SettingLine, TunedProfile

FOLDERS = ("/etc/sysctl.d/", "/run/sysctl.d/", "/usr/local/lib/sysctl.d/", "/usr/lib/sysctl.d/", "/lib/sysctl.d/")
"""A file hides those of the same name in later ones."""
_SWITCHED_ON = re.compile(r"net\.ipv[46]\.(conf\..*\.forwarding|ip_forward)|net\.bridge\..*")
"""What container engines and hypervisors switch on; nobody switches it off behind the administrator's back."""
_RAISED = re.compile(
    r"net\.netfilter\.nf_conntrack_tcp_\w+|kernel\.(panic|panic_on_oops|printk|core_pattern|core_uses_pid|core_pipe_limit)"
    r"|vm\.overcommit_memory|kernel\.keys\..*|net\.ipv[46]\.conf\..*\.(rp_filter|accept_ra|disable_ipv6|arp_\w+|proxy_arp|accept_redirects|send_redirects)"
    r"|kernel\.(pid_max|sched_\w+|numa_balancing|nmi_watchdog|perf_\w+)|vm\.(dirty_\w+|min_free_kbytes|nr_hugepages|stat_interval|compaction_\w+)"
)
"""What kubelet, NetworkManager, tuned, dump collectors and the kernel itself change at run time on healthy hosts."""


@dataclass(frozen=True)
class Wanted:
    """What the files say of one setting, in the order in which they are read."""

    line: SettingLine
    earlier: tuple[SettingLine, ...] = ()


def in_order(lines: Iterable[SettingLine]) -> list[SettingLine]:
    """The lines in the order of systemd-sysctl: files by name, whatever their folder; of one name only the first folder's.

    /etc/sysctl.conf is read where Debian and Red Hat link it into sysctl.d: as 99-sysctl.conf.
    """
    places: dict[str, tuple[int, str]] = {}
    held = list(lines)
    for line in held:
        folder, name = _place(line.file)
        if name not in places or folder < places[name][0]:
            places[name] = (folder, line.file)
    shown = [line for line in held if places[_place(line.file)[1]][1] == line.file]
    return sorted(shown, key=lambda line: (_place(line.file)[1], line.position))


def _place(file: str) -> tuple[int, str]:
    if file == "/etc/sysctl.conf":
        return 0, "99-sysctl.conf"
    folder, _, name = file.rpartition("/")
    return (FOLDERS.index(folder + "/") if folder + "/" in FOLDERS else len(FOLDERS)), name


def wanted(lines: Sequence[SettingLine], keys: Iterable[str]) -> dict[str, Wanted]:
    """For each setting that exists the line that wins. A plain key wins over a pattern, wherever the pattern stands."""
    found: dict[str, Wanted] = {}
    known = set(keys)
    ordered = in_order(lines)
    for line in sorted(ordered, key=lambda line: "*" not in line.key):
        for key in fnmatch.filter(known, line.key) if "*" in line.key else [line.key]:
            earlier = found.get(key)
            found[key] = Wanted(line, (*earlier.earlier, earlier.line) if earlier else ())
    return found


def is_same(one: str, other: str) -> bool:
    """Whether two values mean the same: blanks and the base of numbers do not matter."""
    if one == other:
        return True
    try:
        return [int(word, 0) for word in one.split()] == [int(word, 0) for word in other.split()]
    except ValueError:
        return one.replace(" ", "") == other.replace(" ", "")


def tuned_keys(lines: Sequence[SettingLine], profiles: Sequence[TunedProfile]) -> set[str]:
    """The settings that the active profiles of tuned, and those they take in, change."""
    active, pending = set[str](), [""]
    while pending:
        name = pending.pop()
        if name not in active:
            active.add(name)
            pending += [each for profile in profiles if profile.name == name for each in profile.includes]
    return {line.key for line in lines if line.profile and line.profile in active}


_GENEROUS = re.compile(r"(?:.*[._-])?(?:max|somaxconn)(?:[._-].*)?|.*_max|fs\.nr_open|fs\.file-max")
"""Limits of which more than was asked for hurts nobody."""
_OWN_IN_CONTAINERS = re.compile(r"net\..*|kernel\.(?:shm\w*|msg\w*|sem|hostname|domainname)|fs\.mqueue\..*")
"""Settings that a container has of its own; the others are its host's."""


def is_by_right(key: str, want: Wanted, real: str, tuned: set[str], *, confined: bool) -> bool:
    """Whether a difference has a known cause that is no fault."""
    if any(is_same(line.value, real) for line in want.earlier) or key in tuned or _RAISED.fullmatch(key):
        return True
    if _SWITCHED_ON.fullmatch(key) and real == "1":
        return True
    more = want.line.value.isdecimal() and real.isdecimal() and int(real[:30]) > int(want.line.value[:30])
    return (more and _GENEROUS.fullmatch(key) is not None) or (confined and not _OWN_IN_CONTAINERS.fullmatch(key))


@rule(
    "SYS001", "kernel settings of sysctl.d that are not in force", SettingLine, Setting, About, uses=(TunedProfile, Confinement),
    absent="there are no files of sysctl.d",
)  # fmt: skip
def drift(
    lines: Sequence[SettingLine], settings: Sequence[Setting], about: Sequence[About], profiles: Sequence[TunedProfile],
    confined: Sequence[Confinement],
) -> Iterator[Finding]:  # fmt: skip
    """The kernel runs with other settings than the files in sysctl.d and /etc/sysctl.conf ask for.

    Judged by reading the files in systemd's order (by name; /etc before /run and /usr; the last line for a setting wins) and
    comparing with the running kernel: a warning for files of the administrator in /etc, a note for those of packages, and for
    settings that container engines, kubelet, NetworkManager or tuned change by right, or that another of the files set, for limits
    that are higher than asked, and in containers for settings of their host. What the kernel does not know is left out. Either
    somebody changed it by hand, or the file was never loaded, or its module (nf_conntrack for example) was loaded after the file was
    read. `sysctl --system` loads all files; look for errors in what it prints.
    """
    now = {each.key: each for each in latest(settings)}
    tuned, inside = tuned_keys(lines, profiles), any(each.is_container for each in confined)
    files: dict[tuple[str, Severity], list[tuple[Wanted, Setting]]] = {}
    for key, want in wanted([line for line in lines if not line.profile], now).items():
        real = now.get(key)
        if real is None or is_same(want.line.value, real.value) or _is_put_off(key, want.line.value, now):
            continue
        own = want.line.file.startswith("/etc/") and "*" not in want.line.key
        by_right = is_by_right(key, want, real.value, tuned, confined=inside)
        severity = Severity.WARNING if own and not by_right else Severity.NOTE
        if severity is Severity.NOTE and not own:
            continue
        files.setdefault((want.line.file, severity), []).append((want, real))
    for (file, severity), those in files.items():
        # What is excused alone is not when the same file's other settings are not in force either: then the file was not loaded.
        if severity is Severity.NOTE and (file, Severity.WARNING) in files:
            continue
        also = files.get((file, Severity.NOTE), []) if severity is Severity.WARNING else []
        yield _finding(file, severity, [*those, *also], about[0])


def _is_put_off(key: str, value: str, now: dict[str, Setting]) -> bool:
    """Settings that exclude each other: writing one puts its twin to 0. And what cannot be compared, as the kernel rounds it."""
    twin = {"_ratio": "_bytes", "_bytes": "_ratio"}
    for ending, other in twin.items():
        if key.endswith(ending) and (pair := now.get(key.removesuffix(ending) + other)) and pair.value not in {"0", ""}:
            return True
    return not value


def _finding(file: str, severity: Severity, those: Sequence[tuple[Wanted, Setting]], about: About) -> Finding:
    said = [f"{real.key} is {real.value or 'empty'}, the file says {want.line.value}" for want, real in those]
    count = f"{len(those)} settings" if len(those) > 1 else "1 setting"
    fresh = about.booted and those[0][0].line.mtime > about.booted
    return Finding(
        severity,
        f"{count} of {file} {'are' if len(those) > 1 else 'is'} not in force: {'; '.join(said[:3])}" + (" …" if len(said) > 3 else ""),
        tuple(origin for want, real in those[:6] for origin in (want.line.origin, real.origin)),
        "If the file is right, load it: sysctl --system (and look at its errors); if the running value is, write it into the file",
        detail="; ".join((*said[3:], *(["the file was written after the last start: perhaps it was never loaded"] if fresh else []))),
        subject=file,
    )


ENOUGH, ALIKE = 300, 0.94
"""Settings that a whole `sysctl -a` has at least, and how alike a misspelt name is to the right one."""


@rule("SYS005", "kernel settings that do not exist", SettingLine, Setting, absent="there are no files of sysctl.d")
def misspelt(lines: Sequence[SettingLine], settings: Sequence[Setting]) -> Iterator[Finding]:
    """A file of sysctl.d sets something that this kernel does not have, and that looks like the misspelt name of something it has.

    A warning for files in /etc, where a name that exists differs by a letter or two. Names that are far from all others belong to modules
    that are not loaded, or to other kernels, and are not told. Correct the name, then `sysctl --system`, which says what it cannot set.
    """
    known = {each.key for each in latest(settings)}
    if len(known) < ENOUGH:
        raise Undecided("the settings of the kernel were not collected as a whole")
    for line in latest(lines):
        if line.profile or "*" in line.key or line.key in known or not line.file.startswith("/etc/"):
            continue
        family = [key for key in known if key.split(".")[:-1] == line.key.split(".")[:-1]]
        meant = difflib.get_close_matches(line.key, family, 1, ALIKE)
        if meant:
            yield Finding(
                Severity.WARNING,
                f"{line.file} sets {line.key}, which this kernel does not have: {meant[0]} is meant, perhaps",
                (line.origin,),
                f"Correct the name in {line.file}, then run `sysctl --system` and look at its errors",
                subject=line.file,
            )
