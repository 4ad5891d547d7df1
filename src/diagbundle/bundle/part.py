"""Files that are one part of a larger one: docs/FORMAT.md, section 6. By their names, for that is what a person looks at."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import ENCRYPTED_SUFFIX, SUFFIX
from diagbundle.bundle.frames import open_file
from diagbundle.errors import UsageError

LIST = ".parts"
"""Suffix of the list of parts."""
DIGITS = 3
MAX_LIST = 4 << 20
"""Bytes of a list: more than 40,000 parts."""
_LINE = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r"}
"""In lines that begin with a backslash, as sha256sum writes them where a name holds such a thing."""
_COPY = r"(?: ?\(\d{1,3}\))?"
"""What browsers and ticket systems add to a name that they have already."""
_NAME = re.compile(rf"(.+?){_COPY}\.(\d{{{DIGITS},9}}){_COPY}", re.DOTALL)


class Part(NamedTuple):
    """Which part a file is: the name of the whole, its number from 1, and of how many, 0 where that is not known."""

    whole: str
    number: int
    total: int

    def __str__(self) -> str:
        """`part 2 of 7 of NAME.tar.zst`."""
        return f"part {self.number:,}{f' of {self.total:,}' if self.total else ''} of {shown(self.whole)}"

    @property
    def is_encrypted(self) -> bool:
        """Whether nobody can look into it alone."""
        return self.whole.endswith(ENCRYPTED_SUFFIX)


class Listed(NamedTuple):
    """One line of a list: name of a part, and its SHA-256."""

    name: str
    sha256: str


def number_in(path: str) -> tuple[str, int]:
    """Name of the whole and number that a name tells; ('', 0) where it tells none. `x(1).001` and `x.001 (1)` are part 1 of x."""
    match = _NAME.fullmatch(os.path.basename(path))
    return (match[1], int(match[2])) if match and int(match[2]) else ("", 0)


def part_of(path: str) -> Part | None:
    """Which part of a bundle a file is, by its name and the list beside it; None where nothing says that it is one."""
    if not is_part(path):
        return None
    whole, number = number_in(path)
    beside = os.path.join(os.path.dirname(path), whole + LIST)
    return Part(whole, number, len(read_list(beside)))


def is_part(path: str) -> bool:
    """Whether a file is called as a part of a bundle is."""
    return number_in(path)[0].removesuffix(ENCRYPTED_SUFFIX).endswith(SUFFIX)


def read_list(path: str) -> list[Listed]:
    """The lines of a list; none where there is no such file, or it is no list of parts."""
    try:
        with open(open_file(path), "rb") as file:
            text = file.read(MAX_LIST + 1)
    except (OSError, UsageError):
        return []
    return parse_list(text)


def parse_list(text: bytes) -> list[Listed]:
    """The lines of a list, in their order; none if one of them is not as it must be. Mail may have changed the ends of lines."""
    lines = [_LINE.fullmatch(line.rstrip("\r")) for line in text.decode("utf-8", "replace").split("\n") if line.strip()]
    if len(text) > MAX_LIST or not all(lines):
        return []
    return [Listed(_plain(line[3]) if line[1] else line[3], line[2]) for line in lines if line]


def _plain(name: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), name)


def part_names(whole: str, count: int) -> list[str]:
    """Names of the parts of a file: so that they sort in their order."""
    digits = max(DIGITS, len(str(count)))
    return [f"{whole}.{number:0{digits}d}" for number in range(1, count + 1)]
