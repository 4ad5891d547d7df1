"""A collector that misbehaves, a vendor's too, costs only itself: the two good ones beside it come home whole."""

import hashlib
import re
import resource

import misbehaving
import pytest
from beside import Bench, slowly

from diagbundle.host import Host


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def beside(bench, tmp_path):
    """A function: collects with bad collectors, by their names, between the two good ones."""

    def run(names, *words, **more):
        return bench.run(tmp_path, {name: f"misbehaving:{name}" for name in names.split()}, *words, **more)

    return run


# -- it raises, ends, dies: one row says so

TOLD = {
    "raises_at_once": "failed: .*ValueError: broken at once",
    "raises_unprintable": "failed: .*Unprintable",
    "raises_at_length": "failed: .*ValueError: long long",
    "raises_escapes": "failed: .*ValueError: .*owned",
    "raises_no_text": "failed: .*ValueError",
    "system_exit": "failed: .*(SystemExit|ended)",
    "recursion": "failed: .*RecursionError",
    "exits_0": "failed: .*ended.*exit status 0",
    "exits_3": "failed: .*ended.*exit status 3",
    "aborts": "failed: .*signal 6",
    "killed": "failed: .*signal 9",
    "segfault": "failed: .*signal 11",
    "terminated": "failed: .*ended",
    "closes_all": "failed: .*ended",
    "opens_many": "failed: .*Too many open files",
    "scribbles_zeros": "failed: ",
    "scribbles_ones": "failed: ",
    "scribbles_text": "failed: ",
    "scribbles_frames": "failed: ",
    "scribbles_deep": "failed: ",
    "scribbles_lists": "failed: ",
    "scribbles_short": "failed: ",
    "not_iterable": "failed: .*TypeError",
    "none": "failed: .*TypeError",
    "takes_nothing": "failed: .*TypeError",
}

ALIKE = (
    "raises_no_text",
    "exits_3",
    "aborts",
    "segfault",
    "scribbles_zeros",
    "scribbles_short",
    "scribbles_lists",
    "none",
    "takes_nothing",
)


@pytest.mark.parametrize("name", slowly(TOLD, *ALIKE))
def test_a_collector_that_fails_is_one_row_that_says_so(beside, name):
    seen = beside(name, "-q")
    assert re.match(TOLD[name], seen.told, re.DOTALL), seen.bad
    assert len(seen.bad) == 1 or seen.outcomes == {"table failed": 1, "collector failed": 1}  # what it was at, and that it has ended


AFTER_THREE = {
    "raises_after_three": "failed: .*ValueError: broken after three",
    "memory_error": "failed: .*there is not enough memory",
    "system_exit_after_three": "failed: .*(SystemExit|ended)",
    "keyboard_interrupt": "failed: .*(KeyboardInterrupt|ended)",
}


@pytest.mark.parametrize("name", AFTER_THREE)
def test_what_it_had_until_then_is_kept(beside, name):
    seen = beside(name, "-q")
    assert re.match(AFTER_THREE[name], seen.told), seen.bad
    assert seen.outcomes == {"table collected": 3, "collector failed": 1}


@pytest.mark.parametrize("name", ["exits_0_after_three", "generator_exit", "base_exception"])
def test_an_end_in_the_middle_is_never_taken_for_done(beside, name):
    assert re.match("failed: ", beside(name, "-q").told)


# -- it does harm around itself, and is done all the same

UNHURT = ["closes_standard", "speaks_binary", "moves_away", "starts_threads", "spawns_a_session"]


@pytest.mark.parametrize("name", UNHURT)
def test_what_it_does_to_itself_stays_its_own(beside, name):
    seen = beside(name, "-q")
    assert seen.outcomes == {"table collected": 1}
    assert seen.complete


@pytest.mark.parametrize("name", ["forks", "forks_and_stays", "forks_a_session", "forks_a_program"])
def test_a_copy_of_its_reader_does_nothing_and_does_not_stay(beside, name):
    seen = beside(name, "-q")
    assert seen.outcomes == {"table collected": 1}


def test_a_command_that_leaves_its_session_does_not_outlive_the_run(beside):
    seen = beside("a_daemon", "-q")  # that nothing is left of it, `Bench.examined` looks for
    assert len(seen.bad) == 1
    assert seen.outcomes["command collected"] or "held its output open" in seen.bad[0]["reason"], seen.bad


def test_what_it_prints_reaches_neither_terminal_nor_bundle(beside):
    seen = beside("speaks_binary")
    assert b"owned" not in seen.ended.said
    assert b"owned" not in seen.bundle.read_bytes()


# -- it never returns

NEVER = [name for name in misbehaving.NEVER_ENDING if name != "never_yields"]


def test_collectors_that_never_return_cost_their_time_and_no_more(beside):
    """All of them at once, beside the good ones, each in its own process."""
    seen = beside(" ".join(NEVER), "-q", seconds=30, own_time="2s")
    assert {row["collector"]: row["outcome"] for row in seen.bad} == dict.fromkeys(NEVER, "timeout")
    assert len(seen.bad) == len(NEVER)


@pytest.mark.slow
@pytest.mark.parametrize("name", NEVER)
def test_a_collector_that_never_returns_is_one_row(beside, name):
    seen = beside(name, own_time="1s")
    assert re.match("timeout: it did not (end|answer) in time", seen.told)


def test_a_table_that_never_begins_costs_its_time_and_no_more(beside):
    seen = beside("never_yields", "-q", own_time="10s")
    assert {row["source"]: row["outcome"] for row in seen.bad} == {"table": "timeout", "honest": "collected"}


@pytest.mark.slow
def test_samples_that_hang_are_waited_for_no_longer_than_samples_may_take(beside):
    seen = beside("samples_hang", "-q", seconds=55)
    assert seen.outcomes["file collected"] == 1
    assert seen.outcomes["collector timeout"] in (1, 2)


# -- what it yields makes no sense

SENSELESS = {
    # name: how many rows there are at least, and outcomes of which none may stand
    "yields_nothing_known": 1,
    "paths": 11,
    "places": 7,
    "copies": 5,
    "timeouts": 6,
    "timeouts_of_files": 6,
    "words": 11,
    "same_names": 6,
    "tables": 11,
    "table_names": 7,
}


@pytest.mark.parametrize("name", SENSELESS)
def test_what_makes_no_sense_costs_one_row_each(beside, name):
    seen = beside(name, "-q")
    assert len(seen.bad) >= SENSELESS[name], seen.bad
    assert not any("object has no attribute" in row.get("reason", "") for row in seen.bad)


def test_binary_output_is_kept_as_it_is_and_shown_escaped(beside):
    seen = beside("binary_output", "-q")
    (row,) = seen.bad
    assert row["sha256"] == hashlib.sha256(bytes(range(256))).hexdigest()
    assert row["stderr"].startswith("\x1b]0;owned\x07")


# -- there is no end to it


@pytest.mark.slow
@pytest.mark.parametrize("name", ["million_files", "million_tables", "million_nothing"])
def test_a_million_sources_are_cut_and_one_row_says_so(beside, name):
    seen = beside(name, "-q", seconds=200, own_time="120s")
    assert len(seen.bad) <= 100_001
    assert re.search("asks for more than 100,000 sources", seen.bad[-1]["reason"])


@pytest.mark.slow
def test_a_pattern_that_matches_a_million_files_is_dealt_out_in_bounded_memory(beside, bench):
    """Each has its row: they are evidence that was asked for. Nobody waits while a million files are made: the host only says so."""

    def many():
        real, status = Host.glob, (bench.top / "small").lstat()
        Host.glob = lambda host, pattern: (f"/many/{n}" for n in range(1_000_000)) if pattern == "/many/*" else real(host, pattern)
        Host.lstat = lambda _host, _path: status

    seen = beside("million_matches", "-q", seconds=250, own_time="200s", prepare=many, growth=200 << 20)
    assert seen.outcomes["file absent"] == 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("endless_table", 1), ("endless_line", 1), ("gigabyte", 1)])
def test_an_answer_without_end_is_cut(beside, name, rows):
    seen = beside(name, "-q", seconds=90, own_time="60s")
    assert [row["outcome"] for row in seen.bad] == ["partial"] * rows


@pytest.mark.slow
def test_what_takes_all_memory_is_ended_by_the_limit_of_its_own(beside):
    seen = beside("allocates", "-q", seconds=60, own_time="30s", limits={resource.RLIMIT_AS: 4 << 30})
    assert re.match("failed: .*there is not enough memory", seen.told)
