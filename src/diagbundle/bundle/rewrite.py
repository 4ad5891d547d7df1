"""Writes a bundle again without some of its members. Every data frame in which none of them lies stays the same bytes."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import GROUP, MANIFEST, OWN, STRUCK, SUMS, padding
from diagbundle.bundle.manifest import Row, struck_out
from diagbundle.bundle.pack import Frame, compressor
from diagbundle.bundle.reader import Bundle, Progress, no_progress
from diagbundle.bundle.unpack import matcher
from diagbundle.bundle.writer import BundleWriter, Sink, key
from diagbundle.errors import FormatError, UsageError

NAMED, QUESTION, STDERR, SAME = "named", "the same question again", "what the command said on standard error", "the same content"
TELLING = 8
"""Bytes from which equal content is a copy: `0` and `1` stand in a thousand files of /proc/sys, and are nobody's secret."""
MAX_LISTED = 1000
"""Members that are named one by one; further ones are counted."""
MAX_NEAR = 20_000
"""Names among which one that is nearly right is looked for."""
_KEPT = ("collector", "kind", "source", "sample", "part", "started", "seconds")
"""Keys of a row that tell what was asked and nothing of what was answered."""


@dataclass
class Struck:
    """What goes out: the members that were named, and every other place in which the bundle holds the same."""

    rows: set[int] = field(default_factory=set)
    """Numbers of the rows, from 0."""
    holes: array[int] = field(default_factory=lambda: array("Q"))
    """Beginning and end of each stretch of the tar stream that goes out, in order; none touches the next one."""
    why: Counter[str] = field(default_factory=Counter)
    """Members by why they go: NAMED, QUESTION, STDERR, SAME."""
    bytes: int = 0
    """Of content that goes out."""
    told: list[tuple[str, str]] = field(default_factory=list)
    """Path and why of the first MAX_LISTED members."""

    @property
    def members(self) -> int:
        """How many go out."""
        return self.why.total()

    def add(self, number: int, row: Row, why: str) -> None:
        """A row goes out, and its member if it has one."""
        self.rows.add(number)
        if "header" not in row:
            return
        self.why[why] += 1
        self.bytes += row["size"]
        if len(self.told) < MAX_LISTED:
            self.told.append((row["path"], why))
        end = row["offset"] + row["size"] + padding(row["size"])
        if self.holes and self.holes[-1] == row["header"]:
            self.holes[-1] = end
        else:
            self.holes.extend((row["header"], end))


def strike(bundle: Bundle, patterns: Sequence[str]) -> Struck:
    """What goes out where these paths or patterns are struck out. Raises `UsageError` where one of them matches nothing."""
    questions, targets = _named(bundle, patterns)
    paths, copies = set(targets), set()
    for row in bundle.rows():
        if _question(row) in questions and "header" in row:
            paths.add(f"{OWN}/stderr/{row['path'].removeprefix(f'{OWN}/start/')}")
            if row["size"] >= TELLING and row.get("sha256"):
                copies.add(row["sha256"])
    goes = {row["path"] for row in bundle.rows() if "header" in row and _why(row, questions, targets, paths, copies)}
    struck, is_named = Struck(), _matching(patterns)
    for number, row in enumerate(bundle.rows()):
        if why := _why(row, questions, targets, paths, copies):
            struck.add(number, row, NAMED if why == QUESTION and is_named(row) else why)
        elif isinstance(row.get("link"), str) and row["link"] in goes:
            struck.add(number, row, QUESTION)
    return struck


def _why(row: Row, questions: set[str], targets: set[str], paths: set[str], copies: set[str]) -> str:
    """Why a row goes out, or ''. Rows that say that there was no answer stay as they are."""
    if _question(row) in questions and _holds(row):
        return QUESTION
    if "header" not in row:
        return ""
    if row["path"] in paths:
        return QUESTION if row["path"] in targets else STDERR
    return SAME if row.get("sha256") in copies else ""


def _named(bundle: Bundle, patterns: Sequence[str]) -> tuple[set[str], set[str]]:
    """The questions whose answers were named, and the members in which answers lie that other rows only point to."""
    questions: set[str] = set()
    targets: set[str] = set()
    each = {pattern: _matching((pattern,)) for pattern in patterns}
    missed, any_of = set(patterns), _matching(patterns)
    for row in bundle.rows():
        if not any_of(row) or not _holds(row):
            continue
        questions.add(_question(row))
        if isinstance(row.get("link"), str):
            targets.add(row["link"])
        missed -= {pattern for pattern in missed if each[pattern](row)}
    if missed:
        raise _nothing(bundle, min(missed))
    return questions, targets


def _matching(patterns: Sequence[str]) -> Callable[[Row], bool]:
    """Whether a row lies at a path, or asked for a file, that a pattern names: as `list` takes it, or to the letter."""
    plain = [pattern.strip("/") for pattern in patterns]
    wanted, exact, below = matcher(patterns), frozenset(plain), tuple(f"{pattern}/" for pattern in plain)

    def is_wanted(row: Row) -> bool:
        source = row.get("source")
        names = [row.get("path"), source.lstrip("/") if row.get("kind") == "file" and isinstance(source, str) else None]
        return any(isinstance(name, str) and (wanted(name) or name in exact or name.startswith(below)) for name in names)

    return is_wanted


def _holds(row: Row) -> bool:
    """Whether something of an answer lies in the bundle: a member, an empty answer, or words on standard error."""
    return "header" in row or bool(row.get("link") or row.get("stderr")) or row.get("outcome") in ("collected", "partial")


def _question(row: Row) -> str:
    """What was asked; both readings of a sample, all parts, and whoever asked again have the same."""
    kind, source = row.get("kind"), row.get("source")
    words = [source] if isinstance(source, str) else source
    if not isinstance(kind, str) or not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise FormatError(f"the bundle is refused: a row of its manifest does not say what was asked: {shown(str(row)[:200])}")
    return key(kind, source if isinstance(source, str) else words)


def _nothing(bundle: Bundle, pattern: str) -> UsageError:
    """A pattern that names nothing, and what may have been meant."""
    from difflib import get_close_matches  # noqa: PLC0415  # only where something is wrong

    wanted = pattern.strip("/")
    if wanted in (SUMS, MANIFEST):
        return UsageError(f"this belongs to every bundle and cannot be struck out: {shown(pattern)}", "name the files that it lists")
    last, paths, leads = wanted.rsplit("/", 1)[-1], [], ""
    for number, row in enumerate(bundle.rows()):
        if "header" in row and (number < MAX_NEAR or row["path"].endswith(last)):
            paths.append(row["path"])
        elif row.get("source") == f"/{wanted}" and isinstance(row.get("target"), str):
            leads = row["target"]
    near = [path for path in paths if path.rsplit("/", 1)[-1] == last] or get_close_matches(wanted, paths[: 2 * MAX_NEAR], 3)
    hint = f"did you mean {' or '.join(shown(path) for path in near[:3])}?" if near else f"`diagbundle list {bundle.name}` shows all names"
    hint = f"it is a link to {shown(leads)}, and what it leads to was collected under its own name, if at all" if leads else hint
    return UsageError(f"nothing was written, for nothing in the bundle matches: {shown(pattern)}", hint)


def rewrite(  # noqa: PLR0913, PLR0917  # a bundle in, a bundle out
    bundle: Bundle, struck: Struck, sink: Sink, sha256: str, when: str, progress: Progress = no_progress
) -> BundleWriter:
    """Write the bundle without what is struck out. `sha256` is of the file that it is made from, `when` a UTC time as the head has it."""
    writer = BundleWriter(sink, bundle.prefix)
    for frame in _frames(bundle, struck.holes):
        writer.add(frame)
        progress(writer.plain, bundle.head["bytes"])
    gone = 0
    for number, row in enumerate(bundle.rows()):
        _question(row)
        if number not in struck.rows:
            writer.row(row, -gone)
            continue
        writer.row(_bare(row))
        if "header" in row:
            gone += row["offset"] + row["size"] + padding(row["size"]) - row["header"]
    removed = {"count": struck.members + struck_out(bundle.head), "at": when, "from": sha256}
    writer.seal({**bundle.head, "removed": removed})
    return writer


def _bare(row: Row) -> dict[str, Any]:
    """The row of what was struck out: that it was asked for, and where the answer lay."""
    kept = {name: row[name] for name in _KEPT if name in row}
    where = {"struck": row["path"]} if isinstance(row.get("path"), str) else {}
    return {**kept, "outcome": "skipped", "reason": STRUCK, **where}


def _frames(bundle: Bundle, holes: Sequence[int]) -> Iterator[Frame]:
    """The data frames without the holes: where there is none, as they are."""
    frames, at = bundle.frames, 0
    for index in range(len(frames)):
        start, end = frames.plain[index], frames.plain[index + 1]
        if start >= bundle.head["bytes"]:
            return
        while at < len(holes) and holes[at + 1] <= start:
            at += 2
        if at >= len(holes) or holes[at] >= end:
            packed = frames.packed[index], frames.packed[index + 1]
            yield Frame(frames.pread(packed[1] - packed[0], packed[0]), end - start)
        elif left := b"".join(_left(frames.frame(index), start, holes, at)):
            yield Frame(compressor(large=len(left) > GROUP).compress(left), len(left))


def _left(content: bytes, start: int, holes: Sequence[int], at: int) -> Iterator[bytes]:
    """What stands between the holes from number `at` on; the content begins at byte `start` of the stream."""
    position = 0
    while at < len(holes) and holes[at] < start + len(content):
        yield content[position : max(position, holes[at] - start)]
        position = holes[at + 1] - start
        at += 2
    yield content[position:]
