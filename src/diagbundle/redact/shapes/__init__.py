"""Secrets that have no format of their own and no telling name beside them: the shape of what stands around says"
" that they are some.
"""

from __future__ import annotations

from diagbundle.redact.shapes import announced, calls, commands, dumps, headers, logins, markup, positional, sql, tables, urls, wire
from diagbundle.redact.span import Pattern

PATTERNS: tuple[Pattern, ...] = (
    *urls.PATTERNS,
    *headers.PATTERNS,
    *commands.PATTERNS,
    *positional.PATTERNS,
    *sql.PATTERNS,
    *calls.PATTERNS,
    *wire.PATTERNS,
    *markup.PATTERNS,
    *dumps.PATTERNS,
    *announced.PATTERNS,
    *tables.PATTERNS,
    *logins.PATTERNS,
)
