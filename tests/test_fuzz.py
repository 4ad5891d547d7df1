"""The short run of the fuzzer: every seed, every input that once failed, and some hundred for each target, always the same ones.

The long run is `make fuzz`, and `make test-all` tries others each time: a landing does not depend on luck. What it finds lies in tests/fuzz/found/ and is tried here from then on.
"""

import io
import random
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest
from fuzz import mutate, readers, run, targets

from diagbundle.cli import listing

EACH = 60
"""Inputs of each of the two short runs for each target."""
SECONDS = 8.0
"""Time of each of the two, whatever the machine: what is not tried then is tried another day."""
LIMIT = 30.0
"""Seconds for one input: a machine of CI may be busy."""
NAMES = tuple(targets.ALL)


def told(outcome):
    """What is wrong, with the command that shows it again."""
    found = outcome.defects.values()
    return "\n\n".join(f"{one.target} input {one.number}: {one.error}\n{one.trace}\nkept as {run.keep(one)}" for one in found)


@pytest.mark.parametrize("name", NAMES)
def test_each_seed_is_taken(name):
    for seed in targets.seeds_of(name):
        run.one(name, seed, LIMIT)


@pytest.mark.parametrize("name", NAMES)
def test_what_once_failed_does_not_again(name):
    for data in targets.ALL[name].found().values():
        run.one(name, data, LIMIT)


@pytest.mark.parametrize(
    "seed",
    [pytest.param(20261122, id="the same"), pytest.param(random.SystemRandom().randrange(1 << 32), id="another", marks=pytest.mark.slow)],
)
def test_mutated_inputs(seed):
    outcome = run.fuzz(NAMES, EACH * len(NAMES), seed, seconds=SECONDS, limit=LIMIT)
    if outcome.defects:
        pytest.fail(f"again: python -m tests.fuzz --seed {seed} --count {EACH * len(NAMES)}\n{told(outcome)}")
    assert min(outcome.inputs[name] for name in NAMES) > 0


def test_every_collector_of_ours_is_a_target_and_has_seeds():
    """A new one is found by itself; its seeds somebody has to write."""
    names = [name for name in NAMES if name.startswith("collector/")]
    assert {f"collector/{name}" for name in ("kernel", "sockets", "containers")} <= set(names)
    assert [name for name in NAMES if targets.seeds_of(name) == [b""]] == []


def test_an_input_can_be_repeated():
    name = "collector/sockets"
    first = [targets.input_of(name, 7, number) for number in range(20)]
    assert [targets.input_of(name, 7, number) for number in range(20)] == first
    assert len(set(first)) > 10
    assert max(map(len, first)) <= mutate.MAX


# -- the fuzzer itself: it sees what it is to see


def never(_data):
    while True:
        pass


def raises(data):
    raise KeyError(data)


def hoards(_data):
    hoards.kept.append(b"x" * (10 << 20))


hoards.kept = []


def asks_for_all(_data):
    return bytearray(1 << 40)


@pytest.mark.parametrize(("target", "error"), [(never, "Hang"), (raises, "KeyError"), (asks_for_all, "MemoryError"), (hoards, "Growth")])
def test_a_defect_is_seen(monkeypatch, target, error):
    monkeypatch.setitem(targets.ALL, "made", targets.Target("made", target))
    outcome = run.fuzz(["made"], 20 if target is hoards else 1, 1, limit=0.3)
    hoards.kept.clear()
    assert [one.error.partition(":")[0] for one in outcome.defects.values()] == [error]


def test_what_reaches_the_terminal_raw_is_seen(monkeypatch):
    """A program that prints a name as it stands would not pass."""
    monkeypatch.setattr(listing, "shown", lambda text: text)
    lines = targets.seeds_of("cli/shown")[0].replace(b"is not installed", b"is not \\u001b[2J installed")
    assert lines != targets.seeds_of("cli/shown")[0]
    with redirect_stdout(io.StringIO()), redirect_stderr(sys.stderr), pytest.raises(AssertionError, match="reached the terminal"):
        readers.shown(lines)
