"""Drivers of interfaces: who is asked what, and the ioctl against the real thing."""

import os
import shutil
import subprocess

import pytest
from network_hosts import commands, host_of, tables

from diagbundle.collectors import ethtool as subject
from diagbundle.host import Host

BASE = "/sys/class/net"
NICS = {
    f"{BASE}/eth0/ifindex": "2\n", f"{BASE}/eth0/iflink": "2\n",
    f"{BASE}/eth0/device/vendor": "0x8086\n", f"{BASE}/eth0/uevent": "INTERFACE=eth0\n",
    f"{BASE}/bond0/ifindex": "3\n", f"{BASE}/bond0/iflink": "3\n", f"{BASE}/bond0/bonding/mode": "802.3ad 4\n",
    f"{BASE}/vlan7/ifindex": "4\n", f"{BASE}/vlan7/iflink": "2\n", f"{BASE}/vlan7/uevent": "DEVTYPE=vlan\n",
    f"{BASE}/mac0/ifindex": "8\n", f"{BASE}/mac0/iflink": "2\n", f"{BASE}/mac0/lower_eth0/x": "",
    f"{BASE}/veth9/ifindex": "5\n", f"{BASE}/veth9/iflink": "6\n", f"{BASE}/veth9/uevent": "INTERFACE=veth9\n",
    f"{BASE}/lo/ifindex": "1\n", f"{BASE}/lo/iflink": "1\n",
    f"{BASE}/bonding_masters": "bond0\n",
    "/proc/uptime": "7200.55 1.0\n",
}  # fmt: skip
KINDS = {"eth0": "physical", "bond0": "bond", "vlan7": "virtual", "mac0": "virtual", "veth9": "veth", "lo": "virtual"}


def test_kinds_of_interfaces(tmp_path):
    host = host_of(tmp_path, NICS)
    assert {nic: subject.kind(host, nic) for nic in subject.nics(host)} == KINDS


def test_the_whole_set_is_asked_of_physical_interfaces_and_the_counters_alone_of_a_veth(tmp_path):
    host = host_of(tmp_path, NICS)
    asked, sampled = commands(subject.ethtool.sources(host)), commands(subject.samples(host))
    assert {"ethtool eth0", *(f"ethtool {option} eth0" for option in ("-i", "-k", "-g", "-c", "-a", "-l", "-T", "-m"))} <= asked.keys()
    assert not [words for words in asked if words.endswith(" veth9")]
    assert {words for words in sampled if words.endswith(" veth9")} == {"ethtool -S veth9"}
    assert "ethtool -g vlan7" not in asked
    assert "ethtool -m bond0" not in asked


CHANGES = {"2": True, "12": True, "13": False, "400": False, "": True, "x": True, "\xb2": True, "9" * 5000: True}


@pytest.mark.parametrize(("changes", "asked"), CHANGES.items())
@pytest.mark.parametrize("uptime", ["7200.55", "9" * 5000 + ".5", ".", ""])
def test_the_transceiver_of_a_flapping_link_is_left_alone(tmp_path, changes, asked, uptime):
    host = host_of(tmp_path, NICS | {f"{BASE}/eth0/carrier_changes": f"{changes}\n", "/proc/uptime": f"{uptime} 1.0\n"})
    asked = asked if uptime.startswith("7200") or changes != "12" else False
    assert (commands(subject.ethtool.sources(host))["ethtool -m eth0"] == "") is asked


def test_no_more_virtual_interfaces_than_the_bound_are_asked_by_command(tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "MANY", 1)
    sampled = commands(subject.samples(host_of(tmp_path, NICS)))
    assert sampled["ethtool -S lo"] == ""
    assert "in the tables" in sampled["ethtool -S veth9"]
    assert sampled["ethtool -S eth0"] == ""
    assert len(tables(subject.samples(host_of(tmp_path, NICS)))) == len(KINDS)


def test_dangerous_options_are_never_used(tmp_path):
    asked = commands(subject.ethtool.sources(host_of(tmp_path, NICS)))
    assert not [
        words
        for words in asked
        if set(words.split()) & {"-e", "-d", "-t", "-p", "-r", "-s", "-K", "-G", "-A", "-C", "-L", "--reset", "--flash"}
    ]


def test_the_interfaces_of_another_root_are_not_asked_of_this_machine(tmp_path):
    assert all(table.skip for table in tables(subject.samples(host_of(tmp_path, NICS))).values())
    assert not any(table.skip for table in tables(subject.samples(Host())).values())


def test_a_mask_is_one_number():
    words = subject.struct.pack("=II", 0x80000001, 0x2)
    assert subject._mask(words) == "280000001"


@pytest.mark.parametrize("words", [-128, 0, 5])
def test_a_driver_that_answers_nonsense_is_an_error(words):
    def ask(_code, _request, room):
        return bytes(15) + subject.struct.pack("=b", words) + bytes(room)

    with pytest.raises(OSError, match="words for each mask"):
        subject._settings(ask)


def facts(nic):
    return {row["fact"]: row for row in subject.facts(nic, Host())}


def test_an_interface_that_is_not_there_is_an_error_in_every_row():
    for nic in ("nosuch0", "n\udcff", "much-longer-than-a-name-can-be"):
        assert all("No such device" in row["error"] for row in facts(nic).values())


def test_loopback_of_this_machine():
    found = facts("lo")
    assert found["link"]["detected"] in (0, 1)
    assert "tx-scatter-gather" in found["features"]["on"]


@pytest.fixture
def veth():
    name = f"dbv{os.getpid() % 100000}"
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("needs root and ip")
    yield name
    subprocess.run(["ip", "link", "del", name], check=True)


@pytest.mark.root
def test_a_real_veth_says_the_same_by_ioctl_and_by_command(veth):
    found = facts(veth)
    assert found["driver"]["driver"] == "veth"
    assert found["settings"] | {"speed": 10000, "duplex": "full", "autoneg": False} == found["settings"]
    assert found["link"]["detected"] == 0
    assert subject.kind(Host(), veth) == "veth"
    if not shutil.which("ethtool"):
        pytest.skip("ethtool is not installed")
    said = [line.strip() for line in subprocess.check_output(["ethtool", "-S", veth], text=True).splitlines()[1:]]
    assert [f"{name}: {value}" for name, value in found["statistics"]["statistics"].items()] == said
    features = subprocess.check_output(["ethtool", "-k", veth], text=True)
    assert "tx-gre-segmentation: on" in features
    assert "tx-gre-segmentation" in found["features"]["on"]
