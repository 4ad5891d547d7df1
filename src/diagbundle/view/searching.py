"""The search in all files, run in a child: the lines that match come as they are found."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from diagbundle.bundle.forked import in_turn
from diagbundle.bundle.gather import Binary, Event, Gathering, Hit, Lost
from diagbundle.bundle.opened import is_packed
from diagbundle.bundle.pattern import Finder, Pattern, Wish
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.search import Ask, Found, Plan, search
from diagbundle.bundle.unpack import matcher
from diagbundle.view.child import Tell
from diagbundle.view.contents import put

WIDTH = 600
"""Characters of a line that are shown, around what matches in it."""
BEFORE = 120
"""Of those, characters in front of it."""
_OFTEN = 0.3
"""Seconds between two notes about how far it is."""


def lines_with(bundle: Bundle, tell: Tell, wanted: Mapping[str, str], finder: Finder, skip: int) -> None:
    """One block of the lines that hold a text, or match an expression. Raises `UsageError` for what is none."""
    pattern = Pattern(Wish((wanted["text"],), fixed=not wanted["regex"], fold=not wanted["case"]), finder)
    ask = Ask(pattern)
    plan = Plan(bundle, _wanted(wanted))
    events = Gathering(ask).events(_found(bundle, tell, ask, plan))
    put(tell, (row for event in events if (row := _row(event, plan, pattern))), skip)


def _wanted(wanted: Mapping[str, str]) -> Any:
    """Which files are searched: one, those below a folder or with a name, or all."""
    if wanted["file"]:
        return lambda path: path == wanted["file"]
    name = wanted["path"].strip("/")
    plain = name and not set("*?[/") & set(name)
    return matcher([name, f"*{name}*"] if plain else [name] if name else [])


def _found(bundle: Bundle, tell: Tell, ask: Ask, plan: Plan) -> Iterator[Found]:
    total, done, told = sum(unit.end - unit.begin for unit in plan.units), 0, time.monotonic()
    processes = min(len(os.sched_getaffinity(0)), len(plan.units))
    checked: set[int] = set()
    for answer in in_turn(lambda unit: map(tuple, search(bundle, ask, unit)), plan.units, processes, lambda _: None):
        found = Found(*answer)
        if found.matched and found.text not in checked:
            checked.add(found.text)
            bundle.header(plan.texts[found.text].row)
        yield found
        done += found.size
        if time.monotonic() - told > _OFTEN:
            told = time.monotonic()
            tell.note(done=min(done, total), total=total)  # packed files come out larger
    tell.note(files=len(plan.texts))


def _row(event: Event, plan: Plan, pattern: Pattern) -> list[Any] | None:
    """Path, line, byte, what is shown of it, and what is wrong with it."""
    path = plan.texts[event.text].path
    if isinstance(event, Hit):
        packed = is_packed(path)  # its lines are those of what it holds, which has no addresses
        return [
            path,
            0 if packed else event.number or 0,
            event.at,
            _pieces(event.line, pattern),
            "in what is packed here" if packed else "",
        ]
    if isinstance(event, Binary):
        return [path, 0, 0, [], "it is no text, and holds it"]
    return [path, 0, 0, [], f"a part of it could not be searched: {event.why}"] if isinstance(event, Lost) else None


def _pieces(line: bytes, pattern: Pattern) -> list[tuple[str, bool]]:
    """The line, or what stands around the first match in it: texts, and whether each matches."""
    spans = list(_first(pattern, line))
    begin = max(0, spans[0][0] - BEFORE) if spans and len(line) > WIDTH else 0
    end = min(len(line), begin + WIDTH)
    pieces, at = [("… " if begin else "", False)], begin
    for start, stop in spans:
        if start >= end:
            break
        pieces += [(_text(line[at:start]), False), (_text(line[start : min(stop, end)]), True)]
        at = min(stop, end)
    return [*pieces, (_text(line[at:end]) + (" …" if end < len(line) else ""), False)]


def _first(pattern: Pattern, line: bytes) -> Iterator[tuple[int, int]]:
    """The first matches; a line may hold a million."""
    for number, span in enumerate(pattern.spans(line[: 1 << 20])):
        if number == 100:  # noqa: PLR2004
            return
        yield span


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape").expandtabs()
