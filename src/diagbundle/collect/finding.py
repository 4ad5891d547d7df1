"""What lies behind a file's pattern: read by this child, dealt out to several where it is much, or only named."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from diagbundle.bundle.writer import key
from diagbundle.collect.wire import DEAL
from diagbundle.errors import SourceError
from diagbundle.host import file_type, has_magic, no_fault
from diagbundle.model import File, Outcome

if TYPE_CHECKING:
    from diagbundle.collect.child import Child

OPENING = 10.0
"""Seconds in which a file must be open, and a directory answer: waiting longer is for what has begun to answer."""
GRACE = 2.0
"""Seconds after its deadline in which a child may end a source by itself."""
DEAL_BYTES, DEAL_FILES = 32 << 20, 1500
"""More than this behind one pattern is dealt out to several children."""
DEAL_BATCH = 5000


def find(child: Child, source: File) -> None:
    """Every file behind a path, which may be a pattern."""
    if child.job.dealt or not has_magic(source.path):
        child.fetched.add(source.path)
        child.send(source, child.file)
    elif key("glob", source.path) not in child.job.skip:
        Finding(child, source).run()


class Finding:
    """One pattern under way."""

    def __init__(self, child: Child, source: File) -> None:
        self.child, self.host, self.source = child, child.host, source
        self.found: list[tuple[str, int, float]] = []
        """Path, size and last change of the regular files."""
        self.links: list[str] = []
        self.missed = 0
        """Folders that the pattern leads into and that could not be listed."""

    def run(self) -> None:
        """Look, then fetch."""
        child, source = self.child, self.source
        child.packer.flush()  # a hang in looking does not cost what is had
        child.at(f"glob:{source.path}", child.job.timeout)
        matches = 0
        self.host.unlisted = self._unlisted
        for path in self.host.glob(source.path):
            child.clock.check()
            matches += 1
            self._sort_in(path)
        self.host.unlisted = no_fault
        if not matches and not self.missed:
            child.rows.note("file", source.path, Outcome.ABSENT, "nothing matches")
        if len(self.found) > DEAL_FILES or sum(size for _, size, _ in self.found) > DEAL_BYTES:
            self._deal()
        for path, _, _ in self.found:
            child.fetched.add(path)
            child.send(File(path, timeout=source.timeout), child.file)
        for path in self.links:
            self._link(path)

    def _deal(self) -> None:
        """To be read by several."""
        for start in range(0, len(self.found), DEAL_BATCH):
            whole = [self.source.path] if start + DEAL_BATCH >= len(self.found) else []  # the last ones of this pattern
            batch = {"timeout": self.source.timeout, "files": self.found[start : start + DEAL_BATCH], "whole": whole}
            self.child.sender.value(DEAL, batch)
        self.found = []

    def _unlisted(self, directory: str, error: SourceError) -> None:
        """A directory that a pattern leads into and that cannot be listed: what lies there is lost, and nobody knows how much."""
        if error.outcome is Outcome.ABSENT:
            return
        self.missed += 1
        asked = key("file", directory)
        if error.outcome is not Outcome.TIMEOUT and asked not in self.child.job.skip:  # a timeout has its row already
            self.child.job.skip.add(asked)
            self.child.rows.note("file", directory, error.outcome, f"this folder cannot be listed: {error}")

    def _sort_in(self, path: str) -> None:
        """One match of a pattern: to be read, a link, or something that is only named."""
        if key("file", path) in self.child.job.skip or path in self.child.fetched:
            return
        self.child.at(key("file", path), OPENING + GRACE)
        try:
            status = self.host.lstat(path)
        except SourceError as error:
            self.child.rows.note("file", path, error.outcome, str(error))
            return
        if stat.S_ISREG(status.st_mode):
            self.found.append((path, status.st_size, status.st_mtime))
        elif stat.S_ISLNK(status.st_mode):
            self.links.append(path)
        elif not stat.S_ISDIR(status.st_mode):
            self.child.rows.note("file", path, Outcome.SKIPPED, f"not a regular file: {file_type(status.st_mode)}")

    def _link(self, path: str) -> None:
        """A link found by a pattern: only named where its end lies below the same folder, or is a folder."""
        child, asked = self.child, key("file", path)
        if asked in child.job.skip:
            return
        child.at(asked, OPENING + GRACE)
        target = self.host.readlink(path)
        if not (reason := self._why_not_followed(path)):
            child.about = f"a link to {target}"
            child.send(replace(self.source, path=path), child.file)
            child.about = ""
            return
        child.rows.start()
        row = child.rows.begin("file", path)
        row["target"] = target
        child.rows.without_member(row, Outcome.SKIPPED, reason)

    def _why_not_followed(self, path: str) -> str:
        top = re.split(r"[^/]*[*?\[]", self.source.path, maxsplit=1)[0]
        try:
            real = self.host.path(path)
        except SourceError as error:
            return f"a link: {error}"
        if real.startswith(f"{self.host.root.rstrip('/')}{top.rstrip('/')}/"):
            return "a link to something that is collected itself"
        if "**" in self.source.path and not self.source.follow:
            return "a link, not followed"
        return "a link to a folder" if os.path.isdir(real) else ""
