"""Turns what a side holds into things that can be compared: facts, lists, small files. Each remembers which piece told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from diagbundle.analyse.compare.difference import Item, Value
from diagbundle.analyse.compare.items import UNKNOWN
from diagbundle.analyse.compare.kinds import Kind
from diagbundle.analyse.compare.lists import Leaves, Listing
from diagbundle.analyse.compare.side import Side
from diagbundle.analyse.evidence.entry import Entry, is_match
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.registry import Registry
from diagbundle.analyse.verdict import LONGEST, Origin

Told = dict[str, list[Item] | str]
"""What each piece (or pattern of pieces) tells; or why it tells nothing."""
MAX_LEAF = 4096


def of_facts(kind: Kind, sides: tuple[Side, Side], registry: Registry) -> tuple[Told, Told]:
    """Facts of one type, by the pattern of the piece they were read from."""
    patterns = tuple(pattern for parser in registry.parsers if kind.fact in parser.gives for pattern in parser.patterns)
    facts = {side: [fact for fact in side.facts_of(kind.fact) if isinstance(fact, Fact) and kind.only(fact)] for side in sides}
    if kind.teller:
        tellers = [{getattr(fact, kind.teller) for fact in each} for each in facts.values()]
        heard = min((tellers[0] & tellers[-1]) or (tellers[0] | tellers[-1]), key=_BEST.index, default="")
        facts = {side: [fact for fact in each if getattr(fact, kind.teller) == heard] for side, each in facts.items()}
    return _both(sides, lambda side, other: _facts(kind, side, other, patterns, facts[side]))


_BEST = ["save", "list", "nft"]
"""Who tells of packet filters, the most exact first."""


def _facts(kind: Kind, side: Side, other: Side, patterns: tuple[str, ...], facts: Iterable[Fact]) -> Told:
    told: Told = {}
    for pattern in patterns:
        had = side.had(pattern, other)
        told[pattern] = had if isinstance(had, str) else []
    seen: dict[tuple[str, str], str] = {}
    teller: dict[tuple[str, str], str] = {}
    for fact in facts:
        if pattern := _pattern(fact.origin.path, patterns):
            place, common = told[pattern], kind.once(fact)
            name = _name(fact, kind.key) or kind.noun
            if not isinstance(place, list) or (common and seen.setdefault((pattern, common), name) != name):
                continue
            if teller.setdefault((pattern, name), fact.origin.path) == fact.origin.path:  # another piece may tell it once more
                place.append(Item(name, kind.values(fact), fact.origin))
    return told


@lru_cache(65_536)
def _pattern(path: str, patterns: tuple[str, ...]) -> str:
    return next((pattern for pattern in patterns if path == pattern or is_match(path, pattern)), "")


def _name(fact: Fact, key: Sequence[str]) -> str:
    return " ".join(filter(None, (_word(getattr(fact, name)) for name in key)))


def _word(value: Any) -> str:
    return "" if value in (None, False, "") else "yes" if value is True else str(value)


def of_listing(listing: Listing, sides: tuple[Side, Side]) -> tuple[Told, Told]:
    """Lines of texts."""
    return _both(
        sides,
        lambda side, other: {path: _listing(listing, side, path, side.had(path, other)) for path in listing.paths},
    )


def _listing(listing: Listing, side: Side, path: str, had: list[Entry] | str) -> list[Item] | str:
    return had if isinstance(had, str) else list(_listed(listing, side, path, had))


def _listed(listing: Listing, side: Side, path: str, entries: Iterable[Entry]) -> Iterator[Item]:
    before = path.partition("*")[0]
    for entry in entries:
        text = (side.text(entry.path, 16 << 20) or b"").decode("utf-8", "replace")
        head = f"{entry.path.removeprefix(before)} " if "*" in path else ""
        line, at = 1, 0
        for found in listing.line.finditer(text):
            line, at = line + text.count("\n", at, found.start()), found.start()
            values: dict[str, Value] = {name: value.strip() for name, value in found.groupdict(default="").items() if name != "key"}
            yield Item(head + " ".join(found["key"].split()), values, Origin(entry.path, line, found[0][:LONGEST].strip(), entry.started))


def of_leaves(leaves: Leaves, sides: tuple[Side, Side]) -> tuple[Told, Told]:
    """Small files, each with one value."""
    return _both(sides, lambda side, other: {path: _leaves(leaves, side, side.had(path, other)) for path in leaves.paths})


def _leaves(leaves: Leaves, side: Side, had: list[Entry] | str) -> list[Item] | str:
    return had if isinstance(had, str) else list(_leaf(leaves, side, had))


def _leaf(leaves: Leaves, side: Side, entries: Iterable[Entry]) -> Iterator[Item]:
    for entry in entries:
        if not leaves.noise.match(entry.path):
            value = (side.text(entry.path, MAX_LEAF) or b"").decode("utf-8", "replace").strip()
            yield Item(entry.path, {"value": value}, Origin(entry.path, 1, value[:LONGEST], entry.started))


def _both(sides: tuple[Side, Side], read: Callable[[Side, Side], Told]) -> tuple[Told, Told]:
    return read(*sides), read(sides[1], sides[0])


def merged(told: Told, sources: Iterable[str]) -> list[Item]:
    """What several pieces tell, each thing once: the first word counts, and what it leaves open the others fill in."""
    lists = [place for source in sources if isinstance(place := told[source], list) and place]
    if len(lists) < 2:  # noqa: PLR2004 - nothing to merge
        return lists[0] if lists else []
    found: dict[str, list[Item]] = {}
    for place in lists:
        mine: dict[str, list[Item]] = {}
        for item in place:
            mine.setdefault(item.what, []).append(item)
        for name, items in mine.items():
            found[name] = (
                [_filled(*pair) for pair in zip(found[name], items, strict=False)] + found[name][len(items) :] if name in found else items
            )
    return [item for items in found.values() for item in items]


def _filled(item: Item, other: Item) -> Item:
    values = {name: other.values.get(name) if value in UNKNOWN else value for name, value in item.values.items()}
    return Item(item.what, values, item.origin)


def why(told: Told) -> str:
    """Why nothing is told."""
    return next((place for place in told.values() if isinstance(place, str)), "")
