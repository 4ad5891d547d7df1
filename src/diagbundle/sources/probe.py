"""Probes: one small question over the network each, to an address that the host's own configuration names.

At most three packets or one connection for an address, three seconds for an answer, and nothing to an address that is not the
target or what the target's name leads to by the host's own name servers and hosts file. Every answer is hostile until read:
reads are bounded, and what cannot be read becomes a row with `error`.

A probe gives rows. `what` says which step a row tells of, `outcome` is one word of a fixed set, `detail` says it to people,
`ms` is the time it took. The steps of a kind are described at its function.
"""

# ruff: noqa: PLR2004 - the numbers are those of the protocols, named in comments where they are met

from __future__ import annotations

from collections.abc import Callable, Iterator

from diagbundle.errors import SourceSkipped
from diagbundle.host import Host
from diagbundle.model import Probe, Row
from diagbundle.numbers import number
from diagbundle.sources.probe_link import arp
from diagbundle.sources.probe_names import dns
from diagbundle.sources.probe_net import UNREADABLE, Clock, errno_name
from diagbundle.sources.probe_page import page
from diagbundle.sources.probe_path import mtu, ntp
from diagbundle.sources.probe_tcp import ports, tcp
from diagbundle.sources.probe_tls import tls
from diagbundle.sources.probe_web import http, proxy

KINDS: dict[str, Callable[[Probe, Host, Clock], Iterator[Row]]] = {
    "arp": arp, "dns": dns, "http": http, "mtu": mtu, "ntp": ntp, "page": page, "ports": ports, "proxy": proxy, "tcp": tcp, "tls": tls,
}  # fmt: skip
_SPARE = 0.25
"""Seconds before its time is over in which a probe still says what it knows."""
_TELLING = ("DestUnreachs", "TimeExcds", "PktTooBigs", "Redirects")


def run(probe: Probe, host: Host) -> Iterator[Row]:
    """The rows of one probe; never raises for what the network or its other end does.

    Raises `SourceSkipped` where the host is not the running system: a saved one must not make this machine send anything.
    """
    if not host.live:
        raise SourceSkipped("only the running system itself can ask over the network")
    base: dict[str, object] = {"kind": probe.kind, "target": probe.target, "named_by": probe.named_by}
    before = _icmp(host)
    try:
        if probe.kind not in KINDS:
            raise ValueError(f"there is no kind of probe called {probe.kind!r}: {', '.join(KINDS)}")
        for row in KINDS[probe.kind](probe, host, Clock(probe.timeout - _SPARE)):
            yield base | dict(row)
    except UNREADABLE as error:
        name = errno_name(error.errno or 0) if isinstance(error, OSError) else type(error).__name__
        yield base | {"what": "probe", "outcome": "error", "error": f"{name}: {error}"[:300]}
    grown = {name: now - before.get(name, 0) for name, now in _icmp(host).items() if now != before.get(name, 0)}
    if grown:
        yield base | {"what": "icmp_counters", "outcome": "grown", "detail": "counters of the host that grew meanwhile", "grown": grown}


def _icmp(host: Host) -> dict[str, int]:
    """Counters of ICMP messages that came in, both families."""
    names, values = _pair(host)
    pairs = [(f"Icmp{name}", value) for name, value in zip(names, values, strict=False) if name.startswith("In")]
    lines = map(str.split, host.lines("/proc/net/snmp6"))
    pairs += [(words[0], words[1]) for words in lines if len(words) == 2 and words[0].startswith("Icmp6In")]
    counted = ((name, number(value)) for name, value in pairs if name.endswith(_TELLING))
    return {name: value for name, value in counted if value is not None}


def _pair(host: Host) -> tuple[list[str], list[str]]:
    """The words of the two lines `Icmp:` in /proc/net/snmp: names and values."""
    rows = [line.split() for line in host.lines("/proc/net/snmp") if line.startswith("Icmp:")]
    return (rows[0], rows[1]) if len(rows) == 2 else ([], [])
