"""What `diagbundle cat` does. Click is not imported here: one file is out in the time that click alone would take."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
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
NEAR = 20_000
"""Names among which one that is nearly right is looked for."""


def member(bundle: str, path: str) -> int:
    """One file out of a bundle, or one line of it, to standard output."""
    with Bundle.open(bundle) as opened:
        row, line = _row(opened, path.lstrip("/"))
        pieces = _pieces(opened, row)
        if line:
            _around(pieces, line, str(row["path"]))
        elif sys.stdout.isatty():
            _escaped(pieces)
        else:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
    if "short" in row or row.get("outcome") == "partial":
        _say_partial(row)
    return 0


def _row(bundle: Bundle, path: str) -> tuple[Row, int]:
    """The row and, where one is wanted, the number of the line."""
    row = bundle.find(path)
    if row and "header" in row:
        return row, 0
    match = re.fullmatch(r"(.+):([1-9][0-9]{0,17})", path)
    row = bundle.find(match[1]) if match else None
    if match and row and "header" in row:
        return row, int(match[2])
    raise _missing(bundle, match[1] if match else path)


def _missing(bundle: Bundle, path: str) -> Exception:
    """What is known of a file that is not there."""
    from diagbundle.bundle.escape import shown
    from diagbundle.errors import UsageError

    paths: list[str] = []
    last = path.rsplit("/", 1)[-1]
    for row in bundle.rows():
        if "header" in row:
            if len(paths) < NEAR or (len(paths) < 2 * NEAR and last in row["path"]):
                paths.append(row["path"])
        elif row.get("source") in (path, f"/{path}"):
            if isinstance(row.get("link"), str):
                return UsageError(
                    f"the file was asked for twice and lies elsewhere: {shown(path)}", f"`diagbundle cat BUNDLE {shown(row['link'])}`"
                )
            reason = shown(str(row.get("reason") or "no reason was given"))
            return UsageError(f"the file is not in the bundle ({shown(str(row.get('outcome')))}: {reason}): {shown(path)}")
    close = _close(path, paths)
    hint = f"did you mean {' or '.join(shown(one) for one in close)}?" if close else "`diagbundle list BUNDLE` shows all names"
    return UsageError(f"there is no such file in the bundle: {shown(path)}", hint)


def _close(path: str, paths: list[str]) -> list[str]:
    """Up to three names that may have been meant."""
    from difflib import get_close_matches

    last = path.rsplit("/", 1)[-1]
    same = [one for one in paths if one.rsplit("/", 1)[-1] == last]
    within = [one for one in paths if last in one] if len(last) > AROUND else []
    return (same or within or get_close_matches(path, paths, 3))[:3]


def _pieces(bundle: Bundle, row: Row) -> Iterator[bytes]:
    """The data of a member, and of the parts that follow it."""
    yield from bundle.content(row)
    if row.get("part") != 1:
        return
    number = 2
    for following in bundle.rows():  # in one pass, for they follow each other, and a forger may have made a million
        if following.get("part") == number and following.get("path") == f"{row['path']}.part{number:04d}" and "header" in following:
            yield from bundle.content(following)
            number += 1


def _escaped(pieces: Iterator[bytes]) -> None:
    import codecs

    from diagbundle.bundle.escape import shown

    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for piece in pieces:
        for at in range(0, len(piece), STRETCH):
            sys.stdout.write(shown(decoder.decode(piece[at : at + STRETCH]), keep="\n\t"))
    sys.stdout.write(shown(decoder.decode(b"", final=True), keep="\n\t"))


def _around(pieces: Iterator[bytes], wanted: int, path: str) -> None:
    """Print the line and its neighbours; no more than a piece and the lines shown are held."""
    from diagbundle.bundle.escape import shown
    from diagbundle.errors import UsageError

    first, last = max(1, wanted - AROUND), wanted + AROUND
    width = len(f"{last:,}")
    final = 0
    for number, line in _lines(pieces, first):
        if number > last:
            return
        if line is not None and number >= first:
            mark = ">" if number == wanted else " "
            text = shown(line[:WIDTH], keep="\t") + (" ..." if len(line) > WIDTH else "")
            sys.stdout.write(f"{mark} {number:>{width},}  {text}\n")
        final = number
    if final < wanted:
        raise UsageError(f"{shown(path)} has {final:,} lines, so there is no line: {wanted:,}")


def _lines(pieces: Iterator[bytes], first: int) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers, from `first` on at least; then the number of all lines, with None."""
    number, rest = 1, b""
    for piece in pieces:
        ends = piece.count(b"\n")
        if number + ends < first:
            number, rest = number + ends, b""
            continue
        *whole, tail = piece.split(b"\n")
        for line in whole:
            yield number, rest + line
            number, rest = number + 1, b""
        rest = (rest + tail)[: WIDTH + 1]
    if rest:
        yield number, rest
    yield number if rest else number - 1, None


def _say_partial(row: Row) -> None:
    from diagbundle.bundle.escape import shown

    reason = shown(str(row.get("reason") or "no reason was given"))
    say(f"diagbundle: this is not the whole answer: {reason}")
    if isinstance(row.get("short"), int):
        say(f"hint: from byte {row['short']:,} on there are zeros that only fill")
