"""What a collector of Python may hand over: anything. What of it can be asked, and what is wrong with the rest.

A TOML file is checked when it is read; a function is not, and one bad source must not cost the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diagbundle.model import Command, File, Probe, Table

MAX_TIMEOUT = 24 * 3600
TIMEOUT = f"a number of seconds, more than 0 and at most {MAX_TIMEOUT}"
"""What a timeout must be, in words."""
MAX_WORDS, MAX_TEXT = 10_000, 64 << 10
"""Words of a command, and characters of any one text: the kernel takes no longer ones."""

Wanted = tuple[Callable[[Any], bool], str]
"""Whether a value is sound, and what is wanted in words."""


def unsound(source: Any) -> str:
    """Why this is no question that can be asked, or ''."""
    fields = _FIELDS.get(type(source))
    if fields is None:
        return f"it is no File, Command, Table or Probe, but of type {type(source).__name__}"
    for name, (check, wanted) in fields.items():
        if not check(getattr(source, name)):
            return f"its {name} must be {wanted}"
    return ""


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and "\0" not in value


def _texts(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) <= MAX_WORDS and all(map(_text, value))


def _path(value: Any) -> bool:
    return _text(value) and value.startswith("/") and ".." not in value.split("/")


def is_timeout(value: Any) -> bool:
    """Whether a source may have it as its timeout."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_TIMEOUT


def _words(value: Any) -> bool:
    return _texts(value) and bool(value) and bool(value[0].strip())


def _named(value: Any) -> bool:
    return _text(value) and bool(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


_TEXT: Wanted = (_text, "text")
_PATH: Wanted = (lambda value: value == "" or _path(value), "an absolute path without '..'")
_COMMON: dict[str, Wanted] = {
    "timeout": (is_timeout, TIMEOUT),
    "at": _TEXT, "also": (_texts, "a tuple of texts"), "only_if": _PATH, "skip": _TEXT,
}  # fmt: skip
_FIELDS: dict[type, dict[str, Wanted]] = {
    File: {**_COMMON, "path": (_path, "an absolute path without '..'"), "key": _TEXT},
    Command: {
        **_COMMON, "argv": (_words, f"a tuple of at most {MAX_WORDS:,} words, the first not empty"),
        "folder": _TEXT, "each": _PATH, "limit": (_whole, "a number of bytes"),
    },
    Table: {**_COMMON, "name": (_named, "text"), "rows": (callable, "a function")},
    Probe: {
        **_COMMON, "kind": _TEXT, "target": _TEXT, "named_by": _TEXT,
        "options": (lambda value: isinstance(value, tuple), "a tuple of pairs"),
    },
}  # fmt: skip
