"""What makes a host a node: kubelet, kubectl as the kubelet would use it, small Kubernetes distributions, the ECS agent, LXD, libvirt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Probe, Row, Source, Table

from ._containers_talk import CHEAP, Daemons, Talk, arguments, directory, installed, not_running, option, program

KUBELETS = ("kubelet", "kubelite", "k3s-server", "k3s-agent", "k3s", "rke2-server", "rke2-agent", "rke2", "k0s")
"""Processes that are a kubelet or hold one."""
FILES = """
/var/lib/kubelet/config.yaml /var/lib/kubelet/instance-config.yaml /var/lib/kubelet/kubeadm-flags.env /var/lib/kubelet/cpu_manager_state
/var/lib/kubelet/memory_manager_state /var/lib/kubelet/checkpoints/* /etc/default/kubelet /etc/sysconfig/kubelet
/etc/kubernetes/manifests/*.yaml /etc/kubernetes/manifests/*.json /etc/kubernetes/kubelet/*.json /etc/kubernetes/kubelet/*.yaml
/etc/kubernetes/kubelet/config.json.d/* /etc/kubernetes/kubelet/kubelet-config.json.d/* /var/lib/kubelet/pods/*/etc-hosts
/var/lib/kube-proxy/config.conf /var/lib/kube-proxy-config/config /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist /etc/cni/net.d/*.json
/run/flannel/subnet.env /var/lib/calico/nodename /var/lib/calico/mtu /etc/ecs/ecs-init.conf /var/cache/ecs/state /etc/lxc/default.conf
/etc/lxc/lxc-usernet /etc/default/lxc-net
""".split()  # noqa: SIM905 - one path after the other
"""The kubelet's kubeconfig and `pki` are looked at where needed, never kept; CNI's kubeconfigs hold tokens."""
DISTRIBUTIONS = """
/etc/rancher/{}/config.yaml /etc/rancher/{}/config.yaml.d/*.yaml /etc/rancher/{}/registries.yaml
/var/lib/rancher/{}/agent/etc/containerd/* /var/lib/rancher/{}/agent/etc/kubelet.conf.d/* /var/lib/rancher/{}/agent/etc/crictl.yaml
/var/lib/rancher/{}/agent/etc/cni/net.d/*.conflist /var/lib/rancher/{}/agent/pod-manifests/*.yaml
""".split()  # noqa: SIM905 - one path after the other
OTHERS = """
/var/snap/microk8s/current/args/* /var/snap/microk8s/current/args/cni-network/*.conflist /var/snap/microk8s/current/args/conf.d/*
/etc/k0s/k0s.yaml /etc/k0s/containerd.toml /etc/k0s/containerd.d/* /var/lib/k0s/kubelet-config.yaml
""".split()  # noqa: SIM905 - one path after the other
LOGS = """
/var/lib/rancher/k3s/agent/containerd/containerd.log* /var/lib/rancher/rke2/agent/containerd/containerd.log*
/var/lib/rancher/k3s/agent/logs/*.log* /var/lib/rancher/rke2/agent/logs/*.log* /var/snap/lxd/common/lxd/logs/** /var/lib/lxd/logs/**
/var/snap/docker/common/log/**
""".split()  # noqa: SIM905 - one path after the other
"""Logs outside /var/log, which is kept as a whole by another collector."""
KUBECONFIGS = """
/etc/kubernetes/kubelet.conf /var/lib/kubelet/kubeconfig /var/lib/rancher/k3s/agent/kubelet.kubeconfig
/var/lib/rancher/rke2/agent/kubelet.kubeconfig /var/snap/microk8s/current/credentials/kubelet.config /var/lib/k0s/kubelet.conf
""".split()  # noqa: SIM905 - one path after the other
HEALTH = ("http://127.0.0.1:10248/healthz", "http://127.0.0.1:10249/healthz", "http://127.0.0.1:10249/proxyMode")
ECS = ("http://127.0.0.1:51678/v1/metadata", "http://127.0.0.1:51678/v1/tasks")
ECS_CONFIG = "/etc/ecs/ecs.config"
_HIDDEN = re.compile(r"AUTH|SECRET|TOKEN|PASSWORD|KEY", re.IGNORECASE)
"""Names in the ECS agent's configuration whose values exist only to be secret."""


def files(host: Host, running: Daemons) -> Iterator[Source]:
    """Configuration and state of whatever makes this host a node."""
    yield from (File(path) for path in (*FILES, *OTHERS))
    yield from (File(path.format(name)) for name in ("k3s", "rke2") for path in DISTRIBUTIONS)
    if (folder := _manifests(host, running)) and folder != "/etc/kubernetes/manifests":
        yield File(f"{folder}/*")
    for folder in ("/opt/cni/bin", "/usr/lib/cni", "/etc/cni/net.d", "/var/lib/kubelet", "/var/lib/kubelet/pods", "/var/lib/ecs/data"):
        yield Command(("ls", "-lan", folder), timeout=CHEAP, folder="kubernetes", only_if=folder)
    yield Table("cni_leases", lease_rows, timeout=20, only_if="/var/lib/cni/networks")
    yield Table("ecs_config", ecs_config_rows, timeout=5, only_if=ECS_CONFIG)


def log_files(host: Host) -> Iterator[Source]:
    """Their logs, whole."""
    yield from (File(path) for path in LOGS)
    if (folder := _pod_logs(host)) and not folder.startswith("/var/log"):
        yield File(f"{folder}/**")


def _pod_logs(host: Host) -> str:
    found = re.search(r"^podLogsDir:\s*[\"']?([^\s\"']+)", host.text("/var/lib/kubelet/config.yaml"), re.MULTILINE)
    return directory(found[1]) if found else ""


def _manifests(host: Host, running: Daemons) -> str:
    """Where the kubelet reads its static pods from, by its command line."""
    words = [word for pid in running.get("kubelet", ()) for word in arguments(host, pid)]
    return directory(option(words, "--pod-manifest-path"))


def lease_rows(host: Host) -> Iterator[Row]:
    """Addresses that CNI's host-local plugin has given away: a full range stops every new pod."""
    for path in host.glob("/var/lib/cni/networks/*/*"):
        network, address = path.split("/")[-2:]
        yield {"network": network, "name": address, "text": " ".join(host.text(path)[:200].split())}


def ecs_config_rows(host: Host) -> Iterator[str]:
    """The ECS agent's configuration, without the values that only exist to be secret."""
    for line in host.text(ECS_CONFIG).splitlines():
        name, equals, _ = line.partition("=")
        yield f"{name}{equals}" if _HIDDEN.search(name) else line


# -- the kubelet and the cluster as this node sees it


def health(host: Host, running: Daemons) -> Iterator[Source]:
    """The kubelet's and kube-proxy's own word, over loopback; the ECS agent's, too, where there is one."""
    if host.exists("/var/lib/kubelet") or any(name in running for name in KUBELETS):
        skip = not_running(running, *KUBELETS, "kube-proxy")
        yield from (Probe("http", url, named_by="default of kubelet and kube-proxy", skip=skip) for url in HEALTH)
    if host.exists("/etc/ecs") or host.exists("/var/lib/ecs"):
        skip = not_running(running, "agent", "amazon-ecs-agen")
        yield from (Probe("http", url, named_by="default of the ECS agent", skip=skip) for url in ECS)


def kubeconfig(host: Host, running: Daemons) -> str:
    """The kubeconfig that this host's kubelet uses, '' if there is none."""
    words = [word for name in ("kubelet", "kubelite") for pid in running.get(name, ()) for word in arguments(host, pid)]
    named = directory(option(words, "--kubeconfig"))
    return next((path for path in (named, *KUBECONFIGS) if path and host.exists(path)), "")


def cluster(host: Host, running: Daemons) -> Iterator[Source]:
    """This node and its pods, asked as the node itself. Never secrets, never config maps."""
    yield Command(("kubectl", "version", "--client=true"), timeout=CHEAP, folder="kubernetes")
    config = kubeconfig(host, running)
    if not config:
        return
    closed = not_running(running, *KUBELETS)
    if re.search(r"^\s*(- )?exec:", host.text(config), re.MULTILINE):
        closed = f"the kubelet's kubeconfig has credentials made by a program, which is not run: {config}"
    node = _node_name(host, running)
    talk = Talk(host, closed)
    talk.open(kubectl(host, config, "version", timeout=8), sign="Server Version")
    yield from talk.ask(
        kubectl(host, config, "version", timeout=8),
        kubectl(host, config, "get", "node", node, "-o", "json"),
        kubectl(host, config, "get", "nodes", "-o", "wide"),
        kubectl(host, config, "get", "pods", "-A", "--field-selector", f"spec.nodeName={node}", "-o", "wide"),
        kubectl(host, config, "get", "pods", "-A", "--field-selector", f"spec.nodeName={node}", "-o", "json"),
    )


def kubectl(host: Host, config: str, *words: str, timeout: float = 20.0) -> Command:
    """A question to the cluster. Without a cache folder, or kubectl would write below the home of root."""
    found = program(host, "kubectl", "/var/lib/rancher/rke2/bin/kubectl", "/snap/microk8s/current/kubectl")
    argv = (found, "--kubeconfig", config, "--cache-dir=/dev/null", "--request-timeout=5s", *words)
    named = re.sub(r"[^\w.-]+", "_", "_".join(("kubectl", *words)))
    return Command(argv, timeout=timeout, at=f"sos_commands/kubernetes/{named}"[:250])


def _node_name(host: Host, running: Daemons) -> str:
    words = [word for pid in running.get("kubelet", ()) for word in arguments(host, pid)]
    name = option(words, "--hostname-override") or host.text("/proc/sys/kernel/hostname").strip().lower()
    return name if re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) else "localhost"


def distributions(host: Host, running: Daemons) -> Iterator[Source]:
    """Versions and states of k3s, rke2 and k0s; asking a stopped k0s would only wait."""
    closed = not_running(running, "k0s") if installed(host, "k0s") else ""
    yield Command(("k3s", "--version"), timeout=CHEAP, folder="kubernetes", only_if="/var/lib/rancher/k3s/data")
    yield Command(("rke2", "--version"), timeout=CHEAP, folder="kubernetes", only_if="/var/lib/rancher/rke2")
    yield Command(("k0s", "status"), timeout=CHEAP, folder="kubernetes", only_if="/run/k0s/status.sock", skip=closed)


# -- system containers and virtual machines

LISTINGS: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = (
    ("lxd", ("lxd",), (("lxc", "list", "--format", "json"), ("lxc", "network", "list"), ("lxc", "storage", "list"))),
    ("lxd", ("incusd",), (("incus", "list", "--format", "json"), ("incus", "network", "list"), ("incus", "storage", "list"))),
    (
        "libvirt",
        ("libvirtd", "virtqemud"),
        (("virsh", "-r", "list", "--all"), ("virsh", "-r", "net-list", "--all"), ("virsh", "-r", "pool-list", "--all")),
    ),
)


def listings(host: Host, running: Daemons) -> Iterator[Source]:
    """What LXD, Incus and libvirt run; all of them start by their sockets, so only where they live."""
    for folder, owners, commands in LISTINGS:
        talk = Talk(host, not_running(running, *owners) if installed(host, commands[0][0]) else "")
        first, *others = (Command(argv, timeout=CHEAP, folder=folder) for argv in commands)
        talk.open(first)
        yield from talk.ask(first, *others)
