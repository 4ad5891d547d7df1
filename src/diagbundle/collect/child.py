"""What a child does: ask one collector, fetch each of its sources, hand finished frames to the supervisor."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from diagbundle.bundle.format import GROUP, OWN, mangle
from diagbundle.bundle.pack import Member, Packer, Stream
from diagbundle.bundle.writer import key
from diagbundle.collect.clock import Clock, Stopped
from diagbundle.collect.finding import GRACE, OPENING, find
from diagbundle.collect.job import Filter, Job, World
from diagbundle.collect.rows import Rows, cut_short, first_line, identity, line, meaning, not_too_slow, said
from diagbundle.collect.wire import DONE, LEARNED, Sender, Slot
from diagbundle.errors import DEAF, SourceError, SourceFailed, SourceSkipped, SourceTimeout
from diagbundle.host import Host
from diagbundle.model import Command, File, Outcome, Probe, Source, Table
from diagbundle.sources.command import Running, Settings, run_held
from diagbundle.sources.read import Opened, open_file
from diagbundle.sources.sound import unsound

T = TypeVar("T")
MOST_SOURCES = 100_000
"""Questions of one collector: a generator without end would fill the manifest."""
FLUSH_AFTER = 0.1
"""Seconds after which gathered small answers are handed on, so that a hang does not cost them."""
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
        self.fetched: set[str] = set()
        """Files that were asked for: a pattern that matches them, too, does not fetch them again."""
        self.now = ("", 0.0)
        """What it is at, and until when."""
        self.packer = Packer(world.prefix, sender.frame)
        self.rows = Rows(job, self.packer, world.claimed)
        self.clock = Clock(job.timeout, lambda: os.getppid() != world.supervisor, self._starved)
        self.settings = Settings(world.mark, world.home, slot.group, world.hung, self.clock.whole)
        self.inodes: dict[tuple[int, int], str] = {}
        self.flushed = time.monotonic()

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
        self._tell_names()
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
            find(self, source)
        elif isinstance(source, Command) and source.each:
            for match in self.host.glob(source.each):
                name = match.rsplit("/", 1)[-1]
                self.send(replace(source, each="", argv=tuple(word.replace("{}", name) for word in source.argv)), self._command)
        elif isinstance(source, Command):
            self.send(source, self._command)
        else:
            self.send(source, self._rows)

    def _why_not(self, source: Source) -> str:
        if source.skip:
            return source.skip
        if source.only_if and not self.host.exists(source.only_if):
            return f"only asked where {source.only_if} exists"
        return ""

    def send(self, source: Any, fetch: Callable[[Any, Member], None]) -> None:
        """Fetch one source: whatever happens becomes one row at least."""
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
            self._tell_names()
            self.flushed = time.monotonic()

    def _tell_names(self) -> None:
        """Names that were given stand-ins: whoever keeps the map is to know them before anything else may happen to us."""
        if names := self.redact.learned():
            self.sender.value(LEARNED, names)

    @contextmanager
    def _step(self, directory: str) -> Iterator[None]:
        """A directory is looked at: if it never answers, it is to be known which one, and not asked again."""
        asked = key("directory", directory)
        if asked in self.job.skip:
            raise SourceTimeout(f"{directory} did not answer{DEAF}")
        label, until = self.now
        self.at(asked, OPENING + GRACE)
        try:
            yield
        finally:
            self.at(label, until - time.monotonic())

    # -- files

    def file(self, source: File, row: Member) -> None:
        """One file, for `send`."""
        with self.clock.limit(min(source.timeout, OPENING)):
            opened = open_file(self.host, source.path)
        self.at(key("file", row["source"]), source.timeout + GRACE)
        with closing(opened):
            if opened.is_link and (target := self.host.readlink(source.path)):
                row["target"] = target
            if self.since and opened.mtime and opened.mtime < self.since and self.job.phase == "logs":
                raise SourceSkipped("last changed before the time that was asked for")
            if opened.inode and opened.inode in self.inodes:
                row.update(link=self.inodes[opened.inode], seconds=self.rows.seconds())
                self.packer.note(row)
            else:
                self._content(source, row, opened)

    def _content(self, source: File, row: Member, opened: Opened) -> None:
        """What a file holds, through the filter. Most are read at once, without a stream."""
        row["mtime"] = int(opened.mtime)
        passed = self.redact.file(source.path)
        if opened.size is not None and opened.size < GROUP and not opened.whole and not source.also:
            with self.clock.limit(source.timeout):
                pieces = passed((opened.small(),))
                first, rest = next(pieces, b""), next(pieces, None)
            if rest is None and len(first) < GROUP:
                self._small(source, row, opened, passed, first)
                return
            pieces = chain((rest or b"",), pieces)
        else:
            chunks = self.clock.each(opened.chunks(), source.timeout, total=False)
            pieces = passed(self._alive(not_too_slow(chunks, opened.size), source.timeout + GRACE))
            first = next(pieces, b"")  # a file that cannot be read at all is a row without a member
        self._large(source, row, opened, passed, chain((first,), pieces))

    def _small(self, source: File, row: Member, opened: Opened, passed: Filter, whole: bytes) -> None:
        if name := self._claim(source, row, opened, passed):
            row["seconds"] = self.rows.seconds()
            self._judge(row, opened, passed)
            self.packer.small(name, whole, row)

    def _large(self, source: File, row: Member, opened: Opened, passed: Filter, pieces: Iterator[bytes]) -> None:
        """A large file, a sparse one, or one of the kernel's, whose length only reading tells."""
        if name := self._claim(source, row, opened, passed):
            stream = self.packer.stream(name, row, opened.size if self.redact.exact else None)
            self._fill(stream, next(pieces), pieces)
            row["seconds"] = self.rows.seconds()
            self._judge(row, opened, passed)
            self.rows.copies(source, row, stream)
            stream.close()

    def _claim(self, source: File, row: Member, opened: Opened, passed: Filter) -> str:
        """The name of a file in the bundle; '' where its answer is there already."""
        path = source.at or source.key or source.path
        if passed.name != source.path:  # it was compressed, and is not any more
            path = path.removesuffix(source.path.removeprefix(passed.name))
        if opened.whole:
            path = f"{OWN}/sparse/{path.lstrip('/')}"
            row |= {"extents": opened.extents, "whole": opened.whole}
        name = self.rows.claim(row, self.redact.text(path))
        if name and opened.inode:
            self.inodes[opened.inode] = name
        return name

    def _judge(self, row: Member, opened: Opened, passed: Filter) -> None:
        """What is to be said of a file that was read to its end, as far as it goes."""
        if row["outcome"] is Outcome.COLLECTED and passed.fault:
            row.update(outcome=Outcome.PARTIAL, reason=passed.fault)
        if row["outcome"] is Outcome.COLLECTED and opened.had < (opened.size or 0):
            row.update(outcome=Outcome.PARTIAL, reason=f"it shrank while it was read: {opened.had:,} of {opened.size:,} bytes")
        self.rows.hidden(row, passed)

    def _alive(self, chunks: Iterator[bytes], patience: float) -> Iterator[bytes]:
        """The chunks of a file, each of which buys time for the next one."""
        for chunk in chunks:
            self.slot.extend(patience)
            yield chunk

    def _fill(self, stream: Stream, first: bytes, pieces: Iterator[bytes]) -> None:
        """All pieces into a member. What ends them early becomes the row's outcome; what was had until then is kept."""
        stream.write(first)
        try:
            for piece in pieces:
                stream.write(piece)
        except SourceError as error:
            cut_short(stream.row, error, stream.size)
        except Stopped:
            stream.row.update(outcome=Outcome.PARTIAL, reason=ENDED)

    # -- commands, tables, probes

    def _command(self, source: Command, row: Member) -> None:
        folder = source.folder or self.job.collector.folder or self.job.collector.name
        words = self.redact.text("\0".join(source.argv)).split("\0")
        name = self.rows.claim(row, source.at or f"sos_commands/{folder}/{mangle(words)}")
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
        passed = self.redact.answer(" ".join(source.argv))
        pieces = passed(self.clock.each(chunks, source.timeout + 1, total=True))
        first = next(pieces, b"")
        stream = self.packer.stream(name, row)
        self._fill(stream, first, pieces)
        if row["outcome"] is Outcome.COLLECTED and running.reason:
            row.update(outcome=running.outcome, reason=running.reason)
        row.update(seconds=self.rows.seconds(), exit=running.exit)
        self.rows.hidden(row, passed)
        self.rows.stderr(row, name, b"".join(self.redact.answer("")((running.stderr,))), running.stderr_size)
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
        passed = self.redact.answer("")
        pieces = passed(self.clock.each(map(line, rows), source.timeout, total=True))
        first = next(pieces, b"")
        stream = self.packer.stream(name, row)
        try:
            self._fill(stream, first, pieces)
        except Exception as error:  # bulkhead: one source; what it had computed is kept
            if self.packer.unfinished:
                raise
            row.update(outcome=Outcome.PARTIAL, reason=said(error))
        row["seconds"] = self.rows.seconds()
        self.rows.hidden(row, passed)
        self.rows.copies(source, row, stream)
        stream.close()


def _lazily(ask: Callable[[Host], Iterable[T]], host: Host) -> Iterator[T]:
    """Called only when the first item is wanted, which the clock watches. Code that wants to end the process ends only itself."""
    try:
        yield from ask(host)
    except (SystemExit, KeyboardInterrupt) as error:
        raise SourceFailed(f"it ended itself: {type(error).__name__}") from None
