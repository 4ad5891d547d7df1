"""The engine with real children: whatever a collector or the host does, the rest comes home."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from asking import LIVE, Through, asking

from diagbundle.bundle.reader import Bundle
from diagbundle.collect.engine import Engine, Request
from diagbundle.collect.output import FileOutput, PipeOutput
from diagbundle.errors import OutputError
from diagbundle.host import Host
from diagbundle.model import Collector, Command, File, Stage, Table
from diagbundle.testing import Silent


def intact(collected):
    with Bundle.open(collected.result.sealed.path) as bundle:
        assert bundle.verify().damages == []
    return collected


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "host"
    (root / "etc").mkdir(parents=True)
    (root / "var/log").mkdir(parents=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    return root


def test_a_file_comes_home_with_its_row(collect, tree):
    got = intact(collect(Host(str(tree)), asking(File("/etc/hosts"))))
    assert (got.tree / "etc/hosts").read_text() == "127.0.0.1 localhost\n"
    assert got.rows["/etc/hosts"]["outcome"] == "collected"
    assert got.rows["/etc/hosts"]["size"] == 20
    assert got.result.complete


def test_absence_is_a_row_and_no_loss(collect, tree):
    got = collect(Host(str(tree)), asking(File("/etc/nothing"), File("/etc/*.none"), Command(("no-such-program",))))
    assert {got.rows[key]["outcome"] for key in ("/etc/nothing", "/etc/*.none", "no-such-program")} == {"absent"}
    assert got.result.complete


def test_large_and_small_members_of_several_children_do_not_mix(collect, tree):
    contents = {}
    for number in range(6):
        contents[f"big{number}"] = os.urandom(1 << 20) * (3 + number)
        contents[f"small{number}"] = os.urandom(1000)
    for name, data in contents.items():
        (tree / "var/log" / name).write_bytes(data)
    collectors = [asking(File(f"/var/log/{name}"), name=name) for name in contents]
    got = intact(collect(Host(str(tree)), *collectors, width=4))
    for name, data in contents.items():
        assert (got.tree / "var/log" / name).read_bytes() == data


def test_many_files_behind_one_pattern_are_dealt_out_and_all_there(collect, tree):
    for number in range(1700):
        (tree / "var/log" / f"f{number}").write_text(str(number))
    (tree / "var/log/large").write_bytes(b"x" * (40 << 20))
    got = intact(collect(Host(str(tree)), asking(File("/var/log/**"), stage=Stage.LOGS), width=2))
    assert sum(1 for path in (got.tree / "var/log").iterdir()) == 1701
    assert (got.tree / "var/log/f1234").read_text() == "1234"


def test_the_same_file_asked_twice_is_kept_once(collect, tree):
    (tree / "var/log/big").write_bytes(os.urandom(2 << 20))
    sources = (File("/etc/hosts"), File("/var/log/big"))
    got = intact(collect(Host(str(tree)), asking(*sources, name="one"), asking(*sources, name="two"), width=2))
    with Bundle.open(got.result.sealed.path) as bundle:
        rows = [row for row in bundle.rows() if row["source"] == "/etc/hosts"]
    assert [row.get("path", row.get("link")) for row in rows] == ["etc/hosts", "etc/hosts"]
    assert sum(1 for row in rows if "path" in row) == 1


def test_samples_are_read_first_and_last(collect, tree):
    counter = tree / "etc/counter"
    counter.write_text("1")

    def change(_host):
        counter.write_text("2")
        yield {"changed": True}

    got = intact(collect(Host(str(tree)), asking(Table("change", change), samples=(File("/etc/counter"),))))
    assert (got.tree / "diagbundle/start/etc/counter").read_text() == "1"
    assert (got.tree / "etc/counter").read_text() == "2"


def test_a_collector_that_raises_costs_only_itself(collect, tree):
    def bad(_host):
        yield File("/etc/hosts")
        raise ValueError("broken collector")

    got = intact(collect(Host(str(tree)), Collector("bad", "Bad", bad), asking(Table("t", lambda _host: iter([{"a": 1}])))))
    assert got.rows["bad"]["outcome"] == "failed"
    assert "broken collector" in got.rows["bad"]["reason"]
    assert (got.tree / "etc/hosts").exists()
    assert (got.tree / "diagbundle/tables/t").read_text() == '{"a": 1}\n'
    assert not got.result.complete


def test_a_table_that_never_ends_is_cut_and_what_it_said_is_kept(collect, tree):
    def slow(_host):
        yield {"n": 1}
        time.sleep(60)

    started = time.monotonic()
    got = intact(collect(Host(str(tree)), asking(Table("slow", slow, timeout=0.5), File("/etc/hosts"))))
    assert time.monotonic() - started < 5
    assert got.rows["slow"]["outcome"] == "partial"
    assert (got.tree / "diagbundle/tables/slow").read_text() == '{"n": 1}\n'
    assert got.rows["/etc/hosts"]["outcome"] == "collected"


def test_a_child_that_cannot_be_interrupted_is_killed_and_another_goes_on(collect, tree):
    def deaf(_host):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM})
        yield {"n": 1}
        time.sleep(60)

    started = time.monotonic()
    before = asking(File("/etc/hosts"), Table("deaf", deaf, timeout=0.5), Table("after", lambda _host: iter(["text"])))
    got = intact(collect(Host(str(tree)), before))
    assert time.monotonic() - started < 10
    assert got.rows["deaf"]["outcome"] == "timeout"
    assert (got.tree / "diagbundle/tables/after").read_text() == "text\n"
    assert got.rows["/etc/hosts"]["outcome"] == "collected"


def test_a_reader_that_dies_loses_one_source(collect, tree):
    def dies(_host):
        yield {"n": 1}
        os.kill(os.getpid(), signal.SIGKILL)

    got = intact(collect(Host(str(tree)), asking(File("/etc/hosts"), Table("dies", dies), Table("after", lambda _host: iter(["text"])))))
    assert got.rows["dies"]["outcome"] == "failed"
    assert (got.tree / "diagbundle/tables/after").exists()


def test_a_generator_that_hangs_between_sources_is_one_row(collect, tree):
    def hangs(_host):
        yield File("/etc/hosts")
        time.sleep(60)

    got = intact(collect(Host(str(tree)), Collector("hangs", "Hangs", hangs), collector_timeout=0.5))
    assert got.rows["hangs"]["outcome"] == "timeout"
    assert got.rows["/etc/hosts"]["outcome"] == "collected"


def test_commands_that_misbehave_end_on_time_and_leave_nothing(collect):
    marker = f"diagbundle-test-{os.getpid()}"
    deaf = Command(
        (
            sys.executable,
            "-c",
            f"import signal,time; '{marker}'; signal.signal(15, signal.SIG_IGN); print('said', flush=True); time.sleep(60)",
        ),
        timeout=1,
    )
    daemon = Command((sys.executable, "-c", f"import os,time; '{marker}'; print('x', flush=True); os.fork() or time.sleep(60)"), timeout=5)
    asks = Command((sys.executable, "-c", "print(repr(input()))"), timeout=5)
    started = time.monotonic()
    got = intact(collect(LIVE, asking(deaf, daemon, asks)))
    assert time.monotonic() - started < 8
    assert got.rows[" ".join(deaf.argv)]["outcome"] == "partial"
    assert got.rows[" ".join(daemon.argv)]["outcome"] == "partial"
    assert got.rows[" ".join(asks.argv)]["exit"] == 1
    assert subprocess.run(["pgrep", "-f", marker], capture_output=True, check=False).stdout == b""


def test_long_output_is_one_member_of_its_true_size(collect):
    command = Command(
        (sys.executable, "-c", "import sys; [sys.stdout.write('line %d\\n' % i) for i in range(1500000)]"), at="sos_commands/long"
    )
    got = intact(collect(LIVE, asking(command)))
    lines = (got.tree / "sos_commands/long").read_text().splitlines()
    assert (len(lines), lines[-1]) == (1_500_000, "line 1499999")


def test_output_is_cut_at_its_limit_and_says_so(collect):
    got = intact(collect(LIVE, asking(Command(("yes",), limit=10_000, at="yes.txt"))))
    assert got.rows["yes"]["outcome"] == "partial"
    assert (got.tree / "yes.txt").stat().st_size == 10_000


def test_stderr_and_exit_are_in_the_manifest_only_stdout_in_the_file(collect):
    command = Command(("sh", "-c", "echo out; echo err >&2; exit 7"), at="answer")
    got = intact(collect(LIVE, asking(command)))
    row = got.rows[" ".join(command.argv)]
    assert (row["exit"], row["stderr"], row["outcome"]) == (7, "err\n", "collected")
    assert (got.tree / "answer").read_text() == "out\n"


def test_a_command_already_looked_at_is_not_run_again(collect, tmp_path):
    counter = tmp_path / "runs"
    command = Command(("sh", "-c", f"echo run >> {counter}; echo one two"))

    def looks(host):
        for word in host.output(command).split():
            yield Table(word, lambda _host: iter(["row"]))
        yield command

    got = intact(collect(LIVE, Collector("looks", "Looks", looks)))
    assert counter.read_text() == "run\n"
    assert got.rows["two"]["outcome"] == "collected"


def test_copies_lie_where_tools_look(collect, tree):
    got = intact(collect(LIVE, asking(Command(("echo", "hello"), also=("hello",)))))
    assert (got.tree / "hello").read_text() == (got.tree / "sos_commands/probe/echo_hello").read_text() == "hello\n"


def test_what_is_not_a_regular_file_is_named_and_not_waited_for(collect, tree):
    os.mkfifo(tree / "var/log/fifo")
    (tree / "var/log/loop").symlink_to("loop")
    (tree / "var/log/plain").write_text("text")
    (tree / "var/log/again").symlink_to("plain")
    got = intact(collect(Host(str(tree)), asking(File("/var/log/**"), File("/var/log/fifo", at="x"))))
    assert got.rows["/var/log/fifo"]["outcome"] == "skipped"
    assert got.rows["/var/log/again"]["target"] == "plain"
    assert got.rows["/var/log/plain"]["outcome"] == "collected"


def test_private_keys_are_never_in_the_bundle(collect, tree):
    begin = "-----BEGIN " + "PRIVATE KEY-----"
    (tree / "etc/ssl").mkdir()
    (tree / "etc/ssl/server.pem").write_text(f"{begin}\nAAAA\n")
    (tree / "etc/ssl/server.key").write_text("anything")
    (tree / "etc/shadow").write_text("root:x")
    (tree / "etc/harmless").symlink_to("shadow")
    got = intact(collect(Host(str(tree)), asking(File("/etc/ssl/**"), File("/etc/shadow"), File("/etc/harmless"))))
    assert {row["outcome"] for key, row in got.rows.items() if key.startswith("/etc/")} == {"skipped"}
    assert list((got.tree / "etc").rglob("*") if (got.tree / "etc").exists() else []) == []


def test_a_sparse_file_costs_what_it_holds(collect, tree):
    with (tree / "var/log/lastlog").open("wb") as file:
        file.truncate(1 << 40)
        file.seek(5 << 30)
        file.write(b"record")
    started = time.monotonic()
    got = intact(collect(Host(str(tree)), asking(File("/var/log/**"))))
    assert time.monotonic() - started < 10
    row = got.rows["/var/log/lastlog"]
    data = (got.tree / "diagbundle/sparse/var/log/lastlog").read_bytes()
    assert row["whole"] == 1 << 40
    position, length = row["extents"][0]
    assert data[(5 << 30) - position :][:6] == b"record"
    assert len(data) == length


def test_a_file_that_shrinks_is_filled_and_named(collect, tree):
    big = tree / "var/log/big"
    big.write_bytes(b"x" * (64 << 20))

    def redact(chunks):
        for number, chunk in enumerate(chunks):
            if number == 10:
                os.truncate(big, 20 << 20)
            yield chunk

    got = intact(collect(Host(str(tree)), asking(File("/var/log/big")), redact=Through(redact)))
    row = got.rows["/var/log/big"]
    assert (row["outcome"], row["short"], row["size"]) == ("partial", 20 << 20, 64 << 20)
    assert (got.tree / "var/log/big").read_bytes() == b"x" * (20 << 20) + bytes(44 << 20)


def test_a_run_that_is_told_to_end_seals_what_there_is(collect, tree):
    (tree / "var/log/big").write_bytes(os.urandom(1 << 20) * 8)
    stop = threading.Event()

    def slow(_host):
        yield {"n": 1}
        time.sleep(60)

    collectors = [
        asking(File("/etc/hosts"), name="quick"),
        asking(Table("slow", slow), name="slow"),
        asking(File("/var/log/big"), name="late", stage=Stage.LOGS),
    ]
    threading.Timer(1, stop.set).start()
    started = time.monotonic()
    got = intact(collect(Host(str(tree)), *collectors, width=1, cancelled=lambda: "it was told to end" if stop.is_set() else ""))
    assert time.monotonic() - started < 6
    assert got.result.sealed.path.endswith(".partial.tar.zst")
    assert got.rows["/etc/hosts"]["outcome"] == "collected"
    assert got.rows["late"]["outcome"] == "skipped"


def test_the_limit_of_bytes_ends_the_run(collect, tree):
    for number in range(40):
        (tree / "var/log" / f"f{number}").write_bytes(os.urandom(1 << 20))
    got = intact(collect(Host(str(tree)), asking(File("/var/log/**"), stage=Stage.LOGS), max_bytes=8 << 20, width=1))
    assert not got.result.complete
    assert "limit" in got.result.reason
    assert os.path.getsize(got.result.sealed.path) <= 12 << 20


def test_to_a_pipe_come_the_same_bytes(tree):
    read, write = os.pipe()
    collected = []
    reader = threading.Thread(target=lambda: collected.append(os.fdopen(read, "rb").read()))
    reader.start()
    result = Engine(Request([asking(File("/etc/hosts"))], Host(str(tree))), PipeOutput(write), Silent(), {"name": "h"}).run()
    os.close(write)
    reader.join()
    assert result.complete
    assert len(collected[0]) == result.sealed.size


def test_a_pipe_whose_reader_has_gone_is_no_bundle(tree):
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(OutputError, match="has gone"):
        Engine(Request([asking(File("/etc/hosts"))], Host(str(tree))), PipeOutput(write), Silent(), {"name": "h"}).run()
    os.close(write)


def test_nothing_is_overwritten_and_nothing_is_left(tmp_path):
    taken = tmp_path / "b.partial.tar.zst"
    taken.write_text("mine")
    with pytest.raises(OutputError, match="not overwritten"):
        FileOutput(str(tmp_path / "b.tar.zst"))
    taken.unlink()
    output = FileOutput(str(tmp_path / "b.tar.zst"))
    assert Path(output.part).stat().st_mode & 0o777 == 0o600
    with pytest.raises(OutputError, match="unfinished"):
        FileOutput(str(tmp_path / "b.tar.zst"))
    output.discard()
    assert list(tmp_path.iterdir()) == []


def test_links_in_a_folder_are_named_not_followed_unless_that_is_wanted(collect, tree):
    (tree / "var/log/outside").symlink_to("/etc/hosts")
    got = intact(collect(Host(str(tree)), asking(File("/var/log/**"))))
    assert (got.rows["/var/log/outside"]["outcome"], got.rows["/var/log/outside"]["target"]) == ("skipped", "/etc/hosts")
    assert not (got.tree / "var/log/outside").exists()
    got = intact(collect(Host(str(tree)), asking(File("/var/log/**", follow=True))))
    assert (got.tree / "var/log/outside").read_text() == "127.0.0.1 localhost\n"


def test_without_samples_nothing_is_waited_for(collect, tree):
    started = time.monotonic()
    collect(Host(str(tree)), asking(File("/etc/hosts")), sample_interval=20.0)
    assert time.monotonic() - started < 10


def test_names_that_are_long_and_not_text_come_home(collect, tree):
    name = b"caf\xe9" + b"x" * 120
    (tree / "var/log" / os.fsdecode(name)).write_text("text")
    got = intact(collect(Host(str(tree)), asking(File("/var/log/**"))))
    assert (got.tree / "var/log" / os.fsdecode(name)).read_text() == "text"
