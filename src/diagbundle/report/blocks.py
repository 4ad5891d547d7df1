"""A short text as a list of blocks, so that it is written once and told as Markdown or as a page.

In sentences, what stands between two backticks is code. They hold what a bundle says as it says it: whoever tells them makes it harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from diagbundle.bundle.escape import shown


@dataclass(frozen=True)
class Heading:
    """Of a level: 1 for the title."""

    level: int
    said: str


@dataclass(frozen=True)
class Said:
    """A paragraph, perhaps with a label before it: `Do:`."""

    said: str
    label: str = ""


@dataclass(frozen=True)
class Items:
    """A list; each with a label, or ''."""

    every: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Lines:
    """Lines of evidence, one below the other."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A line for a shell."""

    line: str


Block = Heading | Said | Items | Lines | Command


def pieces(said: str) -> Iterator[tuple[str, bool]]:
    """A sentence in one line, its odd characters visible: what of it is text, and what is code."""
    parts = re.sub(r"[ \t\n]+", " ", shown(said, "\t\n")).strip(" ").split("`")
    if len(parts) % 2 == 0:  # the last backtick has no partner
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    for number, part in enumerate(parts):
        is_code = number % 2 == 1
        if part := part.strip(" ") if is_code else part:
            yield part, is_code
