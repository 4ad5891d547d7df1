"""Kernel settings: each file of /proc/sys, all of them as `sysctl -a` would print them, and the files that set them."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator

from diagbundle.collect.api import Command, File, Host, Source, Table, collector

from ._look import status

TOP = "/proc/sys"
NEVER = re.compile(
    r"""/proc/sys/(?:
      fs/binfmt_misc            # an automount point: looking in loads a module
    | net/ipv6/conf/.*/stable_secret
    | net/ipv4/tcp_fastopen_key # secrets, both
    | kernel/random/uuid        # another one at each reading
    | vm/stat_refresh           # reading makes every CPU work
    | .*/flush                  # the name of an act
    )(?:/|$)""",
    re.VERBOSE,
)
_REPEATED = re.compile(r"^/proc/sys/(net/[^/]+/(?:conf|neigh)|kernel/sched_domain)/([^/]+)/")
"""Directories of which there is one for each interface or CPU: the family, the member."""
MANY = 64
"""Members from which on a family's own files are not asked for singly; the table has them all."""
COMMON = {"all", "default", "lo"}
CONFIGURATION = [
    "/etc/sysctl.conf", "/etc/sysctl.d/**", "/run/sysctl.d/**", "/usr/lib/sysctl.d/**", "/lib/sysctl.d/**", "/usr/local/lib/sysctl.d/**",
    "/boot/sysctl.conf-*", "/etc/modprobe.conf", "/etc/modprobe.d/**", "/run/modprobe.d/**", "/usr/lib/modprobe.d/**",
    "/lib/modprobe.d/**", "/usr/local/lib/modprobe.d/**", "/etc/tuned/active_profile", "/etc/tuned/profile_mode",
    "/etc/tuned/tuned-main.conf", "/etc/tuned/bootcmdline", "/etc/tuned/*/tuned.conf", "/etc/tuned/profiles/*/tuned.conf",
    "/usr/lib/tuned/*/tuned.conf", "/usr/lib/tuned/profiles/*/tuned.conf", "/etc/default/saptune", "/etc/saptune/**",
]  # fmt: skip


def settings(host: Host) -> Iterator[str]:
    """Paths of the settings that may be read. Root could open one without a read bit too: opening such a one acts."""
    pending = [TOP]
    while pending:
        here = pending.pop()
        below = []
        for name in host.listdir(here):
            path = f"{here}/{name}"
            about = None if NEVER.match(path) else status(host, path)
            if about is None:  # or gone meanwhile, as those of interfaces may be
                continue
            if stat.S_ISDIR(about.st_mode):
                below.append(path)
            elif stat.S_ISREG(about.st_mode) and about.st_mode & 0o444:
                yield path
        pending += reversed(below)


def key_of(path: str) -> str:
    """The name that sysctl(8) gives to a file: dots for slashes, and slashes for dots."""
    return path.removeprefix(f"{TOP}/").translate(str.maketrans("/.", "./"))


def printed(host: Host, paths: Iterable[str]) -> Iterator[str]:
    """Lines as `sysctl -a` prints them: a value of several lines stands behind its key on each."""
    for path in sorted(paths, key=key_of):
        for line in host.text(path).splitlines() or [""]:
            yield f"{key_of(path)} = {line}"


def singly(host: Host, paths: list[str]) -> Iterator[str]:
    """Paths to keep as files: all, but of families of many members only those of hardware and those that speak for all."""
    families: dict[str, set[str]] = {}
    for family, member in (found.groups() for found in map(_REPEATED.match, paths) if found):
        families.setdefault(family, set()).add(member)
    for path in paths:
        match = _REPEATED.match(path)
        if not match or len(families[match[1]]) <= MANY or match[2] in COMMON or host.exists(f"/sys/class/net/{match[2]}/device"):
            yield path


@collector(title="Kernel settings as they are, and the files that set them", folder="kernel")
def sysctl(host: Host) -> Iterator[Source]:
    """One walk through /proc/sys serves the files and the table."""
    paths = list(settings(host))
    yield from map(File, singly(host, paths))
    yield Table("sysctl", lambda host: printed(host, paths), at="sos_commands/kernel/sysctl_-a")
    yield from map(File, CONFIGURATION)
    yield Command(("tuned-adm", "active"), folder="tuned", skip="" if host.running("tuned") else "tuned is not running")
