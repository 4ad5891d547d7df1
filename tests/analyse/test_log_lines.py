"""From a line to an event: who said it, how bad it is by its own word, and what it said."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.analyse.log.export import fields, records
from diagbundle.analyse.log.lines import Reader, of_journal
from diagbundle.analyse.log.times import Clock
from diagbundle.analyse.verdict import Origin


def event(line, path="var/log/app/app.log"):
    return Reader(path, Clock(newest=1.7728e9, booted=1.77e9)).event(line, Origin(path, 1, line))


@pytest.mark.parametrize(
    ("line", "facility", "pid", "severity", "text"),
    [
        ("Mar  5 10:12:01 db1 sshd[812]: Accepted publickey", "sshd", 812, None, "Accepted publickey"),
        ("Mar  5 10:12:01 db1 kernel: [   12.345678] oom-kill: x", "kernel", 0, None, "oom-kill: x"),
        ("Mar  5 10:12:01 db1 kernel: eth0: link down", "kernel", 0, None, "eth0: link down"),
        ("2026-03-05T10:12:01.123456+01:00 db1 systemd[1]: Started a", "systemd", 1, None, "Started a"),
        ("2026-03-05T10:12:01+01:00 db1 /usr/sbin/cron[7]: x", "cron", 7, None, "x"),
        ("Mar  5 10:12:01 db1 50-motd-news[12]: x", "50-motd-news", 12, None, "x"),
        ("Mar  5 10:12:01 db1 (systemd)[12]: x", "(systemd)", 12, None, "x"),
        ("Mar  5 10:12:01 alp daemon.err dnsmasq[9]: failed", "dnsmasq", 9, 3, "failed"),
        ("Mar  5 10:12:01 alp kern.warn kernel: [   12.345678] x", "kernel", 0, 4, "x"),
        ("<34>1 2026-03-05T10:12:01Z h su 812 ID47 - failed", "su", 812, 2, "failed"),
        ('<165>1 2026-03-05T10:12:01Z h app - ID47 [a@1 b="c"] text', "app", 0, 5, "text"),
        ("<3>Mar  5 10:12:01 h foo: text", "foo", 0, 3, "text"),
        ("[   12.345678] usb 1-1: new", "kernel", 0, None, "usb 1-1: new"),
        ("<4>[   12.345678] x", "kernel", 0, None, "x"),
        ("type=AVC msg=audit(1772705521.123:4): avc:  denied", "audit", 0, None, "type=AVC msg=audit(1772705521.123:4): avc:  denied"),
        ("2026-03-05 10:12:01,123 ERROR [main] c.e.Main: it failed", "app", 0, 3, "ERROR [main] c.e.Main: it failed"),
        ("2026-03-05 10:12:01,123 - root - WARNING - x: y", "app", 0, 4, "- root - WARNING - x: y"),
        ("2026/03/05 10:12:01 http: TLS handshake error from 1.2.3.4", "app", 0, 3, "http: TLS handshake error from 1.2.3.4"),
        ("E0305 10:12:01.123456   12 a.go:1] x", "app", 0, 3, "12 a.go:1] x"),
        ("I0305 10:12:01.123456   12 a.go:1] error=x", "app", 0, 6, "12 a.go:1] error=x"),
        ("2026-03-05T10:12:01.123456789Z stderr F panic: x", "app", 0, None, "panic: x"),
        ("2026-03-05T10:12:01Z 0 [ERROR] [MY-010123] [Server] x", "app", 0, 3, "0 [ERROR] [MY-010123] [Server] x"),
        ('time="2026-03-05T10:12:01Z" level=warning msg="error"', "app", 0, 4, 'level=warning msg="error"'),
        ("2026-03-05 10:12:01.123 UTC [12] LOG:  checkpoint", "app", 0, 6, "[12] LOG:  checkpoint"),
        ("2026-03-05 10:12:01.123 UTC [12] PANIC:  could not", "app", 0, 0, "[12] PANIC:  could not"),
        ("2026-03-05 10:12:01 the log is fine, no trace of it", "app", 0, None, "the log is fine, no trace of it"),
        ('{"log":"hi\\n","stream":"stderr","time":"2026-03-05T10:12:01Z"}', "app", 0, None, "hi"),
        ('{"t":{"$date":"2026-03-05T10:12:01.1+00:00"},"s":"E","msg":"x"}', "app", 0, 3, "x"),
        ('{"level":50,"time":1772705521123,"msg":"x"}', "app", 0, 3, "x"),
        ('{"level":"warn","ts":1772705521.123,"msg":"x"}', "app", 0, 4, "x"),
    ],
)
def test_line(line, facility, pid, severity, text):
    found = event(line)
    assert (found.facility, found.pid, found.severity, found.text) == (facility, pid, severity, text)
    assert found.time


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("var/log/nginx/error.log.1", "nginx"), ("var/log/apache2/access.log", "apache2"), ("var/log/postgresql/postgresql-15-main.log", "postgresql"),
        ("var/log/mysql/error.log", "mysql"), ("var/log/httpd/ssl_error_log-20260301", "httpd"), ("var/log/audit/audit.log", "audit"), ("var/log/cron", "cron"),
        ("var/log/pods/shop_web-1_uid/app/3.log", "shop_web-1_uid/app"), ("opt/shop/logs/shop.log", "shop"), ("var/log/error.log", "error"),
        ("var/lib/docker/containers/0123456789abcdef/0123456789abcdef-json.log", "0123456789ab"),
    ],
)  # fmt: skip
def test_who_writes_a_file(path, name):
    assert event("2026-03-05 10:12:01,123 x", path).facility == name


def test_the_display_servers_lines_are_not_the_kernels():
    assert event("[    12.345] (II) x", "var/log/Xorg.0.log").facility == "Xorg"


def record(**named):
    out = b""
    for name, value in named.items():
        data = value.encode()
        out += f"{name}\n".encode() + len(data).to_bytes(8, "little") + data + b"\n" if "\n" in value else f"{name}={value}\n".encode()
    return out + b"\n"


def test_records_of_the_journal_hold_what_ends_a_record():
    data = record(__REALTIME_TIMESTAMP="1772705521000000", MESSAGE="one\n\ntwo\n\n__REALTIME_TIMESTAMP=1", PRIORITY="3")
    data += record(__REALTIME_TIMESTAMP="1772705522000000", MESSAGE="next", SYSLOG_IDENTIFIER="app", _PID="7")
    for cut in (len(data), 11, 1):
        found = list(records(data[at : at + cut] for at in range(0, len(data), cut)))
        assert [each[1]["MESSAGE"] for each in found] == ["one\n\ntwo\n\n__REALTIME_TIMESTAMP=1", "next"]
        assert found[1][1]["_PID"] == "7"
        assert found[0][1]["__REALTIME_TIMESTAMP"] == "1772705521000000"
        assert data.split(b"\n")[found[1][0] + found[1][2] - 1] == b"MESSAGE=next"


@given(st.lists(st.dictionaries(st.sampled_from(["MESSAGE", "PRIORITY", "_PID", "X"]), st.text(alphabet="ab=\n _", max_size=30), min_size=1), max_size=5),
       st.integers(1, 50))  # fmt: skip
@settings(deadline=None)
def test_any_records(those, cut):
    data = b"".join(record(__REALTIME_TIMESTAMP="1", **each) for each in those)
    found = list(records(data[at : at + cut] for at in range(0, len(data), cut)))
    assert [each[1].get("MESSAGE") for each in found] == [each.get("MESSAGE") for each in those]


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_as_records(data):
    for _, found, _ in records([data]):
        of_journal(found, Origin("x"))
    fields(data)


PATHS = st.sampled_from(["var/log/messages", "var/log/kern.log", "diagbundle/tables/kmsg", "var/log/pods/a_b_c/d/0.log", "x.log"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["time", "ts", "t", "level", "s", "msg", "log", "usec", "prio"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@given(st.one_of(st.text(max_size=200), JSON.map(json.dumps)), PATHS)
@settings(deadline=None, max_examples=300)
def test_any_line(line, path):
    found = event(line, path)
    assert isinstance(found.time, float)
    assert found.severity is None or isinstance(found.severity, int)
    assert isinstance(found.text, str)
    Reader(path, Clock()).when(line)
