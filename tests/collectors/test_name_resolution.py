"""Names: files first, daemons only if they run, and what may hang last."""

import pytest
from network_hosts import commands, host_of, paths, process, tables

from diagbundle.collectors import name_resolution as subject
from diagbundle.host import Host


def test_files_of_the_resolver_and_of_containers_are_asked(tmp_path):
    asked = paths(subject.name_resolution.sources(host_of(tmp_path)))
    assert {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/run/systemd/resolve/stub-resolv.conf"} <= asked.keys()
    assert {"/var/lib/docker/containers/*/resolv.conf", "/var/lib/kubelet/pods/*/etc-hosts"} <= asked.keys()
    assert not [path for path in asked if "keytab" in path or "secret" in path or path == "/var/lib/sss/**"]


@pytest.mark.parametrize(
    ("comm", "words", "daemon"),
    [
        ("systemd-resolve", "resolvectl status", "systemd-resolved"),
        ("nscd", "nscd -g", "nscd"),
        ("sssd_ifp", "sssctl domain-list", "sssd_ifp"),
    ],
)
def test_a_stopped_daemon_stays_stopped(tmp_path, comm, words, daemon):
    assert commands(subject.name_resolution.sources(host_of(tmp_path / "a")))[words] == f"{daemon} is not running"
    host = host_of(tmp_path / "b", process(5, comm)[0])
    assert commands(subject.name_resolution.sources(host))[words] == ""


def test_the_older_name_of_resolvectl(tmp_path):
    host = host_of(tmp_path, {"/usr/bin/systemd-resolve": "", **process(5, "systemd-resolve")[0]})
    found = {" ".join(source.argv): source for source in subject.resolved(host)}
    assert found.keys() == {"systemd-resolve --status", "systemd-resolve --statistics"}
    assert found["systemd-resolve --status"].at == "sos_commands/systemd/resolvectl_status"


def test_what_may_hang_is_asked_last_and_with_a_short_deadline(tmp_path):
    host = host_of(tmp_path, {"/proc/sys/kernel/hostname": "db1.example\n"})
    sources = list(subject.name_resolution.sources(host))
    last = sources[-4:]
    assert [" ".join(source.argv) for source in last] == [
        "getent ahosts localhost",
        "getent ahosts db1.example",
        "getent hosts db1.example",
        "hostname -f",
    ]
    assert max(source.timeout for source in last) <= 10


def test_a_host_without_a_name_is_not_asked_for_it(tmp_path):
    assert commands(subject.asked(host_of(tmp_path)))["getent ahosts "] == "the host has no name"


def test_links_tell_who_writes_the_file(tmp_path):
    host = host_of(tmp_path, {"/etc/hosts": ""}, links={"/etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf"})
    assert list(subject.links(host)) == [{"path": "/etc/resolv.conf", "target": "../run/systemd/resolve/stub-resolv.conf", "exists": False}]


def test_the_table_on_this_machine():
    host = Host()
    rows = list(tables(subject.name_resolution.sources(host))["resolver_links"].rows(host))
    assert {row["path"] for row in rows} <= set(subject.LINKS)
