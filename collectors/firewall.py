"""Packet filters: nftables, iptables, firewalld, ufw, sets, virtual servers, eBPF.

Listing a table can create it, and a table of `nat` starts connection tracking. So only those are listed that the kernel already has.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Outcome, Source, Stage, collector

from ._net import stopped, unloaded

COUNTERS = (
    "/proc/net/netfilter/nfnetlink_queue",  # packets that no program took from its queue
    "/proc/net/netfilter/nfnetlink_log",
    "/proc/net/stat/synproxy",
    "/proc/net/ip_vs",
    "/proc/net/ip_vs_stats",
    "/proc/net/ip_vs_stats_percpu",
)
FILES = (
    "/proc/net/ip_tables_names",
    "/proc/net/ip_tables_matches",
    "/proc/net/ip_tables_targets",
    "/proc/net/ip6_tables_names",
    "/proc/net/ip6_tables_matches",
    "/proc/net/ip6_tables_targets",
    "/proc/net/arp_tables_names",
    "/proc/net/netfilter/nf_log",
    "/proc/net/xt_recent/*",
    "/etc/nftables.conf",
    "/etc/nftables/**",
    "/etc/nftables.d/**",
    "/etc/nftables-save",
    "/etc/iptables/**",
    "/var/lib/iptables/*",
    "/var/lib/ip6tables/*",
    "/var/lib/nftables/*",
    "/etc/sysconfig/iptables*",
    "/etc/sysconfig/ip6tables*",
    "/etc/sysconfig/ebtables*",
    "/etc/sysconfig/arptables*",
    "/etc/sysconfig/ipset*",
    "/etc/sysconfig/ipvsadm*",
    "/etc/sysconfig/nftables.conf",
    "/etc/sysconfig/SuSEfirewall2",
    "/etc/sysconfig/SuSEfirewall2.d/**",
    "/etc/ipset.conf",
    "/etc/ipvsadm.rules",
    "/etc/firewalld/**",
    "/usr/lib/firewalld/zones/*",
    "/usr/lib/firewalld/policies/*",
    "/usr/lib/firewalld/services/*",
    "/etc/sysconfig/firewalld",
    "/etc/ufw/**",
    "/etc/default/ufw",
    "/etc/shorewall/**",
    "/etc/shorewall6/**",
    "/etc/fail2ban/*.conf",
    "/etc/fail2ban/*.local",
    "/etc/fail2ban/jail.d/*",
    "/etc/hosts.allow",
    "/etc/hosts.deny",
)
PROGRAMS = {"iptables": "/proc/net/ip_tables_names", "ip6tables": "/proc/net/ip6_tables_names"}
"""Program → where the kernel names the tables that the older kind of it (`legacy`) has in use."""
FIREWALLD = (
    ("--list-all-zones",),
    ("--permanent", "--list-all-zones"),
    ("--list-all-policies",),
    ("--permanent", "--list-all-policies"),
    ("--get-active-zones",),
    ("--get-default-zone",),
    ("--get-log-denied",),
    ("--direct", "--get-all-rules"),
    ("--permanent", "--direct", "--get-all-rules"),
)
LIMIT = 64 << 20


def samples(host: Host) -> Iterator[Source]:
    """Rules with their counters: what drops packets while we look is guilty now."""
    yield from map(File, COUNTERS)
    also = ("sos_commands/firewall_tables/nft_list_ruleset",)
    yield Command(("nft", "-a", "list", "ruleset"), also=also, limit=LIMIT, skip=unloaded(host, "nf_tables"))
    for program in PROGRAMS:
        yield from tables(host, program)
    yield Command(("ipvsadm", "-Ln", "--stats"), folder="ipvs", only_if="/proc/net/ip_vs")


@collector(title="Packet filters: nftables, iptables, firewalld, ufw, sets, eBPF", samples=samples, stage=Stage.STATE,
           folder="firewall_tables")  # fmt: skip
def firewall(host: Host) -> Iterator[Source]:
    """Configuration, other spellings of the rules, and what manages them."""
    yield from map(File, FILES)
    no_nft = unloaded(host, "nf_tables")
    yield Command(("nft", "-j", "-a", "list", "ruleset"), limit=LIMIT, skip=no_nft)
    yield Command(("nft", "-t", "-a", "list", "ruleset"), skip=no_nft)  # without elements of sets, of which there may be a million
    yield Command(("nft", "list", "flowtables"), skip=no_nft)
    yield from other_kind(host)
    yield from bridges_and_sets(host)
    yield from firewalld(host)
    yield from ufw(host)
    yield Command(("fail2ban-client", "status"), folder="fail2ban", timeout=10, skip=stopped(host, "fail2ban-server"))
    for words in (("bpftool", "net", "list"), ("bpftool", "cgroup", "tree"), ("bpftool", "prog", "list")):
        yield Command(words, folder="ebpf", timeout=10)


# -- what is there already


def variant(host: Host, program: str) -> str:
    """`nft` or `legacy`: which kind of iptables a name leads to; '' if it is not there."""
    found = next((path for path in (f"/{place}/{program}" for place in ("usr/sbin", "sbin", "usr/bin", "bin")) if host.exists(path)), "")
    if not found:
        return ""
    return "nft" if "nft" in host.path(found).rpartition("/")[2] else "legacy"


def unused(host: Host, program: str, which: str) -> str:
    """Why one kind of iptables is not to be asked, or ''."""
    if which == "nft":
        return unloaded(host, "nf_tables")
    return "" if host.lines(PROGRAMS[program]) else f"{PROGRAMS[program]} names no table: listing one would create it"


# -- iptables


def tables(host: Host, program: str) -> Iterator[Source]:
    """All tables as they are saved, then each that exists as it is listed. The lock is waited for two seconds."""
    save = Command((f"{program}-save", "-c"), limit=LIMIT, skip=unused(host, program, variant(host, program)))
    yield save
    found = [] if save.skip else [line[1:] for line in host.lines(save) if line.startswith("*")]
    skip = "" if "filter" in found else save.skip or "there is no table filter: listing it would create it"
    at = "sos_commands/firewall_tables"
    yield Command((program, "-w", "2", "-vnxL"), at=f"{at}/{program}_-vnxL", limit=LIMIT, skip=skip)
    for table in found:
        if table != "filter":
            yield Command((program, "-w", "2", "-t", table, "-vnxL"), at=f"{at}/{program}_-t_{table}_-vnxL", limit=LIMIT)


def other_kind(host: Host) -> Iterator[Source]:
    """The kind of iptables that the plain name does not lead to: rules made with one are invisible to the other."""
    for program in PROGRAMS:
        other = "legacy" if variant(host, program) == "nft" else "nft"
        yield Command((f"{program}-{other}-save", "-c"), limit=LIMIT, skip=unused(host, program, other))


def bridges_and_sets(host: Host) -> Iterator[Source]:
    """Filters on bridges and ARP, sets of addresses, virtual servers."""
    for table in ("filter", "nat", "broute"):
        loaded = any(line.startswith(f"ebtable_{table} ") for line in host.lines("/proc/modules"))
        skip = "" if loaded else f"ebtable_{table} is not loaded: listing it would load it"
        yield Command(("ebtables-legacy", "-t", table, "-L", "--Lc"), timeout=10, skip=skip)
    named = host.lines("/proc/net/arp_tables_names")
    yield Command(("arptables-legacy", "-vnL"), timeout=10, skip="" if named else "/proc/net/arp_tables_names names no table")
    yield Command(("ipset", "list", "-t"), timeout=10, skip=unloaded(host, "ip_set"))
    yield Command(("ipvsadm", "-Ln"), folder="ipvs", only_if="/proc/net/ip_vs")


# -- those who manage the rules


def firewalld(host: Host) -> Iterator[Source]:
    """What firewalld has in force and what it will have; if it does not say that it runs, it is asked nothing else."""
    state = Command(("firewall-cmd", "--state"), folder="firewalld", timeout=10, skip=stopped(host, "firewalld"))
    yield state
    skip = state.skip
    if not skip:
        answer = host.run(state)
        skip = "" if answer.outcome is Outcome.COLLECTED and answer.exit == 0 else "firewall-cmd --state did not answer"
    for words in FIREWALLD:
        yield Command(("firewall-cmd", *words), folder="firewalld", timeout=10, skip=skip)


def ufw(host: Host) -> Iterator[Source]:
    """Status of ufw, which lists tables of iptables: only if it is on, so that they are there."""
    on = any(line.replace(" ", "").lower() == "enabled=yes" for line in host.lines("/etc/ufw/ufw.conf"))
    for words in (("ufw", "status", "verbose"), ("ufw", "status", "numbered")):
        yield Command(words, folder="ufw", timeout=10, skip="" if on else "ufw is not enabled")
