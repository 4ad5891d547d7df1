"""Disks, file systems and what fills them: mounts, space, arrays, volumes, network file systems and their counters."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import partial

from diagbundle.collect.api import Command, File, Host, Source, Stage, Table, collector

from ._largest import WALK_SECONDS, largest
from ._look import spelled
from ._mounts import Mount, automounts, hidden, is_elsewhere, mounts, space, split

MAX_REMOTE = 60
"""Network mounts that are asked; each dead one costs its deadline."""
_READ_ONLY = ("--config", "global{metadata_read_only=1}", "--nolocking", "--foreign")
STATE = """
/proc/{mounts,self/mountinfo,partitions,filesystems,drbd,scsi/scsi}
/proc/fs/{ext4/*/options,jbd2/*/info,nfsfs/servers,nfsfs/volumes,cifs/DebugData}
/proc/sys/fs/quota/* /etc/{fstab,fstab.d/*,mtab,crypttab,udev/rules.d/*} /run/udev/data/b* /dev/disk/** /dev/mapper/*
/sys/block/*/{size,ro,removable,hidden,alignment_offset,holders/*,slaves/*} /sys/block/*/*/{partition,start}
/sys/block/*/queue/{rotational,scheduler,nr_requests,read_ahead_kb,max_sectors_kb,max_hw_sectors_kb,write_cache,io_timeout,wbt_lat_usec}
/sys/block/*/queue/{nomerges,rq_affinity,discard_granularity,discard_max_bytes,logical_block_size,physical_block_size,zoned}
/sys/block/*/device/{model,vendor,rev,state,timeout,queue_depth,queue_type,wwid,type} /sys/class/scsi_host/*/{state,proc_name,can_queue}
/sys/block/loop*/loop/* /sys/block/zram*/{comp_algorithm,disksize} /sys/block/bcache*/bcache/{state,cache_mode}
/sys/block/dm-*/dm/{name,uuid,suspended}
/sys/block/md*/md/{level,raid_disks,metadata_version,resync_start,consistency_policy,bitmap/location}
/etc/{mdadm.conf,mdadm/mdadm.conf,multipath.conf,multipath/conf.d/*,multipath/bindings,multipath/wwids}
/etc/lvm/{lvm.conf,lvmlocal.conf,devices/*,profile/*,backup/*,archive/*} /run/lvm/**
/sys/fs/ext4/*/{first_error_*,last_error_*,journal_task} /sys/fs/ext4/features/* /sys/fs/xfs/*/{log/*,error/**}
/sys/fs/btrfs/*/{label,generation,exclusive_operation,metadata_uuid,devices/*,allocation/**,devinfo/*/missing} /sys/fs/btrfs/features/*
/sys/fs/f2fs/*/features /sys/module/zfs/version /sys/module/zfs/parameters/zfs_arc_*
/etc/{exports,exports.d/*,nfs.conf,nfs.conf.d/*,nfsmount.conf,nfsmount.conf.d/*,idmapd.conf} /var/lib/nfs/{etab,rmtab}
/etc/{sysconfig/nfs,sysconfig/autofs,default/nfs-*,default/autofs,autofs.conf,auto.*,auto.master.d/*}
/etc/iscsi/initiatorname.iscsi /sys/class/iscsi_host/*/{ipaddress,*name}
/sys/class/iscsi_session/*/{state,recovery_tmo,targetname,tpgt,abort_tmo,lu_reset_tmo,tgt_reset_tmo}
/sys/class/iscsi_connection/*/{address,port,persistent_address,persistent_port,ping_tmo,recv_tmo,state}
"""
COUNTERS = """
/proc/{diskstats,self/mountstats,mdstat,net/rpc/nfs,net/rpc/nfsd,fs/xfs/stat,fs/cifs/Stats} /sys/block/*/{stat,inflight}
/sys/block/*/device/{ioerr_cnt,iotmo_cnt,iorequest_cnt,iodone_cnt}
/sys/fs/ext4/*/{errors_count,warning_count,msg_count,lifetime_write_kbytes,session_write_kbytes,delayed_allocation_blocks}
/sys/block/md*/md/{array_state,degraded,mismatch_cnt,sync_action,sync_completed,rd*/state,rd*/errors}
/sys/fs/xfs/*/stats/stats /sys/fs/btrfs/*/{commit_stats,devinfo/*/error_stats} /sys/block/zram*/{mm_stat,io_stat}
/sys/block/bcache*/bcache/dirty_data /proc/spl/kstat/zfs/{arcstats,*/io,*/iostats,*/state}
"""


# -- space


def local_space(host: Host) -> Iterator[dict[str, object]]:
    """Space of every mount that answers at once."""
    every = mounts(host)
    covered = hidden(every)
    for mount in split(every)[0]:
        yield space(host, mount, covered=mount.number in covered)


def one_space(mount: Mount, host: Host) -> Iterator[dict[str, object]]:
    """Space of one mount that may never answer."""
    started = time.monotonic()
    with host.step(mount.point):
        row = space(host, mount)
    yield {**row, "seconds": round(time.monotonic() - started, 3)}


def df(host: Host, *, inodes: bool = False) -> Iterator[str]:
    """The table that `df -al -x autofs` prints (with `-i`: `df -ali`), without its wait for a dead mount."""
    heads = ("Inodes", "IUsed", "IFree", "IUse%") if inodes else ("1K-blocks", "Used", "Available", "Use%")
    lines = [("Filesystem", *heads, "Mounted on")]
    every = mounts(host)
    quick = {mount.number for mount in split(every)[0]}
    for mount in every:
        if is_elsewhere(mount):
            continue
        row = space(host, mount) if mount.number in quick else {}
        lines.append((_printable(mount.source), *_columns(row, inodes=inodes), _printable(mount.point)))
    widths = [max(least, *(len(line[column]) for line in lines)) for column, least in enumerate((14, 5, 5, 5, 4))]
    for line in lines:
        cells = [line[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(line[1:5], widths[1:], strict=True)), line[5]]
        yield " ".join(cells)


def _columns(row: dict[str, object], *, inodes: bool) -> tuple[str, str, str, str]:
    """Size, used, available and per cent, rounded up as df does."""
    names, unit = (("inodes", "inodes_free", "inodes_free"), 1) if inodes else (("bytes", "bytes_free", "bytes_available"), 1024)
    numbers = [row.get(name) for name in names]
    if not all(isinstance(number, int) for number in numbers):
        return "-", "-", "-", "-"
    size, free, available = (int(str(number)) for number in numbers)
    used = size - free
    share = f"{-(-used * 100 // (used + available))}%" if used + available > 0 else "-"
    return str(-(-size // unit)), str(-(-used // unit)), str(-(-available // unit)), share


def _printable(text: str) -> str:
    return "".join("?" if ord(character) < 32 or ord(character) == 127 else character for character in text)


# -- what is asked


def samples(host: Host) -> Iterator[Source]:
    """Counters, read at both ends."""
    yield from map(File, spelled(COUNTERS))
    for mount in _of_type(host, "btrfs"):
        yield Command(("btrfs", "device", "stats", mount.point), folder="btrfs", timeout=10)


@collector(title="Disks, file systems, arrays, volumes, and what fills them", stage=Stage.VOLATILE, samples=samples, folder="filesys")
def disk(host: Host) -> Iterator[Source]:
    """What cannot hang first; commands that open devices and mounts that may be dead last."""
    yield from map(File, spelled(STATE))
    yield Table("filesystems", local_space, timeout=20)
    yield Table("df", df, at="sos_commands/filesys/df_-al_-x_autofs", also=("df",), timeout=20)
    yield Table("df_inodes", partial(df, inodes=True), at="sos_commands/filesys/df_-ali_-x_autofs", timeout=20)
    yield from _layout()
    yield from _filesystems(host)
    yield from _network_storage(host)
    yield from _volumes(host)
    yield Table("largest", largest, timeout=WALK_SECONDS * 2)
    yield from _remote(host)
    yield from _openers(host)


def _layout() -> Iterator[Source]:
    for words in (("lsblk",), ("lsblk", "-O", "-P"), ("lsblk", "-t"), ("lsblk", "-D"), ("losetup", "-a"), ("ls", "-lanR", "/dev")):
        yield Command(words, folder="block")
    yield Command(("findmnt",), timeout=10)
    yield Command(("lsscsi",), folder="scsi", only_if="/sys/class/scsi_device", timeout=10)


def _filesystems(host: Host) -> Iterator[Source]:
    for mount in _of_type(host, "xfs"):
        yield Command(("xfs_info", mount.point), folder="xfs", timeout=10)
        if "quota" in mount.super_options.replace("noquota", ""):
            yield Command(("xfs_quota", "-x", "-c", "report -n -b -i", mount.point), folder="xfs", timeout=10)
    btrfs = _of_type(host, "btrfs")
    if btrfs:
        # all devices are opened without --mounted
        show = ("btrfs", "filesystem", "show", "--mounted")
        yield Command(show, folder="btrfs", at="sos_commands/btrfs/btrfs_filesystem_show")
    for mount in btrfs:
        yield Command(("btrfs", "filesystem", "usage", mount.point), folder="btrfs", timeout=10)
    yield from _zfs(host)


def _of_type(host: Host, kind: str) -> list[Mount]:
    """Local mounts of a type, one for each device."""
    return list({mount.device: mount for mount in reversed(split(mounts(host))[0]) if mount.type == kind}.values())[::-1]


def _zfs(host: Host) -> Iterator[Source]:
    """A suspended pool holds every zpool and zfs command for ever; the kernel says so beforehand."""
    base = "/proc/spl/kstat/zfs"
    suspended = [path.split("/")[-2] for path in host.glob(f"{base}/*/state") if host.text(path).strip() == "SUSPENDED"]
    reason = f"the pool is suspended and the command would hang: {', '.join(suspended)}" if suspended else ""
    for words in (("zpool", "status", "-v"), ("zpool", "list", "-Hp"), ("zfs", "list", "-Hp"), ("zpool", "events")):
        yield Command(words, folder="zfs", only_if=base, skip=reason)
    # a list of all buffers, as long as the cache has blocks
    sampled = {"arcstats", "io", "iostats", "state", "dbufs"}
    yield from (File(path) for path in host.glob(f"{base}/**") if path.rpartition("/")[2] not in sampled)


def _network_storage(host: Host) -> Iterator[Source]:
    if host.exists("/proc/net/rpc/nfs") or host.exists("/proc/net/rpc/nfsd"):
        yield Command(("nfsstat", "-o", "all"), folder="nfs", timeout=10)
    stopped = "" if host.running("iscsid") else "iscsid is stopped; asking would start it"
    yield Command(("iscsiadm", "-m", "session", "-P", "3"), folder="iscsi", only_if="/sys/class/iscsi_session", skip=stopped)


def _volumes(host: Host) -> Iterator[Source]:
    """Commands that open the devices of volumes; they hang where a path is dead."""
    arrays = [f"/dev/{path.rpartition('/')[2]}" for path in host.glob("/sys/block/md*")]
    if arrays:
        yield Command(("mdadm", "-D", *arrays), folder="md", at="sos_commands/md/mdadm_-D_.dev.md")
    # without this file a look at /dev/mapper/control would load the device mapper
    mapper = "/sys/class/misc/device-mapper"
    for verb in (("info", "-c"), ("table",), ("ls", "--tree")):
        yield Command(("dmsetup", *verb), folder="devicemapper", only_if=mapper, timeout=10)
    # without --noflush thin pools commit their metadata, that is, write
    yield Command(
        ("dmsetup", "status", "--noflush"), folder="devicemapper", only_if=mapper, at="sos_commands/devicemapper/dmsetup_status", timeout=10
    )
    pvs = "pv_mda_free,pv_mda_size,pv_mda_count,pv_mda_used_count,pe_start"
    vgs = "vg_mda_count,vg_mda_free,vg_mda_size,vg_mda_used_count,vg_tags,systemid"
    lvs = "lv_tags,devices,lv_kernel_read_ahead,lv_read_ahead,stripes,stripesize"
    reports: tuple[tuple[str, ...], ...] = (
        ("pvs", "-a", "-v", "-o", f"+{pvs}"),
        ("vgs", "-v", "-o", f"+{vgs}"),
        ("lvs", "-a", "-o", f"+{lvs}"),
    )
    for words in reports:
        yield Command((*words, *_READ_ONLY), folder="lvm2", only_if=mapper)
    stopped = "" if host.running("multipathd") else "multipathd is stopped; asking would start it"
    yield Command(("multipath", "-v4", "-ll"), folder="multipath", only_if=mapper, skip=stopped)


def _remote(host: Host) -> Iterator[Source]:
    """One table for each file system that may never answer, so that each has its own deadline."""
    names: dict[str, int] = {}
    devices: set[str] = set()
    for point in automounts(host):
        yield File(f"{point.rstrip('/')}/*", skip="an automount: a look would mount something, and its daemon may not answer")
    for mount in split(mounts(host))[1]:
        if mount.device in devices:
            continue
        devices.add(mount.device)
        name = "filesystem_" + (re.sub(r"[^\w.-]+", "_", mount.point, flags=re.ASCII).strip("_.")[:100] or "root")
        names[name] = names.get(name, 0) + 1
        reason = "" if len(devices) <= MAX_REMOTE else f"more than {MAX_REMOTE} network file systems are mounted"
        unique = name if names[name] == 1 else f"{name}.{names[name]}"
        yield Table(unique, partial(one_space, mount), timeout=5, skip=reason)


def _openers(host: Host) -> Iterator[Source]:
    """Commands that read from the disks themselves: they wake sleeping ones and wait for dead ones."""
    for mount in (*_of_type(host, "ext4"), *_of_type(host, "ext3"), *_of_type(host, "ext2")):
        if mount.source.startswith("/dev/"):
            yield Command(("dumpe2fs", "-h", mount.source), timeout=10)
    yield Command(("mount", "-l"), also=("mount",), timeout=10)
    yield Command(("blkid", "-c", "/dev/null"), folder="block", timeout=15)
