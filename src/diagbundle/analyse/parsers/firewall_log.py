"""What packet filters say of packets that they let go no further."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.firewall import Lost
from diagbundle.analyse.facts.network import whole

_DROPS = re.compile(r"(?i)drop|block|reject|den(y|ied)|refus|discard|blacklist|\bbad\b|kill")
_PACKET = re.compile(r"(.*?)\bIN=(\S*) OUT=(\S*) (.*)")


@log_parser(Lost, " PROTO=", kernel=False)
def lost(event: Event) -> Iterator[Lost]:
    """`[UFW BLOCK] IN=eth0 OUT= MAC=… SRC=… DST=… PROTO=TCP SPT=… DPT=22`; a line whose prefix does not speak of dropping is left out."""
    found = _PACKET.match(event.text)
    if not found or event.acknowledged or not _DROPS.search(found[1]):
        return
    value = dict(re.findall(r"\b([A-Z]{3,5})=(\S+)", found[4]))
    if "SRC" in value and "DST" in value:
        yield Lost(
            origin=event.origin, prefix=found[1].strip(" :[]"), is_outgoing=not found[2], source=value["SRC"], destination=value["DST"],
            protocol=value.get("PROTO", ""), port=whole(value.get("DPT", "")), device=found[3] or found[2], time=event.time,
        )  # fmt: skip
