"""Goes through all logs once, and gives each listener the events in which its words stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from diagbundle.analyse.evidence.entry import Entry, Evidence, Index
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.host import clock_of
from diagbundle.analyse.log.event import FILE, NEAR, Event
from diagbundle.analyse.log.export import fields
from diagbundle.analyse.log.files import form_of, logs_of
from diagbundle.analyse.log.found import Find, Finder, Raw, Sieve
from diagbundle.analyse.log.lines import Reader, of_journal
from diagbundle.analyse.log.years import years_of
from diagbundle.analyse.registry import LogParser
from diagbundle.analyse.verdict import LONGEST, Origin
from diagbundle.errors import BundleError

SAME = 3.0
_LARGE = 16 << 20
"""Bytes of a log of which not every line is asked for its month."""
"""Seconds by which the time of one message may differ between two logs."""


@dataclass
class Heard:
    """What all listeners made of it."""

    facts: list[tuple[LogParser, Fact]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    """Paths of all logs that were read."""
    kernel: list[str] = field(default_factory=list)
    """Those of them in which the kernel speaks."""
    others: dict[str, list[Origin]] = field(default_factory=dict)
    """Lines that other hosts said, by their names: this one only keeps them."""
    unread: dict[str, str] = field(default_factory=dict)
    """Logs that could not be read to their end, and why; and parsers that failed."""


@dataclass
class Ears:
    """Listens to all logs of a bundle."""

    evidence: Evidence
    index: Index
    about: About
    finder: Finder
    _seen: dict[tuple[int, int], str] = field(default_factory=dict, init=False)
    """What was said (its hash) and when, in steps of `SAME`: the log that told of it first."""

    _speaks: set[str] = field(default_factory=set, init=False)
    """Logs in which this host is named."""

    def hear(self, listeners: Sequence[LogParser]) -> Heard:
        """Every listener hears the events that hold one of its words, each once, whichever logs tell of it."""
        heard = Heard()
        by_word: dict[bytes, list[LogParser]] = {}
        for each in listeners:
            for word in dict.fromkeys(form for said in each.contains for form in _forms(said.lower().encode())):
                by_word.setdefault(word, []).append(each)
        find, whose = self.finder([*by_word]), [*by_word.values()]
        for entry in logs_of(self.evidence.entries):
            heard.logs.append(entry.path)
            if not listeners:  # who only wants facts does not go through gigabytes
                continue
            try:
                for event, those in self._own(entry, list(self._events(entry, find, whose)), heard):
                    if event.is_kernel and entry.path not in heard.kernel:
                        heard.kernel.append(entry.path)
                    if not self._is_told_elsewhere(event):
                        _tell(event, those, heard)
            except BundleError as error:
                heard.unread[entry.path] = str(error)
        heard.kernel += [path for path in heard.logs if path not in heard.kernel and _KERNEL.search(path)]
        return heard

    def _is_told_elsewhere(self, event: Event) -> bool:
        """Whether another log has told of this before: the kernel's words lie in up to five."""
        if not event.time:
            return False
        said, when = hash((event.facility if event.is_kernel else "", event.text)), int(event.time / SAME)
        told = any(self._seen.get((said, near), event.origin.path) != event.origin.path for near in (when - 1, when, when + 1))
        self._seen.setdefault((said, when), event.origin.path)
        return told

    def _own(self, entry: Entry, events: list[tuple[Event, list[LogParser]]], heard: Heard) -> Iterator[tuple[Event, list[LogParser]]]:
        """Without what other hosts said. One strange name alone, in a file that never has ours, is the name we had before."""
        strangers = {event.host.lower() for event, _ in events if self._is_stranger(event, entry)}
        is_relay = entry.path in self._speaks or len(strangers) > 1 or _RELAYED.search(entry.path) is not None
        for event, those in events:
            if is_relay and event.host.lower() in strangers:
                heard.others.setdefault(event.host.lower(), []).append(event.origin)
            else:
                yield event, those

    def _is_stranger(self, event: Event, entry: Entry) -> bool:
        """Whether a line names another host, where lines name hosts at all."""
        return (
            bool(event.host and self.about.names)
            and event.host.lower() not in self.about.names
            and (event.is_kernel or _SYSLOG.search(entry.path) is not None)
        )

    def _blocks(self, entry: Entry) -> Iterator[bytes]:
        """The content of a log; it is noted where our own name stands in it."""
        names = [f" {name} ".encode() for name in self.about.names if name != "localhost"]
        for block in self.evidence.blocks(entry):
            if entry.path not in self._speaks and any(name in block for name in names):
                self._speaks.add(entry.path)
            yield block

    def _events(self, entry: Entry, find: Find, whose: Sequence[Sequence[LogParser]]) -> Iterator[tuple[Event, list[LogParser]]]:
        """The events of one log, in its order, and who hears each."""
        is_export = form_of(entry) == "export"
        sieve = Sieve(find, whose, b"\n\n" if is_export else b"\n")
        is_kernel = _KERNEL_ONLY.search(entry.path) is not None
        sieve.take(self._blocks(entry), lambda each, data: not each.kernel or is_kernel or b"kernel" in data)
        lines: dict[int, tuple[Raw, list[LogParser], int]] = {}
        for listener, kept in sieve.kept.values():
            for raw in kept:
                _, those, left_out = lines.setdefault(raw.number, (raw, [], 0))
                those.append(listener)
                if raw is kept.first:
                    lines[raw.number] = raw, those, max(left_out, kept.left_out)
        reader = self.reader(entry)
        for number in sorted(lines):
            raw, those, left_out = lines[number]
            event = _record(raw, entry) if is_export else _line(raw, entry, reader)
            if left_out:
                event = replace(event, left_out=left_out)
            yield event, [each for each in those if event.is_kernel or not each.kernel]

    def reader(self, entry: Entry) -> Reader:
        """What reads the lines of a log: with the host's zone, and when the file was last written."""
        clock = clock_of(self.about, entry)
        clock.booted = self._booted(entry)
        clock.years = lambda: years_of(self.evidence.blocks(entry), every=entry.size < _LARGE)
        return Reader(entry.path, clock, self.cleared)

    def _booted(self, entry: Entry) -> float:
        """When the boot began whose seconds a log counts: what a kernel left that died, or `dmesg.1`, is of an earlier one."""
        if not _EARLIER.search(entry.path) or not entry.mtime or entry.mtime >= self.about.booted > 0:
            return self.about.booted
        try:
            seconds = [float(found[1]) for piece in self.evidence.blocks(entry) for found in _SECONDS.finditer(piece)]
        except BundleError:
            return 0.0
        return entry.mtime - max(seconds, default=0.0)

    @cached_property
    def cleared(self) -> float:
        """Seconds since boot of the first line that `dmesg` shows: what the ring holds from before that, somebody has cleared."""
        dmesg = self.index.by_path.get("sos_commands/kernel/dmesg")
        if dmesg is None or not dmesg.there or dmesg.exit != 0 or not dmesg.started:
            return 0.0
        head = b"".join(_first(self.evidence.blocks(dmesg)))[:200]
        first = re.match(rb"\[ *(\d+\.\d+)\]", head)
        return float(first[1]) if first else (float("inf") if not head.strip() else 0.0)


_EARLIER = re.compile(r"var/log/dmesg|pstore|vmcore|kdump|var/crash")
_SECONDS = re.compile(rb"(?m)^(?:<\d+>)?\[ *(\d{1,9}\.\d{3,9})\]")
_SYSLOG = re.compile(r"var/log/(?:.*/)?(?:messages|syslog|kern|auth|secure|daemon|user|cron|mail|maillog|local\d)|/remote/|/hosts?/")
"""Logs in whose lines the host stands behind the time."""
_RELAYED = re.compile(r"/(?:remote|hosts?|rsyslog|clients?|relay)/")
_KERNEL_ONLY = re.compile(r"kmsg|dmesg|kern\.log|pstore")
_KERNEL = re.compile(r"kmsg|dmesg|kern\.log|/messages|/syslog|journalctl")


def may_be_kernels(path: str) -> bool:
    """Whether the kernel may speak in the log of this name."""
    return _KERNEL.search(f"/{path}") is not None


def _forms(word: bytes) -> tuple[bytes, ...]:
    """A word as it stands in text, and within JSON."""
    return (word, word.replace(b"\\", b"\\\\").replace(b'"', b'\\"'))


def _first(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield next(pieces, b"")


def _tell(event: Event, those: Iterable[LogParser], heard: Heard) -> None:
    for each in those:
        if each.name in heard.unread:
            continue
        try:
            heard.facts += [(each, fact) for fact in each.hear(event)]
        except Exception as error:  # noqa: BLE001  # a parser of logs that fails costs only itself
            heard.unread[each.name] = f"the parser failed at {event.origin}: {type(error).__name__}: {error}"


def _line(raw: Raw, entry: Entry, reader: Reader) -> Event:
    text = raw.data.decode("utf-8", "replace").rstrip("\r")
    event = reader.event(text, Origin(entry.path, raw.number, text[:LONGEST].strip(), entry.started))
    if event.time:
        return event
    if raw.before and (time := reader.when(raw.before.decode("utf-8", "replace"))):
        return replace(event, time=time, certainty=NEAR)
    return replace(event, time=reader.newest, certainty=FILE) if entry.mtime else event  # no line is younger than its file


def _record(raw: Raw, entry: Entry) -> Event:
    """A record of the journal's export; the line that is cited is that of its message."""
    message = raw.data.find(b"\nMESSAGE")
    line = raw.number + (raw.data.count(b"\n", 0, message) + 1 if message >= 0 else 0)
    return of_journal(fields(raw.data), Origin(entry.path, line, "", entry.started))
