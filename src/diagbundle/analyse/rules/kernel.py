"""The kernel: which one runs, what has happened to it, and to programs on it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from diagbundle.analyse.api import About, Finding, Severity, latest, pairs, rule, seconds_between
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
from diagbundle.analyse.facts.spoken import clock, often
from diagbundle.analyse.facts.system import Process, Setting, running

DAY = 86400.0
SHOWN = 3


@rule("KRN001", "what the host says of its kernel", Kernel)
def claims(kernels: Sequence[Kernel]) -> Iterator[Finding]:
    """Witnesses of one host name different kernels. Whoever believes `uname` then looks for faults of a kernel that does not run.

    Judged by `uname -r`, /proc/version and /proc/sys/kernel/osrelease, which are one variable of the kernel: they differ only where a
    personality (`setarch --uname-2.6`), a preloaded library, a container or somebody's hand lies between. A warning. Believe
    /proc/version. Programs that choose by the release (installers, Java, licence managers) are misled: start them without setarch,
    and look for UNAME26 in how the session or service was started.
    """
    now = latest(kernels)
    by_release: dict[str, list[Kernel]] = {}
    for each in now:
        by_release.setdefault(each.release, []).append(each)
    if len(by_release) > 1:
        said = ", ".join(
            f"{' and '.join(dict.fromkeys(each.witness for each in those))} {release}" for release, those in by_release.items()
        )
        old = next((release for release in by_release if release.startswith("2.6.")), "")
        yield Finding(
            Severity.WARNING,
            f"the host's witnesses differ about its kernel: {said}",
            tuple(each.origin for each in now),
            "Believe /proc/version; find what changes uname's answer (setarch --uname-2.6, a preloaded library, a container)",
            detail=f"{old} is how a kernel shows itself to programs under the personality UNAME26" if old and len(by_release) > 1 else "",
            subject="kernel",
        )


_EL = re.compile(r"\.el(\d+)|\.amzn(\d+)|\.fc(\d+)")


@rule("KRN002", "the distribution's version", Release, uses=(Kernel, Confinement))
def releases(found: Sequence[Release], kernels: Sequence[Kernel], confined: Sequence[Confinement]) -> Iterator[Finding]:
    """Files of the distribution name different versions, or the kernel is that of another: an upgrade that did not end, or a file that
    somebody changed so that an installer would be content.

    Judged by os-release against redhat-release and debian_version, and by the `.el9` in the name of a Red Hat kernel (not in a
    container, which has its host's kernel). A warning where the files differ, a note for the kernel. See the history of packages for
    an upgrade that was broken off.
    """
    by_family: dict[str, list[Release]] = {}
    for each in latest(found):
        by_family.setdefault(each.family, []).append(each)
    for those in by_family.values():
        majors = {each.version.split(".")[0] for each in those}
        if len(majors) > 1:
            yield Finding(
                Severity.WARNING,
                "files differ about the distribution's version: " + ", ".join(f"{each.witness} says {each.version}" for each in those),
                tuple(each.origin for each in those),
                "See the history of packages for an upgrade that was broken off, or who changed the file",
                subject="distribution",
            )
    red = by_family.get("rhel", [])
    for kernel in latest(kernels) if red and not any(each.is_container for each in confined) else ():
        name = _EL.search(kernel.release)
        if kernel.witness == "/proc/version" and name and name[1] and name[1] != red[0].version.split(".")[0]:
            yield Finding(
                Severity.NOTE,
                f"the kernel is made for release {name[1]} ({kernel.release}), the distribution is {red[0].version}",
                (kernel.origin, red[0].origin),
                "Start the host with its own kernel, if the upgrade is complete",
                subject="kernel",
            )


@rule("KRN003", "whether the host waits for a restart", InstalledKernel, uses=(RebootFlag, Confinement))
def reboot(kernels: Sequence[InstalledKernel], flags: Sequence[RebootFlag], confined: Sequence[Confinement]) -> Iterator[Finding]:
    """A newer kernel is installed than the one that runs, or the distribution left a mark that it wants to be started anew.

    Judged by the kernels in /boot and /lib/modules, /run/reboot-required and `needs-restarting -r`. A note: repairs and new drivers
    are not in force yet, and modules of the running kernel may already be gone. Start the host anew when it suits.
    """
    if any(each.is_container for each in confined):
        return
    now, newest = (next((each for each in kernels if getattr(each, name)), None) for name in ("is_running", "is_newest"))
    if now and newest and now is not newest:
        yield Finding(
            Severity.NOTE,
            f"kernel {newest.release} is installed, {now.release} still runs",
            (newest.origin, now.origin),
            "Start the host anew when it suits",
            subject="kernel",
        )
    elif flags:
        yield Finding(
            Severity.NOTE, "the distribution asks for a restart of the host", (flags[0].origin,), "Start the host anew when it suits"
        )


TAINTS = {
    4: ("M", "the processor reported a hardware error (machine check)"), 5: ("B", "a page of memory was found damaged"),
    7: ("D", "it has died once (oops) since it was started"), 14: ("L", "a processor was stuck (soft lockup)"),
}  # fmt: skip
"""Those that tell of a fault. The others (proprietary, foreign or unsigned modules, warnings, live patches) are usual."""
LOCKUP = 14
OTHERS = {
    0: "proprietary module",
    1: "module forced",
    9: "a warning (WARN) was given",
    12: "foreign module",
    13: "unsigned module",
    15: "live patch",
}


@rule("KRN004", "marks of faults on the kernel (taint)", Taint)
def taint(taints: Sequence[Taint]) -> Iterator[Finding]:
    """The kernel keeps marks of what has happened to it since it was started (/proc/sys/kernel/tainted).

    A warning for D (it died once: what it did then was lost, and locks may be held for ever), M (hardware error) and B (damaged
    memory), a note for L (a processor was stuck, which a paused virtual machine also is). The marks for proprietary, foreign and
    unsigned modules are not told: they accuse nobody. The kernel's log tells the event itself, /var/crash and the logs of that day if
    the ring has lost it. After an oops start the host anew: it is not to be trusted.
    """
    for now in latest(taints):
        grave = now.bits & ~(1 << LOCKUP)
        told = [f"{letter}: {text}" for bit, (letter, text) in TAINTS.items() if now.bits >> bit & 1]
        also = [text for bit, text in OTHERS.items() if now.bits >> bit & 1]
        if told:
            yield Finding(
                Severity.WARNING if any(grave >> bit & 1 for bit in TAINTS) else Severity.NOTE,
                f"the kernel bears marks of a fault since it was started: {'; '.join(told)}",
                (now.origin,),
                "Find the event in the kernel's log; start the host anew, as a kernel that has had an oops is not to be trusted",
                detail=f"tainted is {now.bits}" + (f"; also {', '.join(also)}" if also else ""),
                subject="kernel",
            )


LOOP, WEEK = 5, 7 * DAY


@rule("KRN005", "programs that crash", Crash, About)
def crashes(found: Sequence[Crash], about: Sequence[About]) -> Iterator[Finding]:
    """A program ran into a fault of its own (segmentation fault and the like), and the kernel stopped it.

    Judged by the kernel's log, systemd-coredump and abrt, for each program: a warning from 5 crashes within a day on (as risu), that
    lie less than a week back; fewer are a note, as one crash may be chance. Look for its core dump (`coredumpctl info PROGRAM`), for
    a library or the program changed shortly before, and at memory errors if different programs crash.
    """
    groups: dict[str, list[Crash]] = {}
    for each in found:
        groups.setdefault(each.program, []).append(each)
    for program, all_told in groups.items():
        # The kernel and systemd-coredump both tell of one crash.
        those = [each for each in all_told if each.how == "fault"] or all_told
        times = sorted(each.time for each in those if each.time)
        most = max((bisect_right(times, time + DAY) - index for index, time in enumerate(times)), default=len(those))
        age = about[0].now - times[-1] if times and about[0].now else 0.0
        if age > WEEK and most < LOOP:
            continue
        when = f", last {clock(times[-1])}" if times else ""
        yield Finding(
            Severity.WARNING if most >= LOOP and age <= WEEK else Severity.NOTE,
            f"{program} crashed {often(len(those))}{when}",
            tuple(each.origin for each in those[-SHOWN:]),
            f"See `coredumpctl info {program}`, and what changed shortly before the first crash",
            subject=program,
            since=times[0] if times else 0.0,
            latest=times[-1] if times else 0.0,
        )


@rule("KRN006", "dumps of a crashed kernel", CrashDump, About)
def dumps(found: Sequence[CrashDump], about: Sequence[About]) -> Iterator[Finding]:
    """The kernel has crashed before and left a dump (/var/crash) or its last words (pstore).

    Judged by the names of the files: a warning if the dump is from the last week, a note if it is older or its time is not in its
    name. Read vmcore-dmesg.txt beside the dump: its last lines say what the kernel died of. Keep the dump for the vendor.
    """
    if not found:
        return
    times = [time for each in found if (time := _time_in(each.name))]
    fresh = bool(times) and 0 <= about[0].now - max(times) <= WEEK
    names = ", ".join(dict.fromkeys(each.name for each in found[-SHOWN:]))
    yield Finding(
        Severity.WARNING if fresh else Severity.NOTE,
        f"the kernel has crashed before: {len(found)} files of it lie there ({names})",
        tuple(each.origin for each in found[-SHOWN:]),
        "Read vmcore-dmesg.txt (or the pstore file): its last lines say what the kernel died of",
        subject="kernel",
        latest=max(times, default=0.0),
    )


def _time_in(name: str) -> float:
    """A time as `2026-03-05-10:20:01` or `202603051020` in a path."""
    found = re.search(r"(20\d\d)-?(\d\d)-?(\d\d)-?(\d\d):?(\d\d)", name)
    try:
        return datetime(*(int(part) for part in found.groups()), tzinfo=UTC).timestamp() if found else 0.0  # type: ignore[arg-type, misc]
    except ValueError:
        return 0.0


@rule("KRN007", "errors that the hardware counts", HardwareCounter, absent="this hardware counts no errors")
def hardware(counters: Sequence[HardwareCounter]) -> Iterator[Finding]:
    """Memory modules, PCI Express cards or processors counted errors while the host was watched.

    Judged by two readings of the counters of EDAC, AER and thermal_throttle: any growth is a warning (a note for PCI Express errors
    that were corrected: power saving makes some); uncorrected memory errors since the host was started are critical, however old, as
    data was lost. Corrected errors on one memory module that go on: exchange it at the next chance. PCI Express: reseat the card or
    change its slot. Heat: look at fans, dust and the room.
    """
    grown: dict[str, list[tuple[HardwareCounter, HardwareCounter]]] = {}
    for first, last in pairs(counters, lambda each: (each.name, each.device)):
        if last.value > first.value and not last.name.startswith("uncorrected"):
            grown.setdefault(last.name, []).append((first, last))
    for name, those in grown.items():
        # The sum of a controller grows with that of its module.
        inner = [(first, last) for first, last in those if not any(last.device + " " in other.device for _, other in those)]
        names = ", ".join(last.device for _, last in inner[:SHOWN]) + (f" and {len(inner) - SHOWN} more" if len(inner) > SHOWN else "")
        seconds = seconds_between(*inner[0])
        yield Finding(
            Severity.NOTE if name.startswith("correctable") else Severity.WARNING,
            f"{names} counted {sum(last.value - first.value for first, last in inner):,} {name}"
            + (f" within {seconds:.0f} s" if seconds else "")
            + f", {sum(last.value for _, last in inner):,} since the host was started",
            tuple(origin for first, last in inner[:SHOWN] for origin in (first.origin, last.origin)),
            _CURES[name.split()[-1]],
            subject=inner[0][1].device,
        )
    for now in latest(counters):
        if now.name.startswith("uncorrected") and now.value:
            yield Finding(
                Severity.CRITICAL,
                f"{now.device} had {now.value:,} {now.name} since the host was started",
                (now.origin,),
                _CURES["errors"],
                subject=now.device,
            )


_CURES = {
    "errors": "Exchange the memory module or card that is named, or reseat it; the vendor's tools (ipmitool sel list) tell its slot",
    "heat": "Look at fans, dust, the room and the power profile",
}
DATABASES = re.compile(
    r"^(?:redis-server|valkey-server|keydb-server|mongod|mongos|ora_pmon\S*|oracle\S*|couchbase|clickhouse\S*|cassandra|memsql\S*|splunkd)$"
)


@rule("SYS003", "transparent huge pages beside databases", Chosen, Process)
def huge_pages(chosen: Sequence[Chosen], processes: Sequence[Process]) -> Iterator[Finding]:
    """Transparent huge pages are on for all programs, and a database runs whose vendor asks to switch them off.

    Judged by /sys/kernel/mm/transparent_hugepage/enabled being `always` while Redis, MongoDB, Oracle, Couchbase, ClickHouse or
    Cassandra runs. A note: they can cause pauses and more memory in use than expected. Set `transparent_hugepage=madvise` on the
    kernel's command line, or by a unit or tuned at each start.
    """
    always = next((each for each in latest(chosen) if each.value == "always"), None)
    names = sorted({each.name for each in running(processes) if DATABASES.match(each.name)}) if always else []
    if always and names:
        yield Finding(
            Severity.NOTE,
            f"transparent huge pages are always on, and {', '.join(names)} runs",
            (always.origin,),
            "Ask the vendor's guide; most say transparent_hugepage=madvise or never",
            subject="transparent huge pages",
        )


LITTLE, NEW = 200, (5, 18)


@rule("SYS004", "randomness for keys", Setting, Kernel)
def entropy(settings: Sequence[Setting], kernels: Sequence[Kernel]) -> Iterator[Finding]:
    """An old kernel has little randomness left, so that programs which make keys wait (/dev/random blocks).

    Judged by kernel.random.entropy_avail below 200 on kernels before 5.18 (later ones always say 256, and never block). A note. Run
    rngd or haveged, or give the virtual machine a virtio-rng device.
    """
    found = next((re.match(r"(\d+)\.(\d+)", each.release) for each in kernels if each.witness != "uname"), None)
    now = next((each for each in settings if each.key == "kernel.random.entropy_avail" and each.value.isdecimal()), None)
    if found and now and (int(found[1]), int(found[2])) < NEW and int(now.value) < LITTLE:
        yield Finding(
            Severity.NOTE,
            f"only {now.value} bits of randomness are left (entropy_avail)",
            (now.origin,),
            "Run rngd or haveged, or add a virtio-rng device",
            subject="randomness",
        )
