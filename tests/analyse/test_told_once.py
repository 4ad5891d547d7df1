"""What two rules tell of one thing is told once; what a stranger writes into a request is told never."""

import pytest

from diagbundle.analyse.knowledge import parse
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.ranking import ranked
from diagbundle.analyse.verdict import Finding, Origin, Severity, Status, Verdict

NOW = 1_772_704_800.0


def verdict(code, subject, severity=Severity.WARNING, part_of=()):
    """A verdict with a line of its own."""
    finding = Finding(severity, f"{code} of {subject}", (Origin(f"var/log/{code}", 1, "x"),), "Do", subject=subject, part_of=part_of)
    return Verdict(code, "suspect", Status.FOUND, finding)


@pytest.mark.parametrize(
    ("subject", "severity", "part_of", "told"),
    [
        ("web.service /opt/web", Severity.WARNING, ("same SVC001",), 1),
        ("api.service /opt/api", Severity.WARNING, ("same SVC001",), 2),
        ("", Severity.WARNING, ("same SVC001",), 2),
        ("api.service", Severity.WARNING, ("SVC001",), 1),
        ("web.service", Severity.WARNING, (), 2),
    ],
)
def test_a_part_is_told_with_its_whole(subject, severity, part_of, told):
    found = ranked([verdict("SVC001", "web.service"), verdict("APP013", subject, severity, part_of)], NOW)
    assert len(found) == told
    assert ("also APP013" in found[0].finding.detail) == (told == 1)


def test_no_note_tells_of_what_is_worse():
    note = verdict("LIM002", "host", Severity.NOTE)
    assert len(ranked([note, verdict("LIM021", "host", Severity.CRITICAL, ("LIM002",))], NOW)) == 2
    assert len(ranked([note, verdict("LIM021", "host", Severity.NOTE, ("LIM002",))], NOW)) == 1


RULE = """
[[rule]]
code = "ACM001"
suspect = "x"
title = "x"
severity = "warning"
advice = "Do"
explain = "x"
contains = ["no space left"]
pattern = "No space left"
hits = ["No space left"]
misses = ["x"]
"""


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("cannot write: No space left on device", 1),
        ('203.0.113.5 - - "GET /?q=No%20space HTTP/1.1" 404 12 "-" "No space left on device"', 0),
        ('upstream failed, request: "GET / HTTP/1.1", No space left on device', 1),
    ],
)
def test_what_a_stranger_asked_for_is_no_evidence(text, heard):
    listener, _ = next(iter(parse(RULE, "acme.toml"))).announced()
    facts = list(listener.hear(Event(text, Origin("var/log/x", 1, text), NOW)))
    assert len(facts) == heard
