"""What is compared without a fact: lists of which each line is a thing, small files of one value, and texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Listing:
    """Texts whose lines are things. What a `*` of the path matched goes before the name."""

    section: str
    noun: str
    paths: tuple[str, ...]
    line: re.Pattern[str]
    """`key` names the thing; the other named groups are its values."""
    near: Mapping[str, float] = field(default_factory=dict)
    both: bool = False
    """Whether what is on one side only is not told, because something else tells it."""


def _listing(section: str, noun: str, line: str, *paths: str, both: bool = False, **near: float) -> Listing:
    return Listing(section, noun, paths, re.compile(line, re.MULTILINE), near, both)


_RPM = r"^(?P<key>\S+?)-(?P<version>[^-\s]+-[^-\s]+)\.(?P<architecture>\w+)(?=\s|$)"
_DPKG = r"^[hi][iFHUWt]R? +(?P<key>\S+) +(?P<version>\S+) +(?P<architecture>\S+)"
_LSBLK = r"^[^\w\n]*(?P<key>\w\S*) +\d+:\d+ +\d +(?P<size>\S+) +(?P<readonly>\d) +(?P<type>\w+)"
_ACCOUNT = r"^(?P<key>[^:#\n]+):[^:\n]*:(?P<uid>\d+):(?P<gid>\d+):[^:\n]*:(?P<home>[^:\n]*):(?P<shell>[^:\n]*)$"
_LSCPU = (
    r"^(?P<key>Architecture|CPU\(s\)|Model name|Thread\(s\) per core|Core\(s\) per socket|Socket\(s\)|NUMA node\(s\)|Hypervisor vendor"
    r"|L[123]\w? cache|Vulnerability [\w ]+|Virtualization):\s+(?P<value>.+)$"
)
_MEMINFO = r"^(?P<key>MemTotal|SwapTotal|HugePages_Total|Hugepagesize|CmaTotal):\s+(?P<kB>\d+)"
LISTINGS = (
    _listing("host", "locale", r'^(?P<key>LANG|LC_\w+)="?(?P<value>[^"\n]*)', "sos_commands/i18n/locale"),
    _listing("kernel", "word of the command line", r"(?P<key>[^\s=]+)(?:=(?P<value>\S+))?", "proc/cmdline"),
    _listing("kernel", "module", r"^(?P<key>\w+) +\d+ \d+ \S+ (?P<state>\w+)", "proc/modules"),
    _listing("kernel", "module", r"^(?P<key>\w+) +\d+ +\d+(?= |$)", "lsmod", "sos_commands/kernel/lsmod"),
    _listing("packages", "package", _DPKG, "sos_commands/dpkg/dpkg_-l", "installed-debs"),
    _listing("packages", "package", _RPM, "installed-rpms", "sos_commands/rpm/installed-rpms",
             "sos_commands/rpm/sh_-c_rpm_--nodigest_-qa_--qf_*"),
    _listing("packages", "package", r"^(?P<key>\S+?)-(?P<version>\d\S*-r\d+) - ", "sos_commands/apk/apk_info_-vv"),
    _listing("packages", "package", r"^(?P<key>\S+) (?P<version>\S+)$", "sos_commands/pacman/pacman_-Q"),
    _listing("packages", "snap", r"^(?P<key>[a-z0-9-]+) +(?P<version>\S+) +(?P<revision>\d+) ", "sos_commands/snap/snap_list_--all"),
    _listing("packages", "held package", r"^(?P<key>\S+)\s+hold$", "sos_commands/dpkg/dpkg_--get-selections"),
    _listing("security", "boolean of SELinux", r"^(?P<key>\w+) --> (?P<value>\w+)", "sos_commands/selinux/getsebool_-a"),
    _listing("security", "module of SELinux", r"^(?P<priority>\d+) +(?P<key>\S+)", "sos_commands/selinux/semodule_-lfull"),
    _listing("storage", "block device", _LSBLK, "sos_commands/block/lsblk"),
    _listing("network", "offload", r"^(?P<key>[\w-]+): (?P<value>on|off)", "sos_commands/networking/ethtool_-k_*", both=True),
    _listing("network", "ring buffer", r"(?P<key>RX|TX):\s+(?P<value>\d+)$", "sos_commands/networking/ethtool_-g_*", both=True),
    _listing("containers", "image", r"^(?P<key>[^\s<]\S* +\S+) +(?:sha256:)?(?P<id>[0-9a-f]{12})", "sos_commands/docker/docker_images",
             "sos_commands/podman/podman_images"),
    _listing("users", "user", _ACCOUNT, "etc/passwd"),
    _listing("users", "group", r"^(?P<key>[^:#\n]+):[^:\n]*:(?P<gid>\d+):(?P<members>[^:\n]*)$", "etc/group"),
    _listing("hardware", "processor", _LSCPU, "sos_commands/processor/lscpu"),
    _listing("hardware", "memory", _MEMINFO, "proc/meminfo", kB=65_536),
    _listing("hardware", "PCI device", r"^(?P<key>[0-9a-f:.]{7,}) (?P<device>.+)$", "sos_commands/pci/lspci_-nnvv"),
)  # fmt: skip


@dataclass(frozen=True)
class Leaves:
    """Files of one value each; the path names the thing."""

    section: str
    noun: str
    paths: tuple[str, ...]
    noise: re.Pattern[str] = re.compile(r"(?!)")
    both: bool = False


LEAVES = (
    Leaves("kernel", "parameter of a module", ("sys/module/*/parameters/*",),
           re.compile(r".*/(?:rcutree|rcupdate)/.*/gp_|.*/page_(?:reporting|evacuate)/.*/(?:passes|reported|walked|moved)|.*/kernel/parameters/.*seq|.*/random/|.*watchdog/parameters/.*time")),
    Leaves("kernel", "weakness of the processor", ("sys/devices/system/cpu/vulnerabilities/*",)),
    Leaves("kernel", "build", ("proc/version",)),
    Leaves("security", "policy", ("sos_commands/crypto/update-crypto-policies_--show", "sos_commands/crypto/fips-mode-setup_--check",
                                  "sys/kernel/security/lockdown", "sys/kernel/security/lsm", "proc/sys/crypto/fips_enabled")),
    Leaves("storage", "setting of a disk", ("sys/block/*/queue/*",), re.compile(r".*/(?:zram|loop)\d+/|.*wbt_lat")),
    Leaves("hardware", "firmware", ("sys/class/dmi/id/*",), re.compile(r".*/(?:\w+_serial|product_uuid|\w*asset_tag|modalias|uevent)$")),
)  # fmt: skip


@dataclass(frozen=True)
class Texts:
    """Text files that are compared line by line."""

    section: str
    path: re.Pattern[str]


_TOLD = (
    r"etc/(?:mtab|machine-id|hostname|passwd-?|group-?|shadow-?|gshadow-?|sub[ug]id-?|adjtime|ld\.so\.cache|\.updated|resolv\.conf\.bak"
    r"|ssl/certs/.*|pki/(?:ca-trust/extracted|tls/certs)/.*|selinux/[^/]+/(?:policy|contexts|active)/.*|lvm/(?:archive|backup|cache)/.*|alternatives/.*)\Z"
)
"""Told elsewhere, or as what belongs to the host, or made by the system for itself."""
TEXTS = (
    Texts("network", re.compile(r"etc/(?:resolv\.conf|hosts|hosts\.(?:allow|deny)|nsswitch\.conf|networks|host\.conf|gai\.conf)\Z")),
    Texts("storage", re.compile(r"etc/(?:fstab|fstab\.d/.*|crypttab|exports|exports\.d/.*|auto\..*|multipath\.conf|mdadm.*)\Z")),
    Texts("users", re.compile(r"etc/(?:security/.*|sudoers|sudoers\.d/.*|pam\.d/.*|login\.defs|shells)\Z")),
    Texts("firewall", re.compile(r"etc/(?:nftables.*|iptables/.*|sysconfig/ip6?tables.*|firewalld/.*|ufw/.*)\Z")),
    Texts("configuration", re.compile(
        rf"(?!{_TOLD})(?:etc/.*|var/spool/cron/.*|boot/(?:.*/)?grub\.cfg|boot/loader/entries/.*"
        r"|(?:usr/)?lib/(?:systemd|sysctl\.d|modprobe\.d|udev/rules\.d|tmpfiles\.d)/.*|run/systemd/(?:system|network)/.*)\Z")),
)  # fmt: skip
"""The first whose pattern matches a path says where it is told."""
