"""Text of strangers, made harmless for a terminal."""

from __future__ import annotations

import re

_UNDECODABLE = range(0xDC80, 0xDD00)
"""Bytes that are not UTF-8, as `surrogateescape` writes them."""


_INVISIBLE = re.compile(
    "[\N{COMBINING GRAPHEME JOINER}\N{HANGUL CHOSEONG FILLER}\N{HANGUL JUNGSEONG FILLER}\N{HANGUL FILLER}\N{HALFWIDTH HANGUL FILLER}"
    "\N{BRAILLE PATTERN BLANK}\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
"""Characters that pass for printable and show nothing: blank letters, joiners, variation selectors."""


def shown(text: str | bytes, keep: str = "") -> str:
    """The text with control, bidirectional, invisible and undecodable characters as backslash escapes; `keep` stands as it is.

    A backslash stays one: names of systemd's units are full of them, and whoever copies a name from the screen wants it to be found.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    if not text.isprintable():
        text = "".join(character if character.isprintable() or character in keep else _escaped(ord(character)) for character in text)
    return text if text.isascii() else _INVISIBLE.sub(lambda found: _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    if code in _UNDECODABLE:
        return f"\\x{code - _UNDECODABLE.start + 0x80:02x}"
    text = f"{code:x}"
    return next((f"\\{letter}{text:>0{width}}" for letter, width in (("x", 2), ("u", 4)) if len(text) <= width), f"\\U{text:>08}")
