"""Proxies in files and in the environment of services."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Event, log_parser, parser
from diagbundle.analyse.facts.proxy import GarbledAnswer, ProxySetting

_SET = re.compile(
    r"""(?:^|[\s"';])(?:export\s+)?(?P<variable>(?:https?|ftp|all|no)_proxy)=(?P<quote>["']?)(?P<value>[^"'\s]*)(?P=quote)""", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"://[^@/\s]*@")
_URL = re.compile(r"\b(?:https?)://(?:[^@/\s\"'<>]*@)?([A-Za-z0-9_.\[\]-]+(?::\d{1,5})?)", re.IGNORECASE)
_GARBLED = re.compile(
    r"JSONDecodeError|Expecting value: line 1 column 1|invalid character '<' looking for beginning of value"
    r"|Unexpected token '?<'?|JsonParseException"
    r"|UnicodeDecodeError|IncompleteRead|Hash Sum mismatch|checksum (?:mismatch|failed)"
    r"|unexpected end of (?:JSON|file|stream)|premature end of"
    r"|invalid (?:JSON|chunk|gzip header)|malformed (?:JSON|response|chunk|HTTP)|not valid JSON"
    r"|bad status line|BadStatusLine|Content-Length mismatch"
    r"|error code: 407|transfer closed with \d+ bytes remaining"
)
FILES = (
    "etc/environment",
    "etc/environment.d/*.conf",
    "etc/profile",
    "etc/profile.d/*",
    "etc/bashrc",
    "etc/bash.bashrc",
    "etc/sysconfig/proxy",
    "etc/security/pam_env.conf",
    "etc/systemd/system.conf",
    "etc/systemd/system.conf.d/*.conf",
    "etc/systemd/system/*.service.d/*.conf",
    "run/systemd/system/*.service.d/*.conf",
    "etc/default/*",
    "etc/sysconfig/*",
    "etc/systemd/system/k3s*.env",
    "etc/conf.d/*proxy*",
)


@parser(ProxySetting, *FILES)
def in_files(doc: Document) -> Iterator[ProxySetting]:
    """Assignments to `*_proxy` that are no comments; values that a shell computes are left out."""
    if doc.path == "etc/sysconfig/proxy" and re.search(r'^PROXY_ENABLED="?no', doc.text, re.MULTILINE):
        return
    for line in doc.lines:
        if not line.lstrip().startswith(("#", ";")):
            for found in _SET.finditer(line[:4000]):
                value = _CREDENTIALS.sub("://<removed>@", found["value"])
                if "$" not in value:
                    yield ProxySetting(variable=found["variable"], value=value, where=f"/{doc.path}", origin=line.origin)


@parser(ProxySetting, "diagbundle/tables/proxies", "diagbundle/tables/docker_proxies")
def of_services(doc: Document) -> Iterator[ProxySetting]:
    """What running services have in their environment, and what docker gives to containers."""
    for row in doc.rows:
        values = row["proxies"]
        if isinstance(values, dict):
            who = row.text("path") or f"{row.text('comm')} (pid {row.whole('pid')})"
            for variable, value in list(values.items())[:20]:
                yield ProxySetting(
                    variable=str(variable), value=str(value), where=who, running=not row["path"], unit=row.text("unit"), origin=row.origin
                )


@log_parser(
    GarbledAnswer,
    "jsondecodeerror",
    "expecting value",
    "looking for beginning of value",
    "unexpected token",
    "jsonparseexception",
    "unicodedecodeerror",
    "incompleteread",
    "sum mismatch",
    "checksum mismatch",
    "checksum failed",
    "unexpected end of",
    "premature end",
    "invalid json",
    "invalid chunk",
    "invalid gzip",
    "malformed",
    "not valid json",
    "status line",
    "badstatusline",
    "content-length mismatch",
    "bytes remaining",
)
def garbled(event: Event) -> Iterator[GarbledAnswer]:
    """A program could not read what a server sent; only lines that name the server's URL, for much else may be broken."""
    text = event.text[:2000]
    found, url = _GARBLED.search(text), _URL.search(text)
    if found and url and not event.is_kernel:
        yield GarbledAnswer(place=url[1].lower(), what=found[0], time=event.time, origin=event.origin)
