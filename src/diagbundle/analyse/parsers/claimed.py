"""Who a host says it is: release files, host names, packages of the base system."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Line, parser
from diagbundle.analyse.facts.claimed import BasePackage, HostName, Release
from diagbundle.analyse.facts.distribution import Distribution, id_of, named

_MAX_NAME = 255


@parser(Release, "etc/os-release", "usr/lib/os-release", "etc/initrd-release")
def os_release(doc: Document) -> Iterator[Release]:
    """ID, VERSION_ID and PRETTY_NAME."""
    says: dict[str, tuple[str, Line]] = {}
    for line in doc.lines:
        key, sign, value = line.partition("=")
        if sign:
            says.setdefault(key.strip(), (value.strip().strip("\"'"), line))
    if not says:
        return
    name, line = says.get("PRETTY_NAME") or says.get("NAME") or ("", doc.lines[0])
    version = says.get("VERSION_ID", ("", line))[0]
    deeper = re.search(r"\d+(?:\.\d+)+", says.get("VERSION", ("", line))[0])
    if deeper and deeper[0].startswith(version + "."):
        version = deeper[0]
    yield Release("/" + doc.path, name, id_of(says.get("ID", ("", line))[0], name), version, origin=line.origin)


@parser(
    Release, "etc/redhat-release", "etc/centos-release", "etc/rocky-release", "etc/almalinux-release", "etc/oracle-release",
    "etc/system-release", "etc/fedora-release", "etc/SuSE-release",
)  # fmt: skip
def release_file(doc: Document) -> Iterator[Release]:
    """`Red Hat Enterprise Linux release 8.9 (Ootpa)`."""
    line = next((line for line in doc.lines if line.strip()), None)
    if line is None:
        return
    found = named(line)
    what = found[0] if found else Distribution("")
    patch = re.search(r"(?m)^PATCHLEVEL *= *(\d+)", doc.text)
    version = f"{what.version}.{patch[1]}" if patch and patch[1] != "0" and "." not in what.version else what.version
    yield Release("/" + doc.path, line.strip(), what.id, version, origin=line.origin)


@parser(Release, "etc/debian_version", "etc/alpine-release")
def version_file(doc: Document) -> Iterator[Release]:
    """`12.5`, or `trixie/sid`, which is no number."""
    line = next((line for line in doc.lines if line.strip()), None)
    if line is None:
        return
    name = "debian" if doc.path.endswith("debian_version") else "alpine"
    version = re.fullmatch(r"\d+(?:\.\d+)*", line.strip())
    yield Release("/" + doc.path, f"{name.capitalize()} {line.strip()}"[:80], name, version[0] if version else "", origin=line.origin)


@parser(HostName, "proc/sys/kernel/hostname", "etc/hostname", "etc/HOSTNAME")
def host_name(doc: Document) -> Iterator[HostName]:
    """The name in force, and the one that is set at the next start."""
    line = next((line for line in doc.lines if line.strip() and not line.startswith("#")), None)
    if line is not None and len(line) <= _MAX_NAME:
        yield HostName(line.strip(), "kernel" if doc.path.startswith("proc/") else "file", origin=line.origin)


@parser(HostName, "sos_commands/kernel/uname_-a", "uname")
def uname(doc: Document) -> Iterator[HostName]:
    """`Linux db1 5.14.0-427.el9.x86_64 #1 SMP …`."""
    for line, words in doc.words():
        if words[0] == "Linux" and len(words) > 2:
            yield HostName(words[1], "kernel", origin=line.origin)
        return


_BASE_RPM = re.compile(
    r"(?:^|\t| )((?:glibc|bash|systemd|coreutils|rpm|setup|filesystem|kernel|kernel-core|dnf|yum|zypper"
    r"|aaa_base))-(\d[^\s-]*-[^\s-]+?)(?:\.(?:x86_64|aarch64|noarch|i686|ppc64le|s390x))(?=\s|$)"
)
_BUILD = re.compile(r"\.(el\d{1,2}|fc\d{1,3}|amzn\d{1,4}|azl\d|cm\d|ph\d)(?=[._]|$)")


@parser(BasePackage, "installed-rpms", "sos_commands/rpm/package-data", "sos_commands/rpm/rpm_-qa*", "sos_commands/rpm/sh_-c_rpm_*")
def rpms(doc: Document) -> Iterator[BasePackage]:
    """`glibc-2.28-236.el8_9.12.x86_64`, with the vendor among the further columns where there are some."""
    for line in doc.lines:
        if found := _BASE_RPM.match(line):
            build = _BUILD.search(found[2])
            columns = line.split("\t")
            vendor = columns[3] if len(columns) > 3 else ""
            yield BasePackage(found[1], found[2], build[1] if build else "", vendor, origin=line.origin)


_BASE_DEB = re.compile(r"(?:ii|hi) +(libc6|base-files|bash|dpkg|apt|systemd|coreutils)(?::\w+)? +(\S+)")


@parser(BasePackage, "sos_commands/dpkg/dpkg_-l", "installed-debs")
def debs(doc: Document) -> Iterator[BasePackage]:
    """`ii  base-files  12.4+deb12u5  amd64  …`."""
    for line in doc.lines:
        if found := _BASE_DEB.match(line):
            yield BasePackage(found[1], found[2], _deb_build(found[1], found[2]), origin=line.origin)


def _deb_build(name: str, version: str) -> str:
    if "ubuntu" in version:
        return "ubuntu"
    if stable := re.search(r"[+~]deb(\d{1,2})", version):
        return f"deb{stable[1]}"
    major = re.match(r"(\d{1,2})(?:\.\d+)?\Z", version)
    return f"deb{major[1]}" if name == "base-files" and major else ""
