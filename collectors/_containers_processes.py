"""Every running container without asking any engine: what the kernel says about processes and their control groups."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from diagbundle.collect.api import Host, Row, number

from ._look import signed

_ID = r"(?P<id>[0-9a-f]{64})"
_CUT = r"[^/]*"
PATTERNS = tuple(
    (engine, re.compile(pattern))
    for engine, pattern in (
        ("podman", rf"/libpod-{_ID}{_CUT}"),
        ("cri-o", rf"/crio-{_ID}{_CUT}"),
        ("containerd-cri", rf"[/:]cri-containerd[-:]{_ID}{_CUT}"),
        ("docker", rf"/docker[-/]{_ID}{_CUT}"),
        ("nerdctl", rf"/nerdctl-{_ID}{_CUT}"),
        ("ecs", rf"/ecs/(?:[^/]+/)+{_ID}{_CUT}"),
        ("lxc", r"/lxc\.payload[./](?P<id>[^/]+)"),
        ("lxc", r"/lxc/(?P<id>[^/]+)"),
        ("kubernetes", rf"/kubepods.*/{_ID}"),
        ("machine", r"/machine\.slice/machine-(?P<id>[^/]+)\.scope"),
        ("unknown", rf"/{_ID}(?=/|$)"),
    )
)
"""How engines name control groups, with systemd's driver and with their own; the last one is for a parent that an admin chose."""
_POD = re.compile(r"pod(?P<pod>[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})")
_TASK = re.compile(r"/ecs(?:tasks)?[^/]*?[/-](?:[^/]+/)*?(?P<task>[0-9a-f]{32})(?=[/.])")
BUNDLES = (
    "/run/containerd/io.containerd.runtime.v2.task/*/*/init.pid", "/run/k3s/containerd/io.containerd.runtime.v2.task/*/*/init.pid",
    "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/*/*/init.pid",
)  # fmt: skip
OWNERS = {"moby": "docker", "k8s.io": "containerd-cri"}
"""Engines by their namespace in containerd."""
MAX_LISTED = 20
"""Processes of one container that are named; all are counted."""
VALUES = {
    "memory": """
memory.max memory.high memory.low memory.current memory.peak memory.swap.max memory.swap.current memory.events
memory.limit_in_bytes memory.usage_in_bytes memory.max_usage_in_bytes memory.memsw.limit_in_bytes memory.failcnt memory.oom_control
""",
    "cpu": "cpu.max cpu.weight cpu.stat cpu.pressure cpu.cfs_quota_us cpu.cfs_period_us cpu.shares",
    "cpuset": "cpuset.cpus cpuset.cpus.effective",
    "pids": "pids.max pids.current pids.events",
    "freezer": "freezer.state cgroup.freeze cgroup.events",
}
"""Files by controller; version 1 and 2 have different ones, and what is not there is left out."""
_NAMESPACES = ("net", "mnt", "pid", "ipc", "uts", "user", "cgroup")
_LIMITS = {
    "Max open files": "open_files",
    "Max processes": "processes",
    "Max core file size": "core_file",
    "Max locked memory": "locked_memory",
}


@dataclass
class Seen:
    """One container and its processes, by start time."""

    engine: str
    ident: str
    groups: dict[str, str] = field(default_factory=dict)
    """Path of the container's control group by controllers; '' for version 2."""
    path: str = ""
    pids: list[tuple[int | None, int]] = field(default_factory=list)
    """Start in ticks after boot, if it can be told, and number."""


def rows(host: Host) -> Iterator[Row]:
    """One row for each container that has a process."""
    found = _containers(host)
    boot = _boot_time(host)
    for _, seen in sorted(found.items()):
        yield _row(host, seen, boot)


def identify(path: str) -> tuple[str, str, int] | None:
    """Engine, container, and where the container's own part of a control group's path ends."""
    for engine, pattern in PATTERNS:
        if found := pattern.search(path):
            return engine, found["id"], found.end()
    return None


def _containers(host: Host) -> dict[str, Seen]:
    inits = _bundles(host)
    found: dict[str, Seen] = {}
    for pid in host.pids():
        groups = _groups(host, pid)
        owner = inits.get(pid)
        named = [(controllers, path, known) for controllers, path in groups.items() if (known := identify(path))]
        if not named and owner is None:
            continue
        engine, ident = named[0][2][:2] if named else owner or ("", "")
        seen = found.setdefault(ident, Seen(engine, ident))
        if owner is not None and seen.engine == "unknown":
            seen.engine = owner[0]
        seen.path = seen.path or (named[0][1] if named else next(iter(groups.values()), ""))
        for controllers, path in groups.items():
            known = identify(path)
            seen.groups.setdefault(controllers, path[: known[2]] if known else path)
        seen.pids.append((_started(host, pid), pid))
    return found


def _bundles(host: Host) -> dict[int, tuple[str, str]]:
    """First processes of containerd's containers, whatever their control group is called: engine and identifier."""
    found = {}
    for path in (path for pattern in BUNDLES for path in host.glob(pattern)):
        space, ident = path.split("/")[-3:-1]
        if (pid := number(host.text(path).strip())) is not None:
            found[pid] = (OWNERS.get(space, f"containerd {space}"), ident)
    return found


def _groups(host: Host, pid: int) -> dict[str, str]:
    """Control groups of a process: path by controllers."""
    lines = (line.split(":", 2) for line in host.text(f"/proc/{pid}/cgroup").splitlines())
    return {fields[1]: fields[2] for fields in lines if len(fields) == 3}


def _stat(host: Host, pid: int) -> list[str]:
    """Fields of `/proc/PID/stat` from the third on; the name before may hold blanks and brackets."""
    return host.text(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _started(host: Host, pid: int) -> int | None:
    return number("".join(_stat(host, pid)[19:20]))


def _boot_time(host: Host) -> int | None:
    return next((number(line[6:].strip()) for line in host.lines("/proc/stat") if line.startswith("btime ")), None)


def _row(host: Host, seen: Seen, boot: int | None) -> dict[str, Any]:
    seen.pids.sort(key=lambda one: (one[0] is None, one))
    ticks, init = seen.pids[0]
    row: dict[str, Any] = {"engine": seen.engine, "id": seen.ident, "pid": init, "processes": len(seen.pids), "cgroup": seen.path}
    row |= {name: found[name] for name, pattern in (("pod", _POD), ("task", _TASK)) if (found := pattern.search(seen.path))}
    row["started"] = None if boot is None or ticks is None else round(boot + ticks / os.sysconf("SC_CLK_TCK"), 2)
    row["listed"] = [[pid, host.text(f"/proc/{pid}/comm").rstrip("\n"), *_stat(host, pid)[:1]] for _, pid in seen.pids[:MAX_LISTED]]
    row["namespaces"] = {name: host.readlink(f"/proc/{init}/ns/{name}") for name in _NAMESPACES}
    row |= {name: host.readlink(f"/proc/{init}/{path}") for name, path in (("root", "root"), ("stdout", "fd/1"), ("stderr", "fd/2"))}
    row["oom_score_adj"] = host.text(f"/proc/{init}/oom_score_adj").strip()
    row["limits"] = _limits(host, init)
    row |= {controller: _values(host, seen, controller, files) for controller, files in VALUES.items()}
    return row


def _limits(host: Host, pid: int) -> dict[str, list[str]]:
    """Soft and hard limits of the first process."""
    lines = host.text(f"/proc/{pid}/limits").splitlines()
    return {ours: line[26:].split()[:2] for line in lines for name, ours in _LIMITS.items() if line.startswith(name)}


def _values(host: Host, seen: Seen, controller: str, files: str) -> dict[str, Any]:
    """Limits, use and events of one controller."""
    folder = _folder(host, seen, controller)
    texts = {name: host.text(f"{folder}/{name}").strip() for name in files.split()} if folder else {}
    return {name: _value(name, text) for name, text in texts.items() if text}


def _folder(host: Host, seen: Seen, controller: str) -> str:
    """Where a controller's files of the container lie: version 1 has a tree for each, version 2 one for all."""
    for controllers, path in seen.groups.items():
        if controller in controllers.split(","):
            trees: tuple[str, ...] = (f"/sys/fs/cgroup/{controllers}", f"/sys/fs/cgroup/{controller}")
        elif not controllers:
            trees = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
        else:
            continue
        for tree in trees:
            if path != "/" and host.exists(f"{tree}{path}"):
                return f"{tree}{path}"
    return ""


def _value(name: str, text: str) -> Any:
    """`key value` lines as an object, a number as a number, anything else as it stands; `max 100000` of `cpu.max` is no key."""
    pairs = [line.split() for line in text.splitlines()]
    if name != "cpu.max" and all(len(pair) == 2 and not pair[0].isdecimal() for pair in pairs):
        return {key: _plain(value) for key, value in pairs}
    return _plain(text)


def _plain(text: str) -> int | str:
    found = signed(text)
    return text if found is None else found
