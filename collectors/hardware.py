"""Hardware: model, firmware, memory errors, heat, disks' own health, controllers, and the hypervisor of a virtual machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Source, collector

from ._look import spelled

FILES = """
/sys/class/dmi/id/* /sys/firmware/dmi/tables/{DMI,smbios_entry_point} /proc/device-tree/{model,serial-number}
/sys/firmware/devicetree/base/model
/proc/{ioports,dma,fb,mtrr,bus/pci/devices,bus/input/devices} /sys/class/tpm/tpm*/tpm_version_major
/sys/firmware/efi/{fw_platform_size,runtime}
/sys/bus/pci/devices/*/{vendor,device,subsystem_vendor,subsystem_device,class,revision,numa_node,enable,irq,driver,msi_bus}
/sys/bus/pci/devices/*/{current_link_speed,current_link_width,max_link_speed,max_link_width,power_state,d3cold_allowed,sriov_numvfs,sriov_totalvfs}
/sys/bus/usb/devices/*/{idVendor,idProduct,manufacturer,product,speed,bDeviceClass}
/sys/devices/system/edac/mc/mc*/{mc_name,size_mb,seconds_since_reset,max_location,dimm*/dimm_label,dimm*/dimm_location,dimm*/size}
/sys/devices/system/edac/mc/mc*/{dimm*/dimm_mem_type,dimm*/dimm_edac_mode,csrow*/mem_type,csrow*/size_mb,rank*/dimm_label,rank*/size}
/sys/devices/system/machinecheck/machinecheck0/* /sys/devices/system/memory/{block_size_bytes,hard_offline_page,auto_online_blocks}
/sys/class/hwmon/hwmon*/{name,*_label,*_crit,*_max,*_min,device/name} /sys/class/thermal/*/{type,policy,trip_point_*}
/sys/class/nvme/nvme*/{state,model,firmware_rev,transport,address,cntlid,queue_count,numa_node}
/sys/class/nvme-subsystem/*/{iopolicy,subsysnqn}
/sys/class/fc_host/*/{port_state,port_name,node_name,speed,supported_speeds,port_type,fabric_name,symbolic_name,dev_loss_tmo}
/sys/class/fc_remote_ports/*/{port_state,port_name,roles,fast_io_fail_tmo,dev_loss_tmo} /sys/class/scsi_host/*/{model_name,fwrev,version_*}
/sys/class/sas_phy/*/{negotiated_linkrate,maximum_linkrate,sas_address,enable}
/sys/class/sas_device/*/{sas_address,enclosure_identifier,bay_identifier}
/sys/class/enclosure/*/*/{status,fault,locate,active,slot} /sys/class/infiniband/*/{fw_ver,hca_type,board_id,node_desc}
/sys/class/infiniband/*/ports/*/{state,phys_state,rate,link_layer,lid}
/sys/class/ipmi/*/device/bmc/{firmware_revision,manufacturer_id,product_id}
/sys/class/drm/card*/device/{vendor,device,mem_busy_percent,gpu_busy_percent} /proc/driver/nvidia/{version,gpus/*/information}
/sys/hypervisor/{type,uuid,version/*,properties/features} /sys/bus/vmbus/devices/*/{class_id,device_id,state,id,vendor,device}
/sys/bus/virtio/devices/*/{device,vendor,features,status,driver} /sys/module/hv_balloon/parameters/*
/sys/devices/system/xen_memory/xen_memory0/{info/current_kb,target_kb} /etc/vmware-tools/{tools.conf,manifest.txt} /etc/waagent.conf
/var/lib/rasdaemon/ras-mc_event.db
/etc/{mcelog/mcelog.conf,rasdaemon.conf,sysconfig/rasdaemon,smartd.conf,smartmontools/smartd.conf,sensors3.conf}
/var/lib/smartmontools/{smartd.*.state,attrlog.*} /etc/{fwupd/*.conf,nvme/discovery.conf}
"""
COUNTERS = """
/sys/devices/system/edac/mc/mc*/{ce_count,ue_count,ce_noinfo_count,ue_noinfo_count,csrow*/ce_count,csrow*/ue_count,csrow*/ch*_ce_count}
/sys/devices/system/edac/mc/mc*/{dimm*/dimm_ce_count,dimm*/dimm_ue_count,rank*/dimm_ce_count,rank*/dimm_ue_count}
/sys/devices/system/edac/pci/{pci_parity_count,pci_nonparity_count} /sys/bus/pci/devices/*/aer_{dev_correctable,dev_nonfatal,dev_fatal}
/sys/bus/pci/devices/*/aer_rootport_total_err_* /sys/class/hwmon/hwmon*/*_{input,alarm,fault,average} /sys/class/thermal/thermal_zone*/temp
/sys/class/thermal/cooling_device*/{cur_state,max_state}
/sys/class/power_supply/*/{online,status,health,capacity,present,voltage_now,power_now}
/sys/class/fc_host/*/statistics/{*error*,*_count,seconds_since_last_reset,lip_count,loss_of_*,link_failure_count,invalid_*,dumped_frames,fcp_*}
/sys/class/sas_phy/*/{invalid_dword_count,loss_of_dword_sync_count,running_disparity_error_count,phy_reset_problem_count}
/sys/class/infiniband/*/ports/*/{counters/*,hw_counters/*} /sys/class/nvme/nvme*/{reset_count,reconnect_count,command_error_count}
"""
NO_SMART = (
    "loop",
    "ram",
    "zram",
    "dm-",
    "md",
    "sr",
    "fd",
    "nbd",
    "rbd",
    "vd",
    "xvd",
    "nvme",
    "drbd",
    "bcache",
    "zd",
    "mmcblk",
    "pmem",
    "dasd",
)
"""Block devices without SMART, or asked in another way."""
STANDBY = ("smartctl", "-n", "standby", "-a")
"""Without `-n standby` a sleeping disk would spin up."""
MEGARAID = "/dev/megaraid_sas_ioctl_node"


def samples(_host: Host) -> Iterator[Source]:
    """Counters of errors, and heat; some sensors take a second to answer."""
    yield from (File(path, timeout=10) for path in spelled(COUNTERS))


@collector(title="Hardware: model, firmware, memory errors, heat, disks' own health", samples=samples)
def hardware(host: Host) -> Iterator[Source]:
    """What the kernel knows first; what wakes controllers and firmware last."""
    yield from map(File, spelled(FILES))
    # where there is no DMI it would search the memory for it
    yield Command(("dmidecode",), also=("dmidecode",), only_if="/sys/class/dmi/id", timeout=20)
    yield from _buses()
    yield from _virtual(host)
    yield from _sensors(host)
    yield from _nvme(host)
    yield from _management(host)
    yield from _raid(host)
    yield from _smart(host)  # the last, since there may be thousands of disks


def _buses() -> Iterator[Source]:
    # -vv reads the extended configuration; on some cards that takes seconds
    yield Command(("lspci", "-nnvv"), folder="pci", only_if="/sys/bus/pci/devices", timeout=30)
    yield Command(("lspci", "-tv"), folder="pci", only_if="/sys/bus/pci/devices", timeout=15)
    # -v would resume sleeping devices
    yield Command(("lsusb", "-t"), folder="usb", only_if="/sys/bus/usb/devices", timeout=15)
    yield Command(("lsusb",), folder="usb", only_if="/sys/bus/usb/devices", timeout=15)
    yield Command(("nvidia-smi", "-q"), folder="gpu", only_if="/proc/driver/nvidia/version", timeout=30)
    yield Command(("ibstat",), folder="infiniband", only_if="/sys/class/infiniband", timeout=10)


def _virtual(host: Host) -> Iterator[Source]:
    """What a guest can tell; never the addresses of cloud metadata, which hand out credentials."""
    yield Command(("virt-what",), folder="host", timeout=10)
    stopped = "" if host.running("vmtoolsd") else "vmtoolsd is stopped"
    for words in (
        ("-v",),
        ("stat", "raw", "text", "session"),
        ("stat", "balloon"),
        ("stat", "swap"),
        ("stat", "speed"),
        ("timesync", "status"),
    ):
        yield Command(("vmware-toolbox-cmd", *words), folder="vmware", skip=stopped, timeout=10)


def _sensors(host: Host) -> Iterator[Source]:
    yield Command(("sensors", "-A"), only_if="/sys/class/hwmon/hwmon0", timeout=30)
    yield Command(("ras-mc-ctl", "--summary"), folder="rasdaemon", only_if="/var/lib/rasdaemon/ras-mc_event.db", timeout=20)
    yield Command(("ras-mc-ctl", "--errors"), folder="rasdaemon", only_if="/var/lib/rasdaemon/ras-mc_event.db", timeout=20)
    stopped = "" if host.running("mcelog") else "mcelog is stopped"
    yield Command(("mcelog", "--client"), folder="mcelog", skip=stopped, timeout=10)


def _nvme(host: Host) -> Iterator[Source]:
    """Health and error log of each controller that is alive: one that resets or reconnects would hold the command."""
    yield Command(("nvme", "list"), folder="nvme", only_if="/sys/class/nvme", timeout=15)
    yield Command(("nvme", "list-subsys"), folder="nvme", only_if="/sys/class/nvme", timeout=15)
    for path in host.glob("/sys/class/nvme/nvme*"):
        state = host.text(f"{path}/state").strip()
        reason = "" if state in ("live", "") else f"its state is '{state}': the command would wait"
        device = f"/dev/{os.path.basename(path)}"
        for words in (("smart-log",), ("error-log",), ("fw-log",), ("id-ctrl", "-H")):
            yield Command(("nvme", *words, device), folder="nvme", skip=reason, timeout=15)


def _smart(host: Host) -> Iterator[Source]:
    """What each disk says of itself, as text and as JSON."""
    for path in host.glob("/sys/block/*"):
        name = os.path.basename(path)
        if name.startswith(NO_SMART) or not host.exists(f"{path}/device"):
            continue
        state = host.text(f"{path}/device/state").strip()
        reason = "" if state in ("running", "") else f"the kernel has set this disk '{state}'"
        # names of the kernel hold `!` for `/`, as in cciss!c0d0
        device = f"/dev/{name.replace('!', '/')}"
        yield Command((*STANDBY, device), folder="ata", skip=reason, at=f"sos_commands/ata/smartctl_-a_.dev.{name}", timeout=20)
        yield Command((*STANDBY, "-j", device), folder="ata", skip=reason, at=f"sos_commands/ata/smartctl_-j_.dev.{name}", timeout=20)


def _raid(host: Host) -> Iterator[Source]:
    """Disks behind RAID controllers. smartctl would make the MegaRAID node where it is missing: asked only where it is there."""
    scan = Command(("smartctl", "--scan"), folder="ata", only_if=MEGARAID, timeout=20)
    for line in host.lines(scan) if host.exists(MEGARAID) else ():
        words = line.partition("#")[0].split()
        if len(words) >= 3 and words[1] == "-d" and words[2].startswith(("megaraid,", "sat+megaraid,")):
            yield Command((*STANDBY, "-d", words[2], words[0]), folder="ata", timeout=20)
    yield scan
    # without nolog it writes a log file into the current folder
    for tool in ("storcli64", "storcli", "perccli64", "perccli"):
        found = next(
            (path for path in (f"/opt/MegaRAID/storcli/{tool}", f"/opt/MegaRAID/perccli/{tool}", f"/usr/sbin/{tool}") if host.exists(path)),
            "",
        )
        if found:
            yield Command((found, "/cALL", "show", "all", "nolog"), folder="megaraid", timeout=60)
    for tool in ("ssacli", "hpssacli"):
        yield Command((tool, "ctrl", "all", "show", "config", "detail"), folder="hpssa", only_if="/sys/bus/pci/drivers/hpsa", timeout=60)
    yield Command(("arcconf", "getconfig", "1", "AL", "nologs"), folder="arcconf", only_if="/sys/bus/pci/drivers/aacraid", timeout=60)


def _management(host: Host) -> Iterator[Source]:
    """The event log first: an old controller may be too slow for the rest. Without the device the kernel driver is not loaded."""
    device = next((path for path in ("/dev/ipmi0", "/dev/ipmi/0", "/dev/ipmidev/0") if host.exists(path)), "/dev/ipmi0")
    for words in (
        ("sel", "info"),
        ("sel", "elist", "last", "200"),
        ("mc", "info"),
        ("chassis", "status"),
        ("sdr",),
        ("sensor",),
        ("fru", "print"),
    ):
        yield Command(("ipmitool", *words), folder="ipmitool", only_if=device, timeout=60)
    stopped = "" if host.running("fwupd") else "fwupd is stopped; asking would start it"
    yield Command(("fwupdmgr", "get-devices", "--no-unreported-check"), folder="fwupd", skip=stopped, timeout=20)
