"""Two analyses become one answer: what is different, what is the same, what cannot be known."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from diagbundle.analyse.compare.difference import SECTIONS, Comparison, Difference, Section, Taken
from diagbundle.analyse.compare.identity import Mask, identity, taken
from diagbundle.analyse.compare.items import Matching
from diagbundle.analyse.compare.judged import verdicts
from diagbundle.analyse.compare.kinds import KINDS, Kind
from diagbundle.analyse.compare.lists import LEAVES, LISTINGS, TEXTS, Leaves, Listing
from diagbundle.analyse.compare.side import Side
from diagbundle.analyse.compare.sources import Told, merged, of_facts, of_leaves, of_listing, why
from diagbundle.analyse.compare.texts import Effort, content, different
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.facts.network import Address, Nic
from diagbundle.analyse.missing.gathered import EVERY
from diagbundle.analyse.registry import Registry
from diagbundle.analyse.verdict import Origin

_MADE_FROM = re.compile(r"\A(?:sos_commands|diagbundle|proc|sys|var/log)/")
"""Where no configuration of a product lies."""
_SHOWN = 16 << 10
"""Bytes of a file that only one side has, of which the lines are told."""


def registry_of_facts(registry: Registry, sections: Collection[str]) -> Registry:
    """Parsers alone, and only of what these sections compare: no log is read, and no rule is asked."""
    wanted = {kind.fact for kind in KINDS if kind.section in sections} | {Nic, Address}
    return Registry([each for each in registry.parsers if wanted & set(each.gives)], [], [])


def compare(
    a: Side, b: Side, registry: Registry, sections: Collection[str] = tuple(SECTIONS), *, one_host: bool | None = None
) -> Comparison:
    """Hold two sides against each other. `one_host` overrules what they are taken for."""
    return _Comparing((a, b), registry, sections, taken(a, b, one_host=one_host)).run()


class _Comparing:
    def __init__(self, sides: tuple[Side, Side], registry: Registry, sections: Collection[str], taken_for: Taken) -> None:
        self._sides, self._registry, self._taken = sides, registry, taken_for
        alike = taken_for.one_host and not any(side.has_standins for side in sides)
        self._masks = (Mask(), Mask()) if alike else (Mask.of(sides[0]), Mask.of(sides[1]))
        self._held_already: set[tuple[str, str]] = set()
        self._sections = {name: Section(name) for name in SECTIONS if name in sections}

    def run(self) -> Comparison:
        a, b = self._sides
        if "verdicts" in self._sections:
            now = (a.about.now, b.about.now)
            self._sections["verdicts"] = verdicts(a.analysis.verdicts, b.analysis.verdicts, self._masks, now)
        for kind in KINDS:
            if kind.section in self._sections and (self._taken.same_boot or not kind.grown):
                self._held(kind, of_facts(kind, self._sides, self._registry), Matching(kind.noun, self._masks, kind.near, kind.said))
        for listing in LISTINGS:
            if listing.section in self._sections:
                self._held(listing, of_listing(listing, self._sides), Matching(listing.noun, self._masks, listing.near))
        for leaves in LEAVES:
            if leaves.section in self._sections:
                self._held(leaves, of_leaves(leaves, self._sides), Matching(leaves.noun, self._masks))
        self._texts()
        for section in self._sections.values():
            held = tuple(f"{noun}: " for name, noun in self._held_already if name == section.name)
            section.unknown = _gathered([reason for reason in section.unknown if not reason.startswith(held)])
            if section.name != "verdicts":
                section.differences.sort(key=_order)
        found = [] if self._taken.one_host else identity(a, b)
        return Comparison(self._taken, found, list(self._sections.values()), list(self._notes()))

    def _held(self, kind: Kind | Listing | Leaves, told: tuple[Told, Told], matching: Matching) -> None:
        """Compare what pieces tell that both sides have; where there is no such piece, all that any piece tells."""
        place = self._sections[kind.section]
        if (kind.section, kind.noun) in self._held_already:
            return  # another list of the same things was there on both sides
        common = [source for source in told[0] if isinstance(told[0][source], list) and isinstance(told[1][source], list)]
        sources = common or list(told[0])
        items = [merged(each, sources) for each in told]
        if not common and not all(any(isinstance(one, list) for one in each.values()) for each in told):
            for name, mine, other in (("A", told[0], items[1]), ("B", told[1], items[0])):
                if other:
                    place.unknown.append(f"{kind.noun}: {name}: {why(mine)}")
            return
        both = kind.both or (isinstance(kind, Kind) and kind.grown)
        if items[0] or items[1]:
            self._held_already.add((kind.section, kind.noun))
        matching.compare(*items, whole=bool(common), both=both, pieces=frozenset(sources))
        place.differences += matching.found
        place.same += matching.same

    def _texts(self) -> None:
        effort = Effort()
        files = [_files(side) for side in self._sides]
        for name in dict.fromkeys(texts.section for texts in TEXTS):
            if name in self._sections:
                self._files(self._sections[name], [each.get(name, {}) for each in files], effort)

    def _files(self, place: Section, paths: Sequence[dict[str, Entry]], effort: Effort) -> None:
        a, b = self._sides
        kinds: dict[str, int] = {}
        for path in sorted({*paths[0], *paths[1]}):
            if path not in paths[0] or path not in paths[1]:
                self._lone_file(place, paths[0].get(path), paths[1].get(path))
                continue
            ours, theirs = a.text(path), b.text(path)
            if ours is None or theirs is None:
                place.unknown.append(f"{path}: {'A' if ours is None else 'B'}: it is damaged")
                continue
            found = different(path, ours, theirs, self._masks, effort)
            if isinstance(found, Difference):
                place.differences.append(found)
                continue
            place.same += 1
            if found:
                kinds[found] = kinds.get(found, 0) + 1
        words = {
            "secrets": "in the tags of hidden secrets only: whether a secret is another one cannot be known",
            "comments": "in comments and blanks only",
            "identity": "in what belongs to each host only",
        }
        for kind, count in kinds.items():
            place.notes.append(f"{count:,} file{'s differ' if count > 1 else ' differs'} {words[kind]}")

    def _lone_file(self, place: Section, a: Entry | None, b: Entry | None) -> None:
        entry, lacking, other = (a, self._sides[1], self._sides[0]) if a else (b, *self._sides)
        assert entry is not None  # noqa: S101 - it is on one of the sides
        if reason := lacking.lacks(entry, other):
            place.unknown.append(f"files: {lacking.name}: {reason}")
            return
        ours, theirs = (Origin(each.path) if each else None for each in (a, b))
        lines = content(other.name, other.text(entry.path, _SHOWN) or b"")
        place.differences.append(Difference("file", entry.path, "-" if a else "+", ours, theirs, lines=lines, note=f"{entry.size:,} bytes"))

    def _notes(self) -> Iterator[str]:
        for side in self._sides:
            if side.has_standins:
                yield f"{side.name} holds stand-ins for names and addresses, which agree only where both were made with one --names"
            if side.about.incomplete:
                yield f"{side.name} is not complete: {side.about.incomplete}"


def _files(side: Side) -> dict[str, dict[str, Entry]]:
    """The text files of a side by section and path: those of our tables, and what a vendor's collectors took."""
    found: dict[str, dict[str, Entry]] = {}
    for path, entry in side.index.by_path.items():
        if entry.there and entry.kind == "file":
            texts = next((each for each in TEXTS if each.path.match(path)), None)
            of_vendor = bool(entry.collector) and entry.collector not in (*EVERY, "diagbundle", "include") and not _MADE_FROM.match(path)
            if texts or of_vendor:
                found.setdefault(texts.section if texts else "configuration", {})[path] = entry
    return found


_TABLES: tuple[Kind | Listing | Leaves, ...] = (*KINDS, *LISTINGS, *LEAVES)
_NOUNS = {kind.noun: place for place, kind in reversed([*enumerate(_TABLES)])}


def _order(each: Difference) -> tuple[bool, int, bool, str]:
    """Files first, then as the tables have it; changed ones before those on one side only; many that are told as one come last."""
    return (each.count > 1, _NOUNS.get(each.noun, -1), each.sign != "~", each.what)


def _gathered(reasons: Sequence[str]) -> list[str]:
    """Reasons, each once; of many files on one side that were not had only how many, and the first."""
    found: dict[str, list[str]] = {}
    for reason in dict.fromkeys(reasons):
        head = reason[: reason.index(": ", 7) + 2] if reason.startswith("files: ") else reason
        found.setdefault(head, []).append(reason)
    return [f"{len(those):,} {those[0]}, and so on" if len(those) > 1 else those[0] for those in found.values()]
