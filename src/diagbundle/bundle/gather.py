"""Joins what was found in the pieces of texts: lines that reach over the ends of pieces, numbers of lines, and which of them are shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from diagbundle.bundle.search import Ask, Found

LONGEST = 64 << 20
"""Bytes of a line that are held; a longer one is searched in stretches of about so many."""


class Hit(NamedTuple):
    """A line to be shown."""

    text: int
    number: int | None
    """From 1 on; None behind a piece that is lost and whose lines nobody counted."""
    at: int
    """Its byte in the text."""
    line: bytes
    matches: bool
    """If not, it stands near one that does."""


class Done(NamedTuple):
    """A text was searched to its end."""

    text: int
    matched: int


class Binary(NamedTuple):
    """A text that is not one has lines that match."""

    text: int


class Lost(NamedTuple):
    """A piece of a text could not be searched."""

    text: int
    why: str


Event = Hit | Done | Binary | Lost


@dataclass
class _State:
    """How far a text has come."""

    near: deque[Hit]
    """Lines that may be shown before one that matches."""
    feeds: int | None = 0
    """Line feeds so far."""
    open: list[bytes] = field(default_factory=list)
    """The line that has begun and not ended."""
    open_at: int = 0
    held: int = 0
    torn: bool = False
    """Whether the beginning of that line is lost."""
    matched: int = 0
    binary: bool = False
    over: bool = False
    """Whether nothing more of it is wanted."""
    follow: int = 0
    """Lines that are still to be shown behind the last one that matched."""


class Gathering:
    """Makes events, in the order of the stream, of what was found. `text`: lines of binary texts are shown, too."""

    def __init__(self, ask: Ask, *, text: bool = False) -> None:
        self._ask, self._text = ask, text
        self._states: dict[int, _State] = {}

    def events(self, found: Iterable[Found]) -> Iterator[Event]:
        """One after the other."""
        for each in found:
            state = self._states.get(each.text) or self._states.setdefault(each.text, _State(deque(maxlen=self._ask.before)))
            if not state.over:
                yield from self._piece(state, each)
            if each.last:
                yield Done(each.text, min(state.matched, self._ask.most))
                del self._states[each.text]

    def _piece(self, state: _State, found: Found) -> Iterator[Event]:
        state.binary |= found.binary
        if found.lost:
            yield Lost(found.text, found.lost)
            state.feeds = state.feeds + found.feeds if state.feeds is not None and found.feeds >= 0 else None
            state.open, state.held, state.torn = [], 0, True
            state.near.clear()
            state.follow = 0
            return
        before = state.feeds
        if not found.first:
            yield from self._head(state, found)
        if self._ask.lines:
            yield from self._lines(state, found, before)
        else:
            state.matched += found.matched
        if found.closed or found.first:
            state.open, state.held, state.open_at = [found.tail], len(found.tail), found.at + found.size - len(found.tail)
        state.feeds = None if before is None or found.feeds < 0 else before + found.feeds

    def _lines(self, state: _State, found: Found, before: int | None) -> Iterator[Event]:
        """The lines of a piece; where nothing but they can be shown, without a second look at each: there may be a million."""
        ask, text = self._ask, found.text
        first = None if before is None else before + 1
        hits = (Hit(text, None if first is None else first + feeds, at, line, matches) for feeds, at, line, matches in found.lines)
        if ask.before or ask.after or state.over or state.binary or state.matched + len(found.lines) >= ask.most:
            for hit in hits:
                yield from self._line(state, hit)
        else:
            state.matched += len(found.lines)
            yield from hits

    def _head(self, state: _State, found: Found) -> Iterator[Event]:
        """The line that goes on in this piece, and may end in it."""
        state.open.append(found.head)
        state.held += len(found.head)
        if not found.closed and not found.last and state.held < LONGEST:
            return
        line = b"".join(state.open)
        if not state.torn and (line or found.closed):
            number = None if state.feeds is None else state.feeds + 1
            matches = self._ask.pattern.matches(line)
            if self._ask.lines:
                yield from self._line(state, Hit(found.text, number, state.open_at, line, matches))
            else:
                state.matched += matches
        state.open, state.held, state.open_at = [], 0, found.at + len(found.head)
        state.torn = state.torn and not found.closed

    def _line(self, state: _State, hit: Hit) -> Iterator[Event]:
        """A line that matches, or one near it, or one that may be."""
        if state.over:
            return
        if not hit.matches:
            if state.follow:
                state.follow -= 1
                yield hit
            elif self._ask.before:
                state.near.append(hit)
            state.over = state.matched >= self._ask.most and not state.follow
            return
        if state.matched >= self._ask.most:
            state.over = True
            return
        state.matched += 1
        if state.binary and not self._text:
            state.over = True
            yield Binary(hit.text)
            return
        yield from (near for near in state.near if self._is_near(near, hit))
        state.near.clear()
        yield hit
        state.follow = self._ask.after
        state.over = state.matched >= self._ask.most and not state.follow

    def _is_near(self, near: Hit, hit: Hit) -> bool:
        return near.number is None or hit.number is None or near.number >= hit.number - self._ask.before
