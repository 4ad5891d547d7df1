"""What dpkg and rpm say of packages that are not whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Line, parser
from diagbundle.analyse.facts.packages import PackageList, TwicePackage, UnfinishedPackage

SOUND = {"installed", "not-installed", "config-files"}
_COLUMNS = {"H": "half-installed", "U": "unpacked", "F": "half-configured", "W": "triggers-awaited", "t": "triggers-pending"}


@parser([PackageList, UnfinishedPackage], "var/lib/dpkg/status")
def database(doc: Document) -> Iterator[PackageList | UnfinishedPackage]:
    """Stanzas with `Package:` and `Status: want flag state`; an old stanza of another architecture may follow."""
    name, count = "", 0
    for line in doc.lines:
        if line.startswith("Package: "):
            name, count = line[9:].strip(), count + 1
        elif line.startswith("Status: ") and name:
            words = line[8:].split()
            if len(words) == 3 and (words[2] not in SOUND or words[1] == "reinstreq"):  # want, flag, state
                yield UnfinishedPackage(name, words[2] if words[2] not in SOUND else "reinst-required", origin=line.origin)
    yield PackageList("dpkg", count, origin=doc.origin())


@parser([PackageList, UnfinishedPackage], "sos_commands/dpkg/dpkg_-l", "installed-debs")
def listed(doc: Document) -> Iterator[PackageList | UnfinishedPackage]:
    """`iF  name  version …`: what is wanted, how it stands, and `R` where it must be installed again."""
    count = 0
    for line in doc.lines:
        found = re.match(r"([uirph])([ncHUFWti])(R?)\s+(\S+)", line)
        if found:
            count += 1
            if found[2] in _COLUMNS or found[3]:
                yield UnfinishedPackage(found[4].partition(":")[0], _COLUMNS.get(found[2], "reinst-required"), origin=line.origin)
    yield PackageList("dpkg", count, origin=doc.origin())


@parser(PackageList, "sos_commands/rpm/package-data", "sos_commands/rpm/installed-rpms")
def rpm_answer(doc: Document) -> Iterator[PackageList]:
    """How many rpm told of, and what it complained of."""
    complaint = re.search(
        r"(?im)^.*(?:rpmdb|db5 error|database disk image is malformed|cannot open Packages|BDB\d+|header #\d+).*$", doc.stderr
    )
    count = sum(1 for line in doc.lines if line.strip())
    yield PackageList("rpm", count, complaint[0].strip()[:300] if complaint else "", origin=doc.origin(0, (complaint or [""])[0].strip()))


_NVRA = re.compile(
    r"(?P<name>\S+)-(?P<version>[^-\s]+-[^-\s]+?)(?:\.(?P<arch>x86_64(?:_v\d)?|i[3-6]86|noarch|aarch64|armv\dh?\w+|s390x?|ppc64(?:le)?|riscv64|src))?(?:\s|$)"
)
"""The architecture may be left out; what stands last is then the distribution's mark."""
_MANY = re.compile(
    r"gpg-pubkey|kernel.*|kmod-.*|.*-kmp-.*|.*-kmod.*|nvidia.*|perf|bpftool|installonly.*|libstdc\+\+-v3-.*|container-suseconnect"
)
"""What may rightly be there in several versions."""


@parser(TwicePackage, "installed-rpms", "sos_commands/rpm/installed-rpms", "sos_commands/rpm/package-data")
def twice(doc: Document) -> Iterator[TwicePackage]:
    """`name-version-release.arch  date`."""
    seen: dict[str, dict[str, Line]] = {}
    for line in doc.lines:
        if (found := _NVRA.match(line[:400])) and not _MANY.fullmatch(found["name"]):
            seen.setdefault(f"{found['name']}.{found['arch']}" if found["arch"] else found["name"], {})[found["version"]] = line
    for name, versions in seen.items():
        if len(versions) > 1:
            yield TwicePackage(name, tuple(versions), origin=next(reversed(versions.values())).origin)
