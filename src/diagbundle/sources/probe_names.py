"""Names: each name server asked by our own packets, and names resolved by the host's hosts file and its name servers.

`getaddrinfo` is not used: it cannot be bounded, and a static libc does not load the host's NSS modules.
"""

# ruff: noqa: PLR2004 - the numbers are those of the protocols, named in comments where they are met

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diagbundle.host import Host
from diagbundle.model import Probe, Row
from diagbundle.numbers import number
from diagbundle.sources.probe_net import (
    MAX_ADDRESSES,
    UNREADABLE,
    Address,
    Clock,
    Datagrams,
    Icmp,
    Stream,
    connect_all,
    errno_name,
    forbidden,
    milliseconds,
    numeric,
    split,
)
from diagbundle.sources.probe_route import silent_neighbour, way_to

if TYPE_CHECKING:
    from dns.message import Message

MAX_QUESTIONS = 3
MAX_ANSWERS = 20
SLOW = 500.0
"""Milliseconds from which a name server is slow."""
REMEMBER = 60.0
"""Seconds for which a silent name server is not asked again on behalf of other probes."""
_silent: dict[Address, float] = {}

Question = tuple[str, str]
"""A name and a type of record."""


@dataclass
class Reply:
    """What a name server said to one question."""

    name: str
    type: str
    outcome: str = "dropped"
    detail: str = ""
    ms: float = 0.0
    transport: str = "udp"
    rcode: str = ""
    answers: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    truncated: bool = False

    def row(self) -> dict[str, object]:
        """For the evidence."""
        return {
            "what": "question", "name": self.name, "type": self.type, "transport": self.transport, "outcome": self.outcome,
            "rcode": self.rcode, "ms": self.ms, "slow": bool(self.rcode) and self.ms > SLOW, "answers": self.answers, "detail": self.detail,
        }  # fmt: skip


@dataclass
class Found:
    """The addresses of a name, and who told them."""

    name: str
    addresses: tuple[Address, ...] = ()
    by: str = ""
    detail: str = ""

    def rows(self) -> Iterator[Row]:
        """How the name was resolved; nothing for a number."""
        if self.by != "number":
            yield {
                "what": "resolve", "name": self.name, "outcome": "resolved" if self.addresses else "not_resolved", "by": self.by,
                "answers": [address.text for address in self.addresses], "detail": self.detail,
            }  # fmt: skip


def dns(probe: Probe, host: Host, clock: Clock) -> Iterator[Row]:
    """Ask one name server for the names of the options: by UDP, then by TCP where the answer was cut or did not come."""
    text, port = split(probe.target, 53)
    names = [value for key, value in probe.options if key == "name"] or [""]
    questions = [(names[0], "A"), (names[0], "AAAA")] if names[0] else [(".", "SOA")]
    questions = [*questions, *((name, "A") for name in names[1:])][:MAX_QUESTIONS]
    found = addresses_of(host, text, clock)
    yield from found.rows()
    for server in found.addresses[:1]:
        replies = ask(server, port, questions, clock)
        for reply in replies:
            yield {
                "address": server.text,
                "family": server.family_name,
                "port": port,
                "hosts_file": hosts_file(host, reply.name),
            } | reply.row()
        again = next((reply for reply in replies if reply.truncated or reply.outcome == "dropped"), None)
        if again:
            reply = ask_tcp(server, port, (again.name, again.type), clock)
            yield {"address": server.text, "family": server.family_name, "port": port} | reply.row()


def ask(server: Address, port: int, questions: Sequence[Question], clock: Clock) -> list[Reply]:
    """One datagram for each question, all at once; every question gets a reply, if only that none came."""
    first = int(time.monotonic() * 1000)
    replies = {(first + number * 7919) & 0xFFFF: Reply(name, kind) for number, (name, kind) in enumerate(questions)}
    queries = [(reply, query) for number, reply in replies.items() if (query := _asked(reply, number))]
    started = time.monotonic()  # the library that builds questions is loaded by now
    try:
        with Datagrams(server, port) as datagrams:
            for reply, query in queries:
                if refusal := datagrams.send(query):
                    reply.outcome, reply.detail = _outcome_of(refusal), f"{errno_name(refusal)} at once"
            _hear(datagrams, replies, started, clock.step())
    except OSError as error:
        for reply, _ in queries:
            reply.outcome, reply.detail = _outcome_of(error.errno or 0), f"{errno_name(error.errno or 0)} at once"
    for reply in replies.values():
        if reply.outcome == "dropped":
            reply.ms = milliseconds(started)
            reply.detail = f"no answer in {reply.ms / 1000:.1f} s"
        if reply.outcome in ("dropped", "unreachable") and (silent := silent_neighbour(server, way_to(server))):
            reply.outcome, reply.detail = "neighbour_silent", silent
    return list(replies.values())


def _asked(reply: Reply, number: int) -> bytes:
    try:
        return _query(reply.name, reply.type, number)
    except UNREADABLE as error:
        reply.outcome, reply.detail = "error", f"not a name that can be asked: {error}"[:200]
        return b""


def _hear(datagrams: Datagrams, replies: dict[int, Reply], started: float, clock: Clock) -> None:
    """Take answers until every question has one or the time is over; one error on the way stands for all that wait."""
    heard = 0
    while any(reply.outcome == "dropped" for reply in replies.values()) and heard < 4 * MAX_QUESTIONS:
        answer = datagrams.wait(clock)
        heard += 1
        if answer is None:
            return
        if isinstance(answer, Icmp):
            for reply in replies.values():
                if reply.outcome == "dropped":
                    reply.outcome, reply.detail = _icmp_outcome(answer), str(answer)
                    reply.ms = milliseconds(started)
            return
        reply_to = replies.get(int.from_bytes(answer[:2], "big"))
        if reply_to and reply_to.outcome == "dropped":
            reply_to.ms = milliseconds(started)
            read_answer(answer, reply_to)


def ask_tcp(server: Address, port: int, question: Question, clock: Clock) -> Reply:
    """The same question over a connection."""
    reply = Reply(*question, transport="tcp")
    started = time.monotonic()
    for attempt in connect_all([(server, port)], clock):
        reply.ms = attempt.ms
        if not attempt.socket:
            reply.outcome, reply.detail = _outcome_of(attempt.errno), errno_name(attempt.errno)
            return reply
        with attempt.socket:
            try:
                query = _query(*question, 4711)
                stream = Stream(attempt.socket, clock.step(), 2 + 65535)
                stream.send(len(query).to_bytes(2, "big") + query)
                data = stream.until(lambda data: len(data) >= 2 and len(data) >= 2 + int.from_bytes(data[:2], "big"))
                reply.ms = milliseconds(started)
                read_answer(data[2:], reply)
            except UNREADABLE as error:
                reply.outcome, reply.detail = "dropped" if isinstance(error, TimeoutError) else "error", str(error)[:200]
    return reply


def _query(name: str, kind: str, number: int) -> bytes:
    import dns.exception  # noqa: PLC0415 - costs 40 ms, and only where a name is asked for
    import dns.message  # noqa: PLC0415

    try:
        query = dns.message.make_query(name, kind, use_edns=0, payload=1232, id=number)
        return bytes(query.to_wire())
    except dns.exception.DNSException as error:
        raise ValueError(str(error) or type(error).__name__) from None


def read_answer(data: bytes, reply: Reply) -> None:
    """Fill a reply from the bytes of an answer, whatever they are."""
    import dns.exception  # noqa: PLC0415
    import dns.message  # noqa: PLC0415
    import dns.rcode  # noqa: PLC0415

    try:
        message = dns.message.from_wire(data, ignore_trailing=True, one_rr_per_rrset=False)
        reply.rcode = dns.rcode.to_text(message.rcode())
        _fill(message, reply)
    except dns.message.Truncated as error:
        reply.outcome, reply.truncated, reply.detail = "truncated", True, str(error)[:200]
    except (dns.exception.DNSException, *UNREADABLE, TypeError, AttributeError, AssertionError) as error:
        reply.outcome, reply.detail = "mangled", f"the answer of {len(data)} bytes cannot be read: {type(error).__name__} {error}"[:200]


def _fill(message: Message, reply: Reply) -> None:
    import dns.flags  # noqa: PLC0415
    import dns.rdatatype  # noqa: PLC0415

    if not message.flags & dns.flags.QR:
        reply.outcome, reply.detail = "mangled", "the answer is a question"
        return
    records = [(dns.rdatatype.to_text(rrset.rdtype), data.to_text()[:200]) for rrset in message.answer for data in rrset]
    reply.answers = [f"{kind} {text}" for kind, text in records[:MAX_ANSWERS]]
    reply.addresses = [text for kind, text in records if kind in ("A", "AAAA")]
    reply.truncated = bool(message.flags & dns.flags.TC)
    named = {
        "NOERROR": "answered" if records else "no_data",
        "NXDOMAIN": "no_such_name",
        "SERVFAIL": "server_failed",
        "REFUSED": "query_refused",
    }
    reply.outcome = "truncated" if reply.truncated and not records else named.get(reply.rcode, "answered_with_error")
    details = {
        "NXDOMAIN": "there is no such name: name or search domain wrong",
        "SERVFAIL": "the server could not find out: DNSSEC, its forwarder, or its own way out",
        "REFUSED": "the server does not answer this client",
    }
    reply.detail = details.get(reply.rcode, "" if records else "the name exists, but has no record of this type")


def _outcome_of(number: int) -> str:
    names = {
        "ECONNREFUSED": "refused",
        "ETIMEDOUT": "dropped",
        "EPERM": "dropped_here",
        "ENETUNREACH": "no_route",
        "EHOSTUNREACH": "unreachable",
    }
    return names.get(errno_name(number), "error")


def _icmp_outcome(answer: Icmp) -> str:
    if answer.local:
        return "neighbour_silent" if errno_name(answer.errno) == "EHOSTUNREACH" else _outcome_of(answer.errno)
    return "prohibited" if answer.prohibited else "refused" if answer.port_closed else "unreachable"


# -- names of targets


def addresses_of(host: Host, name: str, clock: Clock) -> Found:
    """The addresses of a name: number, hosts file, name servers. Forbidden ones are left out, and that is said."""
    found = _find(host, name, clock)
    reasons = [f"{address.text}: {reason}" for address in found.addresses if (reason := forbidden(address))]
    allowed = [address for address in found.addresses if not forbidden(address)]
    if reasons and found.by == "number":
        raise ValueError("; ".join(reasons))
    v4, v6 = ([address for address in allowed if (":" in address.text) is six] for six in (False, True))
    found.addresses = (*v4[: MAX_ADDRESSES // 2], *v6[: MAX_ADDRESSES // 2])
    found.detail = "; ".join(filter(None, [found.detail, *reasons]))
    return found


def _find(host: Host, name: str, clock: Clock) -> Found:
    if address := numeric(name):
        return Found(name, (address,), "number")
    if listed := hosts_file(host, name):
        return Found(name, tuple(filter(None, map(numeric, listed))), "/etc/hosts")
    return _ask_servers(host, name, clock)


def hosts_file(host: Host, name: str) -> list[str]:
    """What /etc/hosts says about a name."""
    wanted = name.lower().rstrip(".")
    rows = (line.split("#")[0].lower().split() for line in host.lines("/etc/hosts"))
    return [words[0] for words in rows if wanted in words[1:] and numeric(words[0])][:MAX_ADDRESSES]


def name_servers(host: Host) -> list[Address]:
    """The name servers of /etc/resolv.conf that the C library asks: the first three."""
    words = (line.split() for line in host.lines("/etc/resolv.conf"))
    servers = [numeric(found[1]) for found in words if len(found) > 1 and found[0] == "nameserver"]
    return [server for server in servers if server][:3]


def candidates(host: Host, name: str) -> list[str]:
    """The name as the C library would try it, with search domains and `ndots`; at most three."""
    domains: list[str] = []
    dots = 1
    for words in map(str.split, host.lines("/etc/resolv.conf")):
        if words[0] in ("search", "domain"):
            domains = words[1:]
        elif words[0] == "options":
            given = (number(word[6:]) for word in words if word.startswith("ndots:"))
            dots = next((count for count in given if count is not None), dots)
    if name.endswith("."):
        return [name]
    longer = [f"{name}.{domain.rstrip('.')}" for domain in domains if domain != "."]
    names = [name, *longer] if name.count(".") >= dots else [*longer, name]
    return names[:3]


def _ask_servers(host: Host, name: str, clock: Clock) -> Found:
    said = []
    step = clock.step()
    for server in name_servers(host):
        if time.monotonic() - _silent.get(server, -REMEMBER) < REMEMBER:
            said.append(f"{server.text} did not answer a moment ago")
            continue
        for full in candidates(host, name):
            replies = ask(server, 53, [(full, "A"), (full, "AAAA")], step.step(1.5))
            texts = [text for reply in replies for text in reply.addresses]
            if texts:
                return Found(name, tuple(filter(None, map(numeric, texts))), f"name server {server.text}", full if full != name else "")
            said.append(f"{server.text} about {full}: {'/'.join(reply.outcome for reply in replies)}")
            if all(reply.outcome not in ("no_such_name", "no_data") for reply in replies):
                if all(reply.outcome == "dropped" for reply in replies):
                    _silent[server] = time.monotonic()
                break
        else:
            break  # a server that says no is believed
    return Found(name, (), "", "; ".join(said) or "no name server is configured")
