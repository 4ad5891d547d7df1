"""Read a collector that is a list: a TOML file becomes a `Collector`. What it does not know, it refuses.

The file's name is the collector's name. Its keys are told in CONTRIBUTING.md.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from diagbundle.bundle.format import OWN, name_bytes, name_fault
from diagbundle.errors import UsageError
from diagbundle.host import Host, has_magic
from diagbundle.model import Collector, Command, File, Probe, Source, Stage
from diagbundle.sources.sound import TIMEOUT, is_timeout
from diagbundle.trust import contents

PROBES = ("arp", "dns", "http", "mtu", "ntp", "ports", "proxy", "tcp", "tls")
PROBE_OPTIONS = ("dev", "name", "proxy", "starttls")
NEEDS = ("anyone", "root")

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FOLDER = re.compile(r"[A-Za-z0-9_][\w.-]{0,63}", re.ASCII)

Table = Mapping[str, Any]
Check = Callable[[Any], str]
"""What is wrong with a value, in words that follow "must be"; '' if nothing is."""


def read(path: str) -> Collector:
    """The collector in a TOML file; the caller has decided that the file may be trusted. Raises `UsageError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"a collector file cannot be read: {path}: {error.strerror}") from None
    try:
        return parse(contents(descriptor, path, "a collector file"), path)
    finally:
        os.close(descriptor)


def parse(data: bytes, origin: str) -> Collector:
    """The collector that these bytes declare; `origin` is its file, whose name it bears. Raises `UsageError`."""
    name = os.path.basename(origin).removesuffix(".toml")
    if not NAME.fullmatch(name):
        raise UsageError(
            f"a collector file must be called like its collector, in small letters, digits and _: {origin}",
            hint=f"call it '{_suggested(name)}.toml'",
        )
    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{origin} is not TOML: {error}") from None
    return _collector(name, Reader(origin, "", table))


def _collector(name: str, reader: Reader) -> Collector:
    reader.check({"title": _line, "stage": one_of(tuple(Stage)), "folder": is_folder, "needs": one_of(NEEDS), "default": is_flag,
                  "file": are_tables, "command": are_tables, "sample": are_tables, "probe": are_tables}, required=("title",))  # fmt: skip
    table = reader.table
    sources = (*_each(reader, "file", _files), *_each(reader, "command", _command), *_each(reader, "probe", _probe))
    samples = tuple(_each(reader, "sample", _sample))
    if not sources and not samples:
        raise UsageError(f"{reader.origin} asks for nothing", hint="it needs a [[file]], [[command]], [[sample]] or [[probe]]")
    return Collector(
        name=name, title=table["title"], sources=_always(sources), samples=_always(samples), stage=Stage(table.get("stage", Stage.STATE)),
        folder=table.get("folder", ""), needs=table.get("needs", "root"), default=table.get("default", True), origin=reader.origin,
    )  # fmt: skip


def _always(sources: tuple[Source, ...]) -> Callable[[Host], Iterable[Source]]:
    """The same questions for every host: globs and `each` are expanded by the engine."""
    return lambda _host: sources


def _each(reader: Reader, key: str, make: Callable[[Reader], Iterable[Source]]) -> Iterable[Source]:
    for number, table in enumerate(reader.table.get(key, ()), 1):
        yield from make(Reader(reader.origin, f"[[{key}]] {number}: ", table))


def _files(reader: Reader) -> Iterable[Source]:
    reader.check(_FILE, required=("paths",))
    table = reader.table
    paths = table["paths"]
    if ("at" in table or "also" in table) and (len(paths) > 1 or has_magic(paths[0])):
        reader.refuse("at' and 'also", "go with a single path that has no * ? [ in it")
    return [File(path, **reader.chosen("timeout", "only_if", "at", "also")) for path in paths]


def _command(reader: Reader) -> Iterable[Source]:
    reader.check(_COMMAND, required=("argv",))
    argv = tuple(reader.table["argv"])
    if ("each" in reader.table) != any("{}" in word for word in argv):
        reader.refuse("each", "goes with a {} in argv, which is replaced by the last part of each match")
    if "each" in reader.table and ("at" in reader.table or "also" in reader.table):
        reader.refuse("each", "cannot stand beside 'at' or 'also': its answers would have one name")
    return [Command(argv, **reader.chosen("timeout", "folder", "each", "only_if", "at", "also", "limit", "both"))]


def _sample(reader: Reader) -> Iterable[Source]:
    if "paths" in reader.table and "argv" in reader.table:
        reader.refuse("paths' and 'argv", "cannot stand in one [[sample]]")
    if "paths" not in reader.table and "argv" not in reader.table:
        reader.check({**_FILE, **_COMMAND})
        reader.refuse("paths' or 'argv", "is missing")
    return _files(reader) if "paths" in reader.table else _command(reader)


def _probe(reader: Reader) -> Iterable[Source]:
    reader.check(_PROBE, required=("kind", "target"))
    options = tuple(sorted(reader.table.get("options", {}).items()))
    kind, target = reader.table["kind"], reader.table["target"]
    return [Probe(kind, target, named_by=reader.origin, options=options, **reader.chosen("timeout", "only_if"))]


class Reader:
    """One table of the file, and how to name it in an error."""

    def __init__(self, origin: str, place: str, table: Table) -> None:
        self.origin, self.place, self.table = origin, place, table

    def check(self, known: Mapping[str, Check], required: tuple[str, ...] = ()) -> None:
        """Refuse keys that are not known, values of a wrong kind, and the lack of a required key."""
        for key, value in self.table.items():
            if key not in known:
                hint = did_you_mean(key, known) or f"known are: {', '.join(sorted(known))}"
                raise UsageError(f"{self.origin}: {self.place}unknown key: '{key}'", hint=hint)
            if fault := known[key](value):
                hint = did_you_mean(value, _WORDS.get(key, ()))
                raise UsageError(f"{self.origin}: {self.place}'{key}' must be {fault}: {_shown(value)}", hint=hint)
        for key in required:
            if key not in self.table:
                self.refuse(key, "is missing")

    def refuse(self, key: str, why: str) -> None:
        """Raise the error about one key."""
        raise UsageError(f"{self.origin}: {self.place}'{key}' {why}")

    def chosen(self, *keys: str) -> dict[str, Any]:
        """The values of those keys that are there; lists become tuples."""
        values = {key: self.table[key] for key in keys if key in self.table}
        return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """The hint for a word that is not known: the nearest one that is, or ''."""
    from difflib import get_close_matches  # noqa: PLC0415 - costs 10 ms, and only a mistake needs it

    close = get_close_matches(str(word)[:100], sorted(known), n=1)
    return f"did you mean '{close[0]}'?" if close else ""


# -- checks: each says what a value must be, or ''


def _plain(value: Any) -> bool:
    """Whether a value is text without control characters, as a path or word can be."""
    return isinstance(value, str) and not any(character < " " or character == "\x7f" for character in value)


def _line(value: Any) -> str:
    return "" if _plain(value) and value.strip() else "one line of text"


def is_flag(value: Any) -> str:
    """Whether it is a boolean, and what is wanted."""
    return "" if isinstance(value, bool) else "true or false"


def one_of(words: tuple[str, ...]) -> Check:
    """A check for one of these words."""
    return lambda value: "" if isinstance(value, str) and value in words else "one of " + ", ".join(words)


def is_folder(value: Any) -> str:
    """Whether it may be the name of a folder of commands, and what is wanted."""
    return "" if isinstance(value, str) and _FOLDER.fullmatch(value) else "the name of a folder: letters, digits, _ - ."


def are_tables(value: Any) -> str:
    """Whether these are tables, and what is wanted."""
    return "" if isinstance(value, list) and all(isinstance(item, dict) for item in value) else "a table with two brackets, as in [[file]]"


def _path(value: Any) -> str:
    sound = _plain(value) and value.startswith("/") and ".." not in value.split("/")
    return "" if sound else "an absolute path without '..'"


def _paths(value: Any) -> str:
    sound = isinstance(value, list) and value and not any(_path(item) for item in value)
    return "" if sound else "a list of absolute paths without '..'"


def _argv(value: Any) -> str:
    sound = isinstance(value, list) and value and all(map(_plain, value)) and value[0].strip()
    return "" if sound else 'a list of words, as in ["ip", "link"]'


def _timeout(value: Any) -> str:
    return "" if is_timeout(value) else TIMEOUT


def _limit(value: Any) -> str:
    return "" if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else "a number of bytes, 0 for all there is"


def _both(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _at(value: Any) -> str:
    sound = _plain(value) and not name_fault(name_bytes(value)) and value.split("/")[0] != OWN
    return "" if sound else f"a relative path in the bundle, outside of {OWN}/"


def _options(value: Any) -> str:
    sound = isinstance(value, dict) and set(value) <= set(PROBE_OPTIONS) and not any(_line(item) for item in value.values())
    return "" if sound else f'a table of {", ".join(PROBE_OPTIONS)}, as in {{ name = "db.example" }}'


def _also(value: Any) -> str:
    return (
        ""
        if isinstance(value, list) and not any(_at(item) for item in value)
        else f"a list of relative paths in the bundle, outside of {OWN}/"
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - one line of a screen


def _suggested(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_0123456789") or "acme"


_WORDS: dict[str, tuple[str, ...]] = {"stage": tuple(Stage), "needs": NEEDS, "kind": PROBES}
_COMMON: dict[str, Check] = {"timeout": _timeout, "only_if": _path, "at": _at, "also": _also}
_FILE: dict[str, Check] = {"paths": _paths, **_COMMON}
_COMMAND: dict[str, Check] = {"argv": _argv, "folder": is_folder, "each": _path, "limit": _limit, "both": _both, **_COMMON}
_PROBE: dict[str, Check] = {"kind": one_of(PROBES), "target": _line, "options": _options, "timeout": _timeout, "only_if": _path}
