import pytest
from storage_hosts import commands, files, host, rows, skipped

from diagbundle.collectors.packages import packages, packages_verify

DPKG = (
    "Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: install ok half-configured\n\nPackage: c\nStatus: hold ok installed\n"
)


def test_without_a_database_rpm_is_not_asked_for_it_would_make_one(tmp_path):
    on = host(tmp_path, {})
    for collector in (packages, packages_verify):
        assert not [words for words in commands(collector, on) if words.startswith(("rpm", "dnf", "yum"))]
    assert "would make one" in next(reason for words, reason in skipped(packages, on).items() if words.startswith("rpm -qa"))


@pytest.mark.parametrize(
    "path",
    ["/var/lib/rpm/Packages", "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages.db", "/usr/lib/sysimage/rpm/rpmdb.sqlite"],
)
def test_the_list_of_rpms_lies_where_tools_look(tmp_path, path):
    found = commands(packages, host(tmp_path, {path: "x", "/usr/bin/dnf": "x"}))
    names = {source.at: source for words, source in found.items() if words.startswith("rpm -qa")}
    assert names["sos_commands/rpm/installed-rpms"].also == ("installed-rpms",)
    fields = names["sos_commands/rpm/package-data"].argv[-1].split("\\t")
    assert (fields[0], fields[2], fields[3]) == ("%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}", "%{INSTALLTIME}", "%{VENDOR}")
    assert all(" -C " in words for words in found if words.startswith("dnf"))


def test_dpkg(tmp_path):
    on = host(tmp_path, {"/var/lib/dpkg/status": DPKG, "/etc/apt/sources.list": "x"})
    assert commands(packages, on)["dpkg -l"].also == ("installed-debs",)
    assert {"/var/lib/dpkg/status", "/etc/apt/sources.list"} <= files(packages, on)
    table = rows(packages, on, "package_databases")[-1]
    assert table["unfinished"] == ["b: half-configured"]
    assert table["states"]["hold ok installed"] == 1


def test_apt_is_not_asked_for_what_makes_it_write_its_cache(tmp_path):
    found = commands(packages, host(tmp_path, {"/var/lib/dpkg/status": DPKG}))
    assert [words for words in found if words.startswith(("apt-mark", "apt-cache", "apt-get"))] == []
    assert "dpkg --get-selections" in found


def test_daemons_that_are_stopped_stay_stopped(tmp_path):
    assert "snapd is stopped" in skipped(packages, host(tmp_path / "a", {}))["snap list --all"]
    assert "snap list --all" in commands(packages, host(tmp_path / "b", {"/proc/5/comm": "snapd\n"}))
    assert "rpm-ostree status --json" in skipped(packages, host(tmp_path / "c", {"/ostree/deploy/x": ""}))


def test_verification_is_asked_for_only_by_name_and_runs_no_scripts(tmp_path):
    assert not packages_verify.default
    assert "rpm -Va --noscripts" in commands(packages_verify, host(tmp_path, {"/var/lib/rpm/Packages": "x"}))
