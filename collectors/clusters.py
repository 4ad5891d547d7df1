"""Clusters that this host is a node of: who is in them, who is not, and who keeps the quorum, as their own tools tell.

Each tool asks the daemon on this host. It is asked only where that daemon runs: some would start one, or wait for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from diagbundle.collect.api import Command, File, Host, Source, Stage, collector

from ._look import spelled
from ._net import stopped

FILES = """
/etc/corosync/{corosync.conf,uidgid.d/*,service.d/*} /etc/cluster/cluster.conf /etc/pacemaker/* /etc/pcs/* /etc/booth/*.conf /etc/crm/*.conf
/var/lib/pacemaker/cib/{cib.xml,cib.last} /var/lib/corosync/ringid_* /etc/pve/{corosync.conf,datacenter.cfg,storage.cfg,.members,.version}
/etc/drbd.conf /etc/drbd.d/* /etc/ceph/{*.conf,rbdmap} /etc/glusterfs/* /var/lib/glusterd/{glusterd.info,peers/*,vols/*/info}
/var/lib/mysql/{grastate.dat,gvwstate.dat} /etc/ctdb/{nodes,public_addresses,ctdb.conf,ctdbd.conf} /etc/openvswitch/system-id.conf
/run/keepalived/* /tmp/keepalived.{data,stats} /etc/etcd/etcd.conf /etc/default/etcd
"""
GLUSTER = ("gluster", "--mode=script", "--log-file=/dev/null")
OVS = ("-T", "5")
TOOLS: tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...] = (
    ("pacemaker", "pacemakerd", (("crm_mon", "-1", "-r", "-f", "-A"), ("stonith_admin", "--history", "*", "--verbose"))),
    # -i: addresses as they are, no names are asked for
    ("corosync", "corosync", (("corosync-quorumtool", "-s", "-i"), ("corosync-cfgtool", "-s"), ("corosync-cmapctl",))),
    ("corosync", "corosync-qdevice", (("corosync-qdevice-tool", "-s"),)),
    ("pve", "pmxcfs", (("pvecm", "status"), ("ha-manager", "status"))),
    ("gluster", "glusterd", ((*GLUSTER, "peer", "status"), (*GLUSTER, "volume", "info"), (*GLUSTER, "volume", "status"))),
    ("ctdb", "ctdbd", (("ctdb", "status"), ("ctdb", "ip"))),
    ("openvswitch", "ovs-vswitchd",
     (("ovs-vsctl", "-t", "5", "show"), ("ovs-appctl", *OVS, "bond/show"), ("ovs-appctl", *OVS, "bfd/show"))),
)  # fmt: skip
"""Folder of the answers, the daemon that must run, its questions."""
CEPH = ("ceph-mon", "ceph-osd", "ceph-mgr", "ceph-mds", "radosgw")
OVN = {"ovnnb_db.ctl": "OVN_Northbound", "ovnsb_db.ctl": "OVN_Southbound"}


@collector(title="Clusters that this host is a node of: members, quorum, resources", stage=Stage.VOLATILE)
def clusters(host: Host) -> Iterator[Source]:
    """Their configuration, then what each tool says."""
    yield from map(File, spelled(FILES))
    for folder, daemon, questions in TOOLS:
        skip = stopped(host, daemon)
        yield from (Command(words, folder=folder, skip=skip, timeout=20) for words in questions)
    # it would load the kernel's module
    yield Command(("drbdsetup", "status"), folder="drbd", only_if="/sys/module/drbd", timeout=10)
    yield from _rabbitmq(host)
    yield from _ceph(host)
    for path in host.glob("/run/ovn/*.ctl"):
        if database := OVN.get(os.path.basename(path)):
            words = ("ovs-appctl", *OVS, "-t", path, "cluster/status", database)
            yield Command(words, folder="openvswitch", at=f"sos_commands/openvswitch/cluster_status_{database}", timeout=10)


def _rabbitmq(host: Host) -> Iterator[Source]:
    """A node of Erlang starts `epmd` where that is not there, so it must be, too."""
    skip = stopped(host, "beam.smp") or stopped(host, "epmd")
    yield Command(("rabbitmqctl", "-t", "10", "cluster_status"), folder="rabbitmq", skip=skip, timeout=30)


def _ceph(host: Host) -> Iterator[Source]:
    """Only where a daemon of Ceph runs: the monitors may be on other hosts, which this one talks to anyway."""
    skip = "" if host.running(*CEPH) else "no daemon of Ceph is running"
    for words in (("status", "--format", "json"), ("health", "detail"), ("osd", "tree")):
        name = "_".join(("ceph", *words))
        yield Command(("ceph", "--connect-timeout", "5", *words), folder="ceph", at=f"sos_commands/ceph/{name}", skip=skip, timeout=15)
