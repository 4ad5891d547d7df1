"""What is no bundle, but lies on the desk: a folder, or a report of sos. How to know it, and what `diagbundle cat` does with it."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from diagbundle.bundle.escape import shown
from diagbundle.bundle.frames import MAGIC
from diagbundle.cli import printing
from diagbundle.errors import UsageError
from diagbundle.numbers import counted

if TYPE_CHECKING:
    from diagbundle.analyse.evidence.entry import Entry, Evidence


def is_other(path: str) -> bool:
    """Whether it is no bundle, but something else of a host: a folder, or an archive. A bundle's first bytes say that it is one."""
    if os.path.isdir(path):
        return True
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return False
    except OSError:
        return False
    from diagbundle.analyse.evidence.archive import is_foreign

    return is_foreign(path)


def member(given: str, path: str, around: int) -> int:
    """One file out of it, or one line of it with so many around it, to standard output. Raises `UsageError`, `BundleError`."""
    from diagbundle.analyse.evidence.opened import open_evidence

    evidence = open_evidence(given)
    entry, line = _entry(evidence, path)
    if line:
        _around(evidence, entry, line, around)
    else:
        printing.put(evidence.blocks(entry))
    return 0


def _entry(evidence: Evidence, path: str) -> tuple[Entry, int]:
    """The piece of evidence and, where one is wanted, the number of the line."""
    lying = {entry.path: entry for entry in evidence.entries if entry.there}
    if path in lying:
        return lying[path], 0
    match = re.fullmatch(printing.CITED, path)
    name = match[1] if match else path
    if match and name in lying:
        return lying[name], int(match[2])
    close = printing.close_to(name, list(lying)[: printing.NEAR])
    hint = f"did you mean {' or '.join(map(shown, close))}?" if close else ""
    raise UsageError(f"there is no such file in it: {shown(name)}", hint)


def _around(evidence: Evidence, entry: Entry, wanted: int, around: int) -> None:
    before: deque[bytes] = deque(maxlen=around)
    lines, number = _lines(evidence.blocks(entry)), 0
    for number, line in enumerate(lines, 1):
        if number == wanted:
            near = [*before, line, *islice(lines, around)]
            printing.show_lines(((wanted - len(before) + at, len(each), each) for at, each in enumerate(near)), wanted, wanted + around)
            return
        before.append(line)
    raise UsageError(f"{shown(entry.path)} has {counted(number, 'line')}, so there is no line: {wanted:,}")


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest
