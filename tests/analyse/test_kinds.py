"""Kinds of problem: what each needs is gathered, every rule is of a kind, and of a bundle it is said truly how much of it is there."""

import json
import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows_laid_out import lay_out

from diagbundle.analyse.engine import analyse
from diagbundle.analyse.evidence.entry import is_match
from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.analyse.missing.gathered import EVERY, gatherers
from diagbundle.analyse.missing.kinds import GENERAL, Kind, Need, chosen, kind_of, known
from diagbundle.analyse.missing.needs import State, held
from diagbundle.analyse.registry import SUBJECTS, Registry
from diagbundle.analyse.verdict import Finding, Origin, Severity, Status, Verdict
from diagbundle.bundle.format import STRUCK, mangle
from diagbundle.cli.analysis import finder, registry
from diagbundle.errors import UsageError

KINDS = known()
NEEDS = {need.name: need for kind in KINDS.values() for need in kind.needs}
TOP = pathlib.Path(__file__).parent.parent.parent


def asked():
    """Paths and patterns in a bundle that docs/collectors.md says are asked for."""
    for section in re.split(r"(?m)^## ", (TOP / "docs" / "collectors.md").read_text())[1:]:
        name = section.split("\n", 1)[0].strip()
        for kind, items in re.findall(r"(?m)^\* (Twice|Files|Computed|Commands): (.*)$", section):
            for item in re.findall(r"`([^`]+)`", items):
                is_table = kind == "Computed" or re.fullmatch(r"[a-z_]+", item)
                place = (
                    item.lstrip("/")
                    if item.startswith("/")
                    else f"diagbundle/tables/{item}"
                    if is_table
                    else f"sos_commands/*/{mangle(item.split())}"
                )
                yield name, place
                if kind == "Twice":
                    yield name, f"diagbundle/start/{place}"


ASKED = list(asked())
NO_LIST = {"containers", "disk", "ethtool", "hardware", "reachability", "sysctl"}
"""What these ask is found by looking, so that no list names it all."""
BY_LOOKING = ("sys/fs/cgroup/**",)


@pytest.mark.parametrize("need", NEEDS.values(), ids=lambda need: need.name)
def test_every_need_is_gathered(need):
    """By whom its first pattern names, and that collector asks for it."""
    names = gatherers(need.paths[0])
    assert names
    assert set(names) <= set(EVERY)
    folder = re.sub(r"sos_commands/[\w]+/", "sos_commands/*/", need.paths[0])
    assert (
        need.paths[0] in BY_LOOKING
        or set(names) & NO_LIST
        or any(
            name in names
            and (path in (need.paths[0], folder) or is_match(path, folder) or is_match(need.paths[0].replace("**", "x"), path))
            for name, path in ASKED
        )
    )


def test_every_rule_is_of_a_kind_that_names_it():
    kinds = {name: kind for name, kind in KINDS.items() if name != "product"}
    codes = {rule.code for rule in registry().rules}
    assert {code for code in codes if not any(code.startswith(start) for kind in kinds.values() for start in kind.rules)} == set()
    assert {subject for subject in SUBJECTS if kind_of(KINDS, f"{subject}999") == "product"} == set()
    starts = {start for kind in KINDS.values() for start in kind.rules if start != "*"}
    assert {start for start in starts if not any(code.startswith(start) for code in codes)} == set()


def test_every_need_is_some_kinds():
    assert re.findall(r"(?m)^\[need\.(\w+)\]$", (TOP / "src/diagbundle/analyse/missing/kinds.toml").read_text()) != []
    assert set(re.findall(r"(?m)^\[need\.(\w+)\]$", (TOP / "src/diagbundle/analyse/missing/kinds.toml").read_text())) == set(NEEDS)


def found(code, severity=Severity.WARNING):
    return Verdict(code, "", Status.FOUND, Finding(severity, "x", (Origin("a", 1),), "y"))


@pytest.mark.parametrize(
    ("codes", "said", "names"),
    [
        ([], "", [GENERAL]),
        ([found("DNS001", Severity.CRITICAL), found("FSY001")], "", ["names"]),
        ([found("DNS001"), found("FSY001"), found("DNS009")], "", ["names", "disk"]),
        ([found("TIM001", Severity.NOTE)], "", [GENERAL]),
        ([found("KRN001")], "", ["kernel"]),
        ([found("KRN024")], "", ["hardware"]),
        ([found("ACM001")], "", ["product"]),
        ([], "The file system is full: no space left on device. Is it the network?", ["disk"]),
        ([], "No space, or a network problem?", ["network", "disk"]),
        ([found("MEM001")], "docker containers die", ["containers", "memory"]),
        ([found(f"{subject}001") for subject in ("NET", "DNS", "FSY", "MEM")], "", ["network", "names", "disk"]),
        ([], "unsuspicious substance", [GENERAL]),
        (
            [found("FWL001")],
            "connection timed out, and the firewall is not it\nkernel: 4.6\nSELinux is disabled, the service runs",
            ["network"],
        ),
    ],
)
def test_the_kind_is_found_out(codes, said, names):
    assert [kind.name for kind in chosen(KINDS, codes, said)] == names


@given(st.text(max_size=200), st.lists(st.text(alphabet="ABCDNSTLKR0129*", max_size=6), max_size=4))
def test_some_kind_is_always_found(said, codes):
    assert 1 <= len(chosen(KINDS, [found(code) for code in codes], said)) <= 3


# -- what a vendor adds

ACME = """
[[kind]]
name = "acme"
title = "a problem of Acme"
rules = ["ACM"]
words = ["acme"]
needs = ["licence", "resolver"]

[need.licence]
what = "Acme's licence"
paths = ["opt/acme/licence.txt"]
collectors = ["acme"]
"""


def test_a_vendor_adds_a_kind():
    kinds = known([(ACME, "acme.toml")])
    assert [need.name for need in kinds["acme"].needs] == ["licence", "resolver"]
    assert kind_of(kinds, "ACM001") == "acme"
    assert [kind.name for kind in chosen(kinds, [], "Acme does nothing")] == ["acme"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[kind]]\nname = 'x'\ntitle = 'y'\nneeds = ['nothing']", "there is no need 'nothing'"),
        ("[[kind]]\nname = 'X y'\ntitle = 'y'\nneeds = ['space']", "name may not be 'X y'"),
        ("[[kind]]\nname = 'x'\nneeds = ['space']", "'title' is missing"),
        ("[[kind]]\nname = 'x'\ntitle = 'y'\nneeds = ['space']\nwords = ['(']", "a kind of problem is wrong"),
        ("[[kind]]\nname = 'x'\ntitle = 'y'\nneeds = ['space']\nword = ['a']", "there is no key 'word'"),
        ("need = 3", "needs are tables"),
        ("kind = 3", "a kind of problem is wrong"),
        ("kind = [3]", "kinds and needs are tables"),
        ("[need]\nx = 3", "kinds and needs are tables"),
        ("[need.x]\nwhat = 'y'\npaths = []", "paths may not be []"),
        ("[need.x]\npaths = ['a']", "'what' is missing"),
        ("=", "no TOML"),
    ],
)
def test_what_is_wrong_in_a_kind_is_said(text, why):
    with pytest.raises(UsageError, match=re.escape(why)):
        known([(text, "acme.toml")])


# -- what is there


@pytest.fixture
def bundle(tmp_path):
    """A folder as `unpack` leaves it: rows of the manifest, and what lies there."""

    def made(rows, *, collectors=EVERY, uid="0", **head):
        rights = json.dumps({"about": "rights", "Uid": f"{uid} {uid} {uid} {uid}"}) + "\n"
        config = json.dumps({"collectors": list(collectors)})
        files = {"diagbundle/config.json": config, "diagbundle/tables/self": rights}
        lines = [{"format": "diagbundle/1", "complete": True, "tool": "1.0.0", "host": {"os": "Debian GNU/Linux 12"}} | head]
        lines += [{"path": path, "kind": "own", "outcome": "collected", "header": 0} for path in files]
        return lay_out(tmp_path, lines, files, rows, "name_resolution")

    return made


def stands(evidence, *needs):
    kind = Kind("x", "a problem", needs)
    return held([kind], analyse(evidence, Registry([], [], []), finder), evidence)[0]


RESOLVER = Need("resolver", "the resolver's settings", ("etc/resolv.conf", "run/systemd/resolve/*"))
LOGS = Need("logs", "logs", ("var/log/**",))
SMART = Need("smart", "health", ("sos_commands/ata/smartctl_*",))
TWICE = Need("counters", "counters", ("diagbundle/start/proc/net/dev",))
TABLE = Need("modes", "modes", ("diagbundle/tables/places",))
PRODUCT = Need("licence", "licence", ("opt/acme/licence",), ("acme",))
MOST = [name for name in EVERY if name not in ("name_resolution", "hardware", "networking")]


@pytest.mark.parametrize(
    ("need", "rows", "settings", "stands_so"),
    [
        (RESOLVER, [{"path": "etc/resolv.conf"}], {}, (State.THERE, "")),
        (RESOLVER, [{"source": "/etc/resolv.conf", "outcome": "denied"}, {"path": "run/systemd/resolve/stub"}], {}, (State.THERE, "")),
        (RESOLVER, [{"path": "etc/resolv.conf", "outcome": "partial", "reason": "it shrank"}], {}, (State.PARTIAL, "/etc/resolv.conf answered in part")),
        (RESOLVER, [{"source": "/etc/resolv.conf", "outcome": "absent"}], {}, (State.NOT_HERE, "")),
        (RESOLVER, [], {}, (State.NOT_HERE, "")),
        (RESOLVER, [], {"collectors": MOST}, (State.MISSING, "the collector name_resolution was left out")),
        (RESOLVER, [{"source": "/etc/resolv.conf", "outcome": "denied"}], {"uid": "1000"}, (State.MISSING, "/etc/resolv.conf was denied")),
        (RESOLVER, [{"source": "/etc/resolv.conf", "outcome": "denied"}], {}, (State.MISSING, "/etc/resolv.conf was denied even to root")),
        (RESOLVER, [{"source": "/etc/resolv.conf", "outcome": "timeout", "reason": "5 s"}], {}, (State.MISSING, "did not answer in time: 5 s")),
        (RESOLVER, [{"source": "/etc/resolv.conf", "outcome": "skipped", "reason": "not asked: a signal"}], {"complete": False, "reason": "a signal"}, (State.MISSING, "the collection was cut short: a signal")),
        (RESOLVER, [{"source": "/etc/resolv.conf", "outcome": "skipped", "reason": "a link, not followed"}], {}, (State.NOT_HERE, "")),
        (RESOLVER, [{"source": "/etc/resolv.conf", "outcome": "skipped", "reason": STRUCK}], {}, (State.MISSING, "/etc/resolv.conf was struck out")),
        (TABLE, [], {}, (State.MISSING, "did not ask for it yet")),
        (TABLE, [{"kind": "table", "source": "places", "collector": "security", "outcome": "absent"}], {}, (State.NOT_HERE, "")),
        (RESOLVER, [{"kind": "collector", "source": "name_resolution", "outcome": "failed", "reason": "it broke"}], {}, (State.MISSING, "did not come to its end: it broke")),
        (LOGS, [{"path": "var/log/a"}, {"source": "/var/log/b", "outcome": "failed"}, {"source": "/var/log/c", "outcome": "failed"}], {}, (State.PARTIAL, "/var/log/b failed, and 1 more")),
        (SMART, [{"kind": "command", "source": ["smartctl", "-a"], "collector": "ata", "outcome": "absent"}], {}, (State.MISSING, "smartctl is not installed")),
        (SMART, [], {}, (State.NOT_HERE, "")),
        (TWICE, [{"path": "proc/net/dev", "source": "/proc/net/dev", "collector": "networking"}], {"collectors": MOST}, (State.MISSING, "networking was left out")),
        (TWICE, [{"path": "diagbundle/start/proc/net/dev", "sample": "start"}], {}, (State.THERE, "")),
        (PRODUCT, [], {}, (State.MISSING, "the collector acme was left out")),
        (PRODUCT, [], {"collectors": [*EVERY, "acme"]}, (State.NOT_HERE, "")),
        (PRODUCT, [{"path": "opt/acme/licence"}], {}, (State.THERE, "")),
    ],
)  # fmt: skip
def test_how_a_need_stands(bundle, need, rows, settings, stands_so):
    state, because = stands_so
    rows = [{"source": f"/{row['path']}"} | row if "path" in row else row for row in rows]
    answer = stands(bundle(rows, **settings), need).answers[0]
    assert (answer.state, because in answer.because, bool(answer.because)) == (state, True, state in (State.MISSING, State.PARTIAL))


def test_what_the_host_does_not_have_is_not_counted(bundle):
    told = stands(
        bundle([{"path": "etc/resolv.conf", "source": "/etc/resolv.conf"}], collectors=[*MOST, "name_resolution", "logs"]),
        RESOLVER,
        LOGS,
        TWICE,
    )
    assert (told.needed, len(told.of(State.THERE)), [each.need.name for each in told.of(State.NOT_HERE)]) == (2, 1, ["logs"])


def test_what_another_tool_did_not_gather_is_missing(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 10.0.0.1\n")
    told = stands(FolderEvidence(str(tmp_path)), RESOLVER, TWICE)
    assert [each.state for each in told.answers] == [State.THERE, State.MISSING]
