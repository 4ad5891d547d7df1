"""What is different between two hosts: held to cases, and to what must hold for any two. `make accept` writes the expectations anew."""

import json
import os
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagbundle.analyse.compare.compare import compare, registry_of_facts
from diagbundle.analyse.compare.difference import SECTIONS, Item
from diagbundle.analyse.compare.identity import Mask
from diagbundle.analyse.compare.items import Matching
from diagbundle.analyse.compare.kinds import KINDS, UNTOLD
from diagbundle.analyse.compare.side import Side
from diagbundle.analyse.compare.texts import Effort, different
from diagbundle.analyse.engine import analyse
from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.registry import known
from diagbundle.analyse.verdict import Origin
from diagbundle.cli import diff
from diagbundle.cli.analysis import finder, registry

CASES = pathlib.Path(__file__).parent.parent / "cases"
FOUND = sorted(path for path in (CASES / "diff").iterdir() if path.is_dir())
TREES = sorted(path.parent for path in CASES.glob("[A-Z]*/*/expect.json"))
FACTS = [name for name in SECTIONS if name != "verdicts"]
EVERYTHING = registry()
ONLY_FACTS = registry_of_facts(EVERYTHING, FACTS)
NO_MASKS = (Mask(), Mask())


def side(name, folder, wanted=ONLY_FACTS):
    evidence = FolderEvidence(str(folder))
    return Side(name, evidence, analyse(evidence, wanted, finder))


def compared(a, b):
    return compare(side("A", a), side("B", b), EVERYTHING, FACTS)


def told(found):
    """What a comparison says, in the form of expect.json."""
    return {
        "one_host": found.taken.one_host,
        "same_boot": found.taken.same_boot,
        "because": found.taken.because,
        "identity": [f"{each.name}: {each.a} -> {each.b}" for each in found.identity],
        "notes": found.notes,
        "different": {section.name: [one(each) for each in section.differences] for section in found.sections if section.differences},
        "left_out": {section.name: section.notes for section in found.sections if section.notes},
        "not_compared": {section.name: section.unknown for section in found.sections if section.unknown},
    }


def one(each):
    fields = [f"{field.name}: {field.a} -> {field.b}" for field in each.fields]
    lines = [f"{line.side}:{line.line} {line.text}" for line in each.lines]
    return " | ".join([f"{each.sign} {each.noun} {each.what}", *fields, *lines, f"A {each.a or '-'}", f"B {each.b or '-'}"])


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: folder.name)
def test_case(folder):
    said = told(compared(folder / "a", folder / "b"))
    expect = folder / "expect.json"
    if os.environ.get("ACCEPT"):
        expect.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
    assert said == json.loads(expect.read_text())


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: folder.name)
def test_the_other_way_round_it_says_the_same(folder):
    there, back = compared(folder / "a", folder / "b"), compared(folder / "b", folder / "a")
    turned = {"-": "+", "+": "-", "~": "~"}
    for ours, theirs in zip(there.sections, back.sections, strict=True):
        assert ours.same == theirs.same
        assert len(ours.unknown) == len(theirs.unknown)
        assert {(each.noun, each.what, each.sign, str(each.a), str(each.b)) for each in ours.differences} == {
            (each.noun, each.what, turned[each.sign], str(each.b), str(each.a)) for each in theirs.differences
        }


@pytest.mark.parametrize("folder", TREES, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_nothing_differs_from_itself(folder):
    found = compared(folder, folder)
    assert [one(each) for section in found.sections for each in section.differences] == []
    assert found.identity == []


def test_verdicts_are_told_where_only_one_side_has_them():
    of_rule = [(tree, json.loads((tree / "expect.json").read_text())[0]["status"]) for tree in TREES if tree.parent.name == "FSY001"]
    full, clear = (next(tree for tree, status in of_rule if status == wanted) for wanted in ("found", "clear"))
    sides = side("A", full, EVERYTHING), side("B", clear, EVERYTHING)
    verdicts = compare(*sides, EVERYTHING, ["verdicts"]).sections[0]
    lone = [each for each in verdicts.differences if each.noun == "FSY001"]
    assert [each.sign for each in lone] == ["-"]
    assert lone[0].a.line
    assert lone[0].b is None
    assert lone[0].note == "B is cleared of it"
    again = compare(sides[0], side("B", full, EVERYTHING), EVERYTHING, ["verdicts"]).sections[0]
    assert again.differences == []
    assert again.same


def types(kind):
    for each in kind.__subclasses__():
        yield each
        yield from types(each)


def test_every_type_of_fact_is_compared_or_said_not_to_be():
    known()
    names = {each.__name__ for each in types(Fact) if each.__module__.startswith("diagbundle.") and not each.__name__.startswith("Heard")}
    compared_ones = {kind.fact.__name__ for kind in KINDS}
    untold = {name for those in UNTOLD.values() for name in those.split()}
    assert names - compared_ones - untold == set(), "say in analyse/compare/kinds.py how it is compared, or why it is not"


def test_the_tables_name_what_there_is():
    for kind in KINDS:
        some = {*kind.fact.__dataclass_fields__, *(name for name in dir(kind.fact))}
        assert {*kind.key, *kind.noise.split(), *kind.also.split(), *kind.near, *kind.said} <= some, kind.fact.__name__
        assert kind.section in SECTIONS


def test_the_command_knows_all_sections():
    assert tuple(SECTIONS) == diff.SECTIONS


NAMES = st.text("ab./", min_size=1, max_size=6)
ITEMS = st.lists(
    st.builds(Item, NAMES, st.fixed_dictionaries({"value": st.sampled_from(["", "1", "2"])}), st.just(Origin("p", 1))), max_size=8
)


@given(ITEMS, ITEMS)
def test_things_are_counted_once_whatever_their_names(a, b):
    there, back = Matching("thing", NO_MASKS), Matching("thing", NO_MASKS)
    there.compare(a, b, whole=True)
    back.compare(b, a, whole=True)
    lost, came, changed = (sum(each.count for each in there.found if each.sign == sign) for sign in "-+~")
    assert there.same + changed + lost == len(a)
    assert there.same + changed + came == len(b)
    assert back.same == there.same
    itself = Matching("thing", NO_MASKS)
    itself.compare(a, list(reversed(a)), whole=True)
    assert (itself.found, itself.same) == ([], len(a))


LINES = st.lists(st.sampled_from(["a = 1", "b = 2", "# c", "", "  d", "e\tf", "e f"]), max_size=12)


@given(LINES, LINES)
def test_lines_that_are_told_stand_where_they_are_said_to(a, b):
    texts = {"A": "\n".join(a).encode(), "B": "\n".join(b).encode()}
    found = different("etc/x", texts["A"], texts["B"], NO_MASKS, Effort())
    said = (
        [line.rstrip() for line in a if line.strip() and not line.startswith("#")],
        [line.rstrip() for line in b if line.strip() and not line.startswith("#")],
    )
    assert (found is None or isinstance(found, str)) == (
        [line.replace("\t", " ") for line in said[0]] == [line.replace("\t", " ") for line in said[1]]
    )
    gone = {(line.side, line.line) for line in getattr(found, "lines", ())}
    for line in getattr(found, "lines", ()):
        assert texts[line.side].decode().split("\n")[line.line - 1].rstrip() == line.text
    if found and not isinstance(found, str):  # without the lines that are told the two are the same
        left = [
            [" ".join(x.split()) for n, x in enumerate(lines, 1) if (name, n) not in gone and x.strip() and x[0] != "#"]
            for name, lines in (("A", a), ("B", b))
        ]
        assert left[0] == left[1]
        assert gone


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_can_be_compared(a, b):
    found = different("etc/x", a, b, NO_MASKS, Effort())
    assert (found is None) == (a == b)


def test_lines_beyond_the_effort_are_still_told():
    effort = Effort(left=0)
    found = different("etc/x", b"1\n2\n3\n", b"3\n2\n1\n", NO_MASKS, effort)
    assert [line.text for line in found.lines] == ["1", "2", "3", "3", "2", "1"]


@given(st.text())
def test_a_mask_takes_any_text(text):
    mask = Mask({"db1": "<host>", "10.0.0.5": "<address>"})
    assert isinstance(mask(text), str)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("db1", "<host>"), ("DB1.acme.example", "<host>.acme.example"), ("10.0.0.5:22", "<address>:22"), ("10.0.0.5/24", "<address>/24"),
        ("/srv/db1/x", "/srv/<host>/x"), ("mydb1 db12 10.0.0.55", "mydb1 db12 10.0.0.55"), ("REDACTED_token_0a0a0a0a", "REDACTED_token"),
        ("UUID=11111111-2222-4333-8444-555555555555", "UUID=<uuid>"), ("fe80::1", "<link-local address>"), ("it is 10.0.0.5.", "it is <address>."),
    ],
)  # fmt: skip
def test_what_belongs_to_a_host_is_hidden(text, hidden):
    assert Mask({"db1": "<host>", "10.0.0.5": "<address>"})(text) == hidden
