"""Finds many texts in a block at once, in Python.

Most texts have a word in them, and a block of logs has few different words: those are taken first, and only texts whose word is among
them are looked for. The others are looked for by a byte or by two bytes that are rare in logs.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from diagbundle.redact.lazy import regex

Text = tuple[bytes, bool]
"""What to find, and whether the case of letters does not matter; it is in lower case then."""
Found = tuple[int, Text]
"""Where a text begins."""

RARE = b"$<>~\\|*%{}#?;&@^`!\t\0"
"""Bytes that logs have so few of that each may be looked at."""
FREQUENT = b" 0e\"sat1ro:.2idcn435=p76m-l8u9/bf,gvhy_\nTx()M][wkCESjOPAIRFNHGDL+qWz'ZUBVXYQ\rJK"
"""The others, the most frequent first."""
CHEAP = 2 ** (-len(b' 0e"sat1ro:.2idcn435=p76m-l8u9/bf,gvhy_') / 8)
"""Up to this cost a byte is worth an expression that stops at it; two bytes are looked for otherwise."""
_COST = {byte: 2 ** (-place / 8) for place, byte in enumerate(FREQUENT)}
_WORD = regex(rb"[A-Za-z_\x80-\xff]{3,}")
_LETTERS = bytes(byte if chr(byte) in string.ascii_letters + "_" or byte > 127 else 0x20 for byte in range(256))  # noqa: PLR2004
_REMEMBERED = 1 << 16


def every(data: bytes, what: bytes) -> Iterator[int]:
    """Where `what` begins."""
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)


class _Near:
    """Texts that wait for a byte, by this byte and the next one, or where it is the last one, the one before."""

    def __init__(self) -> None:
        self._after: dict[bytes, list[tuple[int, Text]]] = {}
        self._before: dict[bytes, list[tuple[int, Text]]] = {}

    def add(self, offset: int, text: Text) -> None:
        """The text waits for its byte at `offset`."""
        if offset + 1 < len(text[0]):
            self._after.setdefault(text[0][offset : offset + 2], []).append((offset, text))
        else:
            self._before.setdefault(text[0][max(0, offset - 1) :], []).append((offset, text))

    def at(self, data: bytes, place: int) -> list[Found]:
        """The texts whose byte is the one at `place`."""
        found: tuple[tuple[int, Text], ...] | list[tuple[int, Text]] = self._after.get(data[place : place + 2], ())
        if self._before:
            found = (*found, *self._before.get(data[place : place + 1], ()))
            found = (*found, *self._before.get(data[place - 1 : place + 1], ())) if place else found
        return [(place - offset, text) for offset, text in found if offset <= place and data.startswith(text[0], place - offset)]


class Texts:
    """Finds these texts, also where they overlap."""

    def __init__(self, texts: Iterable[Text]) -> None:
        self._words = {fold: _Words(fold=fold) for fold in (False, True)}
        self._pairs: dict[bool, dict[bytes, _Near]] = {False: {}, True: {}}
        left: dict[bool, list[bytes]] = {False: [], True: []}
        for text, fold in sorted(set(texts)):
            rare = next((offset for offset, byte in enumerate(text) if byte in RARE), -1)
            core = max(_WORD.findall(text), key=len, default=b"")
            if rare >= 0:
                self._pairs[fold].setdefault(text[rare : rare + 1], _Near()).add(rare, (text, fold))
            elif core:
                self._words[fold].add(core, text)
            else:
                left[fold].append(text)
        self._searches = {fold: _Search(texts, self._pairs[fold], fold=fold) for fold, texts in left.items()}

    def find(self, data: bytes) -> Iterator[Found]:
        """Where each text begins, in no order."""
        words = set(data.translate(_LETTERS).split())
        for fold, cased in ((False, data), (True, data.lower())):
            for what, near in self._pairs[fold].items():
                for place in every(cased, what):
                    yield from near.at(cased, place)
            yield from self._words[fold].find(cased, words)
            yield from self._searches[fold].find(cased)


class _Words:
    """Texts that have a word, their core."""

    def __init__(self, *, fold: bool) -> None:
        self._cased: Callable[[bytes], bytes] = bytes.lower if fold else bytes
        self._fold = fold
        self._with: dict[bytes, list[tuple[int, Text]]] = {}
        self._shared: dict[bytes, tuple[int, bytes]] = {}
        self._known: set[bytes] = set()
        self._cores: dict[bytes, list[bytes]] = {}

    def add(self, core: bytes, text: bytes) -> None:
        self._with.setdefault(core, []).append((text.index(core), (text, self._fold)))

    def find(self, data: bytes, words: set[bytes]) -> Iterator[Found]:
        """Where each text begins; the words of `data` are in their own case."""
        self._learn(words - self._known)
        for core in {core for word in words & self._cores.keys() for core in self._cores[word]}:
            texts = self._with[core]
            before, what = self._shared.get(core) or self._shared.setdefault(core, _shared(texts))
            for place in every(data, what):
                for offset, (text, fold) in texts:
                    at = place + before - offset
                    if at >= 0 and data.startswith(text, at):
                        yield at, (text, fold)

    def _learn(self, new: set[bytes]) -> None:
        """Which cores the words have."""
        if len(self._known) + len(new) > _REMEMBERED:
            self._known, self._cores = set(), {}
        self._known |= new
        joined = self._cased(b" ".join(new))
        for core in self._with:
            if core in joined:
                for word in new:
                    if core in self._cased(word):
                        self._cores.setdefault(word, []).append(core)


def _shared(texts: list[tuple[int, Text]]) -> tuple[int, bytes]:
    """What all the texts have around their core, and how much of it stands before the core."""
    head = _prefix([text[:offset][::-1] for offset, (text, _) in texts])[::-1]
    return len(head), head + _prefix([text[offset:] for offset, (text, _) in texts])


def _prefix(words: list[bytes]) -> bytes:
    first, last = min(words), max(words)
    return first[: next((at for at, byte in enumerate(first) if last[at : at + 1] != bytes([byte])), len(first))]


class _Search:
    """One expression for texts without a word: it stops at a few bytes that are rare and that each text has one of."""

    def __init__(self, texts: Iterable[bytes], pairs: dict[bytes, _Near], *, fold: bool) -> None:
        """Texts that have no rare byte go to `pairs`."""
        self._near = _Near()
        cheap = {text: {text[i : i + 1] for i in range(len(text)) if _COST.get(text[i], 0) <= CHEAP} for text in texts}
        groups = _covered({text: keys for text, keys in cheap.items() if keys})
        self._expression = re.compile(b"|".join(_alternative(*group) for group in groups.items()) or rb"(?!)", re.DOTALL)
        for offset, text in (each for group in groups.values() for each in group):
            self._near.add(offset, (text, fold))
        dear = {text: {text[i : i + 2] for i in range(max(1, len(text) - 1))} for text, keys in cheap.items() if not keys}
        for group in _covered(dear).values():
            before, what = _shared([(offset, (text, fold)) for offset, text in group])
            for offset, text in group:
                pairs.setdefault(what, _Near()).add(offset - before, (text, fold))

    def find(self, data: bytes) -> Iterator[Found]:
        for match in self._expression.finditer(data):
            yield from self._near.at(data, match.start())


def _covered(keys: dict[bytes, set[bytes]]) -> dict[bytes, list[tuple[int, bytes]]]:
    """Few and rare ones of the keys, so that each text has one; with each, offset and text of those that wait for it."""
    left = set(keys)
    found: dict[bytes, list[tuple[int, bytes]]] = {}
    while left:
        counts = Counter(key for text in left for key in keys[text])
        best = min(counts, key=lambda key: (_cost(key) / counts[key], key))
        found[best] = sorted((text.index(best), text) for text in left if best in keys[text])
        left -= {text for _, text in found[best]}
    return found


def _cost(key: bytes) -> float:
    return 1.0 if len(key) > 1 else _COST.get(key[0], 1e-3)


def _alternative(byte: bytes, texts: Iterable[tuple[int, bytes]]) -> bytes:
    """The byte, where the longer part of one of the texts stands before or behind it."""
    behind, before = set(), set()
    for offset, text in texts:
        tail = text[offset + 1 :]
        (behind.add(re.escape(tail)) if len(tail) > offset else before.add(b"(?<=" + re.escape(text[: offset + 1]) + b")"))
    ways = [*sorted(before), *([b"(?=" + b"|".join(sorted(behind)) + b")"] if behind else [])]
    return re.escape(byte) + b"(?:" + b"|".join(ways) + b")"
