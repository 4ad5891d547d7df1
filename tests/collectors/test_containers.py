"""Containers: what is asked of each engine, healthy, hung, dead, stopped or crowded; and of real ones, where they can be started."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time

import pytest

from diagbundle.bundle.format import mangle
from diagbundle.collect.api import Answer, Command, File, Host, Outcome, Probe, Table
from diagbundle.collectors import _containers_docker as docker
from diagbundle.collectors import _containers_nodes as nodes
from diagbundle.collectors import _containers_processes as processes
from diagbundle.collectors import _containers_talk as talk
from diagbundle.collectors.containers import containers

IDS = [f"{number:064x}" for number in range(1, 400)]
VERSION = "Client:\n Version: 28\nServer:\n Engine:\n"
FORBIDDEN = {"stats", "diff", "prune", "rm", "rmp", "top", "df", "exec", "start", "stop", "kill", "secret", "secrets", "configmaps", "cm"}


def write(root, path, text=""):
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def process(root, pid, comm, *words, state="S", cgroup="0::/", start=5000):  # noqa: PLR0913 - what the kernel tells of one
    write(root, f"/proc/{pid}/comm", comm + "\n")
    write(root, f"/proc/{pid}/stat", f"{pid} (a) b) {state} 1 " + " ".join(["0"] * 17) + f" {start} 0 0\n")
    write(root, f"/proc/{pid}/cmdline", "".join(word + "\0" for word in words))
    write(root, f"/proc/{pid}/cgroup", cgroup + "\n")


class Fake:
    """A runner: answers by how the command begins, the longest match first; everything else is absent."""

    def __init__(self, answers):
        self.answers = {tuple(key.split(" ")): value for key, value in answers.items()}
        self.calls = []

    def __call__(self, command):
        self.calls.append(command.argv)
        for key in sorted(self.answers, key=len, reverse=True):
            if command.argv[: len(key)] == key:
                value = self.answers[key]
                if isinstance(value, Outcome):
                    return Answer(command.argv, value, reason="as the test wants it")
                exit_code, text = value if isinstance(value, tuple) else (0, value)
                return Answer(command.argv, stdout=text.encode(), exit=exit_code, stderr=b"" if not exit_code else b"Cannot connect\n")
        return Answer(command.argv, Outcome.ABSENT)


def host_of(root, answers=None):
    return Host(root=str(root), runner=Fake(answers or {}))


def commands(sources, *beginning):
    return [one for one in sources if isinstance(one, Command) and one.argv[: len(beginning)] == beginning]


def tables(sources):
    return {one.name: one for one in sources if isinstance(one, Table)}


def paths(sources):
    return [one.path for one in sources if isinstance(one, File)]


def lies_at(one):
    return one.at or f"sos_commands/{one.folder or 'containers'}/{mangle(one.argv)}"


def docker_host(root, count=2, driver="json-file", answers=None):
    write(root, "/usr/bin/docker")
    process(root, 700, "dockerd", "dockerd", "-H", "fd://")
    for ident in IDS[:count]:
        folder = f"/var/lib/docker/containers/{ident}"
        write(root, f"{folder}/config.v2.json", json.dumps({"Name": f"/c{ident[-2:]}"}))
        write(root, f"{folder}/hostconfig.json", json.dumps({"LogConfig": {"Type": driver}}))
        if driver == "json-file":
            write(root, f"{folder}/{ident}-json.log", "{}\n")
    listing = "\n".join(IDS[:count])
    lines = "\n".join(json.dumps({"ID": ident}) for ident in IDS[:count])
    known = {"docker version": VERSION, "docker ps -a -q": listing, "docker ps -a --no-trunc": lines, "docker network ls -q": "n1\nn2\n"}
    return host_of(root, known | (answers or {}))


# -- no engine at all


def test_an_empty_host_is_asked_without_error_and_starts_nothing(tmp_path):
    host = host_of(tmp_path)
    asked = [*containers.samples(host), *containers.sources(host)]
    assert [one for one in asked if isinstance(one, Command) and one.skip] == []
    assert [one for one in asked if isinstance(one, Probe)] == []
    for table in tables(asked).values():
        list(table.rows(host))


def test_nothing_that_changes_or_tells_secrets_is_ever_asked(tmp_path):
    host = crowded(tmp_path)
    asked = [*containers.samples(host), *containers.sources(host)]
    for one in (one for one in asked if isinstance(one, Command)):
        assert not FORBIDDEN & set(one.argv) - ({"stats"} if one.argv[0] == "crictl" else set()), one.argv
        assert 0 < one.timeout <= 600
    assert not [path for path in paths(asked) if path.startswith("/var/log/")]  # the logs collector's: one file is kept once
    assert not [path for path in paths(asked) if path in ("/etc/kubernetes/kubelet.conf", "/etc/ecs/ecs.config")]


def crowded(root):
    """A host with every engine at once."""
    for pid, name in enumerate(("containerd", "crio", "kubelet", "kube-proxy", "agent", "lxd", "libvirtd"), 900):
        process(root, pid, name, name)
    for program in ("crictl", "ctr", "nerdctl", "podman", "kubectl", "lxc", "virsh"):
        write(root, f"/usr/bin/{program}")
    for path in (
        "/run/containerd/containerd.sock",
        "/run/crio/crio.sock",
        "/var/lib/nerdctl/x/containers/default/y/hostname",
        "/etc/ecs/ecs.config",
    ):
        write(root, path)
    write(root, "/etc/kubernetes/kubelet.conf", "users: [{name: node, user: {client-certificate: x}}]\n")
    write(root, "/proc/sys/kernel/hostname", "Node1\n")
    write(root, "/var/lib/containers/storage/overlay-containers/containers.json", '[{"id": "x"}]')
    crictl = "crictl -r unix:///run/%s -t 5s"
    answers = {
        "podman version": "Version: 4", "podman ps -a -q": "\n".join(IDS[:3]), "podman network ls -q": "podman\n",
        crictl % "containerd/containerd.sock": "RuntimeName: containerd\n", crictl % "crio/crio.sock": "RuntimeName: cri-o\n",
        crictl % "containerd/containerd.sock" + " ps -a -q": "\n".join(IDS[:120]),
        "ctr --address /run/containerd/containerd.sock --connect-timeout 2s --timeout 5s": "Server:\n",
        "ctr --address /run/containerd/containerd.sock --connect-timeout 2s --timeout 5s namespaces": "default\nmoby\nk8s.io\n",
        "ctr --address /run/containerd/containerd.sock --connect-timeout 2s --timeout 5s -n default containers": "a\nb\n",
        "nerdctl namespace ls": "default\nk8s.io\n", "nerdctl -n default ps -a -q": "y\nz\n",
        "kubectl --kubeconfig": "Client Version: 1\nServer Version: 1\n",
    }  # fmt: skip
    return docker_host(root, 300, answers=answers)


def test_every_answer_has_a_place_of_its_own(tmp_path):
    host = crowded(tmp_path)
    asked = [one for one in (*containers.samples(host), *containers.sources(host)) if isinstance(one, Command)]
    places = [lies_at(one) for one in asked]
    assert sorted(places) == sorted(set(places))
    assert {"sos_commands/docker/docker_ps", "sos_commands/docker/docker_ps_-a", "sos_commands/docker/docker_info"} <= set(places)
    assert {"sos_commands/podman/podman_ps", "sos_commands/podman/podman_ps_-a", "sos_commands/crio/crictl_ps"} <= set(places)
    assert "sos_commands/docker/docker_images" in places


# -- docker


def test_docker_files_come_before_the_daemon(tmp_path):
    asked = list(containers.sources(docker_host(tmp_path)))
    first_call = min(asked.index(one) for one in commands(asked, "docker"))
    for name in ("config.v2.json", "hostconfig.json", "hosts", "resolv.conf"):
        assert asked.index(File(f"/var/lib/docker/containers/*/{name}")) < first_call
    assert File("/var/lib/docker/containers/*/*-json.log*") in asked


@pytest.mark.parametrize(
    ("config", "words", "root"),
    [
        ('{"data-root": "/srv/docker"}', (), "/srv/docker"),
        ('{"graph": "/srv/old"}', (), "/srv/old"),
        ("{broken,, }", ("--data-root=/srv/cli",), "/srv/cli"),
        ("", ("-g", "/srv/g"), "/srv/g"),
        ("", ("--config-file", "/srv/own.json"), "/srv/by-own"),
    ],
)
def test_docker_data_elsewhere_is_found(tmp_path, config, words, root):
    write(tmp_path, "/etc/docker/daemon.json", config)
    write(tmp_path, "/srv/own.json", '{"data-root": "/srv/by-own"}')
    process(tmp_path, 700, "dockerd", "dockerd", *words)
    write(tmp_path, f"{root}/100000.100000/containers/{IDS[0]}/config.v2.json", "{}")
    asked = paths(containers.sources(host_of(tmp_path)))
    assert f"{root}/containers/*/*-json.log*" in asked
    assert f"{root}/100000.100000/containers/*/config.v2.json" in asked
    assert "/var/lib/docker/containers/*/config.v2.json" in asked


@pytest.mark.parametrize("root", ["relative", "/srv/*", 7, "/srv/[a]"])
def test_a_data_root_that_is_a_pattern_or_no_path_is_not_followed(tmp_path, root):
    write(tmp_path, "/etc/docker/daemon.json", json.dumps({"data-root": root}))
    assert docker.data_roots(host_of(tmp_path), {}) == ["/var/lib/docker"]


def test_snap_docker_is_found(tmp_path):
    write(tmp_path, f"{docker.SNAP}/containers/{IDS[0]}/config.v2.json", "{}")
    assert f"{docker.SNAP}/containers/*/config.v2.json" in paths(containers.sources(host_of(tmp_path)))


def test_a_sleeping_daemons_command_line_is_not_read(tmp_path):
    process(tmp_path, 700, "dockerd", "dockerd", "--data-root=/srv/d", state="D")
    assert docker.data_roots(host_of(tmp_path), {"dockerd": [700]}) == ["/var/lib/docker"]


SICK = {
    "hung": Outcome.TIMEOUT,
    "hung after a word": Outcome.PARTIAL,
    "refused": (1, "Client:\n Version: 28\n"),
    "prints zeros and exits 0": '{"ID":"","Containers":0,"Images":0,"ServerErrors":["Cannot connect"]}',
}


@pytest.mark.parametrize("answer", SICK.values(), ids=SICK)
def test_a_sick_docker_is_called_once_and_its_files_are_kept(tmp_path, answer):
    host = docker_host(tmp_path, 300, answers={"docker version": answer})
    asked = list(containers.sources(host))
    assert [argv for argv in host.runner.calls if argv[0] == "docker"] == [("docker", "version")]
    called = commands(asked, "docker")
    assert [one.argv for one in called if not one.skip] == [("docker", "version")]
    assert commands(asked, "docker", "info")[0].skip
    assert commands(asked, "docker", "ps", "-a")[0].skip
    assert "/var/lib/docker/containers/*/*-json.log*" in paths(asked)
    assert len(list(tables(asked)["container_logs"].rows(host))) == 300


def test_a_hung_docker_costs_one_call_in_each_sample(tmp_path):
    host = docker_host(tmp_path, answers={"docker ps -a --no-trunc": Outcome.TIMEOUT})
    asked = commands(containers.samples(host), "docker")
    assert asked == [docker.LISTING]
    assert [argv for argv in host.runner.calls if argv[0] == "docker"] == [docker.LISTING.argv]


def test_docker_that_hangs_at_its_listing_is_asked_nothing_more(tmp_path):
    host = docker_host(tmp_path, answers={"docker ps -a -q": Outcome.TIMEOUT})
    asked = commands(containers.sources(host), "docker")
    assert [one.argv for one in asked if not one.skip] == [docker.VERSION.argv, docker.IDS.argv]


def test_a_stopped_docker_is_not_started(tmp_path):
    write(tmp_path, "/usr/bin/docker")
    write(tmp_path, "/run/docker.sock")
    host = host_of(tmp_path, {"docker": VERSION})
    asked = [*containers.samples(host), *containers.sources(host)]
    assert [argv for argv in host.runner.calls if argv[0] == "docker"] == []
    assert all("stopped" in one.skip for one in commands(asked, "docker"))
    assert commands(asked, "docker", "ps")


def test_a_daemon_inside_a_container_is_not_the_hosts(tmp_path):
    host = docker_host(tmp_path)
    for pid, namespace in (("self", "pid:[1]"), ("700", "pid:[2]")):
        (tmp_path / "proc" / pid / "ns").mkdir(parents=True)
        (tmp_path / "proc" / pid / "ns" / "pid").symlink_to(namespace)
    assert talk.daemons(host) == {}


def test_a_dead_daemon_that_nobody_buried_is_not_running(tmp_path):
    process(tmp_path, 700, "dockerd", state="Z")
    assert talk.daemons(host_of(tmp_path)) == {}


def test_hundreds_of_containers_stay_bounded(tmp_path):
    host = docker_host(tmp_path, 300)
    asked = commands(containers.sources(host), "docker")
    inspected = [one for one in asked if one.argv[1] == "inspect"]
    assert [len(one.argv) - 2 for one in inspected] == [50] * 6
    assert sorted(ident for one in inspected for ident in one.argv[2:]) == IDS[:300]
    assert len(host.runner.calls) < 15
    assert len(asked) < 30
    states = commands(containers.samples(host), "docker", "inspect")
    assert sum(ident in one.argv for one in states for ident in IDS[:300]) == 300
    assert all("RestartCount" in " ".join(one.argv) for one in states)


@pytest.mark.parametrize(
    ("driver", "asked_for"), [("json-file", False), ("local", True), ("journald", True), ("awslogs", True), ("none", False)]
)
def test_each_log_is_kept_once(tmp_path, driver, asked_for):
    host = docker_host(tmp_path, 2, driver)
    asked = list(containers.sources(host))
    logs = commands(asked, "docker", "logs")
    assert len(logs) == (2 if asked_for else 0)
    assert all((one.limit, one.timeout, one.argv[2]) == (0, 600, "--timestamps") for one in logs)
    rows = list(tables(asked)["container_logs"].rows(host))
    assert {row["driver"] for row in rows} == {driver}
    assert all(row["through_engine"].startswith("docker logs" if asked_for else "no: ") for row in rows)


def test_a_container_without_files_has_its_log_asked_for(tmp_path):
    host = docker_host(tmp_path, 1)
    host.runner.answers[("docker", "ps", "-a", "-q")] = "\n".join(IDS[:2])
    assert [one.argv[3] for one in commands(containers.sources(host), "docker", "logs")] == [IDS[1]]


def test_identifiers_are_never_options(tmp_path):
    host = docker_host(tmp_path, 1, answers={"docker ps -a -q": "--help\n" + IDS[0] + "\n-v\n"})
    assert all(not {"--help", "-v"} & set(one.argv) for one in commands(containers.sources(host), "docker"))


# -- calls that take their time


class Clock:
    """Time that passes only where the test says so."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(talk.time, "monotonic", lambda: self.now)


@pytest.mark.parametrize(("pong", "asked_after"), [(Outcome.TIMEOUT, 0), ("Server:", 4)])
def test_after_a_slow_call_the_engine_is_pinged_before_the_next(tmp_path, monkeypatch, pong, asked_after):
    clock = Clock(monkeypatch)
    host = host_of(tmp_path, {"x version": "Server:"})
    conversation = talk.Talk(host)
    conversation.open(Command(("x", "version")), "Server:")
    host.runner.answers[("x", "version")] = pong
    asked = []
    for one in conversation.ask(*(Command(("x", str(number)), timeout=7) for number in range(5))):
        clock.now += 7 if one.argv[1] == "0" else 1
        asked.append(one)
    assert [bool(one.skip) for one in asked] == [False] + [asked_after == 0] * 4


def test_three_slow_calls_are_enough(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    conversation = talk.Talk(host_of(tmp_path, {"x": "Server:"}))
    conversation.open(Command(("x", "version")), "Server:")
    asked = []
    for one in conversation.ask(*(Command(("x", "logs", str(number)), timeout=600) for number in range(9))):
        clock.now += 0 if one.skip else 600
        asked.append(bool(one.skip))
    assert asked == [False] * 3 + [True] * 6


# -- docker without a command


class Api(threading.Thread):
    """Docker's socket, as far as we ask it."""

    def __init__(self, place, oldest="1.24", *, deaf=False):
        super().__init__(daemon=True)
        self.oldest, self.deaf, self.requests = oldest, deaf, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(place))
        self.listener.listen(5)
        self.held = []

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.held.append(connection)
                if not self.deaf:
                    path = connection.recv(4096).split()[1].decode()
                    self.requests.append(path)
                    connection.sendall(self.answer(path))
                    connection.close()

    def answer(self, path):
        if path.startswith("/v1.24/") and self.oldest != "1.24":
            return b'HTTP/1.0 400 Bad Request\r\n\r\n{"message": "client version 1.24 is too old"}'
        body = [{"Id": IDS[0]}, {"Id": "../../etc"}] if "/containers/json" in path else {"asked": path}
        return b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + json.dumps(body).encode()


@pytest.fixture
def api_host(tmp_path):
    (tmp_path / "run").mkdir()
    process(tmp_path, 700, "dockerd", "dockerd")
    return host_of(tmp_path)


@pytest.mark.parametrize(("oldest", "prefix"), [("1.24", "/v1.24"), ("1.44", "")])
def test_docker_without_a_command_is_asked_over_its_socket(tmp_path, api_host, oldest, prefix):
    server = Api(tmp_path / "run/docker.sock", oldest)
    server.start()
    rows = list(tables(containers.sources(api_host))["docker_api"].rows(api_host))
    server.listener.close()
    assert [row["status"] for row in rows] == [200] * 4
    wanted = [f"{prefix}{path}" for path in ("/info", "/version", "/containers/json?all=1", f"/containers/{IDS[0]}/json")]
    assert [row["request"] for row in rows] == wanted


def test_a_deaf_socket_costs_one_wait(tmp_path, api_host, monkeypatch):
    monkeypatch.setattr(docker, "REPLY_SECONDS", 0.2)
    server = Api(tmp_path / "run/docker.sock", deaf=True)
    server.start()
    began = time.monotonic()
    rows = list(docker.api_rows(api_host))
    assert len(rows) == 1
    assert "error" in rows[0]
    assert time.monotonic() - began < 3
    server.listener.close()


def test_the_socket_is_left_alone_where_docker_is_stopped_or_has_a_command(tmp_path):
    write(tmp_path, "/run/docker.sock")
    assert "docker_api" not in tables(containers.sources(host_of(tmp_path)))
    process(tmp_path, 700, "dockerd", "dockerd")
    write(tmp_path, "/usr/bin/docker")
    assert "docker_api" not in tables(containers.sources(host_of(tmp_path)))


# -- podman

STORAGE = "/var/lib/containers/storage"


@pytest.mark.parametrize("held", [None, "", "[]"])
def test_podman_with_an_empty_storage_is_not_asked(tmp_path, held):
    write(tmp_path, "/usr/bin/podman")
    if held is not None:
        write(tmp_path, f"{STORAGE}/overlay-containers/containers.json", held)
    host = host_of(tmp_path, {"podman": "Version: 4"})
    asked = [*containers.samples(host), *containers.sources(host)]
    assert [argv for argv in host.runner.calls if "podman" in argv] == []
    assert all(one.skip for one in commands(asked, "podman"))


def podman_host(root, storage=STORAGE, logged=1):
    write(root, f"{storage}/overlay-containers/containers.json", json.dumps([{"id": ident} for ident in IDS[:3]]))
    for place, ident in enumerate(IDS[:3]):
        folder = f"{storage}/overlay-containers/{ident}/userdata"
        write(root, f"{folder}/config.json", "{}")
        if place < logged:
            write(root, f"{folder}/ctr.log", "2026-01-01T00:00:00Z stdout F x\n")
    return {"podman version": "Version: 4", "podman ps -a -q": "\n".join(IDS[:3]), "podman network ls -q": "podman\n"}


def test_podman_with_containers_is_asked(tmp_path):
    host = host_of(tmp_path, podman_host(tmp_path))
    asked = list(containers.sources(host))
    assert [one.argv[2:] for one in commands(asked, "podman", "inspect")] == [tuple(IDS[:3])]
    assert [one.argv[3] for one in commands(asked, "podman", "logs")] == IDS[1:3]
    assert f"{STORAGE}/*-containers/*/userdata/ctr.log*" in paths(asked)
    assert not [one for one in commands(asked, "podman") if one.skip]
    rows = {row["id"]: row["through_engine"] for row in tables(asked)["container_logs"].rows(host)}
    assert rows[IDS[0]].startswith("no: ")
    assert rows[IDS[1]].startswith("podman logs")


def test_podman_that_hangs_is_called_once(tmp_path):
    host = host_of(tmp_path, podman_host(tmp_path) | {"podman": Outcome.TIMEOUT, "podman version": Outcome.TIMEOUT})
    asked = commands(containers.sources(host), "podman")
    assert [argv for argv in host.runner.calls if argv[0] == "podman"] == [("podman", "version")]
    assert [one.argv for one in asked if not one.skip] == [("podman", "version")]


def test_podmans_storage_elsewhere_is_found(tmp_path):
    write(tmp_path, "/etc/containers/storage.conf", '[storage]\ndriver = "overlay"\ngraphroot = "/srv/graph"\n')
    host = host_of(tmp_path, podman_host(tmp_path, "/srv/graph"))
    asked = list(containers.sources(host))
    assert "/srv/graph/*-containers/*/userdata/config.json" in paths(asked)
    assert commands(asked, "podman", "inspect")


def test_users_without_root_rights_are_asked_as_themselves_and_only_where_they_run_podman(tmp_path):
    write(tmp_path, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\nbob:x:1002:1002::/net/bob:/bin/sh\n")
    (tmp_path / "run/user/1001/libpod").mkdir(parents=True)
    (tmp_path / "run/user/1002").mkdir(parents=True)
    write(tmp_path, "/net/bob/.local/share/containers/storage/overlay-containers/containers.json", '[{"id":"x"}]')
    answers = podman_host(tmp_path, "/home/ann/.local/share/containers/storage")
    words = "runuser -u ann -- env HOME=/home/ann XDG_RUNTIME_DIR=/run/user/1001 "
    host = host_of(tmp_path, {words + key: value for key, value in answers.items()})
    asked = list(containers.sources(host))
    called = commands(asked, "runuser")
    assert {one.argv[2] for one in called} == {"ann"}
    assert "sos_commands/podman/ann/podman_ps" in [one.at for one in called]
    assert [one.argv[-3:] for one in called if "inspect" in one.argv and "network" not in one.argv] == [tuple(IDS[:3])]
    assert not [path for path in paths(asked) if path.startswith("/net/")]
    assert asked.index(called[0]) > max(place for place, one in enumerate(asked) if isinstance(one, Table) and one.name == "container_logs")
    assert [row["owner"] for row in tables(asked)["container_logs_ann"].rows(host)] == ["ann"] * 3


# -- containerd, crictl, nerdctl


def test_crictl_always_names_its_socket_and_its_deadline(tmp_path):
    asked = [*containers.sources(crowded(tmp_path))]
    called = [one for one in commands(asked, "crictl") if one.argv != ("crictl", "--version")]
    assert {one.argv[1:5] for one in called} == {
        ("-r", f"unix:///run/{path}", "-t", "5s") for path in ("containerd/containerd.sock", "crio/crio.sock")
    }
    assert [len(one.argv) - 6 for one in called if one.argv[5] == "inspect" and "containerd" in one.argv[2]] == [50, 50, 20]


def test_ctr_always_has_both_limits_and_asks_every_namespace(tmp_path):
    called = [one for one in commands(containers.sources(crowded(tmp_path)), "ctr") if one.argv != ("ctr", "--version")]
    assert {one.argv[3:7] for one in called} == {("--connect-timeout", "2s", "--timeout", "5s")}
    assert {one.argv[8] for one in called if "-n" in one.argv} == {"default", "moby", "k8s.io"}
    infos = [one for one in called if "info" in one.argv]
    assert [(one.argv[8], one.argv[-1]) for one in infos] == [("default", "a"), ("default", "b")]


@pytest.mark.parametrize("answer", [Outcome.TIMEOUT, (1, ""), "Client:\n"], ids=["hung", "refused", "no server"])
def test_a_sick_containerd_is_called_once(tmp_path, answer):
    process(tmp_path, 900, "containerd", "containerd")
    write(tmp_path, "/run/containerd/containerd.sock")
    host = host_of(tmp_path, {"ctr": answer, "crictl": answer})
    asked = list(containers.sources(host))
    for name in ("ctr", "crictl"):
        assert len([argv for argv in host.runner.calls if argv[0] == name]) == 1
        assert len([one for one in commands(asked, name) if not one.skip and "--version" not in one.argv]) == 1
    assert "/run/containerd/io.containerd.runtime.v2.task/*/*/config.json" in paths(asked)


def test_a_socket_without_its_daemon_is_not_asked(tmp_path):
    write(tmp_path, "/run/containerd/containerd.sock")
    asked = list(containers.sources(host_of(tmp_path)))
    assert [one.argv for name in ("ctr", "crictl") for one in commands(asked, name)] == [("ctr", "--version"), ("crictl", "--version")]


def test_nerdctl_is_asked_only_where_it_was_used(tmp_path):
    write(tmp_path, "/usr/bin/nerdctl")
    process(tmp_path, 900, "containerd", "containerd")
    host = host_of(tmp_path, {"nerdctl": "default\n"})
    assert all(one.skip for one in commands(containers.sources(host), "nerdctl"))
    assert not [argv for argv in host.runner.calls if argv[0] == "nerdctl"]


def test_nerdctl_logs_that_lie_on_disk_are_not_asked_for(tmp_path):
    host = crowded(tmp_path)
    write(tmp_path, "/var/lib/nerdctl/x/containers/default/y/y-json.log")
    assert [one.argv[-1] for one in commands(containers.sources(host), "nerdctl") if "logs" in one.argv] == ["z"]


# -- nodes


def test_kubectl_is_asked_as_the_node_and_writes_no_cache(tmp_path):
    called = [one for one in commands(containers.sources(crowded(tmp_path)), "kubectl") if one.argv[1] != "version"]
    assert len(called) == 5
    for one in called:
        assert one.argv[1:5] == ("--kubeconfig", "/etc/kubernetes/kubelet.conf", "--cache-dir=/dev/null", "--request-timeout=5s")
        assert set(one.argv[6:7]) <= {"node", "nodes", "pods"}
    assert any("spec.nodeName=node1" in one.argv for one in called)


def test_kubectl_is_not_asked_where_a_program_would_make_its_credentials(tmp_path):
    host = crowded(tmp_path)
    write(tmp_path, "/etc/kubernetes/kubelet.conf", "users:\n- name: kubelet\n  user:\n    exec:\n      command: aws\n")
    called = commands(containers.sources(host), "kubectl", "--kubeconfig")
    assert called
    assert all("made by a program" in one.skip for one in called)


def test_kubectl_without_a_kubeconfig_tells_its_version_only(tmp_path):
    write(tmp_path, "/usr/bin/kubectl")
    assert [one.argv for one in commands(containers.sources(host_of(tmp_path)), "kubectl")] == [("kubectl", "version", "--client=true")]


def test_health_is_asked_over_loopback_only_and_only_of_what_runs(tmp_path):
    write(tmp_path, "/var/lib/kubelet/config.yaml", "podLogsDir: /srv/pods\n")
    stopped = list(containers.sources(host_of(tmp_path)))
    assert all(one.skip for one in stopped if isinstance(one, Probe))
    assert "/srv/pods/**" in paths(stopped)
    asked = [one for one in containers.sources(crowded(tmp_path)) if isinstance(one, Probe)]
    assert {one.target.split("/")[2] for one in asked} == {"127.0.0.1:10248", "127.0.0.1:10249", "127.0.0.1:51678"}
    assert not [one for one in asked if one.skip]


def test_the_ecs_agents_configuration_is_kept_without_its_credentials(tmp_path):
    marker = os.urandom(8).hex()
    write(tmp_path, "/etc/ecs/ecs.config", f"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_DATA={marker}\n# note\n")
    rows = list(nodes.ecs_config_rows(host_of(tmp_path)))
    assert rows == ["ECS_CLUSTER=prod", "ECS_ENGINE_AUTH_DATA=", "# note"]


def test_leases_are_told(tmp_path):
    write(tmp_path, "/var/lib/cni/networks/cbr0/10.1.0.2", "abc\r\neth0")
    assert list(nodes.lease_rows(host_of(tmp_path))) == [{"network": "cbr0", "name": "10.1.0.2", "text": "abc eth0"}]


@pytest.mark.parametrize(("program", "daemon"), [("lxc", "lxd"), ("incus", "incusd"), ("virsh", "libvirtd")])
def test_listings_are_asked_only_where_the_service_lives(tmp_path, program, daemon):
    write(tmp_path, f"/usr/bin/{program}")
    host = host_of(tmp_path, {program: "[]"})
    assert all(one.skip for one in commands(containers.sources(host), program))
    assert host.runner.calls == [] or all(argv[0] != program for argv in host.runner.calls)
    process(tmp_path, 900, daemon, daemon)
    assert not any(one.skip for one in commands(containers.sources(host_of(tmp_path, {program: "[]"})), program))


# -- containers by their processes

ONE, POD = IDS[6], "0a1b2c3d_1111_2222_3333_444455556666"
GROUPS = {
    f"/system.slice/docker-{ONE}.scope": ("docker", ONE),
    f"/docker/{ONE}": ("docker", ONE),
    f"/docker/{ONE}/init": ("docker", ONE),
    f"/machine.slice/libpod-{ONE}.scope/container": ("podman", ONE),
    f"/libpod_parent/libpod-{ONE}": ("podman", ONE),
    f"/machine.slice/libpod-conmon-{ONE}.scope": None,
    f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD}.slice/cri-containerd-{ONE}.scope": ("containerd-cri", ONE),
    f"/system.slice/containerd.service/kubepods-pod{POD}.slice:cri-containerd:{ONE}": ("containerd-cri", ONE),
    f"/kubepods.slice/kubepods-pod{POD}.slice/crio-{ONE}.scope": ("cri-o", ONE),
    f"/kubepods/besteffort/pod{POD.replace('_', '-')}/{ONE}": ("kubernetes", ONE),
    f"/ecs/{IDS[1][32:]}/{ONE}": ("ecs", ONE),
    f"/ecstasks.slice/ecstasks-{IDS[1][32:]}.slice/docker-{ONE}.scope": ("docker", ONE),
    "/lxc.payload.web": ("lxc", "web"),
    "/lxc.payload/web/system.slice": ("lxc", "web"),
    f"/our-parent/{ONE}": ("unknown", ONE),
    "/system.slice/docker.service": None,
    "/": None,
}


@pytest.mark.parametrize("path", GROUPS)
def test_engines_are_known_by_their_control_groups(path):
    found = processes.identify(path)
    assert (found[:2] if found else None) == GROUPS[path]


def test_a_container_is_told_without_any_engine(tmp_path):
    path = f"/system.slice/docker-{ONE}.scope"
    write(tmp_path, "/proc/stat", "cpu 1\nbtime 1000\n")
    process(tmp_path, 51, "worker", cgroup=f"0::{path}/below", start=9000)
    process(tmp_path, 50, "server", cgroup=f"0::{path}", start=8000)
    process(tmp_path, 9, "systemd", cgroup="0::/init.scope")
    write(
        tmp_path,
        "/proc/50/limits",
        f"{'Limit':26}Soft Limit           Hard Limit\n{'Max open files':26}1024                 4096   files\n",
    )
    group = f"/sys/fs/cgroup{path}"
    write(tmp_path, f"{group}/memory.max", "67108864\n")
    write(tmp_path, f"{group}/memory.events", "low 0\nmax 3\noom 1\noom_kill 1\n")
    write(tmp_path, f"{group}/cpu.max", "max 100000\n")
    write(tmp_path, f"{group}/pids.current", "2\n")
    write(tmp_path, f"{group}/pids.events", "max 4\n")
    (row,) = processes.rows(host_of(tmp_path))
    assert (row["engine"], row["id"], row["pid"], row["processes"]) == ("docker", ONE, 50, 2)
    assert row["started"] == 1000 + 8000 / os.sysconf("SC_CLK_TCK")
    assert row["memory"] == {"memory.max": 67108864, "memory.events": {"low": 0, "max": 3, "oom": 1, "oom_kill": 1}}
    assert row["cpu"] == {"cpu.max": "max 100000"}
    assert row["pids"] == {"pids.current": 2, "pids.events": {"max": 4}}
    assert row["limits"] == {"open_files": ["1024", "4096"]}
    assert row["listed"] == [[50, "server", "S"], [51, "worker", "S"]]


def test_version_1_control_groups_and_custom_parents_are_understood(tmp_path):
    process(tmp_path, 50, "server", cgroup=f"5:memory:/own/{ONE}\n4:cpu,cpuacct:/own/{ONE}\n3:pids:/own/{ONE}")
    write(tmp_path, f"/run/containerd/io.containerd.runtime.v2.task/moby/{ONE}/init.pid", "50")
    write(tmp_path, f"/sys/fs/cgroup/memory/own/{ONE}/memory.failcnt", "7\n")
    write(tmp_path, f"/sys/fs/cgroup/cpu,cpuacct/own/{ONE}/cpu.stat", "nr_periods 4\nnr_throttled 2\n")
    (row,) = processes.rows(host_of(tmp_path))
    assert row["engine"] == "docker"
    assert row["memory"] == {"memory.failcnt": 7}
    assert row["cpu"] == {"cpu.stat": {"nr_periods": 4, "nr_throttled": 2}}


@pytest.mark.parametrize("odd", ["x", "", "\xb2", "9" * 5000])
def test_what_is_no_number_costs_its_field(tmp_path, odd):
    path = f"/system.slice/docker-{ONE}.scope"
    process(tmp_path, 50, "odd", cgroup=f"0::{path}", start=odd)
    process(tmp_path, 51, "server", cgroup=f"0::{path}", start=8000)
    write(tmp_path, "/proc/stat", f"cpu 1\nbtime {odd}\n")
    write(tmp_path, "/run/containerd/io.containerd.runtime.v2.task/moby/abc/init.pid", odd)
    for name, text in {"pids.max": odd, "pids.current": "-1", "pids.events": f"max {odd}"}.items():
        write(tmp_path, f"/sys/fs/cgroup{path}/{name}", f"{text}\n")
    (row,) = processes.rows(host_of(tmp_path))
    assert (row["engine"], row["pid"], row["processes"], row["started"]) == ("docker", 51 if odd else 50, 2, None)
    known = {"pids.max": odd, "pids.current": -1, "pids.events": {"max": odd} if odd else "max"}
    assert row["pids"] == {name: value for name, value in known.items() if value}


def test_a_containerd_container_of_any_name_is_told_by_its_bundle(tmp_path):
    process(tmp_path, 50, "server", cgroup="0::/default/web")
    write(tmp_path, "/run/containerd/io.containerd.runtime.v2.task/default/web/init.pid", "50")
    (row,) = processes.rows(host_of(tmp_path))
    assert (row["engine"], row["id"]) == ("containerd default", "web")


# -- real engines, each in namespaces of its own: this very file is run there, and tells what came back


def real(engine, *programs):
    """What the collector finds where a real engine runs."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for program in ("unshare", "busybox", *programs):
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            pytest.skip(f"needs {program}")
    group = f"diagbundle-test-{os.getpid()}-{engine}"
    argv = ["unshare", "-m", "-p", "-n", "-u", "-i", "--fork", "--kill-child", "--mount-proc", sys.executable, __file__, engine, group]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, timeout=90, check=False, stdin=subprocess.DEVNULL)
    finally:
        remove_groups(group)
    if done.returncode == 77:
        pytest.skip(f"{engine} cannot be started here: {done.stderr.decode()[-400:]}")
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    return json.loads(done.stdout)


def remove_groups(name):
    """Control groups outlive the namespaces they were made in."""
    for _ in range(20):
        left = [here for here, _, _ in os.walk("/sys/fs/cgroup", topdown=False) if name in here]
        for here in left:
            with contextlib.suppress(OSError):
                os.rmdir(here)
        if not left:
            return
        time.sleep(0.1)


@pytest.mark.root
def test_real_docker():
    found = real("docker", "dockerd", "docker", "containerd", "runc")
    said = found["commands"]
    assert "docker" in said["docker version"]["text"].lower()
    assert "web" in said["docker ps"]["text"]
    assert "web" in said["docker ps -a"]["text"]
    (inspect,) = [one for line, one in said.items() if line.startswith("docker inspect ") and "--format" not in line]
    about = {one["Name"]: one for one in json.loads(inspect["text"])}
    assert set(about) == {"/web", "/quiet", "/local"}
    logs = [line for line in said if line.startswith("docker logs")]
    assert logs == [f"docker logs --timestamps {about['/local']['Id']}"]
    assert "tock" in said[logs[0]]["text"]
    assert any(path.endswith(f"{about['/web']['Id']}-json.log") and "tick" in text for path, text in found["files"].items())
    assert any(path.endswith("/config.v2.json") for path in found["files"])
    rows = {row["id"]: row for row in found["tables"]["containers"]}
    assert rows[about["/web"]["Id"]]["engine"] == "docker"
    assert rows[about["/web"]["Id"]]["pid"] == about["/web"]["State"]["Pid"]
    assert rows[about["/web"]["Id"]]["memory"]["memory.limit_in_bytes"] == 64 << 20
    api = {row["request"].rpartition("/")[2]: row for row in found["api"]}
    assert api["info"]["body"]["Containers"] == 3
    assert len(found["api"]) == 6
    assert [line for line, one in said.items() if one["exit"] not in (0, None) and line.startswith("docker")] == []
    assert found["unskipped_when_hung"] == ["docker version"]
    assert found["unskipped_when_dead"] == []
    assert found["files_when_hung"] >= 3


@pytest.mark.root
def test_real_podman():
    found = real("podman", "podman", "conmon", "runc")
    said = found["commands"]
    assert {line: one["exit"] for line, one in said.items() if one["exit"] and line.startswith("podman")} == {}
    assert "web" in said["podman ps"]["text"]
    assert "job" in said["podman ps -a"]["text"]
    (inspect,) = [one for line, one in said.items() if line.startswith("podman inspect ")]
    about = {one["Name"]: one for one in json.loads(inspect["text"])}
    assert about["job"]["State"]["ExitCode"] == 3
    assert any(path.endswith("/ctr.log") and "licence file missing" in text for path, text in found["files"].items())
    assert [line for line in said if "logs" in line] == []
    assert any(path.endswith("/userdata/hosts") for path in found["files"])
    rows = {row["id"]: row for row in found["tables"]["containers"]}
    assert rows[about["web"]["Id"]]["pid"] == about["web"]["State"]["Pid"]


@pytest.mark.root
def test_real_containerd():
    found = real("containerd", "containerd", "ctr", "runc")
    said = {line.partition(" --timeout 5s ")[2] or line: one for line, one in found["commands"].items() if line.startswith("ctr")}
    assert said["namespaces ls -q"]["text"].split() == ["default"]
    assert "web" in said["-n default containers ls"]["text"]
    assert "RUNNING" in said["-n default tasks ls"]["text"]
    assert json.loads(said["-n default containers info web"]["text"])["ID"] == "web"
    assert any(path.endswith("/default/web/config.json") for path in found["files"])
    (row,) = [row for row in found["tables"]["containers"] if row["id"] == "web"]
    assert row["engine"] == "containerd default"
    assert found["unskipped_when_hung"] == ["--version", "version"]
    assert row["listed"][0][1] in ("sh", "busybox")


# -- what runs inside the namespaces


def inside(engine, group):
    """Start the engine, collect, tell, stop. Ends with 77 where it cannot be started: the outer test is then skipped."""
    from tempfile import mkdtemp

    prepare()
    own = mkdtemp(prefix="dbt", dir="/dev/shm")
    try:
        image(own)
        start = {"docker": start_docker, "podman": start_podman, "containerd": start_containerd}[engine]
        start(own, group)
        found = gather()
        if engine == "docker":
            found |= docker_further()
        if engine == "containerd":
            os.kill(int(sh("pgrep", "-x", "containerd")), 19)
            asked = [*containers.sources(Host(root="/", runner=run))]
            found["unskipped_when_hung"] = [one.argv[-1] for one in commands(asked, "ctr") if not one.skip]
        sys.stdout.write(json.dumps(found))
    finally:
        shutil.rmtree(own, ignore_errors=True)


def sh(*argv, check=True):
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        sys.stderr.write(f"{argv}: {done.stderr.decode()}\n")
        sys.exit(77)
    return done.stdout.decode()


def prepare():
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    sh("mount", "--make-rprivate", "/")
    sh("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")
    sh("umount", "/sys/fs/cgroup/unified", check=False)  # runc takes a hybrid host for one of version 2
    sh("cp", "-a", "/etc", "/dev/shm/etc")
    sh("mount", "--bind", "/dev/shm/etc", "/etc")
    for path in ("/run", "/var/lib"):
        sh("mount", "-t", "tmpfs", "-o", "mode=755,size=512M", "tmpfs", path)
    for path in ("/run/lock", "/etc/docker", "/etc/containers", "/etc/cni/net.d"):
        os.makedirs(path, exist_ok=True)
    sh("ip", "link", "set", "lo", "up", check=False)


def image(own):
    """A root file system of one program, as a folder and as a tar file."""
    os.makedirs(f"{own}/root/bin")
    os.makedirs(f"{own}/root/etc")
    for folder in ("proc", "sys", "dev", "tmp"):
        os.makedirs(f"{own}/root/{folder}")
    shutil.copy(shutil.which("busybox"), f"{own}/root/bin/busybox")
    for name in ("sh", "sleep", "echo", "true"):
        os.symlink("busybox", f"{own}/root/bin/{name}")
    with tarfile.open(f"{own}/image.tar", "w") as tar:
        tar.add(f"{own}/root", arcname=".")


def background(log, *argv):
    with open(log, "wb") as out:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def wait_for(log, *argv):
    for _ in range(100):
        if subprocess.run(argv, capture_output=True, check=False, timeout=10).returncode == 0:
            return
        time.sleep(0.2)
    with open(log) as said:
        sys.stderr.write(said.read()[-400:])
    sys.exit(77)


LOOP = "while :; do echo tick; sleep 1; done"


def start_docker(own, group):
    log = f"{own}/dockerd.log"
    background(
        log, "dockerd", f"--cgroup-parent=/{group}", "--iptables=false", "--ip6tables=false", "--bridge=none", "--exec-opt",
        "native.cgroupdriver=cgroupfs", "--userland-proxy=false",
    )  # fmt: skip
    wait_for(log, "docker", "version")
    sh("docker", "import", f"{own}/image.tar", "acme/base:1")
    options = ("docker", "run", "-d", "--network", "none")
    sh(*options, "--name", "web", "-m", "64m", "acme/base:1", "sh", "-c", LOOP)
    sh(*options, "--name", "quiet", "--log-driver", "none", "acme/base:1", "sleep", "999")
    sh(*options, "--name", "local", "--log-driver", "local", "acme/base:1", "sh", "-c", LOOP.replace("tick", "tock"))
    time.sleep(0.5)


def start_podman(own, group):
    with open("/etc/containers/policy.json", "w") as file:
        file.write('{"default": [{"type": "insecureAcceptAnything"}]}')
    with open("/etc/containers/containers.conf", "w") as file:
        file.write(
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n[containers]\nlog_driver = "k8s-file"\n'
        )
    with open("/etc/containers/storage.conf", "w") as file:
        file.write('[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n')
    sh("podman", "import", f"{own}/image.tar", "acme/base:1")
    options = ("podman", "run", "--network", "none", "--cgroup-parent", f"/{group}")
    sh(*options, "-d", "--name", "web", "acme/base:1", "sh", "-c", LOOP)
    sh(*options, "--name", "job", "acme/base:1", "sh", "-c", "echo licence file missing; exit 3", check=False)


def start_containerd(own, group):
    log = f"{own}/containerd.log"
    background(log, "containerd")
    limits = ("ctr", "--connect-timeout", "2s", "--timeout", "10s")
    wait_for(log, *limits, "version")
    uri = f"file://{own}/web.log"
    sh("ctr", "run", "-d", "--cgroup", f"/{group}/web", "--log-uri", uri, "--rootfs", f"{own}/root", "web", "/bin/sh", "-c", LOOP)


def run(command):
    try:
        done = subprocess.run(command.argv, capture_output=True, timeout=command.timeout, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return Answer(command.argv, Outcome.ABSENT)
    except subprocess.TimeoutExpired:
        return Answer(command.argv, Outcome.TIMEOUT)
    return Answer(command.argv, stdout=done.stdout, exit=done.returncode, stderr=done.stderr)


def gather():
    """Ask and fetch as the engine would, in its order."""
    host = Host(root="/", runner=run)
    found = {"commands": {}, "files": {}, "tables": {}, "skipped": {}}
    for source in (*containers.samples(host), *containers.sources(host)):
        if source.skip or (source.only_if and not host.exists(source.only_if)):
            found["skipped"][str(source)] = source.skip
        elif isinstance(source, Command):
            answer = host.run(source)
            text = answer.stdout.decode("utf-8", "replace")
            found["commands"][" ".join(source.argv)] = {"exit": answer.exit, "outcome": answer.outcome, "text": text[:100_000]}
        elif isinstance(source, File) and not source.path.startswith(("/etc/", "/usr/")):
            found["files"] |= {path: host.text(path)[:1000] for path in host.glob(source.path)}
        elif isinstance(source, Table):
            found["tables"][source.name] = list(source.rows(host))
    return found


def docker_further():
    """The socket without a command; a daemon that is stopped in its tracks; a daemon that is dead."""
    api = list(docker.api_rows(Host(root="/")))
    daemon = int(sh("pgrep", "-x", "dockerd"))
    os.kill(daemon, 19)
    talk.CHEAP = docker.CHEAP = 1.0
    hung = [*containers.sources(Host(root="/", runner=lambda command: run(Command(command.argv, timeout=min(command.timeout, 1.5)))))]
    rest = {"api": api, "unskipped_when_hung": unskipped(hung), "files_when_hung": len(files_of(hung))}
    os.kill(daemon, 9)
    while talk.state(Host(root="/"), daemon) not in ("Z", ""):
        time.sleep(0.05)
    return rest | {"unskipped_when_dead": unskipped([*containers.sources(Host(root="/", runner=run))])}


def unskipped(sources):
    return [" ".join(one.argv) for one in commands(sources, "docker") if not one.skip]


def files_of(sources):
    host = Host(root="/")
    return [path for one in sources if isinstance(one, File) and "-json.log" in one.path for path in host.glob(one.path)] + [
        path for one in sources if isinstance(one, File) and one.path.endswith("config.v2.json") for path in host.glob(one.path)
    ]


if __name__ == "__main__":
    inside(*sys.argv[1:])
