"""What was struck out before a bundle left is not known here, and never counted as healthy."""

import json
from dataclasses import replace

import pytest
from test_cases import FOUND, REGISTRY

from diagbundle.analyse.diagnosis import diagnose
from diagbundle.analyse.engine import analyse
from diagbundle.analyse.evidence.entry import START, entries_of
from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.analyse.verdict import Status
from diagbundle.bundle.format import STRUCK
from diagbundle.cli.analysis import finder

SICK = {
    folder.parent.name: folder
    for folder in FOUND
    if any(each["status"] == "found" for each in json.loads((folder / "expect.json").read_text()))
}
"""One case of each rule that finds something."""


def without(folder, is_gone):
    """The evidence of a case as it is where these paths were struck out."""
    evidence = FolderEvidence(str(folder))
    evidence.entries = [
        replace(entry, there=False, size=0, outcome="skipped", reason=STRUCK)
        if entry.there and is_gone(entry.path.removeprefix(START))
        else entry
        for entry in evidence.entries
    ]
    return evidence


@pytest.mark.parametrize("code", SICK)
def test_without_the_lines_it_cites_no_rule_is_clear(code):
    alone = replace(REGISTRY, rules=[rule for rule in REGISTRY.rules if rule.code == code])
    before = analyse(FolderEvidence(str(SICK[code])), alone, finder)
    cited = {origin.path.removeprefix(START) for each in before.verdicts if each.finding for origin in each.finding.origins}
    after = analyse(without(SICK[code], cited.__contains__), alone, finder)
    assert after.unparsed == {}
    assert not [each for each in after.verdicts if each.status is Status.CLEAR]
    if all(each.status is Status.UNDECIDED for each in after.verdicts):
        assert any("was struck out before it left" in each.because for each in after.verdicts)


def test_it_is_named_among_what_is_missing_and_no_command_fetches_it():
    folder = SICK["NET001"]
    gaps = diagnose(without(folder, lambda path: path.endswith("/dev")), REGISTRY, finder).gaps
    said = [gap for gap in gaps if "struck out before the bundle left" in gap.what]
    assert len(said) == 1
    assert said[0].collectors == ()
    assert "ask for what is needed of it" in said[0].fix


def test_its_place_is_known_from_its_row():
    row = {
        "collector": "x",
        "kind": "command",
        "source": ["ip", "a"],
        "outcome": "skipped",
        "reason": STRUCK,
        "struck": "sos_commands/net/ip_a",
    }
    (entry,) = entries_of(iter([row]))
    assert (entry.path, entry.there, entry.is_struck) == ("sos_commands/net/ip_a", False, True)


def test_the_log_of_an_application_takes_nothing_from_what_the_kernel_says():
    folder = next(folder for folder in FOUND if (folder / "var/log/messages").exists())
    evidence = without(folder, "var/log/messages".__eq__)
    evidence.entries = [replace(entry, path="var/log/nginx/access.log") if entry.is_struck else entry for entry in evidence.entries]
    known = analyse(evidence, REGISTRY, finder)
    of_kernel = {kind for parser in REGISTRY.log_parsers if parser.kernel for kind in parser.gives}
    of_others = {kind for parser in REGISTRY.log_parsers if not parser.kernel for kind in parser.gives}
    only = {rule.code for rule in REGISTRY.rules if {*rule.needs, *rule.uses} & of_kernel and not {*rule.needs, *rule.uses} & of_others}
    assert only
    assert not [each for each in known.verdicts if each.code in only and "struck out" in each.because]
