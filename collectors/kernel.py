"""The kernel: its log, version, taint, modules, what it wrote before the last crash, crash dumps by name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from diagbundle.collect.api import Command, File, Host, Row, Source, Stage, Table, collector, number

MAX_RECORD = 64 << 10
"""Bytes of one record of /dev/kmsg; a read with less room than the record needs is refused."""
MAX_RECORDS = 2_000_000
"""An end for a kernel that logs faster than we read."""
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")

FACTS = [
    "/proc/version", "/proc/modules", "/proc/devices", "/proc/misc", "/proc/iomem", "/proc/ioports", "/proc/filesystems", "/proc/crypto",
    "/proc/sys/kernel/tainted", "/proc/sys/kernel/ostype", "/proc/sys/kernel/osrelease", "/proc/sys/kernel/version",
    "/proc/sys/kernel/hung_task_*", "/proc/sys/kernel/panic*", "/proc/sys/kernel/core_pattern", "/sys/kernel/oops_count",
    "/sys/kernel/warn_count", "/sys/kernel/hardlockup_count", "/sys/kernel/softlockup_count", "/sys/kernel/rcu_stall_count",
    "/proc/config.gz", "/boot/config-*",
]  # fmt: skip
MODULES = [
    "/sys/module/*/parameters/*", "/sys/module/*/taint", "/sys/module/*/version", "/sys/module/*/srcversion", "/sys/module/*/refcnt",
    "/sys/module/*/initstate", "/lib/modules/*/modules.builtin",
]  # fmt: skip
CRASHES = [
    "/sys/fs/pstore/*", "/var/lib/systemd/pstore/**", "/sys/kernel/kexec_crash_loaded", "/sys/kernel/kexec_crash_size",
    "/sys/kernel/kexec_loaded", "/etc/kdump.conf", "/etc/sysconfig/kdump", "/etc/default/kdump-tools", "/etc/default/kexec",
    "/var/crash/*/vmcore-dmesg*.txt", "/var/crash/*/kexec-dmesg.log", "/var/crash/*/dmesg*", "/var/crash/*/README.txt",
]  # fmt: skip
"""Words before a crash. Never the dump itself: it is as large as memory and full of secrets."""
PATCHES = [
    "/sys/devices/system/cpu/vulnerabilities/*", "/sys/devices/system/cpu/microcode/*", "/sys/devices/system/cpu/smt/*",
    "/sys/kernel/livepatch/*/enabled", "/sys/kernel/livepatch/*/transition", "/sys/kernel/livepatch/*/*/patched",
]  # fmt: skip


def parse_record(record: bytes) -> dict[str, Any]:
    r"""One record of /dev/kmsg: `priority,sequence,microseconds,flags[,more];text`, then indented `KEY=value` lines.

    The kernel writes unprintable bytes as `\xNN`; here they are what they were. A record of another form is kept as `raw`.
    """
    head, _, rest = record.partition(b";")
    prefix = head.decode("ascii", "replace").split(",")
    numbers = [number(word) for word in [*prefix, "", ""][:3]]
    if None in numbers:
        return {"raw": _unescaped(record)}
    text, *fields = rest.split(b"\n")
    row: dict[str, Any] = dict(zip(("prio", "seq", "usec"), numbers, strict=True))
    row |= {"flags": ",".join(prefix[3:]), "text": _unescaped(text)}
    named = (_unescaped(field[1:]).partition("=") for field in fields if field.startswith(b" "))
    return row | ({"fields": found} if (found := {name: value for name, _, value in named}) else {})


def _unescaped(text: bytes) -> str:
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), text).decode("utf-8", "surrogateescape")


def kmsg(host: Host) -> Iterator[Row]:
    """Every record that the ring still holds, also those that `dmesg -C` hides. A gap in `seq`: overwritten before it was read."""
    descriptor = host.open("/dev/kmsg")
    try:
        for _ in range(MAX_RECORDS):
            try:
                record = os.read(descriptor, MAX_RECORD)
            except BlockingIOError:  # the end
                return
            except BrokenPipeError:  # overwritten under our hands: the next read goes on with the oldest that is left
                continue
            if not record:
                return
            yield parse_record(record)
    finally:
        os.close(descriptor)


@collector(title="Kernel: log, version, taint, modules, live patches, traces of crashes", stage=Stage.VOLATILE)
def kernel(_host: Host) -> Iterator[Source]:
    """The log first: it may be overwritten while we ask for the rest."""
    yield Table("kmsg", kmsg)
    yield Command(("dmesg",))
    yield Command(("dmesg", "-T"))
    yield Command(("uname", "-a"), also=("uname",))
    yield Command(("lsmod",), also=("lsmod",))
    yield from map(File, FACTS + CRASHES + PATCHES + MODULES)
    yield Command(("ls", "-lanR", "/var/crash"), folder="kdump", only_if="/var/crash")
    yield Command(("ls", "-lanR", "/sys/fs/pstore", "/var/lib/systemd/pstore"), folder="kdump", only_if="/sys/fs/pstore")
    yield Command(("kdumpctl", "showmem"), folder="kdump")
    yield Command(("kpatch", "list"), folder="kpatch")
    yield Command(("dkms", "status"))
