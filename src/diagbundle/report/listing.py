"""All that was asked for, by collector, as rows of tables that stay small however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from diagbundle.analyse.evidence.entry import Entry
from diagbundle.numbers import amount

ROOM = 900_000
"""Characters of all rows together, about: the rest of the page has room beside them."""
LEAST = 6
"""Rows of a collector that are shown, however many others there are."""
LONGEST = 240
"""Characters of a path or a reason."""
_ROW = 170
"""Characters that the cells of a row cost."""
_ORDER = ("failed", "timeout", "partial", "denied", "collected", "skipped", "absent")


@dataclass
class Group:
    """What one collector asked for."""

    name: str
    outcomes: str
    """`120 collected, 3 absent`."""
    bytes: str
    rows: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    left_out: int = 0


def groups(entries: Sequence[Entry]) -> list[Group]:
    """All collectors by name, each with as many rows as there is room for: failures first, what is not on the host last."""
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.collector or "no collector", []).append(entry)
    room, found = ROOM, []
    left = len(entries)
    for name in sorted(by_name):
        those = sorted(by_name[name], key=lambda entry: (_rank(entry), entry.path))
        share = room * len(those) // max(1, left)
        group = Group(name, outcomes(those), amount(sum(max(0, entry.size) for entry in those)))
        for number, entry in enumerate(those):
            row = _row(entry)
            cost = sum(map(len, row)) + _ROW
            if share < cost and number >= LEAST:
                group.left_out = len(those) - number
                break
            group.rows.append(row)
            share -= cost
            room -= cost
        left -= len(those)
        found.append(group)
    return found


def outcomes(entries: Iterable[Entry]) -> str:
    """How many had which outcome."""
    counts = Counter(entry.outcome or "unknown" for entry in entries)
    return ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items(), key=lambda each: _place(each[0])))


def hidden(entries: Iterable[Entry]) -> list[tuple[str, int, int]]:
    """What was hidden: kind, how many, in how many items; the most frequent first."""
    found: Counter[str] = Counter()
    items: Counter[str] = Counter()
    for entry in entries:
        for kind, count in entry.redacted:
            found[kind] += count
            items[kind] += 1
    return [(kind, count, items[kind]) for kind, count in found.most_common()]


def _row(entry: Entry) -> tuple[str, str, str, str, str]:
    said = ", ".join(f"{count:,} {kind}" for kind, count in entry.redacted)
    return _cut(entry.path or entry.source), amount(entry.size) if entry.there else "", entry.outcome, _cut(entry.reason), _cut(said)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _rank(entry: Entry) -> int:
    return _place(entry.outcome)


def _place(outcome: str) -> int:
    return _ORDER.index(outcome) if outcome in _ORDER else len(_ORDER)
