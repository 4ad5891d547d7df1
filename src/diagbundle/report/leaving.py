"""What leaves with a bundle, for whoever has to approve it: read from the bundle, judged by nobody, told by others."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from diagbundle.bundle.format import MANIFEST, OWN, SUMS
from diagbundle.bundle.manifest import Row, struck_out
from diagbundle.bundle.reader import Bundle
from diagbundle.errors import BundleError
from diagbundle.report.categories import CATEGORIES, ITSELF, START, Category, category_of

MARK = b"REDACTED_"
"""What all stand-ins of secrets begin with: `redact.span.MARK`."""
IDENTIFIERS = frozenset({"ipv4", "ipv6", "mac", "host", "domain", "user", "name"})
"""Kinds of names that --pseudonyms replaces: `redact.span.IDENTIFIERS`."""
CONFIG = f"{OWN}/config.json"
MOST = 5
"""Items that are named of each list."""
SAMPLES = 3
"""Lines that are shown of a category."""
MAX_SUSPECTS = 1000
"""Lines to look at that are kept; further ones are counted."""
MAX_VENDORS = 20
"""Collectors that are not ours and get a category each; only a forger has more."""
MAX_REASONS, _REASONS = 10_000, 40
"""Reasons that are told apart while rows pass, and that are kept."""
_WIDTH, _BEFORE = 160, 60
"""Bytes of a line that are shown, and how many of them before a stand-in."""
_READ, _HEAD, _SHORTEST = 4 << 20, 64 << 10, 12
"""Bytes of a member in which a stand-in is looked for; in which a usual line is; and of a line that tells something."""
_MANY = Category("Asked for by further collectors", "collectors of vendors or of your own, too many to be named one by one")


@dataclass(frozen=True)
class Sample:
    """A line as it leaves."""

    path: str
    line: int
    text: str


@dataclass
class Group:
    """What leaves of one category. Sizes in bytes."""

    title: str
    about: str
    items: int = 0
    size: int = 0
    hidden: int = 0
    largest: list[tuple[str, int]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


@dataclass
class Left:
    """What was asked for and does not leave: how it ended, why, and how often."""

    outcome: str
    count: int
    reasons: list[tuple[str, int]]


@dataclass
class Leaving:
    """All that is to be said."""

    groups: list[Group] = field(default_factory=list)
    hidden: list[tuple[str, int]] = field(default_factory=list)
    """Kind of secret and how many of it were hidden, the most frequent first."""
    hidden_in: list[tuple[str, int]] = field(default_factory=list)
    """The files in which most was hidden."""
    hidden_files: int = 0
    replaced: list[tuple[str, int]] = field(default_factory=list)
    """Kind of identifier, and how often a stand-in took its place."""
    suspects: list[tuple[str, int, str]] = field(default_factory=list)
    """Path, line and why: lines that may hold a secret that was not recognised."""
    suspect_count: int = 0
    left_out: list[Left] = field(default_factory=list)
    redacted: bool | None = None
    """Whether secrets were hidden at all; None where the bundle does not say."""
    pseudonyms: bool | None = None
    removed: int = 0
    """Members that were struck out before."""
    removed_from: str = ""
    """SHA-256 of the file out of which they were."""

    @property
    def items(self) -> int:
        """How many leave."""
        return sum(group.items for group in self.groups)

    @property
    def size(self) -> int:
        """Bytes of them."""
        return sum(group.size for group in self.groups)


class _Gathered:
    """Of one category, while rows pass."""

    def __init__(self, category: Category) -> None:
        self.group = Group(category.title, category.about)
        self._large: list[tuple[int, str, int, Row]] = []
        self._hidden: list[tuple[int, str, int, Row]] = []

    def take(self, row: Row, hidden: int) -> None:
        """One more item."""
        group = self.group
        group.items, group.size, group.hidden = group.items + 1, group.size + row["size"], group.hidden + hidden
        if not row["path"].startswith(START):  # the last reading is as large
            _keep(self._large, row["size"], row)
        if hidden:
            _keep(self._hidden, hidden, row)

    def told(self, bundle: Bundle) -> Group:
        """With its largest items, and lines of those in which most was hidden, then of the largest."""
        large = [each[-1] for each in sorted(self._large, key=_first, reverse=True)]
        hidden = [each[-1] for each in sorted(self._hidden, key=_first, reverse=True)]
        self.group.largest = [(row["path"], row["size"]) for row in large]
        found = (_line(bundle, row, is_hidden=number < len(hidden)) for number, row in enumerate([*hidden, *large]))
        samples: dict[str, Sample] = {}
        for sample in found:
            if sample and len(samples) < SAMPLES:
                samples.setdefault(sample.path, sample)
        self.group.samples = [*samples.values()]
        return self.group


def _first(entry: tuple[int, str, int, Row]) -> int:
    return entry[0]


def _keep(heap: list[tuple[int, str, int, Row]], weight: int, row: Row) -> None:
    """Among the heaviest; no two rows have one path and place, so that rows are never compared."""
    entry = (weight, row["path"], row["header"], row)
    if len(heap) < MOST:
        heapq.heappush(heap, entry)
    elif weight > heap[0][0]:
        heapq.heapreplace(heap, entry)


def leaving(bundle: Bundle) -> Leaving:
    """What leaves with a bundle that `verify` has found whole: then every byte of it belongs to a row."""
    told, seen = Leaving(), _Seen()
    for row in bundle.rows():
        seen.take(row)
    for row in bundle.own_rows():
        seen.gathered(ITSELF).take(row, 0)
    told.groups = [each.told(bundle) for each in seen.in_order()]
    told.hidden = seen.hidden.most_common()
    told.replaced = seen.replaced.most_common()
    told.hidden_in = [(path, count) for count, path, *_ in sorted(seen.most_hidden, key=_first, reverse=True)]
    told.hidden_files = seen.hidden_files
    told.suspects, told.suspect_count = seen.suspects, seen.suspect_count
    told.left_out = [Left(outcome, reasons.total(), reasons.most_common(_REASONS)) for outcome, reasons in sorted(seen.left_out.items())]
    settings = _settings(bundle)
    told.redacted, told.pseudonyms = (value if isinstance(value := settings.get(name), bool) else None for name in ("redact", "pseudonyms"))
    removed = bundle.head.get("removed")
    if isinstance(removed, dict):
        told.removed = struck_out(bundle.head)
        told.removed_from = str(removed.get("from") or "")[:64]
    return told


def items_of(bundle: Bundle, group: Group) -> Iterator[tuple[Row, int]]:
    """Every item of a group, with how much was hidden in it, as they lie in the bundle."""
    seen = _Seen()
    for row in bundle.rows():
        if "header" in row and seen.gathered(category_of(row)).group.title == group.title:
            yield row, _secrets(_counts(row))
    if group.title == ITSELF.title:
        yield from ((row, 0) for row in bundle.own_rows())


class _Seen:
    """What has passed."""

    def __init__(self) -> None:
        self._by_category: dict[Category, _Gathered] = {}
        self.hidden: Counter[str] = Counter()
        self.replaced: Counter[str] = Counter()
        self.most_hidden: list[tuple[int, str, int, Row]] = []
        self.hidden_files = self.suspect_count = 0
        self.suspects: list[tuple[str, int, str]] = []
        self.left_out: dict[str, Counter[str]] = {}

    def gathered(self, category: Category) -> _Gathered:
        """Where an item goes. Only a forger has collectors that are too many."""
        if category not in self._by_category and len(self._by_category) >= MAX_VENDORS + len(CATEGORIES) and category not in CATEGORIES:
            category = _MANY
        return self._by_category.setdefault(category, _Gathered(category))

    def in_order(self) -> Iterable[_Gathered]:
        """Strangers' first: nobody here knows what they ask for."""
        ours = [self._by_category[each] for each in CATEGORIES if each in self._by_category]
        return [*(each for category, each in self._by_category.items() if category not in CATEGORIES), *ours]

    def take(self, row: Row) -> None:
        """One row."""
        if "header" not in row:
            self._not_had(row)
            return
        counts = _counts(row)
        hidden = _secrets(counts)
        self.gathered(category_of(row)).take(row, hidden)
        for kind, count in counts.items():
            (self.replaced if kind in IDENTIFIERS else self.hidden)[kind] += count
        if hidden:
            self.hidden_files += 1
            _keep(self.most_hidden, hidden, row)
        for suspect in _dicts(row.get("suspects")):
            self.suspect_count += 1
            line = suspect.get("line")
            if len(self.suspects) < MAX_SUSPECTS:
                self.suspects.append((row["path"], line if type(line) is int else 0, str(suspect.get("why") or "")[:200]))

    def _not_had(self, row: Row) -> None:
        outcome = str(row.get("outcome"))
        if outcome == "collected":  # an empty answer, or one that lies elsewhere
            return
        reasons = self.left_out.setdefault(outcome, Counter())
        reason = str(row.get("reason") or "no reason was given")[:160]
        reasons[reason if reason in reasons or len(reasons) < MAX_REASONS else "other reasons, too many to be told apart"] += 1


def _counts(row: Row) -> dict[str, int]:
    """What was taken out of an item, by kind."""
    counts = row.get("redacted")
    if not isinstance(counts, dict):
        return {}
    return {kind: count for kind, count in islice(counts.items(), MAX_REASONS) if type(count) is int and 0 < count < 1 << 53}


def _secrets(counts: Mapping[str, int]) -> int:
    return sum(count for kind, count in counts.items() if kind not in IDENTIFIERS)


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def _settings(bundle: Bundle) -> Mapping[str, Any]:
    """What the run was told to do; nothing where that is not in the bundle, or no longer."""
    row = bundle.find(CONFIG)
    if row is None or "header" not in row or row["size"] > _READ:
        return {}
    try:
        value = json.loads(b"".join(bundle.content(row)))
    except (BundleError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _line(bundle: Bundle, row: Row, *, is_hidden: bool) -> Sample | None:
    """A line of an item: one with a stand-in, or an ordinary one; None of what is no text."""
    if row["path"] in (MANIFEST, SUMS) or not row["size"]:
        return None
    short = row.get("short")
    size = min(row["size"], short if type(short) is int and short >= 0 else row["size"], _READ if is_hidden else _HEAD)
    data = b"".join(bundle.frames.read(row["offset"], size))
    if b"\0" in data[:_HEAD]:
        return None
    find: Callable[[], int] = (lambda: data.find(MARK)) if is_hidden else (lambda: _telling(data))
    if (at := find()) < 0:
        return None
    start = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at)
    end = len(data) if end < 0 else end
    first = max(start, at - _BEFORE)
    last = min(end, first + _WIDTH)
    text = data[first:last].decode("utf-8", "replace").expandtabs(4).strip()
    return Sample(row["path"], data.count(b"\n", 0, start) + 1, ("… " if first > start else "") + text + (" …" if last < end else ""))


def _telling(data: bytes) -> int:
    """Where a line begins that is neither empty nor a comment, from the middle on; -1 if there is none."""
    middle = data.rfind(b"\n", 0, len(data) // 2) + 1
    for begin, stop in ((middle, len(data)), (0, middle)):
        at = begin
        while at < stop:
            end = data.find(b"\n", at, stop)
            end = stop if end < 0 else end
            line = data[at:end].strip()
            if len(line) >= _SHORTEST and not line.startswith(b"#"):
                return at
            at = end + 1
    return data.find(data.strip()[:1]) if data.strip() else -1
