"""What passes between a child and the supervisor: messages through a pipe, and a slot of shared memory.

The slot says what the child is doing and until when it may. It is written without a system call, and is still there
when the child no longer answers.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import struct
import time
from typing import Any

from diagbundle.bundle.pack import Frame

_HEAD = struct.Struct("<BIII")
_SLOT = struct.Struct("<dIH")
_SLOT_SIZE = 1 << 16
FRAME, DEAL, ANSWER = 1, 2, 3
"""Kinds of message: a finished frame; files to be dealt out to several children; the answer of a single question."""


Message = tuple[int, Any, "bytes | memoryview", int]
"""Kind, meta, packed bytes, plain size."""


class Slot:
    """Shared memory of one child: its deadline (monotonic seconds), the process group it runs, what it is at."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SLOT_SIZE)
        self._deadline, self._group, self._label = 0.0, 0, b""

    def at(self, label: str, seconds: float) -> None:
        """The child is now at `label` and should be done with it within `seconds`."""
        self._deadline = time.monotonic() + seconds
        try:
            whole = label.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # a name that no file can have, from somebody's JSON
            whole = label.encode("utf-8", "backslashreplace")
        self._label = whole[: _SLOT_SIZE - _SLOT.size]
        self._write()

    def extend(self, seconds: float) -> None:
        """The child went on, or was kept waiting by the supervisor. For the child alone: whoever writes the slot writes all of it."""
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

    def _send(self, kind: int, meta: Any, packed: bytes | memoryview, plain: int) -> None:
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


def let_go(keep: int) -> int:
    """Close every descriptor but one, and return that; 0, 1 and 2 become ends of pipes that lead nowhere."""
    keep = fcntl.fcntl(keep, fcntl.F_DUPFD_CLOEXEC, 3) if keep < 3 else keep  # noqa: PLR2004  # the three standard ones may have been closed
    read, write = os.pipe()
    for standard, end in ((0, read), (1, write), (2, write)):
        os.dup2(end, standard)
    os.closerange(3, keep)
    os.closerange(keep + 1, 1 << 12)
    return keep


class Received:
    """The supervisor's end: bytes in, messages out. What is read goes where it stays: large frames are not copied again."""

    def __init__(self) -> None:
        self._head: tuple[int, int, int, int] | None = None
        self._into = memoryview(bytearray(_HEAD.size))
        self._have = 0

    @property
    def partial(self) -> bool:
        """Whether a message has begun to come in: its sender is waiting for nothing but us."""
        return self._head is not None or self._have > 0

    def read(self, pipe: int) -> Message | EOFError | None:
        """What is there, without waiting for more: a whole message, None for a part of one, or the end of all."""
        got = os.readv(pipe, [self._into[self._have :]])
        if not got:
            return EOFError()
        self._have += got
        if self._have < len(self._into):
            return None
        if self._head is None:
            self._head = _HEAD.unpack(self._into)
            _, texts, packs, _ = self._head
            self._into, self._have = memoryview(bytearray(texts + packs)), 0
            return None if texts + packs else self._whole()
        return self._whole()

    def _whole(self) -> Message:
        kind, texts, _, plain = self._head or (0, 0, 0, 0)
        body, self._head = self._into, None
        self._into, self._have = memoryview(bytearray(_HEAD.size)), 0
        return kind, json.loads(bytes(body[:texts])) if texts else None, body[texts:], plain
