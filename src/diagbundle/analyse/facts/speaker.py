"""Which program speaks in a line of a log."""

from __future__ import annotations

import re

from diagbundle.analyse.api import Event

_NAMELESS = re.compile(
    r"(?i)(?:error|err|errors|access|agent|stdout|stderr|console|output|messages|syslog|daemon|server|service|main|app|application"
    r"|log|logs|nohup|current|out|catalina"
    r"|user|debug|info|warn|default|system|fatal|critical|root|system\.log|php.*error.*|error_log|access_log|other_vhosts_access"
    r"|localhost.*|journalctl.*|\d+)"
)
_NO_NAMES = {"log", "logs", "var", "data", "pg_log", "current", "tmp", "home", "opt", "srv", "out", "err"}
_CONTAINER = re.compile(r"/(?:overlay-)?containers/([0-9a-f]{12,64})/")


def who(event: Event) -> str:
    """The program that speaks: its name, the folder of a log that is only called `error.log`, or a container's identifier."""
    name = event.facility
    if inside := _CONTAINER.search(event.origin.path):
        return inside[1][:12]
    if name and not _NAMELESS.fullmatch(name) and not re.fullmatch(r"E[A-Z]{3,}|[A-Z]\w*(?:Error|Exception)", name):
        return name
    folders = [part for part in event.origin.path.split("/")[:-1] if part not in _NO_NAMES]
    return folders[-1] if folders and not event.origin.path.startswith(("sos_commands/", "diagbundle/")) else name
