"""What this host depends on, asked now: gateways, name servers, proxies, and the servers that its configuration names.

Only addresses that the host's own configuration names, each once, the most important first, at most `MAX_PROBES` and for at most
`MAX_SECONDS`; what is left out is recorded as skipped. Loopback, multicast and the metadata services of clouds are never asked.
"""

from __future__ import annotations

import ipaddress
import re
import struct
import time
from collections.abc import Iterable, Iterator

from diagbundle.collect.api import Command, Host, Probe, Source, Stage, collector, number

from ._reach import FINDERS, HOST, MAX_PROCESSES, PORTS, Line, Target, is_tls, lines, never, numeric, plain

MAX_PROBES = 40
MAX_SECONDS = 60.0
MAX_GETENT = 6
MAX_OPENSSL = 4
OWN = 38
"""Rank of servers of this host itself."""
TLS_PORTS = (443, 465, 636, 993, 995, 2376, 5671, 5986, 6443, 6514, 8006, 8443, 8883, 9090, 9443, 10250)
_INNER = re.compile(r"^(lo|docker|br-|veth|virbr|cni|flannel|cali|lxc|lxd|podman|tunl|kube|nodelocal|weave|ovs|dummy)")
"""Interfaces whose far end is on this machine."""
_HEX4, _HEX6 = re.compile("[0-9A-F]{8}"), re.compile("[0-9a-f]{32}")
"""Addresses as /proc/net prints them."""
_PROXY = re.compile(
    rf"""(?:\b(?:https?|all)[_-]?proxy["']?\s*[=:]\s*|^\s*proxy\s*=\s*|Acquire::https?::proxy\s+)["']?"""
    rf"""(?:(?P<scheme>[a-z0-9]+)://)?(?:[^@/\s"']*@)?(?P<host>{HOST})(?::(?P<port>\d{{1,5}}))?""",
    re.IGNORECASE,
)
PROXY_FILES = (
    "/etc/environment", "/etc/profile", "/etc/profile.d/*.sh", "/etc/sysconfig/proxy", "/etc/systemd/system.conf", "/etc/wgetrc",
    "/etc/systemd/system.conf.d/*.conf", "/etc/systemd/system/*.service.d/*.conf", "/etc/default/docker", "/etc/sysconfig/docker",
    "/root/.docker/config.json", "/etc/docker/daemon.json", "/etc/yum.conf", "/etc/dnf/dnf.conf", "/etc/yum.repos.d/*.repo",
    "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*",
)  # fmt: skip


@collector(
    title="Whether what this host depends on can be reached now: gateway, name servers, proxies, configured servers",
    stage=Stage.VOLATILE,
    waits=True,
)
def reachability(host: Host) -> Iterator[Source]:
    """Probes, the most important first, then what only the host's own programs can tell about the same names."""
    targets = ordered(everything(host))
    began = time.monotonic()
    names = [target.name for target in targets if not numeric(target.name)]
    for position, target in enumerate(targets):
        yield Probe(
            target.kind,
            target.address,
            named_by=target.named_by,
            options=target.options,
            timeout=20.0 if target.kind in ("proxy", "page") else 10.0,
            skip=never(target) or _too_many(position, time.monotonic() - began),
        )
    for name in list(dict.fromkeys(names))[:MAX_GETENT]:
        yield Command(("getent", "ahosts", name), timeout=10.0)
    secure = [target for target in targets if is_tls(target) and not never(target) and target.rank != OWN]
    for target in secure[:MAX_OPENSSL]:
        yield Command(("openssl", "s_client", "-connect", target.address, "-servername", target.name, "-showcerts"), timeout=6.0)


def everything(host: Host) -> Iterator[Target]:
    """All targets, in any order, some of them twice."""
    services = [target for find in FINDERS for target in find(host)]
    yield from gateways(host)
    own = list(own_addresses(host))
    yield from own
    yield from own_servers(host, next((target.name for target in own if ":" not in target.name), ""))
    yield from name_servers(host, services)
    yield from proxies(host, services)
    yield from services
    near = [target for target in services if target.kind in ("tcp", "tls") and target.rank < 40 and not never(target)]
    for target in sorted(near, key=lambda target: target.rank)[:1]:
        yield Target(35, "mtu", target.name, 0, target.named_by)


def ordered(targets: Iterable[Target]) -> list[Target]:
    """By importance, no address twice; what is never asked comes last, so that it takes no place."""
    apart = ("arp", "mtu", "page")
    worst_first = sorted(targets, key=lambda target: -target.rank)
    once = {(target.address.lower(), target.kind if target.kind in apart else ""): target for target in worst_first}
    return sorted(once.values(), key=lambda target: (bool(never(target)), target.rank))


def _too_many(position: int, seconds: float) -> str:
    if position >= MAX_PROBES:
        return f"more than {MAX_PROBES} addresses are configured: the more important ones were asked"
    return f"the {MAX_SECONDS:.0f} s for probes were over" if seconds > MAX_SECONDS else ""


# -- the network itself


def gateways(host: Host) -> Iterator[Target]:
    """Default gateways: /proc/net/route in the byte order of the machine, /proc/net/ipv6_route in that of the network."""
    for where, line in lines(host, "/proc/net/route"):
        words = line.split()
        if len(words) > 7 and words[1] == words[7] == "00000000" and words[2] != "00000000" and _HEX4.fullmatch(words[2]):
            address = str(ipaddress.IPv4Address(struct.pack("=I", int(words[2], 16))))
            yield Target(1, "arp", address, 0, where, (("dev", words[0]),))
            yield Target(7, "mtu", address, 0, where)  # does the wire carry as much as our interface believes?
    for where, line in lines(host, "/proc/net/ipv6_route"):
        words = line.split()
        default = len(words) == 10 and words[0] == "0" * 32 and words[1] == "00" and words[9] != "lo"
        if default and words[4] != "0" * 32 and _HEX6.fullmatch(words[4]):
            gateway = ipaddress.IPv6Address(bytes.fromhex(words[4]))
            yield Target(2, "arp", f"{gateway}%{words[9]}" if gateway.is_link_local else str(gateway), 0, where, (("dev", words[9]),))


def own_addresses(host: Host) -> Iterator[Target]:
    """Addresses of this host on real networks: does somebody else have them too?"""
    networks = []
    for _, line in lines(host, "/proc/net/route"):
        words = line.split()
        if len(words) > 7 and words[7] != "00000000" and _HEX4.fullmatch(words[1]) and _HEX4.fullmatch(words[7]):
            networks.append((words[0], int(words[1], 16), int(words[7], 16)))
    previous = ""
    found: dict[str, Target] = {}
    for where, line in lines(host, "/proc/net/fib_trie"):
        if "host LOCAL" in line and (ip := numeric(previous)) and isinstance(ip, ipaddress.IPv4Address) and not ip.is_loopback:
            (bits,) = struct.unpack("=I", ip.packed)
            device = next((device for device, network, mask in networks if bits & mask == network), "")
            if device and not _INNER.match(device):
                found.setdefault(str(ip), Target(5, "arp", str(ip), 0, where, (("dev", device),)))
        previous = line.split()[-1] if line.startswith("|--") else previous
    for where, line in lines(host, "/proc/net/if_inet6"):
        words = line.split()
        if len(words) == 6 and words[3] == "00" and not _INNER.match(words[5]) and _HEX6.fullmatch(words[0]):
            ip6 = str(ipaddress.IPv6Address(bytes.fromhex(words[0])))
            found.setdefault(ip6, Target(6, "arp", ip6, 0, where, (("dev", words[5]),)))
    yield from list(found.values())[:6]


def own_servers(host: Host, address: str) -> Iterator[Target]:
    """Servers of this host at the usual ports of TLS, if they listen on all addresses: which certificate do they show?"""
    if not address:
        return
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for where, line in lines(host, path):
            words = line.split()
            everywhere, _, port = words[1].partition(":") if len(words) > 3 and words[3] == "0A" else ("x", "", "")
            if not everywhere.strip("0") and re.fullmatch("[0-9A-F]{4}", port) and int(port, 16) in TLS_PORTS:
                yield Target(OWN, "tls", address, int(port, 16), where)


def name_servers(host: Host, services: list[Target]) -> Iterator[Target]:
    """Every name server, those behind a local stub too, asked for our own name and the first configured one."""
    asked = [*own_names(host), *(target.name for target in sorted(services, key=lambda target: target.rank) if not numeric(target.name))]
    options = tuple(("name", name) for name in list(dict.fromkeys(asked))[:2])
    for where, line in lines(host, "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf"):
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and numeric(words[1]):
            yield Target(3, "dns", words[1], 53, where, options)
    for where, line in lines(host, "/etc/systemd/resolved.conf", "/etc/systemd/resolved.conf.d/*.conf"):
        key, _, value = line.partition("=")
        servers = value.split() if key.strip() in ("DNS", "FallbackDNS") else []
        for server in (server.partition("#")[0] for server in servers):
            for target in plain(4, "dns", where, server, 53):
                yield Target(4, "dns", target.name, target.port, where, options)


def own_names(host: Host) -> list[str]:
    """The host's own name, in its search domain where it has none of its own."""
    name = host.text("/proc/sys/kernel/hostname").strip() or host.text("/etc/hostname").strip()
    domains = [words[1] for words in map(str.split, host.lines("/etc/resolv.conf")) if len(words) > 1 and words[0] in ("search", "domain")]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,250}", name) or name.startswith("localhost"):
        return []
    return [name if "." in name else f"{name}.{domain.strip('.')}" for domain in domains[:1] or [""] if "." in name or domain.strip(".")]


def proxies(host: Host, services: list[Target]) -> Iterator[Target]:
    """Every proxy, asked for the first configured server that is not local to the site: directly and through it."""
    far = [target for target in services if target.rank >= 40 and not numeric(target.name)]
    plain_one = page_server(host, services)
    beyond = iter({target.name: target for target in sorted(far, key=lambda target: not is_tls(target))}.values())
    for where, scheme, name, port in _proxy_lines(host):
        through = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        itself = Target(8, "tcp", name, port, where)
        end = None if scheme.startswith("socks") or never(itself) else next(beyond, None)
        yield Target(8, "proxy", end.name, 443 if end.port == 80 else end.port, where, (("proxy", through),)) if end else itself
        if plain_one and not scheme.startswith("socks") and not never(itself):
            yield Target(9, "page", plain_one.name, plain_one.port, where, (("proxy", through),))


def page_server(host: Host, services: list[Target]) -> Target | None:
    """A server without TLS whose first page can be compared: one that a program names, before those of packages."""
    excepted = {word.strip().lower().lstrip("*.") for _, text in _exceptions(host) for word in re.split(r"[,\s]+", text) if word.strip()}
    servers = [each for each in services if each.kind == "tcp" and each.port in (80, 8000, 8008, 8080, 8081, 8888) and not never(each)]
    servers = [each for each in servers if not any(f".{each.name.lower()}".endswith(f".{word}") for word in excepted)]
    return min(servers, key=lambda each: (each.rank, each.port != 80), default=None)


def _exceptions(host: Host) -> Iterator[Line]:
    for where, line in lines(host, *PROXY_FILES):
        if found := re.search(r"""no_proxy["']?\s*[=:]\s*["']?([^"'\s]*)""", line, re.IGNORECASE):
            yield where, found[1]


def _proxy_lines(host: Host) -> Iterator[tuple[str, str, str, int]]:
    seen = set()
    for where, line in [*lines(host, *PROXY_FILES), *_environments(host)]:
        for found in _PROXY.finditer(line):
            port = int(found["port"] or PORTS.get((found["scheme"] or "http").lower(), 80))
            place = (found["host"].strip("[]"), port)
            if (
                place not in seen
                and 0 < port < 65536
                and place[0].lower() not in ("none", "direct", "_none_", "off", "no", "yes", "true", "false", "null")
            ):
                seen.add(place)
                yield where, (found["scheme"] or "http").lower(), *place
    name, port_text, where = "", "", ""
    for place_of, line in lines(host, "/etc/rhsm/rhsm.conf"):
        key, _, value = (part.strip() for part in line.partition("="))
        name, where = (value, place_of) if key == "proxy_hostname" else (name, where)
        port_text = value if key == "proxy_port" else port_text
    if re.fullmatch(HOST, name):
        port = number(port_text) or 0
        yield where, "http", name.strip("[]"), port if 0 < port < 65536 else 3128


def _environments(host: Host) -> Iterator[Line]:
    """The proxies of running services: theirs count, not those of the admin's shell. Nothing else of an environment is looked at."""
    for pid in host.pids()[:MAX_PROCESSES]:
        for word in host.text(f"/proc/{pid}/environ").split("\0"):
            if re.match(r"(https?|all)_proxy=", word, re.IGNORECASE):
                yield f"/proc/{pid}/environ", word
