"""What passes between a child and the supervisor: messages through a pipe, and a slot of shared memory.

The slot says what the child is doing and until when it may. It is written without a system call, and is still there
when the child no longer answers.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import stat
import struct
import time
from typing import Any, NamedTuple

from diagbundle.bundle.pack import Frame

_HEAD = struct.Struct("<8sBIII")
_SLOT = struct.Struct("<dIHH")
_SLOT_SIZE = 1 << 16
FRAME, DEAL, DONE, LEARNED = 1, 2, 3, 4
"""Kinds of message: a finished frame; files to be dealt out to several children; the last one of a child that came to its end; names
that it has met, with their stand-ins."""
_MOST_META, _MOST_PACKED = 64 << 20, 16 << 20
"""Bytes of a message's JSON and of its frame, at most."""


Message = tuple[int, Any, "bytes | memoryview", int]
"""Kind, meta, packed bytes, plain size."""


class Garbled(Exception):
    """What came through the pipe is no message of ours: a collector has written into it, too."""


class Standing(NamedTuple):
    """What a child says of itself."""

    deadline: float
    """Monotonic time at which it should be done."""
    group: int
    """Process group that it runs, 0 for none."""
    label: str
    """What it is at."""
    about: str
    """What else there is to say of that, or ''."""


class Slot:
    """Shared memory of one child, in which it says how it stands."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SLOT_SIZE)
        self._deadline, self._group, self._label, self._about = 0.0, 0, b"", b""

    def at(self, label: str, seconds: float, about: str = "") -> None:
        """The child is now at `label` and should be done with it within `seconds`."""
        self._deadline = time.monotonic() + seconds
        self._label, self._about = _bytes(label), _bytes(about) if about else b""
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
        whole = _SLOT.pack(self._deadline, self._group, len(self._label), len(self._about)) + self._label + self._about
        self._memory[: len(whole)] = whole

    def read(self) -> Standing:
        """How it stands."""
        deadline, group, label, about = _SLOT.unpack_from(self._memory)
        text = self._memory[_SLOT.size : _SLOT.size + label + about]
        return Standing(deadline, group, *(part.decode("utf-8", "surrogateescape") for part in (text[:label], text[label:])))

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


def _bytes(text: str) -> bytes:
    try:
        whole = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a name that no file can have, from somebody's JSON
        whole = text.encode("utf-8", "backslashreplace")
    return whole[: (_SLOT_SIZE - _SLOT.size) // 2]


class Sender:
    """The child's end of the pipe. Blocks while the supervisor is busy; that time is not held against a source."""

    def __init__(self, descriptor: int, slot: Slot, word: bytes) -> None:
        self._descriptor, self._slot, self._word = descriptor, slot, word

    def frame(self, frame: Frame) -> None:
        """Hand a frame to the supervisor."""
        meta = {"rows": frame.rows, "begins": frame.begins} if frame.rows or frame.begins else None
        self._send(FRAME, meta, frame.packed, frame.plain)

    def value(self, kind: int, value: Any) -> None:
        """Hand over a value that JSON can hold."""
        self._send(kind, value, b"", 0)

    def _send(self, kind: int, meta: Any, packed: bytes | memoryview, plain: int) -> None:
        text = json.dumps(meta, separators=(",", ":")).encode() if meta is not None else b""
        head = _HEAD.pack(self._word, kind, len(text), len(packed), plain)
        parts = [memoryview(part) for part in (head, text, packed, self._word)]
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
    """Close every descriptor but one, and return that; 0, 1 and 2 lead nowhere."""
    keep = fcntl.fcntl(keep, fcntl.F_DUPFD_CLOEXEC, 3) if keep < 3 else keep  # noqa: PLR2004  # the three standard ones may have been closed
    read, write = _nowhere()
    for standard, end in ((0, read), (1, write), (2, write)):
        os.dup2(end, standard)
    os.closerange(3, keep)
    os.closerange(keep + 1, 1 << 12)
    return keep


def _nowhere() -> tuple[int, int]:
    """Two descriptors, to read nothing and to write to nobody. On a sick host `/dev/null` may be anything."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(null)
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3):
            return null, null
    return os.pipe()


class Received:
    """The supervisor's end: bytes in, messages out. What is read goes where it stays: large frames are not copied again."""

    def __init__(self, word: bytes) -> None:
        self._word = word
        """Stands before and behind each message: only so are bytes noticed that somebody else has put between."""
        self._head: tuple[bytes, int, int, int, int] | None = None
        self._into = memoryview(bytearray(_HEAD.size))
        self._have = 0

    @property
    def partial(self) -> bool:
        """Whether a message has begun to come in: its sender is waiting for nothing but us."""
        return self._head is not None or self._have > 0

    def read(self, pipe: int) -> Message | EOFError | None:
        """What is there, without waiting for more: a whole message, None for a part of one, or the end of all. Raises `Garbled`."""
        got = os.readv(pipe, [self._into[self._have :]])
        if not got:
            return EOFError()
        self._have += got
        if self._have < len(self._into):
            return None
        if self._head is None:
            self._head = word, _, texts, packs, _ = _HEAD.unpack(self._into)
            if word != self._word or texts > _MOST_META or packs > _MOST_PACKED:
                raise Garbled
            self._into, self._have = memoryview(bytearray(texts + packs + len(word))), 0
            return None
        return self._whole(*self._head[1:])

    def _whole(self, kind: int, texts: int, packs: int, plain: int) -> Message:
        body, self._head = self._into, None
        self._into, self._have = memoryview(bytearray(_HEAD.size)), 0
        if body[texts + packs :] != self._word:
            raise Garbled
        try:
            meta = json.loads(bytes(body[:texts])) if texts else None
        except (ValueError, RecursionError):
            raise Garbled from None
        return kind, meta, body[texts : texts + packs], plain
