"""What `grep` looks for: lines that match, found without looking at each line.

A pattern is an expression of Python's `re`, over bytes. From it comes what must stand in every line that matches, one of a few words
(`needed`); a block is searched for these words, and the expression is asked about the lines in which one stands. An expression that needs
no word is asked about the whole block, or, where that might give another answer (it looks around, or never goes back), about each line.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from diagbundle.bundle.text import lines_with
from diagbundle.errors import UsageError

Find = Callable[[bytes], Iterable[tuple[int, int]]]
"""Where one of the words it was made for stands in a block, in order: position, and index of the word."""
Finder = Callable[[Sequence[bytes], bool], Find]
"""Makes that; the second value says that the case of ASCII letters does not matter."""

SHORTEST, LONGEST, MOST = 2, 200, 64
"""Of words: bytes that are worth a search, bytes that suffice, and how many are looked for."""
_WORD, _FOLD = "[0-9A-Za-z_]", "(?i)"
_UNLIKE = {op.ASSERT, op.ASSERT_NOT, op.ATOMIC_GROUP, op.POSSESSIVE_REPEAT, op.GROUPREF_EXISTS}
"""What may give another answer where more text follows than the line."""
_UNLIKE_AT = {op.AT_BEGINNING_STRING, op.AT_END_STRING}

MOST_LETTERS = 2000
"""Letters that are not ASCII's in one class: all of Latin, Greek, Cyrillic together are fewer."""
_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^]\\])*\]", re.DOTALL)
"""A class of an expression; what is escaped outside of one begins none."""
_CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d", op.CATEGORY_NOT_DIGIT: r"\D", op.CATEGORY_SPACE: r"\s", op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w", op.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip
_LETTER = r"[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xff][\x80-\xbf]{3}"
"""A letter of UTF-8 that is not ASCII's."""


@dataclass(frozen=True)
class Wish:
    """What the user asked for."""

    patterns: tuple[str, ...]
    """One of which must match; a line feed in one stands between two."""
    fixed: bool = False
    fold: bool = False
    word: bool = False
    line: bool = False
    invert: bool = False


class Pattern:
    """Lines that match a wish. Raises `UsageError` for what is no expression."""

    def __init__(self, wish: Wish, finder: Finder) -> None:
        self.invert = wish.invert
        given = [each for whole in wish.patterns for each in whole.split("\n")]
        if not wish.fixed and any(each.startswith(_FOLD) for each in given):
            wish, given = replace(wish, fold=True), [each.removeprefix(_FOLD) for each in given]
        with warnings.catch_warnings(), _explained():
            warnings.simplefilter("ignore", FutureWarning)  # what another Python may take for a set of sets
            source = "|".join(f"(?:{_bytewise(each, wish)})" for each in given)
            parsed = _parser.parse(source.encode("utf-8", "surrogateescape"), re.IGNORECASE if wish.fold else 0)
            flags = parsed.state.flags & ~re.MULTILINE
            self._each_line = _is_unlike(parsed)
            if len(given) > 1 and any(kind is op.GROUPREF for kind, _ in _walk(parsed)):
                raise UsageError("of several patterns, none can refer to its groups", "ask for them one after the other")
            if wish.word:
                source = f"(?<!{_WORD})(?:{source})(?!{_WORD})"
            if wish.line:
                source = f"^(?:{source})$"
            data = source.encode("utf-8", "surrogateescape")
            self._line, self._block = re.compile(data, flags), re.compile(data, flags | re.MULTILINE)
        words = [word[:LONGEST] for word in _needed(parsed)]
        fold = bool(flags & re.IGNORECASE)
        good = words and len(words) <= MOST and min(map(len, words)) >= SHORTEST
        self._lines_with = _lines_with([word.lower() if fold else word for word in words], finder, fold=fold) if good else None
        self._sure = not (wish.word or wish.line) and {bytes(kind) for kind in _alternatives(parsed)} == set(words)

    def matches(self, line: bytes) -> bool:
        """Whether a line is one of those that are looked for."""
        return (self._line.search(line) is None) == self.invert

    def spans(self, line: bytes) -> Iterator[tuple[int, int]]:
        """What matches in it, without what is empty."""
        return (found.span() for found in self._line.finditer(line) if found[0])

    def lines(self, block: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The lines looked for among those from `begin` to `end`, between which whole lines stand: begin and end, without the line feed."""
        if self._lines_with is None:
            found = self._by_block(block, begin, end)
        else:
            found = self._lines_with(block, begin, end)
            if not self._sure:
                search = self._line.search
                found = (span for span in found if search(block[span[0] : span[1]]))
        return _others(found, block, begin, end) if self.invert else found

    def _by_block(self, block: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
        at = begin
        while at < end:
            if not self._each_line:
                found = self._block.search(block, at, end)
                if found is None:
                    return
                at = block.rfind(b"\n", at, found.start()) + 1 or at
            stop = _line_end(block, at, end)
            if at < end and self._line.search(block[at:stop]):
                yield at, stop
            at = stop + 1


@contextmanager
def _explained() -> Iterator[None]:
    """What `re` raises, for the one who wrote the expression."""
    try:
        yield
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"this is no expression that can be searched for: {error}", "-F takes the text as it is") from None


def _lines_with(words: Sequence[bytes], finder: Finder, *, fold: bool) -> Callable[[bytes, int, int], Iterator[tuple[int, int]]]:
    """What finds the lines from a byte of a block to another one in which one of the words stands."""
    if len(words) == 1:  # others need the scanner that finds secrets, of which this room does not know
        return lambda block, begin, end: lines_with(block, words[0], begin, end, fold=fold)
    find = finder(words, fold)
    return lambda block, begin, end: _with_any(find, block, begin, end)


def _with_any(find: Find, block: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    done = begin
    for at, _ in find(block):
        if at < done:
            continue
        if at >= end:
            return
        start, stop = block.rfind(b"\n", done, at) + 1 or done, _line_end(block, at, end)
        yield start, stop
        done = stop + 1


def _line_end(block: bytes, at: int, end: int) -> int:
    stop = block.find(b"\n", at, end)
    return stop if stop >= 0 else end


def all_lines(block: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Every line from `begin` to `end`."""
    while begin < end:
        stop = _line_end(block, begin, end)
        yield begin, stop
        begin = stop + 1


def _others(found: Iterable[tuple[int, int]], block: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The lines that are not among the found ones."""
    for start, stop in found:
        yield from all_lines(block, begin, start)
        begin = stop + 1
    yield from all_lines(block, begin, end)


def _bytewise(pattern: str, wish: Wish) -> str:
    """The expression for the bytes of UTF-8: each other letter becomes a group of its own. Raises `UsageError`, `re.error`."""
    if wish.fixed:
        pattern = re.escape(pattern)
    elif not pattern.isascii():
        pattern = _CLASS.sub(lambda found: _spelled(found[0]), pattern)
    return re.sub(r"\\?([^\x00-\x7f])", lambda found: _group(found[1], fold=wish.fold), pattern)


def _group(letter: str, *, fold: bool) -> str:
    cases = {letter, letter.lower(), letter.upper()} if fold else {letter}
    return f"(?:{'|'.join(sorted(cases))})"


def _spelled(part: str) -> str:
    """A class in which other letters than those of ASCII stand, as a choice: each of them is several bytes."""
    if part.isascii() or not part.startswith("["):
        return part
    [(kind, value)] = _parser.parse(part)
    items = value if kind is op.IN else [(op.LITERAL, value)]
    ascii_part, letters = "", list[str]()
    for what, which in items:
        if what is op.CATEGORY:
            ascii_part += _CATEGORIES[which]
        elif what in (op.LITERAL, op.RANGE):
            first, last = which if what is op.RANGE else (which, which)
            ascii_part += f"\\x{first:02x}-\\x{min(last, 0x7F):02x}" if first <= 0x7F else ""  # noqa: PLR2004
            letters += [chr(code) for code in range(max(first, 0x80), last + 1)[: MOST_LETTERS + 1]]
    if len(letters) > MOST_LETTERS:
        raise UsageError(f"a class of letters may hold {MOST_LETTERS:,} that are not ASCII's: {part}", "name fewer, or use .")
    choice = "|".join(letters)
    if kind is op.NOT_LITERAL or items[0][0] is op.NEGATE:
        return f"(?:(?!{choice})(?:[^{ascii_part}\\x80-\\xff]|{_LETTER}))"
    return f"(?:[{ascii_part}]|{choice})" if ascii_part else f"(?:{choice})"


def _walk(parsed: Any) -> Iterator[tuple[Any, Any]]:
    """Every step of a parsed expression."""
    for kind, value in parsed:
        yield kind, value
        for below in value if isinstance(value, tuple | list) else (value,):
            for inner in below if isinstance(below, list) else (below,):
                if isinstance(inner, _parser.SubPattern):
                    yield from _walk(inner)


def _is_unlike(parsed: Any) -> bool:
    return any(kind in _UNLIKE or (kind is op.AT and value in _UNLIKE_AT) for kind, value in _walk(parsed))


def _alternatives(parsed: Any) -> list[bytes]:
    """The texts that an expression which is nothing but texts matches; nothing if it is something else."""
    if len(parsed) == 1 and parsed[0][0] is op.BRANCH:
        found = [_alternatives(branch) for branch in parsed[0][1][1]]
        return [text for texts in found for text in texts] if all(found) else []
    if len(parsed) == 1 and parsed[0][0] is op.SUBPATTERN and not any(parsed[0][1][1:3]):
        return _alternatives(parsed[0][1][3])
    return [bytes(value for _, value in parsed)] if len(parsed) and all(kind is op.LITERAL for kind, _ in parsed) else []


def _needed(parsed: Any) -> list[bytes]:
    """Words one of which stands in whatever matches, the longest that can be had; nothing where there are none."""
    best, run = list[bytes](), bytearray()
    for kind, value in [*parsed, (None, None)]:
        if kind is op.LITERAL:
            run.append(value)
            continue
        best = max(best, [bytes(run)] if run else [], _of_step(kind, value), key=_worth)
        run.clear()
    return best


def _of_step(kind: Any, value: Any) -> list[bytes]:
    if kind is op.SUBPATTERN and not any(value[1:3]):  # else it changes what matters
        return _needed(value[3])
    if kind is op.BRANCH:
        found = [_needed(branch) for branch in value[1]]
        return [word for words in found for word in words] if all(found) else []
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT) and value[0] > 0:
        return _needed(value[2])
    return _needed(value) if kind is op.ATOMIC_GROUP else []


def _worth(words: list[bytes]) -> int:
    return min(map(len, words), default=0)
