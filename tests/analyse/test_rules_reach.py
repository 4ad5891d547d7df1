"""Parsers of what this host depends on: whatever the text, facts or `FormatError` come of it; and what they read from real text."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.parsers import clock, names, proxy, reach, tls_said
from diagbundle.analyse.verdict import Origin
from diagbundle.errors import FormatError

QUICK = settings(max_examples=60, deadline=None)

TRACKING = """Reference ID    : 0A140005 (10.20.0.5)
Stratum         : 3
System time     : 0.000012123 seconds slow of NTP time
Leap status     : Normal
"""
SOURCES = """MS Name/IP address         Stratum Poll Reach LastRx Last sample
===============================================================================
^* 10.20.0.5                     2   6   377    21    -13us[  -15us] +/-  106us
^x ntp7.corp.lan                 2   6    17    3m  +12.1s[+12.1s] +/-  410us
"""
PEERS = """     remote           refid      st t when poll reach   delay   offset  jitter
==============================================================================
*10.20.0.5       .GPS.            1 u   21   64  377    0.512  -83.210   0.113
 0.pool.ntp.org  .POOL.          16 p    -   64    0    0.000    0.000   0.000
x10.20.0.9       10.0.0.1         2 u   33   64   17    0.412  1250.12   0.113
"""
CONTROL = """               Local time: Thu 2026-03-05 11:00:00 CET
System clock synchronized: no
              NTP service: active
          RTC in local TZ: yes
"""
OLD_CONTROL = "      Local time: Do 2026-03-05 11:00:00 CET\n     NTP enabled: yes\nNTP synchronized: yes\n"
TIMESYNC = "       Server: 10.20.0.5 (ntp.corp.lan)\n       Offset: +1.204s\n Packet count: 12\n"
VARIABLES = 'version="ntpd 4.2.8p15", leap=11, stratum=16, precision=-24,\nrefid=INIT, offset=0.000, frequency=3.1\n'
ROW = json.dumps(
    {"kind": "dns", "target": "10.20.0.53:53", "what": "question", "address": "10.20.0.53", "port": 53, "outcome": "dropped", "ms": 3001.2}
)
CERTIFICATE = json.dumps(
    {"path": "/etc/x.pem", "subject": "O=Corp, CN=web3", "issuer": "CN=CA", "not_after": "2026-03-01T00:00:00Z", "names": ["web3"]}
)
VERIFY = "CONNECTED(00000003)\nVerify return code: 20 (unable to get local issuer certificate)\n"
PROXIES = json.dumps({"pid": 8, "comm": "x", "unit": "x.service", "proxies": {"HTTP_PROXY": "http://<removed>@10.20.0.3:3128"}})
UDP = "  sl  local_address\n   1: 3500007F:0035 00000000:0000 07 0\n   2: 00000000000000000000000001000000:0035 0:0 07\n"

PARSERS = {
    reach.probes: ("diagbundle/probes/reachability/dns_10.20.0.53_53", ROW),
    reach.certificates: ("diagbundle/tables/certificates", CERTIFICATE),
    reach.trust: ("sos_commands/networking/openssl_s_client_-connect_a.corp.lan_443_-servername_a.corp.lan", VERIFY),
    names.resolver_file: ("etc/resolv.conf", "search corp.lan\nnameserver 10.20.0.53\noptions ndots:2\n"),
    names.name_servers: ("etc/resolv.conf", "nameserver 10.20.0.53\n"),
    names.links: ("diagbundle/tables/resolver_links", json.dumps({"path": "/etc/resolv.conf", "target": "x", "exists": False})),
    names.hosts: ("etc/hosts", "127.0.0.1 localhost # ours\n"),
    names.nss: ("etc/nsswitch.conf", "hosts: files resolve [!UNAVAIL=return] dns\n"),
    names.lookups: ("sos_commands/networking/getent_hosts_web3", "10.20.0.7 web3\n"),
    names.udp_ports: ("proc/net/udp", UDP),
    proxy.in_files: ("etc/environment", 'export http_proxy="http://u:w@10.20.0.3:3128"\n'),
    proxy.of_services: ("diagbundle/tables/proxies", PROXIES),
    clock.clocks: ("diagbundle/tables/clocks", '{"wall": 1772704800000000000, "monotonic": 5000000000000, "boottime": 5000000000000}'),
    clock.tracking: ("sos_commands/chrony/chronyc_-n_tracking", TRACKING),
    clock.sources: ("sos_commands/chrony/chronyc_-n_sources", SOURCES),
    clock.peers: ("sos_commands/ntp/ntpq_-pn", PEERS),
    clock.variables: ("sos_commands/ntp/ntpq_-n_-c_rv", VARIABLES),
    clock.timesyncd: ("sos_commands/systemd/timedatectl_timesync-status", TIMESYNC),
    clock.timedatectl: ("sos_commands/systemd/timedatectl", CONTROL),
    clock.rtc_beside: (
        "sos_commands/systemd/timedatectl",
        "  Universal time: Thu 2026-03-05 10:00:00 UTC\n        RTC time: Thu 2026-03-05 12:12:00\n",
    ),
    clock.rtc: ("sys/class/rtc/rtc0/since_epoch", "1772704800\n"),
    clock.clock_source: ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
    clock.clock_sources: ("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm \n"),
}
EACH = pytest.mark.parametrize(
    ("parse", "where", "real"), [(parse, *rest) for parse, rest in PARSERS.items()], ids=lambda each: getattr(each, "__name__", "")
)
HEARERS = (names.unresolved, proxy.garbled, clock.steps, tls_said.complaints)


def read(parse, where, text):
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return list(parse(Document(Entry(path=where, there=True, source=where), data)))


def hear(hearer, text):
    return list(hearer(Event(text, Origin("var/log/messages", 1, text))))


@EACH
def test_real_text_gives_facts(parse, where, real):
    assert read(parse, where, real)


@EACH
@QUICK
@given(text=st.one_of(st.binary(max_size=400), st.text(max_size=300)))
def test_any_text(parse, where, real, text):
    del real
    with contextlib.suppress(FormatError):
        read(parse, where, text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)


@EACH
@QUICK
@given(data=st.data())
def test_mutated_text(parse, where, real, data):
    at, size = data.draw(st.integers(0, len(real))), data.draw(st.integers(0, 12))
    text = real[:at] + data.draw(st.text(max_size=12)) + real[at + size :]
    with contextlib.suppress(FormatError):
        read(parse, where, text.encode("utf-8", "surrogatepass"))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9), lambda one: st.lists(one, max_size=3), max_leaves=4
)


@QUICK
@given(
    st.dictionaries(
        st.sampled_from(["what", "path", "subject", "not_after", "names", "proxies", "port", "ms", "pid", "wall", "monotonic", "exists"]),
        ANY_JSON,
    )
)
def test_rows_of_any_types(row):
    for parse in (reach.probes, reach.certificates, names.links, proxy.of_services, clock.clocks):
        read(parse, PARSERS[parse][0], json.dumps(row))


@pytest.mark.parametrize("hearer", HEARERS, ids=lambda each: each.__name__)
@QUICK
@given(text=st.text(max_size=300))
def test_any_line(hearer, text):
    hear(hearer, text)


@pytest.mark.parametrize(
    "word",
    [
        "resolve host ",
        "lookup a",
        "http://a.b/ JSONDecodeError ",
        "offset 1",
        "a.",
        "EAI_AGAIN ",
        "could not be resolved ",
        "https://a handshake failure ",
        "a:1",
    ],
)
def test_long_lines_of_one_word_end_soon(word):
    for hearer in HEARERS:
        hear(hearer, word * 20_000)


def test_what_the_clocks_say():
    (daemon,) = read(clock.tracking, "sos_commands/chrony/chronyc_-n_tracking", TRACKING)
    assert (daemon.synchronised, daemon.offset, daemon.stratum) == (True, -0.000012123, 3)
    selected, liar = read(clock.sources, "sos_commands/chrony/chronyc_-n_sources", SOURCES)
    assert (selected.state, selected.reach, selected.offset) == ("selected", 255, pytest.approx(-13e-6))
    assert (liar.state, liar.name, liar.offset) == ("false", "ntp7.corp.lan", pytest.approx(12.1))
    first, other = read(clock.peers, "sos_commands/ntp/ntpq_-pn", PEERS)
    assert (first.state, first.offset, other.state, other.offset) == ("selected", pytest.approx(0.08321), "false", pytest.approx(-1.25012))
    (daemon,) = read(clock.variables, "sos_commands/ntp/ntpq_-n_-c_rv", VARIABLES)
    assert (daemon.synchronised, daemon.stratum) == (False, 16)
    (daemon,) = read(clock.timesyncd, "sos_commands/systemd/timedatectl_timesync-status", TIMESYNC)
    assert (daemon.synchronised, daemon.offset) == (True, pytest.approx(-1.204))


@pytest.mark.parametrize(("text", "expected"), [(CONTROL, (False, "active", True)), (OLD_CONTROL, (True, "active", False))])
def test_what_timedatectl_says(text, expected):
    (control,) = read(clock.timedatectl, "sos_commands/systemd/timedatectl", text)
    assert (control.synchronised, control.service, control.local_rtc) == expected


@pytest.mark.parametrize(
    ("text", "seconds"), [("-13us", -13e-6), ("+6909ns", 6909e-9), ("1.2ms", 0.0012), ("5min 2.5s", 302.5), ("-2.1s", -2.1), ("soon", None)]
)
def test_lengths(text, seconds):
    assert clock.length_of(text) == (None if seconds is None else pytest.approx(seconds))


NAMES = {
    "check against http://db.corp.lan/ failed: [Errno -3] Temporary failure in name resolution": "db.corp.lan",
    "mount.nfs: Failed to resolve server nas1: Name or service not known": "nas1",
    "dial tcp: lookup reg.corp.lan on 10.0.0.2:53: no such host": "reg.corp.lan",
    'could not translate host name "db1" to address: Name or service not known': "db1",
    "Temporary failure resolving 'deb.debian.org'": "deb.debian.org",
    "ssh: Could not resolve hostname build.corp.lan: Name or service not known": "build.corp.lan",
    "java.net.UnknownHostException: kafka1.corp.lan: Temporary failure in name resolution": "kafka1.corp.lan",
    "getaddrinfo ENOTFOUND api.corp.lan": "api.corp.lan",
    'host not found in upstream "app1:8080" in /etc/nginx/nginx.conf:9': "app1",
    "wget: unable to resolve host address 'files.corp.lan'": "files.corp.lan",
    "curl: (6) Could not resolve host: api.corp.lan": "api.corp.lan",
    "Couldn't resolve host name": "",
}


@pytest.mark.parametrize(("text", "name"), NAMES.items())
def test_names_that_could_not_be_resolved(text, name):
    assert [fact.name for fact in hear(names.unresolved, text)] == [name]


@pytest.mark.parametrize(
    "text",
    [
        "sudo: unable to resolve host web3: Name or service not known",
        "reverse mapping checking getaddrinfo for x.example [203.0.113.9] failed: Name or service not known",
        "warning: hostname x.example does not resolve to address 203.0.113.9: Name or service not known",
        "[INFO] 10.0.0.9:4711 - 7 A IN x.corp.lan. udp 41 NXDOMAIN qr,rd 0.002s",
        "conflict resolved between two hosts",
    ],
)
def test_lines_that_are_no_failure_of_names(text):
    assert hear(names.unresolved, text) == []
