"""Both collectors pass the suite of every collector, and ask what they should on a host with two pools."""

import os

import pytest
from acme_diag import acme_pools

from diagbundle.collect.api import Command
from diagbundle.testing import CollectorConformance, declared, questions

ACME_TOML = os.path.join(os.path.dirname(__file__), "..", "acme.toml")


class TestAcmeToml(CollectorConformance):
    @pytest.fixture
    def collector_under_test(self):
        return declared(ACME_TOML)


class TestAcmePools(CollectorConformance):
    @pytest.fixture
    def collector_under_test(self):
        return acme_pools


class TestAcmePoolsOfABusyHost(TestAcmePools):
    @pytest.fixture
    def host_under_test(self, saved):
        return saved("acme-two-pools")


def test_only_a_pool_that_runs_is_asked(saved):
    shows = {source.argv[-1]: source.skip for source in questions(acme_pools, saved("acme-two-pools")) if isinstance(source, Command)}
    assert shows == {"pools": "", "orders": "", "reports": "the pool does not run"}


def test_the_table_tells_the_main_process_of_each_pool(saved):
    host = saved("acme-two-pools")
    *_, table = questions(acme_pools, host)
    assert list(table.rows(host)) == [{"pool": "orders", "pid": 4711}, {"pool": "reports", "pid": None}]


def test_the_stand_in_host_answers_commands(saved):
    assert saved("acme-two-pools").lines(Command(("acmectl", "pools"))) == ["orders   running", "reports  stopped"]
