"""Every collector of ours passes the suite that vendors' collectors pass."""

import pytest

from diagbundle.collect.registry import find
from diagbundle.testing import CollectorConformance

REGISTRY = find(drop_in_folder="")


def test_none_of_ours_is_refused():
    assert REGISTRY.refused == []


class TestEveryCollector(CollectorConformance):
    @pytest.fixture(params=REGISTRY.collectors)
    def collector_under_test(self, request):
        return REGISTRY.collectors[request.param]
