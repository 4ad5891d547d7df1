"""Collectors of other packages: installed ones, and in a kit those that it carries.

Their code runs in children only: one says what a package offers, and each job loads it in its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial, reduce
from importlib import import_module
from typing import Any

from diagbundle import carried
from diagbundle.collect.declared import NAME, NEEDS, Check, Reader, are_tables, is_flag, is_folder, one_of
from diagbundle.errors import UsageError
from diagbundle.host import Host
from diagbundle.model import Collector, Source, Stage, nothing
from diagbundle.trust import MAX_SIZE

GROUP = "diagbundle.collectors"
"""Entry point group in which other packages offer collectors."""
SECONDS, LEAST = 10.0, 1.0
"""What all packages may take together to say what they offer: each may take half of what is left, and so much at least."""

Offer = tuple[str, Callable[[], list[Collector]]]
"""An origin, and a function that gives its collectors or raises `UsageError`."""


def offered() -> Iterator[Offer]:
    """The entry points of our group, of whatever package is installed."""
    return _offers(set(_entries()))


def carried_offers() -> Iterator[Offer]:
    """The entry points of the packages in a kit."""
    kit = carried.product()
    return _offers(set(kit.offers) if kit else set())


def _offers(entries: set[tuple[str, str]]) -> Iterator[Offer]:
    ends = time.monotonic() + SECONDS
    for name, value in sorted(entries):
        origin = f"entry point {name} = {value}"
        yield origin, partial(asked, value, origin, ends)


def load(value: str) -> list[Collector]:
    """What an entry point gives. Runs code of strangers: for children only."""
    kit = carried.product()
    if kit and kit.packages not in sys.path:
        sys.path.append(kit.packages)  # last: nothing of Python's or ours is hidden by it
    module, _, names = value.partition("[")[0].partition(":")
    return _given(reduce(getattr, filter(None, names.strip().split(".")), import_module(module.strip())))


def collectors_in(values: Iterable[Any]) -> list[Collector]:
    """Those of the values that are collectors."""
    return [value for value in values if isinstance(value, Collector)]


def _given(what: Any) -> list[Collector]:
    """Collectors of an entry point: one, a module of them, a list, or a function that returns any of these."""
    if isinstance(what, Collector):
        return [what]
    if callable(what):
        return _given(what())
    return collectors_in(vars(what).values() if hasattr(what, "__spec__") else what)


# -- what is installed: metadata is read by hand, which is faster, and one broken file does not cost the others


def _entries() -> Iterator[tuple[str, str]]:
    """Name and value of every entry point; of two distributions of one name, the first on the path counts."""
    seen = set()
    for folder in sys.path:
        for name in _listed(folder):
            project = name.removesuffix(".dist-info").removesuffix(".egg-info").partition("-")[0].lower().replace(".", "_")
            if project not in seen:
                seen.add(project)
                yield from entry_points(_read(os.path.join(folder, name, "entry_points.txt")))


def _listed(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info")))
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()
    except OSError:
        return ""


def entry_points(text: str) -> Iterator[tuple[str, str]]:
    """The lines of our group in `entry_points.txt`."""
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


# -- what a package says of itself


def asked(value: str, origin: str, ends: float, prepare: Callable[[], None] = lambda: None) -> list[Collector]:
    """The collectors of an entry point, as a child tells them, once it is prepared. Raises `UsageError`."""
    from diagbundle.collect.identity import ask  # noqa: PLC0415 - 20 ms, and most hosts have no such package

    began = time.monotonic()
    seconds = max(LEAST, (ends - began) / 2)
    try:
        told = ask(partial(_told, value, prepare), seconds)
    except OSError as error:
        raise UsageError(f"it was not loaded: no process could be started for that: {error.strerror}") from None
    if not isinstance(told, dict):
        late = time.monotonic() - began >= seconds
        raise UsageError(f"it did not load within {seconds:.1f} s" if late else "it did not load: its code ended or disturbed the process")
    Reader(origin, "", told).check(_TOLD, required=tuple(_TOLD))
    if told["fault"] or not told["collectors"]:
        raise UsageError(told["fault"] or "it gives no collector")
    return [_collector(value, Reader(origin, f"collector {number}: ", table)) for number, table in enumerate(told["collectors"], 1)]


def _told(value: str, prepare: Callable[[], None]) -> dict[str, Any]:
    """In a child: what collectors say of themselves, as plain values that the main process checks, or what went wrong."""
    try:
        prepare()
        told = {"fault": "", "collectors": [_plainly(found) for found in load(value)]}
        size = len(json.dumps(told))
    except Exception as error:  # noqa: BLE001 - bulkhead: code of strangers; one that calls for the end, ends the child
        from diagbundle.collect.rows import said  # noqa: PLC0415 - as above

        return {"fault": said(error), "collectors": []}
    return told if size <= MAX_SIZE else {"fault": f"it says too much of itself: {size >> 10:,} KiB", "collectors": []}


def _plainly(found: Collector) -> dict[str, Any]:
    """The fields of a collector; in place of a value that is no plain one its type in a list, which no check lets pass."""
    fields = {key: getattr(found, key) for key in _HEAD} | {"samples": found.samples is not nothing}
    return {key: value if isinstance(value, str | bool) else [type(value).__name__] for key, value in fields.items()}


def _collector(value: str, reader: Reader) -> Collector:
    """In the main process: a collector whose code is loaded by the child that is to ask it."""
    reader.check(_HEAD, required=tuple(_HEAD))
    table = reader.table
    return Collector(
        name=table["name"], title=table["title"], sources=partial(_questions, value, table["name"], "sources"),
        samples=partial(_questions, value, table["name"], "samples") if table["samples"] else nothing, stage=Stage(table["stage"]),
        folder=table["folder"], needs=table["needs"], default=table["default"], waits=table["waits"], origin=reader.origin,
    )  # fmt: skip


def _questions(value: str, name: str, which: str, host: Host) -> Iterable[Source]:
    """In the child of a job: the package is loaded, and its collector of this name asked for `sources` or `samples`."""
    found = {found.name: found for found in load(value)}
    asking: Callable[[Host], Iterable[Source]] = getattr(found[name], which)
    return asking(host)


# -- checks, as those of a TOML file; what a package says is shown to people, so all of it must be printable


def _title(value: Any) -> str:
    return "" if isinstance(value, str) and value.isprintable() and value.strip() else "one line of printable text"


def _name(value: Any) -> str:
    return "" if isinstance(value, str) and NAME.fullmatch(value) else "a word of small letters, digits and _, at most 64"


def _folder_or_none(value: Any) -> str:
    return "" if value == "" else is_folder(value)


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "text"


_TOLD: dict[str, Check] = {"fault": _text, "collectors": are_tables}
_HEAD: dict[str, Check] = {
    "name": _name, "title": _title, "stage": one_of(tuple(Stage)), "folder": _folder_or_none, "needs": one_of(NEEDS),
    "default": is_flag, "waits": is_flag, "samples": is_flag,
}  # fmt: skip
