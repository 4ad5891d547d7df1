"""Gets whole members out of a bundle that is cut or damaged: from the front, without any index."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Protocol

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import BLOCK, FRAME, MAX_MEMBERS, SKIPPABLE, padding
from diagbundle.bundle.frames import MAGIC, MAX_PACKED, beginning, foreign_start, frame_content, open_file, other
from diagbundle.bundle.headers import Header, header_length, parse_header
from diagbundle.bundle.part import part_of
from diagbundle.bundle.reader import JOIN_ENCRYPTED, Progress, no_progress
from diagbundle.errors import BundleError, FormatError, IntegrityError

STEP = 256 << 10
PATIENCE = 256 << 20
"""Bytes that may be read in vain while looking for the next sound frame, besides four times the file."""
MAX_LISTED = 1000
_SKIPPABLE = SKIPPABLE.to_bytes(4, "little")


class Sink(Protocol):
    """Takes members. `begin` says whether the data is wanted; then `data`, and `finish` or `drop`."""

    def begin(self, header: Header) -> bool:
        """A member begins."""

    def data(self, piece: bytes) -> None:
        """Some of its data."""

    def finish(self) -> None:
        """It is whole."""

    def drop(self) -> None:
        """Its end will not come."""


@dataclass(frozen=True)
class Loss:
    """A stretch of the file that gave nothing."""

    start: int
    end: int
    why: str


@dataclass
class Salvaged:
    """What was found. `cut` is the byte at which the last frame that is not whole begins; -1 if there is none."""

    size: int
    members: int = 0
    bytes: int = 0
    prefix: str = ""
    broken: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    cut: int = -1
    before: int = 0
    """Bytes at the beginning of the file in which a member goes on that begins in an earlier part."""
    ended: bool = False
    """Whether the end of the tar archive was seen."""
    sealed: bool = False
    """Whether the seek table, the last thing that is written, was seen."""

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.ended and self.sealed and not self.losses and not self.broken and self.cut < 0 and not self.before


class _Walker:
    """Cuts the contents of frames into members."""

    def __init__(self, sink: Sink, found: Salvaged) -> None:
        self.sink = sink
        self.found = found
        self._names: set[int] = set()
        self._rest = b""
        self._left = 0
        self._skip = 0
        self._header: Header | None = None
        self._wanted = False
        self._astray = False
        self.begun = False
        """Whether a member has begun."""

    def feed(self, content: bytes) -> None:
        """The next frame. After `lose`, frames are passed over until one begins with a header. Raises where headers are wrong."""
        if self._astray and not self._begins_member(content):
            return
        self._astray = False
        self.begun = True
        content = self._rest + content
        self._rest = b""
        at = 0
        while at < len(content) and not self.found.ended:
            if self._header:
                at += self._data(content[at : at + self._left])
            elif self._skip:
                step = min(self._skip, len(content) - at)
                self._skip, at = self._skip - step, at + step
            else:
                length = self._begin(content[at : at + BLOCK], content, at)
                if not length:
                    self._rest = content[at:]
                    return
                at += length

    def lose(self) -> None:
        """What comes next is unknown; the member that has begun is broken."""
        if self._header:
            if len(self.found.broken) < MAX_LISTED:
                self.found.broken.append(shown(_path(self._header)))
            if self._wanted:
                self.sink.drop()
        self._header, self._rest, self._left, self._skip, self._astray = None, b"", 0, 0, True

    def _begins_member(self, content: bytes) -> bool:
        try:
            header = parse_header(content[: header_length(content[:BLOCK])])
        except BundleError:
            return False
        return self.found.prefix in ("", _prefix(header))

    def _begin(self, block: bytes, content: bytes, at: int) -> int:
        """Bytes of the header that begins here, 0 where more are needed."""
        if len(block) < BLOCK:
            return 0
        if not any(block):
            self.found.ended = True
            return BLOCK
        length = header_length(block)
        if len(content) - at < length:
            return 0
        header = parse_header(content[at : at + length])
        self._accept(header)
        self._header, self._left, self._skip = header, header.size, padding(header.size)
        self._wanted = self.sink.begin(header)
        if not header.size:
            self._finish()
        return length

    def _accept(self, header: Header) -> None:
        self.found.prefix = self.found.prefix or _prefix(header)
        if _prefix(header) != self.found.prefix:
            raise FormatError(f"a member outside {shown(self.found.prefix)}: {shown(header.name)}")
        if hash(header.name) in self._names:
            raise FormatError(f"a name that stands twice: {shown(header.name)}")
        if len(self._names) >= MAX_MEMBERS:
            raise FormatError(f"more than {MAX_MEMBERS:,} members")
        self._names.add(hash(header.name))

    def _data(self, piece: bytes) -> int:
        if self._wanted:
            self.sink.data(piece)
        self._left -= len(piece)
        if not self._left:
            self._finish()
        return len(piece)

    def _finish(self) -> None:
        if self._wanted:
            self.sink.finish()
        if self._header:
            self.found.members += 1
            self.found.bytes += self._header.size
        self._header = None


class Loose:
    """Frames of a file, found without a table."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = os.fstat(fd).st_size
        self.patience = PATIENCE + 4 * self.size
        self.had = 0
        """Bytes read so far."""

    def read(self, at: int, size: int) -> bytes:
        """Bytes; fewer at the end, none where the disk cannot read them."""
        try:
            data = os.pread(self.fd, size, at)
        except OSError as error:
            raise IntegrityError(f"it cannot be read at byte {at:,}: {error.strerror}") from None
        self.had += len(data)
        return data

    def frame(self, at: int) -> tuple[bytes, int]:
        """A whole frame and the byte behind it. Raises `EOFError` where the file ends first."""
        packed = self.read(at, STEP)
        while (length := _frame_length(packed)) < 0:
            more = self.read(at + len(packed), max(STEP, len(packed)))
            if not more:
                raise EOFError
            if len(packed) > MAX_PACKED:
                raise FormatError("a frame that is larger than a bundle's frames can be")
            packed += more
        return packed[:length], at + length

    def skippable(self, at: int) -> int:
        """The byte behind a skippable frame, 0 where there is none. Raises `EOFError` where the file ends first."""
        start = self.read(at, 8)
        if start[:4] != _SKIPPABLE[: len(start)]:
            return 0
        end = at + 8 + int.from_bytes(start[4:], "little")
        if len(start) < 8 or end > self.size:  # noqa: PLR2004 - magic and length
            raise EOFError
        return end

    def next_frame(self, at: int) -> int:
        """The next byte at which a sound frame begins; the size of the file if there is none."""
        while at < self.size and self.patience > 0:
            try:
                window = self.read(at, STEP)
            except IntegrityError:
                at += STEP
                continue
            found = window.find(MAGIC)
            if found < 0:
                at += max(1, len(window) - len(MAGIC) + 1)
                continue
            at += found
            if self._sound(at):
                return at
            at += 1
        return self.size

    def _sound(self, at: int) -> bool:
        before = self.had
        try:
            frame_content(self.frame(at)[0])
        except (BundleError, EOFError):
            self.patience -= self.had - before
            return False
        return True


def salvage(path: str, sink: Sink, progress: Progress = no_progress) -> Salvaged:
    """Give every whole member of a file to the sink. Raises `FormatError` for what was never a bundle."""
    fd = open_file(path)
    try:
        file = Loose(fd)
        foreign = _foreign(path, file.read(0, STEP))
        found = _walk(file, sink, progress, in_middle=bool(foreign))
        if foreign and not found.members and not part_of(path):
            raise FormatError(foreign)
        return found
    finally:
        os.close(fd)


def _foreign(path: str, start: bytes) -> str:
    """Why this cannot be a bundle, or ''; it may be a part that begins in the middle of a member. Raises `FormatError` for no zstd file."""
    name = shown(os.path.basename(path))
    if (part := part_of(path)) and part.is_encrypted and not start.startswith(MAGIC):
        raise FormatError(f"{name} is {part}, and cannot be looked into alone", JOIN_ENCRYPTED)
    if MAGIC not in start and _SKIPPABLE not in start:
        error = other(start)
        raise FormatError(f"{name} is refused: {error}", error.hint)
    why = foreign_start(start) if start.startswith(MAGIC) else ""
    if why and not _may_be_ours(start):
        raise FormatError(f"{name} is refused: it is a zstd file, but no bundle: {why}")
    return f"{name} is refused: it is a zstd file, but no bundle: {why}" if why else ""


def _may_be_ours(start: bytes) -> bool:
    try:
        return bool(beginning(start, 1))
    except FormatError:
        return False


def _walk(file: Loose, sink: Sink, progress: Progress, *, in_middle: bool) -> Salvaged:
    found = Salvaged(file.size)
    walker = _Walker(sink, found)
    if in_middle:
        walker.lose()
    at = 0
    while at < file.size:
        progress(at, file.size)
        start, end = at, -1
        try:
            if end := file.skippable(at):
                found.sealed = end == file.size
                at = end
                continue
            packed, end = file.frame(at)
            walker.feed(frame_content(packed))
            if in_middle and not walker.begun:
                found.before = end
            at = end
        except EOFError:
            at = file.next_frame(start + 1)
            _end_of_file(file, walker, start, at)
        except BundleError as error:
            walker.lose()
            at = end if end > 0 and _frame_at(file, end) else file.next_frame(start + 1)
            _note(found, start, at, str(error))
    if file.patience <= 0:
        _note(found, at, file.size, "there are so many false beginnings that the search was given up")
    walker.lose()
    return found


def _end_of_file(file: Loose, walker: _Walker, start: int, following: int) -> None:
    """The frame at `start` ends behind the file. If another one follows it, its lengths are damaged; if not, here is the cut."""
    if following < file.size:
        walker.lose()
        _note(walker.found, start, following, "a frame is damaged")
        return
    walker.found.cut = start
    if not file.read(start, len(MAGIC)).startswith(MAGIC):
        return
    try:
        walker.feed(beginning(file.read(start, MAX_PACKED), FRAME))
    except BundleError as error:
        _note(walker.found, start, following, str(error))


def _note(found: Salvaged, start: int, end: int, why: str) -> None:
    if len(found.losses) < MAX_LISTED:
        found.losses.append(Loss(start, end, why))


def _frame_at(file: Loose, at: int) -> bool:
    return at == file.size or file.read(at, 4) in (MAGIC, _SKIPPABLE)


def _frame_length(packed: bytes) -> int:
    """Length of the frame that begins here, by the lengths of its blocks (RFC 8878, 3.1.1); -1 where more bytes are needed."""
    if packed[:4] != MAGIC[: len(packed)]:
        raise IntegrityError("no zstd frame begins there")
    if len(packed) < 5:  # noqa: PLR2004 - magic and descriptor
        return -1
    descriptor = packed[4]
    single = descriptor >> 5 & 1
    at = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3] + ((1 if single else 0), 2, 4, 8)[descriptor >> 6]
    while at + 3 <= len(packed):
        block = int.from_bytes(packed[at : at + 3], "little")
        kind, size = block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == 1 else size)
        if kind == 3 or size > 128 << 10:  # noqa: PLR2004 - reserved
            raise IntegrityError("a frame is damaged")
        if block & 1:
            at += 4 * (descriptor >> 2 & 1)
            return at if at <= len(packed) else -1
    return -1


def _prefix(header: Header) -> str:
    return header.name.partition(b"/")[0].decode("utf-8", "surrogateescape")


def _path(header: Header) -> bytes:
    return header.name.partition(b"/")[2]
