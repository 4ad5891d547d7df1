"""Proxies: what running services have in their environment, and where proxies are configured."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from diagbundle.collect.api import File, Host, Row, Source, Table, collector, number

FILES = (
    "/etc/environment",
    "/etc/environment.d/*.conf",
    "/etc/profile",
    "/etc/profile.d/*",
    "/etc/bashrc",
    "/etc/bash.bashrc",
    "/etc/sysconfig/proxy",
    "/etc/security/pam_env.conf",
    "/etc/systemd/system.conf",
    "/etc/systemd/system.conf.d/*.conf",
    "/etc/systemd/user.conf",
    "/etc/systemd/user.conf.d/*.conf",
    "/etc/systemd/system/*.service.d/*.conf",
    "/run/systemd/system/*.service.d/*.conf",
    "/etc/default/docker",
    "/etc/default/containerd",
    "/etc/default/kubelet",
    "/etc/sysconfig/docker",
    "/etc/sysconfig/crio",
    "/etc/sysconfig/kubelet",
    "/etc/systemd/system/k3s*.env",
    "/etc/default/k3s*",
    "/etc/default/rke2*",
    "/etc/containers/containers.conf",
    "/etc/containers/containers.conf.d/*.conf",
    "/etc/yum.conf",
    "/etc/dnf/dnf.conf",
    "/etc/apt/apt.conf",
    "/etc/apt/apt.conf.d/*",
    "/etc/zypp/zypp.conf",
    "/etc/rhsm/rhsm.conf",
    "/etc/wgetrc",
    "/etc/curlrc",
    "/etc/gitconfig",
    "/etc/pip.conf",
    "/etc/conf.d/*proxy*",
)
DOCKER = ("/root/.docker/config.json", "/var/lib/docker/.docker/config.json")
NAME = re.compile(r"\w*_proxy", re.IGNORECASE | re.ASCII)
CREDENTIALS = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE)
"""User and password before the host: everything up to the last `@`, since passwords may hold `@` and `/`."""
MOST = 5000
"""Rows, at most."""
OF_KERNEL = 0x00200000
"""PF_KTHREAD, in field 9 of `/proc/PID/stat`."""


@collector(title="Proxies: what running services use, and where proxies are configured")
def proxy(_host: Host) -> Iterator[Source]:
    """Files first: reading another's environment may block on a sick process."""
    yield from map(File, FILES)
    yield Table("docker_proxies", docker_proxies)
    yield Table("proxies", proxies)


def proxies(host: Host) -> Iterator[Row]:
    """One row for each service and different setting: variables called `*_proxy`, without user and password.

    The environment holds secrets too: no other name leaves this function. A process that is stuck in the kernel
    may hold the lock that reading its environment needs: such are named, not read.
    """
    seen: set[tuple[str, str, str]] = set()
    for pid in host.pids():
        state, kernel = state_of(host, pid)
        if kernel:
            continue
        who = {"pid": pid, "comm": host.text(f"/proc/{pid}/comm").strip(), "unit": unit_of(host, pid)}
        if state == "D":
            yield {**who, "unread": "uninterruptible sleep"}
            continue
        found = settings(host.text(f"/proc/{pid}/environ"))
        key = (str(who["comm"]), str(who["unit"]), json.dumps(found))
        if found and key not in seen and len(seen) < MOST:
            seen.add(key)
            yield {**who, "proxies": found}


def settings(environ: str) -> dict[str, str]:
    """Proxy variables of an environment, cleaned of credentials."""
    pairs = (entry.partition("=") for entry in environ.split("\0"))
    return {name: without_credentials(value) for name, _, value in pairs if NAME.fullmatch(name)}


def without_credentials(value: str) -> str:
    """`http://user:word@proxy:3128` becomes `http://<removed>@proxy:3128`: that there were some is worth knowing."""
    return CREDENTIALS.sub(lambda found: f"{found[1] or ''}<removed>@", value)


def state_of(host: Host, pid: int) -> tuple[str, bool]:
    """Letter of a process's state, and whether it is the kernel's own. Its name, in brackets before, may hold anything."""
    field = host.text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (field[0], bool((number(field[6]) or 0) & OF_KERNEL)) if len(field) > 6 else ("", True)


def unit_of(host: Host, pid: int) -> str:
    """Last part of the control group, which is the unit's or the container's name."""
    groups = [line.split(":", 2)[2] for line in host.lines(f"/proc/{pid}/cgroup") if line.count(":") >= 2]
    return max(groups, key=len, default="").rpartition("/")[2]


def docker_proxies(host: Host) -> Iterator[Row]:
    """The proxies that the docker client gives to containers; the file's other parts are credentials, and stay there."""
    for path in DOCKER:
        try:
            content = json.loads(host.text(path) or "{}")
        except (ValueError, RecursionError):
            yield {"path": path, "error": "not JSON"}
            continue
        groups = content.get("proxies") if isinstance(content, dict) else None
        for daemon, values in groups.items() if isinstance(groups, dict) else ():
            if isinstance(values, dict):
                found = {name: without_credentials(text) for name, text in values.items() if isinstance(text, str)}
                yield {"path": path, "daemon": daemon, "proxies": found}
