"""What a child does: ask one collector, fetch each of its sources, hand finished frames to the supervisor."""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from diagbundle.bundle.format import OWN, bundle_path, mangle
from diagbundle.bundle.pack import Member, Packer, Stream
from diagbundle.collect.clock import Clock, Stopped
from diagbundle.collect.wire import DEAL, Sender, Slot
from diagbundle.errors import SourceError, SourceSkipped, SourceTimeout, from_os_error
from diagbundle.host import Host, file_type
from diagbundle.model import Collector, Command, File, Outcome, Probe, Source, Table
from diagbundle.sources.command import Running, Settings, run_held
from diagbundle.sources.read import Opened, open_file

Redact = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Bytes as the host gave them -> bytes that may leave this process."""

GRACE = 2.0
"""Seconds after its deadline in which a child may end a source by itself."""
FLUSH_AFTER = 0.1
"""Seconds after which gathered small answers are handed on, so that a hang does not cost them."""
DEAL_BYTES, DEAL_FILES = 32 << 20, 1500
"""More than this behind one pattern is dealt out to several children."""
DEAL_BATCH = 5000
STDERR_IN_ROW = 1 << 10
ENDED = "the run was ended before it was whole"
COPY_LIMIT = 4 << 20
"""Bytes of an answer of which copies are kept (`also`)."""
_DENIED = re.compile(
    rb"permission denied|not permitted|must be (run as )?(super ?user|root)|are you root|only root|root privileges", re.IGNORECASE
)


@dataclass
class Job:
    """What one child has to do."""

    collector: Collector
    phase: str
    """`start`, `end` (samples) or the collector's stage."""
    ask: Callable[[Host], Iterable[Source]]
    timeout: float
    dealt: bool = False
    skip: set[str] = field(default_factory=set)
    """Keys of sources that are done, or that a child before this one hung at."""


@dataclass
class Limits:
    """What the user allows of each file."""

    since: float = 0.0
    """Logs whose last change is older (Unix time) are left out; 0 for none."""


class Child:
    """Fetches the sources of one job."""

    def __init__(
        self, job: Job, host: Host, sender: Sender, slot: Slot, prefix: str, claimed: dict[str, str], redact: Redact, limits: Limits
    ) -> None:  # noqa: E501, PLR0913  # the whole of its world, given once
        self.job, self.host, self.sender, self.slot, self.redact, self.limits = job, host, sender, slot, redact, limits
        self.packer = Packer(prefix, sender.frame)
        self.claimed = claimed
        self.clock = Clock()
        self.settings = Settings()
        self.inodes: dict[tuple[int, int], str] = {}
        self.flushed = time.monotonic()
        self.started = 0.0

    # -- the loop

    def serve(self) -> None:
        """Ask and fetch until the end; a failing collector is one row."""
        self.host.step = self._step
        if self.host.live:
            self.host.runner = lambda command: run_held(command, self.settings)
        deadline = time.monotonic() + self.job.timeout
        label = f"collector:{self.job.collector.name}"
        try:
            self.slot.at(label, self.job.timeout + GRACE)
            sources = iter(self.job.ask(self.host))
            for source in self.clock.each(sources, self.job.timeout, total=True):
                self.fetch(source)
                self.slot.at(label, deadline - time.monotonic() + GRACE)
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001  # bulkhead: a collector's own code
            outcome = Outcome.TIMEOUT if isinstance(error, SourceTimeout) else Outcome.FAILED
            reason = (
                "it did not end in time" if isinstance(error, SourceTimeout) else f"the collector failed: {type(error).__name__}: {error}"
            )
            self._note("collector", self.job.collector.name, outcome, reason)
        self.packer.flush()

    def fetch(self, source: Source) -> None:
        """Every piece of evidence behind one source."""
        if time.monotonic() - self.flushed > FLUSH_AFTER:
            self.packer.flush()
            self.flushed = time.monotonic()
        if reason := self._why_not(source):
            self._note(*_identity(source), Outcome.SKIPPED, reason)
        elif isinstance(source, File):
            self._files(source)
        elif isinstance(source, Command) and source.each:
            for match in self.host.glob(source.each):
                name = match.rsplit("/", 1)[-1]
                self._send(replace(source, each="", argv=tuple(word.replace("{}", name) for word in source.argv)), self._command)
        elif isinstance(source, Command):
            self._send(source, self._command)
        else:
            self._send(source, self._rows)

    def _why_not(self, source: Source) -> str:
        if source.skip:
            return source.skip
        if source.only_if and not self.host.exists(source.only_if):
            return f"only asked where {source.only_if} exists"
        return ""

    def _send(self, source: Any, fetch: Callable[[Any, Member], None]) -> None:
        """One source: whatever happens becomes one row at least."""
        kind, name = _identity(source)
        key = f"{kind}:{name if isinstance(name, str) else ' '.join(name)}"
        if key in self.job.skip:
            return
        self.slot.at(key, source.timeout + GRACE)
        self.started = time.time()
        row = self._row(kind, name)
        try:
            fetch(source, row)
        except SourceError as error:
            self._note_row(row, error.outcome, str(error))
        except OSError as error:
            self._note_row(row, from_os_error(error).outcome, error.strerror or str(error))
        except Exception as error:  # noqa: BLE001  # bulkhead: one source
            self._note_row(row, Outcome.FAILED, f"{type(error).__name__}: {error}")

    def _step(self, directory: str) -> None:
        key = f"directory:{directory}"
        if key in self.job.skip:
            raise SourceTimeout("this directory did not answer before")
        self.slot.at(key, 10 + GRACE)

    # -- rows

    def _row(self, kind: str, name: str | list[str]) -> Member:
        row: Member = {"collector": self.job.collector.name, "kind": kind, "source": name, "outcome": Outcome.COLLECTED}
        row |= {"started": round(self.started or time.time(), 3), "seconds": 0.0}
        if self.job.phase in ("start", "end"):
            row["sample"] = self.job.phase
        return row

    def _note(self, kind: str, name: str | list[str], outcome: Outcome, reason: str) -> None:
        self.started = time.time()
        self._note_row(self._row(kind, name), outcome, reason)

    def _note_row(self, row: Member, outcome: Outcome, reason: str) -> None:
        """A row without a member."""
        row.update(outcome=outcome, reason=reason, seconds=self._seconds())
        self.packer.note(row)

    def _seconds(self) -> float:
        return round(max(0.0, time.time() - self.started), 4)

    def _claim(self, row: Member, path: str) -> str:
        """The member's name for an answer; '' if that answer is there already (then the row says where)."""
        if self.job.phase == "start":
            path = f"{OWN}/start/{path}"
        answers = f"{row['kind']}:{row['source'] if isinstance(row['source'], str) else ' '.join(row['source'])}"
        name, number = path, 1
        while name in self.claimed:
            if self.claimed[name] == answers:
                row.update(link=name, seconds=self._seconds())
                self.packer.note(row)
                return ""
            number += 1
            name = f"{path}.{number}"
        self.claimed[name] = answers
        return name

    # -- files

    def _files(self, source: File) -> None:
        magic = any(character in source.path for character in "*?[")
        if not magic:
            return self._send(source, self._file)
        top = re.split(r"[^/]*[*?\[]", source.path, maxsplit=1)[0]
        found: list[tuple[str, int, float]] = []
        links: list[str] = []
        self.slot.at(f"glob:{source.path}", self.job.timeout)
        for path in self.host.glob(source.path):
            self._sort_in(path, found, links)
        if not found and not links:
            self._note("file", source.path, Outcome.ABSENT, "nothing matches")
        if not self.job.dealt and (len(found) > DEAL_FILES or sum(size for _, size, _ in found) > DEAL_BYTES):
            for start in range(0, len(found), DEAL_BATCH):
                self.sender.value(DEAL, {"timeout": source.timeout, "files": found[start : start + DEAL_BATCH]})
            found = []
        for path, _, _ in found:
            self._send(replace(source, path=path), self._file)
        for path in links:
            self._link(source, path, top)
        return None

    def _sort_in(self, path: str, found: list[tuple[str, int, float]], links: list[str]) -> None:
        """One match of a pattern: to be read, a link, or something that is only named."""
        if f"file:{path}" in self.job.skip:
            return
        self.slot.at(f"file:{path}", 10 + GRACE)
        try:
            status = os.lstat(f"{self.host.root.rstrip('/')}{path}" if self.host.root != "/" else path)
        except OSError as error:
            self._note("file", path, from_os_error(error).outcome, error.strerror or str(error))
            return
        if stat.S_ISREG(status.st_mode):
            found.append((path, status.st_size, status.st_mtime))
        elif stat.S_ISLNK(status.st_mode):
            links.append(path)
        elif not stat.S_ISDIR(status.st_mode):
            self._note("file", path, Outcome.SKIPPED, f"not a regular file: {file_type(status.st_mode)}")

    def _link(self, source: File, path: str, top: str) -> None:
        """A link found by a pattern: only named where its end lies below the same folder, or is a folder."""
        target = self.host.readlink(path)
        try:
            real = self.host.path(path)
            inside = real.startswith(f"{self.host.root.rstrip('/')}{top.rstrip('/')}/")
            reason = "a link to something that is collected itself" if inside else "a link to a folder" if os.path.isdir(real) else ""
        except SourceError as error:
            reason = f"a link: {error}"
        if not reason:
            return self._send(replace(source, path=path), self._file)
        self.started = time.time()
        row = self._row("file", path)
        row["target"] = target
        return self._note_row(row, Outcome.SKIPPED, reason)

    def _file(self, source: File, row: Member) -> None:
        if target := self.host.readlink(source.path):
            row["target"] = target
        with self.clock.limit(source.timeout):
            opened = open_file(self.host, source.path)
        with closing(opened):
            if self.limits.since and opened.mtime and opened.mtime < self.limits.since and self.job.phase == "logs":
                raise SourceSkipped("last changed before the time that was asked for")
            path = source.at or bundle_path(source.key or source.path)
            if opened.whole:
                path = f"{OWN}/sparse/{path}"
                row |= {"extents": opened.extents, "whole": opened.whole}
            if opened.inode and opened.inode in self.inodes:
                row.update(link=self.inodes[opened.inode], seconds=self._seconds())
                self.packer.note(row)
            elif name := self._claim(row, path):
                self._content(source, row, name, opened)

    def _content(self, source: File, row: Member, name: str, opened: Opened) -> None:
        row["mtime"] = int(opened.mtime)
        pieces = self.clock.each(self.redact(opened.chunks()), source.timeout, total=False)
        first = next(pieces, b"")  # a file that cannot be read at all is a row without a member
        stream = self.packer.stream(name, row, opened.size)
        stream.write(first)
        try:
            for piece in pieces:
                stream.write(piece)
                self.slot.extend(source.timeout + GRACE)
            if opened.size is not None and stream.size < opened.size:
                row.update(outcome=Outcome.PARTIAL, reason=f"it shrank while it was read: {stream.size:,} of {opened.size:,} bytes")
        except SourceError as error:
            _cut_short(row, error, stream.size)
        except Stopped:
            row.update(outcome=Outcome.PARTIAL, reason=ENDED)
        if opened.inode:
            self.inodes[opened.inode] = name
        row["seconds"] = self._seconds()
        self._copies(source, row, stream)
        stream.close()

    # -- commands, tables, probes

    def _command(self, source: Command, row: Member) -> None:
        folder = source.folder or self.job.collector.folder or self.job.collector.name
        name = self._claim(row, source.at or f"sos_commands/{folder}/{mangle(source.argv)}")
        if not name:
            return
        running = Running(source, self.settings)
        answer = self.host.answered(source) if self.host.live else self.host.run(source)
        if answer is not None:
            running.exit, running.stderr, running.outcome, running.reason = answer.exit, answer.stderr, answer.outcome, answer.reason
            chunks: Iterator[bytes] = iter([answer.stdout])
            if answer.outcome in (Outcome.ABSENT, Outcome.DENIED, Outcome.FAILED):
                return self._note_row(row, answer.outcome, answer.reason)
        else:
            chunks = running.chunks()
        return self._output(source, row, name, running, chunks)

    def _output(self, source: Command, row: Member, name: str, running: Running, chunks: Iterator[bytes]) -> None:
        pieces = self.clock.each(self.redact(chunks), source.timeout + 1, total=True)
        first = next(pieces, b"")
        stream = self.packer.stream(name, row)
        stream.write(first)
        try:
            for piece in pieces:
                stream.write(piece)
        except SourceError as error:
            running.outcome, running.reason = error.outcome, str(error)
        except Stopped:
            running.outcome, running.reason = Outcome.PARTIAL, ENDED
        row.update(outcome=running.outcome, seconds=self._seconds(), exit=running.exit)
        if running.reason:
            row["reason"] = running.reason
        self._stderr(row, name, b"".join(self.redact(iter([running.stderr]))))
        if not stream.size and (running.exit or running.outcome is not Outcome.COLLECTED):
            if running.outcome is Outcome.COLLECTED and _DENIED.search(running.stderr):
                row.update(outcome=Outcome.DENIED, reason=_first_line(running.stderr))
            return self.packer.note(row)
        self._copies(source, row, stream)
        return stream.close()

    def _stderr(self, row: Member, name: str, stderr: bytes) -> None:
        if len(stderr) <= STDERR_IN_ROW:
            if stderr:
                row["stderr"] = stderr.decode("utf-8", "replace")
            return
        row["stderr"] = stderr[:STDERR_IN_ROW].decode("utf-8", "replace")
        own = self._row("own", f"stderr of {' '.join(row['source'])}")
        if place := self._claim(own, f"{OWN}/stderr/{name.removeprefix(f'{OWN}/start/')}"):
            self.packer.small(place, stderr, own)

    def _rows(self, source: Table | Probe, row: Member) -> None:
        if isinstance(source, Table):
            path, rows = source.at or f"{OWN}/tables/{source.name}", iter(source.rows(self.host))
        else:
            path = source.at or f"{OWN}/probes/{self.job.collector.name}/{source.kind}_{mangle((source.target,))}"
            from diagbundle.sources.probe import run  # noqa: PLC0415  # most children probe nothing

            rows = iter(run(source, self.host))
        name = self._claim(row, path)
        if not name:
            return
        pieces = self.clock.each(self.redact(map(_line, rows)), source.timeout, total=True)
        try:
            first = next(pieces, b"")
        except (SourceError, Stopped):
            del self.claimed[name]
            raise
        stream = self.packer.stream(name, row)
        stream.write(first)
        try:
            for piece in pieces:
                stream.write(piece)
        except SourceError as error:
            _cut_short(row, error, stream.size)
        except Stopped:
            row.update(outcome=Outcome.PARTIAL, reason=ENDED)
        except Exception as error:  # noqa: BLE001  # bulkhead: one source; what it had computed is kept
            row.update(outcome=Outcome.PARTIAL, reason=f"{type(error).__name__}: {error}")
        row["seconds"] = self._seconds()
        self._copies(source, row, stream)
        stream.close()

    def _copies(self, source: Source, row: Member, stream: Stream) -> None:
        """The same answer again where tools look for it; only small ones, which are still in memory."""
        whole = stream.held() if source.also else None
        for path in source.also if whole is not None and len(whole) <= COPY_LIMIT else ():
            copy = {key: value for key, value in row.items() if key not in ("extents", "whole")}
            claim = dict(copy, source=f"{path}, a copy")
            if name := self._claim(claim, path):
                stream.copies.append((name, copy))


def _cut_short(row: Member, error: SourceError, have: int) -> None:
    """An answer that ended early: some of it is kept."""
    row.update(outcome=Outcome.PARTIAL if have else error.outcome, reason=f"{error}; {have:,} bytes were had")


def _line(row: Any) -> bytes:
    if isinstance(row, str):
        return row.encode("utf-8", "surrogateescape") + b"\n"
    return json.dumps(row, separators=(", ", ": "), default=str).encode() + b"\n"


def _first_line(text: bytes) -> str:
    return text.strip().split(b"\n", 1)[0][:200].decode("utf-8", "replace")


def _identity(source: Source) -> tuple[str, str | list[str]]:
    """Kind and name of a source, as they stand in its row."""
    if isinstance(source, File):
        return "file", source.key or source.path
    if isinstance(source, Command):
        return "command", list(source.argv)
    if isinstance(source, Table):
        return "table", source.name
    return "probe", f"{source.kind} {source.target}"
