"""Which facts are compared: one line for each type says where it is told, what names a thing, and what of it is noise.

A field that is neither named nor noise is compared. A new type of fact needs a line here, or a word in `UNTOLD`; a test holds us to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from diagbundle.analyse.compare.difference import Value
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.facts import (
    certificates,
    claimed,
    clock,
    containers,
    disks,
    filesystems,
    firewall,
    members,
    names,
    network,
    network_counts,
    packages,
    places,
    products,
    proxy,
    reach,
    security,
    services,
    system,
)  # fmt: skip
from diagbundle.analyse.facts.filesystems import UNFILLED

_ERRORS = re.compile(r"err|crc|fifo|frame|carrier|collision|missed|timeout")
_UNSTABLE = re.compile(
    r"kernel\.(?:random\.|hung_task_(?:detect_count|warnings)|ns_last_pid|pty\.nr|hostname|domainname|tainted|sched_domain)|fs\.(?:file-nr|inode-nr|inode-state|dentry-state|aio-nr|nr_inodes|quota\.)"
    r"|net\.netfilter\.nf_conntrack_count|net\.core\.netdev_rss_key|net\.ipv[46]\..*\.(?:base_reachable_time|stable_secret)|fs\.dentry-negative"
    r"|dev\.cdrom\.info|fs\.xfs\.stats|sunrpc\.transports|.*\.flush$|net\.ipv4\.tcp_fastopen_key|.*\.(?:retrans_time|base_reachable_time)$"
)
"""Settings of the kernel that are numbers of the moment, or random; the host's name is told as its name."""
_RANDOM = re.compile(r"[0-9a-f]{16,}")
"""In the name of a control group: a container's or a session's number."""
_MOMENTARY = re.compile(r"(?:upperdir|workdir|lowerdir|fd|pgrp|pipe_ino)=")
"""Options of mounts that are made up anew each time: folders of containers, numbers of autofs."""
_EPHEMERAL = 32768


def percent(value: Any) -> str:
    """A share in words."""
    return f"{value:.0%}"


def date(value: Any) -> str:
    """A day, as certificates have it."""
    from datetime import UTC, datetime  # noqa: PLC0415 - rarely needed

    try:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return str(value)


@dataclass(frozen=True)
class Kind:
    """How facts of one type are compared."""

    fact: type[Fact]
    section: str
    noun: str
    key: tuple[str, ...] = ()
    """Fields that together name a thing; without any there is one of its kind."""
    noise: str = ""
    """Fields that are not compared: counts, times, numbers of processes, what other fields say better."""
    also: str = ""
    """Properties that are compared, too."""
    near: Mapping[str, float] = field(default_factory=dict)
    """By how much a number may differ and still be the same."""
    said: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    """How a value is put into words."""
    only: Callable[[Any], bool] = lambda _fact: True
    """Which of the facts are compared at all."""
    once: Callable[[Any], str] = lambda _fact: ""
    """What facts have in common that tell of one thing by several names: only the first of them is compared; '' has nothing in common."""
    teller: str = ""
    """The field that says who told it, where several tell the same in words of their own: the first that tells of both sides is heard."""
    both: bool = False
    """Whether what is on one side only is not told, because something else tells it."""
    grown: bool = False
    """Whether the value is a counter: compared only where the host was not started anew in between."""

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """Fields and properties whose values are compared."""
        left_out = {"origin", *self.key, *self.noise.split()}
        return (*(each.name for each in fields(self.fact) if each.name not in left_out), *self.also.split())

    def values(self, fact: Fact) -> dict[str, Value]:
        """What is compared of a fact."""
        return {name: plain(getattr(fact, name)) for name in self.compared}


def plain(value: Any) -> Value:
    """A field's value in a form that can be compared and told."""
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, Mapping):
        return tuple(f"{key}={value[key]}" for key in sorted(value, key=str))
    if isinstance(value, frozenset | set):
        return tuple(sorted(str(each) for each in value if not _MOMENTARY.match(str(each))))
    return tuple(map(str, value))


def _is_wanted_unit(unit: services.Unit) -> bool:
    return not re.match(r"(?:session-|user@|user-|run-|systemd-coredump@|.*\.scope$|.*\.device$)", unit.name)


def _fills(each: filesystems.Filesystem) -> bool:
    return each.type not in UNFILLED and not each.is_covered and bool(each.bytes)


KINDS = (
    Kind(claimed.Release, "host", "release", ("file",), noise="id version"),
    Kind(clock.Surroundings, "host", "surroundings"),
    Kind(security.NoLogin, "host", "file that forbids logins", ("path",)),
    Kind(security.RebootFlag, "host", "wish to be started anew", ("why",)),
    Kind(clock.ClockSource, "host", "clock source"),
    Kind(clock.TimeDaemon, "host", "time daemon", ("by",), noise="offset stratum source"),
    Kind(clock.TimeControl, "host", "time control"),
    Kind(security.Kernel, "kernel", "running kernel", noise="witness"),
    Kind(security.InstalledKernel, "kernel", "installed kernel", ("release",), noise="mtime"),
    Kind(security.Taint, "kernel", "taint"),
    Kind(security.Chosen, "kernel", "choice", ("name",)),
    Kind(security.CrashDump, "kernel", "crash dump", ("name",), noise="time"),
    Kind(packages.UnfinishedPackage, "packages", "unfinished package", ("name",)),
    Kind(packages.TwicePackage, "packages", "package that is there twice", ("name",)),
    Kind(system.Setting, "sysctl", "setting", ("key",), only=lambda each: not _UNSTABLE.match(each.key)),
    Kind(services.Unit, "services", "unit", ("name",), "manager restarts started changed status by_signal proofs", only=_is_wanted_unit),
    Kind(services.UnitFile, "services", "unit file", ("name",)),
    Kind(system.UnitLimit, "services", "limit of open files", ("unit",), noise="pid", both=True),
    Kind(members.MemberState, "services", "member", ("tool", "what"), noise="badness product"),
    Kind(
        system.CgroupValue, "services", "limit of a control group", ("group", "name"),
        only=lambda each: each.name.endswith(".max") and not _RANDOM.search(each.group), both=True,
    ),
    Kind(system.CgroupQuota, "services", "quota of a control group", ("group",), only=lambda each: not _RANDOM.search(each.group),
         both=True),
    Kind(security.SelinuxState, "security", "SELinux", noise="config_mtime"),
    Kind(
        products.FileMode, "security", "file's mode or owner", ("path",), both=True,
        only=lambda each: not each.path.startswith("/etc/ssl/certs/"),
    ),
    Kind(places.Place, "security", "place", ("path",), noise="changed", said={"mode": lambda mode: f"{mode:04o}"}),
    Kind(filesystems.Mount, "storage", "mount", ("point",), noise="device"),
    Kind(
        filesystems.Filesystem, "storage", "file system", ("mount",),
        noise="source type device options inodes bytes_free bytes_available inodes_free is_covered is_readonly",
        also="share inode_share", near={"share": 0.05, "inode_share": 0.05},
        said={"share": percent, "inode_share": percent, "bytes": filesystems.size}, only=_fills, once=lambda each: each.holds, both=True,
    ),
    Kind(system.SwapArea, "storage", "swap", ("path",), noise="used"),
    Kind(disks.DiskState, "storage", "disk", ("kind", "name")),
    Kind(disks.Smart, "storage", "health of a disk", ("device",), noise="wear spare"),
    Kind(disks.Array, "storage", "array", ("name",), noise="progress mismatches"),
    Kind(disks.Volume, "storage", "volume", ("name",), near={"data": 5.0, "metadata": 5.0}),
    Kind(disks.MissingDevice, "storage", "missing device", ("group", "what")),
    Kind(disks.Path, "storage", "path to a disk", ("map", "device")),
    Kind(disks.Pool, "storage", "pool", ("name",), near={"used": 5.0}),
    Kind(disks.HardRaid, "storage", "hardware RAID", ("kind", "name")),
    Kind(network.Nic, "network", "interface", ("name",), noise="mac"),
    Kind(network.NicSetting, "network", "setting of an interface", ("nic", "name"), both=True,
         only=lambda each: each.name in ("speed", "duplex", "tx_queue_len")),
    Kind(network.Driver, "network", "driver", ("nic",), both=True),
    Kind(network.LinkMode, "network", "speed", ("nic",), both=True),
    Kind(network.Bond, "network", "bond", ("name",), noise="partner"),
    Kind(network.BondPort, "network", "port of a bond", ("bond", "nic"), noise="failures aggregator"),
    Kind(network.Address, "network", "address", ("nic", "address"), only=lambda each: each.is_global),
    Kind(network.Route, "network", "route", ("destination", "device", "table", "metric"),
         only=lambda each: each.table != "local" and not each.destination.startswith(("fe80:", "ff00:"))),
    Kind(network.RoutingRule, "network", "routing rule", ("source", "to", "table")),
    Kind(network.Qdisc, "network", "queueing discipline", ("device", "handle"), noise="sent dropped", both=True),
    Kind(names.ResolverLink, "network", "link of the resolver", ("path",)),
    Kind(names.Lookup, "network", "lookup of a name", ("name",), noise="seconds", both=True),
    Kind(network_counts.Listener, "network", "listener", ("address", "port"), noise="waiting netns limit"),
    Kind(names.UdpPort, "network", "UDP port", ("address", "port"), noise="waiting drops", only=lambda each: each.port < _EPHEMERAL),
    Kind(reach.Probe, "network", "probe", ("kind", "target", "what", "name", "way"), noise="named_by detail address port ms more",
         only=lambda each: each.what != "icmp_counters", both=True),
    Kind(network.PathMtu, "network", "path MTU", ("address",), noise="detail", both=True),
    Kind(proxy.ProxySetting, "network", "proxy setting", ("variable", "where"), noise="unit"),
    Kind(firewall.Chain, "firewall", "chain", ("family", "table", "name"), noise="packets tool", teller="tool"),
    Kind(firewall.PacketRule, "firewall", "rule", ("family", "table", "chain", "text"),
         noise="tool packets number verdict target protocol ports conditions", teller="tool"),
    Kind(firewall.Zone, "firewall", "zone", ("name", "is_permanent")),
    Kind(containers.Container, "containers", "container", ("engine", "name"), noise="ident started finished said exit restarts attempt",
         only=lambda each: bool(each.name)),
    Kind(containers.Engine, "containers", "engine", ("name",), noise="states"),
    Kind(containers.EngineFile, "containers", "file of an engine", ("engine", "path")),
    Kind(certificates.Certificate, "certificates", "certificate", ("where", "subject"),
         noise="index named_by through_proxy asked_for names self_issued authority", said={"not_before": date, "not_after": date}),
    Kind(certificates.TrustCheck, "certificates", "trust in a server", ("server",), noise="text"),
    Kind(network.NicCounter, "errors", "counter of an interface", ("nic", "name"), noise="source netns", grown=True,
         only=lambda each: each.source == "sys" and not each.netns and _ERRORS.search(each.name) is not None),
    Kind(filesystems.ErrorCount, "errors", "errors of a file system", ("device",), noise="first last where", grown=True),
    Kind(security.HardwareCounter, "errors", "errors of hardware", ("device", "name"), noise="is_fatal", grown=True),
    Kind(disks.DeviceErrors, "errors", "errors of a device", ("where", "device"), grown=True),
    Kind(disks.ErrorCounter, "errors", "errors of a disk", ("name", "what"), grown=True),
    Kind(containers.ContainerKills, "errors", "kills in a container", ("engine", "ident"), grown=True),
)  # fmt: skip

UNTOLD = {
    "verdicts tell of what logs say": (
        "BondLine CephCheck ClockStep ClusterWord Complaint ControllerEvent Crash CronRun Denial Denied DiskTrouble EngineEnd FatalLine "
        "GarbledAnswer Heard HostStart JournalTrouble LinkLost Lost MemberWord ModeChange NoRoom NoWrite OomLine PortTaken "
        "RemoteTrouble RotationError Said TlsComplaint UnitFailure UnitRestart UnitSaid Unreached UnresolvedName"
    ),
    "counts and states of a moment": (
        "AddressProbe AuditState BtrfsRoom CgroupCpu ClockReading Clocks Connections Counters CpuTimes DeletedFile Descriptors "
        "DiskCounters FileCache FileTable Incarnation Inotify Job Large LogFile Memory Neighbour NeighbourTable NetCounter "
        "OldLibrary PortUse Pressure Process ProcessCounter RemoteOps Rotated Rtc SharedMemory SocketMemory SocketOwner Softnet "
        "TaskCount TimeSource TrackingCounter"
    ),
    "lists and texts tell it better": (
        "BasePackage FstabEntry HostEntry LimitLine NameServer NetSetting NssSource PackageList ResolverFile RotationRule "
        "SettingLine TunedProfile User"
    ),
    "about the host as a whole, or the collection": "About Change Run OtherHost Unanswered HostName CoreFile",
    "names of devices, which belong to each host": "Backing BlockId Names",
    "another fact tells the same": "ClockSources Confinement Release",
}
"""Types that are not compared by this table, and why."""
