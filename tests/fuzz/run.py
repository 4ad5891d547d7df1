"""The run: inputs into targets, each with a time limit; what was raised, hung or grew is a defect."""

import hashlib
import os
import resource
import signal
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace

from . import targets

LIMIT = 20.0
"""Seconds for one input; hundred times what the slowest takes on a quiet machine."""
PEAK, GROWTH = 192 << 20, 48 << 20
"""Bytes by which one input may raise the largest memory there ever was, and by which a run may grow after it has warmed up."""
ROOM = 2 << 30
"""Bytes of address space beyond what there is: an input that asks for more gets a MemoryError, and not the machine's memory."""
SHRINKING = 10.0
"""Seconds in which an input that fails is made smaller before it is kept."""
WARM = 0.2
"""Part of a run after which its memory is measured for the first time."""


class Hang(BaseException):
    """An input took too long. Not an `Exception`: nobody's `except` takes it."""


class Growth(Exception):
    """Memory grew."""


@dataclass
class Defect:
    """An input that a target did not take."""

    target: str
    data: bytes
    error: str
    kind: tuple[str, str]
    """What was raised, and the innermost line of ours: defects are the same where these are."""
    trace: str
    number: int = -1


@dataclass
class Outcome:
    """What a run did."""

    inputs: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)
    seconds: Counter = field(default_factory=Counter)
    defects: dict = field(default_factory=dict)
    """The first input of each place, and how many there were."""
    seen: Counter = field(default_factory=Counter)


def one(name, data, limit=LIMIT):
    """One input into one target: whether it was refused. Raises what is no allowed answer."""
    target = targets.ALL[name]
    before = signal.signal(signal.SIGALRM, _hang)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        target.run(data)
    except target.answers:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return False


def _hang(_number, _frame):
    raise Hang


def fuzz(names, count, seed, *, seconds=float("inf"), first=0, limit=LIMIT, tell=lambda _outcome: None):  # noqa: PLR0913
    """`count` inputs in all, in turn to each target, until the seconds are over."""
    outcome = Outcome()
    ends = time.monotonic() + seconds
    with _bounded():
        warm = 0
        for number in range(first, first + -(-count // len(names))):
            for name in names:
                if sum(outcome.inputs.values()) >= count or time.monotonic() > ends:
                    break
                _try(name, number, targets.input_of(name, seed, number), limit, outcome)
            if not warm and number - first >= WARM * count / len(names):
                warm = memory()
            tell(outcome)
        if warm and (grown := memory() - warm) > GROWTH:
            _note(outcome, "all", b"", Growth(f"{grown >> 20} MiB more after {sum(outcome.inputs.values())} inputs"), -1)
    return outcome


def _try(name, number, data, limit, outcome):
    started, peak = time.monotonic(), _peak()
    try:
        outcome.refused[name] += one(name, data, limit)
    except (Exception, Hang) as error:  # noqa: BLE001 - whatever it is, it is what we look for
        _note(outcome, name, data, error, number)
    if (grown := _peak() - peak) > PEAK:
        _note(outcome, name, data, Growth(f"one input took {grown >> 20} MiB"), number)
    outcome.inputs[name] += 1
    outcome.seconds[name] += time.monotonic() - started


def _note(outcome, name, data, error, number):
    kind = _kind(error)
    outcome.seen[kind] += 1
    trace = "".join(traceback.format_exception(error, limit=-8))[-4000:]
    outcome.defects.setdefault(kind, Defect(name, data, f"{type(error).__name__}: {str(error)[:300]}", kind, trace, number))


def _kind(error):
    """Kind and place of an error: where these are the same, the defect is."""
    where = next(
        (
            f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in reversed(traceback.extract_tb(error.__traceback__))
            if _is_ours(frame.filename)
        ),
        "",
    )
    return type(error).__name__, where if where or not isinstance(error, AssertionError) else str(error)[:60]


def _is_ours(path):
    return ("/diagbundle/" in path or "/collectors/" in path) and "/tests/" not in path


def smaller(defect, seconds=SHRINKING):
    """The input without what it does not need to fail in the same way; of one that hangs or grows, all of it."""
    data, ends = defect.data, time.monotonic() + seconds
    step = len(data) // 2 if defect.kind[0] not in ("Hang", "Growth", "MemoryError") else 0
    while step:
        at = 0
        while at < len(data) and time.monotonic() < ends:
            shorter = data[:at] + data[at + step :]
            at, data = (at, shorter) if _fails_so(defect, shorter) else (at + step, data)
        step //= 2
    return data


def _fails_so(defect, data):
    try:
        one(defect.target, data)
    except (Exception, Hang) as error:  # noqa: BLE001 - the one that is looked for, or another
        return _kind(error) == defect.kind
    return False


def keep(defect):
    """Write the input of a defect where `make test` tries it again; its path."""
    defect = replace(defect, data=smaller(defect))
    folder = os.path.join(targets.HERE, "found", defect.target)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, hashlib.sha256(defect.data).hexdigest()[:16])
    with open(path, "wb") as file:
        file.write(defect.data)
    return path


def memory():
    """Bytes of this process that are in memory now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


class _bounded:  # noqa: N801 - reads as a word
    """The address space is bounded meanwhile."""

    def __enter__(self):
        self.before = resource.getrlimit(resource.RLIMIT_AS)
        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, self.before[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_AS, self.before)
