"""The log of the server's own controller."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from diagbundle.analyse.api import Document, parser
from diagbundle.analyse.facts.hardware import ControllerEvent


@parser(ControllerEvent, "sos_commands/ipmitool/ipmitool*sel_list*", "sos_commands/ipmitool/ipmitool*sel_elist*")
def controller_log(doc: Document) -> Iterator[ControllerEvent]:
    """`   4 | 03/05/2026 | 09:12:44 | Power Supply PS2 Status | Power Supply AC lost | Asserted`, oldest first."""
    for line in doc.lines:
        words = [word.strip() for word in line.split("|")]
        if len(words) > 4 and words[3] and words[4]:
            yield ControllerEvent(words[3], words[4], "deassert" in line.lower(), _day(words[1], words[2]), origin=line.origin)


def _day(date: str, time: str) -> float:
    for form in ("%m/%d/%Y %H:%M:%S", "%m/%d/%y %H:%M:%S"):
        try:
            return datetime.strptime(f"{date} {time[:8]}", form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return 0.0
