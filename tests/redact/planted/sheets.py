"""Sheets: files as text, with gaps.

A sheet holds many files. `=== path :: kind flags` begins one; its kind counts for pass words, a token has its own. Gaps are
⟦maker:encoding,…⟧ for a secret, ⟪maker⟫ for an identifier, ⟨maker⟩ for anything that varies, ⟨⟩ nothing. ␀ is a NUL, ␍ a CR.
Flags: gz xz bz2 zst crlf nonl latin1 utf16 invalid.
"""

import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from . import names, values
from .encodings import encoded
from .tokens import FORMATS, token

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sheets")
GAP = re.compile(r"⟦([\w/]+)(?::([\w,]+))?⟧|⟪(\w+)⟫|⟨(\w*)⟩")
WRAPPING = {"b64", "b64url", "hex", "HEX", "sh"}
"""Encodings after which the public parts of a value cannot be told from the secret."""
FLAGS = {"gz", "xz", "bz2", "zst", "crlf", "nonl", "latin1", "utf16", "invalid"}


@dataclass(frozen=True)
class Row:
    """A secret, or an identifier, and where it stands: `data[start:end]` of its file, with what belongs to it and is public `data[first:last]`."""

    path: str
    start: int
    end: int
    first: int
    last: int
    kind: str
    secret: bytes
    token: bool = False


@dataclass
class Sheet:
    """A file that is to be made."""

    path: str
    kind: str
    flags: set[str]
    text: str
    data: bytes = b""
    rows: list[Row] = field(default_factory=list)


def read(name: str) -> Iterator[Sheet]:
    """The files of a sheet, their gaps still open."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        _, *blocks = re.split(r"^=== ", file.read(), flags=re.MULTILINE)
    for block in blocks:
        head, _, text = block.partition("\n")
        path, _, words = head.partition(" :: ")
        kind, *flags = words.split() or [""]
        if set(flags) - FLAGS:
            raise ValueError(f"{name}: no such flags: {head}")
        yield Sheet(path.strip(), kind, set(flags), text.rstrip("\n") + "\n" * ("nonl" not in flags))


def fill(sheet: Sheet, seed: str) -> Sheet:
    """The same file with its gaps filled, and its rows."""
    rng, data, at = random.Random(f"{seed} {sheet.path}"), bytearray(), 0
    codec = "latin-1" if "latin1" in sheet.flags else "utf-8"
    for gap in GAP.finditer(sheet.text):
        data += _plain(sheet, sheet.text[at : gap.start()], codec)
        at = gap.end()
        if gap[4] is not None:
            data += names.MAKERS[gap[4]](rng).encode() if gap[4] else b""
            continue
        kind, value, encodings = _drawn(sheet, gap, rng)
        head, secret, tail = ("", "".join(value), "") if WRAPPING & set(encodings) else value
        pieces = [encoded(piece, encodings).encode(codec) if piece else b"" for piece in (head, secret, tail)]
        first, start, end = len(data), len(data) + len(pieces[0]), len(data) + len(pieces[0]) + len(pieces[1])
        data += b"".join(pieces)
        known = gap[1] is not None and kind in FORMATS
        sheet.rows.append(Row(sheet.path, start, end, first, len(data), kind, value[1].encode(codec), known))
    data += _plain(sheet, sheet.text[at:], codec)
    sheet.data = bytes(data)
    return sheet


def _plain(sheet: Sheet, text: str, codec: str) -> bytes:
    data = text.replace("␀", "\0").replace("␍", "\r").encode(codec, "replace")
    if "invalid" in sheet.flags:
        data = data.replace("¿".encode(codec), b"\xff\xfe\x80")
    return data.replace(b"\n", b"\r\n") if "crlf" in sheet.flags else data


def _drawn(sheet: Sheet, gap: re.Match[str], rng: random.Random) -> tuple[str, values.Value, list[str]]:
    """Kind, value and encodings of a gap."""
    if gap[3]:
        return gap[3], ("", names.IDENTIFIERS[gap[3]](rng), ""), []
    maker, encodings = rng.choice(gap[1].split("/")), (gap[2] or "").split(",") if gap[2] else []
    if maker in FORMATS:
        return maker, token(maker, rng), encodings
    made = values.PASSWORDS[maker](rng)
    return sheet.kind, ("", made, "") if isinstance(made, str) else made, encodings


def utf16(sheet: Sheet) -> None:
    """Turns a filled file into UTF-16, with its mark; rows move along."""

    def moved(row: Row) -> Row:
        places = {name: 2 + _wide(sheet.data[: getattr(row, name)]) for name in ("start", "end", "first", "last")}
        return replace(row, **places)

    sheet.rows = [moved(row) for row in sheet.rows]
    sheet.data = b"\xff\xfe" + sheet.data.decode().encode("utf-16-le")


def _wide(data: bytes) -> int:
    return len(data.decode().encode("utf-16-le"))
