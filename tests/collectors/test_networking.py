"""Interfaces, routes, namespaces: what is asked, and what is left alone."""

import os
import subprocess

import pytest
from network_hosts import commands, host_of, paths, process, tables

from diagbundle.collectors import networking as subject
from diagbundle.host import Host

OURS, THEIRS = "4026531840", "4026532200"


def two_namespaces(root, **more):
    files, links = {}, {"/proc/self/ns/net": f"net:[{OURS}]"}
    for pid, comm, net in ((1, "init", OURS), (40, "pause", THEIRS), (41, "nginx", THEIRS)):
        new_files, new_links = process(pid, comm, net, cgroup=f"0::/kubepods/{comm}\n")
        files, links = files | new_files, links | new_links
    return host_of(root, files | more.pop("files", {}), links=links, **more)


def test_counters_are_samples_and_are_not_asked_a_second_time(tmp_path):
    host = host_of(tmp_path)
    samples, sources = list(subject.samples(host)), list(subject.networking.sources(host))
    for path in (
        "/proc/net/dev",
        "/proc/net/snmp",
        "/proc/net/netstat",
        "/proc/net/softnet_stat",
        "/proc/net/stat/*",
        "/sys/class/net/*/statistics/*",
    ):
        assert path in paths(samples)
    assert "ip -s -s -details link" in commands(samples)
    assert not paths(samples).keys() & paths(sources).keys()
    assert not commands(samples).keys() & commands(sources).keys()


def test_names_that_engineers_tools_look_for(tmp_path):
    asked = commands(subject.networking.sources(host_of(tmp_path)))
    assert {"ip -d address", "ip -s -d link", "ip route show table all", "netstat -s"} <= asked.keys()


def test_another_namespace_is_read_through_its_first_process_under_a_stable_name(tmp_path):
    found = [source for source in subject.samples(two_namespaces(tmp_path)) if getattr(source, "key", "")]
    by_path = paths(found)
    assert by_path["/proc/40/net/snmp"].at == f"diagbundle/netns/{THEIRS}/snmp"
    assert by_path["/proc/40/net/snmp"].key == f"netns/{THEIRS}/snmp"
    assert all(path.startswith("/proc/40/net/") for path in by_path)


def test_rows_of_namespaces(tmp_path):
    host = two_namespaces(tmp_path, files={"/run/netns/blue": "", "/proc/1/cgroup": "odd\n0:odd\n"})
    (tmp_path / "run/netns/gone").symlink_to("nowhere")
    rows = {row["inode"]: row for row in subject.namespace_rows(host)}
    blue = str(os.stat(tmp_path / "run/netns/blue").st_ino)
    assert rows.keys() == {OURS, THEIRS, blue}
    assert (rows[OURS]["ours"], rows[OURS]["cgroup"]) == (True, "")
    assert rows[THEIRS] | {"ours": False, "processes": 2, "pid": 40, "comm": "pause", "cgroup": "/kubepods/pause"} == rows[THEIRS]
    assert rows[blue] | {"names": ["blue"], "processes": 0, "pid": None} == rows[blue]


def test_a_named_namespace_without_a_process_is_read_by_ip(tmp_path):
    host = two_namespaces(tmp_path, files={"/run/netns/blue": ""})
    inode = os.stat(tmp_path / "run/netns/blue").st_ino
    places = {source.at: source for source in subject.samples(host) if getattr(source, "argv", ())[:3] == ("ip", "netns", "exec")}
    assert places[f"diagbundle/netns/{inode}/tcp"].argv == ("ip", "netns", "exec", "blue", "cat", "/proc/net/tcp")
    assert "ip -n blue -d address" in commands(subject.networking.sources(host))


def test_namespaces_beyond_the_bound_are_named_and_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "NAMESPACES", 0)
    found = paths(subject.samples(two_namespaces(tmp_path)))
    assert "more than 0" in found["/proc/40/net/dev"].skip


@pytest.mark.parametrize(("leaves", "kept"), [(7, True), (900_000, False), ("9" * 5000, True), ("\u0667", True)])
def test_a_router_of_the_internet_is_not_asked_for_its_routes(tmp_path, leaves, kept):
    host = host_of(tmp_path, {"/proc/net/fib_triestat": f"Main:\n\tLeaves:         {leaves}\nLocal:\n\tLeaves: 3\n"})
    sources = list(subject.networking.sources(host))
    assert (commands(sources)["ip route show table all"] == "") is kept
    assert (paths(sources)["/proc/net/route"].skip == "") is kept
    assert paths(sources)["/proc/net/fib_triestat"].skip == ""


def test_single_counters_of_very_many_interfaces_are_left_to_the_summary(tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "STATISTICS", 1)
    host = host_of(tmp_path, {"/sys/class/net/eth0/device/vendor": "0x8086", "/sys/class/net/veth1/ifindex": "9"})
    found = paths(subject.samples(host))
    assert found["/sys/class/net/eth0/statistics/*"].skip == ""
    assert "/proc/net/dev" in found["/sys/class/net/veth1/statistics/*"].skip


@pytest.mark.parametrize(
    ("daemon", "comm", "words"),
    [
        ("NetworkManager", "NetworkManager", "nmcli dev show"),
        ("systemd-networkd", "systemd-network", "networkctl status -a"),
        ("wickedd", "wickedd", "wicked ifstatus --verbose all"),
    ],
)
def test_a_stopped_daemon_stays_stopped(tmp_path, daemon, comm, words):
    stopped, running = tmp_path / "stopped", tmp_path / "running"
    assert commands(subject.networking.sources(host_of(stopped)))[words] == f"{daemon} is not running"
    files, _ = process(9, comm)
    assert commands(subject.networking.sources(host_of(running, files)))[words] == ""


def test_profiles_are_shown_one_by_one_without_their_secrets(tmp_path):
    files, _ = process(9, "NetworkManager")
    host = host_of(tmp_path, files, {"nmcli -g UUID con show": "aaaa\nbbbb\n"})
    asked = commands(subject.networking.sources(host))
    assert {"nmcli con show aaaa", "nmcli con show bbbb"} <= asked.keys()
    assert not any(" -s" in words or "--show-secrets" in words for words in asked if words.startswith("nmcli"))


def test_teams_and_tunnels_are_asked_only_where_they_are(tmp_path):
    assert commands(subject.networking.sources(host_of(tmp_path / "none")))["wg show"]
    host = host_of(tmp_path / "some", {"/run/teamd/team0.pid": "7", "/sys/class/net/wg0/uevent": "DEVTYPE=wireguard\n"})
    asked = commands(subject.networking.sources(host))
    assert asked["wg show"] == ""
    assert "teamdctl team0 state dump" in asked


def test_nothing_is_asked_that_shows_keys_or_changes_state(tmp_path):
    files, _ = process(9, "NetworkManager")
    host = host_of(tmp_path, files | {"/sys/class/net/wg0/uevent": "DEVTYPE=wireguard\n", "/sys/class/net/wg0/device/vendor": ""})
    asked = [*commands(subject.samples(host)), *commands(subject.networking.sources(host))]
    for forbidden in ("showconf", "wg show all dump", "macsec", "xfrm state", "health dump", "occupancy snapshot", "nmcli -s"):
        assert not [words for words in asked if forbidden in words]


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_real_namespace_is_found():
    name = f"dbtest{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces cannot be made here")
    try:
        host = Host()
        rows = list(subject.namespace_rows(host))
        assert [row["processes"] for row in rows if name in row["names"]] == [0]
        assert sum(row["ours"] for row in rows) == 1
        with subprocess.Popen(["ip", "netns", "exec", name, "sleep", "60"]) as sleeper:
            try:
                inode = subprocess.check_output(["stat", "-Lc", "%i", f"/run/netns/{name}"], text=True).strip()
                wait_for(lambda: inode in subject.attended(Host()))
                found = [source for source in subject.samples(Host()) if source.at == f"diagbundle/netns/{inode}/dev"]
                assert [source.path for source in found] == [f"/proc/{sleeper.pid}/net/dev"]
                assert host.lines(found[0].path)[2].startswith("lo:")
            finally:
                sleeper.kill()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_the_table_on_this_machine():
    host = Host()
    rows = list(tables(subject.networking.sources(host))["network_namespaces"].rows(host))
    assert [row for row in rows if row["ours"] and row["processes"]]


def wait_for(condition):
    import time

    for _ in range(100):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come")
