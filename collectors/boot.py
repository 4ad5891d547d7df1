"""Starting up: command line, boot loader, what lies in /boot, secure boot."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime

from diagbundle.collect.api import Command, File, Host, Row, Source, SourceError, Table, collector

from ._look import status

LOADER = [
    "/proc/cmdline", "/proc/bootconfig", "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub/menu.lst", "/boot/grub/custom.cfg",
    "/boot/grub2/custom.cfg", "/boot/grub/grubenv", "/boot/grub2/grubenv", "/boot/loader/entries/*.conf", "/boot/loader/loader.conf",
    "/boot/extlinux/extlinux.conf", "/etc/default/grub", "/etc/default/grub.d/*", "/etc/default/grub_installdevice", "/etc/grub.d/*",
    "/etc/sysconfig/bootloader", "/etc/zipl.conf", "/etc/kernel/cmdline", "/etc/kernel/install.conf", "/etc/kernel-img.conf",
    "/etc/sysconfig/kernel", "/etc/dracut.conf", "/etc/dracut.conf.d/*", "/etc/initramfs-tools/initramfs.conf",
    "/etc/initramfs-tools/modules", "/etc/mkinitfs/mkinitfs.conf", "/etc/modules", "/etc/modules-load.d/*", "/usr/lib/modules-load.d/*",
    "/run/modules-load.d/*", "/sys/firmware/efi/fw_platform_size",
]  # fmt: skip
EFI = ["/boot/efi/EFI/*/grub.cfg", "/boot/efi/EFI/*/grubenv", "/boot/efi/loader/entries/*.conf", "/efi/loader/entries/*.conf"]


GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""EFI_GLOBAL_VARIABLE of the UEFI specification."""


def automounts(host: Host) -> set[str]:
    """Mount points that walking into would mount: an autofs on which nothing lies yet."""
    types: dict[str, str] = {}
    for line in host.lines("/proc/self/mountinfo"):
        here, _, there = line.partition(" - ")
        if there and len(here.split()) > 4:
            types[here.split()[4]] = there.split()[0]
    return {point for point, kind in types.items() if kind == "autofs"}


def secure_boot(host: Host) -> Iterator[Row]:
    """What the firmware says of secure boot, for hosts without mokutil: 1 is on. `SetupMode` 1 means that no key guards it."""
    for name in ("SecureBoot", "SetupMode", "DeployedMode", "AuditMode"):
        try:
            raw = host.read(f"/sys/firmware/efi/efivars/{name}-{GLOBAL}", 16)
        except SourceError as error:
            yield {"variable": name, "error": str(error)}
            continue
        # four bytes of attributes, then the value
        yield {"variable": name, "value": raw[4] if len(raw) == 5 else None}


def listing(host: Host) -> Iterator[Row]:
    """Everything below /boot by `lstat`, for hosts where `ls` is missing or may not walk. `blocks` counts 512 bytes."""
    closed = automounts(host)
    pending = ["/boot"]
    while pending:
        here = pending.pop()
        for name in host.listdir(here):
            path = f"{here}/{name}"
            link = host.readlink(path)
            about = None if link else status(host, path)
            if about is None:
                yield {"path": path, "link": link}
                continue
            yield {
                "path": path, "mode": stat.filemode(about.st_mode), "uid": about.st_uid, "gid": about.st_gid,
                "size": about.st_size, "blocks": about.st_blocks, "mtime": _moment(about.st_mtime), "device": about.st_dev,
            }  # fmt: skip
            if stat.S_ISDIR(about.st_mode) and path not in closed:
                pending.append(path)


def _moment(seconds: float) -> str:
    """In UTC; as a number where no calendar reaches: a damaged inode may have any time."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


@collector(title="Boot: command line, boot loader, files in /boot, secure boot")
def boot(host: Host) -> Iterator[Source]:
    """Nothing that would mount a partition for being looked at."""
    closed = automounts(host)
    inside = [point for point in closed if point.startswith("/boot")]
    reason = f"walking in would mount it: {', '.join(sorted(inside))}" if inside else ""
    yield from map(File, LOADER)
    yield from (File(path, skip=reason if any(path.startswith(f"{point}/") for point in closed) else "") for path in EFI)
    yield Command(("ls", "-lanR", "/boot"), skip=reason)
    yield Table("boot_files", listing, only_if="/boot")
    yield Command(("efibootmgr", "-v"), only_if="/sys/firmware/efi")
    yield Command(("mokutil", "--sb-state"), only_if="/sys/firmware/efi")
    yield Table("secure_boot", secure_boot, only_if="/sys/firmware/efi/efivars", timeout=10)
    yield Command(("lsinitrd",), timeout=60)
    release = host.text("/proc/sys/kernel/osrelease").strip()
    yield Command(("lsinitramfs", "-l", f"/boot/initrd.img-{release}"), only_if=f"/boot/initrd.img-{release}", timeout=60)
