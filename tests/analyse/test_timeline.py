"""All events of all logs in one list: in time, each once, with what belongs to them, and little memory."""

import json
import os
import time
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagbundle.analyse.evidence.folder import FolderEvidence
from diagbundle.analyse.history.timeline import LONGEST_LINE, Timeline, lines
from diagbundle.analyse.log.shelf import PORTION, Shelf
from diagbundle.cli.timeline import command

NOW = datetime(2026, 3, 5, 10, tzinfo=UTC).timestamp()


def tree(folder, files, zone="Etc/UTC"):
    """A folder as an unpacked bundle is, with its manifest."""
    rows = [
        {
            "format": "diagbundle/1",
            "created": "2026-03-05T10:00:00Z",
            "finished": "2026-03-05T10:00:00Z",
            "complete": True,
            "zone": zone,
            "host": {"name": "h"},
        }
    ]
    for path, said in files.items():
        data = said.encode() if isinstance(said, str) else said
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        kind = "table" if "/tables/" in path else "command" if path.startswith("sos_commands") else "file"
        rows.append(
            {
                "path": path,
                "kind": kind,
                "source": f"/{path}",
                "outcome": "collected",
                "started": NOW,
                "mtime": NOW,
                "size": len(data),
                "header": 0,
            }
        )
    (folder / "diagbundle").mkdir(exist_ok=True)
    (folder / "diagbundle/manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return FolderEvidence(str(folder))


def events(folder, files, zone="Etc/UTC", **more):
    return list(Timeline(tree(folder, files, zone), **more).events())


def short(found):
    return [(datetime.fromtimestamp(each.time, UTC).strftime("%d %H:%M:%S"), each.event.facility, each.event.text) for each in found]


def test_logs_of_every_kind_are_merged_in_utc(tmp_path):
    found = events(
        tmp_path,
        {
            "proc/stat": f"btime {int(NOW - 3600)}\n",
            "diagbundle/tables/kmsg": '{"prio": 3, "seq": 1, "usec": 1800000000, "flags": "-", "text": "sda: I/O error"}\n',
            "var/log/messages": "Mar  5 10:10:00 h sshd[8]: hello\n",
            "var/log/nginx/access.log": '10.0.0.1 - - [05/Mar/2026:10:20:00 +0100] "GET /" 200 5\n',
            "var/log/app/app.log": "2026-03-05 10:05:00,123 ERROR it failed\n",
            "var/log/audit/audit.log": "type=AVC msg=audit(1772702100.000:4): avc:  denied\n",
            "var/lib/docker/containers/abcdefabcdef01/abcdefabcdef01-json.log": '{"log":"out\\n","stream":"stdout","time":"2026-03-05T09:16:00Z"}\n',
            "var/log/pods/ns_pod_uid/app/0.log": "2026-03-05T10:17:00.5+01:00 stderr F boom\n",
        },
        zone="Europe/Berlin",
    )
    assert short(found) == [
        ("05 09:05:00", "app", "ERROR it failed"), ("05 09:10:00", "sshd", "hello"),
        ("05 09:15:00", "audit", "type=AVC msg=audit(1772702100.000:4): avc:  denied"), ("05 09:16:00", "abcdefabcdef", "out"),
        ("05 09:17:00", "ns_pod_uid/app", "boom"), ("05 09:20:00", "nginx", '10.0.0.1 - - [05/Mar/2026:10:20:00 +0100] "GET /" 200 5'),
        ("05 09:30:00", "kernel", "sda: I/O error"),
    ]  # fmt: skip
    assert [each.event.certainty for each in found] == [
        "zone assumed",
        "year assumed",
        "certain",
        "certain",
        "certain",
        "certain",
        "from boot",
    ]


def test_a_message_in_three_logs_is_one_event_with_three_places(tmp_path):
    export = b"__REALTIME_TIMESTAMP=1772703001500000\n_TRANSPORT=kernel\nPRIORITY=3\nMESSAGE=sda: I/O error\n\n"
    (one,) = events(
        tmp_path,
        {
            "var/log/messages": "Mar  5 09:30:01 h kernel: [ 1800.000001] sda: I/O error\n",
            "var/log/kern.log": "2026-03-05T09:30:01.499+00:00 h kernel: [ 1800.000001] sda: I/O error\n",
            "sos_commands/logs/journalctl_--no-pager_--merge_-o_export": export,
        },
    )
    assert one.event.certainty == "certain"
    assert {one.event.origin.path, *(place.path for place in one.places)} == {
        "var/log/messages", "var/log/kern.log", "sos_commands/logs/journalctl_--no-pager_--merge_-o_export",
    }  # fmt: skip


def test_one_log_that_repeats_itself_says_it_again(tmp_path):
    text = "".join(f"Mar  5 09:30:0{second} h app[1]: lost\n" for second in (1, 1, 2, 3))
    found = events(tmp_path, {"var/log/messages": text, "var/log/daemon.log": text})
    assert len(found) == 4
    assert all(len(each.places) == 1 for each in found)


def test_two_processes_that_say_the_same_are_two_events(tmp_path):
    found = events(
        tmp_path, {"var/log/messages": "Mar  5 09:30:01 h app[1]: lost\n", "var/log/daemon.log": "Mar  5 09:30:01 h app[2]: lost\n"}
    )
    assert len(found) == 2


def test_the_lines_of_a_trace_belong_to_their_event(tmp_path):
    trace = "java.lang.Error: x\n\tat a.B(c.java:1)\nCaused by: y\n"
    (first, second) = events(
        tmp_path, {"var/log/app/app.log": f"2026-03-05 09:00:00,000 ERROR it failed\n{trace}2026-03-05 09:00:01,000 INFO on\n"}
    )
    assert first.more == ["java.lang.Error: x", "\tat a.B(c.java:1)", "Caused by: y"]
    assert second.event.origin.line == 5
    docker = "".join(
        json.dumps({"log": f"{text}\n", "time": f"2026-03-05T09:00:00.{number}Z"}) + "\n"
        for number, text in enumerate(["Error: x", "    at y", "next"])
    )
    (one, two) = events(tmp_path / "d", {"var/lib/docker/containers/abcdefabcdef01/abcdefabcdef01-json.log": docker})
    assert (one.event.text, one.more, two.event.text) == ("Error: x", ["    at y"], "next")


def test_a_trace_without_an_end_is_cut_and_says_so(tmp_path):
    (one,) = events(tmp_path, {"var/log/app/app.log": "2026-03-05 09:00:00 x\n" + "\tat y\n" * 3000})
    assert len(one.more) + one.cut == 3000
    assert one.cut == 2500


def test_what_stands_before_the_first_time_happened_about_then(tmp_path):
    (first, second) = events(tmp_path, {"var/log/app/app.log": "banner\nmore of it\n2026-03-05 09:00:00 x\n"})
    assert (first.event.text, first.more, first.event.certainty) == ("banner", ["more of it"], "from its neighbours")
    assert first.time == second.time


def test_a_time_on_a_line_of_its_own_belongs_to_what_follows(tmp_path):
    (one,) = events(tmp_path, {"var/log/oracle/alert_db.log": "2026-03-05T09:00:00.123456+00:00\nORA-00600: internal error\nmore\n"})
    assert (one.event.text, one.more) == ("ORA-00600: internal error", ["more"])


def test_a_log_in_which_no_line_has_a_time_is_named(tmp_path):
    timeline = Timeline(tree(tmp_path, {"var/log/boot.log": "[  OK  ] Started x\n" * 7}))
    assert list(timeline.events()) == []
    assert timeline.undated == {"var/log/boot.log": 7}


def test_disorder_is_mended_and_a_jump_is_marked(tmp_path):
    minutes = [0, 1, 3, 2, 4]
    text = "".join(f"2026-03-05T09:{minute:02}:00Z h app: {minute}\n" for minute in minutes)
    found = events(tmp_path, {"var/log/messages": text})
    assert [each.event.text for each in found] == ["0", "1", "2", "3", "4"]
    text = "2026-03-05T09:30:00Z h app: before\n2026-03-05T08:30:00Z h app: after\n2026-03-05T08:31:00Z h app: on\n"
    found = events(tmp_path / "j", {"var/log/messages": text})
    assert [(each.event.text, each.jump) for each in found] == [("after", 3600.0), ("on", 0.0), ("before", 0.0)]


def test_a_year_that_is_not_said_and_new_year_within_a_file(tmp_path):
    text = "Jan  9 10:00:00 h a: 1\nDec 31 23:59:59 h a: 2\nJan  1 00:00:01 h a: 3\nMar  5 09:00:00 h a: 4\n"
    found = events(tmp_path, {"var/log/messages": text})
    assert [datetime.fromtimestamp(each.time, UTC).year for each in found] == [2025, 2025, 2026, 2026]


def test_rotated_files_follow_each_other_and_several_boots_too(tmp_path):
    files = {
        "var/log/messages": "Mar  5 09:00:00 h a: 3\n", "var/log/messages-20260301": "Mar  1 09:00:00 h a: 2\n", "var/log/messages-20260222": "Feb 22 09:00:00 h a: 1\n",
    }  # fmt: skip
    assert [each.event.text for each in events(tmp_path, files)] == ["1", "2", "3"]


def test_since_and_until(tmp_path):
    text = "".join(f"2026-03-05T09:{minute:02}:00Z h app: {minute}\n" for minute in range(60))
    found = events(tmp_path, {"var/log/messages": text}, since=NOW - 1200, until=NOW - 600)
    assert [each.event.text for each in found] == [str(minute) for minute in range(40, 51)]


def test_a_stretch_without_the_text_is_counted_and_not_read(tmp_path):
    text = "".join(
        f"2026-03-05T09:00:00.{number:06}Z h app: {'needle' if number in (2, 50_000) else 'x' * 80}\n" for number in range(60_000)
    )
    found = events(tmp_path, {"var/log/messages": text}, grep="needle", wanted=lambda told: "needle" in told.event.text)
    assert [each.event.origin.line for each in found] == [3, 50_001]


@given(st.binary(max_size=3000), st.integers(1, 400))
def test_lines_do_not_depend_on_how_they_are_cut(data, size):
    found = list(lines(data[at : at + size] for at in range(0, len(data), size)))
    whole = data.decode("utf-8", "replace").split("\n") if b"\n" not in data or data.isascii() else None
    if whole is not None:
        expect = [(number, text) for number, text in enumerate(whole, 1)]
        assert found == (expect[:-1] if expect[-1][1] == "" else expect)


def test_an_endless_line_takes_no_memory():
    found = list(lines([b"x" * 100_000] * 100 + [b"\nnext\n"]))
    assert [number for number, _ in found] == [1, 2]
    assert len(found[0][1]) == LONGEST_LINE
    assert found[1][1] == "next"


def test_the_shelf_gives_back_what_was_put_in_from_memory_and_from_disk():
    data = [os.urandom(PORTION + 17), b"a" * (3 * PORTION), b""]
    for most in (0, 1 << 16, 1 << 30):
        shelf = Shelf(most)
        held = [shelf.put([each]) for each in data]
        assert [b"".join(shelf.take(each)) for each in held] == data
        shelf.close()


LINE = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=60),
    st.builds(
        lambda when, text: f"{datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%SZ} h app[1]: {text}",
        st.integers(int(NOW) - 9000, int(NOW)), st.sampled_from(["a", "b", " c"]),
    ),
    st.sampled_from(["{", '{"time": 5}', "[ 1.5] x", "type=X msg=audit(1.5:1):", "\x00\x1b[2J"]),
)  # fmt: skip


@given(st.lists(st.lists(LINE, max_size=30), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_logs_come_in_order_and_no_line_twice(tmp_path, logs):
    folder = tmp_path / str(time.monotonic_ns())
    found = events(folder, {f"var/log/l{number}.log": "\n".join(each) for number, each in enumerate(logs)})
    assert [each.time for each in found] == sorted(each.time for each in found)
    places = [(place.path, place.line) for each in found for place in (each.event.origin, *each.places)]
    assert len(places) == len(set(places))


def run(folder, *words):
    return CliRunner().invoke(command, [str(folder), *words])


@pytest.fixture
def host(tmp_path):
    tree(tmp_path, {
        "var/log/messages": "Mar  5 09:00:00 h app[7]: it \x1b[2J failed\n\tat \x07x\nMar  5 09:10:00 h sshd[8]: error: closed\nMar  5 09:20:00 h kernel: Out of memory\n",
        "var/log/nginx/error.log": "2026/03/05 09:15:00 [warn] 1#1: slow\n",
        "var/log/boot.log": "ok\n",
    })  # fmt: skip
    return tmp_path


def test_text(host):
    found = run(host)
    assert found.exit_code == 0
    assert found.stdout.splitlines()[:2] == [r"~2026-03-05 09:00:00.000 app[7]: it \x1b[2J failed  (var/log/messages:1)", "    \tat \\x07x"]
    assert "no line says its time: var/log/boot.log (1 line)" in found.stderr


def test_choices(host):
    def texts(*words):
        return [json.loads(line)["text"] for line in run(host, "--format", "json", *words).stdout.splitlines()]

    assert texts("--facility", "nginx") == ["[warn] 1#1: slow"]
    assert texts("--facility", "s*", "--facility", "kernel") == ["error: closed", "Out of memory"]
    assert texts("--severity", "error") == ["error: closed", "Out of memory"]
    assert texts("--grep", "OUT OF") == ["Out of memory"]
    assert texts("--grep", "at \x07x") == ["it \x1b[2J failed"]
    assert texts("--since", "2026-03-05T09:15", "--until", "2026-03-05 09:15:30") == ["[warn] 1#1: slow"]
    assert texts("--since", "45m") == ["[warn] 1#1: slow", "Out of memory"]
    assert texts("--since", "2026-03-05T10:20:00+01:00") == ["Out of memory"]
    assert texts("--limit", "1") == ["it \x1b[2J failed"]


def test_a_time_that_is_none_is_said(host):
    found = run(host, "--since", "yesterday")
    assert "this is no time: yesterday" in str(found.exception)
