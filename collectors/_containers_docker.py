"""Docker: its files, which need no daemon; then the daemon by its command, or by its socket where there is no command."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from diagbundle.collect.api import Command, File, Host, Row, Source, Table

from ._containers_talk import CHEAP, Daemons, Talk, arguments, batches, directory, installed, names, not_running, option, parsed, value_of

DATA = "/var/lib/docker"
SNAP = "/var/snap/docker/common/var-lib-docker"
SOCKETS = ("/run/docker.sock", "/var/run/docker.sock")
CONFIGURATION = """
/etc/docker/daemon.json /var/snap/docker/current/config/daemon.json /etc/default/docker /etc/sysconfig/docker
/etc/sysconfig/docker-storage /etc/sysconfig/docker-network /etc/conf.d/docker /run/docker.pid
/run/docker/runtime-runc/moby/*/state.json /run/docker/containerd/containerd.toml
/run/docker/containerd/daemon/io.containerd.runtime.v2.task/*/*/config.json
/run/docker/containerd/daemon/io.containerd.runtime.v2.task/*/*/init.pid
/run/docker/containerd/daemon/io.containerd.runtime.v2.task/*/*/log.json
""".split()  # noqa: SIM905 - one path after the other
STATE = ("config.v2.json", "config.json", "hostconfig.json", "hosts", "hostname", "resolv.conf")
"""What a container's folder holds beside its logs; `config.json` is that of Docker before 1.10."""
LOGS = ("*-json.log*", "local-logs/container.log*", "container-cached.log*")
TEXT_DRIVERS = ("json-file", "")
"""Drivers whose files hold each line as text, so that the daemon need not say it again."""
WITHOUT_LOG = ("none",)
LISTING = Command(("docker", "ps", "-a", "--no-trunc", "--format", "{{json .}}"), timeout=CHEAP, folder="docker")
VERSION = Command(("docker", "version"), timeout=CHEAP, folder="docker")
IDS = Command(("docker", "ps", "-a", "-q", "--no-trunc"), timeout=CHEAP, folder="docker")
NETWORKS = Command(("docker", "network", "ls", "-q", "--no-trunc"), timeout=CHEAP, folder="docker")
QUESTIONS = (
    ("ps",), ("ps", "-a"), ("info",), ("info", "--format", "{{json .}}"), ("images",), ("network", "ls"), ("volume", "ls"),
    ("plugin", "ls"), ("events", "--since", "24h", "--until", "0s"),
)  # fmt: skip
MAX_REPLY = 16 << 20
"""Bytes of one answer over the socket."""
REPLY_SECONDS = 3.0


@dataclass(frozen=True)
class Kept:
    """A container that has a folder on disk, and how it logs."""

    ident: str
    name: str
    driver: str
    folder: str


def data_roots(host: Host, running: Daemons) -> list[str]:
    """Where Docker keeps its data: usual place, snap, what its configuration or command line says, and each user namespace below."""
    configs = ["/etc/docker/daemon.json", "/var/snap/docker/current/config/daemon.json"]
    named = [DATA, SNAP if host.exists(SNAP) else ""]
    for pid in running.get("dockerd", ()):
        words = arguments(host, pid)
        named.append(directory(option(words, "--data-root", "--graph", "-g")))
        configs.append(directory(option(words, "--config-file")))
    for config in filter(None, configs):
        document = parsed(host.text(config))
        named += [directory(value_of(document, "data-root")), directory(value_of(document, "graph"))]
    roots = list(dict.fromkeys(filter(None, named)))
    return roots + [below for root in roots for below in host.glob(f"{root}/[0-9]*.[0-9]*") if host.exists(f"{below}/containers")]


def kept(host: Host, roots: list[str]) -> list[Kept]:
    """The containers that Docker's folders hold."""
    found = []
    for root in roots:
        for ident in host.listdir(f"{root}/containers"):
            folder = f"{root}/containers/{ident}"
            driver = value_of(parsed(host.text(f"{folder}/hostconfig.json")), "LogConfig", "Type")
            name = value_of(parsed(host.text(f"{folder}/config.v2.json")), "Name")
            found.append(Kept(ident, str(name or "").lstrip("/"), str(driver or ""), folder))
    return found


def files(roots: list[str]) -> Iterator[Source]:
    """Configuration and each container's small files."""
    for path in CONFIGURATION:
        yield File(path)
    for root in roots:
        yield from (File(f"{root}/containers/*/{name}") for name in STATE)


def log_files(roots: list[str]) -> Iterator[Source]:
    """Each container's log, whole, rotated pieces too."""
    yield from (File(f"{root}/containers/*/{pattern}") for root in roots for pattern in LOGS)


def opened(host: Host, running: Daemons) -> Talk:
    """The first call to the daemon, if it runs and there is a command for it."""
    talk = Talk(host, not_running(running, "dockerd") if installed(host, "docker") else "")
    talk.open(VERSION, sign="Server:")
    return talk


def questions(talk: Talk) -> Iterator[Source]:
    """What the daemon knows: itself, its images, networks, volumes, late events, and each container."""
    yield from talk.ask(VERSION)
    found = names(talk.look(IDS))
    networks = names(talk.look(NETWORKS))
    yield from talk.ask(IDS, NETWORKS)
    for number, some in batches(found):
        yield from talk.ask(Command(("docker", "inspect", *some), at=f"sos_commands/docker/docker_inspect_{number}"))
    for number, some in batches(networks):
        yield from talk.ask(Command(("docker", "network", "inspect", *some), at=f"sos_commands/docker/docker_network_inspect_{number}"))
    yield from talk.ask(*(Command(("docker", *words), folder="docker") for words in QUESTIONS))


def logs(talk: Talk, on_disk: list[Kept]) -> Iterator[Source]:
    """The logs that no file holds as text, through the daemon."""
    known = {one.ident: one for one in on_disk}
    for ident in names(talk.look(IDS)):
        if not why_not_asked(talk.host, known.get(ident)):
            yield from talk.ask(Command(("docker", "logs", "--timestamps", ident), timeout=600, limit=0, both=True, folder="docker"))


def why_not_asked(host: Host, one: Kept | None) -> str:
    """Why the daemon is not asked for a container's log, or ''."""
    if one is None:
        return ""
    if one.driver in WITHOUT_LOG:
        return "its log driver keeps nothing"
    if one.driver in TEXT_DRIVERS and host.exists(f"{one.folder}/{one.ident}-json.log"):
        return "its files are kept whole"
    return ""


def log_rows(host: Host, talk: Talk, on_disk: list[Kept]) -> Iterator[Row]:
    """Of each container: how it logs, and by which way its log was kept."""
    for one in on_disk:
        why = why_not_asked(host, one)
        paths = [path for pattern in LOGS for path in host.glob(f"{one.folder}/{pattern}")]
        by_daemon = "no: " + (why or talk.closed) if why or talk.closed else f"docker logs --timestamps {one.ident}"
        yield {"engine": "docker", "id": one.ident, "name": one.name, "driver": one.driver, "files": paths, "through_engine": by_daemon}


def samples(host: Host, running: Daemons) -> Iterator[Source]:
    """What tells a restart loop when it is read twice."""
    talk = Talk(host, not_running(running, "dockerd") if installed(host, "docker") else "")
    talk.open(LISTING)
    yield from talk.ask(LISTING)
    found = [str(value_of(parsed(line), "ID") or "") for line in talk.look(LISTING).splitlines()]
    for number, some in batches(names("\n".join(found)), 200):
        what = "{{.Id}} {{.Name}} {{.RestartCount}} {{json .State}}"
        at = f"sos_commands/docker/docker_inspect_state_{number}"
        yield from talk.ask(Command(("docker", "inspect", "--type", "container", "--format", what, *some), timeout=10, at=at))


# -- without a command: HTTP/1.0 over the socket


def interface(host: Host, running: Daemons) -> Iterator[Source]:
    """The daemon's own answers where there is no `docker` command."""
    if "dockerd" in running and not installed(host, "docker"):
        yield Table("docker_api", api_rows, timeout=120)


def api_rows(host: Host) -> Iterator[Row]:
    """`/info`, `/version`, all containers, and each of them. The first answer that does not come ends it."""
    place = next((path for path in SOCKETS if host.exists(path)), SOCKETS[0])
    prefix, pending = "/v1.24", ["/info", "/version", "/containers/json?all=1"]
    deadline = time.monotonic() + 100
    while pending and time.monotonic() < deadline:
        path = pending.pop(0)
        row = get(host.path(place), prefix + path)
        if row.get("status") == 400 and prefix:  # Docker 29 no longer speaks 1.24; without a version it speaks its own
            prefix, row = "", get(host.path(place), path)
        yield row
        if "error" in row:
            return
        if path.startswith("/containers/json"):
            pending += [f"/containers/{ident}/json" for ident in _idents(row.get("body"))]


def _idents(body: object) -> list[str]:
    listed = body if isinstance(body, list) else []
    return [str(one["Id"]) for one in listed if isinstance(one, dict) and str(one.get("Id", "")).isalnum()]


def get(place: str, path: str) -> Row:
    """One question over a Unix socket, each wait of it at most 3 s: `request`, `status`, `body`, or `error`."""
    try:
        head, _, body = _exchange(place, f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()).partition(b"\r\n\r\n")
        status = int(head.split(None, 2)[1])
    except (OSError, ValueError, IndexError) as error:
        return {"request": path, "error": f"{type(error).__name__}: {error}"}
    document = parsed(body.decode("utf-8", "replace"))
    return {"request": path, "status": status, "body": document if document is not None else body[:4096].decode("utf-8", "replace")}


def _exchange(place: str, request: bytes) -> bytes:
    deadline = time.monotonic() + 5 * REPLY_SECONDS
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(REPLY_SECONDS)
        connection.connect(place)
        connection.sendall(request)
        reply = b""
        while piece := connection.recv(1 << 18):
            reply += piece
            if len(reply) > MAX_REPLY or time.monotonic() > deadline:
                raise ValueError("the answer has no end")
    return reply
