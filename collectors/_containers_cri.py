"""containerd by `ctr`, Kubernetes' runtimes by `crictl`, and nerdctl: their files first, then each by the socket that it serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from diagbundle.collect.api import Command, File, Host, Row, Source

from ._containers_talk import CHEAP, Daemons, Talk, batches, installed, names, not_running, parsed, program, value_of

FILES = """
/etc/containerd/config.toml /etc/containerd/conf.d/*.toml /etc/crio/crio.conf /etc/crio/crio.conf.d/* /etc/crictl.yaml
/etc/nerdctl/nerdctl.toml /etc/buildkit/buildkitd.toml /etc/sysconfig/crio /etc/sysconfig/containerd /etc/default/containerd
/run/containerd/io.containerd.runtime.v2.task/*/*/config.json /run/containerd/io.containerd.runtime.v2.task/*/*/init.pid
/run/containerd/io.containerd.runtime.v2.task/*/*/log.json /run/containerd/runc/*/*/state.json
/run/k3s/containerd/io.containerd.runtime.v2.task/*/*/config.json /run/k3s/containerd/io.containerd.runtime.v2.task/*/*/init.pid
/run/k3s/containerd/io.containerd.runtime.v2.task/*/*/log.json
""".split()  # noqa: SIM905 - one path after the other
NERDCTL_FILES = """
/var/lib/nerdctl/*/containers/*/*/hostname /var/lib/nerdctl/*/containers/*/*/resolv.conf /var/lib/nerdctl/*/containers/*/*/log-config.json
/var/lib/nerdctl/*/containers/*/*/network-config.json /var/lib/nerdctl/*/etchosts/*/*/hosts /var/lib/nerdctl/*/etchosts/*/*/meta.json
""".split()  # noqa: SIM905 - one path after the other
NERDCTL_LOGS = "/var/lib/nerdctl/*/containers/*/*/*-json.log*"


@dataclass(frozen=True)
class Runtime:
    """A socket, the process that serves it, and where programs for it may lie."""

    name: str
    socket: str
    process: str
    cri: bool = True


RUNTIMES = (
    Runtime("containerd", "/run/containerd/containerd.sock", "containerd"),
    Runtime("crio", "/run/crio/crio.sock", "crio"),
    Runtime("cri-dockerd", "/run/cri-dockerd.sock", "cri-dockerd"),
    Runtime("k3s", "/run/k3s/containerd/containerd.sock", "containerd"),
    Runtime("microk8s", "/var/snap/microk8s/common/run/containerd.sock", "containerd"),
    Runtime("k0s", "/run/k0s/containerd.sock", "containerd"),
    Runtime("docker", "/run/docker/containerd/containerd.sock", "containerd", cri=False),
)
CRICTL = ("/usr/local/bin/crictl", "/var/lib/rancher/rke2/bin/crictl", "/opt/bin/crictl", "/snap/microk8s/current/bin/crictl")
CTR = ("/var/lib/rancher/rke2/bin/ctr", "/snap/microk8s/current/bin/ctr", "/opt/bin/ctr")
CRICTL_JSON = (
    ("pods", "-o", "json"), ("pods",), ("ps",), ("ps", "-a"), ("images", "-o", "json"), ("images",), ("info",), ("stats", "-o", "json"),
    ("imagefsinfo",),
)  # fmt: skip
MAX_INFOS = 200
"""Containers of one containerd namespace whose details are asked, one command each."""
COVERED = ("moby", "k8s.io")
"""Namespaces whose containers Docker and crictl tell about; their bundles are kept as files, too."""


def served(host: Host, running: Daemons) -> list[Runtime]:
    """The runtimes whose socket is there and whose process lives."""
    return [one for one in RUNTIMES if host.exists(one.socket) and one.process in running]


def files() -> Iterator[Source]:
    """Configuration, and the bundle of each task: its specification, first process and runtime log."""
    yield from (File(path) for path in (*FILES, *NERDCTL_FILES))


def log_files() -> Iterator[Source]:
    """Logs of nerdctl's json-file driver. Those of Kubernetes lie below /var/log, which is kept as a whole."""
    yield File(NERDCTL_LOGS)


# -- crictl


def crictl(host: Host, runtime: Runtime, *words: str, first: bool, timeout: float = 20.0) -> Command:
    """A question to the runtime at a socket; without the socket named, crictl tries each in turn."""
    argv = (program(host, "crictl", *CRICTL), "-r", f"unix://{runtime.socket}", "-t", "5s", *words)
    named = "_".join(("crictl", *words)).replace("/", ".")
    folder = "crio" if first else f"crio/{runtime.name}"
    return Command(argv, timeout=timeout, at=f"sos_commands/{folder}/{named}")


def cri_runtimes(host: Host, running: Daemons) -> list[Runtime]:
    """The sockets that may speak CRI."""
    return [one for one in served(host, running) if one.cri]


def cri_questions(host: Host, running: Daemons) -> Iterator[Source]:
    """Pods, containers, images and the runtime's own state, of every runtime that serves Kubernetes."""
    yield Command(("crictl", "--version"), timeout=CHEAP, folder="crio")
    yield Command(("crio", "config"), folder="crio", only_if="/etc/crio")
    for place, runtime in enumerate(cri_runtimes(host, running)):
        yield from _of_runtime(host, runtime, first=place == 0)


def _of_runtime(host: Host, runtime: Runtime, *, first: bool) -> Iterator[Source]:
    version = crictl(host, runtime, "version", first=first, timeout=CHEAP)
    talk = Talk(host)
    talk.open(version, sign="RuntimeName")
    yield from talk.ask(version)
    for what, listing in (("inspect", ("ps", "-a", "-q", "--no-trunc")), ("inspectp", ("pods", "-q", "--no-trunc"))):
        command = crictl(host, runtime, *listing, first=first)
        found = names(talk.look(command))
        yield from talk.ask(command)
        for number, some in batches(found):
            asked = crictl(host, runtime, what, *some, first=first)
            at = f"{asked.at.rpartition('/')[0]}/crictl_{what}_{number}"
            yield from talk.ask(Command(asked.argv, at=at))
    yield from talk.ask(*(crictl(host, runtime, *words, first=first) for words in CRICTL_JSON))


def cri_samples(host: Host, running: Daemons) -> Iterator[Source]:
    """Containers with their attempts, twice: a new attempt is a restart."""
    for place, runtime in enumerate(cri_runtimes(host, running)):
        yield crictl(host, runtime, "ps", "-a", "-o", "json", first=place == 0, timeout=CHEAP + 2)


# -- containerd


def ctr(host: Host, runtime: Runtime, *words: str, timeout: float = 10.0) -> Command:
    """A question to containerd. Both limits are needed: without the first, ctr waits for ever at an absent or deaf socket."""
    limits = ("--connect-timeout", "2s", "--timeout", "5s")
    argv = (program(host, "ctr", *CTR), "--address", runtime.socket, *limits, *words)
    named = "_".join(("ctr", *(word for word in words if word != "-n"))).replace("/", ".")
    return Command(argv, timeout=timeout, at=f"sos_commands/containerd/{runtime.name}/{named}"[:250])


def containerd_questions(host: Host, running: Daemons) -> Iterator[Source]:
    """Every namespace of every containerd: containers, tasks, images, and details of what nobody else tells about."""
    yield Command(("ctr", "--version"), timeout=CHEAP, folder="containerd")
    for runtime in served(host, running):
        if runtime.process == "containerd":
            yield from _of_containerd(host, runtime)


def _of_containerd(host: Host, runtime: Runtime) -> Iterator[Source]:
    version, listing = ctr(host, runtime, "version", timeout=CHEAP), ctr(host, runtime, "namespaces", "ls", "-q")
    talk = Talk(host)
    talk.open(version, sign="Server:")
    found = names(talk.look(listing))
    yield from talk.ask(version, listing, ctr(host, runtime, "plugins", "ls"))
    for space in found:
        containers = ctr(host, runtime, "-n", space, "containers", "ls", "-q")
        idents = names(talk.look(containers))
        yield from talk.ask(containers, *(ctr(host, runtime, "-n", space, what, "ls") for what in ("containers", "tasks", "images")))
        if space not in COVERED:
            yield from talk.ask(*(ctr(host, runtime, "-n", space, "containers", "info", ident) for ident in idents[:MAX_INFOS]))


# -- nerdctl


def nerdctl(*words: str, at: str = "", timeout: float = 20.0, limit: int = 256 << 20) -> Command:
    """A question by nerdctl."""
    return Command(("nerdctl", *words), folder="nerdctl", at=at, timeout=timeout, limit=limit)


def nerdctl_opened(host: Host, running: Daemons) -> Talk:
    """The first call by nerdctl; never where it would be the first ever, as that makes its folders."""
    closed = ""
    if installed(host, "nerdctl"):
        used = host.exists("/var/lib/nerdctl")
        closed = not_running(running, "containerd") or ("" if used else "it was never used here: no /var/lib/nerdctl")
    talk = Talk(host, closed)
    talk.open(nerdctl("namespace", "ls", "-q", timeout=CHEAP))
    return talk


def nerdctl_questions(talk: Talk) -> Iterator[Source]:
    """Containers of every namespace but those of Docker and Kubernetes, as nerdctl sees them."""
    listing = nerdctl("namespace", "ls", "-q", timeout=CHEAP)
    spaces = [space for space in names(talk.look(listing)) if space not in COVERED]
    yield from talk.ask(listing, nerdctl("info"))
    for space in spaces:
        found = nerdctl("-n", space, "ps", "-a", "-q", "--no-trunc")
        idents = names(talk.look(found))
        yield from talk.ask(found, nerdctl("-n", space, "ps", "-a", "--no-trunc", "--format", "{{json .}}"), nerdctl("-n", space, "images"))
        for number, some in batches(idents):
            yield from talk.ask(nerdctl("-n", space, "inspect", *some, at=f"sos_commands/nerdctl/nerdctl_-n_{space}_inspect_{number}"))


def nerdctl_logs(talk: Talk) -> Iterator[Source]:
    """Logs that no json-file holds."""
    listing = nerdctl("namespace", "ls", "-q", timeout=CHEAP)
    for space in [space for space in names(talk.look(listing)) if space not in COVERED]:
        for ident in names(talk.look(nerdctl("-n", space, "ps", "-a", "-q", "--no-trunc"))):
            if not any(talk.host.glob(f"/var/lib/nerdctl/*/containers/{space}/{ident}/{ident}-json.log")):
                yield from talk.ask(replace(nerdctl("-n", space, "logs", "--timestamps", ident, timeout=600, limit=0), both=True))


def nerdctl_log_rows(host: Host, talk: Talk) -> Iterator[Row]:
    """Of each of nerdctl's containers: by which way its log was kept."""
    for folder in host.glob("/var/lib/nerdctl/*/containers/*/*"):
        ident = folder.rpartition("/")[2]
        paths = list(host.glob(f"{folder}/*-json.log*"))
        driver = value_of(parsed(host.text(f"{folder}/log-config.json")), "driver")
        closed = "its files are kept whole" if paths else talk.closed
        through = f"no: {closed}" if closed else f"nerdctl logs --timestamps {ident}"
        yield {"engine": "nerdctl", "id": ident, "driver": driver, "files": paths, "through_engine": through}
