"""What an identifier looks like and where it ends: the functions of `_rewrite.c`, in Python.

Each takes a region of the text and a place where something may begin, and gives (start, end, kind) of what is there, in order. None looks
outside of the region but where it says so, none looks at a byte more often than a few times, whatever the text.
"""

# ruff: noqa: PLR2004 - the numbers are lengths of what is written in the examples

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from diagbundle.redact.identifiers.people import Place

DOT, COLON, HYPHEN, BACKSLASH, PERCENT, SLASH, OPEN, CLOSE, EQUALS, BLANK, LESS, GREATER, BRACKET, DOLLAR, NEWLINE = b".:-\\%/()= <>[$\n"
GROWN, JOINTS = frozenset(b"+~"), frozenset(b":-")
DIGIT = frozenset(b"0123456789")
HEX = frozenset(b"0123456789abcdefABCDEF")
LETTER = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
LABEL = DIGIT | LETTER | frozenset(b"_-")
RUN = LABEL | frozenset(b".")
WORD = DIGIT | LETTER | frozenset(b"_") | frozenset(range(128, 256))
GROUPS = HEX | frozenset(b":")
VALUE = WORD | frozenset(b".-$")
LONGEST_NAME, LONGEST_USER = 253, 64
Found = tuple[int, int, str]
Nothing: tuple[Found, ...] = ()


@dataclass
class Tables:
    """What the rewriter was told; texts in lower case."""

    names: dict[bytes, bytes]
    suffixes: dict[bytes, int]
    packages: frozenset[bytes]
    extensions: frozenset[bytes]
    versions: frozenset[bytes]
    places: Sequence[Place]
    resolve: Callable[[str, bytes], bytes]
    most: int = 1 << 15
    """Texts whose stand-ins are remembered."""
    heads: dict[bytes, list[Place]] = field(init=False)
    """By the first three bytes of what begins at a word: the places, longest head first."""
    longest: int = field(init=False)
    depth: int = field(init=False)
    memo: dict[tuple[str, bytes], bytes] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.heads = {b"enx": [], b"ip-": []}
        for place in sorted(self.places, key=lambda place: -len(place.head)):
            self.heads.setdefault(place.head[:3], []).append(place)
        for name in self.names:
            self.heads.setdefault(name[:3], [])
        self.longest = max(map(len, self.names), default=0)
        self.depth = max((suffix.count(b".") + 1 for suffix in self.suffixes), default=0)

    def resolved(self, kind: str, text: bytes) -> bytes:
        """The stand-in, asked for once and remembered."""
        new = self.memo.get((kind, text)) or (self.names.get(text.lower()) if kind == "name" else None)
        if new is None:
            if len(self.memo) >= self.most:
                self.memo.clear()
            new = self.memo[kind, text] = self.resolve(kind, text)
        return new


@dataclass
class Region:
    """The text between two secrets: identifiers lie in `data[lo:hi]` and begin before `end`."""

    data: bytes
    lo: int
    hi: int
    end: int
    tables: Tables
    done: int = field(init=False)
    """Up to here the text was replaced."""
    dots: int = field(init=False, default=0)
    """Up to here dotted runs were judged."""
    colons: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.done = self.lo

    def at(self, place: int) -> int:
        """The byte, or -1 outside."""
        return self.data[place] if self.lo <= place < self.hi else -1


def adjusted(data: bytes, lo: int, hi: int, at: int) -> int:
    r"""Where a word that begins at `at` really begins, if an escape stands before it: `\n`, `%3D`, `\u003d`, `\x3d`."""
    if at <= lo or at >= hi:
        return at
    before, first = data[at - 1], data[at]
    if before == BACKSLASH:
        if first in b"nrtbf":
            return at + 1
        length = 4 if first == ord("u") else 2 if first == ord("x") else 0
        return at + 1 + length if length and _hex(data, at + 1, length, hi) else at
    return at + 2 if before == PERCENT and _hex(data, at, 2, hi) else at


def _hex(data: bytes, at: int, count: int, hi: int) -> bool:
    return at + count <= hi and all(data[place] in HEX for place in range(at, at + count))


def quad(data: bytes, at: int, end: int, sign: int) -> int:
    """Where four octets that begin at `at` end; 0 if there are none. What follows is for others to judge."""
    for count in range(4):
        first = at
        while at < end and at - first < 3 and data[at] in DIGIT:
            at += 1
        text = data[first:at]
        if not text or (text[0] == ord("0") and len(text) > 1) or int(text) > 255:
            return 0
        if count < 3:
            if at >= end or data[at] != sign:
                return 0
            at += 1
    return at


def run_around(region: Region, at: int) -> tuple[int, int]:
    """The letters, digits, dots, hyphens and underscores around a place, without an escape before them; too long a run is empty."""
    data, start, end = region.data, at, at
    low = max(region.lo, region.done, at - LONGEST_NAME - 2)
    while start > low and data[start - 1] in RUN:
        start -= 1
    high = min(region.hi, start + LONGEST_NAME + 3)
    while end < high and data[end] in RUN:
        end += 1
    return (end, end) if end - start > LONGEST_NAME + 2 else (adjusted(data, region.lo, region.hi, start), end)


def dotted(region: Region, at: int) -> Sequence[Found]:
    """At a dot: an IPv4 address, a range of two, one with a port behind a dot, a MAC in threes, a name."""
    if at < region.dots or not _joins(region, at):
        return Nothing
    start, end = run_around(region, at)
    region.dots = max(end, at + 1)
    return _run(region, start, end) if start < at else Nothing


def _run(region: Region, start: int, end: int) -> Sequence[Found]:
    data, stop = region.data, end
    while stop > start and data[stop - 1] == DOT:
        stop -= 1
    if data[start] in DIGIT:
        numbers = _numbers(region, start, stop)
        if numbers is not None or not any(byte in LETTER for byte in data[start:stop]):
            return numbers or Nothing
    if stop - start == 14 and _threes(data, start):
        return ((start, stop, "mac"),)
    name = fqdn(region, start, end)
    if name:
        return (name,)
    label = data.find(b".", start, stop)
    return ((start, label, "ipv4"),) if 0 < quad(data, start, stop, HYPHEN) == label else Nothing


def _joins(region: Region, at: int) -> bool:
    """Whether a dot joins labels; one between digits does so only if another is near: 0.118 is a number."""
    before, after = region.at(at - 1), region.at(at + 1)
    if before not in LABEL or after not in LABEL:
        return False
    return before not in DIGIT or after not in DIGIT or any(region.at(place) == DOT for place in range(at + 2, at + 6))


def _numbers(region: Region, start: int, stop: int) -> Sequence[Found] | None:
    """Addresses, if the run is made of them; `None` if it is something else."""
    data = region.data
    first = quad(data, start, stop, DOT)
    if not first:
        return None
    if first == stop:
        return Nothing if region.at(stop) in GROWN or versionish(region, start, stop) else ((start, stop, "ipv4"),)
    if data[first] == HYPHEN and quad(data, first + 1, stop, DOT) == stop:
        return (start, first, "ipv4"), (first + 1, stop, "ipv4")
    rest = data[first + 1 : stop]
    arrow = data[stop : min(stop + 3, region.hi)] == b" > " or data[max(start - 2, region.lo) : start] == b"> "
    if data[first] == DOT and rest.isdigit() and len(rest) < 6 and arrow:
        return ((start, first, "ipv4"),)
    return None


def _threes(data: bytes, start: int) -> bool:
    text = data[start : start + 14]
    return (
        text[4] == text[9] == DOT
        and all(byte in HEX for place, byte in enumerate(text) if place not in (4, 9))
        and any(byte in LETTER for byte in text)
    )


def versionish(region: Region, start: int, stop: int) -> bool:
    """Whether the quad is a version: `version 1.2.3.4`, `Chrome/111.0.0.0`."""
    data, lo, at = region.data, region.lo, start
    while at > lo and start - at < 4 and data[at - 1] in b" \t=:\"'(\\":
        at -= 1
    first = at
    while first > lo and at - first < 16 and data[first - 1] in LETTER:
        first -= 1
    before = data[first:at].lower()
    whole = first == lo or data[first - 1] not in LABEL
    if (whole and before in region.tables.versions) or before.endswith(b"version"):
        return True
    if start - 1 <= lo or data[start - 1] != SLASH:
        return False
    first = start - 1
    while first > lo and start - first < 32 and data[first - 1] in LABEL:
        first -= 1
    if (first > lo and data[first - 1] in b"/\\:@.") or region.at(stop) == COLON:
        return False
    if not (65 <= data[first] <= 90 and first + 1 < start - 1):
        return False
    return 97 <= data[first + 1] <= 122 or data[stop - 4 : stop] == b".0.0"


def fqdn(region: Region, start: int, end: int) -> Found | None:
    """The name that the run is or begins with, if its last label says that it is one."""
    data, tables = region.data, region.tables
    while start < end and data[start] in b".-":
        start += 1
    while end > start and data[end - 1] in b".-_":
        end -= 1
    text = data[start:end]
    if end - start > LONGEST_NAME or b".." in text or region.at(end) == OPEN:
        return None
    low = text.lower()
    labels = low.split(b".")
    if len(labels) < 2 or labels[0] in tables.packages:
        return None
    if _accepted(region, start, text, low, labels):
        return start, end, "host"
    length = _before_file(tables, low, labels)
    return (start, start + length, "host") if length else None


def _accepted(region: Region, start: int, text: bytes, low: bytes, labels: list[bytes]) -> bool:
    tables = region.tables
    strength = max(
        (tables.suffixes.get(b".".join(labels[-depth:]), -1) for depth in range(1, min(tables.depth, len(labels)) + 1)), default=-1
    )
    if strength < 0 or labels[-2] in tables.extensions:
        return False
    before = region.data[max(region.lo, start - 2) : start]
    sure = strength == 3 or before == b"//" or before[-1:] == b"@" or labels[0] == b"www"
    upper = low != text
    if upper and text != text.upper():
        last = text.rpartition(b".")[2]
        return last == last.lower() and (sure and (len(labels) > 2 or before == b"//" or before[-1:] == b"@"))
    if upper:
        return strength == 3
    if not sure and labels[0] in tables.suffixes:
        return False
    marked = any(byte in DIGIT or byte == HYPHEN for label in labels[:-1] for byte in label)
    longer = len(labels) > 2
    return sure or (strength == 2 and (longer or marked)) or (strength == 1 and marked) or (strength == 0 and longer and marked)


def _before_file(tables: Tables, low: bytes, labels: list[bytes]) -> int:
    """Length of the name in `www.example.com-access.log` and `example.com.conf`; 0 if there is none."""
    file = labels[-1] in tables.extensions
    if not file and b"-" not in low and b"_" not in low:
        return 0
    length = len(labels[0])
    for number, label in enumerate(labels[1:], 1):
        cut = min((place for place in (label.find(b"-"), label.find(b"_")) if place >= 0), default=len(label))
        strength = tables.suffixes.get(label[:cut], -1)
        marked = any(byte in DIGIT or byte == HYPHEN for label in labels[:number] for byte in label)
        known = strength == 3 or (strength == 2 and (number > 1 or marked))
        if known and (cut < len(label) or (file and all(rest in tables.extensions or rest.isdigit() for rest in labels[number + 1 :]))):
            return length + 1 + cut
        length += 1 + len(label)
    return 0


def coloned(region: Region, at: int) -> Sequence[Found]:
    """At a colon: MAC and IPv6 addresses."""
    data = region.data
    if at < region.colons or not _opens(region, at):
        return Nothing
    start, end = at, at
    while start > region.lo and data[start - 1] in GROUPS:
        start -= 1
    while end < region.hi and data[end] in GROUPS:
        end += 1
    region.colons = end
    start = _left(region, start, end)
    if region.at(end) in WORD:
        end = max(data.rfind(b":", start, end), start)
    tail = _tail(region, start, end)
    end = tail or end
    if end - start > 1 and data[end - 1] == COLON and data[end - 2] != COLON:
        end -= 1
    if end - start > 1 and data[start] == COLON and data[start + 1] != COLON:
        start += 1
    if end - start > 59 or end - start < 4:
        return Nothing
    return _pairs(region, start, end) if not tail and _all_pairs(data, start, end) else _six(region, start, end, four=bool(tail))


def _opens(region: Region, at: int) -> bool:
    """Whether another colon follows at once, or after a group between two."""
    end = at + 1
    while end - at < 5 and region.at(end) in HEX:
        end += 1
    return region.at(end) == COLON and (end == at + 1 or region.at(at - 1) in HEX)


def _left(region: Region, start: int, end: int) -> int:
    """Where the address in a run of groups begins: behind an escape, or behind the first colon if a word stands before it."""
    data, first = region.data, start
    low = max(region.lo, start - 8)
    while first > low and data[first - 1] in WORD:
        first -= 1
    real = adjusted(data, region.lo, region.hi, first)
    if real > first and real >= start:
        return min(real, end)
    if first == start:
        return start
    colon = data.find(b":", start, end)
    return colon + 1 if colon >= 0 and region.at(colon + 1) != COLON else end


def _tail(region: Region, start: int, end: int) -> int:
    """Where an IPv4 address ends that the last group begins; 0 if there is none."""
    if region.at(end) != DOT:
        return 0
    stop = quad(region.data, region.data.rfind(b":", start, end) + 1, region.hi, DOT) if end > start else 0
    follows = region.at(stop)
    if not stop or follows in LABEL or (follows == DOT and region.at(stop + 1) in LABEL):
        return 0
    return stop


def _all_pairs(data: bytes, start: int, end: int) -> bool:
    return (end - start) % 3 == 2 and all((data[place] == COLON) == ((place - start) % 3 == 2) for place in range(start, end))


def _pairs(region: Region, start: int, end: int) -> Sequence[Found]:
    """Six octets are a MAC; in longer rows of known makes there is one, or two; fingerprints, WWNs and GUIDs stay."""
    data, count = region.data, (end - start + 1) // 3
    if count == 6:
        follows = region.at(end)
        edge = region.at(start - 1) in b".-" if start > region.lo else False
        return Nothing if edge or (follows == HYPHEN and region.at(end + 1) in HEX) else ((start, end, "mac"),)
    if count == 14 and data[max(region.lo, start - 4) : start].lower() == b"mac=":
        return (start, start + 17, "mac"), (start + 18, start + 35, "mac")
    if (count, data[start : start + 11]) in ((14, b"00:01:00:01"), (10, b"00:03:00:01")):
        return ((end - 17, end, "mac"),)
    return Nothing


def _six(region: Region, start: int, end: int, *, four: bool) -> Sequence[Found]:
    """An IPv6 address, if it is one and of a kind that is in use: `12:34:56`, `a::b` and `std::cafe` are not."""
    data = region.data
    text = data[start:end]
    halves = text.split(b"::")
    groups = [group for half in halves if half for group in half.split(b":")]
    if len(halves) > 2 or any(not group or len(group) > 4 for group in (groups[:-1] if four else groups)):
        return Nothing
    count = len(groups) + four
    if not (count == 8 if len(halves) == 1 else count < 8):
        return Nothing
    if len(halves) == 1 or four:
        good = four or max(map(len, groups)) > 2
    elif not halves[0]:
        good = len(groups) == 3 and groups[0].lower() == b"ffff"
    else:
        good = len(groups[0]) > 2 and any(byte in DIGIT for byte in text)
    return ((start, end, "ipv6"),) if good else Nothing


def dashed(region: Region, at: int) -> Sequence[Found]:
    """At a hyphen: a MAC."""
    data, start = region.data, at - 2
    if start < region.lo or start < region.done or start + 17 > region.hi:
        return Nothing
    for place in range(17):
        byte = data[start + place]
        if (byte != HYPHEN) if place % 3 == 2 else (byte not in HEX):
            return Nothing
    before, follows = region.at(start - 1), region.at(start + 17)
    if follows in HEX or (follows in JOINTS and region.at(start + 18) in HEX):
        return Nothing
    if before in HEX:
        first = start
        while first > max(region.lo, start - 8) and data[first - 1] in WORD:
            first -= 1
        if adjusted(data, region.lo, region.hi, first) != start:
            return Nothing
    elif before >= 0 and before in b":.-":
        return Nothing
    return ((start, start + 17, "mac"),)
