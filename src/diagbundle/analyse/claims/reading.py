"""Claims in words: `kernel=4.6.2`, `OS: RHEL 8.9`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from diagbundle.analyse.claims.claim import Claim, every_kind
from diagbundle.errors import UsageError

_WORD = re.compile(r"\s*(?P<key>[A-Za-z][\w ./@-]{0,60}?)\s*(?:=|:(?!//))\s*(?P<value>.*)", re.DOTALL)
_BLANK = re.compile(r"(?i)(?:n/?a|unknown|tbd|tba|none given|not known|\?+|-+|…|\.{2,}|<.*>|\[.*\]|)\Z")
MAX_VALUE = 2000


def read(words: Iterable[str], where: str = "") -> list[Claim]:
    """Claims as they are written on a command line. Raises `UsageError` where a word is none."""
    return [_read(word, where) for word in words]


def _read(word: str, where: str) -> Claim:
    found = _WORD.match(word)
    if not found or not found["value"].strip():
        raise UsageError(f"a claim is KIND=VALUE: {word!r}", "for example kernel=4.6.2, 'os=RHEL 8.9' or 'error=connection reset by peer'")
    claim = claimed(found["key"], found["value"], where or word)
    if claim is None:
        names = sorted(every_kind())
        near = difflib.get_close_matches(
            found["key"].lower(), [*names, *(alias for kind in every_kind().values() for alias in kind.aliases)], 1
        )
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"there is no kind of claim called {found['key'].strip()!r}", f"{hint}known are {', '.join(names)}")
    return claim


def claimed(key: str, value: str, said: str) -> Claim | None:
    """The claim of a key and a value; None where nobody can judge such a key, or nothing is said."""
    key, value = " ".join(re.sub(r"[\s_-]+", " ", key.strip(" *`#>|\"'")).split()).lower(), cleaned(value)
    if _BLANK.match(value):
        return None
    if key in _MACHINES and (answer := re.match(r"(?i)(yes|true)\b|(no|false|none)\b", value)):
        return Claim("virtual", _MACHINES[key][0 if answer[1] else 1], said)
    for name, more in _splits(key):
        if name in _names():
            return Claim(_names()[name], f"{more} {value}".strip()[:MAX_VALUE], said)
    version = re.fullmatch(r"(?:(.+) )?version(?: of (.+))?", key)
    program = (version[1] or version[2]) if version else ""
    return (
        Claim("package", f"{program} {value}"[:MAX_VALUE], said)
        if program and re.search(r"\d", value) and program.count(" ") <= 1
        else None
    )


def cleaned(value: str) -> str:
    """Without the quotes and marks that people put around a value."""
    value = value.strip().strip("|").strip()
    for mark in ("**", "`", '"', "'"):
        if value.startswith(mark) and value.endswith(mark) and len(value) >= 2 * len(mark):
            value = value[len(mark) : -len(mark)].strip()
    return value.rstrip(";,").strip()


def _splits(key: str) -> Iterator[tuple[str, str]]:
    """A key as a whole; then as the name of a kind and what follows: `service nginx`, `port 443`, `nginx service`."""
    yield key, ""
    words = key.split()
    if len(words) == 2:  # noqa: PLR2004
        first, second = words
        if _names().get(first) in _OBJECTS:
            yield first, second
        if _names().get(second) in _OBJECTS:
            yield second, first


_MACHINES = {
    "bare metal": ("physical", "virtual"), "physical": ("physical", "virtual"), "physical server": ("physical", "virtual"),
    "physical machine": ("physical", "virtual"), "vm": ("virtual", "physical"), "virtual machine": ("virtual", "physical"),
    "virtualised": ("virtual", "physical"), "virtualized": ("virtual", "physical"), "cloud": ("cloud", "not cloud"),
}  # fmt: skip
"""What is said of the machine by a key whose value is yes or no."""
_OBJECTS = {"service", "package", "port", "file", "mount", "disk"}
"""Kinds that are about one of many things, which has a name."""


def _names() -> dict[str, str]:
    return {alias: kind.name for kind in every_kind().values() for alias in (kind.name, *kind.aliases)}
