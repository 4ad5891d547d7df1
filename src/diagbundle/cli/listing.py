"""What `diagbundle list` does. Click is not imported here: a plain listing starts in the time that click alone would take."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from diagbundle.bundle.escape import shown
from diagbundle.bundle.reader import Bundle
from diagbundle.errors import UsageError

Row = dict[str, Any]
RANK = ("failed", "timeout", "partial", "denied", "skipped", "absent")
"""The order in which what was not had is told: the most important first."""


def plain(path: str) -> int:
    """Size, time and name of each member, without further questions."""
    with Bundle.open(path) as opened:
        for members in opened.listing():
            lines = [f"{size:>14,}  {_time(seconds)}  {name if name.isprintable() else shown(name)}\n" for name, size, seconds in members]
            sys.stdout.write("".join(lines))
    return 0


def choice(bundle: str, pattern: tuple[str, ...], *, long: bool, missing: bool, as_json: bool) -> None:
    """The rows that were asked for, in the form that was asked for."""
    with Bundle.open(bundle) as opened:
        rows = _chosen(opened.rows(), pattern, missing=missing, as_json=as_json)
        if missing:  # a pass for each rank there is: a stranger's rows may be too many to be sorted
            ranks = sorted({_rank(row) for row in rows})
            rows = (
                row for rank in ranks for row in _chosen(opened.rows(), pattern, missing=missing, as_json=as_json) if _rank(row) == rank
            )
        count = 0
        for count, row in enumerate(rows, 1):  # noqa: B007 - counted for what follows
            sys.stdout.write(_line(row, long=long, missing=missing, as_json=as_json))
        held = opened.head["members"]
    if pattern and held and not count:
        raise UsageError(f"nothing in the bundle matches: {' '.join(pattern)}", f"`diagbundle list {bundle}` shows all there is")


def _chosen(rows: Iterator[Row], pattern: tuple[str, ...], *, missing: bool, as_json: bool) -> Iterator[Row]:
    from diagbundle.bundle.unpack import matcher

    wanted = matcher(pattern)
    for row in rows:
        if missing and row.get("outcome") == "collected":
            continue
        if not (missing or as_json) and "header" not in row:
            continue
        if not pattern or wanted(_name(row) if missing else str(row.get("path", ""))) or (missing and wanted(str(row.get("path", "")))):
            yield row


def _line(row: Row, *, long: bool, missing: bool, as_json: bool) -> str:
    if as_json:
        import json

        return json.dumps(row) + "\n"
    if missing:
        asked = f"{shown(str(row.get('collector', ''))):<14}  " if long else ""
        return (
            f"{shown(str(row.get('outcome'))):<8}  {asked}{shown(_source(row))}: {shown(str(row.get('reason', 'no reason was given')))}\n"
        )
    line = f"{row['size']:>14,}  {_time(row.get('mtime'))}  {shown(row['path'])}"
    if long:
        line += f"  {shown(str(row.get('outcome')))}  {shown(str(row.get('collector', '')))}  {shown(_source(row))}"
    return line + "\n"


def _rank(row: Row) -> int:
    outcome = row.get("outcome")
    return RANK.index(outcome) if outcome in RANK else len(RANK)


def _source(row: Row) -> str:
    source = row.get("source", "")
    return " ".join(map(str, source)) if isinstance(source, list) else str(source)


def _name(row: Row) -> str:
    return _source(row).lstrip("/")


def _time(seconds: object) -> str:
    """Minutes suffice here; 0 is unknown, and so is what is no number."""
    return _minutes(seconds) if isinstance(seconds, int | float) else _minutes(0)


@lru_cache(1024)
def _minutes(seconds: float) -> str:
    try:
        if seconds > 0:
            return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        pass
    return "-" * 17
