"""Proxies of running services: these names only, and never who logs in with what."""

import json
import os
import secrets
import subprocess

import pytest
from network_hosts import host_of, paths, process, tables

from diagbundle.collectors import proxy as subject
from diagbundle.host import Host

WORD = secrets.token_hex(8)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        (f"http://bob:{WORD}@proxy.example:3128/", "http://<removed>@proxy.example:3128/"),
        (f"HTTP://bob:{WORD}@x/{WORD}@proxy:3128", "HTTP://<removed>@proxy:3128"),
        (f"bob:{WORD}@proxy:3128", "<removed>@proxy:3128"),
        (f"socks5h://{WORD}@proxy", "socks5h://<removed>@proxy"),
        ("localhost,.svc,10.0.0.0/8", "localhost,.svc,10.0.0.0/8"),
        ("", ""),
    ],
)
def test_credentials_are_removed(value, kept):
    assert subject.without_credentials(value) == kept


def test_only_proxy_variables_are_kept():
    environ = f"PATH=/bin\0https_proxy=http://p:1\0API_TOKEN={WORD}\0NO_PROXY=a,b\0npm_config_proxy=http://u:{WORD}@q\0x_proxy_y={WORD}\0proxy={WORD}\0"
    found = subject.settings(environ)
    assert found == {"https_proxy": "http://p:1", "NO_PROXY": "a,b", "npm_config_proxy": "http://<removed>@q"}


@pytest.fixture
def host(tmp_path):
    files = {}
    for pid, more in (
        (10, {"comm": "dockerd", "environ": f"HTTP_PROXY=http://u:{WORD}@p:1\0SECRET={WORD}\0"}),
        (11, {"comm": "dockerd", "environ": f"HTTP_PROXY=http://u:{WORD}@p:1\0"}),
        (12, {"comm": "stuck) R", "environ": "http_proxy=x\0", "state": "D"}),
        (13, {"comm": "kworker", "environ": "http_proxy=x\0", "flags": 0x00208040}),
        (14, {"comm": "plain", "environ": "PATH=/bin\0"}),
        (15, {"comm": "odd", "environ": "http_proxy=y\0", "flags": "9" * 5000}),
    ):
        files |= process(pid, cgroup="0::/system.slice/unit.service\n", **more)[0]
    return host_of(tmp_path, files)


def test_one_row_for_each_service_and_setting(host):
    rows = list(subject.proxies(host))
    who = {"unit": "unit.service"}
    assert rows == [
        {"pid": 10, "comm": "dockerd", **who, "proxies": {"HTTP_PROXY": "http://<removed>@p:1"}},
        {"pid": 12, "comm": "stuck) R", **who, "unread": "uninterruptible sleep"},
        {"pid": 15, "comm": "odd", **who, "proxies": {"http_proxy": "y"}},
    ]
    assert WORD not in json.dumps(rows)


def test_of_dockers_client_only_the_proxies_leave(tmp_path):
    content = {"auths": {"reg": {"auth": WORD}}, "proxies": {"default": {"httpProxy": f"http://u:{WORD}@p:1", "noProxy": "a"}}}
    host = host_of(tmp_path, {"/root/.docker/config.json": json.dumps(content)})
    rows = list(subject.docker_proxies(host))
    assert [row["proxies"] for row in rows] == [{"httpProxy": "http://<removed>@p:1", "noProxy": "a"}]
    assert WORD not in json.dumps(rows)


@pytest.mark.parametrize("text", ["{", "[]", '{"proxies": 3}', '{"proxies": {"default": 3}}', "", "[" * 100_000, "9" * 5000])
def test_a_damaged_file_of_dockers_client_harms_nobody(tmp_path, text):
    host = host_of(tmp_path, {"/root/.docker/config.json": text})
    assert all("proxies" not in row for row in subject.docker_proxies(host))


def test_configured_places_are_asked_and_the_clients_credentials_are_not(tmp_path):
    asked = paths(subject.proxy.sources(host_of(tmp_path)))
    assert {"/etc/environment", "/etc/sysconfig/proxy", "/etc/systemd/system/*.service.d/*.conf", "/etc/apt/apt.conf.d/*"} <= asked.keys()
    assert not [path for path in asked if ".docker" in path]


def test_a_real_process_of_this_machine():
    environment = {"PATH": os.environ["PATH"], "https_proxy": f"http://u:{WORD}@192.0.2.1:3128", "OTHER": WORD}
    with subprocess.Popen(["sleep", "60"], env=environment) as sleeper:
        try:
            host = Host()
            rows = list(tables(subject.proxy.sources(host))["proxies"].rows(host))
            assert [row["proxies"] for row in rows if row["pid"] == sleeper.pid] == [{"https_proxy": "http://<removed>@192.0.2.1:3128"}]
            assert WORD not in json.dumps(rows)
        finally:
            sleeper.kill()
