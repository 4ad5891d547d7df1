"""Network interfaces, addresses, routes and neighbours, their counters, who configured them, and every other network namespace.

The drivers' own words are in `ethtool`, sockets in `sockets`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from diagbundle.collect.api import Command, File, Host, Row, Source, Stage, Table, collector, number

from ._look import status
from ._net import namespace_of, namespaces, stopped
from ._netlink import addresses

NICS = "/sys/class/net"
COUNTERS = (
    "/proc/net/dev",
    "/proc/net/snmp",
    "/proc/net/snmp6",
    "/proc/net/netstat",
    "/proc/net/softnet_stat",
    "/proc/net/xfrm_stat",
    "/proc/net/tls_stat",
    "/proc/net/sctp/snmp",
    "/proc/net/netlink",  # column Drops
    "/proc/net/stat/*",
    "/proc/net/bonding/*",
    f"{NICS}/*/carrier_changes",
    f"{NICS}/*/carrier_up_count",
    f"{NICS}/*/carrier_down_count",
    f"{NICS}/*/operstate",
    f"{NICS}/*/carrier",
    f"{NICS}/*/speed",
    f"{NICS}/*/duplex",
    f"{NICS}/*/queues/*/tx_timeout",
    f"{NICS}/*/brport/state",
)
"""Read first and last; so that a link that goes down in between is seen to."""
COUNTING = (
    ("ip", "-s", "-s", "-details", "link"),
    ("tc", "-s", "qdisc", "show"),
    ("nstat", "-asz"),  # -a and -s together leave its history file alone: it is not even opened
)
KERNEL = (
    "/proc/net/route",
    "/proc/net/ipv6_route",
    "/proc/net/fib_trie",
    "/proc/net/fib_triestat",
    "/proc/net/rt6_stats",
    "/proc/net/if_inet6",
    "/proc/net/anycast6",
    "/proc/net/arp",
    "/proc/net/dev_mcast",
    "/proc/net/dev_snmp6/*",
    "/proc/net/igmp",
    "/proc/net/igmp6",
    "/proc/net/ip_mr_vif",
    "/proc/net/ip6_mr_vif",
    "/proc/net/protocols",
    "/proc/net/psched",
    "/proc/net/ptype",
    "/proc/net/vlan/*",
    "/proc/net/wireless",
    *(f"{NICS}/*/{name}" for name in (
        "address", "addr_assign_type", "dev_id", "dev_port", "dormant", "flags", "gro_flush_timeout", "ifalias", "ifindex", "iflink",
        "link_mode", "mtu", "napi_defer_hard_irqs", "netdev_group", "phys_port_name", "phys_switch_id", "proto_down", "testing",
        "threaded", "tun_flags", "tx_queue_len", "type", "uevent",
        "device/vendor", "device/device", "device/numa_node", "device/uevent", "device/sriov_numvfs", "device/sriov_totalvfs",
        "device/current_link_speed", "device/current_link_width", "device/local_cpulist",
        "queues/*/byte_queue_limits/*", "queues/*/rps_cpus", "queues/*/rps_flow_cnt", "queues/*/xps_cpus", "queues/*/tx_maxrate",
        "bonding/*", "bonding_slave/*", "bridge/*", "brport/*",
    )),
)  # fmt: skip
ROUTES = ("/proc/net/route", "/proc/net/ipv6_route", "/proc/net/fib_trie")
MANY_ROUTES = 200_000
CONFIGURATION = (
    "/etc/sysconfig/network",
    "/etc/sysconfig/network-scripts/ifcfg-*",
    "/etc/sysconfig/network-scripts/route*-*",
    "/etc/sysconfig/network-scripts/rule*-*",
    "/etc/sysconfig/network/**",
    "/etc/sysconfig/static-routes",
    "/etc/network/interfaces*",
    "/etc/network/interfaces.d/**",
    "/etc/netplan/*.yaml",
    "/run/netplan/*.yaml",
    "/usr/lib/netplan/*.yaml",
    "/etc/systemd/network/**",
    "/run/systemd/network/**",
    "/etc/systemd/networkd.conf",
    "/etc/systemd/networkd.conf.d/*.conf",
    "/run/systemd/netif/state",
    "/run/systemd/netif/links/*",
    "/run/systemd/netif/leases/*",
    "/etc/NetworkManager/NetworkManager.conf",
    "/etc/NetworkManager/conf.d/*",
    "/etc/NetworkManager/dispatcher.d/**",
    "/usr/lib/NetworkManager/conf.d/*",
    "/run/NetworkManager/conf.d/*",
    "/run/NetworkManager/devices/*",
    "/var/lib/NetworkManager/*.lease",
    "/var/lib/NetworkManager/NetworkManager-intern.conf",
    "/var/lib/NetworkManager/NetworkManager.state",
    "/etc/dhcp/dhclient*.conf",
    "/etc/dhcpcd.conf",
    "/var/lib/dhclient/*.lease*",
    "/var/lib/dhcp/*.lease*",
    "/etc/iproute2/**",
    "/etc/teamd/*",
    "/etc/ethtool*",
    "/etc/networks",
    "/etc/ethers",
    "/etc/services",
    "/etc/protocols",
    "/etc/udev/rules.d/*net*.rules",
    "/etc/conf.d/net",  # OpenRC
)
COMMANDS = (
    ("ip", "-d", "address"),
    ("ip", "-s", "-d", "link"),
    ("ip", "rule", "show"),
    ("ip", "-6", "rule", "show"),
    ("ip", "-s", "-s", "neigh", "show", "nud", "all"),
    ("ip", "neigh", "show", "proxy"),
    ("ip", "maddr", "show"),
    ("ip", "mroute", "show"),
    ("ip", "netns"),
    ("ip", "netconf", "show"),
    ("ip", "nexthop", "show"),
    ("bridge", "-s", "-d", "link", "show"),
    ("bridge", "-s", "-d", "fdb", "show"),
    ("bridge", "-d", "vlan", "show"),
    ("bridge", "-d", "mdb", "show"),
    ("netstat", "-s"),
    ("netstat", "-agn"),
)
DEVLINK = (
    ("devlink", "dev", "show"),
    ("devlink", "dev", "info"),
    ("devlink", "port", "show"),
    ("devlink", "health", "show"),  # counts only; `health dump` changes state
)
MANAGERS = {
    "NetworkManager": ("networkmanager", (
        ("nmcli", "general", "status"), ("nmcli", "con", "show"), ("nmcli", "con", "show", "--active"), ("nmcli", "dev", "status"),
        ("nmcli", "dev", "show"),
    )),
    "systemd-networkd": ("networking", (("networkctl", "list"), ("networkctl", "status", "-a"))),
    "wickedd": ("wicked", (("wicked", "ifstatus", "--verbose", "all"), ("wicked", "show-config"))),
    "lldpd": ("lldpd", (("lldpcli", "show", "neighbors", "details"),)),
}  # fmt: skip
"""Daemon → folder and questions. They are asked over D-Bus or a socket, which would start a daemon that is stopped."""
PROFILES = 32
NAMESPACES = 200
"""Network namespaces, at most, whose counters are kept; the table lists the others too."""
NAMED = 16
"""Namespaces, at most, that have a name but no process; each costs a dozen commands."""
NAMESPACE_COUNTERS = (
    *("dev", "snmp", "snmp6", "netstat", "sockstat", "sockstat6", "tcp", "tcp6", "udp", "udp6"),
    *("unix", "arp", "route", "if_inet6", "stat/nf_conntrack"),
)
NAMESPACE_STATE = ("raw", "packet", "fib_trie", "ipv6_route", "ip_tables_names", "ip6_tables_names")
STATISTICS = 128
"""Interfaces, at most, whose single counters are all kept; beyond, those that are more than one end of a veth."""


def samples(host: Host) -> Iterator[Source]:
    """Counters of interfaces, protocols, queues and of every other network namespace."""
    yield from map(File, COUNTERS)
    yield from statistics(host)
    yield from map(Command, COUNTING)
    yield Command(("devlink", "-s", "trap", "show"), timeout=5, skip=no_devlink(host))
    yield from other_namespaces(host, NAMESPACE_COUNTERS)


@collector(title="Network interfaces, addresses, routes, their configuration and every network namespace", stage=Stage.VOLATILE,
           samples=samples)  # fmt: skip
def networking(host: Host) -> Iterator[Source]:
    """What the kernel says first, then what commands say, then configuration."""
    too_many = many_routes(host)
    yield from (File(path, skip=too_many if path in ROUTES else "") for path in KERNEL)
    yield from map(Command, COMMANDS)
    for words in (("ip", "route", "show", "table", "all"), ("ip", "-6", "route", "show", "table", "all")):
        yield Command(words, skip=too_many)
    yield Table("addresses", addresses, timeout=10)
    yield Table("network_namespaces", namespace_rows)
    yield from other_namespaces(host, NAMESPACE_STATE)
    yield from named_namespaces(host)
    yield from map(File, CONFIGURATION)
    yield from managers(host)
    yield from special_links(host)


def statistics(host: Host) -> Iterator[Source]:
    """`/sys/class/net/*/statistics/*`, where there are not so many that it would cost more than it tells."""
    nics = host.listdir(NICS)
    if len(nics) <= STATISTICS:
        yield File(f"{NICS}/*/statistics/*")
        return
    for nic in nics:
        kept = any(host.exists(f"{NICS}/{nic}/{face}") for face in ("device", "bonding", "bridge"))
        skip = "" if kept else f"one of more than {STATISTICS} interfaces: see /proc/net/dev"
        yield File(f"{NICS}/{nic}/statistics/*", skip=skip)


def many_routes(host: Host) -> str:
    """Why the routes are not listed, or ''. A router of the Internet has a million, and listing them holds a lock."""
    leaves = sum(number(count) or 0 for count in re.findall(r"Leaves:\s*(\d+)", host.text("/proc/net/fib_triestat")))
    return f"{leaves} routes; /proc/net/fib_triestat counts them" if leaves > MANY_ROUTES else ""


# -- network namespaces other than ours


def other_namespaces(host: Host, names: Iterable[str]) -> Iterator[Source]:
    """Files of `/proc/net` as one process of each other namespace sees them: no namespace is entered for that."""
    for position, (inode, pids) in enumerate(attended(host).items()):
        skip = "" if position < NAMESPACES else f"more than {NAMESPACES} network namespaces"
        for name in names:
            place = f"netns/{inode}/{name}"
            yield File(f"/proc/{pids[0]}/net/{name}", at=f"diagbundle/{place}", key=place, skip=skip)
    for inode, name in islice(unattended(host).items(), NAMED):
        for file in names:
            words = ("ip", "netns", "exec", name, "cat", f"/proc/net/{file}")
            yield Command(words, at=f"diagbundle/netns/{inode}/{file}", timeout=5)


def named_namespaces(host: Host) -> Iterator[Source]:
    """Links, addresses and routes of namespaces that have a name in `/run/netns`."""
    for position, name in enumerate(host.listdir("/run/netns")):
        skip = "" if position < NAMED else f"more than {NAMED} named network namespaces"
        for words in (("-s", "-d", "link"), ("-d", "address"), ("route", "show", "table", "all"), ("-s", "neigh", "show", "nud", "all")):
            yield Command(("ip", "-n", name, *words), timeout=5, skip=skip)


def attended(host: Host) -> dict[str, list[int]]:
    """Processes of every network namespace but ours."""
    ours = namespace_of(host, "self")
    return {inode: pids for inode, pids in namespaces(host).items() if inode != ours}


def names_of(host: Host) -> dict[str, str]:
    """Name → inode of the namespaces in `/run/netns`, where each is a file that is mounted."""
    found = {name: status(host, f"/run/netns/{name}") for name in host.listdir("/run/netns")}
    return {name: str(about.st_ino) for name, about in found.items() if about}


def unattended(host: Host) -> dict[str, str]:
    """Inode → name of namespaces in which no process lives."""
    busy = namespaces(host)
    return {inode: name for name, inode in names_of(host).items() if inode not in busy}


def namespace_rows(host: Host) -> Iterator[Row]:
    """One row for each network namespace: how many processes, the first of them, its control group (which names a container)."""
    ours, named = namespace_of(host, "self"), names_of(host)
    busy = namespaces(host)
    for inode in (*busy, *unattended(host)):
        pids = busy.get(inode, [])
        first = pids[0] if pids else None
        yield {
            "inode": inode,
            "ours": inode == ours,
            "names": [name for name, other in named.items() if other == inode],
            "processes": len(pids),
            "pid": first,
            "comm": host.text(f"/proc/{first}/comm").strip(),
            "cgroup": next((line.split(":", 2)[2] for line in host.lines(f"/proc/{first}/cgroup") if line.count(":") > 1), ""),
        }


# -- those who configure the network


def managers(host: Host) -> Iterator[Source]:
    """What NetworkManager and its like say, each only if it runs."""
    for daemon, (folder, questions) in MANAGERS.items():
        skip = stopped(host, daemon)
        for words in questions:
            yield Command(words, folder=folder, timeout=10, skip=skip)
        if daemon == "NetworkManager" and not skip:
            yield from profiles(host)


def profiles(host: Host) -> Iterator[Source]:
    """Every profile of NetworkManager; without `-s`, so that it keeps its secrets to itself."""
    listing = Command(("nmcli", "-g", "UUID", "con", "show"), folder="networkmanager", timeout=10)
    yield listing
    for uuid in islice(host.lines(listing), PROFILES):
        yield Command(("nmcli", "con", "show", uuid), folder="networkmanager", timeout=5)


def special_links(host: Host) -> Iterator[Source]:
    """Teams, tunnels and switches, each asked only if there is one."""
    for pid_file in host.glob("/run/teamd/*.pid"):
        team = pid_file.rpartition("/")[2].removesuffix(".pid")
        for words in (("teamdctl", team, "state", "dump"), ("teamdctl", team, "config", "dump"), ("teamnl", team, "ports")):
            yield Command(words, folder="teamd", timeout=5)
    wireguard = any("DEVTYPE=wireguard" in host.text(path) for path in host.glob(f"{NICS}/*/uevent"))
    yield Command(("wg", "show"), timeout=5, skip="" if wireguard else "there is no WireGuard interface")
    yield from (Command(words, timeout=10, skip=no_devlink(host)) for words in DEVLINK)


def no_devlink(host: Host) -> str:
    """Devices of devlink sit on a bus; a host without physical interfaces has none."""
    return "" if any(host.glob(f"{NICS}/*/device")) else "there is no interface with a device"
