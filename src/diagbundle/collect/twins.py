"""No two members of a bundle have one name, and none is the folder of another: a child cannot know which names others take meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

from diagbundle.bundle.format import bundle_path, header, renamed
from diagbundle.bundle.pack import Frame, Member, compressor
from diagbundle.bundle.trim import drop_member
from diagbundle.bundle.writer import answer_at, answered


class Twins:
    """Gives members another name where theirs is taken. `taken` are the names in the bundle, each with what it answers."""

    def __init__(self, prefix: str, taken: Mapping[str, str]) -> None:
        self.prefix, self.taken = prefix, taken
        self._folders: set[str] = set()

    def large(self, frame: Frame) -> tuple[Frame, Member]:
        """The first frame of a large member, with another name where this one is taken; its header is all it holds."""
        begins = frame.begins or {}
        name = self._free(begins["path"])
        if name == begins["path"]:
            return frame, {}
        head = header(f"{self.prefix}/{name}", begins["size"], begins.get("mtime", 0))
        change = {"path": name, "offset": len(head)}
        return Frame(compressor().compress(head), len(head), begins=begins | change), change

    def small(self, frame: Frame) -> Frame:
        """Members whose names are taken: left out where the same was asked there, else with another name."""
        twice: set[int] = set()
        renamed_to: dict[int, str] = {}
        for index, row in enumerate(frame.rows):
            if "header" not in row:
                continue
            if answer_at(self.taken, row["path"]) == answered(row):
                twice.add(index)
            elif (name := self._free(row["path"])) != row["path"]:
                renamed_to[index] = name
        return drop_member(frame, twice, renamed_to, self.prefix) if twice or renamed_to else frame

    def _free(self, path: str) -> str:
        """This name, or the next one that is free. Its folders are no names any more."""
        name, number = path, 1
        while name in self.taken or name in self._folders:
            number += 1
            name = bundle_path(f"{path}.{number}")
        return name if self._add_folders(name) else renamed(path)

    def _add_folders(self, name: str) -> bool:
        """Whether none of its folders is the name of a member."""
        folder = name.rpartition("/")[0]
        while folder and folder not in self._folders:
            if folder in self.taken:
                return False
            self._folders.add(folder)
            folder = folder.rpartition("/")[0]
        return True
