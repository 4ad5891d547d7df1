"""What is judged at the desk: pieces of evidence into parsers, lines into logs, and whole small hosts into all rules."""

import json
import os
import re
from contextlib import suppress
from functools import cache

from diagbundle.analyse.diagnosis import diagnose
from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.evidence.entry import START, Entry, Head, is_match
from diagbundle.analyse.log.lines import Reader
from diagbundle.analyse.log.times import Clock
from diagbundle.analyse.verdict import Origin
from diagbundle.cli.analysis import finder, registry
from diagbundle.errors import FormatError
from diagbundle.report.json import as_json
from diagbundle.report.terminal import Terminal

from . import hosts
from .readers import _RAW

CASES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cases")
NOW = 1772796400.0
LOGS = ("var/log/messages", "diagbundle/tables/kmsg", "sos_commands/kernel/dmesg", "var/log/nginx/error.log", "var/log/pods/a_b_c/d/0.log")
MOST = 400


@cache
def known():
    """All rules."""
    return registry()


class Desk:
    """Evidence made of the sections of a host file; the second one of a path is left out."""

    name = "fuzz"
    head = Head(created=NOW, finished=NOW, zone="Europe/Berlin")

    def __init__(self, sections):
        self._files = {}
        for head, content in sections:
            path = head.decode("utf-8", "replace").strip("/")
            if path and "\n" not in path and "\0" not in path:
                self._files.setdefault(path, content and content + b"\n")
        self.entries = [self._entry(path, content) for path, content in self._files.items()]

    def _entry(self, path, content):
        started = NOW - 10 if path.startswith(START) else NOW
        kind = "command" if "sos_commands/" in path else "table" if "/tables/" in path else "file"
        return Entry(path, there=True, source=path, kind=kind, started=started, mtime=NOW, size=len(content), exit=0, key=path)

    def blocks(self, entry):
        yield self._files[entry.path]


def piece(data):
    """A path, a line's end, and what lies there: into every parser that reads it."""
    path, _, content = data.partition(b"\n")
    name = path.decode("utf-8", "replace")
    entry = Desk([(path, content)]).entries
    for parser in known().parsers:
        if entry and any(is_match(name.removeprefix(START), pattern) for pattern in parser.patterns):
            with suppress(FormatError):
                for _, fact in zip(range(MOST), parser.read(Document(entry[0], content)), strict=False):
                    assert fact.origin.path == entry[0].path


def line(data):
    """Lines of a log: into every parser of logs."""
    text = data.decode("utf-8", "replace")
    for path in LOGS:
        reader = Reader(path, Clock(newest=NOW, booted=NOW - 86400))
        for number, each in enumerate(text.split("\n")[:20], 1):
            event = reader.event(each, Origin(path, number, each[:400]))
            assert event.severity is None or 0 <= event.severity <= 7
            for listener in known().log_parsers:
                if any(word.lower() in each.lower() for word in listener.contains):
                    list(listener.hear(event))


def host(data):
    """A small host: all its verdicts, in all their forms. A parser may give up a piece; a rule may not fail."""
    desk = Desk(hosts.parse(data))
    diagnosis = diagnose(desk, known(), finder)
    unparsed = diagnosis.analysis.unparsed
    failed = [name for name, why in unparsed.items() if name.startswith("rule ") and "OverflowError" not in why]  # numbers of no host
    assert failed == [], unparsed
    screen = "".join(Terminal(80, everything=True).report(diagnosis))
    assert not _RAW.search(screen.replace("\n", ""))
    answer = json.loads(as_json(desk.name, diagnosis))
    assert all(each["evidence"] for each in answer["verdicts"] if each["status"] == "found")


def _case_files():
    for folder, _, names in os.walk(CASES):
        parts = os.path.relpath(folder, CASES).split(os.sep)
        if len(parts) >= 2 and re.fullmatch(r"[A-Z]{3}\d{3}", parts[0]):
            for name in sorted(names):
                if name != "expect.json":
                    yield os.sep.join(parts[:2]), "/".join([*parts[2:], name]), os.path.join(folder, name)


@cache
def pieces():
    """A file of every kind that stands in a case of a rule."""
    found = {}
    for _, path, place in _case_files():
        with open(place, "rb") as file:
            found.setdefault(re.sub(r"\d+", "0", path), path.encode() + b"\n" + file.read())
    return list(found.values())


@cache
def lines():
    """The lines that rules for logs must find, as different logs write them."""
    from diagbundle.analyse.knowledge import built_in

    heads = ("Mar  5 10:12:01 db1 kernel: [  12.345678] ", "2026-03-05T10:12:01.123+01:00 db1 prog[12]: ", "[   12.345678] ", "")
    hits = [hit for rule in built_in() for hit in rule.hits[:2]]
    return [(heads[number % len(heads)] + hit).encode() for number, hit in enumerate(hits)] or [b"x"]


@cache
def cases():
    """Every case of every rule as a host file."""
    found = {}
    for case, path, place in _case_files():
        with open(place, "rb") as file:
            found.setdefault(case, []).append((b"/" + path.encode(), file.read()))
    return [hosts.dump(sections) for sections in found.values()]
