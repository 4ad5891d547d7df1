"""Numbers: out of text of strangers, and in words for people."""

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


def amount(size: float) -> str:
    """Bytes of files, in decimal units: `812 bytes`, `1.9 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004  # decimal units
            return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"  # noqa: PLR2004
        size /= 1000
    return f"{size:,.1f} TB"


def counted(count: int, noun: str) -> str:
    """`1 item`, `2,000 items`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
