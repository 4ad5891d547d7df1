"""What those who judge claims may look at: the pieces of evidence, the facts, and a search in all logs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from diagbundle.analyse.claims.claim import Claim
from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.evidence.document import Document, Line, Row, take
from diagbundle.analyse.evidence.entry import START, Entry, Evidence, Index
from diagbundle.analyse.fact import Fact, latest
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.log.found import Finder
from diagbundle.analyse.log.hearing import Ears, Heard
from diagbundle.analyse.registry import LogParser
from diagbundle.analyse.verdict import Origin
from diagbundle.errors import BundleError

F = TypeVar("F", bound=Fact)
_LIMIT = 16 << 20
"""Bytes of a piece that are looked at."""


class Desk:
    """One host's evidence, spread out."""

    def __init__(self, claims: Sequence[Claim], analysis: Analysis, evidence: Evidence, finder: Finder) -> None:
        self.claims, self.analysis, self.evidence, self._finder = claims, analysis, evidence, finder
        self._heard: Heard | None = None
        self.index = Index(evidence.entries)
        self._read = lru_cache(64)(self._document)

    @property
    def about(self) -> About:
        """The host as a whole."""
        return self.analysis.about

    def facts(self, kind: type[F]) -> list[F]:
        """Facts of a type, as they stood at the end."""
        return latest(fact for fact in self.analysis.facts.get(kind, []) if isinstance(fact, kind))

    def entries(self, *patterns: str) -> list[Entry]:
        """What was asked that matches, first by pattern, whether it was had or not."""
        return self.index.matching(patterns)

    def documents(self, *patterns: str) -> Iterator[Document]:
        """What was had that matches, first by pattern."""
        for entry in self.entries(*patterns):
            if entry.there and not entry.path.startswith(START) and (document := self._read(entry)):
                yield document

    def document(self, *patterns: str) -> Document | None:
        """The first that was had and is not empty."""
        return next((each for each in self.documents(*patterns) if each.text.strip()), None)

    def _document(self, entry: Entry) -> Document | None:
        try:
            data, is_cut = take(self.evidence.blocks(entry), _LIMIT)
        except BundleError:
            return None
        return Document(entry, data, is_cut=is_cut)

    def lines(self, *patterns: str) -> Iterator[Line]:
        """The lines of all that was had and matches."""
        for document in self.documents(*patterns):
            yield from document.lines

    def rows(self, *patterns: str) -> Iterator[Row]:
        """The rows of tables; a table is read as far as it is one."""
        for document in self.documents(*patterns):
            try:
                yield from document.rows
            except BundleError:
                continue

    def find(self, pattern: str, *where: str) -> tuple[re.Match[str], Line] | None:
        """The first line in which a pattern is found, and what it found."""
        return next(self.find_all(pattern, *where), None)

    def find_all(self, pattern: str, *where: str) -> Iterator[tuple[re.Match[str], Line]]:
        """Each line in which a pattern is found."""
        wanted = re.compile(pattern)
        for line in self.lines(*where):
            if found := wanted.search(line):
                yield found, line

    @staticmethod
    def origin(entry: Entry, text: str) -> Origin:
        """A piece as a whole."""
        return Origin(entry.path, 0, text, entry.started)

    def why(self, what: str, *patterns: str) -> str:
        """Why nothing is known: what was asked for, and what came of it."""
        for entry in self.entries(*patterns):
            if entry.is_struck:
                return f"nothing tells {what}: {entry.source or entry.path} was struck out before it left"
            if not entry.there and entry.outcome not in ("absent", "skipped", ""):
                words = {"denied": "was denied", "timeout": "did not answer in time", "failed": "failed"}.get(entry.outcome, entry.outcome)
                return f"nothing tells {what}: {entry.source or entry.path} {words}"
        return f"nothing that was collected tells {what}"

    def heard(self, listeners: Callable[[], Sequence[LogParser]]) -> Heard:
        """What listeners make of all logs; the logs are gone through once, whoever asks."""
        if self._heard is None:
            self._heard = Ears(self.evidence, self.index, self.about, self._finder).hear(listeners())
        return self._heard
