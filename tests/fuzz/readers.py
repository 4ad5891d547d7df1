"""What reads at the desk, and what the user sets: bundles, manifests, TOML, values, messages of a child, saved trees."""

import io
import json
import os
import re
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from itertools import islice

from diagbundle import config
from diagbundle.bundle import headers, manifest
from diagbundle.bundle.format import BLOCK, name_fault
from diagbundle.bundle.reader import Bundle
from diagbundle.bundle.salvage import salvage
from diagbundle.bundle.unpack import unpack, unpack_damaged
from diagbundle.cli import group, listing, printing
from diagbundle.collect import declared
from diagbundle.collect.output import bundle_name
from diagbundle.collect.wire import Garbled, Received
from diagbundle.errors import BundleError, DiagbundleError, SourceError
from diagbundle.host import Host
from diagbundle.model import Command
from diagbundle.saved import saved_host
from diagbundle.testing import names_in_bundle, questions

from . import answers, bundles, hosts, place

_RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What must never reach a terminal."""


class Nowhere:
    """A sink that wants all members and keeps none."""

    def begin(self, _header):
        return True

    def data(self, piece):
        pass

    def finish(self):
        pass

    def drop(self):
        pass


def _read(data):
    path = place.file_of(data)
    with Bundle.open(path) as bundle:
        rows = list(bundle.rows())
        list(bundle.listing())
        for row in rows[:20]:
            _answer(lambda row=row: bundle.header(row) if "header" in row else None)
            _answer(lambda row=row: list(bundle.content(row)))
            _answer(lambda row=row: bundle.find(str(row.get("path", "x"))))
        _answer(lambda: bundle.find('"\\ \ud800'.encode("utf-8", "replace").decode()))
        _answer(bundle.verify)
        bundle.own_rows()


def _answer(ask):
    """One question of several: that it is refused ends no other."""
    with suppress(BundleError):
        ask()


def bundle_file(data):
    """The bytes of a bundle's file, as they are."""
    path = place.file_of(data)
    _answer(lambda: salvage(path, Nowhere()))
    _read(data)


def bundle_stream(data):
    """A tar stream, in frames and with checksums that are right."""
    bundle_file(bundles.file_of(data))


def bundle_manifest(data):
    """The manifest of a bundle that is sound otherwise."""
    _read(bundles.with_manifest(data))


def bundle_unpack(data):
    """A tar stream, unpacked both ways: nothing may lie outside of the target."""
    path = place.file_of(bundles.file_of(data))
    for number, way in enumerate((_unpack, unpack_damaged)):
        target = os.path.join(place.folder(), f"target{number}")
        os.mkdir(target)
        before = sorted(os.listdir(place.folder()))
        try:
            _answer(lambda way=way, target=target: way(path, target))
            odd = [name for here, folders, files in os.walk(target) for name in folders + files if os.path.islink(os.path.join(here, name))]
            assert (sorted(os.listdir(place.folder())), odd) == (before, []), "it wrote outside of its target"
        finally:
            shutil.rmtree(target)


def _unpack(path, target):
    with Bundle.open(path) as bundle:
        unpack(bundle, target)


def tar_headers(data):
    """Headers, their checksums put right."""
    whole = bundles.sums_right(data)
    header = headers.parse_header(whole[: headers.header_length(whole[:BLOCK])])
    assert name_fault(header.name.partition(b"/")[2]) == "", header


def manifest_lines(data):
    """Lines of a manifest, without a bundle around them."""
    text = place.text_of(data[:200]).encode("utf-8", "replace").decode()
    list(manifest.lines_with(data, text, first=bool(len(data) % 2)))
    manifest.is_odd(data)
    for line in islice(manifest.split(iter([data + b"\n"])), 200):
        _answer(lambda line=line: manifest.parse_row(line))
    manifest.members_of(data + b"\n", first=False)


COMMANDS = (("list", "--json"), ("list", "--missing", "--long"), ("list", "--long"), ("verify",), ("verify", "--json"))


def shown(data):
    """What the commands print about a bundle with this manifest: nothing raw may reach a terminal, and each answer is an exit code."""
    path = place.file_of(bundles.with_manifest(data))
    for words in COMMANDS:
        _printed(lambda words=words: group.run([words[0], path, *words[1:]]))
    _printed(lambda: listing.plain(path))
    for name in ("etc/hostname", "diagbundle/manifest.jsonl:2", "nothing"):
        _printed(lambda name=name: printing.member(path, name), raw=name != "nothing")


def _printed(command, *, raw=False):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            command()
        except DiagbundleError as error:
            sys.stderr.write(f"{error}\n{error.hint}\n")
        out.flush()
        err.flush()
    said = err.buffer.getvalue() + (b"" if raw else out.buffer.getvalue())
    assert not (found := _RAW.search(said.decode())), f"{found[0]!r} reached the terminal"


def toml_collector(data):
    """A collector in TOML: refused with a reason, or one whose questions can be asked."""
    collector = declared.parse(data, "/etc/diagbundle/collectors.d/acme.toml")
    host = Host(root=place.tree().root)
    for source in islice(questions(collector, host), 1000):
        list(names_in_bundle(collector, source))
        for path in filter(None, (getattr(source, "path", ""), getattr(source, "each", ""))):
            list(islice(host.glob(path), 1000))
        if source.only_if:
            host.exists(source.only_if)


def settings(data):
    """A configuration file; what stands behind a line `---` is the environment."""
    text, _, environment = data.partition(b"\n---\n")
    pairs = dict(place.text_of(line).partition("=")[::2] for line in environment.split(b"\n") if b"=" in line)
    found = config.load({}, pairs, place.file_of(text, "diagbundle.toml"))
    json.dumps(found.shown())


def values(data):
    """Values of options: a span of time, a size, a case."""
    for line in place.text_of(data).split("\n")[:50]:
        for read in (config.seconds, config.size):
            with suppress(DiagbundleError):
                assert 0 <= read(line) < 1e30
        assert name_fault(bundle_name(line, line, 1795302900.0).encode()) == ""


def wire(data):
    """What comes through the pipe from a child that has gone mad."""
    ours, theirs = os.pipe()
    try:
        os.set_blocking(theirs, False)
        os.write(theirs, data[:60_000])
        os.close(theirs)
        received = Received(answers.WORD)
        while not isinstance(received.read(ours), EOFError):
            pass
    except Garbled:
        pass
    finally:
        os.close(ours)


def saved(data):
    """A saved tree whose manifest and files somebody else wrote."""
    place.tree().become(data)
    host = saved_host(place.tree().root)
    for argv in (("ip", "link"), ("df",), *_argvs(data)):
        try:
            host.run(Command(argv))
        except SourceError:
            continue


def _argvs(data):
    for _, content in hosts.parse(data):
        for line in content.split(b"\n")[:100]:
            try:
                source = json.loads(line)["source"]
                yield tuple(map(str, source))
            except (ValueError, LookupError, TypeError, RecursionError):
                continue


def host_paths(data):
    """Names and links of a hostile tree, looked at by a collector's ways: all of it stays below the root."""
    host = place.tree().become(data)
    patterns = [place.text_of(line) for head, content in hosts.parse(data) if head == b"# patterns" for line in content.split(b"\n")[:20]]
    for path in [*patterns, *place.tree().now]:
        host.text(path)
        host.lines(path)
        host.exists(path)
        host.readlink(path)
        host.listdir(path)
        found = [*islice(host.glob(path), 300), *islice(host.walk(path), 300)]
        for one in (path, *found[:50]):
            try:
                assert os.path.realpath(host.path(one)).startswith(place.folder()), one
                host.stat(one)
                host.read(one)
            except SourceError:
                continue
