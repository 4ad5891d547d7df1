"""Where in a text a secret may be: the anchors of all patterns in one pass.

The C extension `_scan` does it where it is built; `Twin` is the same in Python. Both give the same anchors for every input.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from diagbundle.redact._texts import Text, Texts, every
from diagbundle.redact.lazy import regex
from diagbundle.redact.span import Literal

try:
    from diagbundle.redact import _scan
except ImportError:  # there was no compiler when it was installed
    _scan = None  # type: ignore[assignment]

Anchor = tuple[int, int]
"""Where a literal begins, and its index."""

NAME = (string.ascii_letters + string.digits + "_.-").encode() + bytes(range(0x80, 0x100))
"""The bytes of a name."""
NEAR, LOGIN = 40, 512
"""How many bytes are looked at: of a name, and of a URL up to its `@`."""

_QUOTE = rb"[\"'`]|&(?:quot|apos|#34|#39);|%2[27]|\\(?:u00|x)2[27]"
_BLANK = rb"[ \t\0]|%20"
KEY = regex(
    rb"(?i)[A-Za-z0-9_.\x80-\xff-]{0,40}+"
    rb"(?P<closers>(?:" + _QUOTE + rb"|" + _BLANK + rb"|[\])\\]|%5D){0,24}+)"
    rb"(?P<sure>[=:>]|\([BRU]{0,2}\\{0,7}[\"']|%3[ADE]|&(?:gt|#58|#61|#62);|(?<=\\)(?:u00|x)3[ADE]|</(?:name|key)>"
    rb"|(?<=[ \t])->[ \t]|[,; \t\r\n\"'\\-]{0,40}+value)?"
    rb"(?:(?P<says>(?:is|was|of|to|(?:set|reset|changed) to)[ \t:=])|(?P<listed>,))?"
)
"""Whether a literal that is a part of a name counts: what must follow it.

1. The rest of the name: at most 40 bytes of `[A-Za-z0-9_.-]` or above 0x7f.
2. At most 24 closers: a quote (`"` `'` or backtick, or `&quot;` `&apos;` `&#34;` `&#39;` `%22` `%27` `\\u0022` `\\u0027` `\\x22` `\\x27`),
   a blank (space, tab, NUL, `%20`), `]` `)` `%5D` or a backslash. Letters of either case, here and below.
3. Then it counts where one of these holds:
   - a separator follows: `=` `:` `>`, `%3A` `%3D` `%3E`, `&gt;` `&#58;` `&#61;` `&#62;`, or behind a backslash `u003a` `u003d` `u003e`
     `x3a` `x3d` `x3e`;
   - a blank was skipped, and `->` with a blank behind it follows;
   - a call with a quoted value follows: `(`, at most two of `b` `r` `u`, at most 7 backslashes, and `"` or `'`;
   - name and value are two fields: `</name>` or `</key>` follows, or at most 40 bytes of `,` `;` blank, newline, quote, backslash, `-`,
     and then `value`;
   - a quote was skipped behind a blank: a quoted value begins;
   - a blank was skipped, and a word follows that says it: `is` `was` `of` `to` `set to` `reset to` `changed to`, and behind it a space,
     tab, `:` or `=`;
   - a blank was skipped or a comma follows, and the name begins with `-`: a flag on a command line or in a list;
   - a blank was skipped, and the name stands behind `<` (or `<` and a name and `:`), an element with attributes; or first on its line
     behind at most 40 blanks, or behind `\\n` `\\r` `\\t` as JSON writes them: a directive.

The name begins at most 40 bytes of a name before the literal."""

EDGE = regex(
    rb"(?<![0-9A-Za-z])|(?<=\\[nrtbfv0])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2})|(?<==[0-9A-F]{2})|(?<=#0[0-9]{2})"
    rb"|(?<=\[[0-9]m)|(?<=[0-9]{2}m)",
    re.IGNORECASE,
)
"""Whether a literal with `edge` counts: what must stand before it. Patterns ask it again, most of them in this case only (`rules.EDGE`)."""

PLAIN = regex(
    rb"\\{0,31}+[\"']?+[=:] {0,16}+\\{0,31}+[\"'`]?+(?:[A-Za-z_.:/-]{1,64}+[0-9]{0,10}+|[0-9]{1,10}+|(?=[\"']))(?=[\"'\\\s,;&)\]}]|\Z)"
)
"""A value that is no secret: letters and `_` `.` `:` `/` `-`, at most 64, and at most ten digits behind them, or nothing in quotes."""

_NAME_BEFORE = regex(rb"[\w.$\x80-\xff-]\Z")
RUNS = regex(rb"[A-Za-z0-9_.~%+/=-]*+")
"""What `Literal.run` counts."""

_QUOTED = regex(rb"(?i)(?:" + _BLANK + rb").*?(?:" + _QUOTE + rb")", re.DOTALL)
_BLANKS = regex(rb"(?i)" + _BLANK)
_LOGIN_END = regex(rb"[^\0-\x20\"'<>@%]*+(?:%(?!40)[^\0-\x20\"'<>@%]*+)*+(?P<at>@|%40)?")
_SLASHES = regex(rb"(?i):(?://|\\{1,7}/\\{0,7}/)|%3A%2F%2F")
_MAIL = regex(rb"(?<=[^\0-\x20])@(?=[A-Za-z0-9])")
_ESCAPE = rb"(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})"
_EDGE = rb"(?:(?<![A-Za-z0-9_])|" + _ESCAPE + rb")"
_END = rb"(?![A-Za-z0-9_]|[.-][0-9])"
_CARD = regex(
    _EDGE + rb"(?<![0-9][.-])(?:[0-9]{13,19}|(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4})|(?:[0-9]{4}([ -])[0-9]{6}\2[0-9]{5}))" + _END,
)
_IBAN = regex(_EDGE + rb"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2} ?[A-Z0-9]{3}")
_ISSUERS = (
    (2200, 2204, (16,)), (2221, 2720, (16,)), (3000, 3059, (14,)), (3095, 3095, (14,)), (3400, 3499, (15,)), (3528, 3589, (16, 17, 18, 19)),
    (3600, 3699, (14,)), (3700, 3799, (15,)), (3800, 3999, (14,)), (4000, 4999, (13, 16, 19)), (5000, 5999, (16,)),
    (6011, 6011, (16, 17, 18, 19)), (6200, 6299, (16, 17, 18, 19)), (6440, 6599, (16, 17, 18, 19)),
)  # fmt: skip


class Scanner(Protocol):
    """Finds the anchors of the literals it was made for."""

    def anchors(self, data: bytes, start: int = 0, /) -> Iterator[Anchor]:
        """All that begin at `start` or behind it, in order of position and index; where texts of literals overlap, each has its own."""


def scanner(literals: Sequence[Literal], *, pure: bool = False, slow: bool = False) -> Scanner:
    """The fastest there is, or with `pure` the one in Python; with `slow` the one in C as it is on any processor."""
    if pure or _scan is None:
        return Twin(literals)
    given = [(each.text, each.fold, each.key, each.plain, each.run, each.next, each.shape, each.edge) for each in literals]
    return _scan.Scanner(given, slow=slow)


def follows_key(data: bytes, at: int, end: int) -> bool:
    """Guard KEY of the literal `data[at:end]`."""
    rest = KEY.match(data, end)
    if not rest or rest["sure"] or _QUOTED.search(rest["closers"]):
        return bool(rest)
    blank = bool(_BLANKS.search(rest["closers"]))
    if blank and rest["says"]:
        return True
    return (blank or bool(rest["listed"])) and _stands_alone(data, at, end, blank=blank)


def _stands_alone(data: bytes, at: int, end: int, *, blank: bool) -> bool:
    """A flag, an element with attributes, or a directive: what counts though only blanks part it from its value."""
    start = _name_start(data, at)
    escape = 0 < start < at and data[start - 1 : start] == b"\\" and data[start] in b"nrt"
    start += escape
    if data[start:end].startswith(b"-"):
        return True
    return blank and (escape or _in_tag(data, start) or _first_on_line(data, start))


def _name_start(data: bytes, at: int) -> int:
    before = data[max(0, at - NEAR) : at]
    return at - len(before) + len(before.rstrip(NAME))


def _in_tag(data: bytes, start: int) -> bool:
    if data[max(0, start - 1) : start] == b":":
        start = _name_start(data, start - 1)
    return data[max(0, start - 1) : start] == b"<"


def _first_on_line(data: bytes, start: int) -> bool:
    before = data[max(0, start - NEAR) : start]
    start -= len(before) - len(before.rstrip(b" \t"))
    return start == 0 or data[start - 1] in b"\r\n"


class Twin:
    """The scanner in Python."""

    def __init__(self, literals: Sequence[Literal]) -> None:
        self._shapes: list[tuple[Callable[[bytes], Iterable[int]], int]] = []
        self._literals: dict[Text, list[tuple[Literal, int]]] = {}
        for index, literal in enumerate(literals):
            if literal.shape:
                self._shapes.append((_SHAPES[literal.shape], index))
            else:
                self._literals.setdefault((literal.text, literal.fold), []).append((literal, index))
        self._texts = Texts(self._literals)

    def anchors(self, data: bytes, start: int = 0, /) -> Iterator[Anchor]:
        """See `Scanner`."""
        found = [
            (at, index)
            for at, text in self._texts.find(data)
            for literal, index in self._literals[text]
            if _counts(literal, data, at, at + len(text[0]))
        ]
        for shape, index in self._shapes:
            found += [(at, index) for at in shape(data)]
        found.sort()
        return iter(found[bisect_left(found, (start, 0)) :])


def _counts(literal: Literal, data: bytes, at: int, end: int) -> bool:
    if literal.next and (end >= len(data) or data[end] not in literal.next):
        return False
    if literal.edge and not EDGE.match(data, at):
        return False
    run = RUNS.match(data, end, end + literal.run)
    if run is None or len(run[0]) < literal.run or (literal.key and not follows_key(data, at, end)):
        return False
    return not literal.key or literal.plain or _NAME_BEFORE.search(data, max(0, at - 1), at) is not None or not PLAIN.match(data, end)


def _classes(**letters: str) -> bytes:
    """A table for `translate`: the bytes of each word become its letter, all others `.`."""
    return bytes(next((ord(letter) for letter, members in letters.items() if chr(byte) in members), ord(".")) for byte in range(256))


_DIGITS = _classes(d=string.digits, s=" -")
_CAPITALS = _classes(d=string.digits, A=string.ascii_uppercase)
_RUN_OF_DIGITS = regex(rb"d*+")
_ESCAPED = 4
"""An escape may end with so many digits, which look like the first ones of a number."""


def _cards(data: bytes) -> Iterator[int]:
    classes = data.translate(_DIGITS)
    places = list(every(classes, b"ddddsdddd"))
    at = classes.find(b"d" * 13)
    while at >= 0:
        places += range(at, at + _ESCAPED + 1)
        run = _RUN_OF_DIGITS.match(classes, at)
        at = classes.find(b"d" * 13, run.end() if run else at + 1)
    return (at for at in places if (card := _CARD.match(data, at)) and _is_issued(card[0].translate(None, b" -")))


def _is_issued(digits: bytes) -> bool:
    """Whether the length fits the issuer, and the check digit (Luhn) the rest."""
    if not any(first <= int(digits[:4]) <= last and len(digits) in lengths for first, last, lengths in _ISSUERS):
        return False
    doubled = (sum(divmod(2 * (digit - 48), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(digit - 48 for digit in digits[::-2])) % 10 == 0


def _ibans(data: bytes) -> Iterator[int]:
    return (at for at in every(data.translate(_CAPITALS), b"AAdd") if _IBAN.match(data, at))


def _mails(data: bytes) -> Iterator[int]:
    return (at - 1 for at in every(data, b"@") if _MAIL.match(data, at))


def _logins(data: bytes) -> Iterator[int]:
    places = [*every(data, b":/"), *every(data, b":\\"), *every(data.lower(), b"%3a%2f%2f")]
    for at in places:
        slashes = _SLASHES.match(data, at)
        if slashes:
            end = _LOGIN_END.match(data, slashes.end(), slashes.end() + LOGIN + 2)
            if end and 0 <= end.start("at") < slashes.end() + LOGIN:
                yield at


_SHAPES: dict[str, Callable[[bytes], Iterable[int]]] = {"card": _cards, "iban": _ibans, "login": _logins, "mail": _mails}
