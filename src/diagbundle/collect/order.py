"""Frames of several children go into the bundle one behind the other; a large member keeps the output to itself until it is whole."""

from __future__ import annotations

import errno
from collections.abc import Callable

from diagbundle.bundle.pack import Frame, Member
from diagbundle.bundle.writer import BundleWriter, key
from diagbundle.collect.twins import Twins
from diagbundle.collect.worker import Worker
from diagbundle.model import Outcome


def not_further(error: OSError) -> str:
    """Why the output takes no more."""
    limit = " for the limit of this user (`ulimit -f`) or of the file system" if error.errno == errno.EFBIG else ""
    return f"the bundle could not be written further: {error.strerror}{limit}"


class Order:
    """Who may write now, and what becomes of what there is no room for."""

    def __init__(self, writer: BundleWriter) -> None:
        self.writer = writer
        self.twins = Twins(writer.prefix, writer.names)
        self.owner: Worker | None = None
        """Whose large member is under way."""
        self.full = ""
        """Why the output takes no more, once it does not."""
        self.unread = 0
        """Bytes of files that were not read for want of room."""
        self.on_row: Callable[[Member], None] = lambda _row: None
        self.on_full: Callable[[OSError], str] = not_further
        """Told when the output takes no more; says why."""

    def is_free_for(self, worker: Worker) -> bool:
        """Whether this child's frames may be written."""
        return self.owner in (None, worker)

    def write(self, worker: Worker, frame: Frame) -> None:
        """One frame into the bundle; a large member keeps the output to itself until it is whole."""
        if worker.dropping:
            worker.dropping = not frame.rows
            return
        if frame.begins is not None:
            frame, worker.renamed = self.twins.large(frame)
        elif self.owner is not worker:
            frame = self.twins.small(frame)
        elif frame.rows:
            frame.rows[0].update(worker.renamed)
        try:
            if not self.full:
                self.writer.add(frame)
        except OSError as error:
            self.full = self.on_full(error)
        for row in self._squeeze(worker, frame) if self.full else frame.rows:
            self._tell(worker, row)
        self.owner = worker if self.writer.in_member else None

    def _squeeze(self, worker: Worker, frame: Frame) -> list[Member]:
        """The output takes no more: what there is still room for. The frame's rows, as they stand in the manifest now."""
        of_large = frame.begins is not None or self.writer.in_member
        worker.dropping = of_large and not frame.rows
        lost = self.writer.squeeze(frame, self.full)
        self.end(worker, self.full, Outcome.PARTIAL)
        return lost if of_large else frame.rows

    def _tell(self, worker: Worker, row: Member) -> None:
        """Its member is in the bundle, or is known not to be: each row is told once."""
        self.on_row(row)
        worker.done.add(key(row["kind"], row["source"]))
        worker.read += row.get("size", 0)

    def end(self, worker: Worker, reason: str, outcome: Outcome) -> None:
        """Fill the large member under way; where even that has no room, cut the bundle back to before it."""
        self.owner = None
        try:
            row = self.writer.abandon(reason, outcome)
        except OSError as error:
            if self.writer.can_retreat:
                self.full = self.full or self.on_full(error)
                row = self.writer.retreat(self.full)
            else:  # then the room that was kept for the end is there to be used
                why = self.on_full(error)
                self.full = self.full or why
                row = self.writer.abandon(reason, outcome)
        if row:
            self._tell(worker, row)
            self.unread += (row.get("size", 0) - row.get("short", 0)) if self.full else 0
