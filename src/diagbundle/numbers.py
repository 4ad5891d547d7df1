"""Numbers in text of strangers."""

from __future__ import annotations

MOST_DIGITS = 40
"""No counter of a kernel has as many; Python refuses thousands of them with an error of its own."""


def number(text: str, base: int = 10) -> int | None:
    """The number that a text is, or None. Signs, blanks, `_` and digits of other scripts make none."""
    if not (text.isascii() and text.isalnum() and len(text) <= MOST_DIGITS):
        return None
    try:
        return int(text, base)
    except ValueError:
        return None
