"""Collectors made up for one test."""

from diagbundle.host import Host
from diagbundle.model import Collector, Stage

LIVE = Host(live=True)


def asking(*sources, name="probe", stage=Stage.STATE, samples=()):
    more = {"samples": lambda _host: samples} if samples else {}
    return Collector(name, "A collector of the test", lambda _host: iter(sources), stage=stage, **more)
