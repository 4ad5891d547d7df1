"""Collectors made up for one test."""

from diagbundle.collect.job import Raw
from diagbundle.host import Host
from diagbundle.model import Collector, Stage

LIVE = Host(live=True)


def asking(*sources, name="probe", stage=Stage.STATE, samples=()):
    more = {"samples": lambda _host: samples} if samples else {}
    return Collector(name, "A collector of the test", lambda _host: iter(sources), stage=stage, **more)


class Through(Raw):
    """A redaction of the test: every answer goes through this function, chunks to chunks."""

    def __init__(self, function, name=""):
        super().__init__(name)
        self.function = function

    def __call__(self, chunks):
        return self.function(chunks)

    def answer(self, name):
        return Through(self.function, name)

    file = answer
