"""What a bundle holds, in words for whoever has to approve it: each item is of one category, by who asked for it and where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diagbundle.bundle.format import OWN

START = f"{OWN}/start/"
_SETTINGS = ("etc/", "usr/lib/", "lib/", "usr/share/")
"""Where configuration lies, and what is shipped as such."""


@dataclass(frozen=True)
class Category:
    """Things of one kind."""

    title: str
    about: str
    """What it may tell, in one line."""
    collectors: tuple[str, ...] = ()
    """Those whose answers belong here, if their place says nothing else."""


LOGS = Category("Logs", "what the system and its services wrote: names, addresses and texts of users may stand in them", ("logs",))
SETTINGS = Category(
    "Configuration", "settings of the system and its services, and the files that set them", ("cron", "postgresql", "servers", "sysctl")
)
ACCOUNTS = Category(
    "Accounts and logins", "user names, groups, rights, who logged in when and from where; no hashes of passwords", ("users",)
)
RUNNING = Category(
    "Running programs",
    "command lines, owners, open files and connections of every process",
    ("process", "file_descriptors", "sockets", "systemd", "clusters"),
)
CONTAINERS = Category("Containers", "engines, images, settings and logs of containers; this host as a node of a cluster", ("containers",))
PRODUCTS = Category("Products", "configuration and logs of products that are not part of the distribution", ("product",))
NETWORK = Category(
    "Network",
    "interfaces, addresses, routes, firewall, name servers, proxies",
    ("networking", "ethtool", "firewall", "name_resolution", "proxy"),
)
ANSWERS = Category(
    "Answers from the network", "whether gateway, name servers, proxies and configured servers could be reached", ("reachability",)
)
CERTIFICATES = Category("Certificates", "subject, issuer, names and dates of certificates; no private keys", ("certificates",))
SOFTWARE = Category(
    "Installed software", "packages, where they come from, what was changed lately", ("packages", "packages_verify", "changes")
)
STATE = Category(
    "System state", "hardware, kernel, memory, disks, clock, security settings",
    ("boot", "cpu_memory", "disk", "hardware", "kernel", "os", "security", "time"),
)  # fmt: skip
NAMED = Category("Named by whoever collected", "files that were asked for with --include: look at each of them", ("include",))
ITSELF = Category("About this collection", "what was asked, with which settings and what came of it; checksums", (OWN, "self"))
CATEGORIES = (NAMED, LOGS, SETTINGS, ACCOUNTS, RUNNING, CONTAINERS, PRODUCTS, NETWORK, ANSWERS, CERTIFICATES, SOFTWARE, STATE, ITSELF)
"""In the order in which they deserve a look."""
_BY_COLLECTOR = {name: category for category in CATEGORIES for name in category.collectors}
_BY_PLACE = (SETTINGS, RUNNING, NETWORK, STATE, SOFTWARE)
"""Whose files below /etc are configuration."""


def category_of(row: Mapping[str, Any]) -> Category:
    """Where an item belongs. What a collector of a vendor or customer asked for is a category of its own, with its name."""
    name = row.get("collector")
    if row.get("kind") == "probe":
        return ANSWERS
    known = _BY_COLLECTOR.get(name) if isinstance(name, str) else None
    if known is None:
        return vendors(name if isinstance(name, str) and name else "nobody who is named")
    path = str(row.get("path") or "").removeprefix(START)
    if known not in (NAMED, CONTAINERS, PRODUCTS) and path.startswith("var/log/"):
        return LOGS
    return SETTINGS if row.get("kind") == "file" and known in _BY_PLACE and path.startswith(_SETTINGS) else known


def vendors(name: str) -> Category:
    """Of a collector that is not ours: nobody here knows what it asks for."""
    return Category(
        f"Asked for by the collector {name[:80]}", "a collector of a vendor or of your own: ask its author what it asks for", (name,)
    )
