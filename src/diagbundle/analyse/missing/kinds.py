"""Kinds of problem and what each needs: ours, and those that a vendor adds beside its rules."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagbundle.analyse.verdict import Severity, Verdict
from diagbundle.errors import UsageError
from diagbundle.resources import tables

GENERAL, ANY = "general", "*"
MOST = 3
"""Kinds that are told where nobody names one: a host with a fault in everything has a fault in something that all need."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Need:
    """Something that whoever looks for the cause wants to see."""

    name: str
    what: str
    """In a few words, without an article where it is many."""
    paths: tuple[str, ...]
    """Patterns of paths in a bundle, any one of which answers it."""
    collectors: tuple[str, ...] = ()
    """Who gathers it; found by its paths where it is not said."""


@dataclass(frozen=True)
class Kind:
    """A kind of problem."""

    name: str
    title: str
    """With its article: `a network problem`."""
    needs: tuple[Need, ...]
    rules: tuple[str, ...] = ()
    """Beginnings of codes of verdicts that are of this kind; the longest that fits counts, `*` fits what no other does."""
    words: re.Pattern[str] | None = None
    """What tickets call it."""


Kinds = Mapping[str, Kind]


def known(more: Iterable[tuple[str, str]] = ()) -> Kinds:
    """Every kind by name: ours, then those of further files (text and origin). Raises `UsageError` where one is wrong."""
    given = [(name, table) for name, table in tables("diagbundle.analyse.missing") if name == "kinds.toml"]
    needs: dict[str, Need] = {}
    kinds: dict[str, Kind] = {}
    for origin, table in [*given, *((origin, _parsed(text, origin)) for text, origin in more)]:
        try:
            needs |= {name: _need(name, each) for name, each in _tables(table.get("need", {})).items()}
            kinds |= {kind.name: kind for kind in (_kind(each, needs) for each in table.get("kind", ()))}
        except (KeyError, TypeError, ValueError, re.error) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise UsageError(f"a kind of problem is wrong: {origin}: {what}", "docs/ANALYSIS.md explains every key") from None
    return kinds


def chosen(kinds: Kinds, verdicts: Sequence[Verdict], said: str = "") -> list[Kind]:
    """The kinds that a ticket's words and the worst verdicts speak of, the likeliest first; where nothing does, the general one.

    Of words only the kinds count that are spoken of more than half as often as the first: many a customer names his kernel and his SELinux.
    """
    counts = Counter({name: len(kind.words.findall(said)) for name, kind in kinds.items() if kind.words})
    names = [name for name, count in counts.most_common(MOST) if 2 * count > max(counts.values())]
    loud = [each.finding.severity for each in verdicts if each.finding and each.finding.severity is not Severity.NOTE]
    worst = min(loud, key=lambda severity: severity.rank, default=None)
    names += [kind_of(kinds, each.code) for each in verdicts if each.finding and each.finding.severity is worst]
    return [kinds[name] for name in list(dict.fromkeys(names))[:MOST]] or [kinds[GENERAL]]


def kind_of(kinds: Kinds, code: str) -> str:
    """Name of the kind that a verdict's code belongs to."""
    fits = [(len(start), name) for name, kind in kinds.items() for start in kind.rules if code.startswith(start)]
    return max(fits)[1] if fits else next((name for name, kind in kinds.items() if ANY in kind.rules), GENERAL)


# -- reading


def _parsed(text: str, origin: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"the rules are no TOML: {origin}: {error}") from None


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) and each for each in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\n" not in value


_NEED: dict[str, Callable[[object], bool]] = {"what": _is_text, "paths": _is_texts, "collectors": _is_texts}
_KIND: dict[str, Callable[[object], bool]] = {
    "name": lambda value: isinstance(value, str) and _NAME.fullmatch(value) is not None,
    "title": _is_text, "needs": _is_texts, "rules": _is_texts, "words": _is_texts,
}  # fmt: skip


def _tables(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("needs are tables: [need.NAME]")
    return value


def _checked(table: Any, keys: Mapping[str, Callable[[object], bool]]) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise TypeError("kinds and needs are tables: [[kind]], [need.NAME]")
    for key, value in table.items():
        if key not in keys:
            raise ValueError(f"there is no key {key!r}")
        if not keys[key](value):
            raise ValueError(f"{key} may not be {value!r}")
    return table


def _need(name: str, given: Any) -> Need:
    table = _checked(given, _NEED)
    return Need(name, table["what"], tuple(table["paths"]), tuple(table.get("collectors", ())))


def _kind(given: Any, needs: Mapping[str, Need]) -> Kind:
    table = _checked(given, _KIND)
    if unknown := [name for name in table["needs"] if name not in needs]:
        raise ValueError(f"there is no need {unknown[0]!r}")
    words = table.get("words")
    return Kind(
        table["name"], table["title"], tuple(needs[name] for name in table["needs"]), tuple(table.get("rules", ())),
        re.compile(rf"(?i)(?<!\w)(?:{'|'.join(words)})(?!\w)") if words else None,
    )  # fmt: skip
