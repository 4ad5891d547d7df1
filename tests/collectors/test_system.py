"""Identity, boot, CPU and memory, and what we are ourselves."""

import os as operating_system
from contextlib import nullcontext

import pytest

from diagbundle.collectors import boot, cpu_memory
from diagbundle.collectors import os as system
from diagbundle.collectors import self as ourselves
from diagbundle.host import Host


def write(root, path, text=""):
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


# -- os


def test_the_zone_is_what_the_link_says(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("../usr/share/zoneinfo/Europe/Berlin")
    (row,) = system.timezone(Host(root=str(tmp_path)))
    assert (row["zone"], row["link"], row["exists"]) == ("Europe/Berlin", "../usr/share/zoneinfo/Europe/Berlin", False)


def test_without_a_link_the_zone_is_what_the_file_says(tmp_path):
    write(tmp_path, "/etc/timezone", "Asia/Tokyo\n")
    assert next(iter(system.timezone(Host(root=str(tmp_path)))))["zone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("running", "images", "modules", "newest"),
    [
        ("5.14.0-427.13.1.el9", ["5.14.0-427.13.1.el9", "5.14.0-427.9.1.el9"], [], "5.14.0-427.13.1.el9"),
        ("6.1.0-9-amd64", ["6.1.0-9-amd64", "6.1.0-10-amd64"], ["6.1.0-9-amd64"], "6.1.0-10-amd64"),
        ("6.1.0-9-amd64", ["6.1.0-9-amd64"], ["6.1.0-9-amd64", "6.1.0-99-amd64"], "6.1.0-9-amd64"),
        ("5.15.0-88-generic", [], ["5.15.0-88-generic", "5.15.0-101-generic"], "5.15.0-101-generic"),
        ("6.18.44", [], [], ""),
        ("6.1.0-" + "9" * 5000, ["6.1.0-9-amd64"], [], "6.1.0-9-amd64"),
    ],
)
def test_a_newer_kernel_waits_for_a_reboot(tmp_path, running, images, modules, newest):
    write(tmp_path, "/proc/sys/kernel/osrelease", running + "\n")
    write(tmp_path, "/boot/vmlinuz-0-rescue-abc")
    for name in images:
        write(tmp_path, f"/boot/vmlinuz-{name}")
    for name in modules:
        write(tmp_path, f"/lib/modules/{name}/modules.dep")
    rows = [row for row in system.kernels(Host(root=str(tmp_path))) if "rescue" not in row["kernel"]]
    assert [row["kernel"] for row in rows if row["running"]] == [running]
    assert [row["kernel"] for row in rows if row["newest"]] == ([newest] if newest else [])


def test_user_data_is_not_asked_for():
    import fnmatch

    paths = [source.path for source in system.os.sources(Host(root="/nonexistent")) if hasattr(source, "path")]
    secrets = (
        "/run/cloud-init/instance-data-sensitive.json",
        "/run/cloud-init/combined-cloud-config.json",
        "/var/lib/cloud/instance/user-data.txt",
    )
    assert not [(secret, path) for secret in secrets for path in paths if fnmatch.fnmatchcase(secret, path)]


def test_hints_at_virtualisation(tmp_path):
    write(tmp_path, "/proc/cpuinfo", "flags\t\t: fpu vme hypervisor lahf_lm\n")
    write(tmp_path, "/sys/class/dmi/id/sys_vendor", "QEMU\n")
    write(tmp_path, "/.dockerenv")
    write(tmp_path, "/proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n")
    (row,) = system.virtualisation(Host(root=str(tmp_path)))
    assert (row["hypervisor_flag"], row["vendor"], row["dockerenv"], row["wsl"], row["hypervisor"]) == (True, "QEMU", True, True, None)


# -- boot


def test_secure_boot_is_the_fifth_byte_of_a_variable(tmp_path):
    folder = tmp_path / "sys/firmware/efi/efivars"
    folder.mkdir(parents=True)
    (folder / f"SecureBoot-{boot.GLOBAL}").write_bytes(b"\x06\0\0\0\x01")
    (folder / f"SetupMode-{boot.GLOBAL}").write_bytes(b"\x06\0\0\0")
    rows = {row["variable"]: row for row in boot.secure_boot(Host(root=str(tmp_path)))}
    assert rows["SecureBoot"]["value"] == 1
    assert rows["SetupMode"]["value"] is None
    assert "error" in rows["AuditMode"]


AUTOMOUNT = "30 28 0:40 / /boot/efi rw - autofs systemd-1 rw,direct\n"
MOUNTED = "31 30 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n"


@pytest.mark.parametrize(("mounts", "walked"), [("", True), (AUTOMOUNT, False), (AUTOMOUNT + MOUNTED, True)])
def test_an_automount_is_not_walked_into(tmp_path, mounts, walked):
    write(tmp_path, "/proc/self/mountinfo", "28 1 254:0 / / rw - ext4 /dev/vda rw\n" + mounts)
    write(tmp_path, "/boot/efi/EFI/debian/grub.cfg", "set default=0\n")
    listed = []
    host = Host(root=str(tmp_path), step=lambda path: listed.append(path) or nullcontext())
    sources = list(boot.boot.sources(host))
    (ls,) = [source for source in sources if getattr(source, "argv", ())[:1] == ("ls",)]
    assert bool(ls.skip) != walked
    assert [bool(source.skip) for source in sources if getattr(source, "path", "").startswith("/boot/efi")] == [not walked] * 3
    rows = [row["path"] for row in boot.listing(host)]
    assert ("/boot/efi/EFI/debian/grub.cfg" in rows) == walked
    assert "/boot/efi" in rows
    assert ("/boot/efi" in listed) == walked


def test_dangling_links_in_boot_are_rows(tmp_path):
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz").symlink_to("vmlinuz-gone")
    assert list(boot.listing(Host(root=str(tmp_path)))) == [{"path": "/boot/vmlinuz", "link": "vmlinuz-gone"}]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "1970-01-01T00:00:00+00:00"), (1e12, "1000000000000.0"), (-1e12, "-1000000000000.0"), (1e300, "1e+300")]
)
def test_times_that_no_calendar_has_are_numbers(seconds, shown):
    assert boot._moment(seconds) == shown


# -- cpu and memory


def test_groups_are_bounded_in_depth_and_number(tmp_path, monkeypatch):
    here = "/sys/fs/cgroup"
    write(tmp_path, f"{here}/cgroup.controllers", "cpu memory\n")
    for depth in range(9):
        here += f"/d{depth}"
        write(tmp_path, f"{here}/cgroup.procs")
        write(tmp_path, f"{here}/cpu.stat")
        write(tmp_path, f"{here}/memory.stat")
    host = Host(root=str(tmp_path))
    paths = [source.path for source in cpu_memory.readings(host) if source.path.startswith("/sys/fs/cgroup")]
    assert sum(path.endswith("cpu.stat") for path in paths) == 6
    assert not [path for path in paths if path.endswith("memory.stat")]
    monkeypatch.setattr(cpu_memory, "MAX_GROUPS", 3)
    assert len(list(cpu_memory.groups(host, cpu_memory.GROUPS))) == 3


def test_groups_of_the_first_version(tmp_path):
    write(tmp_path, "/sys/fs/cgroup/memory/docker/abc/memory.failcnt", "3\n")
    for group in ("", "/docker", "/docker/abc"):
        write(tmp_path, f"/sys/fs/cgroup/memory{group}/cgroup.procs")
    paths = [source.path for source in cpu_memory.readings(Host(root=str(tmp_path)))]
    assert "/sys/fs/cgroup/memory/docker/abc/memory.failcnt" in paths


@pytest.mark.parametrize(("kilobytes", "skipped"), [(16 << 20, False), (1 << 30, True), ("x", False), ("9" * 5000, False), ("", False)])
def test_page_types_of_a_large_host_are_left_alone(tmp_path, kilobytes, skipped):
    write(tmp_path, "/proc/meminfo", f"MemTotal:       {kilobytes} kB\nMemFree: 1 kB\n")
    (source,) = [
        source for source in cpu_memory.cpu_memory.sources(Host(root=str(tmp_path))) if getattr(source, "path", "") == "/proc/pagetypeinfo"
    ]
    assert bool(source.skip) == skipped


# -- ourselves


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        ("0", []),
        ("", []),
        ("1", ["chown"]),
        ("80000", ["sys_ptrace"]),
        ("0000018000000000", ["bpf", "checkpoint_restore"]),
        ("20000000000", ["41"]),
        ("no mask", []),
        ("1" * 5000, []),
    ],
)
def test_capabilities(mask, names):
    assert ourselves.capabilities(mask) == names


@pytest.mark.parametrize(("odd", "nice"), [("x", None), ("9" * 5000, None), ("-5", -5)])
def test_an_odd_line_about_ourselves_costs_its_field(tmp_path, odd, nice):
    for pid in ("self", operating_system.getppid()):
        write(tmp_path, f"/proc/{pid}/stat", "7 (a) S " + " ".join(["200"] * 11 + [odd] + ["300"] * 3 + [odd] + ["400"] * 9))
    host = Host(root=str(tmp_path))
    ticks = operating_system.sysconf("SC_CLK_TCK")
    assert ourselves.program(host)["nice"] == nice
    parent = list(ourselves.resources(host))[-1]
    assert (parent["user"], parent["system"]) == (200 / ticks, nice and nice / ticks)


def test_a_container_is_told_by_its_marks(tmp_path):
    write(tmp_path, "/.dockerenv")
    write(tmp_path, "/proc/self/uid_map", "         0     100000      65536\n")
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to("pid:[4026532500]")
    row = ourselves.confinement(Host(root=str(tmp_path)))
    assert row["container"]
    assert row["why"] == ["the pid namespace is not the first", "user ids are mapped", "/.dockerenv exists"]


def test_nothing_known_is_no_container(tmp_path):
    assert ourselves.confinement(Host(root=str(tmp_path)))["why"] == []


def test_this_machine():
    rows = list(ourselves.ourselves(Host()))
    by_name = {row["about"]: row for row in rows}
    assert by_name["program"]["pid"] == operating_system.getpid()
    assert by_name["rights"]["Uid"].split()[1] == str(operating_system.geteuid())
    assert by_name["limits"]["nofile"]
    assert {row["of"] for row in rows if row["about"] == "resources"} >= {"self", "children"}
