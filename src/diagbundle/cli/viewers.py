"""Other people's viewers, on what lies in a bundle: its logs in lnav."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from diagbundle.bundle.escape import shown
from diagbundle.cli.private import private_folder
from diagbundle.cli.talk import say
from diagbundle.errors import BundleError, UsageError

if TYPE_CHECKING:
    from diagbundle.analyse.evidence.entry import Entry, Evidence

DAMAGED = 4
MOST = 1 << 40
"""Bytes of one log: its parts are more than its first one, and JSON more than an export."""
MOST_SAID = 64 << 10
"""Bytes of what lnav says on standard error that are passed on."""
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_JOURNAL = "journal.json"
"""How the journal is called there: lnav knows journalctl's JSON, not its export."""


def in_lnav(path: str, more: Sequence[str] = ()) -> int:
    """Show the logs of a bundle, a folder or a report in lnav. Returns the exit code. Raises `UsageError`, `BundleError`, `OutputError`."""
    from diagbundle.analyse.evidence.opened import open_evidence
    from diagbundle.analyse.log.files import logs_of

    program = _lnav()
    evidence = open_evidence(path)
    logs = [entry for entry in logs_of(evidence.entries) if not entry.path.startswith("diagbundle/")]
    if not logs:
        raise UsageError(f"there are no logs in it: {path}", "`diagbundle list BUNDLE` shows what there is")
    with private_folder() as private:
        folder = os.path.join(private, "logs")
        damaged = _unpack(evidence, logs, folder)
        zone = {"TZ": evidence.head.zone} if _ZONE.fullmatch(evidence.head.zone) else {}  # so that all logs are told in one
        failed = _run([program, "-r", *more, folder], zone, os.path.join(private, "said"))
    return DAMAGED if damaged else 1 if failed else 0


def refuse_blind() -> None:
    """Raises `UsageError` where lnav is not there, or would have nowhere to show anything: before the work."""
    _lnav()
    if not sys.stdout.isatty():
        raise UsageError("lnav needs a terminal, and standard output is none", "`diagbundle timeline BUNDLE` writes the events of all logs")


def _lnav() -> str:
    program = shutil.which("lnav")
    if program is None:
        raise UsageError("lnav is not installed", "apt install lnav, dnf install lnav (from EPEL on RHEL), or https://lnav.org")
    return program


def _run(argv: Sequence[str], zone: Mapping[str, str], said: str) -> bool:
    """Whether it failed; `said` is a file for what it says. Of a terminal that it does not know it says "error", and ends with 0."""
    with open(said, "w+b") as talk:
        started = subprocess.Popen(argv, env={**os.environ, **zone}, stderr=talk)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a key for lnav; the folder is still to be removed
        try:
            code = started.wait()
        finally:
            signal.signal(signal.SIGINT, before)
        talk.seek(0)
        words = talk.read(MOST_SAID).decode("utf-8", "surrogateescape").strip()
    if words:
        say(shown(words, keep="\n"))
    return code != 0 or "error" in words.lower()


def _unpack(evidence: Evidence, logs: Sequence[Entry], folder: str) -> bool:
    """Write the logs with their times of change, by which lnav knows the year of a line. Whether one is damaged, which is said."""
    from diagbundle.bundle.format import BLOCK, name_bytes
    from diagbundle.bundle.headers import Header
    from diagbundle.bundle.unpack import Target

    damaged = False
    with Target(folder) as target:
        target.open("logs")
        for entry in logs:
            journal = entry.path.endswith("_-o_export")
            name = os.path.join(os.path.dirname(entry.path), _JOURNAL) if journal else entry.path
            mtime = max(0, int(entry.mtime or evidence.head.created))
            if not target.begin(Header(b"logs/" + name_bytes(name), entry.size, mtime, BLOCK), MOST):
                continue
            try:
                for piece in _journal(evidence.blocks(entry)) if journal else evidence.blocks(entry):
                    target.data(piece)
            except BundleError as error:
                damaged = True
                say(f"diagbundle: {error}")
            target.finish()
    for reason in target.done.reasons:
        say(f"diagbundle: {reason}")
    return damaged or bool(target.done.broken)


def _journal(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The journal's export as JSON, a record a line."""
    from diagbundle.analyse.log.export import records

    for _, record, _ in records(blocks):
        yield json.dumps(record).encode() + b"\n"
