"""Which package holds a program that is not installed."""

from __future__ import annotations

_PACKAGES = {  # program → package in Debian's family, in Red Hat's, in SUSE's; '' where nobody would install it for this
    "smartctl": ("smartmontools", "smartmontools", "smartmontools"), "ethtool": ("ethtool", "ethtool", "ethtool"),
    "ss": ("iproute2", "iproute", "iproute2"), "ip": ("iproute2", "iproute", "iproute2"), "tc": ("iproute2", "iproute-tc", "iproute2"),
    "conntrack": ("conntrack", "conntrack-tools", "conntrack-tools"), "nft": ("nftables", "nftables", "nftables"),
    "dmidecode": ("dmidecode", "dmidecode", "dmidecode"), "lspci": ("pciutils", "pciutils", "pciutils"), "lsof": ("lsof", "lsof", "lsof"),
    "numactl": ("numactl", "numactl", "numactl"), "ipmitool": ("ipmitool", "ipmitool", "ipmitool"),
    "sensors": ("lm-sensors", "lm_sensors", "sensors"), "nvme": ("nvme-cli", "nvme-cli", "nvme-cli"),
    "lsscsi": ("lsscsi", "lsscsi", "lsscsi"), "semodule": ("policycoreutils", "policycoreutils", "policycoreutils"),
    "sestatus": ("policycoreutils", "policycoreutils", "policycoreutils"), "auditctl": ("auditd", "audit", "audit"),
    "ras-mc-ctl": ("rasdaemon", "rasdaemon", "rasdaemon"), "iptables-save": ("iptables", "iptables", "iptables"),
}  # fmt: skip


def package_of(program: str, os: str) -> str:
    """The package, as this distribution calls it; '' where none is known."""
    word = os.lower()
    family = 0 if any(name in word for name in ("debian", "ubuntu", "mint", "alpine", "arch")) else 2 if "suse" in word else 1
    return _PACKAGES.get(program.rpartition("/")[2], ("", "", ""))[family]


_INSTALLERS = (
    (("debian", "ubuntu", "mint", "raspbian"), "apt-get install"), (("suse", "sles"), "zypper install"), (("alpine",), "apk add"),
    (("arch linux",), "pacman -S"),
    (("linux server 7", "linux 7", "centos linux 7", "release 6", "amazon linux 2 ", "amazon linux ami"), "yum install"),
)  # fmt: skip


def installer(os: str) -> str:
    """The command that installs a package."""
    word = f"{os.lower()} "
    return next((line for names, line in _INSTALLERS if any(name in word for name in names)), "dnf install")
