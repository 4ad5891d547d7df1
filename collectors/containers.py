"""Container engines and what makes a host a node of a cluster: their files, their state, every container, and each container's whole log.

Files come first: they are there when the daemon is dead or hangs. Then each engine gets one cheap call;
if that fails, nothing more is asked of it. Logs come last, as they are the longest.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from diagbundle.collect.api import Host, Row, Source, Table, collector

from . import _containers_cri as cri
from . import _containers_docker as docker
from . import _containers_nodes as nodes
from . import _containers_podman as podman
from . import _containers_processes as processes
from ._containers_talk import Daemons, Talk, daemons, state


def samples(host: Host) -> Iterator[Source]:
    """Read twice: new start times, attempts and restart counts are restart loops; control groups' events are kills that happen now."""
    running = daemons(host)
    yield Table("containers", processes.rows, timeout=60)
    yield from docker.samples(host, running)
    yield from podman.samples(host)
    yield from cri.cri_samples(host, running)


@collector(title="Container engines, their containers and logs, and this host as a node of a cluster", samples=samples)
def containers(host: Host) -> Iterator[Source]:
    """Everything about containers, the cheapest and most fleeting first."""
    running = daemons(host)
    roots = docker.data_roots(host, running)
    root = podman.root(host)
    yield Table("container_daemons", partial(_daemon_rows, running=running, roots=[*roots, root.storage]), timeout=20)
    yield from _files(host, running, roots, root)
    talks = docker.opened(host, running), podman.opened(host, root), cri.nerdctl_opened(host, running)
    yield from docker.interface(host, running)
    yield from docker.questions(talks[0])
    yield from podman.questions(talks[1], root)
    yield from cri.cri_questions(host, running)
    yield from cri.containerd_questions(host, running)
    yield from cri.nerdctl_questions(talks[2])
    yield from nodes.health(host, running)
    yield from nodes.cluster(host, running)
    yield from nodes.distributions(host, running)
    yield from nodes.listings(host, running)
    yield from _logs(host, roots, root, talks)
    yield from _users(host)


def _files(host: Host, running: Daemons, roots: list[str], root: podman.Owner) -> Iterator[Source]:
    yield from docker.files(roots)
    yield from podman.files(root)
    yield from cri.files()
    yield from nodes.files(host, running)


def _logs(host: Host, roots: list[str], root: podman.Owner, talks: tuple[Talk, Talk, Talk]) -> Iterator[Source]:
    """Logs as files, then those that only an engine can tell; a table says which way each went."""
    on_disk = docker.kept(host, roots)

    def rows(host: Host) -> Iterator[Row]:
        yield from docker.log_rows(host, talks[0], on_disk)
        yield from podman.log_rows(host, talks[1], root)
        yield from cri.nerdctl_log_rows(host, talks[2])

    yield Table("container_logs", rows, timeout=30)
    yield from docker.log_files(roots)
    yield from podman.log_files(root)
    yield from cri.log_files()
    yield from nodes.log_files(host)
    yield from docker.logs(talks[0], on_disk)
    yield from podman.logs(talks[1], root)
    yield from cri.nerdctl_logs(talks[2])


def _users(host: Host) -> Iterator[Source]:
    """Containers of users without root rights, last of all: their homes may lie on a server that does not answer."""
    for owner in podman.users(host):
        yield from podman.files(owner)
        talk = podman.opened(host, owner)
        yield from podman.questions(talk, owner)
        yield Table(f"container_logs_{owner.name}", partial(podman.log_rows, talk=talk, owner=owner), timeout=30)
        yield from podman.log_files(owner)
        yield from podman.logs(talk, owner)


def _daemon_rows(host: Host, running: Daemons, roots: list[str]) -> Iterator[Row]:
    """Which daemons are to be seen, in what state (`T` is stopped, `D` waits in the kernel), and where containers are stored."""
    for name, pids in sorted(running.items()):
        yield {"name": name, "pids": pids[:50], "count": len(pids), "states": sorted({state(host, pid) for pid in pids[:50]})}
    for root in roots:
        yield {"name": "storage", "path": root, "exists": host.exists(root)}
    for path in (*docker.SOCKETS, *(runtime.socket for runtime in cri.RUNTIMES)):
        if host.exists(path):
            yield {"name": "socket", "path": path}
