"""The system's identity: distribution, boot, virtualisation, time zone, whether it waits for a reboot, cloud-init."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Row, Source, Table, collector, number

from ._look import status

IDENTITY = [
    "/etc/os-release", "/usr/lib/os-release", "/etc/*release", "/etc/*version", "/etc/issue", "/etc/system-release-cpe",
    "/etc/machine-id", "/etc/machine-info", "/etc/hostname", "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname",
]  # fmt: skip
VIRTUAL = [
    "/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name", "/sys/class/dmi/id/product_version",
    "/sys/class/dmi/id/board_vendor", "/sys/class/dmi/id/chassis_vendor", "/sys/class/dmi/id/chassis_type",
    "/sys/class/dmi/id/bios_vendor", "/sys/class/dmi/id/bios_version", "/sys/hypervisor/type", "/sys/hypervisor/version/*",
    "/sys/hypervisor/properties/features", "/proc/device-tree/model", "/proc/device-tree/hypervisor/compatible", "/proc/sysinfo",
    "/run/systemd/container", "/.dockerenv", "/run/.containerenv", "/proc/1/comm", "/proc/1/cgroup", "/proc/1/sched",
    "/proc/xen/capabilities",
]  # fmt: skip
ZONE = [
    "/etc/localtime", "/etc/timezone", "/etc/sysconfig/clock", "/etc/adjtime", "/etc/locale.conf", "/etc/default/locale",
    "/etc/sysconfig/i18n", "/etc/vconsole.conf",
]  # fmt: skip
CLOUD = [
    "/run/cloud-init/status.json", "/run/cloud-init/result.json", "/run/cloud-init/instance-data.json", "/run/cloud-init/cloud.cfg",
    "/run/cloud-init/cloud-id*", "/run/cloud-init/ds-identify.log", "/run/cloud-init/cloud-init-generator.log",
    "/run/cloud-init/.ds-identify.result", "/run/cloud-init/enabled", "/run/cloud-init/disabled", "/var/lib/cloud/data/status.json",
    "/var/lib/cloud/data/result.json", "/var/lib/cloud/data/*instance-id", "/var/lib/cloud/data/*datasource", "/etc/cloud/cloud.cfg",
    "/etc/cloud/cloud.cfg.d/*", "/etc/cloud/cloud-init.disabled", "/etc/cloud/ds-identify.cfg", "/var/log/cloud-init.log",
    "/var/log/cloud-init-output.log",
]  # fmt: skip
"""By name: user data, and `instance-data-sensitive.json` beside these, hold secrets."""
REBOOT = ["/run/reboot-required*", "/run/reboot-needed*", "/run/zypp.reboot_needed*", "/boot/do_purge_kernels"]
CGROUP_MARKS = ("docker", "libpod", "kubepods", "crio", "containerd", "lxc", "ecs", "garden", "machine.slice")


def timezone(host: Host) -> Iterator[Row]:
    """Where the zone of yearless log lines is named: the link's text, or `/etc/timezone`; `zone` is the first that tells."""
    link = host.readlink("/etc/localtime")
    named = host.text("/etc/timezone").strip()
    zone = link.partition("zoneinfo/")[2] or named
    there = host.exists("/etc/localtime")
    yield {"path": "/etc/localtime", "link": link or None, "exists": there, "timezone": named or None, "zone": zone or None}


def virtualisation(host: Host) -> Iterator[Row]:
    """What hints at a hypervisor or a container, where systemd-detect-virt is missing or mistaken. Null: no such hint."""
    init = host.text("/proc/1/cgroup")
    release = host.text("/proc/sys/kernel/osrelease")
    yield {
        "hypervisor_flag": " hypervisor" in host.text("/proc/cpuinfo"),
        "vendor": host.text("/sys/class/dmi/id/sys_vendor").strip() or None,
        "product": host.text("/sys/class/dmi/id/product_name").strip() or None,
        "hypervisor": host.text("/sys/hypervisor/type").strip() or None,
        "container": host.text("/run/systemd/container").strip() or None,
        "dockerenv": host.exists("/.dockerenv"),
        "containerenv": host.exists("/run/.containerenv"),
        "init": host.text("/proc/1/comm").strip() or None,
        "init_cgroup": next((mark for mark in CGROUP_MARKS if mark in init), None),
        "wsl": "microsoft" in release.lower(),
        "openvz": host.exists("/proc/vz") and not host.exists("/proc/bc"),
        "initial_pid_namespace": host.readlink("/proc/self/ns/pid") == "pid:[4026531836]",
        "uid_map": host.text("/proc/self/uid_map").split(),
        "root": [line for line in host.lines("/proc/self/mountinfo") if " / / " in line],
    }


def version_key(release: str) -> list[tuple[int, int, str]]:
    """Order of kernel releases: numbers as numbers, and above words."""
    parts = [(number(part), part) for part in re.findall(r"\d+|[a-z]+", release.lower())]
    return [(0, 0, part) if value is None else (1, value, "") for value, part in parts]


def kernels(host: Host) -> Iterator[Row]:
    """Installed kernels, newest last. A `newest` that is not `running`: a reboot is pending (or was chosen not to)."""
    running = host.text("/proc/sys/kernel/osrelease").strip()
    places: dict[str, list[str]] = {}
    for pattern in ("/lib/modules/*", "/usr/lib/modules/*", "/boot/vmlinu[xz]-*", "/boot/Image-*"):
        for path in host.glob(pattern):
            name = re.sub(r"^(vmlinu[xz]|Image)-", "", path.rpartition("/")[2])
            if name[:1].isdigit() and not name.endswith((".old", ".hmac")):
                places.setdefault(name, []).append(path)
    # A rescue kernel, or the modules of one that is gone, are no reason to reboot: only what has an image counts, where any has.
    usual = [name for name in places if "rescue" not in name]
    bootable = [name for name in usual if any(path.startswith("/boot/") for path in places[name])]
    newest = max(bootable or usual, key=version_key, default="")
    for name in sorted({*places, running} - {""}, key=version_key):
        paths = places.get(name, [])
        times = [about.st_mtime for path in paths if (about := status(host, path))]
        yield {"kernel": name, "paths": paths, "mtime": max(times, default=None), "running": name == running, "newest": name == newest}


def readings(_host: Host) -> Iterator[Source]:
    """Asked at both ends: should the boots differ, no two counters may be compared."""
    yield File("/proc/sys/kernel/random/boot_id")


@collector(title="Identity: distribution, boot, virtualisation, time zone, pending reboot, cloud-init", folder="host", samples=readings)
def os(_host: Host) -> Iterator[Source]:
    """Names and times of the system; nothing here asks the name service."""
    yield from map(File, IDENTITY + VIRTUAL + ZONE + REBOOT + CLOUD)
    yield Table("timezone", timezone)
    yield Table("virtualisation", virtualisation)
    yield Table("kernels", kernels)
    yield Command(("hostname",), also=("hostname",))
    yield Command(("uptime",), also=("uptime",))
    yield Command(("date",), folder="date", also=("date",))
    yield Command(("date", "--utc"), folder="date")
    yield Command(("locale",), folder="i18n")
    yield Command(("systemd-detect-virt", "-v"))
    yield Command(("systemd-detect-virt", "-c"))
    yield Command(("hostnamectl", "status"), only_if="/run/systemd/system")
    # Without --wait: that one blocks until cloud-init is done, which on a broken host is never.
    yield Command(("cloud-init", "status", "--long"), folder="cloud_init", timeout=30)
    yield Command(("needs-restarting", "-r"), folder="dnf", timeout=60)
