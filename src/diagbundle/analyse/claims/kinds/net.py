"""The network: ports that are listened on, addresses, name servers, proxies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from diagbundle.analyse.claims.claim import Answer, compared, confirmed, contradicted, kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.claims.kinds.security import firewall
from diagbundle.analyse.evidence.document import Line
from diagbundle.analyse.facts.names import NameServer
from diagbundle.analyse.facts.network import Address
from diagbundle.analyse.facts.proxy import ProxySetting

_IP = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})(?![\w.:])")
_SOCKETS = (
    "diagbundle/tables/listen_queues", "sos_commands/networking/ss_*", "sos_commands/networking/netstat*neopa", "netstat", "proc/net/tcp",
)  # fmt: skip
_TCP_LISTEN, _UDP_OPEN = "0A", "07"


@kind("port", "a port that is listened on", "port=443 listening", "ports, listening port, listen, tcp port, open port")
def port(value: str, desk: Desk) -> Answer:
    """`443`, `443 listening`, `443 closed`, `53/udp`; `443 blocked` asks the firewall."""
    number = re.search(r"(?<![\d.])(\d{1,5})(?![\d.])", value)
    if not number or not 0 < int(number[1]) < 65536:  # noqa: PLR2004
        return unknown(f"{value!r} names no port")
    if re.search(r"(?i)\b(?:blocked|filtered|firewall\w*|allowed)\b", value):
        return firewall(f"port {value}", desk)
    says_closed = re.search(r"(?i)\b(?:not|closed|free|nothing|no|n't)\b", value) is not None
    protocol = "udp" if "udp" in value.lower() else "tcp" if "tcp" in value.lower() else ""
    sources = [listed for source in (_tables, _ss, _netstat, _kernel) if (listed := list(source(desk)))]
    wanted = ([each for each in listed if each[1] == int(number[1]) and each[0].startswith(protocol)] for listed in sources)
    there = next((each for each in wanted if each), [])
    asked = next(desk.documents(*_SOCKETS), None)
    if asked is None:
        return unknown(
            desk.why("which ports are listened on", "diagbundle/tables/listen_queues", "sos_commands/networking/ss_*", "proc/net/tcp")
        )
    if there:
        only = all(re.match(r"127\.|::1|\[::1\]|localhost", each[2]) for each in there)
        who = next((f" by {each[3]}" for each in there if each[3]), "")
        where = ", ".join(dict.fromkeys(each[2] for each in there))
        sentence = f"port {number[1]} is listened on{who}, at {where}{' (from this host only)' if only else ''}"
        return compared(not says_closed, sentence, [each[4].origin for each in there])
    if sent_on := _sent_on(number[1], desk):
        return compared(not says_closed, f"nobody listens on port {number[1]} itself, but it is sent on to a container", [sent_on.origin])
    return compared(says_closed, f"nobody listens on port {number[1]}", [asked.origin(0, "the list of listening sockets")])


def _sent_on(port: str, desk: Desk) -> Line | None:
    """What sends a port on to a container: a published port, or a rule for a service of Kubernetes."""
    published = desk.find(rf"(?:0\.0\.0\.0|::|\]|\d):{port}->\d+", "sos_commands/docker/docker_ps*", "sos_commands/podman/podman_ps*")
    rule = desk.find(
        rf"(?i)dport {port}\b.*\b(?:dnat|KUBE-)", "sos_commands/firewall_tables/*tables-save*", "sos_commands/firewall_tables/nft_*ruleset"
    )
    found = published or rule
    return found[1] if found else None


Listener = tuple[str, int, str, str, Line]
"""Protocol, port, address, program and line of a listening socket."""


def _tables(desk: Desk) -> Iterator[Listener]:
    """Our own tables: one knows all sockets, the other the programs behind them."""
    owners = {
        (row.text("netns"), row.text("protocol"), row.whole("port")): row
        for row in desk.rows("diagbundle/tables/socket_owners")
        if row.text("fact") == "listener"
    }
    for row in desk.rows("diagbundle/tables/listen_queues"):
        owner = owners.get((row.text("netns"), row.text("protocol"), row.whole("port")))
        yield row.text("protocol"), row.whole("port"), row.text("address"), owner.text("comm") if owner else "", (owner or row).line


def _ss(desk: Desk) -> Iterator[Listener]:
    pattern = r"^(tcp|udp)\S*\s+(?:LISTEN|UNCONN)\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+(?:.*users:\(\(\"([^\"]+))?"
    for found, line in desk.find_all(pattern, "sos_commands/networking/ss_-peaonmi", "sos_commands/networking/ss_*"):
        yield found[1], int(found[3]), found[2], found[4] or "", line


def _netstat(desk: Desk) -> Iterator[Listener]:
    for line in desk.lines("sos_commands/networking/netstat*neopa", "netstat"):
        words = line.split()
        if len(words) > 5 and words[0][:3] in ("tcp", "udp") and ("LISTEN" in words or words[0].startswith("udp")):  # noqa: PLR2004
            address, _, port = words[3].rpartition(":")
            who = next((word.partition("/")[2] for word in words[6:] if re.match(r"\d+/", word)), "")
            yield words[0], int(port) if port.isdecimal() else 0, address, who, line


def _kernel(desk: Desk) -> Iterator[Listener]:
    for protocol, state in (("tcp", _TCP_LISTEN), ("udp", _UDP_OPEN)):
        for line in desk.lines(f"proc/net/{protocol}", f"proc/net/{protocol}6"):
            found = re.match(r"\s*\d+: ([0-9A-F]{8,32}):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) ", line)
            if found and found[3] == state:
                address = ".".join(str(each) for each in reversed(bytes.fromhex(found[1]))) if len(found[1]) == 8 else "::"  # noqa: PLR2004
                yield protocol, int(found[2], 16), address, "", line


@kind("ip", "an address of the host", "ip=10.0.0.5", "ip address, ipv4, ipv6, ip addresses, server ip, host ip")
def address(value: str, desk: Desk) -> Answer:
    """Compared with the addresses of all interfaces."""
    said = [each for each in (_ip(text) for text in _IP.findall(value)) if each]
    own = desk.facts(Address) or list(_plain(desk))
    if not said:
        return unknown(f"{value!r} is no address")
    if not own:
        return unknown(desk.why("the addresses of the host", "sos_commands/networking/ip_*addr*", "proc/net/fib_trie"))
    has = {_ip(each.address): each for each in own}
    there = [has[each] for each in said if each in has]
    if len(there) == len(said):
        return confirmed(f"it has {', '.join(each.address for each in there)} on {there[0].nic}", [each.origin for each in there])
    others = [each for each in own if each.is_global]
    names = ", ".join(dict.fromkeys(each.address for each in others[:5])) or "no address but its own loopback"
    return contradicted(
        f"no interface has {' or '.join(each for each in said if each not in has)}; the host has {names}",
        [each.origin for each in others or own],
    )


def _plain(desk: Desk) -> Iterator[Address]:
    """Addresses as `ip` prints them, in whatever form it was asked."""
    for found, line in desk.find_all(
        r"^(?:\d+: (\S+)|) .*\binet6? ([\da-fA-F:.]+)/(\d{1,3})\b", "sos_commands/networking/ip_*addr*", "ip_addr"
    ):
        if _ip(found[2]):
            yield Address(found[1] or "an interface", found[2], int(found[3]), origin=line.origin)


def _ip(text: str) -> str:
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return ""


@kind("dns", "a name server", "dns=10.0.0.2", "dns server, dns servers, nameserver, name server, nameservers, resolver")
def dns(value: str, desk: Desk) -> Answer:
    """Compared with the name servers that the resolver's files name."""
    said = [each for each in (_ip(text) for text in _IP.findall(value)) if each]
    own = desk.facts(NameServer)
    if not said:
        return unknown(f"{value!r} is no address of a name server")
    if not own:
        return unknown(desk.why("the name servers", "etc/resolv.conf"))
    by_address = {_ip(each.address): each for each in reversed(own)}
    there = [by_address[each] for each in said if each in by_address]
    names = ", ".join(dict.fromkeys(each.address for each in own))
    if len(there) < len(said) and all(_ip(each.address).startswith(("127.", "::1")) for each in own):
        return _behind_the_stub(said, names, own, desk)
    return compared(len(there) == len(said), f"the name servers are {names}", [each.origin for each in there or own])


def _behind_the_stub(said: list[str], names: str, own: list[NameServer], desk: Desk) -> Answer:
    """Where programs ask a resolver on this host, the question is whom that one asks."""
    where = (
        "sos_commands/systemd/resolvectl*", "sos_commands/*/resolvectl*", "etc/systemd/resolved.conf", "etc/dnsmasq.conf",
        "etc/unbound/*.conf", "run/systemd/netif/links/*",
    )  # fmt: skip
    lines = [next((line for line in desk.lines(*where) if each in re.split(r"[\s=,]+", line)), None) for each in said]
    found = [line.origin for line in lines if line is not None]
    if len(found) == len(said):
        return confirmed(f"programs ask {names} on this host, which asks {', '.join(said)}", found)
    return unknown(f"programs ask {names} on this host; nothing tells that it asks {', '.join(said)}", [each.origin for each in own])


@kind("proxy", "whether a proxy is configured", "proxy=none", "http proxy, https proxy, proxies, web proxy")
def proxy(value: str, desk: Desk) -> Answer:
    """`none`, or `proxy.example.net:3128`; compared with every file and service that names one."""
    own = [each for each in desk.facts(ProxySetting) if each.name != "no_proxy" and each.place]
    word = value.strip().lower()
    says_none = re.fullmatch(r"(?:no|none|off|not? \w+|not (?:used|set|configured)|direct|false|n/a|without)", word) is not None
    if not own:
        asked = next(
            desk.documents(
                "etc/environment", "diagbundle/tables/proxies", "etc/profile", "etc/yum.conf", "etc/dnf/dnf.conf", "etc/apt/apt.conf"
            ),
            None,
        )
        if asked is None and not desk.entries("diagbundle/tables/proxies"):
            return unknown(desk.why("whether a proxy is configured", "etc/environment", "diagbundle/tables/proxies"))
        origin = asked.origin(0, "no proxy") if asked else desk.origin(desk.entries("diagbundle/tables/proxies")[0], "no proxy")
        return compared(says_none, "no file and no running service that was asked names a proxy", [origin])
    names = ", ".join(dict.fromkeys(f"{each.place} ({each.where})" for each in own))[:300]
    if says_none or word in ("yes", "true", "used", "configured", "set"):
        return compared(not says_none, f"a proxy is configured: {names}", [each.origin for each in own])
    place = word.rpartition("://")[2].rpartition("@")[2].partition("/")[0]
    there = [each for each in own if each.place == place or each.place.partition(":")[0] == place]
    return compared(bool(there), f"a proxy is configured: {names}", [each.origin for each in there or own])
