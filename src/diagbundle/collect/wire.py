"""What passes between a child and the supervisor: messages through a pipe, and a slot of shared memory.

The slot says what the child is doing and until when it may. It is written without a system call, and is still there
when the child no longer answers.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import time
from collections.abc import Iterator
from typing import Any

from diagbundle.bundle.pack import Frame

_HEAD = struct.Struct("<BIII")
_SLOT = struct.Struct("<dIH")
_SLOT_SIZE = 4096
FRAME, DEAL, ANSWER = 1, 2, 3
"""Kinds of message: a finished frame; files to be dealt out to several children; the answer of a single question."""


class Slot:
    """Shared memory of one child: its deadline (monotonic seconds), the process group it runs, what it is at."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SLOT_SIZE)
        self._deadline, self._group, self._label = 0.0, 0, b""

    def at(self, label: str, seconds: float) -> None:
        """The child is now at `label` and should be done with it within `seconds`."""
        self._deadline = time.monotonic() + seconds
        self._label = label.encode("utf-8", "surrogateescape")[: _SLOT_SIZE - _SLOT.size]
        self._write()

    def extend(self, seconds: float) -> None:
        """The child went on, or was kept waiting by the supervisor itself."""
        self._deadline = max(self._deadline, time.monotonic() + seconds)
        self._write()

    def group(self, group: int) -> None:
        """The process group of the command that runs now, 0 for none."""
        self._group = group
        self._write()

    def _write(self) -> None:
        whole = _SLOT.pack(self._deadline, self._group, len(self._label)) + self._label
        self._memory[: len(whole)] = whole

    def read(self) -> tuple[float, int, str]:
        """Deadline, process group and label as they stand."""
        deadline, group, length = _SLOT.unpack_from(self._memory)
        label = self._memory[_SLOT.size : _SLOT.size + length]
        return deadline, group, label.decode("utf-8", "surrogateescape")

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


class Sender:
    """The child's end of the pipe. Blocks while the supervisor is busy; that time is not held against a source."""

    def __init__(self, descriptor: int, slot: Slot) -> None:
        self._descriptor = descriptor
        self._slot = slot

    def frame(self, frame: Frame) -> None:
        """Hand a frame to the supervisor."""
        meta = {"rows": frame.rows, "begins": frame.begins} if frame.rows or frame.begins else None
        self._send(FRAME, meta, frame.packed, frame.plain)

    def value(self, kind: int, value: Any) -> None:
        """Hand over a value that JSON can hold."""
        self._send(kind, value, b"", 0)

    def _send(self, kind: int, meta: Any, packed: bytes, plain: int) -> None:
        text = json.dumps(meta, separators=(",", ":")).encode() if meta is not None else b""
        parts = [memoryview(_HEAD.pack(kind, len(text), len(packed), plain)), memoryview(text), memoryview(packed)]
        started = time.monotonic()
        while parts:
            sent = os.writev(self._descriptor, parts)
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][sent:]
        if (waited := time.monotonic() - started) > 0.5:  # noqa: PLR2004  # else the pipe had room
            self._slot.extend(waited + 1)


class Received:
    """The supervisor's end: bytes in, messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, Any, bytes, int]]:
        """Whole messages: kind, meta, packed bytes, plain size."""
        self._buffer += data
        position = 0
        while len(self._buffer) - position >= _HEAD.size:
            kind, texts, packs, plain = _HEAD.unpack_from(self._buffer, position)
            end = position + _HEAD.size + texts + packs
            if len(self._buffer) < end:
                break
            text_at = position + _HEAD.size
            meta = json.loads(self._buffer[text_at : text_at + texts]) if texts else None
            yield kind, meta, bytes(memoryview(self._buffer)[text_at + texts : end]), plain
            position = end
        del self._buffer[:position]
