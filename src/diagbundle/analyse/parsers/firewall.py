"""Rules of nftables and iptables, as their tools list them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Fact, Line, parser
from diagbundle.analyse.facts.firewall import Chain, PacketRule, Zone

AT = "sos_commands/firewall_tables"
_NAMES = {
    "ssh": 22, "smtp": 25, "domain": 53, "http": 80, "kerberos": 88, "ntp": 123, "snmp": 161, "ldap": 389, "https": 443, "submission": 587,
    "ldaps": 636, "nfs": 2049, "mysql": 3306, "postgresql": 5432, "amqp": 5672, "redis": 6379,
}  # fmt: skip
_COUNTER = re.compile(r"\bcounter packets (\d{1,20}) bytes \d+")
_HANDLE = re.compile(r"\s*# handle \d+")


# -- nft


@parser((Chain, PacketRule), f"{AT}/nft_-a_list_ruleset", f"{AT}/nft_list_ruleset")
def nft(doc: Document) -> Iterator[Fact]:
    """`table inet filter { chain input { type filter hook input priority 0; policy drop; … } }`."""
    family, table, chain, depth, seen = "", "", "", 0, Counter[tuple[str, str]]()
    for line in doc.lines:
        text = _HANDLE.sub("", line).strip()
        if depth == 0 and (found := re.match(r"table (\w+) (\S+) \{", text)):
            family, table = found[1], found[2]
        elif depth == 1 and (found := re.match(r"chain (\S+) \{", text)):
            chain = found[1]
            if not text.endswith("}"):
                yield from _chain_head(doc, line, (family, table, chain))
        elif depth == 2 and chain and text not in ("", "}") and not text.startswith(("type ", "policy ", "comment ")):
            seen[chain, _COUNTER.sub("counter", text)] += 1
            yield _nft_rule(line, (family, table, chain), text, seen)
        depth = max(0, depth + _braces(text))
        chain = chain if depth >= 2 else ""


def _braces(text: str) -> int:
    """How much deeper it is behind a line; braces in quoted comments do not count."""
    bare = re.sub(r'"[^"]*"', "", text)
    return bare.count("{") - bare.count("}")


def _chain_head(doc: Document, line: Line, key: tuple[str, str, str]) -> Iterator[Chain]:
    after = doc.lines[line.number] if line.number < len(doc.lines) else line
    found = re.match(r"\s*type (\w+) hook (\w+)", after)
    policy = re.search(r"policy (\w+)", after) if found else None
    yield Chain(
        origin=(after if found else line).origin, tool="nft", family=key[0], table=key[1], name=key[2], hook=found[2] if found else "",
        kind=found[1] if found else "filter", policy=policy[1] if policy else "accept" if found else "",
    )  # fmt: skip


def _nft_rule(line: Line, key: tuple[str, str, str], text: str, seen: Counter[tuple[str, str]]) -> PacketRule:
    counted = _COUNTER.search(text)
    plain = _COUNTER.sub("counter", text)
    bare = re.sub(r'\b(comment|prefix) "[^"]*"', "", plain).replace('"', "")
    verdict = re.findall(r"(?:^|\s)(accept|drop|reject|return|queue|jump|goto)\b(?: (\S+))?", re.sub(r"\{[^}]*\}", "{}", bare))
    ports = re.findall(r"\b(?:tcp|udp|th|sctp)? ?dport (?:(?!vmap)(\{[^}]*\}|[\w-]+))", bare)
    protocol = re.search(r"\b(tcp|udp|sctp|icmpv6|icmp)\b", bare)
    word, target = verdict[-1] if verdict else ("", "")
    return PacketRule(
        origin=line.origin,
        tool="nft",
        family=key[0],
        table=key[1],
        chain=key[2],
        text=plain,
        verdict=word,
        target=target if word in ("jump", "goto") else "",
        packets=int(counted[1]) if counted else None,
        protocol=protocol[1] if protocol else "",
        ports=tuple(span for port in ports for span in _spans(port)),
        conditions=frozenset(_nft_conditions(bare)),
        number=seen[key[2], plain],
    )


_NFT = {
    "source": r"\b(ip6?|ether) saddr\b",
    "destination": r"\bip6? daddr\b|\bpkttype\b|\bfib daddr\b",
    "in": r"\biif(name)?\b",
    "out": r"\boif(name)?\b",
    "loopback": r"\b[io]if(name)? (== )?lo\b",
    "invalid": r"ct state (\{ )?invalid\b(?!.*established)",
    "new": r"ct state (\{ )?new\b(?!.*established)",
    "established": r"established|ct state != new|ct direction reply|ct status (dnat|snat|assured|confirmed)|tcp flags (!= "
    "syn|& .* != syn|ack)",
    "random": r"\bnumgen (random|inc)\b",
    "limit": r"\blimit rate\b",
    "flags": r"\btcp flags\b",
    "set": r"@\w",
    "sport": r"\bsport\b",
    "other": r"\b(meta mark|ct mark|mark|skuid|skgid|cgroup|fib "
    "saddr|icmp|icmpv6|l4proto|frag|exthdr|rt|vlan|time|hour|day|xt|dup|socket|osf)\b",
}


def _nft_conditions(text: str) -> Iterator[str]:
    for name, pattern in _NFT.items():
        if re.search(pattern, text):
            yield name


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """`22`, `ssh`, `8000-8010`, `{ 80, 443 }`."""
    for word in re.split(r"[\s,{}]+", text):
        low, _, high = word.partition("-") if "-" in word else word.partition(":")
        numbers = [_NAMES.get(each, int(each) if re.fullmatch(r"\d{1,5}", each, re.ASCII) else -1) for each in (low, high or low)]
        if min(numbers) >= 0:
            yield numbers[0], numbers[1]


# -- iptables-save

_RULE = re.compile(r"(?:\[(\d{1,20}):\d+\] )?-A (\S+) ?(.*)")


@parser(
    (Chain, PacketRule),
    f"{AT}/iptables-save_-c",
    f"{AT}/ip6tables-save_-c",
    f"{AT}/iptables-save",
    f"{AT}/ip6tables-save",
    f"{AT}/iptables-legacy-save_-c",
    f"{AT}/ip6tables-legacy-save_-c",
    f"{AT}/iptables-nft-save_-c",
    f"{AT}/ip6tables-nft-save_-c",
)
def iptables_save(doc: Document) -> Iterator[Fact]:
    """`*filter`, `:INPUT DROP [0:0]`, `[0:0] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT`."""
    family = "ip6" if "/ip6tables" in doc.path else "ip"
    table, seen = "", Counter[tuple[str, str]]()
    for line in doc.lines:
        if line.startswith("*"):
            table = line[1:].strip()
        elif found := re.match(r":(\S+) (\S+)(?: \[(\d{1,20}):)?", line):
            yield _built_in(line, "save", family, table, (found[1], found[2], found[3]))
        elif found := _RULE.match(line):
            seen[found[2], found[3]] += 1
            yield _save_rule(line, family, table, found, seen[found[2], found[3]])


_HOOKS = {"INPUT": "input", "OUTPUT": "output", "FORWARD": "forward", "PREROUTING": "prerouting", "POSTROUTING": "postrouting"}


def _built_in(line: Line, tool: str, family: str, table: str, about: tuple[str, str, str | None]) -> Chain:
    name, policy, packets = about
    return Chain(
        origin=line.origin,
        tool=tool,
        family=family,
        table=table,
        name=name,
        hook=_HOOKS.get(name, ""),
        policy=policy.lower() if policy != "-" else "",
        kind="nat" if table == "nat" else "filter",
        packets=int(packets) if packets else None,
    )


_VERDICTS = {
    "accept": "accept",
    "drop": "drop",
    "reject": "reject",
    "return": "return",
    "nfqueue": "queue",
    "tarpit": "drop",
    "queue": "queue",
}
_NO_VERDICT = {
    "LOG",
    "NFLOG",
    "ULOG",
    "MARK",
    "CONNMARK",
    "CT",
    "NOTRACK",
    "TCPMSS",
    "MASQUERADE",
    "SNAT",
    "DNAT",
    "REDIRECT",
    "CLASSIFY",
    "DSCP",
    "SET",
    "AUDIT",
    "CHECKSUM",
    "TPROXY",
    "TRACE",
    "TOS",
    "TTL",
    "HL",
    "HMARK",
    "NETMAP",
    "CONNSECMARK",
    "SECMARK",
    "TEE",
    "RATEEST",
    "SYNPROXY",
}


def _decided(target: str) -> tuple[str, str]:
    """Verdict and chain of `-j TARGET`."""
    if verdict := _VERDICTS.get(target.lower()):
        return verdict, ""
    return ("", "") if target in _NO_VERDICT or not target else ("jump", target)


def _save_rule(line: Line, family: str, table: str, found: re.Match[str], number: int) -> PacketRule:
    bare = re.sub(r'--comment (?:"(?:[^"\\]|\\.)*"|\S+)', "", found[3])
    target = re.search(r"(?:^|\s)-[jg] (\S+)", bare)
    verdict, chain = _decided(target[1] if target else "")
    ports = re.findall(r"(?<!! )--(?:dports?|destination-ports?) (\S+)", bare)
    protocol = re.search(r"(?:^|\s)-p (\S+)", bare)
    return PacketRule(
        origin=line.origin, tool="save", family=family, table=table, chain=found[2], text=found[3], verdict=verdict, target=chain,
        packets=int(found[1]) if found[1] else None, protocol=protocol[1] if protocol else "",
        ports=tuple(span for port in ports for span in _spans(port)), conditions=frozenset(_save_conditions(bare)), number=number,
    )  # fmt: skip


_SAVE = {
    "source": r"(^|\s)-s |--src-range|--src-type",
    "destination": r"(^|\s)-d |--dst-type|--pkt-type|--dst-range",
    "in": r"(^|\s)-i ",
    "out": r"(^|\s)-o ",
    "loopback": r"(^|\s)-[io] lo\b",
    "invalid": r"state INVALID\b",
    "new": r"state NEW\b(?!,)",
    "established": r"state \S*ESTABLISHED|! --(ct)?state NEW|--ctdir REPLY|! --syn|--ctstatus|! --tcp-flags \S*SYN",
    "random": r"--mode (random|nth)",
    "limit": r"-m (hash)?limit|--connlimit|-m recent",
    "flags": r"--tcp-flags|--syn",
    "set": r"--match-set",
    "sport": r"--(sports?|source-ports?|ports) ",
    "other": r"--mark|--uid-owner|--gid-owner|-m "
    "(string|u32|bpf|time|physdev|rpfilter|cgroup|owner|mark|ttl|ecn|addrtype|socket|icmp)|-p (icmp|ipv6-icmp|icmpv6)|(^|\\s)-f\b",
}


def _save_conditions(text: str) -> Iterator[str]:
    for name, pattern in _SAVE.items():
        if re.search(pattern, text):
            yield name


# -- iptables -L, of bundles of other tools

_LISTED = re.compile(r"\s*(\d{1,20}[KMGT]?)\s+\d+[KMGT]?\s+(\S+)\s+(\S+)\s+(\S{2})\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*(.*)")


@parser((Chain, PacketRule), f"{AT}/iptables_-vnxL", f"{AT}/ip6tables_-vnxL", f"{AT}/iptables_-t_*_-*L", f"{AT}/ip6tables_-t_*_-*L",
        "sos_commands/networking/iptables_-*L", "sos_commands/networking/ip6tables_-*L")  # fmt: skip
def iptables_list(doc: Document) -> Iterator[Fact]:
    """`Chain INPUT (policy DROP 5 packets, 300 bytes)`, then columns."""
    family = "ip6" if "/ip6tables" in doc.path else "ip"
    named = re.search(r"_-t_(\w+)_-", doc.path)
    table, chain, seen = named[1] if named else "filter", "", Counter[tuple[str, str]]()
    for line in doc.lines:
        if found := re.match(r"Chain (\S+) \((?:policy (\w+)(?: (\d+) packets)?)?", line):
            chain = found[1]
            yield _built_in(line, "list", family, table, (chain, found[2] or "-", found[3]))
        elif chain and (found := _LISTED.match(line)):
            text = " ".join(found.groups()[1:])
            seen[chain, text] += 1
            yield _listed(line, family, table, chain, found, seen[chain, text])


def _listed(line: Line, family: str, table: str, chain: str, found: re.Match[str], number: int) -> PacketRule:  # noqa: PLR0913, PLR0917
    packets, target, protocol, _, in_, out, source, destination, rest = found.groups()
    verdict, to = _decided(target)
    words = {
        "in": in_ not in ("*", "any"),
        "out": out not in ("*", "any"),
        "loopback": "lo" in (in_, out),
        "source": source not in ("0.0.0.0/0", "::/0"),
        "destination": destination not in ("0.0.0.0/0", "::/0"),
        "established": "ESTABLISHED" in rest or "! NEW" in rest,
        "invalid": bool(re.search(r"state INVALID\b", rest)),
        "new": bool(re.search(r"state NEW\b(?!,)", rest)),
        "random": "statistic mode" in rest,
        "limit": "limit" in rest or "recent" in rest,
        "set": "match-set" in rest,
        "flags": "flags:" in rest,
        "sport": "spt" in rest,
        "other": bool(re.search(r"owner|mark|rpfilter|icmp|ADDRTYPE|STRING", rest)) or "icmp" in protocol,
    }
    ports = re.findall(r"\bdpts?:(\S+)", rest) + re.findall(r"dports (\S+)", rest)
    return PacketRule(
        origin=line.origin,
        tool="list",
        family=family,
        table=table,
        chain=chain,
        text=" ".join(found.groups()[1:]),
        verdict=verdict,
        target=to,
        packets=int(packets) if packets.isdecimal() else None,
        protocol={"6": "tcp", "17": "udp", "0": "", "all": ""}.get(protocol, protocol),
        ports=tuple(span for port in ports for span in _spans(port)),
        conditions=frozenset(name for name, is_so in words.items() if is_so),
        number=number,
    )


# -- firewalld


@parser(Zone, "sos_commands/firewalld/firewall-cmd_--list-all-zones", "sos_commands/firewalld/firewall-cmd_--permanent_--list-all-zones")
def zones(doc: Document) -> Iterator[Zone]:
    """A paragraph for each zone: its name, then `  services: ssh dhcpv6-client`."""
    paragraph: list[Line] = []
    for line in [*doc.lines, None]:
        if line is not None and line.strip() and (line.startswith((" ", "\t")) or not paragraph):
            paragraph.append(line)
            continue
        if len(paragraph) > 1:
            yield _zone(paragraph, is_permanent="--permanent" in doc.path)
        paragraph = [line] if line is not None and line.strip() else []


def _zone(lines: list[Line], *, is_permanent: bool) -> Zone:
    value = {key.strip(): rest.split() for key, _, rest in (line.partition(":") for line in lines[1:])}
    items = [f"{key} {word}" for key in ("services", "ports", "protocols", "source-ports", "forward-ports") for word in value.get(key, [])]
    items += [line.strip() for line in lines if line.strip().startswith("rule ")]
    items += [f"{key} yes" for key in ("masquerade",) if value.get(key) == ["yes"]]
    return Zone(
        origin=lines[0].origin,
        name=lines[0].split()[0],
        is_permanent=is_permanent,
        items=frozenset(items),
        interfaces=tuple(value.get("interfaces", ())),
        target=" ".join(value.get("target", ())),
    )
