"""One of the two sides: its evidence, its facts, and what is known of what it lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.document import loads, take
from diagbundle.analyse.evidence.entry import Entry, Evidence, Index
from diagbundle.analyse.missing.gathered import gatherers
from diagbundle.errors import BundleError

MAX_TEXT = 1 << 20
"""Bytes of a file that are compared; of a longer one only whether it is the same so far."""
_CONFIG = "diagbundle/config.json"


class Side:
    """Evidence with what was made of it."""

    def __init__(self, name: str, evidence: Evidence, analysis: Analysis) -> None:
        self.name = name
        self.evidence = evidence
        self.analysis = analysis
        self.about = analysis.about
        self.index = Index(evidence.entries)
        failed = {each.source for each in evidence.entries if each.kind == "collector" and each.outcome != "collected"}
        self.ran = {each.collector for each in evidence.entries if each.collector} - failed
        """Collectors that came to their end; empty where nobody wrote down what was asked."""

    def text(self, path: str, limit: int = MAX_TEXT) -> bytes | None:
        """The beginning of a piece; None where it is not there, or damaged."""
        entry = self.index.by_path.get(path)
        if entry is None or not entry.there:
            return None
        try:
            return take(self.evidence.blocks(entry), limit + 1)[0]
        except BundleError:
            return None

    def word(self, path: str) -> str:
        """A small file as one word; '' where it is not there."""
        return (self.text(path, 4096) or b"").decode("utf-8", "replace").strip()

    def had(self, pattern: str, other: Side) -> list[Entry] | str:
        """The pieces at a pattern; none where the host has nothing of it; or why it cannot be known what it has."""
        entries = self.index.matching([pattern])
        there = [each for each in entries if each.there and each.path not in self.analysis.unparsed]
        if there:
            return there
        for each in entries:
            why = self.analysis.unparsed.get(each.path)
            return f"{each.path} could not be read: {why}" if why else _why(each)
        if not self.ran and not other.ran:  # two trees: what is not there does not exist
            return [] if _is_wild(pattern) else f"{pattern} is not there"
        knows = self.evidence.head.tool == other.evidence.head.tool and any(name in self.ran for name in gatherers(pattern))
        return [] if knows and _is_wild(pattern) else f"{pattern} was not collected"

    def lacks(self, entry: Entry, other: Side) -> str:
        """Why it cannot be known whether it has what the other one has at a path; '' where it has no such file."""
        mine = self.index.by_path.get(entry.path)
        if mine is not None:
            return "" if mine.outcome == "absent" else _why(mine)
        if self.ran:
            return "" if entry.collector in self.ran else f"{entry.path} was not collected"
        return "" if not other.ran else f"{entry.path} is not there, and nobody wrote down whether it was asked for"

    @cached_property
    def has_standins(self) -> bool:
        """Whether names and addresses were replaced (`--pseudonyms`)."""
        try:
            settings = loads((self.text(_CONFIG) or b"{}").decode("utf-8", "replace"))
        except BundleError:
            return False
        return isinstance(settings, dict) and settings.get("pseudonyms") is True

    @cached_property
    def machine_id(self) -> str:
        """What was given to the host when it was installed; '' where it is not known."""
        found = self.word("etc/machine-id")
        return found if re.fullmatch(r"[0-9a-f]{32}", found) else ""

    @cached_property
    def boot_id(self) -> str:
        """What the kernel gave itself at its start."""
        return self.evidence.head.boot_id or self.word("proc/sys/kernel/random/boot_id")

    @cached_property
    def short_name(self) -> str:
        """The host's name, up to its first dot."""
        return self.about.name.partition(".")[0].lower()

    def facts_of(self, kind: type) -> Sequence[object]:
        """All facts of a type, but for the first readings of samples."""
        return [each for each in self.analysis.facts.get(kind, ()) if not each.is_start]


def _is_wild(pattern: str) -> bool:
    return any(character in pattern for character in "*?[")


def _why(entry: Entry) -> str:
    """In the manifest's words."""
    return ": ".join(filter(None, (entry.source or entry.path, entry.outcome, entry.reason)))
