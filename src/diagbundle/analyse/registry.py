"""What knows how to read and to judge: parsers, log parsers and rules announce themselves by being imported."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, TypeVar

from diagbundle.analyse.evidence.document import Document
from diagbundle.analyse.fact import Fact
from diagbundle.analyse.log.event import Event
from diagbundle.analyse.verdict import Finding

SUBJECTS = {
    "APP": "programs and servers", "CLM": "what the host says of itself", "CLU": "clusters and distributed stores", "CPU": "processors",
    "CTR": "containers and Kubernetes", "DNS": "name resolution", "DSK": "disks, arrays and volumes", "FSY": "file systems",
    "FWL": "firewall", "KRN": "the kernel", "LIM": "limits", "LOG": "logs", "MEM": "memory", "NET": "network", "PKG": "packages",
    "PRC": "processes", "PRX": "proxies", "REA": "reachability of other hosts", "SEC": "SELinux, AppArmor and accounts",
    "SVC": "services", "SYS": "kernel settings", "TIM": "clock and time servers", "TLS": "certificates and TLS",
}  # fmt: skip
"""What the first three letters of a code stand for."""
CODE = re.compile(r"[A-Z]{3}\d{3}")

Read = Callable[[Document], Iterable[Fact]]
Hear = Callable[[Event], Iterable[Fact]]
Judge = Callable[..., Iterable[Finding]]
R = TypeVar("R", bound=Read)
H = TypeVar("H", bound=Hear)
J = TypeVar("J", bound=Judge)


@dataclass(frozen=True)
class Parser:
    """Gives facts of some types from the pieces whose path matches a pattern."""

    gives: tuple[type[Fact], ...]
    patterns: tuple[str, ...]
    read: Read
    name: str


@dataclass(frozen=True)
class LogParser:
    """Gives facts from the events whose text holds one of some words."""

    gives: tuple[type[Fact], ...]
    contains: tuple[str, ...]
    hear: Hear
    name: str
    kernel: bool = False
    """Only what the kernel said."""


@dataclass(frozen=True)
class Rule:
    """Judges one suspect by facts."""

    code: str
    suspect: str
    needs: tuple[type[Fact], ...]
    uses: tuple[type[Fact], ...]
    absent: str
    judge: Judge
    doc: str


@dataclass
class Registry:
    """All that is known."""

    parsers: list[Parser]
    log_parsers: list[LogParser]
    rules: list[Rule]


_KNOWN = Registry([], [], [])


def parser(gives: type[Fact] | Sequence[type[Fact]], *patterns: str) -> Callable[[R], R]:
    """Announce a parser: what it gives, and the paths in a bundle that it reads (`*` matches no `/`, `**` does).

    The first readings of samples, below `diagbundle/start/`, are read by the same parser.
    """

    def announce(read: R) -> R:
        _KNOWN.parsers.append(Parser(_types(gives), patterns, read, f"{read.__module__.rpartition('.')[2]}.{_name(read)}"))
        return read

    return announce


def log_parser(gives: type[Fact] | Sequence[type[Fact]], *contains: str, kernel: bool = False) -> Callable[[H], H]:
    """Announce a log parser: what it gives, and the words (in any case) of which a line must hold one to be heard."""

    def announce(hear: H) -> H:
        _KNOWN.log_parsers.append(LogParser(_types(gives), contains, hear, f"{hear.__module__.rpartition('.')[2]}.{_name(hear)}", kernel))
        return hear

    return announce


def rule(code: str, suspect: str, *needs: type[Fact], uses: Sequence[type[Fact]] = (), absent: str = "") -> Callable[[J], J]:
    """Announce a rule. It is called with a list of facts for each type in `needs`, then for each in `uses`.

    Where nothing of a type in `needs` could be had it is not called, and undecided. `absent` says why it is clear instead, where
    the host plainly has no such thing ("there is no software RAID"): where all that would tell of it is `absent`.
    """
    if not CODE.fullmatch(code):
        raise ValueError(f"the code of a rule is three capitals and three digits: {code}")

    def announce(judge: J) -> J:
        doc = cleandoc(judge.__doc__ or "")
        _KNOWN.rules.append(Rule(code, suspect, needs, tuple(uses), absent, judge, doc))
        return judge

    return announce


def _types(gives: type[Fact] | Sequence[type[Fact]]) -> tuple[type[Fact], ...]:
    return (gives,) if isinstance(gives, type) else tuple(gives)


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", function))


def known() -> Registry:
    """All parsers and rules in Python that lie in our folders."""
    for package in ("diagbundle.analyse.parsers", "diagbundle.analyse.rules"):
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")
    return _KNOWN


def with_rules(registry: Registry, more: Iterable[tuple[LogParser, Rule]]) -> Registry:
    """The same, and these. Raises ValueError where two rules have one code."""
    pairs = list(more)
    listeners = [*registry.log_parsers, *(listener for listener, _ in pairs)]
    rules = [*registry.rules, *(rule for _, rule in pairs)]
    codes = [each.code for each in rules]
    if twice := {code for code in codes if codes.count(code) > 1}:
        raise ValueError(f"two rules have one code: {', '.join(sorted(twice))}")
    return Registry(registry.parsers, listeners, rules)
