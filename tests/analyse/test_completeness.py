"""What is missing is named, with what it keeps from being judged, and one command fetches all of it."""

import json
import pathlib
import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows_laid_out import lay_out

from diagbundle.analyse.api import Fact
from diagbundle.analyse.engine import analyse
from diagbundle.analyse.evidence.entry import is_match
from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.analyse.missing import completeness
from diagbundle.analyse.missing.gathered import EVERY, gatherers
from diagbundle.analyse.missing.tools import installer, package_of
from diagbundle.analyse.registry import Parser, Registry, Rule
from diagbundle.cli.analysis import finder

TOP = pathlib.Path(__file__).parent.parent.parent
DEBIAN, RHEL = "Debian GNU/Linux 12 (bookworm)", "Red Hat Enterprise Linux 9.4 (Plow)"


@dataclass(frozen=True)
class Link(Fact):
    pass


@dataclass(frozen=True)
class Health(Fact):
    pass


def one(kind):
    return lambda doc: [kind(origin=doc.origin(1, "x"))]


REGISTRY = Registry(
    [
        Parser((Link,), ("proc/net/dev",), one(Link), "links"),
        Parser((Health,), ("sos_commands/ata/smartctl_*",), one(Health), "health"),
    ],
    [],
    [
        Rule("NET901", "links", (Link,), (), "", lambda _: [], "doc"),
        Rule("DSK901", "health of disks", (Health,), (), "", lambda _: [], "doc"),
    ],
)


@pytest.fixture
def bundle(tmp_path):
    """A folder as `unpack` leaves it: rows of the manifest, and what lies there."""

    def made(rows, *, config=None, uid="0", os=DEBIAN, **head):
        files = {
            "diagbundle/config.json": json.dumps({"since": "", "collectors": list(EVERY)} | (config or {})),
            "diagbundle/tables/self": json.dumps({"about": "rights", "Uid": f"{uid} {uid} {uid} {uid}"}) + "\n",
            "var/log/kern.log": "Mar  5 09:00:00 web04 kernel: eth0: link up\n",
        }
        first = {
            "format": "diagbundle/1",
            "complete": True,
            "created": "2026-03-05T10:00:00Z",
            "tool": "1.0.0",
            "host": {"name": "web04", "os": os},
        } | head
        lines = [
            first,
            *(
                {
                    "path": path,
                    "kind": "file",
                    "source": f"/{path}",
                    "collector": "self",
                    "outcome": "collected",
                    "header": 0,
                    "size": len(files[path]),
                }
                for path in files
            ),
        ]
        return lay_out(tmp_path, lines, files, rows, "networking")

    return made


def told(evidence):
    analysis = analyse(evidence, REGISTRY, finder)
    found = completeness.gaps(analysis, evidence, REGISTRY)
    for gap in found:
        assert gap.origins
        assert not gap.what.endswith(".")
    return found, completeness.command(found, analysis)


THERE = {"path": "proc/net/dev", "source": "/proc/net/dev"}


def test_where_nothing_is_missing_nothing_is_said(bundle):
    assert told(
        bundle([THERE, {"kind": "command", "source": ["smartctl", "-a"], "collector": "hardware", "path": "sos_commands/ata/smartctl_-a"}])
    ) == ([], "")


def test_what_the_host_does_not_have_is_no_gap(bundle):
    """The collector ran, and asked no disk: there is none that could answer."""
    assert told(bundle([THERE])) == ([], "")


def test_what_was_left_out_is_asked_for_and_no_more(bundle):
    found, command = told(bundle([THERE], config={"collectors": [name for name in EVERY if name not in ("hardware", "cron")]}))
    assert [(gap.codes, gap.suspects) for gap in found] == [(("DSK901",), ("health of disks",))]
    assert found[0].what == "2 collectors were left out: cron, hardware"
    assert command == "sudo diagbundle collect --only hardware"


def test_the_network_that_was_not_asked(bundle):
    found, command = told(bundle([THERE], config={"collectors": [name for name in EVERY if name != "reachability"]}))
    assert [gap.what for gap in found] == ["the network was not asked"]
    assert command == "sudo diagbundle collect --only reachability"


@pytest.mark.parametrize(
    ("os", "line"),
    [
        (DEBIAN, "apt-get install"),
        (RHEL, "dnf install"),
        ("SUSE Linux Enterprise Server 15 SP5", "zypper install"),
        ("CentOS Linux 7 (Core)", "yum install"),
        ("Amazon Linux 2", "yum install"),
        ("Amazon Linux 2023", "dnf install"),
        ("Alpine Linux v3.19", "apk add"),
    ],
)
def test_a_tool_that_is_not_installed(bundle, os, line):
    found, command = told(
        bundle(
            [
                THERE,
                {"kind": "command", "source": ["smartctl", "-a", "/dev/sda"], "collector": "hardware", "outcome": "absent"},
                {"kind": "command", "source": ["smartctl", "-a"], "collector": "ata", "outcome": "absent"},
            ],
            os=os,
        )
    )
    assert [(gap.what, gap.packages, gap.codes) for gap in found] == [("smartctl is not installed", ("smartmontools",), ("DSK901",))]
    assert command == f"sudo {line} smartmontools && sudo diagbundle collect --only hardware"


def test_what_was_denied_to_a_user(bundle):
    found, command = told(bundle([{"source": "/proc/net/dev", "outcome": "denied"}], uid="1000"))
    assert [gap.what for gap in found] == ["/proc/net/dev was denied", "it was not run as root: 1 answer was denied"]
    assert command == "sudo diagbundle collect --only networking"


def test_what_is_denied_to_root_is_not_had_by_asking_again(bundle):
    found, command = told(bundle([{"source": "/proc/net/dev", "outcome": "denied", "reason": "a rule of SELinux"}]))
    assert [(gap.what, gap.fix) for gap in found] == [("/proc/net/dev was denied even to root", "see what denies it: a rule of SELinux")]
    assert command == ""


@pytest.mark.parametrize(("outcome", "said"), [("timeout", "did not answer in time: 5 s"), ("failed", "failed: 5 s")])
def test_what_did_not_answer(bundle, outcome, said):
    found, command = told(bundle([{"source": "/proc/net/dev", "outcome": outcome, "reason": "5 s"}]))
    assert [gap.what for gap in found] == [f"/proc/net/dev {said}"]
    assert command == "sudo diagbundle collect --only networking"


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        ("the bundle's limit of 1,000 bytes was reached", "--max-size"),
        ("the time of 30 m was over", "--timeout"),
        ("no space is left in /root", "--output"),
        ("a signal", "to its end"),
        ("", "to its end"),
    ],
)
def test_a_run_that_was_cut_short_is_one_gap(bundle, reason, fix):
    rows = [
        {"kind": "collector", "source": name, "collector": name, "outcome": "skipped", "reason": f"not asked: {reason}"}
        for name in ("networking", "hardware")
    ]
    found, command = told(bundle(rows, complete=False, reason=reason))
    assert len(found) == 1
    assert found[0].codes == ("NET901", "DSK901")
    assert fix in found[0].fix
    assert command == "sudo diagbundle collect --only hardware --only networking"


def test_items_that_failed_are_no_run_that_was_cut(bundle):
    rows = [
        THERE,
        {
            "kind": "command",
            "source": ["docker", "info"],
            "collector": "containers",
            "outcome": "timeout",
            "reason": "no answer within 10 s",
        },
    ]
    found, command = told(bundle(rows, complete=False, reason="1 items could not be had, or not whole"))
    assert [gap.what for gap in found] == ["1 item could not be had, or not whole: docker info"]
    assert command == "sudo diagbundle collect --only containers"


def test_logs_that_were_too_old(bundle):
    found, command = told(
        bundle(
            [
                THERE,
                {
                    "source": "/var/log/a.log",
                    "collector": "logs",
                    "outcome": "skipped",
                    "reason": "last changed before the time that was asked for",
                },
            ],
            config={"since": "2d"},
        )
    )
    assert "more than 2d before the run: left out" in found[0].what
    assert command == "sudo diagbundle collect --only logs"


def test_a_single_reading(bundle):
    found, command = told(bundle([THERE, {"path": "proc/stat", "source": "/proc/stat", "collector": "cpu_memory"}]))
    assert "read only once" in found[0].what
    assert "--only cpu_memory" in command


def test_a_bundle_without_logs(bundle):
    evidence = bundle([THERE])
    evidence.entries = [entry for entry in evidence.entries if not entry.path.startswith("var/log")]
    found, command = told(evidence)
    assert [gap.what for gap in found] == ["there is no log at all"]
    assert command == "sudo diagbundle collect --only kernel --only logs"


def test_a_report_of_another_tool(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/motd").write_text("hello\n")
    found, command = told(FolderEvidence(str(tmp_path)))
    assert found[0].what.startswith("another tool collected this")
    assert found[0].codes == ("NET901", "DSK901")
    assert (
        command
        == "sudo diagbundle collect --only cpu_memory --only hardware --only kernel --only logs --only networking --only reachability"
    )


# -- the map of paths against what the collectors ask


def asked():
    """Path or pattern in a bundle → collectors that ask for it, as docs/collectors.md says."""
    found = {}
    for section in re.split(r"(?m)^## ", (TOP / "docs" / "collectors.md").read_text())[1:]:
        name = section.split("\n", 1)[0].strip()
        for kind, items in re.findall(r"(?m)^\* (Twice|Files|Computed): (.*)$", section):
            for item in re.findall(r"`([^`]+)`", items):
                if item.startswith("/"):
                    found.setdefault(item.lstrip("/"), set()).add(name)
                elif kind == "Computed" or re.fullmatch(r"[a-z_]+", item):
                    found.setdefault(f"diagbundle/tables/{item}", set()).add(name)
    return found


def test_the_map_names_no_collector_that_there_is_not():
    names = {path.stem for path in (TOP / "collectors").glob("[a-z]*.*") if path.suffix in (".py", ".toml")}
    assert set(EVERY) <= names
    assert {name for path in asked() for name in gatherers(path)} <= set(EVERY)


def test_who_is_named_for_a_path_asks_for_it():
    every = asked()

    def asks(name, path):
        return (name == "sysctl" and path.startswith("proc/sys/")) or any(
            name in names and (path == pattern or is_match(path, pattern)) for pattern, names in every.items()
        )

    assert [(path, gatherers(path)) for path in every if gatherers(path) and not any(asks(name, path) for name in gatherers(path))] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("sos_commands/networking/ip_-d_address", "networking"),
        ("sos_commands/networking/ss_-peaonmi", "sockets"),
        ("sos_commands/networking/ethtool_-S_*", "ethtool"),
        ("diagbundle/probes/**/mtu_*", "reachability"),
        ("diagbundle/start/proc/stat", "cpu_memory"),
        ("sos_commands/dpkg/dpkg_-l", "packages"),
        ("sos_commands/systemd/systemctl_list-units", "systemd"),
    ],
)
def test_commands_and_patterns_have_a_collector(path, name):
    assert gatherers(path) == (name,)


def test_unknown_paths_and_tools_are_unknown():
    assert gatherers("opt/thing/data") == ()
    assert package_of("frobnicate", DEBIAN) == ""
    assert package_of("/usr/sbin/sensors", RHEL) == "lm_sensors"
    assert installer("") == "dnf install"


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["since", "collectors", "only", "x"]),
        st.none() | st.text(max_size=5) | st.lists(st.integers() | st.text(max_size=5), max_size=3),
    ),
    st.text(max_size=30),
)
def test_any_settings_can_be_read(tmp_path_factory, config, rights):
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "diagbundle/tables").mkdir(parents=True)
    (folder / "diagbundle/config.json").write_text(json.dumps(config))
    (folder / "diagbundle/tables/self").write_text(rights, errors="replace")
    (folder / "diagbundle/manifest.jsonl").write_text('{"format": "diagbundle/1"}\n')
    told(FolderEvidence(str(folder)))
