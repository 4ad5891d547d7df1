"""What a redacted copy hides, keeps and spoils.

A secret is hidden if no eight bytes in a row are left of it, nor of what decodes to it (JSON, URL, XML, base64, hexadecimal). A word of a line
is kept if it stands as often in the redacted line, whatever stands in the place of the secret.
"""

import base64
import bz2
import gzip
import json
import lzma
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import zstandard

from .encodings import forms

WINDOW = 8
UTF16 = b"\xff\xfe"
"""Such a file may be left out: it is no text for most programs."""
NEAR = 400
"""Bytes on either side of a secret whose words count, on a line without an end."""
MARKER = re.compile(rb"REDACTED_[a-z0-9_]+_[0-9a-f]{8}")
WORD = re.compile(rb"[^\W_]+|[^\x00-\x7f]+")
GLUED = re.compile(rb"[^\W_]*\0[\0]*[^\W_]*")
"""A gap, and what is one word with it: `md5` before a digest, `p` of a glued flag."""
OPENERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".bz2": bz2.decompress,
    ".zst": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@dataclass
class Score:
    """Counts, and every miss with its place."""

    rows: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    sorts: Counter[tuple[str, bool]] = field(default_factory=Counter)
    words: int = 0
    kept: int = 0
    lines: int = 0
    exact: int = 0
    negatives: int = 0
    changed: int = 0
    identifiers: Counter[tuple[str, bool]] = field(default_factory=Counter)
    standins: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Of every identifier; more than one is a fault."""
    left_out: list[str] = field(default_factory=list)
    misses: list[dict[str, Any]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """All of it as plain data."""
        total, hidden = sum(self.rows.values()), sum(self.hidden.values())
        named = self.identifiers[("", True)] + self.identifiers[("", False)]
        return {
            "secrets": {"rows": total, "kinds": len(self.rows), "hidden": hidden, "recall": ratio(hidden, total)},
            "sorts": {s: self._sort(s) for s in ("token", "hash", "personal", "keyed")},
            "kinds": {kind: [self.hidden[kind], self.rows[kind]] for kind in sorted(self.rows)},
            "context": {
                "words": self.words,
                "kept": ratio(self.kept, self.words),
                "lines": self.lines,
                "exact": ratio(self.exact, self.lines),
            },
            "negatives": {"rows": self.negatives, "changed": self.changed, "share": ratio(self.changed, self.negatives)},
            "identifiers": {"rows": named, "recall": ratio(self.identifiers[("", True)], named), "unsteady": self.unsteady()},
            "left_out": self.left_out,
            "misses": self.misses,
        }

    def unsteady(self) -> list[str]:
        """Identifiers with more than one stand-in, and stand-ins of more than one identifier."""
        back: dict[bytes, set[bytes]] = {}
        for name, stands in self.standins.items():
            for stand in stands:
                back.setdefault(stand.lower(), set()).add(name.lower().replace(b"-", b":"))
        torn = [(name, stands) for name, stands in (*self.standins.items(), *back.items()) if len(stands) > 1]
        return [f"{name.decode()}: {b', '.join(sorted(stands)).decode()}" for name, stands in torn]

    def _sort(self, name: str) -> dict[str, Any]:
        good, bad = self.sorts[(name, True)], self.sorts[(name, False)]
        return {"rows": good + bad, "hidden": good, "recall": ratio(good, good + bad)}

    def miss(self, what: str, row: dict[str, Any], line: int, text: bytes) -> None:
        """Remember one."""
        where = {
            "what": what,
            "kind": row.get("kind", ""),
            "sort": row.get("sort", ""),
            "file": f"{row['part']}/{row['path']}",
            "line": line,
        }
        self.misses.append(where | {"text": text[:600].decode("utf-8", "backslashreplace")})


def ratio(some: int, total: int) -> float:
    """A share; of nothing, all."""
    return round(some / total, 5) if total else 1.0


def opened(path: str) -> bytes:
    """Content of a file, decompressed."""
    with open(path, "rb") as file:
        data = file.read()
    unpack = OPENERS.get(os.path.splitext(path)[1])
    try:
        return unpack(data) if unpack else data
    except (OSError, EOFError, lzma.LZMAError, zstandard.ZstdError):
        return data  # stored plain under its old name


def redacted(out: str, path: str) -> bytes | None:
    """The redacted copy, which may have lost the end of its name that said how it was compressed."""
    for name in (path, os.path.splitext(path)[0]):
        if os.path.isfile(os.path.join(out, name)):
            return opened(os.path.join(out, name))
    return None


def score(folder: str, out: str) -> Score:
    """Scores `out`, the redacted copy of `folder`/files."""
    with open(os.path.join(folder, "KEY.json"), encoding="utf-8") as file:
        rows = json.load(file)["rows"]
    files: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        files.setdefault((row["part"], row["path"]), []).append(row)
    found = Score()
    for (part, path), members in files.items():
        before, after = opened(os.path.join(folder, "files", part, path)), redacted(out, os.path.join(part, path))
        if part == "secrets":
            _secrets(found, path, members, before, after)
        elif after is not None:
            _names(found, members, before, after)
        else:
            found.left_out.append(path)
    _unchanged(found, folder, out, files)
    return found


def windows(data: bytes) -> set[bytes]:
    """All runs of eight bytes within lines."""
    return {line[at : at + WINDOW] for line in data.split(b"\n") for at in range(len(line) - WINDOW + 1)}


def _secrets(found: Score, path: str, rows: list[dict[str, Any]], before: bytes, after: bytes | None) -> None:
    if after is None and not before.startswith(UTF16):
        found.left_out.append(path)
    context = _blanked(before, [(row["start"], row["end"]) for row in rows])
    news = windows(_news(after or b"", context))
    for row in rows:
        left = "the whole file is not there" if path in found.left_out else _left(row, context, before, after or b"", news)
        found.rows[row["kind"]] += 1
        found.hidden[row["kind"]] += not left
        found.sorts[(row["sort"], not left)] += 1
        if left:
            line = before.count(b"\n", 0, row["start"]) + 1
            found.miss(f"left: {left}", row, line, _line(after or b"", line, row, before))
    if after is not None and not before.startswith(UTF16):
        outer = _blanked(before, [(row["first"], row["last"]) for row in rows])
        _context(found, rows, before, outer, after)


def _blanked(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    """The text with NULs in the place of these spans; line ends stay."""
    text = bytearray(data)
    for start, end in spans:
        text[start:end] = bytes(10 if byte == 10 else 0 for byte in data[start:end])
    return bytes(text)


def _news(after: bytes, context: bytes) -> bytes:
    """Lines that are not simply lines of the context."""
    known = set(context.split(b"\n"))
    return b"\n".join(line for line in after.split(b"\n") if line not in known)


def _line(data: bytes, number: int, row: dict[str, Any], before: bytes) -> bytes:
    lines = data.split(b"\n")
    text = lines[number - 1] if number <= len(lines) else b""
    if len(text) <= 2 * NEAR:
        return text
    at = row["start"] - before.rfind(b"\n", 0, row["start"])
    return text[max(0, at - NEAR) : at + NEAR]


def _left(row: dict[str, Any], context: bytes, before: bytes, after: bytes, news: set[bytes]) -> str:
    """In which form a part of the secret is left, if one is."""
    secret = base64.b64decode(row["secret"])
    wide = before.startswith(UTF16)
    if len(secret) < WINDOW:
        number = before.count(b"\n", 0, row["start"])
        old, new = context.split(b"\n")[number], (after.split(b"\n") + [b""] * (number + 1))[number]
        return "plain" if new.count(secret) > old.count(secret) else ""
    for name, form in (("UTF-16", secret.decode().encode("utf-16-le")),) if wide else forms(secret).items():
        pieces = (form[at : at + WINDOW] for at in range(len(form) - WINDOW + 1))
        if any(piece in news and piece not in context for piece in pieces):
            return name
    return ""


def _context(found: Score, rows: list[dict[str, Any]], before: bytes, context: bytes, after: bytes) -> None:
    """Words outside of the secrets, on every line that holds one."""
    numbers: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        first = before.count(b"\n", 0, row["start"])
        for number in range(first, first + before.count(b"\n", row["start"], row["end"]) + 1):
            numbers.setdefault(number, []).append(row)
    old, new = context.split(b"\n"), after.split(b"\n")
    whole = len(old) == len(new)
    for number, members in numbers.items():
        line = new[number] if number < len(new) else b""
        wanted = Counter(WORD.findall(GLUED.sub(b" ", _near(old[number]))))
        lost = wanted - Counter(WORD.findall(MARKER.sub(b" ", line)))
        found.words += sum(wanted.values())
        found.kept += sum(wanted.values()) - sum(lost.values())
        found.lines += 1
        found.exact += whole and _same(old[number], line)
        if lost:
            found.miss("context lost: " + b" ".join(list(lost)[:9]).decode("utf-8", "replace"), members[0], number + 1, line)


def _near(line: bytes) -> bytes:
    """What is around the gaps (NULs) of a line."""
    if len(line) <= 4 * NEAR:
        return line
    pieces = (piece if len(piece) <= 2 * NEAR else piece[:NEAR] + b" " + piece[-NEAR:] for piece in line.split(b"\0"))
    return b"\0".join(pieces)


def _same(context: bytes, line: bytes) -> bool:
    """Whether all text outside of the gaps is as it was."""
    pieces = [re.escape(piece) for piece in re.split(rb"\0+", context)]
    return bool(re.fullmatch(rb"[^\0]*?".join(pieces), line.replace(b"\0", b""), re.DOTALL)) or b"\0" in line


def _unchanged(found: Score, folder: str, out: str, files: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    """Lines that hold nothing to hide: all of `plain`, and in `names` those without an identifier."""
    for part, path in _walk(os.path.join(folder, "files")):
        if part == "secrets":
            continue
        before, after = opened(os.path.join(folder, "files", part, path)).split(b"\n"), redacted(out, os.path.join(part, path))
        text, busy = b"\n".join(before), set()
        for row in files.get((part, path), []):
            busy.add(text.count(b"\n", 0, row["start"]))
        lines = after.split(b"\n") if after is not None else []
        for number, line in enumerate(before):
            if number in busy or not line:
                continue
            found.negatives += 1
            new = lines[number] if number < len(lines) else b""
            if new != line:
                found.changed += 1
                found.miss("changed", {"part": part, "path": path}, number + 1, line + b"  ->  " + new)


def _walk(top: str) -> Iterator[tuple[str, str]]:
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            part, _, path = os.path.relpath(os.path.join(folder, name), top).partition(os.sep)
            yield part, path


def _names(found: Score, rows: list[dict[str, Any]], before: bytes, after: bytes) -> None:
    """Identifiers: gone from their line, and replaced by the same stand-in wherever they come."""
    lines, old = after.split(b"\n"), before.split(b"\n")
    context = _blanked(before, [(row["start"], row["end"]) for row in rows]).split(b"\n")
    by_line: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_line.setdefault(before.count(b"\n", 0, row["start"]), []).append(row)
    for number, members in by_line.items():
        line = lines[number] if number < len(lines) else b""
        pattern = rb"(.+?)".join(re.escape(piece) for piece in re.split(rb"\0+", context[number]))
        stands = re.fullmatch(pattern, line, re.DOTALL)
        for place, row in enumerate(members):
            name = base64.b64decode(row["secret"])
            gone = bool(line) and not re.search(rb"(?<![0-9A-Za-z])" + re.escape(name) + rb"(?![0-9A-Za-z])", line, re.IGNORECASE)
            found.identifiers[("", gone)] += 1
            if stands and gone:
                found.standins.setdefault(name, set()).add(stands[place + 1])
            if not gone:
                found.miss("identifier", row, number + 1, old[number] + b"  ->  " + line)
        if not stands:
            found.miss("context of identifiers", members[0], number + 1, old[number] + b"  ->  " + line)
