"""Clusters: the tools of those that run here are asked, and of no other."""

import pytest
from network_hosts import commands, host_of, paths, process

from diagbundle.collectors import clusters as subject
from diagbundle.model import Command


def asked(root, *names, files=()):
    """What is asked on a host where processes of these names run."""
    every = {path: text for pid, name in enumerate(names, 10) for path, text in process(pid, name)[0].items()}
    host = host_of(root, every | dict(files))
    return [each for each in subject.clusters.sources(host) if isinstance(each, Command) and not each.skip]


TOOLS = [
    (["pacemakerd"], ["crm_mon -1 -r -f -A", "stonith_admin --history * --verbose"]),
    (["corosync"], ["corosync-quorumtool -s -i", "corosync-cfgtool -s", "corosync-cmapctl"]),
    (["corosync-qdevic"], ["corosync-qdevice-tool -s"]),
    (["pmxcfs"], ["pvecm status", "ha-manager status"]),
    (["ctdbd"], ["ctdb status", "ctdb ip"]),
    (["beam.smp"], []),
    (["beam.smp", "epmd"], ["rabbitmqctl -t 10 cluster_status"]),
]


@pytest.mark.parametrize(("running", "expected"), TOOLS, ids=lambda value: "+".join(value)[:30])
def test_the_tools_of_what_runs_are_asked(tmp_path, running, expected):
    always = ["drbdsetup status"]  # left out by the engine where the module is not loaded
    assert sorted(" ".join(each.argv) for each in asked(tmp_path, *running)) == sorted(expected + always)


def test_where_nothing_runs_each_says_why(tmp_path):
    reasons = commands(subject.clusters.sources(host_of(tmp_path)))
    assert reasons.pop("drbdsetup status") == ""
    assert reasons["crm_mon -1 -r -f -A"] == "pacemakerd is not running"
    assert all(reason.endswith("running") for reason in reasons.values())


def test_answers_lie_where_they_are_read(tmp_path):
    found = {each.at for each in asked(tmp_path, "ceph-osd", files={"/run/ovn/ovnsb_db.ctl": ""}) if each.at}
    assert found == {
        "sos_commands/ceph/ceph_status_--format_json", "sos_commands/ceph/ceph_health_detail", "sos_commands/ceph/ceph_osd_tree",
        "sos_commands/openvswitch/cluster_status_OVN_Southbound",
    }  # fmt: skip


def test_drbd_is_not_loaded_by_asking(tmp_path):
    (drbd,) = (each for each in asked(tmp_path) if each.argv[0] == "drbdsetup")
    assert drbd.only_if == "/sys/module/drbd"


def test_no_key_is_asked_for(tmp_path):
    assert not [path for path in paths(subject.clusters.sources(host_of(tmp_path))) if "key" in path]
