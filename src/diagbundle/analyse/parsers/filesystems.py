"""Room, mounts, fstab, deleted files, and what is large."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Line, Row, parser
from diagbundle.analyse.facts.filesystems import (
    Backing,
    BlockId,
    DeletedFile,
    ErrorCount,
    Filesystem,
    FstabEntry,
    Large,
    Mount,
    Names,
)

_ESCAPE = re.compile(r"\\([0-7]{3})")
_NUMBER = r"(?:\d+(?:\.\d+)?[KMGTPE]?|-)"
_DF = re.compile(
    rf"^(?P<source>\S.*?)\s+(?:(?P<type>[a-z][\w.-]*)\s+)?(?P<size>{_NUMBER})\s+(?P<used>{_NUMBER})\s+(?P<free>-?{_NUMBER})\s+(?P<share>\d+%|-)"
    r"\s+(?P<point>/.*)$"
)
_HEAD = re.compile(r"(?i)\b(?:1K-blocks|1024-blocks|inodes|size)\b")
_LSOF = re.compile(
    r"^(?P<name>\S+)\s+(?P<pid>\d+)\s.*\s(?:REG"
    r"|VREG)\s+(?P<device>\d+,\d+)\s+(?P<size>\d+)\s+(?:0\s+)?(?P<inode>\d+)\s+(?P<path>/.*) \(deleted\)"
)


def _options(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def _decoded(text: str) -> str:
    """Blanks and their like stand as octal numbers."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8) & 0xFF), text)


@parser(Filesystem, "diagbundle/tables/filesystems", "diagbundle/tables/filesystem_*")
def rooms(doc: Document) -> Iterator[Filesystem]:
    """Our own table: statvfs of every mount."""
    for row in doc.rows:
        if not row["mount"]:
            continue
        own, whole = _options(row.text("options")), _options(row.text("super_options"))
        yield Filesystem(
            row.text("mount"),
            row.text("source"),
            row.text("type"),
            row.text("device"),
            own | whole,
            "ro" in (whole or own),
            _known(row, "bytes"),
            _known(row, "bytes_free"),
            _known(row, "bytes_available"),
            _known(row, "inodes"),
            _known(row, "inodes_free"),
            bool(row["covered"]),
            row.text("error"),
            row.whole("errno"),
            origin=row.origin,
        )


def _known(row: Row, key: str) -> int | None:
    return row.whole(key) if isinstance(row[key], int | float) else None


@parser(Filesystem, "sos_commands/filesys/df_-al*", "df")
def df(doc: Document) -> Iterator[Filesystem]:
    """What `df` prints, where our own table is not there."""
    lines = doc.lines
    if not lines or not (_HEAD.search(lines[0]) or ("%" in lines[0] and not _DF.match(lines[0]))):
        return  # a head in any language has a column for the share
    of_inodes = bool(re.search(r"(?i)inod|i-?n(?:ó|œu)d|inœud", lines[0]))
    unit = 1 if of_inodes or not re.search(r"1K|1024|1 K", lines[0]) else 1024
    before = ""
    for line in lines[1:]:
        # a long name of a device stands alone on its line
        found = _DF.match(f"{before} {line.lstrip()}" if before and line.startswith(" ") else line)
        before = str(line) if len(line.split()) == 1 else ""
        if found and found["size"] != "-" and found["used"] != "-":
            yield _room(line, found, unit, of_inodes=of_inodes)


def _room(line: Line, found: re.Match[str], unit: int, *, of_inodes: bool) -> Filesystem:
    whole, used = _count(found["size"], unit), _count(found["used"], unit)
    free = _count(found["free"], unit) if found["free"] != "-" else whole - used
    source, point, kind = found["source"], found["point"], found["type"] or ""
    if of_inodes:
        return Filesystem(point, source, kind, inodes=whole, inodes_free=free, origin=line.origin)
    return Filesystem(point, source, kind, bytes=whole, bytes_free=whole - used, bytes_available=free, origin=line.origin)


def _count(text: str, unit: int) -> int:
    """A number of blocks, or with a letter (`df -h`) of bytes."""
    if text[-1].isalpha():
        return int(float(text[:-1][:18]) * 1024 ** " KMGTPE".index(text[-1]))
    return int(float(text[:21]) * unit)


@parser(Mount, "proc/self/mountinfo", "proc/1/mountinfo")
def mountinfo(doc: Document) -> Iterator[Mount]:
    """The kernel's list, with the options of mount and file system told apart."""
    for line in doc.lines:
        left, separator, right = line.partition(" - ")
        first, last = left.split(" "), right.split(" ")
        if separator and len(first) > 5 and len(last) > 1:
            whole = _options(last[2]) if len(last) > 2 else frozenset()
            yield Mount(_decoded(first[4]), _decoded(last[1]), last[0], _options(first[5]), whole, first[2], origin=line.origin)


@parser(Mount, "proc/mounts", "sos_commands/filesys/mount_-l", "mount")
def listed(doc: Document) -> Iterator[Mount]:
    """`/dev/sda1 / ext4 rw,relatime 0 0`, or as `mount` prints it."""
    for line in doc.lines:
        if found := re.match(r"(\S.*?) on (/.*?) type (\S+) \(([^)]*)\)", line):
            yield Mount(found[2], found[1], found[3], _options(found[4]), origin=line.origin)
            continue
        words = line.split(" ")
        if len(words) >= 4 and words[1].startswith("/"):
            yield Mount(_decoded(words[1]), _decoded(words[0]), words[2], _options(words[3]), origin=line.origin)


@parser(FstabEntry, "etc/fstab", "etc/fstab.d/*")
def fstab(doc: Document) -> Iterator[FstabEntry]:
    """What is to be mounted."""
    for line in doc.lines:
        words = line.split()
        if len(words) >= 3 and not line.lstrip().startswith("#"):
            point = _decoded(words[1])
            yield FstabEntry(
                _decoded(words[0]),
                point.rstrip("/") or point,
                words[2],
                _options(words[3] if len(words) > 3 else ""),
                origin=line.origin,
            )


@parser(BlockId, "sos_commands/block/blkid*")
def blkid(doc: Document) -> Iterator[BlockId]:
    """`/dev/sda1: LABEL="boot" UUID="…"`."""
    for line in doc.lines:
        device, separator, rest = line.partition(": ")
        if separator and device.startswith("/dev/"):
            names = re.findall(r'\b(LABEL|UUID|PARTUUID|PARTLABEL)="([^"]*)"', rest)
            yield BlockId(device, frozenset(f"{name}={value}" for name, value in names), origin=line.origin)


@parser(DeletedFile, "diagbundle/tables/deleted_files")
def deleted(doc: Document) -> Iterator[DeletedFile]:
    """Our own table; files that still have another name take no room of their own."""
    for row in doc.rows:
        if row["path"] is None or row.whole("links") > 0:
            continue
        holders = row["holders"] if isinstance(row["holders"], list) else []
        known = [each for each in holders if isinstance(each, dict)]
        yield DeletedFile(
            row.text("path"),
            row.whole("bytes"),
            row.text("mount"),
            row.text("type"),
            row.text("device"),
            row.whole("inode"),
            tuple(dict.fromkeys((_number(each.get("pid")), str(each.get("comm") or "")) for each in known)),
            origin=row.origin,
        )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


@parser(DeletedFile, "sos_commands/process/lsof*", "lsof")
def lsof(doc: Document) -> Iterator[DeletedFile]:
    """What `lsof` prints of deleted files, each once; its sizes are apparent ones."""
    seen: dict[tuple[str, str], DeletedFile] = {}
    for line in doc.lines:
        if line.endswith("(deleted)") and (found := _LSOF.match(line)):
            holder = (int(found["pid"]), found["name"])
            before = seen.get((found["device"], found["inode"]))
            holders = tuple(dict.fromkeys((*(before.holders if before else ()), holder)))
            seen[found["device"], found["inode"]] = DeletedFile(
                found["path"],
                int(found["size"]),
                device=found["device"].replace(",", ":"),
                inode=int(found["inode"]),
                holders=holders[:50],
                origin=before.origin if before else line.origin,
            )
    yield from seen.values()


@parser(Large, "diagbundle/tables/largest")
def largest(doc: Document) -> Iterator[Large]:
    """Our own table: the largest directories and files of each file system."""
    for row in doc.rows:
        if row["path"]:
            complete = row["complete"] is not False
            yield Large(
                row.text("kind"),
                row.text("path"),
                row.whole("allocated"),
                row.whole("entries"),
                complete,
                row.number("mtime"),
                origin=row.origin,
            )


@parser(
    ErrorCount,
    "sys/fs/ext4/*/errors_count",
    "sys/fs/ext4/*/first_error_time",
    "sys/fs/ext4/*/last_error_time",
    "sys/fs/ext4/*/last_error_func",
)
def noted_errors(doc: Document) -> Iterator[ErrorCount]:
    """One file each; the rule puts them together."""
    *_, device, name = doc.path.split("/")
    text = doc.text.strip()
    if not text or (name != "last_error_func" and not text.isdecimal()):
        return
    value = int(text[:18]) if text.isdecimal() else 0
    given = {"errors_count": "count", "first_error_time": "first", "last_error_time": "last"}.get(name)
    if given == "count":
        yield ErrorCount(device, count=value, origin=doc.origin(1, text))
    elif given:
        yield ErrorCount(
            device,
            first=float(value) if given == "first" else 0.0,
            last=float(value) if given == "last" else 0.0,
            origin=doc.origin(1, text),
        )
    else:
        yield ErrorCount(device, where=text[:80], origin=doc.origin(1, text))


@parser(Names, "sys/block/dm-*/dm/name", "sys/block/dm-*/dm/suspended")
def names(doc: Document) -> Iterator[Names]:
    """The device mapper's names."""
    parts, text = doc.path.split("/"), doc.text.strip()
    if parts[-1] == "name":
        yield Names(parts[2], text, origin=doc.origin(1, text))
    elif text in ("0", "1"):
        yield Names(parts[2], "", text == "1", origin=doc.origin(1, text))


@parser(Backing, "sys/block/loop*/loop/backing_file")
def backing(doc: Document) -> Iterator[Backing]:
    """Files behind loop devices."""
    yield Backing(doc.path.split("/")[2], doc.text.strip(), origin=doc.origin(1, doc.text.strip()))
