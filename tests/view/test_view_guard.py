"""Who may look: the one browser that brought the token, by our own names, from our own pages."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
from desk_of import View


def test_the_token_works_once(fresh):
    answer = fresh.enter()
    assert answer.status == 303
    assert answer.headers["location"].startswith("/")
    assert fresh.token not in answer.headers["location"]
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert f"path={fresh.place}".lower() in cookie
    assert fresh.page().status == 200
    again = fresh.ask(f"/?token={fresh.token}", cookie=None)
    assert again.status == 403
    assert "used already" in again.text
    assert again.headers["set-cookie"] is None
    assert fresh.page().status == 200, "who is in stays in"


@pytest.mark.parametrize("token", ["", "x", "%ff", "0" * 10_000, "%C3%BC"])
def test_another_token_does_not_let_in_and_does_not_spend_the_right_one(fresh, token):
    answer = fresh.ask(f"/?token={token}")
    assert answer.status == 403
    assert answer.headers["set-cookie"] is None
    assert fresh.enter().status == 303


@pytest.mark.parametrize("cookie", [None, "{name}=", "{name}=x", "other=1", "{name}=\xff", "=;=;;", '{name}="', "{name}=" + "x" * 5000])
@pytest.mark.parametrize("page", ["", "files", "raw?path=etc/hostname", "view.css", "nowhere"])
def test_without_the_cookie_nothing_is_shown(view, page, cookie):
    cookie = cookie and cookie.format(name=view.cookie.partition("=")[0])
    answer = view.ask(view.place + page, cookie=cookie)
    assert answer.status == 403
    assert b"messages" not in answer.body
    assert view.place not in answer.text, "the folder is a secret, too"


def test_a_cookie_beside_those_of_others_is_found(view):
    assert view.ask(view.place, cookie=f'prefs={{"a": [1]}}; {view.cookie}; x=y').status == 200


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "evil.example:{port}",
        "127.0.0.1:{port}.evil.example",
        "[::1]:{port}",
        "0.0.0.0:{port}",
    ],
)
def test_by_another_name_nothing_is_shown(view, host):
    answer = view.ask(view.place, host=host and host.format(port=view.port))
    assert answer.status in (400, 421)
    assert view.ask(f"/?token={view.token}", host=host and host.format(port=view.port)).status in (400, 421)


def test_both_our_names_are_ours(view):
    assert view.ask(view.place, host=f"localhost:{view.port}").status == 200
    assert view.ask(view.place, host=f"LOCALHOST:{view.port}").status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, 200),
        ({"sec_fetch_site": "same-origin", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "style"}, 200),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, 200),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, 403),
        ({"sec_fetch_site": "same-site", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "http://127.0.0.1:{port}"}, 200),
    ],
)
def test_other_sites_pages_get_no_answer(view, headers, status):
    assert view.ask(view.place, **{name: value.format(port=view.port) for name, value in headers.items()}).status == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_it_only_shows(view, method):
    answer = view.ask(view.place, method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "target",
    ["{place}", "{place}files", "{place}nowhere", "/", "/?token=x", "{place}raw?path=etc/hostname", "{place}view.css", "{place}go?to=a:1"],
)
def test_every_answer_is_locked_up(view, target):
    answer = view.ask(target.format(place=view.place))
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    expected = {
        "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store", "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin", "cross-origin-embedder-policy": "require-corp",
    }  # fmt: skip
    assert {name: answer.headers[name] for name in expected} == expected
    assert answer.headers["server"] is None


def test_it_listens_on_loopback_alone_with_one_thread(view):
    process = psutil.Process(view.process.pid)
    assert [(each.laddr.ip, each.laddr.port) for each in process.net_connections() if each.status == "LISTEN"] == [("127.0.0.1", view.port)]
    assert process.num_threads() == 1, "a program that forks has one thread"


def test_ctrl_c_ends_it_and_its_children(fresh):
    fresh.enter()
    fresh.ask(f"{fresh.place}search?text=({'a*' * 30})%2BB&regex=1&file=var/log/odd")
    children = psutil.Process(fresh.process.pid).children(recursive=True)
    began = time.monotonic()
    status, said = fresh.end()
    assert status == 0
    assert time.monotonic() - began < 5
    assert "Ctrl-C" in said
    assert "Traceback" not in said
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


def as_nobody(port, token):
    """What another user of the machine gets for the token: the status."""
    code = (
        "import encodings.idna, os, socket; os.setresuid(65534, 65534, 65534); "
        f"s = socket.create_connection(('127.0.0.1', {port})); "
        f"s.sendall(b'GET /?token={token} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n'); print(s.recv(12).decode()[-3:])"
    )
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30).stdout)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_what_others_see_among_the_processes_is_worth_nothing_to_them(hostile, tmp_path, monkeypatch):
    (tmp_path / "browser").write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/new && mv {tmp_path}/new {tmp_path}/seen\n')
    (tmp_path / "browser").chmod(0o755)
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setenv("BROWSER", f"{tmp_path}/browser %s")
    opened = View(hostile, "--browser")
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "seen").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (tmp_path / "seen").read_text().strip() == opened.address
        assert as_nobody(opened.port, opened.token) == 403
        assert opened.enter().status == 303, "nobody has spent it"
    finally:
        opened.end()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_who_is_given_the_address_may_be_another_user(fresh):
    assert as_nobody(fresh.port, fresh.token) == 303


def test_a_port_that_is_taken_is_said(hostile):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = [sys.executable, "-m", "diagbundle", "view", hostile, "--port", str(taken.getsockname()[1])]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert re.search(r"the port cannot be had: \d+: Address already in use\nhint: ", ended.stderr)


def test_what_is_no_bundle_is_refused_before_anything_is_served(tmp_path):
    (tmp_path / "x.tar.zst").write_bytes(b"nothing")
    for path, status in ((tmp_path / "x.tar.zst", 4), (tmp_path, 2), (tmp_path / "absent", 2)):
        ended = subprocess.run(
            [sys.executable, "-m", "diagbundle", "view", str(path)], capture_output=True, text=True, timeout=30, check=False
        )
        assert (ended.returncode, ended.stdout) == (status, "")
        assert "Traceback" not in ended.stderr


def test_it_ends_by_sigterm(hostile):
    opened = View(hostile)
    os.kill(opened.process.pid, signal.SIGTERM)
    opened.process.communicate(timeout=20)
    assert opened.process.returncode in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def test_a_program_without_the_server_says_so_and_names_the_other_way(monkeypatch, capsys, hostile):
    from diagbundle.cli import main

    monkeypatch.setitem(sys.modules, "diagbundle.view.desk", None)  # as in the static file, which has no asyncio
    assert main.run(["view", hostile]) == 2
    said = capsys.readouterr().err
    assert "this program does not hold what serves pages" in said
    assert "`diagbundle report BUNDLE` writes the page as a file" in said
