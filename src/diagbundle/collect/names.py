"""No two members of a bundle have one name: the children cannot know which names the others take meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

from diagbundle.bundle.format import bundle_path, header
from diagbundle.bundle.pack import Frame, Member, compressor
from diagbundle.bundle.trim import drop_member
from diagbundle.bundle.writer import answered


class Names:
    """Gives members another name where theirs is taken. `taken` are the names in the bundle, each with what it answers."""

    def __init__(self, prefix: str, taken: Mapping[str, str]) -> None:
        self.prefix, self.taken = prefix, taken

    def unique(self, frame: Frame) -> tuple[Frame, Member]:
        """The first frame of a large member, with another name where this one is taken; its header is all it holds."""
        begins = frame.begins or {}
        name = self._free(begins["path"])
        if name == begins["path"]:
            return frame, {}
        head = header(f"{self.prefix}/{name}", begins["size"], begins.get("mtime", 0))
        change = {"path": name, "offset": len(head)}
        return Frame(compressor().compress(head), len(head), begins=begins | change), change

    def without_twins(self, frame: Frame) -> Frame:
        """Small members whose names are taken: left out where the same was asked there, else with another name."""
        taken = {i: row for i, row in enumerate(frame.rows) if "header" in row and row["path"] in self.taken}
        if not taken:
            return frame
        twice = {i for i, row in taken.items() if self.taken[row["path"]] == answered(row)}
        renamed = {i: self._free(row["path"]) for i, row in taken.items() if i not in twice}
        return drop_member(frame, twice, renamed, self.prefix)

    def _free(self, path: str) -> str:
        name, number = path, 1
        while name in self.taken:
            number += 1
            name = bundle_path(f"{path}.{number}")
        return name
