"""Which pieces of evidence are logs, and of what form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from diagbundle.analyse.evidence.entry import START, Entry

KMSG = "diagbundle/tables/kmsg"
_DIRECTORY = re.compile(
    r"var/log/|(?:[^/]+/)+logs?/|sos_commands/logs/journalctl|sos_commands/kernel/dmesg|diagbundle/tables/kmsg\Z|sys/fs/pstore/"
    r"|var/lib/systemd/pstore/|sos_commands/(?:docker|podman|containers|containerd|crio|nerdctl)/.*logs|var/lib/docker/containers/.*\.log"
    r"|var/lib/containers/storage/.*ctr\.log|run/log/|(?:.*/)?[^/]+\.(?:log|err|out)(?:[.-][^/]*)?\Z|var/crash/.*(?:dmesg|\.log)"
    r"|sos_commands/.*journalctl|usr/sap/[^/]+/[^/]+/\w+/dev_"
)
_NEVER = re.compile(
    r"\.(?:gz|xz|bz2|zst|db|sqlite|journal|journal~|png|html?|css|js|xml|pcap|core|dump)\Z|diagbundle/(?!tables/kmsg|renamed/)|sos_logs/|sos_reports/"
    r"|var/log/(?:wtmp|btmp|lastlog|faillog|tallylog|sa/|sysstat/|pcp/|installer/|anaconda/|apt/|dpkg\.log|alternatives\.log|README|bootstrap\.log|dnf|yum)"
)
_JSON = re.compile(r"(?:^|/)logs?/")
"""Where a file called `.json` is a log, a row in each line, and no setting."""
_NO_LOGS = ("etc/", "proc/", "sys/", "sos_commands/", "diagbundle/")
"""What the collectors of logs bring beside them: settings, and answers of programs."""
_EXPORT = re.compile(r"sos_commands/logs/journalctl.*_-o_export")
_TEXT = re.compile(r"sos_commands/(?:logs|systemd)/journalctl")
_FULL_TEXT = re.compile(r"sos_commands/logs/journalctl_--no-pager\Z")


def is_log(entry: Entry) -> bool:
    """Whether a piece is a log of any kind."""
    path = entry.path
    if not entry.there or not entry.size or path.startswith(START) or _NEVER.match(path) or _NEVER.search(path):
        return entry.there and path == KMSG
    if entry.kind == "table":
        return path == KMSG
    if path.endswith(".json") and not _JSON.search(path):
        return False
    return _DIRECTORY.match(path) is not None or (
        entry.collector in ("logs", "product") and entry.kind == "file" and not path.startswith(_NO_LOGS)
    )


def was_log(entry: Entry) -> bool:
    """Whether a piece that was struck out was a log, or may have been one."""
    return entry.is_struck and is_log(replace(entry, there=True, size=1))


def logs_of(entries: Sequence[Entry]) -> list[Entry]:
    """All logs, each content once; of the journal's several forms the one that says most, of the kernel's the ring itself."""
    logs: dict[str, Entry] = {}
    for entry in entries:
        if is_log(entry):
            logs.setdefault(entry.key or entry.path, entry)
    found = list(logs.values())
    if any(_EXPORT.match(entry.path) for entry in found):
        found = [entry for entry in found if _EXPORT.match(entry.path) or not _TEXT.match(entry.path)]
    elif any(_FULL_TEXT.match(entry.path) for entry in found):
        found = [entry for entry in found if _FULL_TEXT.match(entry.path) or not _TEXT.match(entry.path)]
    if any(entry.path == KMSG for entry in found):
        found = [entry for entry in found if not entry.path.startswith("sos_commands/kernel/dmesg")]
    dmesg = [entry for entry in found if entry.path.startswith("sos_commands/kernel/dmesg")]
    return [entry for entry in found if entry not in dmesg[1:]]


def form_of(entry: Entry) -> str:
    """`kmsg`, `export` (the journal's own), or `lines`."""
    if entry.path == KMSG:
        return "kmsg"
    return "export" if _EXPORT.match(entry.path) else "lines"
