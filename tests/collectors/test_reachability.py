"""What is asked over the network: only what configuration names, each once, the most important first."""

import os
import time

import pytest

from diagbundle.collect.api import Command, Host, Probe
from diagbundle.collectors import reachability as module
from diagbundle.collectors.reachability import reachability

ROUTE = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ADDRESSES = ("10.0.0.9", "127.0.0.1", "172.17.0.1")
NETWORK = {
    "proc/net/route": ROUTE
    + "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    + "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
    "proc/net/ipv6_route": f"{'0' * 32} 00 {'0' * 32} 00 fe80000000000000000000000000abcd 00000400 00000001 00000000 00000003     eth0\n",
    "proc/net/fib_trie": "Local:\n  +-- 0.0.0.0/0 3 0 5\n" + "".join(f"     |-- {text}\n        /32 host LOCAL\n" for text in ADDRESSES),
    "proc/net/if_inet6": "fd000000000000000000000000000009 02 40 00 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n",
    "proc/sys/kernel/hostname": "db1\n",
    "etc/resolv.conf": "search corp.example\nnameserver 10.0.0.53\nnameserver 127.0.0.53\n",
}


def host_of(tmp_path, files):
    for path, text in files.items():
        os.makedirs(os.path.dirname(tmp_path / path), exist_ok=True)
        (tmp_path / path).write_text(text)
    return Host(root=str(tmp_path))


def asked(host):
    return [source for source in reachability.sources(host) if isinstance(source, Probe)]


def test_nothing_configured_nothing_asked(tmp_path):
    assert list(reachability.sources(host_of(tmp_path, {}))) == []


def test_the_network_itself(tmp_path):
    found = [(probe.kind, probe.target, probe.named_by, probe.skip) for probe in asked(host_of(tmp_path, NETWORK))]
    assert found == [
        ("arp", "10.0.0.1", "/proc/net/route:2", ""),
        ("arp", "fe80::abcd%eth0", "/proc/net/ipv6_route:1", ""),
        ("dns", "10.0.0.53:53", "/etc/resolv.conf:2", ""),
        ("arp", "10.0.0.9", "/proc/net/fib_trie:4", ""),
        ("arp", "fd00::9", "/proc/net/if_inet6:1", ""),
        ("mtu", "10.0.0.1", "/proc/net/route:2", ""),
        ("dns", "127.0.0.53:53", "/etc/resolv.conf:3", "a loopback address is not asked"),
    ]
    assert asked(host_of(tmp_path, NETWORK))[2].options == (("name", "db1.corp.example"),)


def test_an_odd_line_costs_itself(tmp_path):
    odd = {
        "proc/net/route": "eth0\t00000000\tx\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\tx\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
        "proc/net/ipv6_route": "".join(f"{'0' * 32} 00 {'0' * 32} 00 {word} 0 1 0 3 eth0\n" for word in ("fe80", "x" * 32, "ab" * 2500)),
        "proc/net/fib_trie": "     |-- 10.0.0\n        /32 host LOCAL\n|--\n",
        "proc/net/if_inet6": "".join(f"{word} 02 40 00 80 eth0\n" for word in ("fd00", "x" * 32, "ab" * 2500)),
    }
    found = [probe.target for probe in asked(host_of(tmp_path, NETWORK | {path: NETWORK[path] + text for path, text in odd.items()}))]
    assert found == ["10.0.0.1", "fe80::abcd%eth0", "10.0.0.53:53", "10.0.0.9", "fd00::9", "10.0.0.1", "127.0.0.53:53"]


# file, its text: kind, target, file:line of the probe that it must bring
NAMED = {
    ("etc/chrony.conf", "# ours\nserver ntp1.corp.example iburst\n"): ("ntp", "ntp1.corp.example:123", 2),
    ("etc/systemd/timesyncd.conf", "[Time]\nNTP=10.0.0.5\n"): ("ntp", "10.0.0.5:123", 2),
    ("etc/rsyslog.d/1.conf", "*.* @@log.corp.example:6514\n"): ("tcp", "log.corp.example:6514", 1),
    ("etc/rsyslog.conf", "\n*.* @log.corp.example\n"): ("mtu", "log.corp.example", 2),
    ("etc/rsyslog.d/2.conf", 'action(type="omfwd" target="10.0.0.7" port="601" protocol="tcp")\n'): ("tcp", "10.0.0.7:601", 1),
    ("etc/syslog-ng/syslog-ng.conf", 'destination d { network("10.0.0.8" transport("tcp") port(602)); };\n'): ("tcp", "10.0.0.8:602", 1),
    ("etc/sssd/sssd.conf", "[domain/x]\nldap_uri = ldaps://ldap1.corp.example, ldap://ldap2\n"): ("tls", "ldap1.corp.example:636", 2),
    ("etc/openldap/ldap.conf", "URI ldap://ldap3.corp.example:1389\n"): ("tcp", "ldap3.corp.example:1389", 1),
    ("etc/krb5.conf", "[realms]\nX = {\n kdc = kdc1.corp.example\n}\n"): ("tcp", "kdc1.corp.example:88", 3),
    ("etc/fstab", "nas1:/export /mnt nfs4 defaults 0 0\n"): ("tcp", "nas1:2049", 1),
    ("proc/self/mounts", "//win1/share /mnt cifs rw 0 0\n"): ("tcp", "win1:445", 1),
    ("etc/kubernetes/kubelet.conf", "clusters:\n- cluster:\n    server: https://10.0.0.20:6443\n"): ("tls", "10.0.0.20:6443", 3),
    ("etc/docker/daemon.json", '{"registry-mirrors": ["https://mirror.corp.example:5000"]}'): ("tls", "mirror.corp.example:5000", 1),
    ("etc/containers/registries.conf", '[[registry]]\nlocation = "reg.corp.example/x"\n'): ("tls", "reg.corp.example:443", 2),
    ("etc/apt/sources.list", "deb [arch=amd64] http://deb.corp.example/debian stable main\n"): ("tcp", "deb.corp.example:80", 1),
    ("etc/apt/sources.list.d/x.sources", "Types: deb\nURIs: https://deb2.corp.example/x\n"): ("tcp", "deb2.corp.example:443", 2),
    ("etc/yum.repos.d/x.repo", "[a]\nbaseurl=https://u:p@rpm.corp.example/$releasever\n"): ("tcp", "rpm.corp.example:443", 2),
    ("etc/environment", "https_proxy=http://user:hidden@proxy.corp.example:3128/\n"): ("tcp", "proxy.corp.example:3128", 1),
    ("etc/apt/apt.conf.d/9p", 'Acquire::http::Proxy "http://10.0.0.31:8080";\n'): ("tcp", "10.0.0.31:8080", 1),
    ("etc/dnf/dnf.conf", "[main]\nproxy=http://10.0.0.32:8080\n"): ("tcp", "10.0.0.32:8080", 2),
    ("root/.docker/config.json", '{"proxies": {"default": {\n"httpsProxy": "http://10.0.0.33:8080"}}}'): ("tcp", "10.0.0.33:8080", 2),
    ("etc/systemd/system/d.service.d/p.conf", '[Service]\nEnvironment="HTTP_PROXY=http://10.0.0.34:3128"\n'): ("tcp", "10.0.0.34:3128", 2),
    ("etc/rhsm/rhsm.conf", "[server]\nproxy_hostname = 10.0.0.35\nproxy_port = 3129\n"): ("tcp", "10.0.0.35:3129", 2),
    ("proc/41/environ", "PATH=/bin\0HTTPS_PROXY=http://10.0.0.36:3128\0TOKEN=x\0"): ("tcp", "10.0.0.36:3128", 0),
    ("etc/systemd/resolved.conf", "[Resolve]\nDNS=10.0.0.54#dns.example 10.0.0.55\n"): ("dns", "10.0.0.54:53", 2),
    ("run/systemd/resolve/resolv.conf", "nameserver fd00::53\n"): ("dns", "[fd00::53]:53", 1),
}  # fmt: skip


@pytest.mark.parametrize(("file", "expected"), NAMED.items(), ids=[path for path, _ in NAMED])
def test_what_configuration_names(tmp_path, file, expected):
    path, text = file
    kind, target, line = expected
    found = {(probe.kind, probe.target): probe for probe in asked(host_of(tmp_path, {path: text}))}
    assert (kind, target) in found, list(found)
    assert found[kind, target].named_by == (f"/{path}:{line}" if line else f"/{path}")
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("etc/yum.repos.d/x.repo", "[a]\nbaseurl=https://off.example/\nenabled=0\n"),
        ("etc/apt/sources.list.d/x.list.save", "deb http://off.example x\n"),
        ("etc/apt/sources.list", "# deb http://off.example x\n"),
        ("etc/fstab", "/dev/sda1 / ext4 defaults 0 0\n"),
        ("etc/sssd/sssd.conf", "krb5_server = _srv_\n"),
        ("etc/environment", "no_proxy=off.example\nhttp_proxy=\n"),
        ("etc/yum.conf", "proxy=_none_\n"),
        ("etc/docker/daemon.json", "not json"),
        ("etc/docker/daemon.json", '{"registry-mirrors": 7}'),
        ("etc/docker/daemon.json", '{"registry-mirrors": [7]}'),
        ("etc/docker/daemon.json", "[" * 100_000),
        ("proc/net/route", "nonsense\nx y\n"),
        ("proc/net/ipv6_route", "nonsense\n"),
    ],
)
def test_what_names_nobody(tmp_path, path, text):
    assert asked(host_of(tmp_path, {path: text})) == []


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "169.254.170.2", "127.0.0.1", "localhost", "::1", "224.0.0.1", "0.0.0.0", "fd00:ec2::254"]
)
def test_what_is_never_asked_is_recorded(tmp_path, address):
    found = asked(host_of(tmp_path, {"etc/ntp.conf": f"server {address}\n"}))
    assert [bool(probe.skip) for probe in found] == [True]


def test_a_proxy_is_asked_both_ways_for_a_configured_server(tmp_path):
    files = {
        "etc/environment": "https_proxy=http://10.0.0.30:3128\n",
        "etc/apt/sources.list": "deb http://deb.corp.example/ x\ndeb https://tls.corp.example/ x\n",
    }
    found = [(probe.kind, probe.target, probe.options) for probe in asked(host_of(tmp_path, files))]
    through = (("proxy", "10.0.0.30:3128"),)
    assert found == [
        ("proxy", "tls.corp.example:443", through),
        ("page", "deb.corp.example:80", through),
        ("tcp", "deb.corp.example:80", ()),
    ]


def test_the_page_of_a_programs_server_is_compared_first_and_never_an_excepted_one(tmp_path):
    files = {
        "etc/environment": "http_proxy=http://10.0.0.30:3128\nno_proxy=localhost,.inner.example\n",
        "etc/apt/sources.list": "deb http://deb.corp.example/ x\n",
        "proc/41/cmdline": "agent\0http://api.inner.example:8080/\0--poll=http://u:hidden@api.corp.example:8080/x?y\0",
    }
    found = asked(host_of(tmp_path, files))
    assert [(probe.target, probe.named_by) for probe in found if probe.kind == "page"] == [("api.corp.example:8080", "/etc/environment:1")]
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("java\0-Durl=jdbc:postgresql://db1.corp.example/app\0", ("tcp", "db1.corp.example:5432")),
        ("agent\0--server\0https://hub.corp.example\0", ("tls", "hub.corp.example:443")),
        ("agent\0redis://:word@10.0.0.8\0", ("tcp", "10.0.0.8:6379")),
    ],
)
def test_servers_on_command_lines(tmp_path, line, expected):
    found = asked(host_of(tmp_path, {"proc/41/cmdline": line}))
    assert (found[0].kind, found[0].target, found[0].named_by) == (*expected, "/proc/41/cmdline")
    assert [probe.kind for probe in found[1:]] == ["mtu"]


@pytest.mark.parametrize("line", ["agent\0http://127.0.0.1:8080/\0", "agent\0unix:///run/x.sock\0", "agent\0file://x/y\0", "kworker\0", ""])
def test_command_lines_that_name_nobody(tmp_path, line):
    assert asked(host_of(tmp_path, {"proc/41/cmdline": line})) == []


def test_no_address_twice(tmp_path):
    files = {"etc/chrony.conf": "server a.example\nserver A.example\npool a.example\n", "etc/ntp.conf": "server a.example\n"}
    assert [probe.target.lower() for probe in asked(host_of(tmp_path, files))] == ["a.example:123"]


def test_more_than_enough_is_skipped_and_said(tmp_path):
    many = "".join(f"deb http://mirror{number}.example/ x\n" for number in range(60))
    found = asked(host_of(tmp_path, {**NETWORK, "etc/apt/sources.list": many}))
    assert found[0].kind == "arp", "the gateway first"
    assert sum(not probe.skip for probe in found) == module.MAX_PROBES
    assert all("more than 40" in probe.skip or "loopback" in probe.skip for probe in found[module.MAX_PROBES :])


def test_after_a_minute_no_more_is_asked(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    host = host_of(tmp_path, {"etc/chrony.conf": "server a.example\nserver b.example\n"})
    skips = []
    for source in reachability.sources(host):
        if isinstance(source, Probe):
            skips.append(source.skip)
            now[0] += 61
    assert skips[0] == ""
    assert "60 s" in skips[1]


def test_what_only_the_host_can_tell(tmp_path):
    many = "".join(f"URI ldaps://l{number}.example\n" for number in range(20))
    commands = [
        source.argv for source in reachability.sources(host_of(tmp_path, {"etc/ldap/ldap.conf": many})) if isinstance(source, Command)
    ]
    assert ("getent", "ahosts", "l0.example") in commands
    assert ("openssl", "s_client", "-connect", "l0.example:636", "-servername", "l0.example", "-showcerts") in commands
    assert len(commands) == module.MAX_GETENT + module.MAX_OPENSSL


def test_our_own_servers_of_tls_are_asked_for_their_certificate(tmp_path):
    listening = "  sl  local_address rem_address   st\n" + "".join(
        f"   {number}: {local} 00000000:0000 {state} 0\n"
        for number, (local, state) in enumerate(
            [("00000000:20FB", "0A"), ("0100007F:01BB", "0A"), ("00000000:0016", "0A"), ("00000000:01BB", "01")]
        )
    )
    found = [
        (probe.kind, probe.target, probe.named_by)
        for probe in asked(host_of(tmp_path, NETWORK | {"proc/net/tcp": listening}))
        if probe.kind == "tls"
    ]
    assert found == [("tls", "10.0.0.9:8443", "/proc/net/tcp:2")]


def test_what_stands_in_a_comment_behind_a_setting_is_not_asked(tmp_path):
    found = asked(host_of(tmp_path, {"etc/apt/sources.list": "deb http://deb.corp.example/ x # was http://old.corp.example/\n"}))
    assert {probe.target for probe in found if probe.kind == "tcp"} == {"deb.corp.example:80"}
