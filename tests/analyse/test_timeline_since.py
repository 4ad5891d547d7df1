"""Of long logs only the stretches near the time that is asked for are looked at closely; what is shown is the same."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from test_timeline import NOW, tree

from diagbundle.analyse.history import timeline
from diagbundle.analyse.history.timeline import Timeline
from diagbundle.analyse.log import shelf

LINES = 3000
WORDS = "x" * 150
"""So that they fill more portions than one."""


def iso(at, number):
    return f"{at:%Y-%m-%dT%H:%M:%S}.{number:06}Z h app: line {number} {WORDS}"


def syslog(at, number):
    return f"{at:%b %e %H:%M:%S} h app[7]: line {number} {WORDS}"


def nginx(at, number):
    return f'10.0.0.1 - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /{number} HTTP/1.1" 200 1 "-" "{WORDS}"'


def trace(at, number):
    return iso(at, number) + "".join(f"\n\tat com.example.Shop.line{each}(Shop.java:{each})" for each in range(number % 50))


def log(form, *, days=90, disorder=0):
    """Lines of so many days, up to now; for some seconds out of order."""
    random.seed(7)
    begin = datetime.fromtimestamp(NOW, UTC) - timedelta(days=days)
    step = timedelta(days=days) / LINES
    return "".join(form(begin + step * number - timedelta(seconds=random.uniform(0, disorder)), number) + "\n" for number in range(LINES))


def shown(evidence, since):
    return [(each.time, each.event.origin.line, each.event.text, each.more) for each in Timeline(evidence, since).events()]


@pytest.mark.parametrize(("form", "days", "disorder"), [(iso, 1, 3000), (syslog, 90, 0), (syslog, 1, 3000), (nginx, 90, 0), (trace, 90, 0)])
def test_the_same_is_shown(tmp_path, monkeypatch, form, days, disorder):
    evidence = tree(tmp_path, {"var/log/app/app.log": log(form, days=days, disorder=disorder)})
    monkeypatch.setattr(shelf, "PORTION", 40_000)
    times = [NOW - days * 86400 * share / 12 for share in (0.1, *range(1, 12))]
    found = [shown(evidence, since) for since in times]
    assert all(found)
    monkeypatch.setattr(timeline, "_is_past", lambda *_: False)
    assert found == [shown(evidence, since) for since in times]


def test_old_stretches_are_not_looked_at_closely(tmp_path, monkeypatch):
    asked = Timeline(tree(tmp_path, {"var/log/app/app.log": log(iso)}), NOW - 3600)
    read = []
    event = timeline.Reader.event
    monkeypatch.setattr(timeline.Reader, "event", lambda self, *words: read.append(1) or event(self, *words))
    assert list(asked.events())
    assert len(read) < LINES / 2
