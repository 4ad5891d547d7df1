"""Who the host is: distribution, kernel, name, architecture, machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.claims.claim import Answer, compared, confirmed, contradicted, kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.evidence.document import Line
from diagbundle.analyse.facts.claimed import HostName, Release
from diagbundle.analyse.facts.distribution import CLONES, Distribution, is_prefix, named, parts
from diagbundle.analyse.facts.names import HostEntry
from diagbundle.analyse.facts.network import Address
from diagbundle.analyse.verdict import Origin


@kind(
    "os",
    "distribution and release",
    "os=RHEL 8.9",
    "operating system, distribution, distro, os version, os release, platform, linux distribution, system os",
)
def distribution(value: str, desk: Desk) -> Answer:
    """Compared with os-release and the release files; the deepest version that one of them tells counts."""
    found = named(value)
    said = found[0] if found else None
    releases = [each for each in desk.facts(Release) if each.id]
    if not releases:
        return unknown(desk.why("the distribution", "etc/os-release", "usr/lib/os-release"))
    main = next((each for each in releases if each.file.endswith("os-release")), releases[0])
    alike = [each for each in releases if each.id == main.id and is_prefix(main.version, each.version)]
    deepest = max(alike, key=lambda each: len(parts(each.version)) if each.version else 0)
    host, origins = (
        Distribution(main.id, deepest.version or main.version),
        [main.origin, *([deepest.origin] if deepest is not main else [])],
    )
    if said is None:
        return _unnamed(value, main, origins)
    return _compared(said, host, main.name, origins)


def _unnamed(value: str, main: Release, origins: list[Origin]) -> Answer:
    """A claim that names no distribution that we know: its words must stand in the host's own name."""
    if value.strip().lower() in ("linux", "gnu/linux"):
        return confirmed(f"it is {main.name}", origins)
    if re.search(r"(?i)\b(?:windows|mac\s?os|darwin|aix|solaris|hp-?ux|freebsd|openbsd)\b", value):
        return contradicted(f"it is {main.name}", origins)
    words = re.findall(r"[\w.]+", value.lower())
    is_named = bool(words) and all(word in main.name.lower() for word in words)
    return (
        confirmed(f"it is {main.name}", origins)
        if is_named
        else unknown(f"{value!r} is no distribution that is known here; the host is {main.name}", origins)
    )


def _compared(said: Distribution, host: Distribution, name: str, origins: list[Origin]) -> Answer:
    pretty = name if name and (not host.version or host.version in name) else f"{name or host} (release {host.version})"
    if said.id == "centos" and host.id == "centos-stream" and said.version >= "9":
        said = Distribution(host.id, said.version)  # there is no other CentOS of that release
    if said.id not in (host.id, "el" if host.id in CLONES else host.id):
        alike = " (the two are built from the same sources)" if said.id in CLONES and host.id in CLONES else ""
        return contradicted(f"it is {pretty}, not {said}{alike}", origins)
    if not said.version or is_prefix(said.version, host.version):
        return confirmed(f"it is {pretty}", origins)
    if host.version and is_prefix(host.version, said.version):
        return unknown(f"it is {pretty}; nothing tells whether it is {said.version}", origins)
    return (
        contradicted(f"it is {pretty}, not {said}", origins)
        if host.version
        else unknown(f"it is {pretty}; its version is not told", origins)
    )


_KERNEL = re.compile(r"v?(\d{1,3}(?:\.(?:\d{1,4}|x|\*))*(?:[-.+~_][\w.+~-]*)?)")


@kind("kernel", "kernel that runs", "kernel=4.6.2", "kernel version, kernel release, linux kernel, uname, uname r, linux version")
def kernel(value: str, desk: Desk) -> Answer:
    """Compared with the running kernel; one that is installed and does not run is told."""
    said = _KERNEL.search(value)
    running = list(_running(desk))
    if not said:
        return unknown(f"{value!r} is no version of a kernel", [origin for _, origin in running])
    if not running:
        return unknown(desk.why("the running kernel", "proc/sys/kernel/osrelease", "proc/version", "sos_commands/kernel/uname_-a"))
    version, origin = running[0]
    builds = [
        *desk.find_all(r"#\d.* Debian (\d[\w.+~-]+)", "proc/version"),
        *desk.find_all(r"^Ubuntu (\S+) (\d+\.\d+\.\d+)\s*$", "proc/version_signature"),
    ]
    if is_kernel(said[1], version):
        return confirmed(f"the kernel that runs is {version}", [origin])
    if built := next(((name, line) for found, line in builds for name in found.groups() if is_kernel(said[1], name)), None):
        return confirmed(f"the kernel that runs is {version}, built from {built[0]}", [origin, built[1].origin])
    if others := [line for found, line in _installed(desk) if is_kernel(said[1], found)]:
        return contradicted(f"the kernel that runs is {version}; {said[1]} is installed, but was not started", [origin, others[0].origin])
    return contradicted(f"the kernel that runs is {version}, not {said[1]}", [origin])


def _running(desk: Desk) -> Iterator[tuple[str, Origin]]:
    for pattern, *where in (
        (r"\A(\S+)\s*\Z", "proc/sys/kernel/osrelease"),
        (r"Linux version (\S+)", "proc/version"),
        (r"\ALinux \S+ (\S+)", "sos_commands/kernel/uname_-a", "uname"),
        (r"Kernel: Linux (\S+)", "sos_commands/host/hostnamectl*"),
    ):
        if found := desk.find(pattern, *where):
            yield found[0][1], found[1].origin


def _installed(desk: Desk) -> Iterator[tuple[str, Line]]:
    for row in desk.rows("diagbundle/tables/kernels"):
        yield row.text("kernel"), row.line
    for found, line in desk.find_all(r"^kernel(?:-core|-default|-uek\w*|-rt)?-(\d\S+)", "installed-rpms", "sos_commands/rpm/rpm_-qa*"):
        yield found[1], line
    for found, line in desk.find_all(r"^ii +linux-image-(\d\S+)", "sos_commands/dpkg/dpkg_-l", "installed-debs"):
        yield found[1], line


def is_kernel(said: str, version: str) -> bool:
    """Whether a kernel is meant: 4.18 is 4.18.0-513.el8.x86_64 and not 4.180; 5.x is any of 5."""
    wanted = re.sub(r"\\\.(?:x|\\\*).*\Z", r"\\.", re.escape(said.lower().rstrip(".-"))).removesuffix("\\.")
    return re.match(rf"{wanted}(?![0-9])", version.lower()) is not None


@kind("hostname", "name of the host", "hostname=db1.example.net", "host name, host, server name, servername, fqdn, node name, nodename")
def hostname(value: str, desk: Desk) -> Answer:
    """Compared with the kernel's name for the host, its file, and its full name; a short name stands for the full one."""
    names = [(each.name, each.origin) for each in desk.facts(HostName)]
    names += [
        (line.strip(), line.origin)
        for line in desk.lines("sos_commands/host/hostname*", "hostname")
        if re.fullmatch(r"[\w.-]+", line.strip())
    ]
    if not names and desk.about.name:
        names = [(desk.about.name, desk.about.origin)]
    if not names:
        return unknown(desk.why("the name of the host", "proc/sys/kernel/hostname", "etc/hostname"))
    said = next(iter(value.lower().split()), "").rstrip(".")
    for name, origin in names:
        own = name.lower().rstrip(".")
        if said == own or own.startswith(said + ".") or said.startswith(own + "."):
            return confirmed(f"it is {name}", [origin])
    own_addresses = {each.address for each in desk.facts(Address)}
    for each in desk.facts(HostEntry):
        if said in each.names and (each.address in own_addresses or each.address.startswith("127.")):
            return confirmed(f"it is {names[0][0]}; /etc/hosts calls it {said}, too", [names[0][1], each.origin])
    return contradicted(f"it is {names[0][0]}, not {value}", [names[0][1]])


_ARCHES = {
    "amd64": "x86_64", "x64": "x86_64", "x86-64": "x86_64", "64bit": "64", "64-bit": "64", "arm64": "aarch64", "armv8": "aarch64",
    "arm": "aarch64", "graviton": "aarch64", "i386": "i686", "i586": "i686", "x86": "i686", "32bit": "i686", "32-bit": "i686",
    "power": "ppc64le", "zarch": "s390x",
}  # fmt: skip


@kind("arch", "architecture", "arch=x86_64", "architecture, machine type, cpu architecture")
def arch(value: str, desk: Desk) -> Answer:
    """Compared with the machine that the kernel names."""
    found = (
        desk.find(r"^Architecture:\s+(\S+)", "sos_commands/processor/lscpu", "sos_commands/processor/lscpu_*")
        or desk.find(
            r"\ALinux .* (x86_64|aarch64|ppc64le|ppc64|s390x|i[3-6]86|armv\w+|riscv64)(?: |\Z)", "sos_commands/kernel/uname_-a", "uname"
        )
        or desk.find(r"(x86_64|aarch64|ppc64le|s390x|i686|amd64|arm64)\b", "proc/sys/kernel/osrelease", "proc/version", "proc/cmdline")
    )
    if not found:
        return unknown(desk.why("the architecture", "sos_commands/kernel/uname_-a", "sos_commands/processor/lscpu"))
    own = _ARCHES.get(found[0][1].lower(), found[0][1])
    said = _ARCHES.get(value.strip().lower().replace(" ", ""), value.strip().lower())
    is_so = said == own or (said == "64" and "64" in own) or ((said == "s390x") == (own == "s390x") and said in own and len(said) > 2)  # noqa: PLR2004
    return compared(is_so, f"it is {own}", [found[1].origin])
