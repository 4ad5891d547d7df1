"""What the kernel said of disks, put in order: by disk, by age, by what was mounted then."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diagbundle.analyse.facts.disks import DiskTrouble
from diagbundle.analyse.verdict import Severity

_DAY = 86_400
_MOUNTS = ("mounted", "unmounted")


def whole(device: str) -> str:
    """The disk of a partition: `sda` of `sda1`, `nvme0n1` of `nvme0n1p2`; anything else is itself."""
    if found := re.fullmatch(r"((?:sd|hd|vd|xvd)[a-z]+|dasd[a-z]+)\d+|((?:nvme\d+n|mmcblk|loop|nbd|md)\d+)p\d+", device):
        return found[1] or found[2] or device
    if found := re.fullmatch(r"(nvme\d+)c\d+(n\d+)", device):
        return found[1] + found[2]
    return device


def devices_of(said: Sequence[DiskTrouble], kinds: Sequence[str]) -> dict[str, list[DiskTrouble]]:
    """What was said of each disk, of its partitions too; only disks of which something of these kinds was said."""
    parents = {each.device: each.parent for each in said if each.parent}
    found: dict[str, list[DiskTrouble]] = {}
    for each in said:
        found.setdefault(whole(each.parent or parents.get(each.device, each.device)), []).append(each)
    return {device: words for device, words in sorted(found.items()) if device and any(each.kind in kinds for each in words)}


def since_mounted(said: Sequence[DiskTrouble]) -> list[DiskTrouble]:
    """What was said of a device since it was mounted last: what came before may be of another file system."""
    mounted = max((each.time for each in said if each.kind in _MOUNTS), default=0.0)
    return [each for each in said if each.kind not in _MOUNTS and each.time >= mounted]


def by_age(said: Sequence[DiskTrouble], now: float, *, few: bool = False) -> Severity:
    """Critical within a day (where it was more than a few), warning within a week, else a note."""
    last = max((each.time for each in said), default=0.0)
    age = now - last if now and last else 0.0
    if age < _DAY:
        return Severity.WARNING if few else Severity.CRITICAL
    return Severity.WARNING if age < 7 * _DAY else Severity.NOTE
