"""What the kernel says of disks and of the file systems on them, in the spellings of all its versions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.analyse.api import Event, log_parser
from diagbundle.analyse.facts.disks import DiskTrouble
from diagbundle.analyse.facts.filesystems import NoRoom, NoWrite

LONGEST = 1000
"""Characters of a line that are looked at."""
_PLACES = {
    "<dev>": r"(?P<device>[\w!-]+)",
    "<disk>": r"\[(?P<device>\w+)\]",
    "<pci>": r"(?: [0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.\d)?",
    "<scsi>": r"^sd (?P<device>\d+:\d+:\d+:\d+): (?:.{0,40}?\[(?P<parent>\w+)\])?.*?",
    "<ata>": r"^(?P<device>ata\d+)(?:\.\d+)?: ",
    "<nvme>": r"^nvme (?P<device>nvme\d+): ",
    "<fs>": r"\((?P<device>[^)]+)\): ",
    "<btrfs>": r"^(?P<kind>BTRFS)(?:: | )\w+ ?\(device (?P<device>[^):]+)[^)]*\):? .*",
}
"""What stands for a device in the patterns below."""


def _any(*patterns: str) -> list[re.Pattern[str]]:
    for short, long in _PLACES.items():
        patterns = tuple(pattern.replace(short, long) for pattern in patterns)
    return [re.compile(pattern) for pattern in patterns]


_IO = _any(
    r"(?:end_request|blk_update_request|print_req_error): (?:I/O|critical \w+(?: \w+)?) error, dev <dev>",
    r"^(?:I/O|critical \w+(?: \w+)?|recoverable transport|protection) error, dev <dev>",
    r"Buffer I/O error on dev(?:ice)? <dev>",
    r"lost (?:async )?page write due to I/O error on <dev>",
    r"<disk>.*Sense Key ?: ?(?:0x)?(?:Medium Error|Hardware Error|Aborted Command|3\b|4\b)",
    r"<disk>.*Add\. Sense: (?:Unrecovered read error|Write error|Logical unit failure|Internal target failure)",
    r"(?P<device>nvme\d+(?:c\d+)?n\d+): (?:I/O Cmd\(.*I/O Error|Read\(.*Unrecovered Read Error)",
    r"<ata>error: \{ (?:UNC|IDNF|ICRC)[^}]*\}",
    r"^(?P<device>hd[a-z]): \w+: (?:status|error)=0x\w+ \{ .*Error",
    r"^(?P<device>mmc(?:blk)?\d+): (?:error -?\d+ |Timeout waiting|.*transferring data)",
    r"(?P<device>dasd[a-z]+)\b.*(?:I/O error|ERP failed)",
)
_RESET = _any(
    r"<nvme>(?:I/O (?:tag )?\d+ .*timeout|Abort status|controller is down|Device not ready|[Rr]esetting controller)",
    r"<ata>(?:failed command|exception Emask (?!0x0 SAct 0x0 SErr 0x0 action 0x0)|hard resetting link|COMRESET failed|SRST failed)",
    r"<ata>(?:softreset failed|link is slow to respond|limiting SATA link speed|qc timeout|reset failed)",
    r"<scsi>(?:timing out command|attempting task abort|Unhandled error code)",
    r"<scsi>FAILED Result: hostbyte=DID_(?:TIME_OUT|TRANSPORT_DISRUPTED|NO_CONNECT|RESET|BUS_BUSY|SOFT_ERROR)",
    r"<scsi>task abort on host \d",
    r"^(?P<device>hv_storvsc) \S+: (?:tag#\d+ )?cmd 0x(?:28|2a|88|8a|35|91) status: scsi 0x\w+ srb 0x\w+ hv 0xc",
    r"<scsi>(?:task abort|device reset|bus reset|target reset|host reset)\b.*(?:FAILED|SUCCESS|scmd|called|TIMEOUT)",
    r"(?P<device>(?:mpt\d?sas|megaraid_sas|hpsa|smartpqi|aacraid|qla2xxx|lpfc|mvsas|arcmsr|mptscsih|vmw_pvscsi|3w-\w+)[\w-]*<pci>)[ :].*"
    r"(?:(?:host|controller|adapter|bus|device) reset|(?:task|command) abort|attempting task abort|SCSI hang|resetting (?:controller"
    r"|adapter|physical)|FW in FAULT|firmware (?:fault|crash)|lockup detected)",
)
_GONE = _any(
    r"<scsi>(?:rejecting I/O to (?:offline|dead) device|Device offlined|offlined - not ready|killing request)",
    r"(?P<device>(?:megaraid_sas|hpsa|aacraid|mpt\d?sas\w*|smartpqi)<pci>)[ :].*"
    r"(?:FW in FAULT|[Aa]dapter is OFFLINE|controller is offline|lockup detected)",
    r"^(?P<device>nvme\d+n\d+): detected capacity change from \d+ to 0$",
    r"<ata>(?:disabled\b|disable device)",
    r"<nvme>(?:Removing after probe failure|Device not ready; aborting|Disabling device after reset failure|Reset failure|failed to reset)",
)
_BROKEN = _any(
    r"^(?P<kind>EXT[234])-fs error \(device (?P<device>[^)]+)\)",
    r"^(?P<kind>EXT[234])-fs <fs>.*(?:Delayed block allocation failed|This should not happen|failed to convert unwritten)",
    r"^(?P<kind>EXT[234])-fs <fs>.*(?:previous I/O error to superblock|Couldn't remount RDWR because of unprocessed orphan)",
    r"^(?:JBD2?: )?(?:Aborting journal on device|Detected IO errors while flushing file data on) (?P<device>[\w!-]+?)(?:-\d+)?\.?$",
    r"^JBD2?: Error -\d+ detected when updating journal superblock for (?P<device>[\w!-]+?)(?:-\d+)?\.?$",
    r"^(?P<kind>XFS) <fs>.*(?:[Cc]orrupt|CRC error|[Ss]hut(?:ting)? down|do_force_shutdown|Internal error|log I/O error)",
    r"^(?P<kind>XFS) <fs>.*(?:metadata I/O error|Unmount and run xfs_repair|Log force failed|error -?5\b)",
    r'^Filesystem "(?P<device>[^"]+)": (?P<kind>XFS) internal error',
    r"<btrfs>(?:corrupt(?! 0\b)|csum failed|checksum (?:verify failed|error)|transid verify failed|IO failure|errno=-(?:5|117|74))",
    r"<btrfs>(?:bad tree block|forced readonly|Transaction aborted|unable to fixup)",
    r"^(?P<kind>F2FS)-fs <fs>.*(?:corrupt|inconsisten|invalid blkaddr|Remounting|checkpoint error|stop checkpoint|needs? fsck)",
    r"^(?P<kind>FAT|EXFAT|exFAT)-fs <fs>error\b",
    r"^(?P<kind>JFS|REISERFS|NILFS|OCFS2|UDF-fs|ntfs3?|NTFS-fs|bcachefs)\b.*(?:ERROR|error) ?\(?(?:device )?\(?(?P<device>[\w!-]+)",
    r"^(?P<kind>gfs2|GFS2): fsid=(?P<device>\S+?): (?:fatal|.*withdraw)",
)
_READONLY = _any(
    r"^(?P<kind>EXT[234]|F2FS|JFS|NILFS)-?(?:fs)? <fs>(?:error: )?[Rr]emounting filesystem read-only",
    r"<btrfs>forced readonly",
    r"^(?P<kind>FAT)-fs <fs>Filesystem has been set read-only",
    r"^(?P<kind>XFS) <fs>.*(?:Shutting down filesystem|Filesystem has been shut down|[Ss]hutdown received)",
    r"^(?P<kind>EXT4)-fs <fs>shut down requested",
)
_MOUNTED = _any(
    r"^(?P<kind>EXT[234])-fs <fs>(?:re-)?mounted\b",
    r"^(?P<kind>XFS) <fs>(?:Mounting |Ending clean mount)",
    r"^(?P<kind>BTRFS) info \(device (?P<device>[^):]+)[^)]*\): first mount of filesystem",
)
_UNMOUNTED = _any(r"^(?P<kind>EXT4)-fs <fs>unmounting filesystem", r"^(?P<kind>XFS) <fs>Unmounting Filesystem")
_KINDS = {
    "mounted": _MOUNTED,
    "unmounted": _UNMOUNTED,
    "readonly": _READONLY,
    "fs": _BROKEN,
    "gone": _GONE,
    "io": _IO,
    "reset": _RESET,
}
_NO_FAULT = re.compile(
    r"BTRFS info .* errs: wr |dev (?:fd|sr)\d|device (?:fd|sr)\d|\[sr\d+\]|\((?:fd"
    r"|sr)\d+\)|:\((?:DISCARD|WRITE_ZEROES|SECURE_ERASE)\)|unrecognized mount option"
    r"|was not properly unmounted|VFS: Can't find|Invalid superblock magic|error count since last fsck"
)
"""Empty drives, requests that a disk need not know, and what is said when something is mounted."""


@log_parser(
    DiskTrouble, "i/o error", "critical medium error", "critical target error", "critical space", "critical nexus", "sense key",
    "add. sense", "unrecovered read error", "-fs error", "-fs (", "corrupt", "crc error", "aborting journal", "detected io errors",
    "shutting down filesystem", "has been shut down", "shut down requested", "shutdown received", "internal error", "xfs_repair",
    "log force failed", "csum failed", "checksum verify failed", "transid verify failed", "io failure", "bad tree block",
    "forced readonly", "transaction aborted", "unable to fixup", "error (device", "errno=-", "force_shutdown", "updating journal",
    "rejecting i/o", "killing request", "adapter is offline", "controller is offline", "capacity change from", "device offlined",
    "offlined - not ready", "timing out command", "task abort", "hostbyte=did_", "hv_storvsc", "failed command", "hard resetting link",
    "comreset failed", "srst failed", "softreset failed", "exception emask", "qc timeout", ".00: disabled", ": error: {",
    "timeout, ", "controller is down", "resetting controller", "device not ready", "command abort", "scsi hang",
    "removing after probe", "after reset failure", "device reset", "host reset", "bus reset", "target reset", "controller reset",
    "adapter reset", "firmware fault", "fw in fault", "lockup detected", "erp failed", "transferring data", "mounting v",
    "mounted filesystem", "re-mounted", "ending clean mount", "first mount of", "unmounting filesystem", "gfs2: fsid",
    kernel=True,
)  # fmt: skip
def disk_trouble(event: Event) -> Iterator[DiskTrouble]:
    """One fact for each kind that a line speaks of: a file system that goes read-only is broken, too."""
    if event.acknowledged or _NO_FAULT.search(event.text):
        return
    for kind, patterns in _KINDS.items():
        for pattern in patterns:
            if found := pattern.search(event.text[:LONGEST]):
                parts = found.groupdict()
                filesystem, parent = parts.get("kind") or "", parts.get("parent") or ""
                yield DiskTrouble(kind, parts.get("device") or "", event.text, event.time, filesystem, parent, origin=event.origin)
                break


_PATH = re.compile(r"(?<![\w/])(/(?:[\w.@+~-]+/)+[\w.@+~,=-]+)")
_SAYS_NO_ROOM = re.compile(
    r"(?i)no space left on device|disk quota exceeded|\[Errno 28\]|\bENOSPC\b"
    r"|not enough (?:disk )?space|\bdisk(?: is)? full\b|filesystem(?: is)? full"
)
_ONLY_QUOTED = re.compile(
    r"^.{0,60}?(?:\b(?:INFO|DEBUG|TRACE)\b|\[(?:info|debug)\]|level=\"?(?:info|debug|trace)\b)"
    r"|(?i:\b(?:like|test|rule|where|pattern|match\w*|contains|grep)\b[ =(]{0,3}[\"'`%]+[\w ]*(?:no space|disk|quota|read-only|not enough))"
)
"""Lines that call themselves no error, or name the words only to look for them."""
_OTHER_ROOM = re.compile(
    r"(?i)inotify|watch|semget|shmget|msgget|semaphore|shared memory segment|AH0002[34]|\bmutex\b|openpty|getpt\b|\bpty\b"
    r"|epoll|\bbpf|cgroup|perf_event|io_uring|keyctl|pci |bridge window|usb "
    r"|xhci|bandwidth|no free (?:node|block)|BAR \d|ethtool|netlink|rtnetlink|addrinfo"
)
"""The same words of the kernel for things that are no disk."""


@log_parser(
    NoRoom, "no space left on device", "disk quota exceeded", "errno 28", "enospc", "not enough space", "not enough disk space",
    "disk full", "filesystem full", "disk is full", "filesystem is full",
)  # fmt: skip
def no_room(event: Event) -> Iterator[NoRoom]:
    """Any program's word that there was no room."""
    text = event.text
    if not event.acknowledged and _SAYS_NO_ROOM.search(text) and not _OTHER_ROOM.search(text) and not _ONLY_QUOTED.search(text):
        path = _PATH.search(text)
        yield NoRoom(text, event.time, event.facility, path[1] if path else "", "quota" in text.lower(), origin=event.origin)


_ON_PURPOSE = re.compile(
    r"(?i)remounting|mounted|/sys/|/proc/|sysctl|couldn't write '.*' to '|oom_score_adj|cgroup|snap\b|fwupd|/usr/lib/python|hostname"
    r"|machine-id|dropped|__pycache__|/run/host|tmpfiles"
)
"""What is read-only on sound hosts: the kernel's settings in containers, images, parts of the tree that a unit sees so."""


@log_parser(NoWrite, "read-only file system")
def no_write(event: Event) -> Iterator[NoWrite]:
    """Any program's word, with the file that it names."""
    if not event.is_kernel and not event.acknowledged and not _ON_PURPOSE.search(event.text) and not _ONLY_QUOTED.search(event.text):
        path = _PATH.search(event.text)
        yield NoWrite(event.time, event.facility, path[1] if path else "", origin=event.origin)
