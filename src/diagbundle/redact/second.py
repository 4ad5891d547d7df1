"""An independent look at what is about to leave: no pattern of a secret, but what a person would stumble over.

A sample of the redacted text is read once more: names that tell of a secret and still have a value, and words that look
random. What is found is no verdict: it is shown to whoever sends the bundle, as lines to look at, and shortened.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from diagbundle.redact.lazy import regex

FIRST = 16 << 10
"""Bytes of a member's beginning that are read: all of a usual configuration."""
STRIDE, PIECE = 1 << 20, 2 << 10
"""Of the rest so many bytes of every so many."""
REACH = 8 << 20
"""Behind this nothing is read: to count the lines up to there costs more than the look itself."""
MOST = 5
"""Lines of a member that are shown."""
CANDIDATES = 500
"""Words of a member that are kept until its end."""
NEAR = 40
"""Bytes before a word in which a telling name makes it suspicious."""
SHORT = 8
DICE = 16
LEAST, LONGEST = 20, 400
"""Letters of a word that can look random. What is longer is data."""
USUAL = 4
"""Words of one shape in a sample from which they are the ids of that file."""
SHOWN = 2
"""Letters of a word that are shown."""
NAMED, NEARBY, UNLIKE = "a telling name with a value", "looks random, near a telling word", "looks random, unlike the rest of its file"

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=~.-"
_BLANKED = bytes(byte if byte in _LETTERS else 0x20 for byte in range(256))
_STEMS = (b"pass", b"pwd", b"secret", b"token", b"key", b"credential", b"psk")
_HEAD = regex(rb"[A-Za-z0-9_.-]{0,40}\Z")
_VALUE = regex(
    rb"""(?ix)(?:pass(?:w(?:or)?d|phrase|code|wort)?|pwd|secret|token|(?<=api)key|(?<=api[_-])key|(?<=access[_-])key|(?<=private[_-])key|credential|psk)s?
    (?![a-z])[_\d]{0,3}\\?["']?\]?[ ]?[=:]>?[ ]?\\?["']?([^\s"'\\,;&|<>(){}\[\]]{6,200})"""
)
_TELLING = regex(rb"(?i)passw|passp|passcode|\bpwd|secret|token|api.?key|access.?key|private|cred|\bauth|cookie|bearer|\bpsk|login|vault")
_HARMLESS_NAME = regex(
    rb"(?i)(?:id|name|type|file|path|dir|url|uri|ref|policy|length|len|count|age|ttl|expir\w*|endpoint|max|min|num|alg\w*|public|unexpected|by)"
    rb"[_.-]?(?:tokens?|pass\w*|secrets?|\w*key)?$"
)
_PUBLIC = regex(rb"(?i)public|pub_?key|fingerprint|integrity|sha\d|digest|checksum|etag|nonce|uuid|serial|ssh-|ecdsa")
"""What stands before things that look random and may be known."""
_HEX = regex(rb"[0-9a-fA-F]{16,}")
_PLAIN = regex(
    rb"(?:[A-Za-z]{0,40}|[A-Z][a-z]+(?:[A-Z][a-z]+)*|[0-9]{1,40}|[0-9a-f]{1,128}|[0-9A-F]{1,128}|[a-z]{1,20}[0-9]{1,6}|[vV]?[0-9.]+)"
)
"""A part of a harmless word: letters alone, digits alone, hex, a name with a number behind it."""
_PARTS = regex(rb"[^A-Za-z0-9]+")
_REFERENCE = regex(
    rb"[$%@*!/~.<-]|x+$|https?:|true|false|null|none|yes$|no$|ENC|sha\d+|vault:|file:|env:|arn:|redacted|masked|hidden", re.IGNORECASE
)
_CLASSES = (re.compile(rb"[a-z]"), re.compile(rb"[A-Z]"), re.compile(rb"[0-9]"))
_RUNS = regex(rb"[a-z]+|[A-Z]+|[0-9]+")


class Suspect(NamedTuple):
    """A line to look at."""

    name: str
    line: int
    word: str
    """The first letters of what may be a secret."""
    why: str

    def row(self) -> dict[str, str | int]:
        """As it stands in the manifest."""
        return {"line": self.line, "word": self.word, "why": self.why}


class _Found(NamedTuple):
    """A word that may be one, before it is known what is usual in its file."""

    weight: float
    line: int
    word: bytes
    why: str
    shape: tuple[object, ...]


@dataclass
class _Member:
    """What was seen of one member."""

    size: int = 0
    lines: int = 0
    next: int = 0
    """From where on it is read again."""
    shapes: Counter[tuple[object, ...]] = field(default_factory=Counter)
    found: list[_Found] = field(default_factory=list)


class Look:
    """Reads along with what leaves. `see` is told of every piece of a member in turn."""

    def __init__(self) -> None:
        self._members: dict[str, _Member] = {}

    def see(self, name: str, text: bytes) -> None:
        """The next piece of a member."""
        member = self._members.setdefault(name, _Member())
        begin, end = member.size, member.size + len(text)
        while member.next < min(end, REACH):
            start = member.next - begin
            length = FIRST if not member.next else PIECE
            self._read(member, text, max(0, start), min(len(text), start + length))
            member.next = max(member.next + length, (member.next // STRIDE + 1) * STRIDE if begin + start + length >= FIRST else 0)
        if end < REACH:
            member.lines += _newlines(text)
        member.size = end

    def lines(self) -> list[Suspect]:
        """What somebody should look at: of each member a few lines at most, the strangest ones."""
        return [suspect for name, member in self._members.items() for suspect in _best(name, member)]

    @staticmethod
    def _read(member: _Member, text: bytes, start: int, end: int) -> None:
        if start and (line := text.find(b"\n", start, end)) >= 0:
            start = line + 1  # half a line is hard to judge
        piece = text[start:end]
        counted, at = member.lines, 0
        for offset, found in sorted((*_named(piece), *_random(piece, member.shapes)), key=lambda one: one[0]):
            if len(member.found) >= CANDIDATES:
                return
            if not at:
                counted += text.count(b"\n", 0, start)
            counted += piece.count(b"\n", at, offset)
            at = offset
            member.found.append(found._replace(line=counted + 1))


def _newlines(text: bytes) -> int:
    """How many there are; faster than to count them."""
    return len(text) - len(text.replace(b"\n", b""))


def _best(name: str, member: _Member) -> Iterator[Suspect]:
    """One word of each shape, and of shapes that are usual in this file none but those with a telling name."""
    best: dict[tuple[object, ...], _Found] = {}
    for found in member.found:
        usual = member.shapes[found.shape] >= USUAL
        if usual and found.why == UNLIKE:
            continue
        kept = best.get(found.shape)
        if kept is None or found.weight > kept.weight:
            best[found.shape] = found
    lines: dict[int, _Found] = {}
    for found in sorted(best.values(), key=lambda found: -found.weight):
        lines.setdefault(found.line, found)
    for found in sorted(list(lines.values())[:MOST], key=lambda found: found.line):
        yield Suspect(name, found.line, found.word[:SHOWN].decode("ascii", "replace") + "…", found.why)


def _named(piece: bytes) -> Iterator[tuple[int, _Found]]:
    """Names that tell of a secret, with a value that could be one."""
    low = piece.lower()
    for stem in _STEMS:
        at = low.find(stem)
        while at >= 0:
            if (found := _VALUE.match(piece, at)) and _is_told(name := _name(low, at) + stem, found[1]):
                yield found.start(1), _Found(100 + _entropy(found[1]), 0, found[1], NAMED, (b"=", name))
            at = low.find(stem, at + 1)


def _name(low: bytes, at: int) -> bytes:
    """The part of a name that stands before a place."""
    found = _HEAD.search(low, max(0, at - NEAR), at)
    return found[0] if found else b""


def _is_told(name: bytes, value: bytes) -> bool:
    """Whether this name and this value are worth a look."""
    return not (_REFERENCE.match(value) or _HARMLESS_NAME.search(name) or _is_ordinary(value))


def _is_ordinary(value: bytes) -> bool:
    """Whether a value is a plain word, a number, or a sentence's next word: what a person would not call a pass word."""
    kinds = sum(bool(kind.search(value)) for kind in _CLASSES)
    if kinds < 2 or (kinds == 2 and value.isalnum() and len(value) < SHORT):  # noqa: PLR2004
        return True
    return not _HEX.fullmatch(value) and is_harmless(value)


def _random(piece: bytes, shapes: Counter[tuple[object, ...]]) -> Iterator[tuple[int, _Found]]:
    """Words that look random."""
    end = 0
    for text in piece.translate(_BLANKED).split():
        word = text.rstrip(b"=")
        word = text[word.rfind(b"=") + 1 :]  # of `name=value` the value
        if not LEAST <= len(word) <= LONGEST or is_harmless(word):
            continue
        start = piece.index(word, end)
        end = start + len(word)
        line = piece.rfind(b"\n", max(0, start - NEAR), start) + 1 or max(0, start - NEAR)
        if _PUBLIC.search(piece, line, start):
            continue
        shape = (len(word) // 4, tuple(bool(kind.search(word)) for kind in _CLASSES), bool(_PARTS.search(word)))
        shapes[shape] += 1
        near = _TELLING.search(piece, line, start)
        if not near and not _is_strange(piece, word, start):
            continue
        yield start, _Found(_entropy(word) + (50 if near else 0), 0, word, NEARBY if near else UNLIKE, shape)


def _is_strange(piece: bytes, word: bytes, start: int) -> bool:
    """Whether a word stands out where no name tells of it: like dice, and not a line of wrapped data."""
    if piece[max(0, start - 1) : start] in (b"", b"\n") and piece[start + len(word) : start + len(word) + 1] in (b"", b"\n", b"\r", b"="):
        return False
    core = max(_PARTS.split(word), key=len)
    return len(core) >= DICE and len(_RUNS.findall(core)) * 5 >= len(core) * 2 and len(set(word)) < len(word) * 0.9


def is_harmless(word: bytes) -> bool:
    """Whether a word does not look random: parts of one kind each, hardly any change between letters, capitals and digits."""
    parts = [part for part in _PARTS.split(word) if part]
    if not parts or all(_PLAIN.fullmatch(part) for part in parts):
        return True
    core = max(parts, key=len)
    changes = len(_RUNS.findall(core))
    if len(core) < (LEAST if word.startswith((b"/", b"./")) else 0):
        return True
    return len(word) >= LEAST and (len(core) < LEAST // 2 or changes * 4 < len(core) or _entropy(word) < 3.3)  # noqa: PLR2004


def _entropy(word: bytes) -> float:
    """Bits of a letter, as far as its own letters tell."""
    return -sum(count / len(word) * math.log2(count / len(word)) for count in Counter(word).values())
