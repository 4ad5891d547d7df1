"""Every rule is held to its cases: a saved tree and what is to be said of it. `make accept` writes the expectations anew, for a look."""

import json
import os
import pathlib
from dataclasses import replace

import pytest

from diagbundle.analyse.engine import analyse
from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.analyse.knowledge import built_in, faults
from diagbundle.analyse.registry import SUBJECTS, known, with_rules
from diagbundle.cli.analysis import finder

CASES = pathlib.Path(__file__).parent.parent / "cases"
LOG_RULES = list(built_in())
REGISTRY = with_rules(known(), [rule.announced() for rule in LOG_RULES])
IN_PYTHON = sorted({rule.code for rule in known().rules})
FOUND = sorted(path.parent for path in CASES.glob("[A-Z]*/*/expect.json"))


def verdicts(folder):
    """What the rule whose code the folder above bears says of a case."""
    alone = replace(REGISTRY, rules=[rule for rule in REGISTRY.rules if rule.code == folder.parent.name])
    analysis = analyse(FolderEvidence(str(folder)), alone, finder)
    assert analysis.unparsed == {}
    return [
        {"status": str(each.status)}
        | ({"because": each.because} if each.because else {})
        | (
            {
                "severity": str(each.finding.severity),
                "title": each.finding.title,
                "origins": [str(origin) for origin in each.finding.origins],
            }
            if each.finding
            else {}
        )
        for each in analysis.verdicts
    ]


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_case(folder):
    said = verdicts(folder)
    expect = folder / "expect.json"
    if os.environ.get("ACCEPT"):
        expect.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
    assert said == json.loads(expect.read_text())


@pytest.mark.parametrize("code", IN_PYTHON)
def test_every_rule_in_python_has_a_case_that_fires_and_one_that_stays_clear(code):
    said = {each["status"] for folder in FOUND if folder.parent.name == code for each in json.loads((folder / "expect.json").read_text())}
    assert {"found", "clear"} <= said


@pytest.mark.parametrize("rule", LOG_RULES, ids=lambda rule: rule.code)
def test_every_rule_in_toml_holds_its_own_cases(rule):
    assert faults(rule) == []


def test_every_case_belongs_to_a_rule():
    codes = {rule.code for rule in REGISTRY.rules}
    assert {path.parent.name for path in FOUND} <= codes


@pytest.mark.parametrize("rule", REGISTRY.rules, ids=lambda rule: rule.code)
def test_every_rule_explains_itself(rule):
    assert rule.suspect
    assert len(rule.doc) > 40, "say what it means and what to do: `diagbundle explain` prints it"


def test_every_code_begins_with_a_subject():
    assert {rule.code[:3] for rule in REGISTRY.rules} == set(SUBJECTS)
