"""The body of knowledge: rules that are only a pattern in logs, as TOML. Support adds files of its own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import Any

from diagbundle.analyse.fact import Fact
from diagbundle.analyse.facts.about import About
from diagbundle.analyse.facts.spoken import clock, fullest, often
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.registry import CODE, LogParser, Rule
from diagbundle.analyse.verdict import Finding, Severity
from diagbundle.errors import UsageError
from diagbundle.resources import tables

DAY = 86400.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY}
_CITED = 3
_REQUEST = re.compile(r'"(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT) [^"]*" [1-5]\d\d (?:\d|-)')
"""A line of a web server's access log: what a stranger writes into a request proves nothing."""


@dataclass(frozen=True)
class Heard(Fact):
    """A line that a rule's pattern matched."""

    event: Event
    parts: Mapping[str, str] = field(default_factory=dict)
    """The pattern's named groups."""
    is_over: bool = False
    """Whether it says that what the pattern matched before is over."""


@dataclass(frozen=True)
class LogRule:
    """What a table `[[rule]]` says; docs/rules.md explains the keys."""

    code: str
    suspect: str
    title: str
    severity: Severity
    advice: str
    explain: str
    contains: tuple[str, ...]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    over: re.Pattern[str] | None
    by: tuple[str, ...]
    kernel: bool
    least: int
    within: float
    recent: float
    symptom: bool
    part_of: tuple[str, ...]
    calm: bool
    hits: tuple[str, ...]
    misses: tuple[str, ...]
    origin: str = ""

    def match(self, text: str) -> re.Match[str] | None:
        """Whether a line's text is what this rule looks for."""
        found = self.pattern.search(text)
        return None if found is None or (self.unless and self.unless.search(text)) else found

    def announced(self) -> tuple[LogParser, Rule]:
        """The same as a parser of logs and a rule."""
        kind = type(f"Heard{self.code}", (Heard,), {})

        def hear(event: Event) -> Iterator[Fact]:
            if (self.calm or not event.is_calm) and (found := self.match(event.text)) and not _REQUEST.search(event.text):
                yield kind(event, {name: value or "" for name, value in found.groupdict().items()}, origin=event.origin)
            elif self.over and (ended := self.over.search(event.text)):
                yield kind(event, {name: value or "" for name, value in ended.groupdict().items()}, is_over=True, origin=event.origin)

        listener = LogParser((kind,), self.contains, hear, f"rule {self.code}", self.kernel)
        return listener, Rule(self.code, self.suspect, (kind, About), (), "", self._judge, self.explain)

    def _judge(self, heard: Sequence[Heard], about: Sequence[About]) -> Iterator[Finding]:
        groups: dict[tuple[str, ...], list[Heard]] = {}
        for each in heard:
            if not each.is_over:
                groups.setdefault(tuple(each.parts.get(name, "") for name in self.by), []).append(each)
        for names, those in groups.items():
            said = sorted((one for one in those if not one.event.acknowledged), key=lambda one: one.event.time)
            if said and fullest((one.event.time for one in said), self.within or inf) >= self.least:
                ends = [
                    one.event.time for one in heard if one.is_over and one.parts.items() <= dict(zip(self.by, names, strict=True)).items()
                ]
                yield self._finding(names, said, about[0].now, max(ends, default=0.0))

    def _finding(self, names: tuple[str, ...], said: list[Heard], now: float, end: float) -> Finding:
        times = [one.event.time for one in said if one.event.time]
        is_over = bool(times and end >= times[-1])
        is_old = is_over or bool(times and now and now - times[-1] > self.recent)
        cited = said if len(said) <= _CITED else [said[0], *said[1 - _CITED :]]
        more = "more than " if any(one.event.left_out for one in said) else ""
        words = {
            **said[-1].parts,
            "count": f"{more}{len(said):,}",
            "times": more + how_often(times, len(said)),
            "who": said[-1].event.facility,
        }
        return Finding(
            Severity.NOTE if is_old else self.severity, _filled(self.title, words), tuple(one.origin for one in cited),
            _filled(self.advice, words), detail=f"over since {clock(end)}" if is_over else "",
            subject=" ".join(filter(None, names)), since=times[0] if times else 0.0,
            latest=times[-1] if times else 0.0, symptom=self.symptom, part_of=self.part_of,
        )  # fmt: skip


def how_often(times: Sequence[float], count: int) -> str:
    """`once, Nov 21 22:51:07 UTC`, or `14 times, Nov 21 22:51:07 to 23:02:40 UTC`."""
    if not times:
        return often(count)
    first, last = (datetime.fromtimestamp(time, UTC) for time in (min(times), max(times)))
    if max(times) - min(times) < 1:
        return f"{often(count)}, {clock(min(times))}"
    if first.date() == last.date():
        return f"{often(count)}, {first:%b %d %H:%M:%S} to {last:%H:%M:%S} UTC"
    return f"{often(count)}, {first:%b %d %H:%M} to {last:%b %d %H:%M} UTC"


def _filled(template: str, words: Mapping[str, str]) -> str:
    """A template with `{name}` in it, filled; what is not known is left out."""
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], ""), template).strip()


def built_in() -> Iterator[LogRule]:
    """Those that are ours."""
    for name, table in tables("diagbundle.analyse.rules"):
        yield from _rules(table.get("rule", []), name)


def parse(text: str, origin: str) -> Iterator[LogRule]:
    """The rules of one file. Raises `UsageError` where something is wrong in it."""
    try:
        given = tomllib.loads(text).get("rule", [])
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"the rules are no TOML: {origin}: {error}") from None
    yield from _rules(given, origin)


def _rules(given: Any, origin: str) -> Iterator[LogRule]:
    if not isinstance(given, list):
        raise UsageError(f"a file of rules holds tables [[rule]]: {origin}")
    for number, table in enumerate(given, 1):
        try:
            yield _rule(table, origin)
        except (KeyError, TypeError, ValueError, re.error) as error:
            name = table.get("code") if isinstance(table, dict) else None
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise UsageError(f"rule {name or number} is wrong: {origin}: {what}", "docs/ANALYSIS.md explains every key") from None


_TEXTS = ("code", "suspect", "title", "severity", "advice", "explain", "pattern", "unless", "over", "within", "recent")
_KEYS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_TEXTS, lambda value: isinstance(value, str)),
    **dict.fromkeys(
        ("contains", "by", "part_of", "hits", "misses"), lambda value: isinstance(value, list) and all(isinstance(x, str) for x in value)
    ),
    **dict.fromkeys(("kernel", "symptom", "calm"), lambda value: isinstance(value, bool)),
    "least": lambda value: type(value) is int and value > 0,
}


def _rule(table: Mapping[str, Any], origin: str) -> LogRule:
    for key, value in table.items():
        if key not in _KEYS:
            raise ValueError(f"there is no key {key!r}")
        if not _KEYS[key](value):
            raise ValueError(f"{key} may not be {value!r}")
    if not CODE.fullmatch(table["code"]):
        raise ValueError(f"a code is three capitals and three digits, not {table['code']!r}")
    pattern = re.compile(table["pattern"])
    by = tuple(table.get("by", ()))
    if unknown := [name for name in by if name not in pattern.groupindex]:
        raise ValueError(f"its pattern has no group {unknown[0]!r}")
    return LogRule(
        code=table["code"], suspect=table["suspect"], title=table["title"], severity=Severity(table["severity"]), advice=table["advice"],
        explain=table["explain"].strip(), contains=_words(table["contains"]), pattern=pattern,
        unless=re.compile(table["unless"]) if "unless" in table else None, over=_over(table, by), by=by, kernel=table.get("kernel", False),
        least=table.get("least", 1), within=_seconds(table.get("within", "1h")), recent=_seconds(table.get("recent", "7d")),
        symptom=table.get("symptom", False), part_of=tuple(table.get("part_of", ())), calm=table.get("calm", False),
        hits=tuple(table["hits"]), misses=tuple(table["misses"]), origin=origin,
    )  # fmt: skip


def _over(table: Mapping[str, Any], by: Sequence[str]) -> re.Pattern[str] | None:
    found = re.compile(table["over"]) if "over" in table else None
    if found and (unknown := [name for name in found.groupindex if name not in by]):
        raise ValueError(f"`over` names {unknown[0]!r}, which does not stand in `by`")
    return found


def _words(words: Iterable[str]) -> tuple[str, ...]:
    found = tuple(words)
    if not found or any(len(word) < 4 for word in found):  # noqa: PLR2004  # shorter ones stand in every line
        raise ValueError("contains needs words of at least four characters")
    return found


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found:
        raise ValueError(f"a time is a number and s, m, h or d, not {text!r}")
    return int(found[1]) * _UNITS[found[2]]


def faults(rule: LogRule) -> list[str]:
    """What its own cases say against a rule: each of `hits` must be found, by its words too, and none of `misses`."""
    found = [f"does not find: {line}" for line in rule.hits if not rule.match(line)]
    found += [f"has no word of `contains`: {line}" for line in rule.hits if not any(word.lower() in line.lower() for word in rule.contains)]
    found += [f"finds what it must not: {line}" for line in rule.misses if rule.match(line)]
    return found + [f"has no case for {name}" for name in ("hits", "misses") if not getattr(rule, name)]
