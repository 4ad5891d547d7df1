"""What of /proc/sys is asked for, and how it is printed."""

import os
import shutil
from contextlib import nullcontext

import pytest

from diagbundle.collectors import sysctl as module
from diagbundle.host import Host

FILES = {
    "kernel/panic": "10\n",
    "kernel/core_pattern": "|/usr/bin/core %p\n",
    "kernel/random/boot_id": "b\n",
    "kernel/random/uuid": "u\n",
    "net/ipv4/tcp_rmem": "4096\t131072\t6291456\n",
    "net/ipv4/tcp_fastopen_key": "s\n",
    "net/ipv4/route/flush": "",
    "net/ipv4/conf/eth0.100/forwarding": "1\n",
    "net/ipv6/conf/eth0/stable_secret": "s\n",
    "net/ipv6/conf/eth0/mtu": "1500\n",
    "dev/cdrom/info": "CD-ROM information\n\ndrive name:\tsr0\n",
    "vm/stat_refresh": "",
    "vm/drop_caches": "0\n",
    "fs/binfmt_misc/status": "enabled\n",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "proc/sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "proc/sys/vm/drop_caches").chmod(0o200)
    return tmp_path


def test_what_acts_or_is_secret_is_not_asked_for(tree):
    found = {path.removeprefix("/proc/sys/") for path in module.settings(Host(root=str(tree)))}
    assert found == {
        "kernel/panic", "kernel/core_pattern", "kernel/random/boot_id", "net/ipv4/tcp_rmem", "net/ipv4/conf/eth0.100/forwarding",
        "net/ipv6/conf/eth0/mtu", "dev/cdrom/info",
    }  # fmt: skip


def test_the_automount_is_not_even_listed(tree):
    listed = []
    list(module.settings(Host(root=str(tree), step=lambda path: listed.append(path) or nullcontext())))
    assert "/proc/sys/fs" in listed
    assert "/proc/sys/fs/binfmt_misc" not in listed


def test_what_vanishes_while_it_is_looked_at_costs_itself(tree, monkeypatch):
    host = Host(root=str(tree))
    exists = host.exists

    def vanishing(path):
        here = exists(path)
        if path.endswith("/conf/eth0.100"):
            shutil.rmtree(f"{tree}{path}", ignore_errors=True)
        return here

    monkeypatch.setattr(host, "exists", vanishing)
    monkeypatch.setattr(host, "stat", lambda path, stat=host.stat: (vanishing(path), stat(path))[1])
    found = list(module.settings(host))
    assert "/proc/sys/net/ipv6/conf/eth0/mtu" in found
    assert "/proc/sys/net/ipv4/conf/eth0.100/forwarding" not in found


def test_printed_as_sysctl_prints(tree):
    host = Host(root=str(tree))
    assert list(module.printed(host, module.settings(host))) == [
        "dev.cdrom.info = CD-ROM information",
        "dev.cdrom.info = ",
        "dev.cdrom.info = drive name:\tsr0",
        "kernel.core_pattern = |/usr/bin/core %p",
        "kernel.panic = 10",
        "kernel.random.boot_id = b",
        "net.ipv4.conf.eth0/100.forwarding = 1",
        "net.ipv4.tcp_rmem = 4096\t131072\t6291456",
        "net.ipv6.conf.eth0.mtu = 1500",
    ]


def test_of_hundreds_of_interfaces_only_hardware_is_kept_singly(tree):
    names = [f"veth{number}" for number in range(100)] + ["ens3", "all", "default", "lo"]
    for name in names:
        here = tree / "proc/sys/net/ipv4/conf" / name
        here.mkdir()
        (here / "rp_filter").write_text("1\n")
    (tree / "sys/class/net/ens3/device").mkdir(parents=True)
    host = Host(root=str(tree))
    paths = list(module.settings(host))
    singly = [path for path in module.singly(host, paths) if "ipv4/conf" in path]
    assert sorted(path.split("/")[-2] for path in singly) == ["all", "default", "ens3", "lo"]
    assert sum("veth" in line for line in module.printed(host, paths)) == 100


def test_it_lies_where_tools_look_for_it(tree):
    tables = [source for source in module.sysctl.sources(Host(root=str(tree))) if hasattr(source, "rows")]
    assert [table.at for table in tables] == ["sos_commands/kernel/sysctl_-a"]


@pytest.mark.skipif(not os.path.exists("/proc/sys/kernel"), reason="no /proc/sys here")
def test_this_machine():
    host = Host()
    lines = list(module.printed(host, module.settings(host)))
    assert any(line.startswith("kernel.osrelease = ") for line in lines)
    assert not [line for line in lines if "uuid" in line or "stable_secret" in line or "fastopen_key" in line or "stat_refresh" in line]
