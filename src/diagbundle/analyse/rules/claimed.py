"""A host that contradicts itself: two of its own files say different things of what it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from diagbundle.analyse.api import Finding, Severity, latest, rule
from diagbundle.analyse.facts.claimed import BasePackage, HostName, Release
from diagbundle.analyse.facts.distribution import CLONES, TITLES, is_prefix
from diagbundle.analyse.facts.names import HostEntry
from diagbundle.analyse.facts.network import Address

_OF_THE_ID = {
    "centos": "centos-release",
    "rocky": "rocky-release",
    "almalinux": "almalinux-release",
    "ol": "oracle-release",
    "fedora": "fedora-release",
}
"""The file in which a clone says what it is; its redhat-release may bear the original's name."""
_VENDORS = (
    ("red hat", "rhel"),
    ("rocky", "rocky"),
    ("almalinux", "almalinux"),
    ("oracle", "ol"),
    ("centos", "centos"),
    ("scientific", "scientific"),
)
_UNNAMED = re.compile(r"localhost|\(none\)|linux\Z", re.IGNORECASE)


def _main(releases: Iterable[Release]) -> Release | None:
    """What os-release says: the file that programs read."""
    return next((each for each in latest(releases) if each.file.endswith("/os-release") and each.id), None)


@rule("CLM001", "whether the host's release files agree", Release)
def release_files(releases: list[Release]) -> Iterator[Finding]:
    """Two files that name the distribution name different ones.

    Judged: the version in os-release (VERSION_ID) must be the beginning of the one in the release file of the same distribution
    (redhat-release, centos-release, oracle-release, debian_version, alpine-release), or the other way round. An upgrade that
    stopped half-way leaves them different; so does somebody who edited one of them to please an installer. Programs and
    installers choose packages and settings by these files.

    See which one tells the truth by the packages (`rpm -q --whatprovides system-release`, `dpkg -s base-files`), finish the
    upgrade or reinstall that package.
    """
    main = _main(releases)
    if main is None or not main.version:
        return
    for other in latest(releases):
        if not other.version or other.file.endswith("os-release") or not _is_about_one(main, other):
            continue
        if not is_prefix(main.version, other.version) and not is_prefix(other.version, main.version):
            yield Finding(
                Severity.WARNING, f"the host calls itself {main.name or main.version} in {main.file}, and {other.name} in {other.file}",
                (main.origin, other.origin), "Find out which one is true from the packages, and finish the upgrade that stopped "
                    "half-way, or reinstall the package of the release files",
                subject=other.file,
            )  # fmt: skip
            return


def _is_about_one(main: Release, other: Release) -> bool:
    """Whether two files ought to say the same."""
    name = other.file.rpartition("/")[2]
    if name == "debian_version":
        return main.id == "debian"
    if name == "alpine-release":
        return main.id == "alpine"
    if main.id in _OF_THE_ID and name in set(_OF_THE_ID.values()):
        return name == _OF_THE_ID[main.id]
    return other.id == main.id or (main.id in CLONES and other.id in CLONES and name in ("redhat-release", "system-release"))


@rule("CLM002", "whether the base system is of the release that the host names", Release, BasePackage)
def base_packages(releases: list[Release], packages: list[BasePackage]) -> Iterator[Finding]:
    """The packages that every host has (C library, shell, systemd, package manager) were built for another release or by another vendor.

    Judged: the mark in their version (`.el8`, `+deb12u4`, `ubuntu`, `.amzn2023`) or their vendor against os-release; other packages
    do not count, vendors ship them for many releases at once. Such a host is half upgraded, half converted from one distribution to
    another, or has a repository of another release enabled: programs crash on missing symbols, and nobody supports it.

    See `dnf repolist` or `apt policy libc6` for where they come from, finish the upgrade (`dnf distro-sync`, `apt full-upgrade`),
    or take the foreign repository out and go back.
    """
    main = _main(releases)
    if main is None or not main.major:
        return
    foreign = [each for each in latest(packages) if _is_foreign(main, each)]
    if not foreign:
        return
    names = ", ".join(f"{each.name} {each.version}" for each in foreign[:4])
    vendors = {each.vendor for each in foreign if each.vendor and not _is_built_elsewhere(main, each)}
    yield Finding(
        Severity.WARNING, f"the host calls itself {main.name or f'{main.id} {main.version}'}, but its base system is of another "
            f"{'vendor' if vendors else 'release'}: {names}",
        (main.origin, *(each.origin for each in foreign[:4])),
        "See which repository these packages came from, and finish the upgrade or take the foreign repository out",
        detail=f"by {', '.join(sorted(vendors))}" if vendors else "", subject="packages",
    )  # fmt: skip


def _is_foreign(main: Release, package: BasePackage) -> bool:
    return _is_built_elsewhere(main, package) or _is_of_another_vendor(main, package)


def _is_built_elsewhere(main: Release, package: BasePackage) -> bool:
    """Whether a package was built for another release than the host's."""
    build = package.build
    if not build or package.name.startswith("kernel"):
        return False
    if main.id in CLONES:
        return build != f"el{main.major}"
    if main.id == "fedora":
        return build.startswith("el") or (
            build.startswith("fc") and build != f"fc{main.major}" and package.name in ("glibc", "systemd", "dnf")
        )
    if main.id == "amzn":
        return build.startswith("amzn") and build != f"amzn{main.major}" and main.major in ("2", "2023")
    if main.id == "debian":
        return build == "ubuntu" or (build.startswith("deb") and build != f"deb{main.major}")
    return main.id == "ubuntu" and build.startswith("deb") and package.name in ("libc6", "dpkg", "apt")


def _is_of_another_vendor(main: Release, package: BasePackage) -> bool:
    """Whether one clone's package lies on another: Red Hat's on what calls itself Rocky."""
    vendor = next((name for word, name in _VENDORS if word in package.vendor.lower()), "")
    own = "centos" if main.id == "centos-stream" else main.id
    return bool(vendor) and own in TITLES and own in CLONES and vendor != own


@rule("CLM003", "whether the host's name is the same everywhere", HostName, uses=(HostEntry, Address))
def names(hosts: list[HostName], entries: list[HostEntry], addresses: list[Address]) -> Iterator[Finding]:
    """The host's name in force, the name in its file, and the address that /etc/hosts gives it do not agree.

    Judged: the first part of the kernel's name against /etc/hostname (a note: the name changes with the next start, and cluster
    software, licences and certificates are tied to it); and whether the address that /etc/hosts gives to this host's own name is
    one that it has (a warning where it has none of them: programs that bind to or call their own name fail; often after the
    host was given another address). A file that names nothing (`localhost`) and loopback addresses are in order.

    Set the name with `hostnamectl set-hostname NAME`, and put the right address into /etc/hosts.
    """
    known = latest(hosts)
    force = next((each for each in known if each.place == "kernel"), None)
    file = next((each for each in known if each.place == "file"), None)
    if force and file and not _UNNAMED.match(force.name) and not _UNNAMED.match(file.name) and _short(force.name) != _short(file.name):
        yield Finding(
            Severity.NOTE,
            f"the host is called {force.name} now, and will be called {file.name} after the next start",
            (force.origin, file.origin),
            "Set the name that is meant: hostnamectl set-hostname NAME", subject="hostname",
        )  # fmt: skip
    if force and not _UNNAMED.match(force.name):
        yield from _foreign_address(force, latest(entries), latest(addresses))


def _short(name: str) -> str:
    return name.lower().partition(".")[0]


def _foreign_address(force: HostName, entries: list[HostEntry], addresses: list[Address]) -> Iterator[Finding]:
    own = {ip for each in addresses if (ip := _ip(each.address))}
    if not any(each.is_global for each in addresses):
        return
    mine = [each for each in entries if force.name.lower() in (name.lower() for name in each.names) and _ip(each.address)]
    private = [each for each in mine if ip_address(_ip(each.address)).is_private]
    if not private or any(_ip(each.address) in own or ip_address(_ip(each.address)).is_loopback for each in mine):
        return
    has = ", ".join(list(dict.fromkeys(each.address for each in addresses if each.is_global))[:3])
    yield Finding(
        Severity.WARNING,
        f"/etc/hosts says that {force.name} is {private[0].address}, which this host does not have",
        (private[0].origin, force.origin),
        f"Put the host's right address into /etc/hosts; it has {has}", subject=force.name,
    )  # fmt: skip


def _ip(text: str) -> str:
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return ""
