"""What is installed and what runs: packages, programs by their version, services."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagbundle.analyse.claims.claim import Answer, compared, confirmed, contradicted, kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.claims.values import is_version
from diagbundle.analyse.evidence.document import Line
from diagbundle.analyse.facts.services import Unit
from diagbundle.analyse.verdict import Origin

_RPMS = ("installed-rpms", "sos_commands/rpm/package-data", "sos_commands/rpm/rpm_-qa*", "sos_commands/rpm/sh_-c_rpm_*")
_DEBS = ("sos_commands/dpkg/dpkg_-l", "installed-debs")
_APKS = ("sos_commands/apk/apk_info_-vv", "sos_commands/*/apk_info_-vv")
_PACMAN = ("sos_commands/*/pacman_-Q",)
_ALSO = {  # what people call a program → the packages that hold it
    "apache": ("httpd", "apache2"), "apache2": ("apache2", "httpd"), "httpd": ("httpd", "apache2"), "postgres": ("postgresql",),
    "docker": ("docker-ce", "docker.io", "docker", "moby-engine", "docker-engine"), "java": ("java", "openjdk"),
    "openjdk": ("openjdk", "java"), "node": ("nodejs",), "nodejs": ("nodejs",), "redis": ("redis", "redis-server", "redis7"),
    "mysql": ("mysql-server", "mysql-community-server", "mysql"), "mariadb": ("mariadb-server", "mariadb"),
    "ssh": ("openssh-server", "openssh"), "sshd": ("openssh-server",), "glibc": ("glibc", "libc6", "musl"), "bind": ("bind", "bind9"),
    "named": ("bind", "bind9"), "python": ("python3", "python"), "cron": ("cron", "cronie"), "containerd": ("containerd.io", "containerd"),
    "kubelet": ("kubelet",), "crio": ("cri-o",), "chronyd": ("chrony",), "mongod": ("mongodb-org-server", "mongodb-server"),
}  # fmt: skip
_NOT = re.compile(r"(?i)\b(?:not installed|none|absent|removed|uninstalled|missing|no)\b")


def installed(desk: Desk) -> Iterator[tuple[str, str, Line]]:
    """Name and version of every installed package, and the line that says so."""
    for line in desk.lines(*_RPMS):
        if found := re.match(
            r"([A-Za-z0-9][\w.+-]*?)-((?:\d+:)?[^\s-]+-[^\s-]+?)(?:\.(?:x86_64|aarch64|noarch|i[3-6]86|ppc64le|s390x))?(?:\s|$)", line
        ):
            yield found[1], found[2], line
    for line in desk.lines(*_DEBS):
        if found := re.match(r"[ih]i +(\S+?)(?::\w+)? +(\S+)", line):
            yield found[1], found[2], line
    for line in desk.lines(*_APKS):
        if found := re.match(r"([a-z0-9][\w.+-]*?)-(\d[\w.]*-r\d+)(?: |$)", line):
            yield found[1], found[2], line
    for line in desk.lines(*_PACMAN):
        if found := re.match(r"(\S+) (\S+)\s*$", line):
            yield found[1], found[2], line


@kind("package", "an installed package", "package=nginx 1.18", "rpm, deb")
def package(value: str, desk: Desk) -> Answer:
    """Compared with the lists of packages, and with what programs say of their version."""
    name, version = _name_and_version(value)
    if not name:
        return unknown(f"{value!r} names no package")
    there = list(_named(name, desk))
    if _NOT.search(version):
        if there:
            return contradicted(f"{there[0][0]} {there[0][1]} is installed", [there[0][2].origin])
        listed = next(desk.documents(*_RPMS, *_DEBS, *_APKS, *_PACMAN), None)
        return (
            confirmed(f"{name} is not among the installed packages", [listed.origin(0, "the list of packages")])
            if listed
            else unknown(_no_list(desk))
        )
    return _versioned(name, version, there, desk)


def _versioned(name: str, version: str, there: list[tuple[str, str, Line]], desk: Desk) -> Answer:
    programs = list(_programs(name, desk))
    for of, own, line in (*there, *programs):
        if not version or is_version(version, own):
            return confirmed(f"{of} is {own}", [line.origin])
    if there or programs:
        of, own, line = (*programs, *there)[0]
        return contradicted(f"{of} is {own}, not {version}", [each[2].origin for each in (*programs, *there)])
    listed = next(desk.documents(*_RPMS, *_DEBS, *_APKS, *_PACMAN), None)
    if listed is None:
        return unknown(_no_list(desk))
    return contradicted(f"no package {name} is installed", [listed.origin(0, "the list of packages")]) if version == "" else unknown(
        f"no package {name} is installed; it may have come another way", [listed.origin(0, "the list of packages")])  # fmt: skip


def _no_list(desk: Desk) -> str:
    return desk.why("what is installed", *_RPMS, *_DEBS, *_APKS, *_PACMAN)


def _name_and_version(value: str) -> tuple[str, str]:
    whole = re.match(r"([A-Za-z][\w.+-]*?)-((?:\d+:)?\d[^\s-]*-[^\s-]+?)(?:\.(?:x86_64|aarch64|noarch|i[3-6]86))?\Z", value.strip())
    if whole:
        return whole[1].lower(), whole[2]
    found = re.match(r"([A-Za-z0-9][\w.+-]*)[\s:=/,]*(?:version|release|v\.?|is|=)?\s*(.*)", value.strip(), re.IGNORECASE)
    if not found:
        return "", ""
    if _NOT.search(found[2]):
        return found[1].lower(), "none"
    version = re.sub(r"(?i)\b(?:installed|is|version|yes|present)\b|,.*", "", found[2]).strip(" ()")
    return found[1].lower(), version


def _named(name: str, desk: Desk) -> Iterator[tuple[str, str, Line]]:
    names = (name, *_ALSO.get(name, ()))
    found = [
        each
        for each in installed(desk)
        if each[0].lower() in names
        or any(
            re.match(rf"{re.escape(one)}-?[\d.]+(?:-|$)|{re.escape(one)}-(?:server|ce|core|base)(?:-|$)", each[0].lower()) for one in names
        )
    ]
    yield from sorted(found, key=lambda each: names.index(each[0].lower()) if each[0].lower() in names else len(names))


_SPEAKS = {  # program → patterns of its version, the best first, and the answers in which it stands
    "docker": (
        (r"^\s*Server Version:\s+(\d[\w.+~-]*)", r"Docker version (\d[\w.]*)", r"^\s*Version:\s+(\d[\w.+~-]*)"),
        ("sos_commands/docker/docker_info", "sos_commands/docker/docker_version*", "sos_commands/docker/docker_--version"),
    ),
    "podman": (
        (r"^\s*[Vv]ersion:\s+(\d[\w.]*)", r"podman version (\d[\w.]*)"),
        ("sos_commands/podman/podman_version*", "sos_commands/podman/podman_--version"),
    ),
    "containerd": (
        (r"containerd\S* \S*v?(\d+\.\d+\.\d+)", r"Version:\s+v?(\d[\w.]*)"),
        ("sos_commands/containerd/ctr_*version", "sos_commands/containerd/containerd_--version"),
    ),
    "kubelet": ((r"Kubernetes v(\d[\w.]*)",), ("sos_commands/kubernetes/kubelet_--version",)),
}


def _programs(name: str, desk: Desk) -> Iterator[tuple[str, str, Line]]:
    """What a program itself says of its version."""
    patterns, where = _SPEAKS.get(name.removesuffix("-ce").removesuffix(".io"), ((), ()))
    found = next((each for pattern in patterns if (each := desk.find(pattern, *where))), None)
    if found:
        yield name, found[0][1], found[1]


@kind("docker", "version of Docker", "docker=24.0.5", "docker version, docker engine, docker ce")
def docker(value: str, desk: Desk) -> Answer:
    """As a package, or as a service where the claim is how it stands."""
    return package(f"docker {value}", desk) if re.search(r"\d|installed|none|(?i:^no$)", value) else service(f"docker {value}", desk)


@kind("podman", "version of podman", "podman=4.9", "podman version")
def podman(value: str, desk: Desk) -> Answer:
    """As a package."""
    return package(f"podman {value}", desk)


_RUNS = re.compile(r"(?i)\b(?:running|active|up|started|ok|healthy|working)\b")
_FAILED = re.compile(r"(?i)\b(?:failed|failing|crash\w*|dead|broken|error)\b")
_STOPPED = re.compile(r"(?i)\b(?:stopped|inactive|down|off|disabled|not)\b")
_SERVICES = {
    "docker": ("docker", "dockerd"), "apache": ("httpd", "apache2"), "httpd": ("httpd", "apache2"), "postgres": ("postgresql", "postgres"),
    "postgresql": ("postgresql", "postgres"), "mysql": ("mysqld", "mysql", "mariadb"), "ssh": ("sshd", "ssh"), "sshd": ("sshd", "ssh"),
    "redis": ("redis", "redis-server"), "cron": ("cron", "crond"), "crond": ("crond", "cron"),
    "ntp": ("chronyd", "ntpd", "chrony", "systemd-timesyncd"), "chronyd": ("chronyd", "chrony"), "named": ("named", "bind9"),
    "bind": ("named", "bind9"),
}  # fmt: skip


@kind("service", "how a service stands", "service=nginx running", "services, daemon, unit, systemd unit")
def service(value: str, desk: Desk) -> Answer:
    """Compared with the state of the unit, and with the processes of that name."""
    name, _, state = value.strip().partition(" ")
    name = name.lower().removesuffix(".service").strip(":,")
    names = _SERVICES.get(name, (name,))
    units = [unit for unit in desk.facts(Unit) if any(_is_unit(unit.name, each) for each in names) and unit.load != "not-found"]
    if not units:
        return _process(name, names, state, desk)
    unit = next(
        (each for each in units if each.active == "active" and each.sub != "exited"),
        next((each for each in units if each.active == "failed"), units[0]),
    )
    origins = unit.proofs or (unit.origin,)
    words = [unit.sub if unit.sub != unit.active else "", unit.result if unit.active == "failed" else ""]
    more = ", ".join(filter(None, words))
    how = f"{unit.active}{f' ({more})' if more else ''}"
    return _standing(f"{unit.name} is {how}", state, origins, runs=unit.active in ("active", "reloading"), failed=unit.active == "failed")


def _is_unit(unit: str, name: str) -> bool:
    base = unit.lower().removesuffix(".service")
    return base == name or base.partition("@")[0] == name or re.fullmatch(rf"{re.escape(name)}-?\d[\d.]*", base) is not None


def _standing(sentence: str, state: str, origins: Sequence[Origin], *, runs: bool, failed: bool = False) -> Answer:
    is_not = re.match(r"(?i)\s*(?:is )?not ", state) is not None
    if not state or (_RUNS.search(state) and not re.search(r"(?i)inactive", state)):
        return compared(runs is not is_not, sentence, origins)
    if _FAILED.search(state):
        return compared((failed or ("dead" in state.lower() and not runs)) is not is_not, sentence, origins)
    if _STOPPED.search(state):
        return compared(runs is is_not if is_not else not runs, sentence, origins)
    return unknown(f"{sentence}; whether that is {state!r} cannot be judged", origins)


def _process(name: str, names: tuple[str, ...], state: str, desk: Desk) -> Answer:
    """Where no unit has the name: whether a process of that name runs."""
    for row in desk.rows("diagbundle/tables/processes"):
        if row.text("comm").lower() in {each[:15] for each in names}:
            return _standing(f"a process {row.text('comm')} runs (pid {row.text('pid')})", state, [row.origin], runs=True)
    for line in desk.lines("sos_commands/process/ps_aux*", "ps"):
        words = line.split(None, 10)
        if len(words) > 10 and words[10].split(" ")[0].rpartition("/")[2].rstrip(":").lower() in names:  # noqa: PLR2004
            return _standing(f"a process {names[0]} runs (pid {words[1]})", state, [line.origin], runs=True)
    if mentioned := desk.find(rf"(?i)\"cmdline\": [^}}]*(?<![\w-]){re.escape(name)}(?![\w-])", "diagbundle/tables/processes"):
        return unknown(f"no unit and no process is called {name}; one has the word in its command line", [mentioned[1].origin])
    looked = next(desk.documents("diagbundle/tables/processes", "sos_commands/process/ps_aux*", "ps"), None)
    if looked is None:
        return unknown(desk.why(f"how {name} stands", "sos_commands/systemd/*", "diagbundle/tables/processes"))
    return _standing(f"there is no unit and no process of the name {name}", state, [looked.origin(0, "the list of processes")], runs=False)
