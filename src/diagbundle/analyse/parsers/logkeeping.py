"""Log files and their sizes, logrotate's own words and notes, core dumps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from diagbundle.analyse.api import Document, Event, log_parser, parser
from diagbundle.analyse.facts.logkeeping import CoreFile, HostStart, JournalTrouble, LogFile, Rotated, RotationError, RotationRule

_ERROR = re.compile(r"^\s*error: (?P<text>.+)")
_PATH = re.compile(r"(?<![\w/])(/[^\s\"':,()]+)")
_STATE = re.compile(r'^"((?:[^"\\]|\\.)*)" (\d{4})-(\d{1,2})-(\d{1,2})(?:-(\d{1,2}):(\d{1,2}):(\d{1,2}))?\s*$')
_LISTED = re.compile(r"^[-l]\S{9}\S? +\d+ +\S+ +\S+ +(\d{1,18}) +(\S.{10,20}?) +(\S.*)$")


@parser(LogFile, "diagbundle/tables/log_files")
def log_files(doc: Document) -> Iterator[LogFile]:
    """Our own table, read twice."""
    for row in doc.rows:
        if row["path"]:
            yield LogFile(
                row.text("path"), row.whole("size"), row.whole("allocated"), row.whole("inode"), row.number("mtime"), origin=row.origin
            )


@parser(RotationError, "diagbundle/stderr/sos_commands/logrotate/*", "sos_commands/logrotate/logrotate*")
def dry_run(doc: Document) -> Iterator[RotationError]:
    """What `logrotate --debug` complains about: true at the time of collection."""
    for line in doc.lines:
        if found := _ERROR.match(line):
            path = _PATH.search(line)
            yield RotationError(found["text"].strip(), doc.entry.started, path[1] if path else "", is_dry=True, origin=line.origin)


@log_parser(
    RotationError,
    "logrotate",
    "insecure permissions",
    "error renaming",
    "bad file mode",
    "writable by group or others",
    "is a symbolic link",
    "error creating output file",
    "error opening state file",
)
def complained(event: Event) -> Iterator[RotationError]:
    """Logrotate's errors, whichever log caught them: the journal, cron's mail, a file of its own."""
    text = event.text
    found = re.search(r"(?i)\berror:? (?P<text>.+)", text)
    if not found:
        if "ALERT exited abnormally with" in text:  # what cron's script says on RHEL
            yield RotationError(text, event.time, "", origin=event.origin)
        return
    is_its_own = "logrotate" in event.facility or "logrotate" in event.origin.path or "logrotate" in text
    known = re.search(
        r"insecure permissions|error renaming|bad file mode|writable by group or others"
        r"|error creating output file|state file|error running \w+ script|stat of .* failed",
        text,
    )
    if is_its_own and (known or re.match(r"(?:\S+: )?error: ", text)):
        path = _PATH.search(found["text"])
        yield RotationError(found["text"].strip(), event.time, path[1] if path else "", origin=event.origin)


@parser(Rotated, "var/lib/logrotate/*", "var/lib/logrotate.status", "var/lib/misc/logrotate.status", "sos_commands/logrotate/*status*")
def rotated(doc: Document) -> Iterator[Rotated]:
    """`"/var/log/syslog" 2026-3-5-6:25:1`, in the host's zone: a day more or less does not matter here."""
    for line in doc.lines:
        if found := _STATE.match(line):
            try:
                time = datetime(*(int(part or 0) for part in found.groups()[1:]), tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]
            except ValueError:
                continue
            yield Rotated(found[1], time, origin=line.origin)


@parser(RotationRule, "etc/logrotate.conf", "etc/logrotate.d/*")
def rotation_rules(doc: Document) -> Iterator[RotationRule]:
    """The paths before a `{`, on one line or several."""
    for line in doc.lines:
        text = line.split("#")[0].strip()
        for word in re.findall(r'"(/[^"]+)"|(?<!\S)(/[^\s{"]+)', text):
            if not re.match(r"\s*(?:include|olddir|su|/bin|/usr)", text):
                yield RotationRule(word[0] or word[1], origin=line.origin)


@parser(CoreFile, "sos_commands/coredump/ls*", "sos_commands/kdump/ls*", "sos_commands/**/ls_*coredump*")
def cores(doc: Document) -> Iterator[CoreFile]:
    """`ls -l` of the places where memory of crashed processes lies."""
    folder = ""
    for line in doc.lines:
        if line.startswith("/") and line.endswith(":"):
            folder = line[:-1]
        elif (found := _LISTED.match(line)) and not found[3].startswith("."):
            yield CoreFile(f"{folder}/{found[3]}" if not found[3].startswith("/") else found[3], int(found[1]), origin=line.origin)


_JOURNAL = re.compile(
    r"(?i)(?P<unclean>corrupted or uncleanly shut down)|journal file \S+ (?:is "
    r")?(?:corrupt(?:ed)?|truncated)|io error on journal|file corruption detected at"
    r"|^FAIL: .*journal|failed to (?:open|write entry|append|rotate|create)\b.*(?:journal"
    r"|entry).*(?:Input/output error|Read-only file system|Structure needs cleaning"
    r"|Bad message|No data available)|error was encountered while opening "
    r"journal file.*(?:Bad message|Input/output error|No data available)"
)


@log_parser(HostStart, "linux version ", kernel=True)
def host_start(event: Event) -> Iterator[HostStart]:
    """`Linux version 6.1.0 (…)`: the host was started then."""
    if event.time and event.text.startswith("Linux version "):
        yield HostStart(event.time, origin=event.origin)


@log_parser(HostStart, "startup finished in ", " running in system mode")
def system_start(event: Event) -> Iterator[HostStart]:
    """Its own words: in a container the kernel says nothing at its start."""
    if event.time and event.facility == "systemd" and not re.search(r"user session|\[user\]", event.text):
        yield HostStart(event.time, origin=event.origin)


@log_parser(
    JournalTrouble,
    "uncleanly shut down",
    "journal file ",
    "io error on journal",
    "file corruption detected",
    "failed to write entry",
    "failed to open journal",
    "failed to append",
    "failed to rotate",
)
def journal_trouble(event: Event) -> Iterator[JournalTrouble]:
    """What journald says of its own files, in the journal, in the kernel's ring or in syslog."""
    found = _JOURNAL.search(event.text)
    if found and ("journal" in event.facility or "journal" in event.text):
        path = _PATH.search(event.text)
        yield JournalTrouble(event.text, path[1] if path else "", event.time, bool(found["unclean"]), origin=event.origin)


@parser(
    JournalTrouble,
    "diagbundle/stderr/sos_commands/logs/journalctl*",
    "sos_commands/logs/journalctl_--verify*",
    "sos_commands/logs/journalctl*--header",
)
def journal_read(doc: Document) -> Iterator[JournalTrouble]:
    """What `journalctl` complained of while it read: true at the time of collection."""
    for line in doc.lines:
        found = _JOURNAL.search(line)
        if found and not found["unclean"]:
            path = _PATH.search(line)
            yield JournalTrouble(line.strip(), path[1] if path else "", doc.entry.started, origin=line.origin)
