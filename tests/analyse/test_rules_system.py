"""Parsers of processes, memory, limits, settings, the kernel and its guards: no text makes them fail, and each kind of text is understood."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.facts import system
from diagbundle.analyse.facts.system import OomLine, Process, SettingLine
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.parsers import hardware, kernel, memory, processes, security
from diagbundle.analyse.parsers import settings as sysctl
from diagbundle.analyse.registry import known
from diagbundle.analyse.rules.memory import kills
from diagbundle.analyse.rules.settings import in_order, is_same, wanted
from diagbundle.analyse.verdict import Origin
from diagbundle.errors import FormatError

OURS = {module.__name__.rpartition(".")[2] for module in (hardware, kernel, memory, processes, security, sysctl)}
PARSERS = [parser for parser in known().parsers if parser.name.partition(".")[0] in OURS]
LISTENERS = [parser for parser in known().log_parsers if parser.name.partition(".")[0] in OURS]
HERE = Origin("var/log/kern.log", 1, "", 0.0)
ROW = {
    "pid": 7, "comm": "a) (b", "state": "D", "ppid": 1, "status": {"Uid": "990 990 990 990", "VmRSS": "10 kB"}, "cgroup": ["4:cpu,cpuacct:/x", "0::/y"],
    "limits": {"Max processes": ["40", "unlimited"]}, "stack": "[<0>] io_schedule+0x46/0x80", "schedstat": "1 2 3", "guard": "selinux", "kinds": {"socket": 3},
}  # fmt: skip
LINES = [
    json.dumps(ROW),
    "MemTotal:       24684096 kB",
    "pswpin 793518",
    "1.22 1.25 1.17 3/106 271",
    "cpu0 1538527 289393 574145 1963441 22556 0 5917 160038 0 0",
    "some avg10=21.60 avg60=8.32 avg300=9.34 total=13658166536",
    "nr_periods 300\nnr_throttled 250\nthrottled_time 9000000000",
    "50000 100000",
    "oom_kill 3",
    "418\t0\t314",
    "net.core.somaxconn = 4096",
    "-net/ipv4/conf/eth0.5/rp_filter=0x1",
    "[sysctl]\nvm.swappiness=>10",
    "@ops  -  nofile  200",
    "anna:x:1000:1000::/home/anna:/bin/bash",
    "F   UID     PID    PPID PRI  NI    VSZ   RSS WCHAN  STAT TTY        TIME COMMAND\n1   990      40       1  20   0   4360  3060 do_wai S    ?          0:00 /opt/shop --all",
    "Linux db7 5.14.0-427.el9.x86_64 #1 SMP x86_64 GNU/Linux",
    "/var/crash:\n-rw------- 1 0 0 912 Mar  4 10:20 vmcore",
    "Memory cgroup out of memory: Killed process 22531 (python3) total-vm:321056kB, anon-rss:130688kB, file-rss:5344kB, shmem-rss:0kB, UID:0",
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=python3,pid=25307,uid=0",
    'avc:  denied  { read } for  pid=812 comm="nginx" name="index.html" scontext=a:b:httpd_t:s0 tcontext=c:d:home_t:s0 tclass=file permissive=0',
    'apparmor="DENIED" operation="open" profile="/usr/sbin/mysqld" name="/data/x" comm="mysqld"',
    "shopd[900]: segfault at 10 ip 000055d0c0a01000 sp 00007ffe0000 error 4 in shopd[55d0c0a00000+1000]",
    "   4 | 03/05/2026 | 09:12:44 | Power Supply PS2 Status | Power Supply AC lost | Asserted",
    " 10:00:00 up 42 days,  2:20,  1 user,  load average: 0.10, 0.12, 0.10",
    "SELinux is preventing /usr/sbin/logrotate from read access on the directory /srv/x. For complete SELinux messages run: sealert -l 4c",
    "traps: node[77] general protection fault ip:55d sp:7ff error:0 in node[55c]",
]


def document(path, data, started=100.0):
    return Document(Entry(path, there=True, started=started, mtime=50.0), data)


def path_of(parser):
    return parser.patterns[0].replace("**/", "system.slice/").replace("*", "x")


def pieces():
    """Real lines, cut, joined and mixed with rubbish."""
    real = st.sampled_from(LINES).flatmap(lambda line: st.integers(0, len(line)).map(lambda cut: line[:cut]) | st.just(line))
    huge = st.integers(0, 10**40).map(str)
    return st.lists(real | huge | st.text(max_size=40), max_size=6).map("\n".join) | st.lists(real, max_size=3).map(" ".join)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
@given(text=pieces())
@settings(max_examples=25, deadline=None)
def test_no_text_makes_a_parser_fail(parser, text):
    try:
        facts = list(parser.read(document(path_of(parser), text.encode("utf-8", "replace"))))
    except FormatError:
        return
    assert all(isinstance(fact, parser.gives) for fact in facts)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
@given(data=st.binary(max_size=200))
@settings(max_examples=10, deadline=None)
def test_no_bytes_make_a_parser_fail(parser, data):
    try:
        list(parser.read(document(path_of(parser), data)))
    except FormatError:
        return


@pytest.mark.parametrize("parser", LISTENERS, ids=lambda parser: parser.name)
@given(text=pieces())
@settings(max_examples=25, deadline=None)
def test_no_line_makes_a_listener_fail(parser, text):
    for line in text.split("\n"):
        list(parser.hear(Event(line, HERE, 5.0)))


@given(
    rows=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROW, "x"]), inner, max_size=5),
        max_leaves=12,
    )
)
@settings(max_examples=60, deadline=None)
def test_rows_of_any_shape_are_read(rows):
    for parser in PARSERS:
        if parser.patterns[0].startswith("diagbundle/tables/"):
            try:
                list(parser.read(document(parser.patterns[0], json.dumps(rows).encode())))
            except FormatError:
                continue


def test_a_process_of_ours():
    (found,) = processes.processes(document("diagbundle/tables/processes", json.dumps(ROW).encode()))
    assert (found.pid, found.name, found.uid, found.rss) == (7, "a) (b", 990, 10)
    assert found.groups == {"cpu": "/x", "cpuacct": "/x", "": "/y"}
    assert found.limits == {"Max processes": (40.0, math.inf)}
    assert found.stack == ("io_schedule",)
    assert found.in_group("/x")
    assert not found.in_group("/x/z")


@pytest.mark.parametrize(
    ("heading", "line"),
    [
        ("F   UID     PID    PPID PRI  NI    VSZ   RSS WCHAN  STAT TTY        TIME COMMAND", "1   990      40       1  20   0   4360  3060 do_wai Ds   ?          0:00 /opt/shop --all x"),
        ("USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND", "shop          40  0.2  0.0   4360  3060 ?        D    14:15   0:00 /opt/shop --all x"),
        ("F S   UID     PID    PPID    PGID     SID CLS PRI PSR ADDR    SZ WCHAN                                 STARTED TT           TIME CMD", "1 D   990      40       1       0       0  TS  19   1    -  1090 do_wait              Sun Nov 22 14:15:56 2026 ?        00:00:00 /opt/shop --all x"),
        ("F S UID          PID    PPID     LWP  C NLWP PRI  NI ADDR SZ WCHAN  STIME TTY          TIME CMD", "4 D root          40       1      40  0    1  80   0 -  1090 do_wai 14:15 ?        00:00:00 /opt/shop --all x"),
    ],
)  # fmt: skip
def test_ps_in_many_forms(heading, line):
    (found,) = processes.ps(document("ps", f"{heading}\n{line}\n".encode()))
    assert (found.pid, found.state, found.command) == (40, "D", "/opt/shop --all x")
    assert found.name == "shop"


def test_our_table_wins_over_ps():
    ours, theirs = Process(pid=7, name="a", is_whole=True, origin=HERE), Process(pid=7, name="b", origin=HERE)
    assert system.running([theirs, ours]) == [ours]
    assert system.running([theirs]) == [theirs]


@pytest.mark.parametrize(
    ("command", "name", "title"),
    [
        ("nginx: worker process", "nginx", "nginx"),
        ("/opt/shop/bin/shopd -f", "shopd", "shopd"),
        ("shop-worker -c x", "python3", "shop-worker (python3)"),
        ("", "kworker/0:1", "kworker/0:1"),
        ("", "", "?"),
        ("/usr/lib/systemd/systemd-resolved", "systemd-resolve", "systemd-resolve"),
    ],
)
def test_processes_are_called_as_people_know_them(command, name, title):
    assert Process(pid=1, command=command, name=name, origin=HERE).title == title


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("sys/fs/cgroup/system.slice/a.service/cpu.stat", "/system.slice/a.service"),
        ("sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.stat", "/docker/ab"),
        ("sys/fs/cgroup/cpu/cpu.stat", ""),
        ("sys/fs/cgroup/cpu.stat", ""),
        ("proc/pressure/memory", ""),
    ],
)
def test_the_group_of_a_file(path, group):
    assert memory.group_of(path)[0] == group


def line(key, value, file, position=1):
    return SettingLine(key, value, file, position=position, origin=HERE)


def test_files_of_sysctl_are_read_in_systemds_order():
    held = [
        line("a.a", "1", "/usr/lib/sysctl.d/50-x.conf"), line("a.a", "2", "/etc/sysctl.d/50-x.conf"), line("a.a", "3", "/etc/sysctl.d/10-y.conf"),
        line("a.b", "4", "/usr/lib/sysctl.d/99-z.conf"), line("a.*", "5", "/etc/sysctl.d/99-zz.conf"),
    ]  # fmt: skip
    assert [each.value for each in in_order(held)] == ["3", "2", "4", "5"]
    found = wanted(held, ["a.a", "a.b", "a.c"])
    assert {key: each.line.value for key, each in found.items()} == {"a.a": "2", "a.b": "4", "a.c": "5"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("0x10", "16", True), ("4096 1 2", "4096 1 3", False), ("a  b", "ab", True), ("bbr", "cubic", False), ("010", "8", False)],
)
def test_values_that_mean_the_same(one, other, same):
    assert is_same(one, other) is same


def test_the_lines_of_one_kill_become_one():
    def heard(kind, at, **more):
        return OomLine(kind, 100.0 + at, origin=Origin("k", int(at * 10)), **more)

    found = kills(
        [
            heard("usage", 0.1, limit=65536, is_group=True),
            heard("constraint", 0.2, pid=7, victim="java", group="/a", task_group="/a/b", is_group=True),
            heard("killed", 0.3, pid=7, victim="java", rss=60000, is_group=True),
            heard("killed", 50.0, pid=8, victim="node"),
        ]
    )
    assert [(kill.pid, kill.victim, kill.limit, kill.is_group) for kill in found] == [(7, "java", 65536, True), (8, "node", 0, False)]
    assert (found[0].group, found[0].task_group, found[0].rss) == ("/a", "/a/b", 60000)


@pytest.mark.parametrize(
    ("text", "pid", "name"),
    [
        ("Out of memory: Kill process 1234 (java) score 900 or sacrifice child", 1234, "java"),
        ("Killed process 1234, UID 500, (java) total-vm:1kB, anon-rss:5kB, file-rss:0kB", 1234, "java"),
        ("Out of memory: Killed process 5 (a) b) total-vm:3kB, anon-rss:5kB", 5, "a) b"),
        ("Memory cgroup out of memory: Killed process 22531 (python3) total-vm:321056kB", 22531, "python3"),
    ],
)
def test_kills_as_all_kernels_write_them(text, pid, name):
    (found,) = memory.oom(Event(text, HERE, 5.0))
    assert (found.pid, found.victim) == (pid, name)
    assert not list(memory.oom(Event(text, HERE, 5.0, acknowledged=True)))
