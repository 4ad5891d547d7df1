"""The engine: three answers, reasons for what is undecided, and nothing that fails stops the rest."""

import json
from dataclasses import dataclass

import pytest

from diagbundle.analyse.engine import analyse
from diagbundle.analyse.evidence.entry import Entry, Head
from diagbundle.analyse.fact import Fact, pairs, seconds_between
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.knowledge import faults, parse
from diagbundle.analyse.registry import LogParser, Parser, Registry, Rule, with_rules
from diagbundle.analyse.verdict import Finding, Origin, Severity, Status, Undecided
from diagbundle.cli.analysis import finder
from diagbundle.errors import IntegrityError, UsageError

BOOTED = 1772700000
NOW = 1772796400.0


@dataclass(frozen=True)
class Number(Fact):
    value: int = 0


@dataclass(frozen=True)
class Word(Fact):
    value: str = ""


class Desk:
    """Evidence that is written down in a test: path -> content, or an entry that was not had."""

    name = "desk"
    head = Head(created=NOW, finished=NOW, zone="UTC")

    def __init__(self, files, *missing):
        self._files = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
        self.entries = [
            Entry(
                path, there=True, source=path, started=NOW - 10 if "/start/" in path else NOW, mtime=NOW, size=len(text), exit=0, key=path,
                kind="table" if "tables" in path else "file",
            )
            for path, text in self._files.items()
        ] + list(missing)  # fmt: skip

    def blocks(self, entry):
        if self._files[entry.path] == b"broken":
            raise IntegrityError("it does not match its checksum")
        yield self._files[entry.path]


def numbers(doc):
    for line in doc.lines:
        if line:
            yield Number(int(line), origin=line.origin)


def large(found):
    """A number is large."""
    for number in found:
        if number.value > 100:
            yield Finding(Severity.WARNING, f"{number.value} is large", (number.origin,), "take less")


NUMBERS = Parser((Number,), ("proc/number",), numbers, "numbers")
WORDS = Parser((Word,), ("proc/word",), lambda doc: [Word(doc.text, origin=doc.origin())], "words")


def judged(desk, judge=large, *, needs=(Number,), absent="", parsers=(NUMBERS, WORDS)):
    rule = Rule("TST001", "large numbers", needs, (), absent, judge, "A number is large.")
    return analyse(desk, Registry(list(parsers), [], [rule]), finder)


def only(analysis):
    (verdict,) = analysis.verdicts
    return verdict


def test_found_with_the_line_that_shows_it():
    verdict = only(judged(Desk({"proc/number": "7\n700\n"})))
    assert (verdict.status, verdict.finding.title) == (Status.FOUND, "700 is large")
    assert (str(verdict.finding.origins[0]), verdict.finding.origins[0].text) == ("proc/number:2", "700")


def test_clear_where_all_was_had():
    assert only(judged(Desk({"proc/number": "7\n"}))).status is Status.CLEAR


def test_an_empty_answer_is_an_answer():
    assert only(judged(Desk({"proc/number": ""}))).status is Status.CLEAR


@pytest.mark.parametrize(
    ("outcome", "reason", "because"),
    [
        ("denied", "", "/proc/number was denied"),
        ("timeout", "after 5 s", "/proc/number did not answer in time: after 5 s"),
        ("absent", "", "/proc/number is not on this host"),
        ("skipped", "would load it", "/proc/number was not asked: would load it"),
    ],
)
def test_undecided_with_the_reason_of_the_manifest(outcome, reason, because):
    missing = Entry("proc/number", there=False, source="/proc/number", outcome=outcome, reason=reason)
    verdict = only(judged(Desk({}, missing)))
    assert (verdict.status, verdict.because) == (Status.UNDECIDED, because)


def test_what_a_host_plainly_has_not_is_clear():
    missing = Entry("proc/number", there=False, source="/proc/number", outcome="absent")
    verdict = only(judged(Desk({}, missing), absent="there are no numbers"))
    assert (verdict.status, verdict.because) == (Status.CLEAR, "there are no numbers")
    denied = Entry("proc/number", there=False, source="/proc/number", outcome="denied")
    assert only(judged(Desk({}, denied), absent="there are no numbers")).status is Status.UNDECIDED
    assert only(judged(Desk({}), absent="there are no numbers")).status is Status.UNDECIDED


def test_a_parser_that_fails_costs_only_its_piece():
    analysis = judged(Desk({"proc/number": "seven\n", "proc/word": "w"}), needs=(Number, Word))
    assert only(analysis).status is Status.UNDECIDED
    assert "ValueError" in analysis.unparsed["proc/number"]
    assert analysis.facts[Word]


def test_of_two_readings_one_that_fails_leaves_the_other():
    desk = Desk({"proc/number": "900\n", "diagbundle/start/proc/number": "broken"})
    assert only(judged(desk)).finding.title == "900 is large"


def test_damaged_evidence_is_unread():
    analysis = judged(Desk({"proc/number": "broken"}))
    assert only(analysis).status is Status.UNDECIDED
    assert analysis.unparsed == {"proc/number": "it does not match its checksum"}


def test_a_rule_that_fails_is_undecided():
    analysis = judged(Desk({"proc/number": "1"}), lambda found: [found[99]])
    assert only(analysis).because == "the rule failed: IndexError: list index out of range"
    assert "rule TST001" in analysis.unparsed


def test_a_rule_may_say_that_it_cannot_tell():
    def torn(_found):
        raise Undecided("the numbers contradict each other")

    assert only(judged(Desk({"proc/number": "1"}), torn)).because == "the numbers contradict each other"


def test_two_readings_make_pairs_with_the_time_between():
    analysis = judged(Desk({"diagbundle/start/proc/number": "3", "proc/number": "10"}))
    ((first, last),) = pairs(analysis.facts[Number], lambda _number: "")
    assert (first.value, last.value, seconds_between(first, last)) == (3, 10, 10.0)


def test_a_finding_without_an_origin_cannot_be_made():
    with pytest.raises(ValueError, match="origin"):
        Finding(Severity.NOTE, "x", (), "y")


# -- rules for logs


def log_rule(**more):
    keys = {
        "code": "TST002", "suspect": "spoons", "contains": ["spoon"], "pattern": r"spoon (?P<name>\w+) bent", "severity": "warning",
        "title": "{name} bent {times}", "advice": "hold {name} straight", "explain": "Spoons bend.", "by": ["name"],
        "hits": ["spoon a bent"], "misses": ["spoon a straight"],
    } | more  # fmt: skip
    return "[[rule]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())


def heard(text, desk):
    (rule,) = parse(text, "test")
    analysis = analyse(desk, with_rules(Registry([], [], []), [rule.announced()]), finder)
    return sorted((str(each.finding.severity), each.finding.title) for each in analysis.verdicts if each.finding) or [
        str(each.status) for each in analysis.verdicts
    ]


def stamp(hours_ago, day="Mar  6", hour=11):
    return f"{day} {hour - hours_ago:02}:26:40 host prog[12]: "


def test_each_value_is_a_finding_with_its_times():
    lines = [stamp(3) + "spoon b bent", stamp(2) + "spoon c bent", stamp(1) + "spoon b bent", stamp(0) + "spoon b straight"]
    assert heard(log_rule(), Desk({"var/log/messages": "\n".join(lines) + "\n"})) == [
        ("warning", "b bent 2 times, Mar 06 08:26:40 to 10:26:40 UTC"),
        ("warning", "c bent once, Mar 06 09:26:40 UTC"),
    ]


def test_without_logs_it_is_undecided():
    assert heard(log_rule(), Desk({})) == ["undecided"]
    assert heard(log_rule(kernel=True), Desk({"var/log/app.log": "spoon a bent\n"})) == ["undecided"]


def test_what_is_said_to_be_over_is_a_note():
    over = log_rule(over=r"spoon (?P<name>\w+) straight")
    lines = [stamp(3) + "spoon b bent", stamp(2) + "spoon c bent", stamp(1) + "spoon b straight"]
    assert heard(over, Desk({"var/log/messages": "\n".join(lines) + "\n"})) == [
        ("note", "b bent once, Mar 06 08:26:40 UTC"),
        ("warning", "c bent once, Mar 06 09:26:40 UTC"),
    ]
    lines = [stamp(3) + "spoon b straight", stamp(2) + "spoon b bent"]
    assert heard(over, Desk({"var/log/messages": "\n".join(lines) + "\n"})) == [("warning", "b bent once, Mar 06 09:26:40 UTC")]
    with pytest.raises(UsageError, match="`over` names 'who'"):
        heard(log_rule(over=r"(?P<who>\w+) straight"), Desk({}))


def test_what_is_old_is_a_note():
    line = "Feb 20 10:00:00 host prog: spoon a bent\n"
    assert [severity for severity, _ in heard(log_rule(), Desk({"var/log/messages": line}))] == ["note"]
    assert [severity for severity, _ in heard(log_rule(recent="30d"), Desk({"var/log/messages": line}))] == ["warning"]


@pytest.mark.parametrize(("within", "found"), [("1h", False), ("3h", True)])
def test_least_counts_within_a_window(within, found):
    lines = "".join(stamp(hours) + "spoon a bent\n" for hours in (4, 2, 0))
    answer = heard(log_rule(least=2, within=within), Desk({"var/log/messages": lines}))
    assert (answer != ["clear"]) is found


def test_the_kernel_is_heard_wherever_its_words_lie_and_only_once():
    text = "spoon k bent"
    rows = json.dumps({"prio": 3, "seq": 1, "usec": 50_000_000_000, "text": text})
    desk = Desk(
        {
            "proc/stat": f"btime {BOOTED}\n", "diagbundle/tables/kmsg": rows + "\n",
            "var/log/kern.log": f"Mar  5 22:33:20 host kernel: [50000.000000] {text}\n",
            "sos_commands/logs/journalctl_--merge_-o_export": (
                f"__REALTIME_TIMESTAMP={BOOTED + 50_001}000000\n_TRANSPORT=kernel\nMESSAGE={text}\n\n"
            ),
        }
    )  # fmt: skip
    assert heard(log_rule(kernel=True, recent="9d"), desk) == [("warning", "k bent once, Mar 05 22:33:20 UTC")]


def test_what_was_cleared_from_the_kernels_log_accuses_nobody():
    rows = [{"prio": 3, "seq": n, "usec": n * 1_000_000_000, "text": f"spoon {name} bent"} for n, name in ((1, "old"), (9, "new"))]
    files = {"proc/stat": f"btime {BOOTED}\n", "diagbundle/tables/kmsg": "".join(json.dumps(row) + "\n" for row in rows)}
    shown = files | {"sos_commands/kernel/dmesg": "[ 5000.000000] something else\n[ 9000.000000] spoon new bent\n"}
    names = {title.split()[0] for _, title in heard(log_rule(recent="9d"), Desk(files))}
    assert names == {"old", "new"}
    assert {title.split()[0] for _, title in heard(log_rule(recent="9d"), Desk(shown))} == {"new"}


def test_a_line_without_a_time_has_that_of_the_one_before():
    lines = "2026-03-06 09:00:00,123 ERROR something\n\tat com.example.Spoon\nCaused by: spoon a bent\n"
    assert heard(log_rule(), Desk({"opt/app/log/app.log": lines})) == [("warning", "a bent once, Mar 06 09:00:00 UTC")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code": "X1"}, "three capitals"),
        ({"contains": ["abc"]}, "four characters"),
        ({"contains": []}, "four characters"),
        ({"pattern": "("}, "unterminated|missing"),
        ({"severity": "loud"}, "loud"),
        ({"by": ["nobody"]}, "no group"),
        ({"least": 0}, "least may not be 0"),
        ({"within": "soon"}, "a time is a number"),
        ({"colour": "red"}, "no key 'colour'"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_in_words(change, message):
    with pytest.raises(UsageError, match=message):
        list(parse(log_rule(**change), "mine.toml"))


def test_a_rule_that_does_not_hold_its_cases_says_which():
    (rule,) = parse(log_rule(hits=["fork a bent"], misses=["spoon b bent"]), "test")
    assert [fault.partition(":")[0] for fault in faults(rule)] == [
        "does not find", "has no word of `contains`", "finds what it must not",
    ]  # fmt: skip


def test_two_rules_of_one_code_are_refused():
    rule = next(parse(log_rule(), "test")).announced()
    with pytest.raises(ValueError, match="TST002"):
        with_rules(Registry([], [], []), [rule, rule])


def test_a_listener_that_fails_costs_only_itself():
    def failing(_event):
        raise RuntimeError("no")

    listener = LogParser((Word,), ("spoon",), failing, "failing")
    desk = Desk({"var/log/messages": stamp(1) + "spoon a bent\n" + stamp(0) + "spoon a bent\n"})
    rule = next(parse(log_rule(), "test")).announced()
    analysis = analyse(desk, Registry([], [listener, rule[0]], [rule[1]]), finder)
    assert only(analysis).status is Status.FOUND
    assert "RuntimeError" in analysis.unparsed["failing"]


def test_the_host_is_known_from_another_tools_files():
    desk = Desk(
        {
            "sos_commands/date/date": "Thu Mar  5 10:20:01 UTC 2026\n", "proc/uptime": "3600.00 1.0\n", "etc/redhat-release": "Some Linux 9\n",
            "sos_commands/kernel/uname_-a": "Linux db1 5.14.0-427.el9.x86_64 #1 SMP\n",
        }
    )  # fmt: skip
    desk.head = Head()
    about = analyse(desk, Registry([], [], []), finder).about
    assert (about.name, about.os, about.kernel) == ("db1", "Some Linux 9", "5.14.0-427.el9.x86_64")
    assert (about.now, about.uptime) == (1772706001.0, 3600.0)


def test_about_may_be_needed_like_any_fact():
    def young(about):
        yield Finding(Severity.NOTE, f"up {about[0].uptime:.0f} s", (about[0].origin,), "wait")

    assert only(judged(Desk({"proc/stat": f"btime {BOOTED}\n"}), young, needs=(About,))).finding.title == f"up {NOW - BOOTED:.0f} s"


def test_an_origin_names_path_and_line():
    assert [str(Origin("a/b", 3)), str(Origin("a/b"))] == ["a/b:3", "a/b"]


def test_a_dmesg_without_anything_else_is_dated_by_audits_stamps():
    text = '[ 4301.999258] audit: type=1400 audit(1644450589.972:424): apparmor="DENIED"\n[ 4400.000000] spoon a bent\n'
    desk = Desk({"sos_commands/kernel/dmesg": text})
    desk.head = Head()
    assert heard(log_rule(recent="9999d"), desk) == [("warning", "a bent once, Feb 09 23:51:27 UTC")]


def test_files_that_lost_their_times_are_dated_by_the_host():
    desk = Desk({"var/log/messages": "Feb  9 10:00:00 db1 prog: spoon a bent\n", "date": "Thu Feb 10 16:19:17 UTC 2022\n"})
    desk.head = Head()
    assert heard(log_rule(), desk) == [("warning", "a bent once, Feb 09 10:00:00 UTC")]


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("Fri Mar  6 10:00:00 CET 2026", "08:30"), ("Fri Mar  6 10:00:00 UTC 2026", "09:30"), ("Fri Mar  6 10:00:00 EST 2026", "14:30"),
        ("Fri Mar  6 10:00:00 AM +03 2026", "06:30"), ("Fri 06 Mar 2026 10:00:00 AM CET", "08:30"),
    ],
)  # fmt: skip
def test_the_zone_of_another_tools_report_is_that_of_date(date, hour):
    desk = Desk({"var/log/messages": "Mar  6 09:30:00 db1 prog: spoon a bent\n", "sos_commands/date/date": date + "\n"})
    desk.head = Head()
    assert heard(log_rule(), desk) == [("warning", f"a bent once, Mar 06 {hour}:00 UTC")]


def test_what_other_hosts_say_to_a_log_server_does_not_accuse_it():
    lines = "Mar  6 09:00:11 esx1 kernel: spoon a bent\nMar  6 09:00:12 desk kernel: hello\nMar  6 09:00:13 esx2 kernel: spoon b bent\n"
    desk = Desk({"var/log/messages": lines, "etc/hostname": "desk.example.net\n"})
    desk.head = Head(created=NOW, finished=NOW, zone="UTC", name="desk")
    assert heard(log_rule(kernel=True), desk) == ["clear"]
    desk = Desk({"var/log/remote/esx1.log": "Mar  6 09:00:11 esx1 kernel: spoon a bent\n", "etc/hostname": "desk\n"})
    assert heard(log_rule(kernel=True), desk) == ["undecided"]


def test_a_host_that_was_renamed_is_still_accused():
    desk = Desk({"var/log/kern.log": "Mar  6 09:00:11 ip-10-0-0-1 kernel: spoon a bent\n", "etc/hostname": "db1\n"})
    assert heard(log_rule(kernel=True), desk) == [("warning", "a bent once, Mar 06 09:00:11 UTC")]


def test_lines_without_a_time_far_behind_a_dated_one_have_that():
    lines = "2018-03-13T06:37:41Z 1 [Note] begins\n" + "x" * 100 + "\n" * 500 + "spoon a bent\n" + "y\n" * 300_000 + "spoon a bent\n"
    answer = heard(log_rule(recent="9999d"), Desk({"var/log/mysql/error.log": lines}))
    assert answer == [("warning", "a bent 2 times, Mar 13 06:37:41 UTC")]


def test_a_log_that_was_rotated_on_a_day_holds_nothing_younger():
    desk = Desk({"var/log/messages-20250301": "Feb 20 10:00:00 desk prog: spoon a bent\n"})
    analysis = analyse(desk, with_rules(Registry([], [], []), [next(parse(log_rule(recent="9999d"), "x")).announced()]), finder)
    assert only(analysis).finding.since == 1740045600.0


def test_uptime_dates_a_dmesg():
    files = {
        "sos_commands/kernel/dmesg": "[ 6066.0] spoon a bent\n".replace("6066.0", "6066.000"),
        "uptime": " 10:00:00 up  1:50,  1 user\n",
    }
    desk = Desk(files | {"date": "Fri Mar  6 10:00:00 UTC 2026\n"})
    desk.head = Head()
    assert heard(log_rule(), desk) == [("warning", "a bent once, Mar 06 09:51:06 UTC")]


def test_a_priority_before_an_iso_time_is_none_of_the_year():
    lines = "<3>2026-03-06T09:33:40.54+00:00 desk kernel: [   29.782109] spoon a bent\n"
    assert heard(log_rule(kernel=True), Desk({"var/log/kern.log": lines})) == [("warning", "a bent once, Mar 06 09:33:40 UTC")]


@pytest.mark.parametrize("line", ['INFO [main] test "spoon a bent" passed', 'level=debug msg="spoon a bent"', "[info] spoon a bent"])
def test_a_line_that_calls_itself_calm_is_no_witness(line):
    desk = Desk({"var/log/app.log": f"2026-03-06 09:00:00 {line}\n"})
    assert heard(log_rule(), desk) == ["clear"]
    assert heard(log_rule(calm=True), desk) == [("warning", "a bent once, Mar 06 09:00:00 UTC")]


def test_the_kernels_info_is_meant():
    desk = Desk({"var/log/kern.log": "Mar  6 09:00:00 desk kernel: INFO: spoon a bent\n"})
    assert heard(log_rule(kernel=True), desk) == [("warning", "a bent once, Mar 06 09:00:00 UTC")]
