"""What we are ourselves, and therefore what we could not see: version, rights, confinement, resources used."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

from diagbundle.collect.api import File, Host, Row, Source, Stage, Table, collector, number

from ._look import signed

CAPABILITIES = [
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable",
    "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot",
    "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease",
    "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
    "perfmon", "bpf", "checkpoint_restore",
]  # fmt: skip
"""By number of the bit, from linux/capability.h."""
TELLING = ("sys_ptrace", "sys_admin", "dac_read_search", "syslog", "net_admin", "sys_rawio", "audit_control")
"""Rights without which evidence is denied: others' descriptors, stacks, files, the kernel's log, firewall, hardware, audit."""
SECCOMP = {"0": "off", "1": "strict", "2": "filter"}
INITIAL = {"pid": 4026531836, "user": 4026531837, "uts": 4026531838, "ipc": 4026531839, "cgroup": 4026531835, "time": 4026531834}
"""Numbers of the namespaces that the kernel starts with (those of `net` and `mnt` are not fixed)."""
WHOLE_MAP = ["0", "0", "4294967295"]
STATUS = ("Uid", "Gid", "Groups", "NSpid", "NoNewPrivs", "Seccomp", "VmHWM", "VmRSS", "Threads", "Cpus_allowed_list", "Mems_allowed_list")


def capabilities(mask: str) -> list[str]:
    """Names of the bits of a hexadecimal mask, as in CapEff; unknown ones by number."""
    bits = number(mask, 16) or 0
    return [CAPABILITIES[bit] if bit < len(CAPABILITIES) else str(bit) for bit in range(bits.bit_length()) if bits >> bit & 1]


def _version() -> str:
    try:
        from importlib import metadata  # noqa: PLC0415  # slow to import

        return metadata.version("diagbundle")
    except ImportError:  # one file without the package's description: the manifest's head has the version
        return ""


def _status(host: Host, pid: str) -> dict[str, str]:
    split = (line.partition(":") for line in host.lines(f"/proc/{pid}/status"))
    return {name: " ".join(value.split()) for name, _, value in split}


def program(host: Host) -> Row:
    """The program and the machine's Python."""
    here = host.text("/proc/self/stat").rpartition(")")[2].split()
    return {
        "about": "program", "version": _version(), "python": platform.python_version(), "implementation": sys.implementation.name,
        "frozen": bool(getattr(sys, "frozen", False)), "argv": sys.argv, "pid": os.getpid(), "parent": os.getppid(),
        "nice": signed(here[16]) if len(here) > 16 else None, "root": host.root, "machine": platform.machine(),
        "now": time.time(), "monotonic": time.monotonic(),
    }  # fmt: skip


def rights(host: Host) -> Row:
    """What the kernel lets us do. `without` names rights whose lack explains `denied` evidence."""
    status = _status(host, "self")
    effective = capabilities(status.get("CapEff", ""))
    seccomp = status.get("Seccomp", "")
    row: dict[str, Any] = {"about": "rights", **{name: status.get(name) for name in STATUS}, "capabilities": effective}
    row["without"] = [name for name in TELLING if name not in effective]
    row["unbounded"] = [name for name in capabilities(status.get("CapBnd", "")) if name not in effective]
    row["seccomp"] = SECCOMP.get(seccomp)
    for name, path in (
        ("context", "/proc/self/attr/current"),
        ("lsm", "/sys/kernel/security/lsm"),
        ("lockdown", "/sys/kernel/security/lockdown"),
    ):
        row[name] = host.text(path).strip("\0\n") or None
    return row


def confinement(host: Host) -> Row:
    """Whether what we see is a container's view, and by what we tell."""
    namespaces = {name: host.readlink(f"/proc/self/ns/{name}") for name in (*INITIAL, "net", "mnt")}
    init = {name: host.readlink(f"/proc/1/ns/{name}") for name in namespaces}
    uid_map = host.text("/proc/self/uid_map").split()
    first = {name: f"{name}:[{number}]" for name, number in INITIAL.items()}
    why = [f"the {name} namespace is not the first" for name, link in first.items() if namespaces[name] not in ("", link)]
    why += ["user ids are mapped"] if uid_map and uid_map != WHOLE_MAP else []
    why += [f"{path} exists" for path in ("/.dockerenv", "/run/.containerenv", "/run/systemd/container") if host.exists(path)]
    return {
        "about": "confinement", "container": bool(why), "why": why, "uid_map": uid_map, "gid_map": host.text("/proc/self/gid_map").split(),
        "namespaces": namespaces, "differs_from_init": [name for name in namespaces if init[name] and init[name] != namespaces[name]],
        "cgroup": host.lines("/proc/self/cgroup"),
    }  # fmt: skip


def _seconds(ticks: str) -> float | None:
    found = signed(ticks)
    return None if found is None else found / os.sysconf("SC_CLK_TCK")


def resources(host: Host) -> Iterator[Row]:
    """What this process, its ended children and the process that started it have used so far. Times in seconds, memory in kB."""
    for who, which in (("self", resource.RUSAGE_SELF), ("children", resource.RUSAGE_CHILDREN)):
        used = resource.getrusage(which)
        yield {
            "about": "resources", "of": who, "user": used.ru_utime, "system": used.ru_stime, "max_rss": used.ru_maxrss,
            "majflt": used.ru_majflt, "inblock": used.ru_inblock, "oublock": used.ru_oublock,
            "nvcsw": used.ru_nvcsw, "nivcsw": used.ru_nivcsw,
        }  # fmt: skip
    parent = str(os.getppid())
    fields = host.text(f"/proc/{parent}/stat").rpartition(")")[2].split()
    if len(fields) > 14:
        user, system, waited_user, waited_system = map(_seconds, fields[11:15])
        status = _status(host, parent)
        yield {
            "about": "resources", "of": "parent", "user": user, "system": system,
            "children_user": waited_user, "children_system": waited_system,
            "max_rss": status.get("VmHWM"), "rss": status.get("VmRSS"),
        }  # fmt: skip


def ourselves(host: Host) -> Iterator[Row]:
    """One row about each subject, named by `about`."""
    yield program(host)
    yield rights(host)
    yield confinement(host)
    limits = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC, "as": resource.RLIMIT_AS}
    yield {"about": "limits", **{name: list(resource.getrlimit(number)) for name, number in limits.items()}}
    yield from resources(host)


@collector(title="diagbundle itself: version, rights, confinement, resources used", stage=Stage.VOLATILE, needs="anyone")
def self(_host: Host) -> Iterator[Source]:
    """What explains gaps in the rest."""
    yield Table("self", ourselves)
    yield from map(File, ("/etc/diagbundle/diagbundle.toml", "/etc/diagbundle/collectors.d/*.toml"))
