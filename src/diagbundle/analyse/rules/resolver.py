"""The resolver's own files: /etc/resolv.conf, its links, nsswitch.conf, /etc/hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from diagbundle.analyse.api import About, Finding, Severity, latest, rule
from diagbundle.analyse.facts.names import HostEntry, NameServer, NssSource, ResolverFile, ResolverLink, UdpPort, UnresolvedName, unanswered
from diagbundle.analyse.facts.reach import Probe

MOST_SERVERS = 3
DNS_PORT = 53


@rule("DNS004", "local name servers that do not run", NameServer, UdpPort, absent="there is no UDP")
def stub_runs(servers: list[NameServer], ports: list[UdpPort]) -> Iterator[Finding]:
    """/etc/resolv.conf names a server on this host (127.0.0.53: systemd-resolved; 127.0.0.1 or ::1: dnsmasq, unbound, bind, nscd),
    and nobody listens at UDP port 53 of that address: no name can be resolved (critical; a warning if another server is named too).
    Docker's 127.0.0.11 is left out: it is reached by a rule of the firewall.
    Do: start the local server (`systemctl start systemd-resolved`), or name a real one in /etc/resolv.conf.
    """
    listening = {port.address for port in latest(ports) if port.port == DNS_PORT}
    named = [each for each in servers if each.file == "/etc/resolv.conf"]
    for server in named:
        local = server.address == "::1" or (server.address.startswith("127.") and server.address != "127.0.0.11")
        if local and not listening & {server.address, "0.0.0.0", "::"}:  # noqa: S104  # it is read, not bound
            alone = all(other.address == server.address for other in named)
            who = "systemd-resolved" if server.address in ("127.0.0.53", "127.0.0.54") else "the local name server"
            yield Finding(
                Severity.CRITICAL if alone else Severity.WARNING,
                f"/etc/resolv.conf asks {server.address}, but nobody listens there: {who} does not run",
                (server.origin,),
                f"Start {who}, or put the address of a real name server into /etc/resolv.conf",
                subject=server.address,
            )


@rule("DNS005", "the resolver's settings", ResolverFile, uses=(UnresolvedName, UdpPort, About))
def settings(files: list[ResolverFile], complaints: list[UnresolvedName], ports: list[UdpPort], about: list[About]) -> Iterator[Finding]:
    """/etc/resolv.conf itself.

    Without a line `nameserver` the C library asks 127.0.0.1: if nobody listens there no name is resolved (critical where a program
    complained of that within a day, else a note: some hosts live by /etc/hosts). More than three servers: the C library leaves out
    all behind the third (note).
    Do: put the site's name servers there, or into what writes the file (NetworkManager, netplan, netconfig, systemd-resolved).
    """
    file = files[-1]
    needs = unanswered(complaints, about[0].now)[-1:]
    listens = any(port.port == DNS_PORT for port in latest(ports))
    if not file.servers and not listens:
        yield Finding(
            Severity.CRITICAL if needs else Severity.NOTE,
            "no name server is configured: /etc/resolv.conf has no line `nameserver`",
            (file.origin, *(each.origin for each in needs)),
            "Put `nameserver ADDRESS` into /etc/resolv.conf, or into what writes that file",
        )
    if len(set(file.servers)) > MOST_SERVERS:
        left = ", ".join(file.servers[MOST_SERVERS:])
        yield Finding(
            Severity.NOTE,
            f"/etc/resolv.conf names {len(file.servers)} name servers; only the first 3 are ever asked, not {left}",
            (file.origin,),
            "Keep the three that matter",
        )


@rule("DNS006", "links of the resolver's files", ResolverLink)
def links_lead_somewhere(links: list[ResolverLink]) -> Iterator[Finding]:
    """/etc/resolv.conf (or hosts, nsswitch.conf) is a link to a file that is not there, so that programs find no such file at all.

    The usual one leads to /run/systemd/resolve/stub-resolv.conf, which exists only while systemd-resolved runs.
    Do: start the service that writes the file, or replace the link by a file of your own.
    """
    for link in links:
        if not link.exists:
            service = (
                "systemd-resolved"
                if "systemd" in link.target
                else "NetworkManager"
                if "NetworkManager" in link.target
                else "what writes it"
            )
            yield Finding(
                Severity.CRITICAL if link.path == "/etc/resolv.conf" else Severity.WARNING,
                f"{link.path} is a link to {link.target}, which does not exist: names cannot be resolved by it",
                (link.origin,),
                f"Start {service}, or replace the link by a file",
                subject=link.path,
            )


@rule("DNS007", "sources of host names in nsswitch.conf", NssSource, uses=(ResolverFile,))
def nss_asks_dns(sources: list[NssSource], files: list[ResolverFile]) -> Iterator[Finding]:
    """The line `hosts:` of /etc/nsswitch.conf decides where programs look for names.

    Warning: neither `dns` nor `resolve` stands in it although name servers are configured, or an action such as `[NOTFOUND=return]`
    right behind `files` ends every search before DNS is asked. `files` missing is a note: /etc/hosts is then ignored.
    Do: `hosts: files dns` is right nearly everywhere.
    """
    line = next((each for each in reversed(sources) if each.database == "hosts"), None)
    if line is None:
        return
    plain = [word for word in line.sources if not word.startswith("[")]
    asks = [word for word in plain if word in ("dns", "resolve", "sss", "ldap", "nis", "wins", "winbind")]
    if not {"dns", "resolve"} & set(plain) and files and files[-1].servers:
        title = f"programs never ask DNS: the line `hosts: {' '.join(line.sources)}` of /etc/nsswitch.conf lacks `dns`"
        yield Finding(
            Severity.WARNING, title, (line.origin, files[-1].origin), "Put `dns` behind `files` in the line `hosts:` of /etc/nsswitch.conf"
        )
    elif asks and _ends_early(line.sources):
        title = f"programs never ask DNS: `{' '.join(line.sources)}` in /etc/nsswitch.conf ends behind `files`"
        yield Finding(
            Severity.WARNING,
            title,
            (line.origin,),
            "Remove the action in brackets behind `files` in the line `hosts:` of /etc/nsswitch.conf",
        )
    if plain and "files" not in plain:
        yield Finding(
            Severity.NOTE,
            f"/etc/hosts is ignored: the line `hosts: {' '.join(line.sources)}` of /etc/nsswitch.conf lacks `files`",
            (line.origin,),
            "Put `files` first in the line `hosts:`",
        )


def _ends_early(sources: Sequence[str]) -> bool:
    pairs = pairwise(sources)
    return any(name == "files" and re.search(r"NOTFOUND=return|!SUCCESS=return", action, re.IGNORECASE) for name, action in pairs)


@rule("DNS008", "/etc/hosts against DNS", Probe, uses=(HostEntry, About))
def hosts_file_agrees(probes: list[Probe], entries: list[HostEntry], about: list[About]) -> Iterator[Finding]:
    """/etc/hosts gives a name another address than DNS does. Programs believe /etc/hosts.

    Often that is meant, so it is a note; a warning where a connection to the address of /etc/hosts failed just now: then the
    server has moved and the line is stale. The host's own name and loopback addresses are left out.
    Do: remove the line from /etc/hosts, or correct it.
    """
    failed = {probe.address for probe in probes if probe.what == "connect" and probe.outcome not in ("connected", "refused", "")}
    seen: set[str] = set()
    for probe in probes:
        listed = [str(each) for each in _list(probe.more.get("hosts_file"))]
        told = [str(each).partition(" ")[2] for each in _list(probe.more.get("answers")) if str(each).startswith(("A ", "AAAA "))]
        stale = [
            each for each in listed if not each.startswith("127.") and (":" in each) == any(":" in one for one in told) and each not in told
        ]
        own = probe.name.partition(".")[0] == about[0].name.partition(".")[0]
        if probe.what == "question" and told and stale and not own and probe.name not in seen:
            seen.add(probe.name)
            yield Finding(
                Severity.WARNING if failed & set(stale) else Severity.NOTE,
                f"/etc/hosts says {probe.name} is {stale[0]}, DNS says {told[0]}",
                (probe.origin, *(entry.origin for entry in entries if probe.name.lower() in entry.names)),
                subject=probe.name,
                advice=f"If {probe.name} has moved, remove its line from /etc/hosts",
            )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
