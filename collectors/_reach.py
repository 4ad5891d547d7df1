"""Targets of `reachability`: what a target is, and the servers that the host's configuration names."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from diagbundle.collect.api import Host, number

_METADATA = {"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23"}
HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)"
_URL = re.compile(rf"(?P<scheme>[a-z0-9+]+)://(?:[^@/\s\"'<>]*@)?(?P<host>{HOST})(?::(?P<port>\d{{1,5}}))?", re.IGNORECASE)
PORTS = {"http": 80, "https": 443, "ftp": 21, "ldap": 389, "ldaps": 636, "socks5": 1080, "socks": 1080, "socks5h": 1080, "socks4": 1080}
_DATABASES = {"postgresql": 5432, "postgres": 5432, "mysql": 3306, "mariadb": 3306, "redis": 6379, "mongodb": 27017, "amqp": 5672}
_CONTAINED = re.compile(r"docker|kubepods|libpod|crio|containerd|lxc|nspawn|machine\.slice")
MAX_PROCESSES = 2000
MAX_URLS = 12


@dataclass(frozen=True)
class Target:
    """One thing to ask, and where it is named. `rank`: smaller is more important."""

    rank: int
    kind: str
    name: str
    port: int
    named_by: str
    options: tuple[tuple[str, str], ...] = field(default=())

    @property
    def address(self) -> str:
        """As the probe wants it: `name:port`, or a bare address where the kind knows no ports."""
        if not self.port:
            return self.name
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


Line = tuple[str, str]
"""Where it stands, `file:number`, and its text."""


def never(target: Target) -> str:
    """Why an address is never asked, or ''."""
    if target.name.lower().rstrip(".") in ("localhost", "localhost.localdomain", "ip6-localhost"):
        return "a loopback address is not asked"
    ip = numeric(target.name)
    if ip is None:
        return ""
    if str(ip) in _METADATA:
        return "a metadata service of a cloud holds credentials and is never asked"
    if ip.is_loopback or ip.is_unspecified:
        return "a loopback address is not asked"
    return "a multicast address is not asked" if ip.is_multicast else ""


def numeric(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip


def is_tls(target: Target) -> bool:
    return target.kind == "tls" or target.port in (443, 636, 6443)


_COMMENT = re.compile(r"(?<=[\s;])#[^'\"]*$")
"""Behind a setting; what holds a quote may be part of a value."""


def lines(host: Host, *patterns: str, comments: tuple[str, ...] = ("#", ";", "//")) -> Iterator[Line]:
    """Lines of configuration with their place; comments and empty ones are left out."""
    for pattern in patterns:
        for path in host.glob(pattern):
            for place, line in enumerate(host.text(path).splitlines(), 1):
                text = _COMMENT.sub("", line).strip()
                if text and not text.startswith(comments):
                    yield f"{path}:{place}", text


def url(rank: int, kind: str, where: str, text: str, port: int = 0) -> Iterator[Target]:
    """A target for every URL in a text."""
    for found in _URL.finditer(text):
        named = int(found["port"] or port or PORTS.get(found["scheme"].lower(), 0))
        if 0 < named < 65536:
            yield Target(rank, kind, found["host"].strip("[]"), named, where)


def plain(rank: int, kind: str, where: str, text: str, port: int) -> Iterator[Target]:
    """A target of `host` or `host:port`."""
    found = re.fullmatch(rf"({HOST}|[0-9A-Fa-f:]+:[0-9A-Fa-f:.]*)(?::(\d{{1,5}}))?", text) if not numeric(text) else None
    if numeric(text):
        yield Target(rank, kind, text.strip("[]"), port, where)
    elif found and 0 < int(found[2] or port) < 65536:
        yield Target(rank, kind, found[1].strip("[]"), int(found[2] or port), where)


# -- servers that configuration names


def clusters(host: Host) -> Iterator[Target]:
    """The API server of the node's own kubeconfig."""
    files = (
        "/etc/kubernetes/kubelet.conf",
        "/etc/kubernetes/*.conf",
        "/var/lib/kubelet/kubeconfig",
        "/var/lib/rancher/*/agent/kubelet.kubeconfig",
        "/etc/rancher/*/config.yaml",
    )
    for where, line in lines(host, *files):
        if re.match(r"(- )?server:", line):
            yield from url(10, "tls", where, line, 443)


def directories(host: Host) -> Iterator[Target]:
    """LDAP, Kerberos, SSSD: without them nobody logs in."""
    files = (
        "/etc/sssd/sssd.conf",
        "/etc/sssd/conf.d/*.conf",
        "/etc/openldap/ldap.conf",
        "/etc/ldap/ldap.conf",
        "/etc/nslcd.conf",
        "/etc/krb5.conf",
        "/etc/krb5.conf.d/*",
    )
    for where, line in lines(host, *files):
        key, value = re.split(r"\s*=\s*|\s+", line + " ", maxsplit=1)
        words = re.split(r"[\s,]+", value)
        if key.lower() in ("ldap_uri", "ldap_backup_uri", "uri"):
            for target in url(12, "tcp", where, value):
                yield Target(12, "tls" if target.port == 636 else "tcp", target.name, target.port, where)
        elif key.lower() in ("kdc", "admin_server", "krb5_server", "ad_server", "ipa_server"):
            port = {"admin_server": 749, "ad_server": 389, "ipa_server": 389}.get(key.lower(), 88)
            yield from (target for word in words if word and word != "_srv_" for target in plain(13, "tcp", where, word, port))


def clocks(host: Host) -> Iterator[Target]:
    """Time servers of chrony, ntpd, timesyncd."""
    files = (
        "/etc/chrony.conf",
        "/etc/chrony/chrony.conf",
        "/etc/chrony.d/*.conf",
        "/etc/chrony/*.d/*",
        "/run/chrony-dhcp/*.sources",
        "/etc/ntp.conf",
        "/etc/ntpsec/ntp.conf",
    )
    for where, line in lines(host, *files):
        words = line.split()
        if len(words) > 1 and words[0] in ("server", "pool", "peer"):
            yield from plain(15, "ntp", where, words[1], 123)
    for where, line in lines(host, "/etc/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf.d/*.conf"):
        if line.startswith("NTP="):
            yield from (target for word in line[4:].split() for target in plain(15, "ntp", where, word, 123))


def logs(host: Host) -> Iterator[Target]:
    """Where logs are sent to. A UDP target gets no log line from us: only the path to its host is looked at."""
    for where, line in lines(host, "/etc/rsyslog.conf", "/etc/rsyslog.d/*.conf"):
        for signs, name, port in re.findall(rf"(?<![\w@])(@@?)(?:\([a-z0-9,]*\))?({HOST})(?::(\d{{1,5}}))?", line):
            yield from (
                [Target(20, "tcp", name.strip("[]"), int(port or 514), where)]
                if signs == "@@"
                else [Target(36, "mtu", name.strip("[]"), 0, where)]
            )
        words = dict(re.findall(r'\b(target|port|protocol|type)\s*=\s*"([^"]+)"', line.lower()))
        if "target" in words and (words.get("protocol") == "tcp" or words.get("type") == "omrelp"):
            yield from plain(20, "tcp", where, words["target"], number(words.get("port", "")) or 514)
    for where, line in lines(host, "/etc/syslog-ng/syslog-ng.conf", "/etc/syslog-ng/conf.d/*.conf"):
        for name, port in re.findall(rf'\b(?:tcp6?|network|syslog)\s*\(\s*"({HOST})"[^;]*?port\(\s*"?(\d{{1,5}})', line):
            if "udp" not in line:
                yield from plain(20, "tcp", where, name, int(port))
    for where, line in lines(host, "/etc/audit/audisp-remote.conf", "/etc/audisp/audisp-remote.conf", "/etc/systemd/journal-upload.conf"):
        key, _, value = (part.strip() for part in line.partition("="))
        yield from plain(20, "tcp", where, value, 60) if key == "remote_server" else url(20, "tcp", where, value) if key == "URL" else ()


def file_servers(host: Host) -> Iterator[Target]:
    """NFS and CIFS servers: a dead one hangs whoever touches its files."""
    for where, line in lines(host, "/proc/self/mounts", "/etc/fstab", comments=("#",)):
        words = line.split()
        if len(words) > 2 and words[2] in ("nfs", "nfs4"):
            yield from plain(11, "tcp", where, words[0].partition(":/")[0], 2049)
        elif len(words) > 2 and words[2] in ("cifs", "smb3"):
            yield from plain(11, "tcp", where, words[0].lstrip("/").partition("/")[0], 445)


def registries(host: Host) -> Iterator[Target]:
    """Registries of images and their mirrors."""
    files = (
        "/etc/containers/registries.conf",
        "/etc/containers/registries.conf.d/*.conf",
        "/etc/containerd/certs.d/*/hosts.toml",
        "/etc/rancher/*/registries.yaml",
    )
    for where, line in lines(host, *files):
        yield from url(40, "tls", where, line)
        for place in re.findall(r'^location\s*=\s*"([^"/]+)', line):
            yield from plain(40, "tls", where, place, 443)
    try:
        settings = json.loads(host.text("/etc/docker/daemon.json") or "{}")
    except (ValueError, RecursionError):
        settings = {}
    mirrors = settings.get("registry-mirrors") if isinstance(settings, dict) else None
    for mirror in mirrors if isinstance(mirrors, list) else ():
        yield from url(40, "tls", "/etc/docker/daemon.json:1", mirror if isinstance(mirror, str) else "")


def repositories(host: Host) -> Iterator[Target]:
    """Servers of packages; those switched off are left out."""
    for where, line in lines(
        host, "/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources", "/etc/apk/repositories"
    ):
        if line.startswith(("deb", "URIs:", "http")):
            yield from url(50, "tcp", where, line)
    for pattern in ("/etc/yum.repos.d/*.repo", "/etc/zypp/repos.d/*.repo"):
        for path in host.glob(pattern):
            block: list[Target] = []
            on = True
            for where, line in [*lines(host, path), ("", "[")]:
                if line.startswith("["):
                    yield from block if on else ()
                    block, on = [], True
                key, _, value = (part.strip() for part in line.partition("="))
                on = on and not (key == "enabled" and value in ("0", "false", "no"))
                block += url(50, "tcp", where, value) if key in ("baseurl", "mirrorlist", "metalink") else ()


def programs(host: Host) -> Iterator[Target]:
    """Servers whose URL stands on the command line of a running program; nothing else of it is looked at.

    Programs of containers live in networks, and with names, of their own.
    """
    found: dict[tuple[str, int], Target] = {}
    ours = host.readlink("/proc/1/ns/net")
    for pid in host.pids()[:MAX_PROCESSES]:
        if host.readlink(f"/proc/{pid}/ns/net") != ours or _CONTAINED.search(host.text(f"/proc/{pid}/cgroup")):
            continue
        text = " ".join(host.text(f"/proc/{pid}/cmdline").split("\0"))[:8192]
        for named in _URL.finditer(text) if "://" in text else ():
            scheme = named["scheme"].lower()
            port = int(named["port"] or {**PORTS, **_DATABASES}.get(scheme, 0))
            target = Target(30, "tls" if scheme == "https" else "tcp", named["host"].strip("[]"), port, f"/proc/{pid}/cmdline")
            if 0 < port < 65536 and not never(target) and not target.name.lower().endswith((".svc", ".cluster.local", ".localhost")):
                found.setdefault((target.name.lower(), port), target)
    yield from list(found.values())[:MAX_URLS]


Finder = Callable[[Host], Iterator[Target]]
FINDERS: tuple[Finder, ...] = (clusters, file_servers, directories, clocks, logs, registries, repositories, programs)
"""Each finds servers of one sort; a new sort is a function more."""
