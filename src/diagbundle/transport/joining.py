"""Puts parts together again, and says which one is missing or damaged and must be sent again: docs/FORMAT.md, section 6, and ADR 27.

Names are hints: mail and ticket systems change them. Which part a file is, its checksum in the list of parts tells; without a
list, the sizes of its frames, as the seek table in the last part has them.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from diagbundle.bundle import hashing
from diagbundle.bundle.escape import shown
from diagbundle.bundle.format import ENCRYPTED_SUFFIX, SIDECAR, SIGNATURE, SUFFIX, UNFINISHED_SUFFIX
from diagbundle.bundle.frames import MAGIC, is_encrypted, open_file
from diagbundle.bundle.part import LIST, Listed, is_part, number_in, read_list
from diagbundle.bundle.reader import Bundle, Progress, no_progress
from diagbundle.errors import BundleError, FormatError, IntegrityError, OutputError, UsageError
from diagbundle.newfile import NewFile, need_room
from diagbundle.transport.alive import STEP
from diagbundle.transport.runs import AGAIN, Piece, covered, fault_of, lacking

MOST = 100_000
"""Files that are looked at."""
MOST_TOLD, MOST_ASKED = 10, 100
"""Parts that cannot be had of which it is told what is wrong; that are named, to be asked for."""
MOST_RESTS = 8
"""Files that are tried as the rest of one that was not cut to its end: for each, all of the whole is read."""


@dataclass
class Assembly:
    """What is to be put together, from which pieces; `sha256` of the whole, '' where nobody told it."""

    whole: str
    pieces: list[Piece]
    sha256: str = ""
    remarks: list[str] = field(default_factory=list)
    """What people should hear of, though nothing is wrong."""

    @property
    def name(self) -> str:
        """What the whole is called where nobody names another place. Raises `UsageError`: a stranger's list could ask for `.profile`."""
        if self.whole.startswith(".") or not self.whole.removesuffix(ENCRYPTED_SUFFIX).endswith(SUFFIX):
            raise UsageError(
                f"the parts are of a file that is not called as a bundle is: {shown(self.whole)}", "name the file to write with -o FILE"
            )
        return self.whole

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        return sum(piece.end - piece.start for piece in self.pieces)


@dataclass
class _Given:
    """What lies there, sorted by what it is."""

    files: list[str] = field(default_factory=list)
    """What may be parts."""
    lists: list[tuple[str, list[Listed]]] = field(default_factory=list)
    sums: dict[str, str] = field(default_factory=dict)
    """Checksum of a whole by its name."""


def assemble(paths: Sequence[str]) -> Assembly:
    """What these parts make, or the parts in these folders. Raises `IntegrityError` naming what is missing or damaged, and `UsageError`."""
    given = _sorted_out(paths)
    if not given.files:
        raise UsageError(f"there are no parts: {shown(' '.join(paths))}", "name the parts, or the folder in which they lie")
    sums = {path: _sha256(path) for path in given.files}
    there = set(sums.values())
    known = [listed for _, listed in given.lists if any(one.sha256 in there for one in listed)]
    if not known and given.lists:  # a list that knows none of them still tells what is wanted
        wholes = {number_in(file)[0] for file in given.files}
        known = [listed for _, listed in given.lists if _whole(listed) in wholes]
    different = {tuple(one.sha256 for one in listed): listed for listed in known}
    if len(different) > 1:
        names = ", ".join(sorted({shown(_whole(listed)) for listed in known}))
        raise IntegrityError(f"these are parts of {len(different)} bundles: {names}", "join the parts of each by themselves")
    if known:
        return _by_list(known[0], sums, given)
    return _by_content(given)


def write(assembly: Assembly, path: str, progress: Progress = no_progress) -> None:
    """The whole, under its name only once it has been found right. Raises `IntegrityError`, `OutputError`."""
    with NewFile(path) as file:
        need_room(path, assembly.size)  # a stranger's list may name a part a thousand times
        _fill(assembly, file.write, progress)
        file.sync()
        if not assembly.sha256 and not is_encrypted(os.pread(file.fd, 64, 0)):  # into which nobody can look: the list vouched for each part
            _verify(file.unfinished, assembly.whole, progress)
        file.keep()


@contextmanager
def joined(assembly: Assembly, folder: str) -> Iterator[int]:
    """A descriptor of the whole, in a file without a name in this folder. Raises `IntegrityError`, `OutputError`."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder))
            need_room(os.path.join(folder, assembly.whole), assembly.size)
            _fill(assembly, file.write, no_progress)
            file.flush()
        except OSError as error:
            raise OutputError(f"the parts cannot be put together in {shown(folder)}: {error.strerror}", "name another folder") from None
        yield file.fileno()


def _fill(assembly: Assembly, sink: Callable[[bytes], object], progress: Progress) -> None:
    """All its bytes, which must have its checksum where that is known."""
    sha, done, size = hashing.sha256(), 0, assembly.size
    for data in read(assembly):
        sha.update(data)
        sink(data)
        done += len(data)
        progress(done, size)
    if assembly.sha256 and sha.hexdigest() != assembly.sha256:
        raise IntegrityError(
            f"the parts do not give {shown(assembly.whole)}: its checksum is another one",
            f"ask for all parts to be sent again, with {shown(assembly.whole)}{LIST}",
        )


def _verify(path: str, whole: str, progress: Progress) -> None:
    """Nobody told the checksum of the whole: every member's is looked at."""
    try:
        with Bundle.open(path) as bundle:
            bundle.verify(progress)
    except BundleError as error:
        said = str(error).replace(shown(os.path.basename(path)), shown(whole))
        hint = f"ask for {shown(whole)}{LIST}, which tells their order; or for all parts to be sent again"
        raise IntegrityError(f"the parts give no whole bundle: {said}", hint) from None


def read(assembly: Assembly) -> Iterator[bytes]:
    """The bytes of the whole, in their order."""
    for piece in assembly.pieces:
        fd = open_file(piece.path)
        try:
            at = piece.start
            while at < piece.end:
                data = os.pread(fd, min(STEP, piece.end - at), at)
                if not data:
                    raise IntegrityError(f"it has become shorter meanwhile: {shown(piece.path)}")
                yield data
                at += len(data)
        except OSError as error:
            raise IntegrityError(f"it cannot be read: {shown(piece.path)}: {error.strerror}", AGAIN) from None
        finally:
            os.close(fd)


# -- what there is


def _sorted_out(paths: Sequence[str]) -> _Given:
    given = _Given()
    for path in paths:
        if os.path.isdir(path):
            there = _Given(lists=given.lists, sums=given.sums)
            inside = [os.path.join(path, name) for name in sorted(os.listdir(path))[:MOST]]
            for each in inside:
                _take(there, each, named=False)
            if not there.files:  # a ticket system gave them names of its own: what is in them tells
                for each in inside:
                    _take(there, each, named=True)
                if not there.lists:
                    there.files = [file for file in there.files if _starts_with(file, MAGIC)]
            given.files += [file for file in there.files if _of_bundle(file)] or there.files  # beside a bundle's, others have numbers, too
        else:
            os.close(open_file(path))  # what was named must be there
            _take(given, path, named=True)
    for folder in {os.path.dirname(path) or "." for path in given.files}:
        for name in sorted(os.listdir(folder))[:MOST]:
            if LIST in name or SIDECAR in name:  # beside the parts, and not named
                _take(given, os.path.join(folder, name), named=False)
    return given


def _take(given: _Given, path: str, *, named: bool) -> None:
    """One file; of a folder only what by its name or content may belong here."""
    name = os.path.basename(path)
    with suppress(OSError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            return
    if SIGNATURE in name and SIDECAR in name:
        return
    is_list = SIDECAR in name or LIST in name
    if is_list or named:
        listed = read_list(path)
        if not all(one.name.isprintable() and "/" not in one.name for one in listed):
            return
        if listed and all(number_in(one.name)[1] == number for number, one in enumerate(listed, 1)):
            given.lists.append((path, listed))
        elif len(listed) == 1:
            given.sums[listed[0].name] = listed[0].sha256
        if listed or is_list:
            return
    unfinished = name.removesuffix(UNFINISHED_SUFFIX)
    if named or number_in(name)[1] or _is_rest(name) or (unfinished != name and not number_in(unfinished)[1]):
        given.files.append(path)


def _of_bundle(path: str) -> bool:
    """Whether its name says that it is a part of a bundle, or the rest of one."""
    name = os.path.basename(path).removesuffix(UNFINISHED_SUFFIX)
    return is_part(path) or (_is_rest(name) and is_part(name.rpartition("-")[0])) or is_part(f"{name}.001")


def _is_rest(name: str) -> bool:
    """Whether a file is several parts still in one: `NAME.001-004`."""
    first, dash, last = name.rpartition("-")
    return bool(dash) and last.isdecimal() and number_in(first)[1] == 1


def _whole(listed: list[Listed]) -> str:
    return os.path.basename(number_in(listed[0].name)[0])


def _sha256(path: str) -> str:
    fd = open_file(path)
    try:
        return hashing.of_file(fd)
    except OSError as error:
        raise IntegrityError(f"it cannot be read: {shown(path)}: {error.strerror}", AGAIN) from None
    finally:
        os.close(fd)


# -- by the list


def _by_list(listed: list[Listed], sums: dict[str, str], given: _Given) -> Assembly:
    whole = _whole(listed)
    found = {sha: path for path, sha in reversed(sums.items())}
    wanted = {one.sha256 for one in listed}
    spare = [path for path, sha in sums.items() if sha not in wanted]
    missing = [number for number, one in enumerate(listed, 1) if one.sha256 not in found]
    assembly = Assembly(whole, [], given.sums.get(whole, ""), _doubled(sums, wanted))
    if not missing:
        assembly.pieces = [_all_of(found[one.sha256]) for one in listed]
        assembly.remarks += [f"not needed: {shown(path)}" for path in spare]
        return assembly
    if rest := _with_rest(listed, missing, found, spare, assembly.sha256):
        assembly.pieces = rest
        return assembly
    raise _not_whole(listed, missing, spare)


def _doubled(sums: dict[str, str], wanted: set[str]) -> list[str]:
    """Files that hold the same part as another one."""
    seen: dict[str, str] = {}
    return [
        f"the same part twice: {shown(path)} and {shown(seen[sha])}"
        for path, sha in sums.items()
        if sha in wanted and seen.setdefault(sha, path) != path
    ]


def _with_rest(listed: list[Listed], missing: list[int], found: dict[str, str], spare: list[str], sha256: str) -> list[Piece]:
    """The first parts may still be one file, where cutting was broken off; it may hold the first of the others, too."""
    if missing != list(range(1, len(missing) + 1)) or not sha256:
        return []
    others = [_all_of(found[one.sha256]) for one in listed[len(missing) :]]
    whole = _whole(listed)
    for path in sorted(spare, key=lambda path: not os.path.basename(path).startswith(whole))[:MOST_RESTS]:
        rest = _all_of(path)
        held = others[0].end if others else 0
        for end in {rest.end, rest.end - held}:
            pieces = [Piece(path, 0, end), *others]
            sha = hashing.sha256()
            for data in read(Assembly("", pieces)) if end > 0 else ():
                sha.update(data)
            if sha.hexdigest() == sha256:
                return pieces
    return []


def _not_whole(listed: list[Listed], missing: list[int], spare: list[str]) -> IntegrityError:
    """What each part is that cannot be had, and what to ask for."""
    whole, said = _whole(listed), []
    for number in missing[:MOST_TOLD]:
        one = listed[number - 1]
        instead = [path for path in spare if os.path.basename(path) == one.name] or [path for path in spare if number_in(path)[1] == number]
        how = f"{shown(os.path.basename(instead[0]))} {fault_of(instead[0], whole)}" if instead else f"{shown(one.name)} is missing"
        said.append(f"part {number:,} of {len(listed):,}: {how}")
    more = f"; and {len(missing) - MOST_TOLD:,} more" if len(missing) > MOST_TOLD else ""
    names = " ".join(shown(listed[number - 1].name) for number in missing[:MOST_ASKED])
    others = f" and {len(missing) - MOST_ASKED:,} more" if len(missing) > MOST_ASKED else ""
    return IntegrityError(
        f"{shown(whole)} cannot be put together: {'; '.join(said)}{more}", f"ask for this to be sent again: {names}{others}"
    )


def _all_of(path: str) -> Piece:
    return Piece(path, 0, os.path.getsize(path))


# -- without a list


def _by_content(given: _Given) -> Assembly:
    wholes = {number_in(path)[0] for path in given.files} - {""}
    empty = [path for path in given.files if not os.path.getsize(path)]
    if empty:
        raise IntegrityError(f"the part {fault_of(empty[0], '')}: {shown(empty[0])}", AGAIN)
    whole = next(iter(wholes)) if len(wholes) == 1 else ""
    if whole.endswith(ENCRYPTED_SUFFIX) or not any(_starts_with(path, MAGIC) for path in given.files):
        return _by_number(given, whole)
    pieces, prefix, remarks = covered(given.files)
    whole = whole or f"{prefix}.tar.zst"
    return Assembly(whole, pieces, given.sums.get(whole, ""), remarks)


def _by_number(given: _Given, whole: str) -> Assembly:
    """Parts of an encrypted file: nothing in them says which they are, and only a checksum whether they are all."""
    if not whole:
        first = shown(os.path.basename(given.files[0]))
        raise FormatError(
            f"these are no parts of one bundle: {first}", f"name the parts alone, and the list that came with them, NAME{LIST}"
        )
    if whole not in given.sums:
        raise IntegrityError(
            f"nothing says whether these are all parts of {shown(whole)}: there is no {shown(whole)}{LIST}",
            f"ask for {shown(whole)}{LIST} or {shown(whole)}{SIDECAR}, and put it beside them",
        )
    by_number: dict[int, str] = {}
    for path in given.files:
        by_number.setdefault(number_in(path)[1], path)
    if absent := lacking([*by_number]):
        raise IntegrityError(f"{shown(whole)} cannot be put together: part {', '.join(map(str, absent[:10]))} is missing", AGAIN)
    return Assembly(whole, [_all_of(by_number[number]) for number in sorted(by_number) if number], given.sums[whole])


def _starts_with(path: str, magic: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read(len(magic)) == magic
