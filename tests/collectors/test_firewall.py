"""Packet filters: listing must not make, load or start anything."""

import pytest
from network_hosts import commands, host_of, process

from diagbundle.collectors import firewall as subject
from diagbundle.model import Command

MODULES = {"/proc/modules": "xfs 1 0 - Live 0x0\nip_tables 1 0 - Live 0x0\n"}
NFT = {"/proc/modules": "nf_tables 1 0 - Live 0x0\n"}
SAVED = "# Generated\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT DROP [7:420]\nCOMMIT\n"


def alternatives(kind):
    """`iptables` and its like, as Debian's alternatives lead to them."""
    files, links = {f"/usr/sbin/xtables-{kind}-multi": ""}, {}
    for program in ("iptables", "ip6tables", "iptables-save", "ip6tables-save"):
        links |= {f"/usr/sbin/{program}": f"/etc/alternatives/{program}", f"/etc/alternatives/{program}": f"/usr/sbin/xtables-{kind}-multi"}
    return {"files": files, "links": links}


@pytest.mark.parametrize(
    ("files", "reason"),
    [(MODULES, "would load nf_tables"), (NFT, ""), ({}, ""), (MODULES | {"/sys/module/nf_tables/refcnt": "1"}, "")],
)
def test_nft_is_asked_only_where_nf_tables_is(tmp_path, files, reason):
    host = host_of(tmp_path, files)
    assert commands(subject.samples(host))["nft -a list ruleset"] == reason
    assert commands(subject.firewall.sources(host))["nft -j -a list ruleset"] == reason


def test_the_ruleset_lies_under_both_names(tmp_path):
    found = [source for source in subject.samples(host_of(tmp_path, NFT)) if getattr(source, "argv", ())[:1] == ("nft",)]
    assert found[0].also == ("sos_commands/firewall_tables/nft_list_ruleset",)


def test_legacy_tables_that_do_not_exist_are_not_listed(tmp_path):
    kind = alternatives("legacy")
    host = host_of(tmp_path, MODULES | kind["files"], {"iptables-save -c": SAVED}, kind["links"])
    asked = commands(subject.samples(host))
    assert "names no table" in asked["iptables-save -c"]
    assert "names no table" in asked["iptables -w 2 -vnxL"]
    assert not [words for words in asked if "-t nat" in words]
    assert commands(subject.firewall.sources(host))["iptables-nft-save -c"] == "would load nf_tables"


def test_legacy_tables_that_exist_are_listed_one_by_one(tmp_path):
    kind = alternatives("legacy")
    host = host_of(
        tmp_path, MODULES | kind["files"] | {"/proc/net/ip_tables_names": "nat\nfilter\n"}, {"iptables-save -c": SAVED}, kind["links"]
    )
    found = {" ".join(source.argv): source for source in subject.samples(host) if isinstance(source, Command)}
    assert found["iptables-save -c"].skip == ""
    assert found["iptables -w 2 -vnxL"].skip == ""
    assert found["iptables -w 2 -vnxL"].at == "sos_commands/firewall_tables/iptables_-vnxL"
    assert found["iptables -w 2 -t nat -vnxL"].at == "sos_commands/firewall_tables/iptables_-t_nat_-vnxL"
    assert "names no table" in found["ip6tables-save -c"].skip


def test_a_filter_table_that_is_not_there_is_not_made(tmp_path):
    kind = alternatives("nft")
    host = host_of(tmp_path, NFT | kind["files"], {"iptables-save -c": "*nat\nCOMMIT\n"}, kind["links"])
    asked = commands(subject.samples(host))
    assert "would create it" in asked["iptables -w 2 -vnxL"]
    assert asked["iptables -w 2 -t nat -vnxL"] == ""


def test_the_other_kind_of_iptables_is_asked_where_it_has_tables(tmp_path):
    kind = alternatives("nft")
    host = host_of(tmp_path, NFT | kind["files"] | {"/proc/net/ip_tables_names": "nat\n"}, links=kind["links"])
    asked = commands(subject.firewall.sources(host))
    assert asked["iptables-legacy-save -c"] == ""
    assert "names no table" in asked["ip6tables-legacy-save -c"]


def test_nothing_of_nft_is_run_where_it_would_be_loaded(tmp_path):
    kind = alternatives("nft")
    host = host_of(tmp_path, MODULES | kind["files"], {"iptables-save -c": SAVED}, kind["links"])
    asked = commands(subject.samples(host))
    assert asked["iptables-save -c"] == "would load nf_tables"
    assert asked["iptables -w 2 -vnxL"] == "would load nf_tables"


def test_sets_bridges_and_arp_are_asked_only_where_they_are(tmp_path):
    asked = commands(subject.firewall.sources(host_of(tmp_path / "a", MODULES)))
    assert asked["ipset list -t"] == "would load ip_set"
    assert asked["ebtables-legacy -t filter -L --Lc"]
    assert asked["arptables-legacy -vnL"]
    more = {"/proc/modules": "ip_set 1 0 -\nebtable_filter 1 0 -\n", "/proc/net/arp_tables_names": "filter\n"}
    asked = commands(subject.firewall.sources(host_of(tmp_path / "b", more)))
    assert {asked[words] for words in ("ipset list -t", "ebtables-legacy -t filter -L --Lc", "arptables-legacy -vnL")} == {""}
    assert asked["ebtables-legacy -t nat -L --Lc"]


def test_virtual_servers_are_asked_only_where_the_kernel_has_them(tmp_path):
    found = [source for source in subject.firewall.sources(host_of(tmp_path)) if getattr(source, "argv", ())[:1] == ("ipvsadm",)]
    assert [source.only_if for source in found] == ["/proc/net/ip_vs"]


@pytest.mark.parametrize(
    ("runs", "answer", "reason"),
    [
        (False, None, "firewalld is not running"),
        (True, ("running\n", 0), ""),
        (True, ("not running\n", 252), "firewall-cmd --state did not answer"),
        (True, None, "firewall-cmd --state did not answer"),
    ],
)
def test_firewalld_is_asked_more_only_if_it_says_that_it_runs(tmp_path, runs, answer, reason):
    files = process(5, "firewalld")[0] if runs else {}
    host = host_of(tmp_path, files, {"firewall-cmd --state": answer} if answer else {})
    assert commands(subject.firewall.sources(host))["firewall-cmd --list-all-zones"] == reason


@pytest.mark.parametrize(("text", "asked"), [("ENABLED=yes\n", True), ("# x\nENABLED = yes\n", True), ("ENABLED=no\n", False), ("", False)])
def test_ufw_is_asked_only_where_it_is_on(tmp_path, text, asked):
    host = host_of(tmp_path, {"/etc/ufw/ufw.conf": text})
    assert (commands(subject.firewall.sources(host))["ufw status numbered"] == "") is asked
