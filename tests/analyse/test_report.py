"""What an analysis looks like: to people in a terminal, and to programs."""

import json
import re

import pytest
from click.testing import CliRunner

from diagbundle.analyse.diagnosis import Diagnosis
from diagbundle.analyse.engine import Analysis
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.facts.spoken import span
from diagbundle.analyse.log.hearing import Heard
from diagbundle.analyse.ranking import ranked
from diagbundle.analyse.verdict import Finding, Origin, Severity, Status, Verdict
from diagbundle.cli import analyze, check, explain, rules
from diagbundle.errors import UsageError
from diagbundle.report.json import as_json
from diagbundle.report.terminal import Terminal

NOW = 1772796400.0
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\x00\r\n"


def found(title, severity=Severity.WARNING, **more):
    keys = {"origins": (Origin("var/log/messages", 18231, "the line"),), "advice": "do something"} | more
    return Verdict("TST001", "suspect", Status.FOUND, Finding(severity, title, **keys))


def diagnosis(*verdicts, **more):
    about = About(
        origin=Origin("diagbundle/manifest.jsonl", 1),
        now=NOW,
        booted=NOW - 86400 * 41,
        name="db1",
        os="Some Linux 9",
        kernel="5.14",
        **more,
    )
    return Diagnosis(Analysis(about, ranked(verdicts, NOW), {}, {}, Heard()))


def text(*verdicts, width=80, everything=False, **more):
    return "".join(Terminal(width, everything=everything).report(diagnosis(*verdicts, **more)))


def test_the_worst_comes_first_causes_before_symptoms_and_now_before_then():
    order = [
        found("critical", Severity.CRITICAL),
        found("critical symptom", Severity.CRITICAL, symptom=True),
        found("now"),
        found("yesterday", latest=NOW - 80_000),
        found("last week", latest=NOW - 500_000),
        found("symptom", symptom=True),
        found("note", Severity.NOTE),
        Verdict("TST000", "cleared", Status.CLEAR),
        Verdict("TST000", "unknown", Status.UNDECIDED, because="no"),
    ]
    assert ranked(reversed(order), NOW) == order


def test_the_same_sentence_is_said_once():
    assert len(ranked([found("one"), found("one"), found("two")], NOW)) == 2


def test_what_rests_on_the_same_lines_is_one_finding():
    line, other = Origin("var/log/x", 7, "x"), Origin("var/log/x", 9, "y")
    same = Verdict("TST002", "suspect", Status.FOUND, Finding(Severity.NOTE, "the same", (line,), "x"))
    apart = Verdict("TST003", "suspect", Status.FOUND, Finding(Severity.NOTE, "another", (line, Origin("var/log/x", 11)), "x"))
    first, second = ranked([same, apart, found("first", origins=(line, other))], NOW)
    assert (first.finding.title, first.finding.detail) == ("first", "also TST002: the same")
    assert second is apart


def test_a_part_is_told_with_its_whole_even_where_it_would_come_first():
    part = Verdict("TST002", "suspect", Status.FOUND, Finding(Severity.CRITICAL, "part", (Origin("y", 1),), "x", part_of=("TST001",)))
    assert [(each.finding.title, each.finding.detail) for each in ranked([part, found("whole")], NOW)] == [("whole", "also TST002: part")]
    assert ranked([part, found("other") and Verdict("TST009", "x", Status.CLEAR)], NOW)[0] is part


def test_of_many_findings_of_one_rule_the_worst_are_told_and_the_others_counted():
    told = ranked([found(f"number {n:02}") for n in range(20)] + [found("worst", Severity.CRITICAL)], NOW)
    assert [each.finding.title for each in told] == ["worst", *(f"number {n:02}" for n in range(7))]
    assert told[-1].finding.detail == "and 13 more of this kind"


def test_the_screen_names_the_host_the_line_and_what_to_do():
    said = text(found("sdb1 is full", Severity.CRITICAL, detail="since noon"), Verdict("TST002", "DNS", Status.CLEAR))
    assert "db1 · Some Linux 9 · kernel 5.14 · up 41 days" in said
    assert re.search(r"CRITICAL  sdb1 is full +TST001\n", said)
    assert "18231  the line" in said
    assert "Do: do something. `diagbundle explain TST001` tells more." in " ".join(said.split())
    assert "cleared   1 suspect: DNS" in said


def test_what_could_not_be_judged_is_said_with_the_reason_once():
    unknown = [Verdict(f"TST00{n}", f"suspect {n}", Status.UNDECIDED, because="smartctl is not on this host") for n in (1, 2)]
    said = text(*unknown)
    assert "unknown   2 suspects could not be judged:" in said
    assert said.count("smartctl is not on this host") == 1


def test_a_partial_bundle_is_called_so():
    assert "partial   the disk was full" in text(incomplete="the disk was full")


def test_notes_are_short_unless_all_is_asked_for():
    assert "18231" not in text(found("by the way", Severity.NOTE))
    assert "18231" in text(found("by the way", Severity.NOTE), everything=True)


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_no_line_is_wider_than_the_screen(width):
    said = text(found("a " * 100, detail="b " * 100, origins=(Origin("p" * 30, 1, "c" * 1000),)), width=width)
    assert max(map(len, said.splitlines())) <= max(60, width) + 1


def test_nothing_of_a_strangers_text_reaches_the_screen_raw():
    origin = Origin(f"var/{HOSTILE}", 1, HOSTILE)
    hostile = found(HOSTILE, detail=HOSTILE, advice=HOSTILE, origins=(origin,))
    said = text(
        hostile, Verdict("TST002", HOSTILE, Status.CLEAR), Verdict("TST003", HOSTILE, Status.UNDECIDED, because=HOSTILE), incomplete=HOSTILE
    )
    assert not RAW.search(said.replace("\n", ""))
    assert not RAW.search(as_json(HOSTILE, diagnosis(hostile)).replace("\n", ""))


def test_the_contract_of_json():
    answer = json.loads(
        as_json("b.tar.zst", diagnosis(found("x", since=NOW - 60), Verdict("TST002", "DNS", Status.UNDECIDED, because="denied")))
    )
    assert answer["bundle"] == "b.tar.zst"
    first, second = answer["verdicts"]
    assert {
        "rule": "TST001",
        "status": "found",
        "severity": "warning",
        "title": "x",
        "advice": "do something",
        "because": None,
    }.items() <= first.items()
    assert first["evidence"] == [{"path": "var/log/messages", "line": 18231, "text": "the line"}]
    assert first["since"] == "2026-03-06T11:25:40Z"
    assert (second["status"], second["because"], second["evidence"]) == ("undecided", "denied", [])


@pytest.mark.parametrize(("seconds", "words"), [(9, "9 s"), (150, "2 min"), (10_000, "3 h"), (41 * 86400, "41 days")])
def test_spans_of_time(seconds, words):
    assert span(seconds) == words


# -- commands


@pytest.fixture
def sick(tmp_path):
    (tmp_path / "var" / "log").mkdir(parents=True)
    (tmp_path / "var" / "log" / "messages").write_text("Mar  5 10:12:01 db1 acme[1]: spoon a bent\n")
    (tmp_path / "mine.toml").write_text(
        '[[rule]]\ncode = "ACM900"\nsuspect = "spoons"\ncontains = ["spoon"]\npattern = "spoon (?P<name>.) bent"\nseverity = "critical"\n'
        'title = "{name} bent {times}"\nadvice = "straighten {name}"\nexplain = "Spoons bend, and then soup is spilled over everything."\n'
        'hits = ["spoon a bent"]\nmisses = ["spoon"]\n'
    )
    return tmp_path


def run(command, *words):
    return CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)


@pytest.mark.parametrize(("flags", "status"), [([], 0), (["--fail-on", "critical"], 5), (["--fail-on", "note"], 5)])
def test_a_rule_of_ones_own_judges_and_fail_on_tells(sick, flags, status):
    result = run(analyze.command, sick, "--rules", sick / "mine.toml", *flags)
    assert result.return_value == status
    assert "a bent once, Mar 05 10:12:01 UTC" in result.stdout


def test_a_folder_of_rules_is_taken_and_a_wrong_one_is_named(sick):
    (sick / "rules").mkdir()
    (sick / "mine.toml").rename(sick / "rules" / "mine.toml")
    assert "ACM900" in run(analyze.command, sick, "--rules", sick / "rules", "--format", "json").stdout
    (sick / "rules" / "wrong.toml").write_text("[[rule]]\n")
    result = run(analyze.command, sick, "--rules", sick / "rules")
    assert isinstance(result.exception, UsageError)
    assert "wrong.toml" in str(result.exception)


def test_rules_lists_and_tests(sick):
    assert "ACM900  spoons" in run(rules.command, "--rules", sick / "mine.toml").stdout
    assert "all as they should be" in run(rules.command, "--test", "--rules", sick / "mine.toml").stdout
    text = (sick / "mine.toml").read_text().replace('misses = ["spoon"]', 'misses = ["spoon b bent"]')
    (sick / "mine.toml").write_text(text)
    result = run(rules.command, "--test", "--rules", sick / "mine.toml")
    assert "ACM900" in result.stdout
    assert result.return_value == 1


def test_explain_prints_what_a_rule_says_of_itself(sick):
    assert "soup is spilled" in run(explain.command, "ACM900", "--rules", sick / "mine.toml").stdout
    unknown = run(explain.command, "ACM901", "--rules", sick / "mine.toml").exception
    assert "did you mean ACM900" in unknown.hint


def test_nothing_to_analyze_is_told_in_words(tmp_path):
    result = run(analyze.command, tmp_path / "nothing")
    assert isinstance(result.exception, UsageError)


def test_check_uses_a_file_without_a_name(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "FOLDERS", (str(tmp_path),))
    where, descriptor, room = check.nameless()
    assert (where, room > 0) == (str(tmp_path), True)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(check, "FOLDERS", (str(tmp_path / "nothing"),))
    assert check.nameless()[0] == "memory"
    assert descriptor > 2


def test_what_was_long_ago_is_told_with_its_year():
    old = {"since": NOW - 400 * 86400, "latest": NOW - 399 * 86400}
    said = text(found("gone, Jan 30 11:26", Severity.NOTE, **old), found("bad, once, Jan 30 11:26:40 UTC", **old))
    assert "gone, Jan 30 11:26 (in 2025)" in said
    assert "since 2025-01-30" in said
    assert "since" not in text(found("bad, once, Mar 06 10:26:40 UTC", since=NOW - 3600))
