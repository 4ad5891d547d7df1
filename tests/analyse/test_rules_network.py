"""Whatever a stranger's file holds, the parsers of the network and of packet filters skip it or say that it is no such file."""

import pathlib
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.facts.firewall import Filter
from diagbundle.analyse.facts.network import grown, links
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.parsers import firewall, firewall_log, network, network_counters, network_counts, network_log
from diagbundle.analyse.registry import known
from diagbundle.analyse.verdict import Origin
from diagbundle.errors import FormatError

CASES = pathlib.Path(__file__).parent.parent / "cases"
MODULES = ("network", "network_counters", "network_counts", "firewall")
PARSERS = [parser for parser in known().parsers if parser.name.partition(".")[0] in MODULES]


def path_of(pattern):
    """A path that matches a pattern."""
    return pattern.replace("**/", "reachability/").replace("*", "eth0")


def entry(path, started=0.0):
    return Entry(path, there=True, started=started)


def read(parser, pattern, data):
    try:
        facts = list(parser.read(Document(entry(path_of(pattern)), data)))
    except FormatError:
        return []
    assert all(isinstance(fact, parser.gives) for fact in facts)
    assert all(isinstance(fact, Fact) and fact.origin.path for fact in facts)
    return facts


SAMPLES = {}
for each in CASES.glob("[NF][EW][TL]0[0-9][0-9]/*/**/*"):
    if each.is_file():
        SAMPLES.setdefault(each.name, each.read_bytes()[:20_000])


CHARACTERS = st.text(alphabet=string.printable + "\x00\x1b\ufffdä{}[]", max_size=400)


@pytest.mark.parametrize(("parser", "pattern"), [(parser, pattern) for parser in PARSERS for pattern in parser.patterns[:3]],
                         ids=lambda value: getattr(value, "name", value))  # fmt: skip
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_makes_a_parser_fail(parser, pattern, data):
    sample = SAMPLES.get(pattern.rpartition("/")[2], b'1: eth0: <UP> mtu 1500\n{"kind": "arp"}\n')
    text = sample.decode("utf-8", "replace")
    start = data.draw(st.integers(0, max(0, len(text))))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    read(parser, pattern, (text[:start] + data.draw(CHARACTERS) + text[end:]).encode("utf-8", "replace"))
    read(parser, pattern, data.draw(CHARACTERS).encode("utf-8", "replace"))
    read(parser, pattern, data.draw(st.binary(max_size=200)))


@settings(max_examples=60, deadline=None)
@given(
    CHARACTERS,
    st.sampled_from(
        [
            " NIC Link is Down",
            ": Lost carrier",
            ": now running without any active interface",
            "[UFW BLOCK] IN= OUT=eth0 SRC=1.1.1.1 DST=2.2.2.2 PROTO=TCP DPT=",
        ]
    ),
    CHARACTERS,
)
def test_nothing_makes_a_log_parser_fail(before, words, after):
    event = Event(before + words + after, Origin("var/log/messages", 1), 1.0, facility="kernel")
    list(network_log.lost(event))
    list(network_log.bonds(event))
    list(firewall_log.lost(event))


@pytest.mark.parametrize(
    "text",
    ["{" * 3000, "table inet a {\n" + "chain b {\n" * 500, "-A A -j A\n" * 2000, "(" * 5000 + " mtu 1500", "a" * 60000, "1 " * 30000],
)
def test_long_and_deep_texts_take_no_time(text):
    for parser in PARSERS:
        for pattern in parser.patterns[:2]:
            read(parser, pattern, text.encode())


def test_chains_that_jump_in_a_circle_come_to_an_end():
    text = (
        b"*filter\n:INPUT DROP [0:0]\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -j B\n-A B -p tcp -j A\n-A B -s 10.0.0.0/8 -g A\nCOMMIT\n"
    )
    facts = list(firewall.iptables_save(Document(entry("sos_commands/firewall_tables/iptables-save_-c"), text)))
    now = Filter([fact for fact in facts if hasattr(fact, "hook")], [fact for fact in facts if hasattr(fact, "verdict")])
    assert {rule.target for rule, _ in now.walk(("ip", "filter", "INPUT"))} == {"A", "B"}


def test_one_source_is_believed_for_an_interface():
    sys_ = [network_counters.statistics(Document(entry(f"{start}sys/class/net/eth0/statistics/rx_dropped", at), value))
            for start, at, value in (("diagbundle/start/", 1.0, b"5\n"), ("", 9.0, b"5\n"))]  # fmt: skip
    line = b"eth0: 1 1 0 %d 0 0 0 0 1 1 0 0 0 0 0 0\n"
    dev = [
        network_counters.proc_net_dev(Document(entry(f"{start}proc/net/dev"), line % drops))
        for start, drops in (("diagbundle/start/", 5), ("", 90))
    ]
    readings = grown(fact for facts in [*sys_, *dev] for fact in facts)["", "eth0"]
    assert list(readings) == ["rx_dropped"]


def test_an_interface_is_known_without_ip():
    files = {"operstate": b"down\n", "flags": b"0x1002\n", "mtu": b"9000\n"}
    told = [fact for name, value in files.items() for fact in network.nic_setting(Document(entry(f"sys/class/net/eth0/{name}"), value))]
    nic = links([], told)["eth0"]
    assert (nic.is_up, nic.works, nic.mtu) == (False, False, 9000)


def test_old_and_new_spellings_of_a_rule():
    path = "sos_commands/firewall_tables/nft_list_ruleset"
    text = b"table ip t {\n chain c {\n  type filter hook input priority 0; policy drop;\n  tcp dport ssh counter packets 1 bytes 2 accept\n  iif lo accept\n }\n}\n"
    found = [fact for fact in firewall.nft(Document(entry(path), text)) if hasattr(fact, "verdict")]
    assert [(rule.verdict, rule.ports, "loopback" in rule.conditions) for rule in found] == [
        ("accept", ((22, 22),), False),
        ("accept", (), True),
    ]


def test_sockets_of_another_tool_are_counted_as_ours():
    text = b'tcp   CLOSE-WAIT 1      0        192.0.2.17:40000   192.0.2.40:443  users:(("x",pid=6,fd=4)) ino:1\n' * 3
    facts = list(network_counts.connections(Document(entry("sos_commands/networking/ss_-peaonmi"), text)))
    assert sorted(getattr(fact, "count", 0) for fact in facts) == [0, 3, 3]
