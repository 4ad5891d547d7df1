"""Rows of the manifest in the making, and the names under which answers lie."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from diagbundle.bundle.format import OWN, bundle_path
from diagbundle.bundle.pack import Member, Packer, Stream
from diagbundle.bundle.writer import answer_at, answered
from diagbundle.collect.job import Filter, Job
from diagbundle.errors import SourceError, SourceTimeout, from_os_error
from diagbundle.model import Command, File, Outcome, Source, Table

LONGEST = 4 << 10
"""Characters of a word in a row of the manifest: of a reason, a name, an argument."""
MOST_WORDS = 256
STDERR_IN_ROW = 1 << 10
SLOW, SLOWEST = 30.0, 2 << 20
"""Seconds that any file may take, and bytes a second that a long one must come with."""
COPY_LIMIT = 4 << 20
"""Bytes of an answer of which copies are kept (`also`)."""


class Rows:
    """Makes the rows of one job; remembers when the source under way began, and which names are taken."""

    def __init__(self, job: Job, packer: Packer, claimed: dict[str, str]) -> None:
        self.job, self.packer, self.claimed = job, packer, claimed
        self.started = self._since = 0.0

    def start(self) -> None:
        """A source is asked from now on."""
        self.started, self._since = time.time(), time.monotonic()  # the clock of the wall may be set meanwhile

    def begin(self, kind: str, name: str | list[str]) -> Member:
        """A row, as far as it is known before the answer comes."""
        row: Member = {"collector": self.job.collector.name, "kind": kind, "source": name, "outcome": Outcome.COLLECTED}
        row |= {"started": round(self.started or time.time(), 3), "seconds": 0.0}
        if self.job.phase in ("start", "end"):
            row["sample"] = self.job.phase
        return row

    def note(self, kind: str, name: str | list[str], outcome: Outcome, reason: str) -> None:
        """A row about something that was not fetched."""
        self.start()
        self.without_member(self.begin(kind, name), outcome, reason)

    def without_member(self, row: Member, outcome: Outcome, reason: str) -> None:
        """A row without a member, and why."""
        row.update(outcome=outcome, reason=reason, seconds=self.seconds())
        self.bare(row)

    def bare(self, row: Member) -> None:
        """A row that turned out to have no member: the name that was claimed for it is free again."""
        self.claimed.pop(row.pop("path", ""), None)
        self.packer.note(row)

    def seconds(self) -> float:
        """How long the source under way has taken so far."""
        return round(time.monotonic() - self._since, 4)

    def claim(self, row: Member, path: str) -> str:
        """The member's name for an answer, fit for a bundle; '' if that answer is there already (then the row says where)."""
        path = path.lstrip("/")
        if self.job.phase == "start":
            path = f"{OWN}/start/{path}"
        answers = answered(row)
        name, number = bundle_path(path), 1
        for_last = "sample" not in row and f"{OWN}/start/{path}" in self.claimed  # a sample's last reading is to lie where people look
        while name in self.claimed or (for_last and number == 1):
            if answer_at(self.claimed, name) == answers:
                row.update(link=name, seconds=self.seconds())
                self.packer.note(row)
                return ""
            number += 1
            name = bundle_path(f"{path}.{number}")
        self.claimed[name] = answers
        row["path"] = name
        return name

    def stderr(self, row: Member, name: str, stderr: bytes, size: int) -> None:
        """What a command said on standard error: its beginning in the row, the whole beside the answer."""
        if len(stderr) <= STDERR_IN_ROW:
            if stderr:
                row["stderr"] = stderr.decode("utf-8", "replace")
            return
        row["stderr"] = stderr[:STDERR_IN_ROW].decode("utf-8", "replace")
        own = self.begin("own", f"stderr of {' '.join(row['source'])}")
        if size > len(stderr):
            own.update(outcome=Outcome.PARTIAL, reason=f"its first {len(stderr):,} of {size:,} bytes")
        if place := self.claim(own, f"{OWN}/stderr/{name.removeprefix(f'{OWN}/start/')}"):
            self.packer.small(place, stderr, own)

    def hidden(self, row: Member, passed: Filter) -> None:
        """What was removed from an answer, by kind, and the lines of it that somebody should look at."""
        if passed.counts:
            row["redacted"] = dict(sorted(passed.counts.items()))
        if passed.said:
            row["opened"] = passed.said
        if passed.suspects:
            row["suspects"] = list(passed.suspects)

    def copies(self, source: Source, row: Member, stream: Stream) -> None:
        """The same answer again where tools look for it; only small ones, which are still in memory."""
        whole = stream.held() if source.also else None
        for path in source.also if whole is not None and len(whole) <= COPY_LIMIT else ():
            copy = {key: value for key, value in row.items() if key not in ("path", "extents", "whole")}
            claim = dict(copy, source=f"{path}, a copy")
            if name := self.claim(claim, path):
                stream.copies.append((name, copy))


def spoken(row: Member, text: Callable[[str], str]) -> Member:
    """A row whose words may leave: what was asked, and what the host said of it."""
    source = row["source"]
    words = [text(source)] if isinstance(source, str) else text("\0".join(source)).split("\0")
    row = dict(row, source=words[0] if isinstance(source, str) else words)
    return row | {key: text(row[key]) for key in ("reason", "target") if row.get(key)}


def meaning(error: Exception) -> tuple[Outcome, str]:
    """Outcome and reason of a source that raised this."""
    if isinstance(error, SourceError):
        return error.outcome, shortened(str(error))
    if isinstance(error, OSError) and error.strerror:
        return from_os_error(error).outcome, shortened(error.strerror)
    return Outcome.FAILED, said(error)


def said(error: Exception) -> str:
    """An error of somebody's code in words; it may not even be able to say what it is."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # bulkhead: the error's own code
        text = "(it cannot be put into words)"
    return shortened(f"{type(error).__name__}: {text}")


def shortened(text: str) -> str:
    """A text that fits into a row."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"


def cut_short(row: Member, error: SourceError, have: int) -> None:
    """An answer that ended early: some of it is kept."""
    row.update(outcome=Outcome.PARTIAL if have else error.outcome, reason=f"{error}; {have:,} bytes were had")


def not_too_slow(pieces: Iterator[bytes], size: int | None) -> Iterator[bytes]:
    """The pieces of a file, as long as the disk gives them at some pace: a sick one is not to keep the run from all that comes after it."""
    left = SLOW + (size or 0) / SLOWEST
    while left > 0:
        began = time.monotonic()
        if (piece := next(pieces, None)) is None:
            return
        left -= time.monotonic() - began  # without what the piece then waits for
        yield piece
    raise SourceTimeout(f"the disk gave less than {SLOWEST >> 20} MiB a second")


def line(row: Any) -> bytes:
    """A computed row as a line of bytes: JSON, or the text that it is."""
    if isinstance(row, str):
        return row.encode("utf-8", "surrogateescape") + b"\n"
    return json.dumps(row, separators=(", ", ": "), default=str).encode() + b"\n"


def first_line(text: bytes) -> str:
    """What a program said first."""
    return text.strip().split(b"\n", 1)[0][:200].decode("utf-8", "replace")


def identity(source: Source) -> tuple[str, str | list[str]]:
    """Kind and name of a source, as they stand in its row."""
    if isinstance(source, File):
        return "file", shortened(source.key or source.path)
    if isinstance(source, Command):
        more = [f"... ({len(source.argv):,} words)"] if len(source.argv) > MOST_WORDS else []
        return "command", [shortened(word) for word in source.argv[:MOST_WORDS]] + more
    if isinstance(source, Table):
        return "table", shortened(source.name)
    return "probe", shortened(f"{source.kind} {source.target}")
