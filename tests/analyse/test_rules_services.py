"""Parsers of services, containers, packages and programs' complaints: whatever text they are given, they give facts or say that it is none."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.facts.containers import Container
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.parsers import clusters, containers, cron, packages, products, services
from diagbundle.analyse.verdict import Origin
from diagbundle.errors import FormatError

SHOW = "Result=exit-code\nNRestarts=3\nExecMainStatus=1\nId=shop.service\nActiveState=failed\nSubState=failed\nStateChangeTimestamp=Thu 2026-03-05 08:00:00 UTC\n\nId=b.service\n"
STATUS = "\u00d7 shop.service - The shop\n     Active: failed (Result: exit-code) since Thu\n\nMar 05 09:12:44 shop1 shopd[812]: cannot open /srv/shop/shop.conf\n"
PS = json.dumps({"ID": "aa11" * 16, "Names": "web", "Image": "x:1", "Status": "Exited (137) 2 hours ago"}) + "\n"
STATE = {
    "Status": "running",
    "ExitCode": 0,
    "OOMKilled": False,
    "StartedAt": "2026-03-05T08:00:00.1Z",
    "Health": {"Status": "unhealthy", "Log": [{"Output": "no"}]},
}
INSPECT = json.dumps([{"Id": "aa11" * 16, "Name": "/web", "RestartCount": 3, "HostConfig": {"Memory": 1}, "State": STATE}], indent=1)
CRI = json.dumps(
    {
        "containers": [
            {
                "id": "aa",
                "metadata": {"name": "api", "attempt": 7},
                "state": "CONTAINER_EXITED",
                "createdAt": "1772704700000000000",
                "labels": {},
            }
        ]
    }
)
COLUMNS = "CONTAINER ID  IMAGE  COMMAND  CREATED  STATUS  PORTS  NAMES\naaaaaaaaaaaa  x/y:2  /bin/import 2 hours ago  Exited (2) 50 minutes ago          import\n"
READERS = [
    (services.shown, "sos_commands/systemd/systemctl_show_service_--all", SHOW),
    (services.listed, "sos_commands/systemd/systemctl_list-units", "● a.service loaded failed failed A thing\n"),
    (services.unit_files, "sos_commands/systemd/systemctl_list-unit-files", "UNIT FILE STATE PRESET\na.service bad enabled\n"),
    (clusters.ceph_detail, "sos_commands/ceph_mon/ceph_health_detail", "HEALTH_WARN 1 osds down\n[WRN] OSD_DOWN: 1 osds down\n"),
    (services.said, "sos_commands/systemd/systemctl_status_--all", STATUS),
    (services.jobs, "sos_commands/systemd/systemctl_list-jobs", "JOB UNIT TYPE STATE\n811 a.service start running\n"),
    (services.incarnations, "diagbundle/tables/processes", '{"pid": 1, "comm": "init", "start": 4, "ppid": 0, "kernel": false}\n'),
    (services.supervised, "sos_commands/services/supervisorctl_status", "mailer   FATAL   Exited too quickly\n"),
    (services.openrc, "sos_commands/services/rc-status_-a_--nocolor", "Runlevel: default\n sshd    [  crashed  ]\n"),
    (services.runit, "sos_commands/services/sv_status", "down: /etc/service/mailer: 1s, normally up, want up\n"),
    (containers.listed, "sos_commands/docker/docker_ps_-a_--no-trunc_--format_json", PS),
    (containers.columns, "sos_commands/podman/podman_ps_-a", COLUMNS),
    (
        containers.podman,
        "sos_commands/podman/podman_ps_-a_--format_json",
        json.dumps([{"Id": "aa", "Names": ["a"], "State": "exited", "ExitCode": 3, "ExitedAt": 1}]),
    ),
    (containers.inspected, "sos_commands/docker/docker_inspect_1", INSPECT),
    (containers.inspected, "sos_commands/docker/docker_inspect_state_1", f"{'aa11' * 16} /web 3 {json.dumps(STATE)}\n"),
    (containers.on_disk, "var/lib/docker/containers/aa/config.v2.json", json.dumps({"ID": "aa", "Name": "/web", "State": STATE})),
    (containers.answered, "diagbundle/tables/docker_api", json.dumps({"request": "/x", "body": {"Id": "aa", "State": STATE}}) + "\n"),
    (containers.cri, "sos_commands/crio/crictl_ps_-a_-o_json", CRI),
    (
        containers.cri_inspected,
        "sos_commands/crio/crictl_inspect_1",
        json.dumps({"status": {"id": "aa", "exitCode": 1, "reason": "OOMKilled"}}),
    ),
    (containers.kills, "diagbundle/tables/containers", '{"engine": "docker", "id": "aa", "memory": {"memory.events": {"oom_kill": 3}}}\n'),
    (containers.engines, "diagbundle/tables/container_daemons", '{"name": "dockerd", "pids": [1], "states": ["T"]}\n'),
    (containers.configured, "etc/docker/daemon.json", '{\n "a": 1,\n}\n'),
    (containers.configured, "etc/containerd/config.toml", "version = 2\n[plugins\n"),
    (packages.database, "var/lib/dpkg/status", "Package: a\nStatus: install ok half-configured\n\n"),
    (packages.listed, "sos_commands/dpkg/dpkg_-l", "iF  mariadb-server 1:10.11 amd64 database\n"),
    (packages.rpm_answer, "sos_commands/rpm/package-data", "bash-5.1.8-6.el9.x86_64\tx\n"),
    (packages.twice, "installed-rpms", "glibc-2.34-60.el9.x86_64   Mon\nglibc-2.34-61.el9.x86_64   Mon\n"),
    (products.modes, "diagbundle/tables/changed_files", '{"path": "/etc/x", "mode": "0600", "uid": 0, "gid": 0}\n'),
]
NAMES = [f"{reader.__name__}-{number}" for number, (reader, _, _) in enumerate(READERS)]
HEARERS = [
    services.restarts,
    clusters.cluster_words,
    clusters.ceph_checks,
    cron.cron_runs,
    containers.ends,
    products.ports_taken,
    products.denials,
    products.unreached,
    products.gateway_errors,
    products.fatal_lines,
]
LINES = [
    "mailer.service: Scheduled restart job, restart counter is at 4.",
    "INFO gave up: mailer entered FATAL state, too many start retries too quickly",
    "unable to configure the Docker daemon with file /etc/docker/daemon.json: invalid character",
    "[emerg] 86#86: bind() to 0.0.0.0:8080 failed (98: Address already in use)",
    "Error: EACCES: permission denied, open '/srv/app/key.txt'",
    'connect() failed (111: Connection refused) while connecting to upstream, upstream: "http://127.0.0.1:8081/", host: "shop"',
    '10.0.0.9 - - [05/Mar/2026:09:50:00 +0000] "GET / HTTP/1.1" 502 190 "-" "curl"',
    "FATAL cannot read section 4 of the index",
    "start request repeated too quickly for shop.service",
    "[QUORUM] This node is within the non-primary component and will NOT provide any service.",
    "cluster [WRN] Health check failed: 1 osds down (OSD_DOWN)",
    "(CRON) error (grandchild #900 failed with exit status 2)",
]


def document(path, text):
    return Document(Entry(path, there=True, started=1772704800.0), text.encode("utf-8", "surrogateescape"))


def read(reader, path, text):
    try:
        return list(reader(document(path, text)))
    except FormatError:
        return []


@pytest.mark.parametrize(("reader", "path", "text"), READERS, ids=NAMES)
def test_what_is_sound_is_read(reader, path, text):
    assert read(reader, path, text)


@pytest.mark.parametrize(("reader", "path", "text"), READERS, ids=NAMES)
@settings(max_examples=40, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(noise=st.text(max_size=300), seed=st.integers(0, 1 << 30))
def test_no_text_makes_a_parser_fail(reader, path, text, noise, seed):
    chance = random.Random(seed)
    at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    for each in (noise, text[:at] + noise + text[end:], text[:at], text[at:] + text, text.replace("1", noise[:20])):
        for fact in read(reader, path, each):
            assert fact.origin.path == path


def json_values():
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Id",
                        "State",
                        "Status",
                        "Names",
                        "ExitCode",
                        "memory",
                        "metadata",
                        "containers",
                        "body",
                        "Health",
                        "Log",
                        "pid",
                        "start",
                        "states",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )


@pytest.mark.parametrize(
    ("reader", "path", "text"), [each for each in READERS if each[2].lstrip()[:1] in "[{"], ids=lambda each: getattr(each, "__name__", "")
)
@settings(max_examples=60, deadline=2000)
@given(value=json_values())
def test_no_json_makes_a_parser_fail(reader, path, text, value):
    read(reader, path, json.dumps(value) + "\n")
    read(reader, path, json.dumps([value]))


@pytest.mark.parametrize("hearer", HEARERS, ids=lambda each: each.__name__)
@settings(max_examples=60, deadline=2000)
@given(noise=st.text(max_size=200), line=st.sampled_from(LINES), at=st.integers(0, 200))
def test_no_line_makes_a_listener_fail(hearer, noise, line, at):
    for text in (noise, line[:at] + noise + line[at:], line * 300, "/" * 5000 + line, line + " a:1" * 3000):
        list(hearer(Event(text, Origin("var/log/shop/agent.log", 1), 1772704800.0, facility="agent")))


@pytest.mark.parametrize(("status", "state", "code", "age"), [
    ("Up 3 days (unhealthy)", "running", None, 3 * 86400), ("Exited (137) About an hour ago", "exited", 137, 3600), ("Restarting (1) Less than a second ago", "restarting", 1, 0),
    ("Up 2 minutes (Paused)", "paused", None, 0), ("Created", "created", None, 0), ("Exited (0) 2 weeks ago", "exited", 0, 1209600),
])  # fmt: skip
def test_a_status_in_words(status, state, code, age):
    known = containers.told(status, 1772704800.0)
    assert (known["state"], known.get("exit")) == (state, code)
    assert known.get("started") or known.get("finished") or 1772704800.0 - age == 1772704800.0 - age
    if age:
        assert 1772704800.0 - (known.get("started") or known.get("finished")) == age


def test_objects_one_after_the_other_are_all_read():
    found = read(containers.cri_inspected, "sos_commands/crio/crictl_inspect_1", '{"status": {"id": "a"}}\n{"status": {"id": "b"}}\n')
    assert [each.ident for each in found if isinstance(each, Container)] == ["a", "b"]


@pytest.mark.parametrize(("text", "who", "port"), [
    ("bind() to 0.0.0.0:80 failed (98: Address already in use)", "shop", 80), ("(98)Address already in use: AH00072: make_sock: could not bind to address [::]:443", "shop", 443),
    ("OSError: [Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use", "shop", 8000), ("listen tcp :9000: bind: address already in use", "shop", 9000),
    ("Web server failed to start. Port 8081 was already in use.", "shop", 8081), ("Could not create server TCP listening socket *:6379: bind: Address already in use", "shop", 6379),
    ("Bind for 0.0.0.0:5432 failed: port is already allocated", "shop", 5432), ("java.net.BindException: Address already in use", "shop", 0),
])  # fmt: skip
def test_the_port_that_is_taken(text, who, port):
    fact = next(iter(products.ports_taken(Event(text, Origin("var/log/shop/error.log", 1), facility="error"))))
    assert (fact.who, fact.port) == (who, port)


@pytest.mark.parametrize(("text", "path"), [
    ("PermissionError: [Errno 13] Permission denied: '/etc/shop/shop.conf'", "/etc/shop/shop.conf"), ("open /etc/shop.yaml: permission denied", "/etc/shop.yaml"),
    ("/usr/bin/shopd: cannot open /srv/x.db: Permission denied", "/srv/x.db"), ("java.io.FileNotFoundException: /srv/app/app.log (Permission denied)", "/srv/app/app.log"),
    ("connect() to unix:/run/php/fpm.sock failed (13: Permission denied) while connecting to upstream", "/run/php/fpm.sock"),
    ("shop.service: Failed at step EXEC spawning /opt/shop/bin/shopd: Permission denied", "/opt/shop/bin/shopd"),
])  # fmt: skip
def test_the_file_that_is_denied(text, path):
    assert [fact.path for fact in products.denials(Event(text, Origin("var/log/messages", 1), facility="shopd"))] == [path]


@pytest.mark.parametrize(("text", "target", "what"), [
    ("dial tcp 10.0.3.9:5432: connect: connection refused", "10.0.3.9:5432", "refused"), ("Error: connect ECONNREFUSED 127.0.0.1:6379", "127.0.0.1:6379", "refused"),
    ('connection to server at "db.example" (10.0.3.9), port 5432 failed: Connection refused', "db.example:5432", "refused"),
    ("could not connect to redis at cache.example:6379: Connection timed out", "cache.example:6379", "timed out"),
    ('upstream timed out (110: Connection timed out) while reading response header from upstream, upstream: "http://10.1.1.1:80/x"', "10.1.1.1:80", "timed out"),
])  # fmt: skip
def test_the_server_that_is_not_reached(text, target, what):
    assert [(fact.target, fact.what) for fact in products.unreached(Event(text, Origin("var/log/shop/shop.log", 1), facility="shop"))] == [
        (target, what)
    ]
