"""What `diagbundle cat` does. Click is not imported here: one file is out in the time that click alone would take."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from diagbundle.bundle.reader import Bundle
from diagbundle.cli.talk import say

if TYPE_CHECKING:
    from diagbundle.bundle.manifest import Row

AROUND = 3
"""Lines shown before and after the one that is wanted."""
WIDTH = 4000
"""Bytes of a line that are shown."""
STRETCH = 64 << 10
"""Bytes made harmless at once; each may become an object of its own on the way."""
CITED = r"(.+):([1-9][0-9]{0,17})"
"""A path and the number of a line."""
NEAR = 20_000
"""Names among which one that is nearly right is looked for."""


def member(bundle: str, path: str, around: int = AROUND) -> int:
    """One file out of a bundle, or one line of it with so many around it, to standard output."""
    from diagbundle.cli import lying

    if lying.is_other(bundle):
        return lying.member(bundle, path.lstrip("/"), around)
    with Bundle.open(bundle) as opened:
        row, line = _row(opened, path.lstrip("/"))
        if line:
            _around(opened, row, line, around)
        else:
            put(_pieces(opened, row))
    if "short" in row or row.get("outcome") == "partial":
        _say_partial(row)
    return 0


def _row(bundle: Bundle, path: str) -> tuple[Row, int]:
    """The row and, where one is wanted, the number of the line."""
    row = bundle.find(path)
    if row and "header" in row:
        return row, 0
    match = re.fullmatch(CITED, path)
    row = bundle.find(match[1]) if match else None
    if match and row and "header" in row:
        return row, int(match[2])
    raise _missing(bundle, match[1] if match else path)


def _missing(bundle: Bundle, path: str) -> Exception:
    """What is known of a file that is not there."""
    from diagbundle.bundle.escape import shown
    from diagbundle.errors import UsageError

    paths: list[str] = []
    last, folder = path.rsplit("/", 1)[-1], path.rstrip("/") + "/"
    for row in bundle.rows():
        if "header" in row:
            if row["path"].startswith(folder):
                where = f"{shown(bundle.path)} {shown(folder.rstrip('/'))}"
                return UsageError(f"this is a folder in the bundle: {shown(path)}", f"`diagbundle list {where}` shows the files in it")
            if len(paths) < NEAR or (len(paths) < 2 * NEAR and last in row["path"]):
                paths.append(row["path"])
        elif row.get("source") in (path, f"/{path}"):
            if isinstance(row.get("link"), str):
                return UsageError(
                    f"the file was asked for twice and lies elsewhere: {shown(path)}", f"`diagbundle cat BUNDLE {shown(row['link'])}`"
                )
            reason = shown(str(row.get("reason") or "no reason was given"))
            return UsageError(f"the file is not in the bundle ({shown(str(row.get('outcome')))}: {reason}): {shown(path)}")
    close = close_to(path, paths)
    hint = f"did you mean {' or '.join(shown(one) for one in close)}?" if close else "`diagbundle list BUNDLE` shows all names"
    return UsageError(f"there is no such file in the bundle: {shown(path)}", hint)


def close_to(path: str, paths: list[str]) -> list[str]:
    """Up to three names that may have been meant."""
    from difflib import get_close_matches

    last = path.rsplit("/", 1)[-1]
    same = [one for one in paths if one.rsplit("/", 1)[-1] == last]
    within = sorted((one for one in paths if last in one), key=len) if len(last) > AROUND else []
    return (same or within or get_close_matches(path, paths, 3))[:3]


def _pieces(bundle: Bundle, row: Row) -> Iterator[bytes]:
    """The data of a member, and of the parts that follow it."""
    from diagbundle.bundle.lines import parts_of

    for each in (row, *(parts_of(bundle, row) if row.get("part") == 1 else ())):
        yield from bundle.content(each)


def put(pieces: Iterator[bytes]) -> None:
    """Print it: made harmless on a terminal, else as it is."""
    if sys.stdout.isatty():
        _escaped(pieces)
        return
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _escaped(pieces: Iterator[bytes]) -> None:
    import codecs

    from diagbundle.bundle.escape import shown

    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for piece in pieces:
        for at in range(0, len(piece), STRETCH):
            sys.stdout.write(shown(decoder.decode(piece[at : at + STRETCH]), keep="\n\t"))
    sys.stdout.write(shown(decoder.decode(b"", final=True), keep="\n\t"))


def _around(bundle: Bundle, row: Row, wanted: int, around: int) -> None:
    """Print the line and its neighbours; only the frames in which they lie are read."""
    from diagbundle.bundle.escape import shown
    from diagbundle.bundle.lines import Lines, parts_of
    from diagbundle.errors import UsageError
    from diagbundle.numbers import counted

    text = Lines(bundle, [row, *parts_of(bundle, row)], WIDTH)
    first, last = max(1, wanted - around), wanted + around
    if not list(text.read(wanted, 1)):
        raise UsageError(f"{shown(str(row['path']))} has {counted(text.total(), 'line')}, so there is no line: {wanted:,}")
    show_lines(((line.number, line.size, line.text) for line in text.read(first, last - first + 1)), wanted, last)


def show_lines(lines: Iterable[tuple[int, int, bytes]], wanted: int, last: int) -> None:
    """Print lines, each with its number and its whole size; `last` is the greatest number that there may be."""
    from diagbundle.bundle.escape import shown

    width = len(f"{last:,}")
    for number, size, text in lines:
        mark = ">" if number == wanted else " "
        shortened = " ..." if size > WIDTH else ""
        sys.stdout.write(f"{mark} {number:>{width},}  {shown(text[:WIDTH], keep=chr(9))}{shortened}\n")


def _say_partial(row: Row) -> None:
    from diagbundle.bundle.escape import shown

    reason = shown(str(row.get("reason") or "no reason was given"))
    say(f"diagbundle: this is not the whole answer: {reason}")
    if isinstance(row.get("short"), int):
        say(f"hint: from byte {row['short']:,} on there are zeros that only fill")
