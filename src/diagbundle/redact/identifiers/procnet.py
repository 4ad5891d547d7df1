"""Addresses in the tables below /proc/net, where the kernel writes them in hexadecimal digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from diagbundle.redact.lazy import regex
from diagbundle.redact.span import Span

_FILE = regex(r"(?:^|/)proc/(?:(?:[0-9]+|self|thread-self)/)?(?:task/[0-9]+/)?net/(\w+)$")
_SOCKET = regex(rb"(?<![0-9A-Za-z])(?:[0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4}(?![0-9A-Za-z])")
_ROUTE = regex(rb"(?<=\t)[0-9A-F]{8}(?=\t)")
_LONG = regex(rb"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])")
SHORT = 16
"""An IPv4 address with its port has fewer digits than this, an IPv6 address more."""
_TABLES = {
    **dict.fromkeys(["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6"], _SOCKET),
    "route": _ROUTE,
    **dict.fromkeys(["if_inet6", "ipv6_route", "anycast6", "igmp6", "mcfilter6"], _LONG),
}


def rows(name: str) -> Callable[[bytes], Iterator[Span]] | None:
    """What finds the addresses in a line of such a file; `None` for others. `Addresses` reads the same spellings."""
    match = _FILE.search(name)
    pattern = _TABLES.get(match[1]) if match else None
    return (lambda line: _spans(pattern, line)) if pattern else None


def _spans(pattern: re.Pattern[bytes], line: bytes) -> Iterator[Span]:
    for match in pattern.finditer(line):
        digits = match.end() - match.start()
        yield Span(match.start(), match.end(), "ipv4" if digits < SHORT else "ipv6")
