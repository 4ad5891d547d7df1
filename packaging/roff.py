"""Text as roff wants it, for the man pages."""

from __future__ import annotations

import os
import re
import textwrap
import time

from diagbundle import __version__

ESCAPED = {"\\": "\\e", "-": "\\-", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga", "'": "\\(aq"}


def escaped(text: str) -> str:
    """Text that roff prints as it is: a minus stays one, so that an option can be copied from the page."""
    return "".join(ESCAPED.get(character) or (character if character.isascii() else f"\\[u{ord(character):04X}]") for character in text)


def bold(text: str) -> str:
    """Names of commands and paths; they are not hyphenated."""
    return "\\fB" + " ".join(f"\\%{escaped(word)}" for word in text.split(" ")) + "\\fR"


def prose(text: str) -> str:
    """A sentence; what stands in backticks, and options, are bold."""
    pieces = re.split(r"`([^`]+)`|(?<![\w-])(--?[a-z][\w-]*)", text.strip())
    return "".join(escaped(piece or "") if number % 3 == 0 else bold(piece) if piece else "" for number, piece in enumerate(pieces))


def reference(page: str) -> str:
    """Another page: `diagbundle(1)`."""
    name, _, section = page.partition("(")
    return f"{bold(name)}({section}"


def example(text: str) -> list[str]:
    """Lines as they stand, indented."""
    return [".RS 4", ".EX", *(f"\\&{escaped(line)}" for line in text.rstrip("\n").split("\n")), ".EE", ".RE"]


def title(name: str, section: int) -> str:
    """The first line of a page. The date is that of SOURCE_DATE_EPOCH, so that the same source gives the same bytes."""
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    return f'.TH {name.upper().replace("-", chr(92) + "-")} {section} {date} "diagbundle {__version__}" "diagbundle"'


def short(line: str) -> list[str]:
    """A line of text in lines of less than 80 characters, none of which begins like a request; requests and examples as they are."""
    if re.match(r"\.[A-Za-z]|\\&", line):
        return [line]
    wrapped = textwrap.wrap(line, 78, break_long_words=False, break_on_hyphens=False)
    return [f"\\&{part}" if part.startswith((".", "'")) else part for part in wrapped]
