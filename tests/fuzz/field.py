"""Collectors on hostile hosts: each is asked as the engine asks it, and a line of nonsense may cost only itself."""

import os
import signal
from contextlib import suppress
from functools import cache, partial
from itertools import chain, islice

from diagbundle.bundle.writer import key
from diagbundle.collect.child import Child
from diagbundle.collect.identity import identity as who
from diagbundle.collect.job import Job, World
from diagbundle.collect.registry import find
from diagbundle.collect.rows import identity, line
from diagbundle.collect.wire import Slot
from diagbundle.errors import SourceError
from diagbundle.model import Command, File, Table
from diagbundle.sources.never import why_never
from diagbundle.testing import names_in_bundle

from . import hosts, place

MAX_SOURCES, MAX_MATCHES, MAX_ROWS = 50_000, 500, 20_000


@cache
def collectors():
    """All of ours that are code; one that cannot be imported is an error here."""
    found = find(drop_in_folder="")
    assert not found.refused, found.refused
    return {name: one for name, one in found.collectors.items() if not one.origin.endswith(".toml")}


def asked(name, data):
    """One collector on a host: its questions, what their patterns find, the rows of its tables."""
    host = place.tree().become(data)
    collector = collectors()[name]
    with place.patched(os, "fork", _no_process):
        for number, source in enumerate(chain(collector.samples(host), collector.sources(host))):
            assert number < MAX_SOURCES, "it asks without an end"
            _judge(host, collector, source)


def _no_process():
    raise OSError(11, "no further process: tables that have a reader of their own read by themselves")


def _judge(host, collector, source):
    """What the engine does with a source outside of its bulkhead, and the rows of a table within it."""
    key(*identity(source))
    if source.skip:
        return
    list(names_in_bundle(collector, source))
    if source.only_if:
        host.exists(source.only_if)
    if isinstance(source, File):
        why_never(source.path)
        list(islice(host.glob(source.path), MAX_MATCHES))
    elif isinstance(source, Command) and source.each:
        list(islice(host.glob(source.each), MAX_MATCHES))
    elif isinstance(source, Table):
        with suppress(SourceError):
            for row in islice(source.rows(host), MAX_ROWS):
                line(row)


class Unheard:
    """A supervisor that only counts what went wrong."""

    def __init__(self):
        self.rows = []

    def frame(self, frame):
        self.rows += frame.rows

    def value(self, kind, value):
        pass


WHO = "# collector "


def for_child(name, data):
    """A host that says which collector looks at it."""
    return f"=== {WHO}{name}\n".encode() + data


def child(data):
    """The whole of a child: asks, fetches, packs. Nothing may fail but what the host refuses."""
    asks = [place.text_of(head).removeprefix(WHO) for head, _ in hosts.parse(data) if place.text_of(head).startswith(WHO)]
    name = next((name for name in asks if name in collectors()), "kernel")
    host, sender, slot = place.tree().become(data), Unheard(), Slot()
    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGTERM), signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        one = collectors()[name]
        for phase, ask in (("start", one.samples), (str(one.stage), one.sources)):
            with place.patched(os, "fork", _no_process):
                assert Child(Job(one, phase, ask, 60.0), World(host, "diagbundle-db1", {}, supervisor=os.getppid()), sender, slot).serve()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before[0])
        signal.signal(signal.SIGTERM, before[1])
        signal.setitimer(signal.ITIMER_REAL, *before[2])
        slot.close()
    faults = [f"{name}: {row['kind']} {row['source']!r}: {row['reason']}" for row in sender.rows if "Error: " in str(row.get("reason"))]
    assert not faults, "\n".join(faults)


def who_is(data):
    """The words about the host that stand in the manifest's head."""
    import json

    json.dumps(who(place.tree().become(data)))


def targets():
    """Name and function of each collector."""
    return {f"collector/{name}": partial(asked, name) for name in collectors()}
