"""A bundle is a host: what was collected from this machine is collected again, the same, from the bundle."""

import pytest

from diagbundle.host import Host
from diagbundle.testing import checksums, saved_host


@pytest.mark.parametrize("name", ["boot", "cron", "proxy", "security"])
def test_collecting_from_a_bundle_gives_the_same(collect, named, name):
    first = collect(Host(live=True), named[name])
    again = collect(saved_host(first.tree), named[name])
    there = checksums(first.rows)
    fleeting = {asked for asked in there if asked.startswith("/proc/")}  # counters of the live host
    assert there.keys() - fleeting
    assert {asked: value for asked, value in checksums(again.rows).items() if asked not in fleeting} == {
        asked: value for asked, value in there.items() if asked not in fleeting
    }
