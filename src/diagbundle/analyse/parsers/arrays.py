"""Arrays, volumes, paths and pools: what is built of disks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Document, Line, parser
from diagbundle.analyse.facts.disks import Array, DeviceErrors, MissingDevice, Path, Pool, Volume
from diagbundle.analyse.facts.filesystems import BtrfsRoom

# -- md

_MD = re.compile(r"^(md\S*) : (active|inactive)(?: \((?:auto-)?read-only\))? ?(raid\d+|linear|multipath|faulty)? ?(.*)")
_COUNT = re.compile(r"\[(\d{1,5})/(\d{1,5})\] \[([U_]+)\]")
_PROGRESS = re.compile(r"\b(recovery|resync|reshape|check) *= *([\d.]+%|DELAYED|PENDING)")


@parser(Array, "proc/mdstat")
def mdstat(doc: Document) -> Iterator[Array]:
    """`md0 : active raid1 sdb1[1](F) sda1[0]`, then a line with `[2/1] [U_]`."""
    lines = doc.lines
    for index, line in enumerate(lines):
        found = _MD.match(line)
        if not found:
            continue
        below = []
        for each in lines[index + 1 : index + 8]:
            if not each.startswith((" ", "\t")):
                break
            below.append(each)
        yield _array(line, found, " ".join(below))


def _array(line: Line, found: re.Match[str], below: str) -> Array:
    count, progress = _COUNT.search(below), _PROGRESS.search(below)
    failed = tuple(re.findall(r"(\S+)\[\d+\]\([A-Z]*F[A-Z]*\)", found[4]))
    return Array(
        found[1],
        found[3] or "",
        found[2] == "active" or bool(re.search(r"external:(?!/)", below)),
        int(count[1]) if count else None,
        int(count[2]) if count else None,
        failed,
        f"{progress[1]} = {progress[2]}" if progress else "",
        origin=line.origin,
    )


@parser(Array, "sys/block/md*/md/mismatch_cnt")
def mismatches(doc: Document) -> Iterator[Array]:
    """What the last check found to differ."""
    text = doc.text.strip()
    if text.isdecimal():
        yield Array(doc.path.split("/")[2], mismatches=int(text[:18]), origin=doc.origin(1, text))


# -- LVM and the device mapper


@parser(Volume, "sos_commands/lvm2/lvs*")
def volumes(doc: Document) -> Iterator[Volume]:
    """`lvs`: a cell belongs to the head with which it begins or ends; which columns there are differs."""
    heads: dict[str, tuple[int, int]] = {}
    for line in doc.lines:
        words = [(found[0], found.start(), found.end()) for found in re.finditer(r"\S+", line[:2000])]
        if {"LV", "VG", "Attr"} <= {word for word, _, _ in words}:
            heads = {word: (start, end) for word, start, end in reversed(words)}
            continue
        cells = {head: word for head, at in heads.items() for word, start, end in words if start == at[0] or end == at[1]}
        if "VG" in cells and re.fullmatch(r"[-a-zA-Z]{6,10}", cells.get("Attr", "")):
            name = f"{cells['VG']}/{cells.get('LV', '').strip('[]')}"
            yield Volume(name, cells["Attr"], _share(cells.get("Data%")), _share(cells.get("Meta%")), origin=line.origin)


def _share(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,3}(?:\.\d{1,3})?", text) else None


_THIN = re.compile(r"^(\S+): \d+ \d+ (thin-pool|snapshot|cache) (.*)")


@parser(Volume, "sos_commands/devicemapper/dmsetup_status*")
def mapper(doc: Document) -> Iterator[Volume]:
    """`pool: 0 2097152 thin-pool 1 12/1024 900/1000 - rw no_discard_passdown queue_if_no_space -`, and snapshots `used/size metadata`."""
    for line in doc.lines:
        found = _THIN.match(line)
        if not found:
            continue
        shares = [(int(a), int(b)) for a, b in re.findall(r"(?<!\S)(\d{1,18})/(\d{1,18})(?!\S)", found[3])]
        parts = [100 * used / whole for used, whole in shares if whole]
        if found[2] == "thin-pool" and len(parts) > 1:
            state = next((word for word in ("out_of_data_space", "ro", "Fail", "needs_check") if word in found[3].split()), "")
            yield Volume(found[1], "thin-pool", parts[1], parts[0], state, origin=line.origin)
        elif found[2] == "thin-pool" and "Fail" in found[3]:
            yield Volume(found[1], "thin-pool", state="Fail", origin=line.origin)
        elif found[2] == "snapshot":
            state = "Invalid" if re.search(r"Invalid|Overflow", found[3]) else ""
            yield Volume(found[1], "snapshot", parts[0] if parts else None, None, state, origin=line.origin)


@parser(MissingDevice, "sos_commands/lvm2/pvs*", "sos_commands/lvm2/vgs*")
def missing(doc: Document) -> Iterator[MissingDevice]:
    """`[unknown]  vg0 lvm2 a-m …` or the warning that a device is missing."""
    for line in [*doc.lines]:
        if found := re.match(r"\s*(?:\[unknown\]|unknown device|\[unknown device\])\s+(\S+)\s", line):
            yield MissingDevice(found[1], "a device of it", origin=line.origin)
    for text in doc.stderr.split("\n")[:200] + [str(line) for line in doc.lines[:50]]:
        if found := re.search(
            r"(?:VG (\S+) is missing PV (\S+)|[Dd]evice for PV (\S+) not found or rejected|Couldn't find device with uuid (\S+?)\.?$)", text
        ):
            group = found[1] or "a volume group"
            yield MissingDevice(group, f"the device {next(filter(None, found.groups()[1:]))}", origin=doc.origin(0, text.strip()))


# -- multipath

_MAP = re.compile(r"^(?:\w+: )?(\S+) (?:\(\S+\) )?dm-\d+ ")
_WAY = re.compile(r"^[\s|`\\_-]*[\s|`_-] (\d+:\d+:\d+:\d+|#:#:#:#) +(\S+) +(?:\d+:\d+|\S+) +(.*)")


@parser(Path, "sos_commands/multipath/multipath*-ll*")
def paths(doc: Document) -> Iterator[Path]:
    """`| `- 6:0:0:0 sdb 8:16 active ready running` below the line of its map; of RHEL 5 `[active][ready]`."""
    name = ""
    for line in doc.lines:
        if found := _MAP.match(line):
            name = found[1]
        elif name and (found := _WAY.match(line)):
            state = re.sub(r"[\[\]]+", " ", found[3]).strip()
            is_up = not re.search(r"\b(failed|faulty|offline|shaky|undef)\b", state)
            yield Path(name, found[2], is_up, state, origin=line.origin)


# -- ZFS


@parser(Pool, "sos_commands/zfs/zpool_status*")
def pools(doc: Document) -> Iterator[Pool]:
    """`zpool status`: the pool's state, and the devices that are not well."""
    name, state, start, devices, said = "", "", None, list[tuple[str, str, int]](), ""
    for line in doc.lines:
        if found := re.match(r"\s*pool: (\S+)", line):
            if start is not None:
                yield Pool(name, state, said, tuple(devices), origin=start.origin)
            name, state, start, devices, said = found[1], "", line, [], ""
        elif (found := re.match(r"\s*state: (\S+)", line)) and start is not None:
            state, start = found[1], line
        elif found := re.match(r"\s*errors: (.*)", line):
            said = found[1]
        elif found := re.match(r"\s+(\S+)\s+(ONLINE|DEGRADED|FAULTED|OFFLINE|UNAVAIL|REMOVED|SUSPENDED)\s+(\d+)\S* +(\d+)\S* +(\d+)", line):
            wrong = sum(int(found[each][:12]) for each in (3, 4, 5))
            if (
                (found[2] != "ONLINE" or wrong)
                and found[1] != name
                and not re.match(r"(?:mirror|raidz\d?|draid\S*|spare|replacing)-\d", found[1])
            ):
                devices.append((found[1], found[2], wrong))
    if start is not None:
        yield Pool(name, state, said, tuple(devices), origin=start.origin)


@parser(Pool, "sos_commands/zfs/zpool_list*")
def pool_room(doc: Document) -> Iterator[Pool]:
    """`zpool list -Hp`: name, size, …, capacity in per cent, …, health."""
    for line in doc.lines:
        words = line.split()
        if len(words) >= 9 and words[0] != "NAME":
            at = next((index for index, word in enumerate(words) if index > 7 and word.isupper()), 0)
            state = words[at] if at else ""
            share = words[at - 2].rstrip("%") if at and re.fullmatch(r"\d{1,3}%?", words[at - 2]) else ""
            yield Pool(words[0], state, used=int(share) if share else None, origin=line.origin)


@parser(Pool, "proc/spl/kstat/zfs/*/state")
def pool_state(doc: Document) -> Iterator[Pool]:
    """`ONLINE`, `DEGRADED`, `SUSPENDED`: known without a command that might hang."""
    yield Pool(doc.path.split("/")[4], doc.text.strip(), origin=doc.origin(1, doc.text.strip()))


# -- btrfs

_KINDS = {
    "write_io_errs": "writes",
    "read_io_errs": "reads",
    "flush_io_errs": "flushes",
    "corruption_errs": "corruptions",
    "generation_errs": "generations",
}
_SHORT = {
    "write_errs": "writes",
    "read_errs": "reads",
    "flush_errs": "flushes",
    "corruption_errs": "corruptions",
    "generation_errs": "generations",
}


@parser(DeviceErrors, "sos_commands/btrfs/btrfs_device_stats*")
def device_stats(doc: Document) -> Iterator[DeviceErrors]:
    """`[/dev/sda2].write_io_errs    0`."""
    found: dict[str, dict[str, int]] = {}
    cited: dict[str, Line] = {}
    for line in doc.lines:
        if said := re.match(r"\[([^\]]+)\]\.(\w+)\s+(\d{1,18})\s*$", line):
            device, kind = said[1], _KINDS.get(said[2])
            if kind:
                found.setdefault(device, {})[kind] = int(said[3])
                cited[device] = line if int(said[3]) or device not in cited else cited[device]
    where = doc.path.rpartition("_")[2]
    for device, counts in found.items():
        yield DeviceErrors(where, device, **counts, origin=cited[device].origin)


@parser(DeviceErrors, "sys/fs/btrfs/*/devinfo/*/error_stats")
def error_stats(doc: Document) -> Iterator[DeviceErrors]:
    """The same from the kernel: `write_errs 0`."""
    parts = doc.path.split("/")
    counts = {
        _SHORT[words[0]]: int(words[1])
        for _, words in doc.words()
        if len(words) == 2 and words[0] in _SHORT and re.fullmatch(r"\d{1,18}", words[1])
    }
    if counts:
        worst = next((line for line, words in doc.words() if words[-1] != "0"), doc.lines[0])
        yield DeviceErrors(parts[3], f"device {parts[5]}", **counts, origin=worst.origin)


@parser(BtrfsRoom, "sos_commands/btrfs/btrfs_filesystem_usage*")
def btrfs_usage(doc: Document) -> Iterator[BtrfsRoom]:
    """`btrfs filesystem usage`: what is not allocated, and how full the metadata is."""
    size, free, metadata, cited = 0, None, (0, 0), None
    for line in doc.lines:
        if found := re.match(r"\s+Device size:\s+(\S+)", line):
            size = _bytes(found[1])
        elif found := re.match(r"\s+Device unallocated:\s+(\S+)", line):
            free, cited = _bytes(found[1]), line
        elif found := re.match(r"Metadata,\s*\w+: *Size:([^,\s]+), *Used:(\S+)", line):
            metadata = (_bytes(found[1]), _bytes(found[2]))
    if cited is not None:
        mount = doc.path.partition("usage_")[2].replace(".", "/") or "/"
        yield BtrfsRoom(mount, size, free, *metadata, origin=cited.origin)


def _bytes(text: str) -> int:
    found = re.match(r"(\d{1,15}(?:\.\d{1,6})?)([KMGTPE]?)i?B?", text)
    return int(float(found[1]) * 1024 ** " KMGTPE".index(found[2] or " ")) if found else 0
