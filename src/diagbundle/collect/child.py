"""What a child does: ask one collector, fetch each of its sources, hand finished frames to the supervisor."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from diagbundle.bundle.format import GROUP, OWN, bundle_path, mangle
from diagbundle.bundle.pack import Member, Packer
from diagbundle.collect.clock import Clock, Stopped
from diagbundle.collect.job import Job, World
from diagbundle.collect.rows import Rows, cut_short, first_line, identity, line
from diagbundle.collect.wire import DEAL, Sender, Slot
from diagbundle.errors import SourceError, SourceSkipped, SourceTimeout, from_os_error
from diagbundle.host import file_type
from diagbundle.model import Command, File, Outcome, Probe, Source, Table
from diagbundle.sources.command import Running, Settings, run_held
from diagbundle.sources.read import Opened, open_file

GRACE = 2.0
"""Seconds after its deadline in which a child may end a source by itself."""
FLUSH_AFTER = 0.1
"""Seconds after which gathered small answers are handed on, so that a hang does not cost them."""
DEAL_BYTES, DEAL_FILES = 32 << 20, 1500
"""More than this behind one pattern is dealt out to several children."""
DEAL_BATCH = 5000
STDERR_IN_ROW = 1 << 10
ENDED = "the run was ended before it was whole"
_DENIED = re.compile(
    rb"permission denied|not permitted|must be (run as )?(super ?user|root)|are you root|only root|root privileges", re.IGNORECASE
)


class Child:
    """Fetches the sources of one job."""

    def __init__(self, job: Job, world: World, sender: Sender, slot: Slot) -> None:
        self.job, self.host, self.sender, self.slot = job, world.host, sender, slot
        self.redact, self.since = world.redact, world.since
        self.packer = Packer(world.prefix, sender.frame)
        self.rows = Rows(job, self.packer, world.claimed)
        self.clock = Clock()
        self.settings = Settings(world.mark, world.home, slot.group)
        self.inodes: dict[tuple[int, int], str] = {}
        self.flushed = time.monotonic()

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
            late = isinstance(error, SourceTimeout)
            outcome = Outcome.TIMEOUT if late else Outcome.FAILED
            reason = "it did not end in time" if late else f"the collector failed: {type(error).__name__}: {error}"
            self.rows.note("collector", self.job.collector.name, outcome, reason)
        self.packer.flush()

    def fetch(self, source: Source) -> None:
        """Every piece of evidence behind one source."""
        if time.monotonic() - self.flushed > FLUSH_AFTER:
            self.packer.flush()
            self.flushed = time.monotonic()
        if reason := self._why_not(source):
            self.rows.note(*identity(source), Outcome.SKIPPED, reason)
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
        kind, name = identity(source)
        key = f"{kind}:{name if isinstance(name, str) else ' '.join(name)}"
        if key in self.job.skip:
            return
        self.slot.at(key, source.timeout + GRACE)
        self.rows.started = time.time()
        row = self.rows.begin(kind, name)
        try:
            fetch(source, row)
        except SourceError as error:
            self.rows.without_member(row, error.outcome, str(error))
        except OSError as error:
            self.rows.without_member(row, from_os_error(error).outcome, error.strerror or str(error))
        except Exception as error:  # noqa: BLE001  # bulkhead: one source
            self.rows.without_member(row, Outcome.FAILED, f"{type(error).__name__}: {error}")

    def _step(self, directory: str) -> None:
        key = f"directory:{directory}"
        if key in self.job.skip:
            raise SourceTimeout("this directory did not answer before")
        self.slot.at(key, 10 + GRACE)

    # -- files

    def _files(self, source: File) -> None:
        magic = any(character in source.path for character in "*?[")
        if not magic:
            self._send(source, self._file)
            return
        top = re.split(r"[^/]*[*?\[]", source.path, maxsplit=1)[0]
        found: list[tuple[str, int, float]] = []
        links: list[str] = []
        self.slot.at(f"glob:{source.path}", self.job.timeout)
        for path in self.host.glob(source.path):
            self._sort_in(path, found, links)
        if not found and not links:
            self.rows.note("file", source.path, Outcome.ABSENT, "nothing matches")
        if not self.job.dealt and (len(found) > DEAL_FILES or sum(size for _, size, _ in found) > DEAL_BYTES):
            for start in range(0, len(found), DEAL_BATCH):
                self.sender.value(DEAL, {"timeout": source.timeout, "files": found[start : start + DEAL_BATCH]})
            found = []
        for path, _, _ in found:
            self._send(File(path, timeout=source.timeout), self._file)
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
            self.rows.note("file", path, from_os_error(error).outcome, error.strerror or str(error))
            return
        if stat.S_ISREG(status.st_mode):
            found.append((path, status.st_size, status.st_mtime))
        elif stat.S_ISLNK(status.st_mode):
            links.append(path)
        elif not stat.S_ISDIR(status.st_mode):
            self.rows.note("file", path, Outcome.SKIPPED, f"not a regular file: {file_type(status.st_mode)}")

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
        self.rows.started = time.time()
        row = self.rows.begin("file", path)
        row["target"] = target
        return self.rows.without_member(row, Outcome.SKIPPED, reason)

    def _file(self, source: File, row: Member) -> None:
        with self.clock.limit(source.timeout):
            opened = open_file(self.host, source.path)
        with closing(opened):
            if opened.is_link and (target := self.host.readlink(source.path)):
                row["target"] = target
            if self.since and opened.mtime and opened.mtime < self.since and self.job.phase == "logs":
                raise SourceSkipped("last changed before the time that was asked for")
            path = source.at or bundle_path(source.key or source.path)
            if opened.whole:
                path = f"{OWN}/sparse/{path}"
                row |= {"extents": opened.extents, "whole": opened.whole}
            if opened.inode and opened.inode in self.inodes:
                row.update(link=self.inodes[opened.inode], seconds=self.rows.seconds())
                self.packer.note(row)
            elif name := self.rows.claim(row, path):
                self._content(source, row, name, opened)

    def _content(self, source: File, row: Member, name: str, opened: Opened) -> None:
        row["mtime"] = int(opened.mtime)
        if opened.size is not None and opened.size < GROUP and not opened.whole and not source.also:
            self._small(source, row, name, opened)
        else:
            self._large(source, row, name, opened)
        if opened.inode:
            self.inodes[opened.inode] = name

    def _small(self, source: File, row: Member, name: str, opened: Opened) -> None:
        """The way of most files: read at once, without a stream."""
        try:
            with self.clock.limit(source.timeout):
                data = opened.small()
        except (SourceError, Stopped):
            del self.rows.claimed[name]
            raise
        redacted = b"".join(self.redact(iter((data,))))
        row["seconds"] = self.rows.seconds()
        if len(data) < (opened.size or 0):
            row.update(outcome=Outcome.PARTIAL, reason=f"it shrank while it was read: {len(data):,} of {opened.size:,} bytes")
        self.packer.small(name, redacted, row)

    def _large(self, source: File, row: Member, name: str, opened: Opened) -> None:
        """A large file, a sparse one, or one of the kernel's, whose length only reading tells."""
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
            cut_short(row, error, stream.size)
        except Stopped:
            row.update(outcome=Outcome.PARTIAL, reason=ENDED)
        row["seconds"] = self.rows.seconds()
        self.rows.copies(source, row, stream)
        stream.close()

    # -- commands, tables, probes

    def _command(self, source: Command, row: Member) -> None:
        folder = source.folder or self.job.collector.folder or self.job.collector.name
        name = self.rows.claim(row, source.at or f"sos_commands/{folder}/{mangle(source.argv)}")
        if not name:
            return
        running = Running(source, self.settings)
        answer = self.host.answered(source) if self.host.live else self.host.run(source)
        if answer is not None:
            running.exit, running.stderr, running.outcome, running.reason = answer.exit, answer.stderr, answer.outcome, answer.reason
            chunks: Iterator[bytes] = iter([answer.stdout])
            if answer.outcome in (Outcome.ABSENT, Outcome.DENIED, Outcome.FAILED):
                return self.rows.without_member(row, answer.outcome, answer.reason)
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
        row.update(outcome=running.outcome, seconds=self.rows.seconds(), exit=running.exit)
        if running.reason:
            row["reason"] = running.reason
        self._stderr(row, name, b"".join(self.redact(iter([running.stderr]))))
        if not stream.size and (running.exit or running.outcome is not Outcome.COLLECTED):
            if running.outcome is Outcome.COLLECTED and _DENIED.search(running.stderr):
                row.update(outcome=Outcome.DENIED, reason=first_line(running.stderr))
            return self.packer.note(row)
        self.rows.copies(source, row, stream)
        return stream.close()

    def _stderr(self, row: Member, name: str, stderr: bytes) -> None:
        if len(stderr) <= STDERR_IN_ROW:
            if stderr:
                row["stderr"] = stderr.decode("utf-8", "replace")
            return
        row["stderr"] = stderr[:STDERR_IN_ROW].decode("utf-8", "replace")
        own = self.rows.begin("own", f"stderr of {' '.join(row['source'])}")
        if place := self.rows.claim(own, f"{OWN}/stderr/{name.removeprefix(f'{OWN}/start/')}"):
            self.packer.small(place, stderr, own)

    def _rows(self, source: Table | Probe, row: Member) -> None:
        if isinstance(source, Table):
            path, rows = source.at or f"{OWN}/tables/{source.name}", iter(source.rows(self.host))
        else:
            path = source.at or f"{OWN}/probes/{self.job.collector.name}/{source.kind}_{mangle((source.target,))}"
            from diagbundle.sources.probe import run  # noqa: PLC0415  # most children probe nothing

            rows = iter(run(source, self.host))
        name = self.rows.claim(row, path)
        if not name:
            return
        pieces = self.clock.each(self.redact(map(line, rows)), source.timeout, total=True)
        try:
            first = next(pieces, b"")
        except (SourceError, Stopped):
            del self.rows.claimed[name]
            raise
        stream = self.packer.stream(name, row)
        stream.write(first)
        try:
            for piece in pieces:
                stream.write(piece)
        except SourceError as error:
            cut_short(row, error, stream.size)
        except Stopped:
            row.update(outcome=Outcome.PARTIAL, reason=ENDED)
        except Exception as error:  # noqa: BLE001  # bulkhead: one source; what it had computed is kept
            row.update(outcome=Outcome.PARTIAL, reason=f"{type(error).__name__}: {error}")
        row["seconds"] = self.rows.seconds()
        self.rows.copies(source, row, stream)
        stream.close()
