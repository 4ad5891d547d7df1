"""Which collector gathers what lies at a path: so that what is missing can be asked for by name."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from diagbundle.analyse.evidence.entry import START
from diagbundle.resources import tables

EVERY = (
    "boot", "certificates", "changes", "clusters", "containers", "cpu_memory", "cron", "disk", "ethtool", "file_descriptors", "firewall",
    "hardware", "kernel", "logs", "name_resolution", "networking", "os", "packages", "postgresql", "process", "product", "proxy",
    "reachability", "security", "self", "servers", "sockets", "sysctl", "systemd", "time", "users",
)  # fmt: skip
"""All collectors that are asked where nobody says otherwise."""

Table = dict[str, str]


@cache
def _known() -> tuple[list[tuple[re.Pattern[str], tuple[str, ...]]], Table, Table]:
    """Paths by expression; folders of commands; tables."""
    given = dict(tables("diagbundle.analyse.missing"))["gathered.toml"]
    paths = [(re.compile(pattern), tuple(names.split())) for pattern, names in given["paths"].items()]
    folders, rows = ({name: collector for collector, names in given[key].items() for name in names} for key in ("folders", "tables"))
    return paths, folders, rows


@lru_cache(4096)
def gatherers(path: str) -> tuple[str, ...]:
    """The collectors that gather what lies at a path, or at all paths of a pattern; () where none is known."""
    paths, folders, tables = _known()
    path = path.removeprefix(START)
    for pattern, names in paths:
        if pattern.match(path):
            return names
    if found := re.match(r"sos_commands/([\w*]+)/", path):
        name = found[1] if found[1] in EVERY else folders.get(found[1])
    else:
        found = re.match(r"diagbundle/tables/(\w+)", path)
        name = tables.get(found[1]) if found else None
    return (name,) if name else ()
