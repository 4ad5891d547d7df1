"""Which stretch of a bundle a file holds, by its frames alone: the seek table, in the last part, has the size of every one."""

from __future__ import annotations

import os
from array import array
from itertools import chain
from typing import NamedTuple

from diagbundle.bundle import hashing
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import BLOCK, ENCRYPTED_SUFFIX
from diagbundle.bundle.frames import MAX_FRAMES, frame_content, open_file, read_table
from diagbundle.bundle.headers import header_length, parse_header
from diagbundle.bundle.part import number_in
from diagbundle.bundle.salvage import Loose
from diagbundle.errors import BundleError, FormatError, IntegrityError

AGAIN = "ask for it to be sent again"
MOST_NUMBERS = 10_000
"""Parts that are counted: a name may tell any number."""


class Piece(NamedTuple):
    """A stretch of a file."""

    path: str
    start: int
    end: int


class Run(NamedTuple):
    """The frames of a file: their sizes, the seek table if it ends with one, PREFIX if a member begins in it; or what is wrong."""

    path: str
    sizes: array[int]
    table: array[int]
    prefix: str = ""
    fault: str = ""
    sha256: bytes = b""


def run_of(path: str) -> Run:
    """Read a file frame by frame; each has a checksum of its own."""
    sizes, table, prefix, at, sha = array("I"), array("I"), "", 0, hashing.sha256()
    fd = open_file(path)
    try:
        file = Loose(fd)
        while at < file.size:
            if end := file.skippable(at):
                table = read_table(lambda size, start: _exactly(file, size, start), file.size)[1] if end == file.size else array("I")
                break
            packed, end = file.frame(at)
            prefix = prefix or _prefix(frame_content(packed))
            sizes.append(end - at)
            if len(sizes) > MAX_FRAMES:
                raise FormatError("more frames than a bundle can have")
            sha.update(packed)
            at = end
    except EOFError:
        return Run(path, sizes, table, prefix, f"is cut: it ends at byte {file.size:,}, inside a piece that begins at byte {at:,}")
    except BundleError as error:
        return Run(path, sizes, table, prefix, f"is damaged at byte {at:,}: {error}")
    finally:
        os.close(fd)
    return Run(path, sizes, table, prefix, "", sha.digest())


def _exactly(file: Loose, size: int, at: int) -> bytes:
    data = file.read(at, size)
    if len(data) < size:
        raise IntegrityError("it is cut short")
    return data


def _prefix(content: bytes) -> str:
    """PREFIX, where the content of a frame begins with a member."""
    try:
        return parse_header(content[: header_length(content[:BLOCK])]).name.partition(b"/")[0].decode("ascii", "replace")
    except BundleError:
        return ""


def fault_of(path: str, whole: str) -> str:
    """What is wrong with a file that is not the part it should be, as the rest of a sentence."""
    if not os.path.getsize(path):
        return "is empty"
    if whole.endswith(ENCRYPTED_SUFFIX):
        return "is cut or altered: it does not match its checksum"
    run = run_of(path)
    if run.prefix and not whole.startswith(run.prefix) and not run.fault:
        return f"is a part of another bundle, {shown(run.prefix)}"
    return run.fault or "is cut or altered: it does not match its checksum"


def covered(paths: list[str]) -> tuple[list[Piece], str, list[str]]:
    """Pieces of these files that make a bundle; its PREFIX; what people should hear of. Raises `IntegrityError`."""
    runs = [run_of(path) for path in paths]
    for run in runs:
        if run.fault:
            raise IntegrityError(f"the part {shown(os.path.basename(run.path))} {run.fault}", AGAIN)
    tables = {run.table.tobytes(): run for run in runs if run.table}
    if not tables:
        raise IntegrityError("the last part is missing: none of these files ends with the table of a bundle's frames", AGAIN)
    prefixes = sorted({run.prefix for run in runs} - {""})
    if len(tables) > 1 or len(prefixes) > 1:
        raise IntegrityError(f"these are parts of several bundles: {shown(', '.join(prefixes))}", "join the parts of each by themselves")
    different: dict[tuple[bytes, bytes], Run] = {}
    remarks = []
    for run in sorted(runs, key=lambda run: (number_in(run.path)[1], run.path)):
        same = different.setdefault((run.sha256, run.table.tobytes()), run)
        if same is not run:
            remarks.append(f"the same part twice: {shown(run.path)} and {shown(same.path)}")
    order, unused = _tiled([*different.values()], next(iter(tables.values())).table)
    remarks += [f"not needed: {shown(run.path)}" for run in unused]
    return [Piece(run.path, 0, os.path.getsize(run.path)) for run in order], prefixes[0] if prefixes else "", remarks


def _tiled(runs: list[Run], table: array[int]) -> tuple[list[Run], list[Run]]:
    """The runs that, one behind the other, are all frames of the table, and those that are left over.

    Where several would fit, as those of content that cannot be compressed, the order of their names decides, and checksums at the end.
    The part that ends with the table is the last one; others hold a frame at least.
    """
    alike: dict[tuple[bytes, bool], list[int]] = {}
    """Numbers of the runs of the same sizes, the first one last; whether they end with the table."""
    for number in reversed(range(len(runs))):
        alike.setdefault((runs[number].sizes.tobytes(), bool(runs[number].table)), []).append(number)
    lengths = {(len(run.sizes), bool(run.table)) for run in runs if run.sizes or run.table}
    order: list[Run] = []
    have = 0
    while have < len(table) or not order or not order[-1].table:
        may_stand = ((length, is_last) for length, is_last in lengths if not is_last or have + length == len(table))
        fitting = [found for length, is_last in may_stand if (found := alike.get((table[have : have + length].tobytes(), is_last)))]
        if not fitting:
            raise _gap(order, _left(runs, alike), table, have)
        order.append(runs[min(fitting, key=lambda found: found[-1]).pop()])
        have += len(order[-1].sizes)
    return order, _left(runs, alike)


def _left(runs: list[Run], alike: dict[tuple[bytes, bool], list[int]]) -> list[Run]:
    return [runs[number] for number in sorted(chain.from_iterable(alike.values()))]


def _gap(order: list[Run], runs: list[Run], table: array[int], have: int) -> IntegrityError:
    """What lacks behind the parts in `order`, by the numbers in their names, where they have some."""
    if absent := lacking([number_in(run.path)[1] for run in (*order, *runs)]):
        which = f"part {', '.join(map(str, absent[:10]))}"
        return IntegrityError(f"{which} is missing", f"ask for {which} to be sent again")
    words = table.tobytes()
    places = {run.path: (words.find(run.sizes.tobytes(), have * table.itemsize) // table.itemsize, run) for run in runs if run.sizes}
    last = next(run for run in runs if run.table)
    places[last.path] = (len(table) - len(last.sizes), last)
    place, following = min((one for one in places.values() if one[0] > have), key=lambda one: one[0], default=(have, last))
    if place == have:
        return IntegrityError(
            f"this is no part of the same bundle: {shown(following.path)}", "leave it out, or ask for it to be sent again"
        )
    name = shown(os.path.basename(following.path))
    return IntegrityError(f"a part is missing: {sum(table[have:place]):,} bytes before {name}", AGAIN)


def lacking(numbers: list[int]) -> list[int]:
    """The numbers that are missing among those in the names of parts; none where not every name has one."""
    there = set(numbers)
    return [] if 0 in there else [number for number in range(1, min(max(numbers), MOST_NUMBERS)) if number not in there]
