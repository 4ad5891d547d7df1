"""What lies on the desk: pieces of evidence with their circumstances, whatever holds them: a bundle, a folder, a foreign report."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from diagbundle.bundle.format import MAX_COMPONENT, OWN, STRUCK, bundle_path, mangle, name_bytes

START = f"{OWN}/start/"
"""Where the first readings of samples lie."""
_WILD = re.compile(r"[*?\[]")
_BEYOND = "\U0010ffff"
"""Comes behind every character of a name."""
_ANSWERS = ("command", "file", "table", "probe")
_AT = {"table": f"{OWN}/tables/", "probe": f"{OWN}/probes/"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer of the host with its circumstances, or that there was none."""

    path: str
    """In the bundle; of an answer that was not had, where it would lie."""
    there: bool
    """Whether anything lies there."""
    source: str = ""
    """What was asked: a path, the words of a command, the name of a table."""
    kind: str = "file"
    outcome: str = "collected"
    reason: str = ""
    exit: int | None = None
    stderr: str = ""
    started: float = 0.0
    """When it was asked, seconds since 1970 by the host's clock; 0 if nobody wrote it down."""
    seconds: float = 0.0
    """How long the answer took."""
    mtime: float = 0.0
    size: int = 0
    collector: str = ""
    key: str = ""
    """Equal for entries that have the same content."""
    parts: tuple[str, ...] = ()
    """Where the further parts of a long answer lie."""
    short: int | None = None
    """Bytes that are true; what follows is filling."""
    redacted: tuple[tuple[str, int], ...] = ()
    """How many secrets were hidden in it, by kind."""

    @property
    def is_struck(self) -> bool:
        """Whether it was had, and somebody took it out before it left."""
        return self.outcome == "skipped" and self.reason == STRUCK


@dataclass(frozen=True)
class Head:
    """Who the host is, and when it was asked."""

    created: float = 0.0
    """Seconds since 1970, by the host's clock; 0 if it cannot be known."""
    finished: float = 0.0
    name: str = ""
    os: str = ""
    kernel: str = ""
    boot_id: str = ""
    zone: str = ""
    complete: bool = True
    reason: str = ""
    tool: str = ""
    """The program and version that collected it."""
    machine: str = ""
    uid: str = ""
    """Who collected it: a number; '' where it is not known."""
    case: str = ""
    kit: str = ""
    """Name of the vendor's kit that collected it; '' where it was none."""
    made_for: str = ""
    """The kit's product and version, for people."""


class Evidence(Protocol):
    """A bundle, a folder or an archive, opened."""

    name: str
    head: Head

    @property
    def damaged(self) -> Mapping[str, str]:
        """Which pieces of those that were read so far are damaged, and why."""

    @property
    def entries(self) -> Sequence[Entry]:
        """All that was asked for, and all else that lies there."""

    def blocks(self, entry: Entry) -> Iterator[bytes]:
        """The content of an entry that is there, in pieces. Raises `BundleError` where it is damaged."""


class Index:
    """Entries by path."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.by_path = {entry.path: entry for entry in sorted(entries, key=lambda entry: entry.there)}
        self._paths = sorted(self.by_path)

    def matching(self, patterns: Sequence[str]) -> list[Entry]:
        """The entries whose path matches one of the patterns (`*` matches no `/`, `**` does); each content once."""
        found: dict[str, Entry] = {}
        for pattern in patterns:
            for entry in self._matching(pattern):
                found.setdefault(entry.key or entry.path, entry)
        return list(found.values())

    def _matching(self, pattern: str) -> Iterator[Entry]:
        plain = _WILD.split(pattern, maxsplit=1)[0]
        if plain == pattern:
            yield from [self.by_path[pattern]] if pattern in self.by_path else []
            return
        expression = re.compile(translated(pattern), re.DOTALL)
        start, end = bisect_left(self._paths, plain), bisect_left(self._paths, plain + _BEYOND)
        yield from (self.by_path[path] for path in self._paths[start:end] if expression.fullmatch(path))


def translated(pattern: str) -> str:
    """A pattern of paths as a regular expression."""
    pieces = re.split(r"(\*\*/?|\*|\?|\[[^]]+\])", pattern)
    put = {"**": ".*", "**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(put.get(piece) or (piece if piece.startswith("[") and piece.endswith("]") else re.escape(piece)) for piece in pieces)


def entries_of(rows: Iterator[Mapping[str, Any]]) -> list[Entry]:
    """The rows of a manifest as entries; further parts of a long answer belong to its first one."""
    found: list[Entry] = []
    parts: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        source, sample = _source(row), str(row.get("sample") or "")
        if row.get("part", 1) != 1 and isinstance(row.get("path"), str):
            parts.setdefault((source, sample), []).append(_named(row["path"]))
            continue
        found.append(_entry(row, source, sample))
    if not parts:
        return found
    from dataclasses import replace  # noqa: PLC0415  # few bundles hold answers so long

    return [
        replace(entry, parts=tuple(parts[whole]))
        if (whole := (entry.source, "start" if entry.path.startswith(START) else "")) in parts
        else entry
        for entry in found
    ]


def _entry(row: Mapping[str, Any], source: str, sample: str) -> Entry:
    path, link = row.get("path"), row.get("link")
    struck = row.get("struck")
    path = path if isinstance(path, str) else struck
    natural = _named(path) if isinstance(path, str) else _natural(row, source, sample)
    return Entry(
        path=natural, there=_is_there(row), source=source,
        kind=str(row.get("kind") or ""), outcome=str(row.get("outcome") or ""), reason=str(row.get("reason") or ""),
        exit=row["exit"] if isinstance(row.get("exit"), int) else None, stderr=str(row.get("stderr") or ""),
        started=_number(row.get("started")), seconds=_number(row.get("seconds")), mtime=_number(row.get("mtime")),
        size=int(_number(row.get("size"))), collector=str(row.get("collector") or "")[:MAX_COMPONENT],
        key=_named(link) if isinstance(link, str) else natural, short=row["short"] if isinstance(row.get("short"), int) else None,
        redacted=_counts(row.get("redacted")),
    )  # fmt: skip


def _counts(value: object) -> tuple[tuple[str, int], ...]:
    """Kinds and how many of each, of a row that says it as it should."""
    pairs = value.items() if isinstance(value, dict) else ()
    return tuple((str(kind), count) for kind, count in pairs if type(count) is int and 0 < count < 1 << 62)


def _is_there(row: Mapping[str, Any]) -> bool:
    """Whether there is an answer: an empty one, of a command that says nothing when all is well, has no place of its own."""
    if isinstance(row.get("path"), str):
        return "header" in row or isinstance(row.get("link"), str)
    return row.get("outcome") == "collected" and row.get("kind") in _ANSWERS


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1 << 62 else 0.0


def _source(row: Mapping[str, Any]) -> str:
    source = row.get("source")
    return _named(" ".join(map(str, source)) if isinstance(source, list) else str(source or ""))


def _named(text: str) -> str:
    """The same, if it stands for bytes, as names do; JSON can write what does not: half of a pair of surrogates."""
    try:
        name_bytes(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _natural(row: Mapping[str, Any], source: str, sample: str) -> str:
    """Where an answer would lie that was not had."""
    kind = row.get("kind")
    where = START if sample == "start" else ""
    if kind == "command" and isinstance(row.get("source"), list):
        return f"{where}sos_commands/{row.get('collector')}/{mangle([str(word) for word in row['source']])}"
    return where + (f"{_AT[kind]}{source}" if isinstance(kind, str) and kind in _AT else bundle_path(source))


def is_match(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern, as `Index.matching` takes it."""
    return re.fullmatch(translated(pattern), path, re.DOTALL) is not None
