"""All events of all logs in one list, in UTC: read one after another, merged as they come, each message once."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from diagbundle.analyse.evidence.entry import Entry, Evidence, Index
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.host import about_of
from diagbundle.analyse.log.event import CERTAIN, NEAR, Event
from diagbundle.analyse.log.export import records
from diagbundle.analyse.log.files import form_of, logs_of
from diagbundle.analyse.log.hearing import Ears
from diagbundle.analyse.log.lines import Reader, of_journal
from diagbundle.analyse.log.shelf import Shelf
from diagbundle.analyse.verdict import Origin
from diagbundle.errors import BundleError

LONGEST_LINE = 16 << 10
"""Characters of a line that are kept."""
_MORE = 500
"""Lines that an event may have behind its first; a longer one is cut, and says so."""
_PENDING = 200
"""Lines without a time at the beginning of a log that are kept for the first that has one."""
_WINDOW = 256
"""Events of a log among which disorder is mended."""
_HELD = 2048
"""Events of all logs that are held to find those that several logs tell."""
JUMP = 60.0
"""Seconds by which the time of a log must go back to be called a jump."""
SAME = 3.0
"""Seconds by which the time of one message may differ between two logs."""
_SLACK = 86400.0
_NOWHERE = 1e18
_TAIL = 4096
"""Bytes at the end of a stretch that holds nothing that is looked for, which are read all the same."""
_APART, _TRIED = 32 << 10, 50
"""Bytes between two lines of a stretch whose times say how old it is, and lines that are tried for one with a time."""
DISORDER = 3600.0
"""Seconds before the time that is asked for, to which a log is read closely: its lines need not be in order."""
Skip = Callable[[bytes, int], bool]
"""Whether a stretch of whole lines, of which the first has this number, holds nothing that is looked for."""


@dataclass(slots=True)
class Told:
    """One event, with the lines that belong to it and all places that tell of it."""

    event: Event
    more: list[str] = field(default_factory=list)
    """Further lines of the same event: a trace, a statement of many lines."""
    cut: int = 0
    """How many of those were left out."""
    places: list[Origin] = field(default_factory=list)
    """Other places that tell of it."""
    jump: float = 0.0
    """Seconds by which the time of its log went back with it; 0 where it went on as it should."""

    @property
    def time(self) -> float:
        """Seconds since 1970."""
        return self.event.time


Wanted = Callable[[Told], bool]


@dataclass
class Timeline:
    """The events of one bundle."""

    evidence: Evidence
    since: float = 0.0
    """Stretches of a log are not looked at closely where a line in each 32 KiB says a time that is an hour older, or more."""
    until: float = _NOWHERE
    wanted: Wanted = lambda _: True
    grep: str = ""
    """Text in lower case that an event must hold: where it does not stand in a stretch of a log, that is not looked at closely."""
    unread: dict[str, str] = field(default_factory=dict)
    """Logs that could not be read, and why."""
    undated: dict[str, int] = field(default_factory=dict)
    """Logs in which no line has a time, and how many lines they have."""
    about: About = field(init=False)
    _ears: Ears = field(init=False)
    _shelf: Shelf = field(default_factory=Shelf, init=False)

    def __post_init__(self) -> None:
        index = Index(self.evidence.entries)
        self.about = about_of(self.evidence, index)
        self._ears = Ears(self.evidence, index, self.about, lambda _: lambda _: ())

    def events(self) -> Iterator[Told]:
        """All events that are wanted, in time."""
        try:
            yield from _once(self._merged())
        finally:
            self._shelf.close()

    def _merged(self) -> Iterator[Told]:
        """A log is opened when the first of its times is due: of a rotated log only one file is open at a time."""
        logs = [entry for entry in logs_of(self.evidence.entries) if not entry.mtime or entry.mtime >= self.since - _SLACK]
        waiting: list[tuple[float, int, Told | None, Iterator[Told]]] = []
        for number, entry in enumerate(logs):
            heapq.heappush(waiting, (self._first(entry), number, None, self._log(entry)))
        while waiting and waiting[0][0] <= self.until:
            _, number, told, log = waiting[0]
            following = next(log, None)
            if following is None:
                heapq.heappop(waiting)
            else:
                heapq.heapreplace(waiting, (following.time, number, following, log))
            if told is not None:
                yield told

    def _first(self, entry: Entry) -> float:
        """About when a log begins: not later than its first event that matters."""
        if form_of(entry) == "export":
            return 0.0
        reader = self._ears.reader(entry)
        try:
            head = next(iter(self.evidence.blocks(entry)), b"")[: 64 << 10]
        except BundleError:
            return 0.0
        times = (reader.when(line[:LONGEST_LINE]) for line in head.decode("utf-8", "replace").split("\n"))
        return min((time for time in times if time), default=0.0)

    def _log(self, entry: Entry) -> Iterator[Told]:
        """The events of one log that are wanted, in time as far as it is in order itself."""
        try:
            portions = self._shelf.put(self.evidence.blocks(entry))
        except BundleError as error:
            self.unread[entry.path] = str(error)
            return
        pieces = self._shelf.take(portions)
        told = self._export(entry, pieces) if form_of(entry) == "export" else self._lines(entry, pieces)
        yield from _in_order(each for each in _jumps(told) if self.since <= each.time <= self.until and self.wanted(each))

    def _export(self, entry: Entry, pieces: Iterable[bytes]) -> Iterator[Told]:
        for number, found, within in records(pieces):
            event = of_journal(found, Origin(entry.path, number + within))
            if event.time:
                first, *more = event.text.split("\n")
                yield Told(replace(event, text=first), more[:_MORE], max(0, len(more) - _MORE)) if more else Told(event)

    def _skip(self, entry: Entry) -> Skip:
        """What says of stretches of a log that nothing in them is looked for."""
        grep, reader = self.grep.encode(), self._ears.reader(entry)  # its own: a reader remembers what it read last

        def skip(whole: bytes, number: int) -> bool:
            if grep and grep not in whole.lower():
                return True
            return self.since > 0 and len(whole) > _APART and _is_past(whole, number, reader, self.since - DISORDER)

        return skip

    def _lines(self, entry: Entry, pieces: Iterable[bytes]) -> Iterator[Told]:
        reader = self._ears.reader(entry)
        current: Told | None = None
        pending: list[Event] = []
        count = 0
        for number, text in lines(pieces, self._skip(entry)):
            if not text or text.isspace() or text.startswith("-- "):
                continue
            event = reader.event(text, Origin(entry.path, number))
            count += 1
            if not event.time:
                current = _undated(event, text, current, pending)
            elif current is not None and _belongs(event, current):
                _append(current, event.text)
            else:
                yield from [current] if current else _before(pending, event)
                current = Told(event)
        if current:
            yield current
        elif count:
            self.undated[entry.path] = count


def lines(pieces: Iterable[bytes], skip: Skip = lambda *_: False) -> Iterator[tuple[int, str]]:
    """The lines of a log with their numbers; the rest of an endless one is left out.

    Of a stretch that is skipped only the last lines are given: what follows may belong to them.
    """
    number, rest = 1, b""
    for piece in pieces:
        block = rest + piece if rest else piece
        cut = block.rfind(b"\n") + 1
        if not cut:
            rest = block if len(block) < 4 * LONGEST_LINE else block[: 4 * LONGEST_LINE]
            continue
        rest = block[cut:]
        whole = block[: cut - 1]
        if skip(whole, number):
            begin = max(0, whole.rfind(b"\n", 0, max(0, len(whole) - _TAIL)) + 1)
            number += whole.count(b"\n", 0, begin)
            whole = whole[begin:]
        for text in whole.decode("utf-8", "replace").split("\n"):
            yield number, text if len(text) < LONGEST_LINE else text[:LONGEST_LINE]
            number += 1
    if rest:
        yield number, rest.decode("utf-8", "replace")[:LONGEST_LINE]


def _is_past(whole: bytes, number: int, reader: Reader, time: float) -> bool:
    """Whether lines here and there in a stretch, and those at both ends, are older than a time, each of them."""
    done = 0
    for place in (0, *range(_APART, len(whole) - _TAIL, _APART), len(whole) - _TAIL):
        at = whole.find(b"\n", place) + 1 if place else 0
        if place and not at:
            break  # within the last line, which is given
        number, done = number + whole.count(b"\n", done, at), at
        near = whole[at : at + _APART // 2].decode("utf-8", "replace").split("\n")[:_TRIED]
        times = (reader.event(text[:LONGEST_LINE], Origin("", number + each)).time for each, text in enumerate(near) if text.strip())
        first = next(filter(None, times), 0.0)
        if not 0 < first < time:
            return False
    return True


def _belongs(event: Event, current: Told) -> bool:
    """Whether a line with a time of its own only goes on with the event before it, as a container's trace does."""
    return event.text[:1] in (" ", "\t") and event.text.strip() != "" and 0 <= event.time - current.time < 1 and event.pid == 0


def _undated(event: Event, text: str, current: Told | None, pending: list[Event]) -> Told | None:
    """A line without a time belongs to the event before it."""
    if current is None:
        if len(pending) < _PENDING:
            pending.append(event)
    elif not current.event.text:
        current.event = replace(current.event, text=text.strip())
    else:
        _append(current, text)
    return current


def _append(told: Told, text: str) -> None:
    if len(told.more) < _MORE:
        told.more.append(text.rstrip())
    else:
        told.cut += 1


def _before(pending: list[Event], event: Event) -> Iterator[Told]:
    """What stands in a log before its first time happened about then, or before."""
    if pending:
        first, *more = pending
        yield Told(replace(first, time=event.time, certainty=NEAR), [each.text for each in more])
        pending.clear()


def _jumps(events: Iterable[Told]) -> Iterator[Told]:
    """Marks those with which the time of a log goes back."""
    last = 0.0
    for told in events:
        if last - told.event.time > JUMP:
            told.jump = last - told.event.time
        last = told.event.time
        yield told


def _in_order(events: Iterable[Told]) -> Iterator[Told]:
    """Sorted within a window: logs of many writers are in disorder by some lines, or some seconds."""
    held: list[Told] = []
    for told in events:
        held.append(told)
        if len(held) == _WINDOW:
            held.sort(key=_time)
            yield from held[: _WINDOW // 2]
            del held[: _WINDOW // 2]
    held.sort(key=_time)
    yield from held


def _time(told: Told) -> float:
    return told.event.time


def _once(events: Iterable[Told]) -> Iterator[Told]:
    """Each message once, whichever logs tell of it; one log that says it again says something new."""
    held: list[Told] = []
    seen: dict[int, _Echo] = {}
    for told in events:
        echo = seen.setdefault(_said(told), _Echo())
        if (same := echo.first(told)) is not None:
            _join(same, told)
            continue
        echo.told.append(told)
        held.append(told)
        if len(held) >= _HELD:
            held.sort(key=_time)
            settled = next((at for at, each in enumerate(held) if each.time > told.time - SAME), len(held))
            settled = max(settled, _HELD // 2)  # a flood within three seconds is let go, too
            yield from held[:settled]
            del held[:settled]
            seen = {}
            for each in held:
                seen.setdefault(_said(each), _Echo()).told.append(each)
    held.sort(key=_time)
    yield from held


def _said(told: Told) -> int:
    return hash((told.event.is_kernel, told.event.text.strip()))


class _Echo:
    """One message that was said several times: which of them another log has not repeated yet."""

    __slots__ = ("_next", "told")

    def __init__(self) -> None:
        self.told: list[Told] = []
        self._next: dict[str, int] = {}

    def first(self, told: Told) -> Told | None:
        """The event that this one repeats, if another log told of it within some seconds."""
        path = told.event.origin.path
        at = self._next.get(path, 0)
        while at < len(self.told):
            other = self.told[at]
            at += 1
            if abs(other.time - told.time) <= SAME and _is_same(other, told, path):
                self._next[path] = at
                return other
        self._next[path] = at
        return None


def _is_same(first: Told, second: Told, path: str) -> bool:
    """Whether two logs tell of one event; that the message is the same is known."""
    pids = {first.event.pid, second.event.pid} - {0}
    return first.event.origin.path != path and all(place.path != path for place in first.places) and len(pids) <= 1


def _join(first: Told, second: Told) -> None:
    """The surer of the two leads."""
    if second.event.certainty == CERTAIN != first.event.certainty:
        first.places.append(first.event.origin)
        first.event = second.event
    else:
        first.places.append(second.event.origin)
    if len(second.more) > len(first.more):
        first.more, first.cut = second.more, second.cut
