"""How the evidence was collected: by whom, with which settings, and which collectors came to their end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.document import Document, take
from diagbundle.analyse.evidence.entry import Evidence, Index
from diagbundle.analyse.verdict import Origin
from diagbundle.bundle.format import MANIFEST, OWN
from diagbundle.errors import BundleError

CONFIG = f"{OWN}/config.json"
SELF = f"{OWN}/tables/self"
_SMALL = 1 << 20


class Circumstances:
    """Of one collection."""

    def __init__(self, evidence: Evidence, analysis: Analysis) -> None:
        self.evidence, self.analysis = evidence, analysis
        self.index = Index(evidence.entries)
        self.is_ours = bool(evidence.head.tool) or MANIFEST in self.index.by_path
        self.broken = {entry.source: entry for entry in evidence.entries if entry.kind == "collector" and entry.outcome != "collected"}
        self._config = self._read_config()
        self.ran = frozenset(self._ran())
        """Collectors that were to run."""
        self.uid = self._uid()
        """Who collected it; None where it is not known."""

    @property
    def is_cut(self) -> bool:
        """Whether the run was ended before all was asked: too large, too long, no room, or a signal."""
        head = self.evidence.head
        return not head.complete and "could not be had, or not whole" not in head.reason

    def did_run(self, name: str) -> bool:
        """Whether a collector ran to its end."""
        return name in self.ran and name not in self.broken

    def setting(self, name: str) -> str:
        """A setting of the run; '' where it is not known."""
        value = self._config.get(name)
        return value if isinstance(value, str) else ""

    def origin(self, path: str) -> Origin:
        """A piece as a whole, where it is there; else the evidence as a whole."""
        entry = self.index.by_path.get(path)
        return Origin(path, 0, "", entry.started) if entry and entry.there else Origin(MANIFEST if self.is_ours else self.evidence.name)

    def _ran(self) -> Sequence[str]:
        names = self._config.get("collectors")
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
        return [entry.collector for entry in self.evidence.entries if entry.collector]

    def _read_config(self) -> Mapping[str, Any]:
        document = self._document(CONFIG)
        try:
            value = json.loads(document.text) if document else {}
        except (ValueError, RecursionError):
            value = {}
        return value if isinstance(value, dict) else {}

    def _uid(self) -> int | None:
        document = self._document(SELF)
        try:
            rights = next((row for row in document.rows if row["about"] == "rights"), None) if document else None
        except BundleError:
            return None
        words = rights.text("Uid").split() if rights else []
        return int(words[1]) if len(words) > 1 and words[1].isdecimal() and len(words[1]) < 12 else None  # noqa: PLR2004

    def _document(self, path: str) -> Document | None:
        entry = self.index.by_path.get(path)
        if entry is None or not entry.there:
            return None
        try:
            data, is_cut = take(self.evidence.blocks(entry), _SMALL)
        except BundleError:
            return None
        return Document(entry, data, is_cut=is_cut)
