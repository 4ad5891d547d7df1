"""A folder, or a report of another tool, as a bundle in a file without a name: what shows bundles can read any place of it at once."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime

from diagbundle.analyse.evidence.archive import MAX_BYTES
from diagbundle.analyse.evidence.entry import Entry, Evidence, Index
from diagbundle.analyse.host import about_of
from diagbundle.bundle.format import GROUP, MANIFEST, SUMS, name_bytes, name_fault
from diagbundle.bundle.pack import Member, Packer
from diagbundle.bundle.reader import Bundle, Progress, no_progress
from diagbundle.bundle.writer import BundleWriter
from diagbundle.errors import BundleError, OutputError
from diagbundle.outcome import Outcome

PREFIX = "packed"
"""Of the names in such a copy, by which it is known."""

_LOSSES = (Outcome.FAILED, Outcome.TIMEOUT, Outcome.PARTIAL)
MAX_TIME = 1 << 37
"""Seconds since 1970; what is later is no time that a calendar has."""


def packed(evidence: Evidence, progress: Progress = no_progress) -> Bundle:
    """All that there is of it; `progress` is told of its bytes. The file goes away with the bundle. Raises `OutputError`."""
    try:
        with tempfile.TemporaryFile() as file:
            writer = BundleWriter(file.write, PREFIX)
            _Packing(evidence, Packer(PREFIX, writer.add)).pack(progress)
            writer.seal(_head(evidence, sum(writer.outcomes[each] for each in _LOSSES)))
            file.flush()
            return Bundle(os.dup(file.fileno()), evidence.name)
    except OSError as error:
        where = f"{tempfile.gettempdir()}: {error.strerror}"
        raise OutputError(f"a copy to show cannot be written to {where}", "set TMPDIR to a folder with room") from None


def _head(evidence: Evidence, lost: int) -> Member:
    """Who the host is, as far as it can be known, in the words of a manifest. `lost` answers were not had."""
    head, about = evidence.head, about_of(evidence, Index(evidence.entries))
    created = head.created or about.now
    return {
        "complete": head.complete and not lost, "reason": head.reason or (f"{lost:,} answers were not had" if lost else None),
        "case": head.case or None, "zone": about.zone or None,
        "created": f"{datetime.fromtimestamp(created, UTC):%Y-%m-%dT%H:%M:%SZ}" if 0 < created < MAX_TIME else None,
        "host": {"name": about.name, "os": about.os, "kernel": about.kernel},
    }  # fmt: skip


class _Packing:
    """Writes each piece of evidence with what is known of it."""

    def __init__(self, evidence: Evidence, packer: Packer) -> None:
        self._evidence, self._packer = evidence, packer
        self._names = {MANIFEST, SUMS}  # the copy has its own
        self._there = {entry.path for entry in evidence.entries if entry.there}

    def pack(self, progress: Progress) -> None:
        total, done = sum(entry.size for entry in self._evidence.entries if entry.there), 0
        for entry in self._evidence.entries:
            row = _row(entry)
            if entry.there and (entry.path in self._names or name_fault(name_bytes(entry.path))):
                continue
            if not entry.there:
                self._packer.note(row)
            elif entry.key != entry.path and entry.key in self._there:
                self._packer.note({**row, "path": entry.path, "link": entry.key})
            else:
                self._member(entry, row)
                done += entry.size
                progress(done, total)
            self._names |= {entry.path} if entry.there else set()
        self._packer.flush()

    def _member(self, entry: Entry, row: Member) -> None:
        size = self._measured(entry) if entry.parts or entry.size >= GROUP else None
        stream = self._packer.stream(entry.path, row, size)
        left = MAX_BYTES if size is None else size  # a log may have grown since
        try:
            for piece in self._evidence.blocks(entry):
                stream.write(piece[:left])
                left = max(0, left - len(piece))
        except BundleError as error:
            row.update(outcome="partial", reason=str(error))
        stream.close()

    def _measured(self, entry: Entry) -> int:
        """Its bytes: a stranger's manifest may say anything."""
        size = 0
        with suppress(BundleError):
            for piece in self._evidence.blocks(entry):
                size += len(piece)
        return size


def _row(entry: Entry) -> Member:
    """What is known of it."""
    row: Member = {
        "collector": entry.collector, "kind": entry.kind, "outcome": entry.outcome, "reason": entry.reason or None,
        "source": entry.source.split() if entry.kind == "command" else entry.source, "mtime": max(0, int(entry.mtime)),
        "started": entry.started or None, "seconds": entry.seconds or None, "exit": entry.exit, "stderr": entry.stderr or None,
    }  # fmt: skip
    return {key: value for key, value in row.items() if value is not None}
