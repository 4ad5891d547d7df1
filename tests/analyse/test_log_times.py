"""Times at the beginning of lines: every form, zones and their changes, years that are not said."""

import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagbundle.analyse.log.event import CERTAIN, YEAR, ZONE
from diagbundle.analyse.log.times import LONGEST, Clock, zone_named
from diagbundle.analyse.log.years import Years, years_of

BERLIN = zone_named("Europe/Berlin")
NEWEST = datetime(2026, 3, 6, tzinfo=UTC).timestamp()


def clock(zone=BERLIN, newest=NEWEST):
    return Clock(zone=zone, newest=newest, booted=NEWEST - 1000)


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


LOCAL = at("2026-03-05T10:12:01", BERLIN)
WORLD = at("2026-03-05T10:12:01")


@pytest.mark.parametrize(
    ("line", "time", "certainty", "rest"),
    [
        ("Mar  5 10:12:01 db1 sshd[8]: x", LOCAL, YEAR, " db1 sshd[8]: x"),
        ("Mar 05 10:12:01 db1 sshd[8]: x", LOCAL, YEAR, " db1 sshd[8]: x"),
        ("Mar  5 2026 10:12:01 fw1 x", LOCAL, ZONE, " fw1 x"),
        ("2026-03-05T10:12:01+01:00 db1 x", LOCAL, CERTAIN, " db1 x"),
        ("2026-03-05T10:12:01.000000+0100 x", LOCAL, CERTAIN, " x"),
        ("2026-03-05T10:12:01Z x", WORLD, CERTAIN, " x"),
        ("2026-03-05 10:12:01,000 ERROR x", LOCAL, ZONE, " ERROR x"),
        ("2026-03-05 10:12:01.000 UTC [12] LOG:  x", WORLD, CERTAIN, " [12] LOG:  x"),
        ("2026-03-05 10:12:01.000 CET [12] LOG:  x", LOCAL, ZONE, " [12] LOG:  x"),
        ("2026-03-05 10:12:01+01 [12] LOG:  x", LOCAL, CERTAIN, " [12] LOG:  x"),
        ("2026/03/05 10:12:01 [error] 1#1: x", LOCAL, ZONE, " [error] 1#1: x"),
        ("05/Mar/2026:10:12:01 +0100 x", LOCAL, CERTAIN, " x"),
        ("[05/Mar/2026:10:12:01 +0000] x", WORLD, CERTAIN, " x"),
        ("05-Mar-2026 10:12:01.000 INFO x", LOCAL, ZONE, " INFO x"),
        ("[Thu Mar 05 10:12:01.000000 2026] [core:error] x", LOCAL, ZONE, " [core:error] x"),
        ("Thu Mar  5 10:12:01 UTC 2026 x", WORLD, CERTAIN, " x"),
        ("Thu Mar  5 10:12:01 2026", LOCAL, ZONE, ""),
        ("Thu 05 Mar 2026 10:12:01 AM CET", LOCAL, ZONE, ""),
        ("Thu, 05 Mar 2026 10:12:01 GMT x", WORLD, CERTAIN, " x"),
        ("Thu 2026-03-05 10:12:01 UTC db1 x", WORLD, CERTAIN, " db1 x"),
        ("Mar 05, 2026 10:12:01 AM org.apache", LOCAL, ZONE, " org.apache"),
        ("05.03.2026 10:12:01 Meldung", LOCAL, ZONE, " Meldung"),
        ("I0305 10:12:01.000000   12 a.go:1] x", LOCAL, YEAR, "   12 a.go:1] x"),
        ("260305 10:12:01 [Note] x", LOCAL, ZONE, " [Note] x"),
        ("20260305T101201Z x", WORLD, CERTAIN, " x"),
        ("1772705521 x", WORLD, CERTAIN, " x"),
        ("1772705521.000 100 10.0.0.1 x", WORLD, CERTAIN, " 100 10.0.0.1 x"),
        ("1772705521000", WORLD, CERTAIN, ""),
        ("12:M 05 Mar 2026 10:12:01.000 * x", LOCAL, ZONE, " * x"),
        ('time="2026-03-05T10:12:01Z" level=info', WORLD, CERTAIN, " level=info"),
        ("(2026-03-05 10:12:01:000000): [be] x", LOCAL, ZONE, ": [be] x"),
        ("<34>1 2026-03-05T10:12:01Z h x", WORLD, CERTAIN, " h x"),
        ("<13>Mar  5 10:12:01 h x: y", LOCAL, YEAR, " h x: y"),
        ("\x1b[32m2026-03-05T10:12:01Z x", WORLD, CERTAIN, " x"),
    ],
)
def test_form(line, time, certainty, rest):
    found, sure, end = clock().read(line[:LONGEST])
    assert (found, sure, line[end:]) == (time, certainty, rest)


@pytest.mark.parametrize(
    "line",
    ["", "    at com.example.Main(Main.java:12)", "Caused by: x", "12 apples", "2026-13-05 10:12:01", "2026-02-30 10:12:01 x", "Foo  5 10:12:01 x", "10:12:01 x",
     "2026-03-05", "9999999999 x", "-- Boot 12 --", "Mar  5", "1772705521abc", "Mar 32 10:12:01 h x: y", "2026-03-05 29:12:01 x"],
)  # fmt: skip
def test_no_time_stands_there(line):
    assert clock().read(line) == (0.0, "", 0)


def test_the_time_of_a_web_servers_line_stands_behind_who_asked():
    line = 'shop.example.net:443 10.0.0.1 - mira [05/Mar/2026:10:12:01 +0100] "GET / HTTP/1.1" 200 5'
    assert clock().read(line)[0] == 0
    assert clock().asked(line) == (LOCAL, CERTAIN)


def test_an_hour_that_comes_twice_is_the_second_after_the_first():
    lines = [
        "2026-10-25 01:59:59 x",
        "2026-10-25 02:00:00 x",
        "2026-10-25 02:59:59 x",
        "2026-10-25 02:00:00 x",
        "2026-10-25 02:59:59 x",
        "2026-10-25 03:00:00 x",
    ]
    one = clock()
    times = [one.read(line)[0] for line in lines]
    assert [later - earlier for earlier, later in pairwise(times)] == [1, 3599, 1, 3599, 1]


def test_before_and_after_the_hour_that_is_left_out():
    assert clock().read("2026-03-29 03:00:00 x")[0] - clock().read("2026-03-29 01:59:59 x")[0] == 1
    assert clock().read("2026-03-29 00:30:00 x")[0] == at("2026-03-28T23:30:00")


def test_a_date_without_a_year_is_the_last_before_the_file_was_written():
    assert clock().read("Mar  5 10:00:00 h x: y")[0] == at("2026-03-05T10:00:00", BERLIN)
    assert clock().read("Mar  9 10:00:00 h x: y")[0] == at("2025-03-09T10:00:00", BERLIN)
    assert clock().read("Feb 29 10:00:00 h x: y")[0] == at("2024-02-29T10:00:00", BERLIN)


def lines_of(*dates):
    return "".join(f"{date} 10:00:00 h x: y\n" for date in dates).encode()


@pytest.mark.parametrize(
    ("dates", "years"),
    [
        (["Dec 30", "Dec 31", "Jan  1", "Mar  5"], [2025, 2025, 2026, 2026]),
        (["Jan  2", "Jun  1", "Dec 31", "Jan  1", "Mar  5"], [2025, 2025, 2025, 2026, 2026]),
        (["Mar  3", "Mar  4", "Jun  1", "Jan  1", "Feb  1", "Jan 20", "Mar  5"], [2025, 2025, 2025, 2026, 2026, 2026, 2026]),
        (["Aug  1", "Jan  9", "Dec  1", "Jan  3", "Mar  5"], [2024, 2025, 2025, 2026, 2026]),
        (["Dec 31", "Jan  1", "Dec 31", "Jan  1"], [2025, 2026, 2025, 2026]),
        (["Jan  1"], [2026]),
        (["Apr  1", "Mar 31", "Apr  2"], [2025, 2025, 2025]),
    ],
)
def test_a_file_that_runs_over_new_year(dates, years):
    data = lines_of(*dates)
    for cut in (len(data), 30, 7):
        pieces = [data[begin : begin + cut] for begin in range(0, len(data), cut)]
        one = clock(UTC)
        one.years = lambda pieces=pieces: years_of(pieces)
        found = [one.read(f"{date} 10:00:00 h x: y", number)[0] for number, date in enumerate(dates, 1)]
        assert [datetime.fromtimestamp(time, UTC).year for time in found] == years


def test_lines_without_dates_do_not_disturb_the_years():
    data = b"x\n\n" + lines_of("Dec 31") + b"\ttrace\n" * 3 + lines_of("Jan  1") + b"  end"
    assert years_of([data]) == Years((7,), (1,), (1, 1))


@given(
    st.integers(0, 4_000_000_000),
    st.sampled_from(["%Y-%m-%dT%H:%M:%SZ", "%a %b %d %H:%M:%S UTC %Y", "%d/%b/%Y:%H:%M:%S +0000", "%Y/%m/%d %H:%M:%S", "%s"]),
)
@settings(deadline=None)
def test_what_was_written_is_read(seconds, form):
    text = str(seconds) if form == "%s" else datetime.fromtimestamp(seconds, UTC).strftime(form)
    if form == "%s" and not re.fullmatch(r"1\d{9}", text):
        return
    assert clock(UTC).read(f"{text} x")[0] == seconds


@given(st.integers(0, 2_000_000_000), st.integers(-14 * 60, 14 * 60))
@settings(deadline=None)
def test_offsets(seconds, minutes):
    text = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=minutes))).strftime("%Y-%m-%dT%H:%M:%S%z")
    assert clock().read(text)[0] == seconds


@given(
    st.lists(st.integers(1_700_000_000, NEWEST - 1), min_size=1, max_size=40),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Etc/UTC"]),
)
@settings(deadline=None)
def test_sorted_lines_without_a_year_stay_sorted_if_none_is_left_out_for_long(times, name):
    zone = zone_named(name)
    steps = sorted(times)
    dense = sorted({*steps, *range(int(steps[0]), int(steps[-1]), 20 * 86400)})
    texts = [datetime.fromtimestamp(time, zone).strftime("%b %d %H:%M:%S h x: y") for time in dense]
    one = clock(zone, dense[-1])
    one.years = lambda: years_of(["".join(f"{text}\n" for text in texts).encode()])
    for number, (time, text) in enumerate(zip(dense, texts, strict=True), 1):
        assert abs(one.read(text, number)[0] - time) <= 3600  # of an hour that comes twice the file may not tell which it is


@given(st.text(max_size=120))
@settings(deadline=None)
def test_any_text(text):
    time, certainty, end = clock().read(text)
    assert (time == 0) == (certainty == "")
    assert 0 <= end <= len(text)
    clock().asked(text)


@given(st.lists(st.binary(max_size=80)))
@settings(deadline=None)
def test_any_bytes_have_years(pieces):
    found = years_of(pieces)
    assert len(found.lines) == len(found.steps)
    assert list(found.lines) == sorted(found.lines)


def test_of_a_large_log_the_years_are_the_same_when_not_every_line_is_asked():
    months = [month for _ in range(3) for month in ("Jan", "Feb", "Jun", "Nov", "Dec")]
    data = b"".join(
        f"{month} {day:2} 10:00:00 host prog: {'x' * 200}\n".encode() for month in months for day in range(1, 28) for _ in range(40)
    )
    pieces = [data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20)]
    assert len(pieces) > 3
    assert years_of(pieces, every=False) == years_of(pieces)
    assert len(years_of(pieces).lines) == 2
