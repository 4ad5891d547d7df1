"""What a child does: ask one collector, fetch each of its sources, hand finished frames to the supervisor."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from diagbundle.bundle.format import GROUP, OWN, mangle
from diagbundle.bundle.pack import Member, Packer, Stream
from diagbundle.bundle.writer import key
from diagbundle.collect.clock import Clock, Stopped
from diagbundle.collect.job import Job, World
from diagbundle.collect.rows import Rows, cut_short, first_line, identity, line, meaning, not_too_slow, said
from diagbundle.collect.wire import DEAL, DONE, Sender, Slot
from diagbundle.errors import SourceError, SourceFailed, SourceSkipped, SourceTimeout
from diagbundle.host import Host, file_type, has_magic, no_fault
from diagbundle.model import Command, File, Outcome, Probe, Source, Table
from diagbundle.sources.command import Running, Settings, run_held
from diagbundle.sources.never import why_not_content
from diagbundle.sources.read import Opened, open_file
from diagbundle.sources.sound import unsound

T = TypeVar("T")
GRACE = 2.0
"""Seconds after its deadline in which a child may end a source by itself."""
MOST_SOURCES = 100_000
"""Questions of one collector: a generator without end would fill the manifest."""
OPENING = 10.0
"""Seconds in which a file must be open, and a directory answer: waiting longer is for what has begun to answer."""
FLUSH_AFTER = 0.1
"""Seconds after which gathered small answers are handed on, so that a hang does not cost them."""
DEAL_BYTES, DEAL_FILES = 32 << 20, 1500
"""More than this behind one pattern is dealt out to several children."""
DEAL_BATCH = 5000
ENDED = "the run was ended before it was whole"
_DENIED = re.compile(
    rb"permission denied|not permitted|must be (run as )?(super ?user|root)|are you root|only root|root privileges", re.IGNORECASE
)


class Child:
    """Fetches the sources of one job."""

    def __init__(self, job: Job, world: World, sender: Sender, slot: Slot) -> None:
        self.job, self.host, self.sender, self.slot = job, world.host, sender, slot
        self.redact, self.since = world.redact, world.since
        self.about = ""
        """What there is to say of it."""
        self.now = ("", 0.0)
        """What it is at, and until when."""
        self.packer = Packer(world.prefix, sender.frame)
        self.rows = Rows(job, self.packer, world.claimed)
        self.clock = Clock(job.timeout, lambda: os.getppid() != world.supervisor, self._starved)
        self.settings = Settings(world.mark, world.home, slot.group, world.hung, self.clock.whole)
        self.inodes: dict[tuple[int, int], str] = {}
        self.flushed = time.monotonic()
        self.missed = 0
        """Folders that the pattern under way leads into and that could not be listed."""

    # -- the loop

    def serve(self) -> bool:
        """Ask and fetch until the end; a failing collector is one row. Returns whether it came to the end."""
        self.host.step = self._step
        if self.host.live:
            self.host.runner = lambda command: run_held(command, self.settings)
        deadline = time.monotonic() + self.job.timeout
        label = f"collector:{self.job.collector.name}"
        try:
            self.at(label, self.job.timeout + GRACE)
            for number, source in enumerate(self.clock.each(_lazily(self.job.ask, self.host), self.job.timeout, total=True)):
                if number >= MOST_SOURCES:
                    reason = f"it asks for more than {MOST_SOURCES:,} sources; the rest was not asked"
                    self.rows.note("collector", self.job.collector.name, Outcome.PARTIAL, reason)
                    break
                self.fetch(source)
                self._hand_on()
                self.at(label, deadline - time.monotonic() + GRACE)
        except Stopped:
            pass
        except Exception as error:  # bulkhead: a collector's own code
            if self.packer.unfinished:  # or our own way to the supervisor is broken
                raise
            late = isinstance(error, SourceTimeout)
            outcome = Outcome.TIMEOUT if late else Outcome.FAILED
            reason = "it did not end in time" if late else f"the collector failed: {said(error)}"
            self.rows.note("collector", self.job.collector.name, outcome, reason)
        self.packer.flush()
        if not self.clock.stopping:
            self.sender.value(DONE, None)
        return not self.clock.stopping

    def fetch(self, source: Source) -> None:
        """Every piece of evidence behind one source."""
        if fault := unsound(source):
            self.rows.note("collector", self.job.collector.name, Outcome.FAILED, f"it asks for something that cannot be asked: {fault}")
        elif reason := self._why_not(source):
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
        self._hand_on()
        kind, name = identity(source)
        asked = key(kind, name)
        if asked in self.job.skip:
            return
        opening = min(source.timeout, OPENING) if isinstance(source, File) else source.timeout
        self.at(asked, opening + GRACE)
        self.rows.start()
        row = self.rows.begin(kind, name)
        try:
            fetch(source, row)
        except Stopped:
            self.rows.without_member(row, Outcome.TIMEOUT, "the run was ended before it answered")
            raise
        except Exception as error:  # bulkhead: one source
            if self.packer.unfinished:  # half a member is out: the supervisor ends it when we have ended
                raise
            self.rows.without_member(row, *meaning(error))

    def at(self, label: str, seconds: float) -> None:
        """It is at this now, for so many seconds at most."""
        self.now = (label, time.monotonic() + seconds)
        self.slot.at(label, seconds, self.about)

    def _starved(self, seconds: float) -> None:
        """For so long there was no processor for us."""
        label, until = self.now
        self.at(label, until - time.monotonic() + seconds)

    def _hand_on(self) -> None:
        """What has gathered for a while is handed on."""
        if time.monotonic() - self.flushed > FLUSH_AFTER:
            self.packer.flush()
            self.flushed = time.monotonic()

    @contextmanager
    def _step(self, directory: str) -> Iterator[None]:
        """A directory is looked at: if it never answers, it is to be known which one, and not asked again."""
        asked = key("directory", directory)
        if asked in self.job.skip:
            raise SourceTimeout(f"{directory} did not answer before")
        label, until = self.now
        self.at(asked, OPENING + GRACE)
        try:
            yield
        finally:
            self.at(label, until - time.monotonic())

    # -- files

    def _files(self, source: File) -> None:
        if self.job.dealt or not has_magic(source.path):
            self._send(source, self._file)
            return
        if key("glob", source.path) in self.job.skip:
            return
        self.packer.flush()  # a hang in looking does not cost what is had
        top = re.split(r"[^/]*[*?\[]", source.path, maxsplit=1)[0]
        found: list[tuple[str, int, float]] = []
        links: list[str] = []
        self.at(f"glob:{source.path}", self.job.timeout)
        matches = self.missed = 0
        self.host.unlisted = self._unlisted
        for path in self.host.glob(source.path):
            self.clock.check()
            matches += 1
            self._sort_in(path, found, links)
        self.host.unlisted = no_fault
        if not matches and not self.missed:
            self.rows.note("file", source.path, Outcome.ABSENT, "nothing matches")
        if len(found) > DEAL_FILES or sum(size for _, size, _ in found) > DEAL_BYTES:
            for start in range(0, len(found), DEAL_BATCH):
                whole = [source.path] if start + DEAL_BATCH >= len(found) else []  # the last ones of this pattern
                self.sender.value(DEAL, {"timeout": source.timeout, "files": found[start : start + DEAL_BATCH], "whole": whole})
            found = []
        for path, _, _ in found:
            self._send(File(path, timeout=source.timeout), self._file)
        for path in links:
            self._link(source, path, top)

    def _unlisted(self, directory: str, error: SourceError) -> None:
        """A directory that a pattern leads into and that cannot be listed: what lies there is lost, and nobody knows how much."""
        if error.outcome is Outcome.ABSENT:
            return
        self.missed += 1
        asked = key("file", directory)
        if error.outcome is not Outcome.TIMEOUT and asked not in self.job.skip:  # a timeout has its row already
            self.job.skip.add(asked)
            self.rows.note("file", directory, error.outcome, f"this folder cannot be listed: {error}")

    def _sort_in(self, path: str, found: list[tuple[str, int, float]], links: list[str]) -> None:
        """One match of a pattern: to be read, a link, or something that is only named."""
        if key("file", path) in self.job.skip:
            return
        self.at(key("file", path), OPENING + GRACE)
        try:
            status = self.host.lstat(path)
        except SourceError as error:
            self.rows.note("file", path, error.outcome, str(error))
            return
        if stat.S_ISREG(status.st_mode):
            found.append((path, status.st_size, status.st_mtime))
        elif stat.S_ISLNK(status.st_mode):
            links.append(path)
        elif not stat.S_ISDIR(status.st_mode):
            self.rows.note("file", path, Outcome.SKIPPED, f"not a regular file: {file_type(status.st_mode)}")

    def _link(self, source: File, path: str, top: str) -> None:
        """A link found by a pattern: only named where its end lies below the same folder, or is a folder."""
        asked = key("file", path)
        if asked in self.job.skip:
            return None
        self.at(asked, OPENING + GRACE)
        target = self.host.readlink(path)
        try:
            real = self.host.path(path)
            inside = real.startswith(f"{self.host.root.rstrip('/')}{top.rstrip('/')}/")
            named = "**" in source.path and not source.follow
            reason = "a link to something that is collected itself" if inside else "a link, not followed" if named else ""
            reason = reason or ("a link to a folder" if os.path.isdir(real) else "")
        except SourceError as error:
            reason = f"a link: {error}"
        if not reason:
            self.about = f"a link to {target}"
            self._send(replace(source, path=path), self._file)
            self.about = ""
            return None
        self.rows.start()
        row = self.rows.begin("file", path)
        row["target"] = target
        return self.rows.without_member(row, Outcome.SKIPPED, reason)

    def _file(self, source: File, row: Member) -> None:
        with self.clock.limit(min(source.timeout, OPENING)):
            opened = open_file(self.host, source.path)
        self.at(key("file", row["source"]), source.timeout + GRACE)
        with closing(opened):
            if opened.is_link and (target := self.host.readlink(source.path)):
                row["target"] = target
            if self.since and opened.mtime and opened.mtime < self.since and self.job.phase == "logs":
                raise SourceSkipped("last changed before the time that was asked for")
            path = source.at or source.key or source.path
            if opened.whole:
                path = f"{OWN}/sparse/{path.lstrip('/')}"
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
        with self.clock.limit(source.timeout):
            data = opened.small()
        redacted = b"".join(self.redact(iter((data,))))
        row["seconds"] = self.rows.seconds()
        if len(data) < (opened.size or 0):
            row.update(outcome=Outcome.PARTIAL, reason=f"it shrank while it was read: {len(data):,} of {opened.size:,} bytes")
        self.packer.small(name, redacted, row)

    def _large(self, source: File, row: Member, name: str, opened: Opened) -> None:
        """A large file, a sparse one, or one of the kernel's, whose length only reading tells."""
        pieces = self.clock.each(self.redact(opened.chunks()), source.timeout, total=False)
        first = next(pieces, b"")  # a file that cannot be read at all is a row without a member
        if (opened.size or 0) < GROUP and (reason := why_not_content(first)):
            raise SourceSkipped(reason)
        stream = self.packer.stream(name, row, opened.size)
        self._fill(stream, first, not_too_slow(pieces, opened.size), source.timeout + GRACE)
        if opened.size is not None and stream.size < opened.size and row["outcome"] is Outcome.COLLECTED:
            row.update(outcome=Outcome.PARTIAL, reason=f"it shrank while it was read: {stream.size:,} of {opened.size:,} bytes")
        row["seconds"] = self.rows.seconds()
        self.rows.copies(source, row, stream)
        stream.close()

    def _fill(self, stream: Stream, first: bytes, pieces: Iterator[bytes], patience: float = 0.0) -> None:
        """All pieces into a member. What ends them early becomes the row's outcome; what was had until then is kept."""
        stream.write(first)
        try:
            for piece in pieces:
                stream.write(piece)
                if patience:
                    self.slot.extend(patience)
        except SourceError as error:
            cut_short(stream.row, error, stream.size)
        except Stopped:
            stream.row.update(outcome=Outcome.PARTIAL, reason=ENDED)

    # -- commands, tables, probes

    def _command(self, source: Command, row: Member) -> None:
        folder = source.folder or self.job.collector.folder or self.job.collector.name
        name = self.rows.claim(row, source.at or f"sos_commands/{folder}/{mangle(source.argv)}")
        if not name:
            return None
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
        self._fill(stream, first, pieces)
        if row["outcome"] is Outcome.COLLECTED and running.reason:
            row.update(outcome=running.outcome, reason=running.reason)
        row.update(seconds=self.rows.seconds(), exit=running.exit)
        self.rows.stderr(row, name, b"".join(self.redact(iter([running.stderr]))), running.stderr_size)
        if not stream.size and (running.exit or row["outcome"] is not Outcome.COLLECTED):
            outcome, reason = row["outcome"], row.get("reason")
            if outcome is Outcome.COLLECTED and _DENIED.search(running.stderr):
                outcome, reason = Outcome.DENIED, first_line(running.stderr)
            row |= {"outcome": outcome} | ({"reason": reason} if reason else {})
            return self.rows.bare(row)
        self.rows.copies(source, row, stream)
        return stream.close()

    def _rows(self, source: Table | Probe, row: Member) -> None:
        if isinstance(source, Table):
            path, rows = source.at or f"{OWN}/tables/{source.name}", _lazily(source.rows, self.host)
        else:
            path = source.at or f"{OWN}/probes/{self.job.collector.name}/{source.kind}_{mangle((source.target,))}"
            from diagbundle.sources.probe import run  # noqa: PLC0415  # most children probe nothing

            rows = _lazily(partial(run, source), self.host)
        name = self.rows.claim(row, path)
        if not name:
            return
        pieces = self.clock.each(self.redact(map(line, rows)), source.timeout, total=True)
        first = next(pieces, b"")
        stream = self.packer.stream(name, row)
        try:
            self._fill(stream, first, pieces)
        except Exception as error:  # bulkhead: one source; what it had computed is kept
            if self.packer.unfinished:
                raise
            row.update(outcome=Outcome.PARTIAL, reason=said(error))
        row["seconds"] = self.rows.seconds()
        self.rows.copies(source, row, stream)
        stream.close()


def _lazily(ask: Callable[[Host], Iterable[T]], host: Host) -> Iterator[T]:
    """Called only when the first item is wanted, which the clock watches. Code that wants to end the process ends only itself."""
    try:
        yield from ask(host)
    except (SystemExit, KeyboardInterrupt) as error:
        raise SourceFailed(f"it ended itself: {type(error).__name__}") from None
