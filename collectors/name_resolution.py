"""How names become addresses: resolver files, resolved, nscd, sssd, local name servers, and what applications are told."""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Row, Source, Table, collector

from ._net import stopped

FILES = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/HOSTNAME",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/netgroup",
    "/run/systemd/resolve/resolv.conf",
    "/run/systemd/resolve/stub-resolv.conf",
    "/run/systemd/resolve/netif/*",
    "/etc/systemd/resolved.conf",
    "/etc/systemd/resolved.conf.d/*.conf",
    "/run/systemd/resolved.conf.d/*.conf",
    "/usr/lib/systemd/resolved.conf.d/*.conf",
    "/etc/systemd/dnssd/*",
    "/etc/dnssec-trust-anchors.d/*",
    "/run/NetworkManager/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/etc/resolvconf/**",
    "/run/resolvconf/**",
    "/etc/resolvconf.conf",
    "/run/netconfig/resolv.conf",
    "/etc/sysconfig/network/config",
    "/etc/nscd.conf",
    "/etc/unscd.conf",
    "/etc/nslcd.conf",
    "/etc/sssd/sssd.conf",
    "/etc/sssd/conf.d/*",
    "/etc/krb5.conf",
    "/etc/krb5.conf.d/*",
    "/etc/idmapd.conf",
    "/etc/ldap.conf",
    "/etc/ldap/ldap.conf",
    "/etc/openldap/ldap.conf",
    "/etc/realmd.conf",
    "/etc/avahi/avahi-daemon.conf",
    "/etc/mdns.allow",
    "/etc/dnsmasq.conf",
    "/etc/dnsmasq.d/*",
    "/etc/NetworkManager/dnsmasq.d/*",
    "/etc/unbound/*.conf",
    "/etc/unbound/conf.d/*",
    "/etc/unbound/unbound.conf.d/*",
    "/etc/named.conf",
    "/etc/bind/named.conf*",
    "/etc/coredns/Corefile",
    # What containers are given in place of the host's own files.
    "/var/lib/docker/containers/*/resolv.conf",
    "/var/lib/docker/containers/*/hosts",
    "/var/lib/kubelet/pods/*/etc-hosts",
    "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/*/resolv.conf",
    "/var/lib/rancher/*/agent/containerd/io.containerd.grpc.v1.cri/sandboxes/*/resolv.conf",
    "/run/containers/storage/overlay-containers/*/userdata/resolv.conf",
    "/run/containers/storage/overlay-containers/*/userdata/hosts",
    "/var/lib/nerdctl/*/containers/*/*/resolv.conf",
)
LINKS = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/hostname")
RESOLVED = ("status", "statistics")


@collector(title="How names become addresses: resolver files, resolved, nscd, sssd, what applications are told", folder="networking")
def name_resolution(host: Host) -> Iterator[Source]:
    """Files, then daemons that run, and last those commands that hang where names are the fault."""
    yield Table("resolver_links", links)
    yield from map(File, FILES)
    yield from resolved(host)
    yield from daemons(host)
    yield from asked(host)


def links(host: Host) -> Iterator[Row]:
    """Where the resolver's files lead, if they are links: `resolv.conf` tells by that who writes it."""
    for path in LINKS:
        if target := host.readlink(path):
            yield {"path": path, "target": target, "exists": host.exists(path)}


def resolved(host: Host) -> Iterator[Source]:
    """systemd-resolved, by the name that its client bears on this host."""
    skip = stopped(host, "systemd-resolved")
    older = host.exists("/usr/bin/systemd-resolve") and not host.exists("/usr/bin/resolvectl")
    for question in RESOLVED:
        argv = ("systemd-resolve", f"--{question}") if older else ("resolvectl", question)
        yield Command(argv, folder="systemd", at=f"sos_commands/systemd/resolvectl_{question}", timeout=10, skip=skip)
    if not older:
        for question in ("dns", "domain"):
            yield Command(("resolvectl", question), folder="systemd", timeout=10, skip=skip)


def daemons(host: Host) -> Iterator[Source]:
    """Caches of names, each only if it runs. `domain-status` would go to the network; `domain-list` asks a helper of sssd."""
    yield Command(("nscd", "-g"), folder="nscd", timeout=10, skip=stopped(host, "nscd"))
    yield Command(("sssctl", "config-check"), folder="sssd", timeout=10, only_if="/etc/sssd/sssd.conf")
    yield Command(("sssctl", "domain-list"), folder="sssd", timeout=10, skip=stopped(host, "sssd_ifp"))
    yield Command(("unbound-control", "stats_noreset"), folder="unbound", timeout=10, skip=stopped(host, "unbound"))


def asked(host: Host) -> Iterator[Source]:
    """What an application gets that asks for the host's own name: by the host's C library and all its modules."""
    name = host.text("/proc/sys/kernel/hostname").strip()
    for argv in (("getent", "ahosts", "localhost"), ("getent", "ahosts", name), ("getent", "hosts", name)):
        yield Command(argv, timeout=10, skip="" if argv[-1] else "the host has no name")
    yield Command(("hostname", "-f"), folder="host", timeout=10)
