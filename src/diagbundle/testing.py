"""For whoever writes collectors: stand-in hosts, and the suite that every collector passes. A pytest plugin.

from diagbundle.testing import CollectorConformance, declared

class TestAcme(CollectorConformance):
    @pytest.fixture
    def collector_under_test(self):
        return declared("acme.toml")
"""
# ruff: noqa: S101 - pytest reads the asserts

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from diagbundle.bundle.format import OWN, bundle_path, mangle
from diagbundle.bundle.pack import Member
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.unpack import unpack
from diagbundle.collect import declared as _declared
from diagbundle.collect.engine import Engine, Request, Result, who_is
from diagbundle.collect.output import FileOutput
from diagbundle.collect.registry import find
from diagbundle.errors import SourceError, UsageError
from diagbundle.host import Host
from diagbundle.model import Collector, Command, File, Probe, Source, Stage, Table
from diagbundle.saved import saved_host

SHELLS = ("sh", "bash", "dash", "ksh", "zsh", "csh", "busybox")
MAX_TITLE = 120
MAX_ROWS = 10_000
"""Rows of a table that the suite reads on an empty host."""

Saved = Callable[[str | os.PathLike[str]], Host]
Collecting = Callable[..., "Collected"]


def declared(path: str | os.PathLike[str]) -> Collector:
    """The collector of a TOML file, whoever owns the file: a test runs nothing of it as root on a customer's server."""
    return _declared.read(os.fspath(path))


@pytest.fixture
def saved(request: pytest.FixtureRequest) -> Saved:
    """A function: the stand-in host of a tree, given by its path or by its name in a folder `hosts` beside the test."""

    def host(tree: str | os.PathLike[str]) -> Host:
        places = [Path(tree), request.path.parent / "hosts" / tree, request.config.rootpath / "tests" / "hosts" / tree]
        for place in places:
            if place.is_dir():
                return saved_host(place)
        raise UsageError(f"there is no stand-in host '{tree}': looked for {', '.join(map(str, places))}")

    return host


@pytest.fixture
def named() -> dict[str, Collector]:
    """Collectors by name: ours and those of installed packages, without the drop-ins of this machine."""
    return find(drop_in_folder="").collectors


class Silent:
    """A `Watcher` that says nothing."""

    def phase(self, phase: str, jobs: int) -> None:
        """Nothing."""

    def job(self, name: str, phase: str, *, done: bool) -> None:
        """Nothing."""

    def row(self, row: Member) -> None:
        """Nothing."""

    def progress(self, packed: int, plain: int) -> None:
        """Nothing."""


@dataclass
class Collected:
    """A real collection: the unpacked tree, and the rows of its manifest by what was asked."""

    tree: Path
    rows: dict[str, Member]
    result: Result


def collect_into(folder: Path, host: Host, *collectors: Collector, **settings: Any) -> Collected:
    """Collect from a host with the real engine, into a folder that is still empty; then unpack and read the manifest."""
    output = FileOutput(str(folder / "bundle.tar.zst"))
    request = Request(list(collectors), host, **{"sample_interval": 0.0} | settings)
    result = Engine(request, output, Silent(), who_is(host)).run()
    with Bundle.open(result.sealed.path) as bundle:
        rows = {_asked(row): row for row in bundle.rows()}
        unpack(bundle, str(folder / "tree"))
    return Collected(folder / "tree", rows, result)


def _asked(row: Member) -> str:
    """What a row answers: path, words of a command, name; the first of two readings begins with `start `."""
    source = row["source"] if isinstance(row["source"], str) else " ".join(row["source"])
    return f"start {source}" if row.get("sample") == "start" else source


@pytest.fixture
def collect(tmp_path: Path) -> Collecting:
    """A function: collect from a host with some collectors."""
    numbers = count()

    def run(host: Host, *collectors: Collector, **settings: Any) -> Collected:
        folder = tmp_path / f"collected{next(numbers)}"
        folder.mkdir()
        return collect_into(folder, host, *collectors, **settings)

    return run


def questions(collector: Collector, host: Host) -> list[Source]:
    """All that a collector asks of a host, samples first."""
    return [*collector.samples(host), *collector.sources(host)]


def names_in_bundle(collector: Collector, source: Source) -> Iterator[str]:
    """Where the answer of a source lies in a bundle; of a glob, the pattern."""
    folder = collector.folder or collector.name
    if source.at:
        yield source.at
    elif isinstance(source, File):
        yield bundle_path(source.key or source.path)
    elif isinstance(source, Command):
        once = mangle(source.argv)
        yield bundle_path(f"sos_commands/{source.folder or folder}/{once}") + (f" for each {source.each}" if source.each else "")
    elif isinstance(source, Table):
        yield f"{OWN}/tables/{source.name}"
    else:
        words = "_".join(f"{key}={value}" for key, value in source.options)
        yield f"{OWN}/probes/{collector.name}/{source.kind}_{mangle((source.target,))} {words}".strip()
    yield from source.also


class CollectorConformance:
    """What every collector owes, ours and a vendor's. Subclass it and give the fixture `collector_under_test`."""

    @pytest.fixture
    def collector_under_test(self) -> Collector:
        """The collector; a subclass gives it."""
        pytest.skip("a subclass gives the fixture collector_under_test")

    @pytest.fixture
    def host_under_test(self, tmp_path: Path) -> Host:
        """An empty host. A subclass may give a stand-in host, on which its collector asks for more."""
        root = tmp_path / "host"
        root.mkdir()
        return Host(root=str(root))

    @pytest.fixture
    def asked(self, collector_under_test: Collector, host_under_test: Host) -> list[Source]:
        """What it asks for, which must end without an error."""
        return questions(collector_under_test, host_under_test)

    def test_name_title_and_stage_are_sound(self, collector_under_test: Collector) -> None:
        """They are shown to people and used as names of files."""
        found = collector_under_test
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", found.name)
        assert found.title == found.title.strip()
        assert 0 < len(found.title) <= MAX_TITLE
        assert "\n" not in found.title
        assert isinstance(found.stage, Stage)
        assert found.needs in ("root", "anyone")
        assert re.fullmatch(r"[\w.-]*", found.folder, re.ASCII)

    def test_sources_are_sources(self, asked: list[Source]) -> None:
        """Anything else would be lost."""
        assert [source for source in asked if not isinstance(source, File | Command | Table | Probe)] == []

    def test_paths_are_absolute(self, asked: list[Source]) -> None:
        """A path begins at the root of the host, whatever directory that is."""
        paths = [path for source in asked for path in _paths_of(source)]
        assert [path for path in paths if not path.startswith("/") or ".." in path.split("/") or "\0" in path] == []

    def test_argv_are_lists_of_words(self, asked: list[Source]) -> None:
        """No shell: nobody has to wonder what a blank or a quote does."""
        for command in (source for source in asked if isinstance(source, Command)):
            assert isinstance(command.argv, tuple), command
            assert command.argv, command
            assert all(isinstance(word, str) and "\0" not in word for word in command.argv), command
            assert command.argv[0], command
            assert not any(character.isspace() for character in command.argv[0]), command
            assert os.path.basename(command.argv[0]) not in SHELLS, command
            assert bool(command.each) == any("{}" in word for word in command.argv) or not command.each, command

    def test_every_source_has_a_timeout(self, asked: list[Source]) -> None:
        """A sick host does not answer; that may cost a line, never the run."""
        assert [source for source in asked if not 0 < source.timeout < float("inf")] == []

    def test_no_two_sources_share_a_name_in_the_bundle(self, collector_under_test: Collector, asked: list[Source]) -> None:
        """Two answers of one name: one would hide the other."""
        seen: dict[str, Source] = {}
        for source in asked:
            for name in names_in_bundle(collector_under_test, source):
                assert name not in seen, f"{name}: {seen[name]} and {source}"
                assert not name.startswith("/"), name
                seen[name] = source

    def test_asking_twice_gives_the_same(self, collector_under_test: Collector, host_under_test: Host, asked: list[Source]) -> None:
        """After a hang it is asked again, and what is done is skipped."""
        assert questions(collector_under_test, host_under_test) == asked
        assert questions(collector_under_test, Host(host_under_test.root, host_under_test.runner)) == asked

    def test_rows_of_tables_become_lines(self, host_under_test: Host, asked: list[Source]) -> None:
        """Mappings that JSON can hold, or lines of text; a fault of the host may end them, a fault of ours may not."""
        for table in (source for source in asked if isinstance(source, Table)):
            try:
                rows = list(islice(table.rows(host_under_test), MAX_ROWS))
            except (SourceError, OSError):
                continue
            for row in rows:
                assert isinstance(row, Mapping | str), table
                assert json.dumps(row if isinstance(row, str) else dict(row)), table

    def test_nothing_is_written_on_the_host(self, collector_under_test: Collector, host_under_test: Host) -> None:
        """The first rule: do no harm."""
        before = _state(host_under_test.root)
        for source in questions(collector_under_test, host_under_test):
            if isinstance(source, Table):
                try:
                    list(islice(source.rows(host_under_test), MAX_ROWS))
                except (SourceError, OSError):
                    continue
        assert _state(host_under_test.root) == before

    def test_on_an_empty_host_nothing_is_lost(self, collector_under_test: Collector, host_under_test: Host, collect: Collecting) -> None:
        """Asked by the real engine: what is not there is absent or skipped, with the reason; nothing fails."""
        got = collect(host_under_test, collector_under_test, collector_timeout=30.0)
        losses = [row for row in got.rows.values() if row["outcome"] in ("partial", "timeout", "failed")]
        assert losses == []
        assert [row for row in got.rows.values() if row["outcome"] != "collected" and not row.get("reason") and "link" not in row] == []

    def test_a_bundle_stands_in_for_its_host(self, collector_under_test: Collector, host_under_test: Host, collect: Collecting) -> None:
        """Files and commands collected from its own bundle are the same again."""
        first = collect(host_under_test, collector_under_test)
        again = collect(saved_host(first.tree), collector_under_test)
        assert checksums(again.rows) == checksums(first.rows)


def checksums(rows: Mapping[str, Member]) -> dict[str, str]:
    """SHA-256 of every file and command that was collected, by what was asked."""
    return {asked: row["sha256"] for asked, row in rows.items() if row["kind"] in ("file", "command") and "sha256" in row}


def _paths_of(source: Source) -> Iterator[str]:
    if source.only_if:
        yield source.only_if
    if isinstance(source, File):
        yield source.path
    if isinstance(source, Command) and source.each:
        yield source.each


def _state(root: str) -> list[tuple[str, int, int, int]]:
    """Every path below a root with mode, size and time of change."""
    found = []
    for folder, folders, files in os.walk(root):
        for name in (".", *folders, *files):
            status = os.lstat(os.path.join(folder, name))
            found.append((os.path.join(folder, name), status.st_mode, status.st_size, status.st_mtime_ns))
    return sorted(found)
