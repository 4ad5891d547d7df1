"""How many lines of all logs were said when, and how severe: counted while the analysis reads them, so that nothing is read twice.

A small log is read line by line. Of a large one every stretch is counted, and dated by its first line that has a time; what is read of it
are the lines in which a word for a severity stands, of very many the first of each stretch, which then stand for the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from diagbundle.analyse.evidence.entry import Entry, Evidence, Index
from diagbundle.analyse.host import about_of
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.log.export import fields
from diagbundle.analyse.log.files import form_of, logs_of
from diagbundle.analyse.log.found import Find, Finder
from diagbundle.analyse.log.hearing import Ears
from diagbundle.analyse.log.lines import Reader, of_journal
from diagbundle.analyse.verdict import LONGEST, Origin

WORDS = ("emerg", "panic", "alert", "crit", "fatal", "severe", "err", "warn")
PRIORITIES = tuple(f"priority={number}\n" for number in range(5))
"""The same of the journal's export."""
STEP, STEPS = 64 << 10, 2_000
"""Bytes of a stretch, at least; stretches of a log, at most, about."""
SMALL, EXACT = 1 << 20, 16 << 20
"""Bytes of a log that is read line by line, and of all such logs together."""
LEAST, BUDGET = 12, 120_000
"""Lines that are read of each stretch of a large log, at least; and of all stretches together, about."""
LINE = 4096
"""Bytes of a line that are read."""
MINUTE = 60
ERROR, WARNING, OTHER = "error", "warning", "other"
KEPT, MINUTES = 4, 20_000
"""Errors that are kept of each minute, and minutes of which any are."""
_ERROR, _WARNING = 3, 4
SPREAD = 60
"""Steps in which lines without a time of their own are spread between two that have one."""
_TRIES = 4
_DAY = 86400.0


@dataclass
class Counted:
    """What was said in one log."""

    path: str
    is_exact: bool = True
    """Whether every line was read."""
    lines: float = 0.0
    undated: float = 0.0
    """Lines of a log of which none can be dated, or none soundly."""
    at: dict[tuple[int, str], float] = field(default_factory=dict)
    """Lines by minute since 1970 and severity."""

    def add(self, time: float, severity: str, lines: float) -> None:
        """So many were said then."""
        key = int(time // MINUTE), severity
        self.at[key] = self.at.get(key, 0.0) + lines


class Overheard:
    """Evidence that counts what is said in its logs while somebody else reads them."""

    def __init__(self, evidence: Evidence, finder: Finder) -> None:
        self._evidence = evidence
        self.name, self.head, self.entries = evidence.name, evidence.head, evidence.entries
        index = Index(evidence.entries)
        self.about = about_of(evidence, index)
        self._ears = Ears(evidence, index, self.about, finder)
        self._find = {form: finder([word.encode() for word in words]) for form, words in (("lines", WORDS), ("export", PRIORITIES))}
        logs = logs_of(evidence.entries)
        self._logs = {entry.path for entry in logs}
        self.read = max(LEAST, BUDGET * STEP // max(STEP, sum(entry.size for entry in logs)))
        """Lines that are read of each stretch of a large log, at most."""
        self._exact = EXACT
        self.logs: dict[str, Counted] = {}
        self.errors: dict[int, list[Event]] = {}
        """Some of the errors of each minute."""

    @property
    def damaged(self) -> Mapping[str, str]:
        """See `Evidence`."""
        return self._evidence.damaged

    def blocks(self, entry: Entry) -> Iterator[bytes]:
        """See `Evidence`. Who reads a log to its end has counted it, the first time."""
        if entry.path not in self._logs or entry.path in self.logs:
            yield from self._evidence.blocks(entry)
            return
        is_small = entry.size <= SMALL and entry.size <= self._exact
        log = _Log(
            self, entry, self._ears.reader(entry), self._find["export" if form_of(entry) == "export" else "lines"], is_small=is_small
        )
        for block in self._evidence.blocks(entry):
            log.take(block)
            yield block
        self._exact -= entry.size if is_small else 0
        self.logs[entry.path] = log.end()

    def wants(self, time: float) -> bool:
        """Whether few errors are known of that minute."""
        known = self.errors.get(int(time // MINUTE))
        return len(self.errors) < MINUTES if known is None else len(known) < KEPT

    def keep(self, event: Event) -> None:
        """Note an error, if none of the same words is known of its minute."""
        known = self.errors.setdefault(int(event.time // MINUTE), [])
        if all(event.text[:40] != each.text[:40] for each in known):
            known.append(event)


class _Log:
    """Counts one log."""

    def __init__(self, whole: Overheard, entry: Entry, reader: Reader, find: Find, *, is_small: bool) -> None:
        self._whole, self._entry, self._reader, self._find = whole, entry, reader, find
        self._is_export = form_of(entry) == "export"
        self._end = b"\n\n" if self._is_export else b"\n"
        self._step = max(STEP, entry.size // STEPS)
        self._rest, self._number = b"", 1
        self._newest = (whole.about.now or float(1 << 33)) + _DAY
        self._since, self._waiting = 0.0, 0.0
        """The last time that was read, and lines since then that have none of their own; before the first time, all."""
        self._counted = Counted(entry.path, is_exact=is_small)

    def take(self, block: bytes) -> None:
        """Count what has come, but for the last lines."""
        data = self._rest + block if self._rest else block
        start = 0
        while len(data) - start >= self._step:
            cut = data.rfind(self._end, start, start + self._step) + len(self._end)
            cut = cut if cut >= start + len(self._end) else start + self._step  # an endless line
            self._stretch(data[start:cut])
            start = cut
        self._rest = data[start:]

    def end(self) -> Counted:
        """The last lines, and all that was counted."""
        if self._rest:
            self._stretch(self._rest)
        self._settle(self._since)
        self._counted.undated += self._waiting
        return self._counted

    def _stretch(self, data: bytes) -> None:
        if self._counted.is_exact:
            counted = 0
            for start, stop in _lines(data, self._end):
                self._counted.lines += 1
                self._number += data.count(b"\n", counted, start)
                counted = start
                self._read(data, start, stop, 1.0)
            self._number += data.count(b"\n", counted)
        else:
            ends = data.count(b"\n")
            self._sample(data, data.count(self._end) if self._is_export else ends)
            self._number += ends

    def _sample(self, data: bytes, lines: int) -> None:
        """Date a stretch of a large log, and read of it the lines in which a severity may stand."""
        dated = (self._event(data, start, stop).time for start, stop in islice(_lines(data, self._end), _TRIES))
        self._settle(next((time for time in dated if 0 < time <= self._newest), 0.0))
        hits = list(self._hits(data))
        read = hits[:: -(-len(hits) // self._whole.read) or 1]
        for start, stop in read:
            self._read(data, start, stop, len(hits) / len(read))
        self._counted.lines += max(lines, len(hits))
        self._waiting += max(0, lines - len(hits))

    def _hits(self, data: bytes) -> Iterator[tuple[int, int]]:
        """The lines in which a severity may stand."""
        stop = -1
        for at, _ in self._find(data):
            if at >= stop:
                start = data.rfind(self._end, 0, at)
                start = start + len(self._end) if start >= 0 else 0
                stop = data.find(self._end, at)
                stop = len(data) if stop < 0 else stop
                yield start, stop

    def _read(self, data: bytes, start: int, stop: int, weight: float) -> None:
        """Count one line, or what it stands for."""
        event = self._event(data, start, stop)
        severity = event.severity
        told = ERROR if severity is not None and severity <= _ERROR else WARNING if severity == _WARNING else OTHER
        if self._counted.is_exact and event.time:
            self._settle(event.time if event.time <= self._newest else 0.0)
        time = event.time or self._since
        if told == OTHER or not 0 < time <= self._newest:
            self._waiting += weight
            return
        self._counted.add(time, told, weight)
        if told == ERROR and self._whole.wants(time):
            number = self._number + (0 if self._counted.is_exact else data.count(b"\n", 0, start))
            self._whole.keep(replace(event, time=time, origin=Origin(self._entry.path, number, event.text[:LONGEST])))

    def _event(self, data: bytes, start: int, stop: int) -> Event:
        line, origin = data[start : min(stop, start + LINE)], Origin(self._entry.path, self._number)
        return of_journal(fields(line), origin) if self._is_export else self._reader.event(line.decode("utf-8", "replace"), origin)

    def _settle(self, time: float) -> None:
        """A time was read: what was said since the one before lies between them."""
        if not time:
            return
        since = self._since if 0 < self._since < time else time
        steps = min(SPREAD, int(time // MINUTE) - int(since // MINUTE) + 1)
        if self._waiting:
            for step in range(steps):
                self._counted.add(since + (time - since) * step / steps, OTHER, self._waiting / steps)
        self._since, self._waiting = time, 0.0


def _lines(data: bytes, end: bytes) -> Iterator[tuple[int, int]]:
    """Where lines, or records, begin and end."""
    start = 0
    while start < len(data):
        stop = data.find(end, start)
        stop = len(data) if stop < 0 else stop
        if stop > start:
            yield start, stop
        start = stop + len(end)
