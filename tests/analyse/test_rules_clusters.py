"""Parsers of clusters against arbitrary and mutilated text, and the style of what rules advise."""

import re
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.knowledge import built_in
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.parsers import clusters, member_states, members
from diagbundle.analyse.verdict import Origin
from diagbundle.errors import FormatError

CRM = "Current DC: a (1) - partition WITHOUT quorum\nOFFLINE: [ b ]\n  * vip\t(ocf::heartbeat:IPaddr2):\t Stopped\n  * vip_start_0 on a 'error'\n"
GLUSTER = "Hostname: b\nState: Peer in Cluster (Disconnected)\nBrick b:/x N/A N/A N N/A\nNumber of entries in split-brain: 3\n"
READERS = [
    (member_states.pacemaker, "sos_commands/pacemaker/crm_mon_-1", CRM),
    (
        member_states.corosync,
        "sos_commands/corosync/corosync-cfgtool_-s",
        "Quorate: No\n nodeid: 2: disconnected\n status = ring 0 FAULTY\n",
    ),
    (member_states.rabbitmq, "sos_commands/rabbitmq/report", "Node a@b cannot communicate with c@d\n {partitions,\n   [{a@b,[c@d]}]}\n"),
    (member_states.gluster, "sos_commands/gluster/gluster_peer_status", GLUSTER),
    (member_states.drbd, "sos_commands/drbd/drbdadm_status", "r0 role:Primary\n  disk:Failed quorum:no\n  b connection:Connecting\n"),
    (member_states.ovn, "sos_commands/ovn/cluster.status", "Name: OVN_Southbound\nStatus: disconnected\nLeader: unknown\n"),
    (member_states.ceph_status, "sos_commands/ceph/ceph_-s_json", '{"health": {"checks": {"OSD_DOWN": {"summary": {"message": "x"}}}}}'),
    (clusters.ceph_detail, "sos_commands/ceph/ceph_health_detail", "HEALTH_WARN x\n[WRN] OSD_DOWN: 1 osds down\n"),
]
WORDS = ["WSREP: Received NON-PRIMARY.", "rabbit on node rabbit@b down", "drbd r0 b: conn( Connected -> Timeout )", "+odown master m"]


def document(path, text):
    return Document(Entry(path, "file", path, "collected"), text.encode("utf-8", "replace"))


@pytest.mark.parametrize(("read", "path", "text"), READERS, ids=lambda each: getattr(each, "__name__", None))
def test_reads_what_tools_show(read, path, text):
    assert list(read(document(path, text)))


@pytest.mark.parametrize(("read", "path", "text"), READERS, ids=lambda each: getattr(each, "__name__", None))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_text_of_strangers_stops_a_parser(read, path, text, data):
    if data.draw(st.booleans()):
        text = data.draw(st.text())
    else:
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.text(max_size=8)) + text[data.draw(st.integers(at, len(text))) :]
    with suppress(FormatError):
        list(read(document(path, text)))


@given(st.sampled_from(WORDS), st.text(max_size=20), st.booleans())
def test_no_line_stops_what_hears_members(word, more, kernel):
    event = Event(more + word + more, Origin("log", 1, word), facility="kernel" if kernel else "x")
    for heard in members.member_words(event):
        assert heard.product


@pytest.mark.parametrize("rule", list(built_in()), ids=lambda rule: rule.code)
def test_advice_and_titles_have_one_style(rule):
    assert re.match(r"[A-Z`]", rule.advice)
    assert not rule.advice.endswith(".")
    assert not rule.title.endswith(".")
    assert re.search(r"\b(hours?|days?|week|note|minutes|critical|warning)\b", rule.explain, re.IGNORECASE), "how is it judged?"
