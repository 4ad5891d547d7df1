"""Error messages: a quoted one is looked for in all logs, tolerant of numbers, case, blanks and signs."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from diagbundle.analyse.claims.claim import CITED, Answer, confirmed, kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.knowledge import how_often
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.registry import LogParser
from diagbundle.analyse.verdict import Origin

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_MASKED = re.compile(r".*\d.*|[0-9a-f]{6,}", re.IGNORECASE)
MAX_WORDS = 40
_WINDOW, _SHORT, _LEAST, _FRAGMENTS, _LONGEST = 3, 5, 4, 16, 2000
_SIMILAR, _NEAREST = 0.99, 0.5
"""Share of a message's words, in their order, that a line must hold to be told as nearly the same, and to be cited as the nearest."""


@dataclass(frozen=True)
class Said(Fact):
    """A line of a log that holds a quoted message, or something like it."""

    share: float
    """Of the words, 1 for all of them."""
    time: float
    left_out: int = 0
    """Further lines of the same words that were not looked at."""


@dataclass(frozen=True)
class Quote:
    """A message that somebody quotes, ready to be looked for."""

    words: tuple[str, ...]
    """In lower case; '' for what changes from time to time: numbers, addresses."""
    pattern: re.Pattern[str]
    run: str
    """Its longest run of words that do not change: every line that holds the message as it is quoted holds it."""
    fragments: tuple[str, ...]
    """Pieces of its runs: a line that holds something like the message holds one of them."""

    @property
    def fixed(self) -> list[str]:
        """Its words without what changes."""
        return [word for word in self.words if word]


def runs(text: str) -> list[list[str]]:
    """Words in a row that do not change, with nothing but blanks between them."""
    rows = re.split(r"[^\w \u2019']+|\b(?:\w*\d\w*|[0-9a-f]{6,})\b", text.lower())
    return [words for row in rows if (words := row.split(" ")) and (words := [word for word in words if word])]


def fragments(rows: list[list[str]]) -> tuple[str, ...]:
    """Three words in a row, or two of a short message."""
    size = _WINDOW if sum(map(len, rows)) > _SHORT else _WINDOW - 1
    found = {" ".join(row[start : start + size]) for row in rows for start in range(max(1, len(row) - size + 1))}
    many = {each for each in found if " " in each and len(each) >= _LEAST + 2} or {each for each in found if len(each) >= _LEAST}
    return tuple(sorted(many, key=lambda each: (-len(each), each))[:_FRAGMENTS])


def quoted(text: str) -> Quote | None:
    """A message, ready to be looked for; None where it has no word that could be found."""
    said = re.sub(r"(?i)^\s*(?:error|message|the error(?: message)?)\s*(?:is|was|:)\s+(?=\S)", "", text.strip(" \t\"'`“”„«»"))
    words = tuple("" if _MASKED.fullmatch(word) else word.lower() for word in _WORD.findall(said)[:MAX_WORDS])
    if not any(len(word) > 1 for word in words):
        return None
    pattern = r"[\W_]{1,12}".join(re.escape(word) if word else r"\w\S{0,60}?" for word in words)
    rows = runs(said[:_LONGEST])
    run, held = max((" ".join(row) for row in rows), key=len, default=""), fragments(rows)
    return Quote(words, re.compile(rf"(?<![^\W_]){pattern}(?![^\W_])", re.IGNORECASE), run, held) if held else None


def share_of(quote: Quote, text: str) -> float:
    """How much of a message stands in a line, its words in their order; with others between them it is never the whole."""
    if quote.pattern.search(text):
        return 1.0
    there = _WORD.findall(text.lower())[: 10 * MAX_WORDS]
    found: list[int] = []
    for word in quote.fixed:
        try:
            found.append(there.index(word, found[-1] + 1 if found else 0))
        except ValueError:
            continue
    is_close = bool(found) and found[-1] - found[0] <= 2 * len(quote.words) + 6
    return (_SIMILAR if is_close else 0.9) * len(found) / len(quote.fixed)


def listeners(value: str, quote: Quote) -> list[LogParser]:
    """Who hears the lines that hold it as it is quoted, and who hears those that hold something like it.

    Of very many lines with the same words only some are kept: that is why the first one listens to the longest run alone.
    """
    codes = _codes(quote)

    def hear(event: Event) -> Iterator[Said]:
        share = 1.0 if any(code in event.text.lower() for code in codes) else share_of(quote, event.text[:4000])
        if share >= _NEAREST or event.left_out:
            yield Said(share, event.time, event.left_out, origin=event.origin)

    words = ((quote.run,) if len(quote.run) >= _LEAST else (), tuple(dict.fromkeys((*quote.fragments, *codes))))
    return [LogParser((Said,), each, hear, f"quote {value}") for each in words if each]


def _codes(quote: Quote) -> tuple[str, ...]:
    """`econnreset` for `connection reset by peer`: some programs write the one, some the other."""
    text = " ".join(quote.fixed)
    return tuple(name.lower() for number, name in errno.errorcode.items() if len(name) > 5 and os.strerror(number).lower() == text)  # noqa: PLR2004


@kind(
    "error",
    "an error message",
    "error=connection reset by peer",
    "error message, error text, errors, log message, exception",
)
def error(value: str, desk: Desk) -> Answer:
    """Looked for in all logs; in the host's own words where they differ a little."""
    quote = quoted(value)
    if quote is None:
        return unknown(f"{value!r} has no word that could be looked for")
    found, logs = _search(value, desk)
    if not logs:
        return unknown("there are no logs")
    exact = [each for each in found if each.share == 1]
    near = [each for each in found if _SIMILAR <= each.share < 1]
    if exact or near:
        words = "" if exact else "in nearly these words "
        return confirmed(f"the logs say it {words}{_when(exact or near)}, in {_where(exact or near)}", _cited(exact or near))
    compressed = sum(entry.there and entry.path.endswith((".gz", ".xz", ".bz2", ".zst")) for entry in desk.entries("var/log/**"))
    more = f"; {compressed} compressed ones were not looked at" if compressed else ""
    more += (
        "; of very many lines with some of its words only the first and the last ones were looked at"
        if any(each.left_out for each in found)
        else ""
    )
    best = sorted((each for each in found if each.share >= _NEAREST), key=lambda each: -each.share)[:1]
    nearest = "; the nearest line is cited" if best else ""
    none = f"none of {len(logs)} logs says it" if len(logs) > 1 else f"the only log, {logs[0]}, does not say it"
    return unknown(f"{none}{more}{nearest}", [each.origin for each in best])


def _search(value: str, desk: Desk) -> tuple[list[Said], list[str]]:
    """The lines that hold a message or something like it, and the logs that were read; all quoted messages are looked for at once."""

    def all_listeners() -> list[LogParser]:
        values = dict.fromkeys(claim.value.strip() for claim in desk.claims if claim.kind == "error")
        return [each for value in values if (quote := quoted(value)) for each in listeners(value, quote)]

    heard = desk.heard(all_listeners)
    found = [fact for who, fact in heard.facts if who.name == f"quote {value}" and isinstance(fact, Said)]
    return list({(each.origin.path, each.origin.line): each for each in found}.values()), heard.logs


def _when(said: list[Said]) -> str:
    times = [each.time for each in said if each.time]
    more = any(each.left_out for each in said)
    return ("at least " if more else "") + (how_often(times, len(said)) if times else f"{len(said):,} time{'' if len(said) == 1 else 's'}")


def _where(said: list[Said]) -> str:
    paths = list(dict.fromkeys(each.origin.path for each in said))
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} other log{'s' if len(paths) > 2 else ''}"  # noqa: PLR2004


def _cited(said: Iterable[Said]) -> list[Origin]:
    ordered = sorted(said, key=lambda each: each.time)
    return [each.origin for each in (ordered if len(ordered) <= CITED else [ordered[0], *ordered[1 - CITED :]])]
