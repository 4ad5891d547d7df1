"""What the host is made of: a real or a virtual machine, memory, processors."""

from __future__ import annotations

import re

from diagbundle.analyse.claims.claim import Answer, compared, confirmed, contradicted, kind, unknown
from diagbundle.analyse.claims.desk import Desk
from diagbundle.analyse.claims.values import amount, in_words, is_near, whole_number
from diagbundle.analyse.evidence.document import Line
from diagbundle.analyse.verdict import Origin

_SAYS = (  # what a host says of its machine → what that is
    (r"vmware", "vmware"), (r"\bec2\b|amazon", "aws"), (r"google", "gcp"), (r"alibaba", "alibaba"), (r"digitalocean", "digitalocean"),
    (r"microsoft corporation.*virtual machine|hyper-?v|^microsoft$", "hyperv"), (r"virtualbox|^oracle$|innotek", "virtualbox"),
    (r"openstack", "openstack"), (r"nutanix", "nutanix"), (r"proxmox", "kvm"), (r"\bkvm\b|qemu|bochs|rhev|ovirt|red hat", "kvm"),
    (r"\bxen", "xen"), (r"firecracker|cloud-hypervisor", "kvm"), (r"parallels", "parallels"), (r"powervm|ibm,hvm|phyp", "powervm"),
    (r"z/?vm|kvm/linux on z", "zvm"),
)  # fmt: skip
_CLAIMED = (
    (r"bare[ -]?metal|physical|hardware|not virtual|no vm|none", "physical"), (r"vmware|esxi|vsphere|vcenter", "vmware"),
    (r"\baws\b|ec2|amazon", "aws"), (r"azure", "azure"), (r"gcp|gce|google", "gcp"), (r"hyper-?v", "hyperv"),
    (r"virtualbox|vbox", "virtualbox"), (r"openstack", "openstack"), (r"nutanix|ahv", "nutanix"),
    (r"kvm|qemu|proxmox|rhev|ovirt|libvirt", "kvm"), (r"xen", "xen"), (r"lxc|lxd|docker|container|nspawn|podman", "container"),
    (r"not cloud", "no cloud"), (r"cloud", "cloud"), (r"\bvm\b|virtual", "virtual"),
)  # fmt: skip
_IS_ALSO = {
    "aws": {"kvm", "xen"},
    "gcp": {"kvm"},
    "openstack": {"kvm"},
    "nutanix": {"kvm"},
    "alibaba": {"kvm"},
    "digitalocean": {"kvm"},
    "azure": {"hyperv"},
}
_CLOUDS = {"aws", "azure", "gcp", "openstack", "alibaba", "digitalocean"}
_BY_WORD = {"yes": "virtual", "true": "virtual", "no": "physical", "false": "physical"}
_FIRMWARE = (
    "sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name", "sys/class/dmi/id/bios_vendor", "sys/class/dmi/id/chassis_asset_tag",
    "sos_commands/host/systemd-detect-virt_-v", "sos_commands/host/hostnamectl*", "sys/hypervisor/type",
)  # fmt: skip
_MODEL = ("sys/class/dmi/id/product_name", "sys/class/dmi/id/sys_vendor")
_TAKEN = 1.25 * (1 << 30)
"""Bytes of memory that the kernel, the firmware and the reserve for crash dumps take away at most."""
_AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"


@kind(
    "virtual",
    "virtual or real machine",
    "virtual=VMware",
    "virtualization, virtualisation, hypervisor, hardware, vm, virtual machine, cloud, physical, bare metal, physical server",
)
def virtual(value: str, desk: Desk) -> Answer:
    """Compared with what firmware, `systemd-detect-virt` and the processor's flags say."""
    word = value.strip().lower()
    said = _BY_WORD.get(word) or next((name for pattern, name in _CLAIMED if re.search(pattern, word)), "")
    names, lines = _machine(desk)
    origins = [line.origin for line in lines]
    if model := _model(word, desk):
        return confirmed(f"the machine is {' '.join(model)}", [line.origin for line in model])
    if not names:
        return unknown(
            desk.why("whether the machine is virtual", "sys/class/dmi/id/sys_vendor", "sos_commands/host/systemd-detect-virt_-v"), origins
        )
    if not said:
        return unknown(f"{value!r} is no machine that is known here; the host is {_title(names)}", origins)
    if said == "no cloud":
        return compared(not names & _CLOUDS, f"the machine is {_title(names)}", origins)
    return _of_kind(value, said, names, origins) or compared(_is(said, names), f"the machine is {_title(names)}", origins)


def _model(word: str, desk: Desk) -> list[Line]:
    """The lines of vendor and product, where they hold all that a claim names: `Dell PowerEdge R740`."""
    lines = list(desk.lines(*_MODEL))
    own = " ".join(lines).lower()
    words = re.findall(r"[\w.-]{3,}", word)
    return [line for line in lines if line.strip()] if words and all(each in own for each in words) else []


def _is(said: str, names: set[str]) -> bool:
    """Whether a machine is of a kind: EC2 runs on KVM or Xen, any hypervisor makes a virtual one."""
    is_virtual = said == "virtual" and bool(names - {"physical", "container"})
    return (
        said in names or is_virtual or (said == "cloud" and bool(names & _CLOUDS)) or any(said in _IS_ALSO.get(name, ()) for name in names)
    )


def _of_kind(value: str, said: str, names: set[str], origins: list[Origin]) -> Answer | None:
    """A virtual machine that does not tell of which kind, or of which cloud, it is."""
    if _is(said, names) or said == "physical":
        return None
    if names == {"virtual"}:
        return unknown(f"the machine is virtual; nothing tells whether it is {value}", origins)
    if said in _CLOUDS | {"cloud"} and names - {"physical", "container"} and not names & _CLOUDS:
        return unknown(f"the machine is {_title(names)}; nothing tells whether it belongs to a cloud", origins)
    return None


def _title(names: set[str]) -> str:
    return "a physical one" if names == {"physical"} else f"virtual ({', '.join(sorted(names - {'virtual'})) or 'of an unknown kind'})"


def _machine(desk: Desk) -> tuple[set[str], list[Line]]:
    """What kinds of machine the host says it is, and the lines that say so."""
    names: set[str] = set()
    lines: list[Line] = []
    for line in desk.lines(*_FIRMWARE):
        text = line.strip().lower()
        if not text or (":" in text and not text.startswith(("virtualization:", "hardware vendor:", "hardware model:"))):
            continue
        found = (
            {"azure", "hyperv"}
            if _AZURE_TAG in text
            else {name for pattern, name in _SAYS if re.search(pattern, text.partition(":")[2].strip() or text)}
        )
        if found or text == "none" or (line.document.path.startswith("sys/class/dmi/id/sys_vendor") and not found):
            names |= found
            lines.append(line)
    if flag := desk.find(r"^flags\s*:.*\bhypervisor\b", "proc/cpuinfo"):
        return (names or {"virtual"}), lines or [flag[1]]
    if detected := desk.find(r"^none$", "sos_commands/host/systemd-detect-virt_-v"):
        return (names or {"physical"}), lines or [detected[1]]
    if not names and lines and (model := desk.find(r"^(?:flags|Features)\s*:", "proc/cpuinfo")):
        return {"physical"}, [*lines, model[1]]
    return names, lines


@kind("memory", "memory", "memory=64 GB", "ram, mem, total memory, physical memory")
def memory(value: str, desk: Desk) -> Answer:
    """Compared with MemTotal, of which the kernel and the firmware have already taken a part."""
    found = desk.find(r"^MemTotal:\s+(\d{1,12}) kB", "proc/meminfo")
    if not found:
        return unknown(desk.why("the memory", "proc/meminfo"))
    total = int(found[0][1]) * 1024
    if re.search(r"(?i)\b(?:enough|plenty|ok|fine|sufficient|free)\b", value) and amount(value) is None:
        return _enough(desk, total)
    said = amount(value, "G")
    if said is None:
        return unknown(f"{value!r} is no amount of memory; the host has {in_words(total)}", [found[1].origin])
    return compared(
        is_near(said, total, below=0.03, above=max(0.12, _TAKEN / total if total else 0)),
        f"the host has {in_words(total)} of memory, as the kernel counts it",
        [found[1].origin],
    )


def _enough(desk: Desk, total: int) -> Answer:
    free = desk.find(r"^MemAvailable:\s+(\d{1,12}) kB", "proc/meminfo")
    if not free:
        return unknown("the kernel does not tell how much memory is available")
    left = int(free[0][1]) * 1024
    sentence = f"{in_words(left)} of {in_words(total)} of memory were available when the host was asked"
    return compared(left > total * 0.05, sentence, [free[1].origin])


@kind("cpus", "number of processors", "cpus=8", "cpu, cpu count, cores, vcpus, vcpu, processors, number of cpus, cpu cores, cpu(s)")
def cpus(value: str, desk: Desk) -> Answer:
    """Compared with the processors that the kernel uses; a name is compared with the model's."""
    processors = list(desk.find_all(r"^processor\s*:\s*(\d+)", "proc/cpuinfo"))
    online = desk.find(r"^CPU\(s\):\s+(\d+)", "sos_commands/processor/lscpu", "sos_commands/processor/lscpu_*")
    model = desk.find(r"^(?:model name|cpu)\s*:\s*(.+)|^Model name:\s*(.+)", "proc/cpuinfo", "sos_commands/processor/lscpu")
    count = len(processors) or (int(online[0][1]) if online else 0)
    origins = [each[1].origin for each in ((processors[-1] if processors else online), model) if each]
    if not count:
        return unknown(desk.why("the number of processors", "proc/cpuinfo"))
    said = whole_number(value)
    if said is not None and not re.search(r"(?i)xeon|epyc|intel|amd|core\(tm\)|arm", value):
        return _counted(value, said, count, desk) or compared(said == count, f"the kernel uses {_processors(count)}", origins)
    name = next(filter(None, model[0].groups()), "") if model else ""
    if not name:
        return unknown(f"the kernel uses {_processors(count)}; the model is not told", origins)
    words = re.findall(r"\w{2,}", value.lower())
    return compared(all(word in name.lower() for word in words), f"the processors are {count} of {name}", origins)


def _processors(count: int) -> str:
    return f"{count} processor{'' if count == 1 else 's'}"


def _counted(value: str, said: int, count: int, desk: Desk) -> Answer | None:
    """Cores and sockets are fewer than processors where each core runs two threads; people count any of them."""
    cores = desk.find(r"^cpu cores\s*:\s*(\d+)", "proc/cpuinfo")
    sockets = {found[1] for found, _ in desk.find_all(r"^physical id\s*:\s*(\d+)", "proc/cpuinfo")}
    if not cores or not sockets:
        return None
    is_of_sockets = "socket" in value.lower()
    total = len(sockets) if is_of_sockets else int(cores[0][1]) * len(sockets)
    what = ("socket" if is_of_sockets else "core") + ("" if total == 1 else "s")
    sentence = f"the host has {total} {what}, which are {_processors(count)} to the kernel"
    if total == said and (said != count or is_of_sockets):
        return confirmed(sentence, [cores[1].origin])
    return contradicted(sentence, [cores[1].origin]) if is_of_sockets else None
