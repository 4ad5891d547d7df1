"""The kernel's identity, its state, and what the hardware below it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Event, log_parser, parser
from diagbundle.analyse.facts.security import (
    Chosen,
    Confinement,
    Crash,
    CrashDump,
    HardwareCounter,
    InstalledKernel,
    Kernel,
    RebootFlag,
    Release,
    Taint,
)  # fmt: skip

_RELEASE = re.compile(r"\d+\.\d+\S*")


@parser(Kernel, "sos_commands/kernel/uname_-a", "uname")
def uname(doc: Document) -> Iterator[Kernel]:
    """`Linux HOST RELEASE #1 SMP …`."""
    for line in doc.lines[:1]:
        words = line.split()
        if len(words) > 3 and words[0] == "Linux" and _RELEASE.fullmatch(words[2]):
            yield Kernel(words[2], "uname", origin=line.origin)


@parser(Kernel, "proc/version")
def proc_version(doc: Document) -> Iterator[Kernel]:
    """`Linux version RELEASE (builder) …`."""
    for line in doc.lines[:1]:
        if found := re.match(r"Linux version (\d+\.\d+\S*)", line):
            yield Kernel(found[1], "/proc/version", origin=line.origin)


@parser(Kernel, "proc/sys/kernel/osrelease")
def osrelease(doc: Document) -> Iterator[Kernel]:
    """The release alone."""
    for line in doc.lines[:1]:
        if _RELEASE.fullmatch(line.strip()):
            yield Kernel(line.strip(), "/proc/sys/kernel/osrelease", origin=line.origin)


@parser(InstalledKernel, "diagbundle/tables/kernels")
def kernels(doc: Document) -> Iterator[InstalledKernel]:
    """Our table: a row for each release."""
    for row in doc.rows:
        yield InstalledKernel(
            row.text("kernel"),
            is_running=row["running"] is True,
            is_newest=row["newest"] is True,
            mtime=row.number("mtime"),
            origin=row.origin,
        )


@parser(RebootFlag, "run/reboot-required", "run/reboot-needed", "run/zypp.reboot_needed", "var/run/reboot-required")
def reboot_flag(doc: Document) -> Iterator[RebootFlag]:
    """Its being there says it."""
    yield RebootFlag(doc.text.strip()[:100], origin=doc.origin(1, doc.text.strip()[:100]))


@parser(RebootFlag, "sos_commands/dnf/needs-restarting_-r")
def needs_restarting(doc: Document) -> Iterator[RebootFlag]:
    """It says so in a sentence, and by its exit status."""
    for line in doc.lines:
        if line.startswith("Reboot is required"):
            yield RebootFlag(line[:100], origin=line.origin)


@parser(Taint, "proc/sys/kernel/tainted")
def taint(doc: Document) -> Iterator[Taint]:
    """A number."""
    word = doc.text.strip()
    if word.isascii() and word.isdecimal():
        yield Taint(int(word[:20]), origin=doc.origin(1, word))


@parser(Confinement, "diagbundle/tables/virtualisation")
def confinement(doc: Document) -> Iterator[Confinement]:
    """Whether any mark of a container was seen."""
    for row in doc.rows:
        marks = (
            row["container"],
            row["dockerenv"],
            row["containerenv"],
            row["openvz"],
            row["init_cgroup"],
            row["initial_pid_namespace"] is False,
        )
        yield Confinement(any(marks), origin=row.origin)


_DISTRIBUTIONS = {
    "rhel": "rhel",
    "centos": "rhel",
    "rocky": "rhel",
    "almalinux": "rhel",
    "ol": "rhel",
    "debian": "debian",
    "ubuntu": "ubuntu",
    "sles": "sles",
}


@parser(Release, "etc/os-release", "usr/lib/os-release")
def os_release(doc: Document) -> Iterator[Release]:
    """`ID=` and `VERSION_ID=`."""
    found = dict(re.findall(r"(?m)^(ID|VERSION_ID)=[\"']?([^\"'\n]*)", doc.text[:10_000]))
    family = _DISTRIBUTIONS.get(found.get("ID", ""))
    line = next((line for line in doc.lines if line.startswith("VERSION_ID")), None)
    if family and line is not None:
        yield Release(family, found["VERSION_ID"], "/" + doc.path, origin=line.origin)


@parser(Release, "etc/redhat-release")
def redhat_release(doc: Document) -> Iterator[Release]:
    """`Red Hat Enterprise Linux release 9.4 (Plow)`."""
    for line in doc.lines[:1]:
        if "edora" not in line and (found := re.search(r"release (\d+(?:\.\d+)?)", line)):
            yield Release("rhel", found[1], "/etc/redhat-release", origin=line.origin)


@parser(Release, "etc/debian_version")
def debian_version(doc: Document) -> Iterator[Release]:
    """`12.5`; Ubuntu and testing write words here."""
    for line in doc.lines[:1]:
        if re.fullmatch(r"\d+(\.\d+)*", line.strip()):
            yield Release("debian", line.strip(), "/etc/debian_version", origin=line.origin)


@parser(
    CrashDump,
    "sos_commands/kdump/ls_-lanR_.var.crash",
    "sos_commands/kdump/ls_-lanR_.sys.fs.pstore*",
    "sos_commands/kernel/ls_-lanR_.var.crash",
)
def crash_dumps(doc: Document) -> Iterator[CrashDump]:
    """Dumps by name: in `ls` of the folders where kdump and pstore put them."""
    folder = ""
    for line in doc.lines:
        if line.startswith("/") and line.endswith(":"):
            folder = line[:-1]
        elif (found := _DUMP.search(line)) and not line.startswith(("d", "l")):
            yield CrashDump(f"{folder}/{found[1]}", origin=line.origin)


_DUMP = re.compile(r" ((?:vmcore|dump)(?:[.-]\S+)?|dmesg[.-]\S+)$")


_SEGFAULT = re.compile(r"^(.{1,64}?)\[\d+\]:? (?:segfault|general protection|bad page map) ?(?:at|ip:)")
_TRAP = re.compile(r"^traps: (.{1,64}?)\[\d+\] (?:general protection(?: fault)?|trap [\w ]+?|[\w ]+) ip:")
_USER_FAULT = re.compile(r"^(.{1,64}?)\[\d+\]: (?:unhandled (?:level \d )?\w[\w ]*fault|unhandled signal|undefined instruction)")
_ABEND = re.compile(r'type=ANOM_ABEND .*comm="([^"]{1,64})".* sig=(?:4|6|7|8|11)\b')
_CORE = re.compile(r"^Process \d+ \(([^)]{1,64})\) of user \d+ (dumped core|terminated abnormally)")
_ABRT = re.compile(r"Process \d+ \((\S+?)\) (?:of user \d+ )?(?:crashed|killed by SIG(?:SEGV|ABRT|BUS|ILL|FPE))")


@log_parser(Crash, "segfault at", "traps:", "unhandled", "undefined instruction", "general protection", kernel=True)
def crashes(event: Event) -> Iterator[Crash]:
    """Programs of users that ran into a fault of their own; the kernel's own faults are told otherwise."""
    if not event.acknowledged and (found := _SEGFAULT.match(event.text) or _TRAP.match(event.text) or _USER_FAULT.match(event.text)):
        yield Crash(found[1].removeprefix("traps: "), event.time, "fault", origin=event.origin)


@log_parser(Crash, "dumped core", "terminated abnormally", "killed by SIG", "type=ANOM_ABEND")
def core_dumps(event: Event) -> Iterator[Crash]:
    """What systemd-coredump, abrt and audit say."""
    if found := _CORE.match(event.text) or _ABRT.search(event.text) or _ABEND.search(event.text):
        yield Crash(found[1].rpartition("/")[2], event.time, "core", origin=event.origin)


_EDAC = re.compile(r"edac/mc/(mc\d+)/(?:(csrow\d+|dimm\d+|rank\d+)/)?(?:dimm_|ch(\d+)_)?([cu]e)_(?:noinfo_)?count$")


@parser(HardwareCounter, "sys/devices/system/edac/mc/mc*/?e_count", "sys/devices/system/edac/mc/mc*/*/dimm_?e_count")
def edac(doc: Document) -> Iterator[HardwareCounter]:
    """Errors of memory that were corrected, or were not."""
    found, word = _EDAC.search(doc.path), doc.text.strip()
    if found and word.isdecimal():
        fatal = found[4] == "ue"
        device = " ".join(filter(None, (found[1], found[2])))
        yield HardwareCounter(
            "uncorrected memory errors" if fatal else "corrected memory errors", device, int(word[:18]), fatal, origin=doc.origin(1, word)
        )


@parser(HardwareCounter, "sys/bus/pci/devices/*/aer_dev_*")
def aer(doc: Document) -> Iterator[HardwareCounter]:
    """Errors of PCI Express; the last line is the sum."""
    device, kind = doc.path.split("/")[-2], doc.path.rpartition("aer_dev_")[2]
    for line in doc.lines:
        words = line.split()
        if len(words) == 2 and words[0].startswith("TOTAL_ERR") and words[1].isdecimal():
            yield HardwareCounter(f"{kind} PCI Express errors", device, int(words[1][:18]), kind == "fatal", origin=line.origin)


@parser(HardwareCounter, "sys/devices/system/cpu/cpu*/thermal_throttle/*_count")
def heat(doc: Document) -> Iterator[HardwareCounter]:
    """How often a processor was slowed down for heat."""
    word = doc.text.strip()
    if word.isdecimal():
        yield HardwareCounter("slowdowns for heat", doc.path.split("/")[4], int(word[:18]), origin=doc.origin(1, word))


@parser(Chosen, "sys/kernel/mm/transparent_hugepage/enabled")
def chosen(doc: Document) -> Iterator[Chosen]:
    """`[always] madvise never`."""
    if found := re.search(r"\[(\w+)\]", doc.text):
        yield Chosen("transparent_hugepage", found[1], origin=doc.origin(1, doc.text.strip()))
