from storage_hosts import commands, files, host, sampled, skipped

from diagbundle.collectors.hardware import hardware

DISKS = {
    "/sys/block/sda/device/state": "running\n",
    "/sys/block/sdb/device/state": "offline\n",
    "/sys/block/vda/device/vendor": "x",
    "/sys/block/loop0/size": "0",
    "/sys/block/dm-0/device/x": "x",
    "/sys/class/nvme/nvme0/state": "live\n",
    "/sys/class/nvme/nvme1/state": "connecting\n",
}


def test_disks_are_not_woken_and_dead_ones_not_asked(tmp_path):
    on = host(tmp_path, DISKS)
    found = commands(hardware, on)
    smart = {words: source for words, source in found.items() if words.startswith("smartctl")}
    assert set(smart) == {"smartctl -n standby -a /dev/sda", "smartctl -n standby -a -j /dev/sda"}
    assert smart["smartctl -n standby -a /dev/sda"].at == "sos_commands/ata/smartctl_-a_.dev.sda"
    assert "offline" in skipped(hardware, on)["smartctl -n standby -a /dev/sdb"]
    assert "nvme smart-log /dev/nvme0" in found
    assert "connecting" in skipped(hardware, on)["nvme smart-log /dev/nvme1"]


def test_disks_behind_megaraid_are_found_only_where_the_node_is(tmp_path):
    scan = ("smartctl", "--scan")
    answer = {scan: "/dev/sda -d scsi # /dev/sda, SCSI device\n/dev/bus/0 -d megaraid,8 # /dev/bus/0 [megaraid_disk_08], SCSI device\n"}
    assert "smartctl --scan" not in commands(hardware, host(tmp_path / "a", {}, answer))
    found = commands(hardware, host(tmp_path / "b", {"/dev/megaraid_sas_ioctl_node": ""}, answer))
    assert "smartctl -n standby -a -d megaraid,8 /dev/bus/0" in found


def test_the_management_controller_is_asked_only_where_its_device_is(tmp_path):
    assert not [words for words in commands(hardware, host(tmp_path / "a", {})) if words.startswith("ipmitool")]
    found = [words for words in commands(hardware, host(tmp_path / "b", {"/dev/ipmi0": ""})) if words.startswith("ipmitool")]
    assert found[:2] == ["ipmitool sel info", "ipmitool sel elist last 200"]
    assert not [words for words in found if "lan" in words or "clear" in words or "reset" in words]


def test_dmidecode_would_search_the_memory_where_there_is_no_dmi(tmp_path):
    assert "dmidecode" not in commands(hardware, host(tmp_path / "a", {}))
    assert commands(hardware, host(tmp_path / "b", {"/sys/class/dmi/id/sys_vendor": "x"}))["dmidecode"].also == ("dmidecode",)


def test_errors_and_heat_are_read_twice_and_nothing_that_acts_at_all(tmp_path):
    counters = {
        "/sys/devices/system/edac/mc/mc0/ce_count", "/sys/devices/system/edac/mc/mc0/dimm0/dimm_ce_count",
        "/sys/class/hwmon/hwmon0/temp1_input",
        "/sys/bus/pci/devices/0000:00:01.0/aer_dev_fatal", "/sys/class/fc_host/host1/statistics/error_frames",
    }  # fmt: skip
    never = {f"/sys/bus/pci/devices/0000:00:01.0/{name}" for name in ("rom", "vpd", "config", "resource0", "remove", "reset")}
    never |= {
        "/sys/devices/system/edac/mc/mc0/reset_counters",
        "/sys/class/fc_host/host1/statistics/reset_statistics",
        "/sys/class/fc_host/host1/issue_lip",
    }
    on = host(tmp_path, dict.fromkeys(counters | never, "1\n"))
    assert sampled(hardware, on) == counters
    assert not files(hardware, on) & never
