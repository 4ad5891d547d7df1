"""Redaction of a stream: blocks with context on both sides, so that no secret is cut in two, wherever the reads were cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from diagbundle.errors import SourceFailed
from diagbundle.redact._texts import every
from diagbundle.redact.export import flattened
from diagbundle.redact.lazy import regex
from diagbundle.redact.opened import opened
from diagbundle.redact.second import Look
from diagbundle.redact.span import IDENTIFIERS, MARK, MARKER, Span, joined, line_at

if TYPE_CHECKING:
    from diagbundle.redact.redactor import Redactor

BLOCK = 1 << 20
"""Bytes that are looked at together; where the reads were cut does not matter."""
AROUND = 32 << 10
"""Bytes of context on both sides of a block: no pattern looks further."""
KERNEL = ("/proc/", "/sys/")
"""Files of the kernel: nobody can have written a secret there that has no name, and there are very many of them."""
_SHIFT = 4 << 10
"""Bytes in which a line without an end is cut at a blank."""
_GOES_ON = regex(rb"[A-Za-z0-9+/=_.~%\\-]*")
_BLANK = regex(rb"[\s,;\"'](?=[^\s,;\"']*\Z)")

Rows = Callable[[bytes], Iterable[Span]]
_NEWLINE = 0x0A
_ALONE = IDENTIFIERS | {"email", "card", "iban"}
"""What is known by its own shape: what stands beside it is what it was."""


class Filter:
    """Redacts one stream. Call it with the chunks; afterwards `counts` says what was hidden."""

    fault = said = ""

    def __init__(self, redactor: Redactor, name: str = "") -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        """How many secrets of each kind were hidden, and how many identifiers replaced."""
        self._redactor = redactor
        self._look = Look() if redactor.look and not name.startswith(KERNEL) else None
        self._rows = redactor.rows(name)
        self._window = b""
        self._done = 0
        """Bytes of the window that have gone out: they are context only."""
        self._ahead: list[Span] = []
        """Spans behind the last cut that the next window may not find again: their anchors lie before it."""
        self._split = False
        """Whether the last cut went through a secret, one that is longer than a block: its marker is out."""

    def __call__(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same bytes without secrets. Raises `SourceFailed` where a pattern fails: nothing unredacted goes out."""
        return self._through(chunks)

    def _through(self, chunks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
        try:
            for pieces in _blocks(chunks):
                before = len(self._window)
                self._window = b"".join((self._window, *pieces))
                if len(self._window) - before == BLOCK:  # a shorter one is the last
                    yield from self._hide(last=False)
        except GeneratorExit:
            raise
        except BaseException:  # the time was over, or the run is ended: what was had until then is still worth having
            yield from self._hide(last=True)
            raise
        yield from self._hide(last=True)

    @property
    def suspects(self) -> list[dict[str, Any]]:
        """Lines of what went out that look as if a secret were left in them, as rows."""
        return [one.row() for one in self._look.lines()] if self._look else []

    def _hide(self, *, last: bool) -> Iterator[bytes]:
        """What may go out of the window."""
        size = len(self._window)
        try:
            spans = self._found()
            cut = size if last else self._cut(spans)
            text = self._again(*self._replaced(spans, cut))
        except Exception as error:  # bulkhead: whatever cannot be redacted does not leave
            raise SourceFailed(f"it could not be redacted: {type(error).__name__} at the pattern {self._redactor.trying}") from error
        if cut > self._done:
            if self._look:
                self._look.see(self.name, text)
            yield text
        self._split = any(span.start < cut < span.end for span in spans)
        keep = max(0, cut - AROUND)
        self._ahead = [_moved(span, keep) for span in spans if span.end > cut and (span.end < size or span.start < cut)]
        self._window, self._done = self._window[keep:], cut - keep

    def _found(self) -> list[Span]:
        """All spans from what is done to the window's end: sorted, disjoint, without what is a marker already."""
        window, done, spans = self._window, self._done, self._ahead
        if self._split and (until := _GOES_ON.match(window, spans[0].end)):
            spans[0] = spans[0]._replace(end=until.end())
        spans += self._redactor.spans(window, done)
        if self._rows:
            spans += [span for span in (_moved(span, -done) for span in self._rows(window[done:])) if not _on_marked(window, span)]
        return joined([span for span in spans if span.end > done and not _is_marked(window, span)])

    def _cut(self, spans: list[Span]) -> int:
        """How far what is known may go out: to the end of a line, with context behind it, and not within a secret."""
        window, most = self._window, len(self._window) - AROUND
        if most <= self._done:
            return self._done
        cut = window.rfind(b"\n", self._done, most) + 1
        if not cut:
            blank = _BLANK.search(window, max(self._done, most - _SHIFT), most)
            cut = blank.end() if blank else most
        for span in reversed(spans):
            if self._done < span.start < cut < span.end:
                cut = span.start
        return cut

    def _replaced(self, spans: list[Span], cut: int) -> tuple[bytes, Iterable[int]]:
        """The window from what is done to the cut, with its secrets replaced, and where markers stand that may lay something open."""
        put: list[tuple[int, int, bytes]] = []
        places, longer = list[int](), -self._done
        for span in spans:
            if span.start >= cut:
                break
            goes_on = self._split and span.start < self._done
            start, end = max(span.start, self._done), min(span.end, cut)
            newlines = b"\n" * self._window.count(b"\n", start, end)  # they stay, so that line numbers do
            stands = newlines if goes_on else self._stands(span, self._window[start : span.end]) + newlines
            put.append((start, end, stands))
            places += [start + longer] * (span.kind not in _ALONE)
            longer += len(stands) - (end - start)
            self.counts[span.kind] += not goes_on
        whole, identifiers = self._redactor.rewrite(self._window, self._done, cut, put)
        self.counts.update(identifiers)
        return whole, every(whole, MARK) if identifiers else places

    def _again(self, text: bytes, places: Iterable[int]) -> bytes:
        """Lines in which something was hidden, looked at once more: what stands beside a marker may only now look like what it is."""
        pieces, done, seen = list[bytes | memoryview](), 0, 0
        for at in places:
            if at < seen:
                continue
            start, seen = line_at(text, at)
            if (start and text[start - 1] != _NEWLINE) or (seen < len(text) and text[seen] != _NEWLINE):
                continue  # it is too long
            line = text[start:seen]
            spans = joined(span for span in self._redactor.spans(line, 0) if not _is_marked(line, span))
            if spans:
                put = [(span.start, span.end, self._stands(span, line[span.start : span.end])) for span in spans]
                pieces += (text[done:start], *replaced(line, 0, len(line), put))
                self.counts.update(span.kind for span in spans)
                done = seen
        return b"".join((*pieces, text[done:])) if pieces else text

    def _stands(self, span: Span, secret: bytes) -> bytes:
        """What takes the place of a secret."""
        return span.put if span.put is not None else span.wrap + self._redactor.standing_for(span.kind, secret) + span.wrap


class FileFilter(Filter):
    """Redacts a file: a compressed one is opened, what is no text does not leave. `name`, without the suffix of its packing, is known
    with the first piece, the rest afterwards.
    """

    def __call__(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Raises `SourceSkipped` before the first piece where it is no text."""
        opening = opened(self.name, chunks, lambda stretch: self._redactor.standing_for("binary", stretch))
        first = next(opening, b"")
        self.name = opening.name
        yield from self._through(chain((first,), opening))
        self.fault, self.said = opening.fault, opening.said()
        self.counts += Counter(binary=opening.hidden)  # which leaves out what is zero


class ExportFilter(Filter):
    """Redacts an export of the journal: no field of it states a length, which would be wrong afterwards."""

    def __call__(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same export, with every field on one line."""
        return self._through(flattened(chunks))


def _blocks(chunks: Iterable[bytes | memoryview]) -> Iterator[list[bytes | memoryview]]:
    """The same bytes in pieces of BLOCK, wherever the chunks were cut."""
    gathered: list[bytes | memoryview] = []
    size = 0
    try:
        for chunk in chunks:
            view = memoryview(chunk)
            while size + len(view) >= BLOCK:
                gathered.append(view[: BLOCK - size])
                view = view[BLOCK - size :]
                yield gathered
                gathered, size = [], 0
            if view:
                gathered.append(view)
                size += len(view)
    except GeneratorExit:
        raise
    except BaseException:
        yield gathered
        raise
    yield gathered


def replaced(window: bytes, start: int, end: int, put: Sequence[tuple[int, int, bytes]]) -> list[bytes | memoryview]:
    """The pieces of `window[start:end]` with those stretches replaced."""
    pieces: list[bytes | memoryview] = []
    view = memoryview(window)
    for begin, until, stands in put:
        pieces += (view[start:begin], stands)
        start = until
    return [*pieces, view[start:end]]


def _moved(span: Span, by: int) -> Span:
    return span._replace(start=max(0, span.start - by), end=span.end - by)


def _is_marked(window: bytes, span: Span) -> bool:
    """Whether it was hidden before: what holds a marker is left as it is, so that redacting again changes nothing."""
    if span.put is not None or window.find(MARK, span.start, span.end) < 0:
        return False
    return MARKER.search(window, span.start, span.end) is not None


def _on_marked(window: bytes, span: Span) -> bool:
    """Whether a marker stands on the same line: its columns are not what they were."""
    start, end = line_at(window, span.start)
    return span.kind not in IDENTIFIERS and MARKER.search(window, start, end) is not None
