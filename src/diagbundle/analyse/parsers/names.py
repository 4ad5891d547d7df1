"""Files of the resolver, answers of the C library, and complaints in logs about names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Event, Line, log_parser, parser
from diagbundle.analyse.facts.names import HostEntry, Lookup, NameServer, NssSource, ResolverFile, ResolverLink, UdpPort, UnresolvedName

_HOST = r"(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,250}[A-Za-z0-9_])?)"
_RESOLVE = (
    r"(?:resolv\w*|translate) (?:the )?(?:host address|host ?name|host|server|address|name|proxy|proxy name|pool|peer|remote host)?[ :]*"
    r"(?:for |of )?[\"'`]?HOST(?![\w.-]| server\b)[\"']?"
)
_NAMED = [
    re.compile(pattern.replace("HOST", _HOST), re.IGNORECASE)
    for pattern in (
        r"lookup HOST(?: on \S+)?: ",
        r"(?:ENOTFOUND|EAI_AGAIN) HOST",
        r"UnknownHostException: HOST",
        _RESOLVE,
        r"(?:host not found in (?:upstream|resolver)|Name service error for name=|no such host:?|unknown host:?) ?[\"']?HOST",
        r"https?://(?:[^@/\s]*@)?HOST",
        r"HOST could not be resolved",
        r"HOST: (?:Temporary failure in name resolution|Name or service not known)",
    )
]
"""Ways in which programs tell which name it was; the first that fits."""
_SOFT = re.compile(
    r"temporary failure (?:in name resolution|resolving)|\bEAI_AGAIN\b|(?:name|server) resolution (?:failed|timed out)"
    r"|lookup \S+.*(?:i/o timeout|server misbehaving|connection refused)"
    r"|could not be resolved \(\d+: (?:Operation timed out|Server failure)",
    re.IGNORECASE,
)
"""Nobody answered."""
_HARD = re.compile(
    r"name or service not known|nodename nor servname provided|no such host\b|\bENOTFOUND\b|\bUnknownHostException\b"
    r"|could not be resolved \(3|host not found in (?:upstream|resolver)|no address associated with hostname",
    re.IGNORECASE,
)
"""Somebody answered that there is no such name."""
_EITHER = re.compile(
    r"(?:could ?n[o']t|cannot|can't|failed to|unable to) (?:resolve|translate) (?:the )?(?:remote |proxy |server )?"
    r"(?:host|server|name|address|proxy|[\"'])",
    re.IGNORECASE,
)
"""The reason, if it is told, stands behind it."""
_NOT = re.compile(
    r"reverse mapping|POSSIBLE BREAK-IN|unable to resolve host (?!address)|does not resolve to address|query\["
    r"|degraded feature set|Host or domain name not found|corresponding IP"
    r"|address ['\"]?[0-9a-f.:]*[.:][0-9a-f.:]+['\"]? (?:could not be|cannot be|was not) resolved",
    re.IGNORECASE,
)
"""Names of strangers (a client's address without a reverse record), `sudo` about the host's own name, and name servers that log every
question."""
_NO_NAMES = {
    "host",
    "hostname",
    "name",
    "address",
    "the",
    "server",
    "for",
    "proxy",
    "failed",
    "error",
    "to",
    "in",
    "on",
    "resolution",
    "pool",
    "peer",
    "resolve",
    "resolved",
    "resolving",
    "lookup",
    "getaddrinfo",
    "connect",
    "known",
}


@parser(ResolverFile, "etc/resolv.conf")
def resolver_file(doc: Document) -> Iterator[ResolverFile]:
    """The file as a whole; later `search` lines replace earlier ones, as in the C library."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[str] = []
    for _, words in _settings(doc):
        if words[0] == "nameserver" and len(words) > 1:
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = tuple(words[1:])
        elif words[0] == "options":
            options += words[1:]
    yield ResolverFile(
        servers=tuple(servers), search=search, options=tuple(options), origin=doc.origin(1, doc.text.strip().replace("\n", "; "))
    )


@parser(NameServer, "etc/resolv.conf", "run/systemd/resolve/resolv.conf", "run/NetworkManager/no-stub-resolv.conf")
def name_servers(doc: Document) -> Iterator[NameServer]:
    """Lines `nameserver ADDRESS`."""
    for line, words in _settings(doc):
        if words[0] == "nameserver" and len(words) > 1:
            yield NameServer(address=words[1], file=f"/{doc.path}", origin=line.origin)


def _settings(doc: Document) -> Iterator[tuple[Line, list[str]]]:
    return ((line, words) for line, words in doc.words() if not words[0].startswith(";"))


@parser(ResolverLink, "diagbundle/tables/resolver_links")
def links(doc: Document) -> Iterator[ResolverLink]:
    """Files of the resolver that are links."""
    for row in doc.rows:
        yield ResolverLink(path=row.text("path"), target=row.text("target"), exists=row["exists"] is not False, origin=row.origin)


@parser(HostEntry, "etc/hosts")
def hosts(doc: Document) -> Iterator[HostEntry]:
    """Lines `ADDRESS NAME…`."""
    for line, words in doc.words():
        if len(words) > 1:
            yield HostEntry(address=words[0], names=tuple(word.lower().rstrip(".") for word in words[1:]), origin=line.origin)


@parser(NssSource, "etc/nsswitch.conf")
def nss(doc: Document) -> Iterator[NssSource]:
    """Lines `DATABASE: SOURCE…`."""
    for line, _ in doc.words():
        name, colon, rest = line.partition("#")[0].partition(":")
        if colon and rest.strip():
            yield NssSource(database=name.strip(), sources=tuple(re.findall(r"\[[^\]]*\]|[^\s\[\]]+", rest)), origin=line.origin)


@parser(Lookup, "sos_commands/*/getent_ahosts_*", "sos_commands/*/getent_hosts_*")
def lookups(doc: Document) -> Iterator[Lookup]:
    """What `getent` answered, and how long that took."""
    name = (doc.entry.source.split() or [""])[-1] or re.split(r"hosts_", doc.path)[-1]
    yield Lookup(
        name=name,
        found=doc.exit in (0, None) and bool(doc.text.strip()),
        seconds=doc.entry.seconds,
        origin=doc.origin(1, (doc.text.splitlines() or [""])[0]),
    )


@parser(UdpPort, "proc/net/udp", "proc/net/udp6")
def udp_ports(doc: Document) -> Iterator[UdpPort]:
    """Sockets of UDP that are bound; the bytes of an address stand in the order of the machine (little endian, as all of ours)."""
    for line in doc.lines[1:]:
        words = line.split()
        found = re.fullmatch(r"([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})", words[1]) if words[1:] else None
        if found:
            queue = re.fullmatch(r"[0-9A-F]{8}:([0-9A-F]{8})", words[4]) if len(words) > 12 and words[12].isdecimal() else None
            yield UdpPort(
                address=_address(found[1]), port=int(found[2], 16), waiting=int(queue[1], 16) if queue else 0,
                drops=int(words[12][:18]) if queue else 0, origin=line.origin,
            )  # fmt: skip


def _address(digits: str) -> str:
    """Of IPv6 only whether it is any address, ::1, or another one: more is not needed to tell who listens on loopback."""
    if len(digits) == 8:
        return ".".join(str(byte) for byte in reversed(bytes.fromhex(digits)))
    return {"0" * 32: "::", "0" * 24 + "01000000": "::1"}.get(digits, digits.lower())


@log_parser(
    UnresolvedName, "name resolution", "failure resolving", "not resolve", "n't resolve", "to resolve ", "be resolved (",
    "name or service not known",
    "no such host", "nodename nor servname", "enotfound", "eai_again", "unknownhostexception", "host not found in", "no address associated",
    "translate host", "server misbehaving", "i/o timeout", "error resolving", "server resolution",
)  # fmt: skip
def unresolved(event: Event) -> Iterator[UnresolvedName]:
    """A program could not resolve a name."""
    text = event.text[:2000]
    soft, hard = _SOFT.search(text), _HARD.search(text)
    if (
        (soft or hard or _EITHER.search(text))
        and not event.is_kernel
        and not _NOT.search(text)
        and event.facility not in ("named", "dnsmasq", "unbound", "systemd-resolved", "sudo")
    ):
        yield UnresolvedName(
            name=name_in(text),
            no_such_name=bool((hard or "NXDOMAIN" in text) and not soft),
            time=event.time,
            who=event.facility,
            origin=event.origin,
        )


def name_in(text: str) -> str:
    """The name that a complaint is about, or ''."""
    for pattern in _NAMED:
        for found in pattern.finditer(text):
            name = found["name"].lower().rstrip(".")
            if name not in _NO_NAMES and not re.fullmatch(r"[\d.]+", name) and ("." in name or len(name) > 2):
                return name
    return ""
