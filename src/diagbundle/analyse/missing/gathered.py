"""Which collector gathers what lies at a path: so that what is missing can be asked for by name."""

from __future__ import annotations

import re
from functools import lru_cache

from diagbundle.analyse.evidence.entry import START

_FOLDERS = {  # folder of commands below sos_commands/ → who asks them, where the folder has not the collector's own name
    "apt": "packages", "dpkg": "packages", "rpm": "packages", "apk": "packages", "pacman": "packages", "zypper": "packages",
    "snap": "packages", "snapper": "packages", "flatpak": "packages", "bootc": "packages", "dnf": "packages", "yum": "packages",
    "memory": "cpu_memory", "numa": "cpu_memory", "processor": "cpu_memory", "block": "disk", "btrfs": "disk", "devicemapper": "disk",
    "filesys": "disk", "iscsi": "disk", "lvm2": "disk", "md": "disk", "multipath": "disk", "nfs": "disk", "scsi": "disk", "xfs": "disk",
    "zfs": "disk", "ceph": "disk", "drbd": "disk", "stratis": "disk", "vdo": "disk", "firewall_tables": "firewall", "firewalld": "firewall",
    "ipvs": "firewall", "ufw": "firewall", "ebpf": "firewall", "fail2ban": "firewall", "arcconf": "hardware", "ata": "hardware",
    "fwupd": "hardware", "gpu": "hardware", "hpssa": "hardware", "infiniband": "hardware", "ipmitool": "hardware", "mcelog": "hardware",
    "megaraid": "hardware", "nvme": "hardware", "pci": "hardware", "rasdaemon": "hardware", "usb": "hardware", "vmware": "hardware",
    "sensors": "hardware", "smart": "hardware", "kdump": "kernel", "kpatch": "kernel", "logrotate": "logs", "sar": "logs",
    "journal": "logs", "nscd": "name_resolution", "sssd": "name_resolution", "unbound": "name_resolution", "networkmanager": "networking",
    "teamd": "networking", "cloud_init": "os", "date": "os", "host": "os", "i18n": "os", "apparmor": "security", "auditd": "security",
    "crypto": "security", "fapolicyd": "security", "selinux": "security", "conntrack": "sockets", "tuned": "sysctl", "coredump": "systemd",
    "services": "systemd", "chrony": "time", "ntp": "time", "ptp": "time", "login": "users", "containerd": "containers",
    "crio": "containers", "docker": "containers", "kubernetes": "containers", "podman": "containers", "containers_common": "containers",
    "lxd": "containers",
}  # fmt: skip
_TABLES = {
    "boot_files": "boot", "btmp": "users", "certificates": "certificates", "changed_files": "changes", "clocks": "time",
    "deleted_files": "file_descriptors", "descriptors": "file_descriptors", "inotify": "file_descriptors", "docker_proxies": "proxy",
    "proxies": "proxy", "ethtool": "ethtool", "filesystems": "disk", "largest": "disk", "df": "disk", "df_inodes": "disk", "kernels": "os",
    "timezone": "os", "virtualisation": "os", "kmsg": "kernel", "lastlog": "users", "utmp": "users", "wtmp": "users",
    "listen_queues": "sockets", "socket_counts": "sockets", "socket_owners": "sockets", "log_files": "logs", "logs_named": "logs",
    "network_namespaces": "networking", "package_databases": "packages", "process_counters": "process", "processes": "process",
    "product": "product", "resolver_links": "name_resolution", "security": "security", "security_local_policy": "security", "self": "self",
    "services": "systemd", "cni_leases": "containers", "ecs_config": "containers",
}  # fmt: skip
_PATHS = tuple(
    (re.compile(pattern), names.split())
    for pattern, names in (
        (r"diagbundle/probes/", "reachability"),
        (r"diagbundle/tables/container", "containers"),
        (r"diagbundle/product/", "product"),
        (r"sos_commands/networking/(?:ethtool|[^/]*ethtool)", "ethtool"),
        (r"sos_commands/networking/(?:ss_|netstat_-W)", "sockets"),
        (r"sos_commands/networking/(?:getent|hostname)", "name_resolution"),
        (r"sos_commands/kernel/sysctl", "sysctl"),
        (r"sos_commands/systemd/(?:resolvectl|systemd-resolve)", "name_resolution"),
        (r"sos_commands/systemd/timedatectl", "time"),
        (r"sos_commands/host/hostname_-f", "name_resolution"),
        (r"sos_commands/hardware/", "hardware"),
        (r"sos_commands/sunrpc|sos_commands/nfs", "disk"),
        (r"proc/net/(?:ip_tables|ip6_tables|arp_tables|netfilter|ip_vs|xt_recent)", "firewall"),
        (r"proc/net/rpc", "disk"),
        (r"boot/config|sys/module/(?!apparmor|zfs|zswap)", "kernel"),
        (r"boot/do_purge", "os"),
        (r"boot/sysctl", "sysctl"),
        (r"sys/module/zfs", "disk"),
        (r"sys/module/zswap", "cpu_memory"),
        (r"etc/hosts\.(?:allow|deny)", "firewall"),
        (r"(?:etc|run)/systemd/network", "networking"),
        (r"run/systemd/container", "os"),
        (r"run/systemd/timesync/", "time"),
        (r"(?:etc|usr/lib)/systemd/resolved", "name_resolution"),
        (r"(?:etc|usr/lib)/systemd/timesyncd", "time"),
        (
            r"proc/net/(?:tcp|udp|raw|icmp|unix|packet|sockstat|nf_conntrack|sctp/(?:assocs|eps))|proc/sys/net/(?:netfilter/)?nf_conntrack",
            "sockets",
        ),
        (r"proc/sys/net/core/somaxconn|proc/sys/net/ipv4/ip_local", "sockets"),
        (r"proc/net/|sys/class/net/|run/systemd/netif|etc/network|etc/netplan", "networking"),
        (
            (
                r"proc/(?:stat|vmstat|loadavg|schedstat|meminfo|interrupts|softirqs|pressure|zoneinfo|buddyinfo|swaps|slabinfo"
                r"|cpuinfo|cgroups|sysvipc)|sys/fs/cgroup|sys/kernel/mm"
            ),
            "cpu_memory",
        ),
        (r"proc/uptime", "cpu_memory"),
        (
            (
                r"sys/devices/system/(?:edac|machinecheck)|sys/class/(?:dmi|hwmon|thermal|fc_host|nvme"
                r"|power_supply)|sys/bus/(?:pci|usb)"
            ),
            "hardware",
        ),
        (r"sys/devices/system/clocksource|sys/class/(?:rtc|ptp|pps)|proc/driver/rtc", "time"),
        (r"sys/devices/system/(?:node|cpu/(?:online|offline))", "cpu_memory"),
        (
            (
                r"proc/(?:diskstats|mounts|self/mount|mdstat|fs/|partitions|scsi|spl|drbd)|sys/block|sys/fs/(?:ext4|xfs|btrfs)"
                r"|etc/(?:fstab|crypttab|mtab)"
            ),
            "disk",
        ),
        (
            (
                r"proc/(?:version|modules|devices|iomem)|proc/sys/kernel/(?:tainted|osrelease|version|panic|hung_task)"
                r"|sys/(?:kernel/(?:oops|warn|livepatch|kexec)|fs/pstore)|var/crash|var/lib/systemd/pstore"
            ),
            "kernel",
        ),
        (r"proc/(?:locks)|proc/sys/fs/(?:file-|inotify|nr_open|inode|dentry)", "file_descriptors"),
        (r"proc/cmdline|boot/|etc/default/grub", "boot"),
        (
            (
                r"sys/fs/selinux|etc/(?:selinux|apparmor|audit|crypto-policies|fapolicyd)|sys/(?:kernel/security"
                r"|module/apparmor)|proc/self/attr"
            ),
            "security",
        ),
        (
            (
                r"proc/sys/kernel/(?:hostname|random/)|etc/(?:os-release|[^/]*release|machine-id|hostname|debian_version"
                r"|timezone|localtime)|usr/lib/os-release"
            ),
            "os",
        ),
        (r"proc/sys/|etc/sysctl|(?:run|usr/lib|lib)/sysctl\.d", "sysctl"),
        (r"etc/(?:resolv\.conf|hosts|nsswitch|host\.conf)|run/systemd/resolve", "name_resolution"),
        (r"etc/(?:chrony|ntp|adjtime)|run/chrony|var/lib/(?:chrony|ntp)", "time"),
        (r"etc/(?:nftables|iptables|firewalld|ufw|sysconfig/(?:ip6?tables|nftables))", "firewall"),
        (r"etc/(?:passwd|group|security|pam|ssh|sudoers|login)", "users"),
        (r"etc/(?:cron|anacron)|var/spool/(?:cron|at)", "cron"),
        (r"etc/(?:systemd|init\.d|rc)|run/(?:systemd|openrc)|usr/lib/systemd", "systemd"),
        (
            (
                r"etc/(?:docker|containers|containerd|kubernetes|cni)|var/lib/(?:docker"
                r"|containers|kubelet)|run/(?:docker|containers|containerd)"
            ),
            "containers",
        ),
        (r"etc/(?:environment|profile|wgetrc|curlrc)", "proxy"),
        (
            (
                r"etc/(?:yum|dnf|apt|zypp|apk|rpm)|var/lib/(?:dpkg|rpm|apt)|installed-(?:rpms"
                r"|debs)"
            ),
            "packages",
        ),
        (r"var/lib/(?:dnf|yum)/history|var/backups", "changes"),
        (r"var/log/|run/log/", "logs"),
        (r"ps\Z", "process"),
        (r"(?:df|mount)\Z", "disk"),
        (r"free\Z", "cpu_memory"),
        (r"(?:uname)\Z", "kernel"),
        (r"(?:date|uptime|hostname)\Z", "os"),
        (r"last\Z", "users"),
        (r"netstat\Z", "sockets"),
        (r"(?:ip_addr|route)\Z", "networking"),
    )
)
EVERY = (
    "boot", "certificates", "changes", "containers", "cpu_memory", "cron", "disk", "ethtool", "file_descriptors", "firewall", "hardware",
    "kernel", "logs", "name_resolution", "networking", "os", "packages", "process", "product", "proxy", "reachability", "security", "self",
    "sockets", "sysctl", "systemd", "time", "users",
)  # fmt: skip
"""All collectors that are asked where nobody says otherwise."""


@lru_cache(4096)
def gatherers(path: str) -> tuple[str, ...]:
    """The collectors that gather what lies at a path, or at all paths of a pattern; () where none is known."""
    path = path.removeprefix(START)
    for pattern, names in _PATHS:
        if pattern.match(path):
            return tuple(names)
    if found := re.match(r"sos_commands/([\w*]+)/", path):
        name = found[1]
        return (name,) if name in EVERY else (_FOLDERS[name],) if name in _FOLDERS else ()
    if found := re.match(r"diagbundle/tables/(\w+)", path):
        return (_TABLES[found[1]],) if found[1] in _TABLES else ()
    return ()
