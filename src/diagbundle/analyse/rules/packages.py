"""Packages that were left half done, and package databases that are damaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagbundle.analyse.api import Finding, Severity, latest, rule
from diagbundle.analyse.facts.packages import PackageList, TwicePackage, UnfinishedPackage
from diagbundle.analyse.facts.services import Incarnation

AT_WORK = {
    "dpkg",
    "apt-get",
    "apt",
    "aptitude",
    "unattended-upgr",
    "aptd",
    "dpkg-preconfigu",
    "rpm",
    "dnf",
    "yum",
    "zypper",
    "packagekitd",
    "transactional-u",
}
TRIGGERS = {"triggers-pending", "triggers-awaited"}


@rule("PKG001", "packages that are not completely installed", PackageList, uses=(UnfinishedPackage, Incarnation), absent="there is no dpkg")
def unfinished(_lists: Sequence[PackageList], packages: Sequence[UnfinishedPackage], processes: Sequence[Incarnation]) -> Iterator[Finding]:
    """The installation of a package was interrupted, or its script failed: its files may be there, but it was never set up.

    Found where dpkg's database calls a package half-installed, half-configured, unpacked, or says that it must be installed again. While
    dpkg or apt is at work that is normal, and only a note; so are triggers that wait. Until it is mended apt refuses all other work.
    What to do: `dpkg --configure -a`, then `apt-get -f install`; where the package's own script fails, mend what it complains of first.
    """
    found = {each.name: each for each in reversed(packages)}
    if not found:
        return
    busy = [each for each in latest(processes) if each.name in AT_WORK]
    weighty = [each for each in found.values() if each.state not in TRIGGERS]
    severity = Severity.NOTE if busy or not weighty else Severity.WARNING
    told = weighty or list(found.values())
    names = ", ".join(f"{each.name} ({each.state})" for each in sorted(told, key=lambda each: each.name)[:10])
    title = (
        f"package {names} is not completely installed" if len(told) == 1 else f"{len(told)} packages are not completely installed: {names}"
    )
    yield Finding(
        severity,
        title + (f"; {busy[0].name} is at work" if busy else ""),
        tuple(each.origin for each in (*told[:10], *busy[:1])),
        "`dpkg --audit` says why; `dpkg --configure -a`, then `apt-get -f install`",
        subject=told[0].name if len(told) == 1 else "",
    )


@rule("PKG002", "the database of installed packages", PackageList, absent="there is no package manager")
def damaged(lists: Sequence[PackageList]) -> Iterator[Finding]:
    """The rpm database cannot be read as it should: packages cannot be installed, updated or removed, and what is installed is unknown.

    Found where rpm complains of its database while it lists all packages. What to do: end rpm processes that hang, keep a copy of
    /var/lib/rpm, remove stale locks (`rm /var/lib/rpm/__db*`), then `rpmdb --rebuilddb`.
    """
    for each in [each for each in lists if each.complaint][:1]:
        yield Finding(
            Severity.WARNING,
            f"the rpm database is damaged or locked: {each.complaint}",
            (each.origin,),
            "Keep a copy of /var/lib/rpm, see that no rpm runs, `rm -f /var/lib/rpm/__db*`, then `rpmdb --rebuilddb`",
            subject="rpm",
        )


@rule("PKG003", "packages that are installed twice", TwicePackage, absent="there is no rpm")
def twice(packages: Sequence[TwicePackage]) -> Iterator[Finding]:
    """One rpm is installed in two versions, although only kernels and keys may be.

    An update was interrupted before the old one was removed.

    Found where `rpm -qa` lists 5 or more such packages; fewer give a note, as some vendors' packages are made to be installed side by side.
    What to do: `dnf remove --duplicates` (RHEL 8 and later), `package-cleanup --cleandupes` before.
    """
    names = {each.name: each for each in reversed(packages)}
    if names:
        listed = ", ".join(sorted(names)[:10])
        severity = Severity.WARNING if len(names) >= 5 else Severity.NOTE  # see the docstring
        title = f"{len(names)} package{'s are' if len(names) > 1 else ' is'} installed in two versions: {listed}"
        yield Finding(
            severity,
            title,
            tuple(each.origin for each in names.values())[:10],
            "`dnf check` names them; `dnf remove --duplicates` mends an interrupted update",
        )
