"""What programs wrote of TLS that failed, where the line names the server."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.certificates import TlsComplaint

_UNTRUSTED = re.compile(
    r"self[- ]signed certificate|unknown authority|unable to get (?:local )?issuer|DEPTH_ZERO_SELF_SIGNED|PKIX path building failed",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"handshake[ _]failure|certificate[ _]required|alert bad certificate|bad_certificate|No required SSL certificate was sent",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?:https|ldaps|amqps|wss|tls)://(?:[^@/\s]{1,100}@)?\[?([\w.:-]{1,253}?)\]?(?::\d{1,5})?(?=[/\s\"',;)\]]|$)|\b([\w.-]{3,253}):\d{2,5}\b"
)
MOST = 4000
"""Characters of a line that are looked at."""


@log_parser(
    TlsComplaint, "handshake failure", "handshake_failure", "certificate required", "certificate_required", "bad certificate",
    "bad_certificate", "required ssl certificate", "self-signed certificate", "self signed certificate", "unknown authority",
    "issuer certificate", "self_signed", "pkix path",
)  # fmt: skip
def complaints(event: Event) -> Iterator[TlsComplaint]:
    """`… https://lic.shop.example:8443/ failed: … certificate verify failed: self-signed certificate`."""
    text = event.text[:MOST]
    trust = _UNTRUSTED.search(text) is not None
    hosts = tuple(dict.fromkeys((one or two).lower() for one, two in _HOST.findall(text)))
    if hosts and (trust or _REFUSED.search(text)):
        yield TlsComplaint(hosts=hosts[:5], is_trust=trust, time=event.time, who=event.facility, origin=event.origin)
