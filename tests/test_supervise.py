"""Nothing is lost and nothing is said falsely, whatever collectors, children and the end of a run do to each other."""

import errno
import os
import signal
import time

import pytest
from asking import LIVE, Through, asking

from diagbundle.bundle.reader import Bundle
from diagbundle.collect import supervise
from diagbundle.host import Host
from diagbundle.model import Collector, Command, File, Stage, Table

DEAF = {signal.SIGALRM, signal.SIGTERM}


def rows(collected):
    """All rows of an intact bundle, in their order."""
    with Bundle.open(collected.result.sealed.path) as bundle:
        assert bundle.verify().damages == []
        return list(bundle.rows())


def outcomes(collected, *kinds):
    return [
        (row["source"], row["outcome"]) for row in rows(collected) if row["kind"] in (kinds or ("file", "command", "table", "collector"))
    ]


def deaf_for(seconds):
    signal.pthread_sigmask(signal.SIG_BLOCK, DEAF)
    time.sleep(seconds)


def slowly(seconds, *, deaf=False):
    """A redaction that takes its time over every chunk of files that hold `SLOW`."""

    def redact(chunks):
        for chunk in chunks:
            if chunk.startswith(b"SLOW"):
                deaf_for(seconds) if deaf else time.sleep(seconds)
            yield chunk

    return Through(redact)


def later(seconds, text):
    """Says after so many seconds why the run is to end."""
    ends = time.monotonic() + seconds
    return lambda: text if time.monotonic() > ends else ""


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "host"
    for folder in ("etc", "var/log"):
        (root / folder).mkdir(parents=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    return root


def slow_log(tree, megabytes):
    (tree / "var/log/slow").write_bytes(b"SLOW" * (megabytes << 18))


# -- names


def test_a_dealt_file_whose_name_looks_like_a_pattern_is_read(collect, tree):
    for number in range(1600):
        (tree / "var/log" / f"f{number}").write_text("x")
    (tree / "var/log/app[1].log").write_text("here")
    got = collect(Host(str(tree)), asking(File("/var/log/**"), stage=Stage.LOGS))
    assert ("/var/log/app[1].log", "collected") in outcomes(got)
    assert (got.tree / "var/log/app[1].log").read_text() == "here"


def test_a_second_large_member_of_one_name_does_not_rename_what_comes_after_it(collect, tree):
    slow_log(tree, 3)
    for name in "ab":
        (tree / "var/log" / name).write_text(name)
    collectors = [asking(File("/var/log/slow"), File(f"/var/log/{name}"), name=name) for name in "ab"]
    got = collect(Host(str(tree)), *collectors, width=2, redact=slowly(0.2))
    assert sorted(row["path"] for row in rows(got) if row["kind"] == "file") == ["var/log/a", "var/log/b", "var/log/slow", "var/log/slow.2"]


def test_two_answers_whose_names_agree_are_both_kept(collect):
    words = (("x y",), ("x", "y"), ("x?y",))
    collectors = [asking(Command(("echo", *argv), folder="one"), name=f"c{number}") for number, argv in enumerate(words)]
    got = collect(LIVE, *collectors, width=3)
    texts = {" ".join(row["source"]): (got.tree / row["path"]).read_text() for row in rows(got) if row["kind"] == "command"}
    assert texts == {"echo x y": "x y\n", "echo x?y": "x?y\n"}
    assert len([row for row in rows(got) if row.get("path", "").startswith("sos_commands/one/")]) == 3


def test_names_that_no_bundle_may_hold_are_renamed(collect, tree):
    long = "w" * 300
    ways_out = [File("/etc/hosts", at="../../outside"), File("/etc/hosts", at="/leading")]
    commands = [Command(("echo", long, number)) for number in "12"]
    assert len([row for row in rows(collect(LIVE, asking(*commands))) if row["kind"] == "command" and "path" in row]) == 2
    assert len([row for row in rows(collect(Host(str(tree)), asking(*ways_out))) if row["kind"] == "file" and "path" in row]) == 2


def test_a_modification_time_of_far_away_does_not_spoil_the_bundle(collect, tree):
    path = tree / "var/log" / ("x" * 120)
    path.write_text("text")
    os.utime(path, (0, 1 << 34))
    assert outcomes(collect(Host(str(tree)), asking(File("/var/log/*")))) == [(f"/var/log/{'x' * 120}", "collected")]


def test_the_last_reading_of_a_sample_is_read_last_though_somebody_asked_before(collect, tree):
    counter = tree / "etc/counter"
    counter.write_text("1")

    def change(_host):
        counter.write_text("2")
        yield {"changed": True}

    got = collect(Host(str(tree)), asking(File("/etc/counter"), Table("change", change), samples=(File("/etc/counter"),)))
    texts = {row.get("sample"): (row["path"], (got.tree / row["path"]).read_text()) for row in rows(got) if row["kind"] == "file"}
    assert texts == {"start": ("diagbundle/start/etc/counter", "1"), None: ("etc/counter.2", "1"), "end": ("etc/counter", "2")}


# -- rows


def test_what_is_absent_twice_is_absent_twice(collect):
    assert outcomes(collect(LIVE, asking(Command(("nope",)), Command(("nope",))))) == [(["nope"], "absent")] * 2


def test_a_pattern_that_matches_something_is_not_absent(collect, tree):
    os.mkfifo(tree / "var/log/fifo")
    assert outcomes(collect(Host(str(tree)), asking(File("/var/log/*")))) == [("/var/log/fifo", "skipped")]


@pytest.mark.parametrize("pattern", ["/var/log/**", "/var/log/sick/*", "/var/**/*.log"])
def test_a_folder_that_cannot_be_listed_is_named(collect, tree, monkeypatch, pattern):
    (tree / "var/log/sick").mkdir()

    def failing(real):
        def ask(path="."):
            if str(path).endswith("/sick"):
                raise OSError(errno.EIO, "Input/output error")
            return real(path)

        return ask

    monkeypatch.setattr(os, "scandir", failing(os.scandir))
    monkeypatch.setattr(os, "listdir", failing(os.listdir))
    got = collect(Host(str(tree)), asking(File(pattern)))
    assert outcomes(got) == [("/var/log/sick", "failed")]
    assert not got.result.complete


def test_a_name_that_no_file_can_have_costs_one_source(collect, tree):
    assert outcomes(collect(Host(str(tree)), asking(File("/etc/\ud800"), File("/etc/hosts")))) == [
        ("/etc/\ud800", "absent"),
        ("/etc/hosts", "collected"),
    ]


def test_a_private_key_of_which_copies_are_wanted_is_not_kept_either(collect, tree):
    (tree / "etc/server.pem").write_text("-----BEGIN " + "PRIVATE KEY-----\nAAAA\n")
    assert outcomes(collect(Host(str(tree)), asking(File("/etc/server.pem", also=("copy",))))) == [("/etc/server.pem", "skipped")]


def test_a_fault_in_the_middle_of_a_large_member_costs_that_member_only(collect, tree):
    (tree / "var/log/big").write_bytes(os.urandom(20 << 20))

    def redact(chunks):
        for number, chunk in enumerate(chunks):
            if number == 12:
                raise ValueError("a fault of ours")
            yield chunk

    got = collect(Host(str(tree)), asking(File("/var/log/big"), File("/etc/hosts")), redact=Through(redact))
    assert outcomes(got, "file") == [("/var/log/big", "failed"), ("/etc/hosts", "collected")]


# -- time


def test_no_collector_can_swallow_the_end_of_its_time(collect, tree):
    def greedy(_host):
        yield {"n": 1}
        while True:
            try:
                time.sleep(0.01)
            except Exception:  # noqa: BLE001  # as collectors should not
                continue

    got = collect(Host(str(tree)), asking(Table("greedy", greedy, timeout=0.5)))
    assert got.rows["greedy"]["outcome"] == "partial"
    assert (got.tree / "diagbundle/tables/greedy").read_text() == '{"n": 1}\n'


def test_a_collector_whose_time_is_over_keeps_what_its_last_source_said(collect, tree):
    def talks(_host):
        while True:
            yield "line"
            time.sleep(0.1)

    got = collect(Host(str(tree)), asking(Table("talks", talks), File("/etc/hosts")), collector_timeout=1)
    assert outcomes(got) == [("talks", "partial"), ("probe", "timeout")]
    assert (got.tree / "diagbundle/tables/talks").read_text().startswith("line\n")


def test_files_that_were_dealt_before_a_hang_are_read_once(collect, tree):
    for number in range(1600):
        (tree / "var/log" / f"f{number}").write_text("x")
    got = collect(Host(str(tree)), asking(File("/var/log/**"), Table("deaf", lambda _host: deaf_for(60), timeout=0.5)))
    assert len(outcomes(got, "file")) == 1600


def test_a_collector_that_is_given_up_says_so(collect, tree, monkeypatch):
    monkeypatch.setattr(supervise, "MAX_RESTARTS", 1)
    dying = [Table(f"t{number}", lambda _host: os.kill(os.getpid(), signal.SIGKILL)) for number in range(3)]
    assert outcomes(collect(Host(str(tree)), asking(*dying))) == [("t0", "failed"), ("t1", "failed"), ("probe", "failed")]


# -- one child's member, another child's answers


def test_a_child_that_hangs_while_its_answers_wait_loses_none_of_them(collect, tree):
    slow_log(tree, 8)

    def hangs(_host):
        time.sleep(0.5)
        yield File("/etc/hosts")
        yield Table("t", lambda _host: time.sleep(0.3) or iter(["x"]))
        deaf_for(60)

    collectors = [asking(File("/var/log/slow"), name="large"), Collector("hangs", "Hangs", hangs)]
    got = collect(Host(str(tree)), *collectors, redact=slowly(0.8), width=2, collector_timeout=1.5)
    assert ("/etc/hosts", "collected") in outcomes(got)
    assert ("hangs", "timeout") in outcomes(got)


def test_a_child_that_was_kept_waiting_is_known_by_what_it_hangs_at(collect, tree, monkeypatch):
    monkeypatch.setattr(supervise, "QUEUE_LIMIT", 1000)
    monkeypatch.setattr(supervise, "PATIENCE", 0.5, raising=False)
    slow_log(tree, 3)
    sources = [
        Table("wait", lambda _host: time.sleep(2) or iter(["x"])),
        Table("noise", lambda _host: iter([os.urandom(4000).hex()])),
        Table("soon", lambda _host: time.sleep(0.2) or iter(["x"])),
        Table("deaf", lambda _host: deaf_for(60), timeout=0.5),
        Table("after", lambda _host: iter(["x"])),
    ]
    collectors = [asking(File("/var/log/slow"), name="large"), asking(*sources, name="kept")]
    got = collect(Host(str(tree)), *collectors, redact=slowly(1.5), width=2)
    assert got.rows["deaf"]["outcome"] == "timeout"
    assert got.rows["after"]["outcome"] == "collected"


def test_a_slow_output_is_not_held_against_the_children(collect, tree, monkeypatch):
    from diagbundle.collect.output import FileOutput

    real, slept = FileOutput.write, []

    def write(self, data):
        if not slept:
            slept.append(time.sleep(5))
        real(self, data)

    monkeypatch.setattr(FileOutput, "write", write)
    noise = [Table(f"n{number}", lambda _host: iter([os.urandom(2 << 20).hex()]), timeout=1) for number in range(3)]
    got = collect(
        Host(str(tree)),
        asking(File("/etc/hosts"), Table("pause", lambda _host: time.sleep(0.3) or iter(["x"])), *noise),
        asking(*noise, name="other"),
    )
    assert {outcome for _, outcome in outcomes(got)} == {"collected"}


# -- the end of a run


def test_answers_that_wait_are_kept_when_the_run_is_ended(collect, tree):
    slow_log(tree, 4)
    late = [Table("pause", lambda _host: time.sleep(0.5) or iter(["x"])), File("/etc/hosts"), Table("t", lambda _host: time.sleep(60))]
    collectors = [asking(*late, name="late"), asking(File("/var/log/slow"), name="large")]
    got = collect(Host(str(tree)), *collectors, redact=slowly(60, deaf=True), width=2, cancelled=later(2, "told to end"))
    assert ("/etc/hosts", "collected") in outcomes(got)


def test_what_was_being_asked_when_the_run_was_ended_has_a_row(collect, tree):
    got = collect(Host(str(tree)), asking(Table("silent", lambda _host: time.sleep(60))), cancelled=later(1, "told to end"))
    assert outcomes(got) == [("silent", "timeout"), ("probe", "partial")]


def test_every_dealt_file_has_a_row_though_the_run_is_ended(collect, tree):
    names = {f"/var/log/f{number}" for number in range(1600)}
    for name in names:
        (tree / name.lstrip("/")).write_text("SLOW")
    got = collect(
        Host(str(tree)), asking(File("/var/log/**"), stage=Stage.LOGS), redact=slowly(0.01), cancelled=later(2, "told to end"), width=2
    )
    assert {source for source, _ in outcomes(got, "file")} == names
    assert not got.result.complete


def test_a_collector_that_was_done_is_not_said_to_be_cut_short(collect, tree):
    slow_log(tree, 4)
    collectors = [
        asking(File("/var/log/slow"), name="large"),
        asking(Table("pause", lambda _host: time.sleep(2) or iter(["x"])), name="done"),
    ]
    got = collect(Host(str(tree)), *collectors, redact=slowly(1.2), width=2, cancelled=later(3, "told to end"))
    assert ("pause", "collected") in outcomes(got)
    assert ("done", "partial") not in outcomes(got)
    assert ("large", "partial") in outcomes(got)


def test_no_child_outlives_a_run_that_ends_with_an_error(collect, tree):
    class Broken(Exception):
        pass

    def watched():
        if time.monotonic() > ends:
            raise Broken
        return ""

    def living():
        """Our children that have not ended; other tests may have some, too."""
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            pids = file.read().split()
        return {pid for pid in pids if open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"}

    before = living()
    ends = time.monotonic() + 1
    with pytest.raises(Broken):
        collect(Host(str(tree)), asking(Table("slow", lambda _host: time.sleep(60))), cancelled=watched)
    deadline = time.monotonic() + 5
    while living() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert living() <= before
