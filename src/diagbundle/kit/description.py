"""The description of a product: a TOML file and what it names, read and checked, so that no broken kit can be made of it.

docs/kit.md explains each key.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from diagbundle import config, trust
from diagbundle.analyse.knowledge import LogRule, faults, parse
from diagbundle.analyse.missing import kinds
from diagbundle.analyse.registry import known, with_rules
from diagbundle.bundle.escape import shown
from diagbundle.collect import declared, registry
from diagbundle.collect.declared import Check, Reader
from diagbundle.errors import UsageError
from diagbundle.kit import wheel
from diagbundle.kit.wheel import Wheel
from diagbundle.transport import key

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,31}")
LONGEST_TITLE, LONGEST_TEXT = 60, 600
ELSEWHERE = {
    "collector": "name the file under `collectors`, and the kit carries it",
    "include": "name further files in a collector, which may be absent",
    "names": "it is the customer's",
    "redact_rules": "there is no such file on your customers' servers",
    "root": "it is the customer's",
}
"""Settings that a kit cannot have, since they name files of the machine it runs on, and what to do."""


@dataclass
class Description:
    """What a kit is made of."""

    name: str
    title: str
    version: str
    key: str
    before: str
    after: str
    defaults: dict[str, Any]
    offers: list[tuple[str, str]] = field(default_factory=list)
    """Name and value of the entry points of its packages, which are not loaded yet."""
    files: dict[str, bytes] = field(default_factory=dict)
    """By path below the kit's folder."""
    found: registry.Registry = field(default_factory=registry.Registry)
    """Our collectors, and the kit's of TOML."""


def read(path: str) -> Description:
    """The product that a file describes. Raises `UsageError` with the first thing that is wrong in it, or in what it names."""
    try:
        table = tomllib.loads(_bytes(path, "a product file").decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the product file is not TOML: {path}: {error}", "docs/kit.md shows one") from None
    reader = Reader(path, "", table)
    reader.check(_KEYS, required=("name", "title", "version"))
    texts = Reader(path, "[texts] ", table.get("texts", {}))
    texts.check(_TEXTS)
    made = Description(
        table["name"], table["title"], table["version"], table.get("key", ""), texts.table.get("before", ""), texts.table.get("after", ""),
        _defaults(table.get("defaults", {}), path), found=registry.built_in(),
    )  # fmt: skip
    if made.defaults.get("encrypt_to") and not made.key:
        raise UsageError(f"a kit that encrypts needs a key: {path}", "your public key of age, under `key`")
    folder = os.path.dirname(os.path.abspath(path))
    _collectors(made, [os.path.join(folder, name) for name in table.get("collectors", ())])
    _rules(made, [os.path.join(folder, name) for name in table.get("rules", ())])
    _packages(made, [os.path.join(folder, name) for name in table.get("packages", ())])
    return made


def _defaults(table: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The settings of the kit, as the file has them."""
    origin = f"{path}, [defaults]"
    for name in table:
        if name in ELSEWHERE:
            raise UsageError(f"a kit cannot have this setting: {origin}: {name}", ELSEWHERE[name])
    config.sound(config.typed(table, origin))
    if not set(table.get("encrypt_to", ())) <= {"vendor"}:
        raise UsageError(
            f"a kit encrypts to its own key or to none: {origin}: encrypt_to", 'encrypt_to = ["vendor"], and the key under `key`'
        )
    return dict(table)


def _collectors(made: Description, paths: Iterable[str]) -> None:
    for path in paths:
        data = _bytes(path, "a collector file")
        collector = declared.parse(data, path)
        if collector.name == "include":
            raise UsageError(f"a collector may not be called include: {path}", "that is what --include makes; rename the file")
        made.found.add(collector)
        made.files[f"collectors/{collector.name}.toml"] = data


def _rules(made: Description, paths: Iterable[str]) -> None:
    rules: list[LogRule] = []
    for path in paths:
        data, name = _bytes(path, "a file of rules"), f"rules/{os.path.basename(path)}"
        if not path.endswith(".toml") or shown(name) != name:
            raise UsageError(f"a file of rules must be TOML, with a printable name that ends in .toml: {path}")
        if name in made.files:
            raise UsageError(f"two files of rules have one name: {path}")
        try:
            found = list(parse(data.decode(), path))
        except UnicodeDecodeError as error:
            raise UsageError(f"a file of rules is not TOML: {path}: {error}") from None
        if not found:
            raise UsageError(f"a file of rules has no [[rule]]: {path}", "docs/ANALYSIS.md explains every key")
        for rule in found:
            if wrong := faults(rule):
                raise UsageError(f"a rule does not hold its own cases: {rule.code} ({path}): it {wrong[0]}")
        rules += found
        made.files[name] = data
    if rules:
        try:
            with_rules(known(), [rule.announced() for rule in rules])
        except ValueError as error:
            raise UsageError(f"{error}", "`diagbundle rules` lists the codes that are taken") from None
    kinds.known((data.decode(), name) for name, data in sorted(made.files.items()) if name.startswith("rules/"))


def _packages(made: Description, paths: Iterable[str]) -> None:
    wheels = [wheel.read(path) for path in paths]
    inside = wheel.DISTRIBUTIONS | {one.project for one in wheels}
    owners: dict[str, Wheel] = {}
    for one in wheels:
        for needed in one.needs:
            if needed not in inside:
                raise UsageError(
                    f"a package needs another one that is not there: {one.origin}: {needed}", "name its wheel under `packages`, too"
                )
        for path, data in one.files.items():
            if path in owners:
                raise UsageError(f"two packages have a file of one name: {owners[path].origin} and {one.origin}: {path}")
            owners[path] = one
            made.files[f"packages/{path}"] = data
        made.offers += one.offers
    if wheels and not made.offers:
        raise UsageError(
            f"no package offers a collector: {', '.join(one.origin for one in wheels)}",
            'its pyproject.toml wants a table [project.entry-points."diagbundle.collectors"]',
        )


def _bytes(path: str, what: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {path}: {error.strerror}") from None
    try:
        return trust.contents(descriptor, path, what)
    finally:
        os.close(descriptor)


# -- checks: each says what a value must be, or ''


def _matches(pattern: re.Pattern[str], wanted: str) -> Check:
    return lambda value: "" if isinstance(value, str) and pattern.fullmatch(value) else wanted


def _name(value: Any) -> str:
    sound = isinstance(value, str) and NAME.fullmatch(value) and value != "diagbundle"
    return "" if sound else "the program's name: small letters, digits and -, at most 32, and not diagbundle"


def _printable(longest: int, lines: str = "") -> Callable[[Any], str]:
    what = f"{'text' if lines else 'one line of text'} without control characters, at most {longest} characters"
    return lambda value: (
        "" if isinstance(value, str) and value.strip() and len(value) <= longest and shown(value, keep=lines) == value else what
    )


def _key(value: Any) -> str:
    if not isinstance(value, str):
        return "a public key of age"
    why = key.fault(value)
    return f"a public key of age ({why})" if why else ""


def _words(value: Any) -> str:
    sound = isinstance(value, list) and all(isinstance(word, str) and word and "\0" not in word for word in value)
    return "" if sound else 'a list of files, as in ["acme.toml"]'


def _table(value: Any) -> str:
    return "" if isinstance(value, dict) else "a table with one bracket, as in [texts]"


_KEYS: dict[str, Check] = {
    "name": _name, "title": _printable(LONGEST_TITLE), "version": _matches(VERSION, "a version: letters, digits and . + ~ _ -, at most 32"),
    "collectors": _words, "rules": _words, "packages": _words, "key": _key, "texts": _table, "defaults": _table,
}  # fmt: skip
_TEXTS: dict[str, Check] = {"before": _printable(LONGEST_TEXT, "\n"), "after": _printable(LONGEST_TEXT, "\n")}
