"""The journal's export: records of fields, some of which hold bytes with ends of lines in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_WANTED = re.compile(
    rb"(?m)^(__REALTIME_TIMESTAMP|_SOURCE_REALTIME_TIMESTAMP|_TRANSPORT|SYSLOG_IDENTIFIER|_SYSTEMD_UNIT|_COMM|MESSAGE|PRIORITY|_PID)=(.*)$"
)
_BINARY = re.compile(rb"(?m)^[A-Z_][A-Z0-9_]*$")
_LENGTH = 8
MAX_RECORD = 4 << 20
"""Bytes of a record that are looked at; a longer one is no record."""


def records(pieces: Iterable[bytes]) -> Iterator[tuple[int, dict[str, str], int]]:
    """Line at which each record begins, its fields, and the line of its message within it."""
    rest, number = b"", 1
    for piece in pieces:
        rest += piece
        at = 0
        while (end := _end(rest, at)) >= 0:
            record = rest[at:end]
            if record.strip():
                yield number, fields(record), record.count(b"\n", 0, max(0, record.find(b"\nMESSAGE") + 1))
            number += rest.count(b"\n", at, end)
            at = end
        rest = rest[at:] if len(rest) - at < MAX_RECORD else b""
    if rest.strip():
        yield number, fields(rest), rest.count(b"\n", 0, max(0, rest.find(b"\nMESSAGE") + 1))


def _end(text: bytes, start: int) -> int:
    """Where the record ends that begins here; -1 where it is not all there."""
    at = start
    while True:
        end = text.find(b"\n\n", at)
        if end < 0:
            return -1
        binary = _BINARY.search(text, at, end + 1)
        if binary is None:
            return end + 2
        data = binary.end() + 1 + _LENGTH
        if data > len(text):
            return -1
        size = int.from_bytes(text[binary.end() + 1 : data], "little")
        if size > MAX_RECORD:
            return end + 2  # it only looks like one
        if data + size + 1 > len(text):
            return -1
        at = data + size


def fields(record: bytes) -> dict[str, str]:
    """The fields that matter."""
    found: dict[str, str] = {}
    at = 0
    while binary := _BINARY.search(record, at):
        _plain(record[at : binary.start()], found)
        data = binary.end() + 1 + _LENGTH
        size = int.from_bytes(record[binary.end() + 1 : data], "little")
        if size > len(record):
            at = binary.end()
            break
        if binary[0] == b"MESSAGE":
            found["MESSAGE"] = record[data : data + size].decode("utf-8", "replace")
        at = data + size
    _plain(record[at:], found)
    return found


def _plain(text: bytes, found: dict[str, str]) -> None:
    for name, value in _WANTED.findall(text):
        found.setdefault(name.decode(), value.decode("utf-8", "replace"))
