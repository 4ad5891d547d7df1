"""Parsers of disks, file systems and logs against arbitrary and mutilated text: they skip what they do not understand."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.facts.filesystems import Mount, Places, size
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.parsers import arrays, controllers, disk_trouble, disks, filesystems, logkeeping, remote_storage
from diagbundle.analyse.rules.space import how_full
from diagbundle.analyse.verdict import Origin
from diagbundle.errors import FormatError

MDSTAT = "Personalities : [raid1]\nmd0 : active raid1 sdb1[1](F) sda1[0]\n      1048512 blocks super 1.2 [2/1] [U_]\n"
DISKSTATS = "   8       0 sda 3217 33 348162 6604 6335 5709 3814892 67779 0 9768 77629 0 0 0 0 1981 3245\n"
LVS = "  LV   VG   Attr       LSize   Pool  Origin Data%  Meta%\n  p0   vg0  twi-aotz-- 100.00g              99.80  42.11\n"
MULTIPATH = "mpatha (36) dm-2 NETAPP,LUN\n|-+- policy='service-time 0' prio=50 status=active\n| `- 1:0:0:1 sdb 8:16 failed faulty running\n"
ZPOOL = "  pool: tank\n state: DEGRADED\n\t    sdb     FAULTED      3   148     0  too many errors\nerrors: No known data errors\n"
SMART = "SMART overall-health self-assessment test result: FAILED!\n  5 Reallocated_Sector_Ct   0x0033   200   200   140    Pre-fail  Always   FAILING_NOW 10\n"
STATS = "device a:/x mounted on /x with fstype nfs4 statvers=1.1\n\txprt:\ttcp 0 1 1 0 4 14 13 0 900 0\n\t        READ: 5 5 0 1 2 3 4 5\n"
USAGE = "    Device size:\t\t  40.00GiB\n    Device unallocated:\t\t   1.00MiB\nMetadata,DUP: Size:1.00GiB, Used:992.00MiB (97%)\n"
LSOF = "java       1822              0    7w      REG  253,0 32212254720    1310 /srv/trace.log (deleted)\n"
ROW = '{"mount": "/", "source": "/dev/sda2", "type": "ext4", "device": "8:2", "options": "rw", "super_options": "rw", "bytes": 100, "bytes_free": 1, "bytes_available": 0}\n'
HELD = '{"path": "/a", "bytes": 5, "links": 0, "holders": [{"pid": 7, "comm": "x"}, 8, null]}\n'
READERS = [
    (filesystems.rooms, "diagbundle/tables/filesystems", ROW),
    (filesystems.df, "df", "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/sda1 100 100 0 100% /\n"),
    (filesystems.mountinfo, "proc/self/mountinfo", "22 1 8:2 / / rw shared:1 - ext4 /dev/sda2 rw\n"),
    (filesystems.listed, "proc/mounts", "/dev/sda1 /mnt/a\\040b ext4 rw 0 0\n/dev/sda1 on / type ext4 (rw)\n"),
    (filesystems.fstab, "etc/fstab", "UUID=1 / ext4 defaults 0 1\n"),
    (filesystems.blkid, "sos_commands/block/blkid_-c_.dev.null", '/dev/sda1: LABEL="a" UUID="b"\n'),
    (filesystems.deleted, "diagbundle/tables/deleted_files", HELD),
    (filesystems.lsof, "sos_commands/process/lsof", LSOF),
    (filesystems.largest, "diagbundle/tables/largest", '{"kind": "file", "path": "/a", "allocated": 5, "mtime": 1.5}\n'),
    (filesystems.noted_errors, "sys/fs/ext4/sda1/errors_count", "6\n"),
    (filesystems.names, "sys/block/dm-0/dm/suspended", "1\n"),
    (filesystems.backing, "sys/block/loop0/loop/backing_file", "/a.img\n"),
    (disks.diskstats, "proc/diskstats", DISKSTATS),
    (disks.disk_state, "sys/block/sda/device/state", "offline\n"),
    (disks.controller_state, "sys/class/nvme/nvme0/state", "dead\n"),
    (disks.session_state, "sys/class/iscsi_session/session1/state", "FAILED\n"),
    (disks.error_counters, "sys/block/sda/device/iotmo_cnt", "0x1f\n"),
    (disks.smart_text, "sos_commands/ata/smartctl_-a_.dev.sda", SMART),
    (disks.smart_json, "sos_commands/ata/smartctl_-j_.dev.sda", '{"device": {"name": "/dev/sda"}, "smart_status": {"passed": false}}'),
    (arrays.mdstat, "proc/mdstat", MDSTAT),
    (arrays.mismatches, "sys/block/md0/md/mismatch_cnt", "256\n"),
    (arrays.volumes, "sos_commands/lvm2/lvs", LVS),
    (arrays.mapper, "sos_commands/devicemapper/dmsetup_status", "p: 0 209 thin-pool 5 300/25600 80/163 - rw discard_passdown\ns: 0 1 snapshot 5/10 1\n"),
    (arrays.missing, "sos_commands/lvm2/pvs", "  [unknown]  vg0  lvm2 a-m  100.00g    0\n"),
    (arrays.paths, "sos_commands/multipath/multipath_-v4_-ll", MULTIPATH),
    (arrays.pools, "sos_commands/zfs/zpool_status_-v", ZPOOL),
    (arrays.pool_room, "sos_commands/zfs/zpool_list_-Hp", "tank\t100\t96\t4\t-\t-\t63\t96\t1.00\tONLINE\t-\n"),
    (arrays.pool_state, "proc/spl/kstat/zfs/tank/state", "SUSPENDED\n"),
    (arrays.device_stats, "sos_commands/btrfs/btrfs_device_stats_.data", "[/dev/sdb].write_io_errs    4\n"),
    (arrays.error_stats, "sys/fs/btrfs/0a/devinfo/1/error_stats", "write_errs 4\n"),
    (arrays.btrfs_usage, "sos_commands/btrfs/btrfs_filesystem_usage_.data", USAGE),
    (controllers.megaraid, "sos_commands/megaraid/storcli", "0/0   RAID1 Dgrd  RW     Yes\n252:1     9 Failed 0 446 GB\n"),
    (controllers.smart_array, "sos_commands/hpssa/ssacli", "      logicaldrive 1 (279.4 GB, RAID 1, Interim Recovery Mode)\n"),
    (controllers.adaptec, "sos_commands/arcconf/arcconf", "Logical Device number 0\n   Status of Logical Device : Degraded\n"),
    (controllers.drbd, "proc/drbd", " 0: cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown C r-----\n"),
    (logkeeping.journal_read, "sos_commands/logs/journalctl_--header", "Journal file /var/log/journal/a/b.journal is truncated, ignoring file.\n"),
    (remote_storage.mountstats, "proc/self/mountstats", STATS),
    (logkeeping.log_files, "diagbundle/tables/log_files", '{"path": "/var/log/a", "size": 5, "allocated": 5, "inode": 1, "mtime": 1}\n'),
    (logkeeping.dry_run, "sos_commands/logrotate/logrotate_--debug", 'error: skipping "/var/log/a" because\n'),
    (logkeeping.rotated, "var/lib/logrotate/status", '"/var/log/a" 2026-3-5-0:0:1\n'),
    (logkeeping.rotation_rules, "etc/logrotate.d/a", "/var/log/a/*.log {\n"),
    (logkeeping.cores, "sos_commands/coredump/ls_-lanR", "/var/crash:\n-rw-r----- 1 0 0 5368709120 Mar  5 09:00 core.a\n"),
]  # fmt: skip
LISTENERS = [
    disk_trouble.disk_trouble,
    disk_trouble.no_room,
    disk_trouble.no_write,
    remote_storage.remote_trouble,
    logkeeping.complained,
    logkeeping.journal_trouble,
]
SAID = [
    "EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0",
    "BTRFS error (device dm-0: state EA): bdev /dev/sda errs: wr 1, rd 0, flush 0, corrupt 1, gen 0",
    "sd 0:0:0:0: [sda] tag#0 FAILED Result: hostbyte=DID_TIME_OUT driverbyte=DRIVER_OK",
    "nvme nvme0: I/O tag 12 (100c) opcode 0x2 (Read) QID 4 timeout, aborting req_op:READ(0) size:4096",
    "CIFS: VFS: \\\\files.example.net has not responded in 180 seconds. Reconnecting...",
    'error: skipping "/var/log/a.log" because parent directory has insecure permissions',
    "write /var/lib/app/state: no space left on device",
]
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def document(path, text):
    return Document(Entry(path, there=True), text.encode("utf-8", "surrogatepass"))


def read(reader, path, text):
    try:
        return list(reader(document(path, text)))
    except FormatError:
        return []


@pytest.mark.parametrize(("reader", "path", "text"), READERS, ids=[reader.__name__ for reader, _, _ in READERS])
def test_what_is_well_formed_is_read(reader, path, text):
    assert read(reader, path, text)


@pytest.mark.parametrize(("reader", "path", "text"), READERS, ids=[reader.__name__ for reader, _, _ in READERS])
@MANY
@given(data=st.data())
def test_whatever_the_text_nothing_but_a_format_error_is_raised(reader, path, text, data):
    spot = data.draw(st.integers(0, len(text)))
    noise = data.draw(
        st.one_of(st.text(max_size=40), st.sampled_from(["9" * 400, "\x00", "-1", '{"a": []}', "\n\n", "{}", "null", '"path": {}', "0x"]))
    )
    read(reader, path, text[:spot] + noise + text[data.draw(st.integers(spot, len(text))) :])
    read(reader, path, noise)


@pytest.mark.parametrize("listener", LISTENERS, ids=lambda each: each.__name__)
@MANY
@given(data=st.data())
def test_no_line_of_a_log_upsets_a_listener(listener, data):
    line = data.draw(st.sampled_from(SAID))
    spot = data.draw(st.integers(0, len(line)))
    text = line[:spot] + data.draw(st.text(max_size=30)) + line[data.draw(st.integers(spot, len(line))) :]
    for facility in ("kernel", "logrotate", "app"):
        list(listener(Event(text, Origin("var/log/messages", 1, text[:100]), 5.0, facility=facility)))


@pytest.mark.parametrize("listener", LISTENERS, ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    "text", [char * 16_000 for char in (" ", "a", "[", "/", "0", "sd ", "ata1", "nvme0n1: I/O Cmd(", "error: ", "/a", "XFS (a): ")]
)
def test_no_line_takes_long(listener, text):
    started = time.process_time()
    list(listener(Event(text[:16_000], Origin("var/log/messages", 1, ""), facility="kernel")))
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(("reader", "path", "text"), READERS, ids=[reader.__name__ for reader, _, _ in READERS])
@pytest.mark.parametrize("noise", [" ", "a", "|", "\t", "[", "/a", "9 ", "(", ","])
def test_no_long_line_takes_long(reader, path, text, noise):
    started = time.process_time()
    read(reader, path, text + (noise * 20_000)[:20_000] + "\n" + text)
    assert time.process_time() - started < 1.0


@given(st.integers(0, 1 << 60), st.integers(0, 1 << 60), st.integers(-(1 << 40), 1 << 60))
def test_any_size_of_a_file_system_can_be_judged(whole, free, left):
    fs = read(
        filesystems.rooms,
        "diagbundle/tables/filesystems",
        f'{{"mount": "/", "bytes": {whole}, "bytes_free": {free}, "bytes_available": {left}}}',
    )[0]
    how_full(fs)
    assert 0 <= size(whole).count(" ") <= 1


def test_sizes_for_people():
    assert [size(count) for count in (0, 512, 1 << 20, 200 << 30, 3 << 29, 1536 << 30)] == [
        "0 bytes",
        "512 bytes",
        "1 MB",
        "200 GB",
        "1.5 GB",
        "1.5 TB",
    ]


@pytest.mark.parametrize(
    ("device", "points"),
    [("sda", ["/", "/home"]), ("sda1", ["/"]), ("sd", []), ("nvme0n1", ["/data"]), ("dm-0", ["/var"]), ("vg-var", ["/var"])],
)
def test_a_device_is_found_by_all_its_names(device, points):
    where = Origin("proc/mounts", 1)
    sources = {"/": "/dev/sda1", "/home": "/dev/sda2", "/data": "/dev/nvme0n1p2", "/var": "/dev/mapper/vg-var"}
    every = [Mount(point, source, "ext4", origin=where) for point, source in sources.items()]
    assert Places(every, names={"dm-0": "vg-var"}).of(device) == points
