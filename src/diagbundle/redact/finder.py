"""Asks patterns at their anchors: one pass for all anchors, then each pattern where one of its own stands."""

from __future__ import annotations

from collections.abc import Sequence

from diagbundle.redact.scan import scanner
from diagbundle.redact.span import MARK, MARKER, Find, Literal, Pattern, Span


class Finder:
    """What a list of patterns finds in a text."""

    def __init__(self, patterns: Sequence[Pattern], *, pure: bool = False) -> None:
        """`pure` does without C."""
        self.patterns = patterns
        by_literal: dict[Literal, list[int]] = {Literal(MARK): []}  # the first one: at the same place, it comes before the others
        for number, pattern in enumerate(patterns):
            for literal in pattern.anchors:
                by_literal.setdefault(literal, []).append(number)
        self._asked: list[tuple[tuple[int, Find, bool], ...]] = [
            tuple((number, patterns[number].find, patterns[number].inside) for number in numbers) for numbers in by_literal.values()
        ]
        self._scanner = scanner(list(by_literal), pure=pure)
        self.trying = ""
        """The pattern that failed, for whoever has to say so."""

    def may_find(self, data: bytes) -> bool:
        """Whether any pattern would be asked about this text."""
        return any(True for _ in self._scanner.anchors(data))

    def spans(self, window: bytes, done: int = 0) -> list[Span]:
        """What the patterns find from `done` on. An anchor within a secret counts only for a pattern that may see further.

        One within a marker, whose kind may be a telling name, never does.
        """
        asked, found = self._asked, list[Span]()
        begin = end = marked = number = 0  # of the secret that reaches furthest; of the last marker
        own: dict[int, int] = {}
        try:
            for at, literal in self._scanner.anchors(window, done):
                if at < marked:
                    continue
                if not literal and (marker := MARKER.match(window, at)):
                    marked = marker.end()
                for number, find, inside in asked[literal]:
                    if at < end and (at < own.get(number, 0) or (begin <= at and not inside)):
                        continue
                    for span in find(window, at):
                        found.append(span)
                        if span.start <= at:
                            own[number] = max(own.get(number, 0), span.end)
                        if span.end > end:
                            begin, end = span.start, span.end
        except Exception:
            self.trying = self.patterns[number].name
            raise
        return found
