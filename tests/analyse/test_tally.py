"""Lines by time and severity: exact for small logs, near enough for large ones, and the analysis reads what it read before."""

import random
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.analyse.evidence.entry import Entry, Head
from diagbundle.analyse.log import tally
from diagbundle.analyse.log.tally import ERROR, OTHER, WARNING, Overheard
from diagbundle.cli.analysis import finder

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC).timestamp()
EXPORT = "sos_commands/logs/journalctl_--no-pager_-o_export"
WORDS = {
    "all is well": OTHER,
    "ERROR it broke": ERROR,
    "warning: it creaks": WARNING,
    "fatal: it is gone": ERROR,
    "an errand, alerted": OTHER,
}


class Logs:
    """Evidence of some texts, read in pieces of any length."""

    def __init__(self, texts, piece=1 << 20):
        self.name, self.head, self._texts, self._piece = "x", Head(finished=NOW, zone="UTC"), texts, piece
        self.entries = [Entry(path, there=True, size=len(text), mtime=NOW, key=path) for path, text in texts.items()]

    def blocks(self, entry):
        text = self._texts[entry.path]
        for at in range(0, len(text), self._piece):
            yield text[at : at + self._piece]


def heard(logs):
    overheard = Overheard(logs, finder)
    for entry in overheard.entries:
        assert b"".join(overheard.blocks(entry)) == b"".join(logs.blocks(entry)), "who reads gets what there is"
    return overheard


def by_severity(counted):
    found = Counter()
    for (_, severity), lines in counted.at.items():
        found[severity] += lines
    return dict(found)


def iso(seconds):
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}Z"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7200), st.sampled_from(sorted(WORDS))), min_size=1, max_size=60), st.integers(1, 300))
def test_of_a_small_log_every_line_is_counted(said, piece):
    times = sorted(NOW - 7200 + second for second, _ in said)
    text = "".join(f"{iso(time)} {word}\n" for time, (_, word) in zip(times, said, strict=True))
    counted = heard(Logs({"var/log/app.log": text.encode()}, piece)).logs["var/log/app.log"]
    assert counted.is_exact
    assert counted.lines == len(said)
    assert by_severity(counted) == pytest.approx(Counter(WORDS[word] for _, word in said))
    errors = Counter(int(time // 60) for time, (_, word) in zip(times, said, strict=True) if WORDS[word] == ERROR)
    assert {minute: lines for (minute, severity), lines in counted.at.items() if severity == ERROR} == errors


def large(lines, seed=3):
    """A log of many lines over ten hours, with a storm of errors in the last; and how many errors it has in each hour."""
    draw, text, errors = random.Random(seed), [], Counter()
    for number in range(lines):
        time = NOW - 36000 + 36000 * number / lines
        hour = int((time - NOW + 36000) // 3600)
        word = "ERROR it broke" if draw.random() < (0.4 if hour == 9 else 0.01) else "all is well, and this line is long enough for a log"
        errors[hour] += word.startswith("ERROR")
        text.append(f"{iso(time)} web1 app[{number}]: {word}\n")
    return "".join(text).encode(), errors


@pytest.mark.parametrize("budget", [0, tally.BUDGET], ids=["few are read", "many are read"])
def test_of_a_large_log_the_shape_is_right(monkeypatch, budget):
    monkeypatch.setattr(tally, "BUDGET", budget)
    text, errors = large(60_000)
    counted = heard(Logs({"var/log/app.log": text})).logs["var/log/app.log"]
    assert not counted.is_exact
    assert counted.lines == 60_000, "lines are counted"
    found = Counter()
    for (minute, severity), lines in counted.at.items():
        found[int((minute * 60 - NOW + 36000) // 3600)] += lines if severity == ERROR else 0
    assert sum(found.values()) == pytest.approx(sum(errors.values()), rel=0.02)
    assert found[9] == pytest.approx(errors[9], rel=0.1)
    assert sum(by_severity(counted).values()) == pytest.approx(60_000)
    hours = Counter()
    for (minute, _), lines in counted.at.items():
        hours[int((minute * 60 - NOW + 36000) // 3600)] += lines
    assert all(hours[hour] == pytest.approx(6000, rel=0.1) for hour in range(10))


@pytest.mark.parametrize("records", [3, 9000])
def test_records_of_the_journal_are_counted_by_their_priority(records):
    usec = int((NOW - 3600) * 1e6)
    text = "".join(
        f"__CURSOR={number}\n__REALTIME_TIMESTAMP={usec + number * 1000}\nPRIORITY={3 if number % 3 == 0 else 6}\n_COMM=app\n"
        f"SYSLOG_IDENTIFIER=application-of-a-vendor\n_HOSTNAME=web1\nMESSAGE=request {number} was served from the cache of the second level\n\n"
        for number in range(records)
    )
    counted = heard(Logs({EXPORT: text.encode()})).logs[EXPORT]
    assert counted.is_exact == (records == 3)
    assert counted.lines == records
    assert by_severity(counted) == pytest.approx({ERROR: records / 3, OTHER: 2 * records / 3}, rel=0.01)


def test_errors_are_kept_with_their_lines():
    text = b"".join(
        f"{iso(NOW - 600 + number)} app: {'ERROR number' if number % 10 == 0 else 'fine'} {number}\n".encode() for number in range(100)
    )
    kept = [event for events in heard(Logs({"var/log/app.log": text})).errors.values() for event in events]
    lines = text.decode().split("\n")
    assert kept
    assert all(event.text in lines[event.origin.line - 1] and "ERROR" in event.text for event in kept)
    assert all(len(events) <= tally.KEPT for events in heard(Logs({"var/log/app.log": text})).errors.values())


@pytest.mark.parametrize("lines", [1, 40_000])
def test_lines_without_any_time_are_told(lines):
    counted = heard(Logs({"var/log/app.log": b"an ERROR without a time, on a line that is long enough\n" * lines})).logs["var/log/app.log"]
    assert (counted.at, counted.lines, counted.undated) == ({}, lines, pytest.approx(lines))


def test_times_behind_the_collection_are_not_drawn():
    today, future = f"{iso(NOW - 5)} ERROR of today\n".encode(), b"2099-01-01T00:00:00Z ERROR of the future\n"
    text = future + today + future + b"fine, and without a time\n"
    counted = heard(Logs({"var/log/app.log": text})).logs["var/log/app.log"]
    assert by_severity(counted)[ERROR] == 1
    assert {minute for minute, _ in counted.at} == {int((NOW - 5) // 60)}


@given(st.binary(max_size=3000), st.integers(1, 100), st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_counted(text, piece, is_export):
    path = EXPORT if is_export else "var/log/app.log"
    logs = Logs({path: text or b"x"}, piece)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("SMALL", 500), ("STEP", 64), ("LEAST", 2), ("BUDGET", 0)):
            patch.setattr(tally, name, value)
        counted = heard(logs).logs[path]
    assert sum(counted.at.values()) + counted.undated == pytest.approx(counted.lines)


def test_who_stops_reading_has_not_counted():
    logs = Logs({"var/log/app.log": f"{iso(NOW)} ERROR\n".encode() * 100}, 50)
    overheard = Overheard(logs, finder)
    next(overheard.blocks(overheard.entries[0]))
    assert overheard.logs == {}
    assert b"".join(overheard.blocks(overheard.entries[0]))
    assert overheard.logs["var/log/app.log"].lines == 100
