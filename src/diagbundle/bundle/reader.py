"""Opens a bundle. Tar headers and data are the truth; the seek table and the manifest are hints that must agree with them."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple, Self

from diagbundle.bundle import hashing, text
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import BLOCK, END, FORMAT, MANIFEST, MAX_MANIFEST, MAX_MEMBERS, SUMS, name_bytes, padding, sums_line
from diagbundle.bundle.frames import open_file, open_frames
from diagbundle.bundle.headers import Header, header_length, parse_header
from diagbundle.bundle.manifest import Row, blocks, is_odd, lines_with, members_of, parse_object, parse_row, split
from diagbundle.bundle.names import Names
from diagbundle.bundle.part import part_of
from diagbundle.errors import BundleError, FormatError, IntegrityError

Progress = Callable[[int, int], None]
"""Told of bytes done and bytes in all."""

MAX_WALK = 4096
"""Frames in which the beginning of the manifest is looked for."""
MAX_LISTED = 1000
"""Damages that are named one by one; further ones are counted."""
SALVAGE = "`diagbundle salvage` gets out what is whole; or ask for the file again"
JOIN = "`diagbundle join FOLDER` puts the parts together that lie in a folder; `diagbundle salvage` gets out of one what is whole in it"
JOIN_ENCRYPTED = "`diagbundle open FOLDER -i KEYFILE` puts the parts together that lie in a folder, and opens what they hold"
FOREIGN = "`tar -tf` shows what is in it, if it is an archive"

_LOSSES = ("failed", "timeout", "partial")


def no_progress(_done: int, _total: int) -> None:
    """Nobody watches."""


class Damage(NamedTuple):
    """A member that is not what it should be; `byte` counts in the uncompressed stream."""

    number: int
    path: str
    byte: int
    why: str


class Report:
    """What `survey` saw. `bytes` are those of the uncompressed stream."""

    def __init__(self, size: int, frames: int, *, complete: bool, reason: str) -> None:
        self.bytes, self.frames, self.complete, self.reason = size, frames, complete, reason
        self.members = self.broken = 0
        self.outcomes: Counter[str] = Counter()
        self.damages: list[Damage] = []

    def count(self, row: Row) -> None:
        """Count how an asking ended."""
        self.outcomes[row["outcome"]] += 1

    def lose(self, number: int, row: Row, why: str) -> None:
        """Note a damaged member."""
        self.broken += 1
        if len(self.damages) < MAX_LISTED:
            self.damages.append(Damage(number, row["path"], row["header"], why))


class Bundle:
    """An open bundle. Every error names the file; every member is checked whenever it is read."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path
        self.name = shown(os.path.basename(path))
        with self.named():
            self.frames = open_frames(fd)
            self._manifest = self._find_manifest()
            self.head = self._head()
            self.prefix: str = self.head["prefix"]

    @classmethod
    def open(cls, path: str) -> Self:
        """Open and read the head. Raises `FormatError`, `IntegrityError`, or `UsageError` where there is no such file."""
        fd = open_file(path)
        try:
            return cls(fd, path)
        except BundleError:
            os.close(fd)
            if part := part_of(path):
                hint = JOIN_ENCRYPTED if part.is_encrypted else JOIN
                raise IntegrityError(f"{shown(os.path.basename(path))} is {part}, and no bundle by itself", hint) from None
            raise
        except BaseException:
            os.close(fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)

    # -- rows

    def rows(self) -> Iterator[Row]:
        """The rows of the manifest, in its order; those with `header` are in the order of the stream."""
        with self.named():
            yield from self._rows()

    def listing(self) -> Iterator[list[tuple[str, int, int]]]:
        """Path, size and time of change of the members, many at a time. Of lines as our writer makes them, only that is read."""
        with self.named():
            for number, block in enumerate(self._blocks()):
                yield members_of(block, first=number == 0)

    def find(self, name: str) -> Row | None:
        """The row of the member that lies at this path below PREFIX. Searches bytes first: JSON is slow to read."""
        with self.named():
            if name in (SUMS, MANIFEST):
                return self._own_row(name)
            for number, block in enumerate(self._blocks()):
                for line in lines_with(block, name, first=number == 0):
                    row = parse_row(line)
                    if row.get("path") == name:
                        return row
            plain = name.isascii() and name.isprintable() and not any(map(is_odd, self._blocks()))
            return None if plain else next((row for row in self._rows() if row.get("path") == name), None)

    def _rows(self) -> Iterator[Row]:
        for number, line in enumerate(self._lines()):
            if number:
                yield parse_row(line)

    def own_rows(self) -> tuple[Row, Row]:
        """Where SHA256SUMS and the manifest lie, which have no rows of their own."""
        with self.named():
            return self._own_row(SUMS), self._own_row(MANIFEST)

    def _own_row(self, name: str) -> Row:
        start = self._manifest[0] if name == MANIFEST else self.head["bytes"]
        header = self._manifest[1] if name == MANIFEST else self._header(start)
        if header.name != name_bytes(f"{self.prefix}/{name}") or not self.frames.begins(start):
            raise IntegrityError(f"{name} is not where the manifest says, at byte {start:,} of the tar stream")
        return {"path": name, "header": start, "offset": start + header.length, "size": header.size}

    # -- members

    def content(self, row: Row) -> Iterator[bytes]:
        """The data of a row, in pieces. The last piece is given only when the checksum of all has been found right."""
        with self.named():
            if isinstance(row.get("link"), str):
                row = self.find(row["link"]) or row
            if "header" not in row:
                raise IntegrityError(f"nothing lies in the bundle for {shown(str(row.get('path', row.get('source'))))}")
            try:
                yield from self._data(row)
            except BundleError as error:
                raise type(error)(f"{shown(row['path'])}: {error}") from None

    def header(self, row: Row) -> Header:
        """The tar header of a row, which must agree with it."""
        with self.named():
            try:
                header = self._header(row["header"])
                self._agree(row, header)
            except BundleError as error:
                raise type(error)(f"{shown(row['path'])}: {error}") from None
            return header

    def _data(self, row: Row) -> Iterator[bytes]:
        header = self._header(row["header"])
        self._agree(row, header)
        sha, held = hashing.sha256(), b""
        for piece in self.frames.read(row["offset"], row["size"]):
            if held:
                yield held
            sha.update(piece)
            held = piece
        if row.get("sha256") not in (None, sha.hexdigest()):
            raise IntegrityError(f"it does not match its checksum, at byte {row['header']:,}")
        if held:
            yield held

    def _agree(self, row: Row, header: Header) -> None:
        """A row must say what the tar header says. Rows without a checksum: our own, and answers whose reader was lost."""
        if header.name != name_bytes(f"{self.prefix}/{row['path']}"):
            raise IntegrityError(f"its tar header, at byte {row['header']:,}, has another name: {shown(header.name)}")
        if (header.size, header.length) != (row["size"], row["offset"] - row["header"]):
            raise IntegrityError(f"its tar header, at byte {row['header']:,}, has another size: {header.size:,} bytes, not {row['size']:,}")
        if row.get("sha256") is None and row["path"] not in (SUMS, MANIFEST) and "short" not in row:
            raise IntegrityError("the manifest gives no checksum for it")

    def _header(self, position: int) -> Header:
        """The tar header that begins at this byte of the stream."""
        length = header_length(b"".join(self.frames.read(position, BLOCK)))
        return parse_header(b"".join(self.frames.read(position, length)))

    # -- checking

    def verify(self, progress: Progress = no_progress) -> Report:
        """All of section 5 of FORMAT.md. Raises `IntegrityError` or `FormatError` if anything is wrong."""
        report = self.survey(progress)
        if report.broken:
            raise self.broken(report)
        return report

    def broken(self, report: Report) -> IntegrityError:
        """The error that the damages of a report amount to."""
        first = report.damages[0]
        text = f"{self.name} is damaged: member {first.number:,} of {report.members:,} ({shown(first.path)}): {first.why}"
        others = f"; {report.broken - 1:,} more are damaged" if report.broken > 1 else ""
        whole = max(0, report.members - report.broken)
        return IntegrityError(
            text + others, f"the other {whole:,} members are whole; ask for the file again, or `diagbundle unpack` what there is"
        )

    def survey(self, progress: Progress = no_progress) -> Report:
        """The same in one pass, but damaged members are listed; raises only where the parts of the file contradict each other."""
        with self.named():
            head = self.head
            report = Report(self.frames.plain[-1], len(self.frames), complete=head["complete"], reason=str(head.get("reason") or ""))
            names = Names()
            names.add(name_bytes(SUMS))
            names.add(name_bytes(MANIFEST))
            sums, end = self._sums(report), 0
            for row in self._rows():
                report.count(row)
                if "header" in row:
                    report.members += 1
                    self._place(row, end, names, report)
                    sums = self._check(row, sums, report)
                    end = row["offset"] + row["size"] + padding(row["size"])
                    progress(end, report.bytes)
            self._check_end(end, next(sums, None) if sums else None, report)
            self._check_head(report)
            progress(report.bytes, report.bytes)
            return report

    def _place(self, row: Row, end: int, names: Names, report: Report) -> None:
        """Rows tile the stream, and no name stands twice."""
        where = f"member {report.members:,} of {self.head['members']:,} ({shown(row['path'])})"
        if row["header"] != end:
            raise IntegrityError(f"{where} begins at byte {row['header']:,}, but the one before it ends at byte {end:,}")
        if report.members > MAX_MEMBERS:
            raise FormatError(f"more than {MAX_MEMBERS:,} members")
        fault = names.add(name_bytes(row["path"]))
        if fault:
            raise FormatError(f"{where} has a name {fault}")

    def _check(self, row: Row, sums: Iterator[bytes] | None, report: Report) -> Iterator[bytes] | None:
        """Header, data, padding and the line of SHA256SUMS of one member."""
        before = report.broken
        try:
            counts = [text.feeds(piece) for piece in self._data(row)]
            if row.get("lines") not in (None, counts):
                raise IntegrityError("the manifest says that other numbers of line feeds lie in its frames")
            self._zeros(row["offset"] + row["size"], padding(row["size"]))
        except FormatError as error:
            raise FormatError(f"member {report.members:,} of {self.head['members']:,} ({shown(row['path'])}): {error}") from None
        except BundleError as error:
            report.lose(report.members, row, str(error))
        if sums is None or row.get("sha256") is None:
            return sums
        try:
            line = next(sums, b"")
        except BundleError as error:
            report.lose(self.head["members"] + 1, self._own_row(SUMS), str(error))
            return None
        if line != sums_line(row["path"], row["sha256"])[:-1] and report.broken == before:
            raise IntegrityError(f"SHA256SUMS does not say of {shown(row['path'])} what the manifest says")
        return sums

    def _sums(self, report: Report) -> Iterator[bytes] | None:
        """The lines of SHA256SUMS, or nothing where it is damaged."""
        row: Row = {"path": SUMS, "header": self.head["bytes"]}
        try:
            row = self._own_row(SUMS)
        except FormatError:
            raise
        except BundleError as error:
            report.lose(self.head["members"] + 1, row, str(error))
            return None
        return split(blocks(self.frames, row["offset"], row["size"]))

    def _zeros(self, start: int, size: int) -> None:
        if any(any(piece) for piece in self.frames.read(start, size)):
            raise IntegrityError(f"there is something where only filling should be, at byte {start:,}")

    def _check_end(self, end: int, line: bytes | None, report: Report) -> None:
        """SHA256SUMS behind the last member, the manifest behind that, then the tar's end and nothing more."""
        if end != self.head["bytes"]:
            raise IntegrityError(f"the last member ends at byte {end:,}, SHA256SUMS begins at byte {self.head['bytes']:,}")
        if line is not None:
            raise IntegrityError(f"SHA256SUMS has a line too many: {shown(line[:200])}")
        if all(damage.path != SUMS for damage in report.damages):
            end = self._behind(self._own_row(SUMS))
            if end != self._manifest[0]:
                raise IntegrityError(f"SHA256SUMS ends at byte {end:,}, the manifest begins at byte {self._manifest[0]:,}")
        end = self._behind(self._own_row(MANIFEST))
        if end + len(END) != report.bytes:
            raise IntegrityError(f"the archive ends at byte {end + len(END):,}, the stream at byte {report.bytes:,}")
        self._zeros(end, len(END))

    def _behind(self, row: Row) -> int:
        end: int = row["offset"] + row["size"]
        self._zeros(end, padding(row["size"]))
        return end + padding(row["size"])

    def _check_head(self, report: Report) -> None:
        """What the head counts."""
        frames = bisect_left(self.frames.plain, self.head["bytes"])
        seen = {"members": report.members, "frames": frames, "outcomes": dict(report.outcomes)}
        for key, value in seen.items():
            if self.head[key] != value:
                raise IntegrityError(f"the manifest's head says {key}: {shown(str(self.head[key])[:200])}, but it is {value}")
        lost = sum(report.outcomes[outcome] for outcome in _LOSSES)
        if report.complete and lost:
            raise IntegrityError(f"the manifest's head says that it is complete, but {lost:,} answers were not had")

    # -- the manifest

    def _find_manifest(self) -> tuple[int, Header]:
        """Walk back to the frame with the manifest's header: a frame in the middle of it holds no NUL byte, so no header."""
        last = len(self.frames) - 1
        for index in range(last, max(-1, last - MAX_WALK), -1):
            start = self.frames.plain[index]
            if self.frames.plain[-1] - start > MAX_MANIFEST + (1 << 24):
                break
            block = self.frames.frame(index)[:BLOCK]
            try:
                header_length(block)
            except BundleError:
                continue
            header = self._header(start)
            if header.name.partition(b"/")[2] != name_bytes(MANIFEST):
                break
            if header.size > MAX_MANIFEST:
                raise FormatError(f"a manifest of {header.size:,} bytes; allowed are {MAX_MANIFEST:,}")
            return start, header
        raise FormatError(f"it does not end with {MANIFEST}, so it is no bundle")

    def _head(self) -> Row:
        head = parse_object(next(self._lines(), b""))
        version = head.get("format")
        if version != FORMAT:
            raise _version_error(version)
        prefix = head.get("prefix")
        if not isinstance(prefix, str) or self._manifest[1].name != name_bytes(f"{prefix}/{MANIFEST}"):
            raise IntegrityError(f"the manifest lies below another directory than its head says: {shown(str(prefix)[:200])}")
        for key in ("members", "frames", "bytes"):
            if type(head.get(key)) is not int or head[key] < 0:
                raise FormatError(f"the manifest's head has no number of {key}")
        if type(head.get("complete")) is not bool or not isinstance(head.get("outcomes"), dict):
            raise FormatError("the manifest's head does not say whether it is complete, or has no outcomes")
        return head

    def _lines(self) -> Iterator[bytes]:
        return split(self._blocks())

    def _blocks(self) -> Iterator[bytes]:
        start, header = self._manifest
        return blocks(self.frames, start + header.length, header.size)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Errors from within name the file, once."""
        try:
            yield
        except BundleError as error:
            if str(error).startswith(f"{self.name} is "):
                raise
            refused = isinstance(error, FormatError)
            hint = error.hint or (FOREIGN if refused else SALVAGE)
            raise type(error)(f"{self.name} is {'refused' if refused else 'damaged'}: {error}", hint) from None


def _version_error(version: object) -> FormatError:
    if isinstance(version, str) and re.fullmatch(r"diagbundle/[0-9]{1,9}", version):
        return FormatError(f"its format is {version}, and this program knows {FORMAT}", "install a newer diagbundle")
    return FormatError("its manifest does not name the format, so it is no bundle")
