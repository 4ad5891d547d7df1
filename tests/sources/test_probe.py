"""Probes against a small network: four namespaces, a bridge, nft rules, servers that misbehave. Every cause must bear its name.

here 10.77.0.1 ──┬── there 10.77.0.2     twin (has addresses of both)
                 └── router 10.77.0.4 ── far 10.81.0.2-3 behind a link of 1400 bytes
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = {name: f"dbp{os.getpid()}{name}" for name in ("here", "there", "twin", "router", "far", "switch")}
RULES_THERE = """
table inet t {
  chain in {
    type filter hook input priority 0; policy accept;
    tcp dport 7001 drop
    udp dport { 7001, 7101 } drop
    tcp dport 7101 drop
    tcp dport 7002 reject with tcp reset
    meta l4proto { tcp, udp } th dport 7003 reject with icmpx admin-prohibited
    meta nfproto ipv4 meta l4proto { tcp, udp } th dport 7004 reject with icmp host-prohibited
  }
}
"""
RULES_HERE = (
    "table inet t { chain out { type filter hook output priority 0; policy accept; meta l4proto { tcp, udp } th dport 7005 drop; }; }"
)
RULES_ROUTER = (
    "table ip t { chain f { type filter hook prerouting priority 0; policy accept; ip daddr 10.81.0.3 ip length > 1400 drop; }; }"
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not all(map(shutil.which, ("ip", "nft", "openssl"))), reason="needs ip, nft and openssl"),
]


def say(*words, text=""):
    subprocess.run(words, check=True, input=text, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=20)


def inside(name, *words, text=""):
    say("ip", "netns", "exec", NAMES[name], *words, text=text)


def ip(name, words):
    say("ip", "-n", NAMES[name], *words.split())


def build():
    for name, real in NAMES.items():
        say("ip", "netns", "add", real)
        ip(name, "link set lo up")
        inside(name, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")  # else the first seconds have no IPv6
    ip("switch", "link add br0 type bridge")
    ip("switch", "link set br0 up")
    for name in ("here", "there", "twin", "router"):
        say("ip", "link", "add", "e0", "netns", NAMES[name], "type", "veth", "peer", "name", name, "netns", NAMES["switch"])
        ip("switch", f"link set {name} master br0 up")
        ip(name, "link set e0 up")
    say("ip", "link", "add", "e1", "netns", NAMES["router"], "type", "veth", "peer", "name", "e0", "netns", NAMES["far"])
    ip("router", "link set e1 mtu 1400 up")
    ip("far", "link set e0 mtu 1400 up")
    addresses = {
        "here": ["10.77.0.1/24", "10.77.0.60/24", "fd77::1/64"],
        "there": ["10.77.0.2/24", "10.77.0.50/24", "fd77::2/64"],
        "twin": ["10.77.0.50/24", "10.77.0.60/24"],
        "router": ["10.77.0.4/24", "fd77::4/64"],
        "far": ["10.81.0.2/24", "10.81.0.3/24", "fd81::2/64"],
    }
    for name, texts in addresses.items():
        for text in texts:
            ip(name, f"addr add {text} dev e0" + (" nodad" if ":" in text else ""))
    ip("router", "addr add 10.81.0.1/24 dev e1")
    ip("router", "addr add fd81::1/64 dev e1 nodad")
    for network in ("10.81.0.0/24 via 10.77.0.4", "10.82.0.0/24 via 10.77.0.98"):
        ip("here", f"route add {network}")
    for kind, network in (("prohibit", "10.78.1"), ("unreachable", "10.78.2"), ("blackhole", "10.78.3")):
        ip("here", f"route add {kind} {network}.0/24")
    ip("here", "-6 route add fd81::/64 via fd77::4")
    ip("far", "route add default via 10.81.0.1")
    ip("far", "-6 route add default via fd81::1")
    inside("router", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for name in ("there", "router", "far"):  # every packet gets its ICMP answer, however many tests ask at once
        inside(name, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
    for name, rules in (("there", RULES_THERE), ("here", RULES_HERE), ("router", RULES_ROUTER)):
        inside(name, "nft", "-f", "-", text=rules)


def certificates(folder):
    """Two authorities; `app` and `old` (expired) by the first, `other` for the same name by the second."""

    def openssl(*words):
        say("openssl", *words)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    (folder / "names").write_text("subjectAltName=DNS:ok.example\n")
    for name in ("one", "two"):
        openssl(
            "req",
            "-x509",
            *key,
            "-keyout",
            f"{folder}/{name}.key",
            "-out",
            f"{folder}/{name}.pem",
            "-subj",
            f"/CN=Authority {name}",
            "-days",
            "30",
        )
    for name, authority, days in (("app", "one", "30"), ("old", "one", "-1"), ("other", "two", "30")):
        openssl("req", *key, "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr", "-subj", f"/CN={name}")
        signer = ("-CA", f"{folder}/{authority}.pem", "-CAkey", f"{folder}/{authority}.key", "-CAcreateserial")
        openssl(
            "x509",
            "-req",
            "-in",
            f"{folder}/{name}.csr",
            *signer,
            "-days",
            days,
            "-extfile",
            f"{folder}/names",
            "-out",
            f"{folder}/{name}.pem",
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    peer = None
    try:
        build()
        certificates(folder)
        words = ["ip", "netns", "exec", NAMES["there"], sys.executable, f"{HERE}/probe_peer.py", str(folder)]
        peer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert peer.stdout.readline() == "ready\n"
        yield folder
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no such network can be built here: {error.stderr}")
    finally:
        if peer:
            peer.stdin.close()
            peer.kill()
            peer.wait()
        for name in NAMES.values():
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def ask(folder, cases):
    """The answers to all cases, asked at once in the namespace `here`."""
    for name, files in ROOTS.items():
        os.makedirs(f"{folder}/{name}/etc", exist_ok=True)
        for path, text in files.items():
            with open(f"{folder}/{name}/etc/{path}", "w", encoding="utf-8") as file:
                file.write(text)
    asked = {name: case | {"root": f"{folder}/{case.get('root', 'dns')}"} for name, case in cases.items()}
    source = os.path.join(HERE, "..", "..", "src")
    environment = {**os.environ, "PYTHONPATH": source}
    words = ["ip", "netns", "exec", NAMES["here"], sys.executable, f"{HERE}/probe_driver.py"]
    done = subprocess.run(words, input=json.dumps(asked), capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


ROOTS = {
    "dns": {"resolv.conf": "nameserver 10.77.0.2\n", "hosts": "10.77.0.2 listed.example\n"},
    "dead": {"resolv.conf": "nameserver 10.77.0.99\n"},
    "none": {"resolv.conf": ""},
    "search": {"resolv.conf": "search example\nnameserver 10.77.0.2\n"},
}


def tcp(target, **more):
    return {"kind": "tcp", "target": target} | more


def tls(port, **more):
    return {"kind": "tls", "target": f"ok.example:{port}"} | more


def dns(name, server="10.77.0.2"):
    return {"kind": "dns", "target": server, "options": [["name", name]]}


def proxy(port, to=4431):
    return {"kind": "proxy", "target": f"ok.example:{to}", "options": [["proxy", f"10.77.0.2:{port}"]]}


# name of the case: (probe, what, {key: value or part of the text})
CASES = {
    # what connect says
    "open": (tcp("10.77.0.2:7000"), "connect", {"outcome": "connected", "errno": "", "family": "IPv4"}),
    "open v6": (tcp("[fd77::2]:7000"), "connect", {"outcome": "connected", "family": "IPv6"}),
    "closed": (tcp("10.77.0.2:6999"), "connect", {"outcome": "refused", "errno": "ECONNREFUSED"}),
    "closed v6": (tcp("[fd77::2]:6999"), "connect", {"outcome": "refused", "errno": "ECONNREFUSED"}),
    "reset by a firewall": (tcp("10.77.0.2:7002"), "connect", {"outcome": "refused", "errno": "ECONNREFUSED"}),
    "dropped there": (tcp("10.77.0.2:7001"), "connect", {"outcome": "dropped", "detail": "no answer in 3 s", "errno": "ETIMEDOUT"}),
    "dropped there v6": (tcp("[fd77::2]:7001"), "connect", {"outcome": "dropped", "errno": "ETIMEDOUT"}),
    "dropped by our own rule": (tcp("10.77.0.2:7005"), "connect", {"outcome": "dropped_here", "detail": "own host"}),
    "dropped by our own rule v6": (tcp("[fd77::2]:7005"), "connect", {"outcome": "dropped_here", "detail": "own host"}),
    "prohibited": (tcp("10.77.0.2:7003"), "connect",
        {"outcome": "prohibited", "detail": "ICMP type 3 code 13 from 10.77.0.2", "errno": "EHOSTUNREACH"}),
    "prohibited v6": (tcp("[fd77::2]:7003"), "connect", {"outcome": "prohibited", "detail": "ICMP type 1 code 1 from fd77::2"}),
    "host prohibited": (tcp("10.77.0.2:7004"), "connect", {"outcome": "prohibited", "detail": "ICMP type 3 code 10"}),
    "accept queue full": (tcp("10.77.0.2:7006"), "connect", {"outcome": "dropped", "detail": "accept queue is full"}),
    "neighbour dead": (tcp("10.77.0.99:80"), "connect", {"outcome": "neighbour_silent", "detail": "10.77.0.99 does not answer on e0"}),
    "neighbour dead v6": (tcp("[fd77::99]:80"), "connect", {"outcome": "neighbour_silent", "detail": "fd77::99 does not answer on e0"}),
    "gateway dead": (tcp("10.82.0.5:80"), "connect", {"outcome": "neighbour_silent", "detail": "the gateway 10.77.0.98 does not answer"}),
    "no route": (tcp("10.79.0.1:80"), "connect", {"outcome": "no_route", "errno": "ENETUNREACH"}),
    "no route v6": (tcp("[fd79::1]:80"), "connect", {"outcome": "no_route", "errno": "ENETUNREACH"}),
    "prohibit route": (tcp("10.78.1.1:80"), "connect", {"outcome": "route_prohibits", "errno": "EACCES"}),
    "unreachable route": (tcp("10.78.2.1:80"), "connect", {"outcome": "route_unreachable", "errno": "EHOSTUNREACH"}),
    "blackhole route": (tcp("10.78.3.1:80"), "connect", {"outcome": "route_blackhole", "errno": "EINVAL"}),
    "no descriptor": (tcp("10.77.0.2:7000", descriptors=True), "connect", {"outcome": "no_descriptor", "errno": "EMFILE"}),
    "several ports": ({"kind": "ports", "target": "10.77.0.2:6999,7000"}, "connect", {"outcome": "refused", "port": 6999}),
    "own ports": ({"kind": "ports", "target": "6998"}, "connect", {"outcome": "refused", "address": "127.0.0.1"}),
    # names of targets
    "named": (tcp("ok.example:7000"), "resolve",
        {"outcome": "resolved", "answers": ["10.77.0.2", "fd77::2"], "by": "name server 10.77.0.2"}),
    "listed": (tcp("listed.example:7000"), "resolve", {"outcome": "resolved", "by": "/etc/hosts"}),
    "searched": (tcp("ok:7000", root="search"), "resolve", {"outcome": "resolved", "detail": "ok.example"}),
    "unknown": (tcp("nx.example:7000"), "resolve", {"outcome": "not_resolved", "detail": "no_such_name"}),
    "resolver dead": (tcp("ok.example:7000", root="dead"), "resolve",
        {"outcome": "not_resolved", "detail": "10.77.0.99 about ok.example: "}),
    "no resolver": (tcp("ok.example:7000", root="none"), "resolve", {"outcome": "not_resolved", "detail": "no name server is configured"}),
    "name of a metadata service": (tcp("meta.example:80"), "resolve", {"outcome": "not_resolved", "answers": [], "detail": "never asked"}),
    # name servers
    "dns": (dns("ok.example"), "question", {"outcome": "answered", "answers": ["A 10.77.0.2"], "slow": False}),
    "dns v6": (dns("ok.example", "fd77::2"), "question", {"outcome": "answered", "family": "IPv6"}),
    "dns nxdomain": (dns("nx.example"), "question", {"outcome": "no_such_name", "rcode": "NXDOMAIN"}),
    "dns servfail": (dns("fail.example"), "question", {"outcome": "server_failed", "rcode": "SERVFAIL"}),
    "dns refused": (dns("refused.example"), "question", {"outcome": "query_refused"}),
    "dns nodata": (dns("empty.example"), "question", {"outcome": "no_data", "rcode": "NOERROR"}),
    "dns slow": (dns("slow.example"), "question", {"outcome": "answered", "slow": True}),
    "dns garbage": (dns("garbage.example"), "question", {"outcome": "mangled"}),
    "dns silent": (dns("silent.example"), "question", {"outcome": "dropped", "detail": "no answer in 3"}),
    "dns dead": (dns("ok.example", "10.77.0.99"), "question", {"outcome": "neighbour_silent"}),
    "dns closed": (dns("ok.example", "10.77.0.2:5999"), "question", {"outcome": "refused"}),
    "dns prohibited": (dns("ok.example", "10.77.0.2:7003"), "question", {"outcome": "prohibited", "detail": "code 13"}),
    "dns dropped": (dns("ok.example", "10.77.0.2:7101"), "question", {"outcome": "dropped"}),
    "dns our own rule": (dns("ok.example", "10.77.0.2:7005"), "question", {"outcome": "dropped_here"}),
    "dns no route": (dns("ok.example", "10.79.0.1"), "question", {"outcome": "no_route"}),
    # TLS
    "tls": (tls(4431), "tls", {"outcome": "certificates", "version": "TLS 1.2", "certificates": 1, "wants_client_certificate": False}),
    "tls certificate": (tls(4431), "certificate", {"outcome": "ok", "issuer": "CN=Authority one", "subject": "CN=app"}),
    "tls expired": (tls(4432), "certificate", {"outcome": "doubtful", "detail": "expired at"}),
    "tls 1.3 only": (tls(4433), "tls", {"outcome": "tls_1.3_only", "alert": 70, "detail": "openssl s_client"}),
    "tls client certificate": (tls(4434), "tls", {"outcome": "certificates", "wants_client_certificate": True}),
    "tls wrong name": (tls(4431, options=[["name", "db.example"]]), "certificate",
        {"outcome": "doubtful", "detail": "does not name db.example"}),
    "tls plain": (tls(4440), "tls", {"outcome": "not_tls", "detail": "HTTP"}),
    "tls silent": (tls(4441), "tls", {"outcome": "silent", "detail": "dead worker"}),
    "tls garbage": (tls(4442), "tls", {"outcome": "not_tls"}),
    "starttls smtp": (tls(25), "tls", {"outcome": "certificates"}),
    "starttls postgres": (tls(5432), "tls", {"outcome": "certificates"}),
    "starttls ldap": (tls(389), "tls", {"outcome": "certificates"}),
    "starttls imap": (tls(143), "tls", {"outcome": "certificates"}),
    # web and proxies
    "http": ({"kind": "http", "target": "http://10.77.0.2:8080/"}, "http", {"outcome": "answered", "status": 503, "title": "try later"}),
    "http without end": ({"kind": "http", "target": "http://10.77.0.2:8081/"}, "http", {"outcome": "answered", "status": 200}),
    "http none": ({"kind": "http", "target": "http://10.77.0.2:8082/"}, "http", {"outcome": "not_http"}),
    "http silent": ({"kind": "http", "target": "http://10.77.0.2:7000/"}, "http", {"outcome": "silent"}),
    "proxy": (proxy(3128), "compare", {"outcome": "same_certificate"}),
    "proxy that decrypts": (proxy(3129), "compare",
        {"outcome": "intercepted", "issuer_direct": "CN=Authority one", "issuer_proxy": "CN=Authority two"}),
    "captive portal": (proxy(3130), "connect_through", {"outcome": "captive_portal", "detail": "Please log in"}),
    "proxy login": (proxy(3131), "connect_through", {"outcome": "proxy_wants_login", "detail": "407"}),
    "proxy forbids": (proxy(3132), "connect_through", {"outcome": "forbidden"}),
    "proxy upstream": (proxy(3133), "connect_through", {"outcome": "proxy_upstream", "detail": "504"}),
    "proxy silent": (proxy(7000), "connect_through", {"outcome": "silent"}),
    # the wire and the path
    "neighbour": ({"kind": "arp", "target": "10.77.0.2"}, "neighbour", {"outcome": "answered", "device": "e0"}),
    "neighbour silent": ({"kind": "arp", "target": "10.77.0.97"}, "neighbour", {"outcome": "neighbour_silent"}),
    "neighbour v6": ({"kind": "arp", "target": "fd77::2"}, "neighbour", {"outcome": "answered"}),
    "neighbour v6 silent": ({"kind": "arp", "target": "fd77::97"}, "neighbour", {"outcome": "neighbour_silent"}),
    "duplicate": ({"kind": "arp", "target": "10.77.0.50"}, "neighbour", {"outcome": "duplicate", "detail": "two hosts"}),
    "own address": ({"kind": "arp", "target": "10.77.0.1"}, "own_address", {"outcome": "unique"}),
    "own address twice": ({"kind": "arp", "target": "10.77.0.60"}, "own_address",
        {"outcome": "duplicate", "detail": "another host has our address"}),
    "not a neighbour": ({"kind": "arp", "target": "10.81.0.2"}, "neighbour", {"outcome": "not_on_link"}),
    "mtu whole": ({"kind": "mtu", "target": "10.77.0.2"}, "mtu", {"outcome": "whole", "mtu": 1500}),
    "mtu limited": ({"kind": "mtu", "target": "10.81.0.2"}, "mtu", {"outcome": "limited", "mtu": 1400}),
    "mtu limited v6": ({"kind": "mtu", "target": "fd81::2"}, "mtu", {"outcome": "limited", "mtu": 1400}),
    "mtu black hole": ({"kind": "mtu", "target": "10.81.0.3"}, "mtu", {"outcome": "black_hole", "mtu": 1280}),
    "mtu undecided": ({"kind": "mtu", "target": "10.77.0.2:7001"}, "mtu", {"outcome": "undecided"}),
    "ntp": ({"kind": "ntp", "target": "10.77.0.2"}, "ntp", {"outcome": "answered", "stratum": 2}),
    "ntp dead": ({"kind": "ntp", "target": "10.77.0.96"}, "ntp", {"outcome": "neighbour_silent"}),
    "ntp silent": ({"kind": "ntp", "target": "10.77.0.2:7001"}, "ntp", {"outcome": "dropped"}),
    "ntp closed": ({"kind": "ntp", "target": "10.77.0.4"}, "ntp", {"outcome": "refused"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def answers(lab):
    return ask(lab, {name: dict(case) for name, (case, _, _) in CASES.items()})


@pytest.mark.parametrize("name", CASES)
def test_each_cause_bears_its_name(answers, name):
    _, what, expected = CASES[name]
    row = next((row for row in answers[name]["rows"] if row.get("what") == what and row.get("way", "proxy") == "proxy"), None)
    assert row, answers[name]["rows"]
    for key, value in expected.items():
        assert value in row[key] if key == "detail" else row[key] == value, json.dumps(row)


@pytest.mark.parametrize("name", CASES)
def test_each_ends_in_time_and_says_what_it_is(answers, name):
    assert answers[name]["seconds"] < 12
    for row in answers[name]["rows"]:
        assert row["outcome"]
        assert row["kind"] == CASES[name][0]["kind"]
        assert len(json.dumps(row)) < 8000
        assert "s=1" not in json.dumps(row), "cookies are not kept"


def test_a_cut_answer_is_asked_for_again_by_tcp(lab):
    rows = ask(lab, {"big": dns("big.example")})["big"]["rows"]
    assert [(row["transport"], row["outcome"]) for row in rows if row["type"] == "A"] == [("udp", "truncated"), ("tcp", "answered")]
    assert len(rows[-1]["answers"]) == 20


def test_silence_over_udp_is_asked_for_again_by_tcp(answers):
    assert [(row["transport"], row["outcome"]) for row in answers["dns dropped"]["rows"] if row["what"] == "question"][-1] == (
        "tcp",
        "dropped",
    )


def test_offset_of_our_clock(answers):
    row = next(row for row in answers["ntp"]["rows"] if row["what"] == "ntp")
    assert 99 < row["offset_s"] < 101.5


def test_no_local_port_is_left(lab):
    inside("here", "sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40000")
    try:
        holder = "import socket; s = socket.create_connection(('10.77.0.2', 7000)); print('held', flush=True); input()"
        words = ["ip", "netns", "exec", NAMES["here"], sys.executable, "-c", holder]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "held\n"
            rows = ask(lab, {"full": tcp("10.77.0.2:7000")})["full"]["rows"]
            process.stdin.close()
    finally:
        inside("here", "sysctl", "-qw", "net.ipv4.ip_local_port_range=32768 60999")
    assert (rows[0]["outcome"], rows[0]["errno"]) == ("no_local_port", "EADDRNOTAVAIL")


def test_a_probe_of_little_time_says_so_in_time(lab):
    answer = ask(lab, {"short": tcp("10.77.0.2:7001", timeout=1.0)})["short"]
    assert answer["seconds"] < 1.0
    assert answer["rows"][0]["outcome"] == "dropped"
