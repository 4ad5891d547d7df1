"""A saved host: an unpacked bundle, a foreign sosreport or a tree made by hand stands in for the machine.

Files lie at their own paths. Commands are answered from the manifest, or where there is none from `sos_commands/`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from diagbundle.bundle.format import MANIFEST, MAX_MANIFEST, mangle, name_bytes, name_fault
from diagbundle.errors import FormatError, SourceDenied, SourceError, UsageError
from diagbundle.host import MAX_TEXT, Host
from diagbundle.model import Answer, Command, Outcome

Row = Mapping[str, Any]
Rows = dict[tuple[str, ...], list[Row]]


def saved_host(tree: str | os.PathLike[str]) -> Host:
    """The host that a tree stands in for. Nothing is run; what the tree does not hold is `absent`."""
    root = os.path.realpath(tree)
    if not os.path.isdir(root):
        raise UsageError(f"a saved host must be a folder, an unpacked bundle: {os.fspath(tree)}")
    host = Host(root=root)
    host.runner = _Answers(host).run
    return host


class _Answers:
    """Answers of commands as the tree has them; the manifest is read when the first one is asked for."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._rows: Rows | None = None

    def run(self, command: Command) -> Answer:
        if not self._host.exists(f"/{MANIFEST}"):
            return self._by_name(command)
        if self._rows is None:
            self._rows = _rows_of_commands(self._host.read(f"/{MANIFEST}", MAX_MANIFEST))
        rows = self._rows.get(command.argv)
        return self._answer(command, rows) if rows else _absent(command)

    def _by_name(self, command: Command) -> Answer:
        for path in self._host.glob(f"/sos_commands/*/{mangle(command.argv)}"):
            return self._answer(command, [{"path": path.removeprefix("/"), "exit": 0}])
        return _absent(command)

    def _answer(self, command: Command, rows: list[Row]) -> Answer:
        row = rows[0]
        try:
            stdout = b"".join(self._contents(row)[: row.get("short")] for row in rows if row.get("path"))
        except SourceError as error:
            return Answer(command.argv, error.outcome, reason=f"the tree does not hold it: {error}")
        return Answer(
            command.argv,
            Outcome(row.get("outcome", Outcome.COLLECTED)),
            stdout,
            row.get("exit"),
            str(row.get("stderr", "")).encode("utf-8", "surrogateescape"),
            str(row.get("reason") or ""),
        )

    def _contents(self, row: Row) -> bytes:
        path = str(row.get("link") or row["path"])
        if fault := name_fault(name_bytes(path)):
            raise SourceDenied(f"its path has {fault}")
        return self._host.read(f"/{path}", MAX_TEXT)


def _absent(command: Command) -> Answer:
    return Answer(command.argv, Outcome.ABSENT, reason="the saved host does not hold its answer")


def _rows_of_commands(manifest: bytes) -> Rows:
    """Rows of each command, in order of its parts. Of a sample's two readings the last one answers."""
    rows: Rows = {}
    for row in _rows(manifest):
        if row.get("kind") == "command" and _is_sound(row) and row.get("sample") != "start":
            rows.setdefault(tuple(row["source"]), []).append(row)
    for argv, several in rows.items():
        # A further row of the same part is a copy that lies a second time elsewhere: the first one counts.
        parts = {row.get("part", 1): row for row in reversed(several)}
        rows[argv] = [parts[number] for number in sorted(parts)]
    return rows


def _is_sound(row: Row) -> bool:
    """Whether a stranger's row says what a row of a command says."""
    words, numbers = row.get("source"), (row.get("part", 1), row.get("short", 0))
    return (
        isinstance(words, list) and all(isinstance(word, str) for word in words)
        and all(type(number) is int and number >= 0 for number in numbers)
        and row.get("outcome", Outcome.COLLECTED) in tuple(Outcome) and isinstance(row.get("exit", 0), int | None)
    )  # fmt: skip


def _rows(manifest: bytes) -> Iterator[Row]:
    for number, line in enumerate(manifest.splitlines(), 1):
        try:
            row = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError) as error:
            raise FormatError(f"the manifest of a saved host is not JSON: line {number}: {error}") from None
        if isinstance(row, dict):
            yield row
