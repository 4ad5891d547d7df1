"""What is asked of a bundle's contents. Each function here runs in a child (`view.child`) and tells its answer."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from diagbundle.analyse.evidence.bundle import BundleEvidence
from diagbundle.bundle.lines import Lines, data_end, parts_of
from diagbundle.bundle.manifest import Row
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.unpack import matcher
from diagbundle.errors import UsageError
from diagbundle.view.child import Tell, write_all
from diagbundle.view.packed import PREFIX

PAGE = 200
"""Lines, or rows, on a page."""
BEFORE = 20
"""Lines above the one that is meant."""
BLOCK = 10_000
"""Rows of an answer that are told at once; who wants those behind them asks again."""
HEX = 4 << 10
"""Bytes on a page of bytes."""
FOLDED = 16 << 10
"""Bytes of a line that are shown; the others can be had as bytes."""
ROOM = 1 << 20
"""Bytes of lines on a page."""
_BEGINNING = 64 << 10
_COLLECTORS = 300
_DOTS = dict.fromkeys((*range(32), *range(127, 256)), ".")
_CIRCUMSTANCES = (
    "collector", "kind", "source", "outcome", "reason", "size", "mtime", "started", "seconds", "exit", "stderr", "sha256", "part",
    "target", "opened", "redacted", "short", "whole", "sample",
)  # fmt: skip


def put(tell: Tell, rows: Iterable[object], skip: int) -> None:
    """One block of an answer, and whether there is more of it."""
    for row in islice(rows, skip, skip + BLOCK):
        tell.row(row)
    tell.note(more=next(iter(rows), None) is not None)


def said(row: Mapping[str, Any], key: str) -> str:
    """A value of a row as text; a command in one line."""
    value = row.get(key)
    return " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def number(row: Mapping[str, Any], key: str) -> float:
    """A value of a row as a number; 0 where it is none."""
    value = row.get(key)
    return value if isinstance(value, int | float) and abs(value) < 1 << 62 else 0


# -- lists


def files(bundle: Bundle, tell: Tell, wanted: Mapping[str, str], skip: int) -> None:
    """What lies in one folder, or in all of them where a name, a collector or an outcome is wanted."""
    is_named = matcher([wanted["name"] if set("*?[") & set(wanted["name"]) else f"*{wanted['name']}*"]) if wanted["name"] else None
    flat = any(wanted[key] for key in ("name", "collector", "outcome"))
    folder = wanted["folder"].strip("/")
    inside = f"{folder}/" if folder else ""
    folders: dict[str, list[int]] = {}
    found: list[tuple[str, int, str, str, float]] = []
    collectors: Counter[str] = Counter()
    own = () if bundle.prefix == PREFIX else bundle.own_rows()  # a copy's are not what was given
    for row in (*own, *bundle.rows()):
        path = row.get("path")
        if path is None or not path.startswith(inside):
            continue
        collector, outcome, size = said(row, "collector"), said(row, "outcome"), int(number(row, "size"))
        collectors[collector] += 1
        name, slash, _ = path[len(inside) :].partition("/")
        if slash and not flat:
            counted = folders.setdefault(name, [0, 0])
            counted[0] += 1
            counted[1] += size
        elif wanted["collector"] in ("", collector) and wanted["outcome"] in ("", outcome) and (is_named is None or is_named(path)):
            found.append((path, size, outcome, collector, number(row, "mtime")))
    found.sort()
    tell.note(
        files=len(found), bytes=sum(each[1] for each in found), folders=len(folders),
        collectors=sorted(name for name, _ in collectors.most_common(_COLLECTORS) if name),
    )  # fmt: skip
    put(tell, iter([["folder", name, *folders[name]] for name in sorted(folders)] + [["file", *each] for each in found]), skip)


def missing(bundle: Bundle, tell: Tell, outcome: str, skip: int) -> None:
    """What was asked for and not had, or only in part, with the reason."""
    rows = (
        [said(row, "outcome"), said(row, "source") or said(row, "path"), said(row, "reason"), said(row, "collector"), row.get("path")]
        for row in bundle.rows()
        if row.get("outcome") != "collected" and outcome in ("", row.get("outcome"))
    )
    put(tell, rows, skip)


# -- one file


def _row(bundle: Bundle, path: str) -> Row:
    """The row of a member: names are looked up in the manifest, and nowhere else. Raises `UsageError`."""
    row = bundle.find(path)
    if row is not None and "header" in row:
        return row
    entry = next((each for each in BundleEvidence(bundle).entries if each.path == path), None)  # what verdicts cite, lie there or not
    if entry is None:
        raise UsageError(f"there is no such file in the bundle: {path}")
    row = bundle.find(entry.key)
    if row is not None and "header" in row:
        return row
    raise UsageError(f"this answer was empty: {path}" if entry.there else f"this was not had ({entry.outcome}): {path}", entry.reason)


def lines(bundle: Bundle, tell: Tell, path: str, place: tuple[str, int], feeds: Sequence[list[int]]) -> None:
    """A page of lines of a member; `feeds` is what was counted of it before.

    Which page: `place` is ("from", its first line), ("line" or "byte", what is to be seen on it), or ("last", 0).
    """
    row = _row(bundle, path)
    begin = _bytes(bundle, row, 0, _BEGINNING)
    tell.note(row={key: row[key] for key in _CIRCUMSTANCES if key in row}, path=row["path"], binary=b"\0" in begin)
    if b"\0" in begin:
        return
    rows = _counted(bundle, [row, *parts_of(bundle, row)], feeds, tell)
    text = Lines(bundle, rows, FOLDED)
    total = text.total()
    what, at = place
    meant = text.number_at(at) if what == "byte" else total if what == "last" else min(at, total)
    first = max(1, meant - {"from": 0, "last": PAGE - 1}.get(what, BEFORE))
    tell.note(total=total, size=text.size, meant=meant, first=first)
    room = ROOM
    for line in text.read(first, PAGE):
        tell.row([line.number, line.at, line.size, line.text.removesuffix(b"\r").decode("utf-8", "surrogateescape")])
        room -= len(line.text)
        if room < 0:
            return


def _counted(bundle: Bundle, rows: list[Row], feeds: Sequence[list[int]], tell: Tell) -> list[Row]:
    """The rows with the line feeds of their frames. Where a row lacks them they are counted, and told, so that it is done once."""
    if len(feeds) == len(rows):
        return [{**row, "lines": each} for row, each in zip(rows, feeds, strict=True)]
    if Lines(bundle, rows).known:
        return rows
    done = []
    for row in rows:
        begin, end = row["offset"], data_end(row)
        first, last = bisect_right(bundle.frames.plain, begin) - 1, bisect_left(bundle.frames.plain, begin + row["size"])
        done.append([b"".join(bundle.frames.read(*_share(bundle, each, begin, end))).count(b"\n") for each in range(first, last)])
    tell.note(feeds=done)
    return [{**row, "lines": each} for row, each in zip(rows, done, strict=True)]


def _share(bundle: Bundle, frame: int, begin: int, end: int) -> tuple[int, int]:
    """Start and size of what lies of a stretch in a frame."""
    start = max(begin, bundle.frames.plain[frame])
    return start, max(0, min(end, bundle.frames.plain[frame + 1]) - start)


def octets(bundle: Bundle, tell: Tell, path: str, at: int) -> None:
    """Some bytes of a member."""
    row = _row(bundle, path)
    at = min(at, max(0, row["size"] - 1)) // 16 * 16
    tell.note(row={key: row[key] for key in _CIRCUMSTANCES if key in row}, path=row["path"], at=at, size=row["size"])
    data = _bytes(bundle, row, at, HEX)
    for start in range(0, len(data), 16):
        piece = data[start : start + 16]
        tell.row([at + start, piece.hex(" "), piece.decode("latin-1").translate(_DOTS)])


def size_of(bundle: Bundle, tell: Tell, path: str) -> None:
    """How many bytes a member has."""
    tell.note(size=_row(bundle, path)["size"])


def whole(bundle: Bundle, fd: int, path: str) -> None:
    """All bytes of a member, checked, into a pipe."""
    for piece in bundle.content(_row(bundle, path)):
        write_all(fd, piece)


def _bytes(bundle: Bundle, row: Row, at: int, size: int) -> bytes:
    bundle.header(row)
    with bundle.named():
        return b"".join(bundle.frames.read(row["offset"] + at, max(0, min(size, row["size"] - at))))
