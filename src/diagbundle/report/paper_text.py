"""The paper that is approved, on a screen: two of them full, unless all is asked for."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from diagbundle.bundle.escape import shown
from diagbundle.bundle.manifest import Row
from diagbundle.numbers import amount, counted
from diagbundle.report.leaving import Group
from diagbundle.report.paper import BINDS, NEVER, Paper

Items = Callable[[Group], Iterator[tuple[Row, int]]]
Paint = Callable[[str, str], str]
"""(text, what it is) -> the text, coloured or not."""
_INDENT, _COUNT = 11, 9
_KINDS, _FILES, _LOOK, _REASONS = 4, 3, 5, 3
_NEXT = {
    "--html": "writes this as a page to print and sign", "--all": "names every item",
    "--remove PATH": "writes another bundle without PATH and every copy of it",
}  # fmt: skip


class PaperText:
    """Writes lines of a width, without their ends."""

    def __init__(self, paper: Paper, width: int, paint: Paint, items: Items | None = None) -> None:
        """`items` lists every item; without it a summary is written."""
        self._paper, self._width, self._paint, self._items = paper, max(60, width), paint, items

    def lines(self) -> Iterator[str]:
        """All of it."""
        yield self._paint("What leaves with this file, for whoever has to approve it", "head")
        yield from self._file()
        yield from self._secrets()
        yield from self._labelled("names", self._paper.names())
        yield ""
        for group in self._paper.leaving.groups:
            yield from self._group(group)
        yield from self._not_in_it()
        yield ""
        for words, what in _NEXT.items():
            yield from textwrap.wrap(f"  `diagbundle review FILE {words}` {what}", self._width, subsequent_indent="    ")

    def _labelled(self, label: str, text: str, what: str = "") -> Iterator[str]:
        wrapped = textwrap.wrap(shown(text), self._width - _INDENT) or [""]
        for number, line in enumerate(wrapped):
            yield self._paint(f"{label if not number else '':<{_INDENT}}", "label") + (self._paint(line, what) if what else line)

    def _file(self) -> Iterator[str]:
        paper = self._paper
        yield from self._labelled("file", f"{paper.name}  {amount(paper.size)}, {amount(paper.leaving.size)} unpacked")
        halves = paper.groups_of_digits[:4], paper.groups_of_digits[4:]
        yield from self._labelled("SHA-256", " ".join(halves[0]))
        beside = "  agrees with the file .sha256 beside it" if paper.sidecar else ""
        yield from self._labelled("", " ".join(halves[1]) + beside)
        yield from self._labelled("", BINDS)
        yield from self._labelled("host", f"{paper.host}  {paper.system}")
        kit = f" for {paper.kit}" if paper.kit else ""
        made = f"{paper.created} to {paper.finished[11:] or '?'}, by {paper.by}, with diagbundle {paper.tool}{kit}"
        yield from self._labelled("collected", f"{made}; {f'case {paper.case}' if paper.case else 'no case number'}")
        yield from self._labelled("whole", "yes" if paper.complete else f"no: {paper.reason}")
        yield from self._labelled("protected", f"not encrypted; {f'signed: {paper.signature}' if paper.signature else 'not signed'}")
        if paper.leaving.removed:
            yield from self._labelled("struck", paper.struck())

    def _secrets(self) -> Iterator[str]:
        paper, told = self._paper, self._paper.leaving
        yield from self._labelled("hidden", paper.hidden(), "critical" if paper.is_open else "")
        kinds = paper.kinds_of(None if self._items or len(told.hidden) == _KINDS + 1 else _KINDS)
        if further := told.hidden[len(kinds) :]:
            kinds.append((sum(count for _, count in further), f"of {len(further):,} further kinds"))
        for count, word in kinds:
            indent = " " * (_INDENT + _COUNT + 2)
            yield from textwrap.wrap(shown(word), self._width, initial_indent=f"{count:>{_INDENT + _COUNT},}  ", subsequent_indent=indent)
        if told.hidden_in:
            yield from self._labelled("", "most in " + ", ".join(f"{path} ({count:,})" for path, count in told.hidden_in[:_FILES]))
        yield from self._suspects()

    def _suspects(self) -> Iterator[str]:
        told = self._paper.leaving
        if not told.suspect_count:
            return
        text = f"{counted(told.suspect_count, 'line')} that may hold a secret which was not recognised: look at each before you sign"
        yield from self._labelled("look at", text, "warning")
        named = told.suspects[: None if self._items else _LOOK]
        for path, line, why in named:
            yield f"{'':<{_INDENT}}{shown(path)}:{line}  {shown(why)}"
        if rest := told.suspect_count - len(named):
            yield f"{'':<{_INDENT}}and {rest:,} more" + ("" if self._items else ": --all names them")
        yield f"{'':<{_INDENT}}`diagbundle cat FILE PATH:LINE` shows such a line"

    def _group(self, group: Group) -> Iterator[str]:
        hidden = f", {group.hidden:,} hidden" if group.hidden else ""
        count = f"{counted(group.items, 'item')}, {amount(group.size)}{hidden}"
        title = shown(group.title)
        yield self._paint(title, "title") + " " * max(2, self._width - len(title) - len(count)) + count
        if self._items is None:
            yield from self._short(group)
            return
        yield f"  {shown(group.about)}"
        for sample in group.samples:
            yield f"  > {shown(sample.path)}:{sample.line}"
            yield f"    {shown(sample.text)}"
        for row, hidden_here in self._items(group):
            told = f"  {hidden_here:,} hidden" if hidden_here else ""
            yield f"  {row['size']:>14,}  {shown(row['path'])}{told}"

    def _short(self, group: Group) -> Iterator[str]:
        """What suffices to know whether one has to look closer."""
        yield f"  {_cut(shown(group.about), self._width - 2)}"
        if group.largest:
            largest = ", ".join(f"{shown(path)} ({amount(size)})" for path, size in group.largest[:2])
            yield f"  largest  {_cut(largest, self._width - _INDENT)}"
        for sample in group.samples[:1]:
            yield f"  a line   {_cut(shown(sample.text), self._width - _INDENT)}"

    def _not_in_it(self) -> Iterator[str]:
        yield ""
        yield self._paint("What is not in it", "title")
        yield from self._labelled("never", ", ".join(NEVER.values()))
        for count, word, reasons in self._paper.left_out(2 * _REASONS if self._items else _REASONS):
            why = "; ".join(f"{shown(reason)} ({times:,})" for reason, times in reasons)
            yield from self._labelled(f"{count:,}", f"{word}: {why}" if word.startswith(("were", "could", "did", "are")) else word)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 2] + " …"
