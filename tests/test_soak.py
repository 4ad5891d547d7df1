"""Nothing grows and nothing is left, however often it runs; and the tools that say so would notice if it were otherwise."""

import importlib
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "packaging", "bench")
LEVEL = [50.0, 53.0, 52.0, 53.5, 52.5, 53.0, 52.0, 53.0, 52.5, 53.0]
FIGURES = [
    ("descriptors", [4, 6, 6, 6, 6, 6, 6, 6, 6, 6], False),
    ("descriptors", [4, 5, 6, 7, 8, 9, 10, 11, 12, 13], True),
    ("descriptors", [6, 6, 6, 6, 6, 7, 7, 7, 8, 8], True),
    ("descriptors", [6, 9, 6, 6, 8, 6, 7, 6, 9, 6], False),
    ("RSS MiB", LEVEL, False),
    ("RSS MiB", [37 + one for one in range(10)], True),
    ("thousand objects", [80 + number * 0.2 for number in range(10)], True),
    ("peak MiB", [90 - number for number in range(10)], False),
    ("files", [0, 0, 0, 0, 0, 0, 0, 0, 0, 1], True),
    ("processes", [1, 0, 0, 0, 0, 0, 0, 0, 0, 0], True),
    ("seconds", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], False),
    ("descriptors", [4, 5], False),
]
LEAVES = [
    ("processes", "2", "setsid sleep 60 > /dev/null 2>&1 < /dev/null &"),
    ("files", "2", "echo > forgotten"),
    ("elsewhere", "6", "echo > /dev/shm/diagbundle-soak-test.$$"),
]


@pytest.fixture
def bench(monkeypatch):
    """A function: a module of the benchmarks."""
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module


def soak(*words, timeout=280):
    return subprocess.run(
        [sys.executable, os.path.join(BENCH, "soak.py"), *words], capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.mark.parametrize(("name", "values", "expected"), FIGURES)
def test_what_grows_is_told_from_what_wavers(bench, name, values, expected):
    trend = bench("trend")
    assert trend.grows(name, values, trend.ALLOWED) is expected


@pytest.mark.parametrize(("kind", "count", "leaves"), LEAVES)
def test_what_a_program_leaves_is_noticed(tmp_path, kind, count, leaves):
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\n{leaves}\n")
    tool.chmod(0o755)
    try:
        ended = soak("--count", count, "--runs", "0", "--work", str(tmp_path), "--tool", str(tool))
    finally:
        for name in os.listdir("/dev/shm"):
            if name.startswith("diagbundle-soak-test."):
                os.unlink(f"/dev/shm/{name}")
    assert (ended.returncode, f"verdict: grows: {kind}\n" in ended.stdout) == (1, True), ended.stdout + ended.stderr


def test_a_program_that_fails_is_not_taken_for_one_that_leaves_nothing(tmp_path):
    ended = soak("--count", "3", "--runs", "0", "--work", str(tmp_path), "--tool", "false")
    assert ended.returncode == 1
    assert "run 1 ended with status 1" in ended.stderr


def test_a_few_collections_leave_nothing_and_grow_nowhere(tmp_path):
    ended = soak("--count", "3", "--runs", "10", "--only", "cron", "--interval", "0s", "--work", str(tmp_path))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("verdict: nothing grows") == 2
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_two_hundred_collections_leave_nothing_and_grow_nowhere(tmp_path):
    ended = soak("--work", str(tmp_path), timeout=5000)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("verdict: nothing grows") == 2


def test_a_stall_counts_for_every_request_that_was_due_meanwhile(bench):
    """A load that waits for answers before it goes on would see one slow request, not a third of them."""
    service = bench("service")
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(client, stalls):
        while data := client.recv(1 << 16):
            if stalls:
                time.sleep(stalls.pop())
            client.sendall(data)

    def serve():
        clients = [listener.accept()[0] for _ in range(service.CONNECTIONS)]
        for client in clients:
            threading.Thread(target=answer, args=(client, [0.6]), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    took = service.Load(listener.getsockname()[1], 200, 1.5).run()
    assert len(took) == 300
    assert sum(1 for one in took if one > 0.1) > 60
    assert max(took) > 0.5


def test_the_neighbour_is_measured_in_pairs(tmp_path):
    small = ("--rounds", "1", "--seconds", "1", "--rate", "100", "--logs", "1M", "--variant", "disk", "--work", str(tmp_path))
    words = [
        sys.executable,
        os.path.join(BENCH, "neighbour.py"),
        *small,
        "--collect",
        "--only cron --only include",
    ]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ended.stderr.count("without: p50") == 1, ended.stdout + ended.stderr
    assert "| diagbundle | p99 | " in ended.stdout
    assert "verdict: p99 " in ended.stdout
