"""What the network's collectors look at before they ask: namespaces, kernel modules, daemons."""

from __future__ import annotations

import re

from diagbundle.collect.api import Host


def namespace_of(host: Host, pid: int | str) -> str:
    """Inode of a process's network namespace, which is its identity; '' where we may not see it."""
    found = re.fullmatch(r"net:\[(\d+)\]", host.readlink(f"/proc/{pid}/ns/net"))
    return found[1] if found else ""


def namespaces(host: Host) -> dict[str, list[int]]:
    """Processes of every network namespace, by inode."""
    found: dict[str, list[int]] = {}
    for pid in host.pids():
        if inode := namespace_of(host, pid):
            found.setdefault(inode, []).append(pid)
    return found


def unloaded(host: Host, module: str) -> str:
    """Why a command that needs this module is not to be run, or ''. A kernel without `/proc/modules` cannot load any."""
    loaded = host.text("/proc/modules")
    if not loaded or host.exists(f"/sys/module/{module}") or any(line.split(" ")[0] == module for line in loaded.splitlines()):
        return ""
    builtin = f"/lib/modules/{host.text('/proc/sys/kernel/osrelease').strip()}/modules.builtin"
    return "" if f"/{module}.ko" in host.text(builtin) else f"would load {module}"


def stopped(host: Host, daemon: str) -> str:
    """Why the client of a daemon is not to be run, or '': asking one that is stopped may start it."""
    return "" if host.running(daemon) else f"{daemon} is not running"
