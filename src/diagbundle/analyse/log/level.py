"""The severity that a text gives itself."""

from __future__ import annotations

import re

LEVELS = {
    "emerg": 0, "emergency": 0, "panic": 0, "alert": 1, "crit": 2, "critical": 2, "fatal": 2, "severe": 3, "err": 3, "error": 3,
    "warn": 4, "warning": 4, "notice": 5, "info": 6, "information": 6, "log": 6, "debug": 7, "trace": 7, "fine": 7,
}  # fmt: skip
_PLAIN = "emerg|emergency|crit|critical|fatal|severe|err|error|warn|warning|info|debug"
"""Words that mean a severity however they are written; the others are words of every day unless they shout or stand in brackets."""
_LEVEL = re.compile(
    rf"(?i)(?<![\w/.-])({_PLAIN}|(?-i:PANIC|ALERT|NOTICE|TRACE|FINE|LOG(?=:))|(?<=\[)(?:panic|alert|notice|trace)(?=\]))(?![\w/.-])"
    r"|level=\"?(\w+)|^\s*((?-i:[EWIDF]))(?:\d{4} |[ \[|])"
)
_LETTERS = {"E": 3, "W": 4, "I": 6, "D": 7, "F": 2}


def level(text: str) -> int | None:
    """The severity that a text gives itself, near its beginning; None where it gives none."""
    found = _LEVEL.search(text, 0, 100)
    if not found:
        return None
    if found[3]:
        return _LETTERS[str(found[3])]
    return LEVELS.get((found[1] or found[2] or "").lower())
