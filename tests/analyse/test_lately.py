"""What changed lately: cases of every distribution, what is one change told by several, and what went before a finding."""

import json
import os
import pathlib
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import Entry
from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.facts.change import Change, Clocks, Run
from diagbundle.analyse.history.changes import lately
from diagbundle.analyse.history.said import before, sentence
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.registry import known
from diagbundle.analyse.verdict import Finding, Origin, Severity
from diagbundle.cli.changes import _facts, command
from diagbundle.errors import FormatError

CASES = sorted(path.parent for path in (pathlib.Path(__file__).parent.parent / "cases" / "changes").glob("*/diagbundle"))
NOW = datetime(2026, 3, 5, 10, tzinfo=UTC).timestamp()
ABOUT = About(origin=Origin("x"), now=NOW, zone="Etc/UTC")
OURS = [each for each in known().parsers if {Change, Clocks, Run} & set(each.gives)]
EARS = [each for each in known().log_parsers if Change in each.gives]


def told(folder, days=7):
    analysis = _facts(FolderEvidence(str(folder)))
    assert analysis.unparsed == {}
    return lately(analysis.facts, analysis.about, days)


def lines(those):
    return [
        f"{datetime.fromtimestamp(each.time, UTC):%Y-%m-%d %H:%M:%S} {each.first.certainty}, {each.first.kind}: {sentence(each)}"
        f" [{', '.join(str(origin) for item in each.items for origin in item.origins)}]"
        for each in those
    ]


def change(hours, kind="configuration", what="/etc/x", action="changed", **more):
    origin = Origin(more.pop("path", "a"), more.pop("line", 1))
    return Change(NOW - hours * 3600, kind, what, action, origin=origin, **more)


def said(*changes, about=ABOUT, days=7.0, **more):
    return [sentence(each) for each in lately({Change: list(changes), **more}, about, days)]


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_case(folder):
    expect = folder / "expect.txt"
    found = "\n".join(lines(told(folder))) + "\n"
    if os.environ.get("ACCEPT"):
        expect.write_text(found)
    assert found == expect.read_text()


def test_there_are_cases_of_every_package_manager():
    assert {folder.name for folder in CASES} >= {"rhel9", "centos7", "ubuntu", "sles15", "alpine", "arch", "coreos", "docker"}


def test_nothing_older_or_newer_is_told():
    assert said(change(1), change(200, what="/etc/old"), change(-5, what="/etc/future")) == ["/etc/x was changed"]


def test_an_upgrade_of_many_packages_is_one_line_with_the_first_names():
    many = [change(1 + number / 3600, "package", f"lib{number:03}", "upgraded", line=number, old="1", new="2") for number in range(300)]
    assert said(*many) == ["300 packages were upgraded: lib299, lib298, lib297 and 297 more"]


def test_a_freshly_installed_host_is_a_few_lines():
    rows = [{"now": NOW, "days": 30, "trees": ["/etc"]}]
    rows += [
        {"path": f"/etc/d{number % 40}/f{number}.conf", "type": "file", "mtime": 1.6e9, "ctime": NOW - 7200 + number / 500}
        for number in range(10_000)
    ]
    read = next(each.read for each in OURS if each.name.endswith("changed_files"))
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    facts = list(read(Document(Entry(path="diagbundle/tables/changed_files", there=True), data)))
    assert len(facts) == 10_000
    assert said(*facts) == [
        "10,000 files were replaced or given other rights: /etc/d0/f0.conf, /etc/d1/f1.conf, /etc/d2/f2.conf and 9,997 more"
    ]


def test_two_logs_that_tell_of_one_upgrade():
    dpkg = change(1, "package", "jq", "upgraded", path="dpkg.log", old="1", new="2")
    apt = change(1.01, "package", "jq", "upgraded", path="history.log", old="1", new="2", by="apt upgrade")
    database = change(1.001, "package", "jq", "installed or upgraded", path="installed-rpms", new="2")
    (one,) = lately({Change: [dpkg, apt, database]}, ABOUT, 7)
    assert sentence(one) == "jq was upgraded from 1 to 2, by apt upgrade"
    assert {origin.path for origin in one.items[0].origins} == {"dpkg.log", "history.log", "installed-rpms"}


def test_the_same_package_upgraded_twice_is_two_changes():
    assert (
        len(said(change(3, "package", "jq", "upgraded", old="1", new="2"), change(2.9, "package", "jq", "upgraded", old="2", new="3"))) == 2
    )


def test_files_of_a_package_are_not_told_beside_it_and_others_are():
    package = change(2, "package", "nginx", "upgraded", new="2")
    assert said(package, change(2.01, what="/etc/nginx/mime.types"), change(1, what="/etc/nginx/nginx.conf")) == [
        "nginx was upgraded (2)", "/etc/nginx/nginx.conf was changed",
    ]  # fmt: skip


def test_what_every_boot_does_is_not_told():
    boot = change(5, "reboot", "the host", "rebooted")
    loaded = change(4.99, "selinux", "SELinux policy", "loaded")
    mode = change(4.98, "selinux", "SELinux", "set to permissive", old="enforcing", new="permissive")
    assert said(boot, loaded, mode) == ["the host was rebooted", "SELinux was set to permissive (before: enforcing)"]
    assert said(loaded) == ["SELinux policy was loaded"]


def test_a_habit_is_one_line():
    those = [
        change(20 - number / 100, "firewall", "the packet filter's rules", "changed", line=number, by="kube-proxy") for number in range(900)
    ]
    (only,) = said(*those)
    assert only.startswith("the packet filter's rules were changed 900 times, until Mar 04 22:")
    assert only.endswith(", by kube-proxy")


def test_a_crash_outweighs_a_boot_of_which_another_source_knows_less():
    crash = change(3, "crash", "the host", "started without having been shut down before", path="wtmp")
    boot = change(3, "reboot", "the host", "rebooted", path="list-boots")
    assert said(boot, crash) == ["the host was started without having been shut down before"]


def test_a_step_of_the_clock_between_two_readings():
    first = Clocks(NOW - 9, 1000.0, origin=Origin("diagbundle/start/diagbundle/tables/clocks", 1))
    for step, count in ((0.2, 0), (60.0, 1), (-60.0, 1)):
        last = Clocks(NOW - 9 + 9 + step - 60, 1009.0, origin=Origin("diagbundle/tables/clocks", 1))
        start = Clocks(first.wall - 60, first.boottime, origin=first.origin)
        assert len(lately({Clocks: [start, last]}, ABOUT, 7)) == count


def test_jobs_of_timers_are_not_told_and_a_service_that_failed_is():
    job = [change(5, "service", "logrotate", "started"), change(4.99, "service", "logrotate", "stopped")]
    failed = [change(5, "service", "db", "started"), change(4.99, "service", "db", "stopped", new="failed")]
    session = [change(3, "service", "user@1000", "started")]
    assert said(*job, *session) == []
    assert said(*failed) == ["db was started", "db was stopped (failed)"]


def finding(title="x", subject="", since=NOW):
    return Finding(Severity.CRITICAL, title, (Origin("x"),), "y", subject=subject, since=since)


def test_what_went_before_a_finding():
    those = lately(
        {
            Change: [
                change(0.2, "selinux", "SELinux", "set to enforcing", old="permissive", new="enforcing"),
                change(3, "package", "nginx", "upgraded", old="1", new="2"),
                change(3, "package", "zlib", "upgraded", old="1", new="2", line=2),
                change(2, what="/etc/cups/cupsd.conf"),
                change(30, "kernel", "kernel-core", "installed", new="5"),
                change(-1, "selinux", "SELinux", "set to permissive", old="enforcing", new="permissive"),
            ]
        },
        About(origin=Origin("x"), now=NOW + 7200),
        7,
    )
    assert before(finding("nginx.service has failed", "nginx.service"), those) == (
        "nginx was upgraded from 1 to 2, 3 hours before",
        "SELinux was set to enforcing (before: permissive), 12 minutes before",
    )
    assert before(finding("the disk is slow", "sda"), those) == ("SELinux was set to enforcing (before: permissive), 12 minutes before",)
    assert before(finding("x", since=0.0), those) == ()


def test_a_finding_does_not_follow_from_the_line_that_it_cites():
    those = lately({Change: [change(0.1, "selinux", "SELinux", "set to enforcing", path="audit.log", line=7)]}, ABOUT, 7)
    assert before(finding("SELinux was switched"), those)
    cites = Finding(Severity.NOTE, "SELinux was switched", (Origin("audit.log", 7),), "y", since=NOW)
    assert before(cites, those) == ()


def test_a_file_is_known_by_its_folder_and_its_name():
    those = lately(
        {Change: [change(1, what="/etc/nginx/nginx.conf"), change(1.5, what="/etc/systemd/system/app.service", kind="unit")]}, ABOUT, 7
    )
    assert before(finding("nginx.service keeps restarting", "nginx.service"), those) == (
        "/etc/nginx/nginx.conf was changed, 1 hour before",
    )
    assert before(finding("app.service keeps restarting", "app.service"), those) == (
        "/etc/systemd/system/app.service was changed, 1 hour before",
    )
    assert before(finding("/var is full", "/var"), those) == ()


def test_what_was_changed_by_hand_just_before_is_told_first_whatever_it_is_called():
    files = [change(2, what=f"/etc/postgresql/15/{name}", line=at) for at, name in enumerate(("a.conf", "b.conf"), 3)]
    those = lately({Change: [*files, change(0.01, what="/etc/acme/orders.conf"), change(0.5, what="/etc/other", line=2)]}, ABOUT, 7)
    assert before(finding("PostgreSQL refuses connections"), those) == (
        "/etc/acme/orders.conf was changed, 36 seconds before",
        "/etc/postgresql/15/a.conf was changed, and 1 file more, 2 hours before",
    )


TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=300)
REAL = [
    line
    for folder in CASES
    for path in folder.rglob("*")
    if path.is_file() and path.name != "expect.txt"
    for line in path.read_text().split("\n")[:40]
]


@st.composite
def broken(draw):
    """A real line with something in it cut, doubled or replaced."""
    line = draw(st.sampled_from(REAL))
    at, to = sorted((draw(st.integers(0, len(line))), draw(st.integers(0, len(line)))))
    return line[:at] + draw(TEXT) + line[to:]


@pytest.mark.parametrize("parser", OURS, ids=lambda parser: parser.name)
@given(st.lists(st.one_of(TEXT, broken()), max_size=8), st.floats(0, 2e9))
@settings(max_examples=25, deadline=None)
def test_any_text_can_be_read(parser, those, mtime):
    for path in parser.patterns[:1]:
        try:
            facts = list(parser.read(Document(Entry(path=path.replace("*", "x"), there=True, mtime=mtime), "\n".join(those).encode())))
        except FormatError:
            continue
        lately({Change: facts}, ABOUT, 1e6)


@pytest.mark.parametrize("ear", EARS, ids=lambda ear: ear.name)
@given(st.one_of(TEXT, broken()), st.sampled_from(["", "kernel", "audit", "systemd", "useradd", "passwd"]), st.floats(0, 2e9))
@settings(max_examples=25, deadline=None)
def test_any_event_can_be_heard(ear, text, facility, time):
    for fact in ear.hear(Event(text, Origin("x", 1), time, "certain", facility)):
        assert sentence(lately({Change: [fact]}, About(origin=Origin("x")), 1e6)[0]) if fact.time else True


@given(st.lists(st.tuples(st.sampled_from(["package", "selinux", "service", "reboot", "crash", "configuration", "clock"]), st.sampled_from(["/etc/a", "b", "c"]),
                          st.sampled_from(["changed", "removed", "started", "stopped", "upgraded"]), st.floats(0, 100), st.booleans()), max_size=60))  # fmt: skip
def test_every_change_is_told_in_order_and_none_twice(those):
    facts = [
        change(hours, kind, what, action, line=number, attributes=flag) for number, (kind, what, action, hours, flag) in enumerate(those)
    ]
    found = lately({Change: facts}, ABOUT, 30)
    assert [each.time for each in found] == sorted(each.time for each in found)
    origins = [origin.line for each in found for item in each.items for origin in item.origins]
    assert len(origins) == len(set(origins)) <= len(facts)
    assert all(sentence(each) for each in found)


def test_the_command_prints_text_and_json():
    folder = str(next(each for each in CASES if each.name == "rhel9"))
    text = CliRunner().invoke(command, [folder])
    assert text.exit_code == 0
    assert "SELinux was set to enforcing (before: permissive), by user 1000\n" in text.output
    answer = json.loads(CliRunner().invoke(command, [folder, "--format", "json", "--days", "30"]).output)
    assert answer["changes"][0].keys() == {"time", "until", "certainty", "kind", "text", "count", "items"}
    assert all(item["evidence"] for each in answer["changes"] for item in each["items"])


def test_what_a_hostile_log_says_cannot_command_the_terminal(tmp_path):
    (tmp_path / "var/log").mkdir(parents=True)
    (tmp_path / "var/log/dpkg.log").write_text("2026-03-05 08:00:02 install a\x1b[2Jb:all <none> 1\u202e2\n")
    output = CliRunner().invoke(command, [str(tmp_path), "--days", "100000"]).output
    assert "\x1b" not in output
    assert "\u202e" not in output
