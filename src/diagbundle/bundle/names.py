"""Whether names can stand beside each other: none twice, none that is the folder of another."""

from __future__ import annotations

from diagbundle.bundle.format import MAX_MEMBERS


class Names:
    """The names seen so far, and their folders."""

    def __init__(self) -> None:
        # hashes, not names: five million names would not fit; keyed anew in every process, they do not meet by chance or intent
        self._files: set[int] = set()
        self._folders: set[int] = set()

    def add(self, name: bytes) -> str:
        """Why this name cannot stand beside the others, or ''."""
        key = hash(name)
        if key in self._files:
            return "that stands twice"
        self._files.add(key)
        return "that is the folder of another" if key in self._folders else self._add_folders(name)

    def _add_folders(self, name: bytes) -> str:
        at = name.rfind(b"/")
        while at > 0 and (key := hash(name[:at])) not in self._folders:
            if key in self._files:
                return "below that of another"
            if len(self._folders) >= MAX_MEMBERS:
                return f"in one of more than {MAX_MEMBERS:,} folders"
            self._folders.add(key)
            at = name.rfind(b"/", 0, at)
        return ""
